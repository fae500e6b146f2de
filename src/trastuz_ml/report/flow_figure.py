"""The flow diagram: boxes of what stayed, one below another, and beside each step what left."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.patches import PathPatch

from trastuz_ml.report import canvas
from trastuz_ml.report.canvas import ACCENT, FAINT, INK, MUTED, svg, write
from trastuz_ml.report.dots import pixels
from trastuz_ml.report.held_back import shown

_WIDE, _BOX, _TALL, _STEP = 400.0, 180.0, 50.0, 84.0
_WRAP, _SIDE_WRAP, _LINE = 28, 31, 13.0


def flow_diagram(steps: Sequence[Mapping[str, Any]], title: str, *, key: str = "flow") -> str:
    """Draw the steps of a flow.

    Parameters
    ----------
    steps : sequence of mapping
        ``text``, ``count`` and ``out``, as in :func:`trastuz_ml.report.flow.flow_content`.
    title : str
        What flows.
    key : str
        Prefix of the ids in the SVG.
    """
    # Many reasons beside an arrow make it longer, so that they do not run into those of the next.
    sides = [_lines(step["out"]) for step in steps]
    gaps = [max(_STEP, _LINE * (len(lines) + 1)) - _TALL for lines in sides]
    axes = pixels(_WIDE, sum(gaps[1:]) + _TALL * len(steps) + 12, left=6, right=6, top=6, bottom=6)
    top = axes.get_ylim()[1] + gaps[0] + _TALL
    for place, step in enumerate(steps):
        top -= gaps[place] + _TALL
        if place:
            axes.annotate(
                "", (_BOX / 2, top), (_BOX / 2, top + gaps[place]),
                arrowprops={"arrowstyle": "-|>", "color": MUTED, "lw": 1.2, "shrinkA": 0, "shrinkB": 0},
            )  # fmt: skip
            _side(axes, sides[place], top + gaps[place] / 2)
        box = canvas.boxes([(0, top - _TALL, _BOX, top)])
        edge = ACCENT if place == len(steps) - 1 else MUTED
        axes.add_patch(PathPatch(box, facecolor="none", edgecolor=edge, linewidth=1.2, clip_on=False))
        lines = textwrap.wrap(str(step["text"]), _WRAP)[:2]
        write(axes, _BOX / 2, top - 12, shown(step["count"]), bold=True, size=canvas.TEXT)
        for row, line in enumerate(lines):
            write(axes, _BOX / 2, top - 27 - 13 * row, line, colour=INK)
    said = "; ".join(
        f"{shown(step['count'])} {step['text']}"
        + "".join(f", after {shown(out['count'])} left out ({out['why']})" for out in step["out"])
        for step in steps
    )
    return svg(axes, key=key, title=title, alternative=f"{said}.")


def _lines(out: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what left, and why, in lines that fit beside an arrow."""
    return [line for part in out for line in textwrap.wrap(f"{shown(part['count'])} {part['why']}", _SIDE_WRAP)]


def _side(axes: Any, lines: Sequence[str], y: float) -> None:
    """Write what left beside the arrow."""
    if not lines:
        return
    axes.plot([_BOX / 2 + 4, _BOX + 14], [y, y], color=FAINT, lw=1.2, clip_on=False)
    for row, line in enumerate(lines):
        write(axes, _BOX + 20, y + _LINE * (len(lines) - 1) / 2 - _LINE * row, line, align="left", colour=MUTED)
