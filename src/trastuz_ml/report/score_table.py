"""The scores of a report: models by scores, each with its interval and a note on how that was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from trastuz_ml.report.answer import AUROC, CHOSEN, coverage_of
from trastuz_ml.report.plain import records

_REFUSED = "refused: "
# Scores in reading order, each with what would be good.
SCORES: dict[str, str] = {
    "AUROC": "higher is better",
    "average precision": "higher is better",
    "Brier score": "lower is better",
    "Brier skill": "higher is better",
    "log loss": "lower is better",
    "calibration intercept": "ideal 0",
    "calibration slope": "ideal 1",
    "sensitivity": "higher is better",
    "specificity": "higher is better",
    "MCC": "higher is better",
}


def scores_content(scores: pd.DataFrame, models: Sequence[str]) -> dict[str, Any]:
    """Return the scores as models by scores, with what each interval is or why there is none.

    Parameters
    ----------
    scores : pandas.DataFrame
        As declared in :data:`trastuz_ml.schema.SCORES`.
    models : sequence of str
        Models in order.

    Returns
    -------
    dict
        ``columns`` (``score`` and ``good``), ``rows`` (``model``, ``chosen`` and ``cells``, one a column or
        ``None``), ``notes``: the distinct texts about intervals, to which each cell's ``note`` points, counted
        from 1, and ``refused``: the scores that no model has, with the reason, in one sentence or none.
    """
    present = list(dict.fromkeys(scores["score"]))
    present = [name for name in SCORES if name in present] + [name for name in present if name not in SCORES]
    refused = scores["interval"].str.startswith(_REFUSED).groupby(scores["score"]).all()
    columns = [name for name in present if not refused[name]]
    notes: list[str] = []
    rows = scores[scores["score"].isin(columns)]
    cells = {(row["model"], row["score"]): _cell(row, notes) for row in records(rows)}
    return {
        "refused": _refused_sentence([name for name in present if refused[name]], scores),
        "columns": [{"score": name, "good": SCORES.get(name, "")} for name in columns],
        "rows": [
            {
                "model": model,
                "chosen": model == CHOSEN,
                "cells": [cells.get((model, name)) for name in columns],
            }
            for model in models
        ],
        "notes": notes,
    }


def _refused_sentence(names: Sequence[str], scores: pd.DataFrame) -> str:
    if not names:
        return ""
    reasons = scores.loc[scores["score"].isin(names), "interval"].str.removeprefix(_REFUSED).unique()
    return f"Refused: {', '.join(names)} ({'; '.join(reasons)})."


def _cell(row: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """Return a score with the place of its note, adding the note when it is new."""
    bounded = row["low"] is not None and row["high"] is not None
    why = (row["interval"] or "").strip() or ("interval of unrecorded kind" if bounded else "no reason recorded")
    note = f"95 % interval: {why}{coverage_of(why)}" if bounded else f"No interval: {why}"
    if note not in notes:
        notes.append(note)
    return {key: row[key] for key in ("score", "estimate", "low", "high")} | {"note": notes.index(note) + 1}


def headline_rows(scores: Mapping[str, Any]) -> pd.DataFrame:
    """Return the AUROC of each model from the content of the scores: ``model, estimate, low, high``."""
    rows = [
        {"model": row["model"], **{key: cell[key] for key in ("estimate", "low", "high")}}
        for row in scores["rows"]
        for cell in row["cells"]
        if cell is not None and cell["score"] == AUROC
    ]
    frame = pd.DataFrame(rows, columns=["model", "estimate", "low", "high"])
    return frame.astype(dict.fromkeys(["estimate", "low", "high"], "float64"))
