"""Intervals: checked against statsmodels, scipy and the equations they solve."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp
from statsmodels.stats.proportion import proportion_confint

from trastuz_ml.stats.intervals import nadeau_bengio, newcombe_auc, wald, wilson


def test_nadeau_bengio__is_the_t_test_with_a_larger_variance():
    values = np.random.default_rng(1).normal(0.1, 0.2, 25)
    mean, interval, p = nadeau_bengio(values, 0.25)
    plain = ttest_1samp(values, 0.0)
    ratio = math.sqrt((1 / 25 + 0.25) / (1 / 25))
    ends = plain.confidence_interval(0.95)
    assert mean == pytest.approx(values.mean())
    assert interval.high - mean == pytest.approx(ratio * (ends.high - mean))
    assert mean - interval.low == pytest.approx(interval.high - mean)
    assert p > plain.pvalue


def test_nadeau_bengio__refuses_an_interval_of_no_width():
    mean, interval, p = nadeau_bengio([0.5] * 10, 0.25)
    assert mean == 0.5
    assert math.isnan(interval.low)
    assert math.isnan(p)
    assert "same value" in interval.method


def test_nadeau_bengio__stays_within_the_bounds_of_the_score():
    _, interval, _ = nadeau_bengio([0.9, 1.0, 0.95, 1.0, 0.98], 0.25, bounds=(0.0, 1.0))
    assert interval.high == 1.0


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson__equals_statsmodels(case):
    k, n = case
    low, high = proportion_confint(k, n, method="wilson")
    interval = wilson(k / n, n)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-9)


def test_wilson__is_refused_without_patients():
    assert math.isnan(wilson(0.0, 0).low)


def hanley_mcneil_error(a, m, n):
    star = (m + n) / 2 - 1
    return math.sqrt(a * (1 - a) * (1 + star * (1 - a) / (2 - a) + star * a / (1 + a)) / (m * n))


@given(st.floats(0.05, 0.95), st.integers(3, 60), st.integers(3, 60))
def test_newcombe__ends_solve_the_equation_of_the_paper(area, m, n):
    interval = newcombe_auc(area, m, n)
    for end in (interval.low, interval.high):
        if 1e-9 < end < 1 - 1e-9:
            assert abs(end - area) == pytest.approx(1.959964 * hanley_mcneil_error(end, m, n), abs=1e-5)


@given(st.sampled_from([0.0, 0.5, 1.0]), st.integers(2, 80), st.integers(2, 80))
def test_newcombe__never_has_zero_width(area, m, n):
    interval = newcombe_auc(area, m, n)
    assert 0.0 <= interval.low < interval.high <= 1.0
    assert interval.low <= area <= interval.high


def test_wald__is_symmetric():
    interval = wald(1.0, 0.5)
    assert (interval.low, interval.high) == pytest.approx((0.02, 1.98), abs=0.001)
