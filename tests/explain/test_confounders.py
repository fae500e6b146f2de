"""Confounders as columns: what is unknown, rare, constant or told by others."""

import numpy as np
import pandas as pd

from trastuz_ml.explain.confounders import coded_confounders


def test_confounders__an_unknown_number_takes_the_mean_and_an_unknown_level_is_a_level():
    frame = pd.DataFrame({"burden": [1.0, np.nan, 3.0] * 4, "ER": ["POS"] * 5 + ["NEG"] * 4 + [None] * 3})
    coded = coded_confounders(frame)
    assert coded.names == ("burden", "ER")
    assert coded.columns[:, 0].tolist() == [1, 2, 3] * 4
    assert coded.columns.shape == (12, 3)


def test_confounders__rare_levels_are_joined():
    frame = pd.DataFrame({"centre": list("AAAAABBBBCCDDE")})
    assert coded_confounders(frame).columns.sum(axis=0).tolist() == [4, 5]  # B, and C with D and E
    frame = pd.DataFrame({"centre": list("AAAAABBBBCD")})  # C and D are too few together: they go with A
    assert coded_confounders(frame).columns.sum(axis=0).tolist() == [4]


def test_confounders__what_says_nothing_is_left_out_with_the_reason():
    frame = pd.DataFrame(
        {
            "burden": np.full(10, np.nan),
            "site": "London",
            "HER2": ["POS"] * 2 + ["NEG"] * 8,
            "ER": ["POS"] * 5 + ["NEG"] * 5,
            "arm": ["a"] * 5 + ["b"] * 5,
            "drug": pd.Series([None] * 10, dtype="object"),
            "dose": 3,
        }
    )
    coded = coded_confounders(frame)
    assert coded.names == ("ER",)
    assert coded.left_out == (
        "burden (unknown in every patient)", "site (the same in every patient)",
        "HER2 (nearly the same in every patient)", "arm (told by the others)", "drug (unknown in every patient)",
        "dose (the same in every patient)",
    )  # fmt: skip


def test_confounders__truth_values_and_categories_are_levels_and_nullable_numbers_are_numbers():
    frame = pd.DataFrame(
        {
            "treated": [True, False] * 4,
            "grade": pd.Categorical(["low", "low", "low", "low", "high", "high", "high", "low"]),
            "age": pd.array([30, 40, 50, None, 60, 30, 45, 30], dtype="Int64"),
        }
    )
    coded = coded_confounders(frame)
    assert coded.names == ("treated", "grade", "age")
    assert coded.columns.shape == (8, 3)
    assert coded.columns[3, 2] == np.mean([30, 40, 50, 60, 30, 45, 30])
