"""Discrimination: checked against scikit-learn's own implementations, and against loops over pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, matthews_corrcoef, roc_auc_score, roc_curve

from trastuz_ml.errors import EvidenceError, InputError
from trastuz_ml.stats.discrimination import (
    auc,
    average_precision,
    leave_one_out_auc,
    matthews,
    placements,
    roc_points,
    stratum_auc,
    youden_threshold,
)

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


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=2, max_size=40))
@pytest.mark.filterwarnings("ignore:A single label:UserWarning")  # scikit-learn's, where all are alike
def test_matthews__equals_scikit_learn_and_is_0_where_undefined(pairs):
    y, called = np.array(pairs).T
    assert matthews(y, called) == pytest.approx(matthews_corrcoef(y, called), abs=1e-12)


@st.composite
def tables(draw, repeats=2, fewest=1):
    """Out-of-fold tables with ties; every fold of every repeat holds both classes."""
    folds = draw(st.integers(2, 4))
    of_class = [draw(st.integers(folds * fewest, folds * fewest + 5)) for _ in range(2)]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    y = np.repeat([0, 1], of_class)
    fold_of = np.stack(
        [np.concatenate([rng.permutation(np.arange(c) % folds) for c in of_class]) for _ in range(repeats)]
    )
    order = rng.permutation(y.size)
    return y[order], rng.integers(0, 6, (repeats, y.size)) / 5, fold_of[:, order] * 3 - 1


def share_of_pairs(y, score):
    ahead = score[y == 1][:, None] - score[y == 0]
    return np.mean((ahead > 0) + 0.5 * (ahead == 0))


def mean_within_folds(y, score, fold_of):
    """The plain way; folds without both classes are left out."""
    repeats = []
    for s, f in zip(score, fold_of, strict=True):
        inside = [f == k for k in np.unique(f)]
        repeats.append(
            np.mean([share_of_pairs(y[i], s[i]) for i in inside if 0 < y[i].sum() < i.sum()] or [np.nan])
        )
    return float(np.mean(repeats))


@settings(deadline=None, max_examples=30)
@given(tables())
def test_placements__areas_are_those_of_scikit_learn_in_each_fold(case):
    y, score, fold_of = case
    expected = [
        roc_auc_score(y[f == k], s[f == k]) for s, f in zip(score, fold_of, strict=True) for k in np.unique(f)
    ]
    placed = placements(y, score, fold_of)
    assert placed.area == pytest.approx(expected, abs=1e-12)
    assert placed.mean == pytest.approx(mean_within_folds(y, score, fold_of), abs=1e-12)


@settings(deadline=None, max_examples=30)
@given(tables())
def test_placements__are_shares_of_pairs_ranked_rightly(case):
    y, score, fold_of = case
    placed = placements(y, score, fold_of)
    for r in range(len(score)):
        for i in range(y.size):
            against = (fold_of[r] == fold_of[r, i]) & (y != y[i])
            ahead = (score[r, i] - score[r, against]) * (1 if y[i] else -1)
            assert placed.place[r, i] == pytest.approx(np.mean((ahead > 0) + 0.5 * (ahead == 0)), abs=1e-12)


def test_placements__scores_of_different_folds_are_never_compared():
    y, fold_of = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
    score = np.array([0.1, 0.2, 0.8, 0.9])
    assert placements(y, score, fold_of).mean == placements(y, score - 5 * fold_of, fold_of).mean == 1.0


@pytest.mark.parametrize(
    ("score", "fold_of", "error", "message"),
    [
        ([[0.1, 0.2, 0.3, 0.4]], [0, 0, 1, 1], EvidenceError, "one class only"),
        ([0.1, np.nan, 0.3, 0.4], [0, 1, 0, 1], InputError, "1 out-of-fold scores are missing"),
        ([0.1, 0.2, 0.3], [0, 1, 0], InputError, "do not agree"),
    ],
)
def test_placements__refuses_what_it_cannot_rank(score, fold_of, error, message):
    with pytest.raises(error, match=message):
        placements([0, 0, 1, 1], score, fold_of)


@settings(deadline=None, max_examples=30)
@given(tables())
def test_leave_one_out__equals_dropping_each_patient_from_the_table(case):
    y, score, fold_of = case
    expected = [
        mean_within_folds(np.delete(y, i), np.delete(score, i, axis=1), np.delete(fold_of, i, axis=1))
        for i in range(y.size)
    ]
    assert leave_one_out_auc(y, score, fold_of) == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_leave_one_out__is_nan_without_the_only_responder():
    without = leave_one_out_auc([0, 0, 1], [0.1, 0.2, 0.3], [0, 0, 0])
    assert without[:2].tolist() == [1.0, 1.0]
    assert np.isnan(without[2])


@settings(deadline=None, max_examples=30)
@given(tables(), st.integers(0, 2**32 - 1))
def test_stratum__is_the_share_of_its_pairs_within_folds(case, seed):
    y, score, fold_of = case
    stratum = np.random.default_rng(seed).random(y.size) < 0.5
    pairs = [
        (score[r, i] > score[r, j]) + 0.5 * (score[r, i] == score[r, j])
        for r in range(len(score))
        for i in np.flatnonzero(stratum & (y == 1))
        for j in np.flatnonzero(stratum & (y == 0))
        if fold_of[r, i] == fold_of[r, j]
    ]
    expected = np.mean(pairs) if pairs else np.nan
    assert stratum_auc(y, score, fold_of, stratum) == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_stratum__is_nan_without_a_pair_in_one_fold():
    y, fold_of = [0, 1, 0, 1], [0, 0, 1, 1]
    assert np.isnan(stratum_auc(y, [0.1, 0.2, 0.3, 0.4], fold_of, [True, False, False, True]))
    assert np.isnan(stratum_auc(y, [0.1, 0.2, 0.3, 0.4], fold_of, [True, False, True, False]))


def test_stratum__needs_one_entry_a_patient():
    with pytest.raises(InputError, match="stratum has shape"):
        stratum_auc([0, 1], [0.1, 0.2], [0, 0], [True])
