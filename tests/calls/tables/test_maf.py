"""Reading MAF files."""

import gzip
from pathlib import Path

import pandas as pd
import pytest

from trastuz_ml.calls.reading import Filters, Reading
from trastuz_ml.calls.tables import text_lines
from trastuz_ml.calls.tables.maf import read_maf, read_table_of_calls
from trastuz_ml.errors import InputError
from trastuz_ml.schema import CALLS, EFFECTS, ROWS, conform

MELANOMA = Path(__file__).parents[4] / "shared" / "data" / "melanoma"
HEADER = (
    "Hugo_Symbol\tChromosome\tStart_Position\tVariant_Classification\tTumor_Sample_Barcode\tt_depth\tt_alt_count"
)
LINES = ("ANKRD44\tchr2\t197\tNonsense_Mutation\tP1\t50\t10", "TP53\t17\t7577\tMissense_Mutation\tP2\t80\t20")


def write(path, *lines, ending="\n"):
    path.write_text(ending.join(lines) + ending, encoding="utf-8", newline="")
    return path


def test_maf__becomes_the_calls_table(tmp_path):
    calls = read_maf(write(tmp_path / "a.maf", "#version 2.4", HEADER, *LINES))
    assert list(calls.columns) == CALLS.names
    assert calls["effect"].tolist() == ["truncating", "missense"]
    assert calls["chrom"].tolist() == ["2", "17"]
    assert calls["vaf"].tolist() == [0.2, 0.25]


def test_maf__gzip_and_plain_give_the_same_table(tmp_path):
    plain = write(tmp_path / "a.maf", HEADER, *LINES)
    zipped = tmp_path / "a.maf.gz"
    zipped.write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
    assert read_maf(zipped)["file"].unique().tolist() == ["a.maf.gz"]
    pd.testing.assert_frame_equal(read_maf(plain).drop(columns="file"), read_maf(zipped).drop(columns="file"))


def test_maf__gzip_in_several_members_as_bgzip_writes_it_gives_the_same_table(tmp_path):
    plain = write(tmp_path / "a.maf", HEADER, *LINES * 50)
    raw = plain.read_bytes()
    members = [gzip.compress(raw[start : start + 100], mtime=0) for start in range(0, len(raw), 100)]
    (tmp_path / "a.maf.bgz").write_bytes(b"".join([*members, gzip.compress(b"", mtime=0)]))
    packed = read_maf(tmp_path / "a.maf.bgz")
    pd.testing.assert_frame_equal(read_maf(plain).drop(columns="file"), packed.drop(columns="file"))


def test_maf__a_workbook_gives_the_same_table(tmp_path):
    plain = write(tmp_path / "a.maf", HEADER, *LINES)
    table = pd.read_csv(plain, sep="\t", dtype=str)
    table.to_excel(tmp_path / "a.xlsx", sheet_name="calls", index=False)
    book = read_maf(tmp_path / "a.xlsx", sheet="calls")
    pd.testing.assert_frame_equal(read_maf(plain).drop(columns="file"), book.drop(columns="file"))


def test_maf__carriage_returns_do_not_reach_the_values(tmp_path):
    calls = read_maf(write(tmp_path / "a.maf", HEADER, *LINES, ending="\r\n"))
    assert calls["depth"].tolist() == [50, 80]


def test_maf__columns_can_be_named(tmp_path):
    path = write(tmp_path / "a.tsv", "who\tGene\tVariant_Classification", "P1\tTP53\tSilent")
    assert read_maf(path, columns={"patient": "who"})["patient"].tolist() == ["P1"]


def test_maf__a_call_without_gene_is_kept_without_gene(tmp_path):
    path = write(tmp_path / "a.maf", HEADER, "Unknown\t1\t5\tIGR\tP1\t9\t3", *LINES)
    assert read_maf(path)["gene"].isna().tolist() == [True, False, False]


def test_maf__decimal_commas_are_numbers(tmp_path):
    path = write(tmp_path / "a.tsv", "Patient\tGene\tVariant_Classification\tvaf", "P1\tTP53\tSilent\t0,22")
    assert read_maf(path)["vaf"].tolist() == [0.22]


def refused(path, match, **settings):
    with pytest.raises(InputError, match=match):
        read_maf(path, **settings)


def test_maf__a_missing_file_is_refused(tmp_path):
    refused(tmp_path / "none.maf", "There is no file")
    refused(tmp_path / "none.xlsx", "There is no file")


@pytest.mark.parametrize("content", ["", "# only a comment\n"])
def test_maf__an_empty_file_is_refused(tmp_path, content):
    path = tmp_path / "a.maf"
    path.write_text(content)
    refused(path, "is empty")


