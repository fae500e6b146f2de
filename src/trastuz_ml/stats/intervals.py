"""Intervals: never of zero width, and refused where nothing honest can be given."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.stats import norm, t

# Share of 95 % intervals of the AUROC that held the true value in simulated cohorts, the lowest share seen, by the
# method's name without its scale; of a method that is not named here it is not known. Folds: 60 and 160 patients;
# pairs: 12 and 24 patients (docs/validation-studies.md).
COVERAGE: dict[str, float] = {
    "Nadeau-Bengio": 0.89,
    "DeLong within folds": 0.85,
    "influence curve": 0.86,
    "patient bootstrap": 0.80,
    "widened DeLong": 0.97,
    "widened Newcombe": 0.95,
    "nested CV": 0.92,
    "widened Newcombe over pairs": 0.96,
    "Newcombe over pairs": 0.85,
    "DeLong over pairs": 0.70,
}
# Below this share a reader is told.
TOLD_BELOW = 0.92
_ON_LOGIT = ", logit"


@dataclass(frozen=True)
class Interval:
    """A 95 % interval, how it was made, or why there is none (``low`` and ``high`` are then NaN)."""

    low: float
    high: float
    method: str


def name_of(method: str) -> str:
    """Return the name of a method without the scale that it was computed on.

    Examples
    --------
    >>> name_of("widened DeLong, logit")
    'widened DeLong'
    """
    return method.removesuffix(_ON_LOGIT)


def too_short(method: str) -> float | None:
    """Return how often 95 % intervals of a method held the truth, where that is known to be too seldom.

    Examples
    --------
    >>> too_short("Nadeau-Bengio"), too_short("Wilson")
    (0.89, None)
    """
    held = COVERAGE.get(name_of(method))
    return held if held is not None and held < TOLD_BELOW else None


def no_interval(reason: str) -> Interval:
    """Return the absence of an interval, with its reason."""
    return Interval(math.nan, math.nan, reason)


def nadeau_bengio(
    values: npt.ArrayLike, test_share: float, *, bounds: tuple[float, float] = (-math.inf, math.inf)
) -> tuple[float, Interval, float]:
    """Return mean, 95 % interval and two-sided p (against 0) of repeated cross-validation results.

    Training sets of different folds overlap, so that the plain variance of the mean is too small; it is
    multiplied by (1 / J + test_share), J being the number of folds in all.

    Parameters
    ----------
    values : array, shape (J,)
        A score, or a difference of two scores, of each fold of each repeat.
    test_share : float
        Patients left out over patients trained on.
    bounds : (float, float)
        Natural limits of the score.

    Returns
    -------
    mean : float
    interval : Interval
        Refused when all folds give the same value.
    p : float
        NaN when refused.

    Notes
    -----
    Nadeau and Bengio (2003), Machine Learning 52:239, corrected resampled t test.

    Examples
    --------
    >>> mean, interval, p = nadeau_bengio([0.6, 0.7, 0.8, 0.7, 0.7], 0.25)
    >>> round(mean, 2), round(interval.low, 2), round(interval.high, 2)
    (0.7, 0.57, 0.83)
    """
    x = np.asarray(values, dtype=float)
    mean = float(x.mean())
    if x.size < 2 or np.ptp(x) < 1e-12:
        return mean, no_interval("all folds give the same value"), math.nan
    error = math.sqrt((1 / x.size + test_share) * float(x.var(ddof=1)))
    half = float(t.ppf(0.975, x.size - 1)) * error
    low, high = max(mean - half, bounds[0]), min(mean + half, bounds[1])
    p = 2 * float(t.sf(abs(mean) / error, x.size - 1))
    return mean, Interval(low, high, "Nadeau-Bengio"), p


def wilson(share: float, n: float) -> Interval:
    """Return the Wilson (1927) score interval of a proportion seen in n patients.

    Examples
    --------
    >>> interval = wilson(0.5, 10)
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.237, 0.763)
    """
    if n <= 0:
        return no_interval("no patient to count")
    z2 = float(norm.ppf(0.975)) ** 2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    # At 0 and 1 the exact ends are 0 and 1; rounding must not push them past.
    return Interval(max(0.0, centre - half), min(1.0, centre + half), "Wilson")


def newcombe_auc(area: float, responders: float, others: float) -> Interval:
    """Return Newcombe's score-type interval of an AUC; it has width even when the AUC is 0 or 1.

    Notes
    -----
    Newcombe (2006), Statistics in Medicine 25:559, method 5: the ends solve
    ``|A - area| = z sqrt(V(A))`` with the Hanley-McNeil variance, both group sizes minus 1 replaced by
    their mean minus 1.

    Examples
    --------
    >>> interval = newcombe_auc(1.0, 6, 6)
    >>> round(interval.low, 2), interval.high
    (0.69, 1.0)
    """
    z = float(norm.ppf(0.975))
    star = (responders + others) / 2 - 1

    def excess(a: float) -> float:
        spread = 1 + star * (1 - a) / (2 - a) + star * a / (1 + a)
        return abs(a - area) - z * math.sqrt(a * (1 - a) * spread / (responders * others))

    # An area of exactly 0 or 1 solves the equation by itself; the end that is wanted lies inside.
    tiny = 1e-12
    inside = min(max(area, 1e-9), 1 - 1e-9)
    low = 0.0 if area == 0 or excess(tiny) <= 0 else float(brentq(excess, tiny, inside))
    high = 1.0 if area == 1 or excess(1 - tiny) <= 0 else float(brentq(excess, inside, 1 - tiny))
    return Interval(low, high, "Newcombe")


def wald(estimate: float, error: float) -> Interval:
    """Return estimate plus and minus 1.96 standard errors."""
    half = float(norm.ppf(0.975)) * error
    return Interval(estimate - half, estimate + half, "Wald")
