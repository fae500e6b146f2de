"""Watched genes."""

import numpy as np
import pytest
import scipy.sparse as sp

from trastuz_ml.explain.watched import watched_table
from trastuz_ml.features.matrix import GeneMatrix

RESPONSE = np.array([1, 1, 1, 0, 0, 0, 0, 0], dtype=np.int8)


@pytest.fixture
def rows():
    cells = np.zeros((8, 4), dtype=np.float32)
    cells[[0, 1], 0] = 1  # carried by two responders
    cells[:, 3] = 1  # carried by all
    covered = np.array([[True, True, True, True], [True, True, False, True], [False, True, False, True]])
    assay_of = np.array([0, 1, 1, 1, 1, 1, 1, 2])
    cells[0, 2] = 0
    genes = ("ANKRD44", "NONE", "PANEL", "TTN")
    matrix = GeneMatrix(tuple("abcdefgh"), genes, sp.csr_array(cells), assay_of, covered, "binary", ())
    return watched_table(matrix, RESPONSE, genes).set_index("gene")


def test_watched__counts_only_the_patients_in_whom_the_gene_was_covered(rows):
    row = rows.loc["ANKRD44"]
    assert (row["covered"], row["carriers"], row["responders"], row["carriers_responding"]) == (7, 2, 3, 2)
    assert row["status"] == ""
    assert row["p"] == pytest.approx(3 / 21)  # choose(3, 2) / choose(7, 2): both carriers among the responders


def test_watched__says_why_nothing_can_be_said(rows):
    assert rows.loc["NONE", "status"] == "not evaluable: mutated in 0 of 8"
    assert rows.loc["TTN", "status"] == "not evaluable: mutated in all 8"
    assert rows.loc["NONE", ["odds_ratio", "low", "high", "p"]].isna().all()
