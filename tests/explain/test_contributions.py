"""Held-out contributions: additive, checked against independent implementations."""

import warnings
from dataclasses import replace
from itertools import combinations
from math import factorial

import numpy as np
import pytest

from tests_shared import made_up_design
from trastuz_ml.explain.contributions import contribution_tables, contributions_of, explained_table
from trastuz_ml.learn.catalogue import catalogue_model
from trastuz_ml.learn.fitted import FittedModel, Forest, LinearLogit
from trastuz_ml.learn.folds import plan_splits
from trastuz_ml.learn.training import Training
from trastuz_ml.learn.transformers import Preparation
from trastuz_ml.learn.trees import fit_forest
from trastuz_ml.learn.tuning import Tuning
from trastuz_ml.learn.validation import fit_on_all, validate

NAMES = (
    "prevalence", "clinical-only", "burden-only", "l2-logistic:both", "elastic-net:both", "random-forest:both",
    "xgboost:both",
)  # fmt: skip


@pytest.fixture(scope="module")
def design():
    made = made_up_design(genes=20)
    X = made.X.copy()
    X[:10, 5] = np.nan  # not covered
    X[3, 0] = np.nan  # age unknown
    return replace(made, X=X)


@pytest.fixture(scope="module")
def fitted(design):
    tuned = fit_on_all(design, [catalogue_model(name) for name in NAMES], Tuning(2, 2, 0))[0]
    return {name: found.model for name, found in tuned.items()}


@pytest.mark.parametrize("name", NAMES)
def test_contributions__add_up_to_the_output_on_every_row(name, design, fitted):
    explanation = contributions_of(fitted[name], design.X)
    tolerance = 1e-5 if explanation.method == "tree-path" else 1e-9
    assert explanation.gap.max() < tolerance
    chance = fitted[name].probability(design.X)
    if explanation.scale == "log-odds":
        np.testing.assert_allclose(1 / (1 + np.exp(-explanation.output)), chance, atol=1e-6)
    else:
        np.testing.assert_allclose(explanation.output, chance, atol=1e-12)


def test_contributions__linear_is_the_coefficient_times_the_distance_from_the_mean(design, fitted):
    model = fitted["l2-logistic:both"]
    explanation = contributions_of(model, design.X)
    gene = 7
    prepared = list(model.sources()).index(gene)
    weight = model.estimator.coefficients[prepared]
    expected = weight * (design.X[:, gene] - np.nanmean(design.X[:, gene]))
    np.testing.assert_allclose(explanation.values[:, gene], expected, atol=1e-7)


def test_contributions__what_was_not_covered_contributes_nothing_to_a_linear_model(design, fitted):
    explanation = contributions_of(fitted["l2-logistic:both"], design.X)
    assert (explanation.values[:10, 5] == 0).all()
    assert (explanation.values[10:, 5] != 0).all()


def test_contributions__the_levels_of_a_category_are_added_up(design, fitted):
    model = fitted["clinical-only"]
    explanation = contributions_of(model, design.X)
    stage = model.sources() == 1
    assert stage.sum() == 3
    parts = (model.prepare(design.X) * model.estimator.coefficients)[:, stage].sum(axis=1)
    np.testing.assert_allclose(explanation.values[:, 1], parts, atol=1e-12)


def test_contributions__xgboost_equals_the_shap_library(design, fitted):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap
    model = fitted["xgboost:both"]
    prepared = model.prepare(design.X).astype(np.float32)
    theirs = shap.TreeExplainer(model.estimator.booster).shap_values(prepared)
    ours = contributions_of(model, design.X).values
    by_feature = np.zeros_like(ours)
    for column, place in enumerate(model.sources()):
        by_feature[:, place] += theirs[:, column]
    np.testing.assert_allclose(ours, by_feature, atol=1e-5)


def path_value(tree, x, known, node=0):
    """Expected output of a tree when only some features are known: both branches by their training share."""
    if tree.children_left[node] < 0:
        return tree.value[node, 0, 1] / tree.value[node, 0].sum()
    left, right = tree.children_left[node], tree.children_right[node]
    feature = tree.feature[node]
    if feature in known:
        return path_value(tree, x, known, left if x[feature] <= tree.threshold[node] else right)
    weight = tree.weighted_n_node_samples
    ends = [path_value(tree, x, known, child) * weight[child] for child in (left, right)]
    return sum(ends) / weight[node]


def shapley(tree, x, features, j):
    others = [f for f in features if f != j]
    total = 0.0
    for size in range(len(others) + 1):
        share = factorial(size) * factorial(len(others) - size) / factorial(len(features))
        for known in combinations(others, size):
            total += share * (path_value(tree, x, {*known, j}) - path_value(tree, x, set(known)))
    return total


