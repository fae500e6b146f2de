"""Commands before training: ``plan``, what a number of patients can tell, and ``schema``, for editors."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trastuz_ml.cli.console import progress, say, say_findings, say_json, say_table
from trastuz_ml.cli.data import AsJson, DataFolder, Force

if TYPE_CHECKING:
    from trastuz_ml.experiment.plan import People
    from trastuz_ml.experiment.plan_words import Section

_WIDEST = 100


def plan(
    experiment: Annotated[
        Path | None, typer.Argument(help="Experiment file (YAML); only its roster is read.")
    ] = None,
    patients: Annotated[
        int | None, typer.Option("--patients", min=1, help="Number of patients, instead of an experiment.")
    ] = None,
    responders: Annotated[int | None, typer.Option("--responders", min=0, help="How many respond.")] = None,
    genes: Annotated[int, typer.Option("--genes", min=1, help="Genes that are searched.")] = 20_000,
    carriers: Annotated[
        int | None,
        typer.Option("--carriers", min=1, help="Carriers of a gene that you have in mind; 3 if absent."),
    ] = None,
    strata: Annotated[
        list[str] | None,
        typer.Option("--strata", metavar="COLUMN", help="Covariate that parts the patients; repeatable."),
    ] = None,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Say what so many patients can tell, before training: intervals, p values, features and genes."""
    with progress(quiet=as_json) as tell:
        from trastuz_ml.experiment.plan import plan_size
        from trastuz_ml.experiment.plan_words import headline, plan_content, size_page

        tell("reading the roster", 0, 1)
        people = _people(experiment, patients, responders, strata or [], data)
        asked = min(3, people.patients - 1) if carriers is None else carriers
        tell("working out what so many patients can tell", 0, 1)
        found = plan_size(people, genes=genes, carriers=[asked])
    if as_json:
        say_json(plan_content(found, asked))
        return
    say(headline(people))
    for section in size_page(found, asked):
        _say_section(section)
    if people.findings:
        from trastuz_ml.findings import findings_table

        say_findings(findings_table(people.findings))


def schema(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="File to write; standard output if absent.")
    ] = None,
    force: Force = False,
) -> None:
    """Write the JSON Schema of experiment files, with which an editor completes and checks them."""
    from trastuz_ml.experiment.configuration_docs import schema_text
    from trastuz_ml.experiment.outputs import require_file
    from trastuz_ml.files import whole_file

    if out is None:
        say(schema_text().rstrip("\n"))
        return
    require_file(out, force=force)
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out) as partial:
        partial.write_text(schema_text(), encoding="utf-8")
    say(f"Schema  {out}")
    say("First line of an experiment beside it, for editors with YAML support:")
    say(f"# yaml-language-server: $schema={out.name}")


def _people(
    experiment: Path | None, patients: int | None, responders: int | None, strata: list[str], data: Path | None
) -> People:
    from trastuz_ml.experiment.experiment_file import read_experiment
    from trastuz_ml.experiment.plan import people_of, people_of_numbers

    if experiment is not None and patients is None and responders is None:
        return people_of(read_experiment(experiment, data=data), strata)
    if experiment is None and patients is not None and responders is not None and not strata and data is None:
        return people_of_numbers(patients, responders)
    raise typer.BadParameter(
        "give either an experiment, with or without --strata and --data, or both --patients and --responders."
    )


def _say_section(section: Section) -> None:
    import pandas as pd

    width = min(shutil.get_terminal_size().columns, _WIDEST) if sys.stdout.isatty() else _WIDEST
    say()
    say(section.title)
    for sentence in section.sentences:
        for line in textwrap.wrap(sentence, width, initial_indent="  ", subsequent_indent="    "):
            say(line)
    if section.table:
        say()
        say_table(pd.DataFrame(section.table))
