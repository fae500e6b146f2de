"""Fitted models: three kinds, each giving a probability from prepared columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from trastuz_ml.learn.transformers import Preparation

Array = npt.NDArray[np.float64]


class Estimator(Protocol):
    """Anything that turns prepared columns into probabilities of response."""

    def probability(self, prepared: Array) -> Array:
        """Return probabilities, shape (n_patients,)."""


@dataclass(frozen=True, eq=False)
class LinearLogit:
    """A logistic model: coefficients in log-odds and an intercept.

    Examples
    --------
    >>> LinearLogit(np.array([1.0]), 0.0).probability(np.array([[0.0]])).tolist()
    [0.5]
    """

    coefficients: Array
    intercept: float

    def margin(self, prepared: Array) -> Array:
        """Return log-odds, shape (n_patients,); a patient's value does not depend on the other rows."""
        products = np.ascontiguousarray(prepared) * self.coefficients
        total: Array = products.sum(axis=1) + self.intercept
        return total

    def probability(self, prepared: Array) -> Array:
        """Return probabilities, shape (n_patients,)."""
        chance: Array = expit(self.margin(prepared))
        return chance


@dataclass(frozen=True, eq=False)
class BoostedTrees:
    """An XGBoost booster; takes float32 with NaN for what was not measured."""

    booster: Any

    def probability(self, prepared: Array) -> Array:
        """Return probabilities, shape (n_patients,)."""
        import xgboost

        data = xgboost.DMatrix(prepared.astype(np.float32), nthread=1)
        return np.asarray(self.booster.predict(data), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Forest:
    """A scikit-learn random forest."""

    forest: Any

    def probability(self, prepared: Array) -> Array:
        """Return probabilities, shape (n_patients,)."""
        return np.asarray(self.forest.predict_proba(prepared)[:, 1], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A model of the catalogue, fitted: from the columns of a design to probabilities.

    Attributes
    ----------
    name : str
        Catalogue name, such as ``l2-logistic:both``.
    columns : array of shape (n_used,)
        Places, in the design, of the columns the model was offered.
    preparation : Preparation
        Fitted on the training patients.
    estimator : LinearLogit, BoostedTrees or Forest
        Fitted on the prepared columns.
    candidate : mapping
        The hyperparameters that the inner folds picked.
    threshold : float
        Probability from which a patient is called a responder, picked on inner predictions.
    """

    name: str
    columns: npt.NDArray[np.intp]
    preparation: Preparation
    estimator: LinearLogit | BoostedTrees | Forest
    candidate: Mapping[str, Any] = field(default_factory=dict)
    threshold: float = 0.5

    def prepare(self, X: npt.NDArray[np.float32]) -> Array:
        """Return the prepared columns of a design's X."""
        if len(self.columns) == 0:
            return np.empty((len(X), 0))
        prepared: Array = self.preparation.transform(X[:, self.columns])
        return prepared

    def probability(self, X: npt.NDArray[np.float32]) -> Array:
        """Return the probability of response of each row of a design's X, shape (n_patients,)."""
        return self.estimator.probability(self.prepare(X))

    def sources(self) -> npt.NDArray[np.intp]:
        """Return, for each prepared column, the place in the design of the feature it comes from."""
        if len(self.columns) == 0:
            return np.empty(0, dtype=np.intp)
        places: npt.NDArray[np.intp] = self.columns[self.preparation.source_]
        return places
