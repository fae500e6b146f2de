"""Table 1: counts, quartiles, missing values and standardised differences, by an independent count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.report.baseline import baseline_content, level_difference, mean_difference
from trastuz_ml.report.baseline_shared import without_small_levels
from trastuz_ml.report.held_back import HELD
from trastuz_ml.report.privacy import pseudonyms_of


def table_of(run, pseudonyms):
    found = baseline_content(run, pseudonyms_of([run], pseudonyms(run)))
    return {variable["name"]: variable for variable in found["variables"]}


def test_baseline__counts_are_those_of_a_cross_table(large, pseudonyms):
    crossed = pd.crosstab(large.patients["ER status"], large.patients["response"])
    for row in table_of(large, pseudonyms)["ER status"]["rows"]:
        counts = [cell["count"] for cell in row["cells"]]
        assert counts == [
            crossed.loc[row["level"], 1],
            crossed.loc[row["level"], 0],
            crossed.loc[row["level"]].sum(),
        ]


def test_baseline__medians_are_numpys(large, pseudonyms):
    ages = large.patients.loc[large.patients["response"] == 1, "age"]
    cell = table_of(large, pseudonyms)["age"]["rows"][0]["cells"][0]
    assert [cell["low"], cell["median"], cell["high"]] == list(np.quantile(ages, (0.25, 0.5, 0.75)))


def test_baseline__missing_values_are_counted(make, pseudonyms):
    run = make()
    run.patients["age"] = run.patients["age"].astype(float)
    run.patients.loc[:6, "age"] = np.nan
    rows = table_of(run, pseudonyms)["age"]["rows"]
    assert rows[1]["level"] == "missing"
    assert rows[1]["cells"][2]["count"] == 7


def test_baseline__ordered_levels_keep_their_order_and_their_names(make, pseudonyms):
    run = make()
    stages = run.patients.assign(stage=[float(i % 3) for i in range(len(run.patients))])
    covariates = {"stage": {"kind": "ordered", "levels": ["T9", "T2", "T10"]}}
    run = replace(run, patients=stages, configuration={**run.configuration, "roster": {"covariates": covariates}})
    assert [row["level"] for row in table_of(run, pseudonyms)["stage"]["rows"]] == ["T9", "T2", "T10"]


def test_baseline__burden_and_assay_come_last(large, pseudonyms):
    assert list(table_of(large, pseudonyms))[-2:] == ["burden", "assay"]


def test_mean_difference__is_cohens_d_with_the_mean_variance():
    rng = np.random.default_rng(3)
    one, two = rng.normal(0, 1, 30), rng.normal(1, 2, 40)
    expected = abs(one.mean() - two.mean()) / np.sqrt((one.var(ddof=1) + two.var(ddof=1)) / 2)
    assert mean_difference(one, two) == pytest.approx(expected)
    assert mean_difference([1.0, 1.0], [1.0, 1.0]) is None


def test_level_difference__of_two_levels_is_austins_formula():
    p, q = 0.4, 0.7
    expected = abs(p - q) / np.sqrt((p * (1 - p) + q * (1 - q)) / 2)
    assert level_difference([p, 1 - p], [q, 1 - q]) == pytest.approx(expected)


def test_level_difference__does_not_depend_on_which_level_comes_first():
    one, two = np.array([0.2, 0.5, 0.3]), np.array([0.4, 0.3, 0.3])
    turned = [level_difference(one[order], two[order]) for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0])]
    assert turned == pytest.approx([turned[0]] * 3)


def rows_of(**counts):
    return [
        {"level": name, "cells": [{"count": n, "share": 0.1} for n in (one, two, one + two)]}
        for name, (one, two) in counts.items()
    ]


@pytest.mark.parametrize(
    ("counts", "held"),
    [
        ({"a": (20, 30), "b": (9, 9)}, set()),
        ({"a": (20, 30), "b": (2, 9)}, {"a", "b"}),
        ({"a": (20, 30), "b": (0, 9), "c": (6, 6)}, {"b", "c"}),
        # Three responders that are not of level a: their number would be a subtraction.
        ({"a": (20, 30), "b": (1, 9), "c": (2, 6)}, {"a", "b", "c"}),
        ({"a": (20, 30), "b": (1, 9), "c": (4, 6)}, {"b", "c"}),
    ],
)
def test_shared__no_level_can_be_computed_from_the_others(counts, held):
    variable = {"name": "x", "kind": "levels", "difference": 0.2, "rows": rows_of(**counts)}
    found = without_small_levels({"groups": [], "variables": [variable]})["variables"][0]
    assert {row["level"] for row in found["rows"] if row["cells"][0]["count"] == HELD} == held
    assert found["difference"] == (HELD if held else 0.2)
