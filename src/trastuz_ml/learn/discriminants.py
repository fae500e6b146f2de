"""Firth's logistic regression, Bernoulli naive Bayes and the linear support vector machine, as log-odds."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logit

from trastuz_ml.errors import ConfigurationError, EvidenceError
from trastuz_ml.learn.calibration import calibrating_line
from trastuz_ml.learn.fitted import LinearLogit
from trastuz_ml.learn.folds import stratified_folds
from trastuz_ml.learn.linear import fit_prevalence
from trastuz_ml.learn.training import Training

Numbers = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
Candidates = Sequence[dict[str, Any]]
# Firth's fit takes one column for so many patients of the smaller class.
EVENTS_A_COLUMN = 5
# Parts of the training rows whose scores calibrate a support vector machine fitted on the others.
CALIBRATION_FOLDS = 3


def fit_firth(training: Training, candidates: Candidates) -> list[LinearLogit]:
    """Fit Firth's penalised logistic regression on the few columns that the training rows can carry.

    Firth's penalty keeps separated classes finite; it does not cure more columns than patients. At most one
    column enters for each five patients of the smaller class. Covariates and genes compete alike, by the
    score test of the column alone, |x'(y - mean y)| / sqrt(mean y (1 - mean y) x'x), strongest first; of
    equals, the first. A column that is a combination of those before it and the intercept is passed over.
    A fit that does not converge is made again without its weakest column; without any column it is the
    response rate.

    With ``balanced`` weights the fit itself stays unweighted, because the penalty of a weighted likelihood
    is not Firth's (it would count each rare responder as several); its intercept is moved by the log-odds
    between the weighted and the observed response rate, which is what reweighting classes does to a logistic
    model (Prentice and Pyke 1979, Biometrika 66:403).

    Notes
    -----
    Firth (1993), Biometrika 80:27, section 3; Heinze and Schemper (2002), Statistics in Medicine 21:2409.

    Examples
    --------
    >>> gene, y = np.repeat([1.0, 0.0], [5, 7])[:, None] - 5 / 12, np.repeat([1, 0], [5, 7]).astype(np.int8)
    >>> fit_firth(Training(gene, y, y.astype(str)), [{}])[0].coefficients.round(2).tolist()
    [5.11]
    """
    X, y = training.X, training.y
    events = int(min(y.sum(), len(y) - y.sum()))
    chosen = _strongest_columns(X, y, events // EVENTS_A_COLUMN)
    for used in range(len(chosen), 0, -1):
        fitted = _firth(X[:, chosen[:used]], y)
        if fitted is not None:
            coefficients = np.zeros(X.shape[1])
            coefficients[chosen[:used]] = fitted[0]
            moved = float(logit(training.rate) - logit(y.mean()))
            return [LinearLogit(coefficients, fitted[1] + moved) for _ in candidates]
    return fit_prevalence(training, candidates)


def _strongest_columns(X: Numbers, y: npt.NDArray[np.int8], most: int) -> list[int]:
    rate, length = float(y.mean()), np.sqrt((X**2).sum(axis=0))
    usable = length > 1e-12
    scores = np.abs(X.T @ (y - rate)) / np.where(usable, length, 1.0) / np.sqrt(rate * (1 - rate))
    chosen: list[int] = []
    directions = np.full((1, len(y)), len(y) ** -0.5)
    # Rounded, so that columns of the same patients tie however their sums were added up.
    for column in np.argsort(-scores.round(9), kind="stable"):
        if len(chosen) == most:
            break
        left = X[:, column] - directions.T @ (directions @ X[:, column])
        if usable[column] and np.linalg.norm(left) > 1e-6 * length[column]:
            chosen.append(int(column))
            directions = np.vstack([directions, left / np.linalg.norm(left)])
    return chosen


def _firth(X: Numbers, y: npt.NDArray[np.int8]) -> tuple[Numbers, float] | None:
    """Return coefficients and intercept, or None when the fit does not converge."""
    from firthmodels import FirthLogisticRegression

    # The library's other backend compiles for most of a minute; intervals are only computed when asked for.
    solver = FirthLogisticRegression(backend="numpy", max_iter=200, gtol=1e-6, xtol=1e-6)
    with warnings.catch_warnings():
        # What it would warn of is looked at below.
        warnings.simplefilter("ignore")
        try:
            solver.fit(X, y)
        except np.linalg.LinAlgError:
            return None
    coefficients, intercept = np.asarray(solver.coef_, dtype=np.float64), float(solver.intercept_)
    sound = solver.converged_ and np.isfinite([*coefficients, intercept]).all()
    return (coefficients, intercept) if sound else None


def fit_naive_bayes(training: Training, candidates: Candidates) -> list[LinearLogit]:
    """Fit Bernoulli naive Bayes on genes that are mutated or not, for each smoothing ``alpha``.

    Each gene adds its log-likelihood ratio between responders and non-responders; the shares of mutated
    patients are (k + alpha) / (n + 2 alpha) over the patients in whom the gene was covered. A new patient's
    gene that was not covered stands at the training mean and contributes nothing. Weights, when
    ``balanced``, multiply counts. Without any gene, the response rate.

    Raises
    ------
    ConfigurationError
        If a column holds other values than two that are 1 apart: counts or allele fractions.

    Notes
    -----
    Manning, Raghavan and Schuetze (2008), Introduction to Information Retrieval, section 13.3.

    Examples
    --------
    >>> gene, y = np.array([[0.5], [0.5], [-0.5], [-0.5]]), np.array([1, 1, 1, 0], dtype=np.int8)
    >>> model = fit_naive_bayes(Training(gene, y, y.astype(str)), [{"alpha": 1.0}])[0]
    >>> model.coefficients.round(3).tolist()  # log of (3/5 over 2/5) over (1/3 over 2/3)
    [1.099]
    """
    if training.X.shape[1] == 0:
        return fit_prevalence(training, candidates)
    covered = np.ones(training.X.shape, dtype=bool) if training.gaps is None else ~training.gaps
    mutated, means = _mutated(training.X, covered)
    by_class = np.stack([training.weights * (training.y == label) for label in (0, 1)])
    carriers, patients = by_class @ mutated, by_class @ covered
    models = []
    for candidate in candidates:
        share = logit((carriers + candidate["alpha"]) / (patients + 2 * candidate["alpha"]))
        ratio = share[1] - share[0]
        # log(1 - p) of a share p given as log-odds.
        intact = np.logaddexp(0.0, share[0]) - np.logaddexp(0.0, share[1])
        intercept = float(logit(training.rate)) + float((intact + ratio * means).sum())
        models.append(LinearLogit(ratio, intercept))
    return models


def _mutated(X: Numbers, covered: npt.NDArray[np.bool_]) -> tuple[Numbers, Numbers]:
    """Return which patients are mutated, as 0 and 1, and the training mean that each column was centred at."""
    lowest = np.where(covered, X, np.inf).min(axis=0)
    lowest[~covered.any(axis=0)] = 0.0
    above = np.where(covered, X - lowest, 0.0)
    other = np.flatnonzero(((np.abs(above) > 1e-6) & (np.abs(above - 1.0) > 1e-6)).any(axis=0))
    if len(other):
        raise ConfigurationError(
            f"naive-bayes takes genes that are mutated or not; {len(other)} of {X.shape[1]} columns hold other "
            "values, such as counts or allele fractions. Use encoding: binary, truncating or damaging, or leave "
            "naive-bayes out of the models."
        )
    return (above > 0.5).astype(np.float64), -lowest


def fit_svm(training: Training, candidates: Candidates) -> list[LinearLogit]:
    """Fit a linear support vector machine for each ``C``, its distance turned into log-odds on held-out rows.

    The kernel of all training rows is computed once, for every C and every part of the rows. A logistic line
    is fitted on the scores of three stratified parts, whole groups, each scored by a machine fitted on the
    others (two parts where a class has fewer groups), and applied to the machine fitted on all rows. Where
    not even two parts can be had, and without any column, the response rate. Classes weigh the same, in
    every machine and in the line, when ``balanced``.

    Notes
    -----
    Platt (1999), Advances in Large Margin Classifiers, 61-74; see
    :func:`trastuz_ml.learn.calibration.calibrating_line`.

    Examples
    --------
    >>> y = np.arange(12, dtype=np.int8) % 2
    >>> model = fit_svm(Training(y[:, None] - 0.5, y, np.arange(12).astype(str)), [{"C": 1.0}])[0]
    >>> model.probability(np.array([[-0.5], [0.5]])).round(3).tolist()
    [0.125, 0.875]
    """
    X, y = training.X, training.y
    part_of = _calibration_parts(training)
    if X.shape[1] == 0 or part_of is None:
        return fit_prevalence(training, candidates)
    kernel = X @ X.T
    splits = [(part_of != part, part_of == part) for part in range(int(part_of.max()) + 1)]
    blocks = [
        (
            np.ascontiguousarray(kernel[np.ix_(rest, rest)]),
            y[rest],
            np.ascontiguousarray(kernel[np.ix_(out, rest)]),
            out,
        )
        for rest, out in splits
    ]
    models = []
    for candidate in candidates:
        scores = np.empty(len(y))
        for fitting, labels, left, out in blocks:
            dual, offset = _machine(fitting, labels, candidate["C"], balanced=training.balanced)
            scores[out] = left @ dual + offset
        slope, intercept = calibrating_line(scores, y, training.weights)
        dual, offset = _machine(kernel, y, candidate["C"], balanced=training.balanced)
        models.append(LinearLogit(slope * (dual @ X), slope * offset + intercept))
    return models


def _machine(kernel: Numbers, y: npt.NDArray[np.int8], C: float, *, balanced: bool) -> tuple[Numbers, float]:
    """Return the dual coefficient of each row, and the intercept: those of ``SVC(kernel="precomputed")``."""
    # SVC.fit spends four fifths of its time on checks around this call; a fold makes some hundred fits.
    from sklearn.svm import _libsvm

    sizes = np.bincount(y, minlength=2)
    weight = len(y) / (2.0 * sizes) if balanced else np.ones(2)
    _libsvm.set_verbosity_wrap(0)
    support, _, _, dual, intercept, *_ = _libsvm.fit(
        kernel, y.astype(np.float64), kernel="precomputed", C=C, class_weight=weight
    )
    # The library counts the first class as positive.
    whole = np.zeros(len(y))
    whole[support] = -dual[0]
    return whole, -float(intercept[0])


def _calibration_parts(training: Training) -> Places | None:
    for folds in range(CALIBRATION_FOLDS, 1, -1):
        try:
            return stratified_folds(training.y, training.groups, folds, training.seed)
        except EvidenceError:
            continue
    return None
