"""The content of a report in each of its formats: a page, Markdown, JSON, or a folder of tables."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from trastuz_ml.errors import ConfigurationError, OutputExistsError
from trastuz_ml.files import require_free, whole_file
from trastuz_ml.report.content import content_of
from trastuz_ml.report.html import render
from trastuz_ml.report.markdown import markdown
from trastuz_ml.report.origin import file_name
from trastuz_ml.report.tables import as_text, tables_of
from trastuz_ml.store.run_folder import Run

Format = Literal["html", "md", "json", "tables"]
_LISTED = "tables.txt"


def write_report(
    runs: Sequence[Run], out: Path, *, names: Mapping[str, str], form: Format = "html", share: bool = False,
    force: bool = False,
) -> Path:  # fmt: skip
    """Write what a report says in one of its formats.

    Parameters
    ----------
    runs : sequence of Run
        Finished runs.
    out : Path
        The file to write; for ``tables`` a folder, which gets one TSV a table, in a folder a run where there are
        several. It appears complete or not at all.
    names : mapping
        Real patient identifier to the pseudonym shown in its place.
    form : str
        ``html``, ``md``, ``json`` (its shape: ``docs/report.schema.json``) or ``tables``.
    share : bool
        Whether it is to be sent: without patients and without small counts.
    force : bool
        Whether what is already there may be replaced.

    Raises
    ------
    OutputExistsError
        If the output is there and ``force`` is false, or is a folder that no such report made.
    InputError
        If a patient has no pseudonym.
    EvidenceError
        If a run to be shared has fewer than five patients of one class of response.
    """
    if form not in get_args(Format):
        raise ConfigurationError(f"There is no format '{form}'. There are: {', '.join(get_args(Format))}.")
    require_free(out, force=force)
    content = content_of(runs, names, share=share)
    if form == "tables":
        return _write_tables(content, out)
    if out.is_dir():
        raise OutputExistsError(f"{out} is a folder: expected the name of a file to write.")
    text = {"html": render, "md": markdown, "json": _json}[form](content)
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")
    return out


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def _write_tables(content: Mapping[str, Any], out: Path) -> Path:
    """Write the tables into a folder of their own; only a folder that such a report made is replaced."""
    if out.exists() and not (out / _LISTED).is_file():
        raise OutputExistsError(f"{out} holds no tables of a report, so it is not replaced: give another folder.")
    partial = out.with_name(f".{out.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    listed = []
    try:
        for place, section in enumerate(content["runs"], start=1):
            inner = f"{place}-{file_name(section['name'])}/" if len(content["runs"]) > 1 else ""
            for name, rows in tables_of(section).items():
                path = partial / f"{inner}{name}.tsv"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(as_text(rows, delimiter="\t"), encoding="utf-8", newline="\n")
                listed.append(f"{inner}{name}.tsv")
        words = [content["banner"], content["across"], *listed]
        (partial / _LISTED).write_text("\n".join(filter(None, words)) + "\n", encoding="utf-8", newline="\n")
        shutil.rmtree(out, ignore_errors=True)
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return out
