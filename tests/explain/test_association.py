"""Association of every gene with the response, and why a gene is not evaluable."""

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from scipy.stats import false_discovery_control, fisher_exact
from scipy.stats.contingency import odds_ratio

from trastuz_ml.errors import InputError
from trastuz_ml.explain.association import association_table
from trastuz_ml.explain.confounders import coded_confounders
from trastuz_ml.learn.selection import selection_frequencies
from trastuz_ml.stats.firth import firth_genes

NUMBERS = ["odds_ratio", "low", "high", "p", "q", "q_discrete", "adjusted_odds_ratio", "adjusted_p", "adjusted_q"]


def cohort(seed=0, patients=80, genes=40):
    """Return names, cells, response, and burden with a subtype; the first gene goes with resistance."""
    rng = np.random.default_rng(seed)
    y = (np.arange(patients) % 3 == 0).astype(np.int8)
    X = (rng.random((patients, genes)) < 0.02 + rng.exponential(0.08, genes)).astype(np.float32)
    X[:, 0] = (rng.random(patients) < np.where(y == 1, 0.05, 0.5)).astype(np.float32)
    frame = pd.DataFrame(
        {"mutational burden": np.log1p(X.sum(axis=1)), "ER": rng.choice(["POS", "NEG"], patients)}
    )
    return [f"G{i}" for i in range(genes)], X, y, frame


def table_of(genes, X, y, frame, **more):
    given = {"watched": ["G0"], "groups": np.arange(len(y)), "seed": 1, "subsamples": 0} | more
    return association_table(genes, X, y, confounders=frame, **given)


@pytest.fixture(scope="module")
def rows():
    y = np.array([1, 1, 1, 0, 0, 0, 0, 0], dtype=np.int8)
    X = np.zeros((8, 6), dtype=np.float32)
    X[[0, 1], 0] = 1
    X[7, 0] = np.nan  # carried by two responders, covered in seven
    X[:, 2] = 1
    X[:, 3] = np.nan
    X[:3, 4] = 1
    X[3:, 5] = np.nan
    X[0, 5] = 1
    genes = ["ANKRD44", "NONE", "TTN", "PANEL", "TP53", "ONLY"]
    return table_of(genes, X, y, pd.DataFrame(), watched=["TTN", "ANKRD44"]).set_index("gene")


def test_association__counts_only_the_patients_in_whom_the_gene_was_covered(rows):
    row = rows.loc["ANKRD44"]
    assert (row["covered"], row["carriers"], row["responders"], row["carriers_responding"]) == (7, 2, 3, 2)
    assert row["p"] == pytest.approx(3 / 21)  # choose(3, 2) / choose(7, 2): both carriers among the responders
    assert rows["watched"].tolist() == [True, False, True, False, False, False]


def test_association__says_why_nothing_can_be_said(rows):
    assert rows["status"].to_dict() == {
        "ANKRD44": "not evaluable: with 2 carriers among 7, 3 responding, "
        "no outcome reaches p 0.05 in either direction",
        "NONE": "not evaluable: mutated in 0 of 8",
        "TTN": "not evaluable: mutated in all 8",
        "PANEL": "not covered",
        "TP53": "",
        "ONLY": "not evaluable: each of the 3 covered patients responded",
    }
    assert rows.loc[["NONE", "TTN", "PANEL", "ONLY"], NUMBERS].isna().all(axis=None)


def test_association__a_gene_that_cannot_be_tested_has_an_odds_ratio_and_no_q(rows):
    assert rows.loc["ANKRD44", ["odds_ratio", "low", "high", "p"]].notna().all()
    assert rows.loc["ANKRD44", ["q", "q_discrete"]].isna().all()
    assert rows.loc["TP53", "q"] == rows.loc["TP53", "p"]  # the only one that can be tested
    assert rows.loc["TP53", "adjusted_for"] == "not adjusted: no confounder was given"


