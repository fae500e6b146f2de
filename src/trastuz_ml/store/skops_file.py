"""A skops file with the same bytes for the same forest: without addresses in memory, times and padding."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

_DESCRIBED = "schema.json"
# The earliest time that a zip file can hold.
_NEVER = (1980, 1, 1, 0, 0, 0)


def canonical(data: bytes) -> bytes:
    """Return a skops file rewritten so that its bytes depend on nothing but what it holds.

    skops names objects and arrays by their addresses, which change from process to process; between the fields of
    a tree's nodes lies what was in memory before. Objects are numbered in the order of the description instead.

    Parameters
    ----------
    data : bytes
        What :func:`skops.io.dumps` returned.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        described = json.loads(packed.read(_DESCRIBED))
        files: dict[str, str] = {}
        renamed = _numbered(described, files, [0])
        members = {new: _without_padding(packed.read(old)) for old, new in files.items()}
    members[_DESCRIBED] = json.dumps(renamed, separators=(",", ":")).encode()
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", compression=zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(zipfile.ZipInfo(name, _NEVER), content, compress_type=zipfile.ZIP_DEFLATED)
    return written.getvalue()


def _numbered(value: Any, files: dict[str, str], count: list[int]) -> Any:
    if isinstance(value, list):
        return [_numbered(inner, files, count) for inner in value]
    if not isinstance(value, dict):
        return value
    return {key: _renamed(key, inner, value, files, count) for key, inner in value.items()}


def _renamed(key: str, inner: Any, node: Mapping[str, Any], files: dict[str, str], count: list[int]) -> Any:
    if key == "__id__":
        # Each its own, although one object may stand in many places: which ones are one is chance.
        count[0] += 1
        return count[0]
    if key == "file" and "__loader__" in node and isinstance(inner, str):
        return files.setdefault(inner, f"{len(files)}.npy")
    return _numbered(inner, files, count)


def _without_padding(content: bytes) -> bytes:
    array = np.load(io.BytesIO(content), allow_pickle=False)
    if not array.dtype.names:
        return content
    clean = np.zeros(array.shape, dtype=array.dtype)
    for name in array.dtype.names:
        clean[name] = array[name]
    written = io.BytesIO()
    np.save(written, clean, allow_pickle=False)
    return written.getvalue()
