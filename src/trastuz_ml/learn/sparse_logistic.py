"""Elastic-net logistic regression by proximal Newton steps on the columns that matter."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg.lapack import dposv
from scipy.special import expit, logit

from trastuz_ml.errors import ConfigurationError, EvidenceError

Array = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

# A fit ends when no optimality condition is missed by more than this share of the steepest slope there is.
_TOLERANCE = 1e-9
_MOST_STEPS = 500
_FEWEST_COLUMNS = 20
# A patient whose probability has become 0 or 1 is taken to curve the loss so much, lest it be divided by nothing.
_FLATTEST = 1e-10
# Duality gaps at which coordinate descent is stopped, one after the other until it has told which columns have a
# coefficient, as shares of the squared length of the target.
_GAPS = (1e-6, 1e-9, 1e-12, 1e-15)


def fit_sparse(
    X: Array, y: npt.NDArray[np.int8], weights: Array, penalties: Sequence[tuple[float, float]]
) -> list[tuple[Array, float]]:
    """Fit elastic-net logistic regression for each penalty, each starting from the one before.

    Parameters
    ----------
    X : array, shape (n_patients, n_columns)
        Columns without a missing value.
    y : array of 0 and 1, shape (n_patients,)
        Response; both classes must be there.
    weights : array, shape (n_patients,)
        Weight of each patient.
    penalties : sequence of (float, float)
        Strength s and share r of the absolute values: the weighted sum of the log losses over n_patients, plus
        s (r |b| + (1 - r) b'b / 2), is least. The intercept is not penalised. The strongest first is fastest.

    Returns
    -------
    list of (array of shape (n_columns,), float)
        Coefficients and intercept for each penalty.

    Raises
    ------
    ConfigurationError
        If a share is not between 0 and 1: at 1, genes identical in these patients have no one answer.
    EvidenceError
        If the steps do not settle, as they may where the penalty is next to nothing.

    Notes
    -----
    Each step solves the penalised least squares that approximate the losses (Friedman, Hastie and Tibshirani
    2010, Journal of Statistical Software 33(1), section 3) by scikit-learn's coordinate descent, on the columns
    with a coefficient and those of steepest slope outside; it is halved until the objective falls (Lee, Sun and
    Saunders 2014, SIAM Journal on Optimization 24:1420). It ends when all columns, in the step or not, meet the
    optimality conditions.

    Examples
    --------
    >>> X, y = np.array([[-1.0], [-1.0], [1.0], [1.0]]), np.array([0, 1, 1, 1], dtype=np.int8)
    >>> coefficients, intercept = fit_sparse(X, y, np.ones(4), [(0.25, 0.5)])[0]
    >>> coefficients.round(4).tolist(), round(intercept, 4)
    ([0.4057], 1.1399)
    """
    wrong = [share for _, share in penalties if not 0 < share < 1]
    if wrong:
        raise ConfigurationError(
            f"elastic-net: l1_ratio must lie between 0 and 1, not be {wrong[0]:g}. At 1, the answer would not be "
            "unique for genes that are mutated in the same patients; for 0, take l2-logistic."
        )
    cost = weights / len(y)
    rate = float(np.average(y, weights=weights))
    steepest = float(np.abs((cost * (y - rate)) @ X).max(initial=0.0))
    coefficients, intercept = np.zeros(X.shape[1]), float(logit(rate))
    models = []
    for strength, share in penalties:
        problem = _Problem(X, y, cost, strength * share, strength * (1 - share), _TOLERANCE * steepest)
        coefficients, intercept = _settle(problem, coefficients, intercept)
        models.append((coefficients, intercept))
    return models


@dataclass(frozen=True, eq=False)
class _Problem:
    """One penalty: ``cost`` is each patient's share of the loss, ``l1`` and ``l2`` what a coefficient costs."""

    X: Array
    y: npt.NDArray[np.int8]
    cost: Array
    l1: float
    l2: float
    allowed: float

    def worth(self, margins: Array, coefficients: Array) -> float:
        losses = np.logaddexp(0.0, np.where(self.y > 0, -margins, margins))
        return float(
            self.cost @ losses + self.l1 * np.abs(coefficients).sum() + self.l2 / 2 * coefficients @ coefficients
        )

    def misses(self, slopes: Array, coefficients: Array) -> Array:
        """Return by how much each coefficient misses its optimality condition; slopes are those of the loss."""
        total = slopes + self.l2 * coefficients
        there = np.abs(total + self.l1 * np.sign(coefficients))
        return np.where(coefficients != 0, there, np.maximum(np.abs(total) - self.l1, 0.0))


def _settle(problem: _Problem, coefficients: Array, intercept: float) -> tuple[Array, float]:
    X, y, cost = problem.X, problem.y, problem.cost
    margins = X @ coefficients + intercept
    for _ in range(_MOST_STEPS):
        p = expit(margins)
        residual = cost * (y - p)
        misses = problem.misses(-residual @ X, coefficients)
        if max(misses.max(), abs(residual.sum())) <= problem.allowed:
            return coefficients, intercept
        columns = _columns_that_matter(misses, coefficients)
        step, shift = _step(
            problem, columns, coefficients[columns], residual, cost * np.maximum(p * (1 - p), _FLATTEST)
        )
        along = X[:, columns] @ step + shift
        now, share = problem.worth(margins, coefficients[columns]), 1.0
        # A step that overshoots is halved; the allowance is for rounding at the end.
        while problem.worth(margins + share * along, coefficients[columns] + share * step) > now * (1 + 1e-13):
            share /= 2
        coefficients = coefficients.copy()
        coefficients[columns] += share * step
        intercept += share * shift
        margins = margins + share * along
    raise EvidenceError(
        f"The elastic net did not settle in {_MOST_STEPS} steps at a penalty of {problem.l1 + problem.l2:.3g}; "
        "ask for a stronger penalty."
    )


def _columns_that_matter(misses: Array, coefficients: Array) -> Places:
    """Return the columns with a coefficient and as many again, those that miss their conditions most."""
    there = np.flatnonzero(coefficients)
    waiting = np.flatnonzero((misses > 0) & (coefficients == 0))
    room = max(_FEWEST_COLUMNS, len(there))
    steepest = waiting[np.argsort(-misses[waiting], kind="stable")[:room]]
    return np.sort(np.concatenate([there, steepest]))


def _step(
    problem: _Problem, columns: Places, coefficients: Array, residual: Array, curvature: Array
) -> tuple[Array, float]:
    """Return the step to the minimum of the penalised least squares that approximate the objective here."""
    total = float(curvature.sum())
    lever = float(residual.sum()) / total
    if len(columns) == 0:
        return np.zeros(0), lever
    inside = problem.X[:, columns]
    root = np.sqrt(curvature)
    means = curvature @ inside / total
    centred = np.asfortranarray((inside - means) * root[:, None])
    target = residual / root - root * lever + centred @ coefficients
    solved = coefficients
    for gap in _GAPS:
        solved = _descend(problem, centred, target, solved, gap)
        exact = _exactly(problem, centred, target, solved)
        if exact is not None:
            solved = exact
            break
    step = solved - coefficients
    return step, float(lever - means @ step)


def _descend(problem: _Problem, centred: Array, target: Array, start: Array, gap: float) -> Array:
    """Return the coefficients of the penalised least squares, about."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import enet_path

    strength = problem.l1 + problem.l2
    with warnings.catch_warnings():
        # Whether it was solved well enough is seen afterwards.
        warnings.simplefilter("ignore", ConvergenceWarning)
        solved: Array = enet_path(
            centred, target, l1_ratio=problem.l1 / strength, alphas=np.array([strength / len(target)]),
            coef_init=start.copy(), check_input=False, tol=gap,
        )[1][:, 0]  # fmt: skip
    return solved


def _exactly(problem: _Problem, centred: Array, target: Array, solved: Array) -> Array | None:
    """Return the least squares' exact minimum, if the coefficients that are not 0, and their signs, are found."""
    there = np.flatnonzero(solved)
    inside, signs = centred[:, there], np.sign(solved[there])
    whole, left = np.zeros_like(solved), target
    if len(there):
        products = inside.T @ inside
        products.flat[:: len(there) + 1] += problem.l2
        exact, failed = dposv(products, inside.T @ target - problem.l1 * signs)[1:]
        if failed or (np.sign(exact) != signs).any():
            return None
        whole[there], left = exact, target - inside @ exact
    slopes = np.abs(left @ centred)
    slopes[there] = 0.0
    return whole if slopes.max() <= problem.l1 + problem.allowed else None
