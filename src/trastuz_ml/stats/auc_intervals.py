"""Intervals of a cross-validated AUC: every method that is tabulated with its simulated coverage.

All of them take ``response`` (n,), out-of-fold ``score`` (repeats, n) and ``fold_of`` (repeats, n) as
:func:`trastuz_ml.stats.discrimination.placements` does, and are about the same estimate: the mean over folds, then
over repeats, of the AUC within the fold. None of them refits anything. No variance that is computed from one
out-of-fold table is free of assumptions about how models of overlapping training sets agree (Bengio and
Grandvalet 2004, JMLR 5:1089); each docstring says which assumption its method makes.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from scipy.stats import norm

from trastuz_ml.errors import InputError
from trastuz_ml.stats.comparison import ALONE, ROUNDING, left_out_share, spread_over_patients
from trastuz_ml.stats.discrimination import placements
from trastuz_ml.stats.intervals import Interval, nadeau_bengio, newcombe_auc, no_interval

Numbers = npt.NDArray[np.float64]

_Z = float(norm.ppf(0.975))
NO_SPREAD = "no spread between patients: every fold ranks them all alike"


def delong_within_folds(
    response: npt.ArrayLike, score: npt.ArrayLike, fold_of: npt.ArrayLike, *, on_logit: bool = False
) -> Interval:
    """Return the Wald interval with DeLong's variance within folds, the models taken as given.

    Refused where every fold ranks all pairs alike, and where a class has one patient.

    Notes
    -----
    DeLong, DeLong and Clarke-Pearson (1988), see :func:`.spread_over_patients`. On the logit scale by the delta
    method (Qin and Hotilovac 2008, Stat Methods Med Res 17:207). Training sets are not redrawn: too short.

    Examples
    --------
    >>> interval = delong_within_folds([0, 1, 0, 1, 0, 1], [0.1, 0.4, 0.3, 0.8, 0.2, 0.15], [0] * 6)
    >>> round(interval.low, 2), interval.high
    (0.29, 1.0)
    """
    placed = placements(response, score, fold_of)
    spread = spread_over_patients(response, placed.shift, placed)
    return interval_of(placed.mean, spread.total, _Z, "DeLong within folds", on_logit=on_logit)


def influence_curve(response: npt.ArrayLike, score: npt.ArrayLike, fold_of: npt.ArrayLike) -> Interval:
    """Return the Wald interval with the influence-curve variance of the cross-validated AUC.

    Notes
    -----
    LeDell, Petersen and van der Laan (2015), Electronic Journal of Statistics 9:1583, section 5, as in their R
    package cvAUC: the mean over folds of the mean squared influence in the fold, over n; class shares are those
    of the whole cohort. The variance is averaged, not divided, over repeats: they re-use the same patients.
    The models are taken as given, and the fold's own AUC is subtracted without a correction for small folds: too
    short there.

    Examples
    --------
    >>> interval = influence_curve([0, 1, 0, 1, 0, 1], [0.1, 0.4, 0.3, 0.8, 0.2, 0.15], [0] * 6)
    >>> round(interval.low, 2), interval.high
    (0.38, 1.0)
    """
    y = np.asarray(response, dtype=bool)
    placed = placements(response, score, fold_of)
    share = np.where(y, y.mean(), (~y).mean())
    squared = ((placed.place - placed.area[placed.fold]) / share) ** 2
    in_fold = squared / (placed.own + placed.other) / placed.folds[:, None]
    variance = float(in_fold.sum()) / len(placed.folds) / y.size
    return interval_of(placed.mean, variance, _Z, "influence curve")


def patient_bootstrap(
    response: npt.ArrayLike, score: npt.ArrayLike, fold_of: npt.ArrayLike, *, draws: int = 1000, seed: int = 0
) -> Interval:
    """Return the percentile interval over patients redrawn within their class, the out-of-fold table as given.

    Parameters
    ----------
    response, score, fold_of : array
        As for :func:`trastuz_ml.stats.discrimination.placements`.
    draws, seed : int
        How many bootstrap samples, and where they start. Draws go by place: sort patients by id.

    Notes
    -----
    Efron and Tibshirani (1993), chapter 13. A patient's weight is the same in every repeat and weighs pairs
    within a fold; a fold whose class was not drawn is left out of that draw's mean. Nothing is refitted: too
    short.

    Examples
    --------
    >>> interval = patient_bootstrap([0, 1, 0, 1, 0, 1], [0.1, 0.4, 0.3, 0.8, 0.2, 0.15], [0] * 6)
    >>> round(interval.low, 2), interval.high
    (0.33, 1.0)
    """
    y = np.asarray(response, dtype=bool)
    placed = placements(response, score, fold_of)
    s = np.atleast_2d(np.asarray(score, dtype=float))
    rng = np.random.default_rng(seed)
    weights = np.empty((draws, y.size))
    for c in (y, ~y):
        weights[:, c] = rng.multinomial(c.sum(), np.full(c.sum(), 1 / c.sum()), size=draws)
    total, repeats = np.zeros(draws), np.zeros(draws)
    for repeat, group in enumerate(placed.fold):
        area, there = np.zeros(draws), np.zeros(draws)
        for fold in np.unique(group):
            of, against = np.flatnonzero((group == fold) & y), np.flatnonzero((group == fold) & ~y)
            won = (np.sign(s[repeat, of][:, None] - s[repeat, against]) + 1) / 2
            pairs = weights[:, of].sum(axis=1) * weights[:, against].sum(axis=1)
            right = ((weights[:, of] @ won) * weights[:, against]).sum(axis=1)
            area += np.divide(right, pairs, out=np.zeros(draws), where=pairs > 0)
            there += pairs > 0
        total += np.divide(area, there, out=np.zeros(draws), where=there > 0)
        repeats += there > 0
    low, high = np.quantile(total[repeats > 0] / repeats[repeats > 0], (0.025, 0.975))
    if high - low < math.sqrt(ROUNDING):
        return no_interval(NO_SPREAD)
    return Interval(float(low), float(high), "patient bootstrap")


def nadeau_bengio_auc(
    response: npt.ArrayLike, score: npt.ArrayLike, fold_of: npt.ArrayLike, *, on_logit: bool = False
) -> Interval:
    """Return the corrected resampled t interval of the AUCs within folds; refused where all are the same.

    Notes
    -----
    :func:`trastuz_ml.stats.intervals.nadeau_bengio`. On the logit scale by the delta method at the mean: a fold's
    own AUC may be 0 or 1. Assumes that results of two folds correlate like their test share, 1 / folds.

    Examples
    --------
    >>> y, score = [0, 1] * 4, [0.1, 0.4, 0.3, 0.8, 0.2, 0.15, 0.6, 0.7]
    >>> interval = nadeau_bengio_auc(y, score, [0, 0, 0, 0, 1, 1, 1, 1])
    >>> interval.low, interval.high, interval.method
    (0.0, 1.0, 'Nadeau-Bengio')
    """
    placed = placements(response, score, fold_of)
    mean, plain, _ = nadeau_bengio(placed.area, left_out_share(placed))
    if math.isnan(plain.low):
        return plain
    half = (plain.high - plain.low) / 2
    # The t quantile is already in the half width.
    return interval_of(mean, half**2, 1.0, plain.method, on_logit=on_logit)


def newcombe_effective(response: npt.ArrayLike, score: npt.ArrayLike, fold_of: npt.ArrayLike) -> Interval:
    """Return Newcombe's interval at the mean AUC, as of one fixed score in all patients; never refused.

    Notes
    -----
    :func:`trastuz_ml.stats.intervals.newcombe_auc` (Newcombe 2006, method 5). Training sets are not redrawn, and
    pairs of different folds count as if they had been compared.

    Examples
    --------
    >>> interval = newcombe_effective([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], [0, 0, 0, 0])
    >>> round(interval.low, 2), round(interval.high, 2)
    (0.23, 0.97)
    """
    placed = placements(response, score, fold_of)
    responders = int(np.sum(response))
    return newcombe_auc(placed.mean, responders, placed.place.shape[1] - responders)


def longer_of(first: Interval, second: Interval) -> Interval:
    """Return the union of two intervals of the same estimate; where one is refused, the other.

    Examples
    --------
    >>> longer_of(Interval(0.4, 0.7, "one"), Interval(0.5, 0.8, "two"))
    Interval(low=0.4, high=0.8, method='one or two, the longer')
    """
    given = [i for i in (first, second) if not math.isnan(i.low)]
    if len(given) < 2:
        return given[0] if given else first
    return Interval(
        min(first.low, second.low), max(first.high, second.high), f"{first.method} or {second.method}, the longer"
    )


def widened(response: npt.ArrayLike, score: npt.ArrayLike, fold_of: npt.ArrayLike) -> Interval:
    """Return the logit interval whose variance is DeLong's within folds plus what shared training data add.

    Where no fold shows any spread, and where a class has one patient, :func:`widened_newcombe`: never refused.

    Notes
    -----
    Results of K folds that correlate by rho have a mean of variance ``s / K + s rho / (1 - rho)``, s being what
    their spread inside one cohort estimates, ``(1 - rho)`` times the full variance of one fold's result;
    ``rho / (1 - rho)`` is n2 / n1, patients left out over patients trained on (Nadeau and Bengio 2003, section 3).
    They measure s over folds, and divide s / K by the number of repeats, as if each brought new patients. Here
    s is K times the DeLong variance of one repeat, and for s / K stands the DeLong variance over patients of the
    mean over repeats (:class:`.Spread`): averaging cannot take away what finding other patients would change, nor
    the second term. Delta method on the logit scale, normal quantile. The estimate stays that of models trained on
    fewer patients: an interval does not mend that bias.

    Examples
    --------
    >>> y, score = [0, 1] * 4, [0.1, 0.4, 0.3, 0.8, 0.2, 0.15, 0.6, 0.7]
    >>> interval = widened(y, score, [0, 0, 0, 0, 1, 1, 1, 1])
    >>> round(interval.low, 2), round(interval.high, 2)
    (0.03, 1.0)
    """
    placed = placements(response, score, fold_of)
    spread = spread_over_patients(response, placed.shift, placed)
    if not spread.total > ROUNDING:
        return widened_newcombe(response, score, fold_of)
    training = left_out_share(placed) * float(placed.folds.mean()) * spread.one_repeat
    return interval_of(placed.mean, spread.total + training, _Z, "widened DeLong", on_logit=True)


def widened_newcombe(response: npt.ArrayLike, score: npt.ArrayLike, fold_of: npt.ArrayLike) -> Interval:
    """Return Newcombe's interval for the number of patients that the correlation of folds leaves; never refused.

    Notes
    -----
    The mean of K results of variance s that correlate by rho has variance ``s / K (1 + (K - 1) rho)``: as of that
    many times fewer patients of either class (an effective sample size: Kish 1965, Survey Sampling, section 8.2),
    with Nadeau and Bengio's rho = n2 / (n1 + n2), so that the design effect is 1.8 for 5 folds. s is the model
    variance of Newcombe (2006), none seen in the table: the width depends on AUC, class sizes and folds only.
    See :func:`newcombe_of_folds`.

    Examples
    --------
    >>> y, score = [0, 1] * 4, [0.1, 0.4, 0.3, 0.8, 0.2, 0.15, 0.6, 0.7]
    >>> interval = widened_newcombe(y, score, [0, 0, 0, 0, 1, 1, 1, 1])
    >>> round(interval.low, 2), round(interval.high, 2)
    (0.28, 0.96)
    """
    placed = placements(response, score, fold_of)
    share = left_out_share(placed)
    responders = int(np.sum(response))
    others = placed.place.shape[1] - responders
    return newcombe_of_folds(placed.mean, responders, others, float(placed.folds.mean()), share / (1 + share))


def newcombe_of_folds(area: float, responders: int, others: int, folds: float, left_out: float) -> Interval:
    """Return Newcombe's interval of an AUC over folds, each of which leaves out that share of all patients.

    Notes
    -----
    :func:`widened_newcombe`: class sizes over the design effect ``1 + (folds - 1) left_out``.

    Examples
    --------
    >>> interval = newcombe_of_folds(0.7, 20, 40, 5, 0.2)
    >>> round(interval.low, 2), round(interval.high, 2)
    (0.49, 0.84)
    """
    effect = 1 + (folds - 1) * left_out
    plain = newcombe_auc(area, responders / effect, others / effect)
    return Interval(plain.low, plain.high, "widened Newcombe")


def pairwise_newcombe(wins: npt.ArrayLike) -> Interval:
    """Return Newcombe's interval of a leave-pair-out AUC, the models taken as given; never refused.

    Parameters
    ----------
    wins : array, shape (responders, others)
        1 where the responder of the left-out pair scored higher, 0.5 for a tie, 0 otherwise.

    Raises
    ------
    InputError
        If a pair is missing or lies outside 0 and 1.

    Notes
    -----
    The AUC is the mean over pairs (Airola et al. 2011, CSDA 55:1828); its interval as of one fixed score
    (Newcombe 2006, method 5).

    Examples
    --------
    >>> interval = pairwise_newcombe([[1, 1, 0], [1, 0.5, 1]])
    >>> round(interval.low, 2), round(interval.high, 2)
    (0.26, 0.96)
    """
    won = _wins(wins)
    return newcombe_auc(float(won.mean()), *won.shape)


def widened_pairwise_newcombe(wins: npt.ArrayLike) -> Interval:
    """Return Newcombe's interval of a leave-pair-out AUC for the patients that shared training data leave.

    Never refused. Parameters and errors as for :func:`pairwise_newcombe`.

    Notes
    -----
    :func:`newcombe_of_folds` with n / 2 folds, as many as there are pairs without a patient in common, each of
    them leaving out 2 / n: the design effect is 2 - 2 / n. All pairs are left out, not n / 2 of them; averaging
    takes away what the choice of pairs would add, not what shared training patients do.

    Examples
    --------
    >>> interval = widened_pairwise_newcombe([[1, 1, 0], [1, 0.5, 1]])
    >>> round(interval.low, 2), round(interval.high, 2)
    (0.18, 0.98)
    """
    won = _wins(wins)
    responders, others = won.shape
    patients = responders + others
    return newcombe_of_folds(float(won.mean()), responders, others, patients / 2, 2 / patients)


def pairwise_u_statistic(wins: npt.ArrayLike) -> Interval:
    """Return the Wald interval of a leave-pair-out AUC from the row and column means of the win matrix.

    Refused where those means do not vary, or a class has one patient. Parameters and errors as for
    :func:`pairwise_newcombe`.

    Notes
    -----
    Hoeffding (1948), Ann Math Stat 19:293, the projection of a two-sample U-statistic, estimated as by DeLong et
    al. (1988). Each pair has a model of its own: that wins of different pairs depend on each other through shared
    training patients is not seen.

    Examples
    --------
    >>> interval = pairwise_u_statistic([[1, 1, 0], [1, 0.5, 1]])
    >>> round(interval.low, 2), interval.high
    (0.42, 1.0)
    """
    won = _wins(wins)
    if min(won.shape) < 2:
        return no_interval(ALONE)
    variance = sum(float(won.mean(axis=1 - i).var(ddof=1)) / won.shape[i] for i in (0, 1))
    return interval_of(float(won.mean()), variance, _Z, "DeLong over pairs")


def _wins(wins: npt.ArrayLike) -> Numbers:
    won = np.asarray(wins, dtype=float)
    if won.ndim != 2 or won.size == 0 or not ((won >= 0) & (won <= 1)).all():
        raise InputError(f"expected a win between 0 and 1 for each pair, responders by others; found {won.shape}")
    return won


def interval_of(
    estimate: float, variance: float, quantile: float, method: str, *, on_logit: bool = False
) -> Interval:
    """Return estimate plus and minus quantile times the error, within 0 and 1; refused without a variance."""
    if math.isnan(variance):
        return no_interval(ALONE)
    if variance < ROUNDING:
        return no_interval(NO_SPREAD)
    half = quantile * math.sqrt(variance)
    # At 0 and 1 the logit is infinite.
    if not on_logit or not 0 < estimate < 1:
        return Interval(max(0.0, estimate - half), min(1.0, estimate + half), method)
    centre, half = float(logit(estimate)), half / (estimate * (1 - estimate))
    return Interval(float(expit(centre - half)), float(expit(centre + half)), f"{method}, logit")
