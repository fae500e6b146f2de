"""Comparisons: checked against SAS's printed output, loops over structural components, and statsmodels."""

import math

import numpy as np
import pytest
from scipy.stats import norm, ttest_1samp
from statsmodels.stats.multitest import multipletests

from trastuz_ml.errors import InputError
from trastuz_ml.stats.comparison import (
    delong_difference,
    delong_spread,
    holm,
    left_out_share,
    nadeau_bengio_difference,
)
from trastuz_ml.stats.discrimination import auc, placements

# Ovarian cancer patients of DeLong et al. (1988): albumin, total protein, K-G score, and benefit from surgery,
# as printed in SAS/STAT's example "Comparing Receiver Operating Characteristic Curves" of PROC LOGISTIC.
OVARIAN = np.fromstring(
    """
    3.0 5.8 10 0   3.2 6.3  5 1   3.9 6.8  3 1   2.8 4.8  6 0   3.2 5.8  3 1   0.9 4.0  5 0   2.5 5.7  8 0
    1.6 5.6  5 1   3.8 5.7  5 1   3.7 6.7  6 1   3.2 5.4  4 1   3.8 6.6  6 1   4.1 6.6  5 1   3.6 5.7  5 1
    4.3 7.0  4 1   3.6 6.7  4 0   2.3 4.4  6 1   4.2 7.6  4 0   4.0 6.6  6 0   3.5 5.8  6 1   3.8 6.8  7 1
    3.0 4.7  8 0   4.5 7.4  5 1   3.7 7.4  5 1   3.1 6.6  6 1   4.1 8.2  6 1   4.3 7.0  5 1   4.3 6.5  4 1
    3.2 5.1  5 1   2.6 4.7  6 1   3.3 6.8  6 0   1.7 4.0  7 0   3.7 6.1  5 1   3.3 6.3  7 1   4.2 7.7  6 1
    3.5 6.2  5 1   2.9 5.7  9 0   2.1 4.8  7 1   2.8 6.2  8 0   4.0 7.0  7 1   3.3 5.7  6 1   3.7 6.9  5 1
    3.6 6.6  5 1
    """,
    sep=" ",
).reshape(-1, 4)
BENEFIT = OVARIAN[:, 3].astype(int)
ONE_FOLD = np.zeros(len(BENEFIT), dtype=int)
ALBUMIN, PROTEIN, KG_SCORE = OVARIAN[:, 0], OVARIAN[:, 1], 10 - OVARIAN[:, 2]


@pytest.mark.parametrize(
    ("score", "area", "error"),
    [(ALBUMIN, 0.7366, 0.0927), (KG_SCORE, 0.7258, 0.1028), (PROTEIN, 0.6478, 0.1000)],
)
def test_spread__is_the_standard_error_that_sas_prints(score, area, error):
    assert auc(BENEFIT, score) == pytest.approx(area, abs=5e-5)
    assert math.sqrt(delong_spread(BENEFIT, score, ONE_FOLD).total) == pytest.approx(error, abs=5e-5)


@pytest.mark.parametrize(
    ("score", "difference", "low", "high", "p"),
    [(ALBUMIN, 0.0108, -0.1761, 0.1976, 0.9102), (PROTEIN, -0.0780, -0.2830, 0.1271, 0.4561)],
)
def test_delong__is_the_contrast_that_sas_prints(score, difference, low, high, p):
    found = delong_difference(BENEFIT, score, KG_SCORE, ONE_FOLD)
    assert (found.difference, found.interval.low, found.interval.high, found.p) == pytest.approx(
        (difference, low, high, p), abs=5e-5
    )


def make_table(seed, repeats=3, folds=4, of_class=(22, 13), models=2):
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], of_class)
    fold_of = np.stack(
        [np.concatenate([rng.permutation(np.arange(c) % folds) for c in of_class]) for _ in range(repeats)]
    )
    common = rng.normal(size=y.size) + y
    scores = [np.round(common + rng.normal(size=(repeats, y.size)), 1) for _ in range(models)]
    return y, fold_of, *scores


def components(y, score):
    """DeLong's structural components of one fold, pair by pair."""
    one, other = score[y == 1], score[y == 0]
    won = (one[:, None] > other) + 0.5 * (one[:, None] == other)
    return won.mean(axis=1), won.mean(axis=0)


@pytest.mark.parametrize("seed", range(5))
def test_delong__in_one_repeat_adds_the_covariances_of_the_folds(seed):
    y, fold_of, first, second = make_table(seed, repeats=1)
    gains, variance = [], 0.0
    for k in range(4):
        inside = fold_of[0] == k
        parts = [components(y[inside], s[0, inside]) for s in (first, second)]
        gains.append(parts[0][0].mean() - parts[1][0].mean())
        for side in (0, 1):
            both = np.cov(np.stack([p[side] for p in parts]), ddof=1) / parts[0][side].size
            variance += (both[0, 0] + both[1, 1] - 2 * both[0, 1]) / 4**2
    found = delong_difference(y, first, second, fold_of)
    half = norm.ppf(0.975) * math.sqrt(variance)
    assert found.difference == pytest.approx(np.mean(gains))
    assert found.interval.high - found.difference == pytest.approx(half)
    assert found.p == pytest.approx(2 * norm.sf(abs(np.mean(gains)) / math.sqrt(variance)))


