"""The curves of a report, from the out-of-fold table: ROC within folds, calibration in quantile groups."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.learn.out_of_fold import in_pairs, tournament
from trastuz_ml.stats.discrimination import roc_points
from trastuz_ml.stats.intervals import wilson

# Steps of the false positive rate at which the folds' curves are averaged.
GRID: npt.NDArray[np.float64] = np.linspace(0.0, 1.0, 51)


def mean_roc(out_of_fold: pd.DataFrame) -> pd.DataFrame:
    """Average the ROC curves within the folds at fixed false positive rates (vertical averaging).

    Pooling probabilities over folds would mix models fitted on different class ratios; the average of the
    curves within the folds goes with the AUROC, which is the mean of the areas within the folds.

    Parameters
    ----------
    out_of_fold : pandas.DataFrame
        As declared in :data:`trastuz_ml.schema.OUT_OF_FOLD`.

    Returns
    -------
    pandas.DataFrame
        ``model``, ``fpr``, ``tpr`` (mean over folds) and ``folds``; no rows for a model without any fold that
        holds both classes. Of left-out pairs, the curve of the order by wins over all others, and no fold.

    Notes
    -----
    Fawcett (2006), algorithm 3. Pairs: :func:`trastuz_ml.learn.out_of_fold.tournament`.

    Examples
    --------
    >>> table = pd.DataFrame({"model": "m", "repeat": 0, "fold": [0, 0, 1, 1], "response": [0, 1, 0, 1],
    ...                       "probability": [0.1, 0.9, 0.8, 0.2]})
    >>> mean_roc(table).query("fpr == 0")["tpr"].tolist()
    [0.0, 0.5]
    """
    curves = []
    if in_pairs(out_of_fold):
        for model, rows in out_of_fold.groupby("model", sort=False):
            order = tournament(rows)
            fpr, tpr = roc_points(order["response"], order["wins"])
            curves.append(pd.DataFrame({"model": model, "fpr": fpr, "tpr": tpr, "folds": 0}))
        return pd.concat(curves, ignore_index=True)
    for model, rows in out_of_fold.dropna(subset=["probability"]).groupby("model", sort=False):
        heights = [
            _heights(fold["response"].to_numpy(float), fold["probability"].to_numpy(float))
            for _, fold in rows.groupby(["repeat", "fold"])
            if fold["response"].nunique() == 2
        ]
        if heights:
            # Every curve begins at the origin, also one that rises at once.
            fpr, tpr = np.append(0.0, GRID), np.append(0.0, np.mean(heights, axis=0))
            curves.append(pd.DataFrame({"model": model, "fpr": fpr, "tpr": tpr, "folds": len(heights)}))
    return pd.concat(curves, ignore_index=True) if curves else _no_rows("model", "fpr", "tpr", "folds")


def _heights(response: npt.NDArray[np.float64], probability: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the true positive rate at each step of the grid; on a vertical rise, its upper end."""
    fpr, tpr = roc_points(response, probability)
    after = np.searchsorted(fpr, GRID, side="right")
    before = after - 1
    after = np.minimum(after, fpr.size - 1)
    run = fpr[after] - fpr[before]
    slope = np.divide(tpr[after] - tpr[before], run, out=np.zeros_like(run), where=run > 0)
    return np.asarray(tpr[before] + slope * (GRID - fpr[before]))


def calibration_groups(out_of_fold: pd.DataFrame) -> pd.DataFrame:
    """Compare predicted with observed response in groups of equal size of the predicted probability.

    Probabilities are pooled over folds and repeats. The interval counts each patient once, however many
    repeats there are: ten predictions of one patient are not ten patients.

    Parameters
    ----------
    out_of_fold : pandas.DataFrame
        As declared in :data:`trastuz_ml.schema.OUT_OF_FOLD`.

    Returns
    -------
    pandas.DataFrame
        ``model``, ``predicted`` (mean of the group), ``observed`` (share responding), ``low`` and ``high``
        (Wilson's 95 % interval) and ``patients`` (predictions divided by repeats).

    Examples
    --------
    >>> table = pd.DataFrame({"model": "m", "repeat": 0, "fold": 0, "response": [0, 1] * 4,
    ...                       "patient": list("abcdefgh"), "probability": [0.1, 0.9] * 4})
    >>> calibration_groups(table)["observed"].tolist()
    [0.0, 1.0]
    """
    groups = []
    for model, rows in out_of_fold.dropna(subset=["probability"]).groupby("model", sort=False):
        group = _quantile_group(rows["probability"].to_numpy(float), rows["patient"].nunique())
        means = rows.groupby(group).agg(
            predicted=("probability", "mean"), observed=("response", "mean"), patients=("response", "size")
        )
        patients = means["patients"].to_numpy(float) / rows["repeat"].nunique()
        ends = [wilson(float(p), float(n)) for p, n in zip(means["observed"], patients, strict=True)]
        low, high = [end.low for end in ends], [end.high for end in ends]
        groups.append(means.assign(model=model, low=low, high=high, patients=patients))
    columns = ["model", "predicted", "observed", "low", "high", "patients"]
    return pd.concat(groups, ignore_index=True)[columns] if groups else _no_rows(*columns)


def _quantile_group(probability: npt.NDArray[np.float64], patients: int) -> npt.NDArray[np.intp]:
    """Return the group of each prediction: about 25 patients in each, three to ten groups, ties together."""
    wanted = int(np.clip(patients // 25, 3, 10))
    edges = np.unique(np.quantile(probability, np.linspace(0, 1, wanted + 1)[1:-1]))
    return np.searchsorted(edges, probability, side="left")


def _no_rows(*columns: str) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype="float64") for name in columns})


def with_treated(decisions: pd.DataFrame, out_of_fold: pd.DataFrame) -> pd.DataFrame:
    """Return decision curves with how many would be treated at each threshold, the mean over repeats.

    Parameters
    ----------
    decisions : pandas.DataFrame
        As declared in :data:`trastuz_ml.schema.DECISIONS`.
    out_of_fold : pandas.DataFrame
        As declared in :data:`trastuz_ml.schema.OUT_OF_FOLD`: the predictions that the curves are made of.

    Returns
    -------
    pandas.DataFrame
        With ``responders_treated`` and ``others_treated``: patients at the threshold or above.
    """
    counts = np.zeros((len(decisions), 2))
    for model, rows in out_of_fold.groupby("model", sort=False):
        own = (decisions["model"] == model).to_numpy()
        thresholds = decisions.loc[own, "threshold"].to_numpy(dtype=float)
        for place, response in enumerate((1, 0)):
            found = np.sort(rows.loc[rows["response"] == response, "probability"].to_numpy(dtype=float))
            below = np.searchsorted(found, thresholds, side="left")
            counts[own, place] = (len(found) - below) / rows["repeat"].nunique()
    return decisions.assign(responders_treated=counts[:, 0], others_treated=counts[:, 1])
