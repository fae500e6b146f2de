"""Gene names that a spreadsheet turned into dates."""

import gzip
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trastuz_ml.calls.genes.dates import (
    CHROMOSOME_OF,
    REPAIRED_BLINDLY,
    gene_of_date,
    genes_of_date,
    looks_like_date,
)
from trastuz_ml.calls.genes.symbols import SHIPPED, read_symbol_table

ENGLISH = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
# What was typed for each month, in the spelling of gene symbols.
TYPED = {
    1: ("JAN",), 2: ("FEB",), 3: ("MARCH", "MARC", "MAR"), 4: ("APR", "APRIL"), 5: ("MAY",), 6: ("JUN", "JUNE"),
    7: ("JUL", "JULY"), 8: ("AUG",), 9: ("SEPT", "SEP"), 10: ("OCT",), 11: ("NOV",), 12: ("DEC",),
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "genes"),
    [
        ("Sep-04", ("SEPTIN4",)),
        ("4-Sep", ("SEPTIN4",)),
        ("04-Sep", ("SEPTIN4",)),
        ("04-SEPT", ("SEPTIN4",)),
        ("Mar-06", ("MARCHF6",)),
        ("6 Mar", ("MARCHF6",)),
        ("1-Dec", ("DELEC1",)),
        ("15-Sep", ("SELENOF",)),
        ("13-Sep", ("SEPTIN7P2",)),
        ("14-Sep", ("SEPTIN14",)),
        ("1-Mar", ("MARCHF1", "MTARC1")),
        ("Mar-02", ("MARCHF2", "MTARC2")),
        ("Oct-04", ("POU5F1",)),
        ("1-Oct", ("POU2F1", "SLC22A1")),
        ("Mar-2006", ("MARCHF6",)),
        # Other languages.
        ("08-mars", ("MARCHF8",)),
        ("4-sept.", ("SEPTIN4",)),
        ("01-déc", ("DELEC1",)),
        ("03. Mrz", ("MARCHF3",)),
        ("3.Mär", ("MARCHF3",)),
        ("01. Dez", ("DELEC1",)),
        ("04-okt", ("POU5F1",)),
        ("07-set", ("SEPTIN7",)),
        ("1-dic", ("DELEC1",)),
        ("3-marzo", ("MARCHF3",)),
        ("5-março", ("MARCHF5",)),
        ("02-mars", ("MARCHF2", "MARS2", "MTARC2")),
        ("gen-01", ("GEN1",)),
        # Full dates: month and day; on the first of a month also month and year.
        ("2019-09-04", ("SEPTIN4",)),
        ("2019-09-04T00:00:00", ("SEPTIN4",)),
        ("2006-03-01 00:00:00", ("MARCHF1", "MARCHF6", "MTARC1")),
        ("2004-03-01", ("MARCHF1", "MARCHF4", "MTARC1")),
        ("2024-12-01", ("DELEC1",)),
        ("2012-03-05", ("MARCHF5",)),
        ("1806-03-01", ("MARCHF1", "MTARC1")),
        ("6-Mar-2019", ("MARCHF6",)),
        ("Mar 6, 2019", ("MARCHF6",)),
        ("2019/09/04", ("SEPTIN4",)),
        ("04.09.2019", ("SEPTIN4",)),
        # Day and month may change places.
        ("09/09/2019", ("SEPTIN9",)),
        ("15/09/2019", ("SELENOF",)),
        ("9/15/19", ("SELENOF",)),
        ("04/09/2019", ()),
        ("01/03/2006", ()),
        # Dates of no gene.
        ("Sep-19", ()),
        ("2019-01-01", ()),
        ("3-août", ()),
        ("Mar-12", ()),
    ],
)
def test_dates__a_date_names_its_genes(text, genes):
    assert looks_like_date(text)
    assert genes_of_date(text) == genes
    assert genes_of_date(f" {text.upper()} ") == genes


@pytest.mark.parametrize(
    "text",
    ["", "SEPT4", "MARCH1", "SEP15", "DEC1", "MARCH-I", "Septin-4", "DEC-205", "RP11-34", "AC004.1", "HLA-A",
     "NKX2-5", "4-xyz", "1/1", "99/99/2019", "43712", "H3-5B", "Mar", "2006"],
)  # fmt: skip
def test_dates__a_name_is_no_date(text):
    assert not looks_like_date(text)
    assert genes_of_date(text) == ()


