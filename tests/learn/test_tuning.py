"""Tuning inside a training fold: what an inner fold leaves out tells nothing of how it is predicted."""

from dataclasses import replace

import numpy as np
import pytest

from tests_shared import made_up_design
from trastuz_ml.learn.catalogue import LEARNERS, SELECTIONS, catalogue_model
from trastuz_ml.learn.selection import Selection
from trastuz_ml.learn.tuning import EVERYBODY, Tuning, inner_folds, pick_place, tune_models
from trastuz_ml.stats.discrimination import youden_threshold

TUNING = Tuning(inner_folds=3, min_carriers=3, seed=4)
NAMES = (
    "clinical-only", "l2-logistic:genes", "l2-logistic:genes@association", "l2-logistic:genes@stability",
    "xgboost:both", "linear-svm:genes", "rank-average",
)  # fmt: skip
MODELS = [catalogue_model(name) for name in NAMES]


@pytest.fixture
def one_candidate(monkeypatch):
    """One candidate each, so that no other patient can change which one is picked."""
    for name in ("l2-logistic", "xgboost"):
        monkeypatch.setitem(LEARNERS, name, replace(LEARNERS[name], grid=LEARNERS[name].grid[-1:]))
    monkeypatch.setitem(SELECTIONS, "association", Selection("association", keep=(5,)))


def everybody(design):
    return np.arange(len(design.patients))


def test_tuning__patients_outside_the_training_rows_cannot_reach_anything():
    design = made_up_design()
    train = everybody(design)[:45]
    X, response = design.X.copy(), design.response.copy()
    X[45:] = X[45:][::-1] + 1
    response[45:] = 1 - response[45:]
    before = tune_models(design, train, MODELS, TUNING, (0, 1))
    after = tune_models(replace(design, X=X, response=response), train, MODELS, TUNING, (0, 1))
    for name, tuned in before.items():
        assert np.array_equal(tuned.inner_errors, after[name].inner_errors), name
        assert tuned.model.threshold == after[name].model.threshold, name
        predicted = (t.model.probability(design.X) for t in (tuned, after[name]))
        assert np.array_equal(*predicted), name


@pytest.mark.parametrize("name", ["l2-logistic:both", "l2-logistic:genes@association", "xgboost:both"])
def test_tuning__a_patient_left_out_by_an_inner_fold_cannot_reach_the_others_it_leaves_out(name, one_candidate):
    design = made_up_design(genes=200)
    rows, models = everybody(design), [catalogue_model(name)]
    fold_of = inner_folds(design, rows, TUNING, EVERYBODY)
    before = tune_models(design, rows, models, TUNING, EVERYBODY)[name].inner_probability
    first = np.flatnonzero(fold_of == 0)
    changed = design.X.copy()
    # Carriers, means and associations all change: a gene mutated in one of them is now in the other half.
    changed[first[1:]] = np.where(changed[first[1:]] > 1, changed[first[1:]] + 20, 1 - changed[first[1:]])
    after = tune_models(replace(design, X=changed), rows, models, TUNING, EVERYBODY)[name].inner_probability
    assert after[first[0]] == before[first[0]]
    assert not np.array_equal(after[fold_of == 1], before[fold_of == 1])


def test_inner_folds__keep_groups_together():
    design = made_up_design()
    groups = np.array([f"G{i // 3:02d}" for i in range(60)])
    rows = np.setdiff1d(everybody(design), [0, 7, 30])
    fold_of = inner_folds(replace(design, groups=groups), rows, TUNING, EVERYBODY)
    assert set(fold_of) == {0, 1, 2}
    for name in np.unique(groups[rows]):
        assert len(set(fold_of[groups[rows] == name])) == 1


@pytest.mark.parametrize("balanced", [False, True])
def test_tuning__inner_losses_weigh_classes_as_the_fits_do(balanced):
    design = made_up_design(patients=80)
    keep = np.r_[np.flatnonzero(design.response == 1)[:12], np.flatnonzero(design.response == 0)]
    tuning = replace(TUNING, balanced=balanced)
    y = design.response[keep]
    fold_of = inner_folds(design, keep, tuning, EVERYBODY)
    weights = np.where(y == 1, len(y) / 2 / 12, len(y) / 2 / (len(y) - 12)) if balanced else np.ones(len(y))
    for name, tuned in tune_models(design, keep, MODELS, tuning, EVERYBODY).items():
        p = tuned.inner_probability
        losses = -weights * np.log(np.where(y == 1, p, 1 - p))
        assert tuned.losses == pytest.approx(losses, abs=1e-9), name
        expected = [losses[fold_of == fold].mean() for fold in range(3)]
        assert tuned.inner_errors[tuned.picked] == pytest.approx(expected, abs=1e-9), name


def test_tuning__threshold_is_that_of_the_patients_whom_inner_folds_left_out():
    design = made_up_design()
    rows = everybody(design)[5:]
    for name, tuned in tune_models(design, rows, MODELS, TUNING, (0, 0)).items():
        expected = youden_threshold(design.response[rows], tuned.inner_probability)
        assert tuned.model.threshold == expected, name
        fitted = tuned.model.probability(design.X[rows])
        assert not np.allclose(fitted, tuned.inner_probability), name


def test_rule__one_standard_error_is_that_of_the_mean_over_patients():
    # Losses of the best spread by 0.2 over 16 patients: a standard error of 0.05.
    best = 0.5 + 0.2 * np.sqrt(15 / 16) * np.tile([1.0, -1.0], 8)
    losses = np.stack([best + 0.06, best + 0.04, best])
    assert pick_place(losses.mean(axis=1), losses, "one-standard-error") == 1
    assert pick_place(losses.mean(axis=1), losses, "lowest") == 2
