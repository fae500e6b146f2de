"""One figure for each kind of result: frames in, SVG text out."""

from __future__ import annotations

from math import ceil

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch

from trastuz_ml.report import canvas
from trastuz_ml.report.canvas import ACCENT, FAINT, INK, MUTED, NEUTRAL, SMALL, TEXT, label, sheet, svg, write
from trastuz_ml.wording import number, span

_EDGE = 4.0  # pixels between a mark and its label
_LEAST = 60.0  # pixels that a drawing has between its margins, however narrow it is asked for
_PANEL = 200.0
_ROW = 21.0  # pixels a gene in the overview
_FIRST = "chosen"


def forest(scores: pd.DataFrame, *, width: float = 640.0, key: str = "forest") -> str:
    """Draw the AUROC of each model with its interval.

    Parameters
    ----------
    scores : pandas.DataFrame
        ``model``, ``estimate``, ``low``, ``high``; a missing end means that there is no interval.
    width : float
        In pixels at natural size; wider where names would leave no room for the drawing.
    key : str
        Prefix of the ids in the SVG.

    Returns
    -------
    str
        SVG; a model without an interval has a hollow mark and the words "no interval".
    """
    rows = scores.dropna(subset=["estimate"]).reset_index(drop=True)
    row_height, left, right = 26.0, _room_for(rows["model"], 24) + 6, 150.0
    wide = max(width, left + _LEAST + right)
    axes = sheet(wide, row_height * len(rows) + 52, left=left, right=right, top=26, bottom=26)
    ends = rows[["estimate", "low", "high"]].to_numpy(dtype=float)
    low, high = min(0.4, np.nanmin(ends, initial=0.5)), max(0.8, np.nanmax(ends, initial=0.5))
    axes.set(xlim=(np.floor(low * 10) / 10, np.ceil(high * 10) / 10), ylim=(len(rows) - 0.5, -0.5))
    _forest_scale(axes, len(rows))
    for place, row in rows.iterrows():
        _forest_row(axes, float(place), row)
    said = "; ".join(f"{row.model} {_score_text(row)}" for row in rows.itertuples())
    return svg(axes, key=key, title="AUROC of each model with its 95 % interval", alternative=f"AUROC: {said}.")


def _room_for(names: pd.Series, most: int) -> float:
    """Return pixels enough for the longest of the names at the left of a figure."""
    return 16.0 + 6.6 * max((len(label(name, most)) for name in names), default=0)


def _forest_scale(axes: Axes, rows: int) -> None:
    low, high = axes.get_xlim()
    # In a narrow column every second number has room.
    pixels = 72 * axes.bbox.width / axes.figure.dpi
    step = 2 if pixels / max(10 * (high - low), 1) < 28 else 1
    for tick in np.arange(round(low * 10), round(high * 10) + 1, step) / 10:
        chance = bool(np.isclose(tick, 0.5))
        axes.plot([tick, tick], [-0.5, rows - 0.5], color=MUTED if chance else FAINT, lw=1, zorder=0,
                  linestyle=(0, (4, 3)) if chance else "-", clip_on=False)  # fmt: skip
        write(axes, tick, rows - 0.5, number(tick, 1), dy=-12, colour=MUTED)
    if low <= 0.5 <= high:
        write(axes, 0.5, -0.5, "chance", dy=10, colour=MUTED)


def _forest_row(axes: Axes, place: float, row: pd.Series) -> None:
    first = row["model"] == _FIRST
    colour = ACCENT if first else INK
    bounded = bool(np.isfinite([row["low"], row["high"]]).all())
    if bounded:
        axes.plot([row["low"], row["high"]], [place, place], color=colour, lw=3 if first else 1.6)
    axes.plot([row["estimate"]], [place], marker="s" if first else "o", ms=8 if first else 6.5, color=colour,
              markerfacecolor=colour if bounded else "none", markeredgewidth=1.4, linestyle="none")  # fmt: skip
    left, right = axes.get_xlim()
    write(axes, left, place, label(row["model"]), dx=-12, size=TEXT, align="right", bold=first)
    write(axes, right, place, _score_text(row), dx=12, size=TEXT, align="left", bold=first)


