"""Held-out SHAP in tables: what each feature contributed to the prediction of patients that a fold left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

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
from trastuz_ml.learn.validation import Inspected
from trastuz_ml.schema import CONTRIBUTIONS, EXPLAINED, GENE, GENE_CONTRIBUTIONS, conform, empty

Array = npt.NDArray[np.float64]


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
