"""The rank average of fitted models."""

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import rankdata

from trastuz_ml.learn.calibration import calibrating_line
from trastuz_ml.learn.fitted import FittedModel, LinearLogit, ranks_among
from trastuz_ml.learn.rank_average import average_ranks
from trastuz_ml.learn.transformers import Preparation


def member(name, coefficients, columns):
    preparation = Preparation(("number",) * len(columns), complete=False)
    preparation.fit(np.random.default_rng(0).normal(size=(30, len(columns))).astype(np.float32))
    return FittedModel(name, np.array(columns), preparation, LinearLogit(np.array(coefficients), 0.0))


@pytest.fixture
def two():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(50, 3)).astype(np.float32)
    y = (rng.random(50) < expit(1.5 * X[:, 0])).astype(np.int8)
    members = [member("one", [1.0, 0.2], [0, 1]), member("other", [3.0], [2])]
    return members, X, y, [m.probability(X) for m in members]


def test_ranks__of_the_reference_itself_are_its_mid_ranks():
    values = np.array([0.3, 0.1, 0.3, 0.9, 0.2])
    np.testing.assert_allclose(ranks_among(np.sort(values), values), (rankdata(values) - 0.5) / 5)


def test_rank_average__probability_is_the_calibrated_mean_of_mid_ranks(two):
    members, X, y, inner = two
    model, probability = average_ranks(members, inner, y)
    average = np.mean([(rankdata(values) - 0.5) / 50 for values in inner], axis=0)
    slope, intercept = calibrating_line(average, y)
    np.testing.assert_allclose(probability, expit(slope * average + intercept), atol=1e-12)
    np.testing.assert_allclose(model.probability(X), probability, atol=1e-12)


def test_rank_average__does_not_see_how_far_apart_a_members_probabilities_are(two):
    members, _, y, inner = two
    squeezed = [inner[0], expit(0.01 * logit(inner[1]) - 3)]
    np.testing.assert_allclose(average_ranks(members, squeezed, y)[1], average_ranks(members, inner, y)[1])


def test_rank_average__new_patients_are_ranked_among_training_patients_one_by_one(two):
    members, _, y, inner = two
    model, _ = average_ranks(members, inner, y)
    new = np.array([[9, 9, 9], [-9, -9, -9], [0, 0, 0]], dtype=np.float32)
    together = model.probability(new)
    assert together[0] == pytest.approx(expit(model.slope + model.intercept))
    assert together[1] == pytest.approx(expit(model.intercept))
    assert model.probability(new[2:])[0] == together[2]


def test_rank_average__keeps_threshold_members_and_the_columns_that_any_of_them_reads(two):
    members, _, y, inner = two
    model, probability = average_ranks(members, inner, y)
    assert model.sources().tolist() == [0, 1, 2]
    assert model.candidate == {"members": 2}
    assert [m.name for m in model.members] == ["one", "other"]
    called = probability >= model.threshold
    best = max(
        (probability[y > 0] >= t).mean() + (probability[y == 0] < t).mean() for t in [*np.unique(probability), 2.0]
    )
    assert called[y > 0].mean() + (~called[y == 0]).mean() == pytest.approx(best)
