"""Intervals over genes that were not measured: whole vectors in, the right order statistics out."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import spearmanr

from trastuz_ml.learn.design import Feature
from trastuz_ml.learn.fitted import FittedModel, LinearLogit
from trastuz_ml.learn.training_summary import Bins, TrainingSummary
from trastuz_ml.learn.transformers import Preparation
from trastuz_ml.prediction import unmeasured
from trastuz_ml.prediction.unmeasured import (
    FEWEST_VECTORS,
    distinct_rows,
    ends_of_interval,
    interval_over_unmeasured,
    training_rows,
    weight_measured,
)

GENES = np.array([4, 5, 6, 7])  # places in the columns of the models that the fixture makes


def carried(patients: int, seed: int = 0) -> np.ndarray:
    """Return genes that are mutated together: every patient has a burden of their own."""
    rng = np.random.default_rng(seed)
    chance = rng.beta(1, 2, patients)[:, None] * np.array([0.9, 0.7, 0.6, 0.5])
    return (rng.random((patients, 4)) < chance).astype(np.float32)


def rows(genes: np.ndarray) -> np.ndarray:
    """Return rows of a design with these genes: ER, age, stage, burden first."""
    known = np.tile(np.array([1, 50, 1, 3], dtype=np.float32), (len(genes), 1))
    return np.hstack([known, genes]).astype(np.float32)


def model_of(make, kind: str) -> FittedModel:
    return make(kind, list(range(8))).model


def by_hand(model: FittedModel, row: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return the sorted predictions of one row, a training patient at a time."""
    missing = np.isnan(row[GENES])
    found = []
    for vector in vectors:
        filled = row.copy()
        filled[GENES[missing]] = vector[missing]
        if not np.isnan(vector[missing]).any():
            found.append(model.probability(filled[None])[0])
    return np.sort(found)


@pytest.mark.parametrize("kind", ["linear", "boosted", "forest"])
def test_interval__is_that_of_predicting_with_each_training_patients_genes(make, kind):
    model, vectors = model_of(make, kind), carried(60)
    X = rows(carried(12, seed=1))
    X[:6, 4:6] = X[3:9, 7] = np.nan
    own = model.probability(X)
    low, high = interval_over_unmeasured(model, X, GENES, vectors, own)
    for row, p, bottom, top in zip(X[:9], own, low, high, strict=False):
        expected = by_hand(model, row, vectors)
        np.testing.assert_allclose([bottom, top], [min(expected[2], p), max(expected[57], p)], rtol=1e-12)


@pytest.mark.parametrize("kind", ["linear", "boosted", "forest"])
def test_interval__is_the_probability_itself_where_all_genes_were_measured(make, kind):
    model, X = model_of(make, kind), rows(carried(9, seed=2))
    X[0, 6] = np.nan
    own = model.probability(X)
    low, high = interval_over_unmeasured(model, X, GENES, carried(60), own)
    assert np.array_equal(low[1:], own[1:])
    assert np.array_equal(high[1:], own[1:])
    assert low[0] < high[0]


@pytest.mark.parametrize("kind", ["linear", "boosted"])
def test_interval__training_patients_who_lack_a_missing_gene_are_left_out(make, kind):
    model, vectors = model_of(make, kind), carried(60)
    vectors[:30, 0] = np.nan
    X = rows(carried(2, seed=3))
    X[:, 4:6] = np.nan
    own = model.probability(X)
    got = interval_over_unmeasured(model, X, GENES, vectors, own)
    expected = interval_over_unmeasured(model, X, GENES, vectors[30:], own)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("kind", ["linear", "boosted"])
def test_interval__too_few_training_patients_give_none(make, kind):
    model, vectors = model_of(make, kind), carried(40)
    vectors[FEWEST_VECTORS - 1 :, 3] = np.nan
    X = rows(carried(3, seed=4))
    X[0, 7] = X[1, 4] = np.nan
    low, high = interval_over_unmeasured(model, X, GENES, vectors, model.probability(X))
    assert np.isnan([low[0], high[0]]).all()
    assert not np.isnan([low[1:], high[1:]]).any()


