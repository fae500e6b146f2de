"""One model's out-of-fold rows as arrays: folds by repeat, or the wins of a tournament of left-out pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.errors import InputError

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Folded:
    """What one model predicted, each patient once in every repeat.

    Attributes
    ----------
    patients : tuple of str
        Sorted.
    response : array of 0 and 1, shape (n,)
        Observed response.
    probability : array, shape (repeats, n)
        Predicted probability of response.
    fold_of : array of int, shape (repeats, n)
        The fold that left the patient out.
    """

    patients: tuple[str, ...]
    response: npt.NDArray[np.int64]
    probability: Numbers
    fold_of: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Paired:
    """Who of each left-out pair of a responder and another patient scored higher.

    Attributes
    ----------
    responders, others : tuple of str
        Sorted.
    wins : array, shape (responders, others)
        1 where the responder scored higher, 0.5 for a tie, 0 otherwise; NaN where the pair was not left out.
    """

    responders: tuple[str, ...]
    others: tuple[str, ...]
    wins: Numbers


def in_pairs(out_of_fold: pd.DataFrame) -> bool:
    """Return whether the table comes of leave-pair-out: its column ``pair`` is filled."""
    return "pair" in out_of_fold and bool(out_of_fold["pair"].notna().any())


def folded(rows: pd.DataFrame) -> Folded:
    """Return one model's rows of a table of folds.

    Raises
    ------
    InputError
        If a repeat does not predict every patient exactly once.

    Examples
    --------
    >>> rows = pd.DataFrame({"repeat": 0, "fold": [1, 0], "patient": ["B", "A"], "response": [1, 0],
    ...                      "probability": [0.9, 0.2]})
    >>> found = folded(rows)
    >>> found.patients, found.probability.tolist(), found.fold_of.tolist()
    (('A', 'B'), [[0.2, 0.9]], [[0, 1]])
    """
    ordered = rows.sort_values(["repeat", "patient"], kind="stable")
    patients = np.unique(ordered["patient"].to_numpy(dtype=object))
    shape = (ordered["repeat"].nunique(), len(patients))
    names = ordered["patient"].to_numpy(dtype=object)
    if len(ordered) != shape[0] * shape[1] or not (names.reshape(shape) == patients).all():
        raise InputError("The out-of-fold table does not predict every patient once in every repeat.")
    return Folded(
        tuple(map(str, patients)),
        ordered["response"].to_numpy(dtype=np.int64)[: len(patients)],
        ordered["probability"].to_numpy(dtype=float).reshape(shape),
        ordered["fold"].to_numpy(dtype=np.int64).reshape(shape),
    )


def paired(rows: pd.DataFrame) -> Paired:
    """Return one model's rows of a table of left-out pairs; pairs of one class say nothing here.

    Notes
    -----
    Airola et al. (2011), Computational Statistics and Data Analysis 55:1828.

    Examples
    --------
    >>> rows = pd.DataFrame({"pair": [0, 0, 1, 1, 2, 2], "patient": list("ABACBC"), "response": [1, 0, 1, 0, 0, 0],
    ...                      "probability": [0.6, 0.4, 0.3, 0.3, 0.1, 0.2]})
    >>> paired(rows).wins.tolist()
    [[1.0, 0.5]]
    """
    table = rows[["pair", "patient", "response", "probability"]]
    both = table[table["response"] == 1].merge(table[table["response"] == 0], on="pair", suffixes=("", "_other"))
    responders, others = (np.unique(table.loc[table["response"] == y, "patient"].astype(str)) for y in (1, 0))
    wins = np.full((len(responders), len(others)), np.nan)
    places = (
        np.searchsorted(responders, both["patient"].astype(str)),
        np.searchsorted(others, both["patient_other"].astype(str)),
    )
    wins[places] = (np.sign(both["probability"] - both["probability_other"]).to_numpy(dtype=float) + 1) / 2
    return Paired(tuple(map(str, responders)), tuple(map(str, others)), wins)


def tournament(rows: pd.DataFrame) -> pd.DataFrame:
    """Return, for one model's left-out pairs, how many other patients each patient beat, ties half.

    Pairs of one class count, too: patients of all pairs come into one order, though no two pairs share a model.

    Returns
    -------
    pandas.DataFrame
        ``response`` and ``wins`` by patient, sorted.

    Notes
    -----
    Montoya Perez et al. (2019), Statistical Methods in Medical Research 28:2975: the area under the
    curve of this order is near the share of pairs ranked rightly, and need not equal it.

    Examples
    --------
    >>> rows = pd.DataFrame({"pair": [0, 0, 1, 1, 2, 2], "patient": list("ABACBC"), "response": [1, 0, 1, 0, 0, 0],
    ...                      "probability": [0.6, 0.4, 0.3, 0.3, 0.1, 0.2]})
    >>> tournament(rows)["wins"].tolist()
    [1.5, 0.0, 1.5]
    """
    ordered = rows.sort_values(["pair", "patient"], kind="stable")
    probability = ordered["probability"].to_numpy(dtype=float).reshape(-1, 2)
    first = (np.sign(probability[:, 0] - probability[:, 1]) + 1) / 2
    won = ordered.assign(wins=np.column_stack([first, 1 - first]).ravel())
    return won.groupby("patient", sort=True).agg(response=("response", "first"), wins=("wins", "sum"))
