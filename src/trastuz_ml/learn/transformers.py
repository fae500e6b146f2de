"""What is learned about the columns before a model sees them: which genes to keep, centres, scales, levels."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from trastuz_ml.learn.columns import LearnedColumns


class Preparation(TransformerMixin, LearnedColumns, BaseEstimator):
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

    def fit(self, X: npt.ArrayLike, y: Any = None) -> Self:
        """Learn from the rows of a training fold; ``y`` is ignored."""
        return self.learn(self._checked(X, reset=True))

    def transform(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the prepared columns, shape (n_patients, n_outputs), float64."""
        check_is_fitted(self)
        return self.prepare(self._checked(X, reset=False))[0]

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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
