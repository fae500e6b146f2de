"""Gene names of calls brought to current symbols, and the findings that tell of it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trastuz_ml.calls.genes.names import reconcile_genes, reconcile_names
from trastuz_ml.calls.genes.symbols import read_symbol_table
from trastuz_ml.findings import findings_table
from trastuz_ml.schema import CALLS, as_words, conform

NAMES = [
    "TP53", "KMT2D", "MLL2", "MLL3", "KMT2C", "ANKRd44", "ANKRD44", "ENSG00000141510.18", "HGNC:11998", "MUM1",
    "LOC1", "HER2", "Sep-04", "1-Mar", "2006-03-01 00:00:00", "MARCH1", "SEPT4", "7157", "2019-01-01", "OCT4",
]  # fmt: skip
CHROMS = [None, "1", "4", "5", "17"]


@pytest.fixture(scope="module")
def table():
    return read_symbol_table()


def calls_of(*genes, chrom=None):
    chroms = chrom if chrom is not None else [None] * len(genes)
    frame = pd.DataFrame({"patient": "P1", "gene": list(genes), "effect": "missense", "chrom": chroms})
    return conform(frame, CALLS)


def real_calls(raw):
    """Patient, gene and place of TransNEO's calls as text, as a reader hands them over."""
    named = raw.rename(columns={"Donor.ID": "patient", "Hugo_Symbol": "gene", "Chr": "chrom", "Start": "pos"})
    calls = named[["patient", "gene", "chrom", "pos"]].assign(effect="missense")
    return conform(calls.assign(gene=calls["gene"].mask(calls["gene"] == "Unknown")), CALLS)


@pytest.fixture(scope="module")
def text(transneo):
    path = transneo / "mutations.tsv.gz"
    return real_calls(pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False).astype({"Start": int}))


def by_code(findings):
    return {finding.code: finding for finding in findings}


def named(table, *genes, chrom=None):
    return reconcile_genes(calls_of(*genes, chrom=chrom), table)[0]["gene"].astype(object).tolist()


@pytest.mark.parametrize(
    ("name", "gene", "code", "severity"),
    [
        ("MLL3", "KMT2C", "gene-renamed", "note"),
        ("HER2", "ERBB2", "gene-alias", "note"),
        ("ENSG00000141510.18", "TP53", "gene-identifier", "note"),
        ("HGNC:11998", "TP53", "gene-identifier", "note"),
        ("ANKRd44", "ANKRD44", "gene-case", "note"),
        ("MUM1", "MUM1", "gene-ambiguous", "note"),
        ("LOC1", "LOC1", "gene-unknown", "note"),
        ("4-Sep", "SEPTIN4", "gene-date-repaired", "warning"),
    ],
)
def test_gene_names__each_kind_of_change_is_counted_and_shown(table, name, gene, code, severity):
    calls, findings = reconcile_genes(calls_of("TP53", name, name), table)
    assert calls["gene"].tolist() == ["TP53", gene, gene]
    found = by_code(findings)[code]
    assert (found.severity, found.count, found.where) == (severity, 2, "gene")
    assert "1 name in 2 calls" in found.message
    assert name in found.message
    assert gene in found.message


def test_gene_names__current_symbols_and_missing_ones_stay_without_a_finding(table):
    calls, findings = reconcile_genes(calls_of("TP53", None, "ANKRD44"), table)
    assert calls["gene"].astype(object).where(calls["gene"].notna(), None).tolist() == ["TP53", None, "ANKRD44"]
    assert findings == []


def test_gene_names__an_ambiguous_name_shows_what_it_may_be(table):
    message = by_code(reconcile_genes(calls_of("MUM1"), table)[1])["gene-ambiguous"].message
    assert "MUM1 (IRF4 or PWWP3A)" in message


