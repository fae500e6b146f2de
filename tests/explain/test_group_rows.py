"""Samples of one person are one row of a test; patients of a centre are not."""

from __future__ import annotations

import numpy as np
import pandas as pd

from trastuz_ml.explain.association import association_table
from trastuz_ml.explain.group_rows import one_row_a_group

NOTHING = pd.DataFrame(index=range(6))


def test_rows__of_patients_without_groups_are_as_they_were():
    X, y = np.eye(6, dtype=np.float32), np.array([0, 1] * 3, dtype=np.int8)
    rows = one_row_a_group(X, y, NOTHING, np.arange(6))
    assert rows.counted == "patients"
    assert rows.X is X


def test_rows__a_person_carries_what_any_sample_carries_and_is_covered_where_any_is():
    X = np.array([[0, np.nan], [1, np.nan], [0, 0], [np.nan, 1], [0, 0], [0, 0]], dtype=np.float32)
    y = np.array([1, 1, 0, 0, 1, 1], dtype=np.int8)
    age = pd.DataFrame({"age": [40, 41, 50, 51, 60, 61]})
    rows = one_row_a_group(X, y, age, np.array(list("ccbbaa")))
    assert rows.counted == "groups"
    assert rows.X.tolist()[:2] == [[0, 0], [0, 1]]
    assert rows.X[2, 0] == 1
    assert np.isnan(rows.X[2, 1])
    assert rows.response.tolist() == [1, 0, 1]
    assert rows.confounders["age"].tolist() == [60, 50, 40]


def test_rows__of_groups_that_respond_differently_stay_and_it_is_said():
    y = np.array([0, 1, 0, 1, 0, 1], dtype=np.int8)
    rows = one_row_a_group(np.eye(6, dtype=np.float32), y, NOTHING, np.array(list("aaabbb")))
    assert rows.counted == "patients in groups"
    assert len(rows.X) == 6


def test_association__of_persons_sampled_twice_is_that_of_the_persons():
    rng = np.random.default_rng(4)
    X, y = (rng.random((40, 5)) < 0.3).astype(np.float32), rng.integers(0, 2, 40).astype(np.int8)
    settings = {"watched": ["G0"], "seed": 1, "subsamples": 0}
    genes, persons = [f"G{i}" for i in range(5)], np.arange(40)
    once = association_table(genes, X, y, groups=persons, confounders=pd.DataFrame(), **settings)
    twice = association_table(
        genes, np.repeat(X, 2, axis=0), np.repeat(y, 2), groups=np.repeat(persons, 2),
        confounders=pd.DataFrame(), **settings,
    )  # fmt: skip
    assert (set(once["counted"]), set(twice["counted"])) == ({"patients"}, {"groups"})
    pd.testing.assert_frame_equal(once.drop(columns="counted"), twice.drop(columns="counted"))
