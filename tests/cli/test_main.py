"""Exit codes, --debug, usage errors, interruption, what names from other people's files may do to a terminal."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests_shared import SMALL
from trastuz_ml import __version__
from trastuz_ml.cli import console
from trastuz_ml.cli.main import run
from trastuz_ml.errors import ConfigurationError

QUIET = SMALL + "tracking: {enabled: false}\n"
COMMANDS = (
    "init",
    "simulate",
    "features",
    "check",
    "plan",
    "train",
    "explain",
    "predict",
    "compare",
    "figure",
    "schema",
)


def test_version__is_said_on_standard_output(call):
    outcome = call("--version")
    assert (outcome.code, outcome.out, outcome.err) == (0, f"trastuz-ml {__version__}\n", "")


def test_help__names_every_command(call):
    outcome = call("--help")
    assert outcome.code == 0
    assert all(f"\n  {command} " in outcome.out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help__of_a_command_explains_each_option(command, call):
    outcome = call(command, "--help")
    assert outcome.code == 0
    options = [line for line in outcome.out.splitlines() if line.startswith("  --")]
    assert len(options) >= 3
    assert all(len(line.split()) >= 2 for line in options)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Commands:"),
        (["nix"], "No such command 'nix'"),
        (["--nix"], "No such option: --nix"),
        (["train"], "Missing argument"),
        (["train", "a.yaml", "b.yaml"], "unexpected extra argument"),
        (["train", "a.yaml", "--workers", "0"], "--workers"),
        (["explain", "run", "--top", "many"], "--top"),
        (["simulate"], "Missing option '--out'"),
        (["simulate", "--out"], "requires an argument"),
        (["predict", "--model", "m"], "Missing option '--patients'"),
        (["compare", "--out", "page.html"], "Missing argument"),
        (["init"], "either --demo, or both --calls FILE and --patients FILE"),
        (["init", "--calls", "calls.maf"], "either --demo, or both"),
        (["init", "--demo", "--calls", "calls.maf"], "either --demo, or both"),
    ],
)
def test_usage__a_wrong_command_line_ends_with_2(words, said, call):
    outcome = call(*words)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert "should not happen" not in outcome.err


@pytest.mark.parametrize("place", [0, 1, 2])
def test_debug__lets_the_error_through_wherever_it_stands(place):
    words = ["train", "nowhere.yaml"]
    words.insert(place, "--debug")
    with pytest.raises(ConfigurationError, match=r"There is no experiment file nowhere\.yaml"):
        run(words)


def test_debug__shows_the_traceback():
    ended = subprocess.run(
        [sys.executable, "-c", "from trastuz_ml.cli.main import run; run(['train', 'nowhere.yaml', '--debug'])"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "Traceback (most recent call last)" in ended.stderr


def test_error__of_our_own_making_is_one_line_that_asks_for_a_report(call, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("trastuz_ml.experiment.experiment_file.read_experiment", broken)
    outcome = call("train", "any.yaml")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.splitlines() == [
        "Error that should not happen (ZeroDivisionError: division by zero). Run again with --debug and report it."
    ]


def test_error__lack_of_memory_has_a_remedy(call, monkeypatch):
    def greedy(*_, **__):
        raise MemoryError

    monkeypatch.setattr("trastuz_ml.experiment.experiment_file.read_experiment", greedy)
    assert call("train", "any.yaml").err == "Error: not enough memory; try fewer --workers.\n"


def test_note__does_not_obey_what_a_name_tells_the_terminal(capsys):
    console.note("gene \x1b[31mRED\x1b[0m \u202eevil")
    console.say("Köln\x07 ≥ 1")
    captured = capsys.readouterr()
    assert captured.err == "gene \ufffd[31mRED\ufffd[0m \ufffdevil\n"
    assert captured.out == "Köln\ufffd ≥ 1\n"


def test_stdout__that_lacks_a_letter_does_not_end_the_work(monkeypatch, place):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    with pytest.raises(SystemExit) as ended:
        run(["simulate", "--out", "Köln", "--patients", "12"])
    assert ended.value.code == 0
    assert b"in K?ln" in written.getvalue()


def test_pipe__whose_reader_has_gone_is_no_traceback(trained):
    command = f"{sys.executable} -c 'from trastuz_ml.cli.main import run; run()' explain {trained.run} --json"
    ended = subprocess.run(["bash", "-c", f"{command} | true"], capture_output=True, text=True, check=False)
    assert ended.stderr == ""


def _start(folder, text, *more):
    (folder / "e.yaml").write_text(text, encoding="utf-8")
    code = "from trastuz_ml.cli.main import run; run()"
    return subprocess.Popen(
        [sys.executable, "-c", code, "train", "e.yaml", *more],
        cwd=folder, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def _of_session(session):
    """Return the living processes of a session: those that have ended but were not reaped do not count."""
    living = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, group = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(group) == session and state != "Z":
            living.append(stat.parent.name)
    return living


def _wait(condition, seconds):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)
    return condition()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("whom", ["the command", "its whole group, as a terminal does"])
def test_train__interrupted_leaves_nothing(whom, tmp_path):
    started = _start(tmp_path, QUIET.replace("repeats: 2", "repeats: 2000"), "--workers", "2")
    # The workers are there, so that the work has begun.
    assert _wait(lambda: len(_of_session(started.pid)) >= 3, 60)
    (os.kill if whom == "the command" else os.killpg)(started.pid, signal.SIGINT)
    _, err = started.communicate(timeout=60)
    assert started.returncode == 130
    # Workers that are stopped while they start may still complain themselves, before the last word.
    assert err.endswith("Interrupted; nothing half-written was left behind.\n")
    assert "Run again with --debug" not in err
    assert [path.name for path in tmp_path.rglob("*")] == ["e.yaml"]
    assert _wait(lambda: not _of_session(started.pid), 10)


def test_train__twice_at_once_gives_one_run_and_one_refusal(tmp_path):
    both = [_start(tmp_path, QUIET, "--workers", "1") for _ in range(2)]
    ended = [(*process.communicate(timeout=120), process.returncode) for process in both]
    assert sorted(code for *_, code in ended) == [0, 1]
    refusal = next(err for _, err, code in ended if code == 1)
    assert refusal.startswith("Error: ")
    assert "should not happen" not in refusal
    assert sorted(path.name for path in tmp_path.glob("*/*")) == ["small", "small"]
    assert not list(tmp_path.rglob("*.part"))
