"""Calls taken out by declared filters, each counted once."""

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.calls.filters import apply_filters
from trastuz_ml.calls.reading import Filters
from trastuz_ml.schema import CALLS, conform


def called(**columns):
    size = len(next(iter(columns.values())))
    given = {"patient": "P1", "gene": "TP53", "effect": "missense", "file": "a.maf"} | columns
    return conform(pd.DataFrame(given, index=range(size)), CALLS)


@pytest.mark.parametrize(
    ("columns", "filters", "kept", "fate"),
    [
        ({"filter": ["PASS", "artifact", None, "PASS;artifact"]}, Filters(), [0, 2], "filter"),
        ({"filter": ["PASS", "rescued"]}, Filters(words=("PASS", "rescued")), [0, 1], None),
        ({"filter": ["artifact"]}, Filters(words=None), [0], None),
        ({"depth": [9, 10, None]}, Filters(min_depth=10), [1, 2], "low-depth"),
        ({"alt_reads": [2, 3, None]}, Filters(min_alt_reads=3), [1, 2], "few-alt-reads"),
        ({"vaf": [0.04, 0.05, np.nan]}, Filters(min_vaf=0.05), [1, 2], "low-vaf"),
        ({"population_frequency": [0.02, 0.01, np.nan]}, Filters(max_population_frequency=0.01), [1, 2],
         "common-in-population"),
    ],
)  # fmt: skip
def test_filters__what_fails_is_counted_and_what_is_missing_passes(columns, filters, kept, fate):
    calls = called(**columns)
    passed, dropped = apply_filters(calls, filters)
    assert passed.index.tolist() == kept
    assert dropped["fate"].tolist() == ([fate] if fate else [])
    assert len(passed) + dropped["rows"].sum() == len(calls)


def test_filters__a_call_that_fails_two_rules_counts_under_the_first():
    calls = called(filter=["artifact", "PASS"], depth=[1, 1])
    passed, dropped = apply_filters(calls, Filters(min_depth=10))
    assert passed.empty
    assert dropped.set_index("fate")["rows"].to_dict() == {"filter": 1, "low-depth": 1}
