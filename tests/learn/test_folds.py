"""Split plans."""

import json

import numpy as np
import pytest

from trastuz_ml.errors import EvidenceError, InputError
from trastuz_ml.learn.folds import (
    PlanShape,
    largest_number_of_folds,
    plan_groups,
    plan_of_json,
    plan_pairs,
    plan_splits,
    require_same_patients,
    stratified_folds,
)

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
    assert [part.tolist() for part in made.scored[0]] != [part.tolist() for part in made.scored[1]]
    assert made.fingerprint == plan().fingerprint
    assert made.fingerprint != plan(seed=2).fingerprint


def test_plan__patients_of_one_group_never_straddle_a_split():
    groups = np.array([f"person{i // 2}" for i in range(30)])
    made = plan_splits(NAMES, RESPONSE, groups, repeats=4, folds=3, seed=0)
    for turn in made.turns:
        train, out = made.split(*turn)
        assert not set(groups[train]) & set(groups[out])


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


def test_pairs__every_two_patients_are_left_out_together_once():
    made = plan_pairs(NAMES[:7], ALONE[:7])
    pairs = {tuple(made.split(*turn)[1]) for turn in made.turns}
    assert len(made.turns) == 21 == len(pairs)
    for turn in made.turns:
        train, out = made.split(*turn)
        assert sorted([*train, *out]) == list(range(7))


def test_pairs__whoever_shares_a_group_with_one_of_them_is_not_trained_on():
    groups = np.array(["a", "a", "b", "c", "c", "c"])
    made = plan_pairs(NAMES[:6], groups)
    for turn in made.turns:
        train, out = made.split(*turn)
        assert not set(groups[train]) & set(groups[out])
        assert len(out) == 2


def test_pairs__the_plan_does_not_look_at_the_response():
    shape = PlanShape("leave-pair-out")
    turned = (1 - RESPONSE).astype(np.int8)
    assert shape.plan(NAMES, RESPONSE, ALONE).fingerprint == shape.plan(NAMES, turned, ALONE).fingerprint


def test_groups__each_centre_is_left_out_once_and_whole():
    centres = np.array([f"centre{i % 3}" for i in range(30)])
    made = plan_groups(NAMES, RESPONSE, centres)
    assert made.folds == 3
    for turn in made.turns:
        assert len(set(centres[made.split(*turn)[1]])) == 1


def test_groups__a_centre_of_one_class_is_refused_by_name():
    centres = np.array(["good"] * 9 + ["a", "b", "c"] * 7)
    with pytest.raises(EvidenceError, match=r"a, b, c, good \(4 of 4 groups\)"):
        plan_groups(NAMES, RESPONSE, centres)


def test_plan__kinds_never_share_a_fingerprint():
    three = [
        PlanShape(kind, 1, 3, 0).plan(NAMES, RESPONSE, np.array(["a", "b", "c"] * 10))
        for kind in ("k-fold", "leave-one-group-out", "leave-pair-out")
    ]
    assert len({made.fingerprint for made in three}) == 3


@pytest.mark.parametrize("kind", ["k-fold", "leave-pair-out"])
def test_saved_plan__comes_back_from_json_the_same(kind):
    made = PlanShape(kind, 2, 5, 0).plan(NAMES, RESPONSE, ALONE)
    back = plan_of_json(json.loads(json.dumps(made.as_json())))
    assert back.fingerprint == made.fingerprint
    for turn in made.turns:
        assert all((a == b).all() for a, b in zip(made.split(*turn), back.split(*turn), strict=True))


def test_saved_plan__one_that_was_changed_is_refused():
    content = plan().as_json()
    content["scored"][0][0], content["scored"][0][1] = content["scored"][0][1], content["scored"][0][0]
    with pytest.raises(InputError, match="changed after it was saved"):
        plan_of_json(content)
    with pytest.raises(InputError, match="not a saved split plan"):
        plan_of_json({"kind": "k-fold"})


def test_saved_plan__of_other_patients_or_responses_is_refused():
    made = plan()
    require_same_patients(made, NAMES, RESPONSE)
    with pytest.raises(EvidenceError, match=r"1 are in the plan alone \(P29\), 0 here alone"):
        require_same_patients(made, NAMES[:-1], RESPONSE[:-1])
    with pytest.raises(EvidenceError, match="one class only"):
        require_same_patients(made, NAMES, np.array([1] * 2 + [0] * 28, dtype=np.int8))
