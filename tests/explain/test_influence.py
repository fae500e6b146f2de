"""What hangs on one patient, checked against leaving the patient out by brute force."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from tests_shared import made_up_design
from trastuz_ml.errors import EvidenceError, InputError
from trastuz_ml.explain.contributions import contributions_of
from trastuz_ml.explain.influence import (
    auroc_changes,
    chosen_without,
    influence_table,
    leading_without,
    ranked_features,
)
from trastuz_ml.learn.catalogue import catalogue_model
from trastuz_ml.learn.fitted import FittedModel, LinearLogit
from trastuz_ml.learn.folds import plan_pairs, plan_splits
from trastuz_ml.learn.transformers import Preparation
from trastuz_ml.learn.tuning import EVERYBODY, Tuning, inner_folds, pick, refit
from trastuz_ml.learn.validation import fit_on_all, validate
from trastuz_ml.schema import INFLUENCE

NAMES = ("prevalence", "clinical-only", "l2-logistic:genes", "l2-logistic:both@association", "xgboost:both",
         "random-forest:both", "elastic-net:both", "rank-average")  # fmt: skip
TUNING = Tuning(inner_folds=2, min_carriers=3, seed=4)


@pytest.fixture(scope="module")
def design():
    made = made_up_design(patients=40, genes=15)
    X = made.X.copy()
    X[:6, 5] = np.nan  # not covered
    X[3, 0] = np.nan  # age unknown
    X[:, 4] = 0
    X[[1, 8, 30], 4] = 1  # without one of its three carriers a gene does not reach a model
    return replace(made, X=X)


@pytest.fixture(scope="module")
def fitted(design):
    return fit_on_all(design, [catalogue_model(name) for name in NAMES], TUNING)[0]


@pytest.fixture(scope="module")
def table(design):
    plan = plan_splits(design.patients, design.response, design.groups, repeats=2, folds=4, seed=2)
    models = [catalogue_model(name) for name in NAMES[:3]]
    return validate(design, plan, models, TUNING).out_of_fold


# --- Scores -------------------------------------------------------------------------------------------


def mean_auc(rows):
    """Mean over folds, then repeats; a fold of one class is left out."""
    repeats = []
    for _, repeat in rows.groupby("repeat"):
        folds = [f for _, f in repeat.groupby("fold") if f["response"].nunique() == 2]
        repeats.append(np.mean([roc_auc_score(f["response"].astype(int), f["probability"]) for f in folds]))
    return np.mean(repeats)


def test_changes__equal_scoring_the_table_again_without_each_patient(table, design):
    changes = auroc_changes(table)
    assert list(changes.index) == list(design.patients)
    assert list(changes) == ["chosen", *NAMES[:3]]
    for model, rows in table.groupby("model"):
        everybody = mean_auc(rows)
        for patient in design.patients[::5]:
            expected = mean_auc(rows[rows["patient"] != patient]) - everybody
            assert changes.loc[patient, model] == pytest.approx(expected, abs=1e-12)
    assert changes["clinical-only"].abs().max() > 0.005
    assert (changes["prevalence"] == 0).all()


def test_changes__a_fold_that_loses_its_last_responder_is_left_out():
    rows = pd.DataFrame(
        {
            "model": "m", "repeat": 0, "fold": [0, 0, 0, 1, 1, 1, 1], "patient": list("ABCDEFG"),
            "response": [1, 0, 0, 1, 1, 0, 0], "probability": [0.3, 0.2, 0.6, 0.9, 0.1, 0.2, 0.5],
        }
    )  # fmt: skip
    for patient, change in auroc_changes(rows)["m"].items():
        assert change == pytest.approx(mean_auc(rows[rows["patient"] != patient]) - mean_auc(rows))


def test_changes__do_not_depend_on_the_order_of_rows(table):
    pd.testing.assert_frame_equal(
        auroc_changes(table), auroc_changes(table.sample(frac=1, random_state=1))[auroc_changes(table).columns]
    )


def test_changes__of_left_out_pairs_are_those_of_the_pairs_without_the_patient():
    small = made_up_design(patients=12, genes=6, seed=3)
    plan = plan_pairs(small.patients, small.groups)
    out = validate(
        small, plan, [catalogue_model("clinical-only"), catalogue_model("prevalence")], TUNING
    ).out_of_fold

    def share(rows):
        wins = []
        for _, pair in rows.groupby("pair"):
            p = dict(zip(pair["response"], pair["probability"], strict=True))
            if len(p) == 2:
                wins.append((np.sign(p[1] - p[0]) + 1) / 2)
        return np.mean(wins)

    changes = auroc_changes(out)
    for model, rows in out.groupby("model"):
        for patient in small.patients:
            gone = rows.loc[rows["patient"] == patient, "pair"]
            expected = share(rows[~rows["pair"].isin(gone)]) - share(rows)
            assert changes.loc[patient, model] == pytest.approx(expected, abs=1e-12)
    assert changes["clinical-only"].abs().max() > 0.005


def test_changes__a_patient_who_was_not_predicted_in_some_repeat_is_an_error(table):
    with pytest.raises(InputError, match="does not predict every patient in every repeat"):
        auroc_changes(table[(table["repeat"] == 0) | (table["patient"] != table["patient"].iloc[0])])


# --- The choice ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["lowest", "one-standard-error"])
def test_chosen_without__equals_choosing_from_the_losses_of_the_others(design, fitted, rule):
    tuning = replace(TUNING, rule=rule)
    inner_of = inner_folds(design, np.arange(40), tuning, EVERYBODY)
    expected = []
    for patient in range(40):
        best, errors, losses = None, {}, {}
        for name in NAMES[:-1]:
            kept = [(inner_of[i], fitted[name].losses[i]) for i in range(40) if i != patient]
            losses[name] = [loss for _, loss in kept]
            errors[name] = np.mean([np.mean([loss for f, loss in kept if f == fold]) for fold in (0, 1)])
        best = min(errors, key=errors.get)
        if rule != "lowest":
            limit = errors[best] + np.std(losses[best], ddof=1) / np.sqrt(39)
            best = next(name for name in NAMES[:-1] if errors[name] <= limit)
        expected.append(best)
    assert chosen_without(design, fitted, tuning) == expected


def test_chosen_without__a_patient_on_whom_the_choice_hangs_is_seen(design, fitted):
    best = pick(fitted)
    other = next(name for name in NAMES[:3] if name != best)
    two = {name: fitted[name] for name in (best, other)}
    losses = np.full(40, 0.5)
    # Better by a hair on everybody else, and far worse on one.
    two[best] = replace(two[best], losses=losses)
    spoiled = losses - 0.001
    spoiled[7] = 3.0
    two[other] = replace(two[other], losses=spoiled)
    without = chosen_without(design, two, TUNING)
    assert [place for place, name in enumerate(without) if name == other] == [7]


# --- The leading features -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES[:-1])
def test_refit__on_everybody_is_the_model_that_was_fitted_on_everybody(name, design, fitted):
    model = fitted[name].model
    again = refit(design, np.arange(40), catalogue_model(name), fitted[name].picked, TUNING)
    np.testing.assert_array_equal(again.sources(), model.sources())
    np.testing.assert_allclose(again.probability(design.X), model.probability(design.X), rtol=0, atol=1e-12)
    assert dict(again.candidate) == dict(model.candidate)


def test_refit__with_stability_selection_is_the_model_that_was_fitted_on_everybody():
    made = made_up_design(patients=80, genes=30, covariates=False, effect=4.0)
    model = catalogue_model("l2-logistic:genes@stability")
    tuned = fit_on_all(made, [model], TUNING)[0][model.name]
    assert 0 < len(tuned.model.columns) < 30
    again = refit(made, np.arange(80), model, tuned.picked, TUNING)
    np.testing.assert_allclose(again.probability(made.X), tuned.model.probability(made.X), rtol=0, atol=1e-12)
    assert dict(again.candidate) == dict(tuned.model.candidate)


def test_refit__with_one_class_is_refused(design):
    with pytest.raises(EvidenceError, match="one class only"):
        refit(design, np.flatnonzero(design.response == 1), catalogue_model("clinical-only"), 0, TUNING)


def test_leading_without__is_a_model_fitted_by_scikit_learn_without_the_patient(design, fitted):
    tuned = fitted["l2-logistic:genes"]
    found = leading_without(design, tuned, TUNING)
    genes = design.columns("genes")

    def ranked(rows):
        X = design.X[np.ix_(rows, genes)].astype(float)
        X = X[:, (X > 0).sum(axis=0) >= 3]
        kept = genes[(design.X[np.ix_(rows, genes)] > 0).sum(axis=0) >= 3]
        X = np.nan_to_num(X - np.nanmean(X, axis=0))
        solver = LogisticRegression(C=tuned.model.candidate["C"], tol=1e-10, max_iter=10_000)
        weight = solver.fit(X, design.response[rows]).coef_[0]
        order = np.argsort(-np.abs(X * weight).mean(axis=0), kind="stable")
        return [design.features[place].name for place in kept[order]]

    everybody = np.arange(40)
    before = ranked(everybody)[:5]
    for patient in (0, 1, 8, 21, 30):
        after = ranked(np.delete(everybody, patient))
        row = found.iloc[patient]
        lost = [gene for gene in before if gene not in after[:5]]
        moved = [
            f"{gene} {old} -> {after.index(gene) + 1 if gene in after else 'unused'}"
            for old, gene in enumerate(before, start=1)
            if gene not in after or after.index(gene) + 1 != old
        ]
        assert row["leading_kept"] == 5 - len(lost)
        assert row["leading_lost"] == ", ".join(lost)
        assert row["leading_moved"] == ", ".join(moved)
    assert (found["leading_moved"] != "").any()


def test_leading_without__a_gene_that_falls_below_the_carrier_filter_is_unused(design):
    few = replace(design, X=design.X[:, [4, 3]], features=(design.features[4], design.features[3]))
    model = catalogue_model("l2-logistic:genes")
    tuned = fit_on_all(few, [model], TUNING)[0][model.name]
    found = leading_without(few, tuned, TUNING)
    name = design.features[4].name
    carriers = found.iloc[[1, 8, 30]]
    assert (carriers["leading_lost"] == name).all()
    assert carriers["leading_moved"].str.contains("-> unused").all()
    assert (carriers["leading_kept"] == 1).all()
    assert (found.drop(index=[1, 8, 30])["leading_kept"] == 2).all()


def test_leading_without__the_only_responder_cannot_be_left_out(design, fitted):
    response = np.zeros(40, dtype=np.int8)
    response[5] = 1
    alone = leading_without(replace(design, response=response), fitted["clinical-only"], TUNING)
    assert alone["status"][5] == "without the patient there is one class only"
    assert (alone.drop(index=5)["status"] == "").all()


def test_ranked_features__twins_stand_in_the_order_of_the_design():
    X = np.zeros((6, 3), dtype=np.float32)
    X[:3, 0], X[:3, 1], X[:2, 2] = 1, 1, 1
    preparation = Preparation(("gene",) * 3).fit(X)
    # Rounding differs between the columns of identical genes, whatever the solver.
    for weights in ([1.0, 1.0 + 1e-14, 0.5], [1.0 + 1e-14, 1.0, 0.5]):
        model = FittedModel("made-up", np.arange(3), preparation, LinearLogit(np.array(weights), 0.0))
        assert ranked_features(model, X).tolist() == [0, 1, 2]
    silent = FittedModel("made-up", np.arange(3), preparation, LinearLogit(np.zeros(3), 0.0))
    assert ranked_features(silent, X).tolist() == []


def test_ranked_features__are_ranked_by_the_mean_of_absolute_contributions(design, fitted):
    model = fitted["xgboost:both"].model
    mean = np.abs(contributions_of(model, design.X).values).mean(axis=0)
    ranked = ranked_features(model, design.X)
    assert set(ranked) == set(np.flatnonzero(mean > 1e-9 * mean.max()))
    assert (np.diff(mean[ranked]) <= 1e-8 * mean.max()).all()


# --- The table ----------------------------------------------------------------------------------------


def test_table__has_one_row_a_patient_and_does_not_depend_on_workers(design, fitted, table):
    told = []
    alone = influence_table(design, fitted, TUNING, table, "l2-logistic:genes", progress=lambda *p: told.append(p))
    together = influence_table(design, fitted, TUNING, table, "l2-logistic:genes", workers=2)
    pd.testing.assert_frame_equal(alone, together, check_exact=True)
    assert alone["patient"].tolist() == list(design.patients)
    assert alone.columns.tolist() == INFLUENCE.names
    assert told[-1] == (40, 40)
    changes = auroc_changes(table)
    assert alone["chosen_change"].tolist() == changes["chosen"].tolist()
    assert alone["exported_change"].tolist() == changes["l2-logistic:genes"].tolist()
    assert alone["leading_kept"].between(0, 5).all()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("prevalence", "prevalence uses no feature"),
        ("rank-average", "rank-average has no contributions of its own"),
    ],
)
def test_table__a_model_without_features_of_its_own_says_so(name, reason, design, fitted, table):
    if name not in set(table["model"]):
        table = pd.concat([table, table[table["model"] == "clinical-only"].assign(model=name)])
    found = influence_table(design, fitted, TUNING, table, name)
    assert found["leading_kept"].isna().all()
    assert found["status"].str.startswith(reason).all()
    assert found["chosen_without"].isin(NAMES[:-1]).all()
