"""The files that names and patterns stand for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trastuz_ml.errors import InputError


def matching_files(root: Path, names: Sequence[str]) -> list[Path]:
    """Return the files that names and patterns stand for, sorted within a pattern.

    Raises
    ------
    InputError
        If no file matches a pattern.
    """
    found: list[Path] = []
    for name in names:
        if "*" not in name and "?" not in name:
            found.append(root / name if name != "-" else Path(name))
            continue
        # A pattern may begin anywhere, and pathlib matches relative ones only.
        base = Path(name).anchor or root
        matched = sorted(Path(base).glob(str(Path(name).relative_to(Path(name).anchor))))
        if not matched:
            raise InputError(f"No file matches {root / name}; check the pattern of the calls.")
        found += matched
    return list(dict.fromkeys(found))
