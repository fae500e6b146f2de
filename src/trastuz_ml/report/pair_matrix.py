"""Every model against every other: difference, interval and Holm's p, as a matrix."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pandas as pd

from trastuz_ml.learn.comparisons import folded_difference, with_holm
from trastuz_ml.learn.out_of_fold import folded, in_pairs
from trastuz_ml.report.plain import plain

# Of more models than this a matrix is not read.
MODELS_SHOWN = 14


def matrix_content(out_of_fold: pd.DataFrame) -> dict[str, Any]:
    """Return the AUROC differences of all pairs of models on the same folds.

    Parameters
    ----------
    out_of_fold : pandas.DataFrame
        :data:`trastuz_ml.schema.OUT_OF_FOLD`.

    Returns
    -------
    dict
        ``models``, ``pairs`` (how many were compared: Holm's p allows for all of them) and ``rows``: ``model``,
        and ``cells``, one a model: the row's less the column's, ``difference``, ``low``, ``high``, ``p_holm``;
        ``None`` on the diagonal. ``refused``: why there is no test, or empty.

    Notes
    -----
    Nadeau and Bengio (2003) on the same folds; Holm (1979).
    """
    models = [str(model) for model in out_of_fold["model"].unique()][:MODELS_SHOWN]
    if in_pairs(out_of_fold) or len(models) < 2:
        refused = "With left-out pairs, no test of two models held its level." if len(models) > 1 else ""
        return {"models": [], "pairs": 0, "rows": [], "refused": refused}
    known = out_of_fold[out_of_fold["model"].isin(models)].dropna(subset=["probability"])
    by_model = {str(model): folded(rows) for model, rows in known.groupby("model", sort=False)}
    found = [
        {"model": one, "rival": two, **folded_difference(by_model[one], by_model[two])}
        for one, two in combinations([model for model in models if model in by_model], 2)
    ]
    cells: dict[tuple[str, str], dict[str, Any]] = {}
    for row in with_holm(pd.DataFrame(found)).to_dict(orient="records") if found else ():
        low, high, apart = row["low"], row["high"], row["difference"]
        cells[row["model"], row["rival"]] = _cell(apart, low, high, row["p_holm"])
        cells[row["rival"], row["model"]] = _cell(-apart, -high, -low, row["p_holm"])
    return plain(  # type: ignore[no-any-return]
        {
            "models": models,
            "pairs": len(found),
            "rows": [{"model": one, "cells": [cells.get((one, two)) for two in models]} for one in models],
            "refused": "",
        }
    )


def _cell(apart: float, low: float, high: float, p: float) -> dict[str, Any]:
    return {"difference": round(apart, 4), "low": round(low, 4), "high": round(high, 4), "p_holm": p}
