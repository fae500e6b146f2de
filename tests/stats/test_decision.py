"""Net benefit: checked against dcurves, a two-by-two table, the jackknife and the bootstrap."""

import math

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from trastuz_ml.errors import EvidenceError, InputError
from trastuz_ml.stats.decision import contributions, decision_curve, net_benefit, treat_all

RESPONSE = np.array([int(c) for c in "0001101000111000000011011000000111010101"])
PROBABILITY = np.fromstring(
    """
    0.24 0.28 0.28 0.27 0.53 0.53 0.20 0.43 0.29 0.13 0.91 0.66 0.27 0.28 0.38 0.22 0.40 0.25 0.40 0.55
    0.38 0.55 0.17 0.54 0.28 0.15 0.22 0.44 0.49 0.01 0.10 0.64 0.11 0.42 0.24 0.76 0.40 0.45 0.19 0.46
    """,
    sep=" ",
)
THRESHOLDS = np.array([0.1, 0.2, 0.35, 0.5, 0.7])


def test_net_benefit__is_what_dcurves_prints():
    # dcurves 1.1.7 for Python: dca(data, outcome, modelnames, thresholds), column net_benefit.
    assert net_benefit(RESPONSE, PROBABILITY, THRESHOLDS) == pytest.approx(
        [0.336111, 0.262500, 0.153846, 0.125000, 0.050000], abs=5e-7
    )
    assert treat_all(RESPONSE, THRESHOLDS) == pytest.approx(
        [0.333333, 0.250000, 0.076923, -0.200000, -1.000000], abs=5e-7
    )


@pytest.mark.parametrize("threshold", [0.05, 0.28, 0.6])
def test_net_benefit__is_true_minus_weighted_false_positives(threshold):
    (_, false), (_, true) = confusion_matrix(RESPONSE, np.greater_equal(PROBABILITY, threshold))
    expected = (true - false * threshold / (1 - threshold)) / RESPONSE.size
    assert net_benefit(RESPONSE, PROBABILITY, [threshold])[0] == pytest.approx(expected)


def test_curve__treating_all_by_the_model_is_treating_all():
    curve = decision_curve(RESPONSE, np.full(40, 0.99), THRESHOLDS)
    assert curve.model == pytest.approx(curve.treat_all)
    assert curve.gain == pytest.approx(np.zeros(5))
    assert np.isnan(curve.gain_error).all()
    # Binomial: the net benefit is linear in the response rate.
    rate = RESPONSE.mean()
    expected = np.sqrt(rate * (1 - rate) / 39) / (1 - THRESHOLDS)
    assert curve.error == pytest.approx(expected)


def test_curve__treating_nobody_has_net_benefit_0_and_no_interval():
    curve = decision_curve(RESPONSE, np.zeros(40), THRESHOLDS)
    assert curve.model.tolist() == [0.0] * 5
    assert np.isnan([curve.error, curve.low, curve.high, curve.standardised_error]).all()


def test_curve__a_perfect_model_reaches_all_there_is():
    curve = decision_curve(RESPONSE, RESPONSE.astype(float), THRESHOLDS)
    assert curve.model == pytest.approx(np.full(5, RESPONSE.mean()))
    assert curve.standardised == pytest.approx(np.ones(5))


def test_curve__errors_are_those_of_the_jackknife():
    def values(keep):
        c = decision_curve(RESPONSE[keep], PROBABILITY[keep], THRESHOLDS)
        return np.stack([c.model, c.standardised, c.gain])

    left_out = np.stack([values(np.arange(40) != i) for i in range(40)])
    jackknife = np.sqrt(39 / 40 * np.sum((left_out - left_out.mean(axis=0)) ** 2, axis=0))
    curve = decision_curve(RESPONSE, PROBABILITY, THRESHOLDS)
    assert curve.error == pytest.approx(jackknife[0])
    assert curve.gain_error == pytest.approx(jackknife[2])
    # A ratio: the two agree to the order of 1 / n.
    assert curve.standardised_error == pytest.approx(jackknife[1], rel=0.05)


def test_curve__errors_are_those_of_the_bootstrap():
    rng = np.random.default_rng(2)
    drawn = [net_benefit(RESPONSE[i], PROBABILITY[i], THRESHOLDS) for i in rng.integers(0, 40, size=(2000, 40))]
    curve = decision_curve(RESPONSE, PROBABILITY, THRESHOLDS)
    assert curve.error == pytest.approx(np.std(drawn, axis=0), rel=0.08)
    assert curve.high - curve.model == pytest.approx(1.959964 * curve.error)
    assert curve.model - curve.low == pytest.approx(1.959964 * curve.error)


def test_curve__repeats_are_averaged_and_patients_count_once():
    twice = np.stack([PROBABILITY, PROBABILITY])
    assert decision_curve(RESPONSE, twice, THRESHOLDS).error == pytest.approx(
        decision_curve(RESPONSE, PROBABILITY, THRESHOLDS).error
    )
    two = np.stack([PROBABILITY, PROBABILITY[::-1]])
    assert net_benefit(RESPONSE, two, THRESHOLDS) == pytest.approx(
        (net_benefit(RESPONSE, two[0], THRESHOLDS) + net_benefit(RESPONSE, two[1], THRESHOLDS)) / 2
    )


def test_contributions__average_to_the_net_benefit():
    each = contributions(RESPONSE, PROBABILITY, THRESHOLDS)
    assert each.shape == (5, 40)
    assert each.mean(axis=1) == pytest.approx(net_benefit(RESPONSE, PROBABILITY, THRESHOLDS))


@pytest.mark.parametrize("threshold", [[0.0, 0.5], [0.5, 1.0], [math.nan], [], [[0.5]]])
def test_thresholds__must_lie_between_0_and_1(threshold):
    for call in (lambda: net_benefit([0, 1], [0.2, 0.8], threshold), lambda: treat_all([0, 1], threshold)):
        with pytest.raises(InputError, match="strictly between 0 and 1"):
            call()


@pytest.mark.parametrize("probability", [[0.2, np.nan], [0.2], [[0.2], [0.8]]])
def test_probabilities__must_be_there_for_each_patient(probability):
    with pytest.raises(InputError, match="for each of 2 patients"):
        net_benefit([0, 1], probability, [0.5])


def test_curve__needs_a_responder():
    with pytest.raises(EvidenceError, match="at least one responder"):
        decision_curve([0, 0], [0.2, 0.8], [0.5])


def test_curve__one_patient_has_no_spread():
    assert np.isnan(decision_curve([1], [0.8], [0.5]).error).all()
