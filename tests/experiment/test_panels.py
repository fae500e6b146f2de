"""Panels by chance of a run, from what the run keeps."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from trastuz_ml import schema
from trastuz_ml.errors import ConfigurationError
from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.experiment.panels import genes_by_chance_of, panels_of_run
from trastuz_ml.experiment.saved import plan_of, tuning_of_run
from trastuz_ml.explain.genes_by_chance import genes_by_chance, words_of
from trastuz_ml.explain.panel import panel_table
from trastuz_ml.features.matrix import GeneMatrix
from trastuz_ml.learn.design import Design, Feature
from trastuz_ml.learn.folds import PlanShape
from trastuz_ml.store.run_folder import Run

EXPERIMENT = """\
name: twelve
calls: {files: [calls.maf]}
roster:
  file: roster.tsv
  patient: patient
  response: {column: response, positive: [pCR], negative: [RD]}
  covariates: {er: {when: baseline, kind: category}}
models: ["l2-logistic:genes"]
watch: []
validation: {inner_folds: 2, min_carriers: 2, seed: 5}
genes: {permutations: 999}
"""
TABLES = {
    "out_of_fold": schema.OUT_OF_FOLD, "choices": schema.CHOICES, "inner_errors": schema.INNER_ERRORS,
    "scores": schema.SCORES, "comparisons": schema.COMPARISONS, "contributions": schema.CONTRIBUTIONS,
    "explained": schema.EXPLAINED, "gene_contributions": schema.GENE_CONTRIBUTIONS,
    "associations": schema.ASSOCIATIONS, "findings": schema.FINDINGS,
}  # fmt: skip


def made_up_run(tmp_path, patients=12, genes=60, *, within=()):
    """A run with nothing in it but patients, genes, plan and configuration; rows of patients in another order."""
    rng = np.random.default_rng(1)
    X = (rng.random((patients, genes)) < 0.3).astype(np.float32)
    names = tuple(f"P{i:02d}" for i in range(patients))
    response = np.arange(patients) % 2
    matrix = GeneMatrix(
        names, tuple(f"G{j:03d}" for j in range(genes)), sp.csr_array(X), np.zeros(patients, dtype=np.intp),
        np.ones((1, genes), dtype=bool), "binary", schema.NONSILENT,
    )  # fmt: skip
    table = pd.DataFrame(
        {"patient": names, "response": response, "group": names, "assay": "exome", "burden": X.sum(axis=1),
         "er": np.where(np.arange(patients) < patients // 2, "+", "-")}
    )  # fmt: skip
    (tmp_path / "experiment.yaml").write_text(EXPERIMENT, encoding="utf-8")
    settings = read_experiment(tmp_path / "experiment.yaml").model_dump(mode="json")
    settings["permutation"]["within"] = list(within)
    shape = PlanShape("leave-pair-out") if patients < 30 else PlanShape("k-fold", 1, 3, 1)
    plan = shape.plan(names, response.astype(np.int8), np.array(names))
    kept = {name: schema.empty(declared) for name, declared in TABLES.items()}
    shuffled = table.sample(frac=1, random_state=3).reset_index(drop=True)
    return Run("twelve", False, settings, {}, shuffled, matrix, plan=plan.as_json(), **kept)


@pytest.fixture
def run(tmp_path):
    return made_up_run(tmp_path)


def test_a_run__is_counted_as_its_matrix_and_responses_are(run):
    found = panels_of_run(run, validation=False)
    response, names = (np.arange(12) % 2).astype(np.int8), np.array(run.matrix.patients)
    expected = genes_by_chance(
        run.matrix.dense(), response, strata=np.zeros(12, dtype=np.intp), groups=names, times=999, seed=5
    )
    pd.testing.assert_frame_equal(found.by_chance, expected)
    assert set(found.against_chance["method"]) == {"exact: all 924 arrangements"}
    assert found.panels.empty
    counted = found.against_chance.set_index("strictness")["observed"]
    assert {words: len(genes) for words, genes in found.telling.items()} == counted.to_dict()


def test_a_run__is_validated_on_its_own_folds(run):
    found = panels_of_run(run, times=9)
    features = tuple(Feature(gene, "gene", "gene") for gene in run.matrix.genes)
    names, response = run.matrix.patients, (np.arange(12) % 2).astype(np.int8)
    design = Design(names, features, run.matrix.dense(), response, np.array(names))
    expected = panel_table(design, plan_of(run), tuning_of_run(run))
    pd.testing.assert_frame_equal(found.panels, expected)
    assert found.against_chance["method"].iloc[0] == "9 shuffled responses"
    assert "All " in " ".join(found.sentences)


def test_strictness__one_is_answered_alone(run):
    found = panels_of_run(run, strictness=["one-response-3"], validation=False)
    assert set(found.by_chance["strictness"]) == set(found.telling) == set(words_of(["one-response-3"]))
    assert len(found.sentences) == 1


def test_within__responses_change_places_within_the_covariate_only(tmp_path):
    run = made_up_run(tmp_path, within=["er"])
    found = panels_of_run(run, validation=False)
    # 3 of 6 respond on each side: 20 x 20 arrangements, the observed one among them.
    assert found.by_chance["number"].max() == 399


def test_assays__are_strata_always(run):
    assays = run.patients.assign(assay=np.where(run.patients["er"] == "+", "exome", "panel"))
    found = genes_by_chance_of(run.matrix, assays, within=[], times=999, seed=1)
    assert found["number"].max() == 399


def test_no_permutations__still_name_the_genes(run):
    found = panels_of_run(run, times=0, validation=False)
    assert found.against_chance.empty
    assert any(found.telling.values())


def test_panels__that_cannot_be_had_are_explained(run):
    settings = dict(run.configuration)
    settings["validation"] = settings["validation"] | {"min_carriers": 12}
    found = panels_of_run(replace(run, configuration=settings), times=9)
    assert found.panels.empty
    assert "no gene has 12 carriers or more" in found.sentences[-1]


def test_a_run_without_genes__is_refused(run):
    nobody = GeneMatrix(
        run.matrix.patients, (), sp.csr_array((12, 0), dtype=np.float32), run.matrix.assay_of,
        np.ones((1, 0), dtype=bool), "binary", schema.NONSILENT,
    )  # fmt: skip
    with pytest.raises(ConfigurationError, match="Nobody was sequenced in the run twelve"):
        panels_of_run(replace(run, matrix=nobody))


def test_progress__is_told(run):
    told = []
    panels_of_run(run, times=9, progress=lambda *step: told.append(step))
    assert told[-1] == ("validating panels", 36, 36)
