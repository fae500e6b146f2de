"""What n can tell: the numbers of the statistics, for the patients of the run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from trastuz_ml.report.size import size_content
from trastuz_ml.stats.gene_power import detectable_odds_ratio
from trastuz_ml.stats.size import expected_auc_interval, riley_size


def test_size__intervals_and_odds_ratios_are_those_of_the_patients(large):
    found = size_content(large)
    responders, patients = int(large.patients["response"].sum()), len(large.patients)
    expected = expected_auc_interval(0.7, responders, patients - responders)
    assert (found["aucs"][1]["low"], found["aucs"][1]["high"]) == (expected.low, expected.high)
    row = next(row for row in found["carriers"] if row["carriers"] == 15)
    assert row["response"] == detectable_odds_ratio(15, responders, patients)
    assert row["resistance"] == pytest.approx(1 / detectable_odds_ratio(15, patients - responders, patients))
    assert row["genes"] == int((np.asarray(large.matrix.dense() > 0).sum(axis=0) >= 15).sum())


def test_size__coefficients_are_levels_less_one_and_numbers(make):
    features = [
        {
            "name": "ER",
            "block": "covariate",
            "kind": "category",
            "levels": ["neg", "pos", "unknown"],
            "counts": [],
        },
        {"name": "stage", "block": "covariate", "kind": "number", "levels": ["T1", "T2", "T3"], "counts": []},
        {"name": "burden", "block": "burden", "kind": "number", "levels": [], "counts": []},
    ]
    run = replace(make(), features=features)
    found = size_content(run)
    assert found["parameters"] == 3
    rate = run.patients["response"].mean()
    assert found["features"][1]["needed"] == riley_size(3, rate, found["features"][1]["r2"]).patients


def test_size__responses_permuted_within_strata_allow_fewer_arrangements(make):
    run = make()
    within = replace(run, configuration={**run.configuration, "permutation": {"within": ["ER status"]}})
    free, held = size_content(run)["smallest_p"], size_content(within)["smallest_p"]
    assert held["within"] == ["ER status"]
    assert held["arrangements"] < free["arrangements"]


def test_size__one_class_says_so(make):
    run = make()
    alone = replace(run, patients=run.patients.assign(response=1))
    assert size_content(alone)["aucs"] == []
    assert "nothing can be told" in size_content(alone)["sentences"][0]
