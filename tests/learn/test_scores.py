"""Scores and comparisons from the out-of-fold table."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from trastuz_ml.learn.scores import comparison_table, score_table
from trastuz_ml.stats.intervals import nadeau_bengio


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


def test_scores__the_interval_of_the_auroc_is_nadeau_bengio(made, scores):
    folds = made[0].query("model == 'good'").groupby(["repeat", "fold"])
    values = [roc_auc_score(f["response"], f["probability"]) for _, f in folds]
    _, expected, _ = nadeau_bengio(values, 1 / 3, bounds=(0, 1))
    row = scores.loc[("good", "AUROC")]
    assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high))
    assert row["interval"] == "Nadeau-Bengio"


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
    assert row["interval"] == "Newcombe"


def test_scores__sensitivity_and_specificity_count_patients_at_the_folds_own_threshold(made, scores):
    table = made[0].query("model == 'good'")
    called, y = table["probability"] >= 0.5, table["response"] == 1
    assert scores.loc[("good", "sensitivity"), "estimate"] == pytest.approx(called[y].mean())
    assert scores.loc[("good", "specificity"), "estimate"] == pytest.approx((~called[~y]).mean())


def test_scores__do_not_depend_on_the_order_of_rows(made):
    out, choices = made
    shuffled = pd.concat([out[out["model"] == m].sample(frac=1, random_state=1) for m in MODELS])
    pd.testing.assert_frame_equal(score_table(out, choices), score_table(shuffled, choices.sample(frac=1)))


def test_comparison__is_of_paired_folds(made):
    table = comparison_table(made[0]).set_index("model")
    assert "clinical-only" not in table.index
    assert table.loc["good", "difference"] > 0
    assert table.loc["good", "low"] < table.loc["good", "difference"] < table.loc["good", "high"]
    assert 0 < table.loc["good", "p"] < 1


def test_comparison__is_empty_without_the_rival(made):
    assert comparison_table(made[0].query("model != 'clinical-only'")).empty


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
