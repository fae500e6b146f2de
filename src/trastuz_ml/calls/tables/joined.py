"""Put the calls of many blocks of rows together, each distinct word kept once, in as few bytes as they need."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from trastuz_ml.calls.tables.rows import Calls, effect_of_word
from trastuz_ml.schema import CALLS, ROWS, conform, empty, join_tables

# Blocks that share most of their words: their words are looked up together.
_TOGETHER = 32
# So many rows are renumbered together: memory stays flat, however many there are.
_AT_ONCE = 1 << 20


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
        self._columns: dict[str, _Words | _Whole | _Others] = {}
        self._dropped: list[pd.DataFrame] = []
        self.height = 0
        self.builds: frozenset[str] = frozenset()

    def add(self, calls: Calls) -> None:
        """Take in the calls of the next block."""
        self._waiting.append(calls)
        self.height += calls.height
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
        columns["file"] = pd.Categorical.from_codes(np.zeros(self.height, dtype=np.int8), [self._file])
        if complete:
            nothing = empty(CALLS).reindex(range(self.height))
            columns |= {name: nothing[name] for name in CALLS.names if name not in columns}
        # The columns have their declared kinds; to conform millions of rows would only copy them.
        calls = pd.DataFrame({name: columns[name] for name in CALLS.names if name in columns}, copy=False)
        return calls, _added_up(join_tables(self._dropped, ROWS))

    def _take_in(self) -> None:
        waiting, self._waiting = self._waiting, []
        for name in (name for name in CALLS.names if waiting and name in waiting[0].columns):
            parts = [calls.columns[name] for calls in waiting]
            if name not in self._columns:
                self._columns[name] = _column(name, parts[0].type)
            self._columns[name].add(parts)


class _Growing:
    """Numbers that come by and by, in one array that grows at its end: large ones grow where they are."""

    def __init__(self, kind: npt.DTypeLike) -> None:
        self._room = np.empty(0, dtype=kind)
        self._size = 0

    def add(self, numbers: npt.NDArray[Any]) -> None:
        end = self._size + len(numbers)
        if end > len(self._room):
            self._room.resize(max(end, len(self._room) * 3 // 2), refcheck=False)
        self._room[self._size : end] = numbers
        self._size = end

    def widen(self, kind: npt.DTypeLike) -> None:
        """Make room for larger numbers."""
        if self._room.dtype != kind:
            self._room = self._room.astype(kind)

    def array(self) -> npt.NDArray[Any]:
        self._room.resize(self._size, refcheck=False)
        return self._room


class _Words:
    """A column of words: the place of each word in the order they came, and the places of the rows' words."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._rows = _Growing(np.int8)

    def add(self, parts: list[pa.DictionaryArray]) -> None:
        column = pa.chunked_array(parts).unify_dictionaries()
        words = column.chunk(0).dictionary.to_pylist()
        known = [self._places.setdefault(word, len(self._places)) for word in words]
        kind = _smallest(self._places)
        self._rows.widen(kind)
        # The last place is that of the code -1: missing.
        places = np.array([*known, -1], dtype=kind)
        for part in column.chunks:
            codes = part.indices.fill_null(-1) if part.indices.null_count else part.indices
            self._rows.add(np.take(places, codes.to_numpy(), mode="wrap"))

    def column(self) -> pd.Categorical:
        """Return the words as a category, sorted; the rows are renumbered where they are."""
        words = sorted(self._places)
        order = np.full(len(words) + 1, -1, dtype=_smallest(words))
        order[[self._places[word] for word in words]] = np.arange(len(words))
        codes = self._rows.array()
        for start in range(0, len(codes), _AT_ONCE):
            here = codes[start : start + _AT_ONCE]
            here[:] = np.take(order, here, mode="wrap")
        return pd.Categorical.from_codes(codes, pd.Index(words, dtype="str"), validate=False)


def _smallest(words: Collection[str]) -> np.dtype[Any]:
    return np.min_scalar_type(-max(len(words), 1))


class _Whole:
    """A column of whole numbers, in 32 bits, or in 64 where ``wide``."""

    def __init__(self, *, wide: bool) -> None:
        self._numbers = _Growing(np.int64 if wide else np.int32)
        self._missing = _Growing(np.bool_)

    def add(self, parts: list[pa.Array]) -> None:
        for part in parts:
            self._numbers.add(part.fill_null(0).to_numpy())
            self._missing.add(part.is_null().to_numpy(zero_copy_only=False))

    def column(self) -> Any:
        return pd.arrays.IntegerArray(self._numbers.array(), self._missing.array())


class _Others:
    """A column of fractions or of texts."""

    def __init__(self) -> None:
        self._parts: list[pa.Array] = []

    def add(self, parts: list[pa.Array]) -> None:
        self._parts += parts

    def column(self) -> Any:
        column = pa.chunked_array(self._parts)
        return column.to_numpy() if pa.types.is_floating(column.type) else column.to_pandas().astype("str")


def _column(name: str, kind: pa.DataType) -> _Words | _Whole | _Others:
    if pa.types.is_dictionary(kind):
        return _Words()
    return _Whole(wide=name != "pos") if pa.types.is_integer(kind) else _Others()


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
