"""Commands that write reports of runs: ``compare`` and ``figure``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from trastuz_ml.cli.console import say, say_json
from trastuz_ml.cli.data import AsJson, Force

if TYPE_CHECKING:
    from trastuz_ml.store.run_folder import Run


def compare(
    runs: Annotated[list[str], typer.Argument(help="Run folders, or their names under runs/.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="File to write; for tables, a folder.")],
    form: Annotated[
        Literal["html", "md", "json", "tables"], typer.Option("--format", help="A page, or the same for papers.")
    ] = "html",
    share: Annotated[
        bool, typer.Option("--share", help="To be sent: without patients and counts under five.")
    ] = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write one report that compares the models of one or more runs."""
    from trastuz_ml.experiment.outputs import require_file, require_folder
    from trastuz_ml.files import require_free
    from trastuz_ml.report.formats import write_report

    if form == "tables":
        require_free(out, force=force)
        require_folder(out.parent)
    else:
        require_file(out, force=force)
    loaded, names = _loaded(runs)
    written = write_report(loaded, out, names=names, form=form, share=share, force=force)
    if as_json:
        say_json({"report": str(written), "format": form, "shared": share, "runs": [run.name for run in loaded]})
    else:
        say(f"Report  {written}")


def figure(
    name: Annotated[str, typer.Argument(help="Name of the figure, such as roc; another word lists them.")],
    run: Annotated[str, typer.Argument(help="Run folder, or its name under runs/.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="File ending in .svg, .png or .pdf.")],
    width: Annotated[
        float, typer.Option("--width", min=40, max=400, help="Millimetres: 85 one column, 180 two.")
    ] = 180,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write one figure of a run for a paper."""
    from trastuz_ml.experiment.outputs import require_file
    from trastuz_ml.report.journal import ENDINGS, write_figure

    require_file(out, force=force, endings=ENDINGS)
    loaded, names = _loaded([run])
    written = write_figure(loaded[0], name, out, names=names, width=width, force=force)
    if as_json:
        say_json({"figure": str(written), "name": name, "width": width})
    else:
        say(f"Figure  {written}")


def _loaded(runs: list[str]) -> tuple[list[Run], dict[str, str]]:
    """Return the runs, and a pseudonym for everybody in them."""
    from trastuz_ml.cohort.pseudonyms import pseudonym_key, pseudonyms
    from trastuz_ml.store.run_folder import Run

    loaded = [Run.load(run) for run in runs]
    everybody = {patient for run in loaded for patient in run.patients["patient"]}
    return loaded, pseudonyms(everybody, pseudonym_key())
