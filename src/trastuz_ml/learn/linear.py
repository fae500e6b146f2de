"""Penalised logistic models, fitted along their whole grid at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import logit

from trastuz_ml.learn.fitted import LinearLogit
from trastuz_ml.learn.ridge import fit_ridge
from trastuz_ml.learn.sparse_logistic import fit_sparse
from trastuz_ml.learn.training import Training

Candidates = Sequence[dict[str, Any]]


def fit_prevalence(training: Training, candidates: Candidates) -> list[LinearLogit]:
    """Return the model that knows nothing but the response rate of the training patients.

    Examples
    --------
    >>> training = Training(np.empty((4, 0)), np.array([1, 0, 0, 0], dtype=np.int8), np.array(list("abcd")))
    >>> fit_prevalence(training, [{}])[0].probability(np.empty((1, 0))).tolist()
    [0.25]
    """
    return [LinearLogit(np.zeros(training.X.shape[1]), float(logit(training.rate))) for _ in candidates]


def fit_l2(training: Training, candidates: Candidates) -> list[LinearLogit]:
    """Fit ridge-penalised logistic regression for each inverse penalty ``C`` (:func:`.ridge.fit_ridge`).

    Examples
    --------
    >>> y = np.array([0, 1, 1, 1], dtype=np.int8)
    >>> training = Training(np.array([[-1.0], [-1.0], [1.0], [1.0]]), y, np.array(list("abcd")))
    >>> [model.coefficients.round(2).tolist() for model in fit_l2(training, [{"C": 0.1}, {"C": 1.0}])]
    [[0.09], [0.58]]
    """
    if training.X.shape[1] == 0:
        return fit_prevalence(training, candidates)
    fits = fit_ridge(training.X, training.y, training.weights, [candidate["C"] for candidate in candidates])
    return [LinearLogit(coefficients, intercept) for coefficients, intercept in fits]


def fit_elastic_net(training: Training, candidates: Candidates) -> list[LinearLogit]:
    """Fit elastic-net logistic regression for each candidate (:func:`.sparse_logistic.fit_sparse`).

    A candidate gives ``l1_ratio`` and ``fraction``, the penalty as a share of the smallest one that leaves
    no coefficient: max |X'w(y - rate)| / (n l1_ratio), w being the patients' weights and rate the weighted
    response rate (Friedman, Hastie and Tibshirani 2010, Journal of Statistical Software 33(1), section 2.5).

    Examples
    --------
    >>> y = np.array([0, 1, 1, 1], dtype=np.int8)
    >>> training = Training(np.array([[-1.0], [-1.0], [1.0], [1.0]]), y, np.array(list("abcd")))
    >>> grid = [{"l1_ratio": 0.5, "fraction": 1.0}, {"l1_ratio": 0.5, "fraction": 0.5}]
    >>> [model.coefficients.round(2).tolist() for model in fit_elastic_net(training, grid)]
    [[0.0], [0.41]]
    """
    X, y, weights = training.X, training.y, training.weights
    steepest = float(np.abs((weights * (y - training.rate)) @ X).max(initial=0.0)) / len(y)
    if steepest == 0.0:
        return fit_prevalence(training, candidates)
    penalties = [(c["fraction"] * steepest / c["l1_ratio"], c["l1_ratio"]) for c in candidates]
    return [LinearLogit(*fit) for fit in fit_sparse(X, y, weights, penalties)]
