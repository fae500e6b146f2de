"""Calibration: checked against statsmodels and scikit-learn."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as sklearn_log_loss

from trastuz_ml.stats.calibration import brier_score, brier_skill, calibration_line, log_loss


@pytest.fixture
def predicted():
    rng = np.random.default_rng(5)
    margin = rng.normal(-0.5, 1.2, 300)
    return (rng.random(300) < expit(0.3 + 0.6 * margin)).astype(int), expit(margin)


def test_calibration_line__equals_statsmodels_logistic_regression(predicted):
    y, p = predicted
    (intercept, intercept_error), (slope, slope_error) = calibration_line(y, p)
    line = sm.GLM(y, sm.add_constant(logit(p)), family=sm.families.Binomial()).fit(tol=1e-12)
    large = sm.GLM(y, np.ones(len(y)), offset=logit(p), family=sm.families.Binomial()).fit(tol=1e-12)
    assert (slope, slope_error) == pytest.approx((line.params[1], line.bse[1]), rel=1e-6)
    assert (intercept, intercept_error) == pytest.approx((large.params[0], large.bse[0]), rel=1e-6)


def test_calibration_line__is_refused_for_one_constant_probability():
    assert calibration_line([0, 1, 1], [0.3, 0.3, 0.3]) is None


def test_calibration_line__is_refused_where_the_classes_separate():
    assert calibration_line([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]) is None


def test_brier_score_and_log_loss__equal_scikit_learn(predicted):
    y, p = predicted
    assert brier_score(y, p) == pytest.approx(brier_score_loss(y, p))
    assert log_loss(y, p) == pytest.approx(sklearn_log_loss(y, p))


def test_brier_skill__is_zero_for_the_response_rate_itself(predicted):
    y, _ = predicted
    assert brier_skill(y, np.full(len(y), y.mean())) == pytest.approx(0.0)


def test_log_loss__stays_finite_for_a_certain_and_wrong_patient():
    assert log_loss([0, 1], [1.0, 0.5]) < 10
