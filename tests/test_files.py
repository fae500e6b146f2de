"""A whole file is there when it is complete, and never before."""

from __future__ import annotations

import os

import pandas as pd
import pytest

from trastuz_ml.errors import ConfigurationError, OutputExistsError
from trastuz_ml.files import whole_file, write_table


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


TABLE = pd.DataFrame({"gene": ["TP53", "=1+1"], "p": [0.5, -1e-9]})


@pytest.mark.parametrize("ending", [".tsv", ".csv", ".parquet"])
def test_write_table__writes_what_can_be_read_again(tmp_path, ending):
    path = tmp_path / "new" / f"genes{ending}"
    write_table(TABLE, path)
    if ending == ".parquet":
        assert pd.read_parquet(path).to_dict("list") == TABLE.to_dict("list")
    else:
        read = pd.read_csv(path, sep="\t" if ending == ".tsv" else ",")
        assert read["p"].tolist() == [0.5, -1e-9]
        assert read["gene"].tolist() == ["TP53", "'=1+1"]  # a spreadsheet must not run it


def test_write_table__refuses_other_endings_and_files_that_are_there(tmp_path):
    with pytest.raises(ConfigurationError, match=r"\.tsv, \.csv or \.parquet, found '\.xlsx'"):
        write_table(TABLE, tmp_path / "genes.xlsx")
    write_table(TABLE, tmp_path / "genes.csv")
    with pytest.raises(OutputExistsError, match="--force"):
        write_table(TABLE, tmp_path / "genes.csv")
    write_table(TABLE.head(1), tmp_path / "genes.csv", force=True)
    assert len(pd.read_csv(tmp_path / "genes.csv")) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with a name are of POSIX")
def test_write_table__never_replaces_a_pipe(tmp_path):
    pipe = tmp_path / "genes.csv"
    os.mkfifo(pipe)
    with pytest.raises(OutputExistsError, match="is a device or a pipe"):
        write_table(TABLE, pipe, force=True)
    assert pipe.is_fifo()
