"""An experiment without calls: a roster and its covariates, from the file to the report and to new patients."""

import html
import json
import re

import numpy as np
import pandas as pd
import pytest
import yaml

from trastuz_ml.cli.main import run as run_command
from trastuz_ml.errors import ConfigurationError
from trastuz_ml.experiment.check import check_experiment
from trastuz_ml.experiment.experiment_file import read_experiment, with_options
from trastuz_ml.experiment.new_patients import predict_files
from trastuz_ml.experiment.plan import people_of, plan_size
from trastuz_ml.experiment.plan_words import size_page
from trastuz_ml.experiment.read import features_of, load_cohort
from trastuz_ml.learn.design import Feature
from trastuz_ml.report.quality import quality_content, render_quality
from trastuz_ml.store.bundle import load_model
from trastuz_ml.store.run_folder import Run

EXPERIMENT = """\
name: clinic
roster:
  file: roster.tsv
  patient: patient
  response: {column: response, positive: [pCR], negative: [RD]}
  covariates:
    age: {when: baseline}
    er: {when: baseline, kind: category}
models: [prevalence, clinical-only, {xgboost: covariates}]
validation: {repeats: 1, folds: 3, inner_folds: 2, seed: 1}
tracking: {enabled: false}
"""


def made_up_roster(patients=60, seed=0):
    rng = np.random.default_rng(seed)
    age, er = rng.normal(55, 10, patients).round(), rng.choice(["POS", "NEG"], patients)
    chance = 1 / (1 + np.exp(0.1 * (age - 55) + np.where(er == "POS", 0.8, -0.8)))
    response = np.where(rng.random(patients) < chance, "pCR", "RD")
    names = [f"P{i:03d}" for i in range(patients)]
    return pd.DataFrame({"patient": names, "response": response, "age": age, "er": er})


@pytest.fixture
def place(tmp_path):
    made_up_roster().to_csv(tmp_path / "roster.tsv", sep="\t", index=False)
    return tmp_path


