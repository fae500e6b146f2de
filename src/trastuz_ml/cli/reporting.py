"""Commands that write reports of runs: ``compare`` and ``figure``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from trastuz_ml.cli.console import progress, say, say_json
from trastuz_ml.cli.data import AsJson, Force

if TYPE_CHECKING:
    from trastuz_ml.store.run_folder import Run


def compare(
    runs: Annotated[list[str], typer.Argument(help="Runs by folder or name, experiment files, or stored models.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="File to write; for tables, a folder.")],
    form: Annotated[
        Literal["html", "md", "json", "tables"], typer.Option("--format", help="A page, or the same for papers.")
    ] = "html",
    share: Annotated[
        bool, typer.Option("--share", help="To be sent: without patients and counts under five.")
    ] = False,
    pdf: Annotated[
        bool, typer.Option("--pdf", help="Print the page to a PDF beside it; needs Chromium, Chrome or Edge.")
    ] = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write one report that compares the models of one or more runs."""
    from trastuz_ml.experiment.outputs import require_file, require_folder, require_outside
    from trastuz_ml.files import require_free

    if form == "tables":
        require_free(out, force=force)
        require_folder(out.parent)
    else:
        require_file(out, force=force, inputs=runs)
    printed = _printable(out, form, force=force) if pdf else None
    with progress(quiet=as_json) as tell:
        tell("reading the runs", 0, 1)
        from trastuz_ml.report.formats import write_report
        from trastuz_ml.report.pdf import print_page

        loaded, names = _loaded(runs)
        folders = [run.folder for run in loaded if run.folder]
        require_outside(out, read=folders, allowed=["report.html"])
        tell("writing the report", 0, 1)
        written = write_report(loaded, out, names=names, form=form, share=share, force=force)
        if printed:
            tell("printing the PDF", 0, 1)
            print_page(written, printed, force=force)
    if as_json:
        about = {"format": form, "shared": share, "runs": [run.name for run in loaded]}
        say_json({"report": str(written), "pdf": str(printed) if printed else None, **about})
        return
    say(f"Report  {written}")
    if printed:
        say(f"PDF     {printed}")


def figure(
    name: Annotated[str, typer.Argument(help="Name of the figure, such as roc; another word lists them.")],
    run: Annotated[str, typer.Argument(help="A run by folder or name, its experiment file, or a stored model.")],
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
    with progress(quiet=as_json) as tell:
        tell("drawing the figure", 0, 1)
        loaded, names = _loaded([run])
        written = write_figure(loaded[0], name, out, names=names, width=width, force=force)
    if as_json:
        say_json({"figure": str(written), "name": name, "width": width})
    else:
        say(f"Figure  {written}")


def _printable(page: Path, form: str, *, force: bool) -> Path:
    """Return where the PDF of a page goes: refused before any work is done, or not at all."""
    from trastuz_ml.errors import ConfigurationError
    from trastuz_ml.experiment.outputs import require_file
    from trastuz_ml.report.pdf import require_browser

    if form != "html":
        raise ConfigurationError(f"--pdf prints the page, and --format {form} writes none: leave out one of them.")
    printed = page.with_suffix(".pdf")
    if page.suffix.lower() == ".pdf":
        raise ConfigurationError(f"--pdf prints the page beside it: give --out another ending than {page.suffix}.")
    require_file(printed, force=force)
    require_browser()
    return printed


def _loaded(runs: list[str]) -> tuple[list[Run], dict[str, str]]:
    """Return the runs, and a pseudonym for everybody in them."""
    from trastuz_ml.cohort.pseudonyms import pseudonym_key, pseudonyms
    from trastuz_ml.experiment.find_run import find_run

    loaded = [find_run(run) for run in runs]
    everybody = {patient for run in loaded for patient in run.patients["patient"]}
    return loaded, pseudonyms(everybody, pseudonym_key())
