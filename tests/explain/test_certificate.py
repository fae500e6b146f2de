"""A certificate gives the verdict that the written rules give, and refuses what cannot be said in plain words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.explain.certificate import (
    SAME_SIGN,
    SUGGESTIVE_P,
    SUGGESTIVE_Q,
    SUPPORTED_P,
    VERDICTS,
    Evidence,
    certificate_of,
    in_order,
    judge,
    models_that_agree,
)
from trastuz_ml.schema import ASSOCIATIONS, GENE_CONTRIBUTIONS, SILENCED, conform, empty

ROW = {
    "gene": "ANKRD44", "watched": True, "covered": 200, "carriers": 40, "responders": 52,
    "carriers_responding": 3, "odds_ratio": 0.2, "low": 0.05, "high": 0.6, "p": 0.002, "q": 0.3,
    "q_discrete": 0.2, "adjusted_for": "mutational burden", "adjusted_odds_ratio": 0.22, "adjusted_low": 0.06,
    "adjusted_high": 0.65, "adjusted_p": 0.004, "adjusted_q": 0.4, "length": np.nan, "length_rank": np.nan,
    "alike": "", "selected": np.nan, "false_selections": np.nan, "status": "",
}  # fmt: skip
MODEL = {
    "model": "l2-logistic:both", "feature": "ANKRD44", "block": "gene", "covered": 200, "carriers": 40,
    "alike": "", "folds_kept": 1.0, "folds_used": 1.0, "mean_abs": 0.1, "mean_abs_low": 0.09,
    "mean_abs_high": 0.11, "when_mutated": -0.3, "when_mutated_low": -0.4, "when_mutated_high": -0.2,
    "sign_agreement": 1.0, "rank": 3.0, "rank_low": 2.0, "rank_high": 5.0, "scale": "log-odds", "status": "",
}  # fmt: skip


def models(*changes):
    rows = [{**MODEL, "model": f"model {i}", **change} for i, change in enumerate(changes)]
    return conform(pd.DataFrame(rows, columns=GENE_CONTRIBUTIONS.names), GENE_CONTRIBUTIONS)


def evidence(*rows, contributions=None):
    table = conform(pd.DataFrame([{**ROW, **row} for row in rows]), ASSOCIATIONS)
    silenced = empty(SILENCED)
    return Evidence(table, models({}) if contributions is None else contributions, silenced)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "supported"),
        ({"adjusted_p": SUPPORTED_P}, "supported"),
        ({"adjusted_p": SUPPORTED_P + 1e-6}, "suggestive"),
        ({"adjusted_p": SUGGESTIVE_P}, "suggestive"),
        ({"adjusted_p": SUGGESTIVE_P + 1e-6}, "unsupported"),
        ({"watched": False}, "unsupported"),  # the same small p, but one of all genes that were tried
        ({"watched": False, "adjusted_q": SUPPORTED_P}, "supported"),
        ({"watched": False, "adjusted_q": SUGGESTIVE_Q}, "suggestive"),
        ({"watched": False, "adjusted_q": SUGGESTIVE_Q + 1e-6}, "unsupported"),
        ({"p": SUGGESTIVE_P}, "suggestive"),  # the exact test has a say, too
        ({"p": SUGGESTIVE_P + 1e-6}, "unsupported"),
        ({"watched": False, "adjusted_q": SUPPORTED_P, "p": SUPPORTED_P + 1e-6}, "suggestive"),
        ({"counted": "groups"}, "supported"),
        ({"counted": "patients in groups"}, "suggestive"),
        ({"covered": 0, "status": "not covered"}, "not covered"),
        ({"carriers": 0, "status": "not evaluable: mutated in 0 of 200"}, "not evaluable"),
        ({"adjusted_p": np.nan, "adjusted_for": "nothing: too few patients"}, "not evaluable"),
    ],
)
def test_judge__follows_the_written_rules_to_the_last_digit(change, verdict):
    found, why = judge({**ROW, **change}, models({}))
    assert found == verdict
    assert why.endswith(".")


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"when_mutated": +0.3}, "suggestive"),
        ({"sign_agreement": SAME_SIGN}, "supported"),
        ({"sign_agreement": SAME_SIGN - 0.01}, "suggestive"),
        ({"folds_used": 0.0}, "suggestive"),
        ({"sign_agreement": np.nan}, "suggestive"),
    ],
)
def test_judge__supports_a_gene_only_when_models_move_carriers_the_same_way(change, verdict):
    assert judge(ROW, models(change))[0] == verdict


def test_models_that_agree__counts_models_that_use_the_gene():
    table = models({}, {"when_mutated": 0.1}, {"folds_used": 0.0}, {"sign_agreement": 0.5})
    assert models_that_agree(table, odds_ratio=0.2) == (1, 3)
    assert models_that_agree(table, odds_ratio=5.0) == (1, 3)


def test_judge__never_supports_what_fishers_test_cannot_show():
    """Of 12 patients, 5 of 6 carriers respond and 1 of 6 others: Firth's p can be below 0.05, Fisher's is 0.08."""
    row = {
        "covered": 12,
        "carriers": 6,
        "responders": 6,
        "carriers_responding": 5,
        "p": 0.0801,
        "adjusted_p": 0.04,
    }
    assert judge({**ROW, **row}, models({}))[0] == "suggestive"


@pytest.mark.parametrize(("p", "said"), [(0.0504, "= 0.0504"), (0.1004, "= 0.1004"), (0.004, "= 0.004")])
def test_judge__shows_digits_enough_to_see_on_which_side_of_a_limit_p_is(p, said):
    assert said in judge({**ROW, "adjusted_p": p}, models({}))[1]


def test_certificate__of_one_model_shows_it_alone_and_keeps_the_verdict_of_all():
    tables = evidence({}, contributions=models({}, {"when_mutated": 0.1}))
    whole = certificate_of("ANKRD44", tables)
    one = certificate_of("ANKRD44", tables, model="model 0")
    assert whole.verdict == one.verdict == "suggestive"
    assert one.contributions["model"].tolist() == ["model 0"]
    assert "model 1" not in " ".join(one.sentences)


def test_certificate__of_several_declared_genes_says_how_often_some_would_pass_by_chance():
    rows = [{}, *({"gene": f"G{i}"} for i in range(3))]
    assert "in up to 19 % of cohorts" in " ".join(certificate_of("ANKRD44", evidence(*rows)).sentences)


def test_certificate__of_groups_counted_once_says_so():
    assert (
        "Patients who share a group are counted once."
        in certificate_of("ANKRD44", evidence({"counted": "groups"})).sentences[0]
    )


def test_judge__half_of_the_models_are_not_most():
    assert judge(ROW, models({}, {"when_mutated": 0.1}))[0] == "suggestive"
    assert judge(ROW, models({}, {}, {"when_mutated": 0.1}))[0] == "supported"


def test_certificate__says_counts_adjustment_power_and_contributions():
    text = " ".join(certificate_of("ANKRD44", evidence({})).sentences)
    assert "mutated in 40 of 200 (20 %) patients" in text
    assert "3 of 40 carriers respond, 49 of 160 others do" in text
    assert "Adjusted for mutational burden: 0.22 (95 % 0.06 to 0.65; p = 0.004" in text
    assert "declared before fitting, and is judged at its own p" in text
    assert "With 40 carriers among 200, 52 responding" in text
    assert "moves left-out carriers by −0.300 in log-odds (−0.400 to −0.200 over repeats)" in text


def test_certificate__of_a_gene_that_nobody_carries_claims_nothing():
    row = {
        "carriers": 0, "carriers_responding": 0, "odds_ratio": np.nan, "low": np.nan, "high": np.nan, "p": np.nan,
        "adjusted_p": np.nan, "adjusted_q": np.nan, "status": "not evaluable: mutated in 0 of 162", "covered": 162,
    }  # fmt: skip
    idle = models({"folds_used": 0.0, "when_mutated": np.nan})
    made = certificate_of("ANKRD44", evidence(row, contributions=idle))
    assert made.verdict == "not evaluable"
    assert made.why == "Mutated in 0 of 162."
    text = " ".join(made.sentences)
    assert "mutated in none of them" in text
    assert "odds ratio" not in text.lower()


def test_certificate__tells_genes_that_nothing_tells_apart_and_long_ones():
    others = [{"gene": f"G{i}", "watched": False, "length": i, "length_rank": 100.0 - i} for i in range(99)]
    text = " ".join(
        certificate_of(
            "ANKRD44", evidence({"alike": "GEN1", "length": 500.0, "length_rank": 1.0}, *others)
        ).sentences
    )
    assert "The same patients carry GEN1" in text
    assert "among the longest of 100 genes" in text


def test_certificate__of_a_gene_that_is_not_in_the_table_is_a_key_error():
    with pytest.raises(KeyError):
        certificate_of("TTN", evidence({}))


def test_certificate__frame_is_one_row_that_begins_with_the_verdict():
    frame = certificate_of("ANKRD44", evidence({})).frame()
    assert list(frame.columns[:3]) == ["gene", "verdict", "why"]
    assert frame.loc[0, "adjusted_p"] == 0.004


def test_in_order__puts_the_strongest_verdict_first_and_keeps_the_order_within():
    rows = [{"gene": "A", "adjusted_p": 0.5}, {"gene": "B", "adjusted_p": 0.5}, {"gene": "C", "adjusted_p": 0.01}]
    tables = evidence(*rows, contributions=models(*({"feature": g} for g in "ABC")))
    made = [certificate_of(gene, tables) for gene in "ABC"]
    assert [c.gene for c in in_order(made)] == ["C", "A", "B"]
    assert VERDICTS[-1] == "supported"