def test_contributions__forest_equals_shapley_values_by_enumeration():
    rng = np.random.default_rng(0)
    X = (rng.random((50, 4)) < 0.4).astype(float)
    y = (rng.random(50) < 0.2 + 0.5 * X[:, 0]).astype(np.int8)
    forest = fit_forest(Training(X, y, np.arange(len(y)).astype(str)), [{"min_samples_leaf": 5}])[0]
    small = Forest(type(forest.forest)(8, min_samples_leaf=5, random_state=0).fit(X, y))
    preparation = Preparation(complete=False).fit(X)
    model = FittedModel("made-up", np.arange(4), preparation, small)
    ours = contributions_of(model, X[:3].astype(np.float32)).values
    for i in range(3):
        for j in range(4):
            trees = [shapley(t.tree_, X[i], range(4), j) for t in small.forest.estimators_]
            assert ours[i, j] == pytest.approx(np.mean(trees), abs=1e-9)


def test_contributions__a_row_that_does_not_add_up_is_refused(design, monkeypatch):
    model = FittedModel(
        "broken", np.array([2, 3]), Preparation(("gene", "gene")).fit(design.X[:, [2, 3]]),
        LinearLogit(np.array([1.0, 2.0]), 0.0),
    )  # fmt: skip
    honest = LinearLogit.margin
    monkeypatch.setattr(LinearLogit, "margin", lambda self, prepared: honest(self, prepared) + 1e-6)
    explanation = contributions_of(model, design.X)
    assert np.isnan(explanation.used).all()


@pytest.fixture(scope="module")
def tables(design):
    models = [catalogue_model(name) for name in ("prevalence", "l2-logistic:both")]
    plan = plan_splits(design.patients, design.response, design.groups, repeats=2, folds=3, seed=0)
    found = validate(design, plan, models, Tuning(2, 2, 0), inspect=contributions_of)
    return found, *contribution_tables(found.inspected, design, ["G019", "G001"])


def test_tables__a_patients_contribution_is_the_mean_over_the_folds_that_left_it_out(design, tables):
    found, by_patient, _ = tables
    patient, gene = design.patients[12], "G004"
    place = [f.name for f in design.features].index(gene)
    held_out = [
        item.result.values[list(item.places).index(12), place]
        for item in found.inspected
        if item.model == "l2-logistic:both" and 12 in item.places
    ]
    row = by_patient.query(f"model == 'l2-logistic:both' and patient == '{patient}' and feature == '{gene}'").iloc[
        0
    ]
    assert len(held_out) == 2
    assert row["contribution"] == pytest.approx(np.mean(held_out))
    assert row["spread"] == pytest.approx(np.std(held_out, ddof=1))


def test_tables__a_feature_is_summed_up_over_patients(design, tables):
    _, by_patient, by_feature = tables
    rows = by_patient.query("model == 'l2-logistic:both' and feature == 'G004'")
    row = by_feature.query("model == 'l2-logistic:both' and feature == 'G004'").iloc[0]
    assert row["mean_abs"] == pytest.approx(rows["contribution"].abs().mean())
    assert row["when_mutated"] == pytest.approx(rows[rows["value"] > 0]["contribution"].mean())
    assert row["carriers"] == (design.X[:, 6] > 0).sum()


def test_tables__covered_counts_leave_out_what_was_not_covered(tables):
    row = tables[2].query("model == 'l2-logistic:both' and feature == 'G003'").iloc[0]
    assert row["covered"] == 50


def test_tables__a_watched_gene_has_its_row_in_every_model(tables):
    watched = tables[2].query("feature == 'G019'")
    assert watched["model"].tolist() == ["prevalence", "l2-logistic:both"]


def test_tables__a_gene_that_nobody_carries_is_not_evaluable(design):
    X = design.X.copy()
    X[:, 4] = 0
    changed = replace(design, X=X)
    plan = plan_splits(design.patients, design.response, design.groups, repeats=1, folds=3, seed=0)
    models = [catalogue_model("l2-logistic:genes")]
    found = validate(changed, plan, models, Tuning(2, 2, 0), inspect=contributions_of)
    _, by_feature = contribution_tables(found.inspected, changed, ["G002"])
    row = by_feature.query("feature == 'G002'").iloc[0]
    assert row["status"] == "not evaluable: mutated in 0 of 60"
    assert np.isnan(row["mean_abs"])


def test_tables__every_left_out_row_is_checked_and_listed(design, tables):
    listed = explained_table(tables[0].inspected, design.patients)
    assert len(listed) == 2 * 2 * len(design.patients)
    assert listed["gap"].max() < 1e-9


def test_tables__nothing_inspected_gives_empty_tables(design):
    by_patient, by_feature = contribution_tables([], design)
    assert by_patient.empty
    assert by_feature.empty
    assert explained_table([], design.patients).empty
