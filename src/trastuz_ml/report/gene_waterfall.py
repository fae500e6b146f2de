"""Figure of one patient: how a prediction comes about, from the base to the output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch

from trastuz_ml.report import canvas
from trastuz_ml.report.canvas import INK, MUTED, label, svg, write
from trastuz_ml.report.dots import pixels
from trastuz_ml.report.gene_figures import MISSING, level_name
from trastuz_ml.schema import GENE
from trastuz_ml.wording import count, number

STEPS_DRAWN = 9
_WIDE = 352.0


def waterfall(
    contributions: pd.DataFrame, base: float, output: float, scale: str, name: str, *,
    levels: Mapping[str, Sequence[str]] | None = None, key: str = "waterfall",
) -> str:  # fmt: skip
    """Draw how one patient's prediction comes about, from the base to the output.

    Parameters
    ----------
    contributions : pandas.DataFrame
        ``feature``, ``block``, ``value`` and ``contribution`` of one model and one patient, as in
        :data:`trastuz_ml.schema.CONTRIBUTIONS`; the leading ones are drawn, the others as their sum.
    base, output : float
        Output before any feature is known, and the model's output, as in :data:`trastuz_ml.schema.EXPLAINED`.
    scale, name : str
        Scale of the contributions, and what the patient is called (never a real identifier).
    levels : mapping, optional
        Names of the levels of each feature, no gene, whose value is the place of a level.
    key : str
        Prefix of the ids in the SVG.
    """
    steps = waterfall_steps(contributions, levels)
    ends = base + np.cumsum(steps["contribution"].to_numpy(dtype=float))
    starts = np.concatenate([[base], ends])[:-1]
    left = 18.0 + 6.1 * max((len(label(text, 26)) for text in steps["text"]), default=0)
    axes = pixels(_WIDE, 22.0 * max(len(steps), 1) + 66, left=left, right=52, top=24, bottom=42)
    wide, up = axes.get_xlim()[1], axes.get_ylim()[1]
    known = np.concatenate([starts, ends, [base, output]])
    low, high = float(known.min()), float(known.max())
    reach = max(high - low, 1e-9)
    digits = 3 if reach < 0.2 else 2

    def place(value: float) -> float:
        return wide * (value - low) / reach

    for row, (step, start, end) in enumerate(zip(steps.itertuples(), starts, ends, strict=True)):
        y = up - 22.0 * (row + 0.5)
        _step(axes, place(start), place(end), y, covered=bool(step.covered))
        write(axes, 0, y, label(step.text, 26), dx=-8, align="right")
        write(axes, wide, y, number(step.contribution, digits, signed=True), dx=48, align="right", colour=MUTED)
    axes.plot([place(base)] * 2, [0, up], color=MUTED, lw=1, zorder=0, linestyle=(0, (4, 3)))
    axes.plot([place(output)] * 2, [0, up], color=INK, lw=1.2, zorder=0)
    said_base = f"base {number(base, digits)}"
    write(axes, place(base), up, said_base, dy=11, colour=MUTED, align=_side(place(base), wide))
    write(axes, place(output), 0, f"output {number(output, digits)}", dy=-11, align=_side(place(output), wide))
    write(axes, wide / 2, 0, scale, dy=-28, colour=MUTED)
    said = "; ".join(f"{s.text} {number(s.contribution, 3, signed=True)}" for s in steps.itertuples())
    return svg(
        axes, key=key, title=f"How the prediction of patient {name} comes about",
        alternative=f"From base {number(base, 3)} to output {number(output, 3)} in {scale}: {said}.",
    )  # fmt: skip


def waterfall_steps(
    contributions: pd.DataFrame, levels: Mapping[str, Sequence[str]] | None = None
) -> pd.DataFrame:
    """Return the steps of a waterfall: the leading features by absolute contribution, then the others' sum.

    Returns
    -------
    pandas.DataFrame
        ``text`` (the feature with its state), ``contribution`` and ``covered``.

    Examples
    --------
    >>> rows = pd.DataFrame({"feature": ["TP53", "TTN"], "block": "gene", "value": [1.0, np.nan],
    ...                      "contribution": [0.3, -0.1]})
    >>> waterfall_steps(rows)["text"].tolist()
    ['TP53 mutated', 'TTN not covered']
    >>> rows = pd.DataFrame({"feature": ["ER"], "block": "covariate", "value": [0.0], "contribution": [0.3]})
    >>> waterfall_steps(rows, {"ER": ["negative", "positive"]})["text"].tolist()
    ['ER negative']
    """
    named = levels or {}
    rows = contributions.dropna(subset=["contribution"])
    rows = rows.assign(size=rows["contribution"].abs()).sort_values(["size", "feature"], ascending=[False, True])
    moving = rows[rows["size"] > 0]
    shown, rest = moving.head(STEPS_DRAWN), moving.iloc[STEPS_DRAWN:]
    steps = [
        (
            _named(row.feature, row.block, float(row.value), named.get(row.feature, ())),
            row.contribution,
            not np.isnan(float(row.value)),
        )
        for row in shown.itertuples()
    ]
    if len(rest):
        steps.append((f"other {count(len(rest), 'feature')}", rest["contribution"].sum(), True))
    return pd.DataFrame(steps, columns=["text", "contribution", "covered"])


def _named(feature: str, block: str, value: float, levels: Sequence[str]) -> str:
    """Name a feature with its state: a gene that is not covered never reads as one that is not mutated."""
    if block == GENE:
        state = "not covered" if np.isnan(value) else "mutated" if value > 0 else "not mutated"
        return f"{label(feature, 14)} {state}"
    return f"{label(feature, 18)} {MISSING if np.isnan(value) else level_name(value, levels)}"


def _step(axes: Axes, start: float, end: float, y: float, *, covered: bool) -> None:
    """Draw one step as a bar in the colour of its direction, hatched where the feature was not measured."""
    colour = canvas.TOWARDS if end >= start else canvas.AGAINST
    box = canvas.boxes([(min(start, end), y - 7, max(start, end, min(start, end) + 0.8), y + 7)])
    shape = canvas.token(colour) if covered else {
        "facecolor": "none", "edgecolor": colour, "hatch": "////", "linewidth": 0.9, "hatch_linewidth": 0.8,
    }  # fmt: skip
    axes.add_patch(PathPatch(box, gid="mark-step" if covered else "mark-step-not-covered", clip_on=False, **shape))


def _side(x: float, wide: float) -> str:
    """Return the alignment that keeps a text at a place inside the box."""
    return "left" if x < wide * 0.25 else "right" if x > wide * 0.75 else "center"
