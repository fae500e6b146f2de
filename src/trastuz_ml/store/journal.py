"""Work that takes hours, kept piece by piece: a file that only grows, and holds a piece whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from trastuz_ml.errors import ConfigurationError, InputError, TrastuzError
from trastuz_ml.store.held_file import held_file
from trastuz_ml.store.packing import packed, unpacked

MAGIC = b"trastuz-ml journal 1\n"
_MARK = b"\x9frec"
# Mark, bytes of the key, bytes of the content, hash of all of it and of its place in the file.
_FRAME = struct.Struct("<4sHQ32s")
_HEADER = "work"


@dataclass(frozen=True, eq=False)
class Record:
    """A piece of finished work.

    Attributes
    ----------
    key : str
        What the piece is.
    value : object
        What :func:`trastuz_ml.store.packing.packed` takes.
    """

    key: str
    value: Any


@dataclass(frozen=True, eq=False)
class Journal:
    """A journal that this process alone may write.

    Attributes
    ----------
    path : Path
        The file.
    records : tuple of Record
        What it held when it was opened, in the order in which it was written.
    cut : str
        What had to be left out of it because it was not whole, in a sentence; empty when all of it was.
    """

    path: Path
    records: tuple[Record, ...]
    cut: str
    _file: FileIO

    def append(self, key: str, value: Any) -> None:
        """Write a piece; when this returns, the piece is on the disk.

        Parameters
        ----------
        key : str
            At most 65,535 bytes.
        value : object
            See :class:`Record`.

        Raises
        ------
        ConfigurationError
            If the disk is full or fails; what was written before stays.
        TypeError
            If the value holds something that cannot be kept.
        """
        _append(self._file, self.path, key, value)


def _append(file: FileIO, path: Path, key: str, value: Any) -> None:
    start = file.seek(0, os.SEEK_END)
    frame = _framed(start, key.encode(), packed(value))
    try:
        left = memoryview(frame)
        while left:
            left = left[file.write(left) :]
        os.fsync(file.fileno())
    except OSError as error:
        with suppress(OSError):
            file.truncate(start)
        raise _cannot_be_kept(path, error) from error
    except BaseException:
        # Interrupted: a piece is there whole or not at all.
        if os.fstat(file.fileno()).st_size < start + len(frame):
            file.truncate(start)
        raise


def _cannot_be_kept(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"What is finished cannot be kept in {path.parent}: {error.strerror or error}. Earlier pieces are safe. "
        "Make room, or give a folder that can be written; the same command then goes on from there."
    )


# --- Opening ------------------------------------------------------------------------------------------


@contextmanager
def open_journal(
    path: Path, work: Mapping[str, Any], *, other: Callable[[Mapping[str, Any], int], None] | None = None
) -> Iterator[Journal]:
    """Open the journal of a piece of work, made with its folder when it is not there.

    What is not whole at its end is cut off: a process that was killed leaves its last record unfinished. From a
    damaged record on nothing is trusted, for the place of the next one is not known any more.

    Parameters
    ----------
    path : Path
        The file.
    work : mapping
        What the work is, as JSON takes it: everything whose change would change the result.
    other : callable, optional
        Called with the work of the journal and the number of its records when it is not this work. When it
        returns, the journal is begun anew; to refuse, it raises. Without it, other work is refused.

    Yields
    ------
    Journal
        Held by this process alone until the end of the context.

    Raises
    ------
    ConfigurationError
        If another process holds it, or it cannot be written.
    InputError
        If it is of other work, or no journal at all.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "journal")
    ...     with open_journal(path, {"seed": 1}) as journal:
    ...         journal.append("fold 0", {"p": np.array([0.1, 0.7])})
    ...     with open_journal(path, {"seed": 1}) as journal:
    ...         [(record.key, record.value["p"].tolist()) for record in journal.records]
    [('fold 0', [0.1, 0.7])]
    """
    wanted = json.loads(json.dumps(work))
    with ExitStack() as stack:
        try:
            file = stack.enter_context(held_file(path))
            journal = _opened(file, path, wanted, other or _refuse)
        except TrastuzError:
            raise  # some of them are OSErrors, too
        except OSError as error:
            raise _cannot_be_kept(path, error) from error
        yield journal


def _refuse(_: Mapping[str, Any], records: int) -> None:
    raise InputError(f"The journal holds {records} records of other work, which cannot be continued.")


def _opened(
    file: FileIO, path: Path, work: Mapping[str, Any], other: Callable[[Mapping[str, Any], int], None]
) -> Journal:
    records, end, size = _read(file, path)
    if records and records[0].value != work:
        other(records[0].value, len(records) - 1)
        records, end, size = [], 0, 0
    cut = ""
    if end < size:
        cut = (
            f"{path}: {size - end:,} bytes after record {max(len(records) - 1, 0)} are not whole. They are left "
            "out, and what they held is done again."
        )
    if end < size or not records:
        file.truncate(end if records else 0)
    if not records:
        file.write(MAGIC)
        _append(file, path, _HEADER, work)
        _make_name_last(path)
    os.fsync(file.fileno())
    return Journal(path, tuple(records[1:]), cut, file)


def _make_name_last(path: Path) -> None:
    """Have the folder's entry on the disk, too, where the system can do that."""
    if os.name != "posix":
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


