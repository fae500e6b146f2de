"""Discrimination: checked against scikit-learn's own implementations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from trastuz_ml.stats.discrimination import auc, average_precision, roc_points, youden_threshold

patients = st.integers(4, 40).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 1), min_size=n, max_size=n).filter(lambda y: 0 < sum(y) < len(y)),
        st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]), min_size=n, max_size=n),
    )
)


@given(patients)
def test_auc__equals_scikit_learn_with_ties(case):
    y, score = case
    assert auc(y, score) == pytest.approx(roc_auc_score(y, score), abs=1e-12)


@given(patients)
def test_auc__turns_over_when_the_score_is_negated(case):
    y, score = case
    assert auc(y, score) + auc(y, -np.array(score)) == pytest.approx(1.0)


def test_auc__needs_both_classes():
    with pytest.raises(ValueError, match="both responders and non-responders"):
        auc([1, 1], [0.2, 0.3])


@given(patients)
def test_average_precision__equals_scikit_learn_with_ties(case):
    y, score = case
    assert average_precision(y, score) == pytest.approx(average_precision_score(y, score), abs=1e-12)


def test_average_precision__needs_a_responder():
    with pytest.raises(ValueError, match="at least one responder"):
        average_precision([0, 0], [0.1, 0.2])


@given(patients)
def test_roc_points__are_those_of_scikit_learn(case):
    y, score = case
    fpr, tpr, _ = roc_curve(y, score, drop_intermediate=False)
    ours = roc_points(y, score)
    np.testing.assert_allclose(ours, (fpr, tpr), atol=1e-12)


@given(patients)
def test_youden_threshold__is_as_good_as_the_best_point_of_the_curve(case):
    y, score = np.array(case[0]), np.array(case[1])
    fpr, tpr, _ = roc_curve(y, score, drop_intermediate=False)
    called = score >= youden_threshold(y, score)
    reached = called[y == 1].mean() - called[y == 0].mean()
    assert reached == pytest.approx((tpr - fpr)[1:].max())  # the first point calls nobody


def test_youden_threshold__does_not_hang_on_one_patient():
    assert youden_threshold([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.8]) == pytest.approx(0.4)
