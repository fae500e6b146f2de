"""Random forests and boosted trees, fitted along their whole grid at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from trastuz_ml.learn.fitted import BoostedTrees, Forest, LinearLogit
from trastuz_ml.learn.linear import fit_prevalence
from trastuz_ml.learn.training import Training

Candidates = Sequence[dict[str, Any]]
FOREST_TREES = 200


def fit_forest(training: Training, candidates: Candidates) -> list[Forest] | list[LinearLogit]:
    """Fit a random forest for each smallest leaf, ``min_samples_leaf``.

    Leaves hold at least three patients, so that Tree SHAP stays exact and shallow. With ``balanced`` weights,
    bootstrap samples are drawn in proportion to them. See :func:`trastuz_ml.learn.forests.grow_forests`.
    Without any column, the response rate.

    Examples
    --------
    >>> X, y = np.eye(12, 5), np.arange(12, dtype=np.int8) % 2
    >>> model = fit_forest(Training(X, y, np.arange(12).astype(str)), [{"min_samples_leaf": 3}])[0]
    >>> model.probability(X).shape
    (12,)
    """
    from trastuz_ml.learn.forests import grow_forests

    if training.X.shape[1] == 0:
        return fit_prevalence(training, candidates)
    grown = grow_forests(
        training.X.astype(np.float32), training.y, [c["min_samples_leaf"] for c in candidates],
        trees=FOREST_TREES, seed=training.seed, weights=training.weights if training.balanced else None,
    )  # fmt: skip
    return [Forest(forest) for forest in grown]


def fit_boosted(training: Training, candidates: Candidates) -> Sequence[Any]:
    """Fit XGBoost; candidates that differ only in ``trees`` share one fit and are cut from it.

    Dense float32 in, NaN for what was not measured: a stored matrix with zeros left out would be scored as
    *missing*. See :mod:`trastuz_ml.learn.boosting` for how the same trees are had in less time. With
    ``balanced`` weights they start from the weighted rate. Without any column, the response rate.

    Returns
    -------
    list of BoostedTrees, or of GrownTrees
        A single candidate is what a model keeps, and comes as trees on the prepared columns; of several, all
        but one will be thrown away, and they come as they were grown: the same predictions.

    Examples
    --------
    >>> X, y = np.repeat(np.eye(3), 8, axis=0), np.repeat([1, 0, 0], 8).astype(np.int8)
    >>> model = fit_boosted(Training(X, y, np.arange(24).astype(str)), [{"depth": 1, "trees": 20}])[0]
    >>> bool(model.probability(X)[0] > 0.5)
    True
    """
    from trastuz_ml.learn.boosting import GrownTrees, grow_boosters

    if training.X.shape[1] == 0:
        return fit_prevalence(training, candidates)
    most = {c["depth"]: max(d["trees"] for d in candidates if d["depth"] == c["depth"]) for c in candidates}
    weights = training.weights if training.balanced else None
    grown = grow_boosters(training.X.astype(np.float32), training.y, _settings(training), most, weights)
    cut = [GrownTrees(grown[c["depth"]].booster, grown[c["depth"]].columns, c["trees"]) for c in candidates]
    kept: list[BoostedTrees] | list[GrownTrees] = [cut[0].spelled_out()] if len(cut) == 1 else cut
    return kept


def _settings(training: Training) -> dict[str, Any]:
    return {
        "objective": "binary:logistic",
        "tree_method": "hist",
        "eta": 0.05,
        "base_score": training.rate,
        "nthread": 1,
        "seed": training.seed,
        "verbosity": 0,
    }
