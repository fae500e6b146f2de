"""One call per patient, gene and variant: what is given twice counts once, whatever the order of the rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.schema import CALL_KEY, EFFECTS

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
    in_order = calls.iloc[_fixed_order(calls)]
    repeated = _repeats_the_one_before(in_order)
    return in_order[~repeated].reset_index(drop=True), in_order[repeated].reset_index(drop=True)


def _fixed_order(calls: pd.DataFrame) -> npt.NDArray[np.intp]:
    """Return an order of rows that their content alone decides.

    Patient, gene and position, packed into one number, tell almost all rows apart: only the ties among them are
    looked at in full, which is what makes millions of rows cheap.
    """
    packed = _packed([_codes(calls[name]) for name in ("patient", "gene", "pos")])
    order = np.argsort(packed, kind="stable")
    same = np.diff(packed[order]) == 0
    tied = np.concatenate([same, [False]]) | np.concatenate([[False], same])
    if tied.any():
        rows = order[tied]
        ties = calls.iloc[rows]
        severity = ties["effect"].map({effect: rank for rank, effect in enumerate(EFFECTS)}).astype("int64")
        others = [_codes(ties[name]) for name in ties.columns]
        # lexsort takes its first key last.
        order[tied] = rows[np.lexsort((*reversed(others), severity, *reversed(_key(ties)), packed[rows]))]
    return order


def _repeats_the_one_before(in_order: pd.DataFrame) -> npt.NDArray[np.bool_]:
    if len(in_order) < 2:
        return np.zeros(len(in_order), dtype=bool)
    same = in_order["pos"].notna().to_numpy()[1:].copy()
    for codes in _key(in_order):
        same &= codes[1:] == codes[:-1]
    return np.concatenate([[False], same])


def _key(calls: pd.DataFrame) -> list[_Codes]:
    """Return what makes two rows the same call; a coding change stands in where the allele is not given."""
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


def _packed(columns: list[_Codes]) -> _Codes:
    """Return one number a row that is ordered as the columns are, the first one leading."""
    packed = np.zeros(len(columns[0]), dtype=np.int64)
    room = 1
    for codes in columns:
        size = int(codes.max(initial=-1)) + 2
        if room > _LARGEST // size:
            # Too many combinations for one number: those that occur are numbered in order.
            packed = np.unique(packed, return_inverse=True)[1].astype(np.int64)
            room = int(packed.max(initial=0)) + 1
        packed = packed * size + codes + 1
        room *= size
    return packed
