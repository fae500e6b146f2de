"""Confounders as columns of a regression that stays estimable in a small cohort, and what had to be left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

UNKNOWN = "unknown"
OTHER = "other"
# A level with fewer patients is joined with others.
FEWEST = 3
# A column that others tell up to this share of its variance says nothing of its own.
_OWN = 1e-9

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Confounders:
    """Columns for a regression.

    Attributes
    ----------
    columns : array of float, shape (n_patients, n_columns)
        Numbers, and an indicator for each level but the commonest; none of them told by the others.
    names : tuple of str
        The confounders that have columns.
    left_out : tuple of str
        The others, each with the reason: ``"mutational burden (unknown in every patient)"``.
    """

    columns: Numbers
    names: tuple[str, ...]
    left_out: tuple[str, ...]


def coded_confounders(confounders: pd.DataFrame) -> Confounders:
    """Return confounders as columns of a regression.

    Parameters
    ----------
    confounders : pandas.DataFrame
        One row a patient, one column a confounder: numbers, or levels of any other kind. A number that is not
        known takes the mean; a level that is not known is a level of its own.

    Notes
    -----
    Levels with fewer than three patients are joined to one, ``other``; where that is still too few, with the
    commonest. A confounder that is then the same in everybody is left out, and so is one that the confounders
    before it tell.

    Examples
    --------
    >>> frame = pd.DataFrame({"burden": [1, 2, None, 3, 5, 5], "ER": list("++++--"), "HER2": list("+-+-+-")})
    >>> coded = coded_confounders(frame)
    >>> coded.names, coded.columns.shape, coded.left_out
    (('burden', 'HER2'), (6, 2), ('ER (nearly the same in every patient)',))
    """
    kept: list[Numbers] = []
    basis: list[Numbers] = []
    names, left_out = [], []
    for place, name in enumerate(map(str, confounders.columns)):
        found, reason = _columns(confounders.iloc[:, place])
        own = [column for column in found if _tells_more(column, basis)]
        kept += own
        if own:
            names.append(name)
        else:
            left_out.append(f"{name} ({reason or 'told by the others'})")
    columns = np.column_stack(kept) if kept else np.zeros((len(confounders), 0))
    return Confounders(columns, tuple(names), tuple(left_out))


def _columns(values: pd.Series) -> tuple[list[Numbers], str]:
    """Return the columns of a confounder, or why it has none."""
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        return _number(values.to_numpy(dtype=np.float64, na_value=np.nan))
    return _levels(values)


def _number(values: Numbers) -> tuple[list[Numbers], str]:
    known = values[np.isfinite(values)]
    if known.size == 0:
        return [], "unknown in every patient"
    if known.min() == known.max():
        return [], "the same in every patient"
    return [np.where(np.isfinite(values), values, known.mean())], ""


def _levels(values: pd.Series) -> tuple[list[Numbers], str]:
    missing = values.isna().to_numpy()
    if missing.all():
        return [], "unknown in every patient"
    levels = np.where(missing, UNKNOWN, values.astype("object").astype(str).to_numpy(dtype=object)).astype(str)
    names, counts = np.unique(levels, return_counts=True)
    if names.size == 1:
        return [], "the same in every patient"
    commonest = names[np.argmax(counts)]
    rare = np.isin(levels, names[counts < FEWEST])
    levels = np.where(rare, OTHER if rare.sum() >= FEWEST else commonest, levels.astype(object)).astype(str)
    names, counts = np.unique(levels, return_counts=True)
    if names.size == 1:
        return [], "nearly the same in every patient"
    commonest = names[np.argmax(counts)]
    return [(levels == name).astype(np.float64) for name in names if name != commonest], ""


def _tells_more(column: Numbers, basis: list[Numbers]) -> bool:
    """Return whether a column has variance that those before it do not tell, and remember it then."""
    centred = column - column.mean()
    size = float(np.linalg.norm(centred))
    for direction in (*basis, *basis):  # twice: once leaves rounding
        centred = centred - direction * (direction @ centred)
    left = float(np.linalg.norm(centred))
    if left**2 <= _OWN * size**2:
        return False
    basis.append(centred / left)
    return True
