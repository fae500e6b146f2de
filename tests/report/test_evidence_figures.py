"""Figures of net benefit, learning curve and chance: SVG as any other, and what is missing is not drawn."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.report import evidence_figures as figures
from trastuz_ml.store.run_folder import Run

DRAWN = {
    "decision": lambda run: figures.decision_curve(run.decisions),
    "learning": lambda run: figures.learning_curve(run.learning_curve.query("status == ''")),
    "null": lambda run: figures.null_histogram([0.4, 0.5, 0.5, 0.6], 0.71, "AUROC"),
}


@pytest.fixture(params=DRAWN, ids=str)
def drawn(request: pytest.FixtureRequest, rich: Run) -> tuple[str, str]:
    return DRAWN[request.param](rich), DRAWN[request.param](rich)


def test_figure__is_svg_with_a_text_alternative_and_the_same_bytes(drawn: tuple[str, str]) -> None:
    root = ElementTree.fromstring(drawn[0])  # noqa: S314 - drawn here, not received
    title, description = list(root)[:2]
    assert root.attrib["aria-labelledby"] == f"{title.attrib['id']} {description.attrib['id']}"
    assert len(description.text or "") > 30
    assert drawn[0] == drawn[1]


def test_figure__follows_the_page_and_has_no_inline_style(drawn: tuple[str, str]) -> None:
    assert "var(--" in drawn[0]
    assert not re.search(r"#00000\d| style=|<style|nan", drawn[0])


def test_null__says_how_many_reached_the_observed_value() -> None:
    svg = figures.null_histogram([0.4, 0.5, 0.8, 0.71], 0.71, "AUROC")
    assert "4 permutations" in svg
    assert "Observed 0.71, reached by 2." in svg


@pytest.mark.parametrize("values", [[0.5], [0.5] * 30, np.full(5, 0.71)])
def test_null__draws_permutations_that_are_all_alike(values: list[float]) -> None:
    assert 'class="null"' in figures.null_histogram(values, 0.71, "AUROC")


def test_learning__without_any_interval_is_drawn_and_said() -> None:
    rows = pd.DataFrame(
        {"model": "m", "trained_on": [10.0, 20.0], "auroc": [0.5, 0.6], "low": np.nan, "high": np.nan}
    )
    assert figures.learning_curve(rows).count("no interval") == 2


def test_decision__a_model_that_never_treats_is_drawn_along_zero() -> None:
    rows = pd.DataFrame(
        {
            "model": "m",
            "threshold": [0.1, 0.5],
            "net_benefit": 0.0,
            "low": np.nan,
            "high": np.nan,
            "treat_all": [0.2, -0.6],
        }
    )
    assert "at 0.5 0.00, treating all −0.60" in figures.decision_curve(rows)
