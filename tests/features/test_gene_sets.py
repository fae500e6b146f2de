"""Gene sets: GMT files, and mutated genes of a set."""

import gzip

import numpy as np
import pytest
import scipy.sparse as sp

from trastuz_ml.assays.assay import EXOME, Assay
from trastuz_ml.errors import ConfigurationError, InputError
from trastuz_ml.features.gene_sets import covers_sets, members_of, mutated_members, read_gene_sets

SETS = {"B": frozenset({"TP53", "TTN"}), "A": frozenset({"ERBB2", "BRCA1"})}


def written(tmp_path, text):
    path = tmp_path / "sets.gmt"
    path.write_bytes(text.encode())
    return path


def test_gmt__is_read_with_empty_descriptions_trailing_tabs_and_windows_line_ends(tmp_path):
    path = written(tmp_path, "\ufeffHER2\t\tERBB2\tGRB7\t\t\r\n\r\nP53\tcheckpoint\tTP53\tTP53\r\n")
    assert read_gene_sets(path) == {"HER2": {"ERBB2", "GRB7"}, "P53": {"TP53"}}


def test_gmt__compressed_is_the_same(tmp_path):
    path = tmp_path / "sets.gmt.gz"
    path.write_bytes(gzip.compress(b"HER2\tx\tERBB2\n", mtime=0))
    assert read_gene_sets(path) == {"HER2": {"ERBB2"}}


def test_gmt__members_take_the_names_that_the_calls_use(tmp_path):
    path = written(tmp_path, "S\tx\tMLL2\tKMT2D\tTP53\n")
    assert read_gene_sets(path, renamed={"MLL2": "KMT2D"}) == {"S": {"KMT2D", "TP53"}}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("S", "found 1 field: 'S'"), ("S\tdescription", "found 2 fields"),
        ("S\tdescription\t\t", "at least one gene"), ("\tdescription\tTP53", "expected a set's name"),
        ("S description TP53", "separated by tabs"),
        ("HER2\tagain\tTP53", "the set HER2 stands on line 1 already"),
    ],
)  # fmt: skip
def test_gmt__a_line_that_is_no_set_is_named(tmp_path, line, said):
    with pytest.raises(InputError, match=f"sets.gmt, line 3: .*{said}"):
        read_gene_sets(written(tmp_path, f"HER2\tx\tERBB2\n\n{line}\n"))


def test_gmt__an_empty_file_or_none_is_refused(tmp_path):
    with pytest.raises(InputError, match="names no gene set"):
        read_gene_sets(written(tmp_path, "\n"))
    with pytest.raises(InputError, match="absent.gmt"):
        read_gene_sets(tmp_path / "absent.gmt")


def test_members__of_no_set_or_an_empty_one_are_refused():
    with pytest.raises(ConfigurationError, match="No gene set"):
        members_of({})
    with pytest.raises(ConfigurationError, match="gene set A has no genes"):
        members_of({"A": frozenset()})


def test_mutated_members__counts_each_mutated_gene_of_a_set_once():
    carried = sp.csr_array(np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]], dtype=np.float32))
    counts = mutated_members(carried, ["ERBB2", "GRB7", "TP53"], {**SETS, "C": frozenset({"ERBB2", "TP53"})})
    assert counts.toarray().tolist() == [[1, 1, 2], [0, 0, 0], [0, 0, 0]]


def test_mutated_members__sets_whose_genes_nobody_carries_are_zero():
    counts = mutated_members(sp.csr_array((2, 0), dtype=np.float32), [], SETS)
    assert counts.toarray().tolist() == [[0, 0], [0, 0]]


def test_covered__a_set_is_covered_only_where_all_its_genes_are():
    panel = Assay("panel", frozenset({"TP53", "TTN", "ERBB2"}))
    assert covers_sets(panel, SETS).tolist() == [False, True]
    assert covers_sets(EXOME, SETS).tolist() == [True, True]