@pytest.fixture
def read(place):
    def reading(old="", new=""):
        assert old in EXPERIMENT
        (place / "clinic.yaml").write_text(EXPERIMENT.replace(old, new, 1) if old else EXPERIMENT + new)
        return read_experiment(place / "clinic.yaml")

    return reading


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The experiment trained by the command, model and report stored."""
    folder = tmp_path_factory.mktemp("clinic")
    made_up_roster().to_csv(folder / "roster.tsv", sep="\t", index=False)
    made_up_roster(20, seed=5).drop(columns="response").to_csv(folder / "new.tsv", sep="\t", index=False)
    (folder / "clinic.yaml").write_text(EXPERIMENT)
    words = ["train", folder / "clinic.yaml", "--runs", folder / "runs", "--models", folder / "models"]
    assert command(*words, "--workers", 1) == 0
    return folder


def command(*words):
    with pytest.raises(SystemExit) as ended:
        run_command([str(word) for word in words])
    return ended.value.code


def words_of(page):
    """What a page says: its text, without styles, scripts and figures."""
    bare = re.sub(r"<(style|script|svg).*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", bare)).split())


def test_settings__defaults_that_need_calls_are_left_out(read):
    experiment = read("models: [prevalence, clinical-only, {xgboost: covariates}]\n", "")
    assert {"prevalence", "clinical-only"} <= set(experiment.models)
    assert {block for model in experiment.catalogue() for block in model.blocks} == {"covariate"}
    assert (experiment.calls, experiment.watch, experiment.assays) == (None, (), {})


def test_settings__a_calls_section_without_anything_is_none(read):
    experiment = read("roster:", "calls:\nroster:")
    assert experiment.calls is None
    again = type(experiment).model_validate(yaml.safe_load(yaml.safe_dump(experiment.model_dump(mode="json"))))
    assert again == experiment


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "watch: [TP53]\n", "watch: says nothing"),
        ("", "assays: {exome: {megabases: 35}}\n", "assays: says nothing"),
        ("", "features: {encoding: count}\n", "features: says nothing"),
        ("{xgboost: covariates}", "burden-only, l2-logistic:both", "burden-only, l2-logistic:both cannot"),
        ("{xgboost: covariates}", "xgboost:genes", "xgboost:genes cannot be fitted; without calls"),
        ("  patient:", "  sequenced: {exome: [YES]}\n  patient:", "roster.sequenced: leaves out nobody"),
        ("  patient:", "  assay: kit\n  patient:", "roster.assay: says nothing"),
        (EXPERIMENT[EXPERIMENT.index("  covariates:") : EXPERIMENT.index("models")], "", "neither calls nor"),
    ],
    ids=["watch", "assays", "features", "burden", "genes", "sequenced", "assay", "no covariates"],
)
def test_settings__what_needs_calls_is_refused_in_one_sentence(old, new, said, read):
    with pytest.raises(ConfigurationError, match=re.escape(said)) as refused:
        read(old, new)
    assert len(str(refused.value).splitlines()) == 1


def test_options__a_tumour_column_or_features_of_no_calls_are_refused(read):
    with pytest.raises(ConfigurationError, match="omit --tumor"):
        with_options(read(), tumor="TUMOR")
    with pytest.raises(ConfigurationError, match="no features"):
        features_of(read())


def test_check__nothing_was_counted_which_is_not_zero(read):
    quality = check_experiment(read(), workers=1)
    assert quality.errors == 0
    assert quality.patients[["rows", "calls", "burden"]].isna().all(axis=None)
    assert set(quality.findings["code"]) == {"class-balance", "no-calls"}
    content = quality_content(quality)
    assert json.loads(json.dumps(content, allow_nan=False))["sequenced"] is False
    said = words_of(render_quality(content))
    assert "nobody was sequenced" in said
    assert "Burden" not in said


def test_check__the_command_says_so(read, place, capsys):
    read()
    assert command("check", place / "clinic.yaml", "--out", place / "quality.html") == 0
    assert "nobody sequenced" in capsys.readouterr().out


@pytest.mark.parametrize(("source", "invented"), [("SIMULATED, seed 3", True), ("Besancon", False)])
def test_roster__that_says_it_is_simulated_is(source, invented, read, place):
    made_up_roster().assign(source=source).to_csv(place / "roster.tsv", sep="\t", index=False)
    assert load_cohort(read()).simulated is invented


def test_simulated__needs_no_calls_either(read):
    text = EXPERIMENT.replace("    er:", "    er_status:") + "simulated: {patients: 40, seed: 3}\n"
    cohort = load_cohort(read(EXPERIMENT, text))
    assert (cohort.simulated, len(cohort.patients), len(cohort.calls)) == (True, 40, 0)


def test_plan__has_no_section_on_genes(read):
    page = size_page(plan_size(people_of(read())))
    assert "Genes" not in [section.title for section in page]
    assert not any("gene" in sentence for section in page for sentence in section.sentences)
    assert not any("20,000" in column for section in page for row in section.table for column in row)


def test_train__keeps_a_run_without_any_gene(trained):
    run = Run.load(trained / "runs" / "clinic")
    assert run.matrix.shape == (60, 0)
    assert run.patients["burden"].isna().all()
    assert set(run.gene_contributions["block"]) == {"covariate"}
    areas = run.scores[run.scores["score"] == "AUROC"].set_index("model")["estimate"]
    assert areas["clinical-only"] > 0.6


def test_report__says_nothing_of_genes(trained):
    said = words_of((trained / "runs" / "clinic" / "report.html").read_text(encoding="utf-8"))
    assert "no calls: covariates alone" in said
    for nonsense in ("Mutations by response", "Watched genes", "0 genes", "Genes add", "gene can lead", "mutated"):
        assert nonsense not in said


def test_compare_and_explain__work_on_such_a_run(trained, capsys):
    run = trained / "runs" / "clinic"
    assert command("compare", run, "--out", trained / "page.html") == 0
    assert command("explain", run, "--model", "clinical-only") == 0
    assert "age" in capsys.readouterr().out
    assert command("explain", run, "--gene", "TP53") == 1
    assert "The run has no calls" in capsys.readouterr().err


def test_predict__needs_no_calls_and_gives_what_the_model_says(trained):
    out = trained / "new.csv"
    words = ("predict", "--model", trained / "models" / "clinic", "--patients", trained / "new.tsv", "--out", out)
    assert command(*words) == 0
    table, bundle = pd.read_csv(out), load_model(trained / "models" / "clinic")
    new = pd.read_csv(trained / "new.tsv", sep="\t")
    columns = {"age": new["age"], "er": new["er"].map({"NEG": 0.0, "POS": 1.0})}
    X = np.column_stack([columns[feature.name] for feature in bundle.features]).astype(np.float32)
    np.testing.assert_array_equal(table["probability"], bundle.probability(X))
    assert table["probability"].nunique() > 5
    assert (table["genes_not_covered"] == 0).all()


def test_predict__calls_that_the_model_cannot_read_are_refused(trained):
    bundle = load_model(trained / "models" / "clinic")
    with pytest.raises(ConfigurationError, match="trained without calls"):
        predict_files(bundle, ["calls.maf"], trained / "new.tsv")
    with pytest.raises(ConfigurationError, match="give --calls, or leave them out"):
        predict_files(bundle, [], trained / "new.tsv", tumor="TUMOR")


def test_predict__a_model_that_reads_genes_needs_calls(trained):
    bundle = load_model(trained / "models" / "clinic")
    reading = type(bundle)(**{**vars(bundle), "features": (*bundle.features, Feature("TP53", "gene", "gene"))})
    with pytest.raises(ConfigurationError, match="reads TP53, which come from mutation calls"):
        predict_files(reading, [], trained / "new.tsv")
