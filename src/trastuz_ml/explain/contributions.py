"""Held-out SHAP: what each feature contributed to the prediction of patients that a fold left out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.learn.catalogue import catalogue_model
from trastuz_ml.learn.design import Design, Feature
from trastuz_ml.learn.fitted import BoostedTrees, FittedModel, Forest, LinearLogit
from trastuz_ml.learn.tree_paths import contributions as tree_contributions
from trastuz_ml.learn.tree_paths import trees_of_booster, trees_of_forest
from trastuz_ml.learn.validation import Inspected
from trastuz_ml.schema import CONTRIBUTIONS, EXPLAINED, GENE, GENE_CONTRIBUTIONS, conform, empty

Array = npt.NDArray[np.float64]

# How far base plus contributions may be from the output; a row beyond it is refused.
TOLERANCE = {"linear": 1e-9, "tree-path": 1e-5, "constant": 1e-9}


@dataclass(frozen=True, eq=False)
class Explanation:
    """Contributions of features to a model's output, row by row.

    Attributes
    ----------
    scale : {"log-odds", "probability"}
        What the contributions add up in.
    method : {"linear", "tree-path", "constant"}
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
    """

    scale: str
    method: str
    base: Array
    output: Array
    places: npt.NDArray[np.intp]
    used: Array
    width: int

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


def contributions_of(model: FittedModel, X: npt.NDArray[np.float32]) -> Explanation:
    """Explain a fitted model's output for each row of a design's X.

    Linear models: coefficient times distance from the training mean, exact, in log-odds. XGBoost: the
    booster's own tree-path contributions (Lundberg et al. 2018), in log-odds. Forests: tree-path SHAP in
    probability. Levels of one category are added up. Background, where there is one, is the training fold.

    Parameters
    ----------
    model : FittedModel
        From the catalogue.
    X : array, shape (n_patients, n_features)
        Rows that the model was not fitted on.

    Returns
    -------
    Explanation
    """
    prepared = model.prepare(X)
    estimator = model.estimator
    if isinstance(estimator, LinearLogit):
        parts = prepared * estimator.coefficients
        base = np.full(len(X), estimator.intercept)
        output, scale = estimator.margin(prepared), "log-odds"
        method = "linear" if parts.shape[1] else "constant"
    elif isinstance(estimator, BoostedTrees):
        parts, base, output = _booster_parts(estimator, prepared)
        scale, method = "log-odds", "tree-path"
    else:
        parts, base = _forest_parts(estimator, prepared)
        output, scale, method = estimator.probability(prepared), "probability", "tree-path"
    places, back = np.unique(model.sources(), return_inverse=True)
    used = np.zeros((len(X), len(places)))
    for column, place in enumerate(back):
        used[:, place] += parts[:, column]
    explanation = Explanation(scale, method, base, output, places, used, X.shape[1])
    used[explanation.gap > TOLERANCE[method] * np.maximum(1.0, np.abs(output))] = np.nan
    return explanation


def _booster_parts(estimator: BoostedTrees, prepared: Array) -> tuple[Array, Array, Array]:
    import xgboost

    X = prepared.astype(np.float32)
    parts = estimator.booster.predict(xgboost.DMatrix(X, nthread=1), pred_contribs=True).astype(np.float64)
    output, base, values = estimator.margin(prepared), parts[:, -1], parts[:, :-1]
    gaps = np.isnan(X).any(axis=1)
    if gaps.any():
        trees, _ = trees_of_booster(estimator.booster)
        values[gaps] = tree_contributions(trees, X[gaps].astype(np.float64))
    return values, base, output


def _forest_parts(estimator: Forest, prepared: Array) -> tuple[Array, Array]:
    with warnings.catch_warnings():
        # Importing shap registers colour maps in a way that Matplotlib is about to forbid; nothing is drawn here.
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        import shap

    gaps = np.isnan(prepared).any(axis=1)
    known = np.where(np.isnan(prepared), 0.0, prepared)
    explainer = shap.TreeExplainer(estimator.forest, feature_perturbation="tree_path_dependent")
    values = np.array(explainer.shap_values(known, check_additivity=False))[:, :, 1]
    if gaps.any():
        rows = prepared[gaps].astype(np.float32).astype(np.float64)
        values[gaps] = tree_contributions(trees_of_forest(estimator.forest), rows)
    return values, np.full(len(prepared), float(np.ravel(explainer.expected_value)[1]))


def explained_table(inspected: Sequence[Inspected], patients: Sequence[str]) -> pd.DataFrame:
    """Return the additivity check of every explained row (:data:`trastuz_ml.schema.EXPLAINED`)."""
    tables = [
        pd.DataFrame(
            {
                "model": item.model, "repeat": item.repeat, "fold": item.fold,
                "patient": [patients[i] for i in item.places],
                "scale": item.result.scale, "method": item.result.method,
                "base": item.result.base, "output": item.result.output, "gap": item.result.gap,
            }
        )
        for item in inspected
    ]  # fmt: skip
    return conform(pd.concat(tables, ignore_index=True), EXPLAINED) if tables else empty(EXPLAINED)


def contribution_tables(
    inspected: Sequence[Inspected], design: Design, always: Sequence[str] = ()
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what each feature contributed: patient by feature, and by feature.

    Parameters
    ----------
    inspected : sequence of Inspected
        Explanations of the left-out rows of every fold.
    design : Design
        The features and patients.
    always : sequence of str
        Genes that get a row in the second table whatever happens.

    Returns
    -------
    by_patient : pandas.DataFrame
        :data:`trastuz_ml.schema.CONTRIBUTIONS`, means over repeats, features that reached the model at
        least once.
    by_feature : pandas.DataFrame
        :data:`trastuz_ml.schema.GENE_CONTRIBUTIONS`, largest mean absolute contribution first.
    """
    models = list(dict.fromkeys(item.model for item in inspected))
    by_patient, by_feature = [], []
    for model in models:
        items = [item for item in inspected if item.model == model]
        places, mean, spread, kept = _over_repeats(items, len(design.patients))
        by_patient.append(_patient_rows(model, design, places, mean, spread))
        by_feature.append(_feature_rows(model, design, places, mean, kept, _scale(items), always))
    if not models:
        return empty(CONTRIBUTIONS), empty(GENE_CONTRIBUTIONS)
    return (
        conform(pd.concat(by_patient, ignore_index=True), CONTRIBUTIONS),
        conform(pd.concat(by_feature, ignore_index=True), GENE_CONTRIBUTIONS),
    )


