"""Drift of counts: exact where it can be, against independent implementations, and silent without drift."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import PermutationMethod, anderson_ksamp, chi2_contingency, fisher_exact
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep

from trastuz_ml.errors import InputError
from trastuz_ml.stats.discrimination import auc
from trastuz_ml.stats.drift import (
    anderson_darling,
    chi_square,
    gene_shifts,
    level_shift,
    ordered_shift,
    share_difference,
    visible_index,
    visible_shares,
    whole_table_p,
)


def values(counts):
    return np.repeat(np.arange(len(counts)), counts)


def test_ordered__effect_is_the_auc_of_being_new():
    trained, new = [5, 8, 2, 0], [1, 2, 4, 3]
    score = np.concatenate([values(trained), values(new)])
    shift = ordered_shift(trained, new)
    assert shift.effect == pytest.approx(auc([0] * 15 + [1] * 10, score))
    assert shift.interval.low < shift.effect < shift.interval.high


def test_ordered__p_is_exact_up_to_monte_carlo():
    trained, new = np.array([3, 2, 1]), np.array([0, 1, 3])
    pooled = np.concatenate([values(trained), values(new)])
    observed = anderson_darling(new[None], trained[None])[0]
    reached = []
    for chosen in combinations(range(10), 4):
        own = np.bincount(pooled[list(chosen)], minlength=3)
        reached.append(anderson_darling(own[None], (trained + new - own)[None])[0] >= observed - 1e-9)
    assert ordered_shift(trained, new).p == pytest.approx(np.mean(reached), abs=0.015)


@pytest.mark.filterwarnings("ignore:p-value:UserWarning")
def test_ordered__p_agrees_with_scipy():
    trained, new = [20, 18, 9, 4, 1], [3, 4, 6, 7, 2]
    method = PermutationMethod(n_resamples=4999, rng=np.random.default_rng(1))
    other = anderson_ksamp([values(trained), values(new)], variant="right", method=method)
    assert ordered_shift(trained, new).p == pytest.approx(other.pvalue, abs=0.006)


def test_ordered__sees_a_change_of_spread_alone():
    shift = ordered_shift([0, 10, 60, 10, 0], [20, 10, 10, 10, 20])
    assert shift.effect == pytest.approx(0.5)
    assert shift.p < 0.001


def test_levels__two_are_fisher_and_more_agree_with_the_chi_square():
    level, shift = level_shift([60, 40], [9, 21])
    assert shift.p == pytest.approx(fisher_exact([[60, 40], [9, 21]]).pvalue)
    assert level in (0, 1)
    table = np.array([[80, 60, 60], [40, 60, 50]])
    assert chi_square(table[:1], table[1:])[0] == pytest.approx(
        chi2_contingency(table, correction=False).statistic
    )
    expected = chi2_contingency(table, correction=False).pvalue
    assert level_shift(*table)[1].p == pytest.approx(expected, abs=0.015)


def test_levels__one_that_training_had_not_is_named():
    level, shift = level_shift([90, 10, 0], [2, 0, 18])
    assert level == 2
    assert shift.effect == pytest.approx(0.9)
    assert shift.p < 0.001


def test_levels__nothing_that_could_differ_has_a_p_of_one():
    assert level_shift([30, 0], [8, 0])[1].p == 1.0
    assert ordered_shift([0, 30], [0, 8]).p == 1.0
    assert np.isnan(level_shift([30, 10], [0, 0])[1].p)
    assert np.isnan(ordered_shift([30, 10], [0, 0]).p)


def test_difference__is_newcombes():
    difference, interval = share_difference(48, 80, 56, 70)
    expected = confint_proportions_2indep(56, 70, 48, 80, method="newcomb", compare="diff")
    assert difference == pytest.approx(0.2)
    assert (interval.low, interval.high) == pytest.approx(expected)


def test_genes__p_is_fishers_and_the_rate_that_of_discrete_tests():
    rng = np.random.default_rng(5)
    trained, new = rng.binomial(144, 0.08, 60), rng.binomial(30, 0.08, 60)
    p, rate = gene_shifts(trained, np.full(60, 144), new, np.full(60, 30))
    assert p[7] == pytest.approx(fisher_exact([[trained[7], 144 - trained[7]], [new[7], 30 - new[7]]]).pvalue)
    assert rate.min() > 0.05
    new[7] = 20
    p, rate = gene_shifts(trained, np.full(60, 144), new, np.full(60, 30))
    assert np.flatnonzero(rate <= 0.05).tolist() == [7]
    # Genes that too few carry for any test cost nothing: Hochberg's rate counts all of them.
    p, rate = gene_shifts([*trained, *[1] * 200], np.full(260, 144), [*new, *[0] * 200], np.full(260, 30))
    assert rate[7] < multipletests(p, method="fdr_bh")[1][7]
    p, rate = gene_shifts([3], [100], [0], [0])
    assert np.isnan(p[0])
    assert np.isnan(rate[0])


def test_whole_table__is_holm_for_single_rows_and_half_for_each_part():
    p = np.array([0.01, 0.03, np.nan])
    single, genes = whole_table_p(p, 4, [0.02])
    expected = 2 * multipletests([0.01, 0.03, 1, 1], method="holm")[1][:2]
    assert single[:2] == pytest.approx(expected)
    assert np.isnan(single[2])
    assert genes.tolist() == [0.04]
    assert whole_table_p([0.01], 1, [])[0].tolist() == [0.01]
    assert whole_table_p([], 0, [0.02])[1].tolist() == [0.02]


@pytest.mark.parametrize(("carriers", "patients", "new", "alpha"), [(14, 144, 30, 0.001), (72, 144, 200, 0.01)])
def test_visible__shares_are_seen_in_eighty_per_cent(carriers, patients, new, alpha):
    rng = np.random.default_rng(6)
    for share in visible_shares(carriers, patients, new, alpha):
        if np.isnan(share):
            continue
        drawn = rng.binomial(new, share, 1000)
        p = {y: fisher_exact([[carriers, patients - carriers], [y, new - y]]).pvalue for y in set(drawn.tolist())}
        assert np.mean([p[y] <= alpha for y in drawn.tolist()]) == pytest.approx(0.8, abs=0.05)


def test_visible__many_patients_agree_with_few():
    exact, rough = visible_shares(30, 150, 500, 0.001), visible_shares(30, 150, 501, 0.001)
    assert exact == pytest.approx(rough, abs=0.03)


def test_visible__nothing_at_eight_patients_and_a_strict_level():
    assert np.isnan(visible_shares(70, 144, 8, 1e-4)).all()
    assert np.isnan(visible_shares(3, 0, 8, 0.05)).all()
    assert visible_index(144, 8, 1e-4) > 0.45


def test_visible__index_is_seen_in_eighty_per_cent():
    apart = visible_index(100, 40, 0.01)
    rng = np.random.default_rng(8)
    # Two normals whose chance of lying above is 0.5 + apart.
    from scipy.stats import mannwhitneyu, norm

    mean = np.sqrt(2) * norm.ppf(0.5 + apart)
    seen = [mannwhitneyu(rng.normal(mean, 1, 40), rng.normal(0, 1, 100)).pvalue <= 0.01 for _ in range(500)]
    assert np.mean(seen) == pytest.approx(0.8, abs=0.07)


@pytest.mark.parametrize("n", [8, 30])
def test_ordered__cries_no_more_often_than_it_says(n):
    rng = np.random.default_rng(n)
    shares = np.array([0.5, 0.2, 0.1, 0.1, 0.05, 0.05])
    p = [ordered_shift(rng.multinomial(144, shares), rng.multinomial(n, shares), draws=499).p for _ in range(400)]
    assert np.mean(np.array(p) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_counts__of_other_bins_are_refused():
    with pytest.raises(InputError, match="same bins"):
        ordered_shift([1, 2], [1, 2, 3])
    with pytest.raises(InputError, match="same bins"):
        level_shift([1, -2], [1, 2])
