"""Several runs in one report: compared on the same folds, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from trastuz_ml.errors import EvidenceError
from trastuz_ml.learn.comparisons import compare_runs
from trastuz_ml.report.across import across_content, scored
from trastuz_ml.store.run_folder import Run

Make = Callable[..., Run]


def drawn_anew(run: Run) -> Run:
    """Return the run with other probabilities for the same patients in the same folds."""
    probability = 1 - run.out_of_fold["probability"] ** 2
    return replace(run, name="other", out_of_fold=run.out_of_fold.assign(probability=probability))


def test_across__one_run_is_compared_with_nothing(make: Make) -> None:
    assert across_content([make()]) == {"sentence": "", "pairs": []}


def test_across__runs_of_one_plan_are_compared_model_by_model(make: Make) -> None:
    one = make()
    pair = across_content([one, drawn_anew(one)])["pairs"][0]
    assert (pair["first"], pair["second"], pair["reason"]) == ("other", "transneo made up", "")
    assert [row["model"] for row in pair["rows"]] == one.models
    chosen = pair["rows"][0]
    assert chosen["model"] == "chosen"
    assert chosen["low"] < chosen["difference"] < 0
    assert chosen["p_holm"] >= chosen["p"]


def test_across__runs_of_different_plans_have_the_reason_in_place_of_a_test(make: Make) -> None:
    content = across_content([make(fingerprint="aa"), make(fingerprint="bb", name="other")])
    pair = content["pairs"][0]
    assert pair["rows"] == []
    assert "other has plan bb, transneo made up has aa" in pair["reason"]
    assert "no test between them is given" in content["sentence"]


def test_across__a_third_run_is_compared_with_the_one_whose_plan_it_shares(make: Make) -> None:
    runs = [
        make(fingerprint="aa", name="one"),
        make(fingerprint="bb", name="two"),
        make(fingerprint="bb", name="3"),
    ]
    content = across_content(runs)
    assert [(p["first"], p["second"], bool(p["rows"])) for p in content["pairs"]] == [
        ("two", "one", False), ("3", "two", True),
    ]  # fmt: skip
    assert "but for those that share all three" in content["sentence"]


def test_runs__scores_of_different_plans_are_an_error_that_says_so(make: Make) -> None:
    one, other = make(fingerprint="aa"), make(fingerprint="bb", name="other")
    with pytest.raises(EvidenceError, match="Scores of different split plans are not compared: transneo made up"):
        compare_runs(scored(one), scored(other))
