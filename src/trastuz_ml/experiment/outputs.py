"""Outputs, looked at before any work is done: what would be refused after it is refused before it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from trastuz_ml.errors import ConfigurationError, OutputExistsError
from trastuz_ml.files import require_free


def require_file(
    output: Path, *, force: bool, endings: Sequence[str] = (), inputs: Sequence[str | Path] = ()
) -> None:
    """Refuse an output file that is there, has a wrong ending, or could not be written.

    Parameters
    ----------
    output : Path
        The file to be written.
    force : bool
        A file that is there may be replaced.
    endings : sequence of str
        Endings that can be written, with their point; any when empty.
    inputs : sequence of path
        Files that are read: none of them is ever replaced, not even with ``force``.

    Raises
    ------
    OutputExistsError
        If it is there and ``force`` is false, or it is a folder, an input, a device or a pipe.
    ConfigurationError
        If the ending is another one, or its folder cannot be made or written to.
    """
    if output.is_dir():
        raise OutputExistsError(f"{output} is a folder: expected the name of a file to write.")
    if endings and output.suffix.lower() not in endings:
        raise ConfigurationError(
            f"{output}: expected a name ending in {' or '.join(endings)}, found '{output.suffix}'."
        )
    if output.exists() and any(Path(read).exists() and output.samefile(read) for read in inputs):
        raise OutputExistsError(f"{output} is a file that is read: give the output another name.")
    require_free(output, force=force)
    require_folder(output.parent)


def require_outside(output: Path, *, read: Iterable[Path], allowed: Sequence[str] = ()) -> None:
    """Refuse an output that would replace something in a folder that is read, not even with ``force``.

    Parameters
    ----------
    output : Path
        The file or folder to be written.
    read : iterable of Path
        Folders of which everything counts as read.
    allowed : sequence of str
        Names of files in these folders that may be written nevertheless.

    Raises
    ------
    OutputExistsError
        If it lies in one of them or around one of them.
    """
    written = output.resolve()
    for folder in read:
        whole = folder.resolve()
        if written in [whole / name for name in allowed]:
            continue
        if written == whole or whole in written.parents or written in whole.parents:
            raise OutputExistsError(f"{output}: {folder} is read and stays as it is: give --out another place.")


def require_folder(folder: Path) -> None:
    """Refuse a folder that cannot be made or written to; nothing is made yet.

    Raises
    ------
    ConfigurationError
        If a part of the path is a file, or the user may not write there.
    """
    place = folder.absolute()
    while not os.path.lexists(place):
        place = place.parent
    if not place.is_dir():
        raise ConfigurationError(f"Nothing can be written in {folder}: {place} is not a folder.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise ConfigurationError(
            f"Nothing can be written in {folder}: you may not write in {place}. Give another folder."
        )
