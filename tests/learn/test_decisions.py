"""Net benefit of the out-of-fold probabilities."""

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.learn.decisions import decision_table


def table_of(patients=60, repeats=2, highest=0.8, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(patients) % 3 == 0
    rows = [
        (model, repeat, i % 5, f"P{i:02d}", int(y[i]), 0.33 if model == "rate" else rng.random() * highest)
        for model in ("chosen", "rate")
        for repeat in range(repeats)
        for i in range(patients)
    ]
    return pd.DataFrame(rows, columns=["model", "repeat", "fold", "patient", "response", "probability"])


def test_decisions__net_benefit_is_the_mean_over_repeats_of_vickers_and_elkins_formula():
    table = table_of()
    found = decision_table(table).set_index(["model", "threshold"])
    for threshold in (0.1, 0.35, 0.6):
        values = []
        for _, repeat in table.query("model == 'chosen'").groupby("repeat"):
            treated = repeat["probability"] >= threshold
            true, false = (treated & (repeat["response"] == y) for y in (1, 0))
            values.append(true.mean() - false.mean() * threshold / (1 - threshold))
        row = found.loc[("chosen", threshold)]
        assert row["net_benefit"] == pytest.approx(np.mean(values))
        assert row["low"] < row["net_benefit"] < row["high"]


def test_decisions__gain_is_over_the_better_of_treating_everybody_and_nobody():
    found = decision_table(table_of())
    best = found["treat_all"].clip(lower=0)
    np.testing.assert_allclose(found["gain"], found["net_benefit"] - best, atol=1e-12)
    assert (found["treat_all"] > 0).any()
    assert (found["treat_all"] < 0).any()


def test_decisions__a_constant_model_treats_like_everybody_and_then_like_nobody():
    rate = decision_table(table_of()).query("model == 'rate'").set_index("threshold")
    assert rate.loc[0.3, "net_benefit"] == pytest.approx(rate.loc[0.3, "treat_all"])
    assert rate.loc[0.35, "net_benefit"] == 0
    assert np.isnan(rate.loc[0.35, "low"])


def test_decisions__thresholds_end_where_no_model_treats_anybody():
    assert decision_table(table_of(highest=0.5))["threshold"].max() == pytest.approx(0.45)


@pytest.mark.parametrize("table", [table_of(patients=27), table_of().assign(pair=1)], ids=["few", "pairs"])
def test_decisions__nothing_is_said_where_probabilities_are_refused(table):
    assert decision_table(table).empty
