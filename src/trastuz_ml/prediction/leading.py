"""Names in a cell: a patient's leading contributions, and lists of what was not measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from trastuz_ml.prediction.unmeasured import distinct_rows

# A list of names in a cell is cut here; the count beside it is not.
MOST_NAMES = 20
NOT_ADDITIVE = "not given: the contributions do not add up to the output"


def leading_contributions(values: npt.NDArray[np.float64], names: Sequence[str], most: int) -> list[str]:
    """Return the largest contributions of each patient as text, ties in the order of names, zeros left out.

    Parameters
    ----------
    values : array, shape (n_patients, n_features)
        Signed contributions; NaN throughout a row whose contributions did not add up.
    names : sequence of str
        What the columns are.
    most : int
        How many to name.

    Returns
    -------
    list of str

    Examples
    --------
    >>> leading_contributions(np.array([[0.4, -1.92, 0.0, -0.4]]), ["TP53", "ANKRD44", "TTN", "MUC16"], 3)
    ['ANKRD44 -1.92; MUC16 -0.40; TP53 +0.40']
    """
    by_name = np.argsort(np.array(names, dtype=str), kind="stable")
    ordered = np.ascontiguousarray(values[:, by_name])
    labels = [names[j] for j in by_name]
    texts: list[list[str]] = [[] for _ in values]
    left, every = np.abs(ordered), np.arange(len(values))
    broken: npt.NDArray[np.bool_] = np.asarray(np.isnan(ordered).any(axis=1))
    left[broken] = 0.0
    # The first of the largest comes first by name; a few rounds of this cost less than sorting every row.
    for _ in range(min(most, len(labels))):
        place = left.argmax(axis=1)
        some = np.flatnonzero(left[every, place] > 0)
        if not len(some):
            break
        at = place[some]
        for row, j, value in zip(some.tolist(), at.tolist(), ordered[some, at].tolist(), strict=True):
            texts[row].append(f"{labels[j]} {_signed(value)}")
        left[every, place] = 0.0
    return [NOT_ADDITIVE if wrong else "; ".join(text) for wrong, text in zip(broken.tolist(), texts, strict=True)]


def _signed(value: float) -> str:
    return f"{value:+.2f}" if abs(value) >= 0.005 else f"{value:+.0e}"


def named_in_rows(names: Sequence[str], flags: npt.NDArray[np.bool_]) -> list[str]:
    """Return, for each row of flags, the names that are flagged, cut after some.

    Examples
    --------
    >>> named_in_rows(["TP53", "TTN"], np.array([[True, True], [False, False]]))
    ['TP53, TTN', '']
    """
    # Patients of one assay lack the same genes: each list is written once.
    patterns, of = distinct_rows(flags)
    texts = [_named([name for name, flag in zip(names, row, strict=True) if flag]) for row in patterns.tolist()]
    return [texts[number] for number in of.tolist()]


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMES])
    return f"{shown} and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else shown
