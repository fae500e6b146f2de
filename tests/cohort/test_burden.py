"""Mutational burden as a count and as a rate."""

import numpy as np
import pandas as pd

from trastuz_ml.assays.assay import EXOME, Assay
from trastuz_ml.cohort.burden import burden_per_megabase, sizes_known
from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.schema import CALLS, NONSILENT, conform

GENES = ["TP53", "TTN", "ANKRD44", "TP53"]
CALLED = conform(
    pd.DataFrame({"patient": ["P1", "P1", "P2", "P2"], "gene": GENES, "effect": "missense", "pos": [1, 2, 3, 4]}),
    CALLS,
)


def cohort(*assays):
    roster = pd.DataFrame(
        {"sequenced": True, "in_cohort": True, "response": pd.array([1, 0], dtype="Int8"), "group": ["P1", "P2"],
         "assay": ["exome", "panel"]},
        index=pd.Index(["P1", "P2"], name="patient"),
    )  # fmt: skip
    return Cohort.assemble(CALLED, roster, assays=assays)


def test_rate__is_the_count_over_the_size_of_the_patient_s_own_assay():
    known = cohort(Assay("exome", None, 40.0), Assay("panel", frozenset({"TP53"}), 0.5))
    assert sizes_known(known)
    np.testing.assert_allclose(burden_per_megabase(known, NONSILENT), [2 / 40, 1 / 0.5])


def test_rate__of_an_assay_of_unknown_size_is_missing():
    unknown = cohort(EXOME, Assay("panel", frozenset({"TP53"}), 0.5))
    assert not sizes_known(unknown)
    np.testing.assert_allclose(burden_per_megabase(unknown, NONSILENT), [np.nan, 2.0])
