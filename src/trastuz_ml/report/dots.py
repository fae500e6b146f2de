"""Many dots as one shape: a figure of thousands of them stays a few kilobytes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline

from trastuz_ml.report.canvas import PAPER, sheet

Array = npt.NDArray[np.float64]
_VERY_MANY = 2_000


def pixels(width: float, height: float, *, left: float, right: float, top: float, bottom: float) -> Axes:
    """Return bare axes whose data are pixels of the drawing box, from its lower left corner; margins as given."""
    left, right, top, bottom = (float(round(margin)) for margin in (left, right, top, bottom))
    axes = sheet(width, height, left=left, right=right, top=top, bottom=bottom)
    axes.set(xlim=(0, width - left - right), ylim=(0, height - top - bottom))
    return axes


def dots(axes: Axes, x: npt.ArrayLike, y: npt.ArrayLike, *, radius: float, colour: str, name: str) -> None:
    """Draw discs as one path: strokes without length that have round ends.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        From :func:`pixels`.
    x, y : array, shape (n,)
        Centres, in pixels; drawn to half a pixel, and once where several fall together.
    radius : float
        In pixels.
    colour : str
        A token of the canvas.
    name : str
        Class of the group in the SVG.
    """
    places = _apart(x, y)
    if len(places):
        path = Outline(np.repeat(places, 2, axis=0), [Outline.MOVETO, Outline.LINETO] * len(places))
        _stroke(axes, path, colour, 2 * radius, name, ends="round")


def rings(axes: Axes, x: npt.ArrayLike, y: npt.ArrayLike, *, radius: float, colour: str, name: str) -> None:
    """Draw hollow discs: discs, and smaller ones in the colour of the paper upon them."""
    dots(axes, x, y, radius=radius, colour=colour, name=name)
    dots(axes, x, y, radius=radius - 1.1, colour=PAPER, name=f"{name}-hole")


def crosses(axes: Axes, x: npt.ArrayLike, y: npt.ArrayLike, *, arm: float, colour: str, name: str) -> None:
    """Draw diagonal crosses as one path; ``arm`` is half their width in pixels."""
    places = _apart(x, y)
    if len(places):
        offsets = arm * np.array([(-1, -1), (1, 1), (-1, 1), (1, -1)], dtype=float)
        points = (places[:, None, :] + offsets).reshape(-1, 2)
        _stroke(axes, Outline(points, [Outline.MOVETO, Outline.LINETO] * (2 * len(places))), colour, 1.0, name)


def _apart(x: npt.ArrayLike, y: npt.ArrayLike) -> Array:
    """Return the different places to half a pixel, in an order that does not depend on the order given.

    Where there are very many, they are told apart to a pixel: among so many nobody sees the difference.
    """
    pairs = np.column_stack([np.asarray(x, dtype=float), np.asarray(y, dtype=float)])
    known = pairs[np.isfinite(pairs).all(axis=1)]
    parts = 2 if len(known) <= _VERY_MANY else 1
    kept: Array = np.unique(np.round(known * parts) / parts, axis=0)
    return kept


def _stroke(axes: Axes, path: Outline, colour: str, width: float, name: str, *, ends: str = "butt") -> None:
    path.should_simplify = False  # a stroke without length is what is meant, not one to leave out
    axes.add_patch(
        PathPatch(
            path, facecolor="none", edgecolor=colour, linewidth=width, capstyle=ends, clip_on=False,
            gid=f"mark-{name}",
        )
    )  # fmt: skip


def swarm(x: npt.ArrayLike, first: npt.ArrayLike, *, step: float, half: float) -> Array:
    """Return how far each dot is moved aside, in pixels, so that dots of one column do not hide each other.

    Parameters
    ----------
    x : array, shape (n,)
        Places along the scale, in pixels.
    first : array, shape (n,)
        Dots with a larger number are put nearer to the middle of their column.
    step : float
        Distance between neighbours, and width of a column.
    half : float
        The farthest that a dot may be moved; fuller columns are pressed together.

    Returns
    -------
    array, shape (n,)
        The same for the same dots, whatever their order, apart from dots that are alike.

    Examples
    --------
    >>> swarm([5, 5, 5, 40], [0, 1, 0, 0], step=4, half=8).tolist()
    [-4.0, 0.0, 4.0, 0.0]
    """
    places, inner = np.asarray(x, dtype=float), np.asarray(first, dtype=float)
    column = np.round(places / step)
    aside = np.zeros(len(places))
    for value in np.unique(column):
        members = np.flatnonzero(column == value)
        members = members[np.lexsort((places[members], -inner[members]))]
        turn = np.arange(len(members))
        moved = (turn + 1) // 2 * np.where(turn % 2, -step, step)
        aside[members] = moved * min(1.0, half / max(np.abs(moved).max(), 1e-9))
    return aside


def thinned(values: npt.ArrayLike, most: int) -> npt.NDArray[np.intp]:
    """Return the places of at most so many values, evenly spread over their order; all when they are few.

    Examples
    --------
    >>> thinned([3.0, 1.0, 2.0], 5).tolist(), thinned([3.0, 1.0, 2.0, 5.0, 4.0], 3).tolist()
    ([0, 1, 2], [1, 0, 3])
    """
    known = np.asarray(values, dtype=float)
    if len(known) <= most:
        return np.arange(len(known))
    order = np.argsort(known, kind="stable")
    kept: npt.NDArray[np.intp] = order[np.round(np.linspace(0, len(known) - 1, most)).astype(int)]
    return kept