def test_interval__is_widened_to_hold_the_probability():
    # The mean of a gene that few carry, and that weighs much, is met in nobody.
    vectors = np.zeros((100, 1), dtype=np.float32)
    vectors[:3] = 1.0
    model = FittedModel("l2", np.arange(1), Preparation(("gene",)).fit(vectors), LinearLogit(np.array([9.0]), 0.0))
    X = np.array([[np.nan]], dtype=np.float32)
    low, high = interval_over_unmeasured(model, X, np.arange(1), vectors, np.array([0.5]))
    assert high[0] == 0.5
    assert low[0] == pytest.approx(expit(-9.0 * 0.03))


@pytest.mark.parametrize("kind", ["linear", "forest"])
def test_interval__does_not_depend_on_who_else_is_predicted_or_how_many_at_once(make, kind, monkeypatch):
    model, vectors = model_of(make, kind), carried(30)
    X = rows(carried(40, seed=5))
    X[:, 4:][np.random.default_rng(7).random((40, 4)) < 0.4] = np.nan
    own = model.probability(X)
    expected = interval_over_unmeasured(model, X, GENES, vectors, own)
    monkeypatch.setattr(unmeasured, "_AT_ONCE", 100)
    np.testing.assert_array_equal(interval_over_unmeasured(model, X, GENES, vectors, own), expected)
    for i in (0, 17, 39):
        alone = interval_over_unmeasured(model, X[[i]], GENES, vectors, own[[i]])
        np.testing.assert_array_equal(np.ravel(alone), np.array(expected)[:, i])


def test_interval__of_many_genes_has_the_same_bits_in_any_company():
    rng = np.random.default_rng(12)
    vectors = (rng.random((80, 400)) < 0.2).astype(np.float32)
    preparation = Preparation(("gene",) * 400).fit(vectors)
    model = FittedModel("l2", np.arange(400), preparation, LinearLogit(rng.normal(size=400), 0.0))
    X = np.where(rng.random((50, 400)) < 0.5, np.nan, vectors[:50]).astype(np.float32)
    weights = rng.dirichlet(np.ones(400))
    together = [*interval_over_unmeasured(model, X, np.arange(400), vectors, model.probability(X)),
                weight_measured(X, weights)]  # fmt: skip
    for i in range(50):
        row = X[[i]]
        ends = interval_over_unmeasured(model, row, np.arange(400), vectors, model.probability(row))
        np.testing.assert_array_equal([*ends, weight_measured(row, weights)], [part[[i]] for part in together])


def test_interval__there_is_none_for_a_patient_without_a_probability(make):
    model, X = model_of(make, "linear"), rows(carried(1))
    X[0, 4] = np.nan
    low, high = interval_over_unmeasured(model, X, GENES, carried(30), np.array([np.nan]))
    assert np.isnan([low[0], high[0]]).all()


def test_interval__genes_drawn_one_by_one_would_not_reach_as_far(make):
    model, vectors = model_of(make, "linear"), np.zeros((100, 4), dtype=np.float32)
    vectors[:30] = 1.0
    model = FittedModel("l2", model.columns, model.preparation, LinearLogit(np.ones(9), 0.0))
    X = rows(vectors[:1])
    X[0, 4:] = np.nan
    low, high = interval_over_unmeasured(model, X, GENES, vectors, model.probability(X))
    by_itself = np.random.default_rng(8).random((100, 4)) < 0.3
    one_by_one = by_hand(model, X[0], by_itself.astype(np.float32))
    assert high[0] - low[0] > one_by_one[95] - one_by_one[4]


@pytest.mark.parametrize("vectors", [19, 20, 38, 39, 60, 99, 160, 1000])
def test_ends__hold_one_more_of_the_same_in_at_least_90_percent(vectors):
    bottom, top = ends_of_interval(vectors)
    # One more value falls into each of the n + 1 gaps between n sorted ones equally often.
    assert Fraction(top - bottom, vectors + 1) >= Fraction(9, 10)
    assert Fraction(top - bottom - 2, vectors + 1) < Fraction(9, 10)
    assert bottom == vectors - 1 - top


def test_ends__of_too_few_there_are_none():
    assert [ends_of_interval(n) for n in (0, 1, 18)] == [None] * 3


def test_interval__holds_another_patient_of_the_population_in_90_percent(make):
    model, inside = model_of(make, "linear"), []
    for seed in range(300):
        X = rows(carried(1, seed=10_000 + seed))
        truth = model.probability(X)
        X[0, 4:7] = np.nan
        low, high = interval_over_unmeasured(model, X, GENES, carried(19, seed=seed), model.probability(X))
        inside.append(low[0] <= truth[0] <= high[0])
    assert np.mean(inside) >= 0.9 - 3 * np.sqrt(0.09 / 300)


