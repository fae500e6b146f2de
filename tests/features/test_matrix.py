"""The GeneMatrix and its three states."""

import json

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trastuz_ml.errors import InputError, OutputExistsError
from trastuz_ml.features.matrix import GeneMatrix


def matrix(cells, covered=None, assay_of=None, **changes):
    cells = np.asarray(cells, dtype=np.float32)
    n, p = cells.shape
    settings = {
        "patients": tuple(f"P{i}" for i in range(n)), "genes": tuple(f"G{j}" for j in range(p)),
        "values": sp.csr_array(cells),
        "assay_of": np.zeros(n, dtype=np.intp) if assay_of is None else np.array(assay_of),
        "covered": np.ones((1, p), dtype=bool) if covered is None else np.array(covered),
        "encoding": "binary", "effects": ("missense",), "provenance": {"sources": [["a.maf", "00"]]},
    }  # fmt: skip
    return GeneMatrix(**(settings | changes))


PANEL = matrix([[1, 0, 0], [0, 1, 0]], covered=[[True, True, True], [True, False, True]], assay_of=[0, 1])


def test_matrix__dense_is_nan_only_where_not_covered():
    np.testing.assert_array_equal(
        matrix([[1, 0, 0], [0, 0, 2]], [[True] * 3, [True, False, True]], [0, 1]).dense(),
        np.array([[1, 0, 0], [0, np.nan, 2]], dtype=np.float32),
    )


def test_matrix__counts_carriers_and_covered_patients():
    assert PANEL.covered_patients().tolist() == [2, 1, 2]
    assert matrix([[1, 0], [3, 0]]).carriers().tolist() == [2, 0]


def test_matrix__frame_carries_the_names():
    frame = PANEL.frame()
    assert frame.loc["P0", "G0"] == 1
    assert np.isnan(frame.loc["P1", "G1"])


def test_matrix__rows_are_taken_by_name():
    swapped = PANEL.rows(["P1", "P0"])
    np.testing.assert_array_equal(swapped.dense(), PANEL.dense()[::-1])
    with pytest.raises(InputError, match="no row for P7"):
        PANEL.rows(["P7"])


cells = arrays(np.float32, (4, 6), elements=st.sampled_from([0.0, 0.0, 1.0, 2.0]))
masks = arrays(bool, (2, 6))


@given(cells, masks, st.lists(st.integers(0, 1), min_size=4, max_size=4))
def test_matrix__saved_and_loaded_is_equal(tmp_path_factory, values, covered, assay_of):
    made = matrix(values * covered[assay_of], covered, assay_of)
    path = tmp_path_factory.mktemp("matrix") / "m.parquet"
    made.save(path)
    assert GeneMatrix.load(path) == made


def test_matrix__differs_when_states_or_provenance_do():
    assert matrix([[1, 0, 0], [0, 1, 0]]) != PANEL
    assert matrix([[1, 0, 0], [0, 1, 0]], PANEL.covered, [0, 1], provenance={}) != PANEL
    assert PANEL != "a matrix"


def test_matrix__same_content_same_bytes(tmp_path):
    for name in ("a", "b"):
        PANEL.save(tmp_path / f"{name}.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_matrix__an_existing_file_is_refused_without_force(tmp_path):
    PANEL.save(tmp_path / "m.parquet")
    with pytest.raises(OutputExistsError, match="--force"):
        PANEL.save(tmp_path / "m.parquet")
    PANEL.save(tmp_path / "m.parquet", force=True)
    (tmp_path / "m.parquet").unlink()
    with pytest.raises(OutputExistsError, match=r"m\.json"):
        PANEL.save(tmp_path / "m.parquet")


def damage(path, **changes):
    about = json.loads(path.with_suffix(".json").read_text()) | changes
    path.with_suffix(".json").write_text(json.dumps(about))


def test_matrix__damaged_or_mixed_up_files_are_refused(tmp_path):
    path = tmp_path / "m.parquet"
    with pytest.raises(InputError, match="not a gene matrix"):
        GeneMatrix.load(path)
    PANEL.save(path)
    damage(path, genes=["X", "Y", "Z"])
    with pytest.raises(InputError, match="mixed-up"):
        GeneMatrix.load(path)
    damage(path, format=99)
    with pytest.raises(InputError, match="format 99"):
        GeneMatrix.load(path)
    path.write_text("no parquet")
    damage(path, format=1)
    with pytest.raises(InputError, match="not a gene matrix"):
        GeneMatrix.load(path)
