"""Selection of genes inside a training fold: by association, or by stability against shuffled copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from trastuz_ml.errors import ConfigurationError, InputError
from trastuz_ml.stats.gene_screen import fisher_p, screen_genes

Genes = npt.NDArray[np.floating[Any]]
Response = npt.NDArray[np.integer[Any]]
Groups = npt.NDArray[Any]
Places = npt.NDArray[np.intp]
Numbers = npt.NDArray[np.float64]

SUBSAMPLES = 50
COPIES = 4
PICKS = 5


@dataclass(frozen=True)
class Selection:
    """How genes are selected, and the candidates that inner folds choose from.

    Parameters
    ----------
    how : {"none", "association", "stability"}
        All genes; those with the smallest Fisher p; those picked more often than their shuffled copies.
    keep : tuple of int
        Numbers of genes to try, for ``association``.
    false_genes : tuple of float
        Expected numbers of false genes to try, for ``stability``; see :func:`select_by_stability`.

    Examples
    --------
    >>> Selection("association", keep=(10, 50)).grid
    ({'keep': 10}, {'keep': 50})
    """

    how: Literal["none", "association", "stability"] = "none"
    keep: tuple[int, ...] = (5, 20, 100)
    false_genes: tuple[float, ...] = (0.5, 1.0, 5.0)

    def __post_init__(self) -> None:
        if self.how not in ("none", "association", "stability"):
            raise ConfigurationError(f"Genes cannot be selected by '{self.how}': none, association or stability.")
        if not self.grid:
            raise ConfigurationError(f"Selection by {self.how} needs at least one candidate, found none.")

    @property
    def grid(self) -> tuple[dict[str, Any], ...]:
        """The candidates, as keyword arguments of the function that selects."""
        if self.how == "association":
            return tuple({"keep": k} for k in self.keep)
        if self.how == "stability":
            return tuple({"false_genes": f} for f in self.false_genes)
        return ({},)


def select_genes(selection: Selection, genes: Genes, y: Response, groups: Groups, seed: int) -> tuple[Places, ...]:
    """Return the selected columns for every candidate of the grid; what they share is computed once.

    Parameters
    ----------
    selection : Selection
        How, and the candidates.
    genes, y, groups, seed
        As for :func:`select_by_stability`: training rows only.

    Examples
    --------
    >>> genes = np.array([[1.0, 0], [1, 0], [1, 1], [0, 0], [0, 1], [0, 1]])
    >>> y = np.array([1, 1, 1, 0, 0, 0])
    >>> [s.tolist() for s in select_genes(Selection("association", keep=(1, 2)), genes, y, y, seed=1)]
    [[0], [0, 1]]
    """
    if selection.how == "association":
        ranked = rank_by_association(genes, y)
        return tuple(np.sort(ranked[: _at_least_one(k)]) for k in selection.keep)
    if selection.how == "stability":
        found = selection_frequencies(genes, y, groups, seed)
        return tuple(found.above(f) for f in selection.false_genes)
    return (np.arange(genes.shape[1]),)


def select_by_association(genes: Genes, y: Response, keep: int) -> Places:
    """Return the columns of the genes with the smallest two-sided Fisher p, sorted.

    Parameters
    ----------
    genes : array, shape (n_patients, n_genes)
        Training rows; above 0 is mutated, NaN is not covered.
    y : array of 0 and 1, shape (n_patients,)
        Their response.
    keep : int
        How many at most. A gene that nobody or everybody carries is never kept.

    Raises
    ------
    ConfigurationError
        If ``keep`` is below 1.

    Notes
    -----
    Of genes with the same p those with more carriers come first, then those further left.

    Examples
    --------
    >>> genes = np.array([[1.0, 0, 0], [1, 0, 1], [1, 1, 1], [0, 0, 1], [0, 1, 0], [0, 1, 0]])
    >>> select_by_association(genes, np.array([1, 1, 1, 0, 0, 0]), keep=1).tolist()
    [0]
    """
    return np.sort(rank_by_association(genes, y)[: _at_least_one(keep)])


def rank_by_association(genes: Genes, y: Response) -> Places:
    """Return the columns of the informative genes, the smallest Fisher p first.

    Ties as in :func:`select_by_association`.
    """
    places, carriers = _informative(genes)
    p = screen_genes(genes[:, places], y)[0]
    return places[np.lexsort((places, -carriers[places], p))]


@dataclass(frozen=True, eq=False)
class Frequencies:
    """How often genes and their shuffled copies were among the best in subsamples.

    Attributes
    ----------
    genes : array of float, shape (n_genes,)
        Selection frequency of each gene, from 0 to 1; 0 for genes that nobody or everybody carries.
    copies : array of float, shape (n_copies, n_informative)
        That of the copies, one row for each shuffling.
    """

    genes: Numbers
    copies: Numbers

    def above(self, false_genes: float) -> Places:
        """Return the genes selected more often than all but the allowed number of copies, sorted.

        Raises
        ------
        ConfigurationError
            If there are too few copies for so small a number.
        """
        allowed = _allowed(false_genes, len(self.copies))
        rivals = np.sort(self.copies, axis=None)[::-1]
        threshold = rivals[allowed] if allowed < rivals.size else 0.0
        return np.flatnonzero(self.genes > threshold)

    def false_genes(self) -> Numbers:
        """Return, for each gene, how many false genes are to be expected among all selected as often as it.

        Notes
        -----
        (C + 1) / B, with C of the columns of B copies selected as often or more often, and at most the number of
        informative genes: the smallest ``false_genes`` with which :meth:`above` keeps the gene, and so a bound on
        the expected number when no gene has to do with the response (see :func:`select_by_stability`).

        Examples
        --------
        >>> Frequencies(np.array([0.9, 0.5, 0.0]), np.array([[0.5, 0.1], [0.6, 0.2]])).false_genes().tolist()
        [0.5, 1.5, 2.0]
        """
        rivals = np.sort(self.copies, axis=None)
        above = rivals.size - np.searchsorted(rivals, self.genes, side="left")
        expected: Numbers = np.minimum((above + 1) / len(self.copies), self.copies.shape[1])
        return expected


def select_by_stability(
    genes: Genes,
    y: Response,
    groups: Groups,
    seed: int,
    *,
    false_genes: float = 1.0,
    subsamples: int = SUBSAMPLES,
    copies: int = COPIES,
    picks: int = PICKS,
) -> Places:
    """Return the columns of the genes that subsamples pick more often than shuffled copies, sorted; maybe none.

    Parameters
    ----------
    genes : array, shape (n_patients, n_genes)
        Training rows; above 0 is mutated, NaN is not covered.
    y : array of 0 and 1, shape (n_patients,)
        Their response.
    groups : array, shape (n_patients,)
        Patients of one group are in a subsample together.
    seed : int
        Of subsamples and shufflings.
    false_genes : float
        Expected number of genes kept when no gene has to do with the response, at least ``1 / copies``.
    subsamples : int
        Halves of the patients, in complementary pairs: an even number.
    copies : int
        Shuffled copies of the whole block of genes.
    picks : int
        Columns picked in a subsample, for each block (genes or a copy) that competes; a quarter of them at most.

    Raises
    ------
    ConfigurationError
        If a setting is out of range.
    InputError
        If shapes do not agree.

    Notes
    -----
    Stability selection on complementary halves (Meinshausen & Bühlmann 2010, J R Stat Soc B 72:417; Shah &
    Samworth 2013, J R Stat Soc B 75:55), its threshold set by shuffled copies that compete (shadow features of
    Boruta: Kursa & Rudnicki 2010, J Stat Softw 36(11)) in place of a bound that assumes their distribution. In a
    copy the rows of all genes are shuffled by one permutation, so that genes that occur together stay together and
    go with the response by chance alone. The permutation is the same in all subsamples: one of its own for each
    would even out the chance associations of copies and not those of genes. Ties at the last pick share what is
    left of the picks: no order favours a gene over a copy.

    Of B copies of p genes, a gene is kept when its frequency exceeds that of all copied columns but the K highest,
    K = floor(B false_genes) - 1. When no gene has to do with the response: (a) the expected number kept is
    p (K + 1) / (B p + 1) < false_genes if all columns are exchangeable, because a gene then has any rank among the
    B p copied columns with the same chance; simulated genes that are independent but differ in frequency keep to
    it. (b) The chance that any gene is kept is at most (K + 1) / (B + 1), however genes depend on each other: the
    B + 1 blocks are exchangeable, and the best column of at most K + 1 of them can have at most K columns of other
    blocks at or above it. Where genes go together with burden, false genes come more rarely, but many at once.
    Genes that do matter take picks from genes and copies alike.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> y = np.repeat([0, 1], 40)
    >>> genes = (rng.random((80, 300)) < 0.1).astype(float)
    >>> genes[:, 7] = rng.random(80) < 0.05 + 0.6 * y
    >>> select_by_stability(genes, y, np.arange(80), seed=1).tolist()
    [7]
    """
    _allowed(false_genes, copies)
    found = selection_frequencies(genes, y, groups, seed, subsamples=subsamples, copies=copies, picks=picks)
    return found.above(false_genes)


def selection_frequencies(
    genes: Genes,
    y: Response,
    groups: Groups,
    seed: int,
    *,
    subsamples: int = SUBSAMPLES,
    copies: int = COPIES,
    picks: int = PICKS,
) -> Frequencies:
    """Return how often each gene, and each of its shuffled copies, is among the best of a subsample.

    Parameters as for :func:`select_by_stability`.
    """
    _check(genes, y, groups, subsamples, copies, picks)
    places, _ = _informative(genes)
    frequency = np.zeros(genes.shape[1])
    if places.size == 0:
        return Frequencies(frequency, np.zeros((copies, 0)))
    rng = np.random.default_rng(seed)
    group = _numbered(groups)
    halves = _halves(y, group, subsamples, rng)
    block = genes[:, places]
    shuffled = [block[_shuffled(group, rng)] for _ in range(copies)]
    p = _p_in_halves(halves, y, np.hstack([block, *shuffled]))
    most = max(1, min(picks * (copies + 1), p.shape[1] // 4))
    best = _best(p, most).mean(axis=0).reshape(copies + 1, -1)
    frequency[places] = best[0]
    return Frequencies(frequency, best[1:])


def _at_least_one(keep: int) -> int:
    if keep < 1:
        raise ConfigurationError(f"keep must be at least 1, found {keep}.")
    return keep


def _allowed(false_genes: float, copies: int) -> int:
    # A hair above, because 0.29 * 100 is 28.999...
    allowed = int(np.floor(false_genes * copies * (1 + 1e-12))) - 1
    if allowed < 0:
        raise ConfigurationError(
            f"{false_genes:g} false genes were asked for, but with {copies} shuffled "
            f"cop{'y' if copies == 1 else 'ies'} no fewer than {1 / max(copies, 1):.3g} can be expected: ask for "
            "more copies."
        )
    return allowed


def _check(genes: Genes, y: Response, groups: Groups, subsamples: int, copies: int, picks: int) -> None:
    if not len(genes) == len(y) == len(groups):
        raise InputError(
            f"Genes have {len(genes)} rows, the response {len(y)} and groups {len(groups)}: they must be as many."
        )
    if subsamples < 2 or subsamples % 2:
        raise ConfigurationError(f"subsamples come in complementary pairs: an even number, found {subsamples}.")
    if copies < 1 or picks < 1:
        raise ConfigurationError(f"copies and picks must be at least 1, found {copies} and {picks}.")


def _informative(genes: Genes) -> tuple[Places, Places]:
    """Return the genes that some carry and some do not, among the patients covered, and carriers of every gene."""
    carriers = (genes > 0).sum(axis=0)
    covered = (~np.isnan(genes)).sum(axis=0)
    return np.flatnonzero((carriers > 0) & (carriers < covered)), carriers


def _numbered(groups: Groups) -> Places:
    """Return the groups as 0, 1, ... in order of appearance, so that their names do not matter."""
    _, first, of = np.unique(groups, return_index=True, return_inverse=True)
    number = np.empty(len(first), dtype=np.intp)
    number[np.argsort(first)] = np.arange(len(first))
    return number[of]


def _halves(y: Response, group: Places, subsamples: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return complementary halves of the groups, each with half of those that respond, as rows of 0 and 1."""
    sizes = np.bincount(group)
    # A group responds when most of it does.
    responds = np.bincount(group, weights=y) * 2 > sizes
    halves = np.empty((subsamples, len(y)), dtype=np.float32)
    for pair in range(subsamples // 2):
        dealt = np.lexsort((rng.random(len(sizes)), responds))
        side = np.empty(len(sizes), dtype=np.intp)
        side[dealt] = (np.arange(len(sizes)) + rng.integers(2)) % 2
        halves[2 * pair], halves[2 * pair + 1] = side[group], 1 - side[group]
    return halves


def _shuffled(group: Places, rng: np.random.Generator) -> Places:
    """Return a permutation of the rows that moves whole groups, to the places of groups of the same size."""
    sizes = np.bincount(group)
    by_group = np.argsort(group, kind="stable")
    begin = np.cumsum(sizes) - sizes
    order = np.empty(len(group), dtype=np.intp)
    for size in np.unique(sizes):
        rows = by_group[begin[sizes == size][:, None] + np.arange(size)]
        order[rows] = rows[rng.permutation(len(rows))]
    return order


def _p_in_halves(halves: npt.NDArray[np.float32], y: Response, block: Genes) -> Numbers:
    """Return Fisher's p of every column in every half, shape (n_halves, n_columns)."""
    mutated = (block > 0).astype(np.float32)
    missing = np.isnan(block)
    covered = (~missing).astype(np.float32) if missing.any() else np.ones((len(block), 1), np.float32)
    both = np.vstack([halves, halves * y.astype(np.float32)])
    margins, carriers = both @ covered, both @ mutated
    p = np.empty((len(halves), block.shape[1]))
    # A few halves at a time: memory that is used again costs less than new memory.
    for some in np.array_split(np.arange(len(halves)), -(-p.size // 2**17)):
        responding = some + len(halves)
        p[some] = fisher_p(margins[some], margins[responding], carriers[some], carriers[responding])
    return p


def _best(p: Numbers, picks: int) -> Numbers:
    """Return 1 for the smallest p of each row, as many as are picked; ties at the last pick share what is left."""
    last = np.partition(p, picks - 1, axis=1)[:, picks - 1, None]
    before, tied = p < last, p == last
    left = (picks - before.sum(axis=1, keepdims=True)) / tied.sum(axis=1, keepdims=True)
    share: Numbers = before + tied * left
    return share
