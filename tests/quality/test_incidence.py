"""Patients against variants and genes."""

import pandas as pd

from trastuz_ml.assays.assay import EXOME, Assay
from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.quality.incidence import carriers_of_genes, carriers_of_variants, rows_of
from trastuz_ml.schema import CALLS, conform

PATIENTS = pd.Index(["P1", "P2"], name="patient")


def calls(*rows):
    names = ["patient", "gene", "effect", "chrom", "pos", "ref", "alt"]
    return conform(pd.DataFrame(rows, columns=names), CALLS)


def variants(*rows):
    return (
        carriers_of_variants(calls(*((p, "TTN", "missense", *rest) for p, *rest in rows)), PATIENTS)
        .toarray()
        .tolist()
    )


def test_rows__hold_for_words_with_unused_categories():
    words = pd.Series(["P2", "P1", "P9"], dtype="category")
    assert rows_of(pd.DataFrame({"patient": words[:2]}), PATIENTS).tolist() == [1, 0]
    assert rows_of(pd.DataFrame({"patient": words}), PATIENTS).tolist() == [1, 0, -1]


def test_variants__differ_by_allele():
    rows = [("P1", "2", 5, "A", "G"), ("P1", "2", 5, "A", "T"), ("P2", "2", 5, "C", "G"), ("P2", "2", 5, "A", "T")]
    assert variants(*rows) == [[1, 1, 0], [0, 1, 1]]


def test_variants__are_compared_by_place_where_some_alleles_are_missing():
    assert variants(("P1", "2", 5, "A", "G"), ("P2", "2", 5, None, None)) == [[1], [1]]


def test_variants__of_two_chromosomes_differ_and_a_repeated_call_counts_once():
    rows = [("P1", "1", 5, "A", "G"), ("P1", "1", 5, "A", "G"), ("P1", "2", 5, "A", "G")]
    assert variants(*rows) == [[1, 1], [0, 0]]


def test_variants__without_a_position_and_of_strangers_are_left_out():
    assert variants(("P1", "2", None, "A", "G"), ("P9", "2", 5, "A", "G"), ("P2", "2", 5, "A", "G")) == [[0], [1]]
    assert variants() == [[], []]


def test_variants__need_no_column_that_no_file_has():
    rows = calls(("P1", "TTN", "missense", "2", 5, "A", "G"), ("P2", "TTN", "missense", "2", 5, "A", "T"))
    assert carriers_of_variants(rows.drop(columns=["ref", "alt"]), PATIENTS).toarray().tolist() == [[1], [1]]
    assert carriers_of_variants(rows.drop(columns=["chrom"]), PATIENTS).toarray().tolist() == [[1, 0], [0, 1]]
    assert carriers_of_variants(rows.drop(columns=["pos"]), PATIENTS).shape == (2, 0)


def genes(called, assay="exome", effects=("missense",)):
    patients = pd.DataFrame({"response": 0, "group": PATIENTS, "assay": assay}, index=PATIENTS)
    cohort = Cohort(called, patients, assays=(EXOME, Assay("panel", frozenset({"TP53"}))))
    names, carried = carriers_of_genes(cohort, effects)
    return names, carried.toarray().tolist()


CALLED = calls(
    ("P1", "TTN", "missense", "2", 1, "A", "G"), ("P1", "TTN", "missense", "2", 2, "A", "G"),
    ("P2", "TP53", "missense", "17", 1, "A", "G"), ("P2", "TTN", "missense", "2", 3, "A", "G"),
    ("P2", "KRAS", "silent", "12", 1, "A", "G"), ("P2", None, "missense", "1", 1, "A", "G"),
)  # fmt: skip


def test_genes__are_carried_once_however_many_calls():
    assert genes(CALLED) == (["TP53", "TTN"], [[0, 1], [1, 1]])


def test_genes__that_the_patients_assay_does_not_cover_are_not_carried():
    assert genes(CALLED, assay=["exome", "panel"]) == (["TP53", "TTN"], [[0, 1], [1, 0]])
    assert genes(CALLED, assay="panel") == (["TP53"], [[0], [1]])


def test_genes__are_those_with_the_effects_asked_for():
    assert genes(CALLED, effects=("silent",)) == (["KRAS"], [[0], [1]])
