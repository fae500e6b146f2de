"""What was not measured in a patient: how much of the model it is, and how far it could move the prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from trastuz_ml.learn.design import Feature
from trastuz_ml.learn.fitted import FittedModel, LinearLogit
from trastuz_ml.learn.training_summary import TrainingSummary
from trastuz_ml.schema import ASSAY, BURDEN, GENE

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
_T = TypeVar("_T", bound=np.generic)

# What lies outside of the interval at each of its ends.
TAIL = 0.05
# With fewer vectors, even the lowest and the highest prediction hold less than 90 %.
FEWEST_VECTORS = 19
# Values laid out at once, 16 MB: each row of a tree model is predicted with every distinct filling.
_AT_ONCE = 1 << 22


def weight_measured(X: Rows, weights: Array) -> Array:
    """Return the share of the model's weight that was measured in each patient.

    Parameters
    ----------
    X : array of float32, shape (n_patients, n_features)
        Rows of a design; NaN is not measured.
    weights : array, shape (n_features,)
        Share of each feature, 1 together; all 0 where they are not known, or no feature moves the model.

    Returns
    -------
    array, shape (n_patients,)
        0 to 1, and exactly 1 where everything was measured that weighs anything; where weights are all 0, NaN
        for a patient in whom something was not measured.

    Examples
    --------
    >>> weight_measured(np.array([[1, 0], [np.nan, 0]], dtype=np.float32), np.array([0.7, 0.3])).tolist()
    [1.0, 0.3]
    """
    unknown = np.isnan(X)
    if not weights.any():
        return np.where(unknown.any(axis=1), np.nan, 1.0)
    patterns, of = distinct_rows(unknown)
    # Sums, not products of matrices, whose last bits depend on how many patients are predicted at once.
    known, lacking = (np.where(flags, weights, 0.0).sum(axis=1) for flags in (~patterns, patterns))
    # A sum of 300 weights is 1 but for its rounding, which is not a feature that was missed.
    share: Array = np.where(lacking > 0, np.clip(known, 0.0, 1.0), 1.0)
    return share[of]


def ends_of_interval(vectors: int) -> tuple[int, int] | None:
    """Return which of the sorted predictions are the two ends, counted from 0, or nothing for too few.

    With the k-th lowest and the k-th highest of n, k = floor(0.05 (n + 1)), the interval holds what another
    patient of the same population has in at least 90 %: the rank of one more among n + 1 alike is equally likely
    to be any (Vovk, Gammerman & Shafer 2005, ch. 2). A plain 5 % quantile falls short of it when n is small.

    Examples
    --------
    >>> ends_of_interval(160), ends_of_interval(19), ends_of_interval(18)
    ((7, 152), (0, 18), None)
    """
    if vectors < FEWEST_VECTORS:
        return None
    place = int(np.floor(TAIL * (vectors + 1) + 1e-9)) - 1
    return place, vectors - 1 - place


def training_rows(features: Sequence[Feature], vectors: Rows, summary: TrainingSummary) -> Rows:
    """Return rows to draw what was not measured from: each a training patient's genes, with the rest made up.

    Of burden and covariates only counts are kept. The training burdens, spread evenly within their bins, are given
    to the vectors in the order of how many genes are mutated in them. Covariates are given out at random, each by
    itself: that they go together with genes or with one another is not known any more.

    Parameters
    ----------
    features : sequence of Feature
        What the columns are.
    vectors : array of float32, shape (n_training, n_genes)
        The training patients' genes, in the order of the genes among the features.
    summary : TrainingSummary
        The counts.

    Returns
    -------
    array of float32, shape (n_training, n_features)
        NaN throughout a column of which no counts are kept. The same for the same model, always.

    Examples
    --------
    >>> from trastuz_ml.learn.training_summary import Bins
    >>> features = [Feature("burden", "burden", "number"), Feature("TTN", "gene", "gene")]
    >>> counts = TrainingSummary(2, 1, {}, {}, {"burden": Bins((0.0, 2.0, 4.0), (1, 1))}, None, {})
    >>> training_rows(features, np.float32([[1], [0]]), counts).tolist()
    [[3.0, 1.0], [1.0, 0.0]]
    """
    rows = np.full((len(vectors), len(features)), np.nan, dtype=np.float32)
    rows[:, [feature.block == GENE for feature in features]] = vectors
    by_burden = np.argsort((vectors > 0).sum(axis=1), kind="stable")
    for place, feature in enumerate(features):
        if feature.block != GENE:
            order = by_burden if feature.block == BURDEN else np.random.default_rng(place).permutation(len(rows))
            rows[order, place] = _spread(feature, summary, len(rows))
    return rows


def _spread(feature: Feature, summary: TrainingSummary, number: int) -> Array:
    """Return as many rising values of a feature as are asked for, distributed as the training patients' were."""
    share = (np.arange(number) + 0.5) / max(number, 1)
    bins = summary.numbers.get(feature.name)
    if not feature.levels and bins is not None:
        return np.interp(share * bins.patients, np.cumsum([0, *bins.counts]), bins.edges)
    seen = summary.assays if feature.block == ASSAY else summary.levels.get(feature.name, {})
    codes = np.repeat(np.arange(len(feature.levels)), [seen.get(level, 0) for level in feature.levels])
    if not len(codes):
        return np.full(number, np.nan)
    return codes[(share * len(codes)).astype(np.intp)].astype(np.float64)


