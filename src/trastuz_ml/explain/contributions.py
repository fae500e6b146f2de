"""Held-out SHAP: what each feature contributed to the prediction of patients that a fold left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.errors import EvidenceError
from trastuz_ml.explain.sampled import sampled_contributions
from trastuz_ml.explain.stability import (
    NOT_OFFERED,
    identical_genes,
    offered_columns,
    places_of,
    scale_of,
    standing,
    steadiness,
)
from trastuz_ml.learn.design import Design, Feature
from trastuz_ml.learn.fitted import AnyFitted, BoostedTrees, FittedModel, LinearLogit, RankAverage
from trastuz_ml.learn.tree_paths import trees_of_booster, trees_of_forest
from trastuz_ml.learn.tree_shapley import contributions as tree_contributions
from trastuz_ml.learn.validation import Inspected
from trastuz_ml.schema import CONTRIBUTIONS, EXPLAINED, GENE, GENE_CONTRIBUTIONS, conform, empty

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
            trees, origin = trees_of_booster(estimator.booster)
            output, scale = estimator.margin(prepared), "log-odds"
        else:
            trees, origin = trees_of_forest(estimator.forest), 0.0
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


def explained_table(inspected: Sequence[Inspected], patients: Sequence[str]) -> pd.DataFrame:
    """Return the additivity check of every explained row (:data:`trastuz_ml.schema.EXPLAINED`)."""
    tables = [
        pd.DataFrame(
            {
                "model": item.model, "repeat": item.repeat, "fold": item.fold,
                "patient": [patients[i] for i in item.places],
                "scale": item.result.scale, "method": item.result.method,
                "base": item.result.base, "output": item.result.output, "gap": item.result.gap,
                "error": np.nan if item.result.error is None else item.result.error.max(axis=1),
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
        :data:`trastuz_ml.schema.GENE_CONTRIBUTIONS`, largest mean absolute contribution first. Each gene has
        its own contribution; genes identical in the cohort are named under ``alike`` and share the rank of
        their group, see :func:`trastuz_ml.explain.stability.steadiness`.
    """
    first = identical_genes(design)
    by_patient, by_feature = [], []
    for model in dict.fromkeys(item.model for item in inspected):
        items = [item for item in inspected if item.model == model]
        by_patient.append(_patient_rows(model, design, items))
        offered = offered_columns(inspected, design, model)
        by_feature.append(_feature_rows(model, design, items, first, offered, always))
    if not by_patient:
        return empty(CONTRIBUTIONS), empty(GENE_CONTRIBUTIONS)
    return (
        conform(pd.concat(by_patient, ignore_index=True), CONTRIBUTIONS),
        conform(pd.concat(by_feature, ignore_index=True), GENE_CONTRIBUTIONS),
    )


def _over_repeats(items: Sequence[Inspected], patients: int, places: npt.NDArray[np.intp]) -> tuple[Array, Array]:
    """Return mean and standard deviation over all folds that left a patient out; refused rows do not count."""
    total, squares = np.zeros((patients, len(places))), np.zeros((patients, len(places)))
    times = np.zeros((patients, 1))
    for item in items:
        rows, block = standing(item, places)
        total[rows] += block
        squares[rows] += block**2
        times[rows] += 1
    counted = np.where(times > 0, times, np.nan)
    mean = total / counted
    variance = np.maximum(squares / counted - mean**2, 0.0) * counted / np.maximum(counted - 1, 1)
    return mean, np.sqrt(variance)


def _patient_rows(model: str, design: Design, items: Sequence[Inspected]) -> pd.DataFrame:
    places = places_of(items)
    mean, spread = _over_repeats(items, len(design.patients), places)
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
    model: str, design: Design, items: Sequence[Inspected], first: npt.NDArray[np.intp],
    offered: frozenset[int], always: Sequence[str],
) -> pd.DataFrame:  # fmt: skip
    reached = places_of(items)
    genes = {feature.name: j for j, feature in enumerate(design.features) if feature.block == GENE}
    extra = [genes[gene] for gene in dict.fromkeys(always) if gene in genes and genes[gene] not in reached]
    places = np.array([*reached, *extra], dtype=np.intp)
    values, is_gene = design.X[:, places], design.blocks[places] == GENE
    covered, carriers = (~np.isnan(values)).sum(axis=0), (values > 0).sum(axis=0)
    steady, more = steadiness(items, design, first), len(extra)

    def spread_out(known: Array, missing: float = np.nan) -> Array:
        filled: Array = np.append(known, np.full(more, missing))
        return filled

    ranged = {"mean_abs": steady.mean_abs, "when_mutated": steady.when_mutated, "rank": steady.rank}
    table = pd.DataFrame(
        {
            "model": model,
            "feature": [design.features[j].name for j in places],
            "block": [design.features[j].block for j in places],
            "covered": covered,
            "carriers": pd.array(np.where(is_gene, carriers, 0), dtype="Int64"),
            "alike": _alike(design, first, places),
            "folds_kept": spread_out(_share_kept(items, reached), 0.0),
            "folds_used": spread_out(steady.folds_used, 0.0),
            **{f"{name}{end}": spread_out(values) for name, three in ranged.items()
               for end, values in zip(("", "_low", "_high"), three, strict=True)},
            "sign_agreement": spread_out(steady.sign_agreement),
            "scale": scale_of(items),
            "status": [
                _status(design.features[j], int(carriers[k]), int(covered[k]), j in offered, k < len(reached))
                for k, j in enumerate(places)
            ],
        }
    )  # fmt: skip
    only_genes = ["carriers", "when_mutated", "when_mutated_low", "when_mutated_high", "sign_agreement"]
    table.loc[~is_gene, only_genes] = pd.NA
    return table.sort_values(["mean_abs", "feature"], ascending=[False, True], ignore_index=True)


def _share_kept(items: Sequence[Inspected], places: npt.NDArray[np.intp]) -> Array:
    kept = np.zeros(len(places))
    for item in items:
        kept[np.searchsorted(places, item.result.places)] += 1
    return kept / len(items)


def _alike(design: Design, first: npt.NDArray[np.intp], places: npt.NDArray[np.intp]) -> list[str]:
    """Return the names of the other genes identical with the one in each place."""
    members: dict[int, list[str]] = {}
    wanted = set(first[places].tolist())
    for j, leader in enumerate(first.tolist()):
        if leader in wanted:
            members.setdefault(leader, []).append(design.features[j].name)
    return [
        ", ".join(sorted(name for name in members[first[j]] if name != design.features[j].name)) for j in places
    ]


def _status(feature: Feature, carriers: int, measured: int, offered: bool, reached: bool) -> str:
    if measured == 0:
        return "not covered" if feature.block == GENE else "known of nobody"
    if feature.block == GENE and carriers == 0:
        return f"not evaluable: mutated in 0 of {measured}"
    if feature.block == GENE and carriers == measured:
        return f"not evaluable: mutated in all {measured}"
    if not offered:
        return NOT_OFFERED
    return "" if reached else "not evaluable: dropped by the carrier filter of every training fold"
