"""What a report shows of features in single patients, none of them named: dots, and two waterfalls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from trastuz_ml.explain.contributions import NOT_COVERED
from trastuz_ml.report.answer import AUROC
from trastuz_ml.report.plain import plain
from trastuz_ml.report.privacy import Pseudonyms
from trastuz_ml.schema import GENE
from trastuz_ml.store.run_folder import Run

FEATURES_SHOWN, OTHERS_SHOWN, DEPENDENCES_SHOWN = 12, 6, 6
# Of more patients than this the dots of some are shown: a figure has no room for more that can be told apart.
DOTS_SHOWN = 1_000
_HIGHEST, _LOWEST = "highest prediction", "lowest prediction"


def patients_content(run: Run, hidden: Pseudonyms) -> dict[str, Any]:
    """Return the contributions of one model's leading features in every patient, and two patients in full.

    Returns
    -------
    dict
        ``model`` (the one that is shown, empty for none), ``why`` it, and of how many patients where there are
        more than :data:`DOTS_SHOWN`; ``scale``, ``response`` (a number a patient, in the order of pseudonyms),
        ``features`` (genes, then others: ``feature``, ``block``, ``levels``, of which
        the value is the place, empty for a number and for a gene, and ``values`` and ``contributions`` in the
        same order), ``gaps`` (what a gene that was not covered contributes, empty where
        all were), ``dependence`` (which of them are drawn against their value) and
        ``waterfalls`` (``patient``, ``which``, ``response``, ``base``, ``output`` and ``steps``, of the patients
        with the highest and the lowest prediction).
    """
    model, why = model_shown(run)
    rows = run.contributions[run.contributions["model"] == model]
    table = run.gene_contributions[run.gene_contributions["model"] == model]
    table = table[table["feature"].isin(rows["feature"].unique())]
    genes = features_shown(table[table["block"] == GENE], run.watched["gene"])
    features = [*genes, *features_shown(table[table["block"] != GENE], ())[:OTHERS_SHOWN]]
    if not features:
        return {
            "model": "", "why": why, "scale": "", "response": [], "features": [], "gaps": "", "dependence": [],
            "waterfalls": [],
        }  # fmt: skip
    levels, by_feature = levels_shown(run, hidden), rows.groupby("feature", sort=False, observed=True)
    answered = run.patients.dropna(subset=["response"])
    everybody = sorted(map(str, answered["patient"]), key=hidden.of)
    # Pseudonyms say nothing of a patient, so that any stretch of their order is a sample.
    ids = everybody[:DOTS_SHOWN]
    if len(ids) < len(everybody):
        why += f"; dots of {len(ids):,} of {len(everybody):,} patients, drawn at random"
    response = dict(zip(map(str, answered["patient"]), answered["response"].astype(int), strict=True))
    watched = [str(gene) for gene in run.watched["gene"] if gene in genes]
    leading = [name for name in features_shown(table, ()) if name in features and name not in watched]
    return {
        "model": model,
        "why": why,
        "scale": str(table["scale"].iloc[0]),
        "response": [response[patient] for patient in ids],
        "features": [_feature(by_feature.get_group(name), ids, levels) for name in features],
        "gaps": NOT_COVERED if rows.loc[rows["feature"].isin(genes), "value"].isna().any() else "",
        "dependence": [*watched, *leading][:DEPENDENCES_SHOWN],
        "waterfalls": _waterfalls(run, rows, model, response, hidden, levels),
    }


def model_shown(run: Run) -> tuple[str, str]:
    """Return the model whose contributions are shown patient by patient, and why it.

    It is the exported one. Where that uses no gene, it is the model with the highest AUROC of those that do.
    """
    exported = str(run.provenance.get("exported") or "")
    moved = run.gene_contributions[run.gene_contributions["mean_abs"].fillna(0) > 0]
    using = set(moved.loc[moved["block"] == GENE, "model"]) & set(run.contributions["model"].unique())
    if exported in using:
        return exported, "the exported model"
    if not using:
        return exported, "the exported model; no gene moves the predictions of any model"
    auroc = run.scores[(run.scores["score"] == AUROC) & run.scores["model"].isin(using)]
    ordered = auroc.sort_values(["estimate", "model"], ascending=[False, True])["model"]
    first = str(ordered.iloc[0]) if len(ordered) else min(using)
    reason = f"no gene moves the exported one ({exported})" if exported else "no model was exported"
    return first, f"the model with the highest AUROC of those that genes move; {reason}"


def features_shown(table: pd.DataFrame, watched: Sequence[str]) -> list[str]:
    """Return a model's leading features, the watched genes that move it among them.

    Examples
    --------
    >>> features_shown(pd.DataFrame({"feature": ["B", "A"], "mean_abs": [0.1, 0.2]}), ["B"])
    ['A', 'B']
    """
    moved = table[table["mean_abs"].fillna(0) > 0].sort_values(["mean_abs", "feature"], ascending=[False, True])
    names = [str(name) for name in moved["feature"]]
    held = [gene for gene in map(str, watched) if gene in names][:FEATURES_SHOWN]
    others = [name for name in names if name not in held][: FEATURES_SHOWN - len(held)]
    return [name for name in names if name in {*held, *others}]


def levels_shown(run: Run, hidden: Pseudonyms) -> dict[str, list[str]]:
    """Return the names of the levels of the features that have some.

    A level that may name a patient is shown by its place. The levels of an ordered covariate were declared: a T2
    is a stage, however much it looks like patients numbered T1 and T2.
    """
    shown: dict[str, list[str]] = {}
    for feature in run.features:
        levels, declared = [str(level) for level in feature["levels"]], feature["kind"] != "category"
        if levels:
            shown[str(feature["name"])] = [
                level
                if hidden.rewrite(level) == level
                or (declared and level not in hidden.names and level not in hidden.strangers)
                else f"level {place}"
                for place, level in enumerate(levels, start=1)
            ]
    return shown


def _levels(feature: str, block: str, levels: Mapping[str, list[str]]) -> list[str]:
    """Return the levels of a feature; a gene has none, though a covariate may have its name."""
    return [] if block == GENE else levels.get(feature, [])


def _feature(rows: pd.DataFrame, ids: Sequence[str], levels: Mapping[str, list[str]]) -> dict[str, Any]:
    feature, block = (str(rows[name].iloc[0]) for name in ("feature", "block"))
    by_patient = rows.set_index("patient").reindex(ids)
    return {
        "feature": feature,
        "block": block,
        "levels": _levels(feature, block, levels),
        "values": plain(_rounded(by_patient["value"])),
        "contributions": plain(_rounded(by_patient["contribution"])),
    }


def _rounded(values: pd.Series) -> list[float]:
    """Return numbers with five decimals: a figure shows less, and the content of 1,000 patients stays small."""
    return [float(value) for value in values.astype(float).round(5)]


def _waterfalls(
    run: Run, rows: pd.DataFrame, model: str, response: dict[str, int], hidden: Pseudonyms,
    levels: Mapping[str, list[str]],
) -> list[dict[str, Any]]:  # fmt: skip
    # A row whose contributions do not add up has no gap: it was refused, and is in no mean.
    explained = run.explained[(run.explained["model"] == model) & run.explained["gap"].notna()]
    known = set(rows["patient"].unique()) & set(response)
    means = explained[explained["patient"].isin(known)].groupby("patient")[["base", "output"]].mean()
    if means.empty:
        return []
    order = sorted(means.index, key=lambda patient: (-means.loc[patient, "output"], hidden.of(patient)))
    picked = [(order[0], _HIGHEST), (order[-1], _LOWEST)][: len(order)]
    return [
        {
            "patient": hidden.of(patient),
            "which": which,
            "response": response[patient],
            **plain(means.loc[patient].round(5).to_dict()),
            "steps": _steps(rows[rows["patient"] == patient], levels),
        }
        for patient, which in picked
    ]


def _steps(rows: pd.DataFrame, levels: Mapping[str, list[str]]) -> dict[str, list[Any]]:
    """Return the features that moved the patient's prediction, as columns: the smallest form of a long table."""
    moving = rows[rows["contribution"].abs() > 0]
    moving = moving.iloc[np.argsort(-moving["contribution"].abs().to_numpy(dtype=float), kind="stable")]
    return {
        "feature": [str(name) for name in moving["feature"]],
        "block": [str(name) for name in moving["block"]],
        "levels": [_levels(row.feature, row.block, levels) for row in moving.itertuples()],
        "value": plain(_rounded(moving["value"])),
        "contribution": plain(_rounded(moving["contribution"])),
    }
