"""A table of gene lengths is read whatever separates its columns, and refused where it says no length."""

from __future__ import annotations

import gzip

import pytest

from trastuz_ml.errors import InputError
from trastuz_ml.features.gene_lengths import read_gene_lengths


@pytest.mark.parametrize("mark", ["\t", ",", ";"])
def test_lengths__are_read_with_any_separator(tmp_path, mark):
    path = tmp_path / "lengths.txt"
    path.write_text(f"gene{mark}aa\nTTN{mark}35991\n\nTP53{mark}393\n")
    assert read_gene_lengths(path) == {"TTN": 35991.0, "TP53": 393.0}


def test_lengths__come_under_current_names_and_the_longest_counts(tmp_path):
    path = tmp_path / "lengths.tsv.gz"
    path.write_bytes(gzip.compress(b"gene\taa\nMLL3\t4911\nKMT2C\t4900\n"))
    assert read_gene_lengths(path, renamed={"MLL3": "KMT2C"}) == {"KMT2C": 4911.0}


@pytest.mark.parametrize("line", ["TTN\tlong", "TTN\t0", "TTN\t-3", "TTN\tinf", "\t300", "TTN"])
def test_lengths__that_are_none_are_refused_with_their_line(tmp_path, line):
    path = tmp_path / "lengths.tsv"
    path.write_text(f"gene\taa\nTP53\t393\n{line}\n")
    with pytest.raises(InputError, match=r"lengths\.tsv, line 3: expected a gene and its length"):
        read_gene_lengths(path)


@pytest.mark.parametrize("text", ["", "gene\taa\n", "just words\n"])
def test_lengths__of_a_file_without_any_are_refused(tmp_path, text):
    path = tmp_path / "lengths.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match=r"names no gene|header of two columns"):
        read_gene_lengths(path)