def interval_over_unmeasured(
    model: FittedModel, X: Rows, genes: npt.NDArray[np.intp], vectors: Rows, probability: Array
) -> tuple[Array, Array]:
    """Return how far what was not measured could move each patient's prediction.

    Each training patient's genes are put, all those that are missing together, into the patient's gaps, and the
    model predicts again: genes that are mutated together in tumours stay together, and a high burden shows in all
    of them. A training patient in whom one of the missing genes was not measured either is left out.

    Parameters
    ----------
    model : FittedModel
        The model.
    X : array of float32, shape (n_patients, n_features)
        Rows of a design; NaN is not measured.
    genes : array of int, shape (n_genes,)
        Places in X of the genes, or whatever else is drawn; what is missing besides stays missing.
    vectors : array of float32, shape (n_training, n_genes)
        The training patients' genes, in the same order: of all features, from :func:`training_rows`.
    probability : array, shape (n_patients,)
        What the model makes of X itself: the interval is widened to hold it.

    Returns
    -------
    low, high : array, shape (n_patients,)
        5 % and 95 % of the predictions, by :func:`ends_of_interval`. Both are ``probability`` where all genes were
        measured; NaN where fewer than 19 training patients have the missing genes, or there is no ``probability``.

    Examples
    --------
    >>> from trastuz_ml.learn.transformers import Preparation
    >>> carried = np.tile(np.float32([[0, 0], [1, 0], [0, 1], [1, 1]]), (10, 1))
    >>> preparation = Preparation(("gene", "gene")).fit(carried)
    >>> model = FittedModel("l2", np.arange(2), preparation, LinearLogit(np.array([1.0, 2.0]), 0.0))
    >>> row = np.array([[1, np.nan]], dtype=np.float32)
    >>> low, high = interval_over_unmeasured(model, row, np.arange(2), carried, model.probability(row))
    >>> [round(float(p), 3) for p in (low[0], model.probability(row)[0], high[0])]
    [0.378, 0.622, 0.818]
    """
    low, high = probability.copy(), probability.copy()
    gaps = np.isnan(X[:, genes])
    partial = np.flatnonzero(gaps.any(axis=1) & ~np.isnan(probability))
    if not len(partial):
        return low, high
    linear = isinstance(model.estimator, LinearLogit) and model.preparation.complete
    drawn = _by_offsets if linear else _by_predicting
    below, above = drawn(model, X[partial], genes, np.asarray(vectors, dtype=np.float32), gaps[partial])
    low[partial] = np.minimum(below, probability[partial])
    high[partial] = np.maximum(above, probability[partial])
    return low, high


