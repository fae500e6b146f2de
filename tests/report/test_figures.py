"""Each figure is SVG that a parser accepts, the same each time, and readable without seeing it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.report import figures
from trastuz_ml.report.content import content_of
from trastuz_ml.report.curves import calibration_groups, mean_roc
from trastuz_ml.report.panels import drawers_of
from trastuz_ml.store.run_folder import Run

Draw = Callable[[Run], str]
EVIL = "<img src=x onerror=alert(1)>"


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # noqa: S314 - drawn here, not received


def draw_overview(run: Run | None, letters: tuple[str, ...] = ("m.-.", "-m.m"), gene: str = "TP53") -> str:
    states = pd.DataFrame([list(row) for row in letters], index=[gene, "ANKRD44"], columns=list("abcd"))
    return figures.overview(states, pd.Series([1, 1, 0, 0]), frozenset({"ANKRD44"}))


def draw_leading(run: Run, feature: str = "TP53") -> str:
    rows = [(feature, "gene", 0.2, 0.4), ("ANKRD44", "gene", 0.1, -0.3), ("age", "covariate", 0.05, None)]
    frame = pd.DataFrame(rows, columns=["feature", "block", "mean_abs", "when_mutated"])
    return figures.leading_features(frame, "elastic-net:both", "log-odds")


def draw_forest(run: Run) -> str:
    rows = run.scores.query("score == 'AUROC'")[["model", "estimate", "low", "high"]].reset_index(drop=True)
    rows.loc[1, ["low", "high"]] = np.nan
    return figures.forest(rows)


DRAWN: dict[str, Draw] = {
    "forest": draw_forest,
    "roc": lambda run: figures.roc(mean_roc(run.out_of_fold).query("model == 'chosen'")),
    "calibration": lambda run: figures.calibration(calibration_groups(run.out_of_fold).query("model == 'chosen'")),
    "leading": draw_leading,
    "overview": draw_overview,
}


@pytest.fixture(scope="module", params=DRAWN, ids=str)
def drawn(request: pytest.FixtureRequest, large: Run) -> tuple[str, str]:
    return DRAWN[request.param](large), DRAWN[request.param](large)


def test_figure__parses_as_xml_and_has_a_text_alternative(drawn: tuple[str, str]) -> None:
    root = parsed(drawn[0])
    title, description = list(root)[:2]
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"] == f"{title.attrib['id']} {description.attrib['id']}"
    assert title.text
    assert len(description.text or "") > 30


def test_figure__has_the_same_bytes_and_no_date(drawn: tuple[str, str]) -> None:
    assert drawn[0] == drawn[1]
    assert not re.search(r"20\d\d-\d\d-\d\d|metadata|dc:date", drawn[0])


def test_figure__has_text_as_text_and_no_inline_style(drawn: tuple[str, str]) -> None:
    assert "<text" in drawn[0]
    assert " style=" not in drawn[0]
    assert "<style" not in drawn[0]


def test_figure__colours_follow_the_page(drawn: tuple[str, str]) -> None:
    assert "var(--" in drawn[0]
    assert not re.search(r"#00000\d", drawn[0])


def test_figure__refers_only_to_itself(drawn: tuple[str, str]) -> None:
    ids = set(re.findall(r' id="([^"]+)"', drawn[0]))
    assert set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', drawn[0])) <= {(i, "") for i in ids} | {
        ("", i) for i in ids
    }


def test_overview__three_states_are_three_marks() -> None:
    root = parsed(draw_overview(None))
    marks = {
        group.attrib["class"]: next(p.attrib for p in group.iter() if p.tag.endswith("path"))
        for group in root.iter()
        if "class" in group.attrib
    }
    assert set(marks) == {"mutated", "intact", "not-covered"}
    assert marks["not-covered"]["fill"].startswith("url(#overview-h")
    assert "--accent" in marks["mutated"]["fill"]
    assert "--faint" in marks["intact"]["fill"]
    assert "stroke" in marks["not-covered"]
    assert len({mark["d"] for mark in marks.values()}) == 3


def test_overview__not_covered_is_drawn_differently_from_wild_type() -> None:
    assert draw_overview(None, ("m.-.", "-m.m")) != draw_overview(None, ("m...", "-m.m"))
    assert 'class="not-covered"' not in draw_overview(None, ("m...", "..mm"))


def test_overview__draws_a_cohort_without_responders() -> None:
    states = pd.DataFrame([list("m.-")], index=["TP53"], columns=list("abc"))
    assert "not responding, 3" in figures.overview(states, pd.Series([0, 0, 0]), frozenset())


def corners(path: str) -> list[tuple[float, ...]]:
    """Return left, top, right, bottom of each box of an outline."""
    numbers = [[float(n) for n in re.findall(r"-?[0-9.]+", box)] for box in path.split("z") if box.strip()]
    return sorted((min(n[0::2]), min(n[1::2]), max(n[0::2]), max(n[1::2])) for n in numbers)


def test_overview__says_where_its_cells_are() -> None:
    letters = ("m.-m", "mm.-")
    root = parsed(draw_overview(None, letters))
    left, top, wide, tall, gap = map(float, root.attrib["data-cells"].split())
    [mutated] = [g for g in root.iter() if g.attrib.get("class") == "mutated"]
    starts = [left + wide * (place + (gap if place >= 2 else 0)) for place in range(4)]
    expected = [
        (
            starts[place] + 0.08 * wide,
            top + (row + 0.08) * tall,
            starts[place] + 0.92 * wide,
            top + (row + 0.92) * tall,
        )
        for row, states in enumerate(letters)
        for place, letter in enumerate(states)
        if letter == "m"
    ]
    np.testing.assert_allclose(corners(mutated[0].attrib["d"]), sorted(expected), atol=0.0051)


def test_overview__no_gap_where_all_respond_alike() -> None:
    states = pd.DataFrame([list("m.-")], index=["TP53"], columns=list("abc"))
    root = parsed(figures.overview(states, pd.Series([1, 1, 1]), frozenset()))
    assert root.attrib["data-cells"].split()[-1] == "0"


def test_figures__others_say_nothing_of_cells(large: Run) -> None:
    assert "data-cells" not in draw_forest(large) + draw_leading(large)


def test_calibration__of_a_model_without_a_group_to_show_is_an_empty_panel_with_its_name(large: Run) -> None:
    groups = calibration_groups(large.out_of_fold).query("model == 'chosen'")
    drawn = figures.calibration(groups.assign(observed=np.nan, low=np.nan, high=np.nan))
    assert "Calibration of chosen" in drawn
    assert "none shown" in drawn


def test_calibration__panels_leave_out_a_model_of_which_all_is_held_back(
    large: Run, pseudonyms: Callable[[Run], dict[str, str]]
) -> None:
    section = content_of([large], pseudonyms(large))["runs"][0]
    held = [
        row | dict.fromkeys(("observed", "low", "high", "patients")) if row["model"] == "chosen" else row
        for row in section["calibration"]
    ]
    panels = drawers_of({**section, "calibration": held}, "k")["calibration"]()
    assert [one["title"] for one in panels] == [model for model in large.models if model != "chosen"]


def test_forest__missing_interval_is_said(large: Run) -> None:
    assert "no interval" in draw_forest(large)


@pytest.mark.parametrize("name", [EVIL, "a$b$_{c}", "基因", "x\x00y\nz", "é" * 60])
def test_figure__strange_names_are_text(name: str, large: Run) -> None:
    for svg in (draw_leading(large, name), draw_overview(large, gene=name)):
        root = parsed(svg)
        assert not [e for e in root.iter() if e.tag.endswith("img")]
        shown = [text.text or "" for text in root.iter() if text.tag.endswith("text")]
        assert any(text.startswith(name[:1]) and len(text) <= 20 for text in shown)


def test_figures__leave_no_setting_behind(large: Run) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    draw_leading(large)
    assert dict(mpl.rcParams) == before


def test_report__is_the_only_room_that_draws() -> None:
    root = Path(figures.__file__).parents[1]
    drawing = re.compile(r"^\s*(?:import|from) (?:matplotlib|jinja2)\b", re.MULTILINE)
    rooms = {
        path.relative_to(root).parts[0] for path in root.rglob("*.py") if drawing.search(path.read_text("utf-8"))
    }
    assert rooms == {"report"}


def test_overview__columns_that_cannot_be_seen_are_drawn_together_by_their_share():
    """6 patients a box, responders apart: the marks are as high as the share of each state."""
    letters = np.array([list("mmm...-mm.---.")])
    left_of = np.arange(15) + 2.0 * (np.arange(15) >= 7)
    drawn = {letter: figures._shares(letters, letter, left_of, 7, 0.5, 6) for letter in "m.-"}
    assert drawn["m"] == [(0, 0.5, 6, 0.75), (9, pytest.approx(0.75 - 0.5 / 3), 15, 0.75)]
    assert drawn["-"] == [(6, 0.25, 7, 0.75), (9, 0.25, 15, 0.5)]
    assert drawn["."] == [(0, 0.25, 6, 0.75), (9, 0.25, 16, 0.75)]


def test_overview__of_thousands_of_patients_says_what_is_drawn_together():
    states = pd.DataFrame(np.tile(list("m.-."), (2, 1500)), index=["A", "B"])
    response = pd.Series([1] * 2000 + [0] * 4000)
    drawn = figures.overview(states, response, frozenset())
    assert "height: share of 8 patients drawn as one" in drawn
    assert "1500 of 4500" in drawn
    assert len(drawn) < 60_000
    few = figures.overview(states.iloc[:, :100], response.iloc[:100], frozenset())
    assert "drawn as one" not in few
