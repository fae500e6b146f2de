"""Turning a score into a probability: a logistic line fitted on held-out scores."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

Numbers = npt.NDArray[np.float64]


def calibrating_line(
    scores: Numbers, y: npt.NDArray[np.int8], weights: Numbers | None = None
) -> tuple[float, float]:
    """Return slope and intercept of the log-odds of response on a score that was not fitted on these rows.

    Parameters
    ----------
    scores : array, shape (n,)
        Held-out scores.
    y : array of 0 and 1, shape (n,)
        Response.
    weights : array, shape (n,), optional
        Weight of each row.

    Returns
    -------
    slope, intercept : float
        Slope 0 where the scores do not vary, or point the wrong way: a held-out score that is higher in
        non-responders is no reason to turn the model round.

    Notes
    -----
    Platt (1999), Advances in Large Margin Classifiers, 61-74: targets (k + 1) / (k + 2) and 1 / (m + 2)
    instead of 1 and 0 keep separable scores finite.

    Examples
    --------
    >>> slope, _ = calibrating_line(np.array([-1.0, 0.5, 0.0, 1.0]), np.array([0, 0, 1, 1], dtype=np.int8))
    >>> slope > 0
    True
    """
    w = np.ones(len(y)) if weights is None else weights
    positives, negatives = float(w[y > 0].sum()), float(w[y == 0].sum())
    target = np.where(y > 0, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    rate = float(np.average(target, weights=w))
    spread = float(np.std(scores))
    if spread < 1e-12:
        return 0.0, float(logit(rate))
    standard = (scores - scores.mean()) / spread
    columns = np.column_stack([standard, np.ones(len(y))])
    beta = np.array([0.0, logit(rate)])
    for _ in range(100):
        p = expit(columns @ beta)
        information = (columns * (w * p * (1 - p))[:, None]).T @ columns
        step = np.linalg.solve(information, columns.T @ (w * (target - p)))
        # Halving keeps the first steps from overshooting.
        beta += step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-10:
            break
    if beta[0] <= 0:
        return 0.0, float(logit(rate))
    return float(beta[0] / spread), float(beta[1] - beta[0] * scores.mean() / spread)