def test_maf__a_header_without_calls_is_refused(tmp_path):
    refused(write(tmp_path / "a.maf", HEADER), "no calls")


def test_maf__a_missing_column_is_refused_with_what_was_found(tmp_path):
    refused(write(tmp_path / "a.maf", "Gene\tPatient", "TP53\tP1"), "no column for 'consequence'.*Gene, Patient")


def test_maf__a_short_line_is_refused_with_its_number(tmp_path):
    refused(
        write(tmp_path / "a.maf", "#c", HEADER, LINES[0], "TP53\t17"), "line 4: 2 fields, but the header has 7"
    )


def test_maf__a_long_line_is_refused(tmp_path):
    refused(write(tmp_path / "a.maf", HEADER, LINES[0], LINES[1] + "\tmore"), "line 3: 8 fields")


def test_maf__an_unknown_class_is_refused_with_its_line(tmp_path):
    refused(
        write(tmp_path / "a.maf", HEADER, LINES[0], LINES[1].replace("Missense", "Misense")), "line 3: 'Misense"
    )


def test_maf__a_blank_patient_is_refused_with_its_line(tmp_path):
    refused(write(tmp_path / "a.maf", HEADER, LINES[0].replace("P1", "")), "line 2: the patient is empty")


def test_maf__a_position_that_is_no_number_is_refused_with_its_line(tmp_path):
    refused(
        write(tmp_path / "a.maf", HEADER, LINES[0].replace("197", "x")), "line 2: pos must be a number, found 'x'"
    )


