"""The whole procedure on permuted responses, and on permuted genes."""

from dataclasses import replace
from math import comb

import numpy as np
import pandas as pd
import pytest

from tests_shared import made_up_design
from trastuz_ml.errors import EvidenceError
from trastuz_ml.learn.catalogue import catalogue_model
from trastuz_ml.learn.folds import PlanShape
from trastuz_ml.learn.permutation import (
    Chance,
    _permuted_responses,
    permute,
    permuted_response,
    statistics_of,
)
from trastuz_ml.learn.tuning import Tuning
from trastuz_ml.learn.validation import validate
from trastuz_ml.stats.discrimination import auc

MODELS = [catalogue_model(name) for name in ("clinical-only", "l2-logistic:genes", "l2-logistic:both")]
TUNING = Tuning(inner_folds=2, min_carriers=2, seed=4)
SHAPE = PlanShape("k-fold", 1, 3, 4)


def one_stratum(design):
    return np.zeros(len(design.patients), dtype=np.intp)


def chance(design, **changes):
    settings = {"what": "responses", "times": 5, "shape": SHAPE, "strata": one_stratum(design)} | changes
    return Chance(**settings)


@pytest.fixture(scope="module")
def design():
    return made_up_design()


@pytest.fixture(scope="module")
def permuted(design):
    return permute(design, MODELS, TUNING, chance(design))


def test_permute__number_0_is_what_validation_finds_on_those_folds(design, permuted):
    plan = SHAPE.plan(design.patients, design.response, design.groups)
    table = validate(design, plan, MODELS, TUNING).out_of_fold
    observed = permuted[permuted["number"] == 0].set_index("model")["statistic"]
    for model, rows in table.groupby("model"):
        areas = [auc(fold["response"], fold["probability"]) for _, fold in rows.groupby("fold")]
        assert observed[model] == pytest.approx(np.mean(areas))


def test_permute__workers_and_what_was_finished_before_change_nothing(design, permuted):
    kept = {}
    again = permute(design, MODELS, TUNING, chance(design), workers=2, keep=kept.__setitem__)
    pd.testing.assert_frame_equal(again, permuted, check_exact=True)
    some = {number: kept[number] for number in (0, 3)}
    fresh = []
    resumed = permute(
        design, MODELS, TUNING, chance(design), finished=some, keep=lambda number, _: fresh.append(number)
    )
    pd.testing.assert_frame_equal(resumed, permuted, check_exact=True)
    assert sorted(fresh) == [1, 2, 4, 5]


def test_permute__folds_are_planned_anew_for_the_permuted_responses(design):
    response, plan = _permuted_responses(design, TUNING, chance(design), 1)
    anew, as_observed = (SHAPE.plan(design.patients, y, design.groups) for y in (response, design.response))
    assert plan.fingerprint == anew.fingerprint != as_observed.fingerprint


def test_permute__responses_move_within_strata_only(design):
    strata = (np.arange(len(design.patients)) % 2).astype(np.intp)
    generator = np.random.default_rng(0)
    for _ in range(20):
        moved = permuted_response(design.response, np.array(design.patients), strata, generator)
        for stratum in (0, 1):
            assert moved[strata == stratum].sum() == design.response[strata == stratum].sum()


def test_permute__patients_of_one_group_keep_their_responses_together():
    response = np.array([1, 1, 0, 0, 1, 0, 1, 0], dtype=np.int8)
    groups = np.array(list("aabbcdef"))
    generator = np.random.default_rng(1)
    seen = set()
    for _ in range(50):
        moved = permuted_response(response, groups, np.zeros(8, dtype=np.intp), generator)
        assert moved[0] == moved[1]
        assert moved[2] == moved[3]
        assert moved.sum() == response.sum()
        seen.add(tuple(moved))
    assert len(seen) > 5


def test_permute__a_countable_cohort_is_counted_out():
    design = made_up_design()
    few = np.r_[np.flatnonzero(design.response == 1)[:4], np.flatnonzero(design.response == 0)[:4]]
    few.sort()
    small = replace(
        design,
        patients=tuple(design.patients[i] for i in few), X=design.X[few], response=design.response[few],
        groups=design.groups[few],
    )  # fmt: skip
    tuning = Tuning(inner_folds=2, min_carriers=1, seed=0)
    exact = chance(small, times=200, shape=PlanShape("leave-pair-out"), stop_at=3)
    assert exact.exact(small)
    table = permute(small, [MODELS[0]], tuning, exact)
    assert table["number"].max() == comb(8, 4) - 1
    # Turning every response round turns the sign of a linear model: no arrangement is alone at the top.
    values = table.query("model == 'clinical-only'")["statistic"].to_numpy()
    assert (values >= values.max() - 1e-9).sum() >= 2