def _scale(items: list[Inspected]) -> str:
    """Return the scale of a model's contributions; a fold without any feature has only a constant."""
    told = (str(i.result.scale) for i in items if i.result.method != "constant")
    return next(told, str(items[0].result.scale))


def _over_repeats(items: list[Inspected], patients: int) -> tuple[npt.NDArray[np.intp], Array, Array, Array]:
    places = np.unique(np.concatenate([item.result.places for item in items]))
    total, squares = np.zeros((patients, len(places))), np.zeros((patients, len(places)))
    times, kept = np.zeros((patients, 1)), np.zeros(len(places))
    for item in items:
        here = np.searchsorted(places, item.result.places)
        block = np.zeros((len(item.places), len(places)))
        block[:, here] = item.result.used
        kept[here] += 1
        # A refused row is left out of the mean, and of the count.
        stands = ~np.isnan(item.result.gap)
        rows, block = item.places[stands], block[stands]
        total[rows] += block
        squares[rows] += block**2
        times[rows] += 1
    counted = np.where(times > 0, times, np.nan)
    mean = total / counted
    variance = np.maximum(squares / counted - mean**2, 0.0) * counted / np.maximum(counted - 1, 1)
    return places, mean, np.sqrt(variance), kept / len(items)


def _patient_rows(
    model: str, design: Design, places: npt.NDArray[np.intp], mean: Array, spread: Array
) -> pd.DataFrame:
    n, width = mean.shape
    return pd.DataFrame(
        {
            "model": model,
            "patient": np.repeat(np.array(design.patients, dtype=object), width),
            "feature": np.tile(np.array([design.features[j].name for j in places], dtype=object), n),
            "block": np.tile(np.array([design.features[j].block for j in places], dtype=object), n),
            "value": design.X[:, places].ravel().astype(np.float64),
            "contribution": mean.ravel(),
            "spread": spread.ravel(),
        }
    )


def _feature_rows(
    model: str, design: Design, places: npt.NDArray[np.intp], mean: Array, kept: Array, scale: str,
    always: Sequence[str],
) -> pd.DataFrame:  # fmt: skip
    offered = set(design.columns(catalogue_model(model).features).tolist())
    genes = {feature.name: j for j, feature in enumerate(design.features) if feature.block == GENE}
    extra = [genes[gene] for gene in always if gene in genes and genes[gene] not in places]
    rows = []
    for k, j in enumerate([*places, *extra]):
        feature, column = design.features[j], design.X[:, j]
        reached, measured = k < len(places), ~np.isnan(column)
        carriers = int((column > 0).sum()) if feature.block == GENE else None
        rows.append(
            {
                "model": model, "feature": feature.name, "block": feature.block,
                "covered": int(measured.sum()), "carriers": carriers,
                "folds_kept": float(kept[k]) if reached else 0.0,
                "mean_abs": _mean(np.abs(mean[measured, k])) if reached else np.nan,
                "when_mutated": _mean(mean[column > 0, k]) if reached and carriers else np.nan,
                "scale": scale,
                "status": _status(feature, carriers, int(measured.sum()), j in offered, reached=reached),
            }
        )  # fmt: skip
    table = pd.DataFrame(rows, columns=GENE_CONTRIBUTIONS.names)
    return table.sort_values(["mean_abs", "feature"], ascending=[False, True], ignore_index=True)


def _mean(values: Array) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan


def _status(feature: Feature, carriers: int | None, measured: int, offered: bool, *, reached: bool) -> str:
    if measured == 0:
        return "not covered" if feature.block == GENE else "known of nobody"
    if carriers == 0:
        return f"not evaluable: mutated in 0 of {measured}"
    if carriers == measured:
        return f"not evaluable: mutated in all {measured}"
    if not offered:
        return "not offered to this model"
    return "" if reached else "not evaluable: dropped by the carrier filter of every training fold"
