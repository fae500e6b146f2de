"""The report in a real browser."""

import re
import shutil
import subprocess

import pytest

from trastuz_ml.cohort.pseudonyms import pseudonyms
from trastuz_ml.report.html import compare

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
