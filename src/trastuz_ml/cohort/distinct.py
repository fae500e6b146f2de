"""One call per patient, gene and variant: what is given twice counts once, whatever the order of the rows."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.schema import CALL_KEY, CALLS, EFFECTS, with_columns

_Codes = npt.NDArray[np.int64]
_LARGEST = np.iinfo(np.int64).max


def distinct_calls(calls: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split calls into distinct ones and repeats.

    Of rows that are the same call the gravest effect stays. A call without a position cannot be told from another:
    all of them stay.

    Parameters
    ----------
    calls : pandas.DataFrame
        The calls table.

    Returns
    -------
    distinct, repeats : pandas.DataFrame
        Together the given rows. Both are in an order that does not depend on the order given: by patient, gene
        and position, then by all other columns.
    """
    order, tied = _fixed_order(calls)
    repeated = np.zeros(len(calls), dtype=bool)
    repeated[tied] = _repeats_the_one_before(calls.iloc[order[tied]])
    once, again = order[~repeated], order[repeated]
    del order
    return _taken(calls, once), _taken(calls, again)


def _taken(calls: pd.DataFrame, rows: npt.NDArray[np.intp]) -> pd.DataFrame:
    # Column by column: pandas would make a row index of them all first, as large as the calls.
    columns = {name: calls[name].array.take(rows) for name in calls.columns}
    return pd.DataFrame(columns, columns=calls.columns, index=pd.RangeIndex(len(rows)), copy=False)


def _fixed_order(calls: pd.DataFrame) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Return an order of rows that their content alone decides, and which of them, in that order, are ties.

    Patient, gene and position, packed into one number, tell almost all rows apart: only the ties among them are
    looked at in full, which is what makes millions of rows cheap.
    """
    packed = _packed(_codes(calls[name]) for name in ("patient", "gene", "pos"))
    order = np.argsort(packed, kind="stable")
    in_order = packed[order]
    same = in_order[1:] == in_order[:-1]
    del in_order
    tied = np.concatenate([same, [False]]) | np.concatenate([[False], same])
    tied = tied[: len(calls)]
    if tied.any():
        rows = order[tied]
        ties = calls.iloc[rows]
        severity = ties["effect"].map({effect: rank for rank, effect in enumerate(EFFECTS)}).astype("int64")
        others = [_codes(ties[name]) for name in ties.columns]
        # lexsort takes its first key last.
        order[tied] = rows[np.lexsort((*reversed(others), severity, *reversed(_key(ties)), packed[rows]))]
    return order, tied


def _repeats_the_one_before(in_order: pd.DataFrame) -> npt.NDArray[np.bool_]:
    if len(in_order) < 2:
        return np.zeros(len(in_order), dtype=bool)
    same = in_order["pos"].notna().to_numpy()[1:].copy()
    for codes in _key(in_order):
        same &= codes[1:] == codes[:-1]
    return np.concatenate([[False], same])


def _key(calls: pd.DataFrame) -> list[_Codes]:
    """Return what makes two rows the same call; a coding change stands in where the allele is not given."""
    calls = with_columns(calls, CALLS, {*CALL_KEY, "hgvsc"})
    key = [_codes(calls[name]) for name in CALL_KEY]
    unnamed = calls["alt"].isna().to_numpy()
    if unnamed.any():
        key.append(np.where(unnamed, _codes(calls["hgvsc"]), -1))
    return key


def _codes(values: pd.Series) -> _Codes:
    """Return whole numbers in the order of the values, -1 where missing."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        # The categories of a calls table are sorted, so that their codes are in order, too.
        codes = values.cat.codes.to_numpy()
    elif pd.api.types.is_integer_dtype(values.dtype):
        codes = values.to_numpy(dtype=np.int64, na_value=-1)
    else:
        codes, _ = pd.factorize(values, sort=True)
    wide: _Codes = codes.astype(np.int64)
    return wide


def _packed(columns: Iterable[_Codes]) -> _Codes:
    """Return one number a row that is ordered as the columns are, the first one leading."""
    packed: _Codes = np.zeros(0, dtype=np.int64)
    room = 1
    for codes in columns:
        size = int(codes.max(initial=-1)) + 2
        if room > _LARGEST // size:
            # Too many combinations for one number: those that occur are numbered in order.
            packed = np.unique(packed, return_inverse=True)[1].astype(np.int64)
            room = int(packed.max(initial=0)) + 1
        codes += 1
        if len(packed) == len(codes):
            packed *= size
            codes += packed
        packed = codes
        room *= size
    return packed
