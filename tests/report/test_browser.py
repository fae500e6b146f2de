"""The report in a real browser."""

import re
import shutil
import subprocess
from dataclasses import replace

import pytest

from trastuz_ml.cohort.pseudonyms import pseudonyms
from trastuz_ml.experiment.check import check_experiment
from trastuz_ml.findings import Finding, with_more
from trastuz_ml.report.html import compare
from trastuz_ml.report.quality import write_quality_page

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH (Debian: apt-get install chromium)"),
]
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--enable-logging=stderr", "--v=0",
)  # fmt: skip


@pytest.fixture(scope="module")
def opened(tmp_path_factory, small_trained):
    """The page of the small run as the browser sees it, and what its console said."""
    run = small_trained[1].run
    folder = tmp_path_factory.mktemp("page")
    page = compare([run], folder / "report.html", names=pseudonyms(run.patients["patient"], b"k" * 32))
    command = [CHROMIUM, *QUIET, f"--user-data-dir={folder / 'profile'}", "--dump-dom", page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)


def test_browser__shows_the_answer_and_says_simulated(opened):
    assert re.search(r"<title>[^<]*simulated[^<]*</title>", opened.stdout, re.IGNORECASE)
    assert "ANKRD44" in opened.stdout


def test_browser__the_console_reports_nothing(opened):
    assert not [line for line in opened.stderr.splitlines() if ":CONSOLE" in line]


def test_browser__figures_are_drawn_within_the_content_policy(opened):
    assert opened.stdout.count("<svg") >= 5
    assert "Refused to" not in opened.stderr


@pytest.fixture(scope="module")
def quality_opened(tmp_path_factory, small_trained):
    """The quality page of the small experiment's data, with a name that is a tag, as the browser sees it."""
    folder = tmp_path_factory.mktemp("quality")
    evil = Finding("error", "odd", "<img src=x onerror=console.log(1)>", patient="<b id=evil>")
    found = check_experiment(small_trained[0], workers=1)
    page = write_quality_page(replace(found, findings=with_more(found.findings, [evil])), folder / "quality.html")
    command = [CHROMIUM, *QUIET, f"--user-data-dir={folder / 'profile'}", "--dump-dom", page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)


def test_browser__the_quality_page_is_whole_and_within_its_policy(quality_opened):
    assert "1 error, " in quality_opened.stdout
    assert quality_opened.stdout.count("<svg") == 2
    assert not [line for line in quality_opened.stderr.splitlines() if ":CONSOLE" in line]
    assert "Refused to" not in quality_opened.stderr


def test_browser__names_in_the_quality_page_are_text(quality_opened):
    assert "<img" not in quality_opened.stdout
    assert 'id="evil"' not in quality_opened.stdout
