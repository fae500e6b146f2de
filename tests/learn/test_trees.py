"""Forests and boosted trees."""

import numpy as np
import pytest
import xgboost
from sklearn.ensemble import RandomForestClassifier

from trastuz_ml.learn.fitted import BoostedTrees
from trastuz_ml.learn.training import Training
from trastuz_ml.learn.trees import FOREST_TREES, fit_boosted, fit_forest


def training(balanced=False, seed=3):
    rng = np.random.default_rng(1)
    X = (rng.random((70, 15)) < 0.3).astype(float)
    y = (rng.random(70) < np.where(X[:, 0] > 0, 0.8, 0.1)).astype(np.int8)
    return Training(X, y, np.arange(70).astype(str), seed, balanced=balanced)


GRID = [{"depth": 2, "trees": 20}, {"depth": 2, "trees": 60}, {"depth": 1, "trees": 30}]


@pytest.mark.parametrize("balanced", [False, True])
def test_boosted__a_candidate_among_several_predicts_as_when_it_is_kept(balanced):
    data = training(balanced)
    for candidate, model in zip(GRID, fit_boosted(data, GRID), strict=True):
        alone = fit_boosted(data, [candidate])[0]
        assert isinstance(alone, BoostedTrees)
        np.testing.assert_array_equal(model.probability(data.X), alone.probability(data.X))


@pytest.mark.parametrize("balanced", [False, True])
def test_boosted__is_xgboost_started_from_the_rate_with_the_patients_weights(balanced):
    data = training(balanced)
    model = fit_boosted(data, [GRID[1]])[0]
    weights = data.weights if balanced else None
    matrix = xgboost.DMatrix(data.X.astype(np.float32), label=data.y, weight=weights, nthread=1)
    rate = 0.5 if balanced else data.y.mean()
    settings = {"objective": "binary:logistic", "eta": 0.05, "max_depth": 2, "base_score": rate, "nthread": 1}
    plain = xgboost.train(settings, matrix, 60)
    np.testing.assert_array_equal(model.margin(data.X), plain.predict(matrix, output_margin=True).astype(float))


@pytest.mark.parametrize("balanced", [False, True])
def test_forest__is_scikit_learns_with_the_patients_weights(balanced):
    data = training(balanced, seed=5)
    model = fit_forest(data, [{"min_samples_leaf": 3}])[0]
    plain = RandomForestClassifier(FOREST_TREES, min_samples_leaf=3, max_features="sqrt", random_state=5)
    plain.fit(data.X, data.y, data.weights if balanced else None)
    np.testing.assert_array_equal(model.probability(data.X), plain.predict_proba(data.X)[:, 1])


@pytest.mark.parametrize("fit", [fit_forest, fit_boosted])
def test_trees__balanced_weights_raise_the_rarer_response(fit):
    candidate = {"min_samples_leaf": 3, "depth": 2, "trees": 30}
    plain, balanced = (fit(training(b), [candidate])[0].probability(training().X) for b in (False, True))
    assert training().y.mean() < 0.5
    assert balanced.mean() > plain.mean() + 0.05


@pytest.mark.parametrize("fit", [fit_forest, fit_boosted])
@pytest.mark.parametrize("balanced", [False, True])
def test_trees__without_any_gene_are_the_response_rate(fit, balanced):
    data = training(balanced)
    empty = Training(np.empty((70, 0)), data.y, data.groups, balanced=balanced)
    model = fit(empty, [{"min_samples_leaf": 3, "depth": 1, "trees": 5}])[0]
    assert model.probability(np.empty((2, 0))) == pytest.approx(np.full(2, 0.5 if balanced else data.y.mean()))
