"""Burden as a rate: calls for each megabase that was sequenced."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trastuz_ml.errors import InputError


def burden_rate(counts: npt.ArrayLike, megabases: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return calls per covered megabase.

    Parameters
    ----------
    counts : array, shape (n_patients,)
        Distinct calls of each patient that count; NaN where unknown.
    megabases : array, shape (n_patients,) or a number
        Millions of bases that the patient's assay covers; NaN where unknown.

    Returns
    -------
    array of shape (n_patients,)
        NaN where either is unknown: a count is never passed off as a rate.

    Raises
    ------
    InputError
        If a size is not above zero, or a count is below zero.

    Examples
    --------
    >>> burden_rate([60, 12, 5], [30.0, 1.2, float("nan")]).tolist()
    [2.0, 10.0, nan]
    """
    counted, size = np.asarray(counts, dtype=np.float64), np.asarray(megabases, dtype=np.float64)
    if (size <= 0).any() or np.isinf(size).any():
        wrong = size[(size <= 0) | np.isinf(size)].flat[0]
        raise InputError(f"A covered size must be above 0 megabases, found {wrong:g}; leave it out where unknown.")
    if (counted < 0).any():
        raise InputError(f"A number of calls cannot be below 0, found {counted[counted < 0].flat[0]:g}.")
    rates: npt.NDArray[np.float64] = counted / size
    return rates
