"""Take out calls by the declared filters, each dropped row counted under the first rule that it fails."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.calls.reading import Filters
from trastuz_ml.schema import ROWS, conform, empty

# So many rows are looked at together: memory stays flat, however many there are.
_AT_ONCE = 1 << 20


def apply_filters(calls: pd.DataFrame, filters: Filters) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split calls into those that pass and a count of those that do not.

    Parameters
    ----------
    calls : pandas.DataFrame
        Columns of the calls table, ``file`` among them; a filter whose column is absent lets all through.
    filters : Filters
        What is declared.

    Returns
    -------
    kept : pandas.DataFrame
        The calls that pass, with their index.
    dropped : pandas.DataFrame
        The others, by :data:`trastuz_ml.schema.ROWS`; a call that fails several rules counts under the first.

    Examples
    --------
    >>> calls = pd.DataFrame({"patient": ["P1", "P1"], "file": ["a.maf"] * 2, "depth": [100, 4]})
    >>> kept, dropped = apply_filters(calls, Filters(min_depth=10))
    >>> len(kept), dropped["fate"].tolist()
    (1, ['low-depth'])
    """
    fate = np.full(len(calls), "", dtype=object)
    for rule, failed in _failures(calls, filters):
        fate[failed & (fate == "")] = rule
    out = fate != ""
    return (calls[~out], count_fates(calls[out], fate[out])) if out.any() else (calls, empty(ROWS))


def count_fates(rows: pd.DataFrame, fate: pd.Series | npt.NDArray[np.object_] | str) -> pd.DataFrame:
    """Count rows by file, patient and fate, as :data:`trastuz_ml.schema.ROWS` has them.

    Parameters
    ----------
    rows : pandas.DataFrame
        With the columns ``file`` and ``patient``.
    fate : str, array or series of str
        What became of them: the same for all, or one word a row.
    """
    if not len(rows):
        return empty(ROWS)
    one = isinstance(fate, str)
    fates = pd.Categorical.from_codes(np.zeros(len(rows), dtype=np.int8), [fate]) if one else pd.Categorical(fate)
    columns = {"file": pd.Categorical(rows["file"]), "patient": pd.Categorical(rows["patient"]), "fate": fates}
    shape = tuple(len(column.categories) + 1 for column in columns.values())
    cells, counts = _count_cells([column.codes for column in columns.values()], shape)
    codes = np.unravel_index(cells, shape)
    counted = {
        name: pd.Categorical.from_codes(np.where(places == size - 1, -1, places), column.categories)
        for (name, column), places, size in zip(columns.items(), codes, shape, strict=True)
    }
    return conform(pd.DataFrame(counted).assign(rows=counts), ROWS)


def _count_cells(
    codes: Sequence[npt.NDArray[np.signedinteger]], shape: tuple[int, ...]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the cells of a table of that shape that occur, and how often; the code -1 is the last place."""
    rows, room = len(codes[0]), math.prod(shape)
    few = room <= max(rows, _AT_ONCE)
    counts = np.zeros(room if few else 0, dtype=np.int64)
    cells = np.zeros(rows if not few else 0, dtype=np.int64)
    for start in range(0, rows, _AT_ONCE):
        here = slice(start, start + _AT_ONCE)
        cell = np.ravel_multi_index([part[here] for part in codes], shape, mode="wrap")
        if few:
            counts += np.bincount(cell, minlength=room)
        else:
            cells[here] = cell
    if not few:
        return np.unique(cells, return_counts=True)
    found = np.flatnonzero(counts)
    return found, counts[found]


def _failures(calls: pd.DataFrame, filters: Filters) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    if filters.words is not None and "filter" in calls:
        yield "filter", _words_outside(calls["filter"], set(filters.words))
    for rule, column, least in (
        ("low-depth", "depth", filters.min_depth),
        ("few-alt-reads", "alt_reads", filters.min_alt_reads),
        ("low-vaf", "vaf", filters.min_vaf),
    ):
        if least > 0 and column in calls:
            yield rule, _as_flags(calls[column] < least)
    if filters.max_population_frequency < 1 and "population_frequency" in calls:
        yield "common-in-population", _as_flags(calls["population_frequency"] > filters.max_population_frequency)


def _words_outside(words: pd.Series, let_through: set[str]) -> npt.NDArray[np.bool_]:
    # Distinct words are few: each is looked at once.
    as_category = words.astype("category")
    outside = [not set(re.split(r"[;,\s]+", str(w).strip())) <= let_through for w in as_category.cat.categories]
    # The code of a missing word is -1: the last place, which lets it through.
    flags: npt.NDArray[np.bool_] = np.array([*outside, False])[as_category.cat.codes.to_numpy()]
    return flags


def _as_flags(failed: pd.Series) -> npt.NDArray[np.bool_]:
    flags: npt.NDArray[np.bool_] = failed.fillna(False).to_numpy(dtype=bool)
    return flags
