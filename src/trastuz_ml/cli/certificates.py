"""The command ``gene``: what a run says of one gene, or of many, with a verdict."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trastuz_ml.cli.console import note, progress, say, say_json, say_table
from trastuz_ml.cli.data import AsJson, Force
from trastuz_ml.errors import ConfigurationError

if TYPE_CHECKING:
    from trastuz_ml.explain.certificate import Certificate
    from trastuz_ml.store.run_folder import Run

_WIDEST = 100
# More certificates than this are shown as a table.
_IN_FULL = 8


def gene(
    genes_and_run: Annotated[
        list[str],
        typer.Argument(
            metavar="[GENE]... RUN",
            help="Genes (watched ones if none), then the run or its name under runs/.",
        ),
    ],
    everything: Annotated[bool, typer.Option("--all", help="All genes, the smallest adjusted p first.")] = False,
    top: Annotated[int, typer.Option("--top", min=1, help="With --all: how many.")] = 50,
    model: Annotated[str | None, typer.Option("--model", help="Show one model only; verdicts are of all.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Also write a table (.tsv, .csv or .parquet).")
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Say what a run knows of a gene: carriers, association, what could be shown, contributions, and a verdict."""
    with progress(quiet=as_json) as tell:
        from trastuz_ml.experiment.gene_names import resolve_gene
        from trastuz_ml.files import require_table_name, write_table
        from trastuz_ml.report.certificates import (
            CAUTION,
            certificate_content,
            certificate_sheet,
            certificates_of,
            leading_certificates,
        )
        from trastuz_ml.store.run_folder import Run

        *asked, folder = genes_and_run
        if everything and asked:
            raise typer.BadParameter("give genes, or --all, not both.")
        if out is not None:
            require_table_name(out, force=force)
        tell("reading the run", 0, 1)
        run = Run.load(folder)
        tell("judging genes", 0, 1)
        if everything:
            found = leading_certificates(run, top, model=model)
        else:
            genes = {name: resolve_gene(name, run) for name in asked}
            for name, known in genes.items():
                if name.casefold() != known.casefold():
                    note(f"{name} is read as {known}.")
            found = certificates_of(run, list(genes.values()) or None, model=model)
    if not found:
        raise ConfigurationError(f"The run {run.name} watched no gene: name one, or give --all.")
    if out is not None:
        write_table(certificate_sheet(found), out, force=force)
        note(f"Written to {out}.")
    if as_json:
        say_json({"simulated": run.simulated, "certificates": [certificate_content(c) for c in found]})
        return
    if run.simulated:
        note("These patients are SIMULATED.")
    _say(found, run)
    say(_wrapped(CAUTION))


def _say(found: list[Certificate], run: Run) -> None:
    if len(found) > _IN_FULL:
        from trastuz_ml.report.certificates import certificate_sheet

        columns = ["gene", "verdict", "carriers", "carriers_responding", "adjusted_odds_ratio", "adjusted_p"]
        say_table(certificate_sheet(found)[[*columns, "adjusted_q"]])
        say(f"For one gene in full: trastuz-ml gene {found[0].gene} {run.folder or run.name}")
        return
    for certificate in found:
        say(f"{certificate.gene}: {certificate.verdict}")
        for sentence in (certificate.why, *certificate.sentences):
            say(_wrapped(sentence, "  ", "    "))
        say()


def _wrapped(sentence: str, first: str = "", rest: str = "") -> str:
    width = min(shutil.get_terminal_size().columns, _WIDEST) if sys.stdout.isatty() else _WIDEST
    return "\n".join(textwrap.wrap(sentence, width, initial_indent=first, subsequent_indent=rest))
