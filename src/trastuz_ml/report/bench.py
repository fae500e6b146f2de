"""What the bench of a report computes with: coefficients of the linear models, and the values of patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.learn.coefficients import CATEGORY, INTERCEPT
from trastuz_ml.report.gene_patients import levels_shown
from trastuz_ml.report.patients import patients_kept
from trastuz_ml.report.privacy import Pseudonyms
from trastuz_ml.schema import GENE
from trastuz_ml.store.run_folder import Run

FEATURES_LISTED = 300
NO_LINEAR_MODEL = (
    "No linear model was fitted in this run. The bench adds up coefficients, and trees and averages of models "
    "have none."
)
NOTHING_USED = "No linear model of this run uses any feature: there is nothing to toggle."

Array = npt.NDArray[np.float64]
# Block and name: a covariate may have the name of a gene.
Key = tuple[str, str]


@dataclass(frozen=True)
class _Used:
    """A feature that some linear model uses."""

    key: Key
    kind: str
    levels: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Model:
    """A linear model over the features that are used: what each value adds to its log-odds.

    ``slope`` and ``center`` have shape (n_used,), 0 where the model does not use the feature and for categories;
    ``by_level`` has, by the place of a category, what each of its levels adds.
    """

    name: str
    intercept: float
    uses: npt.NDArray[np.bool_]
    slope: Array
    center: Array
    by_level: dict[int, Array]


def bench_content(run: Run, hidden: Pseudonyms) -> dict[str, Any]:
    """Return what is needed to compute, in a page, what the linear models say of a patient with other values.

    Probability is ``1 / (1 + exp(-(intercept + rest + sum of parts)))``. The part of a gene or number with value x
    is ``slope * (x - center)``, that of a category what ``levels`` has for its level; what is not known adds
    nothing. The models are those fitted on everybody, so that they have seen these patients.

    Returns
    -------
    dict
        ``models`` (``model``, ``intercept``, ``parts``: one a feature, nothing where the model does not use it,
        and ``others``: how many of its features are not listed), ``features`` (``feature``, ``block``, ``kind``,
        ``levels``, ``watched``, ``carried``: the value that carriers of a gene most often have), ``patients``
        (``patient``, ``response``, ``values``, and ``rest``: what the features that are not listed add, one
        number a model), ``nobody`` (``values`` and ``rest`` of a patient in whom no gene is mutated, with median
        numbers and the most frequent levels), ``left`` (how many patients are not listed), ``why`` there is no
        bench (empty where there is one).
    """
    everybody = int(run.patients["response"].notna().sum())
    if run.coefficients.empty:
        return empty_bench(everybody, NO_LINEAR_MODEL)
    used = _used(run)
    models = [model for model in _models(run.coefficients, used) if model.uses.any()]
    if not models:
        return empty_bench(everybody, NOTHING_USED)
    listed = _listed(run, used, models)
    ids = patients_kept(run, hidden)
    values, others = _values(run, used, ids), np.setdiff1d(np.arange(len(used)), listed)
    rest = np.column_stack([_added(model, values, others) for model in models])
    nobody = _nobody(run, used)
    # Of nobody, what is listed is set; what else is no gene is as if it were not known, which adds nothing.
    genes_alone = np.where([feature.kind == GENE for feature in used], nobody, np.nan)[None]
    carried = _carried(run, [used[place] for place in listed])
    response = run.patients.set_index(run.patients["patient"].astype(str))["response"].reindex(ids).astype(int)
    levels = levels_shown(run, hidden)
    watched = set(map(str, run.watched["gene"]))
    return {
        "models": [
            {
                "model": model.name,
                "intercept": model.intercept,
                "parts": [_part(model, int(place)) for place in listed],
                "others": int(model.uses[others].sum()),
            }
            for model in models
        ],
        "features": [
            {
                "feature": used[place].key[1],
                "block": used[place].key[0],
                "kind": used[place].kind,
                "levels": [] if used[place].kind == GENE else levels.get(used[place].key[1], []),
                "watched": used[place].key[0] == GENE and used[place].key[1] in watched,
                "carried": value,
            }
            for place, value in zip(listed, carried, strict=True)
        ],
        "patients": [
            {
                "patient": hidden.of(patient),
                "response": int(response.iloc[row]),
                "values": list(map(_short, values[row, listed].tolist())),
                "rest": rest[row].tolist(),
            }
            for row, patient in enumerate(ids)
        ],
        "nobody": {
            "values": list(map(_short, nobody[listed].tolist())),
            "rest": [float(_added(model, genes_alone, others)[0]) for model in models],
        },
        "left": everybody - len(ids),
        "why": "",
    }


def empty_bench(patients: int, why: str) -> dict[str, Any]:
    """Return the content of a bench that is not there, with the reason."""
    return {
        "models": [], "features": [], "patients": [], "nobody": {"values": [], "rest": []}, "left": patients,
        "why": why,
    }  # fmt: skip


def _used(run: Run) -> list[_Used]:
    """Return the features that linear models use: first what is no gene, in the order of the design."""
    rows = run.coefficients[run.coefficients["block"] != INTERCEPT]
    keys = set(zip(rows["block"].astype(str), rows["feature"].astype(str), strict=True))
    others = [
        _Used((str(f["block"]), str(f["name"])), str(f["kind"]), tuple(map(str, f["levels"])))
        for f in run.features
        if (str(f["block"]), str(f["name"])) in keys
    ]
    return [*others, *(_Used((GENE, gene), GENE, ()) for gene in run.matrix.genes if (GENE, gene) in keys)]


def _models(coefficients: pd.DataFrame, used: Sequence[_Used]) -> list[_Model]:
    place = {feature.key: at for at, feature in enumerate(used)}
    models = []
    for name, own in coefficients.groupby("model", sort=False):
        bare = own["block"] == INTERCEPT
        model = _Model(
            str(name), float(own.loc[bare, "coefficient"].sum()), np.zeros(len(used), dtype=bool),
            np.zeros(len(used)), np.zeros(len(used)), {},
        )  # fmt: skip
        for row in own[~bare].itertuples():
            at = place[str(row.block), str(row.feature)]
            if row.kind != CATEGORY:
                model.slope[at], model.center[at] = row.coefficient / row.scale, row.center
            elif not model.uses[at]:
                rows = own[(own["block"] == row.block) & (own["feature"] == row.feature)]
                model.by_level[at] = _by_level(rows, used[at].levels)
            model.uses[at] = True
        models.append(model)
    return models


def _by_level(rows: pd.DataFrame, levels: Sequence[str]) -> Array:
    """Return what each level of a category adds; one that the model does not know adds nothing."""
    slope = rows["coefficient"].to_numpy(dtype=float) / rows["scale"].to_numpy(dtype=float)
    base = -float(slope @ rows["center"].to_numpy(dtype=float))
    known = dict(zip(rows["level"].astype(str), slope, strict=True))
    return np.array([base + known[level] if level in known else 0.0 for level in levels])


def _listed(run: Run, used: Sequence[_Used], models: Sequence[_Model]) -> npt.NDArray[np.intp]:
    """Return the places of the features to list: watched genes, what is no gene, then the genes that move most.

    A gene moves as much as its contribution varies over the patients in whom it was covered: the largest
    ``|slope| * sqrt(share * (1 - share))`` over the models, of genes alike the first by name.
    """
    covered = dict(zip(run.matrix.genes, run.matrix.covered_patients().tolist(), strict=True))
    carriers = dict(zip(run.matrix.genes, run.matrix.carriers().tolist(), strict=True))
    order = {str(gene): at for at, gene in enumerate(run.watched["gene"])}
    steepest = np.max([np.abs(model.slope) for model in models], axis=0)

    def key(place: int) -> tuple[float, float, str]:
        block, name = used[place].key
        if block != GENE:
            return 1, place, ""
        if name in order:
            return 0, order[name], ""
        share = carriers[name] / max(covered[name], 1)
        return 2, -steepest[place] * float(np.sqrt(share * (1 - share))), name

    return np.array(sorted(range(len(used)), key=key)[:FEATURES_LISTED], dtype=np.intp)


def _values(run: Run, used: Sequence[_Used], ids: Sequence[str]) -> Array:
    """Return patients by used features as the models read them: float32 numbers, NaN for what is not known."""
    inputs = run.inputs.set_index(run.inputs["patient"].astype(str))
    names = [feature.key[1] for feature in used if feature.kind != GENE]
    others = inputs.reindex(ids)[names].to_numpy(dtype=np.float32)
    places = pd.Index(run.matrix.genes).get_indexer([feature.key[1] for feature in used if feature.kind == GENE])
    return np.hstack([others, run.matrix.rows(ids).dense()[:, places]]).astype(np.float64)


def _added(model: _Model, values: Array, places: npt.NDArray[np.intp]) -> Array:
    """Return what some of the features add to the log-odds of each patient."""
    parts = np.nan_to_num(model.slope[places] * (values[:, places] - model.center[places]))
    total: Array = parts.sum(axis=1)
    for place in set(model.by_level) & set(places.tolist()):
        codes = values[:, place]
        known = ~np.isnan(codes)
        total[known] += model.by_level[place][codes[known].astype(int)]
    return total


def _nobody(run: Run, used: Sequence[_Used]) -> Array:
    """Return the values of a patient like none: no gene mutated, median numbers, the most frequent levels."""
    found = np.zeros(len(used))
    for place, feature in enumerate(used):
        if feature.kind != GENE:
            known = run.inputs[feature.key[1]].dropna().to_numpy(dtype=np.float64)
            if not len(known):
                found[place] = np.nan
            elif feature.kind == CATEGORY:
                found[place] = np.argmax(np.bincount(known.astype(int)))
            else:
                found[place] = np.float32(np.median(known))
    return found


def _carried(run: Run, features: Sequence[_Used]) -> list[float | int | None]:
    """Return the value that carriers of each gene most often have, the lower one of two; 1 where there is none."""
    columns = run.matrix.values.tocsc()
    places = dict(zip(run.matrix.genes, range(len(run.matrix.genes)), strict=True))
    most = []
    for feature in features:
        at = places[feature.key[1]] if feature.kind == GENE else None
        values = np.empty(0) if at is None else columns.data[columns.indptr[at] : columns.indptr[at + 1]]
        found, counts = np.unique(values[values > 0], return_counts=True)
        most.append(_short(float(found[np.argmax(counts)])) if len(found) else 1)
    return most


def _part(model: _Model, place: int) -> dict[str, Any] | None:
    if not model.uses[place]:
        return None
    if place in model.by_level:
        return {"levels": model.by_level[place].tolist()}
    return {"slope": float(model.slope[place]), "center": float(model.center[place])}


def _short(value: float) -> float | int | None:
    """Return a value as short as JSON can hold it without loss: most are 0 or 1."""
    if np.isnan(value):
        return None
    return int(value) if value.is_integer() else value
