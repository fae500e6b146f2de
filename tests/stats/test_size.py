"""Size: checked against pmsampsize's and papers' printed numbers, simulation, and counting."""

import itertools
import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from trastuz_ml.stats.discrimination import auc
from trastuz_ml.stats.intervals import newcombe_auc
from trastuz_ml.stats.size import (
    RileySize,
    cox_snell_of_auc,
    expected_auc_interval,
    hanley_mcneil_error,
    largest_cox_snell,
    parameters_allowed,
    riley_size,
    risk_error,
    smallest_auc_above_chance,
    smallest_p,
)

RATES = st.floats(0.05, 0.95)
AREAS = st.floats(0.55, 0.97)


def test_riley__equals_what_pmsampsize_prints():
    # pmsampsize(type = "b", csrsquared = 0.288, parameters = 24, prevalence = 0.174)
    assert riley_size(24, 0.174, 0.288) == RileySize(623, 662, 221)
    # the same with parameters = 36, and with csrsquared = 0.55 (first criterion), and prevalence = 0.25 (third)
    assert riley_size(36, 0.174, 0.288).shrinkage == 934
    assert riley_size(24, 0.174, 0.55).shrinkage == 255
    assert riley_size(24, 0.25, 0.288).overall_risk == 289


def test_riley__from_an_auc_equals_what_pmsampsize_prints():
    # pmsampsize(type = "b", cstatistic = 0.89, parameters = 24, prevalence = 0.174), which simulates
    assert riley_size(24, 0.174, cox_snell_of_auc(0.89, 0.174)) == RileySize(615, 660, 221)


def test_riley__asks_for_the_events_per_parameter_of_the_papers_abstract():
    # Riley et al. 2019: "a new diagnostic model for Chagas disease requires an EPP of at least 4.8"
    assert riley_size(24, 0.174, 0.288).patients * 0.174 / 24 == pytest.approx(4.8, abs=0.01)


@pytest.mark.parametrize(
    ("prevalence", "largest"),
    [(0.5, 0.75), (0.4, 0.74), (0.3, 0.71), (0.2, 0.63), (0.1, 0.48), (0.05, 0.33), (0.01, 0.11)],
)
def test_largest_cox_snell__equals_the_published_table(prevalence, largest):
    # Riley et al. 2020, BMJ 368:m441
    assert largest_cox_snell(prevalence) == pytest.approx(largest, abs=0.005)


@pytest.mark.parametrize(("area", "prevalence"), [(0.7, 0.26), (0.9, 0.1)])
def test_cox_snell_of_auc__equals_a_fitted_model_in_a_large_simulated_cohort(area, prevalence):
    rng = np.random.default_rng(1)
    y = rng.random(100_000) < prevalence
    score = rng.normal(size=y.size) + y * math.sqrt(2) * norm.ppf(area)
    assert auc(y, score) == pytest.approx(area, abs=0.005)
    fitted = sm.Logit(y, sm.add_constant(score)).fit(disp=False)
    simulated = 1 - math.exp(2 * (fitted.llnull - fitted.llf) / y.size)
    assert cox_snell_of_auc(area, prevalence) == pytest.approx(simulated, abs=0.005)


@settings(deadline=None, max_examples=50)
@given(AREAS, RATES)
def test_cox_snell_of_auc__lies_below_its_limit_and_exchanging_the_classes_changes_nothing(area, prevalence):
    r2 = cox_snell_of_auc(area, prevalence)
    assert 0 < r2 < largest_cox_snell(prevalence)
    assert cox_snell_of_auc(area, 1 - prevalence) == pytest.approx(r2, rel=1e-9)


def test_cox_snell_of_auc__of_a_useless_model_is_zero():
    assert cox_snell_of_auc(0.5, 0.3) == pytest.approx(0, abs=1e-12)


@settings(deadline=None, max_examples=50)
@given(st.integers(10, 5000), RATES, AREAS)
def test_parameters_allowed__one_more_would_need_more_patients(patients, prevalence, area):
    r2 = cox_snell_of_auc(area, prevalence)
    allowed = parameters_allowed(patients, prevalence, r2)
    enough, more = riley_size(allowed, prevalence, r2), riley_size(allowed + 1, prevalence, r2)
    assert max(enough.shrinkage, enough.optimism) <= patients < max(more.shrinkage, more.optimism)


def test_risk_error__is_reached_with_the_patients_of_the_third_criterion():
    needed = riley_size(1, 0.174, 0.288).overall_risk
    assert risk_error(needed, 0.174) <= 0.05 < risk_error(needed - 1, 0.174)


