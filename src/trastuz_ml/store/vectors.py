"""Training vectors, kept beside a model when asked for: its genes alone, in an order that says nothing."""

from __future__ import annotations

import json
import zlib

import numpy as np
import numpy.typing as npt

from trastuz_ml.errors import ModelError

Vectors = npt.NDArray[np.float32]

VECTORS = "vectors.f32"
# 4 bytes a value: 20,000 patients with 5,000 genes.
LARGEST_UNPACKED = 400 * 10**6
_FORMAT = 1
_REMEDY = "Copy the model again from where it was made, or export it again with `trastuz-ml train`."


def shuffled_vectors(values: Vectors, seed: int) -> Vectors:
    """Return rows in an order that depends on nothing but the rows themselves and the seed.

    Rows are sorted by their values and then shuffled: whoever knows the seed and the roster can only have the
    sorted rows again, not whose they are.

    Parameters
    ----------
    values : array of float32, shape (n_patients, n_genes)
        NaN where a gene was not covered.
    seed : int
        The run's seed.

    Examples
    --------
    >>> rows = np.array([[0, 1], [1, 0], [1, 1]], dtype=np.float32)
    >>> bool((shuffled_vectors(rows, 7) == shuffled_vectors(rows[::-1], 7)).all())
    True
    """
    ordered = values[np.lexsort(values.T[::-1])] if values.shape[1] else values
    shuffled: Vectors = np.random.default_rng(seed).permutation(ordered, axis=0).astype(np.float32)
    return shuffled


def vectors_as_bytes(vectors: Vectors) -> bytes:
    """Return a line of JSON that gives the shape, then the values, column by column, compressed.

    Examples
    --------
    >>> vectors_from_bytes(vectors_as_bytes(np.eye(2, dtype=np.float32))).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    about = {"format": _FORMAT, "patients": vectors.shape[0], "genes": vectors.shape[1]}
    # Every missing value is written with the same bits, so that one cohort has one file.
    values = np.where(np.isnan(vectors), np.float32(np.nan), vectors).astype("<f4")
    return json.dumps(about).encode("ascii") + b"\n" + zlib.compress(values.tobytes("F"), 9)


def vectors_from_bytes(data: bytes) -> Vectors:
    """Return what :func:`vectors_as_bytes` wrote; no more is unpacked than its shape asks for.

    Raises
    ------
    ModelError
        If the bytes are something else, or the shape asks for more than :data:`LARGEST_UNPACKED` bytes.
    """
    head, _, packed = data.partition(b"\n")
    try:
        about = json.loads(head.decode("ascii"))
        patients, genes = int(about["patients"]), int(about["genes"])
        known = about["format"] == _FORMAT and min(patients, genes) >= 0
        _require(known, f"expected format {_FORMAT} and a shape")
        size = 4 * patients * genes
        _require(size <= LARGEST_UNPACKED, f"expected at most {LARGEST_UNPACKED} bytes unpacked, found {size}")
        unpacker = zlib.decompressobj()
        raw = unpacker.decompress(packed, size + 1)
        whole = len(raw) == size and unpacker.eof and not unpacker.unused_data
        _require(whole, f"expected {size} bytes unpacked, and no more")
    except (KeyError, RecursionError, TypeError, ValueError, zlib.error) as error:
        raise ModelError(f"{VECTORS} holds no training vectors: {error}. {_REMEDY}") from error
    values: Vectors = np.frombuffer(raw, dtype="<f4").reshape((patients, genes), order="F").astype(np.float32)
    if np.isinf(values).any():
        raise ModelError(f"{VECTORS} holds infinite values. {_REMEDY}")
    return values


def _require(holds: bool, expected: str) -> None:
    if not holds:
        raise ValueError(expected)
