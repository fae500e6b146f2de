"""Nested cross-validation: checked against the algorithm as the paper prints it."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from trastuz_ml.errors import InputError
from trastuz_ml.stats.nested_cv import nested_cv


def bates(inner, outer, variance):
    """Algorithm 1 as the paper prints it, one outer fold after the other."""
    folds = len(inner[0])
    squares, variances, es = [], [], []
    for i, o, v in zip(np.ravel(inner), np.ravel(outer), np.ravel(variance), strict=True):
        squares.append((i - o) ** 2)
        variances.append(v)
        es.append(i)
    mse = np.mean(squares) - np.mean(variances)
    bias = (1 + (folds - 2) / folds) * (np.mean(es) - np.mean(outer))
    return np.mean(es) - bias, mse


@pytest.mark.parametrize("spread", [0.0, 0.05, 0.12, 0.4])
def test_nested__is_algorithm_1_with_its_restrictions(spread):
    rng = np.random.default_rng(5)
    inner = 0.65 + 0.01 * rng.normal(size=(20, 5))
    outer = 0.68 + np.clip(spread * rng.normal(size=(20, 5)), -0.3, 0.3)
    variance = np.full((20, 5), 0.006)
    estimate, mse = bates(inner, outer, variance)
    found = nested_cv(inner, outer, variance)
    naive = math.sqrt(0.006 / 5)
    assert found.estimate == pytest.approx(estimate)
    assert found.mse == pytest.approx(mse)
    assert found.error == pytest.approx(np.clip(math.sqrt(max(mse * 4 / 5, 0.0)), naive, naive * math.sqrt(5)))
    assert found.interval.high - found.estimate == pytest.approx(norm.ppf(0.975) * found.error)


def test_nested__the_restrictions_bind_at_both_ends():
    flat, wild = np.full((2, 5), 0.7), np.tile([0.3, 1.0, 0.4, 0.9, 0.6], (2, 1))
    naive = math.sqrt(0.006 / 5)
    assert nested_cv(flat, flat, np.full((2, 5), 0.006)).error == pytest.approx(naive)
    assert nested_cv(flat, wild, np.full((2, 5), 0.006)).error == pytest.approx(naive * math.sqrt(5))


def test_nested__folds_without_a_variance_do_not_enter_the_error():
    inner, outer = [[0.6, 0.7, 0.65, 0.7]], [[0.8, 0.5, 0.7, 0.1]]
    found = nested_cv(inner, outer, [[0.004, 0.006, 0.005, np.nan]])
    assert found.mse == pytest.approx(np.mean([0.2**2 - 0.004, 0.2**2 - 0.006, 0.05**2 - 0.005]))


@pytest.mark.parametrize(("variance", "reason"), [(0.0, "no spread"), (np.nan, "only one responder")])
def test_nested__is_refused_without_any_variance(variance, reason):
    found = nested_cv([[0.9] * 5], [[1.0] * 5], [[variance] * 5])
    assert math.isnan(found.interval.low)
    assert reason in found.interval.method


def test_nested__estimate_and_interval_stay_within_0_and_1():
    found = nested_cv([[0.8] * 5], [[1.0] * 5], [[0.002] * 5], on_logit=True)
    assert found.estimate == 1.0
    assert 0.0 < found.interval.low < found.interval.high == 1.0


@pytest.mark.parametrize(("shapes", "folds"), [((5, 5, 4), None), ((2, 2, 2), 2)])
def test_nested__needs_three_folds_of_one_shape(shapes, folds):
    with pytest.raises(InputError, match="K >= 3"):
        nested_cv(*(np.full((2, k), 0.5) for k in shapes))