def _by_offsets(
    model: FittedModel, X: Rows, genes: npt.NDArray[np.intp], vectors: Rows, gaps: Flags
) -> tuple[Array, Array]:
    """Return the ends for a linear model: what is missing adds the same to everybody who misses the same.

    Probabilities rise with log-odds, so the k-th log-odds are those of the k-th probability.
    """
    patterns, of = distinct_rows(gaps)
    added = _gene_contributions(model, X.shape[1], genes, vectors)
    unknown = np.isnan(vectors)
    ends = np.full((2, len(patterns)), np.nan)
    for number, lacking in enumerate(patterns):
        usable = added[~unknown[:, lacking].any(axis=1)]
        # A sum of contiguous rows: a product of matrices has other last bits in another company of patterns.
        offsets = np.ascontiguousarray(usable[:, lacking]).sum(axis=1)
        ends[:, number] = _ends(np.sort(offsets)[None])[:, 0]
    estimator = model.estimator
    margin = estimator.margin(model.prepare(X))  # type: ignore[union-attr]
    return expit(margin + ends[0, of]), expit(margin + ends[1, of])


def _gene_contributions(model: FittedModel, features: int, genes: npt.NDArray[np.intp], vectors: Rows) -> Array:
    """Return what each gene adds to the log-odds in each training patient, shape (n_training, n_genes)."""
    rows = np.full((len(vectors), features), np.nan, dtype=np.float32)
    rows[:, genes] = vectors
    parts = model.prepare(rows) * model.estimator.coefficients  # type: ignore[union-attr]
    added = np.zeros((features, len(vectors)))
    np.add.at(added, model.sources(), parts.T)
    return added[genes].T


def _by_predicting(
    model: FittedModel, X: Rows, genes: npt.NDArray[np.intp], vectors: Rows, gaps: Flags
) -> tuple[Array, Array]:
    """Return the ends for any model: each distinct row is predicted with each distinct filling."""
    rows, of_row = distinct_rows(X)
    patterns, of_pattern = distinct_rows(np.isnan(rows[:, genes]))
    ends = np.full((2, len(rows)), np.nan)
    for number, pattern in enumerate(patterns):
        missing = np.flatnonzero(pattern)
        usable = vectors[:, missing][~np.isnan(vectors[:, missing]).any(axis=1)]
        if ends_of_interval(len(usable)) is None:
            continue
        fillings, of_filling = distinct_rows(usable)
        here = np.flatnonzero(of_pattern == number)
        step = max(1, _AT_ONCE // (len(fillings) * X.shape[1]))
        for start in range(0, len(here), step):
            chunk = here[start : start + step]
            filled = np.repeat(rows[chunk], len(fillings), axis=0)
            filled[:, genes[missing]] = np.tile(fillings, (len(chunk), 1))
            each = model.probability(filled).reshape(len(chunk), len(fillings))[:, of_filling]
            ends[:, chunk] = _ends(np.sort(each, axis=1))
    return ends[0, of_row], ends[1, of_row]


def _ends(ascending: Array) -> Array:
    """Return the two ends of each sorted row, shape (2, n_rows); missing where the rows are too short."""
    places = ends_of_interval(ascending.shape[1])
    return np.full((2, len(ascending)), np.nan) if places is None else ascending[:, places].T


def distinct_rows(rows: npt.NDArray[_T]) -> tuple[npt.NDArray[_T], npt.NDArray[np.intp]]:
    """Return the distinct rows, NaN being equal to NaN, and for each row which of them it is.

    Examples
    --------
    >>> distinct_rows(np.array([[1.0, np.nan], [0.0, 2.0], [1.0, np.nan]]))[1].tolist()
    [1, 0, 1]
    """
    if not rows.shape[1]:
        return rows[:1], np.zeros(len(rows), dtype=np.intp)
    packed = np.ascontiguousarray(np.packbits(rows.astype(np.uint8), axis=1) if rows.dtype == bool else rows)
    texts = packed.view(np.dtype((np.void, packed.dtype.itemsize * packed.shape[1]))).ravel()
    _, first, of = np.unique(texts, return_index=True, return_inverse=True)
    return rows[first], of.astype(np.intp)
