"""Write files that appear complete or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from trastuz_ml.errors import ConfigurationError, OutputExistsError

if TYPE_CHECKING:
    import pandas as pd

# What a spreadsheet would run as a formula.
_RUNS = ("=", "+", "-", "@", "\t", "\r", "\n")
_SEPARATORS = {".csv": ",", ".tsv": "\t"}


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
        If it exists and ``force`` is false, or it is neither a file nor a folder.
    """
    # A complete file takes the place of what is there: of a device or a pipe nothing would be left.
    if output.exists() and not (output.is_file() or output.is_dir()):
        raise OutputExistsError(f"{output} is a device or a pipe, which is never replaced: give a file.")
    if output.exists() and not force:
        raise OutputExistsError(f"{output} is already there; give --force to replace it.")


def require_table_name(path: Path, *, force: bool) -> None:
    """Refuse a name for a table that :func:`write_table` would refuse, before any work is done.

    Raises
    ------
    ConfigurationError
        If the ending is none of .tsv, .csv and .parquet.
    OutputExistsError
        If the file is there and ``force`` is false.
    """
    if path.suffix.lower() not in {*_SEPARATORS, ".parquet"}:
        raise ConfigurationError(
            f"{path}: expected a name that ends in .tsv, .csv or .parquet, found '{path.suffix}'."
        )
    require_free(path, force=force)


def write_table(table: pd.DataFrame, path: Path, *, force: bool = False) -> None:
    """Write a table as TSV, CSV or Parquet, told apart by the ending; whole or not at all.

    In TSV and CSV, a text that a spreadsheet would run gets an apostrophe in front; numbers stay as they are.

    Parameters
    ----------
    table : pandas.DataFrame
        Its index is not written.
    path : pathlib.Path
        Ending in ``.tsv``, ``.csv`` or ``.parquet``; folders are made.
    force : bool
        Replace a file that is there.

    Raises
    ------
    ConfigurationError
        If the ending is another one, or the file cannot be written.
    OutputExistsError
        If the file is there and ``force`` is false.
    """
    require_table_name(path, force=force)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as partial:
            if path.suffix.lower() == ".parquet":
                table.to_parquet(partial, index=False)
            else:
                separator = _SEPARATORS[path.suffix.lower()]
                _harmless(table).to_csv(partial, sep=separator, index=False, lineterminator="\n")
    except OSError as error:
        raise ConfigurationError(f"The table cannot be written to {path}: {error}. Give another path.") from error


def _harmless(table: pd.DataFrame) -> pd.DataFrame:
    def guarded(column: pd.Series) -> pd.Series:
        return column.where(~column.str.startswith(_RUNS, na=False), "'" + column)

    texts = table.select_dtypes(["str", "object"]).columns
    return table.assign(**{name: guarded(table[name].astype("str")) for name in texts})
