"""Scores within the levels of covariates: whether a model does more than tell the levels apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.learn.out_of_fold import folded, in_pairs, paired
from trastuz_ml.schema import STRATUM_SCORES, conform, empty
from trastuz_ml.stats.discrimination import stratum_auc
from trastuz_ml.stats.intervals import newcombe_auc, no_interval

# A level with fewer of a class says nothing.
FEWEST_OF_A_CLASS = 3
UNKNOWN = "unknown"
_BY_CONSTRUCTION = no_interval("by construction: the same probability for everybody in a fold")


def stratum_table(
    out_of_fold: pd.DataFrame,
    patients: pd.DataFrame,
    covariates: Sequence[str],
    ordered: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Score every model within each level of each covariate.

    Parameters
    ----------
    out_of_fold : pandas.DataFrame
        :data:`trastuz_ml.schema.OUT_OF_FOLD`.
    patients : pandas.DataFrame
        ``patient`` and the covariates. A value that is not known is a level of its own, ``unknown``.
    covariates : sequence of str
        Columns whose levels part the patients, one column at a time; an empty table without any.
    ordered : mapping of str to sequence of str, optional
        Levels of the ordered covariates, lowest first: their column holds the place in this list.

    Returns
    -------
    pandas.DataFrame
        :data:`trastuz_ml.schema.STRATUM_SCORES`; levels in their order, or the alphabetical one. Below three
        responders or three others nothing is said.

    Notes
    -----
    Pairs of one level that the same fold left out, pooled over the folds of a repeat, the mean over repeats. The
    interval is Newcombe's (2006, method 5) for one fixed score and the patients of the level: training sets are
    not redrawn, and fewer pairs were compared than it supposes, so that it is too short.

    Examples
    --------
    >>> table = pd.DataFrame({"model": "m", "repeat": 0, "fold": 0, "patient": list("ABCDEFGH"),
    ...     "response": [1, 0] * 4, "probability": [0.9, 0.1, 0.8, 0.2, 0.7, 0.3, 0.6, 0.4]})
    >>> er = pd.DataFrame({"patient": list("ABCDEFGH"), "er": ["+"] * 6 + [None, None]})
    >>> stratum_table(table, er, ["er"])[["level", "patients", "auroc"]].values.tolist()
    [['+', 6, 1.0], ['unknown', 2, nan]]
    """
    if not covariates:
        return empty(STRATUM_SCORES)
    level_of = patients.set_index("patient")[list(covariates)].astype(object)
    for covariate, names in (ordered or {}).items():
        if covariate in level_of:
            level_of[covariate] = level_of[covariate].map(dict(enumerate(names)))
    level_of = level_of.where(level_of.notna(), UNKNOWN).astype(str)
    rows = []
    for model, table in out_of_fold.groupby("model", sort=False):
        constant = bool(table.groupby(["repeat", "fold"])["probability"].nunique().max() == 1)
        response = table.groupby("patient")["response"].first()
        for covariate in covariates:
            levels = level_of.loc[response.index, covariate]
            for level in _in_order(levels.unique(), (ordered or {}).get(covariate, ())):
                inside = levels[levels == level].index
                score = _score(table, inside, response[inside].to_numpy(dtype=int), constant=constant)
                rows.append({"model": model, "covariate": covariate, "level": level, **score})
    return conform(pd.DataFrame(rows), STRATUM_SCORES)


def _in_order(levels: Iterable[str], names: Sequence[str]) -> list[str]:
    rank = {name: place for place, name in enumerate(names)}
    return sorted(levels, key=lambda level: (rank.get(level, len(rank)), level))


def _score(
    table: pd.DataFrame, inside: pd.Index, response: npt.NDArray[np.int_], *, constant: bool
) -> dict[str, object]:
    responders = int(response.sum())
    others = len(response) - responders
    area, interval, status = math.nan, no_interval("refused"), ""
    if min(responders, others) < FEWEST_OF_A_CLASS:
        few = "responders" if responders <= others else "patients without response"
        status = f"refused: {min(responders, others)} {few}, and fewer than {FEWEST_OF_A_CLASS} say nothing"
    else:
        area = _area(table, inside)
        if math.isnan(area):
            status = "no fold left out both a responder and another patient of this level"
        else:
            interval = _BY_CONSTRUCTION if constant else newcombe_auc(area, responders, others)
    return {
        "patients": len(response), "responders": responders, "auroc": area, "low": interval.low,
        "high": interval.high, "interval": interval.method, "status": status,
    }  # fmt: skip


def _area(table: pd.DataFrame, inside: pd.Index) -> float:
    if in_pairs(table):
        won = paired(table[table["patient"].isin(inside)]).wins
        return float(np.nanmean(won)) if not np.isnan(won).all() else math.nan
    found = folded(table)
    member = np.isin(np.array(found.patients), inside.to_numpy(dtype=str))
    areas = [
        stratum_auc(found.response, score, fold, member)
        for score, fold in zip(found.probability, found.fold_of, strict=True)
    ]
    known = [area for area in areas if not math.isnan(area)]
    return float(np.mean(known)) if known else math.nan
