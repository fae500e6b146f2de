"""From a template to a page that needs nothing else: styles inside and allowed by their hash, names escaped."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from trastuz_ml import wording
from trastuz_ml.files import require_free, whole_file

Panel = dict[str, str]

_TEMPLATES = Path(__file__).parent / "templates"


def panel(title: str, caption: str, svg: str) -> Panel:
    """Return a figure with what stands above it."""
    return {"title": title, "caption": caption, "svg": svg}


def page_of(template: str, **parts: Any) -> str:
    """Render a template with its parts, the style sheet and the policy that allows this style sheet alone.

    Parameters
    ----------
    template : str
        Name of the template; it gets ``style`` and ``policy`` beside the parts.
    **parts
        What the template says. All of it is escaped, apart from figures that the template declares safe.
    """
    style = (_TEMPLATES / "report.css").read_text(encoding="utf-8").strip()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return _environment().get_template(template).render(**parts, style=style, policy=policy)


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
        number=wording.number, span=wording.span, p_value=wording.p_value, some=wording.some,
        count=wording.count, share=wording.share, yaml=_yaml, unbroken=_unbroken,
    )  # fmt: skip
    return environment


def _unbroken(text: str) -> str:
    """Keep a percent sign on the line of its number."""
    return text.replace(" %", "\u00a0%")


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
