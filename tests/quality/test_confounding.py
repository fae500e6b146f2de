"""Class balance, and what goes with the response."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.special import comb
from scipy.stats import hypergeom

from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.quality.confounding import class_balance, confounded_with_response, table_p
from trastuz_ml.schema import CALLS, conform, empty


def cohort_of(response, *, files=None, **columns):
    ids = pd.Index([f"P{at:03d}" for at in range(len(response))], name="patient")
    patients = pd.DataFrame(
        {"response": pd.array(response, dtype="Int8"), "group": ids, "assay": "exome"}, index=ids
    ).assign(**columns)
    calls = empty(CALLS)
    if files is not None:
        calls = conform(pd.DataFrame({"patient": ids, "gene": "TTN", "effect": "missense", "file": files}), CALLS)
    return Cohort(calls, patients)


def only(findings):
    (finding,) = findings
    return finding.severity, finding.code, finding.count


@pytest.mark.parametrize(
    ("yes", "no", "expected"),
    [
        (4, 30, ("warning", "class-tiny", 4)), (30, 4, ("warning", "class-tiny", 4)),
        (5, 30, ("warning", "class-small", 5)), (9, 9, ("warning", "class-small", 9)),
        (10, 90, ("warning", "class-lopsided", 10)), (10, 89, ("note", "class-balance", 10)),
        (42, 120, ("note", "class-balance", 42)),
    ],
)  # fmt: skip
def test_balance__the_smaller_class_decides(yes, no, expected):
    found = class_balance(cohort_of([1] * yes + [0] * no))
    assert only(found) == expected
    assert f"{yes} responders and {no} non-responders" in found[0].message


def test_balance__patients_to_be_predicted_have_none():
    assert class_balance(cohort_of([None] * 30)) == []


def test_balance__counts_known_responses_only():
    assert only(class_balance(cohort_of([1] * 12 + [0] * 12 + [None] * 50))) == ("note", "class-balance", 12)


MIXED = [1, 0] * 20


def test_confounded__one_assay_and_own_groups_are_silent():
    assert confounded_with_response(cohort_of(MIXED)) == []


def test_confounded__assays_with_the_same_response_rate_are_silent():
    assert confounded_with_response(cohort_of(MIXED, assay=["exome"] * 20 + ["panel"] * 20)) == []


def test_confounded__an_assay_with_one_response_only_is_an_error():
    found = confounded_with_response(cohort_of([1] * 6 + [0] * 6, assay=["exome"] * 6 + ["panel"] * 6))
    assert only(found) == ("error", "assay-confounded", 12)
    assert "exome: 6 of 6 respond; panel: 0 of 6 respond (p = 0.0022" in found[0].message


def test_confounded__a_small_assay_that_happens_to_have_one_response_is_silent():
    assert confounded_with_response(cohort_of([*MIXED, 0, 0], assay=["exome"] * 40 + ["panel"] * 2)) == []


def test_confounded__an_assay_that_leans_is_a_warning_and_one_that_may_lean_a_note():
    leaning = [1] * 15 + [0] * 5 + [1] * 4 + [0] * 16
    perhaps = [1] * 14 + [0] * 6 + [1] * 7 + [0] * 13
    halves = ["exome"] * 20 + ["panel"] * 20
    assert table_p(np.array([[15, 5], [4, 16]])) < 0.01
    assert 0.05 < table_p(np.array([[14, 6], [7, 13]])) < 0.06
    assert only(confounded_with_response(cohort_of(leaning, assay=halves)))[:2] == ("warning", "assay-confounded")
    assert confounded_with_response(cohort_of(perhaps, assay=halves)) == []
    note = [1] * 15 + [0] * 5 + [1] * 7 + [0] * 13
    assert only(confounded_with_response(cohort_of(note, assay=halves)))[:2] == ("note", "assay-confounded")


def test_confounded__centres_are_tested_and_persons_with_two_biopsies_are_not():
    response = [1] * 10 + [0] * 30
    centres = ["north"] * 12 + ["south"] * 14 + ["west"] * 14
    assert only(confounded_with_response(cohort_of(response, group=centres)))[1] == "group-confounded"
    persons = [f"person {at // 2}" for at in range(40)]
    assert confounded_with_response(cohort_of(response, group=persons)) == []


def test_confounded__files_of_responders_and_of_the_others_are_an_error():
    response = [1] * 10 + [0] * 10
    found = confounded_with_response(cohort_of(response, files=["yes.maf"] * 10 + ["no.maf"] * 10))
    assert only(found) == ("error", "file-confounded", 20)
    one_each = [f"P{at}.vcf" for at in range(20)]
    assert confounded_with_response(cohort_of(response, files=one_each)) == []


def test_confounded__the_same_partition_is_told_once():
    halves = ["a"] * 10 + ["b"] * 10
    found = confounded_with_response(cohort_of([1] * 10 + [0] * 10, assay=halves, group=halves, files=halves))
    assert only(found) == ("error", "assay-confounded", 20)


def test_confounded__patients_without_response_do_not_count():
    response, assay = [1, 0] * 10 + [None] * 20, ["exome"] * 20 + ["panel"] * 20
    assert confounded_with_response(cohort_of(response, assay=assay)) == []


@pytest.mark.parametrize("table", [[[6, 0], [0, 6]], [[3, 7], [9, 4]], [[1, 11], [5, 2]]])
def test_p__of_two_levels_is_the_sum_of_hypergeometric_tables_as_rare(table):
    (a, b), (c, d) = table
    law = hypergeom(a + b + c + d, a + c, a + b)
    points = law.pmf(np.arange(a + c + 1))
    assert table_p(np.array(table)) == pytest.approx(points[points <= law.pmf(a) * (1 + 1e-9)].sum())


def exact_p(table):
    """All tables of the same margins, by their probability (Freeman & Halton 1951)."""
    table = np.asarray(table)
    size, yes = table.sum(axis=1), table[:, 0].sum()

    def weight(column):
        return np.prod([comb(n, k, exact=True) for n, k in zip(size, column, strict=True)])

    columns = [c for c in product(*(range(n + 1) for n in size)) if sum(c) == yes]
    weights = np.array([weight(c) for c in columns], dtype=float)
    return weights[weights <= weight(table[:, 0]) * (1 + 1e-9)].sum() / weights.sum()


@pytest.mark.parametrize("table", [[[5, 3], [2, 8], [6, 1]], [[4, 4], [3, 5], [5, 4]], [[6, 0], [1, 7], [3, 3]]])
def test_p__of_three_levels_is_that_of_all_tables_within_the_error_of_drawing(table):
    exact = exact_p(table)
    error = 4 * np.sqrt(exact * (1 - exact) / 9_999) + 2e-4
    assert table_p(np.array(table)) == pytest.approx(exact, abs=error)
    assert table_p(np.array(table)) == table_p(np.array(table))
