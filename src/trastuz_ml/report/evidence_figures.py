"""Figures about what a score is worth: net benefit, growth with patients, and what chance gives."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch

from trastuz_ml.report import canvas
from trastuz_ml.report.canvas import ACCENT, FAINT, INK, MUTED, NEUTRAL, sheet, svg, write
from trastuz_ml.wording import number, span

_PANEL = 200.0
_DASHED = (0, (4, 3))


def decision_curve(rows: pd.DataFrame, *, key: str = "decision") -> str:
    """Draw one model's net benefit with its interval, between treating everybody and nobody.

    Parameters
    ----------
    rows : pandas.DataFrame
        ``model``, ``threshold``, ``net_benefit``, ``low``, ``high``, ``treat_all`` of one model, as in
        :data:`trastuz_ml.schema.DECISIONS`.
    key : str
        Prefix of the ids in the SVG.
    """
    top = float(np.nanmax(rows[["net_benefit", "high", "treat_all"]].to_numpy(dtype=float)))
    top = float(np.ceil(max(top, 0.05) * 20) / 20)
    axes = sheet(_PANEL, _PANEL, left=44, right=10, top=10, bottom=38)
    axes.set(xlim=(0, 1), ylim=(-top / 3, top))
    _grid(axes, (0.0, 0.5, 1.0), (0.0, top), digits=2)
    known = rows.dropna(subset=["low", "high"])
    axes.fill_between(known["threshold"], known["low"], known["high"], color=ACCENT, alpha=0.18, linewidth=0)
    axes.plot(rows["threshold"], rows["treat_all"], color=NEUTRAL, lw=1.4)
    axes.plot([0, 1], [0, 0], color=MUTED, lw=1, linestyle=_DASHED)
    axes.plot(rows["threshold"], rows["net_benefit"], color=ACCENT, lw=2.2)
    _names(axes, "threshold probability", "net benefit")
    told = rows[rows["threshold"].round(2).isin([0.1, 0.2, 0.3, 0.4, 0.5])]
    said = "; ".join(
        f"at {row.threshold:.1f} {number(row.net_benefit)}, treating all {number(row.treat_all)}"
        for row in told.itertuples()
    )
    return svg(
        axes, key=key, title=f"Net benefit of {rows['model'].iloc[0]}",
        alternative=f"Net benefit by threshold probability, treating nobody being 0: {said}.",
    )  # fmt: skip


def learning_curve(rows: pd.DataFrame, *, key: str = "learning") -> str:
    """Draw how one model's AUROC grows with the patients that it is trained on.

    Parameters
    ----------
    rows : pandas.DataFrame
        ``model``, ``trained_on``, ``auroc``, ``low``, ``high`` of one model, as in
        :data:`trastuz_ml.schema.LEARNING_CURVE`; a missing end means that there is no interval.
    key : str
        Prefix of the ids in the SVG.
    """
    ends = rows[["auroc", "low", "high"]].to_numpy(dtype=float)
    low = float(np.floor(min(0.4, np.nanmin(ends)) * 10) / 10)
    most = float(rows["trained_on"].max())
    axes = sheet(_PANEL, _PANEL, left=38, right=10, top=10, bottom=38)
    axes.set(xlim=(0, most * 1.06), ylim=(low, 1.0))
    _grid(axes, (0.0, round(most / 2), round(most)), (low, 0.5, 1.0), digits=1)
    axes.plot([0, most * 1.06], [0.5, 0.5], color=MUTED, lw=1, linestyle=_DASHED)
    known = rows.dropna(subset=["low", "high"])
    axes.vlines(known["trained_on"], known["low"], known["high"], color=ACCENT, lw=1.4, alpha=0.75)
    axes.plot(rows["trained_on"], rows["auroc"], color=ACCENT, lw=1.6, marker="o", ms=5, clip_on=False)
    _names(axes, "patients trained on", "AUROC")
    said = "; ".join(
        f"{row.trained_on:.0f} patients {number(row.auroc)} ({span(row.low, row.high) or 'no interval'})"
        for row in rows.itertuples()
    )
    title = f"Learning curve of {rows['model'].iloc[0]}"
    return svg(axes, key=key, title=title, alternative=f"AUROC by patients trained on: {said}.")


def null_histogram(values: npt.ArrayLike, observed: float, statistic: str, *, key: str = "null") -> str:
    """Draw what permutations gave, with the observed value as a line.

    Parameters
    ----------
    values : array, shape (m,)
        Statistics under permutation, at least one.
    observed : float
        That of the data as they are.
    statistic : str
        Its name.
    key : str
        Prefix of the ids in the SVG.
    """
    null = np.asarray(values, dtype=float)
    low, high = min(null.min(), observed), max(null.max(), observed)
    margin = max(0.05 * (high - low), 0.01)
    low, high = low - margin, high + margin
    counts, edges = np.histogram(null, bins=min(24, max(8, null.size // 4)), range=(low, high))
    axes = sheet(340, 170, left=16, right=16, top=26, bottom=40)
    axes.set(xlim=(low, high), ylim=(0, max(int(counts.max()), 1)))
    corners = [
        (left, 0.0, right, float(n)) for left, right, n in zip(edges[:-1], edges[1:], counts, strict=True) if n
    ]
    axes.add_patch(PathPatch(canvas.boxes(corners), gid="mark-null", **canvas.token(NEUTRAL)))
    axes.plot([low, high], [0, 0], color=FAINT, lw=1, clip_on=False)
    for tick in np.linspace(low + margin, high - margin, 4):
        write(axes, float(tick), 0, number(float(tick)), dy=-10, colour=MUTED)
    axes.axvline(observed, color=ACCENT, lw=2.2)
    side = "right" if observed > (low + high) / 2 else "left"
    write(axes, observed, axes.get_ylim()[1], f"observed {number(observed)}", dy=10, align=side, colour=INK)
    write(axes, (low + high) / 2, 0, statistic, dy=-28, colour=MUTED)
    middle = span(*np.quantile(null, [0.025, 0.975]))
    reached = int((null >= observed - 1e-9).sum())
    return svg(
        axes, key=key, title=f"{statistic} under permutation",
        alternative=f"{null.size} permutations, mean {number(float(null.mean()))}, the middle 95 % {middle}. "
        f"Observed {number(observed)}, reached by {reached}.",
    )  # fmt: skip


def _grid(axes: Axes, x: tuple[float, ...], y: tuple[float, ...], *, digits: int) -> None:
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    for tick in x:
        axes.plot([tick, tick], [bottom, top], color=FAINT, lw=1, zorder=0, clip_on=False)
        write(axes, tick, bottom, f"{tick:g}", dy=-10, colour=MUTED)
    for tick in y:
        axes.plot([left, right], [tick, tick], color=FAINT, lw=1, zorder=0, clip_on=False)
        write(axes, left, tick, number(tick, digits), dx=-4, colour=MUTED, align="right")


def _names(axes: Axes, x_name: str, y_name: str) -> None:
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    write(axes, (left + right) / 2, bottom, x_name, dy=-26, colour=MUTED)
    write(axes, left, (bottom + top) / 2, y_name, dx=-32, colour=MUTED, turn=90)
