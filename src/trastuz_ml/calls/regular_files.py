"""Turn what a user names - files, study folders, pipes - into regular files that can be read more than once."""

from __future__ import annotations

import re
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from trastuz_ml.calls.tables.study_folder import mutation_files
from trastuz_ml.errors import InputError, TrastuzError

_PIECE = 1 << 20
# A text of a megabyte without any of these is no table, and its end may never come.
_BETWEEN_FIELDS = (b"\t", b",", b";")
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"PK\x03\x04", b"BCF")
# No part of a path is as long; a value that is quoted in a message may be.
_OVERLONG = re.compile(r"[^\s/]{300,}")
_SHOWN = 80
_OF_PIPES = re.compile(r"(?<![^\s'])[^\s']*/trastuz_ml-\w+/\d+/")


@contextmanager
def regular_files(paths: Sequence[str | Path]) -> Iterator[list[Path]]:
    """Give files that can be read twice: what comes from a pipe is kept until all is read.

    Messages about them name what the user named, and quote no more of a value than can be read.

    Raises
    ------
    InputError
        If one is not there, is a device, or is a pipe that holds no table.
    """
    with tempfile.TemporaryDirectory(prefix="trastuz_ml-") as folder:
        try:
            yield [
                file
                for place, path in enumerate(paths)
                for file in _as_files(Path(path), Path(folder, str(place)), piped=str(path) == "-")
            ]
        except TrastuzError as error:
            raise type(error)(readable_message(str(error))) from error


def readable_message(said: str) -> str:
    """Return a message that quotes no more of a value than can be read, and no folder that nobody knows.

    Examples
    --------
    >>> readable_message("/tmp/trastuz_ml-x1/0/standard input: the class is " + "G" * 1000)
    'standard input: the class is GGGGG...GGG...'
    """
    # Nobody knows the folder that held what came from a pipe.
    return _OF_PIPES.sub("", _OVERLONG.sub(lambda found: f"{found[0][:_SHOWN]}...", said))


def _as_files(path: Path, spool: Path, *, piped: bool) -> list[Path]:
    _refuse_name(path)
    if piped:
        if sys.stdin is None:
            raise InputError("There is no standard input to read calls from: it is closed. Name a file.")
        return [_kept(sys.stdin.buffer, "standard input", spool)]
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise InputError(f"There is no file {path}; check the path of the calls.") from error
        raise InputError(f"{path} cannot be read: {error.strerror}; check the path of the calls.") from error
    if stat.S_ISDIR(mode):
        return mutation_files(path)
    if stat.S_ISFIFO(mode):
        with path.open("rb") as pipe:
            return [_kept(pipe, path.name, spool)]
    if not stat.S_ISREG(mode):
        raise InputError(f"{path} is a device or a socket: expected a file of calls, a study folder or a pipe.")
    return [path]


def _refuse_name(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        shown = str(path).encode(errors="replace").decode()
        raise InputError(f"The name {shown} is not text in UTF-8, so no table can name it: rename it.") from error


def _kept(pipe: BinaryIO, name: str, spool: Path) -> Path:
    """Write all that comes from a pipe to a file, unless its beginning shows that no table comes."""
    spool.mkdir()
    kept = spool / name
    first = pipe.read(_PIECE)
    text = not first.startswith(_PACKED)
    if len(first) == _PIECE and text and not any(mark in first for mark in _BETWEEN_FIELDS):
        raise InputError(
            f"{kept}: its first megabyte has no tab, comma or semicolon, so it holds neither a table of calls nor "
            "a VCF; check what writes to the pipe."
        )
    try:
        with kept.open("wb") as file:
            piece = first
            while piece:
                file.write(piece)
                piece = pipe.read(_PIECE)
    except OSError as error:
        raise InputError(
            f"{kept}: what comes from the pipe cannot be kept in {spool.parent.parent}: {error.strerror}. "
            "Write it to a file first."
        ) from error
    return kept
