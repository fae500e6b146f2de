"""No allele of a VCF is lost or made up: every row is a call or is counted under one fate."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from trastuz_ml.calls.alleles import maf_form
from trastuz_ml.calls.reading import Filters, Reading
from trastuz_ml.calls.vcf.population_frequency import frequency_fields, population_frequency
from trastuz_ml.calls.vcf.reader import read_vcf
from trastuz_ml.calls.vcf.writer import write_vcf
from trastuz_ml.errors import InputError
from trastuz_ml.schema import CALLS, ROWS, conform

SHARED = Path(__file__).parents[4] / "shared" / "data"
REAL = sorted((*SHARED.glob("vcf/*/*.vcf*"), *SHARED.glob("odd/*/*.vcf*")))
ALL = Reading(filters=Filters(words=None))
HEADER = """\
##fileformat=VCFv4.2
##FILTER=<ID=weak,Description="weak">
##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence annotations from Ensembl VEP. \
Format: Allele|Consequence|SYMBOL|Feature|PICK">
##INFO=<ID=gnomAD_AF,Number=A,Type=Float,Description="f">
##INFO=<ID=SS,Number=1,Type=String,Description="status">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Reads">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Reads">
"""
# The byte string by which bgzip marks the end of a file, and a block of it that holds nothing.
BGZIP_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def csq(*entries):
    return "CSQ=" + ",".join(f"{allele}|missense_variant|{gene}|ENST1|1" for allele, gene in entries)


def line(pos, ref, alt, info, *cells, words="PASS", names="GT"):
    fields = ["chr1", str(pos), ".", ref, alt, ".", words, info]
    return "\t".join([*fields, names, *cells] if cells else fields) + "\n"


def vcf(folder, *lines, samples=("P1",), header=HEADER, name="P1.vcf"):
    columns = [
        "#CHROM",
        "POS",
        "ID",
        "REF",
        "ALT",
        "QUAL",
        "FILTER",
        "INFO",
        *(["FORMAT", *samples] if samples else []),
    ]
    path = Path(folder, name)
    path.write_text(
        header + "\t".join(columns) + "\n" + "".join(lines), encoding="utf-8", errors="surrogateescape"
    )
    return path


def fates(read):
    return {(r.patient, r.fate): r.rows for r in read.dropped.itertuples()}


def codes(read):
    return {finding.code: finding.count for finding in read.findings}


C = csq(("C", "TP53"))


# ---- rows ------------------------------------------------------------------------------------------------


def test_alleles__every_kind_is_a_call_or_has_its_fate(tmp_path):
    path = vcf(
        tmp_path,
        line(5, "A", "C", C, "0/1"),
        line(6, "CAG", "C", csq(("-", "KRAS")), "0/1"),
        line(7, "c", "ctt", csq(("TT", "KRAS")), "0/1"),
        line(8, "A", "*,C", C, "1/2"),
        line(9, "A", "<DEL>", C, "0/1"),
        line(10, "A", ".", ".", "0/0"),
        line(11, "A", "<NON_REF>", ".", "0/0"),
        line(12, "A", "A[chr2:9[", C, "0/1"),
        line(13, "A", "C", ".", "0/1"),
        line(14, "A", "C", csq(("C", "TP53"), ("C", "WRAP53")), "0/1"),
    )
    read = read_vcf(path, ALL)
    assert list(read.calls.columns) == CALLS.names
    assert list(read.dropped.columns) == ROWS.names
    columns = ["gene", "chrom", "pos", "ref", "alt"]
    assert read.calls[columns].astype(str).agg(" ".join, axis=1).tolist() == [
        "TP53 1 5 A C", "KRAS 1 7 AG -", "KRAS 1 7 - TT", "TP53 1 8 A C", "TP53 1 14 A C", "WRAP53 1 14 A C",
    ]  # fmt: skip
    assert fates(read) == {
        ("P1", "spanning-deletion"): 1, ("P1", "symbolic-allele"): 2, ("P1", "no-alternative"): 2,
        ("P1", "not-annotated"): 1,
    }  # fmt: skip
    (finding,) = read.findings
    assert (finding.severity, finding.code, finding.count) == ("warning", "not-annotated", 1)
    assert "chr1:13 (record 9)" in finding.where


@pytest.mark.parametrize(
    ("genotype", "carried"),
    [("0/1", "C"), ("1|0", "C"), ("1", "C"), ("./1", "C"), ("1/2", "CG"), ("2/2", "G"), ("0/0", ""), ("./.", ""),
     (".", ""), ("0", ""), ("0/1/2", "CG")],
)  # fmt: skip
def test_genotype__decides_who_carries_where_there_is_no_normal(tmp_path, genotype, carried):
    read = read_vcf(vcf(tmp_path, line(5, "A", "C,G", csq(("C", "TP53"), ("G", "TP53")), genotype)), ALL)
    assert "".join(read.calls["alt"]) == carried
    assert fates(read).get(("P1", "not-carried"), 0) == 2 - len(carried)
    assert codes(read).get("genotype-missing", 0) == ("." in genotype and not carried)


def test_genotype__of_no_such_allele_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"P1\.vcf, chr1:5 \(record 1\).*allele 2"):
        read_vcf(vcf(tmp_path, line(5, "A", "C", C, "0/2")), ALL)


def test_genotype__its_absence_in_a_patients_own_file_is_a_call_and_a_note(tmp_path):
    read = read_vcf(vcf(tmp_path, line(5, "A", "C", C, "3", names="DP")), ALL)
    assert (len(read.calls), codes(read)) == (1, {"no-genotype": 1})


def test_pair__a_record_is_the_somatic_call_unless_its_status_says_inherited(tmp_path):
    path = vcf(
        tmp_path,
        line(5, "A", "C", C, "0/0", "0/1"),
        line(6, "A", "C", C, "0/0", "0/0"),
        line(7, "A", "C", C, "9", "9", names="DP"),
        line(8, "A", "C,G", csq(("C", "TP53"), ("G", "TP53")), "0/1", "0/2"),
        line(9, "A", "C", f"{C};SS=1", "0/1", "0/1"),
        line(10, "A", "C", f"{C};SS=3", "0/1", "1/1"),
        line(11, "A", "C", f"{C};SS=2", "0/0", "0/1"),
        samples=("NORMAL", "TUMOR"),
    )
    read = read_vcf(path, ALL)
    assert read.calls["pos"].tolist() == [5, 6, 7, 8, 11]
    assert read.calls["alt"].tolist() == ["C", "C", "C", "G", "C"]
    assert fates(read) == {("P1", "germline"): 2, ("P1", "not-carried"): 1}


def test_cohort__each_column_is_a_patient_and_who_does_not_carry_is_counted(tmp_path):
    both = csq(("C", "TP53"), ("C", "WRAP53"))
    path = vcf(
        tmp_path,
        line(
            5,
            "A",
            "C",
            both,
            "0/1:30,10:40",
            "0/0:9,0:9",
            ".:.:.",
            names="GT:AD:DP",
        ),
        line(6, "A", "C,*", C, "0/0", "1/1", "0/2"),
        line(7, "A", ".", ".", "0/0", "0/0", "0/0"),
        samples=("A", "B", "C"),
    )
    read = read_vcf(path, ALL)
    assert read.calls[["patient", "gene", "pos"]].astype(str).agg(" ".join, axis=1).tolist() == [
        "A TP53 5", "A WRAP53 5", "B TP53 6",
    ]  # fmt: skip
    assert read.calls.loc[0, ["depth", "alt_reads", "vaf"]].tolist() == [40, 10, 0.25]
    for patient, not_carried in (("A", 1), ("B", 2), ("C", 3)):
        assert fates(read)[patient, "not-carried"] == not_carried
        assert fates(read)[patient, "spanning-deletion"] == fates(read)[patient, "no-alternative"] == 1
    assert codes(read) == {"genotype-missing": 1}


def test_sites__without_sample_columns_are_the_calls_of_the_file(tmp_path):
    read = read_vcf(vcf(tmp_path, line(5, "A", "C", f"{C};DP=40;AF=0.25"), samples=(), name="P3.vep.vcf"), ALL)
    assert read.calls.loc[0, ["patient", "depth", "vaf"]].tolist() == ["P3", 40, 0.25]
    assert codes(read) == {"patient-named-by-file": 1}


def test_filters__are_counted_and_pass_differs_from_unfiltered(tmp_path):
    path = vcf(
        tmp_path,
        line(5, "A", "C", C, "0/1:30,10:40", names="GT:AD:DP"),
        line(6, "A", "C", C, "0/1:30,10:40", words=".", names="GT:AD:DP"),
        line(7, "A", "C", C, "0/1:30,10:40", words="weak", names="GT:AD:DP"),
        line(8, "A", "C", C, "0/1:3,1:4", names="GT:AD:DP"),
        line(9, "A", "C", f"{C};gnomAD_AF=0.2", "0/1"),
    )
    filters = Filters(min_depth=10, max_population_frequency=0.01)
    read = read_vcf(path, Reading(filters=filters, wanted=frozenset({"gene"})))
    assert {fate: rows for (_, fate), rows in fates(read).items()} == {
        "filter": 1, "low-depth": 1, "common-in-population": 1,
    }  # fmt: skip
    assert read.calls["filter"].isna().tolist() == [False, True]
    assert "hgvsp" not in read.calls


def test_settings__wanted_columns_change_no_call(tmp_path):
    path = vcf(tmp_path, line(5, "A", "C", C, "0/1"), line(6, "A", "C", C, "0/0"))
    some = Reading(filters=Filters(words=None), wanted=frozenset({"patient", "gene", "effect", "pos"}))
    few, everything = read_vcf(path, some), read_vcf(path, ALL)
    pd.testing.assert_frame_equal(few.calls, everything.calls[list(few.calls.columns)])
    pd.testing.assert_frame_equal(few.dropped, everything.dropped)


def test_blocks__more_calls_than_one_block_keep_their_order(tmp_path, monkeypatch):
    from trastuz_ml.calls.vcf import table as vcf_table

    path = vcf(tmp_path, *(line(pos, "A", "C", csq(("C", f"G{pos}")), "0/1") for pos in range(1, 12)))
    whole = read_vcf(path, ALL).calls
    monkeypatch.setattr(vcf_table, "_AT_A_TIME", 3)
    pd.testing.assert_frame_equal(read_vcf(path, ALL).calls, whole)
    assert whole["pos"].tolist() == list(range(1, 12))


def test_header__build_and_simulation_are_told(tmp_path):
    header = HEADER + "##contig=<ID=chr1,length=248956422>\n##comment=These patients are SIMULATED.\n"
    read = read_vcf(vcf(tmp_path, line(5, "A", "C", C, "0/1"), header=header), ALL)
    assert (read.build, read.simulated) == ("GRCh38", True)
    with pytest.raises(InputError, match=r"P1\.vcf.*two genome builds"):
        read_vcf(vcf(tmp_path, header=header + "##reference=hg19.fa\n"), ALL)


def test_empty__a_file_without_records_is_a_patient_without_calls(tmp_path):
    read = read_vcf(vcf(tmp_path), ALL)
    assert (len(read.calls), len(read.dropped)) == (0, 0)
    (finding,) = read.findings
    assert (finding.code, finding.patient) == ("no-records", "P1")


# ---- damage ----------------------------------------------------------------------------------------------

GOOD = line(5, "A", "C", C, "0/1")
DAMAGED = {
    "fewer columns": (line(6, "A", "C", C), "line 11: 8 fields, but the header has 10"),
    "no sample column": ("chr1\t6\t.\tA\tC\t.\t.\t.\tGT\n", "line 11: 9 fields"),
    "cut off": ("chr1\t6\t.\tA", "line 11: 4 fields.*cut off"),
    "blanks": ("chr1 6 . A C . . . GT 0/1\n", "line 11.*blanks"),
    "second header": (HEADER, "line 11: a header line among the records"),
    "NUL bytes": ("\0" * 100 + "\n", "line 11: it holds NUL bytes"),
    "no position": ("chr1\tabc\t.\tA\tC\t.\t.\t.\tGT\t0/1\n", "line 11: POS is 'abc'"),
    "no genotype": (line(6, "A", "C", C, "foo"), "line 11.*GT"),
    "no allele": (line(6, "A", "?", C, "0/1"), r"chr1:6 \(record 2\): ALT is '\?'"),
    "no text": (line(6, "A", "\udcff", C, "0/1"), "line 11: ALT is .*not text in UTF-8"),
    "too high a position": (line(1 << 31, "A", "C", C, "0/1"), r"chr1 \(record 2\): POS is 2147483648"),
    "no reference": (line(6, "", "C", C, "0/1"), r"chr1:6 \(record 2\): REF"),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_damage__of_a_record_is_an_error_that_says_where(tmp_path, capfd, damage):
    text, said = DAMAGED[damage]
    with pytest.raises(InputError, match=rf"P1\.vcf(,| cannot be read:) {said}") as refused:
        read_vcf(vcf(tmp_path, GOOD, text), ALL)
    assert "\n" not in str(refused.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.vcf", b"", "is empty"),
        ("a.vcf", b"\x00\x01\x02\n" * 999, "NUL"),
        ("a.vcf", HEADER.encode("utf-16"), "cannot be read as VCF"),
        ("a.vcf", HEADER.encode(), "#CHROM"),
        ("a.vcf", b"Hugo_Symbol\tChromosome\nTP53\t17\n", "expected ##fileformat"),
        ("a.vcf", HEADER.replace("\n", "\r").encode(), "cannot be read"),
        ("a.vcf.gz", gzip.compress(b"", mtime=0), "#CHROM"),
        ("a.vcf.gz", b"\x1f\x8b", "cannot be read"),
        ("a.bcf", b"BCF\2\2", "cannot be read"),
    ],
)
def test_damage__of_a_header_is_one_message(tmp_path, capfd, name, data, said):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError, match=said) as refused:
        read_vcf(path, ALL)
    assert str(path) in str(refused.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("contig", "declared"), [("chr1", ""), ("GL000207.1", ""), ("X", "##contig=<ID=other>\n")]
)
def test_damage__in_the_first_record_of_an_undeclared_contig_is_a_message_too(tmp_path, contig, declared):
    bad = line(6, "A", "C", C, "foo").replace("chr1", contig)
    with pytest.raises(InputError, match="line 1[01]"):
        read_vcf(vcf(tmp_path, bad, header=HEADER + declared), ALL)


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (line(6, "A", "C", C, "0/1", "0/1"), "line 11: 11 fields, but the header has 10"),
        (line(6, "A", "C", C, "0/1\0"), "line 11: it holds NUL bytes"),
    ],
)
def test_damage__what_htslib_overlooks_is_a_warning(tmp_path, odd, said):
    read = read_vcf(vcf(tmp_path, GOOD, odd), ALL)
    (finding,) = read.findings
    assert (len(read.calls), finding.severity, finding.code) == (2, "warning", "odd-lines")
    assert said in finding.where


def test_damage__genotypes_that_are_declared_as_numbers_are_not_taken_for_absent(tmp_path):
    header = HEADER.replace("ID=GT,Number=1,Type=String", "ID=GT,Number=1,Type=Integer")
    with pytest.raises(InputError, match=r"chr1:5 \(record 1\): its genotypes cannot be read"):
        read_vcf(vcf(tmp_path, line(5, "A", "C", C, "1"), header=header), ALL)


def test_damage__two_columns_of_one_name_are_named(tmp_path):
    with pytest.raises(InputError, match="Duplicated sample name 'P1'"):
        read_vcf(vcf(tmp_path, samples=("P1", "P1")), ALL)


def test_damage__a_folder_and_nothing_at_all(tmp_path):
    for path, said in ((tmp_path, "found a folder"), (tmp_path / "no.vcf", "found no file")):
        with pytest.raises(InputError, match=said):
            read_vcf(path, ALL)


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.9, 0.999])
def test_damage__a_compressed_file_that_is_cut_off_is_never_a_shorter_table(tmp_path, capfd, keep):
    whole = vcf(tmp_path, *(line(pos, "A", "C", csq(("C", f"G{pos}")), "0/1") for pos in range(1, 3000)))
    cut = tmp_path / "cut.vcf.gz"
    data = gzip.compress(whole.read_bytes(), mtime=0)
    cut.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(InputError, match=r"cut\.vcf\.gz"):
        read_vcf(cut, ALL)
    assert capfd.readouterr().err == ""


def test_damage__bgzip_without_its_end_mark_is_refused(tmp_path):
    path = tmp_path / "a.vcf.gz"
    empty_block = BGZIP_END[:-1] + b"\0"
    path.write_bytes(empty_block[:16] + b"\x1c\0" + b"\x03\0" + b"\0" * 9)
    with pytest.raises(InputError, match="lacks the end mark of bgzip"):
        read_vcf(path, ALL)


def test_forms__plain_and_gzip_give_the_same_table(tmp_path):
    plain = vcf(tmp_path, GOOD, line(6, "A", "C", C, "0/1"))
    packed = Path(tmp_path, "more", "P1.vcf")
    packed.parent.mkdir()
    packed.write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
    pd.testing.assert_frame_equal(read_vcf(plain, ALL).calls, read_vcf(packed, ALL).calls)


@pytest.mark.parametrize(
    ("spoil", "noticed"),
    [
        (lambda text: text.replace("\n", "\r\n"), {}),
        (lambda text: "\ufeff" + text, {"no-fileformat": 1}),
        (lambda text: text.split("\n", 1)[1], {"no-fileformat": 1}),
        (lambda text: text + "\n\n\n", {}),
        (lambda text: text.replace("chr1\t6", "\n\nchr1\t6"), {}),
        (lambda text: text.removesuffix("\n"), {"no-final-newline": 1}),
    ],
)
def test_forms__what_editors_do_to_a_text_changes_no_call(tmp_path, spoil, noticed):
    path = vcf(tmp_path, GOOD, GOOD.replace("\t5\t", "\t6\t"))
    expected = read_vcf(path, ALL).calls
    path.write_bytes(spoil(path.read_text()).encode())
    read = read_vcf(path, ALL)
    pd.testing.assert_frame_equal(read.calls, expected)
    assert codes(read) == noticed


def test_size__a_line_of_ten_megabytes_and_100_000_header_lines_are_read(tmp_path):
    header = HEADER + "".join(f"##note{i}=x\n" for i in range(100_000))
    long = line(5, "A", "C", csq(*[("C", "TP53")] * 300_000), "0/1")
    assert len(read_vcf(vcf(tmp_path, long, header=header), ALL).calls) == 1


# ---- laws ------------------------------------------------------------------------------------------------

BASES = st.text("ACGT", min_size=1, max_size=4)


@given(pos=st.integers(2, 10**6), before=st.sampled_from("ACGT"), ref=BASES, alt=BASES)
def test_maf_form__undoes_the_base_before(pos, before, ref, alt):
    expected = {len(alt) > 0: (pos, "-", alt)}
    assert maf_form(pos, before, before + alt) == expected[True]
    assert maf_form(pos - 1, before + ref, before) == (pos, ref, "-")
    if ref[0] != alt[0]:
        assert maf_form(pos, ref, alt) == (pos, ref, alt)


@pytest.mark.parametrize("alt", ["", ".", "1", "A,C", "<DEL"])
def test_maf_form__what_is_no_allele_is_refused(alt):
    with pytest.raises(ValueError, match="no allele"):
        maf_form(5, "A", alt)


def test_population__the_highest_whole_population_counts():
    fields = frequency_fields(["gnomAD_AF", "AF_popmax", "gnomAD_AF_AFR", "AF", "POPAF"])
    assert fields == ("gnomAD_AF", "AF_popmax", "POPAF")
    values = {"gnomAD_AF": (0.1, 0.001), "AF_popmax": (0.05, None), "POPAF": (3.0, 6.0)}
    assert population_frequency(fields, values.get, 0, 2) == 0.1
    assert population_frequency(fields, values.get, 1, 2) == 0.001
    assert population_frequency(fields, {"gnomAD_AF": 0.1}.get, 0, 2) is None


@st.composite
def _calls(draw):
    """Calls of one patient, each variant once, with the columns that a VCF holds."""
    sites = draw(
        st.lists(
            st.tuples(st.sampled_from(["1", "7", "X"]), st.integers(2, 500), BASES, BASES, st.sampled_from("SID")),
            max_size=12, unique_by=lambda site: site[:2],
        )
    )  # fmt: skip
    rows = []
    for chrom, pos, ref, alt, kind in sites:
        if kind == "S" and ref[0] == alt[0]:
            ref, alt = "A", "C"
        depth = draw(st.integers(1, 300))
        reads = draw(st.integers(0, depth))
        rows.append({
            "patient": "P1", "gene": draw(st.sampled_from(["TP53", "KRAS", "HLA-A"])), "effect": "missense",
            "consequence": "missense_variant", "chrom": chrom, "pos": pos,
            "ref": "-" if kind == "I" else ref, "alt": "-" if kind == "D" else alt,
            "depth": depth, "alt_reads": reads, "vaf": reads / depth,
            "filter": draw(st.sampled_from(["PASS", "weak", "weak;q10", None])),
            "sift": draw(st.sampled_from(["tolerated(0.3)", None])), "file": "P1.vcf",
        })  # fmt: skip
    return conform(pd.DataFrame(rows, columns=CALLS.names), CALLS)


@settings(max_examples=40, deadline=None)
@given(calls=_calls())
def test_round_trip__what_is_written_reads_back_equal(calls, tmp_path_factory):
    path = tmp_path_factory.mktemp("round") / "P1.vcf"
    write_vcf(calls, path, patient="P1", comment="SIMULATED")
    read = read_vcf(path, ALL)
    # A VCF is sorted by place; a deletion stands at the base before it.
    anchor = calls["pos"] - (calls["alt"] == "-")
    order = np.lexsort((anchor.to_numpy(), calls["chrom"].astype(str).to_numpy()))
    ours, written = (frame.astype(object).where(frame.notna(), None) for frame in (read.calls, calls.iloc[order]))
    key = ["chrom", "pos", "ref", "alt", "gene"]
    pd.testing.assert_frame_equal(
        ours.sort_values(key, ignore_index=True), written.sort_values(key, ignore_index=True), check_dtype=False
    )
    assert read.simulated
    assert not len(read.dropped)


# ---- real files ------------------------------------------------------------------------------------------


def _read_or_message(path):
    try:
        return read_vcf(path, ALL), ""
    except InputError as error:
        return None, str(error)


def _expected_rows(path):
    """Count the alternatives of a text VCF without htslib, for a single tumour: at least one row each."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).decode("utf-8", "replace")
    records = [li.split("\t") for li in text.splitlines() if li.strip() and not li.startswith("#")]
    return sum(len(record[4].split(",")) for record in records)


@pytest.mark.skipif(not REAL, reason="the public VCF files (vcf/, odd/) are not beside the project")
def test_real__every_file_is_a_table_that_adds_up_or_one_clear_message(capfd):
    for path in REAL:
        read, message = _read_or_message(path)
        if read is None:
            assert str(path) in message
            continue
        rows = len(read.calls) + int(read.dropped["rows"].sum())
        genes = read.calls.groupby(["patient", "chrom", "pos", "ref", "alt"], observed=True, dropna=False).size()
        expected = _expected_rows(path)
        # Each gene beyond the first of an allele is one more row than alternatives.
        if read.calls["patient"].nunique() <= 1 and "not-carried" not in set(read.dropped["fate"]):
            duplicates = len(read.calls) - len(genes)
            assert expected <= rows <= expected + duplicates, path.name
        else:
            assert rows >= expected, path.name
    assert capfd.readouterr().err == ""


def test_import__cyvcf2_comes_with_the_reader_alone():
    imports = "trastuz_ml.calls.vcf.tumor_sample, trastuz_ml.calls.vcf.rows"
    code = f"import sys, {imports}; sys.exit('cyvcf2' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
