"""Patients sequenced by a panel beside exomes, from files to predictions."""

import numpy as np
import pandas as pd
import pytest

from tests_shared import SMALL
from trastuz_ml.errors import InputError
from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.experiment.new_patients import predict_files
from trastuz_ml.experiment.publish import publish
from trastuz_ml.experiment.train import train
from trastuz_ml.features.simulate import simulate_cohort
from trastuz_ml.store.bundle import load_model

PANEL = ("ANKRD44", "TP53", "PIK3CA", "GATA3")
YAML = (
    SMALL.replace("simulated: {patients: 60, seed: 3}\n", "tracking: {enabled: false}\n")
    .replace("  covariates:\n", "  assay: assay\n  filter: {her2_status: [NEG]}\n  covariates:\n")
    .replace("models: [prevalence, clinical-only, {l2-logistic: [genes, both]}]", "models: [{xgboost: [genes]}]")
    + "assays: {exome: null, panel: panel.txt}\n"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Every third patient sequenced by a panel of four genes; the others' calls kept."""
    folder = tmp_path_factory.mktemp("panels")
    simulate_cohort(90, 8).write(folder)
    roster = pd.read_csv(folder / "roster.tsv", sep="\t", dtype=str)
    roster["assay"] = np.where(np.arange(len(roster)) % 3 == 0, "panel", "exome")
    roster.to_csv(folder / "roster.tsv", sep="\t", index=False)
    panel = set(roster.loc[roster["assay"] == "panel", "patient"])
    lines = (folder / "calls.maf").read_text().splitlines(keepends=True)
    head = [line for line in lines if line.startswith(("#", "Hugo_Symbol"))]
    column = head[-1].rstrip("\n").split("\t").index("Tumor_Sample_Barcode")
    kept = [
        line
        for line in lines[len(head) :]
        if line.split("\t")[column] not in panel or line.split("\t")[0] in PANEL
    ]
    (folder / "calls.maf").write_text("".join(head + kept))
    (folder / "panel.txt").write_text("\n".join(PANEL))
    (folder / "panels.yaml").write_text(YAML)
    return folder


@pytest.fixture(scope="module")
def trained(place):
    settings = read_experiment(place / "panels.yaml")
    made = train(settings, workers=1)
    publish(made, settings, runs=place / "runs", models=place / "models")
    return made


def test_panels__what_the_panel_does_not_cover_is_missing_in_the_matrix(trained):
    run = trained.run
    frame, assay = run.matrix.frame(), run.patients.set_index("patient")["assay"]
    outside = [gene for gene in frame.columns if gene not in PANEL]
    assert frame.loc[assay == "panel", outside].isna().all(axis=None)
    assert frame.loc[assay == "exome"].notna().all(axis=None)


def test_panels__knowing_the_assay_alone_is_a_rival(trained):
    assert "assay-only" in trained.run.models


def test_panels__what_is_said_of_a_gene_of_the_panel_is_adjusted_for_the_assay(trained):
    said = trained.run.associations.set_index("gene")["adjusted_for"]
    assert said["TP53"] == "mutational burden, assay"
    # Those who were sequenced for other genes all have the exome.
    others = said.drop(list(PANEL))
    assert others.str.startswith("mutational burden").any()
    assert not others.str.startswith("mutational burden, assay").any()


def test_panels__trees_use_only_genes_that_every_training_patient_was_sequenced_for(trained):
    used = trained.run.gene_contributions.query("model == 'xgboost:genes' and folds_kept > 0")["feature"]
    assert set(used) <= set(PANEL)


def test_panels__burden_counts_what_every_assay_covers(trained):
    assert trained.run.patients["burden"].max() <= 3 * len(PANEL)
    assert trained.run.patients["burden"].notna().all()


def test_panels__new_patients_are_read_by_their_assay_as_in_training(place, trained):
    bundle = load_model(place / "models" / "small")
    predicted, _ = predict_files(bundle, [place / "calls.maf"], place / "roster.tsv")
    ours = trained.model.probability(trained.design.X)
    known = predicted[predicted["refusal"] == ""].set_index("patient")["probability"]
    np.testing.assert_array_equal(known.to_numpy(), ours)
    assert known.index.tolist() == list(trained.design.patients)


def test_panels__patients_of_another_population_are_refused_in_their_row(place, trained):
    bundle = load_model(place / "models" / "small")
    predicted, _ = predict_files(bundle, [place / "calls.maf"], place / "roster.tsv")
    roster = pd.read_csv(place / "roster.tsv", sep="\t").set_index("patient")
    other = predicted.set_index("patient")["refusal"].str.startswith("outside the population")
    assert set(other.index[other]) == set(roster.index[roster["her2_status"] == "POS"])
    assert len(predicted) == len(roster)


def test_panels__a_roster_without_the_training_assay_column_is_refused(place, trained, tmp_path):
    roster = pd.read_csv(place / "roster.tsv", sep="\t").drop(columns="assay")
    roster.to_csv(tmp_path / "roster.tsv", sep="\t", index=False)
    bundle = load_model(place / "models" / "small")
    with pytest.raises(InputError, match="no column 'assay'"):
        predict_files(bundle, [place / "calls.maf"], tmp_path / "roster.tsv")
    predicted, _ = predict_files(
        bundle, [place / "calls.maf"], tmp_path / "roster.tsv", covered=place / "panel.txt"
    )
    assert (predicted["genes_not_covered"] == 0).all()


def test_panels__a_roster_without_the_column_of_the_population_is_a_warning(place, trained, tmp_path):
    roster = pd.read_csv(place / "roster.tsv", sep="\t").drop(columns="her2_status")
    roster.to_csv(tmp_path / "roster.tsv", sep="\t", index=False)
    bundle = load_model(place / "models" / "small")
    predicted, findings = predict_files(bundle, [place / "calls.maf"], tmp_path / "roster.tsv")
    assert "population-unknown" in set(findings["code"])
    assert (predicted["refusal"] == "").all()
