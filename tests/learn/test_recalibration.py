"""The recalibrating line, against statsmodels, and where it is refused."""

import json

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit

from trastuz_ml.errors import ModelError
from trastuz_ml.learn.recalibration import FEWEST, Recalibration, recalibration_line, recalibration_of
from trastuz_ml.stats.calibration import calibration_line


def drawn(seed=0, n=120, slope=0.5, intercept=0.4, repeats=3):
    """Left-out predictions of ``repeats`` models whose log-odds are too far from 0 by 1 / slope."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    y = (rng.random(n) < expit(intercept + truth)).astype(int)
    return y, expit((truth + rng.normal(0, 0.2, (repeats, n))) / slope)


def table(y, probability, model="m"):
    repeats, n = probability.shape
    return pd.DataFrame(
        {
            "model": model,
            "repeat": np.repeat(np.arange(repeats), n),
            "fold": np.tile(np.arange(n) % 5, repeats),
            "patient": np.tile([f"P{i:03d}" for i in range(n)], repeats),
            "response": np.tile(y, repeats),
            "probability": probability.ravel(),
        }
    )


@pytest.mark.parametrize("seed", range(5))
def test_recalibration__is_statsmodels_logistic_regression_on_the_log_odds(seed):
    y, probability = drawn(seed)
    found = recalibration_of(table(y, probability), "m")
    X = sm.add_constant(logit(probability.ravel()))
    expected = sm.Logit(np.tile(y, len(probability)), X).fit(disp=0, tol=1e-12).params
    np.testing.assert_allclose([found.intercept, found.slope], expected, atol=1e-8)
    assert found.patients == len(y)
    assert found.refusal == ""


def test_recalibration__what_it_gives_is_calibrated_on_the_same_patients():
    y, probability = drawn(6, repeats=1)
    before, after = probability[0], recalibration_line(y, probability[0]).probability(probability[0])
    assert calibration_line(y, before)[1][0] < 0.8
    (intercept, _), (slope, _) = calibration_line(y, after)
    assert (intercept, slope) == pytest.approx((0.0, 1.0), abs=1e-8)


def test_recalibration__finds_the_line_that_was_laid_down():
    y, probability = drawn(1, n=40_000, repeats=1)
    found = recalibration_line(y, probability)
    # The noise of 0.2 on log-odds of variance 1 lessens the slope by 1 / 1.04.
    assert found.slope == pytest.approx(0.5 / 1.04, abs=0.02)
    assert found.intercept == pytest.approx(0.4, abs=0.03)


def test_recalibration__keeps_the_order_and_certain_predictions_finite():
    y, probability = drawn()
    again = recalibration_line(y, probability).probability(np.array([0.0, 0.1, 0.5, 0.9, 1.0]))
    assert (np.diff(again) > 0).all()
    assert ((again > 0) & (again < 1)).all()


def test_recalibration__does_not_depend_on_the_order_of_rows_or_on_other_models():
    y, probability = drawn()
    rows = pd.concat([table(y, probability), table(y, probability[:, ::-1], "other")])
    first, second = recalibration_of(rows, "m"), recalibration_of(rows.sample(frac=1, random_state=1), "m")
    assert first == second


def test_recalibration__of_a_patient_without_a_prediction_is_missing():
    y, probability = drawn()
    assert np.isnan(recalibration_line(y, probability).probability([np.nan, 0.5])).tolist() == [True, False]


def small(n):
    y = np.repeat([0, 1], [60, n])
    return y, np.random.default_rng(0).uniform(0.2, 0.6, (2, len(y))) + 0.1 * y


@pytest.mark.parametrize(
    ("y", "probability", "words"),
    [
        (*small(FEWEST - 1), f"a class has {FEWEST - 1} patients: at least {FEWEST}"),
        (drawn()[0], 1 - drawn()[1], "would turn the model round"),
        (drawn()[0], np.full((2, 120), 0.3), "do not vary"),
        (drawn()[0], 0.2 + 0.6 * np.tile(drawn()[0], (2, 1)), "separate the classes"),
    ],
)
def test_recalibration__is_refused_with_the_reason(y, probability, words):
    found = recalibration_of(table(y, probability), "m")
    assert words in found.refusal
    assert found.patients == len(y)
    assert np.isnan(found.probability([0.2, 0.7])).all()


def test_recalibration__with_just_enough_patients_is_given():
    assert recalibration_line(*small(FEWEST)).refusal == ""


def test_recalibration__of_left_out_pairs_is_refused():
    rows = table(*drawn(repeats=1)).assign(pair=1)
    assert "in pairs" in recalibration_of(rows, "m").refusal


def test_recalibration__of_a_model_that_was_not_validated_is_an_error():
    with pytest.raises(ModelError, match="no predictions of absent"):
        recalibration_of(table(*drawn()), "absent")


@pytest.mark.parametrize("found", [recalibration_line(*drawn()), recalibration_line(*small(3))])
def test_recalibration__is_the_same_after_a_round_trip_through_json(found):
    assert Recalibration.from_json(json.loads(json.dumps(found.as_json()))) == found


@pytest.mark.parametrize(
    "change",
    [
        {"slope": 0.0},
        {"slope": -1.0},
        {"slope": "x"},
        {"intercept": float("nan")},
        {"patients": -1},
        {"refusal": 3},
    ],
)
def test_recalibration__a_damaged_one_is_refused(change):
    with pytest.raises(ModelError):
        Recalibration.from_json({**recalibration_line(*drawn()).as_json(), **change})
    with pytest.raises(ModelError):
        Recalibration.from_json({"intercept": 0.0})
