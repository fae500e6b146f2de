"""The learning curve: nested shares, the same left-out patients, refusals with their reason."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from tests_shared import made_up_design
from trastuz_ml.errors import ConfigurationError
from trastuz_ml.learn.catalogue import catalogue_model
from trastuz_ml.learn.folds import plan_pairs, plan_splits
from trastuz_ml.learn.learning_curve import Step, learning_curve, nested_share
from trastuz_ml.learn.scores import fold_values
from trastuz_ml.learn.tuning import Tuning, named_seed, tune_models
from trastuz_ml.learn.validation import validate
from trastuz_ml.schema import LEARNING_CURVE
from trastuz_ml.stats.discrimination import auc
from trastuz_ml.stats.intervals import nadeau_bengio, newcombe_auc

MODELS = [catalogue_model(name) for name in ("prevalence", "clinical-only", "l2-logistic:genes")]
TUNING = Tuning(inner_folds=2, min_carriers=2, seed=4)
SHARES = (0.02, 0.4, 1.0)


@pytest.fixture(scope="module")
def made():
    design = made_up_design(genes=20)
    plan = plan_splits(design.patients, design.response, design.groups, repeats=1, folds=3, seed=2)
    steps = []
    return design, plan, learning_curve(design, plan, MODELS, TUNING, SHARES, keep=steps.append), steps


def few(seed=0, patients=10):
    design = made_up_design(patients=patients, genes=6, seed=seed)
    response = np.array([0, 1] * (patients // 2), dtype=np.int8)
    return replace(design, response=response), plan_pairs(design.patients, design.groups)


# --- Shares -------------------------------------------------------------------------------------------


def test_nested_share__larger_shares_hold_smaller_ones_whatever_the_groups():
    rng = np.random.default_rng(0)
    for seed in range(20):
        y = (rng.random(50) < 0.3).astype(np.int8)
        groups = rng.integers(0, 30, 50).astype(str)
        shares = [set(nested_share(y, groups, share, seed).tolist()) for share in np.linspace(0.05, 1, 12)]
        assert all(small <= large for small, large in pairwise(shares))
        assert shares[-1] == set(range(50))
        assert len(shares[0]) < len(shares[6]) < 50


def test_nested_share__groups_come_whole_or_not_at_all():
    rng = np.random.default_rng(1)
    y, groups = (rng.random(60) < 0.5).astype(np.int8), rng.integers(0, 25, 60).astype(str)
    taken = nested_share(y, groups, 0.5, seed=3)
    outside = np.setdiff1d(np.arange(60), taken)
    assert len(taken)
    assert len(outside)
    assert not set(groups[taken]) & set(groups[outside])


def test_nested_share__of_single_patients_each_class_is_rounded_to_its_share():
    y = np.array([1] * 13 + [0] * 31, dtype=np.int8)
    for share in (0.1, 0.33, 0.5, 0.8):
        taken = nested_share(y, np.arange(44).astype(str), share, seed=5)
        assert abs(y[taken].sum() - share * 13) <= 0.5
        assert abs((1 - y[taken]).sum() - share * 31) <= 0.5


def test_nested_share__another_seed_takes_other_patients():
    y = np.array([0, 1] * 20, dtype=np.int8)
    names = np.arange(40).astype(str)
    assert nested_share(y, names, 0.5, 1).tolist() == nested_share(y, names, 0.5, 1).tolist()
    assert nested_share(y, names, 0.5, 1).tolist() != nested_share(y, names, 0.5, 2).tolist()


# --- The curve ----------------------------------------------------------------------------------------


def test_curve__the_whole_share_is_the_nested_cross_validation_itself(made):
    design, plan, curve, _ = made
    out_of_fold = validate(design, plan, MODELS, TUNING).out_of_fold
    full = curve[curve["share"] == 1.0].set_index("model")
    for model, rows in out_of_fold.groupby("model"):
        values = fold_values(rows, auc)
        assert full.loc[model, "auroc"] == pytest.approx(values.mean(), abs=1e-12)
        if model != "prevalence":
            expected = nadeau_bengio(values, 0.5, bounds=(0, 1))[1]
            assert full.loc[model, ["low", "high"]].tolist() == pytest.approx([expected.low, expected.high])
            assert full.loc[model, "interval"] == "Nadeau-Bengio"
    assert list(full.index) == ["chosen", *(m.name for m in MODELS)]
    assert curve.columns.tolist() == LEARNING_CURVE.names


def test_curve__a_part_is_the_cross_validation_of_the_part_of_the_training_patients(made):
    design, plan, curve, _ = made
    areas = []
    for turn in plan.turns:
        train, out = plan.split(*turn)
        seed = named_seed(TUNING.seed, turn, "learning curve")
        part = train[nested_share(design.response[train], design.groups[train], 0.4, seed)]
        tuned = tune_models(design, part, MODELS, TUNING, turn)
        areas.append(auc(design.response[out], tuned["clinical-only"].model.probability(design.X[out])))
    row = curve[(curve["model"] == "clinical-only") & (curve["share"] == 0.4)].iloc[0]
    assert row["auroc"] == pytest.approx(np.mean(areas), abs=1e-12)
    assert row["trained_on"] == pytest.approx(16, abs=1)


def test_curve__a_share_that_inner_folds_do_not_fit_into_is_refused_with_the_reason(made):
    refused = made[2].query("share == 0.02")
    assert refused[["auroc", "low", "high"]].isna().all(axis=None)
    assert refused["status"].str.startswith("refused: too few patients in 3 of 3 folds. 2 folds were").all()
    assert (made[2].query("share > 0.02")["status"] == "").all()


def test_curve__what_gives_everybody_the_same_probability_has_no_interval(made):
    rows = made[2].query("model == 'prevalence' and share > 0.02")
    assert (rows["auroc"] == 0.5).all()
    assert rows["interval"].str.startswith("by construction").all()


def test_curve__one_and_two_workers_and_a_resumed_run_give_the_same_bytes(made):
    design, plan, curve, steps = made
    together = learning_curve(design, plan, MODELS, TUNING, SHARES[::-1], workers=2)
    pd.testing.assert_frame_equal(curve, together, check_exact=True)
    done, told = [], []
    resumed = learning_curve(
        design, plan, MODELS, TUNING, SHARES,
        finished={s.step: s for s in steps[:5]}, keep=done.append, progress=lambda *p: told.append(p),
    )  # fmt: skip
    pd.testing.assert_frame_equal(curve, resumed, check_exact=True)
    assert len(done) == 4
    assert told == [(k, 9) for k in range(5, 10)]


def test_curve__chosen_is_one_of_the_models_in_every_step(made):
    for result in made[3]:
        assert bool(result.areas) != bool(result.refusal)
        if result.areas:
            assert result.areas["chosen"] in [result.areas[m.name] for m in MODELS]
    assert {r.step for r in made[3]} == {Step(0, fold, share) for fold in range(3) for share in SHARES}


def test_curve__left_out_responses_do_not_reach_the_models(made):
    design, plan, _, before_steps = made
    out = plan.split(0, 0)[1]
    turned = design.response.copy()
    turned[out] = 1 - turned[out]
    steps = []
    learning_curve(replace(design, response=turned), plan, MODELS, TUNING, SHARES, keep=steps.append)
    # The same model with every left-out response turned round ranks every pair the other way round.
    before = next(s for s in before_steps if s.step == Step(0, 0, 1.0))
    after = next(s for s in steps if s.step == Step(0, 0, 1.0))
    for name, area in before.areas.items():
        assert after.areas[name] == pytest.approx(1 - area)


@pytest.mark.parametrize("share", [0.0, -0.5, 1.01])
def test_curve__a_share_out_of_range_is_refused(made, share):
    with pytest.raises(ConfigurationError, match=r"above 0 and at most 1, found"):
        learning_curve(*made[:2], MODELS, TUNING, [0.5, share])


def test_curve__without_shares_there_is_an_empty_table(made):
    assert learning_curve(*made[:2], MODELS, TUNING, []).columns.tolist() == LEARNING_CURVE.names


# --- Left-out pairs -----------------------------------------------------------------------------------


def test_pairs__the_auroc_is_the_share_of_opposite_pairs_ranked_rightly():
    design, plan = few()
    steps = []
    curve = learning_curve(design, plan, MODELS[:2], TUNING, [1.0], keep=steps.append)
    assert len(steps) == 25
    out = validate(design, plan, MODELS[:2], TUNING).out_of_fold.query("model == 'clinical-only'")
    wins = []
    for _, pair in out.groupby("pair"):
        p = pair.set_index("response")["probability"]
        if set(p.index) == {0, 1}:
            wins.append((np.sign(p[1] - p[0]) + 1) / 2)
    row = curve.set_index("model").loc["clinical-only"]
    assert row["auroc"] == pytest.approx(np.mean(wins))
    expected = newcombe_auc(np.mean(wins), 5 / 1.8, 5 / 1.8)  # the design effect is 2 - 2 / 10
    assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high))
    assert row["interval"] == "widened Newcombe"
    assert row["trained_on"] == 8


def test_pairs__a_share_that_is_too_small_is_refused():
    design, plan = few()
    curve = learning_curve(design, plan, MODELS[:1], TUNING, [0.3])
    assert curve["status"].str.contains("in 25 of 25 folds").all()
    assert all(math.isnan(value) for value in curve["auroc"])
