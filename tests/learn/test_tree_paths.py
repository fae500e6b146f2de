"""Tree ensembles and genes that were not covered."""

import warnings

import numpy as np
import pytest

from trastuz_ml.learn.fitted import BoostedTrees, Forest
from trastuz_ml.learn.training import Training
from trastuz_ml.learn.tree_paths import expected_output, trees_of_booster, trees_of_forest
from trastuz_ml.learn.tree_shapley import contributions
from trastuz_ml.learn.trees import fit_boosted, fit_forest


@pytest.fixture(scope="module")
def patients():
    rng = np.random.default_rng(2)
    X = (rng.random((90, 6)) < 0.35).astype(float)
    X[:, 5] = rng.normal(50, 10, 90).astype(np.float32)
    y = (rng.random(90) < 0.15 + 0.5 * X[:, 0] + 0.2 * X[:, 1]).astype(np.int8)
    return X, y


@pytest.fixture(scope="module")
def boosted(patients) -> BoostedTrees:
    return fit_boosted(Training(*patients, np.arange(90).astype(str)), [{"depth": 3, "trees": 40}])[0]


@pytest.fixture(scope="module")
def forest(patients) -> Forest:
    return fit_forest(Training(*patients, np.arange(90).astype(str)), [{"min_samples_leaf": 3}])[0]


def test_tree_paths__without_gaps_the_trees_give_the_libraries_own_output(patients, boosted, forest):
    X, _ = patients
    np.testing.assert_allclose(
        expected_output(*trees_of_booster(boosted.booster), X.astype(np.float32).astype(float)),
        boosted.margin(X), atol=1e-5,
    )  # fmt: skip
    np.testing.assert_allclose(
        expected_output(trees_of_forest(forest.forest), 0.0, X), forest.probability(X), atol=1e-12
    )


@pytest.mark.parametrize("kind", ["boosted", "forest"])
def test_tree_paths__not_covered_lies_between_intact_and_mutated_and_is_neither(kind, patients, request):
    model, X = request.getfixturevalue(kind), patients[0].copy()
    readings = {}
    for name, value in (("intact", 0.0), ("mutated", 1.0), ("not covered", np.nan)):
        X[:, 0] = value
        readings[name] = model.probability(X)
    assert (readings["intact"] < readings["mutated"]).mean() > 0.9
    assert (readings["not covered"] > readings["intact"])[readings["intact"] < readings["mutated"]].all()
    assert (readings["not covered"] < readings["mutated"])[readings["intact"] < readings["mutated"]].all()


def test_tree_paths__with_nothing_known_everybody_gets_the_base(patients, boosted, forest):
    nothing = np.full((2, 6), np.nan)
    assert forest.probability(nothing)[0] == pytest.approx(patients[1].mean(), abs=0.05)
    assert boosted.probability(nothing)[0] == boosted.probability(nothing)[1]


@pytest.mark.parametrize("kind", ["boosted", "forest"])
def test_tree_paths__contributions_equal_the_shap_library_where_nothing_is_missing(kind, patients, request):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap
    model, X = request.getfixturevalue(kind), patients[0][:12]
    if kind == "boosted":
        ours = contributions(trees_of_booster(model.booster)[0], X.astype(np.float32).astype(float))[0]
        theirs = shap.TreeExplainer(model.booster).shap_values(X.astype(np.float32))
    else:
        ours = contributions(trees_of_forest(model.forest), X)[0]
        theirs = shap.TreeExplainer(model.forest).shap_values(X)[:, :, 1]
    np.testing.assert_allclose(ours, theirs, atol=1e-5 if kind == "boosted" else 1e-9)


@pytest.mark.parametrize("kind", ["boosted", "forest"])
def test_tree_paths__contributions_add_up_and_what_was_not_covered_contributes_nothing(kind, patients, request):
    model, X = request.getfixturevalue(kind), patients[0][:20].astype(np.float32).astype(float)
    X[:10, 0] = np.nan
    X[5:15, 3] = np.nan
    if kind == "boosted":
        trees, base = trees_of_booster(model.booster)
    else:
        trees, base = trees_of_forest(model.forest), 0.0
    nothing = expected_output(trees, base, np.full((1, 6), np.nan))
    values, start = contributions(trees, X)
    assert base + start == pytest.approx(nothing[0])
    np.testing.assert_allclose(nothing + values.sum(axis=1), expected_output(trees, base, X), atol=1e-9)
    assert (values[np.isnan(X)] == 0).all()
    assert (values[~np.isnan(X)] != 0).any()
