"""Two models on the same folds: difference of their cross-validated AUCs, its interval and p, and Holm's p."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from trastuz_ml.errors import InputError
from trastuz_ml.stats.discrimination import Placements, placements
from trastuz_ml.stats.intervals import Interval, nadeau_bengio, no_interval

Numbers = npt.NDArray[np.float64]

ALONE = "only one responder or one other patient: their spread cannot be measured"
# Variances below this are rounding.
ROUNDING = 1e-15
_SAME = "both models rank every pair of a fold alike, or differ by the same in all"


@dataclass(frozen=True)
class Comparison:
    """How far one model's AUC is above another's.

    Attributes
    ----------
    difference : float
        AUC of the first model minus that of the second, the mean over folds and repeats.
    interval : Interval
        95 %, within -1 and 1; refused where the difference does not vary.
    p : float
        Two-sided, against no difference. Where the difference does not vary: 1 if it is 0, for nothing speaks
        against equality; NaN if it is not, for its error cannot be measured.
    """

    difference: float
    interval: Interval
    p: float


def nadeau_bengio_difference(
    response: npt.ArrayLike, first: npt.ArrayLike, second: npt.ArrayLike, fold_of: npt.ArrayLike
) -> Comparison:
    """Compare two models by the corrected resampled t test of their AUCs within folds.

    Parameters
    ----------
    response : array of 0 and 1, shape (n,)
        Observed response.
    first, second : array, shape (repeats, n)
        Out-of-fold scores of the models.
    fold_of : array of int, shape (repeats, n)
        The fold that left each patient out, the same for both.

    Raises
    ------
    InputError, EvidenceError
        As for :func:`trastuz_ml.stats.discrimination.placements`; InputError where a repeat has one fold.

    Notes
    -----
    Nadeau and Bengio (2003), see :func:`trastuz_ml.stats.intervals.nadeau_bengio`.

    Examples
    --------
    >>> y, one, two = [0, 1] * 4, [0.1, 0.4, 0.3, 0.8, 0.2, 0.15, 0.6, 0.7], [0.5] * 8
    >>> found = nadeau_bengio_difference(y, one, two, [0, 0, 0, 0, 1, 1, 1, 1])
    >>> found.difference, round(found.p, 2)
    (0.25, 0.67)
    """
    one, two = placements(response, first, fold_of), placements(response, second, fold_of)
    mean, interval, p = nadeau_bengio(one.area - two.area, left_out_share(one), bounds=(-1.0, 1.0))
    return _refused(mean, interval.method) if math.isnan(interval.low) else Comparison(mean, interval, p)


def delong_difference(
    response: npt.ArrayLike, first: npt.ArrayLike, second: npt.ArrayLike, fold_of: npt.ArrayLike
) -> Comparison:
    """Compare two models by DeLong's test for correlated AUCs within folds, the models taken as given.

    Parameters and errors as for :func:`nadeau_bengio_difference`; one fold is allowed, so that two models can
    be compared in new patients.

    Notes
    -----
    DeLong, DeLong and Clarke-Pearson (1988), equations 4 to 8, within folds; over repeats as in
    :func:`spread_over_patients`. Training sets are not redrawn: p is too small where models are unstable.

    Examples
    --------
    >>> y, one, two = [0, 1] * 4, [0.1, 0.4, 0.3, 0.8, 0.2, 0.15, 0.6, 0.7], [0.5] * 8
    >>> found = delong_difference(y, one, two, [0] * 8)
    >>> round(found.difference, 4), round(found.p, 3)
    (0.25, 0.221)
    """
    one, two = placements(response, first, fold_of), placements(response, second, fold_of)
    difference = one.mean - two.mean
    variance = spread_over_patients(response, one.shift - two.shift, one).total
    if not variance > ROUNDING:
        return _refused(difference, ALONE if math.isnan(variance) else _SAME)
    error = math.sqrt(variance)
    half = float(norm.ppf(0.975)) * error
    interval = Interval(max(-1.0, difference - half), min(1.0, difference + half), "DeLong within folds")
    return Comparison(difference, interval, 2 * float(norm.sf(abs(difference) / error)))


def holm(p: npt.ArrayLike) -> Numbers:
    """Return p values adjusted for so many comparisons by stepping down.

    Parameters
    ----------
    p : array, shape (m,)
        A p value that is NaN stays NaN but counts among the m: the comparison was asked for.

    Raises
    ------
    InputError
        If a p value lies outside 0 and 1.

    Notes
    -----
    Holm (1979), Scandinavian Journal of Statistics 6:65.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, dtype=float)
    if np.any((values < 0) | (values > 1)):
        raise InputError(f"p values lie between 0 and 1; found {np.nanmin(values)} to {np.nanmax(values)}")
    # NaN sorts last, so that the others keep the largest factors.
    order = np.argsort(values, kind="stable")
    stepped = values[order] * (values.size - np.arange(values.size))
    adjusted = np.empty(values.size)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return adjusted


