"""Print a page to PDF by the browser that is on the machine, without a window and without a network."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

from trastuz_ml.errors import ConfigurationError
from trastuz_ml.files import require_free, whole_file

# The first that is found prints; all of them understand the same options.
PROGRAMS = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge", "microsoft-edge",
)  # fmt: skip
VARIABLE = "CHROMIUM"
_PATIENCE = 300.0
# The browser would look for updates, spelling and accounts: it is told not to, and finds no host if it does.
QUIET = (
    "--disable-gpu", "--no-first-run", "--no-default-browser-check", "--disable-background-networking",
    "--disable-component-update", "--disable-default-apps", "--disable-domain-reliability", "--disable-extensions",
    "--disable-sync", "--disable-breakpad", "--metrics-recording-only", "--no-pings",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip
# Process, time and line of its source, before what it says.
_AT = re.compile(r"^\[[^]]*\]\s*")
_PRINTED = ("--headless", "--no-pdf-header-footer", "--generate-pdf-document-outline")


def require_browser() -> str:
    """Return the program that prints pages: the one that ``CHROMIUM`` names, or the first that is found.

    Raises
    ------
    ConfigurationError
        If there is none; it says what to install.
    """
    named = os.environ.get(VARIABLE, "")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found:
        return found
    if named:
        raise ConfigurationError(f"The variable {VARIABLE} is {named}: expected a program that can be run.")
    raise ConfigurationError(
        "A PDF is printed by Chromium, Chrome or Edge, and none of them was found. Install one (Debian: apt-get "
        f"install chromium), or set the variable {VARIABLE} to its program. A browser prints the page as well."
    )


def sandbox() -> tuple[str, ...]:
    """Return the options about the browser's sandbox, which it has for everybody but root."""
    return ("--no-sandbox",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()


def print_page(page: Path, out: Path, *, force: bool = False, patience: float = _PATIENCE) -> Path:
    """Print a page to PDF, on paper of its own style sheet's choice.

    Parameters
    ----------
    page : Path
        An HTML file that needs nothing else.
    out : Path
        The PDF to write. It appears complete or not at all.
    force : bool
        Whether a file that is already there may be replaced.
    patience : float
        Seconds after which the browser is ended.

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    OutputExistsError
        If the PDF is there and ``force`` is false.
    ConfigurationError
        If there is no browser, or it writes no PDF: with what it said last.
    """
    require_free(out, force=force)
    browser = require_browser()
    with (
        whole_file(out) as partial,
        # The browser's last processes may still tidy up in there when it has ended.
        tempfile.TemporaryDirectory(prefix="trastuz-ml-", ignore_cleanup_errors=True) as profile,
    ):
        command = [
            browser, *_PRINTED, *QUIET, *sandbox(), f"--user-data-dir={profile}",
            f"--print-to-pdf={partial.absolute()}", page.absolute().as_uri(),
        ]  # fmt: skip
        said = _said_by(command, patience)
        # It ends with 0 even where it could not write, and leaves what it could where there is no room.
        if not partial.is_file() or not _is_whole(partial.read_bytes()):
            raise ConfigurationError(f"{browser} wrote no PDF of {page}. {said}")
    return out


def _is_whole(pdf: bytes) -> bool:
    """Return whether a file begins and ends as a PDF does."""
    return pdf.startswith(b"%PDF-") and b"%%EOF" in pdf[-1024:]


def _said_by(command: list[str], patience: float) -> str:
    """Run the browser, and return in a sentence what it said last."""
    # A file, no pipe: a process that it leaves behind would keep a pipe open, and be waited for.
    with tempfile.TemporaryFile() as heard:
        try:
            code = _ended(command, heard, patience)
        except subprocess.TimeoutExpired:
            return f"It was ended after {patience:.0f} seconds."
        except OSError as error:
            return f"It cannot be run: {error}."
        heard.seek(0)
        words = heard.read().decode("utf-8", errors="replace")
    # A machine without a desktop has no message bus, and says so in many lines that explain nothing.
    lines = [_AT.sub("", line) for line in words.splitlines() if line.strip() and ":dbus/" not in line]
    return f"It said: {lines[-1]}" if lines else f"It said nothing, and ended with {code}."


def _ended(command: list[str], heard: IO[bytes], patience: float) -> int:
    """Run a program to its end, and return its exit code; nothing that it started outlives it.

    A browser is many processes, and often a script that starts them: they are one group of their own, so that a
    timeout or Ctrl-C ends all of them.
    """
    browser = subprocess.Popen(  # noqa: S603 - the program is found by name, the rest is ours
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=heard, start_new_session=True
    )
    try:
        return browser.wait(timeout=patience)
    finally:
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(browser.pid, signal.SIGKILL)
        else:
            browser.kill()
        browser.wait()
