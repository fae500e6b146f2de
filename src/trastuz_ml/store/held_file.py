"""A file that one process at a time may write."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from trastuz_ml.errors import ConfigurationError
from trastuz_ml.store.processes import Process, is_gone, this_process

_TIMES = 20


@contextmanager
def held_file(path: Path) -> Iterator[FileIO]:
    """Open a file for reading and for writing at its end, for this process alone.

    It is made when it is not there, with its folder. When the process ends, however it ends, the system lets go of
    the file; on a file system without locks a file beside it says who holds it, and stays when that process is
    killed.

    Parameters
    ----------
    path : Path
        The file.

    Yields
    ------
    io.FileIO
        The file, unbuffered.

    Raises
    ------
    ConfigurationError
        If another process holds it, or it is held already by this one.
    OSError
        If it cannot be made.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, held_file(Path(folder, "a")), held_file(Path(folder, "a")):
    ...     pass
    Traceback (most recent call last):
    trastuz_ml.errors.ConfigurationError: Another process is at work in ...
    """
    file = _held(path)
    try:
        yield file
    finally:
        file.close()
        _free_by_name(path)


def _held(path: Path) -> FileIO:
    for _ in range(_TIMES):
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            file = FileIO(path, "a+")
            try:
                _hold(file, path)
                if _is_at(file, path):
                    return file
            except BaseException:
                file.close()
                raise
            file.close()
        # Its last holder has removed it, and perhaps the folder, since we asked for it.
    raise _at_work(path)


def _is_at(file: FileIO, path: Path) -> bool:
    """Return whether the file still has its name: its last holder may have removed it since it was opened."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _at_work(path: Path, remedy: str = "") -> ConfigurationError:
    return ConfigurationError(
        f"Another process is at work in {path.parent}: wait for its end, or give this work another name.{remedy}"
    )


if sys.platform == "win32":

    def _hold(file: FileIO, path: Path) -> None:
        import msvcrt

        file.seek(1 << 40)  # far behind the content: on Windows nobody else may read what is locked
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise _at_work(path) from error

else:

    def _hold(file: FileIO, path: Path) -> None:
        import fcntl

        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _at_work(path) from error
        except OSError:
            _hold_by_name(path)  # some network file systems have no locks


def _hold_by_name(path: Path) -> None:
    """Hold a file by one beside it that says which process does; it stays when that process is killed."""
    mark = _lock_file(path)
    try:
        holder = Process.read(mark.read_text(encoding="ascii"))
    except FileNotFoundError:
        holder = None
    if holder is not None and is_gone(holder):
        mark.unlink(missing_ok=True)
    try:
        with mark.open("x", encoding="ascii") as file:
            file.write(str(this_process()))
    except FileExistsError as error:
        raise _at_work(path, f" If there is none any more, remove {mark}.") from error


def _free_by_name(path: Path) -> None:
    mark = _lock_file(path)
    with suppress(OSError, ValueError):
        if Process.read(mark.read_text(encoding="ascii")) == this_process():
            mark.unlink()


def _lock_file(path: Path) -> Path:
    return path.with_name(path.name + ".lock")
