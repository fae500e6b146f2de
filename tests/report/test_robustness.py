"""Strata, learning curve, optimism and influence in the content of a report."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from trastuz_ml.report.content import content_of
from trastuz_ml.report.html import compare, figures_of
from trastuz_ml.report.robustness import PATIENTS_SHOWN
from trastuz_ml.stats.intervals import COVERAGE
from trastuz_ml.store.run_folder import Run

Names = Callable[[Run], dict[str, str]]
PARTS = ("chance", "strata", "decision", "learning", "optimism", "influence")


@pytest.fixture(scope="module")
def section(rich: Run, pseudonyms: Names) -> dict:
    return content_of([rich], pseudonyms(rich))["runs"][0]


def test_content__with_every_table_is_plain_json_without_identifiers(rich: Run, pseudonyms: Names) -> None:
    content = content_of([rich], pseudonyms(rich))
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert "PATIENT-" not in json.dumps(content)


def test_influence__shows_those_without_whom_most_changes_under_pseudonyms(
    section: dict, rich: Run, pseudonyms: Names
) -> None:
    size = rich.influence["chosen_change"].abs().sort_values(ascending=False)
    expected = {pseudonyms(rich)[p] for p in rich.influence.loc[size.index[:PATIENTS_SHOWN], "patient"]}
    assert {row["patient"] for row in section["influence"]["rows"]} == expected
    assert section["influence"]["patients"] == len(rich.patients)
    assert section["influence"]["notes"] == [f"refused without {pseudonyms(rich)['PATIENT-0001']}"]


def test_influence__does_not_depend_on_the_order_of_patients(section: dict, rich: Run, pseudonyms: Names) -> None:
    shuffled = replace(rich, influence=rich.influence.sample(frac=1, random_state=3))
    assert content_of([shuffled], pseudonyms(rich))["runs"][0]["influence"] == section["influence"]


def test_strata__a_refused_level_has_its_reason_and_no_number(section: dict) -> None:
    part = section["strata"][0]
    assert [level["level"] for level in part["levels"]] == ["POS", "unknown"]
    assert [cell["auroc"] for cell in part["rows"][0]["cells"]] == [0.7, None]
    assert part["notes"] == ["unknown: refused: 1 responders, and fewer than 3 say nothing"]


def test_optimism__shows_one_row_a_step_that_of_chosen(section: dict) -> None:
    assert [(row["model"], row["auroc"]) for row in section["optimism"]["steps"]] == [
        ("chosen", 0.99),
        ("chosen", 0.71),
    ]
    assert len(section["optimism"]["rows"]) == 3


def test_learning__refused_points_are_reasons_and_not_drawn(section: dict) -> None:
    assert len(section["learning"]["rows"]) == 2
    assert section["learning"]["refused"] == [
        "chosen, 10 % of the training patients: refused: too few patients in 2 folds."
    ]


def test_page__has_a_section_for_each_table_that_has_rows(rich: Run, make, pseudonyms: Names, tmp_path) -> None:
    page = compare([rich], tmp_path / "rich.html", names=pseudonyms(rich)).read_text("utf-8")
    plain = compare([make()], tmp_path / "plain.html", names=pseudonyms(rich)).read_text("utf-8")
    assert b"PATIENT-0" not in page.encode()
    for part in PARTS:
        assert f'id="r1-{part}-part"' in page
        assert f'href="#r1-{part}-part"' in page
        assert f"{part}-part" not in plain
    assert "observed 0.71" in page
    assert "Chance was not tested" in plain


def test_figures__of_evidence_have_one_panel_a_model_or_test(section: dict) -> None:
    drawn = figures_of(section, "k")
    assert [panel["title"] for panel in drawn["decision"]] == ["chosen"]
    assert [panel["title"] for panel in drawn["learning"]] == ["chosen"]
    assert len(drawn["chance"]) == 2


# --- Left-out pairs -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def of_pairs(paired: Run, pseudonyms: Names) -> dict:
    return content_of([paired], pseudonyms(paired))["runs"][0]


def test_pairs__headline_has_its_interval_and_how_often_such_intervals_hold(
    paired: Run, of_pairs: dict, pseudonyms: Names, monkeypatch
) -> None:
    said = " ".join(of_pairs["answer"]["sentences"])
    assert "widened Newcombe over pairs" in said
    assert "held the truth" not in said
    assert "without an interval, nothing follows" in said
    monkeypatch.setitem(COVERAGE, "widened Newcombe over pairs", 0.9)
    too_short = " ".join(content_of([paired], pseudonyms(paired))["runs"][0]["answer"]["sentences"])
    assert "widened Newcombe over pairs; for the AUROC such intervals held the truth in 90" in too_short


def test_pairs__columns_that_are_refused_give_way_to_one_reason(of_pairs: dict) -> None:
    assert [column["score"] for column in of_pairs["scores"]["columns"]] == ["AUROC"]
    assert "Brier score" in of_pairs["scores"]["refused"]
    assert "fewer than 30" in of_pairs["scores"]["refused"]


def test_pairs__the_page_draws_the_tournament_and_no_calibration(
    of_pairs: dict, paired: Run, pseudonyms: Names, tmp_path
) -> None:
    page = compare([paired], tmp_path / "pairs.html", names=pseudonyms(paired)).read_text("utf-8")
    assert of_pairs["calibration"] == []
    assert "By wins over all other patients" in page
    assert "nothing is said of calibration" in page
    assert "no test held its level" in page
    assert "leave-pair-out, 276 pairs, nested" in page
    assert "Every two patients were left out together" in page
