"""Fisher's exact test of every gene against many responses at once: counts by one product, p by looking up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.special import gammaln

from trastuz_ml.errors import InputError

Numbers = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[Any]  # float32 where that is exact, float64 else
Towards = Literal["either", "response", "resistance"]

# Logarithms of factorials cannot hold scipy's 1e-14. Up to 300 patients no two unequal tables of the same margins
# are closer than 1e-6, so that the same tables are called equally probable.
_TIE = 1e-10
# Whole numbers below this are exact in float32, sums of them too.
_EXACT_FLOAT32 = 2**24
# Codes of margins are marked in an array up to this size, and sorted beyond.
_MARKED = 2**24


@dataclass(frozen=True, eq=False)
class GeneCounts:
    """What the tests are made of.

    Attributes
    ----------
    covered, carriers : array of int, shape (n_genes,)
        Patients in whom the gene was covered, and mutated.
    responders, carriers_responding : array of int, shape (n_responses, n_genes)
        Those of them who respond.
    """

    covered: Counts
    carriers: Counts
    responders: Counts
    carriers_responding: Counts


def screen_genes(
    carriers: Any,
    responses: npt.ArrayLike,
    covered: npt.ArrayLike | None = None,
    *,
    towards: Towards = "either",
    cells_at_once: int = 2**21,
) -> Numbers:
    """Return Fisher's exact p of every gene for every response.

    Parameters
    ----------
    carriers : array or scipy sparse matrix, shape (n_patients, n_genes)
        Above 0 where the gene is mutated, 0 where it is not, NaN where it was not covered.
    responses : array of 0 and 1, shape (n_responses, n_patients) or (n_patients,)
        The observed response, permuted ones, or both.
    covered : array of bool, shape (n_patients, n_genes), optional
        Whether the gene was covered, for sparse matrices; NaN is not covered in any case.
    towards : {"either", "response", "resistance"}
        Two-sided by probability (scipy's and R's definition), or carriers respond more often, or less often.
    cells_at_once : int
        Cells of the result that are worked on at a time: memory hangs on it, the result does not.

    Returns
    -------
    array of float64, shape (n_responses, n_genes)
        1 where nobody, or everybody, carries the gene or responds.

    Raises
    ------
    InputError
        If shapes do not agree, a response is neither 0 nor 1, or a gene is mutated where it was not covered.

    Notes
    -----
    Fisher (1935), J R Stat Soc 98:39: given the margins, p depends on the number of carriers who respond alone.
    With s > carriers, one product of the responses with ``mutated + s covered`` gives responders s + carriers
    responding, which is the place of p in a table: patients in whom a gene was not covered cost nothing more.

    Examples
    --------
    >>> carriers = np.array([[1, 0], [1, np.nan], [1, 0], [0, 1], [0, 1], [0, 0]])
    >>> screen_genes(carriers, [[1, 1, 1, 0, 0, 0], [1, 0, 1, 0, 1, 0]]).round(2).tolist()
    [[0.1, 0.4], [1.0, 1.0]]
    """
    y = _checked_responses(responses, carriers)
    p = np.empty((len(y), carriers.shape[1]))
    for rows, columns, table, place in _places(carriers, y, covered, towards, cells_at_once):
        # Places are right by construction; the default mode would check them in a copy.
        np.take(table, place, out=p[rows, columns], mode="clip")
    return p


def smallest_p(
    carriers: Any,
    responses: npt.ArrayLike,
    covered: npt.ArrayLike | None = None,
    *,
    towards: Towards = "either",
    cells_at_once: int = 2**21,
) -> Numbers:
    """Return the smallest p over the genes, for every response, without keeping the p of all.

    Among permuted responses it is the reference of the single-step minP adjustment (Westfall & Young 1993).

    Parameters
    ----------
    carriers, responses, covered, towards, cells_at_once
        As for :func:`screen_genes`.

    Returns
    -------
    array of float64, shape (n_responses,)
        1 where there are no genes.

    Examples
    --------
    >>> smallest_p(np.array([[1, 0], [1, 0], [1, 1], [0, 1]]), [[1, 1, 1, 0], [1, 0, 1, 0]]).round(2).tolist()
    [0.25, 1.0]
    """
    y = _checked_responses(responses, carriers)
    smallest = np.ones(len(y))
    for rows, _, table, place in _places(carriers, y, covered, towards, cells_at_once):
        lowest = np.take(table, place, mode="clip").min(axis=1)
        np.minimum(smallest[rows], lowest, out=smallest[rows])
    return smallest


def count_carriers(carriers: Any, responses: npt.ArrayLike, covered: npt.ArrayLike | None = None) -> GeneCounts:
    """Return the margins and the carriers who respond, for every gene and response.

    Parameters
    ----------
    carriers, responses, covered
        As for :func:`screen_genes`.

    Examples
    --------
    >>> counts = count_carriers(np.array([[1, 0], [1, np.nan], [0, 1]]), [1, 1, 0])
    >>> counts.covered.tolist(), counts.responders.tolist(), counts.carriers_responding.tolist()
    ([3, 2], [[2, 1]], [[2, 0]])
    """
    y = _checked_responses(responses, carriers).astype(np.float32)
    mutated, sequenced = _states(carriers, covered, slice(None))
    whole = (sequenced.sum(axis=0), mutated.sum(axis=0), y @ sequenced, y @ mutated)
    return GeneCounts(*(np.asarray(counts).astype(np.int64) for counts in whole))


def fisher_p(
    covered: npt.ArrayLike,
    responders: npt.ArrayLike,
    carriers: npt.ArrayLike,
    carriers_responding: npt.ArrayLike,
    *,
    towards: Towards = "either",
) -> Numbers:
    """Return Fisher's exact p of many tables, each table of margins computed once.

    Parameters
    ----------
    covered, responders, carriers, carriers_responding : array of int
        Counts, of any shapes that broadcast.
    towards
        As for :func:`screen_genes`.

    Raises
    ------
    InputError
        If a table with these counts cannot be.

    Examples
    --------
    >>> fisher_p(62, 20, 3, [0, 1, 2, 3]).round(3).tolist()
    [0.545, 1.0, 0.241, 0.03]
    """
    given = (np.asarray(counts) for counts in (covered, responders, carriers, carriers_responding))
    n, r, k, x = (counts.astype(np.int64, copy=False) for counts in given)
    shape = np.broadcast_shapes(n.shape, r.shape, k.shape, x.shape)
    if 0 in shape:
        return np.ones(shape)
    if min(int(counts.min()) for counts in (n, r, k, x, k - x, n - r, n - k)) < 0:
        raise InputError(_impossible(n, r, k, x))
    spans = tuple(int(counts.max()) + 1 for counts in (n, r, k))
    # In this order margins that many tables share stay small arrays.
    codes = (n * spans[1] + r) * spans[2] + k
    distinct, which = _distinct(codes)
    table, start = _tables(*_margins(distinct, spans), towards)
    place = start[which] + x
    p = np.take(table, place, mode="clip", out=np.empty(shape))
    if np.isnan(p.min()):
        raise InputError(_impossible(n, r, k, x))
    return p


def _margins(codes: Counts, spans: tuple[int, ...]) -> tuple[Counts, Counts, Counts]:
    n, r, k = np.unravel_index(codes, spans)
    return n, r, k


def _impossible(n: Counts, r: Counts, k: Counts, x: Counts) -> str:
    n, r, k, x = (counts.ravel() for counts in np.broadcast_arrays(n, r, k, x))
    i = int(((x < 0) | (x > k) | (x > r) | (n - r - k + x < 0)).argmax())
    return f"{x[i]} of {k[i]} carriers and {r[i]} of {n[i]} patients respond: no such table can be."


def _checked_responses(responses: npt.ArrayLike, carriers: Any) -> npt.NDArray[np.bool_]:
    y = np.atleast_2d(np.asarray(responses))
    if y.ndim != 2 or carriers.ndim != 2 or y.shape[1] != carriers.shape[0]:
        raise InputError(
            f"Responses of shape {y.shape} do not fit carriers of shape {carriers.shape}: expected "
            "(responses, patients) and (patients, genes)."
        )
    yes: npt.NDArray[np.bool_] = y == 1
    if not (yes | (y == 0)).all():
        raise InputError(f"A response must be 0 or 1, found {y[~(yes | (y == 0))].flat[0]}.")
    return yes


def _states(
    carriers: Any, covered: npt.ArrayLike | None, columns: slice
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return for some genes who carries them and in whom they were covered, as 0 and 1."""
    values = carriers.tocsc()[:, columns].toarray() if sp.issparse(carriers) else np.asarray(carriers[:, columns])
    sequenced = ~np.isnan(values)
    mutated = np.greater(values, 0)
    if covered is not None:
        mask = np.asarray(covered, dtype=bool)
        if mask.shape != carriers.shape:
            raise InputError(f"covered has shape {mask.shape}, carriers {carriers.shape}: they must be the same.")
        sequenced &= mask[:, columns]
        if (mutated & ~sequenced).any():
            raise InputError("A gene is mutated in a patient in whom it was not covered: one of the two is wrong.")
    return mutated.astype(np.float32), sequenced.astype(np.float32)


