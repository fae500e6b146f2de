"""Penalised logistic models, fitted along their whole grid at once."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logit

from trastuz_ml.learn.fitted import LinearLogit

Array = npt.NDArray[np.float64]
Candidates = Sequence[dict[str, Any]]


def fit_prevalence(X: Array, y: npt.NDArray[np.int8], candidates: Candidates, seed: int) -> list[LinearLogit]:
    """Return the model that knows nothing but the response rate of the training patients.

    Examples
    --------
    >>> y = np.array([1, 0, 0, 0], dtype=np.int8)
    >>> fit_prevalence(np.empty((4, 0)), y, [{}], 0)[0].probability(np.empty((1, 0))).tolist()
    [0.25]
    """
    return [LinearLogit(np.zeros(X.shape[1]), float(logit(y.mean()))) for _ in candidates]


def fit_l2(X: Array, y: npt.NDArray[np.int8], candidates: Candidates, seed: int) -> list[LinearLogit]:
    """Fit ridge-penalised logistic regression for each inverse penalty ``C``.

    With more columns than patients the fit is made in the patients' own space: the penalised solution lies in
    the row space of X (representer theorem; Hastie and Tibshirani 2004, Biostatistics 5:329), so that a
    singular value decomposition turns p columns into at most n without changing the answer.
    """
    from sklearn.linear_model import LogisticRegression

    if X.shape[1] == 0:
        return fit_prevalence(X, y, candidates, seed)
    wide = X.shape[1] > X.shape[0]
    if wide:
        left, singular, right = np.linalg.svd(X, full_matrices=False)
        X = left * singular
    models = []
    for candidate in candidates:
        solver = LogisticRegression(C=candidate["C"], tol=1e-8, max_iter=10_000).fit(X, y)
        coefficients = solver.coef_[0] @ right if wide else solver.coef_[0]
        models.append(LinearLogit(coefficients.astype(np.float64), float(solver.intercept_[0])))
    return models


def fit_elastic_net(X: Array, y: npt.NDArray[np.int8], candidates: Candidates, seed: int) -> list[LinearLogit]:
    """Fit elastic-net logistic regression (skglm's proximal Newton) for each candidate.

    A candidate gives ``l1_ratio`` and ``fraction``, the penalty as a share of the smallest one that leaves
    no coefficient: max |X'(y - mean y)| / (n l1_ratio) (Friedman, Hastie and Tibshirani 2010, section 2.5).
    """
    from skglm import GeneralizedLinearEstimator
    from skglm.datafits import Logistic
    from skglm.penalties import L1_plus_L2
    from skglm.solvers import ProxNewton

    steepest = float(np.abs(X.T @ (y - y.mean())).max(initial=0.0)) / len(y)
    if steepest == 0.0:
        return fit_prevalence(X, y, candidates, seed)
    X, signs = np.asfortranarray(X), np.where(y > 0, 1.0, -1.0)
    models = []
    for candidate in candidates:
        strength = candidate["fraction"] * steepest / candidate["l1_ratio"]
        penalty = L1_plus_L2(strength, candidate["l1_ratio"])
        solver = GeneralizedLinearEstimator(Logistic(), penalty, ProxNewton(fit_intercept=True, tol=1e-7))
        with warnings.catch_warnings():
            # With one column left, numba grumbles about the memory layout of a working set of one.
            warnings.filterwarnings("ignore", message=".*contiguous.*")
            solver.fit(X, signs)
        coefficients = np.asarray(solver.coef_, dtype=np.float64).ravel()
        models.append(LinearLogit(coefficients, float(np.ravel(solver.intercept_)[0])))
    return models