def _score_text(row: pd.Series) -> str:
    ends = span(row.low, row.high)
    return f"{number(row.estimate)} ({ends or 'no interval'})"


def roc(
    curve: pd.DataFrame, reference: pd.DataFrame | None = None, band: pd.DataFrame | None = None, *,
    key: str = "roc",
) -> str:  # fmt: skip
    """Draw one model's ROC curve, the mean of the curves within the folds, before a faint reference.

    Parameters
    ----------
    curve : pandas.DataFrame
        ``model``, ``fpr``, ``tpr``, ``folds`` of one model, from :func:`trastuz_ml.report.curves.mean_roc`.
    reference : pandas.DataFrame, optional
        The same of the model to compare with by eye.
    band : pandas.DataFrame, optional
        ``fpr``, ``low``, ``high``, from :func:`trastuz_ml.report.bands.banded_curves`.
    key : str
        Prefix of the ids in the SVG.
    """
    axes = _unit_panel("false positive rate", "true positive rate")
    axes.plot([0, 1], [0, 1], color=MUTED, lw=1, linestyle=(0, (4, 3)), zorder=1)
    if band is not None and len(band):
        axes.fill_between(band["fpr"], band["low"], band["high"], color=ACCENT, alpha=0.18, linewidth=0)
    if reference is not None and len(reference):
        axes.plot(reference["fpr"], reference["tpr"], color=NEUTRAL, lw=1.4, clip_on=False)
    axes.plot(curve["fpr"], curve["tpr"], color=ACCENT, lw=2.2, clip_on=False)
    at = np.interp([0.1, 0.2, 0.5], curve["fpr"], curve["tpr"])
    said = ", ".join(f"{number(y)} at {x}" for x, y in zip((0.1, 0.2, 0.5), at, strict=True))
    folds = int(curve["folds"].iloc[0])
    return svg(
        axes, key=key, title=f"ROC curve of {curve['model'].iloc[0]}",
        alternative=f"{f'Mean of {folds} curves within folds' if folds else 'By wins over all other patients'}. "
        f"True positive rate by false positive rate: {said}.",
    )  # fmt: skip


def precision_recall(curve: pd.DataFrame, reference: pd.DataFrame | None = None, *, key: str = "pr") -> str:
    """Draw one model's precision by recall with its band; the dashed line is what chance gives.

    Parameters
    ----------
    curve : pandas.DataFrame
        ``model``, ``recall``, ``precision``, ``low``, ``high``, ``rate`` of one model, from
        :func:`trastuz_ml.report.bands.banded_curves`.
    reference : pandas.DataFrame, optional
        The same of the model to compare with by eye.
    key : str
        Prefix of the ids in the SVG.
    """
    axes = _unit_panel("recall: share of responders found", "precision")
    rate = float(curve["rate"].iloc[0])
    axes.plot([0, 1], [rate, rate], color=MUTED, lw=1, linestyle=(0, (4, 3)), zorder=1)
    axes.fill_between(curve["recall"], curve["low"], curve["high"], color=ACCENT, alpha=0.18, linewidth=0)
    if reference is not None and len(reference):
        axes.plot(reference["recall"], reference["precision"], color=NEUTRAL, lw=1.4, clip_on=False)
    axes.plot(curve["recall"], curve["precision"], color=ACCENT, lw=2.2, clip_on=False)
    points = [np.interp([0.2, 0.5, 0.8], curve["recall"], curve[name]) for name in ("precision", "low", "high")]
    said = ", ".join(
        f"{number(y)} ({span(low, high)}) at {x}" for x, y, low, high in zip((0.2, 0.5, 0.8), *points, strict=True)
    )
    return svg(
        axes, key=key, title=f"Precision-recall curve of {curve['model'].iloc[0]}",
        alternative=f"Precision by recall, with bands: {said}. By chance {number(rate)}.",
    )  # fmt: skip


