"""What stays on the machine: training vectors and marks of rare variants, beside the model and no part of it."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from trastuz_ml.cohort.variant_marks import VariantMarks
from trastuz_ml.errors import ModelError
from trastuz_ml.store.bundle import load_model, public_files, save_bundle
from trastuz_ml.store.vectors import shuffled_vectors, vectors_as_bytes, vectors_from_bytes

MARKED = VariantMarks(
    "0" * 16, np.array([5, 7], dtype=np.uint64), np.array([0, 1, 2]), ("P-1", "P-2"), np.empty(0, dtype=np.uint64)
)


def rows(patients: int, genes: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    values = (rng.random((patients, genes)) < 0.2).astype(np.float32)
    values[: patients // 3, genes // 2 :] = np.nan
    return values


@pytest.fixture
def whole(bundles, tmp_path):
    bundle = bundles["linear"]
    return save_bundle(
        replace(bundle, vectors=rows(9, len(bundle.genes)), marks=MARKED), tmp_path / "models" / "demo"
    )[0]


def test_local_files__come_back_to_the_bit(whole, bundles):
    back = load_model(whole)
    assert np.array_equal(back.vectors, rows(9, len(bundles["linear"].genes)), equal_nan=True)
    assert back.vectors.dtype == np.float32
    assert back.marks.as_bytes() == MARKED.as_bytes()


def test_local_files__are_no_part_of_the_identity(whole, bundles, tmp_path):
    _, identity = save_bundle(bundles["linear"], tmp_path / "bare")
    assert load_model(whole).sha256 == identity


def test_local_files__a_model_without_them_loads_as_well(whole, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in public_files(whole):
        shutil.copy(path, copy)
    back = load_model(copy)
    assert (back.vectors, back.marks) == (None, None)
    assert back.sha256 == load_model(whole).sha256


def test_local_files__are_not_among_the_public_ones(whole):
    assert {path.name for path in public_files(whole)} == {
        "manifest.json", "features.json", "model.json", "worth.json", "card.json", "card.md", "gene_names.tsv.gz",
        "requirements.txt",
    }  # fmt: skip


def test_local_files__that_are_listed_and_absent_are_missed(whole):
    (whole / "vectors.f32").unlink()
    with pytest.raises(ModelError, match=r"lacks files that its manifest lists: vectors\.f32"):
        load_model(whole)


def test_local_files__that_are_there_and_not_listed_are_refused(whole):
    (whole / "local.json").unlink()
    with pytest.raises(ModelError, match=r"does not list: overlap\.u64, vectors\.f32"):
        load_model(whole)


def test_vectors__of_another_number_of_genes_are_refused_before_writing(bundles, tmp_path):
    with pytest.raises(ModelError, match="does not fit the model"):
        save_bundle(replace(bundles["linear"], vectors=rows(4, 2)), tmp_path / "demo")
    assert not (tmp_path / "demo").exists()


def test_vectors__in_whatever_order_patients_came_one_file_is_written():
    values, order = rows(30, 12), np.random.default_rng(8).permutation(30)
    one, other = (vectors_as_bytes(shuffled_vectors(v, seed=5)) for v in (values, values[order]))
    assert one == other


def test_vectors__are_whole_rows_of_patients_in_another_order():
    values = rows(30, 12)
    shuffled = shuffled_vectors(values, seed=5)
    as_texts = [sorted(map(str, table.tolist())) for table in (values, shuffled)]
    assert as_texts[0] == as_texts[1]
    assert not np.array_equal(values, shuffled, equal_nan=True)
    assert not np.array_equal(shuffled, shuffled_vectors(values, seed=6), equal_nan=True)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (1, 1), (7, 5)])
def test_vectors__of_any_shape_come_back(shape):
    values = rows(*shape)
    assert np.array_equal(vectors_from_bytes(vectors_as_bytes(values)), values, equal_nan=True)


def test_vectors__take_a_small_part_of_their_size():
    values = (np.random.default_rng(1).random((300, 500)) < 0.05).astype(np.float32)
    assert len(vectors_as_bytes(values)) < values.nbytes / 10


@pytest.mark.parametrize("data", [b"", b"{}", b"\x80\x04", b'{"format": 1, "patients": 1, "genes": 1}\nno zlib'])
def test_vectors__other_bytes_are_one_message(data):
    with pytest.raises(ModelError, match="holds no training vectors"):
        vectors_from_bytes(data)


def test_vectors__infinite_values_are_refused():
    with pytest.raises(ModelError, match="infinite"):
        vectors_from_bytes(vectors_as_bytes(np.full((2, 2), np.inf, dtype=np.float32)))
