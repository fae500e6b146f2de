"""The walk from files to validated models."""

import numpy as np
import pandas as pd
import pytest

from tests_shared import SMALL
from trastuz_ml.errors import ConfigurationError
from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.experiment.provenance import library_versions
from trastuz_ml.experiment.read import build_features, load_cohort
from trastuz_ml.experiment.train import run_experiment, train
from trastuz_ml.features.simulate import simulate_cohort
from trastuz_ml.learn.coefficients import probability_of
from trastuz_ml.learn.engine import code_sha256

QUICK = SMALL.replace("{l2-logistic: [genes, both]}", "{l2-logistic: both}").replace("repeats: 2", "repeats: 1")


@pytest.fixture
def from_files(tmp_path):
    simulate_cohort(60, 3).write(tmp_path)
    path = tmp_path / "e.yaml"
    path.write_text(QUICK.replace("simulated: {patients: 60, seed: 3}\n", ""), encoding="utf-8")
    return path


def test_train__order_of_rows_in_the_files_changes_no_number(from_files):
    one = run_experiment(from_files, workers=1)
    for name in ("calls.maf", "roster.tsv"):
        path = from_files.parent / name
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, comment="#")
        table.sample(frac=1, random_state=7).to_csv(path, sep="\t", index=False)
    other = run_experiment(from_files, workers=1)
    for table in ("out_of_fold", "scores", "choices", "gene_contributions", "watched", "patients"):
        pd.testing.assert_frame_equal(getattr(one, table), getattr(other, table), check_exact=True)
    assert one.provenance["sources"] != other.provenance["sources"]  # the files did change


def test_train__an_invented_cohort_is_read_as_its_files_are(from_files, tmp_path):
    invented = tmp_path / "simulated.yaml"
    invented.write_text(QUICK, encoding="utf-8")
    one, other = load_cohort(read_experiment(invented)), load_cohort(read_experiment(from_files))
    pd.testing.assert_frame_equal(one.calls, other.calls)
    pd.testing.assert_frame_equal(one.patients, other.patients)
    assert one.simulated  # the files say so themselves, wherever they are copied to
    assert other.simulated


def test_train__tells_each_stage_and_counts_to_its_end(from_files):
    told = []
    trained = train(read_experiment(from_files), workers=1, progress=lambda *step: told.append(step))
    assert list(dict.fromkeys(what for what, _, _ in told)) == [
        "reading calls and roster", "building the gene matrix", "nested cross-validation",
        "fitting on the whole cohort", "what each gene contributes", "testing each gene",
        "counting genes by chance", "silencing watched genes", "optimism of other ways",
        "leaving out each patient",
    ]  # fmt: skip
    assert [step[1:] for step in told if step[0] == "nested cross-validation"] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert trained.model.name == trained.run.provenance["exported"] in trained.run.models


def test_train__says_what_was_read(small_trained):
    _, trained = small_trained
    sources = trained.run.provenance["sources"]
    assert [source["name"] for source in sources] == ["calls.maf", "roster.tsv"]
    assert sources[0]["rows_in"] == sources[0]["rows_kept"] > sources[1]["rows_in"] == 60
    assert trained.run.provenance["code"]["sha256"] == code_sha256()
    assert trained.run.provenance["versions"] == library_versions()


def test_train__coefficients_say_what_the_stored_model_says(small_trained):
    _, trained = small_trained
    exported, design = trained.run.provenance["exported"], trained.design
    found = probability_of(trained.run.coefficients, exported, design.features, design.X)
    np.testing.assert_allclose(found, trained.model.probability(design.X), rtol=0, atol=1e-12)
    assert set(trained.run.coefficients["model"]) == set(trained.run.models) - {"chosen"}


def test_train__keeps_the_fate_of_every_row_of_calls(from_files):
    roster = pd.read_csv(from_files.parent / "roster.tsv", sep="\t", comment="#")
    lost = roster["patient"].iloc[0]
    roster.iloc[1:].to_csv(from_files.parent / "roster.tsv", sep="\t", index=False)
    calls = pd.read_csv(from_files.parent / "calls.maf", sep="\t", dtype=str, keep_default_na=False, comment="#")
    pd.concat([calls, calls.iloc[-3:]]).to_csv(from_files.parent / "calls.maf", sep="\t", index=False)
    run = run_experiment(from_files, workers=1)
    strangers = int((calls["Tumor_Sample_Barcode"] == lost).sum())
    assert dict(run.row_fates.to_numpy().tolist()) == {
        "kept": len(calls) - strangers, "not-on-roster": strangers, "duplicate": 3,
    }  # fmt: skip
    source = run.provenance["sources"][0]
    assert run.row_fates["rows"].sum() == source["rows_in"]
    assert run.row_fates.set_index("fate").loc["kept", "rows"] == source["rows_kept"]


def test_train__without_calls_no_row_has_a_fate(tmp_path):
    simulate_cohort(60, 3).write(tmp_path)
    path = tmp_path / "e.yaml"
    text = QUICK.replace("simulated: {patients: 60, seed: 3}\n", "").replace("calls: {files: [calls.maf]}\n", "")
    path.write_text(
        text.replace("[prevalence, clinical-only, {l2-logistic: both}]", "[prevalence, clinical-only]")
    )
    run = run_experiment(path, workers=1)
    assert run.row_fates.empty
    assert set(run.coefficients["model"]) == {"prevalence", "clinical-only"}


def test_train__a_data_folder_that_is_not_there_is_refused(from_files, tmp_path):
    with pytest.raises(ConfigurationError, match="There is no data folder"):
        run_experiment(from_files, data=tmp_path / "nowhere")


def test_train__a_watched_name_that_is_no_gene_is_found_before_it_reads_as_intact(from_files):
    experiment = read_experiment(from_files).model_copy(update={"watch": ("ANKRD44", "ANKDR44")})
    _, found = build_features(experiment, load_cohort(experiment))
    [row] = found[found["code"] == "watched-unknown"].to_dict("records")
    assert row["severity"] == "warning"
    assert "'ANKDR44' under watch: is no gene name that HGNC knows" in row["message"]
    assert "the nearest is ANKRD44" in row["message"]
