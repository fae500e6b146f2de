"""What every command needs of the terminal: results on standard output, progress on standard error."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from trastuz_ml.experiment.train import Progress


def say(text: str = "") -> None:
    """Print a line of the result."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """Print a line that is not part of the result."""
    sys.stderr.write(text + "\n")


def say_json(content: Any) -> None:
    """Print a result for machines: JSON, with null for what is missing."""
    say(json.dumps(_plain(content), indent=1, ensure_ascii=False, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return None if str(value) in ("<NA>", "NaT") else str(value)


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table as a list of plain rows, missing values as None."""
    return [_plain(row) for row in table.to_dict(orient="records")]


def say_table(table: pd.DataFrame) -> None:
    """Print a table with aligned columns, whole, whatever the width of the terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in table.columns:
        numeric = table[name].dtype.kind in "iuf"
        grid.add_column(str(name), justify="right" if numeric else "left", no_wrap=name != "message")
    for row in table.itertuples(index=False):
        grid.add_row(*(_cell(value) for value in row))
    # Text, not markup: a gene named [red] is shown as it is. A file or pipe has no width to keep to.
    width = None if sys.stdout.isatty() else 160
    Console(markup=False, highlight=False, emoji=False, width=width).print(grid)


def _cell(value: Any) -> str:
    plain = _plain(value)
    if plain is None:
        return ""
    return f"{plain:.3g}" if isinstance(plain, float) else str(plain)


@contextmanager
def progress(*, quiet: bool) -> Iterator[Progress | None]:
    """Give a progress callback that draws a bar on standard error; silent without a terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=1)
        stage = [""]

        def tell(what: str, done: int, total: int) -> None:
            if what != stage[0]:
                stage[0] = what
                bar.reset(task, description=what, total=total, completed=done)
            bar.update(task, completed=done, total=total)

        yield tell
