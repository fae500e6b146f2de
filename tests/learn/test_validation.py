"""Nested cross-validation: nothing is learned outside the fold, nothing depends on what it should not."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score

from tests_shared import made_up_design
from trastuz_ml.errors import EvidenceError
from trastuz_ml.explain.contributions import contributions_of
from trastuz_ml.learn.catalogue import LEARNERS, catalogue_model
from trastuz_ml.learn.design import Design, Feature
from trastuz_ml.learn.folds import plan_splits
from trastuz_ml.learn.scores import fold_values
from trastuz_ml.learn.tuning import Tuning
from trastuz_ml.learn.validation import fit_on_all, require_inner_folds, validate
from trastuz_ml.stats.discrimination import auc

FAST = [catalogue_model(name) for name in ("prevalence", "clinical-only", "l2-logistic:genes", "xgboost:both")]
TUNING = Tuning(inner_folds=2, min_carriers=2, seed=4)


def plan_of(design, **changes):
    settings = {"repeats": 1, "folds": 3, "seed": 2} | changes
    return plan_splits(design.patients, design.response, design.groups, **settings)


@pytest.fixture(scope="module")
def validated():
    design = made_up_design()
    return design, validate(design, plan_of(design), FAST, TUNING)


def test_validation__one_and_two_workers_give_the_same_bytes(validated):
    design, alone = validated
    together = validate(design, plan_of(design), FAST, TUNING, workers=2)
    for table in ("out_of_fold", "choices", "inner_errors"):
        pd.testing.assert_frame_equal(getattr(alone, table), getattr(together, table), check_exact=True)


def test_validation__every_patient_is_predicted_once_a_repeat_by_every_model(validated):
    design, found = validated
    counts = found.out_of_fold.groupby(["model", "patient"]).size()
    assert (counts == 1).all()
    assert len(counts) == (len(FAST) + 1) * len(design.patients)


def test_validation__a_response_that_was_left_out_cannot_reach_its_own_prediction(validated):
    design, before = validated
    plan = plan_of(design)
    out = plan.split(0, 1)[1]
    turned = design.response.copy()
    turned[out] = 1 - turned[out]
    after = validate(replace(design, response=turned), plan, FAST, TUNING)
    columns = ["model", "patient", "probability"]
    pd.testing.assert_frame_equal(
        before.out_of_fold.query("fold == 1")[columns], after.out_of_fold.query("fold == 1")[columns]
    )
    assert not before.out_of_fold.query("fold == 0")[columns].equals(after.out_of_fold.query("fold == 0")[columns])


def test_validation__the_features_of_left_out_patients_cannot_reach_the_model(validated):
    design, before = validated
    plan = plan_of(design)
    out = plan.split(0, 2)[1]
    changed = design.X.copy()
    changed[out[1:]] = 1.0
    after = validate(replace(design, X=changed), plan, FAST, TUNING)
    untouched = f"fold == 2 and patient == '{design.patients[out[0]]}'"
    pd.testing.assert_frame_equal(before.out_of_fold.query(untouched), after.out_of_fold.query(untouched))
    assert before.choices.query("fold == 2").to_json() == after.choices.query("fold == 2").to_json()


def test_validation__adding_a_model_changes_no_other_models_numbers(validated):
    design, all_of_them = validated
    fewer = validate(design, plan_of(design), [FAST[0], FAST[2]], TUNING)
    for name in ("prevalence", "l2-logistic:genes"):
        same = [t.out_of_fold.query(f"model == '{name}'").reset_index(drop=True) for t in (all_of_them, fewer)]
        pd.testing.assert_frame_equal(*same)


def test_validation__chosen_is_the_model_with_the_lowest_inner_log_loss(validated):
    _, found = validated
    table = found.out_of_fold.set_index(["model", "fold", "patient"])["probability"].sort_index()
    for row in found.choices.query("model == 'chosen'").itertuples():
        rivals = found.choices.query(f"model != 'chosen' and fold == {row.fold}")
        best = rivals.loc[rivals["inner_log_loss"].idxmin(), "model"]
        assert row.picked == best
        assert table["chosen", row.fold].to_dict() == table[best, row.fold].to_dict()


def test_validation__the_candidate_picked_is_the_best_of_the_inner_errors(validated):
    _, found = validated
    mean = found.inner_errors.groupby(["model", "fold", "candidate"])["log_loss"].mean()
    for row in found.choices.query("model != 'chosen'").itertuples():
        assert row.inner_log_loss == pytest.approx(mean[row.model, row.fold].min())
        assert mean[row.model, row.fold, row.candidate] == pytest.approx(row.inner_log_loss)


def test_validation__inner_errors_list_every_candidate_of_the_grid(validated):
    _, found = validated
    listed = {json.loads(c)["C"] for c in found.inner_errors.query("model == 'clinical-only'")["candidate"]}
    assert listed == {c["C"] for c in LEARNERS["l2-logistic"].grid}


def test_validation__rare_genes_are_counted_in_the_training_fold_alone():
    design = made_up_design(genes=3, covariates=False)
    X = design.X.copy()
    plan = plan_of(design)
    X[:, 2] = 0
    X[plan.split(0, 0)[1][:4], 2] = 1  # carriers whom fold 0 leaves out, all of them
    found = validate(replace(design, X=X), plan, [catalogue_model("l2-logistic:genes")], TUNING)
    genes = found.choices.query("model == 'l2-logistic:genes'").set_index("fold")["genes"]
    assert genes[0] == 2
    assert genes[1] == 3


def test_validation__what_is_inspected_comes_back_in_order():
    design = made_up_design()
    plan = plan_of(design)
    found = validate(design, plan, FAST[:2], TUNING, workers=2, inspect=contributions_of)
    assert [(i.model, i.fold) for i in found.inspected] == [
        (model.name, fold) for fold in range(3) for model in FAST[:2]
    ]
    assert all(len(i.result.output) == len(i.places) for i in found.inspected)


def test_fit_on_all__gives_every_model_and_the_one_that_the_inner_folds_pick():
    design = made_up_design()
    fitted, picked = fit_on_all(design, FAST, TUNING)
    assert list(fitted) == [model.name for model in FAST]
    assert picked in fitted
    assert 0 < fitted["xgboost:both"].model.probability(design.X)[0] < 1


# --- On pure noise ------------------------------------------------------------------------------------

COHORTS = 20


def noise(seed, patients=60, genes=5000):
    rng = np.random.default_rng(seed)
    X = (rng.random((patients, genes)) < rng.uniform(0.03, 0.3, genes)).astype(np.float32)
    response = np.array([1, 0] * (patients // 2), dtype=np.int8)
    rng.shuffle(response)
    names = tuple(f"P{i:02d}" for i in range(patients))
    return Design(
        names, tuple(Feature(f"G{j}", "gene", "gene") for j in range(genes)), X, response, np.array(names)
    )


def nested_auc(seed):
    design = noise(seed)
    plan = plan_splits(design.patients, design.response, design.groups, repeats=1, folds=5, seed=seed)
    models = [catalogue_model("l2-logistic:genes")]
    table = validate(design, plan, models, Tuning(inner_folds=2, seed=seed)).out_of_fold
    return fold_values(table[table["model"] == "l2-logistic:genes"], auc).mean()


def leaking_auc(seed):
    design = noise(seed)
    selected = SelectKBest(chi2, k=30).fit_transform(design.X, design.response)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    return cross_val_score(LogisticRegression(), selected, design.response, cv=folds, scoring="roc_auc").mean()


def test_validation__on_noise_the_nested_auc_is_one_half_while_selecting_outside_the_folds_is_not():
    honest = np.array([nested_auc(seed) for seed in range(COHORTS)])
    error = honest.std(ddof=1) / np.sqrt(COHORTS)
    assert abs(honest.mean() - 0.5) < 3 * error
    assert error < 0.05  # else the sentence above would be empty
    assert np.mean([leaking_auc(seed) for seed in range(COHORTS)]) > 0.7


# --- What is refused before anything is fitted --------------------------------------------------------


def test_inner_folds__that_cannot_be_made_are_refused_by_the_name_of_their_setting():
    design = made_up_design()
    response = np.zeros(60, dtype=np.int8)
    response[:3] = 1
    few = replace(design, response=response)
    plan = plan_splits(few.patients, few.response, few.groups, repeats=1, folds=3, seed=0)
    with pytest.raises(EvidenceError, match=r"validation\.inner_folds: 3 inner folds.*2 patients"):
        require_inner_folds(few, plan, Tuning(inner_folds=3))
    require_inner_folds(few, plan, Tuning(inner_folds=2))


# --- Assays -------------------------------------------------------------------------------------------


def test_assays__which_assay_a_patient_had_does_not_predict_through_genes_that_are_noise():
    rng = np.random.default_rng(5)
    design = made_up_design(patients=120, genes=40, covariates=False, effect=0.0, seed=3)
    response = np.array([1, 0] * 60, dtype=np.int8)
    panel = rng.random(120) < np.where(response == 1, 0.8, 0.2)
    X = design.X.copy()
    X[np.ix_(panel, np.arange(20, 40))] = np.nan
    confounded = replace(design, X=X, response=response)
    plan = plan_splits(design.patients, response, design.groups, repeats=1, folds=5, seed=0)
    models = [catalogue_model(name) for name in ("l2-logistic:genes", "random-forest:genes", "xgboost:genes")]
    table = validate(confounded, plan, models, Tuning(2, 2, 0)).out_of_fold
    for model, rows in table.groupby("model"):
        assert fold_values(rows, auc).mean() < 0.65, model
