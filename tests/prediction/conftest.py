"""A small model and a small roster for the tests of prediction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.ensemble import RandomForestClassifier

from trastuz_ml.assays.assay import EXOME, Assay
from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.cohort.patients import RosterPlan, read_roster
from trastuz_ml.learn.design import BURDEN_NAME, Feature
from trastuz_ml.learn.fitted import BoostedTrees, FittedModel, Forest, LinearLogit
from trastuz_ml.learn.transformers import Preparation
from trastuz_ml.schema import CALLS, conform
from trastuz_ml.store.bundle import ModelBundle, load_model, make_bundle, save_bundle

FEATURES = (
    Feature("ER.status", "covariate", "category", ("NEG", "POS")),
    Feature("age", "covariate", "number"),
    Feature("stage", "covariate", "number", ("T1", "T2", "T3")),
    Feature(BURDEN_NAME, "burden", "number"),
    *(Feature(gene, "gene", "gene") for gene in ("ANKRD44", "ERBB2", "MUC16", "PIK3CA", "TP53")),
)
CARD = {"response": {}, "patients": 80, "responders": 30, "scores": [], "sources": [], "limits": []}
ROSTER = """Patient\tER.status\tage\tstage\tassay\tDNA
P1\tPOS\t50\tT1\texome\tyes
P2\tNEG\t61\tT2\texome\tyes
P3\tPOS\tNA\tT3\tpanel\tyes
P4\tUNSURE\t44\tT1\texome\tyes
P5\tPOS\t70\tT2\texome\tno
"""
ROWS = [
    ("P1", "ANKRD44", "truncating"), ("P1", "TTN", "missense"), ("P2", "TP53", "missense"),
    ("P2", "PIK3CA", "silent"), ("P3", "TP53", "truncating"), ("P4", "MUC16", "missense"),
]  # fmt: skip


def fit(kind: str, columns: list[int]) -> FittedModel:
    rng = np.random.default_rng(3)
    X = np.column_stack(
        [rng.integers(0, 2, 80), rng.normal(55, 9, 80), rng.integers(0, 3, 80), rng.normal(4, 1, 80)]
        + [rng.random(80) < 0.3 for _ in range(5)]
    ).astype(np.float32)
    y = (rng.random(80) < 0.2 + 0.5 * X[:, 8]).astype(np.int8)
    X[60:, 4] = np.nan
    kinds = tuple(FEATURES[j].kind for j in columns)
    preparation = Preparation(kinds, min_carriers=2, complete=kind != "boosted").fit(X[:, columns])
    prepared = preparation.transform(X[:, columns])
    if kind == "linear":
        estimator = LinearLogit(rng.normal(size=prepared.shape[1]), -0.4)
    elif kind == "boosted":
        data = xgboost.DMatrix(prepared.astype(np.float32), label=y, nthread=1)
        estimator = BoostedTrees(xgboost.train({"objective": "binary:logistic", "max_depth": 2}, data, 12))
    else:
        forest = RandomForestClassifier(10, min_samples_leaf=3, random_state=0, n_jobs=1)
        estimator = Forest(forest.fit(prepared, y))
    return FittedModel(f"{kind}:both", np.array(columns), preparation, estimator)


def bundle_of(kind: str, columns: list[int] | None = None) -> ModelBundle:
    model = fit(kind, columns if columns is not None else [0, 1, 2, 4, 5, 6, 7, 8])
    return make_bundle(kind, model, FEATURES, "binary", ("truncating", "missense"), CARD, simulated=True)


@pytest.fixture(scope="session")
def make():
    """Return the maker of bundles: ``make(kind, columns)``."""
    return bundle_of


@pytest.fixture(scope="session")
def linear(tmp_path_factory) -> ModelBundle:
    """Return the linear model as it comes from disk."""
    folder = tmp_path_factory.mktemp("models") / "linear"
    save_bundle(bundle_of("linear"), folder)
    return load_model(folder)


@pytest.fixture
def roster(linear, tmp_path: Path) -> pd.DataFrame:
    path = tmp_path / "roster.tsv"
    path.write_text(ROSTER)
    plan = RosterPlan("Patient", covariates=linear.covariates, assay="assay", sequenced={"DNA": ["yes"]})
    patients, _ = read_roster(path, plan)
    return patients


@pytest.fixture
def assemble(linear):
    """Return a function from a roster to its cohort; ``rows`` and ``genes`` of the panel may be changed."""

    def made(patients: pd.DataFrame, rows=ROWS, genes=("TP53",)) -> Cohort:
        calls = conform(pd.DataFrame(rows, columns=["patient", "gene", "effect"]), CALLS)
        assays = (EXOME, Assay("panel", frozenset(genes)))
        return Cohort.assemble(calls, patients, covariates=linear.covariates, assays=assays, training=False)

    return made
