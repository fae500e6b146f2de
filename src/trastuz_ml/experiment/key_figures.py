"""What is looked at first of a run: the numbers of its report's first paragraph, and its main figures as files."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trastuz_ml.learn.permutation import GENES, RESPONSES
from trastuz_ml.report.answer import AUROC, CHOSEN, headline_gain, headline_score
from trastuz_ml.report.chance import headline_test
from trastuz_ml.report.journal import write_sheet
from trastuz_ml.report.panels import drawers_of
from trastuz_ml.store.run_folder import Run

# None of them names a patient: the columns of the overview carry no name.
FIGURES = ("forest", "roc", "calibration", "decision", "chance", "overview")
WIDTH = 260
_OF_CHOSEN = ("Brier score", "Brier skill", "calibration intercept", "calibration slope")


def key_numbers(run: Run) -> dict[str, float]:
    """Return the numbers that a run is looked at for first, by name; what is not known is left out.

    They are those of the report: the score of the model picked inside the folds, what genes add, and the
    permutation tests.
    """
    return {name: value for name, value in _numbers(run) if value is not None and math.isfinite(value)}


def _numbers(run: Run) -> Iterator[tuple[str, float | None]]:
    response = run.patients["response"].dropna()
    yield "patients", float(len(response))
    yield "responders", float(response.sum())
    yield "genes", float(len(run.matrix.genes))
    yield from _with_ends(AUROC, headline_score(run.scores), "estimate")
    yield from _with_ends(f"{AUROC} that genes add", headline_gain(run.comparisons), "difference")
    for what in (RESPONSES, GENES):
        test = headline_test(run.chance, what) or {}
        yield f"p {what} permuted", test.get("p")
    scores = run.scores[(run.scores["model"] == CHOSEN) & run.scores["score"].isin(_OF_CHOSEN)]
    for row in scores.to_dict(orient="records"):
        yield from _with_ends(str(row["score"]), row, "estimate")


def _with_ends(name: str, row: Mapping[Any, Any] | None, value: str) -> Iterator[tuple[str, float | None]]:
    for ending, column in (("", value), (" low", "low"), (" high", "high")):
        yield name + ending, (row or {}).get(column)


def write_key_figures(section: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write the main figures of a run's content as SVG files, each with all its panels, on white paper.

    Parameters
    ----------
    section : mapping
        One run of the content of a report (:func:`trastuz_ml.report.content.content_of`).
    folder : Path
        Where; made when absent.

    Returns
    -------
    list of Path
        ``NAME.svg`` of each of :data:`FIGURES` that has something to show.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawers = drawers_of(section, "figure")
    return [
        write_sheet(drawers[name], folder / f"{name}.svg", name=name, run=str(section["name"]), width=WIDTH)
        for name in FIGURES
        if name in drawers and drawers[name]()
    ]