# --- Reading ------------------------------------------------------------------------------------------


def _read(file: FileIO, path: Path) -> tuple[list[Record], int, int]:
    """Return the records that are whole, the header first, where they end, and where the file does."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    found = _exactly(file, len(MAGIC))
    if not MAGIC.startswith(found):
        raise InputError(f"{path} was to be a journal of this version and is something else: remove it.")
    records: list[Record] = []
    end = len(found)
    while end < size:
        whole = _record_at(file, end, size)
        if whole is None or (not records and whole[0].key != _HEADER):
            break
        records.append(whole[0])
        end = whole[1]
    return records, end, size


def _record_at(file: FileIO, start: int, size: int) -> tuple[Record, int] | None:
    """Return the record that begins at a place, and where it ends; nothing when it is not whole."""
    lengths = _lengths_at(file, start, size)
    if lengths is None:
        return None
    key, content = _exactly(file, lengths[0]), _exactly(file, lengths[1])
    frame = _framed(start, key, content)
    file.seek(start)
    if _exactly(file, _FRAME.size) != frame[: _FRAME.size]:
        return None
    return Record(key.decode(), unpacked(content)), start + len(frame)


def _lengths_at(file: FileIO, start: int, size: int) -> tuple[int, int] | None:
    """Return the bytes of key and content of the record at a place; nothing when the file ends before it does."""
    file.seek(start)
    head = _exactly(file, _FRAME.size)
    if len(head) < _FRAME.size:
        return None
    mark, key, content, _ = _FRAME.unpack(head)
    return None if mark != _MARK or start + _FRAME.size + key + content > size else (key, content)


def _exactly(file: FileIO, length: int) -> bytes:
    """Return so many bytes, fewer only at the end of the file: one call of the system may return fewer."""
    parts = []
    while length and (part := file.read(length)):
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def keys_of(path: Path) -> list[str]:
    """Return the keys of a journal's records, without its header; nothing is checked, and nothing held.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    keys = []
    with FileIO(path) as file:
        size, start = file.seek(0, os.SEEK_END), len(MAGIC)
        while start < size and (lengths := _lengths_at(file, start, size)) is not None:
            keys.append(_exactly(file, lengths[0]).decode(errors="replace"))
            start += _FRAME.size + sum(lengths)
    return keys[1:]


def _framed(start: int, key: bytes, content: bytes) -> bytes:
    # The place is hashed, too: a record that was moved is no record.
    told = _FRAME.pack(_MARK, len(key), len(content), b"")
    digest = hashlib.sha256(start.to_bytes(8, "little") + told + key)
    digest.update(content)
    return _FRAME.pack(_MARK, len(key), len(content), digest.digest()) + key + content
