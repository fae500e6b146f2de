"""Reading tables of text, however they are packed, encoded, separated and ended."""

import bz2
import codecs
import gzip
import lzma

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trastuz_ml.calls.reading import Reading
from trastuz_ml.calls.tables import text_lines
from trastuz_ml.calls.tables.maf import read_maf, read_table_of_calls
from trastuz_ml.errors import InputError

LINES = (
    "Hugo_Symbol\tChromosome\tStart_Position\tVariant_Classification\tTumor_Sample_Barcode\tt_depth",
    "ANKRD44\t2\t197\tNonsense_Mutation\tP1\t50",
    "TP53\t17\t7577\tMissense_Mutation\tP2\t80",
    "TTN\t2\t178\t3'UTR\tP3\t9",
)
TEXT = "\n".join(LINES) + "\n"


def put(folder, content, name="a.maf"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.fixture
def expected(tmp_path):
    """The table that each form of the same lines must give."""
    return read_maf(put(tmp_path, TEXT))


def refused(path, match, **settings):
    with pytest.raises(InputError, match=match) as caught:
        read_maf(path, **settings)
    assert str(path) in str(caught.value)


FORMS = {
    "carriage return and line feed": TEXT.replace("\n", "\r\n"),
    "carriage return alone": TEXT.replace("\n", "\r"),
    "no end on the last line": TEXT[:-1],
    "mark of UTF-8": TEXT.encode("utf-8-sig"),
    "UTF-16, little end first": codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
    "UTF-16, big end first": codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    "gzip": gzip.compress(TEXT.encode(), mtime=0),
    "gzip in two members": gzip.compress(TEXT[:99].encode(), mtime=0) + gzip.compress(TEXT[99:].encode(), mtime=0),
    "gzip with an empty member at the end": gzip.compress(TEXT.encode(), mtime=0) + gzip.compress(b"", mtime=0),
    "bzip2": bz2.compress(TEXT.encode()),
    "xz": lzma.compress(TEXT.encode()),
    "commas": TEXT.replace("\t", ","),
    "semicolons": TEXT.replace("\t", ";"),
    "comments": "#version 2.4\n# more\n" + TEXT,
    "comments and blank lines": "\n\n#version 2.4\n\t\t\n# more\n\n" + TEXT,
    "a header that begins with #": "## a comment\n#" + TEXT,
    "blank lines at the end": TEXT + "\n\n \n",
    "blank lines between": TEXT.replace("\nTP53", "\n\n\nTP53"),
    "rows of tabs alone at the end": TEXT + "\t\t\t\t\t\n" * 3,
    "blanks around values": TEXT.replace("\t", " \t  "),
    "tabs at the end of every line": TEXT.replace("\n", "\t\t\n"),
    "tabs at the end of the rows": LINES[0] + "\n" + "".join(f"{line}\t\n" for line in LINES[1:]),
    "tabs at the end of the header": LINES[0] + "\t\t\n" + "".join(f"{line}\n" for line in LINES[1:]),
    "row names without a header cell": LINES[0] + "\n" + "".join(f"{i}\t{x}\n" for i, x in enumerate(LINES[1:])),
    "row names under an empty header cell": "\n".join(["\t" + LINES[0], *(f"7\t{x}" for x in LINES[1:])]) + "\n",
    "quotes around everything": "\n".join('"' + x.replace("\t", '"\t"') + '"' for x in LINES) + "\n",
    "quotes around words": TEXT.replace("\tP", '\t"P')
    .replace("\t50", '"\t50')
    .replace("\t80", '"\t80')
    .replace("\t9\n", '"\t9\n'),
    "R's row names and quotes": '"'
    + LINES[0].replace("\t", '"\t"')
    + '"\n'
    + "".join(f'"{i}"\t"' + x.replace("\t", '"\t"') + '"\n' for i, x in enumerate(LINES[1:])),
    "header words in capitals": LINES[0].upper() + TEXT[len(LINES[0]) :],
    "numbers with a point and nothing after it": TEXT.replace("\t50\n", "\t50.0\n"),
}


@pytest.mark.parametrize("form", FORMS)
def test_text_table__the_form_does_not_reach_the_values(form, tmp_path, expected):
    pd.testing.assert_frame_equal(read_maf(put(tmp_path, FORMS[form])), expected)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1, 7, 64])
def test_text_table__blocks_of_any_size_give_the_same_table(form, size, tmp_path, expected, monkeypatch):
    monkeypatch.setattr(text_lines, "FIRST_BLOCK", size + 8)
    monkeypatch.setattr(text_lines, "BLOCK", size)
    pd.testing.assert_frame_equal(read_maf(put(tmp_path, FORMS[form])), expected)


@given(st.lists(st.sampled_from(["a", "\r", "\n", "\r\n", "bc"]), max_size=20), st.integers(1, 9))
def test_text_lines__blocks_are_the_lines_of_the_file(tmp_path_factory, parts, size):
    text = "".join(parts).encode()
    path = put(tmp_path_factory.mktemp("lines"), text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_lines, "FIRST_BLOCK", size)
        patch.setattr(text_lines, "BLOCK", size)
        blocks = list(text_lines.line_blocks(path))
    assert all(block.endswith(b"\n") for block in blocks)
    assert b"".join(blocks).split(b"\n")[:-1] == text.splitlines()