def calibration(groups: pd.DataFrame, *, key: str = "calibration") -> str:
    """Draw one model's predicted against observed response, with Wilson's interval in each group.

    Parameters
    ----------
    groups : pandas.DataFrame
        ``model``, ``predicted``, ``observed``, ``low``, ``high``, ``patients`` of one model, from
        :func:`trastuz_ml.report.curves.calibration_groups`.
    key : str
        Prefix of the ids in the SVG.
    """
    axes = _unit_panel("predicted probability", "share responding")
    axes.plot([0, 1], [0, 1], color=MUTED, lw=1, linestyle=(0, (4, 3)), zorder=1)
    model, groups = groups["model"].iloc[0], groups.dropna(subset=["observed"])
    axes.vlines(
        groups["predicted"], groups["low"], groups["high"], color=ACCENT, lw=1.4, alpha=0.75, clip_on=False
    )
    axes.plot(groups["predicted"], groups["observed"], color=ACCENT, lw=1.2, marker="o", ms=5, clip_on=False)
    said = "; ".join(
        f"predicted {number(g.predicted)}, observed {number(g.observed)} ({span(g.low, g.high)})"
        for g in groups.itertuples()
    )
    return svg(axes, key=key, title=f"Calibration of {model}", alternative=f"Groups: {said or 'none shown'}.")


def _unit_panel(x_name: str, y_name: str) -> Axes:
    """Return a square from 0 to 1 with its two scales."""
    axes = sheet(_PANEL, _PANEL, left=38, right=10, top=10, bottom=38)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    for tick in (0.0, 0.5, 1.0):
        axes.plot([tick, tick], [0, 1], color=FAINT, lw=1, zorder=0, clip_on=False)
        axes.plot([0, 1], [tick, tick], color=FAINT, lw=1, zorder=0, clip_on=False)
        write(axes, tick, 0, f"{tick:g}", dy=-10, colour=MUTED)
        write(axes, 0, tick, f"{tick:g}", dx=-_EDGE, colour=MUTED, align="right")
    write(axes, 0.5, 0, x_name, dy=-26, colour=MUTED)
    write(axes, 0, 0.5, y_name, dx=-28, colour=MUTED, turn=90)
    return axes


def leading_features(features: pd.DataFrame, model: str, scale: str, *, key: str = "leading") -> str:
    """Draw one model's leading features: mean absolute contribution, and the direction when mutated.

    Parameters
    ----------
    features : pandas.DataFrame
        ``feature``, ``block``, ``mean_abs``, ``when_mutated``, the leading one first.
    model, scale : str
        Name of the model and scale of its contributions, for the words.
    key : str
        Prefix of the ids in the SVG.
    """
    left = _room_for(features["feature"], 20)
    axes = sheet(340, 23.0 * len(features) + 30, left=left, right=58, top=4, bottom=26)
    longest = float(features["mean_abs"].max())
    axes.set(xlim=(0, longest), ylim=(len(features) - 0.5, -0.5))
    axes.plot([0, 0], [-0.5, len(features) - 0.5], color=FAINT, lw=1, clip_on=False)
    for place, row in enumerate(features.itertuples()):
        effect = float("nan") if row.when_mutated is None else float(row.when_mutated)
        effect_text = "" if np.isnan(effect) else number(effect, _digits(longest), signed=True)
        colour = {"+": canvas.TOWARDS, "−": canvas.AGAINST}.get(effect_text[:1], NEUTRAL)
        axes.barh(place, row.mean_abs, height=0.62, **canvas.token(colour))
        write(axes, 0, place, label(row.feature, 20), dx=-7, size=SMALL + 0.5, align="right")
        write(axes, row.mean_abs, place, effect_text, dx=_EDGE, align="left", colour=MUTED)
    for tick, align in ((0.0, "center"), (longest, "center")):
        write(axes, tick, len(features) - 0.5, number(tick, _digits(longest)), dy=-9, colour=MUTED, align=align)
    write(axes, longest / 2, len(features) - 0.5, scale, dy=-9, colour=MUTED)
    said = "; ".join(
        f"{r.feature} {number(r.mean_abs, 3)}"
        + ("" if pd.isna(r.when_mutated) else f" (when mutated {number(r.when_mutated, 3, signed=True)})")
        for r in features.itertuples()
    )
    return svg(
        axes, key=key, title=f"Leading features of {model}", alternative=f"Mean contribution, {scale}: {said}."
    )


