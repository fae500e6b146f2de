"""The optimism ledger: dishonest ways of working look good where there is nothing to find."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from tests_shared import made_up_design
from trastuz_ml.learn.catalogue import catalogue_model
from trastuz_ml.learn.design import Design, Feature
from trastuz_ml.learn.folds import plan_pairs, plan_splits
from trastuz_ml.learn.optimism import (
    BEST_AFTERWARDS,
    NESTED,
    PERMUTED_NESTED,
    RESUBSTITUTION,
    SELECTED_OUTSIDE,
    STEPS,
    TUNED_AND_SCORED,
    optimism_ledger,
)
from trastuz_ml.learn.scores import score_table
from trastuz_ml.learn.selection import select_by_association
from trastuz_ml.learn.tuning import EVERYBODY, Tuning, inner_folds, pick
from trastuz_ml.learn.validation import fit_on_all, validate
from trastuz_ml.schema import OPTIMISM, SCORES

MODELS = [catalogue_model(name) for name in ("prevalence", "clinical-only", "l2-logistic:genes")]
TUNING = Tuning(inner_folds=2, min_carriers=2, seed=4)


def made(design, models=MODELS, tuning=TUNING, plan=None, permuted=None, **shape):
    settings = {"repeats": 1, "folds": 3, "seed": 2} | shape
    plan = plan or plan_splits(design.patients, design.response, design.groups, **settings)
    found = validate(design, plan, models, tuning)
    fitted, _ = fit_on_all(design, models, tuning)
    scores = score_table(found.out_of_fold, found.choices)
    return plan, fitted, scores, optimism_ledger(design, plan, fitted, tuning, scores, permuted)


@pytest.fixture(scope="module")
def ledger():
    design = made_up_design()
    return design, *made(design, permuted=[0.4, 0.5, 0.6, 0.52])


def only(table, step, model=None):
    rows = table[(table["step"] == step) & ((table["model"] == model) if model else True)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_ledger__has_every_step_in_order_and_a_meaning_for_each_row(ledger):
    table = ledger[-1]
    assert tuple(table["step"].unique()) == STEPS
    assert table.columns.tolist() == OPTIMISM.names
    assert (table["meaning"].str.len() > 40).all()
    assert table["meaning"].str.endswith(".").all()
    assert only(table, NESTED)["meaning"].endswith("report this.")


def test_ledger__resubstitution_is_the_fitted_models_auc_on_their_own_patients(ledger):
    design, _, fitted, _, table = ledger
    for name, tuned in fitted.items():
        expected = roc_auc_score(design.response, tuned.model.probability(design.X))
        assert only(table, RESUBSTITUTION, name)["auroc"] == pytest.approx(expected)
    picked = pick(fitted)
    assert only(table, RESUBSTITUTION, "chosen")["auroc"] == only(table, RESUBSTITUTION, picked)["auroc"]


def test_ledger__inner_scores_are_means_over_the_folds_that_tuned(ledger):
    design, _, fitted, _, table = ledger
    inner_of = inner_folds(design, np.arange(60), TUNING, EVERYBODY)
    for name, tuned in fitted.items():
        areas = [
            roc_auc_score(design.response[inner_of == k], tuned.inner_probability[inner_of == k]) for k in (0, 1)
        ]
        assert only(table, TUNED_AND_SCORED, name)["auroc"] == pytest.approx(np.mean(areas))
    assert "one setting only" in only(table, TUNED_AND_SCORED, "prevalence")["meaning"]
    assert "best of 6 settings" in only(table, TUNED_AND_SCORED, "clinical-only")["meaning"]


def test_ledger__selection_outside_is_the_leaking_analysis_written_with_scikit_learn(ledger):
    design, plan, _, _, table = ledger
    genes = design.columns("genes")
    kept = genes[select_by_association(design.X[:, genes], design.response, keep=20)]
    areas = []
    for turn in plan.turns:
        train, out = plan.split(*turn)
        solver = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000)
        # Genes that nobody or everybody carries among the training patients get no weight, centred or not.
        solver.fit(design.X[np.ix_(train, kept)], design.response[train])
        areas.append(roc_auc_score(design.response[out], solver.decision_function(design.X[np.ix_(out, kept)])))
    assert only(table, SELECTED_OUTSIDE)["auroc"] == pytest.approx(np.mean(areas), abs=1e-6)


def test_ledger__the_best_afterwards_is_the_highest_row_and_nested_is_chosen_with_its_interval(ledger):
    *_, scores, table = ledger
    auroc = scores.query("score == 'AUROC'").set_index("model")
    best = auroc.drop(index="chosen")["estimate"]
    row = only(table, BEST_AFTERWARDS)
    assert (row["model"], row["auroc"]) == (best.idxmax(), best.max())
    assert "best of 3" in row["meaning"]
    nested = only(table, NESTED, "chosen")
    assert nested[["auroc", "low", "high"]].tolist() == auroc.loc["chosen", ["estimate", "low", "high"]].tolist()


def test_ledger__a_wrong_number_gets_no_interval(ledger):
    table = ledger[-1]
    wrong = table[~table["step"].isin([NESTED, PERMUTED_NESTED])]
    assert wrong[["low", "high"]].isna().all(axis=None)


def test_ledger__permutations_are_their_mean_and_middle_range_or_said_not_to_be_done(ledger):
    design, plan, fitted, scores, table = ledger
    row = only(table, PERMUTED_NESTED)
    assert row["auroc"] == pytest.approx(0.505)
    assert (row["low"], row["high"]) == pytest.approx(np.quantile([0.4, 0.5, 0.52, 0.6], [0.025, 0.975]))
    assert "4 permutations" in row["meaning"]
    for none in (None, []):
        row = only(optimism_ledger(design, plan, fitted, TUNING, scores, none), PERMUTED_NESTED)
        assert np.isnan(row["auroc"])
        assert row["meaning"].startswith("Not done")


def test_ledger__without_a_chosen_row_says_that_there_is_no_nested_score(ledger):
    design, plan, fitted, scores, _ = ledger
    row = only(optimism_ledger(design, plan, fitted, TUNING, scores.query("model != 'chosen'")), NESTED)
    assert np.isnan(row["auroc"])
    empty = pd.DataFrame(columns=SCORES.names)
    assert BEST_AFTERWARDS not in set(optimism_ledger(design, plan, fitted, TUNING, empty)["step"])


def test_ledger__without_genes_none_is_selected():
    design = made_up_design(genes=1)
    design = Design(design.patients, design.features[:2], design.X[:, :2], design.response, design.groups)
    assert SELECTED_OUTSIDE not in set(made(design, MODELS[:2])[-1]["step"])


def test_ledger__left_out_pairs_of_one_class_are_passed_over():
    design = made_up_design(patients=10, genes=8, seed=0)
    plan = plan_pairs(design.patients, design.groups)
    fitted, _ = fit_on_all(design, MODELS, TUNING)
    scores = pd.DataFrame(
        [("chosen", "AUROC", 0.5, 0.2, 0.8, "Newcombe")],
        columns=["model", "score", "estimate", "low", "high", "x"],
    )
    row = only(optimism_ledger(design, plan, fitted, TUNING, scores), SELECTED_OUTSIDE)
    pairs = int(design.response.sum() * (1 - design.response).sum())
    assert row["auroc"] * pairs * 2 == pytest.approx(round(row["auroc"] * pairs * 2))
    assert 0 <= row["auroc"] <= 1


# --- On pure noise ------------------------------------------------------------------------------------

COHORTS = 6


def noise(seed, patients=60, genes=2000):
    rng = np.random.default_rng(seed)
    X = (rng.random((patients, genes)) < rng.uniform(0.03, 0.3, genes)).astype(np.float32)
    response = np.array([1, 0] * (patients // 2), dtype=np.int8)
    rng.shuffle(response)
    names = tuple(f"P{i:02d}" for i in range(patients))
    return Design(
        names, tuple(Feature(f"G{j}", "gene", "gene") for j in range(genes)), X, response, np.array(names)
    )


def test_ledger__on_noise_only_the_nested_score_is_one_half():
    nested, outside, remembered = [], [], []
    for seed in range(COHORTS):
        table = made(noise(seed), MODELS[2:], Tuning(inner_folds=3, seed=seed), folds=5, seed=seed)[-1]
        nested.append(only(table, NESTED)["auroc"])
        outside.append(only(table, SELECTED_OUTSIDE)["auroc"])
        remembered.append(only(table, RESUBSTITUTION, "chosen")["auroc"])
    error = np.std(nested, ddof=1) / np.sqrt(COHORTS)
    assert abs(np.mean(nested) - 0.5) < 3 * error
    assert error < 0.06  # else the sentence above would be empty
    assert min(outside) > 0.65
    assert min(remembered) > 0.9
