"""Net benefit of treating by a predicted probability, against treating everybody and nobody."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from trastuz_ml.errors import EvidenceError, InputError

Numbers = npt.NDArray[np.float64]

_Z = float(norm.ppf(0.975))


@dataclass(frozen=True, eq=False)
class DecisionCurve:
    """Net benefit over threshold probabilities; every array has the shape of ``threshold``.

    Attributes
    ----------
    threshold : array, shape (thresholds,)
        Probability of response from which a patient would be treated; it also sets the weight of treating in
        vain, threshold / (1 - threshold).
    model, treat_all : array
        Net benefit in responders treated per patient. That of treating nobody is 0.
    error, low, high : array
        Standard error of ``model`` and its 95 % interval; NaN where nobody is treated: the spread cannot be
        measured.
    standardised, standardised_error : array
        ``model`` over the response rate, the most that can be reached, and its standard error.
    gain, gain_error : array
        ``model`` minus ``treat_all``, of the same patients, and its standard error; NaN where all are treated.
    """

    threshold: Numbers
    model: Numbers
    treat_all: Numbers
    error: Numbers
    low: Numbers
    high: Numbers
    standardised: Numbers
    standardised_error: Numbers
    gain: Numbers
    gain_error: Numbers


def contributions(response: npt.ArrayLike, probability: npt.ArrayLike, threshold: npt.ArrayLike) -> Numbers:
    """Return what each patient adds to the net benefit; the mean over patients is the net benefit.

    Parameters
    ----------
    response : array of 0 and 1, shape (n,)
        Observed response.
    probability : array, shape (n,) or (repeats, n)
        Predicted probability of response; a patient is treated at the threshold or above. Repeats are averaged
        patient by patient, so that each patient counts once.
    threshold : array, shape (thresholds,)
        Strictly between 0 and 1.

    Returns
    -------
    array, shape (thresholds, n)

    Raises
    ------
    InputError
        If a threshold is not between 0 and 1, shapes do not agree or a probability is missing.

    Examples
    --------
    >>> contributions([1, 0, 1, 0], [0.9, 0.6, 0.2, 0.1], [0.5]).tolist()
    [[1.0, -1.0, 0.0, 0.0]]
    """
    y, p = np.asarray(response, dtype=bool), np.atleast_2d(np.asarray(probability, dtype=float))
    t = _thresholds(threshold)
    if p.ndim != 2 or p.shape[1:] != y.shape or np.isnan(p).any():
        raise InputError(
            f"expected a probability for each of {y.size} patients in every repeat; found {p.shape}, "
            f"{int(np.isnan(p).sum())} of them missing"
        )
    treated = np.stack([(p >= level).mean(axis=0) for level in t])
    # Plus 0.0: patients who are not treated add 0, not -0.
    return np.asarray(treated * np.where(y, 1.0, -(t / (1 - t))[:, None]) + 0.0)


def net_benefit(response: npt.ArrayLike, probability: npt.ArrayLike, threshold: npt.ArrayLike) -> Numbers:
    """Return true positives minus weighted false positives, per patient, at each threshold.

    Parameters and errors as for :func:`contributions`.

    Notes
    -----
    Vickers and Elkin (2006), Medical Decision Making 26:565, with weight threshold / (1 - threshold).

    Examples
    --------
    >>> net_benefit([1, 0, 1, 0], [0.9, 0.6, 0.2, 0.1], [0.2, 0.5]).tolist()
    [0.4375, 0.0]
    """
    return np.asarray(contributions(response, probability, threshold).mean(axis=1))


def treat_all(response: npt.ArrayLike, threshold: npt.ArrayLike) -> Numbers:
    """Return the net benefit of treating everybody; that of treating nobody is 0.

    Raises
    ------
    InputError
        If a threshold is not between 0 and 1.

    Examples
    --------
    >>> treat_all([1, 0, 0, 0], [0.2, 0.25]).round(4).tolist()
    [0.0625, 0.0]
    """
    t, rate = _thresholds(threshold), float(np.mean(np.asarray(response, dtype=bool)))
    return np.asarray(rate - (1 - rate) * t / (1 - t))


def decision_curve(response: npt.ArrayLike, probability: npt.ArrayLike, threshold: npt.ArrayLike) -> DecisionCurve:
    """Return net benefit of a model and of treating everybody, with pointwise errors.

    Parameters
    ----------
    response, probability, threshold : array
        As for :func:`contributions`.

    Raises
    ------
    InputError
        As for :func:`contributions`.
    EvidenceError
        If nobody responded: there is no benefit to share out.

    Notes
    -----
    Net benefit: Vickers and Elkin (2006). Standard errors from influence functions over patients (Pfeiffer and
    Gail 2020, Biometrical Journal 62:764, the cohort design): that of a mean is the patient's contribution d;
    that of net benefit over the rate is ``(d - standardised y) / rate``. Standardised net benefit: Kerr et al.
    (2016), J Clin Oncol 34:2534. The models are taken as given: training sets are not redrawn. Intervals are
    pointwise.

    Examples
    --------
    >>> curve = decision_curve([1, 0, 1, 0, 1, 0], [0.9, 0.6, 0.2, 0.1, 0.7, 0.4], [0.5])
    >>> curve.model.round(3).tolist(), curve.error.round(3).tolist(), curve.gain.round(3).tolist()
    ([0.167], [0.307], [0.167])
    """
    y, t = np.asarray(response, dtype=float), _thresholds(threshold)
    if y.sum() == 0:
        raise EvidenceError("net benefit needs at least one responder")
    each, rate = contributions(y, probability, t), y.mean()
    model = each.mean(axis=1)
    everybody = np.where(y == 1, 1.0, -(t / (1 - t))[:, None])
    error = _error(each)
    standardised = model / rate
    return DecisionCurve(
        threshold=t,
        model=model,
        treat_all=everybody.mean(axis=1),
        error=error,
        low=model - _Z * error,
        high=model + _Z * error,
        standardised=standardised,
        standardised_error=_error((each - standardised[:, None] * y) / rate),
        gain=model - everybody.mean(axis=1),
        gain_error=_error(each - everybody),
    )


def _error(influence: Numbers) -> Numbers:
    """Return the standard error of a mean over patients; NaN where they are all alike."""
    n = influence.shape[1]
    if n < 2:
        return np.full(len(influence), np.nan)
    error = influence.std(axis=1, ddof=1) / np.sqrt(n)
    return np.asarray(np.where(error > np.sqrt(np.finfo(float).eps), error, np.nan))


def _thresholds(threshold: npt.ArrayLike) -> Numbers:
    t = np.atleast_1d(np.asarray(threshold, dtype=float))
    if t.ndim != 1 or t.size == 0 or not ((t > 0) & (t < 1)).all():
        raise InputError(
            "expected threshold probabilities strictly between 0 and 1 (at 0 treating in vain costs nothing, at 1 "
            f"nothing else counts); found {t.tolist()}"
        )
    return t
