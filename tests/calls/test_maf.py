"""Reading MAF files."""

import gzip

import pandas as pd
import pytest

from trastuz_ml.calls.maf import read_maf
from trastuz_ml.errors import InputError
from trastuz_ml.schema import CALLS

HEADER = (
    "Hugo_Symbol\tChromosome\tStart_Position\tVariant_Classification\tTumor_Sample_Barcode\tt_depth\tt_alt_count"
)
ROWS = ("ANKRD44\tchr2\t197\tNonsense_Mutation\tP1\t50\t10", "TP53\t17\t7577\tMissense_Mutation\tP2\t80\t20")


def write(path, *lines, ending="\n"):
    path.write_text(ending.join(lines) + ending, encoding="utf-8", newline="")
    return path


def test_maf__becomes_the_calls_table(tmp_path):
    calls = read_maf(write(tmp_path / "a.maf", "#version 2.4", HEADER, *ROWS))
    assert list(calls.columns) == CALLS.names
    assert calls["effect"].tolist() == ["truncating", "missense"]
    assert calls["chrom"].tolist() == ["2", "17"]
    assert calls["vaf"].tolist() == [0.2, 0.25]


def test_maf__gzip_and_plain_give_the_same_table(tmp_path):
    plain = write(tmp_path / "a.maf", HEADER, *ROWS)
    zipped = tmp_path / "a.maf.gz"
    zipped.write_bytes(gzip.compress(plain.read_bytes()))
    pd.testing.assert_frame_equal(read_maf(plain), read_maf(zipped))


def test_maf__a_workbook_gives_the_same_table(tmp_path):
    plain = write(tmp_path / "a.maf", HEADER, *ROWS)
    table = pd.read_csv(plain, sep="\t", dtype=str)
    table.to_excel(tmp_path / "a.xlsx", sheet_name="calls", index=False)
    pd.testing.assert_frame_equal(read_maf(plain), read_maf(tmp_path / "a.xlsx", sheet="calls"))


def test_maf__carriage_returns_do_not_reach_the_values(tmp_path):
    calls = read_maf(write(tmp_path / "a.maf", HEADER, *ROWS, ending="\r\n"))
    assert calls["depth"].tolist() == [50, 80]


def test_maf__columns_can_be_named(tmp_path):
    path = write(tmp_path / "a.tsv", "who\tGene\tVariant_Classification", "P1\tTP53\tSilent")
    assert read_maf(path, columns={"patient": "who"})["patient"].tolist() == ["P1"]


def test_maf__a_call_without_gene_is_kept_without_gene(tmp_path):
    path = write(tmp_path / "a.maf", HEADER, "Unknown\t1\t5\tIGR\tP1\t9\t3", *ROWS)
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
    refused(write(tmp_path / "a.maf", "#c", HEADER, ROWS[0], "TP53\t17"), "line 4: 2 fields, but the header has 7")


def test_maf__a_long_line_is_refused(tmp_path):
    refused(write(tmp_path / "a.maf", HEADER, ROWS[0], ROWS[1] + "\tmore"), "line 3: 8 fields")


def test_maf__an_unknown_class_is_refused_with_its_line(tmp_path):
    refused(write(tmp_path / "a.maf", HEADER, ROWS[0], ROWS[1].replace("Missense", "Misense")), "line 3: 'Misense")


def test_maf__a_blank_patient_is_refused_with_its_line(tmp_path):
    refused(write(tmp_path / "a.maf", HEADER, ROWS[0].replace("P1", "")), "line 2: the patient is empty")


def test_maf__a_position_that_is_no_number_is_refused_with_its_line(tmp_path):
    refused(
        write(tmp_path / "a.maf", HEADER, ROWS[0].replace("197", "x")), "line 2: pos must be a number, found 'x'"
    )


def test_maf__a_truncated_gzip_is_refused(tmp_path):
    path = tmp_path / "a.maf.gz"
    whole = gzip.compress("\n".join([HEADER, *(ROWS * 500)]).encode())
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


def test_maf__a_repeated_header_word_is_refused(tmp_path):
    refused(
        write(tmp_path / "a.maf", HEADER + "\tt_depth", *(row + "\t5" for row in ROWS)), "t_depth.*appears twice"
    )


def test_maf__bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "a.maf"
    path.write_bytes(b"\xff\xfe\x00\x01\n")
    refused(path, "cannot be read")
    path.write_bytes("\n".join([HEADER, *ROWS]).encode() + b"\n" + ROWS[0].encode().replace(b"P1", b"\xff\xfe"))
    refused(path, "not text")


def test_maf__trailing_blank_lines_are_no_calls(tmp_path):
    assert len(read_maf(write(tmp_path / "a.maf", HEADER, *ROWS, "", ""))) == 2


def test_maf__a_byte_order_mark_is_not_part_of_the_first_column(tmp_path):
    path = tmp_path / "a.maf"
    path.write_text("\n".join([HEADER, *ROWS]), encoding="utf-8-sig")
    assert len(read_maf(path)) == 2
