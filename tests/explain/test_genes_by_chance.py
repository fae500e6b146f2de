"""How many genes tell responders apart, against permuted responses, beside scipy and counting by hand."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact

from trastuz_ml.errors import ConfigurationError, EvidenceError
from trastuz_ml.explain.genes_by_chance import (
    STRICTNESSES,
    against_chance,
    chance_caveats,
    genes_by_chance,
    permuted_responses,
    strictness_named,
    telling_genes,
    words_of,
)

SIX_AND_SIX = np.repeat([1, 0], 6).astype(np.int8)


def nobody_alike(patients):
    return {
        "strata": np.zeros(patients, dtype=np.intp),
        "groups": np.array([f"P{i:03d}" for i in range(patients)]),
    }


def drawn(patients, genes, seed, share=0.3):
    return (np.random.default_rng(seed).random((patients, genes)) < share).astype(np.float32)


def counts(found, key):
    rows = found[found["strictness"] == strictness_named(key).words]
    return rows.sort_values("number")["genes"].to_numpy(dtype=int)


def by_hand(X, y):
    """Count, gene after gene, as the words of each strictness say."""
    found = dict.fromkeys((s.key for s in STRICTNESSES), 0)
    for gene in X.T:
        seen = ~np.isnan(gene)
        carry, responds = gene[seen] > 0, y[seen] == 1
        told = {responds[carry].all(), not responds[carry].any()} - {False}
        alike = carry.any() and bool(told) and 0 < responds.sum() < len(responds)
        p = fisher_exact(
            [[sum(carry & responds), sum(carry & ~responds)], [sum(~carry & responds), sum(~carry & ~responds)]]
        ).pvalue
        for k in (2, 3, 4):
            found[f"one-response-{k}"] += int(alike and carry.sum() >= k)
        for limit in (0.05, 0.01, 0.001):
            found[f"p-{limit}"] += int(p <= limit + 1e-12)
        found["perfect"] += int(seen.all() and ((carry == responds).all() or (carry != responds).all()))
    return found


@pytest.mark.parametrize("gaps", [False, True])
def test_counts__are_those_of_scipy_gene_by_gene_under_every_response(gaps):
    X = drawn(14, 60, 1, 0.35)
    X[:, 0], X[:, 1] = np.arange(14) < 6, np.arange(14) >= 6
    if gaps:
        X[:5, 10:30] = np.nan
        X[8:, 31] = np.nan
        X[6:, 33] = np.nan  # covered in responders alone
        X[:6, 33] = [1, 1, 1, 0, 0, 0]
    y = (np.arange(14) < 6).astype(np.int8)
    settings = nobody_alike(14)
    found = genes_by_chance(X, y, **settings, times=8, seed=3)
    responses = np.vstack([y, permuted_responses(y, **settings, times=8, seed=3)])
    for number, response in enumerate(responses):
        expected = by_hand(X, response)
        assert {s.key: counts(found, s.key)[number] for s in STRICTNESSES} == expected
    assert counts(found, "perfect")[0] == 2


def test_permutations__six_and_six_are_all_taken_once():
    X = drawn(12, 80, 2)
    found = genes_by_chance(X, SIX_AND_SIX, **nobody_alike(12), times=999)
    permuted = permuted_responses(SIX_AND_SIX, **nobody_alike(12), times=999, seed=0)
    assert len({tuple(y) for y in permuted} | {tuple(SIX_AND_SIX)}) == math.comb(12, 6) == len(permuted) + 1
    every = [
        sum(set(np.flatnonzero(gene)) <= set(these) or not set(np.flatnonzero(gene)) & set(these) for gene in X.T)
        for these in itertools.combinations(range(12), 6)
    ]
    one = against_chance(found, exact=True).set_index("strictness").loc[strictness_named("one-response-2").words]
    rare = int(((X > 0).sum(axis=0) < 2).sum())
    assert one["p"] == np.mean(np.array(every) - rare >= one["observed"])
    assert one["method"] == "exact: all 924 arrangements"


def test_permutations__their_mean_is_the_hypergeometric_expectation():
    X = drawn(12, 200, 3, 0.2)
    found = counts(genes_by_chance(X, SIX_AND_SIX, **nobody_alike(12), times=999), "one-response-3")
    carriers = (X > 0).sum(axis=0)
    expected = sum(2 * math.comb(6, k) / math.comb(12, k) for k in carriers[carriers >= 3])
    assert found.mean() == pytest.approx(expected, rel=1e-12)


def test_permutations__stay_within_strata_and_move_groups_as_wholes():
    y = np.array([1, 1, 0, 0, 1, 0, 1, 0, 0, 1, 1, 0] * 3, dtype=np.int8)
    strata = np.repeat([0, 1], 18)
    singles = np.array([f"P{i:02d}" for i in range(36)])
    permuted = permuted_responses(y, strata=strata, groups=singles, times=50, seed=1)
    assert (permuted[:, :18].sum(axis=1) == y[:18].sum()).all()
    assert len({tuple(row) for row in permuted}) > 40
    pairs = np.array([f"G{i // 2:02d}" for i in range(36)])
    together = np.repeat([1, 0] * 9, 2).astype(np.int8)
    moved = permuted_responses(together, strata=np.zeros(36, dtype=np.intp), groups=pairs, times=50, seed=1)
    assert (moved[:, ::2] == moved[:, 1::2]).all()
    assert len({tuple(row) for row in moved}) > 40


def test_permutations__hang_on_the_seed_alone():
    X, y = drawn(40, 50, 4), (np.arange(40) < 15).astype(np.int8)
    first, again, other = (genes_by_chance(X, y, **nobody_alike(40), times=30, seed=s) for s in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert (first["genes"] != other["genes"]).any()


def test_p__is_honest_where_no_gene_means_anything():
    rng, found = np.random.default_rng(5), []
    for _ in range(120):
        X = (rng.random((10, 150)) < rng.uniform(0.1, 0.4, 150)).astype(np.float32)
        y = rng.permutation(np.repeat([1, 0], 5)).astype(np.int8)
        found.append(
            against_chance(genes_by_chance(X, y, **nobody_alike(10), times=251)).set_index("strictness")["p"]
        )
    share = (pd.concat(found, axis=1) <= 0.05).mean(axis=1)
    # Three standard errors of 120 cohorts above 5 %.
    assert (share <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 120)).all()
    assert share.max() > 0


def test_p__planted_genes_are_more_than_chance_gives():
    X, y = drawn(60, 200, 6, 0.2), (np.arange(60) < 25).astype(np.int8)
    X[:, :12] = (np.random.default_rng(7).random((60, 12)) < 0.1 + 0.5 * y[:, None]).astype(np.float32)
    found = against_chance(genes_by_chance(X, y, **nobody_alike(60), times=199, seed=1))
    row = found.set_index("strictness").loc["p <= 0.01"]
    assert row["p"] == 1 / 200
    assert row["observed"] >= 9
    assert row["false_share"] == pytest.approx(row["expected"] / row["observed"])
    assert "more than chance gives" in row["sentence"]
    assert any("burden" in said for said in chance_caveats(found))


def test_telling_genes__are_those_that_are_counted_most_carriers_first():
    X = drawn(20, 80, 8)
    y = (np.arange(20) < 9).astype(np.int8)
    found = telling_genes(X, y)
    table = genes_by_chance(X, y, **nobody_alike(20), times=1)
    for strictness in STRICTNESSES:
        places = found[strictness.words]
        assert len(places) == counts(table, strictness.key)[0]
        assert (np.diff((X[:, places] > 0).sum(axis=0)) <= 0).all()


def summary(*genes):
    rows = [("p <= 0.05", number, many) for number, many in enumerate(genes)]
    return against_chance(pd.DataFrame(rows, columns=["strictness", "number", "genes"]))


def test_summary__says_what_a_reader_asks():
    found = summary(18, *range(7, 30))
    assert found["sentence"].iloc[0] == (
        "p <= 0.05: 18 genes tell the responders apart; shuffled responses give 18 on average (7 to 29; p = 0.54)"
        ": this cannot be told from chance."
    )
    assert found["false_share"].iloc[0] == 1.0
    assert chance_caveats(found) == []


def test_summary__without_a_gene_there_is_no_share_of_false_ones():
    found = summary(0, 0, 2, 1)
    assert math.isnan(found["false_share"].iloc[0])
    assert found["p"].iloc[0] == 1
    assert "no gene tells the responders apart; shuffled responses give 1 on average" in found["sentence"].iloc[0]
    assert "neither here nor under any" in summary(0, 0, 0)["sentence"].iloc[0]


def test_summary__one_gene_is_spoken_of_as_one():
    assert "1 gene tells the responders apart" in summary(1, 1, 0)["sentence"].iloc[0]


def test_no_permutations__leave_no_rows():
    found = genes_by_chance(drawn(12, 9, 9), SIX_AND_SIX, **nobody_alike(12), times=0)
    assert found.empty
    assert against_chance(found).empty
    assert chance_caveats(against_chance(found)) == []


def test_genes_that_nobody_or_everybody_carries__never_count():
    X = np.column_stack([np.zeros(12), np.ones(12)]).astype(np.float32)
    assert (genes_by_chance(X, SIX_AND_SIX, **nobody_alike(12), times=20)["genes"] == 0).all()


def test_bad_input__is_refused_in_words():
    with pytest.raises(EvidenceError, match="All 12 patients have one response"):
        genes_by_chance(drawn(12, 5, 1), np.ones(12, dtype=np.int8), **nobody_alike(12))
    with pytest.raises(ConfigurationError, match="no strictness 'strict'; expected one of one-response-2"):
        words_of(["strict"])
    assert words_of([]) == [s.words for s in STRICTNESSES]
