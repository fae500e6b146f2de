"""Scores within the levels of covariates."""

import itertools

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.learn.strata import stratum_table
from trastuz_ml.stats.intervals import newcombe_auc


@pytest.fixture(scope="module")
def made():
    rng = np.random.default_rng(3)
    y = np.tile([1, 0, 0], 16)
    names = [f"P{i:02d}" for i in range(48)]
    er = (["+", "-", "+", "-", None] * 9)[:42] + ["rare"] * 6
    rows = [
        (model, repeat, (i // 3 + repeat) % 4, names[i], y[i], 0.3 if model == "rate" else round(rng.random(), 1))
        for model in ("chosen", "rate")
        for repeat in range(3)
        for i in range(48)
    ]
    table = pd.DataFrame(rows, columns=["model", "repeat", "fold", "patient", "response", "probability"])
    return table, pd.DataFrame({"patient": names, "er": er, "grade": "3"}).sample(frac=1, random_state=0)


def share_of_pairs(table, members):
    by_repeat = []
    for _, repeat in table[table["patient"].isin(members)].groupby("repeat"):
        wins = []
        for _, fold in repeat.groupby("fold"):
            responders, others = (fold.loc[fold["response"] == y, "probability"] for y in (1, 0))
            wins += [(a > b) + 0.5 * (a == b) for a, b in itertools.product(responders, others)]
        by_repeat.append(np.mean(wins))
    return np.mean(by_repeat)


def test_strata__auroc_is_the_share_of_pairs_of_one_level_and_fold(made):
    table, patients = made
    found = stratum_table(table, patients, ["er"]).set_index(["model", "level"])
    for level in ("+", "-"):
        members = patients.loc[patients["er"] == level, "patient"]
        row = found.loc[("chosen", level)]
        assert row["auroc"] == pytest.approx(share_of_pairs(table[table["model"] == "chosen"], members))
        responders = int(table[table["patient"].isin(members)].groupby("patient")["response"].first().sum())
        assert (row["patients"], row["responders"]) == (len(members), responders)
        expected = newcombe_auc(row["auroc"], responders, len(members) - responders)
        assert (row["low"], row["high"]) == (expected.low, expected.high)


def test_strata__a_value_that_is_not_known_is_a_level(made):
    levels = stratum_table(*made, ["er"]).query("model == 'chosen'")
    assert levels["level"].tolist() == ["+", "-", "rare", "unknown"]
    assert levels["patients"].sum() == 48


def test_strata__too_few_of_a_class_are_refused_with_the_count(made):
    row = stratum_table(*made, ["er"]).set_index(["model", "level"]).loc[("chosen", "rare")]
    assert row["status"] == "refused: 2 responders, and fewer than 3 say nothing"
    assert np.isnan(row["auroc"])


def test_strata__one_level_for_all_gives_all_pairs_of_a_fold(made):
    table, patients = made
    row = (
        stratum_table(table, patients, ["er", "grade"]).query("covariate == 'grade' and model == 'chosen'").iloc[0]
    )
    assert row["auroc"] == pytest.approx(share_of_pairs(table[table["model"] == "chosen"], patients["patient"]))


def test_strata__a_model_that_knows_the_rate_alone_gets_no_interval(made):
    row = stratum_table(*made, ["grade"]).query("model == 'rate'").iloc[0]
    assert (row["auroc"], row["interval"][:15]) == (0.5, "by construction")


def test_strata__none_asked_for_gives_an_empty_table(made):
    assert stratum_table(*made, []).empty


def test_strata__of_left_out_pairs_are_the_pairs_within_the_level():
    rng = np.random.default_rng(0)
    names = [f"P{i:02d}" for i in range(14)]
    rows = [
        ("m", 0, fold, names[i], i % 2, rng.random(), fold)
        for fold, both in enumerate(itertools.combinations(range(14), 2))
        for i in both
    ]
    table = pd.DataFrame(rows, columns=["model", "repeat", "fold", "patient", "response", "probability", "pair"])
    patients = pd.DataFrame({"patient": names, "er": ["+"] * 8 + ["-"] * 6})
    found = stratum_table(table, patients, ["er"]).set_index("level")
    for level, members in (("+", names[:8]), ("-", names[8:])):
        inside = table[table["patient"].isin(members)]
        whole = inside.groupby("pair").filter(lambda both: len(both) == 2 and both["response"].nunique() == 2)
        wins = whole.groupby("pair").apply(lambda b: b.loc[b["probability"].idxmax(), "response"])
        assert found.loc[level, "auroc"] == pytest.approx(wins.mean())
