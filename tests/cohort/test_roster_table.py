"""Tables of patients as text, in the forms that spreadsheets and R give them."""

import pytest

from trastuz_ml.cohort.roster_table import read_table
from trastuz_ml.errors import InputError


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("header", ["age\tBR", "\tage\tBR"], ids=["no cell", "an empty cell"])
def test_table__row_names_of_r_become_a_named_column(tmp_path, header):
    table = read_table(write(tmp_path / "roster.tsv", f"{header}\nP1\t50\tPD\nP2\t60\tCR\n"))
    assert table["row.names"].tolist() == ["P1", "P2"]
    assert table["age"].tolist() == ["50", "60"]


def test_table__a_separator_at_the_end_of_every_line_makes_no_column(tmp_path):
    table = read_table(write(tmp_path / "roster.tsv", "patient\tage\t\nP1\t50\t\n"))
    assert table.columns.tolist() == ["patient", "age"]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8-sig"])
def test_table__other_encodings_are_read(tmp_path, encoding):
    table = read_table(write(tmp_path / "roster.csv", "patient,centre\nP1,Besançon\n", encoding))
    assert table["centre"].tolist() == ["Besançon"]


def test_table__one_field_too_many_further_down_is_refused_with_its_line(tmp_path):
    with pytest.raises(InputError, match="line 3: 3 fields, but the header has 2"):
        read_table(write(tmp_path / "roster.tsv", "patient\tage\nP1\t50\nP2\t60\tx\n"))
