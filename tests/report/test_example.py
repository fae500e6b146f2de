"""The example report in docs/: of the present script and style, simulated, and without a trace of a machine."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def page():
    return (PROJECT / "docs" / "example-report.html").read_text(encoding="utf-8")


def test_example__is_of_the_present_script_and_style(page):
    for name in ("style", "script"):
        [inside] = re.findall(rf"<{name}>(.*?)</{name}>", page, re.DOTALL)
        present = (PROJECT / "src/trastuz_ml/report/templates").rglob("*.js" if name == "script" else "*.css")
        assert all(path.read_text(encoding="utf-8").strip() in inside for path in present), "make example"


def test_example__is_simulated_small_and_names_no_machine(page):
    assert "SIMULATED" in page
    assert len(page.encode()) < 700_000
    assert re.findall(r"(?:/home/|/root|/tmp/|/Users/|/work/|[A-Z]:\\)[^ \"<]*", page) == []
