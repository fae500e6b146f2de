"""Curves with bands: ROC and precision-recall within folds, patients redrawn, in few enough points to draw."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.learn.out_of_fold import in_pairs
from trastuz_ml.report.curves import GRID

Numbers = npt.NDArray[np.float64]
DRAWS, SEED = 200, 0
# Thresholds beyond so many in a fold are not seen: neighbours are taken together.
_THRESHOLDS = 60
HOW = (
    f"Bands: pointwise 95 %, {DRAWS} bootstrap samples of the patients within their class, the same in every "
    "repeat; nothing is refitted, so that they are somewhat too narrow."
)


def banded_curves(out_of_fold: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the ROC band and the precision-recall curve with its band, averaged over the folds.

    Precision is taken at the first threshold that reaches a recall, so that the area under the mean curve is the
    mean of the folds' average precisions, as in the table of scores.

    Parameters
    ----------
    out_of_fold : pandas.DataFrame
        :data:`trastuz_ml.schema.OUT_OF_FOLD`; left-out pairs have no bands.

    Returns
    -------
    roc : pandas.DataFrame
        ``model``, ``fpr``, ``low``, ``high``.
    precision_recall : pandas.DataFrame
        ``model``, ``recall``, ``precision``, ``low``, ``high``, ``rate`` (share of responders: chance).

    Notes
    -----
    Vertical averaging: Fawcett (2006), algorithm 3. Percentile intervals over patients redrawn within their class:
    Efron and Tibshirani (1993), chapter 13; the models are taken as given.

    Examples
    --------
    >>> table = pd.DataFrame({"model": "m", "repeat": 0, "fold": 0, "patient": list("abcd"),
    ...                       "response": [0, 1, 0, 1], "probability": [0.1, 0.9, 0.3, 0.2]})
    >>> banded_curves(table)[1].iloc[[0, -1]]["precision"].round(3).tolist()
    [1.0, 0.667]
    """
    rows = out_of_fold.dropna(subset=["probability"])
    if rows.empty or in_pairs(out_of_fold):
        return _none("model", "fpr", "low", "high"), _none("model", "recall", "precision", "low", "high", "rate")
    patients = np.unique(rows["patient"].astype(str))
    response = rows.groupby(rows["patient"].astype(str))["response"].first().loc[patients].to_numpy(dtype=int)
    weights = _weights(response)
    rocs, precisions = [], []
    for model, table in rows.groupby("model", sort=False):
        found = _of_model(table, patients, weights)
        if found is None:
            continue
        roc, precision = found
        low, high = _ends(roc)
        rocs.append(pd.DataFrame({"model": model, "fpr": GRID, "low": low, "high": high}))
        low, high = _ends(precision)
        precisions.append(
            pd.DataFrame(
                {
                    "model": model, "recall": GRID, "precision": precision[0], "low": low, "high": high,
                    "rate": response.mean(),
                }
            )
        )  # fmt: skip
    if not rocs:
        return _none("model", "fpr", "low", "high"), _none("model", "recall", "precision", "low", "high", "rate")
    return pd.concat(rocs, ignore_index=True), pd.concat(precisions, ignore_index=True)


def _weights(response: npt.NDArray[np.int_]) -> Numbers:
    """Return how often each patient is drawn, a row a draw; in the first row everybody once."""
    rng = np.random.default_rng(SEED)
    weights = np.ones((DRAWS + 1, response.size))
    for members in (response == 1, response == 0):
        n = int(members.sum())
        if n:
            weights[1:, members] = rng.multinomial(n, np.full(n, 1 / n), size=DRAWS)
    return weights


def _of_model(
    table: pd.DataFrame, patients: npt.NDArray[np.str_], weights: Numbers
) -> tuple[Numbers, Numbers] | None:
    """Return both curves of every draw, shape (draws + 1, grid), or nothing where no fold holds both classes."""
    place = np.searchsorted(patients, table["patient"].to_numpy(dtype=str))
    y, s = table["response"].to_numpy(dtype=float), table["probability"].to_numpy(dtype=float)
    fold = table.groupby(["repeat", "fold"]).ngroup().to_numpy()
    shape = (len(weights), GRID.size)
    totals, folds = (np.zeros(shape), np.zeros(shape)), np.zeros((len(weights), 1))
    for number in range(int(fold.max()) + 1):
        of = fold == number
        if 0 < y[of].sum() < of.sum():
            true, false = _reached(y[of], s[of], weights[:, place[of]])
            there = (true[:, -1] > 0) & (false[:, -1] > 0)
            totals[0][there] += _heights(false[there], true[there])
            totals[1][there] += _precisions(false[there], true[there])
            folds[there] += 1
    if not folds[0]:
        return None
    with_fold = folds[:, 0] > 0
    return totals[0][with_fold] / folds[with_fold], totals[1][with_fold] / folds[with_fold]


def _reached(y: Numbers, s: Numbers, weights: Numbers) -> tuple[Numbers, Numbers]:
    """Return the weight of responders and of others at or above each threshold, the highest first."""
    order = np.argsort(-s, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(s[order])), y.size - 1)
    if ends.size > _THRESHOLDS:
        ends = ends[np.round(np.linspace(0, ends.size - 1, _THRESHOLDS)).astype(int)]
    drawn = weights[:, order]
    true = np.cumsum(drawn * y[order], axis=1)[:, ends]
    return true, np.cumsum(drawn, axis=1)[:, ends] - true


def _heights(false: Numbers, true: Numbers) -> Numbers:
    """Return the true positive rate at each step of the grid; on a vertical rise, its upper end."""
    start = np.zeros((len(false), 1))
    fpr, tpr = (np.hstack([start, part / part[:, -1:]]) for part in (false, true))
    after = (fpr[:, :, None] <= GRID + 1e-12).sum(axis=1)
    before, after = after - 1, np.minimum(after, fpr.shape[1] - 1)
    x0, x1, y0, y1 = (
        np.take_along_axis(values, places, axis=1)
        for values, places in ((fpr, before), (fpr, after), (tpr, before), (tpr, after))
    )
    slope = np.divide(y1 - y0, x1 - x0, out=np.zeros_like(x0), where=x1 > x0)
    return np.asarray(y0 + slope * (GRID - x0))


def _precisions(false: Numbers, true: Numbers) -> Numbers:
    """Return the precision at the first threshold that reaches each recall."""
    recall = true / true[:, -1:]
    # Recall 0 is reached by the first threshold that finds anybody.
    wanted = np.maximum(GRID, 1e-9)
    first = np.minimum((recall[:, :, None] < wanted - 1e-12).sum(axis=1), recall.shape[1] - 1)
    precision = np.divide(true, true + false, out=np.ones_like(true), where=true + false > 0)
    return np.asarray(np.take_along_axis(precision, first, axis=1))


def _ends(curves: Numbers) -> Numbers:
    """Return the 2.5th and 97.5th percentile of the draws; the first row is the data as they are."""
    ends: Numbers = np.quantile(curves[1:], (0.025, 0.975), axis=0)
    return ends


def _none(*columns: str) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype="float64") for name in columns})
