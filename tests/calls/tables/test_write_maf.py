"""A written MAF has the columns, the coordinates and the empty fields that MAF readers expect."""

from __future__ import annotations

import pandas as pd
import pytest

from trastuz_ml import schema
from trastuz_ml.calls.tables.maf import read_maf
from trastuz_ml.calls.tables.write_maf import MAF_COLUMNS, write_maf
from trastuz_ml.errors import InputError


def table(**columns):
    count = max(len(values) for values in columns.values())
    needed = {"patient": ["P1"] * count, "gene": ["TP53"] * count, "effect": ["missense"] * count}
    needed["consequence"] = ["Missense_Mutation"] * count
    return schema.conform(pd.DataFrame(needed | columns), schema.CALLS)


def fields(path):
    lines = path.read_text().splitlines()
    header, *rows = [line.split("\t") for line in lines if not line.startswith("#")]
    assert header == list(MAF_COLUMNS)
    assert all(len(row) == len(header) for row in rows)
    return [dict(zip(header, row, strict=True)) for row in rows]


@pytest.mark.parametrize(
    ("ref", "alt", "end", "kind"),
    [
        ("C", "T", 100, "SNP"),
        ("CA", "TG", 101, "DNP"),
        ("CAG", "TGA", 102, "TNP"),
        ("CAGT", "TGAC", 103, "ONP"),
        ("C", "-", 100, "DEL"),
        ("CAG", "-", 102, "DEL"),
        ("-", "T", 101, "INS"),
        ("-", "TGA", 101, "INS"),
        ("GACA", "G", 103, "DEL"),
        ("G", "GTT", 100, "INS"),
    ],
)
def test_write_maf__end_and_type_follow_from_the_alleles(tmp_path, ref, alt, end, kind):
    write_maf(table(chrom=["17"], pos=[100], ref=[ref], alt=[alt]), tmp_path / "a.maf")
    (row,) = fields(tmp_path / "a.maf")
    assert (row["Start_Position"], row["End_Position"], row["Variant_Type"]) == ("100", str(end), kind)
    assert (row["Reference_Allele"], row["Tumor_Seq_Allele1"], row["Tumor_Seq_Allele2"]) == (ref, ref, alt)


def test_write_maf__read_counts_add_up_to_the_depth(tmp_path):
    write_maf(table(vaf=[7 / 61], depth=[61]), tmp_path / "a.maf")
    (row,) = fields(tmp_path / "a.maf")
    assert (row["t_depth"], row["t_ref_count"], row["t_alt_count"]) == ("61", "54", "7")


def test_write_maf__missing_is_empty(tmp_path):
    write_maf(table(ref=[None]), tmp_path / "a.maf")
    (row,) = fields(tmp_path / "a.maf")
    given = {"Hugo_Symbol", "Tumor_Sample_Barcode", "Variant_Classification"}
    assert {name for name, value in row.items() if value} == given


def test_write_maf__comment_lines_come_first_and_build_is_told(tmp_path):
    write_maf(table(chrom=["1"]), tmp_path / "a.maf", comment="one\ntwo", build="GRCh38")
    assert (tmp_path / "a.maf").read_text().startswith("# one\n# two\nHugo_Symbol\t")
    assert fields(tmp_path / "a.maf")[0]["NCBI_Build"] == "GRCh38"


def test_write_maf__what_was_read_is_what_was_written(tmp_path):
    calls = table(
        chrom=["X", "7"], pos=[5, 9], ref=["A", "-"], alt=["-", "GG"], vaf=[0.1, 1 / 3], depth=[10, 3],
        alt_reads=[1, 1], file=["a.maf", "a.maf"],
        filter=["PASS", "a;b"], hgvsc=["c.1A>G", None], hgvsp=["p.A1=", None], sift=["tolerated(0.2)", None],
        polyphen=[None, "benign(0.1)"],
    )  # fmt: skip
    write_maf(calls, tmp_path / "a.maf", comment="x")
    pd.testing.assert_frame_equal(read_maf(tmp_path / "a.maf"), calls, check_exact=True)


def test_write_maf__an_empty_table_is_a_header(tmp_path):
    write_maf(schema.empty(schema.CALLS), tmp_path / "a.maf")
    assert (tmp_path / "a.maf").read_text() == "\t".join(MAF_COLUMNS) + "\n"


@pytest.mark.parametrize("text", ["a\tb", "a\nb", 'a"b'])
def test_write_maf__a_text_that_breaks_the_line_is_refused_and_leaves_nothing(tmp_path, text):
    with pytest.raises(InputError, match=r"a\.maf"):
        write_maf(table(hgvsp=[text]), tmp_path / "a.maf")
    assert list(tmp_path.iterdir()) == []


def test_write_maf__a_failure_leaves_the_older_file(tmp_path):
    path = tmp_path / "a.maf"
    write_maf(table(hgvsp=["p.A1V"]), path)
    before = path.read_bytes()
    with pytest.raises(InputError):
        write_maf(table(hgvsp=["a\tb"]), path)
    assert path.read_bytes() == before


def test_write_maf__a_frame_that_is_no_calls_table_is_refused(tmp_path):
    with pytest.raises(InputError, match="gene"):
        write_maf(pd.DataFrame({"patient": ["P1"]}), tmp_path / "a.maf")
