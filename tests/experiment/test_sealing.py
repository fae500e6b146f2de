"""Seals: the same inputs give the same bytes, no patient is named, and every change is found and named."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from trastuz_ml.cohort.patients import Response
from trastuz_ml.errors import ConfigurationError, EvidenceError, InputError, OutputExistsError
from trastuz_ml.experiment.publish import publish
from trastuz_ml.experiment.sealing import Sealed, changes, read_seal, require_unchanged, response_of, seal
from trastuz_ml.features.simulate import simulate_cohort
from trastuz_ml.store.bundle import load_model

RESPONSE = Response("response", ("pCR",), ("RD",))


@pytest.fixture(scope="module")
def bundle(small_trained, tmp_path_factory):
    settings, trained = small_trained
    folder = tmp_path_factory.mktemp("kept")
    settings = settings.model_copy(update={"tracking": settings.tracking.model_copy(update={"enabled": False})})
    return load_model(publish(trained, settings, runs=folder / "r", models=folder / "m").model)


@pytest.fixture
def given(bundle, tmp_path):
    simulate_cohort(20, 11).write(tmp_path)
    edit(tmp_path, lambda table: table.drop(columns="response"))
    (tmp_path / "plan.md").write_text("AUROC with its interval; nothing else is primary.\n")
    return Sealed(bundle, tmp_path / "plan.md", tmp_path / "roster.tsv", [tmp_path / "calls.maf"])


def edit(folder, change):
    path = folder / "roster.tsv"
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    change(table).to_csv(path, sep="\t", index=False)


def open_responses(folder):
    truth = simulate_cohort(20, 11).roster.set_index("patient")["response"]
    edit(folder, lambda table: table.assign(response=table["patient"].map(truth)))


def test_seal__holds_when_only_responses_were_added(given, tmp_path):
    seal(given, tmp_path / "seal.json", response=RESPONSE)
    open_responses(tmp_path)
    about = read_seal(tmp_path / "seal.json")
    assert response_of(about) == RESPONSE
    assert changes(about, given, RESPONSE) == []
    assert "those that were sealed" in require_unchanged(about, given, RESPONSE)


def test_seal__is_the_same_bytes_whatever_the_order_of_rows_columns_and_files(given, tmp_path):
    (tmp_path / "more.maf").write_text((tmp_path / "calls.maf").read_text())
    both = [tmp_path / "calls.maf", tmp_path / "more.maf"]
    seal(replace(given, calls=both), tmp_path / "one.json")
    edit(tmp_path, lambda table: table.iloc[::-1, ::-1])
    seal(replace(given, calls=both[::-1]), tmp_path / "two.json")
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_seal__names_no_patient_and_no_file(given, tmp_path):
    named = tmp_path / "SIM000001.maf"
    named.write_text((tmp_path / "calls.maf").read_text())
    seal(replace(given, calls=[named]), tmp_path / "seal.json")
    text = (tmp_path / "seal.json").read_text()
    assert "SIM0" not in text
    assert str(tmp_path) not in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.assign(age=["70", *t["age"][1:]]), "values of the roster were changed in age"),
        (lambda t: t.iloc[1:], r"other patients \(19 now, 20 sealed\)"),
        (lambda t: t.assign(patient=["X", *t["patient"][1:]]), r"other patients \(20 now, 20 sealed\)"),
        (lambda t: t.drop(columns="grade"), "the roster lacks grade"),
    ],
)
def test_seal__names_what_changed_in_the_roster(given, tmp_path, change, said):
    seal(given, tmp_path / "seal.json", response=RESPONSE)
    open_responses(tmp_path)
    edit(tmp_path, change)
    with pytest.raises(EvidenceError, match=said):
        require_unchanged(read_seal(tmp_path / "seal.json"), given, RESPONSE)


def test_seal__names_what_else_changed(given, tmp_path):
    seal(given, tmp_path / "seal.json", response=RESPONSE)
    open_responses(tmp_path)
    about = read_seal(tmp_path / "seal.json")
    (tmp_path / "plan.md").write_text("Something else.\n")
    assert changes(about, given, RESPONSE) == ["the analysis plan was changed"]
    other = replace(given, plan=given.plan, bundle=replace(given.bundle, sha256="0" * 64))
    assert "the model is another one" in changes(about, other, RESPONSE)[0]
    (tmp_path / "late.maf").write_text("x\n")
    late = replace(given, calls=[tmp_path / "late.maf"])
    found = changes(about, late, Response("response", ("pCR",), ("RD", "other")))
    assert found[1:] == [
        "1 of 1 sealed files of calls is not given", "calls that were not sealed: late.maf",
        "responses are read otherwise: sealed was column response, positive pCR, negative RD",
    ]  # fmt: skip
    (tmp_path / "genes.txt").write_text("TP53\n")
    assert "gene list" in changes(about, replace(given, covered=tmp_path / "genes.txt"), RESPONSE)[-1]


def test_seal__responses_that_were_not_set_apart_were_open_already(given, tmp_path):
    open_responses(tmp_path)
    seal(given, tmp_path / "seal.json")
    found = changes(read_seal(tmp_path / "seal.json"), given, RESPONSE)
    assert found == [
        "the column response was sealed with the roster: responses that were not set apart were open already"
    ]


def test_seal__says_when_the_responses_were_in_the_roster_already(given, tmp_path):
    open_responses(tmp_path)
    about = seal(given, tmp_path / "seal.json", response=RESPONSE, leave_out=["centre"])
    assert about["roster"]["responses_there"]
    edit(tmp_path, lambda table: table.assign(centre="moved"))
    assert "not that nobody looked" in require_unchanged(about, given, RESPONSE)


def test_seal__that_was_changed_is_refused(given, tmp_path):
    seal(given, tmp_path / "seal.json")
    about = json.loads((tmp_path / "seal.json").read_text())
    about["plan"]["sha256"] = "0" * 64
    (tmp_path / "seal.json").write_text(json.dumps(about))
    with pytest.raises(InputError, match="was changed after it was made"):
        read_seal(tmp_path / "seal.json")


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"seal": 1, "roster": {}, "model": {}}', "[" * 100_000])
def test_seal__what_is_no_seal_is_refused(tmp_path, text):
    (tmp_path / "seal.json").write_text(text)
    with pytest.raises(InputError, match="seal"):
        read_seal(tmp_path / "seal.json")


def test_seal__refuses_what_cannot_be_sealed(given, tmp_path):
    (tmp_path / "empty.md").write_text("")
    with pytest.raises(InputError, match="is empty"):
        seal(replace(given, plan=tmp_path / "empty.md"), tmp_path / "seal.json")
    with pytest.raises(ConfigurationError, match="standard input"):
        seal(replace(given, calls=["-"]), tmp_path / "seal.json")
    with pytest.raises(ConfigurationError, match="stored model"):
        seal(replace(given, bundle=replace(given.bundle, sha256="")), tmp_path / "seal.json")
    with pytest.raises(InputError, match="to leave out; the nearest is centre"):
        seal(given, tmp_path / "seal.json", leave_out=["center"])
    assert not (tmp_path / "seal.json").exists()
    seal(given, tmp_path / "seal.json")
    with pytest.raises(OutputExistsError):
        seal(given, tmp_path / "seal.json")
