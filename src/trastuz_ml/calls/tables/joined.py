"""Put the calls of many blocks of rows together, each distinct word kept once, in as few bytes as they need."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from trastuz_ml.calls.tables.rows import Calls, effect_of_word
from trastuz_ml.schema import CALLS, ROWS, conform, empty, join_tables

_Part = TypeVar("_Part")
# Blocks that share most of their words: their words are looked up together.
_TOGETHER = 32


class Joined:
    """The calls of a file, taken in block by block.

    Parameters
    ----------
    file : str
        Name of the file.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._waiting: list[Calls] = []
        self._columns: dict[str, _Words | _Values] = {}
        self._dropped: list[pd.DataFrame] = []
        self._height = 0
        self.builds: frozenset[str] = frozenset()

    def add(self, calls: Calls) -> None:
        """Take in the calls of the next block."""
        self._waiting.append(calls)
        self._height += calls.height
        self.builds |= calls.builds
        if calls.dropped is not None:
            self._dropped.append(calls.dropped)
        if len(self._waiting) == _TOGETHER:
            self._take_in()

    def tables(self, *, complete: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the calls table of all blocks, and what was dropped; done once, at the end.

        Parameters
        ----------
        complete : bool
            Whether columns that the file does not have are there, as missing values.
        """
        self._take_in()
        columns: dict[str, Any] = {name: self._columns.pop(name).column() for name in list(self._columns)}
        columns["effect"] = _effects(columns["consequence"])
        columns["file"] = pd.Categorical.from_codes(np.zeros(self._height, dtype=np.int8), [self._file])
        if complete:
            nothing = empty(CALLS).reindex(range(self._height))
            columns |= {name: nothing[name] for name in CALLS.names if name not in columns}
        # The columns have their declared kinds; to conform millions of rows would only copy them.
        calls = pd.DataFrame({name: columns[name] for name in CALLS.names if name in columns}, copy=False)
        return calls, _added_up(join_tables(self._dropped, ROWS))

    def _take_in(self) -> None:
        waiting, self._waiting = self._waiting, []
        for name in (name for name in CALLS.names if waiting and name in waiting[0].columns):
            parts = [calls.columns[name] for calls in waiting]
            if name not in self._columns:
                is_word = pa.types.is_dictionary(parts[0].type)
                self._columns[name] = _Words() if is_word else _Values(wide=name != "pos")
            self._columns[name].add(parts)


class _Words:
    """A column of words: the place of each word in the order they came, and the places of the rows' words."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._rows: list[npt.NDArray[np.signedinteger]] = []

    def add(self, parts: list[pa.DictionaryArray]) -> None:
        column = pa.chunked_array(parts).unify_dictionaries()
        words = column.chunk(0).dictionary.to_pylist()
        known = [self._places.setdefault(word, len(self._places)) for word in words]
        # The last place is that of the code -1: missing.
        places = np.array([*known, -1], dtype=np.min_scalar_type(-max(len(self._places), 1)))
        for part in column.chunks:
            codes = part.indices.fill_null(-1) if part.indices.null_count else part.indices
            self._rows.append(np.take(places, codes.to_numpy(), mode="wrap"))

    def column(self) -> pd.Categorical:
        """Return the words as a category, sorted; the rows taken in are given up on the way."""
        words = sorted(self._places)
        kind = np.min_scalar_type(-max(len(words), 1))
        order = np.empty(len(words) + 1, dtype=kind)
        order[[self._places[word] for word in words]] = np.arange(len(words), dtype=kind)
        order[-1] = -1
        codes = np.empty(sum(map(len, self._rows)), dtype=kind)
        start = 0
        for rows in _given_up(self._rows):
            np.take(order, rows, out=codes[start : start + len(rows)], mode="wrap")
            start += len(rows)
        return pd.Categorical.from_codes(codes, pd.Index(words, dtype="str"), validate=False)


class _Values:
    """A column of numbers or texts: whole numbers in 32 bits, or in 64 where ``wide``."""

    def __init__(self, *, wide: bool) -> None:
        self._parts: list[pa.Array] = []
        self._wide = wide

    def add(self, parts: list[pa.Array]) -> None:
        self._parts += parts

    def column(self) -> Any:
        """Return the column as the calls table has it; the parts taken in are given up on the way."""
        if not pa.types.is_integer(self._parts[0].type):
            column = pa.chunked_array(self._parts)
            floating = pa.types.is_floating(column.type)
            return column.to_numpy() if floating else column.to_pandas().astype("str")
        height = sum(map(len, self._parts))
        numbers = np.empty(height, dtype=np.int64 if self._wide else np.int32)
        missing = np.zeros(height, dtype=bool)
        start = 0
        for part in _given_up(self._parts):
            here = slice(start, start := start + len(part))
            numbers[here] = part.fill_null(0).to_numpy()
            if part.null_count:
                missing[here] = part.is_null().to_numpy(zero_copy_only=False)
        return pd.arrays.IntegerArray(numbers, missing)


def _given_up(parts: list[_Part]) -> Iterator[_Part]:
    """Yield the parts in order, and hold none of them any longer."""
    parts.reverse()
    while parts:
        yield parts.pop()


def _effects(consequences: pd.Categorical) -> pd.Categorical:
    effects = [effect_of_word(word)[1] for word in consequences.categories]
    distinct = sorted(set(effects))
    place = np.array([*(distinct.index(effect) for effect in effects), -1], dtype=np.int8)
    codes = np.take(place, consequences.codes, mode="wrap")
    return pd.Categorical.from_codes(codes, pd.Index(distinct, dtype="str"), validate=False)


def _added_up(dropped: pd.DataFrame) -> pd.DataFrame:
    if not len(dropped):
        return dropped
    keys = ["file", "patient", "fate"]
    summed = dropped.groupby(keys, observed=True, dropna=False)["rows"].sum()
    return conform(summed.reset_index(), ROWS)
