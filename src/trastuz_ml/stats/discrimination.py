"""How well a score separates responders from non-responders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from trastuz_ml.errors import EvidenceError, InputError

Numbers = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

_BOTH = "the AUC needs both responders and non-responders"


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


def matthews(response: npt.ArrayLike, called: npt.ArrayLike) -> float:
    """Return the Matthews correlation of the responses and the calls made at a threshold.

    Parameters
    ----------
    response, called : array of 0 and 1, shape (n,)
        Observed response, and whether a response was predicted.

    Returns
    -------
    float
        In [-1, 1]. 0 where one class is missing from the responses or from the calls: the correlation is then
        undefined (0 / 0), and calls that are the same for everybody tell nobody from anybody.

    Notes
    -----
    Matthews (1975), Biochimica et Biophysica Acta 405:442; the limit 0 as in Chicco and Jurman (2020), BMC
    Genomics 21:6.

    Examples
    --------
    >>> round(matthews([1, 1, 1, 0], [1, 0, 1, 1]), 3)
    -0.333
    """
    y, c = np.asarray(response, dtype=bool), np.asarray(called, dtype=bool)
    share = (y.mean(), c.mean())
    spread = share[0] * (1 - share[0]) * share[1] * (1 - share[1])
    return float((np.mean(y & c) - share[0] * share[1]) / np.sqrt(spread)) if spread > 0 else 0.0


@dataclass(frozen=True, eq=False)
class Placements:
    """Where each patient stands among the other class of the same fold, for every repeat.

    Attributes
    ----------
    fold : array of int, shape (repeats, n)
        The patient's fold, counted through all repeats: a place in ``area``.
    place : array, shape (repeats, n)
        Share of the other class of the fold that is ranked as it should be against the patient, ties half:
        others below a responder, responders above another patient (DeLong's structural components).
    own, other : array of int, shape (repeats, n)
        Patients of the patient's own class in the fold, the patient among them, and of the other class.
    area : array, shape (folds of all repeats,)
        AUC within each fold, by repeat and by the fold's label within it.
    folds : array of int, shape (repeats,)
        Folds of each repeat.
    by_repeat : array, shape (repeats,)
        Mean over the folds of each repeat.
    """

    fold: Counts
    place: Numbers
    own: Counts
    other: Counts
    area: Numbers
    folds: Counts
    by_repeat: Numbers

    @property
    def mean(self) -> float:
        """The cross-validated AUC: the mean over folds, then over repeats."""
        return float(self.by_repeat.mean())

    @property
    def shift(self) -> Numbers:
        """What each patient adds to each repeat: its value minus that without the patient, (repeats, n)."""
        return np.asarray(self.by_repeat[:, None] - areas_without(self))


def placements(response: npt.ArrayLike, score: npt.ArrayLike, fold_of: npt.ArrayLike) -> Placements:
    """Return each patient's place among the other class of the same fold, and the AUC of each fold.

    Parameters
    ----------
    response : array of 0 and 1, shape (n,)
        Observed response.
    score : array, shape (repeats, n) or (n,)
        Out-of-fold scores. Scores of different folds are never compared.
    fold_of : array of int, shape (repeats, n) or (n,)
        The fold that left each patient out.

    Raises
    ------
    InputError
        If the shapes do not agree or a score is missing.
    EvidenceError
        If a fold holds one class only.

    Notes
    -----
    DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44:837, equations 3 and 4, by the mid-ranks of Sun and
    Xu (2014), IEEE Signal Processing Letters 21:1389, algorithm 2, for all folds in one sort.

    Examples
    --------
    >>> placed = placements([0, 1, 0, 1], [0.2, 0.3, 0.9, 0.8], [0, 0, 1, 1])
    >>> placed.area.tolist(), placed.mean
    ([1.0, 0.0], 0.5)
    """
    y, s, f = _table(response, score, fold_of)
    group, repeat_of = _number(f)
    ahead = _ranked_rightly(y, s, group)
    sizes = np.stack([np.bincount(group[:, c].ravel(), minlength=len(repeat_of)) for c in (~y, y)])
    if not sizes.all():
        raise EvidenceError(f"{_BOTH}: a fold holds one class only")
    own, other = sizes[y.astype(int)[None, :], group], sizes[1 - y.astype(int)[None, :], group]
    area = np.bincount(group[:, y].ravel(), ahead[:, y].ravel()) / (sizes[0] * sizes[1])
    folds = np.bincount(repeat_of)
    by_repeat = np.bincount(repeat_of, area) / folds
    return Placements(group, ahead / other, own, other, area, folds, by_repeat)


def areas_without(placed: Placements) -> Numbers:
    """Return the AUC of each repeat with each patient left out in turn, shape (repeats, n), from pair counts.

    Where the patient was the only one of a class in the fold, the fold goes too. NaN where no fold is left.
    """
    area, k = placed.area[placed.fold], placed.folds[:, None]
    mean = placed.by_repeat[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        fewer = mean + (area - placed.place) / (placed.own - 1) / k
        gone = (k * mean - area) / (k - 1)
    gone = np.where(k > 1, gone, np.nan)
    return np.asarray(np.where(placed.own > 1, fewer, gone))


def leave_one_out_auc(response: npt.ArrayLike, score: npt.ArrayLike, fold_of: npt.ArrayLike) -> Numbers:
    """Return the mean AUC within folds, recomputed with each patient left out in turn; nothing is refitted.

    Parameters
    ----------
    response, score, fold_of : array
        As for :func:`placements`.

    Returns
    -------
    array, shape (n,)
        Mean over folds and repeats. A fold that loses its last patient of a class is left out of the mean;
        NaN where no fold is left.

    Raises
    ------
    InputError, EvidenceError
        As for :func:`placements`.

    Examples
    --------
    >>> leave_one_out_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], [0, 0, 0, 0]).tolist()
    [0.5, 1.0, 1.0, 0.5]
    """
    return np.asarray(areas_without(placements(response, score, fold_of)).mean(axis=0))


def stratum_auc(
    response: npt.ArrayLike, score: npt.ArrayLike, fold_of: npt.ArrayLike, stratum: npt.ArrayLike
) -> float:
    """Return the share of pairs of one stratum, both in the same fold, that are ranked rightly.

    Parameters
    ----------
    response, score, fold_of : array
        As for :func:`placements`.
    stratum : array of bool, shape (n,)
        Patients of the stratum. A fold may hold few of them, so that pairs are pooled over folds and repeats;
        a mean over folds would be undefined where a fold has no pair.

    Returns
    -------
    float
        Ties counted half; NaN where no fold holds a pair.

    Raises
    ------
    InputError
        If the shapes do not agree or a score is missing.

    Examples
    --------
    >>> stratum_auc([0, 1, 0, 1], [0.2, 0.3, 0.9, 0.8], [0, 0, 1, 1], [True, True, False, False])
    1.0
    """
    y, s, f = _table(response, score, fold_of)
    inside = np.asarray(stratum, dtype=bool)
    if inside.shape != y.shape:
        raise InputError(f"the stratum has shape {inside.shape}; expected {y.shape}, one for each patient")
    y, s, f = y[inside], s[:, inside], f[:, inside]
    if not y.any() or y.all():
        return float("nan")
    group, repeat_of = _number(f)
    counts = [np.bincount(group[:, c].ravel(), minlength=len(repeat_of)) for c in (~y, y)]
    pairs = int((counts[0] * counts[1]).sum())
    return float(_ranked_rightly(y, s, group)[:, y].sum() / pairs) if pairs else float("nan")


def _table(
    response: npt.ArrayLike, score: npt.ArrayLike, fold_of: npt.ArrayLike
) -> tuple[npt.NDArray[np.bool_], Numbers, Counts]:
    """Return response (n,), scores and folds (repeats, n), checked."""
    y = np.asarray(response, dtype=bool)
    s = np.atleast_2d(np.asarray(score, dtype=float))
    f = np.atleast_2d(np.asarray(fold_of, dtype=np.int64))
    if y.ndim != 1 or s.shape != f.shape or s.ndim != 2 or s.shape[1] != y.size:
        raise InputError(
            f"response {y.shape}, scores {s.shape} and folds {f.shape} do not agree; "
            "expected (n,), (repeats, n) and (repeats, n)"
        )
    if np.isnan(s).any():
        raise InputError(f"{int(np.isnan(s).sum())} out-of-fold scores are missing")
    return y, s, f


def _number(fold_of: Counts) -> tuple[Counts, Counts]:
    """Return each patient's fold, counted through all repeats, and the repeat of each fold."""
    span = int(np.ptp(fold_of)) + 1
    codes = np.arange(len(fold_of))[:, None] * span + (fold_of - fold_of.min())
    found, group = np.unique(codes, return_inverse=True)
    return group.reshape(fold_of.shape), found // span


def _ranked_rightly(y: npt.NDArray[np.bool_], score: Numbers, group: Counts) -> Numbers:
    """Return how many of the other class and group each patient is ranked rightly against, ties half."""
    both = np.broadcast_to(y, group.shape)
    below = _midranks(group.ravel(), score.ravel()) - _midranks((2 * group + both).ravel(), score.ravel())
    responders = np.bincount(group[both], minlength=int(group.max()) + 1)
    below = below.reshape(group.shape)
    return np.asarray(np.where(both, below, responders[group] - below))


def _midranks(group: Counts, score: Numbers) -> Numbers:
    """Return the rank of each score within its group, from 1, tied scores sharing their mean rank."""
    order = np.lexsort((score, group))
    g, s = group[order], score[order]
    leads = np.append(True, np.diff(g) != 0)
    runs = np.flatnonzero(leads | np.append(True, np.diff(s) != 0))
    lengths = np.diff(np.append(runs, g.size))
    starts = np.repeat(np.flatnonzero(leads), np.diff(np.append(np.flatnonzero(leads), g.size)))
    ranks = np.empty(g.size)
    ranks[order] = np.repeat(runs + (lengths + 1) / 2, lengths) - starts
    return ranks
