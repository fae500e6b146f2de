"""Patients who share a group, such as two samples of a person, count once in tests of association."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

# What one row of the tests is.
PATIENTS, GROUPS, DEPENDENT = "patients", "groups", "patients in groups"


class Rows(NamedTuple):
    """Rows that tests may take as independent, or the patients themselves; ``counted`` says which."""

    X: npt.NDArray[np.float32]
    response: npt.NDArray[np.int8]
    confounders: pd.DataFrame
    groups: npt.NDArray[Any]
    counted: str


def one_row_a_group(
    X: npt.NDArray[np.float32],
    response: npt.NDArray[np.int8],
    confounders: pd.DataFrame,
    groups: npt.NDArray[Any],
) -> Rows:
    """Return one row for each group where the members of every group respond alike, else the rows as they are.

    A gene is mutated in a group if it is in any member, and covered if it is covered in any; confounders are those
    of the first member. Members who respond differently, such as patients of a centre, stay rows of their own.

    Parameters
    ----------
    X : array, shape (n_patients, n_genes)
        Above 0 where the gene is mutated, NaN where it was not covered.
    response : array of 0 and 1, shape (n_patients,)
    confounders : pandas.DataFrame
        One row a patient.
    groups : array, shape (n_patients,)

    Examples
    --------
    >>> X = np.array([[1, np.nan], [0, 0], [0, 1]], dtype=np.float32)
    >>> rows = one_row_a_group(X, np.array([1, 1, 0]), pd.DataFrame(index=range(3)), np.array(["A", "A", "B"]))
    >>> rows.counted, rows.X.tolist(), rows.response.tolist()
    ('groups', [[1.0, 0.0], [0.0, 1.0]], [1, 0])
    """
    _, first, of = np.unique(groups, return_index=True, return_inverse=True)
    if len(first) == len(groups):
        return Rows(X, response, confounders, groups, PATIENTS)
    if (response != response[first][of]).any():
        return Rows(X, response, confounders, groups, DEPENDENT)
    order = np.argsort(of, kind="stable")
    joined = np.fmax.reduceat(X[order], np.searchsorted(of[order], np.arange(len(first))), axis=0)
    frame = confounders.iloc[first].reset_index(drop=True)
    return Rows(joined, response[first], frame, groups[first], GROUPS)
