"""Firth's logistic regression of many genes at once, each beside the same confounders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

from trastuz_ml.errors import InputError

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]

# Patients times genes that are worked on at a time: few enough for a processor's cache.
_CELLS = 2**16
_ITERATIONS = 200
# No coefficient moves further than this in a step (as in R's logistf).
_LONGEST = 5.0
# Twice the gain in log likelihood that a step promises, below which it is not taken: the coefficient hangs on its
# root, p and the ends of intervals on itself.
_GAIN, _GAIN_HELD = 1e-13, 1e-8
# Loss of log likelihood that is rounding.
_ROUNDING = 1e-11
# Distance of the root from its target from which one step more is exact enough.
_NEAR = 1e-4
# A column is told by others when no more than this share of its variance is its own.
_OWN = 1e-9


@dataclass(frozen=True, eq=False)
class FirthFits:
    """The regression of the response on each gene and the confounders.

    Attributes
    ----------
    coefficient : array of float, shape (n_genes,)
        Log odds ratio of response; NaN where it cannot be estimated.
    p : array of float, shape (n_genes,)
        Two-sided, by the penalised likelihood ratio.
    low, high : array of float, shape (n_genes,)
        Ends of the profile interval; NaN where none was asked for.
    converged : array of bool, shape (n_genes,)
        False where it cannot be estimated, too: the confounders tell the gene, or each other, among the covered.
    """

    coefficient: Numbers
    p: Numbers
    low: Numbers
    high: Numbers
    converged: Flags


def firth_genes(
    genes: npt.ArrayLike,
    response: npt.ArrayLike,
    confounders: npt.ArrayLike | None = None,
    *,
    intervals: bool = True,
    level: float = 0.95,
) -> FirthFits:
    """Return, for each gene, the fit of the response to an intercept, the gene and the confounders.

    Parameters
    ----------
    genes : array, shape (n_patients, n_genes)
        One column a fit; NaN where the gene was not covered: the patient is not in that fit.
    response : array of 0 and 1, shape (n_patients,)
    confounders : array of float, shape (n_patients, n_confounders), optional
        Columns that every fit has, without an intercept.
    intervals : bool
        Whether to find intervals, too, which takes several times as long.
    level : float
        Level of the intervals.

    Raises
    ------
    InputError
        If shapes do not agree, a response is neither 0 nor 1, or a confounder is not a number.

    Notes
    -----
    Firth 1993 (Biometrika 80:27): the log likelihood is penalised by half the logarithm of the determinant of
    Fisher's information (Jeffreys' prior), which keeps estimates finite and unbiased to first order. Tests and
    intervals as Heinze & Schemper 2002 (Stat Med 21:2409, sections 2.1 and 3): the likelihood ratio against the
    model whose gene coefficient is held at 0, its penalty still that of the full model, and the two values at
    which holding it costs the 95 % point of chi squared. As R's ``logistf``.

    All genes of a block take their steps together. A step solves the information with weights w (1 + h), h the
    diagonal of the hat matrix, instead of w: it is the information of Firth's augmented data, and steps with w
    alone are twice too long for a gene with one carrier. Steps that lose likelihood are halved.

    Examples
    --------
    >>> genes = np.array([[0, 0, 0, 1, 1, 1], [1, 0, 0, 0, 0, 0]]).T
    >>> found = firth_genes(genes, [0, 0, 0, 1, 1, 1])
    >>> found.coefficient.round(4).tolist(), found.p.round(4).tolist()
    ([3.8918, -1.4351], [0.0245, 0.4059])
    """
    columns, y, shared = _checked(genes, response, confounders)
    coefficient, p, low, high = (np.full(columns.shape[1], np.nan) for _ in range(4))
    converged = np.zeros(columns.shape[1], dtype=bool)
    size = max(1, _CELLS // max(len(y), 1))
    for left in range(0, columns.shape[1], size):
        block = _Block.of(columns[:, left : left + size], y, shared)
        some = left + np.flatnonzero(block.estimable())
        block = block.only(some - left)
        start = np.zeros((some.size, shared.shape[1]))
        full = _maximise(block, np.zeros(some.size), start, held=False)
        null = _maximise(block, np.zeros(some.size), full.shifted(-full.gene), held=True)
        coefficient[some] = full.gene
        p[some] = chi2.sf(2 * np.maximum(full.value - null.value, 0.0), 1)
        converged[some] = full.done & null.done
        if intervals:
            for ends, side in ((low, -1.0), (high, 1.0)):
                ends[some], done = _end(block, full, side, float(chi2.ppf(level, 1)) ** 0.5)
                converged[some] &= done
    for values in (coefficient, p, low, high):
        values[~converged] = np.nan
    return FirthFits(coefficient, p, low, high, converged)


def _checked(
    genes: npt.ArrayLike, response: npt.ArrayLike, confounders: npt.ArrayLike | None
) -> tuple[npt.NDArray[np.floating], Numbers, Numbers]:
    """Return genes, response, and confounders with an intercept, centred and scaled: no gene notices."""
    columns = np.asarray(genes)
    columns = columns if np.issubdtype(columns.dtype, np.floating) else columns.astype(np.float64)
    y = np.asarray(response, dtype=np.float64)
    shared = np.zeros((len(y), 0)) if confounders is None else np.asarray(confounders, dtype=np.float64)
    if columns.ndim != 2 or shared.ndim != 2 or not len(columns) == len(y) == len(shared):
        raise InputError(
            f"Genes have shape {columns.shape}, the response {y.shape} and confounders {shared.shape}: "
            "they must have as many rows."
        )
    if not np.isin(y, (0.0, 1.0)).all():
        raise InputError("A response must be 0 or 1.")
    if not np.isfinite(shared).all():
        raise InputError("A confounder is missing or infinite in some patient: fill it in first.")
    centred = shared - shared.mean(axis=0)
    scale = centred.std(axis=0)
    return columns, y, np.column_stack([np.ones(len(y)), centred / np.where(scale > 0, scale, 1.0)])


@dataclass(frozen=True, eq=False)
class _Point:
    """Where every fit of a block stands.

    ``step_gene`` and ``step`` lead on, ``promised`` is twice the likelihood they promise, ``told`` the regression
    of the gene on the confounders, ``spread`` the standard error of the gene's coefficient.
    """

    gene: Numbers
    others: Numbers
    value: Numbers
    slope: Numbers
    step_gene: Numbers
    step: Numbers
    promised: Numbers
    told: Numbers
    spread: Numbers
    done: Flags

    def shifted(self, by: Numbers) -> Numbers:
        """Return about the best confounder coefficients once the gene's is moved."""
        moved: Numbers = self.others - self.told * by[:, None]
        return moved

    def put(self, places: Places, other: _Point) -> None:
        """Overwrite some fits."""
        for name in self.__dataclass_fields__:
            getattr(self, name)[places] = getattr(other, name)


