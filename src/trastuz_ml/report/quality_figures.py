"""The figures of the quality page: what became of the rows of each file, and the burden of each patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch

from trastuz_ml.report import canvas
from trastuz_ml.report.canvas import (
    ACCENT,
    AGAINST,
    FAINT,
    INK,
    MUTED,
    NEUTRAL,
    SMALL,
    TEXT,
    label,
    sheet,
    svg,
    write,
)  # fmt: skip
from trastuz_ml.wording import count

_WIDE = 640.0
_HATCHED = {"facecolor": "none", "edgecolor": NEUTRAL, "linewidth": 0.8, "hatch": "////", "hatch_linewidth": 0.8}
# Looks of what was taken out, the most frequent first; the last one stands for all that follow.
_LOOKS: tuple[Mapping[str, object], ...] = (
    canvas.token(AGAINST), canvas.token(NEUTRAL), _HATCHED, canvas.token(INK), canvas.token(FAINT),
)  # fmt: skip
_OTHERS = "other reasons, see the table"
# Letters of a file's name.
_LONGEST = 32
MOST_BARS, MOST_ASSAYS, MOST_NAMES = 20, 6, 12
# Pixels: height of a strip, distance of dots, and where labels that would lie on others may go.
_STRIP, _DOT = 62.0, 5.0
_BESIDE, _ABOVE = (0.0, 12.0, -12.0, 24.0, -24.0), (11.0, -11.0, 22.0, -22.0, 33.0)
_LEFT, _RIGHT = 150.0, 120.0


def fates_of_rows(files: pd.DataFrame, *, key: str = "fates") -> str:
    """Draw one bar a file: which share of its rows was kept, and what took out the others.

    Parameters
    ----------
    files : pandas.DataFrame
        Rows by file (index) and fate (columns, in words). Only the files that lost most are drawn when there are
        many, below a bar of all.
    key : str
        Prefix of the ids in the SVG.
    """
    kept = files["kept"] if "kept" in files else pd.Series(0, index=files.index)
    looks = _looks(files.drop(columns="kept", errors="ignore").sum())
    drawn = _most_lost(files, kept)
    legend = _legend_of(looks)
    left, below = (
        16 + 6.2 * max(len(label(name, _LONGEST)) for name in drawn.index),
        16.0 * ((len(legend) + 1) // 2) + 10,
    )
    axes = sheet(_WIDE, 24.0 * len(drawn) + below + 4, left=left, right=128, top=4, bottom=below)
    axes.set(xlim=(0, 1), ylim=(len(drawn) - 0.5, -0.5))
    for place, (name, row) in enumerate(drawn.iterrows()):
        _bar(axes, place, row, looks)
        write(
            axes, 0, place, label(name), dx=-8, size=SMALL + 0.5, align="right", bold=place == 0 < len(files) - 1
        )
        write(axes, 1, place, _kept_of(row), dx=8, colour=MUTED, align="left")
    _draw_legend(axes, len(drawn), legend, 1 / (_WIDE - left - 128))
    said = "; ".join(f"{name}: {_kept_of(row)}" for name, row in drawn.iterrows())
    return svg(axes, key=key, title="What became of the rows", alternative=f"Rows kept of rows read. {said}.")


def _looks(totals: pd.Series) -> dict[str, Mapping[str, object]]:
    ordered = totals[totals > 0].sort_values(ascending=False, kind="stable").index
    return {str(fate): _LOOKS[min(place, len(_LOOKS) - 1)] for place, fate in enumerate(ordered)}


def _most_lost(files: pd.DataFrame, kept: pd.Series) -> pd.DataFrame:
    """Return the files to draw, in their order, after one row for all of them where they are several."""
    if len(files) == 1:
        return files
    lost = (files.sum(axis=1) - kept).to_numpy()
    shown = np.sort(np.argsort(-lost, kind="stable")[:MOST_BARS])
    every = files.sum().to_frame(f"all {len(files):,} files").T
    return pd.concat([every, files.iloc[shown]])


def _bar(axes: Axes, place: int, row: pd.Series, looks: Mapping[str, Mapping[str, object]]) -> None:
    total, at = float(row.sum()), 0.0
    for name, look in {"kept": canvas.token(ACCENT), **looks}.items():
        wide = float(row.get(name, 0)) / total if total else 0.0
        if wide:
            box = canvas.boxes([(at, place - 0.31, at + wide, place + 0.31)])
            axes.add_patch(PathPatch(box, clip_on=False, **look))
        at += wide


def _kept_of(row: pd.Series) -> str:
    total = int(row.sum())
    return f"{int(row.get('kept', 0)):,} of {total:,}" if total else "no rows"


def _legend_of(looks: Mapping[str, Mapping[str, object]]) -> dict[str, Mapping[str, object]]:
    """Return the looks by name; fates that share the last look are named together."""
    own = dict(list(looks.items())[: len(_LOOKS) - 1])
    rest = list(looks)[len(own) :]
    shared = {rest[0] if len(rest) == 1 else _OTHERS: _LOOKS[-1]} if rest else {}
    return {"kept": canvas.token(ACCENT), **own, **shared}


def _draw_legend(axes: Axes, bars: int, legend: Mapping[str, Mapping[str, object]], pixel: float) -> None:
    """Name the looks below the bars, two on a line; ``pixel`` is one pixel across in data coordinates."""
    row = 1 / 24.0
    for place, (name, look) in enumerate(legend.items()):
        x, y = (place % 2) * 230 * pixel, bars - 0.5 + (14 + 16 * (place // 2)) * row
        box = canvas.boxes([(x, y - 5 * row, x + 12 * pixel, y + 5 * row)])
        axes.add_patch(PathPatch(box, clip_on=False, **look))
        write(axes, x + 12 * pixel, y, label(name, 44), dx=6, colour=MUTED, align="left")


def burden_strip(patients: pd.DataFrame, *, key: str = "burden") -> str:
    """Draw the burden of each patient as a dot, by assay and response, the outliers with their names.

    Parameters
    ----------
    patients : pandas.DataFrame
        ``patient``, ``response``, ``assay``, ``burden`` (missing where unknown) and ``outlier``.
    key : str
        Prefix of the ids in the SVG.
    """
    known = patients.dropna(subset=["burden"])
    strips = _strips(known)
    room = _WIDE - _LEFT - _RIGHT
    axes = sheet(_WIDE, _STRIP * len(strips) + 44, left=_LEFT, right=_RIGHT, top=6, bottom=38)
    # Zero has no logarithm; it stands where one half would.
    highest = np.log10(max(2.0, known["burden"].max()))
    axes.set(xlim=(np.log10(0.4), highest + 0.08), ylim=(len(strips) - 0.5, -0.5))
    _burden_scale(axes, len(strips), float(highest))
    names = MOST_NAMES
    for place, (assay, response, rows) in enumerate(strips):
        names -= _strip(axes, place, rows.sort_values(["burden", "patient"]), room, names)
        what = "responding" if response == 1 else "not responding"
        write(axes, axes.get_xlim()[0], place, label(assay, 22), dx=-10, dy=7, size=TEXT, align="right")
        write(axes, axes.get_xlim()[0], place, f"{what}, {len(rows)}", dx=-10, dy=-8, align="right", colour=MUTED)
    said = "; ".join(
        f"{assay}, {'responding' if response == 1 else 'not responding'}: {count(len(rows), 'patient')}, median "
        f"{rows['burden'].median():g}, from {rows['burden'].min():g} to {rows['burden'].max():g}"
        for assay, response, rows in strips
    )
    return svg(axes, key=key, title="Burden of each patient", alternative=f"Nonsilent calls. {said}.")


def _strips(known: pd.DataFrame) -> list[tuple[str, int, pd.DataFrame]]:
    """Return the groups to draw, responders first: those of the assays with most patients."""
    largest = known["assay"].value_counts(sort=False).sort_index().sort_values(ascending=False, kind="stable")
    return [
        (str(assay), response, rows)
        for assay in largest.index[:MOST_ASSAYS]
        for response in (1, 0)
        if len(rows := known[(known["assay"] == assay) & (known["response"] == response)])
    ]


def _burden_scale(axes: Axes, strips: int, highest: float) -> None:
    ticks = {np.log10(0.5): "0"} | {float(power): f"{10**power:,}" for power in range(int(np.floor(highest)) + 1)}
    for tick, text in ticks.items():
        axes.plot([tick, tick], [-0.5, strips - 0.5], color=FAINT, lw=1, zorder=0, clip_on=False)
        write(axes, tick, strips - 0.5, text, dy=-10, colour=MUTED)
    middle = (np.log10(0.4) + highest) / 2
    write(axes, middle, strips - 0.5, "nonsilent calls, logarithmic scale", dy=-26, colour=MUTED)


def _strip(axes: Axes, place: int, rows: pd.DataFrame, room: float, names: int) -> int:
    """Draw the dots of one group and its median; return how many outliers were named."""
    x = np.log10(rows["burden"].astype(float).clip(lower=0.5).to_numpy())
    low, high = axes.get_xlim()
    y = place + _piled(x * room / (high - low)) / _STRIP
    out = rows["outlier"].to_numpy(dtype=bool)
    middle = np.log10(max(0.5, float(rows["burden"].median())))
    axes.plot([middle, middle], [place - 0.42, place + 0.42], color=INK, lw=1.6, zorder=3)
    for chosen, colour in ((~out, ACCENT if rows["response"].iloc[0] == 1 else NEUTRAL), (out, AGAINST)):
        axes.plot(x[chosen], y[chosen], marker="o", ms=4.4, color=colour, markeredgewidth=0, linestyle="none",
                  clip_on=False)  # fmt: skip
    named = rows.assign(x=x, y=y)[out][:names]
    _name_dots(axes, named, float(middle), room / (high - low))
    return len(named)


def _piled(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return how far, in pixels, each dot moves up or down so that dots of one place lie side by side.

    Examples
    --------
    >>> _piled(np.array([10.0, 10.0, 10.0, 50.0])).tolist()
    [0.0, 5.0, -5.0, 0.0]
    """
    places = np.round(x / _DOT).astype(int).tolist()
    held = Counter(places)
    moved, seen = [], Counter[int]()
    for place in places:
        step = min(_DOT, (_STRIP - 10) / held[place])
        rank = seen[place]
        moved.append((rank + 1) // 2 * step * (1 if rank % 2 else -1))
        seen[place] += 1
    return np.array(moved, dtype=np.float64) + 0.0


def _name_dots(axes: Axes, dots: pd.DataFrame, middle: float, pixel: float) -> None:
    """Write names beside their dots, away from the crowd, and moved where another name is.

    A name at the high end stands to the right of its dot; one at the low end above it, for want of room.
    """
    taken: list[tuple[float, float, float]] = []
    for dot in dots.itertuples():
        text = label(dot.patient, 18)
        high = bool(dot.x > middle)
        start, wide = dot.x * pixel, 6.4 * len(text) + 8
        for moved in _BESIDE if high else _ABOVE:
            height = -dot.y * _STRIP + moved
            if all(start > end or start + wide < begin or abs(height - other) > 11 for begin, end, other in taken):
                break
        taken.append((start, start + wide, height))
        write(axes, dot.x, dot.y, text, dx=6 if high else -2, dy=moved, align="left")
