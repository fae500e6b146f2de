"""What a number of patients can tell before anything is fitted: smallest p, interval of an AUC, features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.special import log_expit
from scipy.stats import norm

from trastuz_ml.stats.intervals import Interval

Numbers = npt.NDArray[np.float64]

# Riley et al. 2019: shrinkage, optimism of Nagelkerke's R2, and error of the overall risk that are still accepted.
SHRINKAGE, OPTIMISM, RISK_ERROR = 0.9, 0.05, 0.05
# Share of the largest Cox-Snell R2 to expect where nothing is known (Riley et al. 2020).
UNKNOWN_SHARE = 0.15
_Z = 1.96


@dataclass(frozen=True)
class SmallestP:
    """The smallest p that permuting the responses can give at best, when every arrangement is counted.

    Attributes
    ----------
    arrangements : int
        Ways to deal the responses to the patients.
    one_sided, two_sided : float
        For a score that is fixed: it ranks perfectly; or perfectly in either direction.
    refitted : float
        For a pipeline that treats both classes alike and is refitted to each arrangement: twice ``one_sided``
        where the classes are equal, because exchanging them is another arrangement with the same AUC.
    """

    arrangements: int
    one_sided: float
    two_sided: float
    refitted: float


def smallest_p(strata: Sequence[tuple[int, int]]) -> SmallestP:
    """Return the smallest p of a permutation test.

    Parameters
    ----------
    strata : sequence of (responders, patients)
        Responses are permuted within each; one pair where there are no strata.

    Examples
    --------
    >>> found = smallest_p([(6, 12)])
    >>> found.arrangements, round(found.one_sided * 924, 6), round(found.refitted * 924, 6)
    (924, 1.0, 2.0)
    """
    arrangements = math.prod(math.comb(patients, responders) for responders, patients in strata)
    equal = all(2 * responders == patients for responders, patients in strata)
    once, twice = 1 / arrangements, min(1.0, 2 / arrangements)
    return SmallestP(arrangements, once, twice, twice if equal else once)


def hanley_mcneil_error(area: float, responders: int, others: int) -> float:
    """Return the standard error of an AUC.

    Parameters
    ----------
    area : float
        The AUC.
    responders, others : int
        Patients in each class.

    Notes
    -----
    Hanley & McNeil (1982), Radiology 143:29, equation 2 with Q1 and Q2 of negative exponential scores.

    Examples
    --------
    >>> round(hanley_mcneil_error(0.893, 51, 58), 4)
    0.0325
    """
    both_responders, both_others = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area)
    variance += (responders - 1) * (both_responders - area**2) + (others - 1) * (both_others - area**2)
    return math.sqrt(variance / (responders * others))


def expected_auc_interval(area: float, responders: int, others: int) -> Interval:
    """Return the 95 % interval to expect around an AUC, cut off at 0 and 1.

    Notes
    -----
    For the scores of one fixed model in independent patients. Cross-validation adds the differences between its
    models: its intervals are no narrower on average.

    Examples
    --------
    >>> interval = expected_auc_interval(0.7, 20, 42)
    >>> round(interval.low, 2), round(interval.high, 2)
    (0.55, 0.85)
    """
    half = _Z * hanley_mcneil_error(area, responders, others)
    return Interval(max(0.0, area - half), min(1.0, area + half), "Hanley-McNeil")


def smallest_auc_above_chance(responders: int, others: int) -> float | None:
    """Return the smallest AUC that is told from 0.5 at p <= 0.05, two-sided; None where even 1 is not.

    Notes
    -----
    By the variance of the Mann-Whitney statistic without any effect (Mann & Whitney 1947), which is also where
    Newcombe's interval leaves 0.5.

    Examples
    --------
    >>> round(smallest_auc_above_chance(20, 42), 2), round(smallest_auc_above_chance(6, 6), 2)
    (0.65, 0.84)
    >>> smallest_auc_above_chance(2, 2) is None
    True
    """
    area = 0.5 + _Z * math.sqrt((responders + others + 1) / (12 * responders * others))
    return area if area <= 1 else None


def largest_cox_snell(prevalence: float) -> float:
    """Return the Cox-Snell R2 of a model that knows every response (Riley et al. 2019, equation 23).

    Examples
    --------
    >>> round(largest_cox_snell(0.5), 2), round(largest_cox_snell(0.1), 2)
    (0.75, 0.48)
    """
    return 1 - math.exp(2 * _log_likelihood_of_rate(prevalence))


def cox_snell_of_auc(area: float, prevalence: float) -> float:
    """Return the Cox-Snell R2 that goes with an AUC.

    Notes
    -----
    Riley, Van Calster & Collins (2021), Stat Med 40:859: log-odds normally distributed in each class with one
    variance. They simulate a large cohort; here the expectation is integrated (Gauss-Hermite): no seed is needed.

    Examples
    --------
    >>> round(cox_snell_of_auc(0.89, prevalence=0.174), 3)
    0.291
    """
    shift = math.sqrt(2) * float(norm.ppf(area))
    nodes, weights = _normal_nodes()
    rate = math.log(prevalence / (1 - prevalence))
    responding = float(weights @ log_expit(rate + shift * (nodes + shift / 2)))
    not_responding = float(weights @ log_expit(-(rate + shift * (nodes - shift / 2))))
    likelihood = prevalence * responding + (1 - prevalence) * not_responding
    return max(0.0, 1 - math.exp(-2 * (likelihood - _log_likelihood_of_rate(prevalence))))


@dataclass(frozen=True)
class RileySize:
    """Patients needed to develop a model by each criterion of Riley et al. (2019)."""

    shrinkage: int
    optimism: int
    overall_risk: int

    @property
    def patients(self) -> int:
        """Patients needed by all of them."""
        return max(self.shrinkage, self.optimism, self.overall_risk)


def riley_size(parameters: int, prevalence: float, r2: float) -> RileySize:
    """Return the smallest development cohort for a model of a binary response.

    Parameters
    ----------
    parameters : int
        Candidate coefficients, whether or not they end up in the model.
    prevalence : float
        Share of responders.
    r2 : float
        Cox-Snell R2 that is expected of the model, above 0.

    Notes
    -----
    Riley et al. (2019), Stat Med 38:1276: (i) expected shrinkage of at least 0.9, (ii) apparent and adjusted R2 of
    Nagelkerke differ by at most 0.05, (iii) the overall risk is known within 0.05. For models without penalty.

    Examples
    --------
    >>> riley_size(24, prevalence=0.174, r2=0.288).patients
    662
    """
    by_shrinkage, by_optimism = _patients_per_parameter(prevalence, r2)
    return RileySize(
        math.ceil(parameters * by_shrinkage),
        math.ceil(parameters * by_optimism),
        math.ceil((_Z / RISK_ERROR) ** 2 * prevalence * (1 - prevalence)),
    )


def parameters_allowed(patients: int, prevalence: float, r2: float) -> int:
    """Return the most candidate coefficients for which a cohort is large enough, by criteria (i) and (ii).

    Examples
    --------
    >>> parameters_allowed(662, prevalence=0.174, r2=0.288)
    24
    """
    return int(patients / max(_patients_per_parameter(prevalence, r2)))


def risk_error(patients: int, prevalence: float) -> float:
    """Return how closely the overall share of responders is known: half a 95 % interval, criterion (iii).

    Examples
    --------
    >>> round(risk_error(221, 0.174), 2)
    0.05
    """
    return _Z * math.sqrt(prevalence * (1 - prevalence) / patients)


def _patients_per_parameter(prevalence: float, r2: float) -> tuple[float, float]:
    """Return the patients that each coefficient needs, for the shrinkage and for the optimism."""
    largest = largest_cox_snell(prevalence)
    kept = r2 / (r2 + OPTIMISM * largest)
    by_shrinkage, by_optimism = ((1 / ((s - 1) * math.log1p(-r2 / s))) for s in (SHRINKAGE, kept))
    return by_shrinkage, by_optimism


@cache
def _normal_nodes() -> tuple[Numbers, Numbers]:
    """Return values and weights that stand for the standard normal distribution in an integral."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    return nodes, weights / weights.sum()


def _log_likelihood_of_rate(prevalence: float) -> float:
    """Return the mean log-likelihood of a model that knows only the share of responders."""
    return prevalence * math.log(prevalence) + (1 - prevalence) * math.log1p(-prevalence)
