"""Scores of a fixed model: numbers of others, and intervals that hold the truth."""

from itertools import pairwise

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from trastuz_ml.stats.calibration import brier_skill
from trastuz_ml.stats.external import (
    brier_skill_interval,
    calibration_groups,
    fixed_model_scores,
    intercept_alone,
    logit_precision,
    mean_loss,
)


def cohort(n=110, seed=1, shift=-0.5, spread=1.0):
    rng = np.random.default_rng(seed)
    margin = rng.normal(-1, spread, n)
    return (rng.random(n) < expit(margin + shift)).astype(int), expit(margin)


def test_scores__are_those_of_scikit_learn_and_statsmodels():
    y, p = cohort()
    found = {name: (value, interval) for name, value, interval in fixed_model_scores(y, p, 0.3)}
    assert found["AUROC"][0] == pytest.approx(roc_auc_score(y, p))
    assert found["average precision"][0] == pytest.approx(average_precision_score(y, p))
    assert found["Brier score"][0] == pytest.approx(brier_score_loss(y, p))
    assert found["log loss"][0] == pytest.approx(log_loss(y, p))
    assert found["sensitivity"][0] == pytest.approx((p[y == 1] >= 0.3).mean())
    line = sm.GLM(y, sm.add_constant(logit(p)), family=sm.families.Binomial()).fit()
    assert found["calibration slope"][0] == pytest.approx(line.params[1])
    assert [found["calibration slope"][1].low, found["calibration slope"][1].high] == pytest.approx(
        line.conf_int()[1], rel=1e-4
    )
    large = sm.GLM(y, np.ones(len(y)), family=sm.families.Binomial(), offset=logit(p)).fit()
    assert found["calibration intercept"][0] == pytest.approx(large.params[0])
    interval = found["calibration intercept"][1]
    assert [interval.low, interval.high] == pytest.approx(large.conf_int()[0], rel=1e-4)
    assert intercept_alone(y, p) == pytest.approx(large.params[0])


def test_scores__one_probability_for_everybody_has_no_interval_of_ranks():
    y, _ = cohort()
    found = {name: (value, interval) for name, value, interval in fixed_model_scores(y, np.full(len(y), 0.3), 0.5)}
    assert found["AUROC"][0] == 0.5
    assert np.isnan(found["AUROC"][1].low)
    assert np.isnan(found["calibration slope"][0])
    assert found["Brier score"][1].low < found["Brier score"][0]


def test_precision__interval_is_that_of_boyd():
    # Boyd, Eng and Page (2013), section 4.3, worked through by hand: AP 0.5, 100 positives.
    interval = logit_precision(0.5, 100)
    assert interval.low == pytest.approx(expit(-1.959964 / 5), abs=1e-6)
    assert np.isnan(logit_precision(1.0, 5).low)


def test_brier_skill__interval_agrees_with_the_jackknife():
    y, p = cohort(400)
    keep = ~np.eye(400, dtype=bool)
    left = np.array([brier_skill(y[k], p[k]) for k in keep])
    error = np.sqrt(399 / 400 * ((left - left.mean()) ** 2).sum())
    interval = brier_skill_interval(y, p)
    middle = brier_skill(y, p)
    assert [interval.low, interval.high] == pytest.approx(
        [middle - 1.96 * error, middle + 1.96 * error], abs=0.003
    )


def test_losses__alike_have_no_interval():
    mean, interval = mean_loss([0.25, 0.25, 0.25])
    assert mean == 0.25
    assert np.isnan(interval.low)


@pytest.mark.parametrize(("n", "spread"), [(60, 0.5), (110, 1.5)])
def test_intervals__hold_the_truth(n, spread):
    """A reduced form of the table in docs/external-validation.md."""
    truth = {name: value for name, value, _ in fixed_model_scores(*cohort(200_000, 7, spread=spread), 0.3)}
    held: dict[str, list[bool]] = {}
    for seed in range(200):
        for name, _, interval in fixed_model_scores(*cohort(n, seed, spread=spread), 0.3):
            held.setdefault(name, []).append(interval.low <= truth[name] <= interval.high)
    for name, within in held.items():
        assert np.mean(within) >= 0.88, name  # 95 % less four Monte-Carlo errors of 200 cohorts


def test_groups__count_everybody_once_and_keep_ties_together():
    y, p = cohort(100)
    p = p.round(1)
    rows = calibration_groups(y, p, 4)
    assert sum(row["patients"] for row in rows) == 100
    assert sum(row["responders"] for row in rows) == y.sum()
    ends = [(row["lowest"], row["highest"]) for row in rows]
    assert all(before[1] < after[0] for before, after in pairwise(ends))
    assert len(calibration_groups(y, np.full(100, 0.2), 4)) == 1


def test_intercept__needs_both_classes():
    with pytest.raises(ValueError, match="both"):
        intercept_alone([0, 0], [0.2, 0.4])
