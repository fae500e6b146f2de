"""Forests and boosted trees."""

import numpy as np
import pytest

from trastuz_ml.learn.trees import fit_boosted, fit_forest


@pytest.fixture(scope="module")
def patients():
    rng = np.random.default_rng(1)
    X = (rng.random((70, 15)) < 0.3).astype(float)
    y = (rng.random(70) < np.where(X[:, 0] > 0, 0.8, 0.2)).astype(np.int8)
    return X, y


def test_boosted__a_candidate_cut_from_a_longer_fit_equals_its_own_fit(patients):
    X, y = patients
    grid = [{"depth": 2, "trees": 20}, {"depth": 2, "trees": 60}]
    together = fit_boosted(X, y, grid, 3)
    for candidate, model in zip(grid, together, strict=True):
        alone = fit_boosted(X, y, [candidate], 3)[0]
        np.testing.assert_array_equal(model.probability(X), alone.probability(X))


def test_forest__one_seed_gives_one_forest(patients):
    X, y = patients
    one, other = (fit_forest(X, y, [{"min_samples_leaf": 3}], 5)[0].probability(X) for _ in range(2))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("fit", [fit_forest, fit_boosted])
def test_trees__without_any_gene_are_the_response_rate(fit, patients):
    _, y = patients
    model = fit(np.empty((70, 0)), y, [{"min_samples_leaf": 3, "depth": 1, "trees": 5}], 0)[0]
    assert model.probability(np.empty((2, 0))) == pytest.approx(np.full(2, y.mean()))
