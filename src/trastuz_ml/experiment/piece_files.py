"""Pieces of a batch on disk: durable, each with its hash, and the output that they are joined to."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from trastuz_ml.errors import ConfigurationError
from trastuz_ml.files import whole_file, write_table
from trastuz_ml.schema import CALLS, PREDICTIONS, conform

# Rows of a group of the output: the same whatever the pieces were, for the output's bytes to be the same.
_GROUP = 20_000
_READ = 1 << 20


def write_calls(tables: Iterable[pd.DataFrame], path: Path) -> str:
    """Write tables of calls into one file, on the disk when this returns, and return the hash of its bytes."""
    with whole_file(path) as partial:
        with pa.OSFile(str(partial), "wb") as sink:
            for calls in tables:
                table = pa.Table.from_pandas(calls, preserve_index=False)
                with pa.ipc.new_stream(sink, table.schema) as stream:
                    stream.write_table(table)
        return _made_durable(partial)


def read_pieces_of_calls(pieces: Sequence[tuple[Path, str]]) -> pd.DataFrame:
    """Return the calls of several pieces.

    Parameters
    ----------
    pieces : sequence of (path, hash), at least one
        What :func:`write_calls` wrote and returned.

    Raises
    ------
    ConfigurationError
        If a piece is not what was written.
    """
    tables: list[pa.Table] = []
    for path, digest in pieces:
        if not is_same(path, digest):
            raise ConfigurationError(f"{path}, a piece of unfinished work, was changed: repeat the command.")
        with pa.OSFile(str(path), "rb") as source:
            while source.tell() < source.size():
                tables.append(pa.ipc.open_stream(source).read_all())
    # Arrow makes one set of words of several many times faster than pandas does.
    joined = pa.concat_tables(tables, promote_options="permissive").unify_dictionaries()
    return conform(joined.to_pandas(), CALLS, complete=False)


def write_piece(predictions: pd.DataFrame, path: Path) -> str:
    """Write a part of the predictions, as CSV or Parquet, and return the hash of its bytes."""
    if path.suffix == ".csv":
        write_table(predictions, path, force=True)
        return _made_durable(path)
    with whole_file(path) as partial:
        pq.write_table(_as_arrow(predictions), partial)
        return _made_durable(partial)


def is_same(path: Path, digest: str) -> bool:
    """Return whether a piece is there, with the bytes that were written."""
    try:
        return hash_of(path) == digest
    except OSError:
        return False


def write_output(pieces: Iterable[pd.DataFrame | Path], out: Path, *, mark: Path | None = None) -> None:
    """Join predictions, in order, to the output; whole or not at all.

    Parameters
    ----------
    pieces : iterable of pandas.DataFrame or Path
        Tables, or pieces that :func:`write_piece` wrote for the ending of ``out``.
    out : Path
        Ending in ``.csv`` or ``.parquet``; replaced where it is there. Its bytes depend on the rows alone, not on
        how they were cut into pieces.
    mark : Path, optional
        A file that gets the hash of the output, before the output gets its name. Until then the output is written
        beside it, where a process that is killed leaves nothing that nobody removes.

    Raises
    ------
    ConfigurationError
        If it cannot be written.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        whole = out if mark is None else mark.with_name("whole")
        with whole_file(whole) as partial:
            (_join_csv if out.suffix.lower() == ".csv" else _join_parquet)(pieces, partial)
            digest = _made_durable(partial)
        if mark is not None:
            mark.write_text(digest, encoding="ascii")
            whole.replace(out)
    except OSError as error:
        raise ConfigurationError(f"The table cannot be written to {out}: {error}. Give another path.") from error


def _join_csv(pieces: Iterable[pd.DataFrame | Path], partial: Path) -> None:
    with partial.open("wb") as joined:
        for number, piece in enumerate(pieces):
            path = piece if isinstance(piece, Path) else partial.with_name(f"{partial.name}.csv")
            try:
                if not isinstance(piece, Path):
                    write_table(piece, path, force=True)
                with path.open("rb") as lines:
                    header = lines.readline()  # no column's name holds a line end
                    joined.write(header if number == 0 else b"")
                    while block := lines.read(_READ):
                        joined.write(block)
            finally:
                if not isinstance(piece, Path):
                    path.unlink(missing_ok=True)


def _join_parquet(pieces: Iterable[pd.DataFrame | Path], partial: Path) -> None:
    schema = _as_arrow(conform(pd.DataFrame(columns=PREDICTIONS.names), PREDICTIONS)).schema
    with pq.ParquetWriter(partial, schema) as writer:
        for group in _groups(pieces):
            writer.write_table(group.combine_chunks(), row_group_size=_GROUP)


def _groups(pieces: Iterable[pd.DataFrame | Path]) -> Iterator[pa.Table]:
    """Yield the rows in groups of one size, whatever the sizes of the pieces."""
    waiting: list[pa.Table] = []
    rows = 0
    for piece in pieces:
        waiting.append(pq.read_table(piece) if isinstance(piece, Path) else _as_arrow(piece))
        rows += waiting[-1].num_rows
        while rows >= _GROUP:
            whole = pa.concat_tables(waiting)
            yield whole.slice(0, _GROUP)
            waiting, rows = [whole.slice(_GROUP)], rows - _GROUP
    if rows:
        yield pa.concat_tables(waiting)


def _as_arrow(predictions: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(predictions, preserve_index=False)


def _made_durable(path: Path) -> str:
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return hash_of(path)


def hash_of(path: Path) -> str:
    """Return the hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