def test_maf__a_truncated_gzip_is_refused(tmp_path):
    path = tmp_path / "a.maf.gz"
    whole = gzip.compress("\n".join([HEADER, *(LINES * 500)]).encode(), mtime=0)
    path.write_bytes(whole[: len(whole) // 2])
    refused(path, "cannot be read to its end")


def test_maf__a_file_that_is_no_workbook_is_refused(tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_text("not a workbook")
    refused(path, "cannot be read as a workbook")


def test_maf__a_folder_is_refused(tmp_path):
    refused(tmp_path, "cannot be read")


def test_maf__transneo_has_its_published_counts(transneo):
    text = read_maf(transneo / "mutations.tsv.gz")
    book = read_maf(transneo / "Supplementary Tables.xlsx", sheet="Supplementary Table 2")
    for calls in (text, book):
        nonsilent = calls[calls["effect"].isin(["truncating", "missense", "inframe"])]
        assert (len(calls), len(nonsilent), nonsilent["patient"].nunique()) == (16134, 8524, 167)
    # The workbook holds dates where the text holds Sep-04: all else is the same.
    dates = book["gene"].astype("str").str.fullmatch(r"\d{4}-\d\d-\d\d").fillna(False)
    assert dates.sum() == 14
    for name in set(CALLS.names) - {"file", "gene"}:
        assert text[name].equals(book[name]), name
    assert text["gene"].astype("str")[~dates].equals(book["gene"].astype("str")[~dates])


@pytest.mark.parametrize(
    ("folder", "rows", "patients", "truncating"),
    [("liu2019", 134039, 144, 9615), ("vanallen2015", 84200, 110, 5606)],
)
def test_maf__the_melanoma_cohorts_have_their_published_counts(folder, rows, patients, truncating):
    path = MELANOMA / folder / "SNV.txt.gz"
    if not path.is_file():
        pytest.skip("the melanoma cohorts (Liu et al. 2019, Van Allen et al. 2015) are not beside the project")
    calls = read_maf(path)
    assert (len(calls), calls["patient"].nunique()) == (rows, patients)
    assert (calls["effect"] == "truncating").sum() == truncating


def test_maf__a_repeated_header_word_is_refused(tmp_path):
    refused(
        write(tmp_path / "a.maf", HEADER + "\tt_depth", *(row + "\t5" for row in LINES)), "t_depth.*appears twice"
    )


def test_maf__trailing_blank_lines_are_no_calls(tmp_path):
    assert len(read_maf(write(tmp_path / "a.maf", HEADER, *LINES, "", ""))) == 2


def test_maf__a_byte_order_mark_is_not_part_of_the_first_column(tmp_path):
    path = tmp_path / "a.maf"
    path.write_text("\n".join([HEADER, *LINES]), encoding="utf-8-sig")
    assert len(read_maf(path)) == 2


def read(folder, header, *rows, name="a.maf", **settings):
    path = write(folder / name, header.replace(" ", "\t"), *(row.replace(" ", "\t") for row in rows))
    return read_table_of_calls(path, Reading(**settings))


def only(read_file, *names):
    return read_file.calls[list(names)].iloc[0].tolist()


def test_maf__the_table_conforms_to_its_declaration(tmp_path):
    found = read(tmp_path, HEADER.replace("\t", " "), *(line.replace("\t", " ") for line in LINES))
    pd.testing.assert_frame_equal(conform(found.calls, CALLS), found.calls)
    pd.testing.assert_frame_equal(conform(found.dropped, ROWS), found.dropped)


DIALECTS = {
    "GDC": (
        "Hugo_Symbol Entrez_Gene_Id NCBI_Build Chromosome Start_Position Variant_Classification Reference_Allele "
        "Tumor_Seq_Allele2 Tumor_Sample_Barcode HGVSc HGVSp_Short t_depth t_ref_count t_alt_count Gene FILTER",
        "TP53 7157 GRCh38 chr17 7675088 Missense_Mutation C T P1 c.524G>A p.R175H 80 60 20 ENSG00000141510 PASS",
    ),
    "Firehose": (
        "Hugo_Symbol Entrez_Gene_Id NCBI_Build Chromosome Start_position Variant_Classification "
        "Reference_Allele Tumor_Seq_Allele1 Tumor_Seq_Allele2 Tumor_Sample_Barcode cDNA_Change Protein_Change "
        "i_tumor_f t_alt_count "
        "t_ref_count",
        "TP53 7157 38 17 7675088 Missense_Mutation C C T P1 c.524G>A p.R175H 0.25 20 60",
    ),
    "TransNEO": (
        "Donor.ID Chr Start Hugo_Symbol Ref_Allele Tumor_Alt_Allele MAF_Variant tumour.vaf tumour.alt_count "
        "tumour.depth HGVSc HGVSp",
        "P1 17 7675088 TP53 C T Missense_Mutation 0,25 20 80 c.524G>A p.R175H",
    ),
    "VEP's terms": (
        "SYMBOL Gene Consequence Sample_ID Chrom Pos Ref Alt HGVSc HGVSp t_depth t_alt_count",
        "TP53 ENSG1 missense_variant&splice_region_variant P1 17 7675088 C T c.524G>A p.R175H 80 20",
    ),
    "ANNOVAR": (
        "Chr Start End Ref Alt Func.refGene Gene.refGene ExonicFunc.refGene AAChange.refGene Sample t_depth "
        "t_alt_count",
        "chr17 7675088 7675088 C T exonic TP53 nonsynonymous_SNV TP53:NM_000546:exon5:c.524G>A:p.R175H P1 80 20",
    ),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_maf__the_dialect_does_not_reach_the_values(dialect, tmp_path):
    found = read(tmp_path, *DIALECTS[dialect])
    assert only(
        found,
        "patient",
        "gene",
        "effect",
        "chrom",
        "pos",
        "ref",
        "alt",
        "vaf",
        "depth",
        "alt_reads",
        "hgvsc",
        "hgvsp",
    ) == ["P1", "TP53", "missense", "17", 7675088, "C", "T", 0.25, 80, 20, "c.524G>A", "p.R175H"]
    assert found.findings == ()


def test_maf__an_entrez_id_stands_in_for_an_empty_symbol(tmp_path):
    header = "Hugo_Symbol Entrez_Gene_Id Tumor_Sample_Barcode Variant_Classification"
    rows = (" 7157 P1 Silent", "TTN 7273 P1 Silent", " 0 P1 IGR", "Unknown 55 P1 IGR", " NA P1 IGR")
    found = read(tmp_path, header, *rows)
    assert found.calls["gene"].astype(object).where(found.calls["gene"].notna(), None).tolist() == [
        "7157", "TTN", None, None, None
    ]  # fmt: skip


BARE = "Gene Patient Variant_Classification"


def test_maf__words_for_missing_are_missing_and_names_like_them_are_not(tmp_path):
    found = read(tmp_path, BARE + " Ref Alt SIFT", "NAN P1 Silent - A NA", "NA P1 Silent . -- N/A")
    assert found.calls["gene"].isna().tolist() == [False, True]
    assert found.calls["ref"].isna().tolist() == [False, True]
    assert found.calls["sift"].isna().all()


@pytest.mark.parametrize(
    ("word", "kept", "effect"),
    [
        ("missense_variant,intron_variant", "missense_variant", "missense"),
        ("intron_variant&splice_donor_variant", "splice_donor_variant", "truncating"),
        ("stopgain", "stopgain", "truncating"),
        ("UTR5;UTR3", "UTR5;UTR3", "noncoding"),
        ("Missense_Mutation", "Missense_Mutation", "missense"),
    ],
)
def test_maf__three_vocabularies_are_read(word, kept, effect, tmp_path):
    assert only(read(tmp_path, BARE, f"TP53 P1 {word}"), "consequence", "effect") == [kept, effect]


def test_maf__a_misspelt_term_is_refused_as_a_term(tmp_path):
    with pytest.raises(InputError, match="line 2: 'misense_variant' is not a Sequence Ontology term"):
        read(tmp_path, BARE, "TP53 P1 misense_variant")


def test_maf__every_effect_is_declared(tmp_path):
    path = write(tmp_path / "a.maf", HEADER, *LINES)
    assert set(read_maf(path)["effect"]) <= set(EFFECTS)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("7 GACA G", [8, "ACA", "-"]),
        ("7 C CCACT", [7, "-", "CACT"]),
        ("7 AC AT", [8, "C", "T"]),
        ("7 - A", [7, "-", "A"]),
    ],
)
def test_maf__alleles_in_the_form_of_vcf_become_those_of_maf(given, expected, tmp_path):
    assert only(read(tmp_path, BARE + " Pos Ref Alt", f"TP53 P1 Silent {given}"), "pos", "ref", "alt") == expected


@pytest.mark.parametrize(
    ("text", "number"), [("0,22", 0.22), ("22%", 0.22), (".5", 0.5), ("1e-1", 0.1), ('"0.2"', 0.2)]
)
def test_maf__fractions_are_read_as_people_write_them(text, number, tmp_path):
    assert only(read(tmp_path, BARE + " vaf", f"TP53 P1 Silent {text}"), "vaf") == [number]


@pytest.mark.parametrize("text", ["22", "-0.1", "inf", "0.1x", "1,234,5"])
def test_maf__what_is_no_fraction_is_refused_with_its_line(text, tmp_path):
    with pytest.raises(InputError, match="line 3: vaf must be a number"):
        read(tmp_path, BARE + " vaf", "TP53 P1 Silent 0.5", f"TP53 P1 Silent {text}")


def test_maf__a_position_below_zero_is_unknown(tmp_path):
    found = read(tmp_path, BARE + " Pos", "TP53 P1 Silent -1", "TP53 P1 Silent 7")
    assert found.calls["pos"].isna().tolist() == [True, False]


def test_maf__depth_is_the_sum_of_reads_where_it_is_not_given(tmp_path):
    found = read(tmp_path, BARE + " t_ref_count t_alt_count", "TP53 P1 Silent 30 10", "TP53 P1 Silent NA 10")
    assert only(found, "depth", "alt_reads", "vaf") == [40, 10, 0.25]
    assert found.calls["depth"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        ("gnomADe_AF gnomADg_AF ExAC_AF", "0.1 0.3 0.9", 0.3),
        ("MAX_AF gnomAD_AF", "0.4 0.1", 0.4),
        ("gnomAD_AF AF EAS_AF", ". 0.9 0.9", None),
        ("AF EAS_AF", "0.2 0.9", 0.2),
        ("AF", "0.2", None),
        ("gnomAD_AF", "0.1&0.2", 0.2),
        ("gnomAD_AF", "T:0.01", 0.01),
        ("ExAC_ALL", ".&.", None),
    ],
)
def test_maf__the_population_frequency_is_the_highest_of_the_best_columns(header, row, expected, tmp_path):
    (found,) = read(tmp_path, f"{BARE} {header}", f"TP53 P1 Silent {row}").calls["population_frequency"]
    assert found == expected or (expected is None and found != found)


def test_maf__scores_are_read(tmp_path):
    found = read(tmp_path, BARE + " REVEL am_pathogenicity SIFT", "TP53 P1 Silent 0.7&0.9 0.25 deleterious(0)")
    assert only(found, "revel", "alphamissense", "sift") == [0.9, 0.25, "deleterious(0)"]


@pytest.mark.parametrize(
    ("words", "build"), [(("37", "hg19"), "GRCh37"), (("GRCh38", ""), "GRCh38"), ((".", ""), None)]
)
def test_maf__the_build_is_told(words, build, tmp_path):
    rows = [f"TP53 P1 Silent {word}" for word in words]
    assert read(tmp_path, BARE + " NCBI_Build", *rows).build == build


@pytest.mark.parametrize(("words", "match"), [(("37", "hg38"), "GRCh37 and GRCh38"), (("38", "mm10"), "'mm10'")])
def test_maf__mixed_and_foreign_builds_are_refused(words, match, tmp_path):
    with pytest.raises(InputError, match=match):
        read(tmp_path, BARE + " NCBI_Build", *[f"TP53 P1 Silent {word}" for word in words])


FILTERED = (
    BARE + " FILTER t_depth t_alt_count vaf gnomAD_AF",
    "TP53 P1 Silent PASS 100 20 0.2 0",
    "TP53 P1 Silent artifact 100 20 0.2 0",
    "TP53 P2 Silent PASS 9 9 0.2 0",
    "TP53 P2 Silent PASS 100 2 0.2 0",
    "TP53 P2 Silent PASS 100 20 0.01 0",
    "TP53 P2 Silent PASS 100 20 0.2 0.5",
    "TTN P3 Silent . NA NA NA NA",
)


@pytest.mark.parametrize("wanted", [None, frozenset({"patient", "gene", "effect"})])
def test_maf__every_row_is_a_call_or_dropped_by_one_rule(wanted, tmp_path):
    filters = Filters(min_depth=10, min_alt_reads=5, min_vaf=0.05, max_population_frequency=0.01)
    found = read(tmp_path, *FILTERED, filters=filters, wanted=wanted)
    assert found.calls["patient"].tolist() == ["P1", "P3"]
    assert found.dropped[["patient", "fate", "rows"]].values.tolist() == [
        ["P1", "filter", 1], ["P2", "common-in-population", 1], ["P2", "few-alt-reads", 1], ["P2", "low-depth", 1],
        ["P2", "low-vaf", 1],
    ]  # fmt: skip
    assert len(found.calls) + found.dropped["rows"].sum() == len(FILTERED) - 1
    assert found.calls["gene"].cat.categories.tolist() == ["TP53", "TTN"]


def test_maf__dropped_rows_of_all_blocks_are_added_up(tmp_path, monkeypatch):
    monkeypatch.setattr(text_lines, "FIRST_BLOCK", 64)
    monkeypatch.setattr(text_lines, "BLOCK", 32)
    found = read(tmp_path, BARE + " FILTER", *["TP53 P1 Silent bad", "TTN P1 Silent PASS"] * 50)
    assert (len(found.calls), found.dropped["rows"].tolist()) == (50, [50])
    assert found.calls["gene"].cat.categories.tolist() == ["TTN"]


def test_maf__read_maf_filters_nothing(tmp_path):
    read(tmp_path, *FILTERED)
    assert len(read_maf(tmp_path / "a.maf")) == len(FILTERED) - 1


def test_maf__only_wanted_columns_are_read(tmp_path):
    header = HEADER.replace("\t", " ")
    found = read(tmp_path, header, "TP53 17 x Silent P1 y z", wanted=frozenset({"patient", "gene", "effect"}))
    assert list(found.calls.columns) == ["patient", "gene", "effect", "consequence", "file"]


def test_maf__the_coding_change_comes_along_where_there_is_no_allele(tmp_path):
    wanted = frozenset({"patient", "gene", "effect", "alt"})
    assert "hgvsc" in read(tmp_path, BARE + " HGVSc", "TP53 P1 Silent c.1A>G", wanted=wanted).calls
    assert "hgvsc" not in read(tmp_path, BARE + " Alt HGVSc", "TP53 P1 Silent A c.1A>G", wanted=wanted).calls


def test_maf__a_simulated_file_says_so(tmp_path):
    path = write(tmp_path / "a.maf", "# SIMULATED patients", HEADER, *LINES)
    assert read_table_of_calls(path, Reading()).simulated
    assert not read_table_of_calls(write(path, "# real", HEADER, *LINES), Reading()).simulated


def test_maf__the_file_names_the_patient_when_asked(tmp_path):
    found = read(tmp_path, "Gene Variant_Classification", "TP53 Silent", name="P7.tumour.tsv", patient_from="file")
    assert found.calls["patient"].tolist() == ["P7.tumour"]
    assert [f.code for f in found.findings] == ["patient-named-by-file"]
    with pytest.raises(InputError, match="no column for 'patient'"):
        read(tmp_path, "Gene Variant_Classification", "TP53 Silent")


def test_maf__many_rows_in_many_blocks_keep_their_order(tmp_path, monkeypatch):
    monkeypatch.setattr(text_lines, "BLOCK", 4096)
    rows = [f"G{i % 977} {i + 1} P{i % 131} Silent" for i in range(20_000)]
    calls = read(tmp_path, "Gene Start Patient Variant_Classification", *rows).calls
    assert calls["pos"].tolist() == list(range(1, 20_001))
    assert calls["gene"].tolist() == [f"G{i % 977}" for i in range(20_000)]
    assert calls["patient"].tolist() == [f"P{i % 131}" for i in range(20_000)]
