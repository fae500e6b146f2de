"""The command, called in this process; a small cohort in files; one run trained through the command line."""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from tests_shared import SMALL
from trastuz_ml.cli.main import run

FROM_FILES = SMALL.replace("simulated: {patients: 60, seed: 3}\n", "")


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Trained:
    run: Path
    model: Path


def leave(*words):
    with pytest.raises(SystemExit) as ended:
        run([str(word) for word in words])
    return ended.value.code


@pytest.fixture
def call(capsys):
    """Call the command line and return its exit code and what it wrote."""

    def calling(*words):
        capsys.readouterr()
        code = leave(*words)
        return Outcome(code, *capsys.readouterr())

    return calling


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """A folder with a simulated cohort as files, and an experiment on them."""
    folder = tmp_path_factory.mktemp("files")
    assert leave("simulate", "--out", folder, "--patients", 60, "--seed", 3) == 0
    (folder / "experiment.yaml").write_text(FROM_FILES, encoding="utf-8")
    return folder


@pytest.fixture
def place(files, tmp_path, monkeypatch):
    """A copy of the files, as the working folder."""
    folder = tmp_path / "place"
    shutil.copytree(files, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def trained(files, tmp_path_factory):
    """The small experiment on files, trained through the command line; its model reads genes and covariates.

    Test processes share it: the first one here trains, the others wait.
    """
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "trained"
    done = folder / "done"
    try:
        folder.mkdir()
    except FileExistsError:
        until = time.monotonic() + 300
        while not done.exists():
            assert time.monotonic() < until, "another test process failed to train"
            time.sleep(0.1)
    else:
        experiment = folder / "experiment.yaml"
        experiment.write_text(f"{FROM_FILES}data: {files}\nexport: l2-logistic:both\n", encoding="utf-8")
        words = ("train", experiment, "--runs", folder / "runs", "--models", folder / "models", "--workers", 1)
        assert leave(*words) == 0
        done.touch()
    return Trained(folder / "runs" / "small", folder / "models" / "small" / "1")


def listing(folder):
    """Every path under a folder with its size, to see that nothing was written."""
    found = {}
    for top, folders, names in os.walk(folder):
        found |= {Path(top, name): -1 for name in folders}
        found |= {Path(top, name): Path(top, name).stat().st_size for name in names}
    return found


def change(path, edit):
    """Edit a table of texts in place."""
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, comment="#")
    edit(table).to_csv(path, sep="\t", index=False)


@pytest.fixture(name="listing")
def _listing():
    return listing


@pytest.fixture(name="change")
def _change():
    return change
