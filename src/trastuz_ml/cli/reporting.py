"""Commands that write reports of runs: ``compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trastuz_ml.cli.console import say, say_json
from trastuz_ml.cli.data import AsJson, Force


def compare(
    runs: Annotated[list[str], typer.Argument(help="Run folders, or their names under runs/.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="HTML file.")],
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write one HTML page that compares the models of one or more runs."""
    from trastuz_ml.cohort.pseudonyms import pseudonym_key, pseudonyms
    from trastuz_ml.experiment.outputs import require_file
    from trastuz_ml.report.html import compare as write_report
    from trastuz_ml.store.run_folder import Run

    require_file(out, force=force)
    loaded = [Run.load(run) for run in runs]
    everybody = {patient for run in loaded for patient in run.patients["patient"]}
    written = write_report(loaded, out, names=pseudonyms(everybody, pseudonym_key()), force=force)
    if as_json:
        say_json({"report": str(written), "runs": [run.name for run in loaded]})
    else:
        say(f"Report  {written}")
