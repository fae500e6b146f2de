"""A run that is killed, whenever, and started again ends with the very bytes of a run that was not."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from trastuz_ml.cli.main import run
from trastuz_ml.experiment.unfinished import unfinished_folder, unfinished_runs
from trastuz_ml.features.simulate import simulate_cohort
from trastuz_ml.store.journal import keys_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks and kills processes")

EXPERIMENT = """\
name: killed
data: DATA
calls: {files: [calls.maf]}
roster:
  file: roster.tsv
  patient: patient
  response: {column: response, positive: [pCR], negative: [RD]}
  covariates:
    age: {when: baseline}
    er_status: {when: baseline, kind: category}
models: [prevalence, {l2-logistic: [covariates, both]}]
validation: {repeats: 10, folds: 3, inner_folds: 2, seed: 1}
permutation: {times: 11}
learning_curve: {shares: [0.5], repeats: 1}
tracking: {enabled: false}
"""
FOLDS, KILLS, PATIENCE = 30, 10, 120
PIECES = FOLDS + 12 + 3  # the observed data and their permutations, and a learning curve
COMMAND = [sys.executable, "-c", "from trastuz_ml.cli.main import run; run()"]
# The command with what it imports, which takes seconds: each run is a fork of it, a process of its own.
LOADED = """
import json, os, sys
import trastuz_ml.experiment.publish, trastuz_ml.experiment.train, trastuz_ml.experiment.unfinished
from trastuz_ml.cli.main import run
for line in sys.stdin:
    folder, words, said = json.loads(line)
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        for stream, name in ((0, os.devnull), (1, os.devnull), (2, said)):
            os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC), stream)
        try:
            run(words)
        except SystemExit as ended:
            sys.stderr.flush()
            os._exit(ended.code)
        finally:
            os._exit(99)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    simulate_cohort(40, 3).write(folder)
    return folder


@pytest.fixture
def place(data, tmp_path, monkeypatch):
    """A folder with the experiment, as the working folder."""
    (tmp_path / "e.yaml").write_text(EXPERIMENT.replace("DATA", str(data)), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@dataclass(frozen=True)
class Started:
    """A run in a process of its own, to be killed."""

    loaded: subprocess.Popen[str]
    pid: int
    said: Any

    def until(self, condition):
        """Wait until something is so."""
        patience = time.monotonic() + PATIENCE
        while not condition():
            assert os.path.exists(f"/proc/{self.pid}"), self.ended()  # noqa: PTH110 - looked at very often
            assert time.monotonic() < patience
            time.sleep(0.001)

    def ended(self):
        """Wait for the end, and return the exit code and what was written to standard error."""
        code = int(self.loaded.stdout.readline())
        return code, self.said.read_text()


@pytest.fixture(scope="module")
def loaded():
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", LOADED], **pipes, text=True) as process:
        yield process
        process.stdin.close()


@pytest.fixture
def start(loaded, place, tmp_path_factory):
    said = tmp_path_factory.mktemp("said") / "said"

    def starting():
        words = ["train", "e.yaml", "--workers", "1"]
        loaded.stdin.write(json.dumps([str(place), words, str(said)]) + "\n")
        loaded.stdin.flush()
        return Started(loaded, int(loaded.stdout.readline()), said)

    return starting


def pieces_done(runs):
    try:
        return len(keys_of(unfinished_folder(runs, "killed") / "journal"))
    except OSError:
        return 0


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
    """What a run leaves that nobody disturbs."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "e.yaml").write_text(EXPERIMENT.replace("DATA", str(data)), encoding="utf-8")
    words = ("train", "e.yaml", "--workers", "1")
    subprocess.run([*COMMAND, *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    assert sorted(path.name for path in folder.glob("*/*")) == ["killed", "killed"]
    return contents(folder)


def test_run__killed_at_ten_random_moments_and_started_again_leaves_the_same_bytes(start, place, undisturbed):
    rng, runs = np.random.default_rng(2019), place / "runs"
    # Seven while pieces are made and kept, one after the last, one when the run has its name, one anywhere.
    drawn = sorted(rng.choice(PIECES, KILLS - 3, replace=False))
    moments = [lambda done=done: pieces_done(runs) >= done for done in drawn]
    moments += [lambda: pieces_done(runs) == PIECES, lambda: (runs / "killed" / "run.json").exists(), lambda: True]
    before = 0
    for moment, longest in zip(moments, [*[0.03] * (KILLS - 2), 0, 1], strict=True):
        started = start()
        started.until(moment)
        time.sleep(rng.uniform(0, longest))
        os.kill(started.pid, signal.SIGKILL)
        code, said = started.ended()
        assert code == -signal.SIGKILL, said
        now = pieces_done(runs)
        assert now >= before  # nothing that was finished is lost
        assert [found.state.status for found in unfinished_runs(runs)] == ["killed"]
        before = now
    assert before == PIECES
    code, said = start().ended()
    assert code == 0, said
    assert f"Going on: {FOLDS} of {FOLDS} folds and {PIECES - FOLDS} pieces of what follows were" in said
    assert contents(place) == undisturbed
    assert [path.name for path in [*runs.iterdir(), *(place / "models").iterdir()]] == ["killed", "killed"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_run__asked_to_stop_is_interrupted_and_not_continued_when_anything_changed(
    number, code, start, place, data, capsys
):
    runs = place / "runs"
    started = start()
    started.until(lambda: pieces_done(runs) >= 3)
    os.kill(started.pid, number)
    ended, said = started.ended()
    assert ended == code, said
    [listed] = unfinished_runs(runs)
    assert (listed.state.status, listed.state.reason) == ("interrupted", number.name)
    assert listed.done >= 3
    assert f"{listed.done} of {FOLDS} folds are kept in runs/.killed.unfinished" in said
    kept = contents(place)
    assert sorted(path.name for path in kept) == ["e.yaml", "journal", "state.json"]

    shutil.copytree(data, place / "changed")
    roster = (place / "changed" / "roster.tsv").read_text()
    (place / "changed" / "roster.tsv").write_text(roster.replace("pCR", "RD", 1))
    (place / "other.yaml").write_text((place / "e.yaml").read_text().replace("seed: 1", "seed: 2"))
    for words, changed in (
        (("e.yaml", "--data", "changed"), "roster.tsv has other content"),
        (("other.yaml",), "validation.seed was 1 and is 2"),
    ):
        with pytest.raises(SystemExit) as refused:
            run(["train", *words, "--workers", "1"])
        assert refused.value.code == 1
        message = capsys.readouterr().err
        assert changed in message
        assert "--force" in message
        assert {name: content for name, content in contents(place).items() if name in kept} == kept
        assert not (runs / "killed").exists()


def test_run__begun_anew_by_force_holds_nothing_of_the_other_work(start, place, capsys):
    runs = place / "runs"
    started = start()
    started.until(lambda: pieces_done(runs) >= 2)
    os.kill(started.pid, signal.SIGKILL)
    started.ended()
    text = (place / "e.yaml").read_text()
    (place / "e.yaml").write_text(text.replace("repeats: 10", "repeats: 1").replace("seed: 1", "seed: 2"))
    for words in (["--force"], ["--force", "--runs", "fresh", "--models", "fresh_models"]):
        with pytest.raises(SystemExit) as ended:
            run(["train", "e.yaml", "--workers", "1", *words])
        assert ended.value.code == 0
    assert "Going on" not in capsys.readouterr().err
    assert contents(runs) == contents(place / "fresh")
    assert json.loads((runs / "killed" / "run.json").read_text())["configuration"]["validation"]["seed"] == 2
