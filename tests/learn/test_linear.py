"""Penalised logistic models, against scikit-learn's own fits and objectives."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from trastuz_ml.learn.linear import fit_elastic_net, fit_l2, fit_prevalence


def patients(n=60, p=20, seed=0):
    rng = np.random.default_rng(seed)
    X = (rng.random((n, p)) < 0.3).astype(float)
    X -= X.mean(axis=0)
    y = (rng.random(n) < 1 / (1 + np.exp(-3 * X[:, 0]))).astype(np.int8)
    return X, y


def penalised_loss(model, X, y, l1, l2):
    """Mean logistic loss plus penalties, the intercept free of them."""
    margin = X @ model.coefficients + model.intercept
    loss = np.mean(np.logaddexp(0, -np.where(y > 0, 1, -1) * margin))
    return loss + l1 * np.abs(model.coefficients).sum() + l2 / 2 * (model.coefficients**2).sum()


@pytest.mark.parametrize("genes", [20, 300])
def test_l2__equals_scikit_learn_whether_or_not_columns_outnumber_patients(genes):
    X, y = patients(p=genes)
    for model, c in zip(fit_l2(X, y, [{"C": 0.03}, {"C": 1.0}], 0), (0.03, 1.0), strict=True):
        plain = LogisticRegression(C=c, tol=1e-10, max_iter=10_000).fit(X, y)
        np.testing.assert_allclose(model.coefficients, plain.coef_[0], atol=1e-5)
        assert model.intercept == pytest.approx(plain.intercept_[0], abs=1e-5)


def test_elastic_net__objective_is_no_worse_than_saga():
    X, y = patients(n=80, p=15)
    steepest = np.abs(X.T @ (y - y.mean())).max() / len(y)
    for fraction in (0.7, 0.25):
        model = fit_elastic_net(X, y, [{"l1_ratio": 0.5, "fraction": fraction}], 0)[0]
        strength = fraction * steepest / 0.5
        saga = LogisticRegression(
            C=1 / (len(y) * strength), l1_ratio=0.5, solver="saga", tol=1e-7, max_iter=20_000
        ).fit(X, y)
        saga.coefficients, saga.intercept = saga.coef_[0], float(saga.intercept_[0])
        ours = penalised_loss(model, X, y, strength * 0.5, strength * 0.5)
        theirs = penalised_loss(saga, X, y, strength * 0.5, strength * 0.5)
        assert ours <= theirs + 1e-9


def test_elastic_net__keeps_no_coefficient_at_the_steepest_penalty():
    X, y = patients()
    model = fit_elastic_net(X, y, [{"l1_ratio": 0.5, "fraction": 1.001}], 0)[0]
    assert not model.coefficients.any()


@pytest.mark.parametrize("fit", [fit_l2, fit_elastic_net])
def test_linear__without_any_column_is_the_response_rate(fit):
    _, y = patients()
    model = fit(np.empty((60, 0)), y, [{"C": 1.0, "l1_ratio": 0.5, "fraction": 0.5}], 0)[0]
    assert model.probability(np.empty((1, 0)))[0] == pytest.approx(y.mean())


def test_prevalence__gives_everybody_the_response_rate():
    X, y = patients()
    assert fit_prevalence(X, y, [{}], 0)[0].probability(X) == pytest.approx(np.full(60, y.mean()))
