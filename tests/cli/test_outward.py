"""The commands predict and compare."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.experiment.train import build_features, load_cohort
from trastuz_ml.learn.design import align_design
from trastuz_ml.store.bundle import load_model

WORDS = ("--calls", "calls.maf", "--patients", "roster.tsv")


@pytest.fixture
def predict(trained, call, place):
    def predicting(*more, out="p.parquet"):
        return call("predict", "--model", trained.model, *WORDS, "--out", out, *more)

    return predicting


def test_predict__through_files_equals_the_model_in_python(predict, trained, place):
    outcome = predict()
    assert outcome.code == 0
    settings = read_experiment(place / "experiment.yaml")
    cohort = load_cohort(settings)
    matrix, _ = build_features(settings, cohort)
    bundle = load_model(trained.model)
    design = align_design(cohort, matrix, bundle.features)
    table = pd.read_parquet("p.parquet")
    assert table["patient"].tolist() == list(design.patients)
    assert table["probability"].tolist() == bundle.probability(design.X).tolist()
    assert table["probability"].nunique() > 20
    assert set(table["model_sha256"]) == {bundle.sha256}


def test_predict__csv_and_parquet_agree(predict):
    assert predict().code == predict(out="p.csv").code == 0
    one, other = pd.read_parquet("p.parquet"), pd.read_csv("p.csv")
    np.testing.assert_array_equal(one["probability"], other["probability"])
    assert one["top_contributions"].tolist() == other["top_contributions"].tolist()


def test_predict__rows_in_are_rows_out_in_the_rosters_order(predict, place, change):
    predict(out="a.parquet")
    change(place / "calls.maf", lambda table: table.sample(frac=1, random_state=1))
    predict(out="b.parquet")
    assert (place / "a.parquet").read_bytes() == (place / "b.parquet").read_bytes()
    change(place / "roster.tsv", lambda table: table.sample(frac=1, random_state=1))
    predict(out="c.parquet")
    one, other = pd.read_parquet("a.parquet"), pd.read_parquet("c.parquet")
    assert other["patient"].tolist() == pd.read_csv("roster.tsv", sep="\t")["patient"].tolist()
    assert len(other) == 60
    pd.testing.assert_frame_equal(one, other.sort_values("patient", ignore_index=True))


def test_predict__in_parts_the_bytes_are_the_same_and_nothing_is_left(predict, place):
    for out in ("p.csv", "p.parquet"):
        assert predict("--workers", 1, out=f"a.{out}").code == 0
        assert predict("--workers", 1, "--part-size", 7, out=out).code == 0
        assert (place / out).read_bytes() == (place / f"a.{out}").read_bytes()
    assert not list(place.glob(".*"))


def test_predict__says_that_it_went_on_from_an_interrupted_batch(predict, place, monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("trastuz_ml.experiment.batches.write_output", stopped)
        assert predict("--workers", 1, "--part-size", 20).code == 130
    assert (place / ".p.parquet.parts").is_dir()
    refused = predict("--workers", 1, "--part-size", 30)
    assert refused.code == 1
    assert "part size was 20 and is 30" in refused.err
    outcome = predict("--workers", 1, "--part-size", 20)
    assert outcome.code == 0
    assert "Went on from an interrupted batch: 3 parts were done already." in outcome.err
    assert not list(place.glob(".*"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--positive", "pCR"], "go with --response"),
        (["--recalibrate"], "go with --response"),
        (["--response", "response", "--positive", "pCR"], "needs --positive VALUE and --negative VALUE"),
    ],
)
def test_predict__half_a_response_is_a_wrong_use(words, said, predict, place, listing):
    before = listing(place)
    outcome = predict(*words)
    assert outcome.code == 2
    assert said in " ".join(outcome.err.replace("\u2502", " ").split())
    assert listing(place) == before


def test_predict__abstains_below_the_share_that_is_asked_for(predict, place):
    (place / "panel.txt").write_text("TP53\n")
    assert predict("--covered", "panel.txt", "--abstain-below", 0).code == 0
    assert predict("--covered", "panel.txt", "--abstain-below", 1, out="q.parquet").code == 0
    assert pd.read_parquet("p.parquet")["refusal"].eq("").all()
    assert pd.read_parquet("q.parquet")["refusal"].str.startswith("abstained").all()


def test_predict__imports_no_more_than_the_model_needs(trained, place):
    code = (
        "import sys; from trastuz_ml.cli.main import run\n"
        "try: run(sys.argv[1:])\n"
        "except SystemExit as ended: assert ended.code == 0\n"
        "print({'mlflow', 'matplotlib', 'xgboost', 'shap', 'plotly'} & set(sys.modules))"
    )
    words = ["predict", "--model", str(trained.model), *WORDS, "--out", "p.csv", "--json"]
    ran = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "set()"


def test_predict__genes_outside_the_covered_list_are_not_covered(predict, trained, place):
    genes = load_model(trained.model).genes
    (place / "panel.txt").write_text("# a panel\nTP53\nANKRD44\n")
    assert predict("--covered", "panel.txt").code == 0
    table = pd.read_parquet("p.parquet")
    assert {"TP53", "ANKRD44"} <= set(genes)
    assert set(table["genes_not_covered"]) == {len(genes) - 2}
    assert not table["not_covered"].str.contains("TP53").any()


def test_predict__a_patient_who_was_not_sequenced_gets_a_row_that_says_so(call, place, tmp_path, change):
    text = (place / "experiment.yaml").read_text()
    text = text.replace("  patient: patient\n", "  patient: patient\n  sequenced: {dna: [YES]}\n")
    models = "models: [clinical-only]\ntracking: {enabled: no}\n"
    text = "".join(line for line in text.splitlines(True) if not line.startswith("models:")) + models
    (place / "experiment.yaml").write_text(text)
    change(place / "roster.tsv", lambda t: t.assign(dna=["NO"] + ["YES"] * (len(t) - 1)))
    assert call("train", "experiment.yaml", "--workers", 1).code == 0
    outcome = call("predict", "--model", "small", *WORDS, "--out", "p.csv", "--json")
    assert json.loads(outcome.out)["refused"] == 1
    table = pd.read_csv("p.csv").set_index("patient")
    assert len(table) == 60
    assert table.loc["SIM000001", "refusal"] == "not sequenced"
    assert np.isnan(table.loc["SIM000001", "probability"])
    assert table["probability"].notna().sum() == 59


def test_predict__a_missing_covariate_column_is_refused_with_the_nearest(predict, place, change, listing):
    change(place / "roster.tsv", lambda table: table.rename(columns={"er_status": "er.status"}))
    before = listing(place)
    outcome = predict()
    assert (outcome.code, outcome.out) == (1, "")
    assert "there is no column 'er_status'; the nearest is er.status" in outcome.err
    assert listing(place) == before


def test_predict__strangers_are_refused_with_the_closest(predict, place):
    (place / "roster.tsv").write_text((place / "roster.tsv").read_text().replace("SIM0", "SAM0"))
    outcome = predict()
    assert (outcome.code, outcome.out) == (1, "")
    assert "the closest on the roster is 'SAM000001'" in outcome.err


@pytest.mark.parametrize(
    ("out", "more", "said"),
    [
        ("p.txt", [], "ending in .csv or .parquet"),
        (".", [], "is a folder"),
        ("there.csv", [], "already there; give --force"),
        ("calls.csv", ["--calls", "calls.csv", "--force"], "is a file that is read"),
        ("roster.tsv/p.csv", [], "roster.tsv is not a folder"),
        ("p.csv", ["--covered", "nowhere.txt"], "There is no file nowhere.txt"),
        ("p.csv", ["--calls", "nowhere.maf"], "There is no file nowhere.maf"),
        ("p.csv", ["--model", "nowhere"], "There is no model 'nowhere'"),
        ("p.csv", ["--model", "."], "is not a model"),
    ],
)
def test_predict__what_cannot_be_is_refused_and_nothing_written(out, more, said, predict, place, listing):
    (place / "there.csv").touch()
    (place / "calls.csv").touch()
    before = listing(place)
    outcome = predict(*more, out=out)
    assert (outcome.code, outcome.out) == (1, "")
    assert said in outcome.err
    assert listing(place) == before


def test_predict__a_full_disk_leaves_nothing(predict, place, listing, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "p.parquet")

    before = listing(place)
    monkeypatch.setattr("trastuz_ml.experiment.piece_files.pq.ParquetWriter.write_table", full)
    outcome = predict()
    assert (outcome.code, outcome.out) == (1, "")
    assert "No space left on device" in outcome.err
    assert listing(place) == before


def test_compare__writes_a_page_without_real_identifiers(trained, call, tmp_path):
    page = tmp_path / "new" / "page.html"
    outcome = call("compare", trained.run, trained.run, "--out", page, "--json")
    told = {"report": str(page), "runs": ["small", "small"], "format": "html", "shared": False, "pdf": None}
    assert json.loads(outcome.out) == told
    assert "SIM000" not in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(("out", "said"), [("there.html", "already there"), (".", "is a folder")])
def test_compare__an_output_that_is_there_is_refused(out, said, trained, call, place, listing):
    (place / "there.html").touch()
    before = listing(place)
    outcome = call("compare", trained.run, "--out", out)
    assert (outcome.code, outcome.out) == (1, "")
    assert said in outcome.err
    assert listing(place) == before