def test_association__exact_columns_are_those_of_scipy_gene_by_gene():
    genes, X, y, frame = cohort()
    table = table_of(genes, X, y, frame)
    assert table["gene"].tolist() == genes
    for j in np.flatnonzero(X.any(axis=0))[::3]:
        k, r = X[:, j] > 0, y == 1
        square = [[(k & r).sum(), (k & ~r).sum()], [(~k & r).sum(), (~k & ~r).sum()]]
        expected = odds_ratio(square, kind="conditional")
        row = table.iloc[j]
        assert row["p"] == pytest.approx(fisher_exact(square).pvalue)
        assert row["odds_ratio"] == pytest.approx(expected.statistic, rel=1e-8)
        assert (row["low"], row["high"]) == pytest.approx(tuple(expected.confidence_interval(0.95)), rel=1e-8)
    tested = table[table["status"] == ""]
    assert 20 < len(tested) < 40
    np.testing.assert_allclose(tested["q"], false_discovery_control(tested["p"]))
    np.testing.assert_allclose(tested["adjusted_q"], false_discovery_control(tested["adjusted_p"]))
    assert table.loc[table["status"] != "", ["q", "q_discrete", "adjusted_q"]].isna().all(axis=None)


def test_association__adjusted_columns_are_firths_among_the_covered():
    genes, X, y, frame = cohort()
    X[:30, 20:] = np.nan
    table = table_of(genes, X, y, frame)
    assert set(table.loc[table["carriers"] > 0, "adjusted_for"]) == {"mutational burden, ER"}
    for j in (0, 25):
        rows = np.flatnonzero(~np.isnan(X[:, j]))
        found = firth_genes(X[rows][:, [j]], y[rows], coded_confounders(frame.iloc[rows]).columns)
        row = table.iloc[j]
        assert row["adjusted_odds_ratio"] == pytest.approx(np.exp(found.coefficient[0]), rel=1e-6)
        assert row["adjusted_low"] == pytest.approx(np.exp(found.low[0]), rel=1e-6)
        assert row["adjusted_high"] == pytest.approx(np.exp(found.high[0]), rel=1e-6)
        assert row["adjusted_p"] == pytest.approx(found.p[0], rel=1e-6)
    assert table.loc[0, "adjusted_high"] < 1


def test_association__a_gene_that_follows_burden_alone_is_mended_by_adjusting():
    rng = np.random.default_rng(3)
    burden = rng.normal(0, 1, 400)
    y = (rng.random(400) < 1 / (1 + np.exp(1 - 1.2 * burden))).astype(np.int8)
    X = (rng.random((400, 60)) < 1 / (1 + np.exp(0.8 - 1.2 * burden))[:, None]).astype(np.float32)
    table = table_of([f"TTN{i}" for i in range(60)], X, y, pd.DataFrame({"mutational burden": burden}))
    assert (table["p"] <= 0.05).mean() > 0.8
    assert (table["adjusted_p"] <= 0.05).mean() < 0.15


def test_association__too_few_patients_are_not_adjusted_and_it_says_so():
    genes, X, y, frame = cohort(patients=12, genes=15)
    frame = frame.assign(centre=list("AAABBBCCCDDD"))
    table = table_of(genes, X, y, frame).query("carriers > 0 and carriers < 12")
    assert set(table["adjusted_for"]) == {
        "not adjusted: mutational burden, ER, centre would need 16 patients in whom the gene is covered, "
        "and there are 12"
    }
    assert table[["adjusted_odds_ratio", "adjusted_low", "adjusted_high", "adjusted_p"]].isna().all(axis=None)
    assert table["odds_ratio"].notna().all()
    fewer = table_of(genes, X, y, frame[["mutational burden", "ER"]]).query("carriers > 0 and carriers < 12")
    assert fewer["adjusted_p"].notna().all()


def test_association__a_gene_that_the_confounders_tell_is_not_adjusted():
    genes, X, y, frame = cohort()
    X[:, 5] = frame["ER"] == "POS"
    row = table_of(genes, X, y, frame).iloc[5]
    assert row["adjusted_for"].startswith("not adjusted: the confounders tell who carries it")
    assert np.isnan(row["adjusted_p"])
    assert not np.isnan(row["p"])


