"""Held-out contributions: additive, checked against independent implementations."""

import warnings
from dataclasses import replace
from itertools import combinations
from math import factorial

import numpy as np
import pytest
import xgboost

from tests_shared import made_up_design
from trastuz_ml.errors import EvidenceError
from trastuz_ml.explain import sampled
from trastuz_ml.explain.contribution_tables import contribution_tables, explained_table
from trastuz_ml.explain.contributions import contributions_of
from trastuz_ml.learn.catalogue import LEARNERS, RANK_AVERAGE, RIVALS, catalogue_model
from trastuz_ml.learn.fitted import FittedModel, Forest, LinearLogit
from trastuz_ml.learn.folds import plan_splits
from trastuz_ml.learn.training import Training
from trastuz_ml.learn.transformers import Preparation
from trastuz_ml.learn.trees import fit_forest
from trastuz_ml.learn.tuning import Tuning
from trastuz_ml.learn.validation import fit_on_all, validate

# Every model of the catalogue: a new learner cannot be forgotten.
NAMES = (
    *(name for name in RIVALS if name != "assay-only"),
    *(
        f"{name}:{'genes' if learner.genes_only else 'both'}"
        for name, learner in LEARNERS.items()
        if name not in RIVALS
    ),
    "l2-logistic:both@association",
    RANK_AVERAGE,
)
TOLERANCES = {"linear": 1e-9, "constant": 1e-9, "tree-path": 1e-5, "permutation": 1e-6}


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
    explanation = contributions_of(fitted[name], design.X, design.X)
    assert explanation.gap.max() < TOLERANCES[explanation.method]
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


def by_feature_of(model, parts, width):
    """Contributions of prepared columns, added up by the feature of the design they come from."""
    total = np.zeros((len(parts), width))
    for column, place in enumerate(model.sources()):
        total[:, place] += parts[:, column]
    return total


@pytest.fixture(scope="module")
def shap():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap
    return shap


def test_contributions__xgboost_equals_its_own_and_the_shap_library(design, fitted, shap):
    model = fitted["xgboost:both"]
    whole = design.X[~np.isnan(design.X).any(axis=1)]
    prepared = model.prepare(whole).astype(np.float32)
    ours = contributions_of(model, whole)
    own = model.estimator.booster.predict(xgboost.DMatrix(prepared), pred_contribs=True)
    for theirs in (own[:, :-1], shap.TreeExplainer(model.estimator.booster).shap_values(prepared)):
        np.testing.assert_allclose(ours.values, by_feature_of(model, theirs, design.X.shape[1]), atol=1e-5)
    np.testing.assert_allclose(ours.base, own[:, -1], atol=1e-6)


def test_contributions__forest_equals_the_shap_library(design, fitted, shap):
    model = fitted["random-forest:both"]
    whole = design.X[~np.isnan(design.X).any(axis=1)]
    prepared = model.prepare(whole)
    explainer = shap.TreeExplainer(model.estimator.forest)
    theirs = explainer.shap_values(prepared)[:, :, 1]
    ours = contributions_of(model, whole)
    np.testing.assert_allclose(ours.values, by_feature_of(model, theirs, design.X.shape[1]), atol=1e-9)
    np.testing.assert_allclose(ours.base, explainer.expected_value[1], atol=1e-9)


