"""What the content of a report says, and what it keeps to itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from trastuz_ml import schema
from trastuz_ml.errors import InputError
from trastuz_ml.report.content import content_of, file_name, gene_sentences
from trastuz_ml.report.genes import INTACT, LETTERS, MUTATED, NOT_COVERED, watched_content
from trastuz_ml.store.run_folder import Run

Make = Callable[..., Run]
Names = Callable[[Run], dict[str, str]]


@pytest.fixture(scope="module")
def content(large: Run, pseudonyms: Names) -> dict:
    return content_of([large], pseudonyms(large))


def test_content__is_plain_json(content: dict) -> None:
    assert json.loads(json.dumps(content, allow_nan=False)) == content


def test_content__says_simulated_when_so(make: Make, pseudonyms: Names) -> None:
    run = make(simulated=True)
    content = content_of([run], pseudonyms(run))
    assert content["title"].startswith("SIMULATED")
    assert content["banner"].startswith("SIMULATED")
    assert content["runs"][0]["answer"]["sentences"][0].startswith("SIMULATED")


def test_content__does_not_say_simulated_of_real_patients(make: Make, pseudonyms: Names) -> None:
    run = make(simulated=False)
    assert "simulated –" not in json.dumps(content_of([run], pseudonyms(run))).lower()
    assert content_of([run], pseudonyms(run))["banner"] == ""


def test_content__holds_no_real_identifier(content: dict) -> None:
    assert "PATIENT-" not in json.dumps(content)


def test_content__refuses_a_patient_without_pseudonym(make: Make, pseudonyms: Names) -> None:
    run = make()
    names = pseudonyms(run)
    names.pop("PATIENT-0001")
    with pytest.raises(InputError, match="no pseudonym"):
        content_of([run], names)


def test_content__needs_a_run() -> None:
    with pytest.raises(ValueError, match="at least one run"):
        content_of([], {})


def test_answer__gives_chosen_with_interval_and_its_coverage(content: dict, large: Run) -> None:
    row = large.scores.query("model == 'chosen' and score == 'AUROC'").iloc[0]
    said = " ".join(content["runs"][0]["answer"]["sentences"])
    assert f"AUROC of {row.estimate:.2f} (95 % {row.low:.2f} to {row.high:.2f}, Nadeau-Bengio" in said
    assert "held the truth in 89 % of simulated cohorts" in said
    assert "Genes add +0.030 (95 % −0.040 to +0.100)" in said
    assert "nothing measurable" in said


def test_answer__explains_a_missing_interval(make: Make, pseudonyms: Names) -> None:
    run = make(missing_interval=True)
    section = content_of([run], pseudonyms(run))["runs"][0]
    reason = "one fold only: the spread over folds is unknown"
    assert f"no interval: {reason}" in " ".join(section["answer"]["sentences"])
    assert f"No interval: {reason}" in section["scores"]["notes"]


def test_answer__tells_when_chance_is_not_excluded(make: Make, pseudonyms: Names) -> None:
    run = make()
    wide = run.scores["score"] == "AUROC"
    run.scores.loc[wide, ["low", "high"]] = [0.4, 0.9]
    assert "cannot be told from chance" in " ".join(
        content_of([run], pseudonyms(run))["runs"][0]["answer"]["sentences"]
    )


def test_answer__says_when_genes_were_not_compared(make: Make, pseudonyms: Names) -> None:
    run = replace(make(), comparisons=schema.empty(schema.COMPARISONS))
    section = content_of([run], pseudonyms(run))["runs"][0]
    assert "was not compared" in " ".join(section["answer"]["sentences"])
    assert len(section["answer"]["highlights"]) == 3


def test_watched__gene_without_carriers_is_not_evaluable(content: dict, large: Run) -> None:
    said = gene_sentences(large)
    assert said == content["runs"][0]["answer"]["genes"]
    assert said[0].startswith("ANKRD44 is mutated in ")
    assert said[1] == "PPM1D: not evaluable: mutated in 0 of 160."


def test_watched__association_is_said_with_its_direction(make: Make) -> None:
    run = make()
    run.associations.loc[0, ["p", "odds_ratio", "low", "high"]] = [0.0004, 0.2, 0.05, 0.7]
    assert "Fisher p < 0.001" in watched_content(run.watched)[0]["sentence"]
    assert "less frequent response in this cohort" in watched_content(run.watched)[0]["sentence"]
    run.associations.loc[0, ["odds_ratio", "low", "high"]] = [np.inf, 1.5, np.inf]
    assert "odds ratio ∞" in watched_content(run.watched)[0]["sentence"]
    assert "more frequent response" in watched_content(run.watched)[0]["sentence"]
    run.associations.loc[0, "low"] = 0.9  # test and interval disagree: nothing is claimed
    assert "No association with response can be shown" in watched_content(run.watched)[0]["sentence"]


def test_scores__each_cell_points_to_the_note_on_its_interval(content: dict) -> None:
    scores = content["runs"][0]["scores"]
    cells = [cell for row in scores["rows"] for cell in row["cells"]]
    assert all(1 <= cell["note"] <= len(scores["notes"]) for cell in cells)
    assert {scores["notes"][cell["note"] - 1][:11] for cell in cells if cell["low"] is None} == {"No interval"}


def test_overview__states_agree_with_the_matrix(content: dict, large: Run, pseudonyms: Names) -> None:
    overview = content["runs"][0]["overview"]
    real = {shown: patient for patient, shown in pseudonyms(large).items()}
    frame = large.matrix.frame().loc[[real[p["patient"]] for p in overview["patients"]]]
    for gene in overview["genes"]:
        column = frame[gene["gene"]]
        expected = np.select(
            [column.isna(), column > 0], [LETTERS[NOT_COVERED], LETTERS[MUTATED]], LETTERS[INTACT]
        )
        assert gene["states"] == "".join(expected)


def test_overview__watched_genes_are_there_and_responders_come_first(content: dict) -> None:
    overview = content["runs"][0]["overview"]
    assert {g["gene"] for g in overview["genes"] if g["watched"]} == {"ANKRD44", "PPM1D"}
    response = [patient["response"] for patient in overview["patients"]]
    assert response == sorted(response, reverse=True)


def test_overview__watched_gene_outside_the_matrix_is_named(make: Make, pseudonyms: Names) -> None:
    run = make()
    run.associations.loc[1, "gene"] = "NOT_A_COLUMN"
    assert content_of([run], pseudonyms(run))["runs"][0]["overview"]["absent"] == ["NOT_A_COLUMN"]


def test_content__does_not_depend_on_the_order_of_rows(make: Make, pseudonyms: Names) -> None:
    run, shuffled = make(), make()
    names = pseudonyms(run)
    for table in (shuffled.patients, shuffled.gene_contributions):
        table[:] = table.sample(frac=1, random_state=3).to_numpy()
    assert content_of([shuffled], names)["runs"][0]["overview"] == content_of([run], names)["runs"][0]["overview"]
    assert content_of([shuffled], names)["runs"][0]["leading"] == content_of([run], names)["runs"][0]["leading"]


def test_findings__say_pseudonyms_in_messages(content: dict, large: Run, pseudonyms: Names) -> None:
    names = pseudonyms(large)
    finding = next(f for f in content["runs"][0]["findings"] if f["code"] == "odd-depth")
    assert finding["messages"] == [
        f"depth of {names['PATIENT-0006']} is far above that of {names['PATIENT-0007']}"
    ]


def test_findings__of_strangers_are_counted_not_named(content: dict) -> None:
    findings = {finding["code"]: finding for finding in content["runs"][0]["findings"]}
    assert findings["calls-without-patient"]["nameless"] == 1
    assert findings["calls-without-patient"]["patients"] == []
    assert "not on the roster" in findings["calls-without-patient"]["messages"][0]
    assert findings["odd-purity"]["messages"] == []
    assert findings["duplicate-call"]["count"] == 60


def test_findings__identifier_that_goes_on_is_withheld(make: Make, pseudonyms: Names) -> None:
    one = pd.DataFrame([("note", "odd", "", "", 1, "PATIENT-0001 and PATIENT-00011 differ")])
    one.columns = schema.FINDINGS.names
    run = make(findings=one)
    assert content_of([run], pseudonyms(run))["runs"][0]["findings"][0]["messages"] == []


def test_provenance__has_no_folder_and_no_identifier(content: dict) -> None:
    provenance = content["runs"][0]["provenance"]
    assert provenance["configuration"]["calls"]["maf"] == "calls.maf"
    assert "withheld" in provenance["configuration"]["exclude"][1]
    assert provenance["configuration"]["watch"][0] == "ANKRD44"
    assert provenance["command"] == "trastuz-ml train transneo-made-up.yaml"


@pytest.mark.parametrize("name", ["a; rm -rf b", "--force", "$(x)", "../../x", "é è", ""])
def test_file_name__is_safe_to_type(name: str) -> None:
    safe = file_name(name)
    assert safe
    assert not safe.startswith(("-", "."))
    assert all(c.isalnum() or c in "._-" for c in safe)


def test_across__runs_on_different_splits_are_not_tested(make: Make, pseudonyms: Names) -> None:
    one, other = make(fingerprint="a"), make(fingerprint="b", name="other")
    content = content_of([one, other], pseudonyms(one))
    assert len(content["runs"]) == 2
    assert "no test between them is given" in content["across"]


def test_across__runs_on_the_same_splits_are_said_to_be_so(make: Make, pseudonyms: Names) -> None:
    one, other = make(), make(name="other", simulated=False)
    content = content_of([one, other], pseudonyms(one))
    assert "share patients, responses and split plan" in content["across"]
    assert content["banner"].startswith("SIMULATED. Every patient of transneo made up")


def test_limits__few_patients_are_an_illustration(make: Make, pseudonyms: Names) -> None:
    few = make(patients=24)
    limits = " ".join(content_of([few], pseudonyms(few))["runs"][0]["limits"])
    assert "illustration" in limits
    assert "not advice on treatment" in limits
    assert "cannot be attributed to trastuzumab" in limits


def test_content__words_never_claim_a_cause(content: dict) -> None:
    said = json.dumps(content).lower()
    assert not any(word in said for word in (" causes ", "caused by", "should be treated", "benefit from"))


def test_content__the_levels_of_a_stage_are_shown_though_patients_are_numbered_alike(large: Run) -> None:
    stage = {"stage": {"kind": "ordered", "levels": ["T1", "T2"]}}
    patients = {p: f"T{i + 5}" for i, p in enumerate(large.patients["patient"])}
    renamed = replace(
        large,
        configuration={"roster": {"covariates": stage, "file": "T9.tsv"}},
        patients=large.patients.assign(patient=large.patients["patient"].map(patients)),
        matrix=replace(large.matrix, patients=tuple(patients[p] for p in large.matrix.patients)),
        out_of_fold=large.out_of_fold.assign(patient=large.out_of_fold["patient"].map(patients)),
    )
    names = {p: f"K{i}" for i, p in enumerate(patients.values())}
    shown = content_of([renamed], names)["runs"][0]["provenance"]["configuration"]["roster"]
    assert shown["covariates"]["stage"]["levels"] == ["T1", "T2"]
    assert shown["file"] != "T9.tsv"