@dataclass(frozen=True, eq=False)
class _Block:
    """Some genes, as rows, and what all of them share.

    ``seen`` is 1 where the gene was covered, None where all are; ``products`` holds the products of every two
    confounder columns, and ``square`` their places in a square.
    """

    gene: Numbers
    seen: Numbers | None
    y: Numbers
    shared: Numbers
    products: Numbers
    square: Places

    @classmethod
    def of(cls, columns: npt.NDArray[np.floating], y: Numbers, shared: Numbers) -> _Block:
        rows = np.ascontiguousarray(columns.T, dtype=np.float64)
        missing = np.isnan(rows)
        seen = None
        if missing.any():
            rows[missing] = 0.0
            seen = 1.0 - missing
        first, second = np.triu_indices(shared.shape[1])
        square = np.empty((shared.shape[1], shared.shape[1]), dtype=np.intp)
        square[first, second] = square[second, first] = np.arange(first.size)
        return cls(rows, seen, y, shared, shared[:, first] * shared[:, second], square)

    def only(self, rows: Places) -> _Block:
        if rows.size == len(self.gene):
            return self
        seen = None if self.seen is None else self.seen[rows]
        return _Block(self.gene[rows], seen, self.y, self.shared, self.products, self.square)

    def estimable(self) -> Flags:
        """Return which genes the confounders leave some variance of their own; not where these tell each other."""
        weight = np.ones_like(self.gene) if self.seen is None else self.seen
        matrix, mixed, own = self._information(weight)
        whole = np.block([[own[:, None, None], mixed[:, None, :]], [mixed[:, :, None], matrix]])
        size = np.sqrt(np.diagonal(whole, axis1=1, axis2=2))
        some = (size > 0).all(axis=1)
        size = np.where(size > 0, size, 1.0)
        # The determinant of correlations is the product of the shares that each column has of its own.
        own_share = np.linalg.det(whole / (size[:, :, None] * size[:, None, :]))
        told: Flags = some & (own_share > _OWN)
        return told

    def _information(self, weight: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """Return the information of the confounders, of them with the gene, and of the gene."""
        weighted = weight * self.gene
        return (weight @ self.products)[:, self.square], weighted @ self.shared, _dot(weighted, self.gene)

    def at(self, gene: Numbers, others: Numbers, *, held: bool) -> _Point:
        """Return where coefficients lead; ``held``: the gene's does not move."""
        linear = others @ self.shared.T + gene[:, None] * self.gene
        chance, likelihood = _chances(linear, self.y, self.seen)
        weight = chance * (1 - chance)
        residual = self.y - chance
        if self.seen is not None:
            weight *= self.seen
            residual *= self.seen
        matrix, mixed, own = self._information(weight)
        sign, size = np.linalg.slogdet(matrix)
        flat = (sign <= 0) | ~np.isfinite(size)
        matrix[flat] = np.eye(matrix.shape[1])
        inverse = np.linalg.inv(matrix)
        told = np.einsum("gij,gj->gi", inverse, mixed)
        left = own - _dot(mixed, told)
        flat |= left <= 0
        left = np.where(flat, 1.0, left)
        # h = w (z' A^-1 z + (g - told z)^2 / left), from the inverse of a matrix in blocks.
        twice = (inverse.reshape(len(inverse), -1) @ self._unfolded()) @ self.products.T
        twice += (self.gene - told @ self.shared.T) ** 2 / left[:, None]
        leverage = weight * twice
        residual += leverage * (0.5 - chance)
        slope, slopes = _dot(residual, self.gene), residual @ self.shared
        step_gene, step = self._step(weight * (1 + leverage), slope, slopes, held=held)
        value = np.where(flat, -np.inf, likelihood + (size + np.log(left)) / 2)
        promised = slope * step_gene + _dot(slopes, step)
        done = np.zeros(len(gene), dtype=bool)
        return _Point(gene, others, value, slope, step_gene, step, promised, told, left**-0.5, done)

    def _unfolded(self) -> Numbers:
        """Return the matrix that sums the cells of a square into the products they belong to."""
        unfolded = np.zeros((self.square.size, self.products.shape[1]))
        unfolded[np.arange(self.square.size), self.square.ravel()] = 1.0
        return unfolded

    def _step(self, weight: Numbers, slope: Numbers, slopes: Numbers, *, held: bool) -> tuple[Numbers, Numbers]:
        matrix, mixed, own = self._information(weight)
        matrix[~(np.linalg.det(matrix) > 0)] = np.eye(matrix.shape[1])
        solved: Numbers = np.linalg.solve(matrix, np.stack([slopes, mixed], axis=2)).astype(np.float64, copy=False)
        if held:
            gene, others = np.zeros_like(slope), solved[..., 0]
        else:
            left = own - _dot(mixed, solved[..., 1])
            gene = (slope - _dot(mixed, solved[..., 0])) / np.where(left > 0, left, 1.0)
            others = solved[..., 0] - solved[..., 1] * gene[:, None]
        longest = np.maximum(np.abs(gene), np.abs(others).max(axis=1))
        shorter = np.minimum(1.0, _LONGEST / np.maximum(longest, _LONGEST))
        return gene * shorter, others * shorter[:, None]


def _chances(linear: Numbers, y: Numbers, seen: Numbers | None) -> tuple[Numbers, Numbers]:
    """Return the chance of response of every patient, and the log likelihood of every fit."""
    small = np.exp(-np.abs(linear))
    chance: Numbers = np.where(linear >= 0, 1.0, small) / (1 + small)
    logs = y * linear - np.maximum(linear, 0.0) - np.log1p(small)
    return chance, logs.sum(axis=1) if seen is None else _dot(logs, seen)


def _dot(one: Numbers, other: Numbers) -> Numbers:
    product: Numbers = np.einsum("gi,gi->g", one, other)
    return product


def _maximise(block: _Block, gene: Numbers, others: Numbers, *, held: bool) -> _Point:
    """Return where the penalised likelihood of every fit is largest."""
    best = block.at(gene, others, held=held)
    least = _GAIN_HELD if held else _GAIN
    part = np.ones(gene.size)
    open_ = np.arange(gene.size)
    for _ in range(_ITERATIONS):
        finished = part[open_] * best.promised[open_] < least
        best.done[open_[finished]] = True
        open_ = open_[~finished]
        if open_.size == 0:
            break
        by, further = part[open_], best.step[open_] * part[open_, None]
        trial = block.only(open_).at(
            best.gene[open_] + best.step_gene[open_] * by, best.others[open_] + further, held=held
        )
        better = trial.value > best.value[open_] - _ROUNDING * (1 + np.abs(best.value[open_]))
        part[open_] = np.where(better, 1.0, by / 2)
        best.put(open_[better], _picked(trial, np.flatnonzero(better)))
    return best


def _picked(point: _Point, rows: Places) -> _Point:
    return _Point(*(getattr(point, name)[rows] for name in point.__dataclass_fields__))


def _end(block: _Block, full: _Point, side: float, target: float) -> tuple[Numbers, Flags]:
    """Return the ends on one side, where the signed root of twice the loss of likelihood is the target.

    That root is nearly linear in the coefficient: Newton's steps on it, kept in a bracket.
    """
    inner, outer = np.zeros(full.gene.size), np.full(full.gene.size, np.inf)
    way = target * full.spread
    at = _picked(full, np.arange(full.gene.size))
    done = np.zeros(full.gene.size, dtype=bool)
    open_ = np.arange(full.gene.size)
    for _ in range(_ITERATIONS):
        if open_.size == 0:
            break
        gene = full.gene[open_] + side * way[open_]
        here = _picked(at, open_)
        here = _maximise(block.only(open_), gene, here.shifted(gene - here.gene), held=True)
        at.put(open_, here)
        root = np.sqrt(2 * np.maximum(full.value[open_] - here.value, 0.0))
        short = root < target
        inner[open_] = np.where(short, way[open_], inner[open_])
        outer[open_] = np.where(short, outer[open_], way[open_])
        with np.errstate(divide="ignore", invalid="ignore"):
            new = way[open_] + (target - root) * root / (-side * here.slope)
        furthest = np.minimum(outer[open_], 3 * inner[open_] + 1)
        fits = (new > inner[open_]) & (new <= furthest)
        new = np.where(fits, new, np.where(np.isinf(outer[open_]), furthest, (inner[open_] + furthest) / 2))
        # The number of right digits doubles in a step: the last one need not be looked at.
        near = np.abs(root - target) < _NEAR
        way[open_] = new
        done[open_] = near & here.done
        open_ = open_[~near]
    return full.gene + side * way, done
