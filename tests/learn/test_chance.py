"""What permutations say."""

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.learn.chance import chance_table

NULL = np.array([[0.50, 0.40, 0.60], [0.61, 0.62, 0.45], [0.48, 0.55, 0.52], [0.58, 0.57, 0.66]])
OBSERVED = np.array([0.60, 0.56, 0.65])
MODELS = ["chosen", "a", "b"]


def permuted(null=NULL):
    rows = [("responses", 0, m, v) for m, v in zip(MODELS, OBSERVED, strict=True)]
    rows += [("responses", i, m, v) for i, r in enumerate(null, 1) for m, v in zip(MODELS, r, strict=True)]
    return pd.DataFrame(rows, columns=["permuted", "number", "model", "statistic"])


def test_chance__p_counts_the_observed_data_among_the_permutations():
    table = chance_table(permuted(), most=4).set_index("model")
    assert table.loc["chosen", "p"] == pytest.approx(2 / 5)
    assert table.loc["a", "p"] == pytest.approx(3 / 5)
    assert table.loc["b", "p"] == pytest.approx(2 / 5)
    assert table.loc["chosen", ["permutations", "reached"]].tolist() == [4, 1]
    assert table.loc["chosen", "low"] < 1 / 4 < table.loc["chosen", "high"]


def test_chance__the_best_row_is_judged_against_the_best_of_every_permutation():
    table = chance_table(permuted(), most=4).set_index("model")
    # Highest of a and b in each permutation: 0.60, 0.62, 0.55, 0.66; one reaches the observed 0.65.
    assert table.loc["best", "observed"] == 0.65
    assert table.loc["best", "p"] == pytest.approx(2 / 5)
    assert table.loc["a", "adjusted_p"] == pytest.approx(4 / 5)
    assert table.loc["b", "adjusted_p"] == pytest.approx(2 / 5)


def test_chance__an_exact_test_divides_by_all_arrangements():
    table = chance_table(permuted(), most=100, exact=True).set_index("model")
    assert table.loc["chosen", "p"] == pytest.approx(2 / 5)
    assert table.loc["chosen", "low"] == table.loc["chosen", "high"] == table.loc["chosen", "p"]
    assert table.loc["chosen", "method"] == "exact: all 5 arrangements"


def test_chance__where_the_sequence_was_stopped_only_the_headline_has_a_p():
    table = chance_table(permuted(NULL[:2]), most=100, stop_at=1).set_index("model")
    assert table.loc["chosen", "p"] == pytest.approx(1 / 2)
    assert table.loc[["a", "b", "best"], "p"].isna().all()


def test_chance__nothing_permuted_gives_an_empty_table():
    assert chance_table(permuted().head(0), most=0).empty
