"""From frames to the plain values that JSON holds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd


def plain(value: Any) -> Any:
    """Return a value that JSON can hold: missing becomes ``None``, infinity the word ``inf``.

    Examples
    --------
    >>> plain({"n": np.int64(3), "p": float("nan"), "odds": np.inf, "genes": ("TP53", pd.NA)})
    {'n': 3, 'p': None, 'odds': 'inf', 'genes': ['TP53', None]}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | list | tuple | set | frozenset):
        return [plain(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    return _plain_number(float(value)) if isinstance(value, float | np.floating) else str(value)


def _plain_number(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else ("inf" if value > 0 else "-inf")


def records(frame: pd.DataFrame, columns: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """Return the rows of a frame as plain mappings.

    Examples
    --------
    >>> records(pd.DataFrame({"gene": ["TP53"], "carriers": [4]}))
    [{'gene': 'TP53', 'carriers': 4}]
    """
    kept = frame if columns is None else frame[list(columns)]
    names = [str(name) for name in kept.columns]
    return [dict(zip(names, map(plain, row), strict=True)) for row in kept.itertuples(index=False, name=None)]
