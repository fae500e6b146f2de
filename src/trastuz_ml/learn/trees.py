"""Random forests and boosted trees, fitted along their whole grid at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logit

from trastuz_ml.learn.fitted import BoostedTrees, Forest, LinearLogit

Array = npt.NDArray[np.float64]
Candidates = Sequence[dict[str, Any]]
FOREST_TREES = 200


def fit_forest(X: Array, y: npt.NDArray[np.int8], candidates: Candidates, seed: int) -> list[Forest | LinearLogit]:
    """Fit random forests; leaves hold at least three patients, so that Tree SHAP stays exact and shallow."""
    from sklearn.ensemble import RandomForestClassifier

    if X.shape[1] == 0:
        return [_rate_only(X, y) for _ in candidates]
    return [
        Forest(
            RandomForestClassifier(
                FOREST_TREES, min_samples_leaf=candidate["min_samples_leaf"], max_features="sqrt",
                n_jobs=1, random_state=seed,
            ).fit(X, y)
        )
        for candidate in candidates
    ]  # fmt: skip


def fit_boosted(
    X: Array, y: npt.NDArray[np.int8], candidates: Candidates, seed: int
) -> list[BoostedTrees | LinearLogit]:
    """Fit XGBoost; candidates that differ only in ``trees`` share one fit and are cut from it.

    Dense float32 in, NaN for what was not measured: XGBoost would read a sparse zero as missing.
    """
    import xgboost

    if X.shape[1] == 0:
        return [_rate_only(X, y) for _ in candidates]
    data = xgboost.DMatrix(X.astype(np.float32), label=y, nthread=1)
    most = {c["depth"]: max(d["trees"] for d in candidates if d["depth"] == c["depth"]) for c in candidates}
    grown = {depth: xgboost.train(_settings(depth, y, seed), data, trees) for depth, trees in most.items()}
    return [BoostedTrees(grown[c["depth"]][: c["trees"]]) for c in candidates]


def _settings(depth: int, y: npt.NDArray[np.int8], seed: int) -> dict[str, Any]:
    return {
        "objective": "binary:logistic",
        "tree_method": "hist",
        "max_depth": depth,
        "eta": 0.05,
        "base_score": float(y.mean()),
        "nthread": 1,
        "seed": seed,
        "verbosity": 0,
    }


def _rate_only(X: Array, y: npt.NDArray[np.int8]) -> LinearLogit:
    # No gene passed the carrier filter of this fold: only the response rate is left to predict with.
    return LinearLogit(np.zeros(0), float(logit(y.mean())))
