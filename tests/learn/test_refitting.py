"""Models of folds fitted again: the same to the last bit, or refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests_shared import made_up_design
from trastuz_ml.errors import ConfigurationError, EvidenceError
from trastuz_ml.learn.catalogue import LEARNERS, SELECTIONS, catalogue_model
from trastuz_ml.learn.fitted import FittedModel
from trastuz_ml.learn.folds import plan_pairs, plan_splits
from trastuz_ml.learn.refitting import Validated, ask_fold_models, candidate_place, models_to_refit
from trastuz_ml.learn.tuning import Tuning
from trastuz_ml.learn.validation import validate

NAMES = (
    "prevalence", "clinical-only", "l2-logistic:both", "elastic-net:genes@association",
    "l2-logistic:both@stability", "firth-logistic:both", "linear-svm:both", "naive-bayes:genes",
    "random-forest:both", "xgboost:both@association",
)  # fmt: skip


def predictions(model, X):
    return model.probability(X)


def used_places(model, X):
    return sorted(set(model.sources().tolist()))


def validated(design, plan, names, tuning):
    found = validate(design, plan, [catalogue_model(name) for name in names], tuning)
    return Validated(design, plan, tuning, found.choices, found.out_of_fold)


def splits(design, **shape):
    return plan_splits(
        design.patients, design.response, design.groups, **({"repeats": 1, "folds": 3} | shape), seed=2
    )


def with_gaps_and_groups(seed=0):
    """A design whose last genes were not sequenced in some patients, and in which some patients are one person."""
    design = made_up_design(seed=seed)
    X = design.X.copy()
    X[:20, -5:] = np.nan
    groups = np.array([f"G{i // 2:02d}" if i < 10 else f"P{i:03d}" for i in range(len(X))])
    return replace(design, X=X, groups=groups)


@pytest.fixture(scope="module")
def everything():
    design = with_gaps_and_groups()
    return validated(design, splits(design), [*NAMES, "rank-average"], Tuning(2, 2, 4))


def kept_of(found, item):
    rows = found.out_of_fold.query("model == @item.model and repeat == @item.repeat and fold == @item.fold")
    return rows.set_index("patient")["probability"].loc[[found.design.patients[i] for i in item.places]].to_numpy()


@pytest.mark.parametrize("balanced", [False, True])
def test_fold_models__every_kind_of_model_comes_back_to_the_last_bit(everything, balanced):
    found = everything
    if balanced:
        tuning = Tuning(2, 2, 9, "one-standard-error", balanced=True)
        found = validated(found.design, splits(found.design, folds=2), NAMES, tuning)
    items = ask_fold_models(found, predictions)
    assert {item.model for item in items} == {"chosen", *NAMES}
    assert len(items) == (len(NAMES) + 1) * len(found.plan.turns)
    for item in items:
        assert item.result.tolist() == kept_of(found, item).tolist(), item.model


def test_fold_models__two_workers_give_what_one_gives(everything):
    told = []
    # Other processes cannot import a test: what is asked comes from the package.
    names = ["chosen", "linear-svm:both", "l2-logistic:both@stability"]
    one = ask_fold_models(everything, FittedModel.probability, models=names)
    two = ask_fold_models(
        everything,
        FittedModel.probability,
        models=names,
        workers=2,
        progress=lambda done, total: told.append((done, total)),
    )
    assert [(i.model, i.repeat, i.fold, i.result.tolist()) for i in one] == [
        (i.model, i.repeat, i.fold, i.result.tolist()) for i in two
    ]
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_fold_models__what_was_chosen_is_the_model_that_the_fold_picked(everything):
    asked = ask_fold_models(everything, used_places)
    of = {(item.model, item.fold): item.result for item in asked}
    for row in everything.choices.query("model == 'chosen'").itertuples():
        assert of["chosen", row.fold] == of[row.picked, row.fold]


def test_fold_models__pairs_left_out_come_back():
    design = made_up_design(patients=12, genes=6, seed=5)
    found = validated(design, plan_pairs(design.patients, design.groups), ["l2-logistic:both"], Tuning(2, 2, 1))
    items = ask_fold_models(found, predictions, models=["l2-logistic:both"])
    assert len(items) == 66
    assert all(item.result.tolist() == kept_of(found, item).tolist() for item in items)


def test_fold_models__the_order_of_the_tables_rows_does_not_matter(everything):
    mixed = replace(
        everything,
        choices=everything.choices.iloc[::-1], out_of_fold=everything.out_of_fold.sample(frac=1, random_state=1),
    )  # fmt: skip
    one, other = (
        ask_fold_models(f, used_places, models=["xgboost:both@association"]) for f in (everything, mixed)
    )
    assert [i.result for i in one] == [i.result for i in other]


def test_fold_models__another_prediction_than_the_runs_is_refused_with_what_differs(everything):
    changed = everything.out_of_fold.copy()
    place = changed.query("model == 'l2-logistic:both' and fold == 1").index[0]
    changed.loc[place, "probability"] += 1e-9
    with pytest.raises(EvidenceError, match=r"l2-logistic:both, fitted again in fold 1 of repeat 0.*1e-09.*Train"):
        ask_fold_models(replace(everything, out_of_fold=changed), predictions, models=["l2-logistic:both"])
    with pytest.raises(EvidenceError, match="some are missing"):
        ask_fold_models(
            replace(everything, out_of_fold=everything.out_of_fold.drop(index=place)), predictions,
            models=["l2-logistic:both"],
        )  # fmt: skip


def test_fold_models__another_seed_is_refused(everything):
    with pytest.raises(EvidenceError, match="random-forest:both, fitted again in fold 0 of repeat 0"):
        ask_fold_models(replace(everything, tuning=Tuning(2, 2, 5)), predictions, models=["random-forest:both"])


def test_models_to_refit__the_rank_average_is_left_out_and_said(everything):
    possible, left_out = models_to_refit(everything.choices)
    assert possible == ["chosen", *NAMES]
    assert left_out == ["rank-average"]
    with pytest.raises(ConfigurationError, match="ask for its members, some of prevalence, clinical-only"):
        models_to_refit(everything.choices, ["rank-average"])
    with pytest.raises(ConfigurationError, match="no model 'xgboost:genes'; it has chosen, prevalence"):
        models_to_refit(everything.choices, ["xgboost:genes"])


@pytest.mark.parametrize("name", NAMES)
def test_candidate_place__every_candidate_that_a_run_writes_is_found(name, everything):
    model = catalogue_model(name)
    size = len(LEARNERS[model.learner].grid) * len(SELECTIONS[model.selection].grid)
    picked = everything.choices.query("model == @name")["candidate"]
    assert all(0 <= candidate_place(model, candidate) < size for candidate in picked)


def test_candidate_place__a_candidate_of_another_version_is_refused():
    with pytest.raises(EvidenceError, match=r'picked \{"C": 7\}, which is not among'):
        candidate_place(catalogue_model("l2-logistic:both"), '{"C": 7}')


def test_fold_models__choices_that_lack_a_fold_are_refused(everything):
    short = replace(everything, choices=everything.choices.query("fold != 2"))
    with pytest.raises(EvidenceError, match="does not say what fold 2 of repeat 0 picked"):
        ask_fold_models(short, predictions, models=["prevalence"])
    none = replace(everything, out_of_fold=pd.DataFrame(columns=everything.out_of_fold.columns))
    with pytest.raises(EvidenceError, match="some are missing"):
        ask_fold_models(none, predictions, models=["prevalence"])
