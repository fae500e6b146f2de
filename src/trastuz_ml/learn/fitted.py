"""Fitted models: three kinds of estimators on prepared columns, and the rank average of several models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from trastuz_ml.learn.columns import LearnedColumns
from trastuz_ml.learn.tree_paths import Tree, expected_output, trees_of_booster, trees_of_forest

Array = npt.NDArray[np.float64]


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
    """An XGBoost booster; where a gene was not covered (NaN), the expectation over both branches."""

    booster: Any

    @cached_property
    def trees(self) -> tuple[list[Tree], float]:
        """The booster's trees, and the log-odds that their outputs are added to; read once."""
        return trees_of_booster(self.booster)

    def __getstate__(self) -> dict[str, Any]:
        """Return what is copied: not what can be read again."""
        return {"booster": self.booster}

    def margin(self, prepared: Array) -> Array:
        """Return log-odds, shape (n_patients,)."""
        import xgboost

        X = prepared.astype(np.float32)
        data = xgboost.DMatrix(X, nthread=1)
        margin = np.asarray(self.booster.predict(data, output_margin=True), dtype=np.float64)
        gaps = np.isnan(X).any(axis=1)
        if gaps.any():
            margin[gaps] = expected_output(*self.trees, X[gaps].astype(np.float64))
        return margin

    def probability(self, prepared: Array) -> Array:
        """Return probabilities, shape (n_patients,)."""
        chance: Array = expit(self.margin(prepared))
        return chance


@dataclass(frozen=True, eq=False)
class Forest:
    """A scikit-learn random forest; where a gene was not covered (NaN), the expectation over both branches."""

    forest: Any

    @cached_property
    def trees(self) -> list[Tree]:
        """The forest's trees; read once."""
        return trees_of_forest(self.forest)

    def __getstate__(self) -> dict[str, Any]:
        """Return what is copied: not what can be read again."""
        return {"forest": self.forest}

    def probability(self, prepared: Array) -> Array:
        """Return probabilities, shape (n_patients,)."""
        gaps = np.isnan(prepared).any(axis=1)
        known = np.where(np.isnan(prepared), 0.0, prepared)
        chance = np.asarray(self.forest.predict_proba(known)[:, 1], dtype=np.float64)
        if gaps.any():
            rows = prepared[gaps].astype(np.float32).astype(np.float64)
            chance[gaps] = expected_output(self.trees, 0.0, rows)
        return chance


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A model of the catalogue, fitted: from the columns of a design to probabilities.

    Attributes
    ----------
    name : str
        Catalogue name, such as ``l2-logistic:both``.
    columns : array of shape (n_used,)
        Places, in the design, of the columns the model was offered.
    preparation : LearnedColumns
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
    preparation: LearnedColumns
    estimator: LinearLogit | BoostedTrees | Forest
    candidate: Mapping[str, Any] = field(default_factory=dict)
    threshold: float = 0.5

    def prepare(self, X: npt.NDArray[np.float32]) -> Array:
        """Return the prepared columns of a design's X."""
        if len(self.columns) == 0:
            return np.empty((len(X), 0))
        prepared: Array = self.preparation.prepare(X[:, self.columns])[0]
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


@dataclass(frozen=True, eq=False)
class RankAverage:
    """Several fitted models whose probabilities are replaced by ranks, averaged and calibrated.

    Attributes
    ----------
    name : str
        Catalogue name.
    members : tuple of FittedModel
        The models that are averaged.
    references : tuple of array, shape (n_training,)
        For each member, its sorted inner predictions: what a new probability is ranked among.
    slope, intercept : float
        Log-odds of response are ``slope * average rank + intercept``.
    candidate : mapping
        How many models are averaged.
    threshold : float
        Probability from which a patient is called a responder.
    """

    name: str
    members: tuple[FittedModel, ...]
    references: tuple[Array, ...]
    slope: float
    intercept: float
    candidate: Mapping[str, Any] = field(default_factory=dict)
    threshold: float = 0.5

    def probability(self, X: npt.NDArray[np.float32]) -> Array:
        """Return the probability of response of each row of a design's X, shape (n_patients,)."""
        ranks = [ranks_among(r, m.probability(X)) for r, m in zip(self.references, self.members, strict=True)]
        return self.from_average(np.mean(ranks, axis=0))

    def from_average(self, average: Array) -> Array:
        """Return probabilities from average ranks, shape (n_patients,)."""
        chance: Array = expit(self.slope * average + self.intercept)
        return chance

    def sources(self) -> npt.NDArray[np.intp]:
        """Return the places in the design of the features that any member uses."""
        return np.unique(np.concatenate([member.sources() for member in self.members]))


AnyFitted = FittedModel | RankAverage


def ranks_among(reference: Array, values: Array) -> Array:
    """Return the share of sorted reference values below each value, ties counted half.

    Examples
    --------
    >>> ranks_among(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.2, 0.9])).tolist()
    [0.375, 1.0]
    """
    below = np.searchsorted(reference, values, side="left")
    up_to = np.searchsorted(reference, values, side="right")
    share: Array = (below + up_to) / (2 * len(reference))
    return share
