"""Walk through the lines of a text file, however it is packed, with their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from trastuz_ml.calls.tables.text_lines import line_blocks
from trastuz_ml.errors import InputError


def numbered_lines(path: Path, what: str, *, errors: str = "strict") -> Iterator[tuple[int, str]]:
    """Yield each line with its number, from 1, without its end.

    Parameters
    ----------
    path : pathlib.Path
        Text in UTF-8, plain or packed (told by its first bytes); any kind of line end.
    what : str
        What the file is, for messages: "the gene list".
    errors : str
        What to do about bytes that are not UTF-8, as in :func:`open`.

    Raises
    ------
    InputError
        If the file is not there, cannot be read to its end, or is not text.
    """
    if not path.exists():
        raise InputError(f"There is no file {path}; check the path of {what}.")
    number = 0
    for block in line_blocks(path):
        for line in block.removesuffix(b"\n").split(b"\n"):
            number += 1
            try:
                yield number, line.decode(errors=errors)
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{path}, line {number}: {what} is not text in UTF-8 ({error.reason}); save it as UTF-8."
                ) from error