def _digits(largest: float) -> int:
    """Return decimals enough to tell bars apart."""
    return 2 if largest >= 0.1 else 3 if largest >= 0.01 else 4


def overview(
    states: pd.DataFrame, response: pd.Series, watched: frozenset[str], *, width: float = 960.0,
    key: str = "overview",
) -> str:  # fmt: skip
    """Draw who carries what: genes by patients in three states, responders first.

    ``data-cells`` of the SVG says where the cells are, in pixels: left end and top of all of them, width of a
    column, height of a row, and how many columns are left free between responders and the others. With it the
    script of a page (``templates/script/oncoplot.js``) draws the columns in another order.

    Where columns are thinner than half a pixel, as many neighbours as make a pixel are one, and a mark is as high
    as their share in its state.

    Parameters
    ----------
    states : pandas.DataFrame
        Genes by patients, in drawing order: ``m`` mutated, ``.`` covered and not mutated, ``-`` not covered.
    response : pandas.Series
        1 for a responder, 0 for others, in the order of the columns; responders first.
    watched : frozenset of str
        Genes to set in bold.
    width : float
        In pixels at natural size; wider where names would leave no room for the drawing.
    key : str
        Prefix of the ids in the SVG.
    """
    responders, n = int(response.sum()), len(response)
    gap = max(1.0, n * 0.012) if 0 < responders < n else 0.0
    letters = states.to_numpy(dtype=str)
    left = _room_for(pd.Series(states.index), 19) + 4
    right = max(76.0, 14 + 6.0 * max(len(_carried(row)) for row in letters))
    wide = max(width, left + _LEAST + right)
    axes = sheet(wide, _ROW * len(states) + 76, left=left, right=right, top=34, bottom=42)
    axes.set(xlim=(0, n + gap), ylim=(len(states), 0))
    pixel = (n + gap) / (wide - left - right)  # patients a pixel
    together = ceil(pixel) if pixel > 2 else 1
    left_of = np.arange(n + 1) + gap * (np.arange(n + 1) >= responders)
    for letter, name, height, shape in (
        (".", "mark-intact", 0.26, canvas.token(FAINT)),
        ("-", "mark-not-covered", 0.62, {"facecolor": "none", "edgecolor": NEUTRAL, "linewidth": 0.8,
                                         "hatch": "////", "hatch_linewidth": 0.8}),
        ("m", "mark-mutated", 0.84, canvas.token(ACCENT)),
    ):  # fmt: skip
        cells = (
            _cells(letters, letter, left_of, responders, height)
            if together == 1
            else _shares(letters, letter, left_of, responders, height, together)
        )
        if cells:
            axes.add_patch(PathPatch(canvas.boxes(cells), gid=name, clip_on=False, **shape))
    _response_strip(axes, responders, n, gap)
    for place, gene in enumerate(states.index):
        write(axes, 0, place + 0.5, label(gene, 19), dx=-8, size=SMALL + 0.5, align="right", bold=gene in watched)
        write(axes, n + gap, place + 0.5, _carried(letters[place]), dx=8, colour=MUTED, align="left")
    _overview_legend(axes, len(states), pixel, together)
    said = "; ".join(
        f"{gene}: {_carried(row[:responders])} responders, {_carried(row[responders:])} others"
        for gene, row in zip(states.index, letters, strict=True)
    )
    return svg(
        axes, key=key, title="Mutations by response", alternative=f"Mutated of covered, by gene. {said}.",
        cells=f"{left:.6g} 34 {1 / pixel:.9g} {_ROW:g} {gap:.9g}",
    )  # fmt: skip


def _carried(letters: np.ndarray) -> str:
    return f"{int((letters == 'm').sum())} of {int((letters != '-').sum())}"


