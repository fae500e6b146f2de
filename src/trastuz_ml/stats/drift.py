"""Does a new cohort look like the training cohort? Two-sample tests on counts, valid at eight patients.

Only counts of the training cohort are known, so that everything is tested on counts: exactly, or by drawing tables
with the same margins (Monte Carlo). A test that is conditional on its margins cannot cry more often than it says,
however few the patients are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.stats import beta, norm

from trastuz_ml.errors import InputError
from trastuz_ml.stats.comparison import holm
from trastuz_ml.stats.gene_association import attainable_p, discrete_fdr
from trastuz_ml.stats.gene_screen import fisher_p
from trastuz_ml.stats.intervals import Interval, newcombe_auc, no_interval, wilson

Numbers = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

# How often a drift of the size that is stated as visible would be seen.
POWER = 0.8
DRAWS = 9_999
# Tables are drawn from here: the same counts always give the same p.
_SEED = 20151126
# Draws that equal the observed statistic but for rounding count as reaching it.
_TIE = 1e-9
_EXACT_UP_TO = 500


@dataclass(frozen=True)
class Shift:
    """How two samples differ: the effect with its 95 % interval, and the p of no difference."""

    effect: float
    interval: Interval
    p: float


def ordered_shift(trained: npt.ArrayLike, new: npt.ArrayLike, *, draws: int = DRAWS) -> Shift:
    """Compare two samples that were counted in the same ordered bins.

    Parameters
    ----------
    trained, new : array of int, shape (n_bins,)
        Patients by bin, lowest first.
    draws : int
        Tables drawn with the same margins.

    Returns
    -------
    Shift
        ``effect`` is the chance that a new patient lies above a training patient, ties half: 0.5 is no shift.
        Its interval is Newcombe's (2006). The p is one of any difference, also in spread.

    Notes
    -----
    Anderson and Darling's two-sample statistic for tied observations (Scholz and Stephens 1987, JASA 82:918,
    equation 6); p = (1 + b) / (1 + draws), b of the tables reaching the statistic of the observed one.

    Examples
    --------
    >>> shift = ordered_shift([30, 10, 0], [0, 4, 4])
    >>> shift.effect, shift.p < 0.01
    (0.9375, True)
    """
    x, y = _pair(trained, new)
    if not x.sum() or not y.sum():
        return Shift(math.nan, no_interval("nobody to compare"), math.nan)
    below = np.cumsum(x) - x
    effect = float((y * (below + x / 2)).sum() / (x.sum() * y.sum()))
    interval = newcombe_auc(effect, int(y.sum()), int(x.sum()))
    if np.count_nonzero(x + y) < 2:
        return Shift(effect, interval, 1.0)
    return Shift(effect, interval, _drawn(x, y, anderson_darling, draws))


def level_shift(trained: npt.ArrayLike, new: npt.ArrayLike, *, draws: int = DRAWS) -> tuple[int, Shift]:
    """Compare two samples by the levels of a category.

    Parameters
    ----------
    trained, new : array of int, shape (n_levels,)
        Patients by level.
    draws : int
        Tables drawn with the same margins, where there are more than two levels.

    Returns
    -------
    level : int
        The level whose share differs most, in standard deviations.
    shift : Shift
        ``effect`` is the difference of that level's shares, new less training. The p is one of all levels:
        Fisher's exact one for two levels (Fisher 1935), that of Pearson's chi-square by Monte Carlo for more
        (Hope 1968, JRSS B 30:582).

    Examples
    --------
    >>> level, shift = level_shift([40, 60], [9, 1])
    >>> level, round(shift.effect, 2), round(shift.p, 4)
    (0, 0.5, 0.0048)
    """
    x, y = _pair(trained, new)
    if not x.sum() or not y.sum():
        return 0, Shift(math.nan, no_interval("nobody to compare"), math.nan)
    pooled = (x + y) / (x.sum() + y.sum())
    apart = np.abs(y / y.sum() - x / x.sum())
    level = int(np.argmax(apart / np.sqrt(np.maximum(pooled * (1 - pooled), 1e-300))))
    effect, interval = share_difference(int(x[level]), int(x.sum()), int(y[level]), int(y.sum()))
    held = np.flatnonzero(x + y)
    if len(held) < 2:
        return level, Shift(effect, interval, 1.0)
    if len(held) == 2:
        k = held[0]
        p = float(fisher_p(int((x + y).sum()), int(y.sum()), int(x[k] + y[k]), [int(y[k])])[0])
    else:
        p = _drawn(x[held], y[held], chi_square, draws)
    return level, Shift(effect, interval, p)


def share_difference(carriers: int, patients: int, new_carriers: int, new_patients: int) -> tuple[float, Interval]:
    """Return the new share less the old one, with its 95 % interval.

    Notes
    -----
    Newcombe (1998), Statistics in Medicine 17:873, method 10: from the Wilson intervals of both shares.

    Examples
    --------
    >>> difference, interval = share_difference(48, 80, 56, 70)
    >>> round(difference, 4), round(interval.low, 4), round(interval.high, 4)
    (0.2, 0.0524, 0.3339)
    """
    if patients == 0 or new_patients == 0:
        return math.nan, no_interval("nobody to compare")
    old, new = carriers / patients, new_carriers / new_patients
    around_old, around_new = wilson(old, patients), wilson(new, new_patients)
    low = new - old - math.hypot(new - around_new.low, around_old.high - old)
    high = new - old + math.hypot(around_new.high - new, old - around_old.low)
    return new - old, Interval(low, high, "Newcombe")


def gene_shifts(
    carriers: npt.ArrayLike, covered: npt.ArrayLike, new_carriers: npt.ArrayLike, new_covered: npt.ArrayLike
) -> tuple[Numbers, Numbers]:
    """Compare how many carry each gene.

    Parameters
    ----------
    carriers, covered, new_carriers, new_covered : array of int, shape (n_genes,)
        Training and new patients who carry the gene, and in whom it was covered.

    Returns
    -------
    p : array of float, shape (n_genes,)
        Fisher's exact p; NaN where nobody was covered in one of the cohorts.
    rate : array of float, shape (n_genes,)
        Adjusted to a false discovery rate that takes of each gene only the p that its counts can give
        (:func:`trastuz_ml.stats.gene_association.discrete_fdr`).

    Examples
    --------
    >>> p, rate = gene_shifts([10, 40], [100, 100], [9, 11], [30, 30])
    >>> p.round(3).tolist(), rate.round(3).tolist()
    ([0.015, 0.833], [0.026, 1.0])
    """
    x, n, y, m = (np.asarray(a, dtype=np.int64) for a in (carriers, covered, new_carriers, new_covered))
    p, rate = np.full(x.shape, np.nan), np.full(x.shape, np.nan)
    told = (n > 0) & (m > 0)
    if told.any():
        x, n, y, m = (a[told] for a in (x, n, y, m))
        p[told] = fisher_p(n + m, m, x + y, y)
        attainable, margin = attainable_p(n + m, m, x + y)
        rate[told] = discrete_fdr(p[told], attainable, margin)
    return p, rate


def whole_table_p(single: npt.ArrayLike, members: int, rates: npt.ArrayLike) -> tuple[Numbers, Numbers]:
    """Adjust so that, without any drift, one row or more of the whole table cries in at most the nominal share.

    Where there are both, half of the share is for single rows, by Holm's method, and half for the genes.

    Parameters
    ----------
    single : array of float
        p of single rows: burden, covariates. NaN where there is none.
    members : int
        How many single rows were looked at, those included that are not shown because nothing could differ.
    rates : array of float
        False discovery rates of genes, from :func:`gene_shifts`.

    Examples
    --------
    >>> whole_table_p([0.001, 0.4], 2, [0.01])
    (array([0.004, 0.8  ]), array([0.02]))
    """
    p = np.asarray(single, dtype=float)
    told = ~np.isnan(p)
    # Rows that cannot differ have p = 1; they still count.
    padded = np.concatenate([p[told], np.ones(max(0, members - int(told.sum())))])
    adjusted = np.full(p.shape, np.nan)
    if told.any():
        adjusted[told] = holm(padded)[: int(told.sum())]
    genes = np.asarray(rates, dtype=float)
    parts = 2 if members and genes.size else 1
    return np.minimum(parts * adjusted, 1.0), np.minimum(parts * genes, 1.0)


@lru_cache(maxsize=4096)
def visible_shares(carriers: int, patients: int, new_patients: int, alpha: float) -> tuple[float, float]:
    """Return the new shares nearest to the training share, below and above it, that would be seen in 80 %.

    Parameters
    ----------
    carriers, patients : int
        Training patients of the kind in question, and all.
    new_patients : int
        Size of the new cohort.
    alpha : float
        Level at which the test is to reject.

    Returns
    -------
    below, above : float
        NaN where no share would be seen on that side.

    Notes
    -----
    The training counts as they are; Fisher's test and binomial chances. Above 500 new patients by the arcsine
    approximation (Cohen 1988, Statistical power analysis, equation 6.4.1).

    Examples
    --------
    >>> [round(share, 2) for share in visible_shares(40, 100, 30, 0.01)]
    [0.1, 0.75]
    """
    if patients == 0 or new_patients == 0:
        return math.nan, math.nan
    share = carriers / patients
    if new_patients > _EXACT_UP_TO:
        return _visible_of_many(share, patients, new_patients, alpha)

    def seen(y: int) -> bool:
        return float(fisher_p(patients + new_patients, new_patients, carriers + y, [y])[0]) <= alpha

    # The further from the training share, the smaller p: the last count that is seen is found by halving.
    middle = min(round(share * new_patients), new_patients)
    below, above = math.nan, math.nan
    if seen(0) and share > 0:
        most = _last_seen(seen, 0, middle)
        below = float(beta.ppf(1 - POWER, most + 1, new_patients - most))
    if seen(new_patients) and share < 1:
        fewest = _last_seen(seen, new_patients, middle)
        above = float(beta.ppf(POWER, fewest, new_patients - fewest + 1))
    return below, above


def _last_seen(seen: Callable[[int], bool], far: int, near: int) -> int:
    """Return the count between a seen and an unseen one that is still seen, the nearest to the unseen one."""
    while abs(far - near) > 1:
        middle = (far + near) // 2
        far, near = (middle, near) if seen(middle) else (far, middle)
    return far


def _visible_of_many(share: float, patients: int, new_patients: int, alpha: float) -> tuple[float, float]:
    z = float(norm.ppf(1 - alpha / 2) + norm.ppf(POWER))
    angle, step = 2 * math.asin(math.sqrt(share)), z * math.sqrt(1 / patients + 1 / new_patients)
    below = math.sin((angle - step) / 2) ** 2 if angle > step else math.nan
    above = math.sin((angle + step) / 2) ** 2 if angle + step < math.pi else math.nan
    return below, above


def visible_index(patients: int, new_patients: int, alpha: float) -> float:
    """Return the distance from 0.5 of a chance of lying above that a rank test would see in 80 %; at most 0.5.

    Notes
    -----
    Noether (1987), JASA 82:645, equation for Wilcoxon's two-sample test, solved for the effect.

    Examples
    --------
    >>> round(visible_index(100, 30, 0.01), 3)
    0.205
    """
    if patients == 0 or new_patients == 0:
        return math.nan
    z = float(norm.ppf(1 - alpha / 2) + norm.ppf(POWER))
    return min(0.5, z / math.sqrt(12 * patients * new_patients / (patients + new_patients)))


def anderson_darling(first: Counts, second: Counts) -> Numbers:
    """Return the two-sample statistic of counts in ordered bins, each row a table, shape (n_tables,)."""
    both = first + second
    n, total = first.sum(axis=-1, keepdims=True), both.sum(axis=-1, keepdims=True)
    own, pooled = np.cumsum(first, axis=-1)[..., :-1], np.cumsum(both, axis=-1)[..., :-1]
    spread = pooled * (total - pooled)
    apart = (total * own - n * pooled) ** 2 / np.maximum(spread, 1)
    weight = np.where(spread > 0, both[..., :-1], 0)
    statistic: Numbers = (weight * apart).sum(axis=-1) / (n * (total - n))[..., 0]
    return statistic


def chi_square(first: Counts, second: Counts) -> Numbers:
    """Return Pearson's statistic of counts by level, each row a table, shape (n_tables,)."""
    both = first + second
    expected = both * first.sum(axis=-1, keepdims=True) / both.sum(axis=-1, keepdims=True)
    other = both - expected
    return np.asarray(((first - expected) ** 2 * (1 / expected + 1 / other)).sum(axis=-1))


def _drawn(x: Counts, y: Counts, statistic: Callable[[Counts, Counts], Numbers], draws: int) -> float:
    """Return the Monte-Carlo p of a table, conditional on its margins."""
    rng = np.random.default_rng(_SEED)
    # Drawn is whichever sample is the smaller: the same tables, sooner.
    few = x if x.sum() < y.sum() else y
    tables = rng.multivariate_hypergeometric(x + y, int(few.sum()), size=draws, method="marginals")
    observed = float(statistic(few[None], (x + y - few)[None])[0])
    reached = int((statistic(tables, x + y - tables) >= observed * (1 - _TIE)).sum())
    return (1 + reached) / (1 + draws)


def _pair(trained: npt.ArrayLike, new: npt.ArrayLike) -> tuple[Counts, Counts]:
    x, y = np.asarray(trained, dtype=np.int64), np.asarray(new, dtype=np.int64)
    if x.ndim != 1 or x.shape != y.shape or min(x.min(initial=0), y.min(initial=0)) < 0:
        raise InputError(f"expected counts of the same bins in both samples; found {x.shape} and {y.shape}.")
    return x, y
