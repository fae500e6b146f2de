"""Permutation tests: checked by exchangeable simulation, scipy's permutation test and statsmodels."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest, permutation_test
from statsmodels.stats.proportion import proportion_confint

from trastuz_ml.errors import InputError
from trastuz_ml.stats.discrimination import auc
from trastuz_ml.stats.permutation_test import (
    arrangement_count,
    count_until,
    every_arrangement,
    exact_p,
    exceedances,
    max_null,
    max_t_p,
    monte_carlo_interval,
    permutation_p,
    sequential_p,
    stopped,
)


def all_of(patients, responders):
    """Every arrangement of so many responders, in one stratum."""
    return every_arrangement(np.repeat([1, 0], (responders, patients - responders)), np.zeros(patients, dtype=int))


def is_super_uniform(p):
    """Whether p values are nowhere significantly more often small than they may be."""
    return kstest(p, "uniform", alternative="greater").pvalue > 0.01


def test_permutation_p__counts_the_observed_one():
    assert permutation_p(0.9, [0.1] * 99) == 0.01
    assert permutation_p(0.1, [0.2] * 99) == 1.0


def test_permutation_p__is_uniform_under_exchangeability():
    drawn = np.random.default_rng(1).normal(size=(3000, 20))
    p = np.array([permutation_p(row[0], row[1:]) for row in drawn])
    assert set(np.round(p * 20)) == set(range(1, 21))
    assert is_super_uniform(p)
    # 19 permutations and no ties: each of 20 values is equally likely; a p that is too large would show here.
    assert np.mean(p <= 0.5) == pytest.approx(0.5, abs=3 * 0.5 / math.sqrt(3000))


def test_permutation_p__stays_valid_with_ties():
    drawn = np.random.default_rng(2).integers(0, 4, size=(3000, 20)) / 3
    assert is_super_uniform([permutation_p(row[0], row[1:]) for row in drawn])


def test_exceedances__rounding_does_not_break_a_tie():
    assert exceedances(0.1 + 0.2, [0.3, 0.3 - 1e-13, 0.29]) == 2


def test_exact_p__equals_scipys_exact_test():
    score = np.random.default_rng(3).normal(size=10)
    observed = np.array([1, 1, 0, 1, 0, 0, 0, 1, 0, 0])
    all_of_them = [auc(y, score) for y in all_of(10, 4)]
    expected = permutation_test(
        (score[observed == 1], score[observed == 0]),
        lambda a, b: np.mean(a[:, None] > b),
        permutation_type="independent",
        alternative="greater",
        n_resamples=math.inf,
    )
    assert exact_p(auc(observed, score), all_of_them) == pytest.approx(expected.pvalue)


def test_exact_p__over_all_arrangements_is_super_uniform_and_exact_without_ties():
    score = np.arange(8.0) ** 2
    statistics = np.array([score[y == 1].sum() for y in all_of(8, 4)])
    p = np.array([exact_p(s, statistics) for s in statistics])
    for alpha in np.unique(p):
        assert np.mean(p <= alpha) <= alpha + 1e-12
    assert p.min() == 1 / 70


def test_exact_p__needs_the_observed_arrangement():
    with pytest.raises(InputError, match="not among those of the 2 arrangements"):
        exact_p(0.7, [0.5, 0.6])


@settings(deadline=None)
@given(st.integers(1, 500).flatmap(lambda m: st.tuples(st.integers(0, m), st.just(m))))
def test_monte_carlo_interval__is_clopper_and_pearsons(case):
    exceeded, done = case
    interval = monte_carlo_interval(exceeded, done)
    low, high = proportion_confint(exceeded, done, method="beta")
    # statsmodels leaves the exact ends as NaN in some versions.
    assert interval.low == pytest.approx(0.0 if exceeded == 0 else low)
    assert interval.high == pytest.approx(1.0 if exceeded == done else high)
    assert interval.low < interval.high


def test_monte_carlo_interval__is_refused_without_permutations():
    assert math.isnan(monte_carlo_interval(0, 0).low)


def run_sequentially(observed, permuted, h):
    """Count one permutation after the other, as a driver would."""
    exceeded = done = 0
    while not stopped(exceeded, done, len(permuted), h):
        exceeded += permuted[done] >= observed
        done += 1
    return int(exceeded), done


def test_sequential__p_is_valid_under_exchangeability():
    drawn = np.random.default_rng(4).normal(size=(4000, 100))
    counts = [run_sequentially(row[0], row[1:], 5) for row in drawn]
    p = np.array([sequential_p(*c, 99, 5) for c in counts])
    assert is_super_uniform(p)
    # At the values it can take the test is exact (Besag and Clifford 1991): h / l, and j / (1 + most) below.
    for level in (1 / 100, 4 / 100, 5 / 99, 5 / 50, 5 / 10):
        error = math.sqrt(level * (1 - level) / 4000)
        assert np.mean(p <= level + 1e-12) == pytest.approx(level, abs=3 * error)
    assert np.mean([done for _, done in counts]) < 40


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_sequential__cutting_a_batch_is_counting_one_by_one(seed, h):
    rng = np.random.default_rng(seed)
    observed, permuted = rng.random(), rng.random(30)
    assert count_until(observed, permuted, h) == run_sequentially(observed, permuted, h)


def test_sequential__without_permutations_nothing_is_counted():
    assert count_until(0.5, [], 3) == (0, 0)


@pytest.mark.parametrize(
    ("exceeded", "done", "message"),
    [(3, 50, "not over"), (6, 50, "where the first is reached"), (2, 100, "at most 99")],
)
def test_sequential__refuses_a_test_that_was_not_run_as_planned(exceeded, done, message):
    with pytest.raises(InputError, match=message):
        sequential_p(exceeded, done, 99, 5)


@pytest.mark.parametrize(("n", "k"), [(6, 3), (5, 1), (4, 0), (4, 4), (9, 4)])
def test_arrangements__are_all_there_once_in_a_fixed_order(n, k):
    every = [tuple(y.tolist()) for y in all_of(n, k)]
    expected = {y for y in itertools.product((0, 1), repeat=n) if sum(y) == k}
    assert set(every) == expected
    assert len(every) == len(expected)
    assert every == sorted(every, reverse=True)


def test_arrangements__within_strata_are_all_there_and_each_once():
    response = np.array([1, 0, 0, 1, 0, 1, 0], dtype=np.int8)
    strata = np.array([0, 0, 1, 0, 1, 1, 0], dtype=np.intp)
    every = {tuple(a) for a in every_arrangement(response, strata)}
    assert len(every) == arrangement_count(response, strata) == math.comb(4, 2) * math.comb(3, 1)
    assert all(sum(np.array(a)[strata == 0]) == 2 and sum(np.array(a)[strata == 1]) == 1 for a in every)


def test_max_t__p_of_the_catalogue_is_uniform_where_the_smallest_p_is_not():
    rng = np.random.default_rng(5)
    y = np.repeat([0, 1], 12)
    smallest, adjusted = [], []
    for _ in range(200):
        models = rng.normal(size=(6, 24)) + rng.normal(size=24)
        observed = np.array([auc(y, model) for model in models])
        permuted = np.array(
            [[auc(shuffled, model) for model in models] for shuffled in map(rng.permutation, [y] * 19)]
        )
        smallest.append(min(permutation_p(o, n) for o, n in zip(observed, permuted.T, strict=True)))
        adjusted.append(max_t_p(observed, permuted).min())
    assert is_super_uniform(adjusted)
    assert not is_super_uniform(smallest)


def test_max_t__is_the_count_of_maxima_for_each_model():
    rng = np.random.default_rng(6)
    observed, permuted = rng.random(4), rng.random((50, 4))
    expected = [(1 + sum(max(row) >= o for row in permuted.tolist())) / 51 for o in observed]
    assert max_t_p(observed, permuted) == pytest.approx(expected)
    assert max_null(permuted).tolist() == [max(row) for row in permuted.tolist()]


@pytest.mark.parametrize(
    "call",
    [
        lambda: permutation_p(0.5, [0.1, np.nan]),
        lambda: permutation_p(np.nan, [0.1, 0.2]),
        lambda: exact_p(0.1, [0.1, np.nan]),
        lambda: max_null([[0.1, np.nan]]),
        lambda: count_until(0.5, [np.nan], 1),
    ],
)
def test_a_missing_statistic_is_an_error(call):
    with pytest.raises(InputError, match="missing"):
        call()


def test_max_t__shapes_must_agree():
    with pytest.raises(InputError, match="models"):
        max_t_p([0.5, 0.6], [[0.1, 0.2, 0.3]])
