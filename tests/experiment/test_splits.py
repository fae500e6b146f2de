"""Which split plan an experiment is validated on."""

import json

import numpy as np
import pytest

from tests_shared import SMALL, made_up_design
from trastuz_ml.errors import ConfigurationError, EvidenceError, InputError
from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.experiment.splits import shape_of, splits_of


@pytest.fixture
def experiment_of(tmp_path):
    def reading(validation):
        path = tmp_path / "e.yaml"
        path.write_text(SMALL.replace("{repeats: 2, folds: 3, inner_folds: 2, seed: 1}", validation))
        return read_experiment(path)

    return reading


@pytest.mark.parametrize(("patients", "kind"), [(29, "leave-pair-out"), (30, "k-fold"), (12, "leave-pair-out")])
def test_shape__pairs_are_left_out_below_30_patients(patients, kind, experiment_of):
    assert shape_of(experiment_of("{seed: 1}"), patients)[0].kind == kind


def test_shape__the_experiment_has_the_last_word(experiment_of):
    shape, why = shape_of(experiment_of("{plan: k-fold, folds: 3}"), 12)
    assert (shape.kind, shape.folds, why) == ("k-fold", 3, "as the experiment asks")


def test_splits__a_saved_plan_is_used_again_whatever_the_seed(experiment_of, tmp_path):
    design = made_up_design()
    plan, _ = splits_of(experiment_of("{repeats: 2, folds: 3, seed: 1}"), design)
    (tmp_path / "plan.json").write_text(json.dumps(plan.as_json()))
    again, why = splits_of(experiment_of("{splits: plan.json, seed: 99}"), design)
    assert again.fingerprint == plan.fingerprint
    assert why == "the saved plan plan.json"
    other, _ = splits_of(experiment_of("{repeats: 2, folds: 3, seed: 99}"), design)
    assert other.fingerprint != plan.fingerprint


def test_splits__a_plan_that_is_missing_or_something_else_is_refused(experiment_of, tmp_path):
    design = made_up_design()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        splits_of(experiment_of("{splits: plan.json}"), design)
    (tmp_path / "plan.json").write_text("{")
    with pytest.raises(InputError, match="is not JSON"):
        splits_of(experiment_of("{splits: plan.json}"), design)
    (tmp_path / "plan.json").write_text("[1]")
    with pytest.raises(InputError, match="not a saved split plan"):
        splits_of(experiment_of("{splits: plan.json}"), design)


def test_splits__a_plan_of_other_patients_is_refused(experiment_of, tmp_path):
    plan, _ = splits_of(experiment_of("{repeats: 1, folds: 3}"), made_up_design(patients=40))
    (tmp_path / "plan.json").write_text(json.dumps(plan.as_json()))
    with pytest.raises(EvidenceError, match="is of 40 patients, this cohort has 60"):
        splits_of(experiment_of("{splits: plan.json}"), made_up_design())


def test_splits__centres_are_left_out_one_by_one(experiment_of):
    from dataclasses import replace

    design = replace(made_up_design(), groups=np.array([f"c{i % 3}" for i in range(60)]))
    plan, _ = splits_of(experiment_of("{plan: leave-one-group-out}"), design)
    assert plan.words() == "leave-one-group-out, 3 groups, nested"
