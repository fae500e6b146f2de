"""Plain values and arrays as bytes, and back to the bit: nothing is pickled."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

_LENGTH = struct.Struct("<Q")
_ARRAY = "\0array"
_PLAIN = frozenset("biufcSU")
# Half-equal columns, as contributions are, shrink to a tenth at any level; this one costs milliseconds.
_LEVEL = 1


def packed(value: Any) -> bytes:
    """Return a value as bytes.

    Parameters
    ----------
    value : object
        Mappings with texts as keys, lists, texts, numbers, truth values, None, and arrays of numbers or texts
        anywhere among them. A number comes back bit for bit, an array with its type and its order in memory, a
        tuple as a list.

    Raises
    ------
    TypeError
        If the value holds anything else.

    Examples
    --------
    >>> unpacked(packed({"p": np.array([0.1, 0.7]), "of": [0, "x", None]}))
    {'p': array([0.1, 0.7]), 'of': [0, 'x', None]}
    """
    arrays: list[npt.NDArray[Any]] = []
    tree = _without_arrays(value, arrays)
    about = [{"dtype": a.dtype.str, "shape": a.shape, "order": _order(a)} for a in arrays]
    head = json.dumps({"value": tree, "arrays": about}).encode()
    # Column by column: a column of contributions holds few values, many times.
    return zlib.compress(
        b"".join([_LENGTH.pack(len(head)), head, *(array.tobytes("F") for array in arrays)]), _LEVEL
    )


def _order(array: npt.NDArray[Any]) -> str:
    # The order in memory decides in which order numbers are added up, so that it is kept.
    return "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"


def _without_arrays(value: Any, arrays: list[npt.NDArray[Any]]) -> Any:
    """Return a value for JSON, its arrays put into the list and their places there into the value."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in _PLAIN:
            raise TypeError(f"An array of {value.dtype} cannot be kept: expected numbers or texts.")
        arrays.append(value)
        return {_ARRAY: len(arrays) - 1}
    if isinstance(value, np.generic):
        return _without_arrays(value.item(), arrays)
    if isinstance(value, Mapping):
        if wrong := [key for key in value if not isinstance(key, str) or key == _ARRAY]:
            raise TypeError(f"A mapping with the key {wrong[0]!r} cannot be kept: expected texts.")
        return {key: _without_arrays(inner, arrays) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_arrays(inner, arrays) for inner in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"A value of type {type(value).__name__} cannot be kept.")


def unpacked(content: bytes) -> Any:
    """Return the value that :func:`packed` made bytes of; its arrays can be written to."""
    data = zlib.decompress(content)
    start = _LENGTH.size + _LENGTH.unpack_from(data)[0]
    head = json.loads(data[_LENGTH.size : start])
    arrays = []
    for about in head["arrays"]:
        dtype, shape = np.dtype(about["dtype"]), tuple(about["shape"])
        count = int(np.prod(shape, dtype=np.int64))
        flat = np.frombuffer(data, dtype, count, start) if count * dtype.itemsize else np.empty(count, dtype)
        arrays.append(np.array(flat.reshape(shape, order="F"), order=about["order"]))
        start += count * dtype.itemsize
    return _with_arrays(head["value"], arrays)


def _with_arrays(value: Any, arrays: list[npt.NDArray[Any]]) -> Any:
    if isinstance(value, list):
        return [_with_arrays(inner, arrays) for inner in value]
    if isinstance(value, dict):
        if _ARRAY in value:
            return arrays[value[_ARRAY]]
        return {key: _with_arrays(inner, arrays) for key, inner in value.items()}
    return value
