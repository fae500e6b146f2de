"""Nested cross-validation of an AUC: an interval from refits without every two folds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from trastuz_ml.errors import InputError
from trastuz_ml.stats.auc_intervals import NO_SPREAD, interval_of
from trastuz_ml.stats.comparison import ALONE, ROUNDING
from trastuz_ml.stats.intervals import Interval, no_interval

_Z = float(norm.ppf(0.975))


@dataclass(frozen=True)
class NestedEstimate:
    """What nested cross-validation says of an AUC.

    Attributes
    ----------
    estimate : float
        Corrected for the smaller training sets.
    mse : float
        Estimated mean squared error as it came out, before the restrictions; may be negative.
    error : float
        Root of the mean squared error as used: rescaled to all patients, and restricted.
    interval : Interval
        Within 0 and 1; refused where no fold gives a variance.
    """

    estimate: float
    mse: float
    error: float
    interval: Interval


def nested_cv(
    inner: npt.ArrayLike, outer: npt.ArrayLike, outer_variance: npt.ArrayLike, *, on_logit: bool = False
) -> NestedEstimate:
    """Return estimate and interval of nested cross-validation; the refits are the caller's.

    Parameters
    ----------
    inner : array, shape (repeats, K)
        Without the outer fold, mean AUC within the K - 1 other folds, each scored by a model that was fitted
        without it and without the outer fold.
    outer : array, shape (repeats, K)
        AUC of the outer fold, scored by the model fitted without it.
    outer_variance : array, shape (repeats, K)
        Variance of the outer fold's AUC over its patients, as :func:`.delong_spread` gives; NaN where a class of
        the fold has one patient: such folds are left out where this variance is used.
    on_logit : bool
        Interval by the delta method on the logit scale instead of the paper's symmetric one.

    Raises
    ------
    InputError
        If the shapes differ or there are fewer than 3 folds.

    Notes
    -----
    Bates, Hastie and Tibshirani (2023), JASA, algorithm 1: MSE = mean of (inner - outer)^2 less the variance of
    outer; times (K - 1) / K for training on all patients; its root is kept between the naive standard error and
    sqrt(K) times it; bias = (1 + (K - 2) / K) (mean inner - mean outer). For the mean loss of a fold stands its
    AUC, and for the naive standard error the root of the mean fold variance over K. One repeat tells little of the
    MSE: the paper uses 200.

    Examples
    --------
    >>> found = nested_cv([[0.70, 0.72, 0.69, 0.71]], [[0.80, 0.60, 0.75, 0.70]], [[0.004] * 4])
    >>> round(found.estimate, 4), round(found.mse, 6), round(found.error, 4)
    (0.7162, 0.003025, 0.0476)
    """
    a, b, v = (np.atleast_2d(np.asarray(x, dtype=float)) for x in (inner, outer, outer_variance))
    k = a.shape[1]
    if not (a.shape == b.shape == v.shape) or k < 3:
        raise InputError(f"expected (repeats, K) three times with K >= 3; found {a.shape}, {b.shape}, {v.shape}")
    estimate = float(np.clip(a.mean() - (1 + (k - 2) / k) * (a.mean() - b.mean()), 0.0, 1.0))
    known = ~np.isnan(v)
    if not known.any() or v[known].mean() < ROUNDING:
        reason = NO_SPREAD if known.any() else ALONE
        return NestedEstimate(estimate, math.nan, math.nan, no_interval(reason))
    mse = float(np.mean((a - b)[known] ** 2 - v[known]))
    naive = math.sqrt(v[known].mean() / k)
    error = min(max(math.sqrt(max(mse, 0.0) * (k - 1) / k), naive), math.sqrt(k) * naive)
    interval = interval_of(estimate, error**2, _Z, "nested cross-validation", on_logit=on_logit)
    return NestedEstimate(estimate, mse, error, interval)