def test_dates__no_approved_symbol_looks_like_one():
    symbols = read_symbol_table().rows["symbol"].to_pylist()
    assert [symbol for symbol in symbols if looks_like_date(symbol)] == []


def test_dates__the_genes_are_those_of_the_symbol_table():
    """Previous symbols and SEP15 go before aliases; MARS and GEN are other languages' months."""
    previous, alias = {}, {}
    with gzip.open(SHIPPED, "rt", encoding="utf-8") as lines:
        for line in lines:
            _, symbol, _, _, olds, others = line.rstrip("\n").split("\t")
            for name in olds.split("|"):
                previous.setdefault(name.upper(), set()).add(symbol)
            for name in others.split("|"):
                alias.setdefault(name.upper().replace("-", ""), set()).add(symbol)
    for month, prefixes in TYPED.items():
        for number in range(1, 100):
            names = [f"{prefix}{number}" for prefix in prefixes]
            # SEP3 and SEPT3 are one gene, as previous symbols.
            genes = set().union(*(previous.get(name, set()) for name in names))
            genes = genes or set().union(*(alias.get(name, set()) for name in names))
            assert set(genes_of_date(f"{number:02d}-{ENGLISH[month - 1]}")) == genes, names


def test_dates__every_gene_is_approved_and_on_a_chromosome():
    assert read_symbol_table().not_approved(list(CHROMOSOME_OF)) == {}
    assert set(CHROMOSOME_OF.values()) <= {*map(str, range(1, 23)), "X", "Y"}


@pytest.mark.parametrize(
    ("text", "chrom", "gene"),
    [
        ("Mar-01", "4", "MARCHF1"),
        ("Mar-01", "chr1", "MTARC1"),
        ("Mar-01", "7", None),
        ("Mar-01", None, None),
        ("2-Mar", "19", "MARCHF2"),
        ("2-Mar", "1", "MTARC2"),
        ("02-mars", "2", "MARS2"),
        ("2006-03-01 00:00:00", "5", "MARCHF6"),
        ("2006-03-01 00:00:00", "4", "MARCHF1"),
        ("2006-03-01 00:00:00", None, None),
        ("2004-03-01", "2", "MARCHF4"),
        ("4-Sep", None, "SEPTIN4"),
        ("4-Sep", "17", "SEPTIN4"),
        ("4-Sep", "3", None),
        ("6-Sep", "X", "SEPTIN6"),
        ("6-Sep", "23", "SEPTIN6"),
        ("3-Oct", "6", None),
        ("TP53", "17", None),
    ],
)
def test_dates__the_chromosome_decides(text, chrom, gene):
    assert gene_of_date(text, chrom) == gene


@given(day=st.dates(date(1990, 1, 1), date(2029, 12, 31)))
def test_dates__a_day_and_its_datetime_name_no_other_genes(day):
    short = set(genes_of_date(f"{day.day}-{ENGLISH[day.month - 1]}"))
    full = set(genes_of_date(f"{day.isoformat()} 00:00:00"))
    kept_as_first = set(genes_of_date(f"{ENGLISH[day.month - 1]}-{day:%y}")) if day.day == 1 else set()
    assert full == short | kept_as_first


def test_dates__no_day_of_a_year_is_two_dates():
    """English words, points and year-month-day agree on each day."""
    for step in range(365):
        day = date(2023, 1, 1) + timedelta(days=step)
        words, points = f"{day.day}-{ENGLISH[day.month - 1]}-2023", f"{day:%d.%m.%Y}"
        assert genes_of_date(words) == genes_of_date(points) == genes_of_date(day.isoformat())


def test_dates__blind_repairs_are_previous_symbols_of_genes_of_their_date():
    for name, text in REPAIRED_BLINDLY.items():
        found = read_symbol_table().current([name])[name]
        assert found.how == "previous"
        assert found.symbol in genes_of_date(text)
        assert len(genes_of_date(text)) == 2
