"""Power of a gene: checked against scipy's test and distribution, simulation, and the figures of the design."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import fisher_exact, nchypergeom_fisher

from trastuz_ml.stats.gene_power import (
    can_be_shown,
    carriers_needed,
    detectable_odds_ratio,
    fisher_p_values,
    gene_power,
    gene_power_in_words,
    smallest_gene_p,
)


def scipy_p(responding, carriers, responders, patients):
    table = [
        [responding, carriers - responding],
        [responders - responding, patients - carriers - responders + responding],
    ]
    return fisher_exact(table).pvalue


@st.composite
def margins(draw):
    patients = draw(st.integers(2, 80))
    return draw(st.integers(1, patients - 1)), draw(st.integers(1, patients - 1)), patients


@settings(deadline=None, max_examples=50)
@given(margins())
def test_p_values__equal_scipys_of_every_table(drawn):
    responding, p = fisher_p_values(*drawn)
    assert p == pytest.approx([scipy_p(int(x), *drawn) for x in responding], rel=1e-9)


def test_p_values__of_a_thousand_patients_equal_scipys():
    responding, p = fisher_p_values(300, 260, 1000)
    some = [0, 40, 78, 90, 120, 260]
    assert p[some] == pytest.approx(
        [scipy_p(int(responding[i]), 300, 260, 1000) for i in some], rel=1e-8, abs=1e-300
    )


@settings(deadline=None, max_examples=50)
@given(margins(), st.floats(-5, 5))
def test_power__equals_the_sum_over_scipys_noncentral_distribution(drawn, log_odds):
    carriers, responders, patients = drawn
    responding, p = fisher_p_values(*drawn)
    found = (p <= 0.05 + 1e-12) & (responding > carriers * responders / patients)
    spread = nchypergeom_fisher(patients, responders, carriers, math.exp(log_odds))
    assert gene_power(math.exp(log_odds), *drawn) == pytest.approx(spread.pmf(responding[found]).sum(), abs=1e-7)


def test_power__equals_simulated_cohorts_with_these_margins():
    rng = np.random.default_rng(1)
    drawn = nchypergeom_fisher.rvs(62, 20, 10, 6.0, size=4000, random_state=rng)
    values, counts = np.unique(drawn, return_counts=True)
    found = sum(c for x, c in zip(values, counts, strict=True) if x > 4 and scipy_p(int(x), 10, 20, 62) <= 0.05)
    assert gene_power(6.0, 10, 20, 62) == pytest.approx(found / 4000, abs=0.025)


@settings(deadline=None, max_examples=50)
@given(margins(), st.floats(0.01, 50), st.floats(1.01, 5))
def test_power__grows_with_the_odds_ratio(drawn, odds_ratio, times):
    assert gene_power(odds_ratio, *drawn) <= gene_power(odds_ratio * times, *drawn) + 1e-12


@settings(deadline=None, max_examples=50)
@given(margins())
def test_power__without_an_effect_is_at_most_the_level(drawn):
    assert gene_power(1.0, *drawn) <= 0.05 + 1e-9


@settings(deadline=None, max_examples=50)
@given(margins(), st.sampled_from([0.05, 0.05 / 300]))
def test_detectable__is_found_in_80_of_100_or_no_odds_ratio_is(drawn, alpha):
    found = detectable_odds_ratio(*drawn, alpha=alpha)
    if found is None:
        assert gene_power(1e12, *drawn, alpha) == 0
    else:
        assert gene_power(found, *drawn, alpha) == pytest.approx(0.8, abs=1e-6)


def test_three_carriers_among_62__resistance_cannot_be_shown_and_eight_are_needed():
    assert smallest_gene_p(3, 42, 62) == pytest.approx(scipy_p(0, 3, 20, 62)) == pytest.approx(0.545, abs=0.001)
    assert detectable_odds_ratio(3, 42, 62) is None
    assert carriers_needed(42, 62) == 8
    assert scipy_p(0, 8, 20, 62) <= 0.05 < scipy_p(0, 7, 20, 62)


def test_three_carriers_among_62__an_odds_ratio_of_nine_is_missed_half_of_the_time():
    assert gene_power(9, 3, 20, 62) == pytest.approx(0.5, abs=0.01)
    assert round(detectable_odds_ratio(3, 20, 62, power=0.5)) == 9


def test_words__are_those_of_the_design():
    assert gene_power_in_words(3, 20, 62) == (
        "With 3 carriers among 62, 20 responding, resistance cannot be shown at any odds ratio: 8 carriers would "
        "be needed; an odds ratio of 9 towards response would be missed half of the time."
    )


def test_words__name_both_directions_where_both_or_neither_can_be_shown():
    both = gene_power_in_words(20, 20, 62)
    assert both.endswith(
        "an odds ratio of 2.7 towards response or 0.21 towards resistance would be missed half of the time."
    )
    assert gene_power_in_words(1, 6, 12) == (
        "With 1 carrier among 12, 6 responding, response cannot be shown at any odds ratio: 5 carriers would be "
        "needed; resistance cannot be shown at any odds ratio: 5 carriers would be needed."
    )


def test_words__say_where_no_number_of_carriers_would_do():
    assert "response cannot be shown at any odds ratio: no number of carriers would do" in gene_power_in_words(
        2, 2, 4
    )


@pytest.mark.parametrize(("alpha", "share"), [(0.05, 0.96), (0.05 / 300, 0.35)])
def test_power__over_simulated_cohorts_equals_the_figures_of_the_design(alpha, share):
    # 26 % response, 20 % carriers, 200 patients, log-odds -2
    rng = np.random.default_rng(5)
    level = brentq(lambda b: 0.2 * expit(b - 2) + 0.8 * expit(b) - 0.26, -5, 5)
    carries = rng.random((400, 200)) < 0.2
    responds = rng.random((400, 200)) < expit(level - 2 * carries)
    power = [
        gene_power(math.exp(2), int(k), 200 - int(r), 200, alpha)
        for k, r in zip(carries.sum(axis=1), responds.sum(axis=1), strict=True)
    ]
    assert np.mean(power) == pytest.approx(share, abs=0.02)


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 40), st.data())
def test_carriers_needed__are_the_fewest_that_scipy_finds(patients, data):
    responders = data.draw(st.integers(1, patients - 1))
    best = [scipy_p(min(k, responders), k, responders, patients) for k in range(1, patients)]
    enough = [k for k, p in enumerate(best, 1) if p <= 0.05 + 1e-12]
    assert carriers_needed(responders, patients) == (enough[0] if enough else None)


@settings(deadline=None, max_examples=50)
@given(margins(), st.sampled_from([0.05, 0.001]))
def test_carriers_needed__are_enough_in_both_directions_or_in_neither(drawn, alpha):
    _, responders, patients = drawn
    towards = carriers_needed(responders, patients, alpha)
    assert (towards is None) == (carriers_needed(patients - responders, patients, alpha) is None)


def test_can_be_shown__a_p_of_exactly_the_level_counts():
    # One carrier, one responder, 20 patients: p = 1/20.
    assert can_be_shown(1, 1, 20, 0.05)
    assert not can_be_shown(1, 1, 19, 0.05)
