"""Outputs are looked at before the work, and nothing is made by looking."""

import os

import pytest

from trastuz_ml.errors import ConfigurationError, OutputExistsError
from trastuz_ml.experiment.outputs import require_file, require_folder, require_outside


def test_file__that_can_be_made_is_let_through_and_not_made(tmp_path):
    require_file(tmp_path / "a" / "b" / "c.csv", force=False, endings=[".csv"])
    assert list(tmp_path.iterdir()) == []


def test_file__that_is_there_needs_force(tmp_path):
    there = tmp_path / "there.csv"
    there.touch()
    with pytest.raises(OutputExistsError, match="give --force"):
        require_file(there, force=False)
    require_file(there, force=True)


def test_file__that_is_read_is_never_replaced_under_any_name(tmp_path):
    read, link = tmp_path / "roster.csv", tmp_path / "link.csv"
    read.touch()
    link.symlink_to(read)
    for output in (read, link, tmp_path / "x" / ".." / "roster.csv"):
        (tmp_path / "x").mkdir(exist_ok=True)
        with pytest.raises(OutputExistsError, match="is a file that is read"):
            require_file(output, force=True, inputs=[read])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with a name are of POSIX")
@pytest.mark.parametrize("force", [False, True])
def test_file__that_is_a_pipe_is_never_replaced(force, tmp_path):
    pipe, link = tmp_path / "pipe.csv", tmp_path / "link.csv"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for output in (pipe, link):
        with pytest.raises(OutputExistsError, match="is a device or a pipe, which is never replaced"):
            require_file(output, force=force, endings=[".csv"])


@pytest.mark.parametrize("name", ["run/run.json", "run/new/a.html", "run", ".", "link/run.json", "link"])
def test_outside__nothing_is_written_in_or_around_what_is_read(name, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "run")
    with pytest.raises(OutputExistsError, match="is read and stays as it is"):
        require_outside(tmp_path / name, read=[tmp_path / "run"], allowed=["report.html"])


@pytest.mark.parametrize("name", ["run/report.html", "link/report.html", "run.json", "run2/run.json"])
def test_outside__what_lies_elsewhere_or_is_allowed_is_let_through(name, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "run")
    require_outside(tmp_path / name, read=[tmp_path / "run"], allowed=["report.html"])


@pytest.mark.parametrize("name", ["a.txt", "a", "a.csv.gz"])
def test_file__with_another_ending_is_refused(name, tmp_path):
    with pytest.raises(ConfigurationError, match=r"ending in \.csv or \.parquet"):
        require_file(tmp_path / name, force=True, endings=[".csv", ".parquet"])


def test_folder__under_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="file is not a folder"):
        require_folder(tmp_path / "file" / "runs")


def test_folder__behind_a_broken_link_is_refused(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(ConfigurationError, match="link is not a folder"):
        require_folder(tmp_path / "link" / "runs")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_folder__that_is_read_only_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigurationError, match="you may not write in"):
        require_folder(tmp_path / "runs")
