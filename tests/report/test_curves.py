"""ROC and calibration curves from an out-of-fold table."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.report.curves import calibration_groups, mean_roc
from trastuz_ml.stats.discrimination import auc
from trastuz_ml.store.run_folder import Run


def test_mean_roc__area_is_the_mean_of_the_areas_within_the_folds(large: Run) -> None:
    curves = dict(iter(mean_roc(large.out_of_fold).groupby("model")))
    for model, rows in large.out_of_fold.groupby("model"):
        curve = curves[model]
        within = np.mean([auc(f["response"], f["probability"]) for _, f in rows.groupby(["repeat", "fold"])])
        assert np.trapezoid(curve["tpr"], curve["fpr"]) == pytest.approx(within, abs=0.015)


def test_mean_roc__rises_from_the_origin_to_one(large: Run) -> None:
    for _, curve in mean_roc(large.out_of_fold).groupby("model"):
        assert (np.diff(curve["tpr"]) >= -1e-12).all()
        assert curve[["fpr", "tpr"]].iloc[[0, -1]].to_numpy().tolist() == [[0, 0], [1, 1]]


def test_mean_roc__constant_probability_is_the_diagonal() -> None:
    table = pd.DataFrame({"model": "m", "repeat": 0, "fold": 0, "response": [0, 1, 0, 1], "probability": 0.3})
    curve = mean_roc(table)
    assert np.allclose(curve["fpr"], curve["tpr"])


def test_mean_roc__fold_with_one_class_is_left_out() -> None:
    table = pd.DataFrame({"model": "m", "repeat": 0, "fold": 0, "response": 1, "probability": [0.1, 0.2]})
    assert mean_roc(table).empty


def test_calibration__repeats_do_not_narrow_the_interval(large: Run) -> None:
    once = large.out_of_fold.query("repeat == 0")
    twice = pd.concat([once, once.assign(repeat=1)])
    pd.testing.assert_frame_equal(calibration_groups(once), calibration_groups(twice))


def test_calibration__groups_count_every_patient_once(large: Run) -> None:
    groups = calibration_groups(large.out_of_fold)
    assert groups.groupby("model")["patients"].sum().eq(160).all()
    assert (groups["low"] <= groups["observed"]).all()
    assert (groups["observed"] <= groups["high"]).all()


def test_calibration__equal_probabilities_are_one_group(large: Run) -> None:
    assert len(calibration_groups(large.out_of_fold.query("model == 'prevalence'"))) == 1


def test_calibration__without_probabilities_there_is_no_group() -> None:
    table = pd.DataFrame({"model": "m", "repeat": 0, "fold": 0, "response": [0, 1], "probability": np.nan})
    assert calibration_groups(table).empty


def test_roc__of_left_out_pairs_is_that_of_the_order_by_wins() -> None:
    strength = {"A": 0.9, "B": 0.4, "C": 0.5, "D": 0.1}
    rows = [
        ("m", 0, fold, name, int(name in "AB"), strength[name], fold)
        for fold, both in enumerate(itertools.combinations("ABCD", 2))
        for name in both
    ]
    columns = ["model", "repeat", "fold", "patient", "response", "probability", "pair"]
    curve = mean_roc(pd.DataFrame(rows, columns=columns))
    assert curve[["fpr", "tpr"]].to_numpy().tolist() == [[0, 0], [0, 0.5], [0.5, 0.5], [0.5, 1], [1, 1]]
    assert set(curve["folds"]) == {0}
