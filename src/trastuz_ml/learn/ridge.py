"""Ridge-penalised logistic regression by Newton's method, in the patients' space or in that of the columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg.lapack import dposv
from scipy.special import expit, logit

from trastuz_ml.errors import EvidenceError

Array = npt.NDArray[np.float64]

# Newton's method doubles the number of right digits with each step: after one that moves no log-odds by more
# than this, about twice as many digits are right.
_LAST_MOVE = 1e-5
_MOST_STEPS = 200


def fit_ridge(
    X: Array, y: npt.NDArray[np.int8], weights: Array, inverse_penalties: Sequence[float]
) -> list[tuple[Array, float]]:
    """Fit ridge-penalised logistic regression for each inverse penalty.

    With more columns than patients the fit is made in the patients' own space: the penalised solution lies in
    the row space of X, so that the products between patients, computed once, are all that Newton's method needs.

    Parameters
    ----------
    X : array, shape (n_patients, n_columns)
        Columns without a missing value.
    y : array of 0 and 1, shape (n_patients,)
        Response; both classes must be there.
    weights : array, shape (n_patients,)
        Weight of each patient.
    inverse_penalties : sequence of float
        C, as scikit-learn's ``LogisticRegression`` has it: C times the weighted sum of the log losses, plus half
        the squared length of the coefficients, is least. The intercept is not penalised.

    Returns
    -------
    list of (array of shape (n_columns,), float)
        Coefficients and intercept for each C. Their order changes no bit; which other C's there are changes
        the last digits, far below 1e-8 of a probability.

    Raises
    ------
    EvidenceError
        If the steps do not settle.

    Notes
    -----
    Row space: Hastie and Tibshirani (2004), Biostatistics 5:329, section 2. Newton's method with kernels:
    Rasmussen and Williams (2006), Gaussian Processes for Machine Learning, algorithm 3.1.

    Examples
    --------
    >>> X, y = np.array([[-1.0], [-1.0], [1.0], [1.0]]), np.array([0, 1, 1, 1], dtype=np.int8)
    >>> coefficients, intercept = fit_ridge(X, y, np.ones(4), [1.0])[0]
    >>> coefficients.round(4).tolist(), round(intercept, 4)
    ([0.5834], 1.1842)
    """
    few = X.shape[1] <= X.shape[0]
    space = _Columns(X) if few else _Patients(X @ X.T)
    start = np.zeros(space.size), float(logit(np.average(y, weights=weights)))
    path: list[tuple[float, Array, float]] = []
    # The stronger the penalty, the nearer to no coefficient at all; the next fit starts where this one points.
    for c in sorted(set(inverse_penalties)):
        path.append((c, *_newton(space, y, c * weights, *(start if not path else _ahead(path, c)))))
    models = {c: (parameters if few else parameters @ X, intercept) for c, parameters, intercept in path}
    return [models[c] for c in inverse_penalties]


def _ahead(path: Sequence[tuple[float, Array, float]], c: float) -> tuple[Array, float]:
    """Return where parameters and intercept would be at C, were they straight lines in log C."""
    last, parameters, intercept = path[-1]
    if len(path) == 1:
        return parameters, intercept
    before, parameters_before, intercept_before = path[-2]
    further = math.log(c / last) / math.log(last / before)
    return parameters + further * (parameters - parameters_before), intercept + further * (
        intercept - intercept_before
    )


@dataclass(frozen=True, eq=False)
class _Columns:
    """The problem with a coefficient for each column."""

    X: Array

    @property
    def size(self) -> int:
        return int(self.X.shape[1])

    def margins(self, parameters: Array) -> Array:
        product: Array = self.X @ parameters
        return product

    def squared_length(self, parameters: Array, margins: Array) -> float:
        return float(parameters @ parameters)

    def step(self, parameters: Array, residual: Array, curvature: Array) -> tuple[Array, float]:
        """Return Newton's step for the coefficients and the intercept."""
        curved = self.X * curvature[:, None]
        hessian = self.X.T @ curved
        hessian.flat[:: self.size + 1] += 1.0
        with_intercept = curved.sum(axis=0)
        still, per_shift = _solve(hessian, residual @ self.X - parameters, with_intercept)
        shift = (residual.sum() - with_intercept @ still) / (curvature.sum() - with_intercept @ per_shift)
        return still - per_shift * shift, float(shift)


@dataclass(frozen=True, eq=False)
class _Patients:
    """The problem with a coefficient for each patient: those of the columns are their sum over patients' rows."""

    products: Array  # between any two patients

    @property
    def size(self) -> int:
        return len(self.products)

    def margins(self, parameters: Array) -> Array:
        product: Array = self.products @ parameters
        return product

    def squared_length(self, parameters: Array, margins: Array) -> float:
        return float(parameters @ margins)

    def step(self, parameters: Array, residual: Array, curvature: Array) -> tuple[Array, float]:
        """Return Newton's step; at the solution each patient's coefficient is the residual, and they add to 0."""
        root = np.sqrt(curvature)
        inner = self.products * root
        inner *= root[:, None]
        inner.flat[:: self.size + 1] += 1.0
        gradient = residual - parameters
        first, second = _solve(inner, root * (self.products @ gradient), root)
        still, per_shift = gradient - root * first, root * second
        shift = (parameters.sum() + still.sum()) / per_shift.sum()
        return still - per_shift * shift, float(shift)


def _solve(symmetric: Array, first: Array, second: Array) -> Array:
    """Return the solutions for two right-hand sides, shape (2, n); the matrix is overwritten."""
    # A symmetric matrix turned over is laid out as LAPACK wants it, and need not be copied.
    solutions: Array = dposv(symmetric.T, np.array((first, second)).T, lower=1, overwrite_a=1, overwrite_b=1)[1].T
    return solutions


def _newton(
    space: _Columns | _Patients, y: npt.NDArray[np.int8], cost: Array, parameters: Array, intercept: float
) -> tuple[Array, float]:
    signs, product = np.where(y > 0, -1.0, 1.0), space.margins(parameters)

    def objective(parameters: Array, product: Array, intercept: float) -> float:
        losses = np.logaddexp(0.0, signs * (product + intercept))
        return float(cost @ losses) + space.squared_length(parameters, product) / 2

    value = objective(parameters, product, intercept)
    for _ in range(_MOST_STEPS):
        p = expit(product + intercept)
        step, shift = space.step(parameters, cost * (y - p), cost * p * (1 - p))
        along = space.margins(step)
        share, move = 1.0, float(np.abs(along + shift).max())
        while True:
            moved, reached, at = parameters + share * step, product + share * along, intercept + share * shift
            worth = objective(moved, reached, at)
            # A step that overshoots is halved; the allowance is for rounding at the end.
            if worth <= value * (1 + 1e-12) or share * move <= _LAST_MOVE:
                break
            share /= 2
        parameters, product, intercept, value = moved, reached, at, worth
        if move <= _LAST_MOVE:
            return parameters, intercept
    raise EvidenceError(
        f"L2 logistic regression did not settle in {_MOST_STEPS} steps at C = {cost.mean():.3g}; ask for a "
        "stronger penalty."
    )
