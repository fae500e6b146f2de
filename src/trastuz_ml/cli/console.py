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

_ENDLESS = 100_000
# Columns of sentences, and the width that they keep in a narrow terminal.
_SENTENCES = ("message", "status")
_LEAST_SENTENCE = 24


def say(text: str = "") -> None:
    """Print a line of the result."""
    sys.stdout.write(_harmless(text) + "\n")


def note(text: str) -> None:
    """Print a line that is not part of the result."""
    sys.stderr.write(_harmless(text) + "\n")


def _harmless(text: str) -> str:
    """Replace what a terminal would obey rather than show: names come from other people's files."""
    return "".join(c if c.isprintable() or c in "\n\u00a0" else "\ufffd" for c in text)


def say_json(content: Any) -> None:
    """Print a result for machines: JSON, with null for what is missing."""
    sys.stdout.write(json.dumps(_plain(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        # JSON knows no infinity, and an endless odds ratio is not a missing one.
        return None if math.isnan(value) else str(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return None if str(value) in ("<NA>", "NaT") else str(value)


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table as a list of plain rows, missing values as None."""
    return [_plain(row) for row in table.to_dict(orient="records")]


def say_table(table: pd.DataFrame) -> None:
    """Print a table with aligned columns, whole, whatever the width of the terminal.

    In a terminal sentences give way to the other columns and are wrapped; a file or pipe has no width to keep to.
    """
    from rich import box
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in table.columns:
        numeric = table[name].dtype.kind in "iuf"
        header = str(name).replace("_", "\n")
        grid.add_column(header, justify="right" if numeric else "left", no_wrap=name not in _SENTENCES)
    for row in table.itertuples(index=False):
        grid.add_row(*(_cell(value) for value in row))
    # Text, not markup: a gene named [red] is shown as it is.
    console = Console(markup=False, highlight=False, emoji=False)
    needed = Measurement.get(console, console.options.update(width=_ENDLESS), grid).maximum
    if sys.stdout.isatty():
        longest = [int(table[name].str.len().max()) for name in _SENTENCES if name in table.columns]
        needed -= sum(max(0, length - _LEAST_SENTENCE) for length in longest)
        needed = max(needed, console.width)
    console.width = needed
    console.print(grid)


def say_findings(findings: pd.DataFrame) -> None:
    """Print what was noticed about the data."""
    if findings.empty:
        say("Nothing was noticed about the data.")
        return
    say_table(findings[["severity", "code", "patient", "count", "message"]])


def _cell(value: Any) -> str:
    plain = _plain(value)
    if plain is None:
        return ""
    return f"{plain:.3g}" if isinstance(plain, float) else _harmless(str(plain)).replace("\n", "\ufffd")


@contextmanager
def progress(*, quiet: bool) -> Iterator[Progress | None]:
    """Give a progress callback that draws a bar on standard error; silent without a terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(),
        TimeElapsedColumn(), TextColumn("{task.fields[counted]}"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        stage = [""]
        task = [bar.add_task("starting", total=None, counted="")]

        def tell(what: str, done: int, total: int) -> None:
            # A single step has no share of it done: its bar moves to and fro instead.
            many = total > 1
            if what != stage[0]:
                stage[0] = what
                bar.remove_task(task[0])
                task[0] = bar.add_task(what, total=total if many else None, counted="")
            bar.update(task[0], completed=done, counted=f"{done} of {total}, left" if many else "")

        yield tell
