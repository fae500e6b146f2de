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
_WRAP, _SIDE_WRAP = 28, 31


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
    axes = pixels(_WIDE, _STEP * (len(steps) - 1) + _TALL + 12, left=6, right=6, top=6, bottom=6)
    up = axes.get_ylim()[1]
    for place, step in enumerate(steps):
        top = up - _STEP * place
        if place:
            axes.annotate(
                "", (_BOX / 2, top), (_BOX / 2, top + _STEP - _TALL),
                arrowprops={"arrowstyle": "-|>", "color": MUTED, "lw": 1.2, "shrinkA": 0, "shrinkB": 0},
            )  # fmt: skip
            _side(axes, step["out"], top + (_STEP - _TALL) / 2)
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


def _side(axes: Any, out: Sequence[Mapping[str, Any]], y: float) -> None:
    """Write what left beside the arrow."""
    lines = [line for part in out for line in textwrap.wrap(f"{shown(part['count'])} {part['why']}", _SIDE_WRAP)]
    if not lines:
        return
    axes.plot([_BOX / 2 + 4, _BOX + 14], [y, y], color=FAINT, lw=1.2, clip_on=False)
    for row, line in enumerate(lines):
        write(axes, _BOX + 20, y + 6.5 * (len(lines) - 1) - 13 * row, line, align="left", colour=MUTED)
