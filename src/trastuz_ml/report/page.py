"""From a template to a page that needs nothing else: style and script inside, allowed by hash, names escaped."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from trastuz_ml import wording
from trastuz_ml.files import require_free, whole_file
from trastuz_ml.report import held_back
from trastuz_ml.report.origin import file_name
from trastuz_ml.schema import GENE

Panel = dict[str, str]
Drawer = Callable[[], list[Panel]]

# What stands in an address as it is.
_SAFE = ",.:;()/=*!|@$'~-_+"
_TEMPLATES = Path(__file__).parent / "templates"
_STYLES = ("report.css", "bench.css")


def panel(title: str, caption: str, svg: str) -> Panel:
    """Return a figure with what stands above it."""
    return {"title": title, "caption": caption, "svg": svg}


def page_of(template: str, *, scripts: Sequence[str] = (), **parts: Any) -> str:
    """Render a template with its parts, the style sheet, its script and the policy that allows these two alone.

    Parameters
    ----------
    template : str
        Name of the template; it gets ``style``, ``script`` (empty for none) and ``policy`` beside the parts.
    scripts : sequence of str
        Names of the files under ``templates/script`` that the page's script is made of, in their order.
    **parts
        What the template says. All of it is escaped, apart from figures that the template declares safe.
    """
    style = "\n".join(_text(name) for name in _STYLES)
    script = "\n".join(_text(f"script/{name}") for name in scripts)
    policy = [
        "default-src 'none'", f"style-src '{_digest(style)}'", "base-uri 'none'", "form-action 'none'",
        *([f"script-src '{_digest(script)}'"] if script else []),
    ]  # fmt: skip
    page = _environment().get_template(template)
    return page.render(**parts, style=style, script=script, policy="; ".join(policy))


def _text(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8").strip()


def _digest(text: str) -> str:
    """Return the hash by which a policy allows an element that holds this text and no other."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def write_page(page: str, out: Path, *, force: bool) -> Path:
    """Write a page; it appears complete or not at all.

    Raises
    ------
    OutputExistsError
        If the page is there and ``force`` is false.
    """
    require_free(out, force=force)
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out) as partial:
        partial.write_text(page, encoding="utf-8", newline="\n")
    return out


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters.update(
        number=held_back.number, span=held_back.span, p_value=held_back.p_value, shown=held_back.shown,
        some=wording.some, count=wording.count, share=wording.share, yaml=_yaml, unbroken=_unbroken,
        percent=_percent, file=file_name, state=_state, value=_value,
    )  # fmt: skip
    return environment


def data_address(text: str) -> str:
    """Return the address of a table that stands in the page itself: a link to it saves the table as a file.

    Examples
    --------
    >>> data_address("gene,p")
    'data:text/csv;charset=utf-8,gene,p'
    """
    return f"data:text/csv;charset=utf-8,{quote(text, safe=_SAFE)}"


def _percent(share: float | str | None) -> str:
    """Write a share in per cent, ✱ where it is held back."""
    if share is None or share == held_back.HELD:
        return held_back.number(share)
    return f"{100 * float(share):.0f}\u00a0%"


def _value(value: float | str | None) -> str:
    """Write a number as the script reads it, whatever its words are; nothing where it is missing or held back."""
    if value is None or value == held_back.HELD or math.isnan(float(value)):
        return ""
    return f"{float(value):.6g}".replace("inf", "Infinity")


def _state(value: float | None, feature: Mapping[str, Any]) -> str:
    """Return what a value of a feature is called: a gene that is not covered never reads as not mutated."""
    if feature["block"] == GENE:
        return "not covered" if value is None else "mutated" if value > 0 else "not mutated"
    if value is None:
        return "unknown"
    levels = feature["levels"]
    if float(value).is_integer() and 0 <= value < len(levels):
        return str(levels[int(value)])
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _unbroken(text: str) -> str:
    """Keep a percent sign on the line of its number."""
    return text.replace(" %", "\u00a0%")


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