def test_text_table__commas_within_quotes_are_part_of_the_value(tmp_path):
    path = put(tmp_path, TEXT.replace("\t", ",").replace("P1", '"P1, left"'), "a.csv")
    assert read_maf(path)["patient"].tolist() == ["P1, left", "P2", "P3"]


def test_text_table__a_lone_quotation_mark_is_a_character(tmp_path):
    path = put(tmp_path, TEXT.replace("P1", 'P"1').replace("P2", '"P2'))
    assert read_maf(path)["patient"].tolist() == ['P"1', '"P2', "P3"]


def test_text_table__a_value_that_quotes_is_unquoted(tmp_path):
    path = put(tmp_path, TEXT.replace("P1", '"P ""1"""'))
    assert read_maf(path)["patient"].tolist() == ['P "1"', "P2", "P3"]


@pytest.mark.parametrize("size", [16, 8 << 20])
def test_text_table__latin_1_is_read_and_noted_with_its_line(size, tmp_path, monkeypatch):
    monkeypatch.setattr(text_lines, "BLOCK", size)
    path = put(tmp_path, ("#c\n" + TEXT.replace("P2", "Zoë")).encode("latin-1"))
    read = read_table_of_calls(path, Reading())
    assert read.calls["patient"].tolist() == ["P1", "Zoë", "P3"]
    assert [(f.severity, f.code, f.where) for f in read.findings] == [("note", "not-utf-8", "a.maf, line 4")]


def test_text_table__a_hundred_thousand_comments_are_passed_over(tmp_path, expected):
    path = put(tmp_path, "# a comment of some length, as tools write them above their tables\n" * 100_000 + TEXT)
    pd.testing.assert_frame_equal(read_maf(path), expected)
    refused(put(tmp_path, path.read_bytes() + b"TP53\t17\n"), "line 100005: 2 fields, but the header has 6")


@pytest.mark.parametrize("size", [16, 8 << 20])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((b"P2", b""), "line 6: the patient is empty"),
        ((b"7577", b"x"), "line 6: pos must be a number, found 'x'"),
        ((b"7577", b"75.5"), "line 6: pos must be a number, found '75.5'"),
        ((b"\t80", b""), "line 6: 5 fields, but the header has 6"),
        ((b"\t80", b"\t80\t1"), "line 6: 7 fields"),
        ((b"Missense", b"Misense"), "line 6: 'Misense"),
        ((b"P2", b"P\0"), "line 6: it holds a NUL byte"),
    ],
)
def test_text_table__a_wrong_line_is_named(size, change, message, tmp_path, monkeypatch):
    monkeypatch.setattr(text_lines, "FIRST_BLOCK", 256)
    monkeypatch.setattr(text_lines, "BLOCK", size)
    # One comment, and two blank lines among the rows: all count.
    text = ("#c\n" + TEXT.replace("\nANKRD44", "\n\nANKRD44").replace("\nTP53", "\n\nTP53")).encode()
    refused(put(tmp_path, text.replace(*change)), message)


def test_text_table__a_quoted_line_end_is_refused(tmp_path):
    refused(put(tmp_path, FORMS["quotes around everything"].replace("P2", "P\n2")), "line 3: a quotation mark")
    refused(put(tmp_path, FORMS["commas"].replace("P2", '"P2')), "line 3: a quotation mark")


def test_text_table__a_truncated_or_damaged_archive_is_refused(tmp_path):
    for packed in (
        gzip.compress((TEXT * 500).encode(), mtime=0),
        bz2.compress(TEXT.encode()),
        lzma.compress(TEXT.encode()),
    ):
        refused(put(tmp_path, packed[: len(packed) // 2]), "cannot be read to its end")
    refused(put(tmp_path, gzip.compress(TEXT.encode(), mtime=0)[:-8] + b"12345678"), "cannot be read to its end")


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\x28\xb5\x2f\xfd", b"PAR1"])
def test_text_table__what_is_no_text_is_named(start, tmp_path):
    refused(put(tmp_path, start + bytes(range(256))), "cannot be read: it is")


def test_text_table__binary_bytes_are_refused_with_their_line(tmp_path):
    refused(put(tmp_path, b"#c\n" + bytes(range(256)) * 9), "line 2, cannot be read: it holds a NUL byte")
    refused(put(tmp_path, gzip.compress(b"BCF\2\2" + bytes(99), mtime=0)), "line 1, cannot be read")


def test_text_table__an_endless_line_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(text_lines, "LONGEST_LINE", 1 << 16)
    monkeypatch.setattr(text_lines, "BLOCK", 1 << 12)
    refused(put(tmp_path, gzip.compress(TEXT.encode() + b"A" * (1 << 20), mtime=0)), "a line is longer")
    refused(put(tmp_path, b"A" * (1 << 20)), "a line is longer")


def test_text_table__a_line_of_ten_megabytes_is_a_row(tmp_path):
    header, *rows = LINES
    path = put(tmp_path, "\n".join([header + "\tComment", rows[0] + "\t" + "x" * 10_000_000, rows[1] + "\t"]))
    assert read_maf(path)["patient"].tolist() == ["P1", "P2"]


def test_text_table__a_utf_16_file_that_is_cut_off_is_refused(tmp_path):
    refused(put(tmp_path, FORMS["UTF-16, little end first"][:-1]), "cannot be read as UTF-16")
