"""How far predicted probabilities can be taken at their word."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

# Probabilities closer to 0 or 1 than this are read as this: one certain and wrong patient must not be
# an infinite loss.
FLOOR = 1e-6


def brier_score(response: npt.ArrayLike, probability: npt.ArrayLike) -> float:
    """Return the mean squared error of the probabilities (Brier 1950).

    Examples
    --------
    >>> brier_score([0, 1], [0.5, 0.5])
    0.25
    """
    difference = np.asarray(probability, dtype=float) - np.asarray(response, dtype=float)
    return float(np.mean(difference**2))


def brier_skill(response: npt.ArrayLike, probability: npt.ArrayLike) -> float:
    """Return 1 minus the Brier score over that of the observed response rate: 0 is no better than the rate.

    Examples
    --------
    >>> brier_skill([0, 1], [0.0, 1.0])
    1.0
    """
    y = np.asarray(response, dtype=float)
    return 1.0 - brier_score(y, probability) / float(y.mean() * (1 - y.mean()))


def log_loss(response: npt.ArrayLike, probability: npt.ArrayLike) -> float:
    """Return the mean negative log likelihood in nats, probabilities held within 1e-6 of 0 and 1.

    Examples
    --------
    >>> round(log_loss([0, 1], [0.5, 0.5]), 4)
    0.6931
    """
    return float(np.mean(log_losses(response, probability)))


def log_losses(response: npt.ArrayLike, probability: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return each patient's negative log likelihood in nats, in the shape of ``probability``.

    Examples
    --------
    >>> log_losses([0, 1], [[0.5, 0.5], [0.0, 0.9]]).round(3).tolist()
    [[0.693, 0.693], [0.0, 0.105]]
    """
    y = np.asarray(response, dtype=float)
    p = np.clip(np.asarray(probability, dtype=float), FLOOR, 1 - FLOOR)
    losses: npt.NDArray[np.float64] = -(y * np.log(p) + (1 - y) * np.log1p(-p))
    return losses


def calibration_line(
    response: npt.ArrayLike, probability: npt.ArrayLike
) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Return calibration in the large and calibration slope, each with its standard error.

    The slope is that of a logistic regression of the response on the predicted log-odds (Cox 1958); the
    intercept is estimated with the slope held at 1 (calibration in the large).

    Returns
    -------
    (intercept, its standard error), (slope, its standard error), or None
        ``None`` when the predicted log-odds do not vary, or separate the classes completely.

    Examples
    --------
    >>> p = np.tile([0.2, 0.8], 50)
    >>> y = np.repeat([1, 0, 1, 0], [10, 40, 40, 10]); p = np.repeat([0.2, 0.2, 0.8, 0.8], [10, 40, 40, 10])
    >>> (intercept, _), (slope, _) = calibration_line(y, p)
    >>> round(abs(intercept), 6), round(slope, 6)
    (0.0, 1.0)
    """
    y = np.asarray(response, dtype=float)
    margin = logit(np.clip(np.asarray(probability, dtype=float), FLOOR, 1 - FLOOR))
    # Log-odds of one constant probability differ by rounding alone.
    if np.ptp(margin) < 1e-9:
        return None
    ones = np.ones_like(margin)
    intercept = _newton(y, ones[:, None], margin)
    line = _newton(y, np.column_stack([ones, margin]), np.zeros_like(margin))
    if intercept is None or line is None:
        return None
    return (intercept[0][0], intercept[1][0]), (line[0][1], line[1][1])


def _newton(
    y: npt.NDArray[np.float64], X: npt.NDArray[np.float64], offset: npt.NDArray[np.float64]
) -> tuple[list[float], list[float]] | None:
    beta = np.zeros(X.shape[1])
    for _ in range(100):
        p = expit(offset + X @ beta)
        information = (X * (p * (1 - p))[:, None]).T @ X
        try:
            step = np.linalg.solve(information, X.T @ (y - p))
        except np.linalg.LinAlgError:
            return None
        # Halving keeps the first steps from overshooting when margins are extreme.
        size = np.abs(step).max()
        beta += step * min(1.0, 2.0 / max(size, 1e-12))
        if size < 1e-10:
            errors = np.sqrt(np.diag(np.linalg.inv(information)))
            return beta.tolist(), errors.tolist()
    return None