def test_gene_names__the_chromosome_decides_between_the_genes_of_a_date(table):
    dates = ["Mar-01", "Mar-01", "2-Mar", "2-Mar", "2006-03-01 00:00:00", "2006-03-01 00:00:00"]
    calls, findings = reconcile_genes(calls_of(*dates, chrom=["4", "1", "19", "1", "5", "1"]), table)
    assert calls["gene"].tolist() == ["MARCHF1", "MTARC1", "MARCHF2", "MTARC2", "MARCHF6", "MTARC1"]
    assert [(f.code, f.count) for f in findings] == [("gene-date-repaired", 6)]
    assert "'Mar-01' -> MARCHF1" in findings[0].message


def test_gene_names__a_date_that_nothing_decides_is_left_unnamed(table):
    dates = ["Mar-01", "Mar-01", "Sep-04", "Sep-04", "2019-01-01", "TP53"]
    calls, findings = reconcile_genes(calls_of(*dates, chrom=[None, "7", "3", None, "17", "17"]), table)
    assert calls["gene"].isna().tolist() == [True, True, True, False, True, False]
    found = by_code(findings)
    assert (found["gene-date-unnamed"].severity, found["gene-date-unnamed"].count) == ("warning", 4)
    assert "'Sep-04' on chromosome 3" in found["gene-date-unnamed"].message
    assert found["gene-date-repaired"].count == 1


def test_gene_names__without_a_column_of_chromosomes_a_date_must_be_one_gene(table):
    calls = calls_of("Sep-04", "Mar-01").drop(columns="chrom")
    genes = reconcile_genes(calls, table)[0]["gene"]
    assert genes.isna().tolist() == [False, True]
    assert genes[0] == "SEPTIN4"


def test_gene_names__a_blind_repair_is_corrected_by_the_chromosome(table):
    calls, findings = reconcile_genes(
        calls_of("MARCH1", "MARCH1", "MARCH2", "MARCH1", "MARCH1", chrom=["4", "1", "1", "9", None]), table
    )
    assert calls["gene"].tolist() == ["MARCHF1", "MTARC1", "MTARC2", "MARCHF1", "MARCHF1"]
    found = by_code(findings)
    assert (found["gene-date-misread"].severity, found["gene-date-misread"].count) == ("warning", 2)
    assert "MARCH1 on chromosome 1 -> MTARC1" in found["gene-date-misread"].message
    assert found["gene-renamed"].count == 3
    assert "gene-names-collide" not in found


def test_gene_names__names_that_become_one_symbol_are_told(table):
    calls, findings = reconcile_genes(
        calls_of("MLL2", "KMT2D", "KMT2D", "TP53", "MLL3", "4-Sep", "SEPTIN4"), table
    )
    found = by_code(findings)["gene-names-collide"]
    assert (found.severity, found.count) == ("warning", 3)
    assert "2 names in 3 calls (KMT2D and MLL2 -> KMT2D)" in found.message
    assert (calls["gene"] == "KMT2D").sum() == 3


def test_gene_names__two_old_names_of_one_gene_are_told(table):
    found = by_code(reconcile_genes(calls_of("MARCH5", "RNF153"), table)[1])["gene-names-collide"]
    assert "MARCH5 and RNF153 -> MARCHF5" in found.message


def test_gene_names__the_result_is_a_word_column_as_the_calls_table_declares(table):
    calls = calls_of(*NAMES, None)
    calls = calls[calls["gene"] != "TP53"]
    named_calls, findings = reconcile_genes(calls, table)
    pd.testing.assert_series_equal(named_calls["gene"], as_words(named_calls["gene"]))
    assert list(named_calls.index) == list(calls.index)
    pd.testing.assert_frame_equal(named_calls.drop(columns="gene"), calls.drop(columns="gene"))
    assert len(findings_table(findings)) == len(findings)


def test_gene_names__a_table_without_rows_is_left_alone(table):
    calls, findings = reconcile_genes(calls_of(), table)
    assert (len(calls), findings) == (0, [])


def test_gene_names__a_newer_table_renames_the_gene_of_a_date_too(tmp_path):
    path = tmp_path / "newer.tsv"
    path.write_text(
        "hgnc_id\tsymbol\tensembl_id\tgene_type\tprevious\talias\nHGNC:9165\tSEPTINX\t\tgene\tSEPTIN4|SEPT4\t\n",
        encoding="utf-8",
    )
    assert named(read_symbol_table(path), "4-Sep", "SEPT4") == ["SEPTINX", "SEPTINX"]