def _places(
    carriers: Any,
    responses: npt.NDArray[np.bool_],
    covered: npt.ArrayLike | None,
    towards: Towards,
    cells: int,
) -> Iterator[tuple[slice, slice, Numbers, npt.NDArray[np.intp]]]:
    """Yield, block by block, a table of p and the place of every gene and response in it."""
    patients, genes = carriers.shape
    if sp.issparse(carriers):
        carriers = carriers.tocsc()
    wide = max(1, min(genes, 4 * cells // max(patients, 1)))
    high = max(1, min(len(responses), cells // wide))
    for left in range(0, genes if len(responses) else 0, wide):
        columns = slice(left, min(left + wide, genes))
        table, weights, start = _block(*_states(carriers, covered, columns), responses, towards, high)
        y = responses.astype(weights.dtype)
        product = np.empty((high, weights.shape[1]), weights.dtype)
        place = np.empty(product.shape, np.intp)
        for top in range(0, len(y), high):
            rows = slice(top, min(top + high, len(y)))
            size = rows.stop - rows.start
            np.matmul(y[rows], weights, out=product[:size])
            np.add(product[:size], start, out=place[:size], casting="unsafe")
            yield rows, columns, table, place[:size]


def _block(
    mutated: npt.NDArray[np.float32],
    sequenced: npt.NDArray[np.float32],
    responses: npt.NDArray[np.bool_],
    towards: Towards,
    high: int,
) -> tuple[Numbers, Floats, Floats]:
    """Return a table of p, and weights and starts such that ``responses @ weights + start`` are places in it."""
    everybody = np.ones(len(mutated), np.float32)
    n, k = (everybody @ sequenced).astype(np.int64), (everybody @ mutated).astype(np.int64)
    fewest, most = _responders_between(n, sequenced, responses, high)
    # Genes with the same margins share tables, from the fewest to the most responders of any of them.
    pairs, which = _distinct(n * (len(mutated) + 1) + k)
    low = np.full(len(pairs), len(mutated))
    top = np.zeros(len(pairs), dtype=np.int64)
    np.minimum.at(low, which, fewest)
    np.maximum.at(top, which, most)
    lengths = top - low + 1
    first = np.cumsum(lengths) - lengths
    pair = np.repeat(np.arange(len(pairs)), lengths)
    r = np.arange(lengths.sum()) - first[pair] + low[pair]
    table, start = _tables(pairs[pair] // (len(mutated) + 1), r, pairs[pair] % (len(mutated) + 1), towards)
    stride = _stride(k)
    begin = start[first][which] - low[which] * stride
    largest = max(table.size, len(mutated) * int(stride.max(initial=0)), int(np.abs(begin).max(initial=0)))
    exact: type[np.floating] = np.float32 if 2 * largest < _EXACT_FLOAT32 else np.float64
    weights = sequenced.astype(exact)
    weights *= stride.astype(exact)
    weights += mutated
    return table, weights, begin.astype(exact)


def _responders_between(
    covered: Counts, sequenced: npt.NDArray[np.float32], responses: npt.NDArray[np.bool_], high: int
) -> tuple[Counts, Counts]:
    """Return the fewest and the most responders, over the responses, among the patients covered for each gene."""
    genes = sequenced.shape[1]
    if (covered == len(sequenced)).all():
        counts = responses.sum(axis=1)
        return np.full(genes, counts.min()), np.full(genes, counts.max())
    # Genes of one assay are covered in the same patients: they are counted once.
    packed = np.ascontiguousarray(np.packbits(sequenced > 0, axis=0).T)
    rows = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, first, which = np.unique(rows, return_index=True, return_inverse=True)
    patterns = sequenced[:, first]
    fewest, most = np.full(len(first), len(sequenced), np.float32), np.zeros(len(first), np.float32)
    for top in range(0, len(responses), high):
        counts = responses[top : top + high].astype(np.float32) @ patterns
        np.minimum(fewest, counts.min(axis=0), out=fewest)
        np.maximum(most, counts.max(axis=0), out=most)
    return fewest.astype(np.int64)[which], most.astype(np.int64)[which]


def _distinct(codes: Counts) -> tuple[Counts, Counts]:
    """Return the distinct codes, sorted, and which of them each is: as np.unique, faster where codes are small."""
    if codes.size == 0 or codes.max() >= _MARKED:
        distinct, which = np.unique(codes, return_inverse=True)
        return distinct, which
    marked = np.zeros(int(codes.max()) + 1, dtype=bool)
    marked[codes] = True
    return np.flatnonzero(marked), (np.cumsum(marked) - 1)[codes]


def _stride(carriers: Counts) -> Counts:
    """Return the places that a table of so many carriers takes: a power of two, so that few differ."""
    places: Counts = 2 ** np.ceil(np.log2(carriers + 1.0)).astype(np.int64)
    return places


def _tables(n: Counts, r: Counts, k: Counts, towards: Towards) -> tuple[Numbers, Counts]:
    """Return p for 0, 1, ... carriers responding, margin after margin, and where each margin starts."""
    stride = _stride(k)
    start = np.empty(len(k), dtype=np.int64)
    parts: list[Numbers] = []
    filled = 0
    for width in np.unique(stride).tolist():
        those = np.flatnonzero(stride == width)
        start[those] = filled + width * np.arange(len(those))
        filled += width * len(those)
        # 2**18 cells at a time, because sorting works on copies.
        portions = np.array_split(those, max(1, width * len(those) // 2**18))
        parts += [_p_values(n[i, None], r[i, None], k[i, None], width, towards).ravel() for i in portions]
    return np.concatenate([np.ones(0), *parts]), start


def _p_values(n: Counts, r: Counts, k: Counts, width: int, towards: Towards) -> Numbers:
    """Return p of every table, NaN of tables that cannot be."""
    x = np.arange(width)
    possible = (x >= k + r - n) & (x <= np.minimum(k, r))
    log_factorial = gammaln(np.arange(int(n.max(initial=0)) + 1) + 1.0)
    cells = (x, r - x, k - x, n - r - k + x)
    logs = -sum(log_factorial[np.where(possible, np.broadcast_to(cell, possible.shape), 0)] for cell in cells)
    logs[~possible] = -np.inf
    chance = np.exp(logs - logs.max(axis=1, keepdims=True))
    if towards == "either":
        p = _unlikely(chance)
    elif towards == "response":
        p = _share(np.cumsum(chance[:, ::-1], axis=1))[:, ::-1]
    else:
        p = _share(np.cumsum(chance, axis=1))
    return np.where(possible, p, np.nan)


def _unlikely(chance: Numbers) -> Numbers:
    """Return for every table the chance of those that are at most as probable."""
    order = np.argsort(chance, axis=1)
    ranked = np.take_along_axis(chance, order, axis=1)
    below = _share(np.cumsum(ranked, axis=1))
    # The distribution has one peak: at most two tables are equally probable.
    tied = ranked[:, 1:] <= ranked[:, :-1] * (1 + _TIE)
    below[:, :-1] = np.where(tied, below[:, 1:], below[:, :-1])
    p = np.empty_like(below)
    np.put_along_axis(p, order, below, axis=1)
    return p


def _share(summed: Numbers) -> Numbers:
    """Return sums as parts of the last, so that the last is exactly 1."""
    share: Numbers = summed / summed[:, -1:]
    return share
