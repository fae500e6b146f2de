"""From calls to the GeneMatrix."""

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.cohort.assay import EXOME, Assay
from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.errors import ConfigurationError
from trastuz_ml.features.encoding import build_gene_matrix
from trastuz_ml.schema import CALLS, conform

CALLED = conform(
    pd.DataFrame(
        [
            ("P1", "TP53", "missense", 1), ("P1", "TP53", "truncating", 2), ("P1", "TTN", "silent", 3),
            ("P2", "ANKRD44", "truncating", 4), ("P3", "TP53", "inframe", 5), ("P3", None, "missense", 6),
        ],
        columns=["patient", "gene", "effect", "pos"],
    ),
    CALLS,
)  # fmt: skip


def cohort(assay=("exome",) * 4, assays=(EXOME,)):
    names = ["P1", "P2", "P3", "P4"]
    roster = pd.DataFrame(
        {"sequenced": True, "in_cohort": True, "response": pd.array([1, 0, 1, 0], dtype="Int8"), "group": names,
         "assay": list(assay)},
        index=pd.Index(names, name="patient"),
    )  # fmt: skip
    return Cohort.assemble(CALLED, roster, assays=assays)


def frame(**settings):
    return build_gene_matrix(cohort(), **settings)[0].frame()


def test_matrix__patient_without_calls_is_a_row_of_zeros():
    made = frame()
    assert made.loc["P4"].tolist() == [0] * made.shape[1]


def test_encoding__binary_marks_and_count_counts_distinct_calls():
    assert frame(encoding="binary").loc["P1", "TP53"] == 1
    assert frame(encoding="count").loc["P1", "TP53"] == 2


def test_encoding__truncating_takes_truncating_calls_alone():
    made = frame(encoding="truncating")
    assert made["TP53"].tolist() == [1, 0, 0, 0]
    assert list(made.columns) == ["ANKRD44", "TP53"]


def test_encoding__silent_calls_count_only_when_asked():
    assert "TTN" not in frame().columns
    assert frame(effects=["silent"])["TTN"].tolist() == [1, 0, 0, 0]


def test_encoding__a_watched_gene_has_its_column_though_nobody_carries_it():
    assert frame(always=["BRCA1"])["BRCA1"].tolist() == [0, 0, 0, 0]


def test_encoding__a_gene_outside_the_panel_is_not_covered_rather_than_not_mutated():
    panel = Assay("panel", frozenset({"ANKRD44"}))
    made, findings = build_gene_matrix(
        cohort(("panel", "panel", "exome", "exome"), (EXOME, panel)), always=["TP53"]
    )
    assert np.isnan(made.frame().loc["P2", "TP53"])
    assert made.frame().loc["P4", "TP53"] == 0
    assert made.frame().loc["P2", "ANKRD44"] == 1
    # P1's call in TP53 contradicts the panel's gene list: counted, not used.
    assert np.isnan(made.frame().loc["P1", "TP53"])
    assert [(f.code, f.count) for f in findings] == [("call-in-uncovered-gene", 2)]


def test_encoding__unknown_words_are_refused_with_the_known():
    with pytest.raises(ConfigurationError, match="'vector'; expected one of binary"):
        build_gene_matrix(cohort(), encoding="vector")
    with pytest.raises(ConfigurationError, match="Unknown effect damaging; expected some of truncating"):
        build_gene_matrix(cohort(), effects=["damaging"])


def test_encoding__provenance_says_whether_patients_are_simulated():
    assert build_gene_matrix(cohort())[0].provenance["simulated"] is False
