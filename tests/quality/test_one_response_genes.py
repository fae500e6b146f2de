"""Genes whose carriers all have one response."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.assays.assay import EXOME, Assay
from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.quality.one_response_genes import one_response_genes, one_sided_genes
from trastuz_ml.schema import CALLS, conform


def cohort_of(response, carriers, *, assay="exome", assays=(EXOME,), effect="missense"):
    ids = pd.Index([f"P{at:02d}" for at in range(len(response))], name="patient")
    rows = [(ids[at], gene, effect) for gene, own in carriers.items() for at in own]
    calls = conform(pd.DataFrame(rows, columns=["patient", "gene", "effect"]), CALLS)
    patients = pd.DataFrame(
        {"response": pd.array(response, dtype="Int8"), "group": ids, "assay": assay}, index=ids
    )
    return Cohort(calls, patients, assays=assays)


RESPONSE = [1] * 4 + [0] * 6
CARRIERS = {
    "YES": [0, 1, 2], "NO": [4, 5, 6, 7], "BOTH": [0, 5, 6], "FEW": [0, 1], "EVERY": list(range(10)),
}  # fmt: skip


def test_one_response__counts_each_side_and_orders_by_carriers():
    found = one_sided_genes(cohort_of(RESPONSE, CARRIERS))
    assert (found.genes, found.tested) == (("NO", "YES"), 4)
    assert (found.responders.genes, found.others.genes) == (1, 1)


def arrangements(strata, response):
    """All ways to give each stratum its own number of responses to its members."""
    layers = [[]]
    for members in strata:
        count = sum(response[at] for at in members)
        layers = [[*before, *chosen] for before in layers for chosen in combinations(members, count)]
    return [{*chosen} for chosen in layers]


@pytest.mark.parametrize("strata", [[range(10)], [range(5), range(5, 10)], [[0, 4, 5], [1, 2, 3, 6, 7, 8, 9]]])
def test_one_response__expectation_and_chance_are_those_of_all_arrangements(strata):
    assay = np.empty(10, dtype=object)
    for at, members in enumerate(strata):
        assay[list(members)] = f"kit {at}"
    assays = tuple(Assay(f"kit {at}") for at in range(len(strata)))
    cohort = cohort_of(RESPONSE, CARRIERS, assay=assay, assays=assays)
    carriers = [set(own) for own in CARRIERS.values() if len(own) >= 3]
    found = one_sided_genes(cohort)
    for side, is_one in ((found.responders, set.issubset), (found.others, set.isdisjoint)):
        counts = [sum(is_one(own, yes) for own in carriers) for yes in arrangements(strata, RESPONSE)]
        assert side.expected == pytest.approx(np.mean(counts))
        as_many = np.mean(np.array(counts) >= side.genes)
        assert side.as_many == pytest.approx(as_many, abs=4 * np.sqrt(as_many * (1 - as_many) / 499) + 0.003)


def test_one_response__a_call_that_the_assay_does_not_cover_makes_no_carrier():
    panel = Assay("panel", frozenset({"OTHER"}))
    kits = ["exome", "exome", "panel", *["exome"] * 7]
    cohort = cohort_of(RESPONSE, {"YES": [0, 1, 2]}, assay=kits, assays=(EXOME, panel))
    assert one_sided_genes(cohort) is None
    assert one_sided_genes(cohort, least_carriers=2).tested == 1


def test_one_response__effects_that_do_not_count_make_no_carrier():
    assert one_sided_genes(cohort_of(RESPONSE, CARRIERS, effect="silent")) is None


def test_one_response__patients_without_response_make_no_carrier():
    assert one_sided_genes(cohort_of([1, 1, None, None, 0, 0], {"YES": [0, 1, 2, 3]})) is None


def test_one_response__the_note_gives_chance_beside_the_count():
    (note,) = one_response_genes(cohort_of(RESPONSE, CARRIERS))
    assert (note.severity, note.code, note.count) == ("note", "genes-of-one-response", 2)
    assert (
        "2 of the 4 with at least 3 carriers: NO, YES. 1 in responders only, where chance makes 0." in note.message
    )
    assert "; 1 in non-responders only, where chance makes" in note.message
    assert "That is what chance gives" in note.message


def test_one_response__more_than_chance_is_said_so():
    many = {f"G{at:02d}": [at % 20, (at + 1) % 20, (at + 3) % 20] for at in range(20)}
    (note,) = one_response_genes(cohort_of([1] * 20 + [0] * 20, many))
    assert "In responders that is more than chance gives" in note.message


def test_one_response__one_side_may_be_more_than_chance_while_both_together_are_not():
    yes = {f"Y{at}": [at, at + 1, at + 2] for at in range(6)}
    no = {f"N{at:02d}": [at % 30 + 10, (at * 7 + 1) % 30 + 10, (at * 3 + 2) % 30 + 10] for at in range(20)}
    mixed = {f"M{at:02d}": [at % 10, at % 30 + 10, (at * 7 + 3) % 30 + 10] for at in range(60)}
    found = one_sided_genes(cohort_of([1] * 10 + [0] * 30, yes | no | mixed))
    together = found.responders.expected + found.others.expected
    assert found.responders.genes + found.others.genes < together
    assert found.responders.as_many < 0.025
    (note,) = one_response_genes(cohort_of([1] * 10 + [0] * 30, yes | no | mixed))
    assert "In responders that is more than chance gives" in note.message


def test_one_response__mixed_genes_and_one_class_are_silent():
    assert list(one_response_genes(cohort_of(RESPONSE, {"BOTH": [0, 5, 6]}))) == []
    assert list(one_response_genes(cohort_of([0] * 10, CARRIERS))) == []
