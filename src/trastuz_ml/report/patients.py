"""Patient by patient, under pseudonyms: probability by model, influence, and how a prediction comes about."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from trastuz_ml.learn.out_of_fold import in_pairs, tournament
from trastuz_ml.report.gene_patients import levels_shown, model_shown
from trastuz_ml.report.plain import plain
from trastuz_ml.report.privacy import Pseudonyms
from trastuz_ml.store.run_folder import Run

STEPS_KEPT = 8
# A page holds the waterfalls of so many patients; beyond, of those at the ends and of those who matter most.
WATERFALLS_KEPT = 600


def patient_rows(run: Run, hidden: Pseudonyms) -> dict[str, Any]:
    """Return the patients, each with what every model says and what moves it.

    Returns
    -------
    dict
        ``models``; ``of_pairs`` (then a probability is the share of all others that the patient was ranked above);
        ``rows``, the highest ``chosen`` first: ``patient``, ``response``, ``assay``, ``burden``, ``probability``
        (``mean``, ``low`` and ``high`` over repeats, a list each, in the order of the models), ``influence``
        (change of the AUROC of ``chosen`` without the patient). ``waterfalls``: ``model``, ``scale``, ``features``
        (``feature``, ``block``, ``levels``), ``patients``: ``patient``, ``base``, ``output``, ``steps`` (place of
        the feature, its value, its contribution, largest first) and ``rest``, the sum of all others. ``left``: how
        many patients have no waterfall here.
    """
    members = run.patients.dropna(subset=["response"])
    ids = [str(patient) for patient in members["patient"]]
    mean, low, high = _probabilities(run, ids)
    changes = _changes(run, ids)
    columns = {
        name: members[name].to_list() if name in members else [None] * len(ids) for name in ("assay", "burden")
    }
    order = _order(ids, mean, hidden)
    rows = [
        {
            "patient": hidden.of(ids[i]),
            "response": int(members["response"].iloc[i]),
            "assay": columns["assay"][i],
            "burden": columns["burden"][i],
            "probability": {"mean": mean[i], "low": low[i], "high": high[i]},
            "influence": changes[i],
        }
        for i in order
    ]
    wanted = _wanted([ids[i] for i in order], changes[order])
    return plain(  # type: ignore[no-any-return]
        {
            "models": run.models,
            "of_pairs": in_pairs(run.out_of_fold),
            "rows": rows,
            "waterfalls": waterfalls(run, hidden, wanted),
        }
    )


def patients_kept(run: Run, hidden: Pseudonyms) -> list[str]:
    """Return the patients whom a page shows in full, under their real identifiers, in the order of the rows."""
    ids = [str(patient) for patient in run.patients.dropna(subset=["response"])["patient"]]
    order = _order(ids, _probabilities(run, ids)[0], hidden)
    return _wanted([ids[i] for i in order], _changes(run, ids)[order])


def _order(ids: list[str], mean: Any, hidden: Pseudonyms) -> list[int]:
    return sorted(range(len(ids)), key=lambda i: (-_first(mean[i]), hidden.of(ids[i])))


def _changes(run: Run, ids: list[str]) -> Any:
    """Return what leaving each patient out changes, shape (n_patients,); missing where it is not known."""
    influence = run.influence.assign(patient=run.influence["patient"].astype(str)).set_index("patient")
    return influence["chosen_change"].reindex(ids).astype(float).to_numpy()


def _first(values: list[float]) -> float:
    """Return the value that patients are ordered by; missing ones come last."""
    return values[0] if values and np.isfinite(values[0]) else -1.0


def _probabilities(run: Run, ids: list[str]) -> tuple[list[list[float]], ...]:
    """Return mean, lowest and highest over repeats, patients by models, with three decimals."""
    table = run.out_of_fold
    if in_pairs(table):
        wins = [tournament(rows)["wins"] for _, rows in table.groupby("model", sort=False)]
        mean = pd.concat([(one / max(len(ids) - 1, 1)).reindex(ids) for one in wins], axis=1)
        empty = mean * np.nan
        return tuple(part.to_numpy(dtype=float).round(3).tolist() for part in (mean, empty, empty))
    found = table.groupby(["patient", "model"], sort=False)["probability"].agg(["mean", "min", "max"])
    if table["repeat"].nunique() < 2:
        found[["min", "max"]] = np.nan
    return tuple(
        found[name].unstack("model").reindex(index=ids, columns=run.models).to_numpy(dtype=float).round(3).tolist()
        for name in ("mean", "min", "max")
    )


def _wanted(ids: list[str], changes: Any) -> list[str]:
    """Return the patients whose waterfalls are kept, in the order given."""
    if len(ids) <= WATERFALLS_KEPT:
        return ids
    third = WATERFALLS_KEPT // 3
    leading = np.argsort(-np.nan_to_num(np.abs(np.asarray(changes, dtype=float))), kind="stable")[:third]
    kept = {*ids[:third], *ids[-third:], *(ids[int(i)] for i in leading)}
    return [patient for patient in ids if patient in kept]


def waterfalls(run: Run, hidden: Pseudonyms, ids: list[str]) -> dict[str, Any]:
    """Return how the predictions of one model come about in each patient, in the smallest form."""
    model, _ = model_shown(run)
    rows = run.contributions[run.contributions["model"] == model]
    # A row whose contributions do not add up has no gap: it was refused, and is in no mean.
    sums = run.explained[(run.explained["model"] == model) & run.explained["gap"].notna()]
    means = sums.groupby("patient")[["base", "output"]].mean()
    known = [patient for patient in ids if patient in means.index]
    rows = rows[rows["patient"].isin(known) & (rows["contribution"].abs() > 0)]
    if rows.empty:
        return {"model": "", "scale": "", "features": [], "patients": [], "left": len(ids)}
    rows = rows.assign(size=rows["contribution"].abs())
    rows = rows.sort_values(["patient", "size", "feature"], ascending=[True, False, True])
    rank = rows.groupby("patient").cumcount().to_numpy()
    leading, rest = rows[rank < STEPS_KEPT], rows[rank >= STEPS_KEPT].groupby("patient")["contribution"].sum()
    features = sorted({(str(f), str(b)) for f, b in zip(leading["feature"], leading["block"], strict=True)})
    place = {feature: at for at, feature in enumerate(features)}
    levels = levels_shown(run, hidden)
    steps: dict[str, list[list[float]]] = {}
    for row in leading.itertuples():
        step = [
            place[str(row.feature), str(row.block)],
            round(float(row.value), 3),
            round(float(row.contribution), 4),
        ]
        steps.setdefault(str(row.patient), []).append(step)
    return {
        "model": model,
        "scale": str(sums["scale"].iloc[0]),
        "features": [
            {"feature": name, "block": block, "levels": [] if block == "gene" else levels.get(name, [])}
            for name, block in features
        ],
        "patients": [
            {
                "patient": hidden.of(patient),
                "base": round(float(means.loc[patient, "base"]), 4),
                "output": round(float(means.loc[patient, "output"]), 4),
                "steps": steps.get(patient, []),
                "rest": round(float(rest.get(patient, 0.0)), 4),
            }
            for patient in known
        ],
        "left": len(run.patients["response"].dropna()) - len(known),
    }
