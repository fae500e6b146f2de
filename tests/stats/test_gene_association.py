"""Odds ratios and discovery rates: R's printed output, scipy table by table, and small cases by hand."""

import math

import numpy as np
import pytest
from scipy.stats import false_discovery_control, nchypergeom_fisher
from scipy.stats.contingency import odds_ratio

from trastuz_ml.errors import InputError
from trastuz_ml.stats.gene_association import attainable_p, conditional_odds_ratios, discrete_fdr
from trastuz_ml.stats.gene_power import fisher_p_values
from trastuz_ml.stats.gene_screen import fisher_p


def tables(seed, number=150, most=300):
    """Return margins and carriers responding of random tables, extreme ones among them."""
    rng = np.random.default_rng(seed)
    n = rng.integers(4, most, number)
    r, k = rng.integers(1, n), rng.integers(1, n)
    fewest, largest = np.maximum(0, k + r - n), np.minimum(k, r)
    return (
        n,
        r,
        k,
        np.where(rng.random(number) < 0.6, rng.hypergeometric(r, n - r, k), rng.integers(fewest, largest + 1)),
    )


def test_odds_ratio__equals_what_r_prints_for_the_lady_tasting_tea():
    # R: fisher.test(matrix(c(3, 1, 1, 3), 2)) prints odds ratio 6.408309, 95 percent confidence interval
    # 0.2117329 621.9337505.
    found = conditional_odds_ratios(covered=8, responders=4, carriers=4, carriers_responding=3)
    assert found.estimate == pytest.approx(6.408309, rel=1e-4)
    assert found.low == pytest.approx(0.2117329, rel=1e-4)
    # R finds this end on the scale of its reciprocal, to four digits only: hence the equation itself.
    assert found.high == pytest.approx(621.9337505, rel=0.01)
    assert nchypergeom_fisher.cdf(3, 8, 4, 4, float(found.high)) == pytest.approx(0.025, rel=1e-6)


def test_odds_ratio__equals_scipy_for_every_table():
    n, r, k, x = tables(1)
    found = conditional_odds_ratios(n, r, k, x)
    expected = []
    for a, b, c, d in zip(x, k - x, r - x, n - k - r + x, strict=True):
        result = odds_ratio([[a, b], [c, d]], kind="conditional")
        expected.append((result.statistic, *result.confidence_interval(0.95)))
    np.testing.assert_allclose(np.column_stack([found.estimate, found.low, found.high]), expected, rtol=1e-8)


def test_odds_ratio__of_failing_to_respond_is_the_reciprocal():
    n, r, k, x = tables(2)
    found, turned = conditional_odds_ratios(n, r, k, x), conditional_odds_ratios(n, n - r, k, k - x)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(turned.estimate, 1 / found.estimate, rtol=1e-9)
        np.testing.assert_allclose(turned.low, 1 / found.high, rtol=1e-9)


def test_odds_ratio__has_an_infinite_end_where_no_carrier_fails_to_respond():
    found = conditional_odds_ratios(30, 10, [3, 3], [3, 0])
    assert found.estimate.tolist() == [math.inf, 0]
    assert math.isinf(found.high[0])
    assert 0 < found.low[0] < 10
    assert found.low[1] == 0


def test_odds_ratio__is_unknown_where_all_carry_or_all_respond():
    found = conditional_odds_ratios(10, [4, 4, 0, 10], [0, 10, 3, 3], [0, 4, 0, 3])
    assert np.isnan([found.estimate, found.low, found.high]).all()


def test_odds_ratio__of_many_patients_is_near_that_of_the_sample():
    found = conditional_odds_ratios(100_000, 40_000, 30_000, 15_000)
    assert found.estimate == pytest.approx(15_000 * 45_000 / (15_000 * 25_000), rel=1e-3)
    assert math.log(found.high / found.low) == pytest.approx(
        2 * 1.96 * math.sqrt(2 / 15_000 + 1 / 25_000 + 1 / 45_000), rel=0.01
    )


def test_odds_ratio__impossible_table_is_refused():
    with pytest.raises(InputError, match="cannot be"):
        conditional_odds_ratios(10, 4, 3, [2, 5])


