"""Boosted trees grown on few columns and without zeros, against XGBoost's own fit on all of them."""

import numpy as np
import pytest
import xgboost

from trastuz_ml.learn import boosting
from trastuz_ml.learn.boosting import Columns, grow_boosters

TREES = {1: 40, 2: 120, 3: 60}


def patients(seed=0, n=120, p=150, covariates=False, missing=False):
    rng = np.random.default_rng(seed)
    X = (rng.random((n, p)) < rng.uniform(0.01, 0.2, p)).astype(np.float32)
    X[:, 0] = rng.random(n) < 0.3
    if covariates:
        X[:, 1], X[:, 2] = rng.normal(50, 10, n), rng.poisson(0.4, n)
    y = (rng.random(n) < np.where(X[:, 0] > 0, 0.7, 0.15)).astype(np.int8)
    if missing:
        X[rng.random((n, p)) < 0.01] = np.nan
    return X, y


def balancing(y):
    return np.where(y > 0, len(y) / (2 * y.sum()), len(y) / (2 * (len(y) - y.sum())))


def settings(y, weights=None):
    rate = float(np.average(y, weights=weights))
    shared = {"objective": "binary:logistic", "tree_method": "hist", "eta": 0.05, "nthread": 1, "seed": 3}
    return {**shared, "base_score": rate}


def plain(X, y, depth, trees, weights=None):
    data = xgboost.DMatrix(X, label=y, weight=weights, nthread=1)
    return xgboost.train({**settings(y, weights), "max_depth": depth}, data, trees)


def stored(booster):
    return bytes(booster.save_raw("json"))


def uses(booster):
    return {int(feature[1:]) for feature in booster.get_score()}


@pytest.mark.parametrize("covariates", [False, True])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_boosters__are_xgboosts_own_byte_for_byte_and_predict_the_same_bits(covariates, missing, weighted, seed):
    X, y = patients(seed, covariates=covariates, missing=missing)
    weights = balancing(y) if weighted else None
    for depth, grown in grow_boosters(X, y, settings(y, weights), TREES, weights).items():
        own = plain(X, y, depth, TREES[depth], weights)
        assert stored(grown.spelled_out().booster) == stored(own)
        assert len(grown.columns.kept) < X.shape[1]
        assert grown.columns.unstored.any() == (not missing)
        if not missing:
            margin = own.predict(xgboost.DMatrix(X, nthread=1), output_margin=True).astype(float)
            np.testing.assert_array_equal(grown.margin(X.astype(float)), margin)


def test_boosters__genes_that_four_carriers_could_not_split_are_left_out():
    X, y = patients(2)
    grown = grow_boosters(X, y, settings(y), {2: 60})[2]
    few = np.flatnonzero(np.minimum(X.sum(axis=0), (1 - X).sum(axis=0)) < 4)
    assert len(few)
    assert not set(few) & set(grown.columns.kept)


def split_at_three_carriers(weighted):
    """Patients of whom three, who carry gene 1, can be split off once they are weighted, or others missing."""
    y = np.repeat([1, 0], [12, 68]).astype(np.int8)
    X = np.zeros((80, 3), dtype=np.float32)
    X[:3, 1] = 1.0
    X[30:40, 2] = 1.0
    if not weighted:
        X[4:9, 1] = np.nan
    return X, y, balancing(y) if weighted else None


@pytest.mark.parametrize("weighted", [True, False])
def test_boosters__where_counting_carriers_would_change_trees_it_is_not_done(weighted):
    X, y, weights = split_at_three_carriers(weighted)
    own = plain(X, y, 2, 20, weights)
    assert 1 in uses(own)
    assert stored(grow_boosters(X, y, settings(y, weights), {2: 20}, weights)[2].spelled_out().booster) == stored(
        own
    )
    by_count = X.copy()
    by_count[:, np.nansum(X, axis=0) < 4] = 0.0
    assert stored(plain(by_count, y, 2, 20, weights)) != stored(own)


def count_fits(monkeypatch):
    fits, grow = [], boosting._grow

    def counting(chosen, data, trees):
        fits.append(data.num_col())
        return grow(chosen, data, trees)

    monkeypatch.setattr(boosting, "_grow", counting)
    return fits


def test_boosters__a_column_left_out_on_trial_that_could_have_been_split_is_put_back(monkeypatch):
    # Nobody is expected to leave the start, so that columns are missed until the trees say otherwise.
    X, y = patients(4, n=160)
    fits, expected = count_fits(monkeypatch), boosting._can_reach
    calls = []

    def too_little(others, curvature):
        calls.append(1)
        return expected(others, curvature * (0.6 if len(calls) == 1 else 1.0))

    monkeypatch.setattr(boosting, "_can_reach", too_little)
    grown = grow_boosters(X, y, settings(y), {3: 100})[3]
    own = plain(X, y, 3, 100)
    assert fits[-1] > fits[0]
    assert stored(grown.spelled_out().booster) == stored(own)


def test_boosters__where_a_sum_could_be_rounded_zeros_are_stored(monkeypatch):
    X, y = patients(5)
    monkeypatch.setattr(boosting, "_SPARE_BITS", 8)
    grown = grow_boosters(X, y, settings(y), {2: 50})[2]
    assert not grown.columns.unstored.any()
    assert stored(grown.spelled_out().booster) == stored(plain(X, y, 2, 50))


@pytest.mark.parametrize("weighted", [False, True])
def test_boosters__curvature_is_that_of_the_margins_before_each_tree(weighted):
    X, y = patients(6)
    weights = balancing(y) if weighted else np.ones(len(y))
    data, chosen = xgboost.DMatrix(X, label=y, weight=weights, nthread=1), settings(y, weights)
    booster = xgboost.train({**chosen, "max_depth": 2}, data, 12)
    curvature = boosting._curvature(booster, data, chosen["base_score"], weights)
    for tree in (1, 7, 11):
        p = booster.predict(data, iteration_range=(0, tree)).astype(float)
        np.testing.assert_allclose(curvature[:, tree], weights * p * (1 - p), atol=1e-6)
    rate = chosen["base_score"]
    np.testing.assert_allclose(curvature[:, 0], weights * rate * (1 - rate))


def test_boosters__no_column_that_can_be_split_gives_the_rate():
    X, y = np.zeros((30, 4), dtype=np.float32), np.repeat([1, 0], [10, 20]).astype(np.int8)
    X[:2, 2] = 1.0
    grown = grow_boosters(X, y, settings(y), {1: 10})[1]
    assert stored(grown.spelled_out().booster) == stored(plain(X, y, 1, 10))
    assert grown.probability(X.astype(float)) == pytest.approx(np.full(30, 1 / 3), abs=1e-6)


def test_grown__predict_as_spelled_out_for_values_that_no_training_patient_had():
    X, y = patients(7)
    grown = grow_boosters(X, y, settings(y), {3: 80})[3]
    new = np.random.default_rng(0).choice([0.0, 0.4, 1.0, 2.0, 5.0], size=(40, X.shape[1]))
    np.testing.assert_array_equal(grown.probability(new), grown.spelled_out().probability(new))
    new[::3, 0] = np.nan
    np.testing.assert_array_equal(grown.probability(new), grown.spelled_out().probability(new))


def test_columns__zeros_of_genes_become_missing_and_other_columns_stay():
    columns = Columns(np.array([0, 2]), np.array([True, False]), 3)
    X = np.array([[0, 9, 0.0], [1, 9, 3.5]], dtype=np.float32)
    np.testing.assert_array_equal(columns.rows(X), [[np.nan, 0.0], [1.0, 3.5]])
