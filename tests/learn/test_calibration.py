"""The calibrating line, against scikit-learn's sigmoid and a direct minimisation."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.calibration import _SigmoidCalibration

from trastuz_ml.learn.calibration import calibrating_line


def scored(seed=0, n=80, spread=1.0):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.3).astype(np.int8)
    return spread * (y + rng.normal(0, 1, n)), y


@pytest.mark.parametrize("spread", [1e-3, 1.0, 20.0])
def test_line__is_scikit_learns_sigmoid(spread):
    scores, y = scored(spread=spread)
    slope, intercept = calibrating_line(scores, y)
    plain = _SigmoidCalibration().fit(scores, y)
    np.testing.assert_allclose(expit(slope * scores + intercept), plain.predict(scores), atol=1e-4)


@pytest.mark.parametrize("weighted", [False, True])
def test_line__minimises_the_loss_on_platts_targets(weighted):
    scores, y = scored(1)
    w = np.where(y > 0, 1.9, 0.7) if weighted else np.ones(80)
    positives, negatives = w[y > 0].sum(), w[y == 0].sum()
    target = np.where(y > 0, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(line):
        margin = line[0] * scores + line[1]
        return np.sum(w * (np.logaddexp(0, margin) - target * margin))

    best = minimize(loss, np.zeros(2), method="BFGS", options={"gtol": 1e-8}).x
    np.testing.assert_allclose(calibrating_line(scores, y, w if weighted else None), best, atol=1e-5)


def test_line__of_scores_that_separate_the_classes_is_finite():
    y = np.repeat([0, 1], [30, 10]).astype(np.int8)
    slope, intercept = calibrating_line(np.where(y > 0, 50.0, -50.0), y)
    assert expit(slope * 50 + intercept) == pytest.approx(11 / 12)
    assert expit(-slope * 50 + intercept) == pytest.approx(1 / 32)


@pytest.mark.parametrize("turn", [0.0, -1.0])
def test_line__scores_that_say_nothing_or_the_opposite_give_everybody_the_rate_of_the_targets(turn):
    scores, y = scored(2)
    slope, intercept = calibrating_line(turn * scores, y)
    k, m = int(y.sum()), int((y == 0).sum())
    assert slope == 0.0
    assert intercept == pytest.approx(logit((k * (k + 1) / (k + 2) + m / (m + 2)) / (k + m)))


def test_line__far_scores_do_not_throw_it_off():
    scores, y = scored(3)
    scores[:2] = [1e6, -1e6]
    slope, intercept = calibrating_line(scores, y)
    assert np.isfinite([slope, intercept]).all()
    assert slope >= 0