def test_association__unknown_and_constant_confounders_are_named():
    genes, X, y, frame = cohort()
    frame = frame.assign(**{"mutational burden": np.nan, "HER2": "NEG"})
    table = table_of(genes, X, y, frame)
    assert table.loc[0, "adjusted_for"] == (
        "ER; without mutational burden (unknown in every patient), HER2 (the same in every patient)"
    )
    none = table_of(genes, X, y, frame[["HER2"]]).loc[0]
    assert none["adjusted_for"] == "not adjusted: without HER2 (the same in every patient)"
    assert np.isnan(none["adjusted_p"])


def test_association__genes_with_the_same_carriers_are_named_and_have_one_answer():
    genes, X, y, frame = cohort()
    X[:, [7, 9]] = X[:, [0]]
    X[:, 11] = X[:, 0]
    X[0, 11] = np.nan  # the same carriers, but not covered everywhere
    X[:, 20:34] = X[:, [20]]
    X[:, [38, 39]] = 0
    table = table_of(genes, X, y, frame)
    assert table.loc[[0, 7, 9], "alike"].tolist() == ["G7, G9", "G0, G9", "G0, G7"]
    assert table.loc[[11, 38], "alike"].tolist() == ["", ""]
    assert table.loc[20, "alike"] == "G21, G22, G23, G24, G25, G26, G27, G28, G29, G30 and 3 more"
    assert table.loc[33, "alike"] == "G20, G21, G22, G23, G24, G25, G26, G27, G28, G29 and 3 more"
    assert table.loc[[0, 7, 9], "adjusted_p"].nunique() == 1


def test_association__lengths_rank_the_longest_first():
    genes, X, y, frame = cohort()
    table = table_of(genes, X, y, frame, lengths={"G1": 5.0, "G3": 90.0, "G8": 5.0, "ELSEWHERE": 1e6})
    assert table["length"].dropna().tolist() == [5, 90, 5]
    assert table["length_rank"].dropna().tolist() == [2, 1, 2]


def test_association__selection_is_that_of_half_samples_and_can_be_left_out():
    genes, X, y, frame = cohort()
    X[:, 4] = 0
    table = table_of(genes, X, y, frame, subsamples=20)
    found = selection_frequencies(X, y, np.arange(80), 1, subsamples=20)
    carried = X.any(axis=0)
    np.testing.assert_array_equal(table["selected"][carried], found.genes[carried])
    assert table["selected"].idxmax() == 0
    assert table.loc[0, "false_selections"] < 1
    assert np.isnan(table.loc[4, "selected"])
    assert table_of(genes, X, y, frame)[["selected", "false_selections"]].isna().all(axis=None)


def test_association__order_of_patients_and_genes_does_not_matter():
    genes, X, y, frame = cohort()
    X[:20, 30:] = np.nan
    plain = table_of(genes, X, y, frame)
    rows, columns = np.random.default_rng(2).permutation(80), np.random.default_rng(3).permutation(40)
    other = table_of([genes[j] for j in columns], X[rows][:, columns], y[rows], frame.iloc[rows])
    assert_frame_equal(
        other.set_index("gene").loc[genes].drop(columns="alike"), plain.set_index("gene").drop(columns="alike")
    )


def test_association__a_cohort_without_genes_has_no_rows():
    table = table_of([], np.zeros((6, 0), np.float32), np.array([0, 1, 0, 1, 0, 1]), pd.DataFrame(), subsamples=50)
    assert len(table) == 0


def test_association__shapes_that_disagree_are_refused():
    genes, X, y, frame = cohort()
    with pytest.raises(InputError, match="39 genes"):
        table_of(genes[1:], X, y, frame)
    with pytest.raises(InputError, match="79 rows of confounders"):
        table_of(genes, X, y, frame[1:])
