"""The same call twice counts once, whatever the order of the rows."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from trastuz_ml.cohort.distinct import distinct_calls
from trastuz_ml.schema import CALLS, EFFECTS, conform

COLUMNS = ["patient", "gene", "effect", "chrom", "pos", "ref", "alt", "hgvsc"]
drawn = st.lists(
    st.tuples(
        st.sampled_from(["P1", "P2"]), st.sampled_from(["A", "B", None]), st.sampled_from(EFFECTS),
        st.sampled_from(["1", "X", None]), st.sampled_from([5, 6, None]), st.sampled_from(["A", "-"]),
        st.sampled_from(["C", "-", None]), st.sampled_from(["c.1A>C", "c.2del", None]),
    ),
    max_size=25,
)  # fmt: skip


def table(rows):
    return conform(pd.DataFrame(rows, columns=COLUMNS), CALLS, complete=False)


def expected(rows):
    """How many calls are distinct, by sets: the coding change stands in where the allele is not given."""
    placed = {(p, g, c, at, r, a, h if a is None else None) for p, g, _, c, at, r, a, h in rows if at is not None}
    return len(placed) + sum(row[4] is None for row in rows)


@settings(deadline=None)
@given(drawn, st.randoms())
def test_distinct__counts_as_sets_do_and_order_changes_nothing(rows, random):
    once, repeats = distinct_calls(table(rows))
    assert len(once) == expected(rows)
    assert len(once) + len(repeats) == len(rows)
    random.shuffle(rows)
    again, _ = distinct_calls(table(rows))
    pd.testing.assert_frame_equal(once, again)


@settings(deadline=None)
@given(drawn)
def test_distinct__of_the_same_call_the_gravest_effect_stays(rows):
    rank = {effect: place for place, effect in enumerate(EFFECTS)}
    once, _ = distinct_calls(table(rows))
    key = [name for name in COLUMNS if name not in ("effect", "hgvsc")]
    gravest = table(rows).assign(rank=lambda t: t["effect"].astype("str").map(rank))
    gravest = gravest[gravest["alt"].notna() & gravest["pos"].notna()].astype(dict.fromkeys(key, "str"))
    best = gravest.groupby(key, dropna=False)["rank"].min()
    found = once[once["alt"].notna() & once["pos"].notna()].astype(dict.fromkeys(key, "str"))
    held = found.assign(rank=found["effect"].astype("str").map(rank)).set_index(key)["rank"].sort_index()
    np.testing.assert_array_equal(held.to_numpy(), best.sort_index().to_numpy())


def test_distinct__more_combinations_than_a_number_holds_are_told_apart():
    size = 3
    rows = [(f"P{i}", f"G{i}", "missense", "1", 2**31 - 1 - i, "A", "C", None) for i in range(size)] * 2
    once, repeats = distinct_calls(table(rows))
    assert (len(once), len(repeats)) == (size, size)
