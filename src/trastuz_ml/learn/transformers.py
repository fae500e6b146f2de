"""What is learned about the columns before a model sees them: which genes to keep, centres, scales, levels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data


class Preparation(TransformerMixin, BaseEstimator):
    """Keep the genes with enough carriers, spell out categories, and complete what is missing.

    Everything is learned from the rows given to :meth:`fit`, which are a training fold.

    With ``complete`` (linear models), columns are centred at their training mean and a missing value takes
    that mean: what was not measured then contributes nothing. Numbers are also scaled to unit variance;
    genes are not, because that would give the rarest genes the longest lever.

    Without it (trees), values stay as they are. An unknown covariate takes its training mean; a gene that
    was not covered stays NaN, because any number would send it down a branch as *intact* or as *mutated*.
    Genes that some training patient was not sequenced for are left out: a tree would learn from the gap
    which assay a patient had.

    A category's level that the training rows did not hold is unknown, like a missing one.

    Parameters
    ----------
    kinds : sequence of {"gene", "number", "category"}, optional
        Kind of each column; all ``number`` when absent. A category holds level codes 0, 1, ...
    min_carriers : int
        Genes with fewer carriers in the training fold, or mutated in all it covers, are dropped.
    complete : bool
        Centre, scale and fill everything, for linear models; see above for trees.

    Attributes
    ----------
    source_ : array of shape (n_outputs,)
        Input column of each output column.
    level_ : array of shape (n_outputs,)
        Level code that the output column stands for, -1 when it is no category.
    center_, scale_ : arrays of shape (n_outputs,)
        Training mean, and what is divided by (1 for what is not scaled).

    Examples
    --------
    >>> X = np.array([[1.0, 30.0], [0.0, 50.0], [np.nan, 40.0]])
    >>> Preparation(kinds=("gene", "number")).fit_transform(X).round(2).tolist()
    [[0.5, -1.22], [-0.5, 1.22], [0.0, 0.0]]
    """

    def __init__(
        self, kinds: Sequence[str] | None = None, *, min_carriers: int = 1, complete: bool = True
    ) -> None:
        self.kinds = kinds
        self.min_carriers = min_carriers
        self.complete = complete

    def fit(self, X: npt.ArrayLike, y: Any = None) -> Self:
        """Learn from the rows of a training fold; ``y`` is ignored."""
        return self.learn(self._checked(X, reset=True))

    def learn(self, rows: npt.NDArray[np.floating]) -> Self:
        """Do what :meth:`fit` does, without its checks: rows of a design need none, and there are thousands."""
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

    def transform(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the prepared columns, shape (n_patients, n_outputs), float64."""
        check_is_fitted(self)
        return self.prepare(self._checked(X, reset=False))[0]

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

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return a name for each output column: the input's, with its level behind a double underscore."""
        check_is_fitted(self)
        if input_features is None:
            names = getattr(self, "feature_names_in_", [f"x{j}" for j in range(self.n_features_in_)])
        else:
            names = list(input_features)
        made = [f"{names[j]}__{k}" if k >= 0 else names[j] for j, k in zip(self.source_, self.level_, strict=True)]
        return np.array(made, dtype=object)

    def _checked(self, X: npt.ArrayLike, *, reset: bool) -> npt.NDArray[np.floating]:
        rows: npt.NDArray[np.floating] = validate_data(
            self, X, reset=reset, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan"
        )
        return rows

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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _means(spread: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the mean of what is known in each column, 0 where nothing is."""
    unknown = np.isnan(spread)
    if not unknown.any():
        whole: npt.NDArray[np.float64] = spread.sum(axis=0) / len(spread)
        return whole
    known = np.maximum(len(spread) - unknown.sum(axis=0), 1)
    means: npt.NDArray[np.float64] = np.where(unknown, 0.0, spread).sum(axis=0) / known
    return means
