"""What every command needs of the terminal: results on standard output, progress on standard error."""

from __future__ import annotations

import json
import math
import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from trastuz_ml.cli.course import Course

if TYPE_CHECKING:
    import pandas as pd

    from trastuz_ml.quality.checked import Quality

_ENDLESS = 100_000
# Columns of sentences, and the width that they keep in a narrow terminal.
_SENTENCES = ("message", "status")
_LEAST_SENTENCE = 24
# Longer lines are hard to read; files beyond these are counted together.
_WIDEST, _MOST_FILES = 100, 5


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


def say_quality(quality: Quality) -> None:
    """Print what checking the data of an experiment found: the verdict, the findings, what became of the rows."""
    from trastuz_ml.report.quality import quality_content

    content = quality_content(quality)
    counts = content["counts"]
    say(f"{content['experiment']}: {content['verdict']}")
    rows = f"{counts['kept']:,} of {counts['rows']:,} rows kept" if content["sequenced"] else "nobody sequenced"
    say(
        f"{counts['patients']:,} patients, {counts['responders']:,} responding and "
        f"{counts['non_responders']:,} not; {rows}"
    )
    if content["simulated"]:
        say("These patients are SIMULATED.")
    say()
    _say_alike(quality.findings)
    _say_fates(content)


def _say_alike(findings: pd.DataFrame) -> None:
    """Print findings of one message together: a line of columns, and under it the message, wrapped."""
    from trastuz_ml.findings import Finding, merged

    alike = merged(Finding(**row) for row in findings.to_dict(orient="records"))
    if not alike:
        say("Nothing was noticed about the data.")
        return
    width = min(shutil.get_terminal_size().columns, _WIDEST) if sys.stdout.isatty() else 80
    code = max(len("finding"), *(len(found.code) for found in alike))
    patient = max(
        len("patient"), *(len(found.patient) for found in alike if len(found.patient) <= _LEAST_SENTENCE), 0
    )
    say(f"severity  {'finding':<{code}}  {'count':>7}  {'patient':<{patient}}  where")
    for found in alike:
        head = f"{found.severity:<8}  {found.code:<{code}}  {found.count:>7,}"
        whole = f"{head}  {found.patient:<{patient}}  {found.where}".rstrip()
        # What names many goes below, before the message.
        fits = len(whole) <= width
        say(_one_line(whole if fits else head))
        _say_wrapped("" if fits else "; ".join(filter(None, (found.patient, found.where))), width)
        _say_wrapped(found.message, width)


def _say_wrapped(text: str, width: int) -> None:
    for line in textwrap.wrap(_one_line(text), width - 4, break_long_words=False, break_on_hyphens=False):
        say(f"    {line}")


def _say_fates(content: dict[str, Any]) -> None:
    """Print what became of the rows, of all files and of each; of many files, those that lost most."""
    import pandas as pd

    files = content["files"]
    if not files:
        return
    lost = sorted(files, key=lambda file: file["kept"] - file["rows"])[:_MOST_FILES]
    every = [{"file": f"all {len(files):,} files", **content["total"]}] if len(files) > 1 else []
    lines = [
        {"file": file["file"] if first else "", "what became of the rows": what, "rows": f"{rows:>9,}"}
        for file in [*every, *(file for file in files if file in lost)]
        for first, what, rows in [
            (True, "read", file["rows"]), (False, "kept", file["kept"]),
            *((False, content["fates"][fate], rows) for fate, rows in file["fates"].items()),
        ]
    ]  # fmt: skip
    say_table(pd.DataFrame(lines))
    if len(files) > len(lost):
        say(f"{len(files) - len(lost):,} more files: --json, --out and --rows tell of all.")


def _one_line(text: str) -> str:
    return text.replace("\n", "\ufffd")


def _cell(value: Any) -> str:
    plain = _plain(value)
    if plain is None:
        return ""
    return f"{plain:.3g}" if isinstance(plain, float) else _harmless(str(plain)).replace("\n", "\ufffd")


@contextmanager
def progress(*, quiet: bool) -> Iterator[Course]:
    """Give what work tells its progress to: called with (what is being done, steps done, steps in all).

    It is drawn on standard error where that is a terminal, unless ``quiet``; elsewhere it says nothing.
    """
    course = Course()
    if quiet or not sys.stderr.isatty():
        yield course
        return
    from trastuz_ml.cli.moving import drawn

    with drawn(course):
        yield course
