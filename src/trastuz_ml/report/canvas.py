"""The sheet that every figure is drawn on: colours for light and dark, text as text, the same bytes each time."""

from __future__ import annotations

import io
import re
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.path import Path as Outline

# Colours are drawn as those of print, each different from all others, and written into a page as CSS variables, so
# that one figure serves paper, light and dark pages. Blue and vermillion are Okabe and Ito's (2008).
INK, MUTED, FAINT, PAPER = "#1d2329", "#59636e", "#d4dae0", "#ffffff"
ACCENT, TOWARDS, AGAINST, NEUTRAL = "#0072b2", "#0072b3", "#d55e00", "#8a949e"
_VARIABLES: dict[str, str] = {
    INK: "var(--ink, #1d2329)",
    MUTED: "var(--muted, #59636e)",
    FAINT: "var(--faint, #d4dae0)",
    PAPER: "var(--paper, #ffffff)",
    ACCENT: "var(--accent, #0072b2)",
    TOWARDS: "var(--towards, #0072b2)",
    AGAINST: "var(--against, #d55e00)",
    NEUTRAL: "var(--neutral, #8a949e)",
}
SMALL, TEXT = 10.0, 11.5
_FONT = "DejaVu Sans"  # comes with matplotlib: text is measured alike on every machine
_TOKEN = re.compile("|".join(_VARIABLES))
_DECIMALS = re.compile(r"-?\d+\.\d+")
HEAD = 17.0  # pixels above a panel for its name, where several make one figure
_KEPT_IDS = frozenset({"clipPath", "pattern", "path"})


@dataclass
class Board:
    """Where figures are drawn instead of being written: each on a sheet of its own, or at its place on one.

    Attributes
    ----------
    figure : matplotlib.figure.Figure or None
        The one figure; none while sizes are asked for.
    places : list of (float, float)
        Lower left corner of each figure to come, in pixels.
    drawn : list of (float, float)
        Width and height of each figure that was drawn.
    said : list of (str, str)
        Title and alternative of each.
    """

    figure: Figure | None = None
    places: list[tuple[float, float]] = field(default_factory=list)
    drawn: list[tuple[float, float]] = field(default_factory=list)
    said: list[tuple[str, str]] = field(default_factory=list)


_BOARD: ContextVar[Board | None] = ContextVar("board", default=None)


@contextmanager
def drawn_on(board: Board) -> Iterator[Board]:
    """Draw the figures that are made within on a board: :func:`svg` then returns an empty text."""
    mark = _BOARD.set(board)
    try:
        yield board
    finally:
        _BOARD.reset(mark)


def sheet(width: float, height: float, *, left: float, right: float, top: float, bottom: float) -> Axes:
    """Return bare axes on a new figure; sizes and margins in CSS pixels at natural size."""
    board, x, y = _BOARD.get(), 0.0, 0.0
    if board is not None and board.figure is not None:
        figure = board.figure
        x, y = board.places[len(board.drawn)]
    else:
        figure = Figure(figsize=(width / 72, height / 72), facecolor="none")
    if board is not None:
        board.drawn.append((width, height))
    wide, tall = (72 * size for size in figure.get_size_inches())
    box = ((x + left) / wide, (y + bottom) / tall, (width - left - right) / wide, (height - top - bottom) / tall)
    axes = figure.add_axes(box)
    axes.set_axis_off()
    return axes


def write(
    axes: Axes, x: float, y: float, text: str, *, dx: float = 0, dy: float = 0, size: float = SMALL,
    colour: str = INK, align: str = "center", level: str = "center", bold: bool = False, turn: float = 0,
) -> None:  # fmt: skip
    """Write text at a place in data coordinates, moved by pixels; never read as mathematics."""
    axes.annotate(
        text, (x, y), xytext=(dx, dy), textcoords="offset points", annotation_clip=False, ha=align, va=level,
        fontsize=size, color=colour, fontfamily=_FONT, fontweight="bold" if bold else "normal", rotation=turn,
        parse_math=False,
    )  # fmt: skip


def label(name: object, most: int = 24) -> str:
    r"""Return a name as a figure can hold it: no control characters, cut when long.

    Examples
    --------
    >>> label("mutational burden (log calls)", most=12), label("TP53\x00")
    ('mutational …', 'TP53�')
    """
    text = "".join("\ufffd" if unicodedata.category(c) in {"Cc", "Cs", "Cn"} else c for c in str(name))
    return text if len(text) <= most else text[: most - 1] + "…"


def boxes(corners: list[tuple[float, float, float, float]]) -> Outline:
    """Return one outline for many rectangles, each as left, bottom, right, top."""
    points = [p for x0, y0, x1, y1 in corners for p in ((x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0))]
    codes = [Outline.MOVETO, Outline.LINETO, Outline.LINETO, Outline.LINETO, Outline.CLOSEPOLY] * len(corners)
    return Outline(points or [(0, 0)], codes or [Outline.MOVETO])


