"""What is wrong with a run as it was read: what every report takes for granted, looked at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from trastuz_ml.learn.coefficients import CATEGORY, INTERCEPT
from trastuz_ml.schema import GENE

if TYPE_CHECKING:
    from trastuz_ml.store.run_folder import Run

_FEATURE = {"name": str, "block": str, "kind": str, "levels": list, "counts": list}


def damage_of(run: Run) -> str:
    """Return what is wrong with a run that was read from its folder, as a part of a sentence.

    Returns
    -------
    str
        The first thing that is wrong; empty where nothing is.
    """
    for name, kind, word in (
        ("name", str, "text"), ("configuration", Mapping, "mapping"), ("provenance", Mapping, "mapping"),
    ):  # fmt: skip
        if not isinstance(getattr(run, name), kind):
            return f"the {name} in run.json is not a {word}"
    plan: Any = run.plan
    if not isinstance(plan, Mapping):
        return "plan.json does not hold a mapping"
    if not isinstance(run.features, list) or not all(map(_is_feature, run.features)):
        return "features.json does not hold a list of features"
    for name, column in (("patients", "patient"), ("patients", "response"), ("inputs", "patient")):
        if column not in getattr(run, name):
            return f"{name}.parquet has no column {column}"
    return _wrong_coefficients(run)


def _is_feature(said: Any) -> bool:
    return isinstance(said, Mapping) and all(isinstance(said.get(key), kind) for key, kind in _FEATURE.items())


def _wrong_coefficients(run: Run) -> str:
    """Return what keeps the linear models from being computed again from their coefficients."""
    rows = run.coefficients
    others = rows[rows["block"] != INTERCEPT]
    for name, column in (("coefficient", rows), ("center", others), ("scale", others)):
        if not np.isfinite(column[name].to_numpy(dtype=float, na_value=np.nan)).all():
            return f"coefficients.parquet holds a {name} that is missing or infinite"
    if (others["scale"] <= 0).any():
        return "coefficients.parquet holds a scale that is not above 0"
    kinds = {(GENE, gene): GENE for gene in run.matrix.genes}
    kinds |= {(said["block"], said["name"]): said["kind"] for said in run.features}
    levels = {(said["block"], said["name"]): said["levels"] for said in run.features}
    for row in others.drop_duplicates(["feature", "block", "kind", "level"]).itertuples():
        key = (row.block, row.feature)
        if kinds.get(key) != row.kind or (row.kind == CATEGORY and row.level not in levels[key]):
            return f"coefficients.parquet holds the {row.kind} '{row.feature}', which the run does not know"
    return ""
