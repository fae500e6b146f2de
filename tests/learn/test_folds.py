"""Split plans."""

import numpy as np
import pytest

from trastuz_ml.errors import EvidenceError
from trastuz_ml.learn.folds import largest_number_of_folds, plan_splits, stratified_folds

NAMES = tuple(f"P{i:02d}" for i in range(30))
RESPONSE = np.array([1] * 9 + [0] * 21, dtype=np.int8)
ALONE = np.array(NAMES)


def plan(**changes):
    settings = {"repeats": 3, "folds": 5, "seed": 1} | changes
    return plan_splits(NAMES, RESPONSE, ALONE, **settings)


def test_plan__leaves_each_patient_out_once_in_each_repeat():
    made = plan()
    for repeat in range(3):
        left_out = np.concatenate([made.split(repeat, fold)[1] for fold in range(5)])
        assert sorted(left_out) == list(range(30))
    assert (made.repeats, made.folds) == (3, 5)


def test_plan__training_and_left_out_patients_are_disjoint():
    train, out = plan().split(1, 2)
    assert not set(train) & set(out)
    assert len(train) + len(out) == 30


def test_plan__every_fold_holds_both_classes():
    made = plan()
    for repeat in range(3):
        for fold in range(5):
            assert set(RESPONSE[made.split(repeat, fold)[1]]) == {0, 1}


def test_plan__repeats_differ_and_one_seed_gives_one_plan():
    made = plan()
    assert (made.fold_of[0] != made.fold_of[1]).any()
    assert made.fingerprint == plan().fingerprint
    assert made.fingerprint != plan(seed=2).fingerprint


def test_plan__patients_of_one_group_never_straddle_a_split():
    groups = np.array([f"person{i // 2}" for i in range(30)])
    made = plan_splits(NAMES, RESPONSE, groups, repeats=4, folds=3, seed=0)
    for row in made.fold_of:
        for person in np.unique(groups):
            assert len(set(row[groups == person])) == 1


def test_plan__too_many_folds_are_refused_with_the_largest_number_that_works():
    with pytest.raises(EvidenceError, match="largest number of folds that works is 9"):
        plan(folds=10)


def test_plan__a_class_in_one_group_only_cannot_be_split():
    groups = np.array(["one"] * 9 + [f"other{i}" for i in range(21)])
    assert largest_number_of_folds(RESPONSE, groups) == 1
    with pytest.raises(EvidenceError, match="no split works"):
        stratified_folds(RESPONSE, groups, 2, 0)


def test_plan__groups_that_force_a_fold_of_one_class_are_refused():
    # Two responders only, one of them in the group that holds nearly everybody.
    response = np.array([1, 1] + [0] * 10, dtype=np.int8)
    groups = np.array(["a", "b", *["a"] * 9, "b"])
    folds = stratified_folds(response, groups, 2, 0)
    for fold in (0, 1):
        assert set(response[folds == fold]) == {0, 1}