def test_hanley_mcneil__equals_the_papers_example():
    # 51 abnormal and 58 normal images, area 0.893, standard error 0.032 by the ratings themselves
    assert hanley_mcneil_error(0.893, 51, 58) == pytest.approx(0.032, abs=0.001)


@pytest.mark.parametrize(("responders", "others"), [(6, 6), (20, 42), (3, 200)])
def test_hanley_mcneil__without_an_effect_is_the_error_of_mann_and_whitney(responders, others):
    known = math.sqrt((responders + others + 1) / (12 * responders * others))
    assert hanley_mcneil_error(0.5, responders, others) == pytest.approx(known, rel=1e-12)


def test_hanley_mcneil__is_exact_for_exponential_scores():
    rng = np.random.default_rng(2)
    # P(X > Y) = 3 / (1 + 3)
    high, low = 3 * rng.exponential(size=(4000, 20, 1)), rng.exponential(size=(4000, 1, 42))
    areas = (high > low).mean(axis=(1, 2))
    assert areas.mean() == pytest.approx(0.75, abs=0.005)
    assert hanley_mcneil_error(0.75, 20, 42) == pytest.approx(areas.std(), rel=0.04)


def test_expected_interval__narrows_with_the_square_root_of_the_patients():
    small, large = expected_auc_interval(0.7, 30, 60), expected_auc_interval(0.7, 120, 240)
    assert (small.high - small.low) / (large.high - large.low) == pytest.approx(2, rel=0.02)


def test_expected_interval__ends_at_one():
    assert expected_auc_interval(0.8, 6, 6).high == 1.0


@pytest.mark.parametrize(("responders", "others"), [(6, 6), (20, 42), (260, 740)])
def test_smallest_auc__is_where_newcombes_interval_leaves_one_half(responders, others):
    area = smallest_auc_above_chance(responders, others)
    assert newcombe_auc(area, responders, others).low == pytest.approx(0.5, abs=1e-4)


def test_smallest_auc__is_found_by_no_more_than_chance_without_an_effect():
    rng = np.random.default_rng(3)
    areas = (rng.random((4000, 20, 1)) > rng.random((4000, 1, 42))).mean(axis=(1, 2))
    assert (areas >= smallest_auc_above_chance(20, 42)).mean() == pytest.approx(0.025, abs=0.008)


def test_smallest_p__of_six_and_six_is_one_or_two_in_924():
    score = np.arange(12)
    areas = [auc(np.isin(score, responders), score) for responders in itertools.combinations(range(12), 6)]
    found = smallest_p([(6, 12)])
    assert found.arrangements == len(areas) == 924
    assert found.one_sided == np.mean([a >= 1 for a in areas]) == 1 / 924
    assert found.two_sided == np.mean([abs(a - 0.5) >= 0.5 for a in areas]) == 2 / 924


def leave_pair_out(X, y):
    """The share of pairs that the difference of class means, of the others, ranks rightly."""
    right = []
    for i, j in itertools.product(np.flatnonzero(y), np.flatnonzero(~y)):
        rest = ~np.isin(np.arange(len(y)), (i, j))
        towards = X[rest & y].mean(axis=0) - X[rest & ~y].mean(axis=0)
        right.append(towards @ X[i] > towards @ X[j])
    return np.mean(right)


@pytest.mark.parametrize("seed", range(5))
def test_smallest_p__exchanging_the_classes_leaves_the_auc_of_a_refitted_model(seed):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(8, 3)), rng.permutation(8) < 4
    assert leave_pair_out(X, y) == leave_pair_out(X, ~y)


@pytest.mark.parametrize(("responders", "least"), [(3, 2), (2, 1)])
def test_smallest_p__of_a_refitted_pipeline_is_twice_as_large_where_the_classes_are_equal(responders, least):
    y = np.arange(6) < responders
    X = y[:, None].astype(float)  # one gene, carried by the responders and nobody else
    arrangements = [np.isin(np.arange(6), chosen) for chosen in itertools.combinations(range(6), responders)]
    reached = sum(leave_pair_out(X, other) >= leave_pair_out(X, y) for other in arrangements)
    assert leave_pair_out(X, y) == 1
    assert reached == least
    assert smallest_p([(responders, 6)]).refitted == least / len(arrangements)


def test_smallest_p__within_strata_multiplies_their_arrangements():
    found = smallest_p([(2, 4), (1, 3), (0, 5)])
    assert found.arrangements == 6 * 3 * 1
    assert found.refitted == 1 / 18


def test_smallest_p__where_nothing_can_be_permuted_is_one():
    found = smallest_p([(0, 5), (4, 4)])
    assert (found.arrangements, found.one_sided, found.two_sided) == (1, 1.0, 1.0)