def test_attainable__are_the_p_of_every_table_with_the_margins():
    margins = ([62, 30, 62, 8], [20, 15, 20, 0], [3, 10, 3, 2])
    attainable, margin = attainable_p(*margins)
    assert len(attainable) == 3
    for n, r, k, place in zip(*margins, margin, strict=True):
        np.testing.assert_allclose(attainable[place], fisher_p_values(k, r, n)[1], rtol=1e-9)


def test_discrete_fdr__by_hand():
    # Three genes can reach 0.01, 0.2 and 1, two others 0.1 and 1. S(0.01) = 3 x 1/99, S(0.1) = S(0.01) + 2 x 1/9,
    # S(0.2) = 3 x 1/4 + 2/9; each divided by its place.
    p, margin = [0.2, 0.01, 0.1, 1.0, 1.0], [0, 0, 1, 0, 1]
    expected = [(3 / 4 + 2 / 9) / 3, 3 / 99, (3 / 99 + 2 / 9) / 2, 1, 1]
    found = discrete_fdr(p, [[0.01, 0.2, 1.0], [1.0, 0.1]], margin)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_discrete_fdr__where_every_test_can_have_every_p_it_counts_them_all():
    rng = np.random.default_rng(1)
    p = rng.random(40) ** 3
    found = discrete_fdr(p, [[*p, 1.0]], np.zeros(40, dtype=int))
    order = np.argsort(p)
    stepped = np.maximum.accumulate(40 * p[order] / (1 - p[order]) / np.arange(1, 41))
    np.testing.assert_allclose(found[order], np.minimum(stepped, 1), rtol=1e-9)
    # Of small p that come one by one this is the rate of Benjamini and Hochberg.
    small = np.geomspace(1e-6, 1e-4, 5)
    np.testing.assert_allclose(
        discrete_fdr(small, [[*small, 1.0]], np.zeros(5, dtype=int)),
        np.maximum.accumulate(5 * small / np.arange(1, 6)), rtol=2e-4,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_discrete_fdr__is_never_larger_than_if_every_p_were_attainable(seed):
    rng = np.random.default_rng(seed)
    k = rng.integers(1, 40, 200)
    p = fisher_p(100, 30, k, rng.hypergeometric(30, 70, k))
    attainable, margin = attainable_p(np.full(200, 100), np.full(200, 30), k)
    found = discrete_fdr(p, attainable, margin)
    everything = np.unique(np.concatenate([*attainable, p]))
    assert (found <= discrete_fdr(p, [everything], np.zeros(200, dtype=int)) * (1 + 1e-9)).all()
    assert (found >= p * (1 - 1e-9)).all()  # no adjustment makes p smaller
    assert (np.diff(found[np.argsort(p)]) >= 0).all()


def test_discrete_fdr__of_one_strong_gene_among_rare_ones_is_far_below_benjamini_hochberg():
    k = np.array([30] + [2] * 500)
    x = np.array([22] + [1] * 500)
    p = fisher_p(100, 30, k, x)
    attainable, margin = attainable_p(np.full(501, 100), np.full(501, 30), k)
    assert discrete_fdr(p, attainable, margin)[0] < false_discovery_control(p)[0] / 100


def test_discrete_fdr__rare_genes_that_reach_no_small_p_cost_nothing():
    attainable = [[0.001, 0.01, 1.0], [0.4, 1.0]]
    alone = discrete_fdr([0.001, 0.01], attainable, [0, 0])
    among = discrete_fdr([0.001, 0.01, *[0.4] * 50], attainable, [0, 0, *[1] * 50])
    np.testing.assert_array_equal(among[:2], alone)


def test_discrete_fdr__bad_input_is_refused():
    with pytest.raises(InputError, match="0 to 1"):
        discrete_fdr([np.nan], [[1.0]], [0])
    with pytest.raises(InputError, match="one of each"):
        discrete_fdr([0.1, 0.2], [[0.1, 1.0]], [0])
    assert discrete_fdr([], [], np.zeros(0, dtype=int)).size == 0
