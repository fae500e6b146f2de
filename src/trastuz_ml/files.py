"""Write files that appear complete or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trastuz_ml.errors import OutputExistsError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a file its name only when it is complete.

    Parameters
    ----------
    path : pathlib.Path
        The final name. An older file of that name is replaced in one step, at the end.

    Yields
    ------
    pathlib.Path
        A temporary name in the same folder, to write to; removed again if writing fails.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole_file(Path(folder, "note.txt")) as partial:
    ...         _ = partial.write_text("all of it")
    ...     Path(folder, "note.txt").read_text()
    'all of it'
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def require_free(output: Path, *, force: bool) -> None:
    """Refuse an output that is already there.

    Raises
    ------
    OutputExistsError
        If it exists and ``force`` is false.
    """
    if output.exists() and not force:
        raise OutputExistsError(f"{output} is already there; give --force to replace it.")
