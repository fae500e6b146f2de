"""Leading contributions and lists of names, as a cell holds them."""

from __future__ import annotations

import numpy as np
import pytest

from trastuz_ml.prediction.leading import MOST_NAMES, NOT_ADDITIVE, leading_contributions, named_in_rows


@pytest.mark.parametrize("most", [1, 3, 5, 40])
def test_leading__is_what_sorting_each_row_gives(most):
    rng = np.random.default_rng(1)
    values = np.round(rng.normal(size=(200, 30)), 1) * (rng.random((200, 30)) < 0.3)
    names = [f"G{j}" for j in rng.permutation(30)]
    for row, text in zip(values, leading_contributions(values, names, most), strict=True):
        ranked = sorted(range(30), key=lambda j: (-abs(row[j]), names[j]))[:most]
        assert text == "; ".join(f"{names[j]} {row[j]:+.2f}" for j in ranked if row[j])


def test_leading__small_contributions_keep_their_size():
    assert leading_contributions(np.array([[0.001, -0.0049]]), ["A", "B"], 2) == ["B -5e-03; A +1e-03"]


def test_leading__a_row_that_does_not_add_up_says_so():
    values = np.array([[np.nan, np.nan], [0.5, 0.0]])
    assert leading_contributions(values, ["A", "B"], 2) == [NOT_ADDITIVE, "A +0.50"]


def test_leading__without_features_there_is_nothing_to_name():
    assert leading_contributions(np.empty((2, 0)), [], 5) == ["", ""]


def test_leading__values_given_are_left_as_they_are():
    values = np.array([[0.5, -1.0]])
    leading_contributions(values, ["A", "B"], 2)
    assert values.tolist() == [[0.5, -1.0]]


def test_named__each_row_names_its_own():
    flags = np.array([[True, False, True], [False, False, False], [True, False, True], [True, True, True]])
    assert named_in_rows(["A", "B", "C"], flags) == ["A, C", "", "A, C", "A, B, C"]


def test_named__a_long_list_is_cut_and_counted():
    names = [f"G{j:02d}" for j in range(MOST_NAMES + 5)]
    [text] = named_in_rows(names, np.ones((1, len(names)), dtype=bool))
    assert text.endswith(f"G{MOST_NAMES - 1} and 5 more")
