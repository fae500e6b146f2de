"""The content of a report as Markdown: the sentences, and the tables that a paper has room for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from trastuz_ml.report.held_back import HELD, HELD_SENTENCE
from trastuz_ml.report.tables import columns_of, tables_of

# Tables by heading, in the order of the page; points of curves and dots of figures are in the other formats.
_PARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("What n can tell", ("size-auc", "size-features", "size-carriers")),
    ("Flow of patients and calls", ("flow",)),
    ("Table 1: patients by response", ("baseline",)),
    ("Findings about the data", ("findings",)),
    ("Scores", ("scores",)),
    ("Comparisons", ("comparisons", "comparisons-all")),
    ("Chance", ("chance",)),
    ("Within strata", ("strata",)),
    ("Learning curve", ("learning",)),
    ("Optimism", ("optimism",)),
    ("Watched genes", ("watched",)),
    ("Leading features by model", ("leading",)),
    ("Gene sets", ("sets",)),
    ("Agreement between models", ("agreement",)),
    ("In-silico silencing", ("silencing",)),
    ("Genes by chance", ("genes-by-chance",)),
    ("Influence of single patients", ("influence",)),
    ("TRIPOD+AI", ("tripod",)),
)
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~])")


def markdown(content: Mapping[str, Any]) -> str:
    """Return the report as Markdown; names are written so that none of them is markup.

    Parameters
    ----------
    content : mapping
        From :func:`trastuz_ml.report.content.content_of`.
    """
    lines = [f"# {_text(content['title'])}", ""]
    notes = [content["banner"], HELD_SENTENCE if content["shared"] else "", content["across"]]
    for note in filter(None, notes):
        lines += [f"> {_text(note)}", ""]
    for pair in content["pairs"]:
        lines += [f"## {_text(pair['first'])} against {_text(pair['second'])}", ""]
        lines += _table(pair["rows"]) if pair["rows"] else [_text(pair["reason"]), ""]
    for section in content["runs"]:
        lines += _section(section)
    return "\n".join(lines).rstrip() + "\n"


def _section(section: Mapping[str, Any]) -> Iterable[str]:
    answer, tables = section["answer"], tables_of(section)
    yield from (f"## {_text(section['name'])}", "", _text(" · ".join(section["facts"]["line"])), "")
    yield from (_text(" ".join(answer["sentences"])), "")
    for sentence in filter(None, [answer["left_out"], *answer["chance"], *answer["genes"]]):
        yield f"- {_text(sentence)}"
    yield ""
    for heading, names in _PARTS:
        words = section["size"]["sentences"] if heading == "What n can tell" else ()
        there = [name for name in names if name in tables]
        if there or words:
            yield from (f"### {heading}", "")
            yield from (f"- {_text(sentence)}" for sentence in words)
            yield ""
            for name in there:
                yield from _table(tables[name])
    yield from ("### Limits", "", *(f"- {_text(sentence)}" for sentence in section["limits"]), "")
    yield from ("### Provenance", "")
    for step in section["provenance"]["commands"]:
        yield from (_text(step["what"]), "", *(f"    {line}" for line in step["command"].splitlines()), "")
    left = [name for name in tables if name not in {part for _, names in _PARTS for part in names}]
    yield from (f"In `--format tables` and `json` there are also: {', '.join(left)}.", "")


def _table(rows: list[dict[str, Any]]) -> Iterable[str]:
    names = columns_of(rows)
    yield f"| {' | '.join(_text(name.replace('_', ' ')) for name in names)} |"
    yield f"| {' | '.join('---' for _ in names)} |"
    for row in rows:
        yield f"| {' | '.join(_cell(row.get(name)) for name in names)} |"
    yield ""


def _cell(value: Any) -> str:
    if value is None or value == "":
        return ""
    if value == HELD:
        return "✱"
    if isinstance(value, list):
        return _text(", ".join(map(str, value)))
    return f"{value:.3g}" if isinstance(value, float) else _text(value)


def _text(value: object) -> str:
    """Return a text of one line in which nothing is markup."""
    return _MARKUP.sub(r"\\\1", " ".join(str(value).split()))
