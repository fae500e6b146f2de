"""SHAP: what each feature contributed to a fitted model's output for each patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trastuz_ml.errors import EvidenceError
from trastuz_ml.explain.sampled import sampled_contributions
from trastuz_ml.learn.fitted import AnyFitted, BoostedTrees, FittedModel, LinearLogit, RankAverage
from trastuz_ml.learn.tree_shapley import contributions as tree_contributions

Array = npt.NDArray[np.float64]

# How far base plus contributions may be from the output; a row beyond it is refused.
TOLERANCE = {"linear": 1e-9, "tree-path": 1e-5, "permutation": 1e-6, "constant": 1e-9}
# What is to be said beside contributions of a cohort in which not everybody was sequenced for every gene.
NOT_COVERED = (
    "A gene that was not covered in a patient is neither mutated nor intact there: in a linear model it "
    "contributes exactly 0, and trees follow both branches, each with its share of the training patients, so "
    "that it contributes 0 as well."
)


@dataclass(frozen=True, eq=False)
class Explanation:
    """Contributions of features to a model's output, row by row.

    Attributes
    ----------
    scale : {"log-odds", "probability"}
        What the contributions add up in.
    method : {"linear", "tree-path", "permutation", "constant"}
        How they were computed.
    base : array, shape (n_patients,)
        Output before any feature is known.
    output : array, shape (n_patients,)
        The model's output in that scale.
    places : array of int, shape (n_used,)
        Columns of the design that reached the model.
    used : array, shape (n_patients, n_used)
        Contribution of each of them; NaN throughout a row that failed the additivity check.
    width : int
        Number of columns of the design.
    error : array, shape (n_patients, n_used), or None
        Standard error of each contribution that was sampled; None where they are exact.
    """

    scale: str
    method: str
    base: Array
    output: Array
    places: npt.NDArray[np.intp]
    used: Array
    width: int
    error: Array | None = None

    @property
    def values(self) -> Array:
        """Contributions in the columns of the design, 0 where a column did not reach the model."""
        full = np.zeros((len(self.used), self.width))
        full[:, self.places] = self.used
        return full

    @property
    def gap(self) -> Array:
        """Absolute difference between the output and base plus contributions, shape (n_patients,)."""
        gap: Array = np.abs(self.base + self.used.sum(axis=1) - self.output)
        return gap


def contributions_of(
    model: AnyFitted, X: npt.NDArray[np.float32], background: npt.NDArray[np.float32] | None = None
) -> Explanation:
    """Explain a fitted model's output for each row of a design's X.

    Linear models: coefficient times distance from the training mean, exact, in log-odds. XGBoost in log-odds and
    forests in probability: tree-path SHAP (Lundberg et al. 2020), without a background; XGBoost's are those
    that ``Booster.predict(pred_contribs=True)`` gives, in less time and without its rounding to float32
    (:func:`trastuz_ml.learn.tree_shapley.contributions`). Rank averages: permutation sampling, in probability,
    with its standard error (:mod:`trastuz_ml.explain.sampled`). Levels of one category are added up. What the
    contributions must add up to is computed by the libraries themselves.

    Parameters
    ----------
    model : FittedModel or RankAverage
        From the catalogue.
    X : array, shape (n_patients, n_features)
        Rows that the model was not fitted on.
    background : array, shape (n_training, n_features), optional
        The rows it was fitted on; only a rank average needs them, the others hold what they need of them.

    Returns
    -------
    Explanation

    Raises
    ------
    EvidenceError
        If a rank average is to be explained without its training rows.
    """
    if isinstance(model, RankAverage):
        return _checked(_rank_average(model, X, background))
    prepared = model.prepare(X)
    estimator = model.estimator
    if isinstance(estimator, LinearLogit):
        parts = prepared * estimator.coefficients
        base = np.full(len(X), estimator.intercept)
        output, scale = estimator.margin(prepared), "log-odds"
        method = "linear" if parts.shape[1] else "constant"
    else:
        if isinstance(estimator, BoostedTrees):
            trees, origin = estimator.trees
            output, scale = estimator.margin(prepared), "log-odds"
        else:
            trees, origin = estimator.trees, 0.0
            output, scale = estimator.probability(prepared), "probability"
        parts, start = tree_contributions(trees, prepared)
        base, method = np.full(len(X), origin + start), "tree-path"
    places, used = _by_feature(model, parts)
    return _checked(Explanation(scale, method, base, output, places, used, X.shape[1]))


def _by_feature(model: FittedModel, parts: Array) -> tuple[npt.NDArray[np.intp], Array]:
    """Return the features that reached a model, and the contributions of their prepared columns added up."""
    sources = model.sources()
    order = np.argsort(sources, kind="stable")
    first = np.flatnonzero(np.diff(sources[order], prepend=-1))
    used = np.take(parts, order, axis=1)
    if len(first) < len(order):
        used = np.add.reduceat(used, first, axis=1)
    return sources[order][first], used


def _checked(explanation: Explanation) -> Explanation:
    """Refuse the rows that do not add up: their contributions become NaN."""
    allowed = TOLERANCE[explanation.method] * np.maximum(1.0, np.abs(explanation.output))
    explanation.used[~(explanation.gap <= allowed)] = np.nan
    return explanation


def _rank_average(
    model: RankAverage, X: npt.NDArray[np.float32], background: npt.NDArray[np.float32] | None
) -> Explanation:
    if background is None or len(background) == 0:
        raise EvidenceError(
            f"{model.name} is explained by replacing training patients' values: its training rows are needed."
        )
    found = sampled_contributions(model, X, background)
    return Explanation(
        "probability", "permutation" if len(found.places) else "constant", np.full(len(X), found.base),
        model.probability(X), found.places, found.values, X.shape[1], found.error if len(found.places) else None,
    )  # fmt: skip
