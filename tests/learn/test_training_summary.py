"""Counts of the training cohort, against direct counts, and that no value of a patient is in them."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests_shared import made_up_design
from trastuz_ml.errors import ModelError
from trastuz_ml.learn.design import Feature
from trastuz_ml.learn.training_summary import Bins, TrainingSummary, bins_of, bins_of_calls, summary_of

NUMBERS = st.lists(
    st.one_of(
        st.integers(-50, 200).map(float),
        st.floats(-1e6, 1e6, width=32),
        st.sampled_from([0.1, 0.25, 0.5, 1e-9, 1e9, 35.0, 2.5]),
    ),
    min_size=1,
    max_size=120,
)


@settings(max_examples=300, deadline=None)
@given(NUMBERS)
def test_bins__count_every_value_once_and_no_edge_is_a_value(values):
    bins = bins_of(values)
    assert sum(bins.counts) == len(values)
    assert list(bins.counts) == np.histogram(values, bins.edges)[0].tolist()
    assert not set(bins.edges) & set(values)
    assert not set(np.float32(bins.edges)) & set(np.float32(values))
    assert bins.counts[0] > 0
    assert bins.counts[-1] > 0


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=60))
def test_bins_of_calls__count_every_patient_once_and_no_edge_is_a_number_of_calls(calls):
    bins = bins_of_calls(calls)
    assert list(bins.counts) == np.histogram(calls, bins.edges)[0].tolist()
    assert all(edge % 1 == 0.5 for edge in bins.edges)


@pytest.mark.parametrize("spread", [1e-4, 0.03, 1.0, 10.0, 4e3])
@pytest.mark.parametrize("middle", [0.0, 50.0])
def test_bins__are_one_two_or_five_times_a_power_of_ten_wide_and_not_many(spread, middle):
    bins = bins_of(np.random.default_rng(0).normal(middle, spread, 150).astype(np.float32))
    widths = np.diff(bins.edges)
    np.testing.assert_allclose(widths, widths[0], rtol=1e-6)
    lead = widths[0] / 10 ** np.floor(np.log10(widths[0]) + 1e-9)
    assert min(abs(lead - nice) for nice in (1, 2, 5)) < 1e-6
    assert len(bins.counts) <= 21


def test_bins__of_whole_numbers_lie_between_whole_numbers():
    assert bins_of([0, 0, 1]) == Bins((-0.5, 0.5, 1.5), (2, 1))
    assert bins_of([3.0]) == Bins((2.5, 3.5), (1,))


@pytest.mark.parametrize("make", [bins_of, bins_of_calls])
def test_bins__leave_out_what_is_not_known(make):
    assert make([np.nan, np.nan]) is None
    assert make([]) is None
    assert make([np.nan, 4.0]).patients == 1


def test_bins_of_calls__that_are_no_whole_numbers_are_numbers_like_any_other():
    assert bins_of_calls([0.5, 1.5, 2.0]) == bins_of([0.5, 1.5, 2.0])


@settings(max_examples=100, deadline=None)
@given(NUMBERS, NUMBERS)
def test_below_and_above__are_the_shares_in_lower_and_in_higher_bins(values, new):
    bins = bins_of(values)
    edges = np.array([-np.inf, *bins.edges, np.inf])
    for value, below, above in zip(new, bins.below(new), bins.above(new), strict=True):
        low = edges[edges <= value].max()
        high = edges[edges > value].min()
        assert below == np.mean(np.array(values) < low)
        assert above == np.mean(np.array(values) > high)


def test_place__says_beyond_which_end_a_value_lies_and_what_is_missing():
    bins = Bins((20.0, 40.0, 60.0), (5, 15))
    assert bins.place([10, 20, 39.9, 59, 60, 99, np.nan]).tolist() == [-1, 0, 0, 1, 2, 2, -2]
    assert bins.tally([10, 20, 39.9, 59, 60, 99, np.nan]).tolist() == [1, 2, 1, 2]
    np.testing.assert_array_equal(
        bins.position([10, 30, 50, 99, np.nan]), [[0, 1], [0, 0.75], [0.25, 0], [1, 0], [np.nan, np.nan]]
    )


def patients_of(design, seed=0):
    rng = np.random.default_rng(seed)
    n = len(design.patients)
    return pd.DataFrame(
        {
            "patient": list(design.patients),
            "assay": np.where(np.arange(n) % 3, "exome", "panel"),
            "burden": pd.array(rng.integers(5, 400, n).astype(float)).astype("Float64"),
        }
    )


@pytest.fixture(scope="module")
def design():
    made = made_up_design(genes=6)
    X = made.X.copy()
    X[:7, 3] = np.nan  # not covered
    X[2, 0] = X[3, 1] = np.nan  # age, stage not known
    grade = np.tile([0, 1, 1], 20).astype(np.float32)
    burden = np.log1p(patients_of(made)["burden"].to_numpy(dtype=np.float32))
    features = (
        *made.features,
        Feature("grade", "covariate", "number", ("low", "high")),
        Feature("mutational burden (log calls)", "burden", "number"),
        Feature("assay", "assay", "category", ("exome", "panel")),
    )
    X = np.column_stack([X, grade, burden, np.zeros(60)]).astype(np.float32)
    return replace(made, features=features, X=X)


def test_summary__counts_what_is_in_the_design(design):
    X, patients = design.X, patients_of(design)
    found = summary_of(design, design.features, patients, ["TP53", "TTN"])
    assert (found.patients, found.responders) == (60, int(design.response.sum()))
    assert found.genes["G001"] == (int(np.nansum(X[:, 3] > 0)), 53)
    assert list(found.genes) == [f"G{j:03d}" for j in range(6)]
    assert found.levels == {
        "stage": {level: int((X[:, 1] == k).sum()) for k, level in enumerate(("I", "II", "III"))},
        "grade": {"low": 20, "high": 40},
    }
    assert sum(found.levels["stage"].values()) == 59
    assert set(found.numbers) == {"age", "mutational burden (log calls)"}
    assert found.numbers["age"].patients == 59
    assert found.assays == {"exome": 40, "panel": 20}
    assert found.burden_genes == ("TP53", "TTN")
    np.testing.assert_array_equal(
        found.burden.counts, np.histogram(patients["burden"].to_numpy(dtype=float), found.burden.edges)[0]
    )
    mutated = (X[7:, 2:8] > 0).sum(axis=1)
    assert found.mutated.patients == 53
    np.testing.assert_array_equal(found.mutated.counts, np.histogram(mutated, found.mutated.edges)[0])


def test_summary__of_the_features_of_a_model_holds_these_alone(design):
    found = summary_of(design, [design.features[0], design.features[2]], patients_of(design))
    assert list(found.genes) == ["G000"]
    assert (dict(found.levels), list(found.numbers), found.burden_genes) == ({}, ["age"], ())


def test_summary__without_genes_and_with_an_unknown_burden_says_none(design):
    patients = patients_of(design).assign(burden=pd.array([None] * 60, dtype="Float64"))
    found = summary_of(design, design.features[:2], patients)
    assert found.mutated is None
    assert found.burden is None


def test_summary__does_not_depend_on_the_order_of_patients(design):
    order = np.random.default_rng(1).permutation(60)
    shuffled = replace(
        design,
        patients=tuple(np.array(design.patients)[order]),
        X=design.X[order],
        response=design.response[order],
    )
    first = summary_of(design, design.features, patients_of(design))
    second = summary_of(shuffled, design.features, patients_of(design).iloc[order])
    assert first.as_json() == second.as_json()


def test_summary__is_the_same_after_a_round_trip_through_json(design):
    for features in (design.features, design.features[:1]):
        made = summary_of(design, features, patients_of(design))
        read = TrainingSummary.from_json(json.loads(json.dumps(made.as_json(), allow_nan=False)))
        assert read.as_json() == made.as_json()
        assert (read.genes, read.levels, read.numbers) == (made.genes, made.levels, made.numbers)


def test_summary__names_no_patient_and_holds_no_number_that_only_one_has(design):
    text = json.dumps(summary_of(design, design.features, patients_of(design)).as_json())
    assert not [patient for patient in design.patients if patient in text]
    ages = {f"{age:.4g}" for age in design.X[:, 0] if not np.isnan(age)}
    edges = {
        f"{edge:.4g}" for edge in summary_of(design, design.features, patients_of(design)).numbers["age"].edges
    }
    assert not ages & edges


@pytest.mark.parametrize(
    "change",
    [
        {"patients": -1},
        {"patients": 59},
        {"patients": True},
        {"responders": 61},
        {"genes": {"A": [3, 2]}},
        {"genes": {"A": [3]}},
        {"genes": {"A": [1, 61]}},
        {"genes": ["A"]},
        {"levels": {"stage": {"I": 61}}},
        {"levels": {"stage": {"I": 1.5}}},
        {"assays": {"exome": 61}},
        {"numbers": {"age": {"edges": [1.0, 2.0], "counts": [61]}}},
        {"numbers": {"age": {"edges": [2.0, 1.0], "counts": [1]}}},
        {"numbers": {"age": {"edges": [1.0, float("inf")], "counts": [1]}}},
        {"numbers": {"age": {"edges": [1.0], "counts": []}}},
        {"burden": {"edges": [1.0, 2.0, 3.0], "counts": [1]}},
        {"burden_genes": [1]},
        {"mutated": 3},
    ],
)
def test_summary__a_damaged_one_is_refused(design, change):
    content = summary_of(design, design.features, patients_of(design)).as_json()
    with pytest.raises(ModelError):
        TrainingSummary.from_json({**content, **change})
    with pytest.raises(ModelError):
        TrainingSummary.from_json({name: value for name, value in content.items() if name not in change})
