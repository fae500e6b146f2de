"""What is claimed of the work that is to come: its stages are those that are told, in their order."""

import pytest

from tests_shared import SMALL
from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.experiment.forecast import stages_ahead
from trastuz_ml.experiment.train import train
from trastuz_ml.learn.catalogue import catalogue_model
from trastuz_ml.learn.folds import plan_splits

EVERYTHING = SMALL + (
    "watch: [TP53]\n"
    "permutation: {times: 2, added_value: 2, models: [clinical-only, 'l2-logistic:both']}\n"
    "learning_curve: {shares: [0.5, 1.0], repeats: 1, models: [clinical-only]}\n"
)


@pytest.fixture
def experiment(tmp_path):
    def reading(text):
        path = tmp_path / "e.yaml"
        path.write_text(text, encoding="utf-8")
        return read_experiment(path)

    return reading


@pytest.fixture
def plan(small_trained):
    design = small_trained[1].design
    return plan_splits(design.patients, design.response, design.groups, repeats=2, folds=3, seed=1)


def test_ahead__names_the_stages_that_are_told_in_their_order(experiment):
    told, announced = [], []
    train(experiment(EVERYTHING), workers=1, progress=lambda what, *_: told.append(what), ahead=announced.append)
    [ahead] = announced
    assert [what for what in dict.fromkeys(told) if what in ahead] == list(ahead)
    assert set(dict.fromkeys(told)) - set(ahead) == {
        "reading calls and roster", "building the gene matrix", "what each gene contributes",
        "testing each gene", "counting genes by chance", "optimism of other ways",
    }  # fmt: skip


def test_ahead__every_stage_is_told_before_its_first_step_and_to_its_end(experiment):
    told = []
    train(experiment(EVERYTHING), workers=1, progress=lambda *step: told.append(step))
    for what, total in (("permuting responses", 2), ("permuting genes", 2), ("learning curve", 6),
                        ("leaving out each patient", 60), ("silencing watched genes", 6)):  # fmt: skip
        steps = [step[1:] for step in told if step[0] == what]
        assert steps[0] == (0, total)
        assert steps[-1] == (total, total)


def test_ahead__the_unit_is_a_fold_of_the_validation(experiment, plan):
    asked = experiment(EVERYTHING)
    models = [catalogue_model(name) for name in ("clinical-only", "l2-logistic:both")]
    ahead = stages_ahead(asked, plan, models, 60)
    assert ahead["nested cross-validation"] == 6
    # The same models, one repeat of three folds, for each of two permutations.
    assert ahead["permuting responses"] == ahead["permuting genes"] == 6
    # One of two models that take as long, on half and on all of three training folds.
    assert ahead["learning curve"] == 3 * 1.5 / 2


def test_ahead__what_was_not_asked_for_is_not_waited_for(experiment, plan):
    text = SMALL.replace("seed: 1}", "seed: 1, influence: false}") + "watch: []\n"
    ahead = stages_ahead(experiment(text), plan, [catalogue_model("clinical-only")], 60)
    assert list(ahead) == ["nested cross-validation", "fitting on the whole cohort"]