def test_permute__genes_change_rows_jointly_and_nothing_else_moves(design):
    settings = chance(design, what="genes", times=3)
    table = permute(design, MODELS, TUNING, settings)
    assert set(table["model"]) == {"chosen", "l2-logistic:genes", "l2-logistic:both"}
    observed = statistics_of(design, MODELS, TUNING, settings, 0)
    plain = statistics_of(design, MODELS, TUNING, chance(design), 0)
    gain = plain["l2-logistic:both"] - plain["clinical-only"]
    assert observed["l2-logistic:both"] == pytest.approx(gain)
    assert table.query("model == 'l2-logistic:both'")["statistic"].nunique() > 1


def test_permute__stops_where_the_sequence_stops_whatever_the_batches(design):
    full = permute(design, MODELS, TUNING, chance(design, times=12))
    rows = full.query("model == 'chosen'").set_index("number")["statistic"]
    reached = (rows.loc[1:] >= rows.loc[0] - 1e-9).cumsum()
    target = max(int(reached.iloc[-1]), 1)
    stopped = permute(design, MODELS, TUNING, chance(design, times=12, stop_at=target))
    expected = int(reached[reached >= target].index[0]) if reached.iloc[-1] >= target else 12
    assert stopped["number"].max() == expected
    pd.testing.assert_frame_equal(stopped, full[full["number"] <= expected].reset_index(drop=True))


def test_permute__centres_keep_their_own_response_rate(design):
    centres = np.array([f"c{i % 4}" for i in range(len(design.patients))])
    two = replace(design, groups=centres)
    settings = chance(two, times=3, shape=PlanShape("leave-one-group-out"))
    for number in (1, 2, 3):
        moved, _ = _permuted_responses(two, TUNING, settings, number)
        assert (moved != two.response).any()
        for centre in np.unique(centres):
            assert moved[centres == centre].sum() == two.response[centres == centre].sum()
    assert permute(two, [MODELS[0]], TUNING, settings)["number"].max() == 3


def genes_of_one_permutation(design, monkeypatch, **changes):
    """Return the design's columns as the models see them in permutation 1 of the genes."""
    seen = []

    def watched(design, *_):
        seen.append(design.X)
        return {"clinical-only": 0.5}

    monkeypatch.setattr("trastuz_ml.learn.permutation.aurocs", watched)
    statistics_of(design, [], TUNING, chance(design, what="genes", **changes), 1)
    return seen[0]


def test_permute__genes_of_one_group_change_places_together(design, monkeypatch):
    twice = np.repeat(np.arange(20), 2)
    pairs = replace(
        design,
        patients=tuple(f"P{i:02d}" for i in range(40)), X=design.X[twice], response=design.response[twice],
        groups=np.array([f"g{i:02d}" for i in twice]),
    )  # fmt: skip
    moved = genes_of_one_permutation(pairs, monkeypatch)
    assert (moved[0::2] == moved[1::2]).all()
    assert (moved != pairs.X).any()


def test_permute__genes_stay_in_the_centre_that_is_left_out(design, monkeypatch):
    centres = np.repeat(["a", "b"], 30)
    marked = design.X.copy()
    marked[:, -1] = centres == "b"
    two = replace(design, groups=centres, X=marked)
    moved = genes_of_one_permutation(two, monkeypatch, shape=PlanShape("leave-one-group-out"))
    assert (moved[:, -1] == marked[:, -1]).all()
    assert (moved != marked).any()


def test_permute__groups_that_leave_no_other_arrangement_are_refused(design):
    sizes = np.repeat(list("abcdef"), [5, 7, 9, 11, 13, 15])
    unlike = replace(design, groups=sizes)
    with pytest.raises(EvidenceError, match="leave 1 arrangement of the responses"):
        permute(unlike, [MODELS[0]], TUNING, chance(unlike))
