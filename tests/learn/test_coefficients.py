"""Coefficients as a table: what is computed from it alone is what the fitted model says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests_shared import made_up_design
from trastuz_ml.learn.catalogue import catalogue_model
from trastuz_ml.learn.coefficients import coefficient_table, probability_of
from trastuz_ml.learn.columns import LearnedColumns
from trastuz_ml.learn.fitted import FittedModel, LinearLogit
from trastuz_ml.learn.tuning import Tuning
from trastuz_ml.learn.validation import fit_on_all
from trastuz_ml.schema import COEFFICIENTS, conform

LINEAR = [
    "prevalence", "clinical-only", "l2-logistic:both", "elastic-net:both", "firth-logistic:covariates",
    "naive-bayes:genes", "linear-svm:both", "l2-logistic:both@association",
]  # fmt: skip
OTHERS = ["random-forest:both", "rank-average"]


@pytest.fixture(scope="module")
def made():
    """A design with gaps of every kind, the models fitted on it, and their table."""
    design = made_up_design(patients=80, genes=12)
    rng = np.random.default_rng(4)
    X = design.X.copy()
    X[rng.random(X.shape) < 0.1] = np.nan
    # A level that nobody has: no model learns it.
    stage = replace(design.features[1], levels=("I", "II", "III", "IV"))
    design = replace(design, X=X, features=(design.features[0], stage, *design.features[2:]))
    models = [catalogue_model(name) for name in [*LINEAR, *OTHERS]]
    fitted, _ = fit_on_all(design, models, Tuning(inner_folds=3, min_carriers=2, seed=1))
    models = {name: tuned.model for name, tuned in fitted.items()}
    return design, models, coefficient_table(models, design.features)


def hostile_rows(design, rows=200):
    """Return rows with gaps, with an unseen level, one beyond the declared ones, and values far away."""
    rng = np.random.default_rng(7)
    X = rng.normal(0, 3, (rows, len(design.features))).astype(np.float32)
    X[:, 1] = rng.integers(0, 6, rows)
    X[:, 2:] = rng.integers(0, 2, (rows, len(design.features) - 2))
    X[rng.random(X.shape) < 0.2] = np.nan
    X[0], X[1, 0] = np.nan, 1e4
    return X


@pytest.mark.parametrize("name", LINEAR)
def test_coefficients__table_alone_says_what_the_model_says(made, name):
    design, models, table = made
    for X in (design.X, hostile_rows(design)):
        found = probability_of(table, name, design.features, X)
        np.testing.assert_allclose(found, models[name].probability(X), rtol=0, atol=1e-12)


def test_coefficients__models_that_are_no_sum_of_log_odds_have_no_row(made):
    _, _, table = made
    assert list(dict.fromkeys(table["model"])) == LINEAR


def test_coefficients__each_model_has_one_intercept_and_each_feature_one_row(made):
    _, _, table = made
    intercepts = table[table["block"] == "intercept"]
    assert intercepts["model"].tolist() == LINEAR
    assert set(intercepts["feature"]) == {""}
    assert not table.duplicated(["model", "block", "feature", "level"]).any()
    assert table.loc[table["kind"] != "category", "level"].eq("").all()


def test_coefficients__a_level_that_nobody_has_has_no_row(made):
    _, _, table = made
    levels = table[(table["model"] == "clinical-only") & (table["kind"] == "category")]["level"]
    assert levels.tolist() == ["I", "II", "III"]


def test_coefficients__order_of_columns_does_not_matter(made):
    design, models, table = made
    X, order = hostile_rows(design), np.random.default_rng(0).permutation(len(design.features))
    found = probability_of(table, "linear-svm:both", [design.features[j] for j in order], X[:, order])
    np.testing.assert_allclose(found, models["linear-svm:both"].probability(X), rtol=0, atol=1e-12)


def test_coefficients__zeros_are_left_out_but_a_zero_level_beside_another_is_kept(made):
    design, _, _ = made
    kinds = [feature.kind for feature in design.features]
    preparation = LearnedColumns(tuple(kinds)).learn(design.X)
    sources = np.arange(len(kinds))
    coefficients = np.zeros(len(preparation.source_))
    first_level = int(np.flatnonzero(preparation.level_ >= 0)[0])
    coefficients[[0, first_level]] = 1.0, -2.0
    model = FittedModel("m", sources, preparation, LinearLogit(coefficients, 0.1))
    table = coefficient_table({"m": model}, design.features)
    assert table["coefficient"].tolist() == [0.1, 1.0, -2.0, 0.0, 0.0]
    X = hostile_rows(design)
    np.testing.assert_allclose(
        probability_of(table, "m", design.features, X), model.probability(X), rtol=0, atol=1e-12
    )


def test_coefficients__unknown_model_is_refused(made):
    design, _, table = made
    with pytest.raises(ValueError, match="no coefficients of random-forest:both"):
        probability_of(table, "random-forest:both", design.features, design.X)


def test_coefficients__every_bit_survives_the_file(made, tmp_path):
    _, _, table = made
    table.to_parquet(tmp_path / "c.parquet", index=False)
    back = conform(pd.read_parquet(tmp_path / "c.parquet"), COEFFICIENTS)
    pd.testing.assert_frame_equal(back, table, check_exact=True)
