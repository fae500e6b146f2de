"""Scores of a fixed model in patients it was not fitted on, each with an interval over patients."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import norm

from trastuz_ml.stats import calibration, discrimination
from trastuz_ml.stats.intervals import Interval, newcombe_auc, no_interval, wald, wilson

Numbers = npt.NDArray[np.float64]
Score = tuple[str, float, Interval]

_Z = float(norm.ppf(0.975))
ONE_PROBABILITY = "everybody has the same probability"


def fixed_model_scores(response: npt.ArrayLike, probability: npt.ArrayLike, threshold: float) -> Iterator[Score]:
    """Score predictions of a fixed model, every score with its interval or the reason for none.

    Parameters
    ----------
    response : array of 0 and 1, shape (n,)
        Both classes.
    probability : array, shape (n,)
        Predictions of a model that was fitted on none of the patients.
    threshold : float
        Probability from which the model calls a patient a responder.

    Yields
    ------
    name : str
        As in :data:`trastuz_ml.learn.scores.PROBABILITY_SCORES`.
    estimate : float
    interval : Interval

    Notes
    -----
    Intervals are about new patients, the model taken as given. Their simulated coverage is in
    docs/external-validation.md; AUROC: Newcombe (2006), which held the truth in 94 to 97 % where DeLong's did in
    83 to 95 %.
    """
    y, p = np.asarray(response, dtype=float), np.asarray(probability, dtype=float)
    constant = bool(np.ptp(p) < 1e-12)
    none = no_interval(ONE_PROBABILITY)
    area, responders = discrimination.auc(y, p), int(y.sum())
    yield "AUROC", area, none if constant else newcombe_auc(area, responders, len(y) - responders)
    precision = discrimination.average_precision(y, p)
    yield "average precision", precision, none if constant else logit_precision(precision, responders)
    yield "Brier score", *mean_loss((p - y) ** 2)
    yield "log loss", *mean_loss(calibration.log_losses(y, p))
    yield "Brier skill", calibration.brier_skill(y, p), brier_skill_interval(y, p)
    yield from _line(y, p)
    called = p >= threshold
    for name, of, right in (("sensitivity", y == 1, called), ("specificity", y == 0, ~called)):
        share = float(right[of].mean())
        yield name, share, none if constant else wilson(share, int(of.sum()))


def logit_precision(precision: float, responders: int) -> Interval:
    """Return the interval of an average precision on the logit scale.

    Notes
    -----
    Boyd, Eng and Page (2013), ECML PKDD, LNCS 8190:451, section 4.3: the standard error of logit(average
    precision) is ``1 / sqrt(responders * precision * (1 - precision))``.

    Examples
    --------
    >>> interval = logit_precision(0.5, 25)
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.313, 0.687)
    """
    if not 0 < precision < 1:
        return no_interval("the ranking is perfect: no spread to measure")
    half = _Z / math.sqrt(responders * precision * (1 - precision))
    centre = float(logit(precision))
    return Interval(float(expit(centre - half)), float(expit(centre + half)), "logit")


def mean_loss(loss: npt.ArrayLike) -> tuple[float, Interval]:
    """Return the mean of a loss that is never negative and its interval over patients, on the log scale.

    Examples
    --------
    >>> mean, interval = mean_loss([0.1, 0.4, 0.1, 0.2])
    >>> round(mean, 2), round(interval.low, 2), round(interval.high, 2)
    (0.2, 0.1, 0.4)
    """
    values = np.asarray(loss, dtype=float)
    mean = float(values.mean())
    error = float(values.std(ddof=1)) / math.sqrt(values.size) if values.size > 1 else 0.0
    if error <= 1e-12:
        return mean, no_interval("all patients have the same loss")
    factor = math.exp(_Z * error / mean)
    return mean, Interval(mean / factor, mean * factor, "delta method on the log scale, over patients")


def brier_skill_interval(response: npt.ArrayLike, probability: npt.ArrayLike) -> Interval:
    """Return the interval of the Brier skill, from each patient's influence on it.

    Notes
    -----
    Delta method: with rate r, v = r (1 - r), squared error b of a patient and their mean B, the influence of a
    patient on 1 - B / v is ``-(b - B) / v + B (1 - 2 r) (y - r) / v**2``.

    Examples
    --------
    >>> interval = brier_skill_interval([0, 0, 0, 1, 1, 0], [0.1, 0.3, 0.2, 0.8, 0.4, 0.2])
    >>> round(interval.low, 2), round(interval.high, 2)
    (0.19, 0.94)
    """
    y, p = np.asarray(response, dtype=float), np.asarray(probability, dtype=float)
    squared, rate = (p - y) ** 2, float(y.mean())
    spread, mean = rate * (1 - rate), float(((p - y) ** 2).mean())
    influence = -(squared - mean) / spread + mean * (1 - 2 * rate) * (y - rate) / spread**2
    error = float(influence.std(ddof=1)) / math.sqrt(y.size)
    if error <= 1e-12:
        return no_interval("no spread between patients")
    ends = wald(1 - mean / spread, error)
    return Interval(ends.low, min(ends.high, 1.0), "delta method, over patients")


def _line(y: Numbers, p: Numbers) -> Iterator[Score]:
    names = ("calibration intercept", "calibration slope")
    line = calibration.calibration_line(y, p)
    for name, found in zip(names, line or (None, None), strict=True):
        if found is None:
            reason = "not estimable: the predicted log-odds do not vary, or separate the classes"
            yield name, math.nan, no_interval(reason)
        else:
            yield name, found[0], wald(*found)


def calibration_groups(response: npt.ArrayLike, probability: npt.ArrayLike, groups: int) -> list[dict[str, float]]:
    """Return predicted and observed response of groups of patients of similar predictions.

    Parameters
    ----------
    response, probability : array, shape (n,)
        As for :func:`fixed_model_scores`.
    groups : int
        How many, of nearly equal size; patients of the same probability stay together, so that there can be fewer.

    Returns
    -------
    list of mapping
        ``lowest`` and ``highest`` probability, ``patients``, ``predicted`` (the mean), ``responders``,
        ``observed`` (their share) with the Wilson interval ``low`` to ``high``; lowest first.

    Examples
    --------
    >>> low, high = calibration_groups([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.8], 2)
    >>> low["predicted"], high["observed"]
    (0.15000000000000002, 1.0)
    """
    y, p = np.asarray(response, dtype=float), np.asarray(probability, dtype=float)
    # The middle rank of tied probabilities decides: they cannot be parted.
    _, which, counts = np.unique(p, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    group_of = np.minimum((middle * groups / len(p)).astype(int), groups - 1)[which]
    rows = []
    for group in np.unique(group_of):
        own = group_of == group
        interval = wilson(float(y[own].mean()), int(own.sum()))
        rows.append(
            {
                "lowest": float(p[own].min()), "highest": float(p[own].max()), "patients": int(own.sum()),
                "predicted": float(p[own].mean()), "responders": int(y[own].sum()),
                "observed": float(y[own].mean()), "low": interval.low, "high": interval.high,
            }
        )  # fmt: skip
    return rows


def intercept_alone(response: npt.ArrayLike, probability: npt.ArrayLike) -> float:
    """Return what must be added to all predicted log-odds for as many to be expected to respond as do.

    Raises
    ------
    ValueError
        If only one class is present.

    Notes
    -----
    Recalibration in the large: Steyerberg et al. (2004), Statistics in Medicine 23:2567, method 2.

    Examples
    --------
    >>> round(intercept_alone([0, 0, 0, 1], [0.5, 0.5, 0.5, 0.5]), 4)
    -1.0986
    """
    y = np.asarray(response, dtype=float)
    if not 0 < y.mean() < 1:
        raise ValueError("an intercept needs both responders and non-responders")
    odds = logit(np.clip(np.asarray(probability, dtype=float), calibration.FLOOR, 1 - calibration.FLOOR))
    far = float(np.abs(odds).max()) + abs(float(logit(y.mean()))) + 1.0
    return float(brentq(lambda shift: float(expit(shift + odds).mean() - y.mean()), -far, far, xtol=1e-12))