@pytest.mark.parametrize("name", ["l2-logistic:both", "elastic-net:both", "linear-svm:both"])
def test_contributions__linear_equals_the_shap_library_with_the_training_rows_as_background(
    name, design, fitted, shap
):
    model = fitted[name]
    prepared = model.prepare(design.X)
    background = shap.maskers.Independent(prepared, max_samples=len(prepared))
    explainer = shap.LinearExplainer((model.estimator.coefficients, model.estimator.intercept), background)
    ours = contributions_of(model, design.X)
    theirs = by_feature_of(model, explainer.shap_values(prepared), design.X.shape[1])
    np.testing.assert_allclose(ours.values, theirs, atol=1e-9)
    np.testing.assert_allclose(ours.base, explainer.expected_value, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_contributions__do_not_depend_on_the_other_patients_nor_on_their_order(name, design, fitted):
    order = np.random.default_rng(5).permutation(len(design.X))[:20]
    whole = contributions_of(fitted[name], design.X, design.X)
    some = contributions_of(fitted[name], design.X[order], design.X)
    np.testing.assert_array_equal(some.values, whole.values[order])


@pytest.mark.parametrize("name", [name for name in NAMES if name != RANK_AVERAGE])
def test_contributions__go_with_their_features_wherever_those_stand(name, design, fitted):
    order = np.random.default_rng(6).permutation(design.X.shape[1])
    moved = replace(fitted[name], columns=np.argsort(order)[fitted[name].columns])
    ours = contributions_of(moved, np.ascontiguousarray(design.X[:, order])).values
    np.testing.assert_allclose(ours, contributions_of(fitted[name], design.X).values[:, order], atol=1e-14)


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


def exact_shapley(model, x, background):
    """Shapley values by enumeration: features outside a set are a background patient's, averaged over those."""
    players = model.sources()
    sets = [known for size in range(len(players) + 1) for known in combinations(range(len(players)), size)]
    rows = np.tile(background, (len(sets), 1, 1))
    for mixed, known in zip(rows, sets, strict=True):
        mixed[:, players[list(known)]] = x[players[list(known)]]
    chance = model.probability(rows.reshape(-1, rows.shape[2])).reshape(len(sets), -1).mean(axis=1)
    worth = dict(zip(sets, chance, strict=True))
    values = np.zeros(len(players))
    for j in range(len(players)):
        for known, value in worth.items():
            if j not in known:
                share = factorial(len(known)) * factorial(len(players) - len(known) - 1) / factorial(len(players))
                values[j] += share * (worth[tuple(sorted((*known, j)))] - value)
    return values


def test_contributions__rank_average_is_within_its_stated_error_of_enumeration():
    small = made_up_design(patients=50, genes=4, effect=3.0)
    X = small.X.copy()
    X[:2, 3] = np.nan
    names = ("l2-logistic:both", "random-forest:both", "xgboost:both", RANK_AVERAGE)
    tuned = fit_on_all(replace(small, X=X), [catalogue_model(name) for name in names], Tuning(2, 1, 0))[0]
    model, background = tuned[RANK_AVERAGE].model, X[20:]  # 30 rows: all of them are drawn
    explanation = contributions_of(model, X[:8], background)
    exact = np.array([exact_shapley(model, x, background) for x in X[:8]])
    assert explanation.method == "permutation"
    assert explanation.base[0] == pytest.approx(model.probability(background).mean())
    off = np.abs(explanation.used - exact) / np.maximum(explanation.error, 1e-9)
    # 48 estimates: a standard error that is right is exceeded twofold now and then, fourfold never.
    assert off.max() < 4
    assert (off < 2).mean() > 0.9
    assert (np.abs(explanation.used) > 4 * explanation.error).any()


@pytest.mark.parametrize("gaps", [False, True])
def test_contributions__walks_of_a_rank_average_meet_the_model_at_every_step(gaps, design, fitted):
    model = fitted[RANK_AVERAGE]
    X = design.X[10:14].copy()
    if gaps:
        X[:, 6:12] = np.nan
    starts = design.X[20:23]
    members = [sampled._member(m, X, starts) for m in model.members]
    places = model.sources()
    for row in range(len(X)):
        differ = (X[row, places] != starts[:, places]) & ~(np.isnan(X[row, places]) & np.isnan(starts[:, places]))
        orders = sampled._random_orders(differ, places, np.random.default_rng(row))
        walks = [member.walks(row, orders) for member in members]
        for side in (0, 1):
            for start in range(len(starts)):
                here = np.flatnonzero(orders.start == start)
                state, states = starts[start].copy(), [starts[start].copy()]
                for step in here[np.argsort(orders.turn[side, here])]:
                    state[orders.place[step]] = X[row, orders.place[step]]
                    states.append(state.copy())
                for walk, member in zip(walks, model.members, strict=True):
                    np.testing.assert_allclose(
                        walk[side, start, : len(states)], member.probability(np.array(states)), atol=1e-6
                    )


def test_contributions__a_rank_average_needs_its_training_rows(design, fitted):
    with pytest.raises(EvidenceError, match="training rows are needed"):
        contributions_of(fitted[RANK_AVERAGE], design.X)


@pytest.mark.parametrize("name", ["random-forest:both", "xgboost:both"])
def test_contributions__what_was_not_covered_contributes_nothing_to_trees(name, design, fitted):
    model, X = fitted[name], design.X.copy()
    X[:, 7] = np.nan
    assert 7 in model.sources()
    explanation = contributions_of(model, X)
    assert (explanation.values[:, 7] == 0).all()
    assert explanation.gap.max() < 1e-5


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
    found, by_patient, by_feature = tables
    rows = by_patient.query("model == 'l2-logistic:both' and feature == 'G004'")
    row = by_feature.query("model == 'l2-logistic:both' and feature == 'G004'").iloc[0]
    place = [f.name for f in design.features].index("G004")
    sizes = [
        np.abs(item.result.values[:, place]).sum() for item in found.inspected if item.model == "l2-logistic:both"
    ]
    assert row["mean_abs"] == pytest.approx(sum(sizes) / (2 * len(design.patients)))
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
    assert listed["error"].isna().all()


def test_tables__a_rank_average_states_its_error_and_was_offered_what_its_members_were(design):
    models = [catalogue_model(name) for name in ("l2-logistic:both", "clinical-only", RANK_AVERAGE)]
    plan = plan_splits(design.patients, design.response, design.groups, repeats=1, folds=3, seed=0)
    found = validate(design, plan, models, Tuning(2, 2, 0), inspect=contributions_of)
    listed = explained_table(found.inspected, design.patients).query("model == 'rank-average'")
    assert set(listed["method"]) == {"permutation"}
    assert (listed["error"] > 0).all()
    assert listed["gap"].max() < 1e-6
    _, by_feature = contribution_tables(found.inspected, design)
    assert not by_feature.query("model == 'rank-average'")["status"].str.contains("not offered").any()


def test_tables__nothing_inspected_gives_empty_tables(design):
    by_patient, by_feature = contribution_tables([], design)
    assert by_patient.empty
    assert by_feature.empty
    assert explained_table([], design.patients).empty
