"""What is learned about columns in a training fold, without scikit-learn, which takes a second to import."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import numpy.typing as npt


class LearnedColumns:
    """Which columns to keep, with centres, scales and levels: all that a stored model needs to prepare rows.

    What it does, its parameters and its attributes are those of its face for scikit-learn,
    :class:`trastuz_ml.learn.transformers.Preparation`.

    Examples
    --------
    >>> X = np.array([[1.0, 30.0], [0.0, 50.0], [np.nan, 40.0]])
    >>> LearnedColumns(("gene", "number")).learn(X).prepare(X)[0].round(2).tolist()
    [[0.5, -1.22], [-0.5, 1.22], [0.0, 0.0]]
    """

    def __init__(
        self, kinds: Sequence[str] | None = None, *, min_carriers: int = 1, complete: bool = True
    ) -> None:
        self.kinds = kinds
        self.min_carriers = min_carriers
        self.complete = complete

    def learn(self, rows: npt.NDArray[np.floating]) -> Self:
        """Learn from the rows of a training fold, which are a design's and need no checks."""
        self.n_features_in_ = rows.shape[1]
        kinds = np.asarray(self.kinds if self.kinds is not None else ["number"] * rows.shape[1])
        if len(kinds) != rows.shape[1]:
            raise ValueError(f"kinds names {len(kinds)} columns, X has {rows.shape[1]}")
        genes = np.flatnonzero(kinds == "gene")
        whole = np.concatenate([genes[self._informative(rows[:, genes])], np.flatnonzero(kinds == "number")])
        categories = np.flatnonzero(kinds == "category")
        levels = [np.unique(rows[~np.isnan(rows[:, j]), j]) for j in categories]
        self.source_ = np.concatenate([whole, np.repeat(categories, [len(values) for values in levels])])
        self.level_ = np.concatenate([np.full(len(whole), -1), *levels]).astype(np.intp)
        spread = self._spread(rows)
        self.center_ = _means(spread)
        self.scale_ = np.ones(len(self.source_))
        numbers = np.flatnonzero(kinds[self.source_] == "number")
        if self.complete and len(numbers):
            deviation = np.sqrt(_means((spread[:, numbers] - self.center_[numbers]) ** 2))
            self.scale_[numbers] = np.where(deviation > 0, deviation, 1.0)
        return self

    def prepare(
        self, rows: npt.NDArray[np.floating]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_] | None]:
        """Return the prepared columns of rows of a design, and where a missing value was filled, if any was."""
        spread = self._spread(rows)
        if self.complete:
            spread -= self.center_
            scaled = np.flatnonzero(self.scale_ != 1.0)
            spread[:, scaled] /= self.scale_[scaled]
            gaps = np.isnan(spread)
            if not gaps.any():
                return spread, None
            spread[gaps] = 0.0
            return spread, gaps
        genes = np.array([self.kinds is not None and self.kinds[j] == "gene" for j in self.source_], dtype=bool)
        filled: npt.NDArray[np.float64] = np.where(np.isnan(spread) & ~genes, self.center_, spread)
        return filled, None

    def _informative(self, genes: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
        carriers = (genes > 0).sum(axis=0)
        covered = (~np.isnan(genes)).sum(axis=0)
        kept: npt.NDArray[np.bool_] = (carriers >= self.min_carriers) & (carriers < covered)
        return kept if self.complete else kept & (covered == len(genes))

    def _spread(self, X: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        # take() lays rows out one after the other; X[:, places] lays out columns, to be copied at each product.
        spread = np.take(X, self.source_, axis=1).astype(np.float64)
        for column in np.flatnonzero(self.level_ >= 0):
            values = spread[:, column]
            learned = np.isin(values, self.level_[self.source_ == self.source_[column]])
            spread[:, column] = np.where(learned, values == self.level_[column], np.nan)
        return spread


def _means(spread: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the mean of what is known in each column, 0 where nothing is."""
    unknown = np.isnan(spread)
    if not unknown.any():
        whole: npt.NDArray[np.float64] = spread.sum(axis=0) / len(spread)
        return whole
    known = np.maximum(len(spread) - unknown.sum(axis=0), 1)
    means: npt.NDArray[np.float64] = np.where(unknown, 0.0, spread).sum(axis=0) / known
    return means