def svg(axes: Axes, *, key: str, title: str, alternative: str, cells: str = "") -> str:
    """Return the figure as SVG text: the same bytes for the same drawing, without date and without styles.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Axes from :func:`sheet`.
    key : str
        Prefix of every id, so that several figures can stand in one page.
    title, alternative : str
        Name of the figure, and what it shows to somebody who cannot see it.
    cells : str
        Where its cells are, for the script of a page that draws them in another order: becomes ``data-cells``.

    Returns
    -------
    str
        One ``svg`` element. Presentation is in attributes, so that a page can forbid inline styles.
    """
    board = _BOARD.get()
    if board is not None:
        board.said.append((title, alternative))
        return ""
    drawn = svg_of(axes.figure, key=key, title=title, alternative=alternative)
    return drawn.replace("<svg ", f'<svg data-cells="{cells}" ', 1) if cells else drawn


def svg_of(figure: Figure | SubFigure, *, key: str, title: str, alternative: str, paged: bool = True) -> str:
    """Return a whole figure as SVG text, with CSS variables for a page or with plain colours for a file."""
    buffer = io.StringIO()
    # The two settings exist as global ones only; the context puts them back.
    with mpl.rc_context({"svg.hashsalt": key, "svg.fonttype": "none"}), warnings.catch_warnings():
        # The reader's browser has glyphs that the measuring font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.canvas.print_figure(buffer, format="svg", metadata={"Date": None})
    root = ElementTree.fromstring(buffer.getvalue())  # noqa: S314 - drawn a line above, not received
    _strip(root)
    for element in root.iter():
        element.tag = _local(element.tag)
        _rewrite(element, key, paged=paged)
    _describe(root, key, title, alternative)
    return ElementTree.tostring(root, encoding="unicode").replace("\n", " ")


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _strip(root: ElementTree.Element) -> None:
    """Remove metadata, global style rules, and the white space between elements."""
    for parent in list(root.iter()):
        for child in list(parent):
            child.tail = None
            if _local(child.tag) in {"metadata", "style"}:
                parent.remove(child)
        if len(parent):
            parent.text = None


def _rewrite(element: ElementTree.Element, key: str, *, paged: bool) -> None:
    """Turn styles into attributes, tokens into variables, and ids into ids of this figure."""
    given = {_local(name): value for name, value in element.attrib.items()}
    given |= _presentation(given.pop("style", ""))
    written: dict[str, str] = {}
    for name, value in given.items():
        if name == "id":
            written |= _identity(element.tag, value, key)
        elif name == "href":
            written[name] = f"#{key}-{value[1:]}"
        elif not (name == "transform" and value.startswith("rotate(-0 ")):
            written[name] = _shorter(value.replace("url(#", f"url(#{key}-"), paged=paged)
    element.attrib.clear()
    element.attrib.update(written)


def _presentation(style: str) -> dict[str, str]:
    pairs = (part.partition(":")[::2] for part in style.split(";") if ":" in part)
    found = {name.strip(): value.strip() for name, value in pairs}
    found.pop("font-family", None)  # the page's own
    return found


def _identity(tag: str, value: str, key: str) -> dict[str, str]:
    """Return an id that is referred to under the figure's prefix; a group named on purpose becomes a class."""
    if tag in _KEPT_IDS:
        return {"id": f"{key}-{value}"}
    return {"class": value.removeprefix("mark-")} if value.startswith("mark-") else {}


def _shorter(value: str, *, paged: bool) -> str:
    """Write tokens as variables and numbers with two decimals: a tenth of a pixel is not seen."""
    value = _TOKEN.sub(lambda hit: _VARIABLES[hit[0]], value) if paged else value
    return _DECIMALS.sub(lambda hit: f"{float(hit[0]):.2f}".rstrip("0").rstrip("."), value)


def _describe(root: ElementTree.Element, key: str, title: str, alternative: str) -> None:
    """Put title and description first and name them to screen readers; natural size from the drawing."""
    for place, (tag, text) in enumerate((("title", title), ("desc", alternative))):
        element = ElementTree.Element(tag, {"id": f"{key}-{tag}"})
        element.text = label(text, most=10_000)
        root.insert(place, element)
    width, height = root.attrib["viewBox"].split()[2:]
    root.attrib |= {
        "xmlns": "http://www.w3.org/2000/svg",
        "width": width, "height": height,
        "role": "img", "aria-labelledby": f"{key}-title {key}-desc",
        "font-family": "system-ui, sans-serif", "stroke-linejoin": "round", "stroke-linecap": "butt",
    }  # fmt: skip


def token(colour: str) -> dict[str, Any]:
    """Return the arguments of a filled shape without outline."""
    return {"facecolor": colour, "edgecolor": "none", "linewidth": 0}