def _cells(
    letters: np.ndarray, letter: str, left_of: np.ndarray, responders: int, height: float
) -> list[tuple[float, float, float, float]]:
    """Return the cells of one state: neighbours as one box, mutated cells each for themselves."""
    margin, inset = (1 - height) / 2, 0.08 if letter == "m" else 0.0
    return [
        (left_of[first] + inset, row + margin, left_of[last - 1] + 1 - inset, row + 1 - margin)
        for row, states in enumerate(letters)
        for first, last in _stretches(states == letter, responders, apart=letter == "m")
    ]


def _shares(
    letters: np.ndarray, letter: str, left_of: np.ndarray, responders: int, height: float, together: int
) -> list[tuple[float, float, float, float]]:
    """Return boxes for so many patients together, as high as the share of one state among them.

    Mutated ones stand on the floor of the row and those not covered hang from above, so that neither hides the
    other; that somebody is covered and not mutated is a line, however many they are.
    """
    n, margin = letters.shape[1], (1 - height) / 2
    edges = np.unique([*range(0, responders, together), *range(responders, n, together)])
    sizes = np.diff([*edges, n])
    boxes = []
    for row, states in enumerate(letters):
        share = np.add.reduceat(states == letter, edges, dtype=float) / sizes
        share = np.where(share > 0, 1.0, 0.0) if letter == "." else share
        starts = np.flatnonzero((np.diff(share, prepend=-1.0) != 0) | (edges == responders))
        for first, last in zip(starts, [*starts[1:], len(edges)], strict=True):
            tall = height * share[first]
            if tall > 0:
                top = row + margin if letter == "-" else row + 1 - margin - tall
                boxes.append((left_of[edges[first]], top, left_of[[*edges, n][last] - 1] + 1, top + tall))
    return boxes


def _stretches(held: np.ndarray, responders: int, *, apart: bool) -> list[tuple[int, int]]:
    """Return first and past-the-last place of each stretch of true values, cut where the responders end."""
    places = np.flatnonzero(held)
    if apart or not places.size:
        return [(int(i), int(i) + 1) for i in places]
    breaks = (np.diff(places) > 1) | (places[1:] == responders)
    parts = np.split(places, np.flatnonzero(breaks) + 1)
    return [(int(part[0]), int(part[-1]) + 1) for part in parts]


def _response_strip(axes: Axes, responders: int, n: int, gap: float) -> None:
    """Name the two groups above the cells, each with a line over its patients."""
    groups = (("responding", 0.0, float(responders), INK), ("not responding", responders + gap, n + gap, NEUTRAL))
    for name, first, last, colour in groups:
        if last > first:
            axes.plot([first, last], [-0.25, -0.25], color=colour, lw=4, clip_on=False, solid_capstyle="butt")
            size = round(last - first)
            write(axes, first, -0.25, f"{name}, {size}", dy=13, size=TEXT, align="left", bold=colour == INK)


def _overview_legend(axes: Axes, rows: int, pixel: float, together: int) -> None:
    """Draw the three marks with their names below the cells; ``pixel`` is one pixel in patients."""
    marks = (("mutated", 0.84, canvas.token(ACCENT)), ("covered, not mutated", 0.26, canvas.token(FAINT)),
             ("not covered", 0.62, {"facecolor": "none", "edgecolor": NEUTRAL, "hatch": "////",
                                    "linewidth": 0.8, "hatch_linewidth": 0.8}))  # fmt: skip
    for place, (name, height, shape) in enumerate(marks):
        x, y, wide = place * 200 * pixel, rows + 1.2, (6 if name == "mutated" else 26) * pixel
        box = canvas.boxes([(x, y - height / 2, x + wide, y + height / 2)])
        axes.add_patch(PathPatch(box, clip_on=False, **shape))
        write(axes, x + wide, y, name, dx=6, colour=MUTED, align="left")
    if together > 1:
        said = f"height: share of {together} patients drawn as one"
        write(axes, 3 * 200 * pixel, rows + 1.2, said, colour=MUTED, align="left")