@dataclass(frozen=True)
class Spread:
    """Variance of a mean of AUCs within folds (or of a difference of two) over patients, the models as given.

    Attributes
    ----------
    responders, others : float
        Part of the variance that comes from the patients of each class; each patient counts once, however many
        repeats there are. NaN where a class has one patient only.
    one_repeat : float
        Variance of the value of one repeat, the mean over repeats.
    """

    responders: float
    others: float
    one_repeat: float

    @property
    def total(self) -> float:
        """Variance of the mean over repeats."""
        return self.responders + self.others


def spread_over_patients(response: npt.ArrayLike, shift: Numbers, placed: Placements) -> Spread:
    """Return the DeLong variance within folds from what leaving out each patient changes.

    Parameters
    ----------
    response : array of 0 and 1, shape (n,)
        Observed response.
    shift : array, shape (repeats, n)
        Estimate of each repeat minus the same without the patient (or a difference of such shifts).
    placed : Placements
        Gives the class sizes of the folds.

    Notes
    -----
    Within a fold, a class of c patients adds ``(c - 1) / c`` times the sum of its squared shifts: exactly the
    structural components' sample variance over c (DeLong et al. 1988, equations 5 and 6), divided by the squared
    number of folds. Over repeats the shifts of a patient are averaged. In the square of that average, a product of
    shifts of two repeats has other fold mates on each side: it is multiplied by ``(c - 1) / c`` with c the size of
    the whole class, so that both kinds of products expect the same where scores do not depend on the training set.
    The sum is held between the variance of one repeat and that over the number of repeats.
    """
    y = np.asarray(response, dtype=bool)
    repeats = len(shift)
    size = np.where(y, y.sum(), (~y).sum())
    mates = np.where(placed.own > 1, placed.own, placed.folds[:, None])
    within = (mates - 1) / mates * shift**2
    across = (size - 1) / size
    one = within.mean(axis=0)
    mean = across * shift.mean(axis=0) ** 2 + (within - across * shift**2).sum(axis=0) / repeats**2
    parts = [float(np.clip(mean[c].sum(), one[c].sum() / repeats, one[c].sum())) for c in (y, ~y)]
    return Spread(parts[0], parts[1], float(one.sum()))


def delong_spread(response: npt.ArrayLike, score: npt.ArrayLike, fold_of: npt.ArrayLike) -> Spread:
    """Return the DeLong variance of the mean AUC within folds; for one fold, give zeros as ``fold_of``.

    Examples
    --------
    >>> y = [0, 0, 1, 1, 0, 1]
    >>> found = delong_spread(y, [0.1, 0.4, 0.35, 0.8, 0.2, 0.3], [0] * 6)
    >>> round(found.total, 4)
    0.0617
    """
    placed = placements(response, score, fold_of)
    return spread_over_patients(response, placed.shift, placed)


def left_out_share(placed: Placements) -> float:
    """Return patients left out over patients trained on, the mean over folds (Nadeau and Bengio's n2 / n1)."""
    sizes = np.bincount(placed.fold.ravel())
    if placed.folds.min() < 2:
        raise InputError("a repeat has one fold only: nobody was left to train on")
    return float(np.mean(sizes / (placed.place.shape[1] - sizes)))


def _refused(difference: float, reason: str) -> Comparison:
    same = abs(difference) < math.sqrt(ROUNDING)
    return Comparison(0.0 if same else difference, no_interval(reason), 1.0 if same else math.nan)
