"""How carriers of each gene respond: odds ratios with exact intervals, and a discovery rate for discrete tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from trastuz_ml.errors import InputError
from trastuz_ml.stats.gene_screen import fisher_p

Numbers = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Places = npt.NDArray[np.intp]
# Values and slopes of increasing functions, the chosen ones, where each is asked.
Excess = Callable[[Numbers, Places], tuple[Numbers, Numbers]]

# Values of p that the same table gives along two ways differ in their last digits.
_TIE = 1e-10
# Cells of a block of tables: memory hangs on it, the result does not.
_CELLS = 2**18
# Step of a logarithm of an odds ratio that is no step.
_CLOSE = 1e-12


@dataclass(frozen=True, eq=False)
class OddsRatios:
    """Odds of response, carriers against the others, in the shape of the counts.

    Attributes
    ----------
    estimate : array of float
        Conditional maximum likelihood odds ratio; 0 or infinite where no carrier, or no one else, responds (or
        fails to); NaN where nobody or everybody carries the gene or responds.
    low, high : array of float
        Ends of the exact interval; 0 and infinite where the data set no bound.
    """

    estimate: Numbers
    low: Numbers
    high: Numbers


def conditional_odds_ratios(
    covered: npt.ArrayLike,
    responders: npt.ArrayLike,
    carriers: npt.ArrayLike,
    carriers_responding: npt.ArrayLike,
    *,
    level: float = 0.95,
) -> OddsRatios:
    """Return the conditional odds ratio of every gene with its exact interval, each distinct table solved once.

    Parameters
    ----------
    covered, responders, carriers, carriers_responding : array of int
        Counts, of any shapes that broadcast: patients in whom the gene was covered, those of them who respond,
        who carry it, and who do both.
    level : float
        Level of the interval.

    Raises
    ------
    InputError
        If a table with these counts cannot be.

    Notes
    -----
    Given the margins, the number X of carriers who respond follows Fisher's noncentral hypergeometric distribution
    (Fisher 1935, J R Stat Soc 98:39). The estimate solves E X = x; the ends solve P(X >= x) = (1 - level) / 2 and
    P(X <= x) = (1 - level) / 2 (Cornfield 1956, Proc Third Berkeley Symp 4:135). This is R's ``fisher.test``. Each
    equation is solved for the logarithm of the odds ratio by Newton's steps, halved into a bracket where they
    leave it.

    Examples
    --------
    >>> found = conditional_odds_ratios(30, 15, [10, 3], [1, 3])
    >>> found.estimate.round(3).tolist(), found.low.round(3).tolist(), found.high.round(3).tolist()
    ([0.053, inf], [0.001, 0.432], [0.524, inf])
    """
    n, r, k, x = _checked(covered, responders, carriers, carriers_responding)
    shape = n.shape
    (n, r, k, x), which = _distinct(n, r, k, x)
    estimate, low, high = (np.full(n.size, np.nan) for _ in range(3))
    told = (k > 0) & (k < n) & (r > 0) & (r < n)
    width = np.minimum(k, r) - np.maximum(0, k + r - n) + 1
    for size in np.unique(_power_of_two(width[told])).tolist():
        those = np.flatnonzero(told & (_power_of_two(width) == size))
        for some in np.array_split(those, -(-size * len(those) // _CELLS)):
            table = _Tables.of(n[some], r[some], k[some], x[some], size)
            estimate[some] = np.exp(table.likeliest())
            low[some] = np.exp(table.lower_end((1 - level) / 2))
            high[some] = np.exp(-table.mirrored().lower_end((1 - level) / 2))
    return OddsRatios(*(values[which].reshape(shape) for values in (estimate, low, high)))


def attainable_p(
    covered: npt.ArrayLike, responders: npt.ArrayLike, carriers: npt.ArrayLike
) -> tuple[list[Numbers], Places]:
    """Return the two-sided Fisher p values that margins allow, for each distinct margin, and which a gene has.

    Parameters
    ----------
    covered, responders, carriers : array of int, shape (n_genes,)
        Margins of each gene.

    Returns
    -------
    attainable : list of array of float
        For every distinct margin the p of each table, from the fewest to the most carriers responding.
    margin : array of int, shape (n_genes,)
        The place of each gene's margin in that list.

    Examples
    --------
    >>> attainable, margin = attainable_p([62, 62, 62], [20, 20, 20], [3, 1, 3])
    >>> [p.round(3).tolist() for p in attainable], margin.tolist()
    ([[1.0, 0.323], [0.545, 1.0, 0.241, 0.03]], [1, 0, 1])
    """
    (n, r, k), margin = _distinct(
        *np.broadcast_arrays(*(np.atleast_1d(m) for m in (covered, responders, carriers)))
    )
    fewest = np.maximum(0, k + r - n)
    tables = np.minimum(k, r) - fewest + 1
    begin = np.cumsum(tables) - tables
    of = np.repeat(np.arange(n.size), tables)
    x = np.arange(int(tables.sum())) - begin[of] + fewest[of]
    return np.split(fisher_p(n[of], r[of], k[of], x), begin[1:]), margin


def discrete_fdr(p: npt.ArrayLike, attainable: Sequence[npt.ArrayLike], margin: npt.ArrayLike) -> Numbers:
    """Return p adjusted to a false discovery rate, counting of each test only the p values that it can have.

    Parameters
    ----------
    p : array of float, shape (n_tests,)
        What was found.
    attainable : sequence of array of float
        Sets of p values that a test can give, such as :func:`attainable_p` makes.
    margin : array of int, shape (n_tests,)
        The place of each test's set.

    Returns
    -------
    array of float, shape (n_tests,)
        The smallest rate at which each test is a discovery.

    Raises
    ------
    InputError
        If shapes do not agree, or a p is outside 0 to 1.

    Notes
    -----
    The heterogeneous step-down procedure, HSD, of Döhler, Durand & Roquain 2018 (Electron J Stat 12:1867). With
    F_i(t) the chance of p_i <= t when gene i has nothing to do with the response (the largest value attainable for
    i that is at most t, 0 below the smallest) and p_(1) <= p_(2) <= ... the ordered p,

        q_(k) = max over j <= k of min(1, S(p_(j)) / j),    S(t) = sum over i of F_i(t) / (1 - F_i(t)).

    It keeps the false discovery rate when tests are independent. Where every p is attainable by every test, S(t)
    is m t / (1 - t): the rate of Benjamini & Hochberg (1995) with p / (1 - p) in place of p, taken step by step
    downwards. It is then a little the larger of the two; the more carriers are few, the smaller it is. A test that
    can never reach the p of another does not make the other dearer: untestable genes cost nothing.

    Examples
    --------
    >>> discrete_fdr([0.01, 0.2, 0.5], [[0.01, 0.2, 1], [0.5, 1]], [0, 0, 1]).round(3).tolist()
    [0.02, 0.25, 0.5]
    """
    found, place = np.asarray(p, dtype=np.float64), np.asarray(margin)
    if found.ndim != 1 or found.shape != place.shape:
        raise InputError(f"p has shape {found.shape} and margin {place.shape}: one of each for every test.")
    if not ((found >= 0) & (found <= 1)).all():
        raise InputError("p must be from 0 to 1, and known.")
    if found.size == 0:
        return np.ones(0)
    order = np.argsort(found, kind="stable")
    rate = _summed_odds(found[order], attainable, np.bincount(place, minlength=len(attainable)))
    adjusted = np.empty(found.size)
    adjusted[order] = np.minimum(np.maximum.accumulate(rate / np.arange(1, found.size + 1)), 1.0)
    return adjusted


def _summed_odds(t: Numbers, attainable: Sequence[npt.ArrayLike], tests: Places) -> Numbers:
    """Return S(t): F / (1 - F) summed over tests, as the sum of the jumps at attainable values up to t."""
    values, jumps = [], []
    for some, number in zip(attainable, tests.tolist(), strict=True):
        ordered = np.sort(np.asarray(some, dtype=np.float64))
        below = ordered[ordered < 1 - _TIE]
        values.append(below)
        jumps.append(number * np.diff(below / (1 - below), prepend=0.0))
    value, jump = np.concatenate(values), np.concatenate(jumps)
    rising = np.argsort(value)
    summed = np.concatenate([[0.0], np.cumsum(jump[rising])])
    odds: Numbers = summed[np.searchsorted(value[rising], t * (1 + _TIE), side="right")]
    return np.where(t >= 1 - _TIE, np.inf, odds)


def _checked(*counts: npt.ArrayLike) -> tuple[Counts, ...]:
    n, r, k, x = np.broadcast_arrays(*(np.asarray(c).astype(np.int64) for c in counts))
    if n.size and min(int(c.min()) for c in (n, r, k, x, k - x, r - x, n - r - k + x)) < 0:
        raise InputError("A table cannot be: covered, responders, carriers and carriers responding contradict.")
    return n, r, k, x


def _distinct(*counts: npt.NDArray[np.integer]) -> tuple[tuple[Counts, ...], Places]:
    """Return the distinct combinations of counts, sorted, and which of them each is."""
    flat = [c.ravel().astype(np.int64) for c in counts]
    spans = tuple(int(c.max(initial=0)) + 1 for c in flat)
    codes, which = np.unique(np.ravel_multi_index(flat, spans), return_inverse=True)
    return tuple(c.astype(np.int64) for c in np.unravel_index(codes, spans)), which


def _power_of_two(width: Counts) -> Counts:
    rounded: Counts = 2 ** np.ceil(np.log2(np.maximum(width, 2))).astype(np.int64)
    return rounded


@dataclass(frozen=True, eq=False)
class _Tables:
    """Tables of similar size: log weights of all outcomes at an odds ratio of 1, and the place of the observed.

    Outcomes are counted from the fewest carriers responding that the margins allow; -inf is no outcome.
    """

    logs: Numbers
    seen: Counts
    last: Counts
    start: Numbers
    error: Numbers
    bound: Numbers

    @classmethod
    def of(cls, n: Counts, r: Counts, k: Counts, x: Counts, width: int) -> _Tables:
        fewest = np.maximum(0, k + r - n)
        last = np.minimum(k, r) - fewest
        outcome = fewest[:, None] + np.minimum(np.arange(width), last[:, None])
        cells = (outcome, r[:, None] - outcome, k[:, None] - outcome, (n - r - k)[:, None] + outcome)
        log_factorial = gammaln(np.arange(int(n.max()) + 1) + 1.0)
        logs: Numbers = -sum(log_factorial[cell] for cell in cells)
        logs[np.arange(width) > last[:, None]] = -np.inf
        # The sample odds ratio, half a patient added to each cell, and its standard error (Woolf) are near enough.
        a, b, c, d = (cell + 0.5 for cell in (x, r - x, k - x, n - r - k + x))
        start = np.log(a * d / (b * c))
        # Neighbouring weights differ by a factor of n squared at most: beyond this bound no equation has a root.
        return cls(logs, x - fewest, last, start, np.sqrt(1 / a + 1 / b + 1 / c + 1 / d), 10 + 4 * np.log(n))

    def mirrored(self) -> _Tables:
        """Return the tables of failing to respond: their odds ratios are the reciprocals."""
        places = self.last[:, None] - np.arange(self.logs.shape[1])
        logs = np.where(places >= 0, np.take_along_axis(self.logs, np.maximum(places, 0), axis=1), -np.inf)
        return _Tables(logs, self.last - self.seen, self.last, -self.start, self.error, self.bound)

    def likeliest(self) -> Numbers:
        """Return the log odds ratios at which the mean is what was seen; infinite at the ends."""
        inside = np.flatnonzero((self.seen > 0) & (self.seen < self.last))
        root = np.where(self.seen == 0, -np.inf, np.inf)

        def excess(theta: Numbers, some: Places) -> tuple[Numbers, Numbers]:
            chance, step = self._chance(theta, inside[some])
            mean = chance @ step
            return mean - self.seen[inside[some]], chance @ step**2 - mean**2

        root[inside] = _increasing_root(excess, self.start[inside], self.bound[inside])
        return root

    def lower_end(self, tail: float) -> Numbers:
        """Return the log odds ratios at which as much as was seen, or more, has this chance; -inf for nothing."""
        inside = np.flatnonzero(self.seen > 0)
        root = np.full(self.seen.size, -np.inf)

        def excess(theta: Numbers, some: Places) -> tuple[Numbers, Numbers]:
            chance, step = self._chance(theta, inside[some])
            upper = np.where(step >= self.seen[inside[some], None], chance, 0.0)
            share = np.maximum(upper.sum(axis=1), np.finfo(float).tiny)
            return np.log(share / tail), upper @ step / share - chance @ step

        start = (self.start - 2 * self.error)[inside]
        root[inside] = _increasing_root(excess, start, self.bound[inside])
        return root

    def _chance(self, theta: Numbers, rows: Places) -> tuple[Numbers, Numbers]:
        step = np.arange(self.logs.shape[1], dtype=np.float64)
        logs = self.logs[rows] + theta[:, None] * step
        chance: Numbers = np.exp(logs - logs.max(axis=1, keepdims=True))
        chance /= chance.sum(axis=1, keepdims=True)
        return chance, step


def _increasing_root(excess: Excess, start: Numbers, bound: Numbers) -> Numbers:
    """Return where each increasing function is 0, by Newton's steps kept in a bracket."""
    theta = np.clip(start, -bound, bound)
    low, high = -bound.copy(), bound.copy()
    open_ = np.arange(theta.size)
    for _ in range(200):
        if open_.size == 0:
            break
        value, slope = excess(theta[open_], open_)
        at = theta[open_]
        low[open_] = np.where(value <= 0, at, low[open_])
        high[open_] = np.where(value >= 0, at, high[open_])
        with np.errstate(divide="ignore", invalid="ignore"):
            step = at - value / slope
        inside = (step > low[open_]) & (step < high[open_])
        new = np.where(inside, step, (low[open_] + high[open_]) / 2)
        theta[open_] = np.where(value == 0, at, new)
        open_ = open_[(np.abs(new - at) > _CLOSE * (1 + np.abs(at))) & (value != 0)]
    return theta
