"""A table is a plain pandas frame; its declaration names the columns, their kind and their meaning.

:func:`conform` brings a frame into the declared shape and refuses it with a clear message when it cannot.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from trastuz_ml.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


# A word is a text of few distinct values, kept once each: a pandas category, its categories sorted.
Kind = Literal["text", "word", "integer", "position", "number", "flag"]

_DTYPES: dict[Kind, str] = {
    "text": "str", "word": "category", "integer": "Int64", "position": "Int32", "number": "float64",
    "flag": "boolean",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One column of a table: its name, its kind and what it means."""

    name: str
    kind: Kind
    meaning: str
    required: bool = True


@dataclass(frozen=True)
class Table:
    """The declaration of a table: a name for messages, and its columns in order."""

    name: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """The column names, in order."""
        return [column.name for column in self.columns]


def table(name: str, *columns: tuple[str, Kind, str], optional: tuple[str, ...] = ()) -> Table:
    """Declare a table from (name, kind, meaning) of its columns."""
    return Table(name, tuple(Column(n, k, m, required=n not in optional) for n, k, m in columns))


def conform(frame: pd.DataFrame, table: Table, *, complete: bool = True) -> pd.DataFrame:
    """Bring a frame into the declared shape: declared columns, order and kinds, a plain row index.

    Parameters
    ----------
    frame : pandas.DataFrame
        Rows to check. Optional columns that are absent are added as missing; others are dropped.
    table : Table
        The declaration.
    complete : bool
        False leaves out optional columns that are absent: millions of missing values are still values to keep.

    Returns
    -------
    pandas.DataFrame
        A new frame with the declared columns.

    Raises
    ------
    InputError
        If a required column is absent, or values do not have the declared kind.

    Examples
    --------
    >>> import pandas as pd
    >>> from trastuz_ml.schema import CALLS
    >>> conform(pd.DataFrame({"patient": ["P1"], "gene": ["TP53"], "effect": ["missense"]}), CALLS).shape
    (1, 20)
    """
    absent = [c.name for c in table.columns if c.required and c.name not in frame.columns]
    if absent:
        raise InputError(
            f"The {table.name} lacks the column{'s' if len(absent) > 1 else ''} {', '.join(absent)}; "
            f"it has {', '.join(map(str, frame.columns)) or 'no columns'}."
        )
    declared = [c for c in table.columns if complete or c.name in frame.columns]
    shaped = frame.reindex(columns=[c.name for c in declared]).reset_index(drop=True)
    for column in declared:
        try:
            values = shaped[column.name]
            if column.kind == "word":
                shaped[column.name] = as_words(values)
            elif str(values.dtype) != _DTYPES[column.kind]:
                shaped[column.name] = values.astype(_DTYPES[column.kind])
        except (TypeError, ValueError) as error:
            raise InputError(
                f"Column {column.name} of the {table.name} must be of kind {column.kind}: {error}"
            ) from error
    return shaped


def join_tables(tables: Sequence[pd.DataFrame], table: Table) -> pd.DataFrame:
    """Return tables of one declaration under one another; their categories become one set of words.

    Parameters
    ----------
    tables : sequence of pandas.DataFrame
        Each in the declared shape; what one of them lacks is missing in its rows. They are not changed.
    table : Table
        The declaration.
    """
    import pandas as pd

    some = [rows for rows in tables if len(rows)]
    if len(some) < 2:
        return some[0].reset_index(drop=True) if some else empty(table)
    columns = {}
    for column in table.columns:
        if not any(column.name in rows for rows in some):
            continue
        parts = [rows[column.name] if column.name in rows else _missing(column, len(rows)) for rows in some]
        joined = pd.api.types.union_categoricals(parts) if column.kind == "word" else pd.concat(parts)
        columns[column.name] = pd.Series(joined).reset_index(drop=True)
    return conform(pd.DataFrame(columns), table, complete=False)


def with_columns(frame: pd.DataFrame, table: Table, names: Collection[str]) -> pd.DataFrame:
    """Return a frame in which the named columns of the declaration are there, missing where they were absent.

    Examples
    --------
    >>> import pandas as pd
    >>> from trastuz_ml.schema import CALLS
    >>> with_columns(pd.DataFrame({"patient": ["P1"]}), CALLS, {"vaf"}).isna().to_numpy().tolist()
    [[False, True]]
    """
    absent = [column for column in table.columns if column.name in names and column.name not in frame]
    if not absent:
        return frame
    added = frame.assign(**{column.name: _missing(column, len(frame)).set_axis(frame.index) for column in absent})
    return added[[name for name in table.names if name in added]]


def _missing(column: Column, rows: int) -> pd.Series:
    import pandas as pd

    if column.kind == "word":
        words = pd.Categorical.from_codes([-1] * rows, pd.Index([], dtype="str"))
        return pd.Series(words)
    return pd.Series([None] * rows, dtype=_DTYPES[column.kind])


def as_words(values: pd.Series) -> pd.Series:
    """Return texts as a category of the distinct texts present, sorted, whatever they were before."""
    import numpy as np
    import pandas as pd

    if not isinstance(values.dtype, pd.CategoricalDtype):
        return values.astype("str").astype("category")
    words = values.array
    codes, given = words.codes, words.categories
    texts = given if str(given.dtype) == _DTYPES["text"] else given.astype("str")
    # To mark codes is many times faster than what pandas does to find unused ones; in parts it takes no memory.
    marked = np.zeros(len(texts) + 1, dtype=bool)  # the last place is that of the code -1: missing
    for start in range(0, len(codes), 1 << 20):
        marked[codes[start : start + (1 << 20)]] = True
    present = marked[:-1]
    if present.all() and texts.is_monotonic_increasing:
        return values if texts is given else values.cat.rename_categories(texts)
    kept = texts[present].sort_values()
    place = kept.get_indexer(texts).astype(np.min_scalar_type(-max(len(texts), 1)))
    renumbered = np.append(place, place.dtype.type(-1))[codes]
    return pd.Series(pd.Categorical.from_codes(renumbered, kept), index=values.index, name=values.name)


def empty(table: Table) -> pd.DataFrame:
    """Return the table without rows, with its declared columns and kinds."""
    return _empty(table).copy()


@cache
def _empty(table: Table) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({column.name: _missing(column, 0) for column in table.columns})
