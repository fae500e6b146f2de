"""Three small stored models, and what a tamperer does to their folders."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import xgboost
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from trastuz_ml.learn.design import Feature
from trastuz_ml.learn.fitted import BoostedTrees, FittedModel, Forest, LinearLogit
from trastuz_ml.learn.transformers import Preparation
from trastuz_ml.store.bundle import LOCAL_FILES, ModelBundle, make_bundle, save_bundle
from trastuz_ml.store.lock import installed_versions
from trastuz_ml.store.manifest import seal

KINDS = ("linear", "boosted", "forest")
FEATURES = (
    Feature("unused", "covariate", "number"),
    Feature("age", "covariate", "number"),
    Feature("ER.status", "covariate", "category", ("NEG", "POS")),
    Feature("stage", "covariate", "number", ("T1", "T2", "T3")),
    *(Feature(f"GENE{i:03d}", "gene", "gene") for i in range(120)),
)
CARD = {
    "response": {"column": "pCR.RD", "positive": ["pCR"], "negative": ["RD"]},
    "patients": 90,
    "responders": np.int64(30),
    "scores": [
        {"model": "chosen", "score": "auroc", "estimate": 0.61, "low": np.nan, "high": None, "interval": "none"}
    ],
    "sources": [{"name": "calls.maf", "sha256": "ab" * 32}],
    "limits": ["One cohort only."],
}


def design(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = np.empty((90, len(FEATURES)), dtype=np.float32)
    X[:, 0], X[:, 1] = rng.normal(size=90), rng.normal(55, 10, size=90)
    X[:, 2], X[:, 3] = rng.integers(0, 2, 90), rng.integers(0, 3, 90)
    X[:, 4:] = rng.random((90, 120)) < rng.uniform(0.005, 0.2, 120)
    X[60:, 80:] = np.nan
    X[5, 1] = X[7, 2] = np.nan
    return X, (rng.random(90) < 0.35).astype(np.int8)


def fit(kind: str) -> FittedModel:
    X, y = design()
    columns = np.arange(1, len(FEATURES))
    kinds = tuple(FEATURES[j].kind for j in columns)
    preparation = Preparation(kinds, min_carriers=4, complete=kind != "boosted").fit(X[:, columns])
    prepared = preparation.transform(X[:, columns])
    return FittedModel(
        f"{kind}:both", columns, preparation, learn(kind, prepared, y), {"C": np.float64(0.1)}, 0.37
    )


def learn(kind: str, prepared: np.ndarray, y: np.ndarray) -> LinearLogit | BoostedTrees | Forest:
    if kind == "linear":
        logistic = LogisticRegression(C=0.3, max_iter=1000).fit(prepared, y)
        return LinearLogit(logistic.coef_[0], float(logistic.intercept_[0]))
    if kind == "boosted":
        data = xgboost.DMatrix(prepared.astype(np.float32), label=y, nthread=1)
        settings = {"objective": "binary:logistic", "max_depth": 3, "nthread": 1, "seed": 1}
        return BoostedTrees(xgboost.train(settings, data, 40)[:30])
    forest = RandomForestClassifier(20, min_samples_leaf=3, random_state=1, n_jobs=1)
    return Forest(forest.fit(prepared, y))


@cache
def bundle_of(kind: str) -> ModelBundle:
    return make_bundle("demo", fit(kind), FEATURES, "binary", ("truncating", "missense"), CARD, simulated=True)


def new_rows(bundle) -> tuple[np.ndarray, np.ndarray]:
    """Return rows that no model has seen, in the whole design and in the bundle's columns."""
    X, _ = design(seed=9)
    places = [FEATURES.index(feature) for feature in bundle.features]
    return X, X[:, places]


def reseal(folder: Path, **versions: str) -> None:
    """Write a manifest that fits what is in the folder now, as somebody with bad intentions would."""
    made_with = installed_versions() | {name.replace("_", "-"): v for name, v in versions.items()}
    seal(folder, made_with, local=LOCAL_FILES)


def rewrite_schema(path: Path, change: Callable[[str], str]) -> None:
    """Change the description inside a skops file."""
    with zipfile.ZipFile(path) as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    members["schema.json"] = change(members["schema.json"].decode()).encode()
    with zipfile.ZipFile(path, "w") as packed:
        for name, data in members.items():
            packed.writestr(name, data)


def saving(kind: str, folder: Path, *thresholds: float) -> subprocess.Popen:
    """Fit and save a model in a process of its own, once for each threshold."""
    return subprocess.Popen([sys.executable, __file__, kind, str(folder), *map(str, thresholds)])


if __name__ == "__main__":
    kind, folder, *thresholds = sys.argv[1:]
    for threshold in thresholds or ["0.37"]:
        fitted = bundle_of(kind)
        save_bundle(replace(fitted, model=replace(fitted.model, threshold=float(threshold))), folder)
