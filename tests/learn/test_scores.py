"""Scores from the out-of-fold table."""

import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, matthews_corrcoef, roc_auc_score

from trastuz_ml.learn import scores as module
from trastuz_ml.learn.scores import score_table
from trastuz_ml.stats import auc_intervals
from trastuz_ml.stats.intervals import Interval, no_interval


def tables(models, repeats=2, folds=4, patients=48, seed=0):
    rng = np.random.default_rng(seed)
    y = np.tile([1, 0, 0], patients // 3)
    rows, choices = [], []
    for model, probability in models.items():
        for repeat in range(repeats):
            fold_of = np.arange(patients) // 3 % folds
            shuffled = np.roll(fold_of, repeat * 3)
            for i in range(patients):
                rows.append((model, repeat, shuffled[i], f"P{i:02d}", y[i], probability(y[i], rng)))
            choices += [(model, repeat, fold, 0.5) for fold in range(folds)]
    out = pd.DataFrame(rows, columns=["model", "repeat", "fold", "patient", "response", "probability"])
    return out, pd.DataFrame(choices, columns=["model", "repeat", "fold", "threshold"])


MODELS = {
    "good": lambda y, rng: float(np.clip(0.35 + 0.3 * y + rng.normal(0, 0.15), 0.01, 0.99)),
    "clinical-only": lambda y, rng: float(np.clip(0.35 + 0.1 * y + rng.normal(0, 0.15), 0.01, 0.99)),
    "prevalence": lambda y, rng: 1 / 3,
    "perfect": lambda y, rng: 0.2 + 0.6 * y + float(rng.normal(0, 0.01)),
}


@pytest.fixture(scope="module")
def made():
    return tables(MODELS)


@pytest.fixture(scope="module")
def scores(made):
    return score_table(*made).set_index(["model", "score"])


def test_scores__auroc_is_the_mean_of_the_aucs_within_the_folds(made, scores):
    folds = made[0].query("model == 'good'").groupby(["repeat", "fold"])
    values = [roc_auc_score(f["response"], f["probability"]) for _, f in folds]
    assert scores.loc[("good", "AUROC"), "estimate"] == pytest.approx(np.mean(values))


def as_arrays(rows):
    wide = rows.pivot(index="repeat", columns="patient", values=["probability", "fold"])
    response = rows.groupby("patient")["response"].first().to_numpy()
    return response, wide["probability"].to_numpy(), wide["fold"].to_numpy(dtype=int)


def test_scores__the_interval_of_the_auroc_is_the_widened_one(made, scores):
    expected = auc_intervals.widened(*as_arrays(made[0].query("model == 'good'")))
    row = scores.loc[("good", "AUROC")]
    assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high))
    assert row["interval"] == "widened DeLong, logit"


def test_scores__another_default_interval_is_one_line_and_a_refused_one_gives_way_to_newcombe(made, monkeypatch):
    monkeypatch.setattr(module, "DEFAULT_INTERVAL", lambda *_: Interval(0.1, 0.9, "another"))
    assert set(score_table(*made).query("score == 'AUROC'")["interval"].str[:15]) == {"another", "by construction"}
    monkeypatch.setattr(module, "DEFAULT_INTERVAL", lambda *_: no_interval("refused"))
    assert "Newcombe" in set(score_table(*made).query("score == 'AUROC'")["interval"])


def test_scores__the_brier_score_is_pooled_over_a_repeat(made, scores):
    repeats = made[0].query("model == 'good'").groupby("repeat")
    values = [brier_score_loss(r["response"], r["probability"]) for _, r in repeats]
    assert scores.loc[("good", "Brier score"), "estimate"] == pytest.approx(np.mean(values))


def test_scores__no_interval_has_zero_width(scores):
    widths = (scores["high"] - scores["low"]).dropna()
    assert (widths > 0).all()


def test_scores__a_missing_interval_gives_its_reason(scores):
    missing = scores[scores["low"].isna()]
    assert len(missing)
    assert missing["interval"].str.len().min() > 10
    assert scores.loc[("prevalence", "AUROC"), "interval"].startswith("by construction")


def test_scores__a_perfect_auroc_keeps_an_honest_lower_end(scores):
    row = scores.loc[("perfect", "AUROC")]
    assert row["estimate"] == 1.0
    assert 0.5 < row["low"] < 1.0
    assert row["interval"] == "widened Newcombe"


def test_scores__sensitivity_and_specificity_count_patients_at_the_folds_own_threshold(made, scores):
    table = made[0].query("model == 'good'")
    called, y = table["probability"] >= 0.5, table["response"] == 1
    assert scores.loc[("good", "sensitivity"), "estimate"] == pytest.approx(called[y].mean())
    assert scores.loc[("good", "specificity"), "estimate"] == pytest.approx((~called[~y]).mean())


def test_scores__do_not_depend_on_the_order_of_rows(made):
    out, choices = made
    shuffled = pd.concat([out[out["model"] == m].sample(frac=1, random_state=1) for m in MODELS])
    pd.testing.assert_frame_equal(score_table(out, choices), score_table(shuffled, choices.sample(frac=1)))


def test_scores__below_thirty_patients_nothing_is_said_of_probabilities():
    scores = score_table(*tables({"good": MODELS["good"]}, folds=3, patients=24)).set_index("score")
    assert scores.loc["AUROC", "estimate"] > 0.5
    others = scores.drop(index="AUROC")
    assert others["estimate"].isna().all()
    assert others["interval"].str.startswith("refused: 24 patients").all()


