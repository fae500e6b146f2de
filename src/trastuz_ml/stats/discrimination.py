"""How well a score separates responders from non-responders."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata


def auc(response: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """Return the area under the ROC curve by its rank formula, ties counted half.

    Parameters
    ----------
    response : array of 0 and 1, shape (n,)
        Observed response.
    score : array, shape (n,)
        Higher means more likely to respond.

    Returns
    -------
    float
        The Mann-Whitney estimate, in [0, 1].

    Raises
    ------
    ValueError
        If only one class is present.

    Notes
    -----
    Mann and Whitney (1947); Hanley and McNeil (1982), equation 1.

    Examples
    --------
    >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    y = np.asarray(response, dtype=bool)
    positives = int(y.sum())
    negatives = y.size - positives
    if positives == 0 or negatives == 0:
        raise ValueError("the AUC needs both responders and non-responders")
    ranks = rankdata(np.asarray(score, dtype=float))
    return float((ranks[y].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def average_precision(response: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """Return the area under the precision-recall steps, tied scores taken together.

    Raises
    ------
    ValueError
        If nobody responded.

    Examples
    --------
    >>> round(average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 4)
    0.8333
    """
    y = np.asarray(response, dtype=float)
    if y.sum() == 0:
        raise ValueError("average precision needs at least one responder")
    s = np.asarray(score, dtype=float)
    order = np.argsort(-s, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(s[order])), y.size - 1)
    hits = np.cumsum(y[order])[ends]
    precision = hits / (ends + 1)
    return float(np.sum(np.diff(hits, prepend=0.0) * precision) / y.sum())


def roc_points(
    response: npt.ArrayLike, score: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return false and true positive rates at every threshold, from (0, 0) to (1, 1).

    Examples
    --------
    >>> fpr, tpr = roc_points([0, 1], [0.2, 0.7])
    >>> fpr.tolist(), tpr.tolist()
    ([0.0, 0.0, 1.0], [0.0, 1.0, 1.0])
    """
    y = np.asarray(response, dtype=float)
    s = np.asarray(score, dtype=float)
    order = np.argsort(-s, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(s[order])), y.size - 1)
    true = np.cumsum(y[order])[ends]
    false = ends + 1 - true
    return np.append(0.0, false / max(false[-1], 1)), np.append(0.0, true / max(true[-1], 1))


def youden_threshold(response: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """Return the cut-off with the highest sensitivity + specificity - 1 (Youden 1950).

    A patient is called a responder when the score is at least the cut-off. Between several best ones the
    highest is taken; the cut-off lies halfway to the next lower score, so that it does not hang on one patient.
    Where no cut separates better than calling everybody a responder, that is returned: the lowest score.

    Examples
    --------
    >>> youden_threshold([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.8])
    0.4
    """
    y = np.asarray(response, dtype=bool)
    levels = np.unique(np.asarray(score, dtype=float))
    called = np.asarray(score, dtype=float)[None, :] >= levels[:, None]
    index = called[:, y].mean(axis=1) - called[:, ~y].mean(axis=1)
    best = int(np.flatnonzero(index == index.max())[-1])
    return float((levels[best] + levels[best - 1]) / 2) if best else float(levels[0])
