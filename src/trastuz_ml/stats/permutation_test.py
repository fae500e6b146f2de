"""p values of permutation tests: Monte Carlo, exact, sequential, and over a whole catalogue of models.

A larger statistic always speaks more against the null hypothesis.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from trastuz_ml.errors import InputError
from trastuz_ml.stats.intervals import Interval, no_interval

Numbers = npt.NDArray[np.float64]
Responses = npt.NDArray[np.int8]
Places = npt.NDArray[np.intp]

# Statistics count as tied within this: the same AUC, summed in another order, must not look smaller.
_TIE = 1e-9


def permutation_p(observed: float, permuted: npt.ArrayLike) -> float:
    """Return (1 + b) / (1 + m) for b of m permuted statistics at least as large as the observed one.

    Parameters
    ----------
    observed : float
        Statistic of the responses as they are.
    permuted : array, shape (m,)
        The same of responses permuted at random.

    Raises
    ------
    InputError
        If a statistic is missing.

    Notes
    -----
    Davison and Hinkley (1997), equation 4.11; Phipson and Smyth (2010), Stat Appl Genet Mol Biol 9:39.

    Examples
    --------
    >>> permutation_p(0.7, [0.5, 0.6, 0.7, 0.4])
    0.4
    """
    values = _complete(permuted)
    return float(1 + exceedances(observed, values)) / (1 + values.size)


def exact_p(observed: float, arrangements: npt.ArrayLike) -> float:
    """Return the share of all arrangements whose statistic is at least as large as the observed one.

    Parameters
    ----------
    observed : float
        Statistic of the responses as they are.
    arrangements : array, shape (total,)
        Statistic of every arrangement, the observed one among them.

    Raises
    ------
    InputError
        If a statistic is missing, or no arrangement has the observed one.

    Notes
    -----
    Fisher (1935), The Design of Experiments, section 21.

    Examples
    --------
    >>> exact_p(0.7, [0.5, 0.6, 0.7, 0.4])
    0.25
    """
    values = _complete(arrangements)
    if not np.any(np.abs(values - observed) <= _tie(observed)):
        raise InputError(
            f"the observed statistic {observed:g} is not among those of the {values.size} arrangements; "
            "expected every arrangement, the observed one too"
        )
    return exceedances(observed, values) / values.size


def exceedances(observed: float, permuted: npt.ArrayLike) -> int:
    """Return how many permuted statistics are at least as large as the observed one, ties within 1e-9 counted.

    Raises
    ------
    InputError
        If a statistic is missing.

    Examples
    --------
    >>> exceedances(0.3, [0.1 + 0.2, 0.2, 0.1 * 3])
    2
    """
    return int(np.sum(_complete(permuted) >= _complete([observed]) - _tie(observed)))


def monte_carlo_interval(exceeded: int, done: int) -> Interval:
    """Return the 95 % interval of the p value that infinitely many permutations would give.

    Notes
    -----
    Clopper and Pearson (1934), Biometrika 26:404.

    Examples
    --------
    >>> interval = monte_carlo_interval(0, 100)
    >>> interval.low, round(interval.high, 3)
    (0.0, 0.036)
    """
    if done == 0:
        return no_interval("no permutation was done")
    low = float(beta.ppf(0.025, exceeded, done - exceeded + 1)) if exceeded > 0 else 0.0
    high = float(beta.ppf(0.975, exceeded + 1, done - exceeded)) if exceeded < done else 1.0
    return Interval(low, high, "Clopper-Pearson")


def stopped(exceeded: int, done: int, most: int, h: int) -> bool:
    """Return whether a sequential test is over: h permutations reached the observed statistic, or all are done.

    Examples
    --------
    >>> stopped(10, 37, 999, 10), stopped(9, 37, 999, 10), stopped(9, 999, 999, 10)
    (True, False, True)
    """
    return exceeded >= h or done >= most


def count_until(observed: float, permuted: npt.ArrayLike, h: int) -> tuple[int, int]:
    """Return exceedances and permutations up to the one where h exceed, or all; those after it do not count.

    Parameters
    ----------
    observed : float
        Statistic of the responses as they are.
    permuted : array, shape (m,)
        Permuted statistics in the order that was planned, whichever finished first.
    h : int
        Exceedances to stop at.

    Raises
    ------
    InputError
        If a statistic is missing.

    Examples
    --------
    >>> count_until(0.6, [0.5, 0.7, 0.6, 0.8, 0.9], 2), count_until(0.6, [0.5, 0.7], 2)
    ((2, 3), (1, 2))
    """
    exceed = np.cumsum(_complete(permuted) >= observed - _tie(observed))
    reached = np.flatnonzero(exceed == h)
    done = int(reached[0]) + 1 if reached.size else exceed.size
    return (int(exceed[done - 1]) if done else 0), done


def sequential_p(exceeded: int, done: int, most: int, h: int) -> float:
    """Return the p value of a sequential Monte Carlo test that is over.

    Parameters
    ----------
    exceeded, done : int
        Permutations at least as large as the observed statistic, and all, in the order they were planned. They
        must be counted one by one: :func:`count_until` cuts a batch where ``exceeded`` reaches ``h``.
    most, h : int
        Permutations planned at most, and exceedances to stop at, both fixed before.

    Returns
    -------
    float
        ``h / done`` where h exceedances were reached, else ``(1 + exceeded) / (1 + most)``.

    Raises
    ------
    InputError
        If the test is not over, or was not stopped in time.

    Notes
    -----
    Besag and Clifford (1991), Biometrika 78:301, section 2: P(p <= alpha) <= alpha under exchangeability.

    Examples
    --------
    >>> sequential_p(10, 37, 999, 10) == 10 / 37, sequential_p(4, 999, 999, 10)
    (True, 0.005)
    """
    if h < 1 or not 0 <= exceeded <= min(h, done) or done > most:
        raise InputError(
            f"{exceeded} of {done} permutations exceed; expected at most {h} of at most {most}, "
            "stopped where the first is reached"
        )
    if not stopped(exceeded, done, most, h):
        raise InputError(f"{done} of {most} permutations done and {exceeded} of {h} exceed: the test is not over")
    return exceeded / done if exceeded == h else (1 + exceeded) / (1 + most)


def arrangement_count(response: Responses, strata: Places) -> int:
    """Return in how many ways the responses can be arranged within strata.

    Examples
    --------
    >>> arrangement_count(np.array([1] * 6 + [0] * 6, dtype=np.int8), np.zeros(12, dtype=np.intp))
    924
    """
    return math.prod(
        math.comb(int((strata == s).sum()), int(response[strata == s].sum())) for s in np.unique(strata)
    )


def every_arrangement(response: Responses, strata: Places) -> Iterator[Responses]:
    """Yield every arrangement of the responses within strata, in a fixed order.

    Examples
    --------
    >>> y, one = np.array([1, 0, 0], dtype=np.int8), np.zeros(3, dtype=np.intp)
    >>> [a.tolist() for a in every_arrangement(y, one)]
    [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    """
    parts = []
    for stratum in np.unique(strata):
        places = np.flatnonzero(strata == stratum)
        parts.append([list(c) for c in itertools.combinations(places, int(response[places].sum()))])
    for chosen in itertools.product(*parts):
        arranged = np.zeros_like(response)
        arranged[list(itertools.chain.from_iterable(chosen))] = 1
        yield arranged


def max_null(permuted: npt.ArrayLike) -> Numbers:
    """Return the largest statistic over the catalogue for each permutation.

    Parameters
    ----------
    permuted : array, shape (m, models)
        Statistics of all models under the same m permutations.

    Raises
    ------
    InputError
        If a statistic is missing.

    Examples
    --------
    >>> max_null([[0.4, 0.6], [0.7, 0.5]]).tolist()
    [0.6, 0.7]
    """
    return np.asarray(_complete(permuted).max(axis=1))


def max_t_p(observed: npt.ArrayLike, permuted: npt.ArrayLike) -> Numbers:
    """Return p of each model, adjusted for the catalogue: its statistic against the permuted maximum.

    The smallest of them is the p of the catalogue: the best of all models against the best of all under chance.

    Parameters
    ----------
    observed : array, shape (models,)
        Statistics of the responses as they are.
    permuted : array, shape (m, models)
        The same under m random permutations, each of them for all models.

    Raises
    ------
    InputError
        If the shapes do not agree or a statistic is missing.

    Notes
    -----
    Westfall and Young (1993), single-step max-T, with (1 + b) / (1 + m). Strong control of the family-wise error
    needs subset pivotality; the p of the catalogue does not.

    Examples
    --------
    >>> max_t_p([0.65, 0.5], [[0.4, 0.6], [0.7, 0.5], [0.5, 0.5]]).tolist()
    [0.5, 1.0]
    """
    values, null = _complete(observed), _complete(permuted)
    if null.ndim != 2 or values.shape != null.shape[1:]:
        raise InputError(f"expected (models,) and (m, models); found {values.shape} and {null.shape}")
    highest = max_null(null)
    return np.array([permutation_p(float(value), highest) for value in values])


def _complete(values: npt.ArrayLike) -> Numbers:
    array = np.asarray(values, dtype=float)
    if np.isnan(array).any():
        raise InputError(
            f"{int(np.isnan(array).sum())} statistics are missing; a permutation without one is no test"
        )
    return array


def _tie(observed: float) -> float:
    return _TIE * max(1.0, abs(observed))
