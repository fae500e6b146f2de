"""What a prediction is worth: what was measured, what could be claimed, and whom the model knows."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.cohort.variant_marks import marks_of
from trastuz_ml.learn.conformal import Conformal
from trastuz_ml.learn.design import BURDEN_NAME, BURDEN_RATE_NAME, Feature
from trastuz_ml.learn.fitted import FittedModel, LinearLogit
from trastuz_ml.learn.recalibration import Recalibration
from trastuz_ml.learn.training_summary import Bins, TrainingSummary
from trastuz_ml.learn.transformers import Preparation
from trastuz_ml.prediction.applicability import (
    NO_SUMMARY,
    PARTLY,
    SHARED,
    UNLIKE,
    find_training_patients,
)
from trastuz_ml.prediction.batch import lay_out, predict, predict_and_notice
from trastuz_ml.prediction.pyfunc import ServedModel, frame_of
from trastuz_ml.prediction.unmeasured import interval_over_unmeasured, training_rows
from trastuz_ml.schema import CALLS, NOT_SEARCHED, conform
from trastuz_ml.store.bundle import ModelBundle, make_bundle

CARD = {"response": {}, "patients": 80, "responders": 30, "scores": [], "sources": [], "limits": []}
SPREAD = (np.linspace(0.05, 0.55, 40), np.linspace(0.1, 0.6, 30))
SUMMARY = TrainingSummary(
    patients=80, responders=30,
    genes={}, levels={"ER.status": {"NEG": 30, "POS": 50}, "stage": {"T1": 40, "T2": 0, "T3": 40}},
    numbers={"age": Bins((30.0, 50.0, 70.0), (40, 40))}, mutated=Bins((-0.5, 1.5, 3.5), (60, 20)),
    assays={"exome": 60, "panel": 20}, burden_genes=(), burden=Bins((0.5, 1.5, 3.5), (50, 30)),
)  # fmt: skip


@pytest.fixture
def whole(linear) -> ModelBundle:
    """Return the linear model with everything that it can be kept with."""
    vectors = (np.random.default_rng(4).random((40, 5)) < 0.3).astype(np.float32)
    weights = np.array([0.1, 0.1, 0.1, 0.2, 0.1, 0.1, 0.1, 0.2])
    return dataclasses.replace(
        linear, summary=SUMMARY, conformal=Conformal(SPREAD), recalibration=Recalibration(0.3, 0.5, 80),
        weights=weights, abstain_below=0.25, miss_rate=0.2, version=3, vectors=vectors,
    )  # fmt: skip


@pytest.fixture
def table(whole, roster, assemble) -> pd.DataFrame:
    return predict(whole, assemble(roster), roster=roster).set_index("patient")


def ages(roster: pd.DataFrame, **values: float) -> pd.DataFrame:
    changed = roster.copy()
    for patient, age in values.items():
        changed.loc[patient, "age"] = age
    return changed


def test_worth__weight_measured_adds_up_the_features_that_are_known(table):
    # P3 lacks age and four of the five genes; P4's level of ER is none that the model knows.
    np.testing.assert_allclose(table["weight_measured"], [1.0, 1.0, 0.4, 0.9, np.nan])


def test_worth__below_the_declared_share_the_model_abstains(whole, roster, assemble):
    table = predict(whole, assemble(roster), abstain_below=0.5).set_index("patient")
    row = table.loc["P3"]
    assert row["refusal"] == "abstained: 40 % of the model's weight was measured, 50 % is asked for"
    assert np.isnan([row["probability"], row["calibrated_probability"], row["low"], row["high"]]).all()
    assert row["weight_measured"] == pytest.approx(0.4)
    assert row["top_contributions"] == row["scale"] == row["conformal_set"] == row["set_refusal"] == ""
    assert (table["refusal"].drop("P3") == "").all()


@pytest.mark.parametrize(
    ("weight", "asked", "said"),
    [
        (0.4996, 0.5, "49.96 % of the model's weight was measured, 50.00 %"),
        (0.496, 0.5, "49.6 %"),
        (0.3, 0.5, "30 %"),
    ],
)
def test_worth__an_abstention_never_names_the_share_that_is_asked_for_twice(
    whole, roster, assemble, weight, asked, said
):
    weights = np.array([1 - weight, 0, 0, 0, 0, 0, 0, weight])
    bundle = dataclasses.replace(whole, weights=weights, abstain_below=asked)
    refusal = predict(bundle, assemble(roster)).set_index("patient")["refusal"]
    assert refusal["P4"].startswith(f"abstained: {said}")


def test_worth__the_share_asked_for_is_enough(whole, roster, assemble):
    bundle = dataclasses.replace(whole, weights=np.array([0.5, 0, 0, 0, 0, 0, 0, 0.5]), abstain_below=0.5)
    assert set(predict(bundle, assemble(roster))["refusal"]) == {""}


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_worth__what_is_no_share_is_refused(whole, roster, assemble, share):
    with pytest.raises(ValueError, match="share from 0 to 1"):
        predict(whole, assemble(roster), abstain_below=share)


def test_worth__the_interval_is_the_probability_where_everything_was_measured(table):
    complete = table.loc[["P1", "P2"]]
    assert (complete["low"] == complete["probability"]).all()
    assert (complete["high"] == complete["probability"]).all()


def test_worth__the_interval_is_that_over_the_training_patients_genes(whole, roster, assemble):
    cohort = assemble(roster)
    row = predict(whole, cohort).set_index("patient").loc["P3"]
    X = lay_out(whole, cohort)[0].X[[2]]
    drawn = training_rows(whole.features, whole.vectors, SUMMARY)
    low, high = interval_over_unmeasured(whole.model, X, np.arange(8), drawn, np.array([row["probability"]]))
    assert (row["low"], row["high"]) == (low[0], high[0])
    assert row["low"] < row["probability"] < row["high"]


def test_worth__an_unknown_covariate_is_in_the_interval(whole, roster, assemble):
    cohort = assemble(roster)
    row = predict(whole, cohort).set_index("patient").loc["P4"]
    X = np.repeat(lay_out(whole, cohort)[0].X[[3]], 2, axis=0)
    X[:, 0] = [0, 1]
    assert row["covariates_missing"] == "ER.status"
    np.testing.assert_allclose([row["low"], row["high"]], np.sort(whole.model.probability(X)), rtol=1e-12)


def test_worth__what_no_counts_are_kept_of_gives_no_interval(whole, roster, assemble):
    bundle = dataclasses.replace(whole, summary=dataclasses.replace(SUMMARY, levels={}, numbers={}))
    table = predict(bundle, assemble(roster)).set_index("patient")
    assert table["low"].isna().tolist() == [False, False, True, True]


def test_worth__without_vectors_there_is_no_interval_and_one_finding_says_so(whole, roster, assemble):
    bundle = dataclasses.replace(whole, vectors=None)
    table, findings = predict_and_notice(bundle, assemble(roster))
    table = table.set_index("patient")
    assert table["low"].isna().tolist() == table["high"].isna().tolist() == [False, False, True, True]
    assert table.loc["P1", "low"] == table.loc["P1", "probability"]
    [said] = [finding for finding in findings if finding.code == "no-interval"]
    assert said.count == 2
    assert "store: training_vectors: true" in said.message


def test_worth__too_few_vectors_give_no_interval_and_one_finding_says_so(whole, roster, assemble):
    bundle = dataclasses.replace(whole, vectors=whole.vectors[:18])
    table, findings = predict_and_notice(bundle, assemble(roster))
    assert table["low"].isna().tolist() == [False, False, True, True]
    assert ["fewer than 19" in f.message for f in findings if f.code == "no-interval"] == [True]


def test_worth__that_covariates_were_drawn_is_a_finding(whole, roster, assemble):
    _, findings = predict_and_notice(whole, assemble(roster))
    assert [f.count for f in findings if f.code == "covariates-drawn"] == [2]


def test_worth__burden_that_a_panel_cannot_tell_is_named_as_missing(make, roster, assemble):
    bundle = make("linear", [3, 8])
    row = predict(bundle, assemble(roster)).set_index("patient").loc["P3"]
    assert row["covariates_missing"] == BURDEN_NAME
    assert np.isnan(row["low"])


def test_worth__calibrated_probability_is_that_of_the_recalibration(whole, table):
    expected = whole.recalibration.probability(table["probability"].to_numpy())
    np.testing.assert_array_equal(table["calibrated_probability"], expected)
    assert table.loc["P1", "calibrated_probability"] != table.loc["P1", "probability"]


def test_worth__calibration_that_was_refused_is_missing_and_said_once(whole, roster, assemble):
    bundle = dataclasses.replace(whole, recalibration=Recalibration(0.0, 1.0, 0, "too few patients"))
    table, findings = predict_and_notice(bundle, assemble(roster))
    assert table["calibrated_probability"].isna().all()
    assert table["probability"].notna().all()
    said = [f.message for f in findings if f.code == "not-recalibrated"]
    assert said == ["no calibrated probability: too few patients"]


def test_sets__name_what_the_scores_leave_open(whole, assemble, roster):
    names = {(True, True): "either", (True, False): "does not respond", (False, True): "responds",
             (False, False): "neither"}  # fmt: skip
    table = predict(whole, assemble(ages(roster, P1=50, P2=60)), roster=roster).set_index("patient").loc[["P1"]]
    inside = whole.conformal.sets(table["probability"].to_numpy(), 0.2)
    assert list(table["conformal_set"]) == [names[tuple(row)] for row in inside.tolist()]
    assert list(table["set_refusal"]) == [""]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((np.full(40, 0.99), np.full(40, 0.99)), "either"),
        ((np.linspace(0, 1e-6, 40), np.full(40, 0.99)), "responds"),
        ((np.full(40, 0.99), np.linspace(0, 1e-6, 40)), "does not respond"),
        ((np.linspace(0, 1e-6, 40), np.linspace(0, 1e-6, 40)), "neither"),
    ],
)
def test_sets__have_four_words(whole, roster, assemble, monkeypatch, scores, expected):
    monkeypatch.setattr(Conformal, "refused", lambda self, rate: "")
    bundle = dataclasses.replace(whole, conformal=Conformal(scores))
    assert predict(bundle, assemble(roster)).set_index("patient").loc["P1", "conformal_set"] == expected


def test_sets__are_withheld_with_the_reason(whole, roster, assemble):
    cohort = assemble(ages(roster, P2=95))
    shared = pd.DataFrame({"patient": ["P1"], "training_patient": ["P-1f"], "shared": [42], "of": [60]})
    table = predict(whole, cohort, roster=roster, shared=shared).set_index("patient")
    assert table.loc["P1", "set_refusal"] == SHARED
    assert table.loc["P2", "set_refusal"] == UNLIKE
    assert table.loc["P3", "set_refusal"] == PARTLY
    assert table.loc["P4", "set_refusal"] == f"{PARTLY}; {UNLIKE}"
    assert table.loc["P5", "set_refusal"] == ""
    assert set(table["conformal_set"]) == {""}


def test_sets__that_the_model_cannot_give_are_refused_for_all_with_its_reason(whole, roster, assemble):
    bundle = dataclasses.replace(whole, conformal=Conformal((np.ones(3), np.ones(3))))
    table, findings = predict_and_notice(bundle, assemble(roster))
    reason = bundle.conformal.refused(0.2)
    assert reason
    assert set(table["set_refusal"]) == {reason}
    assert [f.message for f in findings if f.code == "no-conformal-sets"] == [f"no conformal sets: {reason}"]


def test_sets__claim_nothing_when_it_is_not_known_whom_the_model_was_trained_on(whole, roster, assemble):
    unknown = dataclasses.replace(SUMMARY, patients=0)
    table, findings = predict_and_notice(dataclasses.replace(whole, summary=unknown), assemble(roster))
    assert set(table["set_refusal"]) == {NO_SUMMARY}
    assert "no-training-summary" in [f.code for f in findings]


def flags(bundle: ModelBundle, cohort: Cohort) -> pd.Series:
    return predict(bundle, cohort).set_index("patient")["out_of_distribution"]


def test_flags__are_empty_for_patients_like_those_of_the_training(whole, roster, assemble):
    assert flags(whole, assemble(roster))[["P1", "P3"]].tolist() == ["", ""]


def test_flags__name_a_number_beyond_the_training_range(whole, roster, assemble):
    found = flags(whole, assemble(ages(roster, P1=29.5, P3=70.5)))
    assert found["P1"] == "age 29.5, below every training patient's (from 30)"
    assert found["P3"] == "age 70.5, above every training patient's (up to 70)"


def test_flags__name_a_level_that_no_training_patient_had(whole, roster, assemble):
    found = flags(whole, assemble(roster))
    assert found["P4"] == "ER.status UNSURE, which no training patient had"
    # T2 is a declared rank, but nobody had it.
    assert found["P2"] == "stage T2, which no training patient had"


def test_flags__name_a_burden_beyond_the_training_range(whole, roster, assemble):
    rows = [("P1", f"G{i}", "missense") for i in range(7)] + [("P4", "G1", "silent"), ("P3", "TP53", "missense")]
    found = flags(whole, assemble(roster, rows))
    assert found["P1"] == "burden of 7, above every training patient's (up to 3.5)"
    assert "burden of 0, below every training patient's (from 0.5)" in found["P4"]
    # A panel cannot tell the burden of an exome.
    assert found["P3"] == ""


def test_flags__count_the_burden_in_the_genes_that_training_counted(whole, roster, assemble):
    bundle = dataclasses.replace(whole, summary=dataclasses.replace(SUMMARY, burden_genes=("G1", "TP53")))
    rows = [("P1", f"G{i}", "missense") for i in range(7)] + [("P2", "TP53", "missense")]
    assert flags(bundle, assemble(roster, rows))["P1"] == ""


def test_flags__of_a_burden_rate_are_said_in_calls_per_megabase(roster, assemble):
    features = (Feature(BURDEN_RATE_NAME, "burden", "number"),)
    preparation = Preparation(("number",)).fit(np.array([[0.0], [1.0]], dtype=np.float32))
    model = FittedModel("l2", np.arange(1), preparation, LinearLogit(np.array([1.0]), 0.0))
    rated = dataclasses.replace(
        make_bundle("rate", model, features, "binary", ("missense",), CARD, simulated=True),
        summary=dataclasses.replace(
            SUMMARY, levels={}, mutated=None, numbers={BURDEN_RATE_NAME: Bins((0.0, float(np.log1p(2.0))), (80,))}
        ),
    )
    cohort = assemble(roster, [("P1", f"G{i}", "missense") for i in range(90)])
    sized = dataclasses.replace(
        cohort, assays=tuple(dataclasses.replace(assay, megabases=30.0) for assay in cohort.assays)
    )
    found = flags(rated, sized)
    assert found["P1"] == "burden per megabase 3, above every training patient's (up to 2)"
    assert found["P2"] == ""


def test_flags__name_more_mutated_genes_than_any_training_patient_had(whole, roster, assemble):
    found = flags(whole, assemble(roster, [("P1", gene, "missense") for gene in whole.genes]))
    assert "genes of the model mutated: 5, above every training patient's (up to 3.5)" in found["P1"]


def test_flags__name_an_assay_that_no_training_patient_had(whole, roster, assemble):
    bundle = dataclasses.replace(whole, summary=dataclasses.replace(SUMMARY, assays={"exome": 80}))
    assert flags(bundle, assemble(roster))["P3"] == "assay panel, which no training patient had"


def test_flags__name_an_assay_that_covers_less_under_the_same_name(whole, roster, assemble):
    trained = {
        "exome": {"genes": None, "megabases": None},
        "panel": {"genes": ["ERBB2", "TP53"], "megabases": None},
    }
    bundle = dataclasses.replace(whole, card={**whole.card, "inputs": {"assays": trained}})
    said = "an assay of fewer genes than the panel that training patients had"
    assert flags(bundle, assemble(roster))["P3"] == said
    assert flags(bundle, assemble(roster, genes=("TP53", "ERBB2", "MUC16")))["P3"] == ""


def test_shared__is_said_with_the_pseudonym(whole, roster, assemble):
    shared = pd.DataFrame(
        {"patient": ["P1", "P1"], "training_patient": ["P-1f", "P-2a"], "shared": [42, 7], "of": [60, 9]}
    )
    table = predict(whole, assemble(roster), roster=roster, shared=shared).set_index("patient")
    said = "shares 42 of 60 rare variants with P-1f; shares 7 of 9 rare variants with P-2a"
    assert table.loc["P1", "shared_with_training"] == said
    assert table.loc["P2", "shared_with_training"] == ""


def test_shared__where_nobody_looked_the_table_says_so(table):
    assert set(table["shared_with_training"].drop("P5")) == {NOT_SEARCHED}


def placed(roster: pd.DataFrame, patients: dict[str, int]) -> Cohort:
    """Return a cohort in which each patient has 20 calls at places of their own, from a start on."""
    rows = [
        (patient, "TP53", "missense", "1", start + i) for patient, start in patients.items() for i in range(20)
    ]
    calls = conform(pd.DataFrame(rows, columns=["patient", "gene", "effect", "chrom", "pos"]), CALLS)
    return Cohort.assemble(calls, roster[roster.index.isin(list(patients))], training=False)


def test_shared__a_patient_of_the_training_cohort_is_found(whole, roster):
    plain = roster.assign(assay=pd.Series(pd.NA, index=roster.index, dtype="str"))
    bundle = dataclasses.replace(
        whole, marks=marks_of(placed(plain, {"P1": 100, "P2": 500, "P4": 900}), bytes(32))
    )
    shared, findings = find_training_patients(bundle, placed(plain, {"P2": 5000, "P3": 500}), bytes(32))
    assert shared["patient"].tolist() == ["P3"]
    assert (shared["shared"].tolist(), shared["of"].tolist()) == ([20], [20])
    assert [(f.code, f.patient) for f in findings] == [("training-patient", "P3")]


@pytest.mark.parametrize("key", [None, bytes([1] * 32)])
def test_shared__without_marks_or_their_key_the_search_is_not_possible_and_said(whole, roster, key):
    plain = roster.assign(assay=pd.Series(pd.NA, index=roster.index, dtype="str"))
    new = placed(plain, {"P2": 5000})
    marks = None if key is None else marks_of(placed(plain, {"P1": 100, "P2": 500}), key)
    shared, findings = find_training_patients(dataclasses.replace(whole, marks=marks), new, bytes(32))
    assert shared is None
    assert [f.code for f in findings] == ["training-patients-not-searched"]


def test_refused__what_reading_refused_is_the_patients_row(whole, roster, assemble):
    why = {"P2": "the file ends in the middle of a line"}
    table, findings = predict_and_notice(whole, assemble(roster), roster=roster, refused=why)
    row = table.set_index("patient").loc["P2"]
    assert list(table["patient"]) == list(roster.index)
    assert row["refusal"] == why["P2"]
    assert np.isnan(row["probability"])
    assert (
        row[["out_of_distribution", "not_covered", "covariates_missing", "top_contributions"]].tolist() == [""] * 4
    )
    # What is counted of the others is not counted of a patient who was not read.
    assert [f.count for f in findings if f.code == "out-of-distribution"] == [1]


def test_refused__patients_without_a_roster_come_last(whole, roster, assemble):
    table = predict(whole, assemble(roster), refused={"P9": "unreadable", "P2": "unreadable"})
    assert list(table["patient"]) == ["P1", "P2", "P3", "P4", "P9"]
    assert list(table["refusal"]) == ["", "unreadable", "", "", "unreadable"]


def test_refused__nobody_left_is_still_a_table(whole, roster, assemble):
    why = dict.fromkeys(["P1", "P2", "P3", "P4"], "unreadable")
    table = predict(whole, assemble(roster), roster=roster, refused=why)
    assert list(table["refusal"]) == ["unreadable"] * 4 + ["not sequenced"]


def test_worth__without_weights_no_share_is_made_up_and_a_finding_says_so(make, roster, assemble):
    table, findings = predict_and_notice(make("linear"), assemble(roster))
    np.testing.assert_array_equal(table["weight_measured"], [1.0, 1.0, np.nan, np.nan])
    assert [f.count for f in findings if f.code == "no-weights"] == [2]
    assert set(table["refusal"]) == {""}


def test_worth__version_is_missing_for_a_model_that_was_not_stored(whole, roster, assemble):
    cohort = assemble(roster)
    assert set(predict(whole, cohort)["model_version"]) == {3}
    assert predict(dataclasses.replace(whole, version=0), cohort)["model_version"].isna().all()


def test_served__is_missing_where_predict_abstains_and_the_same_bits_elsewhere(whole, roster, assemble):
    bundle = dataclasses.replace(whole, abstain_below=0.5)
    cohort = assemble(roster)
    served = ServedModel(bundle).predict(frame_of(bundle, lay_out(bundle, cohort)[0].X))
    assert np.isnan(served).tolist() == [False, False, True, False]
    np.testing.assert_array_equal(served, predict(bundle, cohort)["probability"])


def test_findings__name_neither_patients_nor_numbers(whole, roster, assemble):
    _, findings = predict_and_notice(dataclasses.replace(whole, vectors=None), assemble(roster), abstain_below=0.5)
    assert {"abstained", "no-interval", "out-of-distribution"} <= {f.code for f in findings}
    assert not [f for f in findings if f.patient or "P3" in f.message or "40 %" in f.message]