def test_scores__average_precision_of_a_useless_model_is_the_response_rate():
    useless = {f"m{i}": (lambda y, rng: float(rng.random())) for i in range(40)}
    scores = score_table(*tables(useless, repeats=1, folds=8, patients=96))
    found = scores.query("score == 'average precision'")["estimate"]
    assert found.mean() == pytest.approx(1 / 3, abs=3 * found.std() / np.sqrt(40))
    constant = score_table(*tables({"prevalence": MODELS["prevalence"]})).set_index("score")
    assert constant.loc["average precision", "estimate"] == pytest.approx(1 / 3)


def test_scores__the_interval_of_the_brier_score_is_that_of_the_patients_losses(made, scores):
    table = made[0].query("model == 'good'")
    loss = ((table["probability"] - table["response"]) ** 2).groupby(table["patient"]).mean()
    low, high = loss.mean() + np.array([-1, 1]) * 1.959964 * loss.std() / np.sqrt(len(loss))
    row = scores.loc[("good", "Brier score")]
    assert (row["low"], row["high"]) == pytest.approx((low, high), abs=1e-6)


def test_scores__mcc_is_that_of_the_calls_of_each_repeat(made, scores):
    repeats = made[0].query("model == 'good'").groupby("repeat")
    values = [matthews_corrcoef(r["response"], r["probability"] >= 0.5) for _, r in repeats]
    row = scores.loc[("good", "MCC")]
    assert row["estimate"] == pytest.approx(np.mean(values))
    assert -1 < row["low"] < row["estimate"] < row["high"] < 1


def test_scores__the_interval_of_mcc_has_the_error_that_leaving_patients_out_gives():
    out, choices = tables({"good": MODELS["good"]}, repeats=1, patients=150)
    row = score_table(out, choices).set_index("score").loc["MCC"]
    y, called = out["response"].to_numpy(), (out["probability"] >= 0.5).to_numpy()
    n = len(y)
    without = [np.arctanh(matthews_corrcoef(np.delete(y, i), np.delete(called, i))) for i in range(n)]
    error = np.sqrt((n - 1) / n * np.sum((without - np.mean(without)) ** 2))
    half = (np.arctanh(row["high"]) - np.arctanh(row["low"])) / 2
    assert half == pytest.approx(1.96 * error, rel=0.03)


def test_scores__mcc_has_no_interval_where_everybody_is_called_alike_or_rightly(made):
    out, choices = made
    scores = score_table(out, choices.assign(threshold=0.01)).set_index(["model", "score"])
    assert scores.loc[("good", "MCC"), "estimate"] == 0
    assert "called alike" in scores.loc[("good", "MCC"), "interval"]
    perfect = score_table(out, choices).set_index(["model", "score"]).loc[("perfect", "MCC")]
    assert perfect["estimate"] == pytest.approx(1)
    assert np.isnan(perfect["low"])


def test_scores__groups_of_unequal_size_count_alike():
    y = [0, 1, 0, 0, 1, 1, 0, 1, 0, 1, 0, 1]
    p = [0.9, 0.1, 0.1, 0.2, 0.8, 0.9, 0.4, 0.3, 0.2, 0.6, 0.7, 0.65]
    rows = pd.DataFrame({"model": "m", "repeat": 0, "fold": [0] * 2 + [1] * 4 + [2] * 6, "response": y,
                         "probability": p, "patient": list("abcdefghijkl")})  # fmt: skip
    choices = pd.DataFrame({"model": "m", "repeat": 0, "fold": [0, 1, 2], "threshold": 0.5})
    expected = [roc_auc_score(y[a:b], p[a:b]) for a, b in ((0, 2), (2, 6), (6, 12))]
    row = score_table(rows, choices).iloc[0]
    assert row["estimate"] == pytest.approx(np.mean(expected))
    assert row["low"] < row["estimate"] < row["high"]


# --- Left-out pairs -----------------------------------------------------------------------------------


def pairs(probability, patients=12, model="m", seed=0):
    """Every two patients left out together, with two probabilities of one model."""
    rng = np.random.default_rng(seed)
    y = np.arange(patients) % 2
    rows = [
        (model, 0, fold, f"P{i:02d}", y[i], probability(y[i], rng), fold)
        for fold, both in enumerate(itertools.combinations(range(patients), 2))
        for i in both
    ]
    columns = ["model", "repeat", "fold", "patient", "response", "probability", "pair"]
    out = pd.DataFrame(rows, columns=columns)
    return out, out[["model", "repeat", "fold"]].drop_duplicates().assign(threshold=0.5)


def test_pairs__auroc_is_the_share_of_pairs_of_both_classes_ranked_rightly():
    out, choices = pairs(lambda y, rng: round(0.4 + 0.2 * y + rng.normal(0, 0.3), 1))
    wins = []
    for _, both in out.groupby("pair"):
        if both["response"].nunique() == 2:
            high, low = both.sort_values("response", ascending=False)["probability"]
            wins.append((high > low) + 0.5 * (high == low))
    row = score_table(out, choices).iloc[0]
    assert len(wins) == 36
    assert row["estimate"] == pytest.approx(np.mean(wins))
    expected = auc_intervals.widened_pairwise_newcombe(np.array(wins).reshape(6, 6))
    assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high))
    assert row["interval"] == "widened Newcombe over pairs"


def test_pairs__a_model_that_knows_the_rate_alone_has_half_and_no_interval():
    row = score_table(*pairs(lambda y, rng: 0.3)).iloc[0]
    assert (row["estimate"], row["interval"][:15]) == (0.5, "by construction")


def test_pairs__say_nothing_of_probabilities_however_many_patients_there_are():
    scores = score_table(*pairs(lambda y, rng: rng.random(), patients=32)).set_index("score")
    others = scores.drop(index="AUROC")
    assert others["estimate"].isna().all()
    assert others["interval"].str.startswith("refused: with left-out pairs").all()
