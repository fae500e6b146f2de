"""What moves in a real pseudo-terminal while a command works, and what is left of it: nothing."""

import os
import re
import select
import signal
import subprocess
import sys
import time

import pytest

from tests_shared import SMALL

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are a POSIX notion")
QUIET = SMALL + "tracking: {enabled: false}\n"
HIDDEN, SHOWN = b"\x1b[?25l", b"\x1b[?25h"


class Terminal:
    """A command with its standard error in a terminal, and its standard output in a file."""

    def __init__(self, folder, *words, term="xterm-256color"):
        import fcntl
        import pty
        import struct
        import termios

        self.end, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
        self.shown, self.out = b"", folder / "out"
        command = [sys.executable, "-c", "from trastuz_ml.cli.main import run; run()", *map(str, words)]
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(
                command, cwd=folder, stdin=inner, stdout=out, stderr=inner, start_new_session=True,
                env={**os.environ, "TERM": term, "COLUMNS": "80"},
            )  # fmt: skip
        os.close(inner)

    def until(self, enough=lambda shown: False, seconds=120):
        """Read what is shown until it is enough, or the command ends."""
        limit = time.monotonic() + seconds
        while not enough(self.shown) and time.monotonic() < limit:
            if select.select([self.end], [], [], 0.2)[0]:
                try:
                    self.shown += os.read(self.end, 65536)
                except OSError:  # the other end is closed
                    break
        return self

    def words(self):
        """Return what is shown without the codes that colour and move it."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.shown.decode())

    def left(self):
        """Return what stands on the screen at the end: codes that move and erase lines are obeyed."""
        lines, row = [""], 0
        for code in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", self.shown.decode()):
            if code == "\n":
                row += 1
                lines += [""] * (row + 1 - len(lines))
            elif code == "\x1b[1A":
                row = max(row - 1, 0)
            elif code == "\x1b[2K":
                lines[row] = ""
            elif not code.startswith("\x1b") and code != "\r":
                lines[row] += code
        return "\n".join(lines).strip()


@pytest.fixture
def start(tmp_path):
    """Start a command in a terminal, and end it with the test."""
    (tmp_path / "e.yaml").write_text(QUIET, encoding="utf-8")
    started = []

    def starting(*words, **settings):
        started.append(Terminal(tmp_path, *words, **settings))
        return started[-1]

    yield starting
    for one in started:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)
        one.process.wait()
        os.close(one.end)


def test_terminal__train_shows_folds_with_the_time_left_and_leaves_nothing(start, tmp_path):
    # Folds enough to be seen between two drawings.
    (tmp_path / "e.yaml").write_text(QUIET.replace("repeats: 2", "repeats: 40"), encoding="utf-8")
    terminal = start("train", "e.yaml", "--workers", "1").until()
    assert terminal.process.wait(60) == 0
    assert HIDDEN in terminal.shown
    assert terminal.shown.rindex(SHOWN) > terminal.shown.rindex(HIDDEN)
    words = terminal.words()
    assert re.search(r"nested cross-validation  ━.* of 120  \d:\d\d  (about|a few)[a-z0-9 ]+ left", words)
    assert re.search(r"in all \d:\d\d, (about|a few)[a-z0-9 ]+ left; then fitting on the whole cohort", words)
    assert terminal.left() == "1 warnings about the data: runs/small/findings.tsv"
    assert b"\x1b" not in terminal.out.read_bytes()
    assert b"small: 60 SIMULATED patients" in terminal.out.read_bytes()


def test_terminal__with_json_nothing_moves(start):
    terminal = start("check", "e.yaml", "--json").until()
    assert terminal.process.wait(60) == 0
    assert terminal.shown == b""
    assert terminal.out.read_text().startswith("{")


def test_terminal__one_that_cannot_move_its_cursor_is_left_alone(start):
    terminal = start("check", "e.yaml", term="dumb").until()
    assert terminal.process.wait(60) == 0
    assert terminal.words().strip() == ""


def test_terminal__with_workers_it_moves_and_interrupted_it_shows_the_cursor_again(start, tmp_path):
    (tmp_path / "e.yaml").write_text(QUIET.replace("repeats: 2", "repeats: 2000"), encoding="utf-8")
    terminal = start("train", "e.yaml", "--workers", "2")
    terminal.until(lambda shown: b" of 6000" in shown.replace(b",", b""))
    assert terminal.process.poll() is None
    os.kill(terminal.process.pid, signal.SIGINT)
    terminal.until()
    assert terminal.process.wait(60) == 130
    assert terminal.shown.rindex(SHOWN) > terminal.shown.rindex(HIDDEN)
    left = terminal.left()
    assert left.endswith("Interrupted; nothing half-written was left behind.")
    assert "Traceback" not in left
    assert "━" not in left


def test_pipe__no_terminal_no_word_of_progress(tmp_path):
    (tmp_path / "e.yaml").write_text(QUIET, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", "from trastuz_ml.cli.main import run; run()", "check", "e.yaml"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert "━" not in done.stdout
