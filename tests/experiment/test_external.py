"""External validation: one look, at patients whom the model has not seen, set beside the internal scores."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.calls.read import read_calls
from trastuz_ml.calls.reading import Reading
from trastuz_ml.cohort.patients import Response
from trastuz_ml.cohort.pseudonyms import pseudonyms
from trastuz_ml.cohort.variant_marks import marks_of, shared_with
from trastuz_ml.errors import ConfigurationError, EvidenceError, InputError, OutputExistsError
from trastuz_ml.experiment.evaluations import RECORD, earlier_evaluations, note_evaluation
from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.experiment.external import validate_externally
from trastuz_ml.experiment.publish import publish
from trastuz_ml.experiment.read import load_cohort
from trastuz_ml.features.simulate import simulate_cohort
from trastuz_ml.schema import CALLS, conform, join_tables
from trastuz_ml.store.bundle import load_model

RESPONSE = Response("response", ("pCR",), ("RD",))


@pytest.fixture(scope="module")
def kept(small_trained, tmp_path_factory):
    settings, trained = small_trained
    folder = tmp_path_factory.mktemp("kept")
    settings = settings.model_copy(update={"tracking": settings.tracking.model_copy(update={"enabled": False})})
    return folder, publish(trained, settings, runs=folder / "runs", models=folder / "models").model


@pytest.fixture
def new(tmp_path):
    simulate_cohort(120, 11).write(tmp_path)
    return tmp_path


def edit(folder, change):
    path = folder / "roster.tsv"
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    change(table).to_csv(path, sep="\t", index=False)


def judge(kept, new, models="models", **options):
    folder, model = kept
    given = {"response": RESPONSE, "out": new / "predictions.csv", "runs": folder / "runs", "models": new / models}
    return validate_externally(load_model(model), [new / "calls.maf"], new / "roster.tsv", **{**given, **options})


def test_external__writes_every_table_and_a_page(kept, new):
    found = judge(kept, new)
    folder = new / "predictions.external"
    assert sorted(path.name for path in folder.iterdir()) == [
        "calibration.tsv", "drift.tsv", "external.json", "external.md", "net_benefit.tsv", "scores.tsv",
        "shared.tsv",
    ]  # fmt: skip
    about = json.loads((folder / "external.json").read_text())
    assert about["kind"] == "external validation"
    assert about["counts"]["judged"] == found.counts["judged"] == 120
    assert len(pd.read_csv(new / "predictions.csv")) == 120
    scores = pd.read_csv(folder / "scores.tsv", sep="\t").set_index("score")
    assert scores.loc["AUROC", "internal_low"] < scores.loc["AUROC", "internal"]
    assert scores.loc["AUROC", "external_low"] < scores.loc["AUROC", "external"]


def test_external__no_patient_is_named_on_the_page_or_in_the_json(kept, new):
    judge(kept, new)
    for name in ("external.md", "external.json", "scores.tsv", "drift.tsv", "calibration.tsv"):
        assert "SIM0" not in (new / "predictions.external" / name).read_text()


def test_external__scores_are_those_of_the_predictions_written(kept, new):
    from sklearn.metrics import brier_score_loss, roc_auc_score

    found = judge(kept, new)
    table = pd.read_csv(new / "predictions.csv").set_index("patient")
    truth = pd.read_csv(new / "roster.tsv", sep="\t").set_index("patient")["response"].map({"pCR": 1, "RD": 0})
    y, p = truth[table.index], table["probability"]
    assert found.score("AUROC") == pytest.approx(roc_auc_score(y, p))
    assert found.score("Brier score") == pytest.approx(brier_score_loss(y, p))


def with_twins(folder, number, seed=11):
    """Write 120 new patients, and some of the training patients under other names; return the true names."""
    new, trained = simulate_cohort(120, seed), simulate_cohort(60, 3)
    own = trained.calls["patient"].value_counts()
    names = sorted(own.index[own >= 20].astype(str))[:number]
    called = {name: f"TWIN{i}" for i, name in enumerate(names)}
    calls = trained.calls[trained.calls["patient"].isin(names)]
    calls = calls.assign(patient=calls["patient"].astype(str).map(called))
    roster = trained.roster[trained.roster["patient"].isin(names)]
    whole = join_tables([new.calls, conform(calls, CALLS)], CALLS)
    people = pd.concat([new.roster, roster.assign(patient=roster["patient"].map(called))], ignore_index=True)
    replace(new, calls=whole, roster=people).write(folder)
    return {twin: name for name, twin in called.items()}


def test_external__training_patients_are_found_set_aside_and_named(kept, tmp_path):
    truth = with_twins(tmp_path, 10)
    found = judge(kept, tmp_path)
    assert dict(zip(found.shared["patient"], found.shared["training_patient"], strict=True)) == truth
    assert found.counts["set_aside"] == 10
    assert found.counts["judged"] == 120
    page = (tmp_path / "predictions.external" / "external.md").read_text()
    assert page.count("set aside. Who it is stands") == 10
    assert not any(name in page for name in (*truth, *truth.values()))
    alone = tmp_path / "alone"
    simulate_cohort(120, 11).write(alone)
    pd.testing.assert_frame_equal(judge(kept, alone).scores, found.scores)


def test_external__without_the_run_the_pseudonym_stands_for_the_training_patient(kept, tmp_path):
    with_twins(tmp_path, 2)
    found = judge(kept, tmp_path, runs=tmp_path / "none")
    assert found.shared["training_patient"].str.startswith("P-").all()


def test_external__a_model_without_marks_says_that_nobody_searched(kept, new):
    folder, model = kept
    bundle = replace(load_model(model), marks=None)
    found = validate_externally(
        bundle, [new / "calls.maf"], new / "roster.tsv", response=RESPONSE, out=new / "p.csv",
        models=new / "models", runs=folder / "runs",
    )  # fmt: skip
    assert found.searched.startswith("not searched")
    assert "**Not known**" in (new / "p.external" / "external.md").read_text()


def test_external__the_second_look_is_counted_and_said(kept, new):
    first = judge(kept, new)
    second = judge(kept, new, out=new / "again.csv")
    assert (first.evaluated["same_roster"], second.evaluated["same_roster"]) == (0, 1)
    assert "2 times: only the first is a validation" in (new / "again.external" / "external.md").read_text()
    assert not any("SIM0" in line for line in (new / "models" / RECORD).read_text().splitlines())


def test_external__another_model_on_the_same_patients_is_counted(tmp_path):
    note_evaluation(tmp_path, model="one", roster="r")
    note_evaluation(tmp_path, model="two", roster="r")
    note_evaluation(tmp_path, model="one", roster="other")
    assert earlier_evaluations(tmp_path, "one", "r") == {
        "same_roster": 1, "other_roster": 1, "other_models": 1, "recalibrated_here": 0,
    }  # fmt: skip


def test_external__a_damaged_record_is_refused(tmp_path):
    (tmp_path / RECORD).write_text("{\n")
    with pytest.raises(ConfigurationError, match="record of evaluations"):
        earlier_evaluations(tmp_path, "one", "r")


def test_external__another_response_is_transport(kept, new):
    edit(new, lambda table: table.rename(columns={"response": "RECIST"}))
    found = judge(kept, new, response=Response("RECIST", ("pCR",), ("RD",)))
    assert found.kind == "transport, not validation"
    assert "RECIST here and response in training" in found.transport
    said = judge(kept, new, response=Response("RECIST", ("pCR",), ("RD",)), transport="another drug", force=True)
    assert said.transport.startswith("another drug; ")


def test_external__recalibration_is_a_new_version_and_the_old_one_stays(kept, new):
    folder, model = kept
    before = sorted((path.name, path.read_bytes()) for path in model.iterdir())
    old = load_model(model)
    found = judge(kept, new, models=folder / "recalibrated", recalibrate=True)
    made = load_model(folder / "recalibrated" / "small")
    table = pd.read_csv(new / "predictions.csv")
    again = made.recalibration.probability(table["probability"])
    assert again.mean() == pytest.approx(found.counts["responders"] / 120)
    assert sorted((path.name, path.read_bytes()) for path in model.iterdir()) == before
    assert made.sha256 != old.sha256
    assert "external patients" in made.card["limits"][-1]
    second = validate_externally(
        made, [new / "calls.maf"], new / "roster.tsv", response=RESPONSE, out=new / "second.csv",
        models=folder / "recalibrated", runs=folder / "runs",
    )  # fmt: skip
    assert second.evaluated["recalibrated_here"] == 1
    assert "recalibrated in these very patients" in (new / "second.external" / "external.md").read_text()
    assert second.score("AUROC") == found.score("AUROC")


def test_external__with_few_responders_only_the_intercept_is_fitted(kept, new):
    truth = pd.read_csv(new / "roster.tsv", sep="\t")
    responders = truth.loc[truth["response"] == "pCR", "patient"].tolist()[15:]
    edit(new, lambda table: table[~table["patient"].isin(responders)])
    about = judge(kept, new, recalibrate=True).recalibration
    assert about["slope"] == 1.0
    assert "a class has 15 patients, and a slope needs 20 of each" in about["said"]


def test_external__too_few_responders_are_not_recalibrated(kept, new):
    truth = pd.read_csv(new / "roster.tsv", sep="\t")
    responders = truth.loc[truth["response"] == "pCR", "patient"].tolist()[5:]
    edit(new, lambda table: table[~table["patient"].isin(responders)])
    found = judge(kept, new, recalibrate=True)
    assert found.recalibration["said"].startswith("No recalibrated version was made: a class has 5 patients")
    assert not (new / "models" / "small").exists()


def test_external__refused_patients_and_missing_responses_are_counted(kept, new):
    def change(table):
        table = table.assign(response=["", *table["response"][1:]], age=["old", "old", *table["age"][2:]])
        return pd.concat([table, table.iloc[[5]]])

    edit(new, change)
    found = judge(kept, new)
    counts = found.counts
    assert (counts["refused"], counts["without_response"]) == (3, 0)
    assert counts["judged"] == 117
    assert sum(found.refusals.values()) == 3
    assert len(pd.read_csv(new / "predictions.csv")) == 121  # rows in = rows out


@pytest.mark.parametrize(
    ("response", "error", "said"),
    [
        (Response("respons", ("pCR",), ("RD",)), InputError, "no column 'respons'; the nearest is response"),
        (Response("response", ("CR",), ("RD",)), InputError, "no patient has a positive response"),
        (Response("response", ("pCR", "RD"), ("RD",)), ConfigurationError, "both a positive and a negative"),
    ],
)
def test_external__a_wrong_response_is_refused_before_anything_is_written(kept, new, response, error, said):
    with pytest.raises(error, match=said):
        judge(kept, new, response=response)
    assert not (new / "predictions.csv").exists()
    assert not (new / "models").exists()


def test_external__nobody_to_judge_is_refused(kept, new):
    edit(new, lambda table: table.assign(age=np.where(table["response"] == "pCR", "old", table["age"])))
    with pytest.raises(EvidenceError, match="0 responded"):
        judge(kept, new)


def test_external__what_is_there_is_not_replaced(kept, new):
    judge(kept, new)
    (new / "predictions.csv").unlink()
    with pytest.raises(OutputExistsError, match=r"predictions\.external"):
        judge(kept, new)
    (new / "mine.external").mkdir()
    with pytest.raises(OutputExistsError, match="not an external validation"):
        judge(kept, new, out=new / "mine.csv", force=True)


def test_external__the_order_of_rows_changes_no_table(kept, new):
    first = judge(kept, new, out=new / "one.csv", models="a")
    edit(new, lambda table: table.iloc[::-1])
    second = judge(kept, new, out=new / "two.csv", models="b")
    for name in ("scores", "calibration", "net_benefit", "drift"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(second, name))


def test_marks__find_the_patient_who_is_in_both_melanoma_cohorts():
    """Liu 2019 Patient35 is Van Allen 2015 Pat83: 42 shared places."""
    root = Path(__file__).parents[2]
    data = root.parent / "shared" / "data" / "melanoma"
    if not data.is_dir():
        pytest.skip("the melanoma cohorts (Liu 2019, Van Allen 2015) are not beside the project")
    liu = load_cohort(read_experiment(root / "experiments" / "liu2019_objective.yaml"), workers=1)
    new = read_calls([data / "vanallen2015" / "SNV.txt.gz"], Reading()).calls
    marks, key = marks_of(liu, bytes(32)), bytes(32)
    everybody = pd.Index(new["patient"].cat.categories)
    found = shared_with(marks, new, everybody, key)
    assert found["patient"].tolist() == ["Pat83"]
    assert found["training_patient"].tolist() == list(pseudonyms(["Patient35"], key).values())
    assert (found["shared"].item(), found["of"].item()) == (42, 63)
    strangers = shared_with(replace(marks, least=-1.0), new, everybody, key)
    assert strangers.loc[strangers["patient"] != "Pat83", "beyond_chance"].max() < 0.01