def test_spread__patients_count_once_however_many_repeats():
    y, fold_of, first, _ = make_table(1, repeats=1)
    once = delong_spread(y, first, fold_of).total
    again = delong_spread(y, np.tile(first, (20, 1)), np.tile(fold_of, (20, 1))).total
    # The same split 20 times holds nothing new; its products over repeats lack the correction for small folds
    # that only products within a repeat need, and that is bounded by the size of the fold.
    assert once * 0.99 < again <= once * (1 + 1e-12) * 4 / 3


def test_spread__matches_the_variance_of_a_fixed_score_over_new_patients():
    rng = np.random.default_rng(3)
    y = np.repeat([1, 0], [15, 45])
    estimates, spreads = [], []
    for _ in range(400):
        fold_of = np.stack([np.append(rng.permutation(15) % 5, rng.permutation(45) % 5) for _ in range(5)])
        score = np.tile(rng.normal(size=60) + y, (5, 1))
        estimates.append(placements(y, score, fold_of).mean)
        spreads.append(delong_spread(y, score, fold_of).total)
    # The sampling error of a variance over 400 is 7 %.
    assert np.mean(spreads) == pytest.approx(np.var(estimates, ddof=1), rel=0.2)


def test_spread__a_single_responder_in_every_fold_is_measured_between_folds():
    y = np.tile([1, 0, 0], 4)
    score = np.array([0.9, 0.1, 0.2, 0.3, 0.4, 0.2, 0.1, 0.4, 0.2, 0.5, 0.6, 0.1])
    fold_of = np.repeat(np.arange(4), 3)
    areas = placements(y, score, fold_of).area
    assert delong_spread(y, score, fold_of).responders == pytest.approx(areas.var(ddof=1) / 4)


@pytest.mark.parametrize("seed", range(3))
def test_nadeau_bengio__is_the_t_test_of_the_gains_with_a_larger_variance(seed):
    y, fold_of, first, second = make_table(seed)
    gains = placements(y, first, fold_of).area - placements(y, second, fold_of).area
    sizes = np.array([np.sum(f == k) for f in fold_of for k in range(4)])
    ratio = math.sqrt(1 + gains.size * np.mean(sizes / (y.size - sizes)))
    found = nadeau_bengio_difference(y, first, second, fold_of)
    plain = ttest_1samp(gains, 0.0).confidence_interval(0.95)
    assert found.difference == pytest.approx(gains.mean())
    assert found.interval.high - found.difference == pytest.approx(ratio * (plain.high - gains.mean()))


@pytest.mark.parametrize("compare", [nadeau_bengio_difference, delong_difference])
def test_comparison__identical_scores_differ_by_0_with_p_1_and_no_interval(compare):
    y, fold_of, first, _ = make_table(2)
    found = compare(y, first, np.exp(first), fold_of)
    assert (found.difference, found.p) == (0.0, 1.0)
    assert math.isnan(found.interval.low)
    assert "same" in found.interval.method


@pytest.mark.parametrize("compare", [nadeau_bengio_difference, delong_difference])
def test_comparison__a_gain_without_spread_has_no_p(compare):
    y, fold_of, first, _ = make_table(2)
    perfect, constant = np.broadcast_to(y, first.shape), np.zeros(first.shape)
    found = compare(y, perfect, constant, fold_of)
    assert found.difference == 0.5
    assert math.isnan(found.p)
    assert math.isnan(found.interval.low)


@pytest.mark.parametrize("compare", [nadeau_bengio_difference, delong_difference])
@pytest.mark.parametrize("seed", range(4))
def test_comparison__exchanging_the_models_changes_the_sign_only(compare, seed):
    y, fold_of, first, second = make_table(seed)
    one, other = compare(y, first, second, fold_of), compare(y, second, first, fold_of)
    assert one.difference == pytest.approx(-other.difference)
    assert one.interval.low == pytest.approx(-other.interval.high)
    assert one.p == pytest.approx(other.p)


def test_nadeau_bengio__needs_two_folds():
    with pytest.raises(InputError, match="nobody was left to train on"):
        nadeau_bengio_difference(BENEFIT, ALBUMIN, PROTEIN, ONE_FOLD)


def test_left_out_share__is_a_quarter_for_five_equal_folds():
    y = np.tile([0, 1], 10)
    assert left_out_share(placements(y, np.arange(20.0), np.arange(20) // 4)) == pytest.approx(0.25)


@pytest.mark.parametrize("seed", range(5))
def test_holm__equals_statsmodels(seed):
    rng = np.random.default_rng(seed)
    p = np.round(rng.random(2 + 3 * seed) ** 3, 2)
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-12)


def test_holm__a_missing_p_stays_missing_and_counts():
    adjusted = holm([0.01, np.nan, 0.02])
    assert adjusted[[0, 2]] == pytest.approx(holm([0.01, 0.02, 1.0])[:2])
    assert np.isnan(adjusted[1])


def test_holm__refuses_what_is_not_a_p():
    with pytest.raises(InputError, match="between 0 and 1"):
        holm([0.2, 1.2])