@settings(deadline=None, max_examples=15)
@given(rows=st.lists(st.tuples(st.sampled_from([*NAMES, None]), st.sampled_from(CHROMS)), min_size=1, max_size=30))
def test_gene_names__twice_is_once_and_order_does_not_matter(table, rows):
    genes, chroms = zip(*rows, strict=True)
    once, findings = reconcile_genes(calls_of(*genes, chrom=chroms), table)
    twice, _ = reconcile_genes(once, table)
    pd.testing.assert_frame_equal(once, twice)
    backward, told = reconcile_genes(calls_of(*genes[::-1], chrom=chroms[::-1]), table)
    assert backward["gene"].astype(str).tolist()[::-1] == once["gene"].astype(str).tolist()
    assert findings_table(told).equals(findings_table(findings))


@settings(deadline=None, max_examples=15)
@given(rows=st.lists(st.tuples(st.sampled_from([*NAMES, None]), st.sampled_from(CHROMS)), min_size=1, max_size=30))
def test_gene_names__a_finding_counts_the_rows_that_changed(table, rows):
    genes, chroms = zip(*rows, strict=True)
    calls, findings = reconcile_genes(calls_of(*genes, chrom=chroms), table)
    changed = sum(
        a is not None and a != b for a, b in zip(genes, calls["gene"].astype(object).tolist(), strict=True)
    )
    kept = {"gene-ambiguous", "gene-unknown", "gene-names-collide"}
    assert sum(finding.count for finding in findings if finding.code not in kept) == changed


def test_gene_names__a_list_of_genes_is_brought_to_current_symbols(table):
    assert reconcile_names(iter(["ANKRd44", "MLL3", "TP53", "LOC1", "MUM1", "1-Mar"]), table) == {
        "ANKRd44": "ANKRD44", "MLL3": "KMT2C", "TP53": "TP53", "LOC1": "LOC1", "MUM1": "MUM1", "1-Mar": "1-Mar",
    }  # fmt: skip


def test_transneo__the_dates_of_the_text_and_of_the_workbook_become_the_same_genes(transneo, text, table):
    sheet = pd.read_excel(transneo / "Supplementary Tables.xlsx", sheet_name=1, dtype=str, keep_default_na=False)
    book = real_calls(sheet.astype({"Start": int}))
    assert text["gene"].isin(["Sep-04", "Mar-06", "Mar-01"]).sum() > 0
    assert book["gene"].isin(["2004-09-01 00:00:00"]).sum() > 0
    from_text, told = reconcile_genes(text, table)
    from_book, _ = reconcile_genes(book, table)
    key = ["patient", "chrom", "pos"]
    genes = [
        frame[[*key, "gene"]].astype(str).sort_values([*key, "gene"], ignore_index=True)
        for frame in (from_text, from_book)
    ]
    pd.testing.assert_frame_equal(*genes)
    was = text["gene"].astype(object)
    assert set(from_text["gene"][was == "Sep-04"]) == {"SEPTIN4"}
    assert set(from_text["gene"][was == "Mar-06"]) == {"MARCHF6"}
    assert set(from_text["gene"][was == "Mar-01"]) == {"MARCHF1", "MTARC1"}
    assert by_code(told)["gene-date-repaired"].count == 14
    assert "gene-date-unnamed" not in by_code(told)


def test_transneo__every_name_is_current_or_counted_as_not(text, table):
    calls, findings = reconcile_genes(text, table)
    np.testing.assert_array_equal(calls["gene"].isna(), text["gene"].isna())
    known = table.current(list(calls["gene"].cat.categories))
    unsettled = calls["gene"].map({name: what.how != "approved" for name, what in known.items()}).astype("boolean")
    kept = {finding.code: finding.count for finding in findings}
    assert unsettled.sum() == kept["gene-unknown"] + kept["gene-ambiguous"]
