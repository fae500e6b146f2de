"""The quality page in a real browser."""

from dataclasses import replace

import pytest

from tests_shared import SMALL
from trastuz_ml.experiment.check import check_experiment
from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.findings import Finding, with_more
from trastuz_ml.report.quality import write_quality_page

pytestmark = pytest.mark.browser
EVIL = "<img src=x onerror=console.log(1)>"


@pytest.fixture(scope="module")
def quality_page(tmp_path_factory):
    """The quality page of the small experiment's data, with a name that is a tag."""
    folder = tmp_path_factory.mktemp("quality")
    (folder / "small.yaml").write_text(SMALL, encoding="utf-8")
    evil = Finding("error", "odd", EVIL, patient="<b id=evil>")
    found = check_experiment(read_experiment(folder / "small.yaml"), workers=1)
    found = replace(found, findings=with_more(found.findings, [evil]))
    return write_quality_page(found, folder / "quality.html")


def test_quality_page__is_whole_and_within_its_policy(see, quality_page):
    tab = see(quality_page)
    assert "1 error, " in tab.inner_text("body")
    assert tab.locator("svg").count() == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_quality_page__fits_a_phone_and_axe_finds_nothing_serious(scheme, see, quality_page, serious):
    tab = see(quality_page, viewport={"width": 390, "height": 844}, color_scheme=scheme)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert serious(tab) == []


def test_quality_page__names_are_text(see, quality_page):
    tab = see(quality_page)
    assert tab.locator("img, #evil").count() == 0
    assert tab.get_by_text(EVIL).count() >= 1
