"""Patients with far more or fewer calls than others."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import median_abs_deviation

from trastuz_ml.assays.assay import EXOME, Assay
from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.quality.burden_outliers import burden_outliers, modified_z
from trastuz_ml.schema import CALLS, conform

USUAL = [20, 25, 30, 30, 35, 40, 40, 45, 50, 60, 80, 100]


def cohort_of(counts, *, silent=(), assay="exome"):
    ids = pd.Index([f"P{at:02d}" for at in range(len(counts))], name="patient")
    rows = [(ids[at], "missense", place) for at, count in enumerate(counts) for place in range(count)]
    rows += [(ids[at], "silent", -1) for at in silent]
    calls = pd.DataFrame(rows, columns=["patient", "effect", "pos"]).assign(gene="TTN")
    patients = pd.DataFrame({"response": 0, "group": ids, "assay": assay}, index=ids)
    return Cohort(conform(calls, CALLS), patients, assays=(EXOME, Assay("panel", frozenset({"TTN"}))))


def found(cohort):
    return [(finding.code, finding.patient, finding.count) for finding in burden_outliers(cohort)]


def test_outliers__usual_patients_are_silent():
    assert found(cohort_of(USUAL)) == []


def test_outliers__hypermutated_and_nearly_empty_patients_are_named():
    assert found(cohort_of([*USUAL, 2000, 1])) == [("burden-high", "P12", 2000), ("burden-low", "P13", 1)]


def test_outliers__a_patient_without_calls_is_named_elsewhere_and_one_without_effects_that_count_here():
    assert found(cohort_of([*USUAL, 0])) == []
    assert found(cohort_of([*USUAL, 0], silent=[12])) == [("burden-low", "P12", 0)]


def test_outliers__each_assay_has_its_own_median():
    panel = [2, 3, 3, 4, 4, 4, 5, 5, 6, 7]
    kits = ["exome"] * len(USUAL) + ["panel"] * len(panel)
    assert found(cohort_of([*USUAL, *panel], assay=kits)) == []
    assert ("burden-low", "P12", 2) in found(cohort_of([*USUAL, 2]))


def test_outliers__few_patients_are_not_judged():
    assert found(cohort_of([30, 40, 50, 2000])) == []


def test_z__is_the_modified_z_score_where_patients_vary_enough():
    counts = pd.Series([3, 10, 40, 55, 300, 900, 4000])
    logs = np.log(counts)
    expected = (logs - np.median(logs)) / median_abs_deviation(logs, scale="normal")
    np.testing.assert_allclose(modified_z(counts), expected, rtol=1e-4)


def test_z__of_alike_patients_needs_six_times_the_median():
    z = modified_z(pd.Series([40] * 12 + [200, 240]))
    assert z.iloc[12] < 3.5 < z.iloc[13]


@pytest.mark.parametrize("middle", [1, 2])
def test_z__of_few_calls_allows_for_chance(middle):
    z = modified_z(pd.Series([middle] * 12 + [middle * 7]))
    assert z.iloc[-1] == pytest.approx(np.log(7) * np.sqrt(middle))
    assert z.iloc[-1] < 3.5
