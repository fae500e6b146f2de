"""Where a run comes from: code, library versions, files, split plan."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.learn.engine import code_sha256, surroundings
from trastuz_ml.learn.folds import SplitPlan

_VERSIONED = (
    "numpy", "scipy", "pandas", "scikit-learn", "firthmodels", "skops", "mlflow", "pyarrow",
)  # fmt: skip


def provenance_of(cohort: Cohort, plan: SplitPlan, why: str, exported: str) -> dict[str, Any]:
    """Return what a run keeps of its origin, as plain JSON values."""
    return {
        "sources": [
            {"name": s.name, "sha256": s.sha256, "rows_in": s.rows_in, "rows_kept": s.rows_kept}
            for s in cohort.sources
        ],
        "plan": {
            "fingerprint": plan.fingerprint, "kind": plan.kind, "repeats": plan.repeats, "folds": plan.folds,
            "words": plan.words(), "why": why,
        },
        "exported": exported,
        "code": {"version": version("trastuz-ml"), "sha256": code_sha256()},
        "versions": library_versions(),
    }  # fmt: skip


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that a number can depend on."""
    there = surroundings()
    return {"python": there["python"], **{name: version(name) for name in _VERSIONED}, "xgboost": there["xgboost"]}
