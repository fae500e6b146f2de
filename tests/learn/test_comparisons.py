"""Two models compared: on the same folds, or not at all."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from tests_shared import wins_of_ridge
from trastuz_ml.errors import EvidenceError
from trastuz_ml.learn.comparisons import Scored, compare_runs, comparison_table
from trastuz_ml.learn.scores import fold_values
from trastuz_ml.stats.discrimination import auc
from trastuz_ml.stats.intervals import nadeau_bengio

MODELS = {"chosen": 0.6, "clinical-only": 0.2, "good": 0.9, "weak": 0.25}


def table_of(models=MODELS, repeats=2, folds=4, patients=48, seed=0):
    rng = np.random.default_rng(seed)
    y = np.tile([1, 0, 0], patients // 3)
    rows = [
        (model, repeat, (i // 3 + repeat) % folds, f"P{i:02d}", y[i], effect * y[i] + rng.normal())
        for model, effect in models.items()
        for repeat in range(repeats)
        for i in range(patients)
    ]
    return pd.DataFrame(rows, columns=["model", "repeat", "fold", "patient", "response", "probability"])


@pytest.fixture(scope="module")
def made():
    return table_of()


def test_comparison__is_of_paired_folds_by_nadeau_and_bengio(made):
    table = comparison_table(made).set_index("model")
    assert list(table.index) == ["chosen", "good", "weak"]
    gains = fold_values(made.query("model == 'good'"), auc) - fold_values(
        made.query("model == 'clinical-only'"), auc
    )
    mean, interval, p = nadeau_bengio(gains, 1 / 3)
    row = table.loc["good"]
    assert (row["difference"], row["low"], row["p"]) == pytest.approx((mean, interval.low, p))
    assert row["interval"] == "Nadeau-Bengio"


def test_comparison__p_is_adjusted_for_all_models_against_the_rival(made):
    table = comparison_table(made)
    np.testing.assert_allclose(table["p_holm"], multipletests(table["p"], method="holm")[1])


def test_comparison__the_second_view_is_delong_and_narrower_than_without_pairing(made):
    row = comparison_table(made).set_index("model").loc["good"]
    assert row["delong_low"] < row["difference"] < row["delong_high"]
    assert 0 < row["delong_p"] < 1


def test_comparison__is_empty_without_the_rival(made):
    assert comparison_table(made.query("model != 'clinical-only'")).empty


def test_comparison__does_not_depend_on_the_order_of_rows(made):
    shuffled = pd.concat([made[made["model"] == m].sample(frac=1, random_state=1) for m in MODELS])
    pd.testing.assert_frame_equal(comparison_table(made), comparison_table(shuffled))


def test_comparison__of_pairs_gives_the_difference_and_refuses_a_test():
    rng = np.random.default_rng(1)
    pairs = [(i, j) for i in range(8) for j in range(i + 1, 8)]
    rows = [
        (model, 0, fold, f"P{i}", i % 2, rng.random(), fold)
        for model in ("chosen", "clinical-only")
        for fold, both in enumerate(pairs)
        for i in both
    ]
    columns = ["model", "repeat", "fold", "patient", "response", "probability", "pair"]
    table = pd.DataFrame(rows, columns=columns)

    def area(model):
        own = table[table["model"] == model]
        wins = []
        for _, both in own.groupby("pair"):
            responder, other = (both.loc[both["response"] == y, "probability"].to_numpy() for y in (1, 0))
            wins += [float(responder[0] > other[0])] if responder.size == 1 else []
        return np.mean(wins)

    row = comparison_table(table).iloc[0]
    assert row["difference"] == pytest.approx(area("chosen") - area("clinical-only"))
    assert row[["low", "high", "p", "p_holm", "delong_p"]].isna().all()
    assert "no test held its level" in row["interval"]


def test_pairs__a_test_of_the_wins_does_not_hold_its_level():
    # Two ridges, each on six features of its own that tell as much: equally good. Hence no test is offered.
    rng, different = np.random.default_rng(0), 0
    y = np.repeat([1, 0], 6)
    means = np.where(np.arange(6) < 2, 0.5, 0.0)
    for _ in range(400):
        one, other = (wins_of_ridge(rng.normal(size=(12, 6)) + y[:, None] * means, y) for _ in range(2))
        gain = one - other
        variance = sum(gain.mean(axis=1 - i).var(ddof=1) / 6 for i in (0, 1))
        different += abs(gain.mean()) > 1.96 * np.sqrt(variance)
    # The Monte-Carlo error is 2 %.
    assert 0.14 < different / 400 < 0.26


# --- Across runs --------------------------------------------------------------------------------------


def test_runs__of_one_plan_are_compared_pair_by_pair(made):
    other = table_of(seed=7)
    found = compare_runs(Scored("new", "aa", other), Scored("old", "aa", made), [("chosen", "chosen")]).iloc[0]
    own = fold_values(other.query("model == 'chosen'"), auc) - fold_values(made.query("model == 'chosen'"), auc)
    assert found["difference"] == pytest.approx(own.mean())
    assert 0 < found["p"] < 1


def test_runs__scores_of_different_plans_are_refused_naming_both(made):
    with pytest.raises(EvidenceError, match=r"old has plan aa, new has bb.*splits: plan\.json") as caught:
        compare_runs(Scored("old", "aa", made), Scored("new", "bb", made))
    assert "split plans" in str(caught.value)


def test_runs__without_a_plan_on_record_are_refused(made):
    with pytest.raises(EvidenceError, match=r"\(none\)"):
        compare_runs(Scored("old", "", made), Scored("new", "", made))


def test_runs__of_other_responses_are_refused(made):
    other = made.assign(response=1 - made["response"])
    with pytest.raises(EvidenceError, match="not the same responses"):
        compare_runs(Scored("old", "aa", made), Scored("new", "aa", other))


def test_runs__whose_folds_are_others_than_their_plan_says_are_refused(made):
    other = made.assign(fold=(made["fold"] + made["patient"].str[1:].astype(int)) % 4)
    with pytest.raises(EvidenceError, match="different patients or folds"):
        compare_runs(Scored("old", "aa", made), Scored("new", "aa", other))


def test_runs__a_model_that_one_has_not_is_refused(made):
    with pytest.raises(EvidenceError, match="new has no model 'xgboost'"):
        compare_runs(Scored("old", "aa", made), Scored("new", "aa", made), [("chosen", "xgboost")])
