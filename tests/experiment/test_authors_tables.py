"""The TransNEO authors' tables as experiments: the arms differ by DNA alone, and the columns mean what is said."""

import csv
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.experiment.read import build_features, load_cohort
from trastuz_ml.learn.design import make_design

PROJECT = Path(__file__).parents[2]
DNA = {
    "All.TMB", "Coding.TMB", "Expressed.NAg", "CodingMuts.PIK3CA", "CodingMuts.TP53", "CIN.Prop", "HLA.LOH",
    "HRD.sum",
}  # fmt: skip
# By hand: what was measured at surgery or after, and what was given.
NOT_BASELINE = ("resp.", "RCB", "Chemo", "pCR", "Trast")
# Columns of the published sheets, beside those of the tables.
PUBLISHED = {
    "Age.at.diagnosis": "Age", "ER.status": "ER.status", "HER2.status": "HER2.status",
    "LN.at.diagnosis": "LN.status.at.diagnosis", "Grade.pre.chemotherapy": "Grade.pre.NAT",
    "ER.Allred": "ER.Allred",
}  # fmt: skip
PUBLISHED_EXTERNALLY = {
    **PUBLISHED, "Size.at.diagnosis": "Tumour.size", "All.TMB": "TMB", "Coding.TMB": "Coding.TMB",
    "Expressed.NAg": "Expressed.NAg", "CodingMuts.PIK3CA": "CodingMuts.PIK3CA", "HLA.LOH": "LOH.HLA",
    "CodingMuts.TP53": "CodingMuts.TP53", "HRD.sum": "HRD.sum", "CIN.Prop": "CIN.Prop",
}  # fmt: skip
CODES = {"POS": 1.0, "NEG": -1.0, "pCR": 1.0, "RD": 0.0}


@pytest.fixture(scope="module")
def benchmark():
    """The benchmark, as a module."""
    about = importlib.util.spec_from_file_location("authors_tables", PROJECT / "benchmarks" / "authors_tables.py")
    module = importlib.util.module_from_spec(about)
    # Its dataclasses look their module up.
    sys.modules["authors_tables"] = module
    about.loader.exec_module(module)
    yield module
    del sys.modules["authors_tables"]


@pytest.fixture(scope="module")
def tables(transneo):
    """The authors' tables as text: training, and both testing tables together."""
    if not (transneo / "training_df.csv").is_file():
        pytest.skip("the TransNEO authors' model inputs (training_df.csv) are not beside the project")
    training, negative, positive = (
        read(transneo / f"{name}_df.csv", ",") for name in ("training", "testing_her2neg", "testing_her2pos")
    )
    return training, [*negative, *positive]


def read(path, separator):
    with path.open(newline="", encoding="utf-8") as text:
        return list(csv.DictReader(text, delimiter=separator))


def experiment(name):
    return read_experiment(PROJECT / "experiments" / f"transneo_authors_{name}.yaml")


def code(word):
    return CODES[word] if word in CODES else float(word)


@pytest.mark.parametrize(("without", "added"), [("clinical", "dna"), ("clinical_allred", "dna_allred")])
def test_arms__differ_by_the_dna_alone(without, added):
    one, other = experiment(without), experiment(added)
    clinical, both = one.roster.covariates, other.roster.covariates
    assert set(both) - set(clinical) == DNA
    assert {name: both[name] for name in clinical} == clinical
    assert ("ER.Allred" in clinical) == without.endswith("allred")
    assert (one.models, one.validation) == (other.models, other.validation)
    assert one.calls is other.calls is None


@pytest.mark.parametrize("name", ["clinical", "dna", "clinical_allred", "dna_allred"])
def test_arms__hold_nothing_that_was_known_only_later(name):
    covariates = experiment(name).roster.covariates
    assert not [column for column in covariates if column.startswith(NOT_BASELINE)]
    assert {column.when for column in covariates.values()} == {"baseline"}


def test_training_table__is_what_was_published_of_the_same_patients(tables, transneo):
    training, _ = tables
    published = {row["Donor.ID"]: row for row in read(transneo / "clinical.tsv", "\t")}
    assert len(training) == 147
    for row in training:
        theirs = published[row["Trial.ID"]]
        assert {c: float(row[c]) for c in PUBLISHED} == {c: code(theirs[name]) for c, name in PUBLISHED.items()}
        assert float(row["resp.pCR"]) == code(theirs["pCR.RD"])


def test_testing_tables__mean_the_same_as_the_published_external_sheet(tables, transneo):
    _, testing = tables
    sheet = read(transneo / "external_validation.tsv", "\t")

    def key(row, columns):
        return tuple(round(code(row[column]), 6) for column in columns)

    theirs = {key(row, PUBLISHED_EXTERNALLY.values()): row["pCR.RD"] for row in sheet}
    assert len(theirs) == len(testing) == 75
    ours = {key(row, PUBLISHED_EXTERNALLY): row for row in testing}
    assert set(ours) == set(theirs)
    for patient, row in ours.items():
        assert float(row["resp.pCR"]) == code(theirs[patient])
        # The trap: in these tables pCR.RD is 1 for residual disease.
        assert float(row["pCR.RD"]) == 1 - code(theirs[patient])


def test_external_patients__are_laid_out_as_the_training_patients_and_shared_with_none(tables, benchmark):
    training, testing = tables
    arm = experiment("dna_allred")
    cohort = load_cohort(arm)
    matrix, _ = build_features(arm, cohort)
    features = make_design(cohort, matrix).features
    X, response = benchmark.external_patients(arm, features)
    assert (X.shape[0], response.sum()) == (75, 19)
    in_order = sorted(testing, key=lambda row: row["Trial.ID"])
    place = {feature.name: j for j, feature in enumerate(features)}
    for name in arm.roster.covariates:
        np.testing.assert_allclose(X[:, place[name]], [float(row[name]) for row in in_order], rtol=1e-6)
    assert response.tolist() == [int(row["resp.pCR"]) for row in in_order]
    assert not {row["Trial.ID"] for row in training} & {row["Trial.ID"] for row in testing}


def made_up_arm(benchmark, *, plan="one", shift=0.0):
    response = np.repeat([1, 0], [19, 56]).astype(np.int8)
    score = np.random.default_rng(0).random(75) + shift * response
    internal = pd.DataFrame({"estimate": [0.7], "low": [0.6], "high": [0.8], "interval": ["x"]}, index=["chosen"])
    return benchmark.Arm(internal, "xgboost:covariates", {"chosen": score}, response, plan, 1.0)


def test_page__says_the_paired_gain_of_arms_on_the_same_folds(benchmark):
    without, with_dna = made_up_arm(benchmark), made_up_arm(benchmark, shift=0.5)
    page = list(benchmark.pair_page("clinical", ["a", "b"], [without, with_dna]))
    areas = [roc_auc_score(arm.response, arm.external["chosen"]) for arm in (without, with_dna)]
    [gain] = [line for line in page if line.startswith("| chosen | +")]
    assert f"{areas[1] - areas[0]:+.3f}" in gain
    assert f"| chosen | clinical | 0.700 (0.60 to 0.80) | {areas[0]:.3f} |" in "\n".join(page)


def test_page__of_arms_on_other_folds_is_refused(benchmark):
    with pytest.raises(SystemExit, match="cannot be compared"):
        list(benchmark.pair_page("x", ["a", "b"], [made_up_arm(benchmark), made_up_arm(benchmark, plan="other")]))