FEATURES = (
    Feature("ER", "covariate", "category", ("NEG", "POS")),
    Feature("age", "covariate", "number"),
    Feature("burden", "burden", "number"),
    Feature("assay", "assay", "category", ("exome", "panel")),
    *(Feature(f"G{j}", "gene", "gene") for j in range(4)),
)
COUNTS = TrainingSummary(
    60, 20, {}, {"ER": {"NEG": 15, "POS": 45}}, {"age": Bins((40.0, 50.0, 70.0), (30, 30)),
    "burden": Bins((1.0, 3.0, 9.0), (20, 40))}, None, {"exome": 45, "panel": 15},
)  # fmt: skip


def test_rows__have_the_training_patients_genes_and_counts():
    vectors = carried(60)
    drawn = training_rows(FEATURES, vectors, COUNTS)
    np.testing.assert_array_equal(drawn[:, 4:], vectors)
    assert np.bincount(drawn[:, 0].astype(int)).tolist() == [15, 45]
    assert np.bincount(drawn[:, 3].astype(int)).tolist() == [45, 15]
    assert COUNTS.numbers["age"].tally(drawn[:, 1]).tolist() == [0, 30, 30, 0]
    assert COUNTS.numbers["burden"].tally(drawn[:, 2]).tolist() == [0, 20, 40, 0]


def test_rows__burden_rises_with_the_number_of_mutated_genes_and_age_does_not():
    drawn = training_rows(FEATURES, carried(60), COUNTS)
    mutated = drawn[:, 4:].sum(axis=1)
    means = [drawn[mutated == count, 2].mean() for count in np.unique(mutated)]
    assert means == sorted(means)
    assert spearmanr(mutated, drawn[:, 2]).statistic > 0.9
    assert abs(spearmanr(mutated, drawn[:, 1]).statistic) < 0.3


def test_rows__of_what_is_not_counted_nothing_is_made_up():
    bare = dataclasses.replace(COUNTS, levels={}, numbers={}, assays={})
    drawn = training_rows(FEATURES, carried(30), bare)
    assert np.isnan(drawn[:, :4]).all()
    assert not np.isnan(drawn[:, 4:]).any()


def test_rows__are_the_same_each_time():
    vectors = carried(30)
    np.testing.assert_array_equal(
        training_rows(FEATURES, vectors, COUNTS), training_rows(FEATURES, vectors, COUNTS)
    )


def test_weight__is_the_share_of_what_is_known():
    X = np.array([[1, np.nan, 3], [np.nan, np.nan, np.nan], [0, 0, 0]], dtype=np.float32)
    assert weight_measured(X, np.array([0.5, 0.3, 0.2])).tolist() == [0.7, 0.0, 1.0]


def test_weight__of_everything_is_exactly_1():
    weights = np.random.default_rng(9).dirichlet(np.ones(301))
    X = np.zeros((2, 301), dtype=np.float32)
    weights[7] = 0.0
    X[1, 7] = np.nan
    assert weight_measured(X, weights).tolist() == [1.0, 1.0]


def test_weight__is_not_guessed_where_no_weights_are_known():
    X = np.array([[0, 1], [0, np.nan]], dtype=np.float32)
    np.testing.assert_array_equal(weight_measured(X, np.zeros(2)), [1.0, np.nan])


def test_weight__of_a_model_without_features_is_all_measured():
    assert weight_measured(np.empty((2, 0), dtype=np.float32), np.empty(0)).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("dtype", [np.float32, bool])
def test_distinct__rows_are_found_again(dtype):
    table = (np.random.default_rng(10).random((50, 11)) < 0.2).astype(dtype)
    if dtype is np.float32:
        table[table > 0] = np.nan
    some, of = distinct_rows(table)
    np.testing.assert_array_equal(some[of], table)
    assert len(some) == len({row.tobytes() for row in table})


def test_distinct__rows_without_columns_are_one():
    some, of = distinct_rows(np.empty((3, 0), dtype=bool))
    assert some.shape == (1, 0)
    assert of.tolist() == [0, 0, 0]
