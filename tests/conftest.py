"""What many tests need: a small cohort, a small design, an experiment file, and a private configuration folder."""

import os
from pathlib import Path

import numpy as np
import pytest

from trastuz_ml.experiment.configuration import read_experiment
from trastuz_ml.learn.design import Design, Feature

TRANSNEO = Path(__file__).parents[2] / "shared" / "data" / "transneo"


@pytest.fixture(scope="session", autouse=True)
def _private_configuration(tmp_path_factory):
    """Keep the user's own pseudonym key out of the tests."""
    os.environ["TRASTUZ_ML_CONFIG"] = str(tmp_path_factory.mktemp("configuration"))


@pytest.fixture(scope="session")
def transneo():
    """The folder of the real cohort; the test is skipped where it is absent."""
    if not (TRANSNEO / "Supplementary Tables.xlsx").is_file():
        pytest.skip("the TransNEO workbook (Sammut et al. 2022, Supplementary Tables) is not beside the project")
    return TRANSNEO


def made_up_design(patients=60, genes=40, seed=0, *, covariates=True, effect=2.0):
    """Patients with one telling gene (the first) and, if asked, a telling number and a category."""
    rng = np.random.default_rng(seed)
    X = (rng.random((patients, genes)) < rng.uniform(0.1, 0.4, genes)).astype(np.float32)
    features = [Feature(f"G{j:03d}", "gene", "gene") for j in range(genes)]
    age = rng.normal(50, 10, patients).astype(np.float32)
    stage = rng.integers(0, 3, patients).astype(np.float32)
    if covariates:
        X = np.column_stack([age, stage, X]).astype(np.float32)
        features = [
            Feature("age", "covariate", "number"),
            Feature("stage", "covariate", "category", ("I", "II", "III")),
            *features,
        ]
    first = X[:, 2 if covariates else 0]
    odds = effect * (first - 0.5) + 0.05 * (age - 50)
    response = (rng.random(patients) < 1 / (1 + np.exp(-odds))).astype(np.int8)
    names = tuple(f"P{i:03d}" for i in range(patients))
    return Design(names, tuple(features), X, response, np.array(names))


@pytest.fixture
def design():
    return made_up_design()


SMALL = """\
name: small
purpose: A test.
simulated: {patients: 60, seed: 3}
calls: {files: [calls.maf]}
roster:
  file: roster.tsv
  patient: patient
  response: {column: response, positive: [pCR], negative: [RD]}
  covariates:
    age: {when: baseline}
    t_stage: {when: baseline, kind: ordered, levels: [T1, T2, T3, T4]}
    er_status: {when: baseline, kind: category}
models: [prevalence, clinical-only, {l2-logistic: [genes, both]}]
validation: {repeats: 2, folds: 3, inner_folds: 2, seed: 1}
"""


@pytest.fixture
def small_experiment(tmp_path):
    """An experiment file that trains in a few seconds."""
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def small_trained(tmp_path_factory):
    """The small experiment, trained."""
    from trastuz_ml.experiment.train import train

    path = tmp_path_factory.mktemp("experiment") / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    settings = read_experiment(path)
    return settings, train(settings, workers=1)
