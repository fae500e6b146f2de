"""Printing a page: what a browser that fails leaves behind, and what is said of it."""

import os
import re
import time
from pathlib import Path

import pytest

from trastuz_ml.errors import ConfigurationError, OutputExistsError
from trastuz_ml.report.pdf import print_page, require_browser


def alive(process):
    """Return whether a process runs; one that has ended and that nobody has asked for does not."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


posix = pytest.mark.skipif(os.name != "posix", reason="the browsers of these tests are shell scripts")


@pytest.fixture
def printing(tmp_path, monkeypatch):
    """Print a page by a browser that does what a shell script says; ``$out`` is where it is to write."""
    page = tmp_path / "page.html"
    page.write_text("<p>page", encoding="utf-8")

    def by(does, **about):
        program = tmp_path / "browser"
        find = 'for word; do case $word in --print-to-pdf=*) out="${word#*=}"; esac; done'
        program.write_text(f"#!/bin/sh\n{find}\n{does}\n", encoding="utf-8")
        program.chmod(0o755)
        monkeypatch.setenv("CHROMIUM", str(program))
        return print_page(page, tmp_path / "page.pdf", **about)

    return by


@posix
def test_print_page__is_whole_and_replaces_only_if_told(printing, tmp_path):
    assert printing("printf '%%PDF-1 %%%%EOF' > $out").read_bytes() == b"%PDF-1 %%EOF"
    with pytest.raises(OutputExistsError):
        printing("printf '%%PDF-2 %%%%EOF' > $out")
    assert printing("printf '%%PDF-2 %%%%EOF' > $out", force=True).read_bytes() == b"%PDF-2 %%EOF"


@posix
@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("echo why >&2; echo 'ERROR:dbus/bus.cc: no bus' >&2", "It said: why"),
        ("exit 7", "It said nothing, and ended with 7."),
        ("printf html > $out", "wrote no PDF"),
        ("printf '%%PDF-1.4 and no more room' > $out", "wrote no PDF"),
        ("exec sleep 20", "ended after 0 seconds"),
    ],
)
def test_print_page__a_browser_that_fails_says_why_and_leaves_nothing(does, said, printing, tmp_path):
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        printing(does, patience=0.3 if "sleep" in does else 60)
    assert {path.name for path in tmp_path.iterdir()} == {"browser", "page.html"}


@posix
@pytest.mark.parametrize("stays", ["wait", "printf '%%PDF-1 %%%%EOF' > $out"])
def test_print_page__no_process_of_the_browser_outlives_it(stays, printing, tmp_path):
    # It holds the browser's standard error open: a pipe would be waited for until it ends.
    left = f"sleep 60 & echo $! > {tmp_path}/left; {stays}"
    if stays == "wait":
        with pytest.raises(ConfigurationError, match="ended after"):
            printing(left, patience=2)
    else:
        printing(left)
    process = int((tmp_path / "left").read_text())
    until = time.monotonic() + 20
    while alive(process):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_require_browser__a_program_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("CHROMIUM", "no-such-browser")
    with pytest.raises(ConfigurationError, match="CHROMIUM is no-such-browser"):
        require_browser()


def test_require_browser__none_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="apt-get install chromium"):
        require_browser()
