"""One figure of a run as a file for a paper: SVG, PNG or PDF, as wide as a column, its type readable."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Annotation, Text

from trastuz_ml.errors import ConfigurationError
from trastuz_ml.files import require_free, whole_file
from trastuz_ml.report.canvas import HEAD, INK, MUTED, PAPER, SMALL, Board, drawn_on, label, svg_of
from trastuz_ml.report.content import content_of
from trastuz_ml.report.page import Drawer, Panel
from trastuz_ml.report.panels import drawers_of
from trastuz_ml.store.run_folder import Run

WIDTHS = (85, 180)
ENDINGS = (".svg", ".png", ".pdf")
SMALLEST_TYPE = 6.0
DOTS_PER_INCH = 600
_POINTS_PER_MM = 72 / 25.4
_GAP = 14.0


def write_figure(
    run: Run, name: str, out: Path, *, names: Mapping[str, str], width: float = WIDTHS[1], force: bool = False
) -> Path:
    """Write one figure of a run's report, all its panels on one sheet.

    Parameters
    ----------
    run : Run
        A finished run.
    name : str
        Name of the figure, such as ``roc``.
    out : Path
        The file; its ending says the format: svg, png (600 dots an inch) or pdf.
    names : mapping
        Real patient identifier to the pseudonym shown in its place.
    width : float
        In millimetres; journals ask for 85 (one column) and 180 (two).
    force : bool
        Whether a file that is already there may be replaced.

    Raises
    ------
    ConfigurationError
        If there is no such figure, it has nothing to show, or type would be smaller than 6 pt at this width.
    OutputExistsError
        If the file is there and ``force`` is false.
    """
    require_free(out, force=force)
    if out.suffix.lower() not in ENDINGS:
        raise ConfigurationError(f"{out}: expected a name ending in {', '.join(ENDINGS)}, found '{out.suffix}'.")
    section = content_of([run], names)["runs"][0]
    drawers = drawers_of(section, "figure", wide=width * _POINTS_PER_MM * SMALL / SMALLEST_TYPE)
    return write_sheet(_drawer(name, drawers, run.name), out, name=name, run=run.name, width=width)


def write_sheet(draw: Drawer, out: Path, *, name: str, run: str, width: float = WIDTHS[1]) -> Path:
    """Write what draws a figure as one sheet, all its panels on it; what is there is replaced.

    Parameters
    ----------
    draw : callable
        One of :func:`trastuz_ml.report.panels.drawers_of` that has something to show.
    out : Path
        The file, with one of :data:`ENDINGS`.
    name, run : str
        Name of the figure and of the run, for its title.
    width : float
        In millimetres.

    Raises
    ------
    ConfigurationError
        If type would be smaller than 6 pt at this width.
    """
    figure, said = _sheet(draw, width * _POINTS_PER_MM, name)
    written = _written(figure, out.suffix.lower(), f"{name} of {run}", said)
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out) as partial:
        partial.write_bytes(written)
    return out


def _drawer(name: str, drawers: Mapping[str, Drawer], run: str) -> Drawer:
    known = name.replace("-", "_")
    if known not in drawers:
        listed = ", ".join(one.replace("_", "-") for one in drawers)
        raise ConfigurationError(f"There is no figure '{name}'. There are: {listed}.")
    if not drawers[known]():
        raise ConfigurationError(f"The figure {name} has nothing to show in the run {run}.")
    return drawers[known]


def _sheet(draw: Drawer, points: float, name: str) -> tuple[Figure, str]:
    """Return one figure of that width in points, its panels in as many columns as stay readable, and its words."""
    with drawn_on(Board()) as sizes:
        panels = draw()
    head = HEAD if len(panels) > 1 else 0.0
    wide, tall = (max(size[axis] for size in sizes.drawn) for axis in (0, 1))
    most = points * SMALL / SMALLEST_TYPE
    columns = max(1, min(len(panels), int(most // wide)))
    natural = max(columns * wide, points)
    margin = (natural - columns * wide) / 2
    scale = points / natural
    if SMALL * scale < SMALLEST_TYPE - 0.01:
        needed = math.ceil(natural * SMALLEST_TYPE / SMALL / _POINTS_PER_MM)
        raise ConfigurationError(
            f"The figure {name} would have type of {SMALL * scale:.1f} pt at this width: give --width {needed} or "
            "more."
        )
    rows = math.ceil(len(panels) / columns)
    cell = tall + head + _GAP
    height = rows * cell - _GAP
    places = [
        (margin + (place % columns) * wide, height - (place // columns) * cell - head - size[1])
        for place, size in enumerate(sizes.drawn)
    ]
    figure = Figure(figsize=(natural / 72, height / 72), facecolor=PAPER)
    with drawn_on(Board(figure, places)) as board:
        panels = draw()
    if head:
        _name(figure, panels, places, sizes.drawn)
    _shrink(figure, scale)
    return figure, " ".join(f"{title}. {words}" for title, words in board.said)


def _name(
    figure: Figure, panels: Sequence[Panel], places: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
) -> None:  # fmt: skip
    """Write the name of each panel above it."""
    wide, tall = (72 * size for size in figure.get_size_inches())
    for one, (x, y), (_, up) in zip(panels, places, sizes, strict=True):
        at = ((x + 4) / wide, (y + up + 5) / tall)
        style: dict[str, Any] = {"fontfamily": "DejaVu Sans", "fontsize": SMALL, "parse_math": False}
        text = figure.text(*at, label(one["title"], 30), color=INK, fontweight="bold", **style)
        text.set_gid("mark-name")
        if one["caption"] and len(one["caption"]) < 20:
            beside = (x + 6.9 * len(label(one["title"], 30)) + 14) / wide
            figure.text(beside, at[1], one["caption"], color=MUTED, **style)


def _shrink(figure: Figure, scale: float) -> None:
    """Scale a figure with all that is measured in points: type, lines, marks, and distances of type."""
    for artist in figure.findobj():
        if isinstance(artist, Text):
            artist.set_fontsize(float(artist.get_fontsize()) * scale)
        if isinstance(artist, Annotation):
            across, up = artist.xyann
            artist.xyann = (scale * across, scale * up)
        elif isinstance(artist, Line2D):
            artist.set_linewidth(artist.get_linewidth() * scale)
            artist.set_markersize(artist.get_markersize() * scale)
            artist.set_markeredgewidth(artist.get_markeredgewidth() * scale)
        elif isinstance(artist, Patch):
            artist.set_linewidth(artist.get_linewidth() * scale)
            artist.set_hatch_linewidth(artist.get_hatch_linewidth() * scale)
        elif isinstance(artist, Collection):
            artist.set_linewidth([scale * width for width in np.atleast_1d(artist.get_linewidth())])
    figure.set_size_inches(*(scale * size for size in figure.get_size_inches()))


def _written(figure: Figure, ending: str, title: str, said: str) -> bytes:
    """Return the bytes of a file: the same for the same figure."""
    if ending == ".svg":
        drawn = svg_of(figure, key="figure", title=title, alternative=said, paged=False)
        return drawn.encode()
    buffer = io.BytesIO()
    with mpl.rc_context({"pdf.fonttype": 42}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        if ending == ".pdf":
            FigureCanvasPdf(figure).print_pdf(buffer, metadata={"CreationDate": None, "Title": title})
        else:
            figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None, "Title": title})
    return buffer.getvalue()
