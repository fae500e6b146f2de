"""Penalised logistic models, against scikit-learn's own fits and objectives."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from trastuz_ml.errors import ConfigurationError
from trastuz_ml.learn.linear import fit_elastic_net, fit_l2, fit_prevalence
from trastuz_ml.learn.sparse_logistic import fit_sparse
from trastuz_ml.learn.training import Training


def patients(n=60, p=20, seed=0, *, balanced=False):
    rng = np.random.default_rng(seed)
    X = (rng.random((n, p)) < 0.3).astype(float)
    X -= X.mean(axis=0)
    y = (rng.random(n) < 1 / (1 + np.exp(1 - 3 * X[:, 0]))).astype(np.int8)
    return Training(X, y, np.arange(n).astype(str), balanced=balanced)


def steepest(t):
    return np.abs(t.X.T @ (t.weights * (t.y - t.rate))).max() / len(t.y)


def penalised_loss(coefficients, intercept, t, l1, l2):
    """Mean weighted logistic loss plus penalties, the intercept free of them."""
    margin = t.X @ coefficients + intercept
    loss = np.mean(t.weights * np.logaddexp(0, -np.where(t.y > 0, 1, -1) * margin))
    return loss + l1 * np.abs(coefficients).sum() + l2 / 2 * (coefficients**2).sum()


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("genes", [3, 59, 60, 61, 300])
def test_l2__equals_scikit_learn_whether_or_not_columns_outnumber_patients(genes, balanced):
    t = patients(p=genes, balanced=balanced)
    grid = [{"C": c} for c in (0.001, 0.03, 1.0, 100.0)]
    for model, candidate in zip(fit_l2(t, grid), grid, strict=True):
        plain = LogisticRegression(**candidate, tol=1e-12, solver="newton-cholesky").fit(t.X, t.y, t.weights)
        np.testing.assert_allclose(model.coefficients, plain.coef_[0], atol=1e-9)
        assert model.intercept == pytest.approx(plain.intercept_[0], abs=1e-8)
        np.testing.assert_allclose(model.probability(t.X), plain.predict_proba(t.X)[:, 1], atol=1e-8)


@pytest.mark.parametrize("genes", [5, 200])
def test_l2__equals_scikit_learn_on_columns_that_are_not_centred_and_separate_the_classes(genes):
    t = patients(p=genes, seed=3)
    X = t.X + 2.0
    X[:, 1] = t.y * 3.0
    t = Training(X, t.y, t.groups)
    plain = LogisticRegression(C=1000.0, tol=1e-12, solver="newton-cholesky").fit(X, t.y)
    model = fit_l2(t, [{"C": 1000.0}])[0]
    np.testing.assert_allclose(model.probability(X), plain.predict_proba(X)[:, 1], atol=1e-8)


@pytest.mark.parametrize("genes", [20, 300])
def test_l2__a_candidate_does_not_depend_on_the_order_of_the_grid_nor_on_its_neighbours(genes):
    t = patients(p=genes)
    grid = [{"C": c} for c in (0.01, 0.1, 1.0, 10.0)]
    models = fit_l2(t, grid)
    for model, same in zip(models, reversed(fit_l2(t, grid[::-1])), strict=True):
        assert model.coefficients.tobytes() == same.coefficients.tobytes()
        assert model.intercept == same.intercept
    alone = fit_l2(t, grid[-1:])[0]
    np.testing.assert_allclose(alone.coefficients, models[-1].coefficients, atol=1e-9)


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("genes", [15, 200])
def test_elastic_net__objective_is_no_worse_than_saga(genes, balanced):
    t = patients(n=80, p=genes, balanced=balanced)
    grid = [{"l1_ratio": 0.5, "fraction": f} for f in (0.7, 0.25)]
    for model, candidate in zip(fit_elastic_net(t, grid), grid, strict=True):
        strength = candidate["fraction"] * steepest(t) / 0.5
        saga = LogisticRegression(
            C=1 / (len(t.y) * strength), l1_ratio=0.5, solver="saga", tol=1e-7, max_iter=20_000, random_state=0
        ).fit(t.X, t.y, t.weights)
        ours = penalised_loss(model.coefficients, model.intercept, t, strength / 2, strength / 2)
        theirs = penalised_loss(saga.coef_[0], saga.intercept_[0], t, strength / 2, strength / 2)
        assert ours <= theirs + 1e-14
        np.testing.assert_allclose(model.coefficients, saga.coef_[0], atol=1e-4)


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9])
def test_elastic_net__meets_its_optimality_conditions_with_identical_and_opposite_genes(ratio):
    t = patients(n=50, p=120, seed=2, balanced=True)
    X = np.hstack([t.X, t.X[:, :40], -t.X[:, :40]])
    t = Training(X, t.y, t.groups, balanced=True)
    grid = [{"l1_ratio": ratio, "fraction": f} for f in (0.9, 0.5, 0.1)]
    for model, candidate in zip(fit_elastic_net(t, grid), grid, strict=True):
        strength = candidate["fraction"] * steepest(t) / ratio
        b = model.coefficients
        assert b.any()
        slope = X.T @ (t.weights * (model.probability(X) - t.y)) / len(t.y) + strength * (1 - ratio) * b
        np.testing.assert_allclose(slope[b != 0], -strength * ratio * np.sign(b[b != 0]), atol=1e-9)
        assert np.abs(slope[b == 0]).max() <= strength * ratio + 1e-9
        assert (t.weights * (model.probability(X) - t.y)).sum() == pytest.approx(0, abs=1e-7)
        np.testing.assert_allclose(b[:40], b[120:160], atol=1e-7)


def test_elastic_net__a_gene_that_only_just_enters_is_not_missed():
    t = patients(n=80, p=20, seed=1)

    def genes_at(fraction):
        model = fit_elastic_net(t, [{"l1_ratio": 0.5, "fraction": fraction}])[0]
        return np.count_nonzero(model.coefficients)

    one, two = 0.999, 0.2
    assert genes_at(one) == 1
    assert genes_at(two) > 1
    while one - two > 1e-6:
        middle = (one + two) / 2
        one, two = (middle, two) if genes_at(middle) == 1 else (one, middle)
    assert genes_at(two) == 2


def test_elastic_net__settles_where_probabilities_become_0_and_1():
    t = patients(n=40, p=100, seed=5)
    X = t.X * 50
    model = fit_elastic_net(Training(X, t.y, t.groups), [{"l1_ratio": 0.9, "fraction": 1e-5}])[0]
    strength = 1e-5 * steepest(Training(X, t.y, t.groups)) / 0.9
    b = model.coefficients
    slope = X.T @ (model.probability(X) - t.y) / 40 + strength * 0.1 * b
    assert np.abs(slope[b == 0]).max() <= strength * 0.9 + 1e-7
    np.testing.assert_allclose(slope[b != 0], -strength * 0.9 * np.sign(b[b != 0]), atol=1e-7)


def test_elastic_net__a_candidate_alone_is_the_same_as_at_the_end_of_the_path():
    t = patients(p=200)
    grid = [{"l1_ratio": 0.5, "fraction": f} for f in (0.9, 0.5, 0.15)]
    path, alone = fit_elastic_net(t, grid)[-1], fit_elastic_net(t, grid[-1:])[0]
    np.testing.assert_allclose(path.coefficients, alone.coefficients, atol=1e-7)


def test_elastic_net__keeps_no_coefficient_at_the_steepest_penalty():
    for balanced in (False, True):
        t = patients(balanced=balanced)
        above, below = fit_elastic_net(t, [{"l1_ratio": 0.5, "fraction": f} for f in (1.001, 0.99)])
        assert not above.coefficients.any()
        assert np.count_nonzero(below.coefficients) == 1


def test_elastic_net__the_order_of_the_penalties_does_not_matter():
    t = patients(p=50, balanced=True)
    grid = [{"l1_ratio": 0.5, "fraction": f} for f in (2.0, 0.9, 0.3)]
    for model, same in zip(fit_elastic_net(t, grid), reversed(fit_elastic_net(t, grid[::-1])), strict=True):
        np.testing.assert_allclose(model.coefficients, same.coefficients, atol=1e-7)
        assert model.intercept == pytest.approx(same.intercept, abs=1e-7)


@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_elastic_net__refuses_a_share_whose_answer_is_not_unique_or_is_ridge(ratio):
    t = patients()
    with pytest.raises(ConfigurationError, match=f"not be {ratio:g}"):
        fit_sparse(t.X, t.y, t.weights, [(0.1, ratio)])


@pytest.mark.parametrize("fit", [fit_l2, fit_elastic_net])
@pytest.mark.parametrize("balanced", [False, True])
def test_linear__without_any_column_is_the_weighted_response_rate(fit, balanced):
    t = patients(p=1, balanced=balanced)
    bare = Training(np.empty((60, 0)), t.y, t.groups, balanced=balanced)
    model = fit(bare, [{"C": 1.0, "l1_ratio": 0.5, "fraction": 0.5}])[0]
    assert model.probability(np.empty((1, 0)))[0] == pytest.approx(0.5 if balanced else t.y.mean())


def test_prevalence__gives_everybody_the_response_rate():
    t = patients()
    assert fit_prevalence(t, [{}])[0].probability(t.X) == pytest.approx(np.full(60, t.y.mean()))
