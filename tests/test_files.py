"""A whole file is there when it is complete, and never before."""

from __future__ import annotations

import pytest

from trastuz_ml.files import whole_file


def interrupted(path):
    with whole_file(path) as partial:
        partial.write_text("half")
        raise KeyboardInterrupt


def test_whole_file__is_not_there_until_it_is_complete(tmp_path):
    with whole_file(tmp_path / "a.txt") as partial:
        partial.write_text("half")
        assert not (tmp_path / "a.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_whole_file__replaces_an_older_one(tmp_path):
    (tmp_path / "a.txt").write_text("older")
    with whole_file(tmp_path / "a.txt") as partial:
        partial.write_text("newer")
        assert (tmp_path / "a.txt").read_text() == "older"
    assert (tmp_path / "a.txt").read_text() == "newer"


def test_whole_file__an_interruption_leaves_the_older_one_and_nothing_else(tmp_path):
    (tmp_path / "a.txt").write_text("older")
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / "a.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "older"
