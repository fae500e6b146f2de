"""Figures of how sure one can be of genes: stability, association, silencing, and what chance gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch

from trastuz_ml.report import canvas
from trastuz_ml.report.canvas import ACCENT, FAINT, INK, MUTED, NEUTRAL, SMALL, label, svg, write
from trastuz_ml.report.dots import dots, pixels, rings, swarm
from trastuz_ml.wording import count, number, p_value, span

Array = npt.NDArray[np.float64]

NAMES_SHOWN = 8
SIGNIFICANT = 0.05
_WIDE = 352.0
_MOST_LOG2 = 8.0  # an odds ratio of 256: what lies beyond says no more than that
_SILENCED, _RESTORED = "silenced", "restored"


def stability(features: pd.DataFrame, model: str, *, key: str = "stability") -> str:
    """Draw the rank of one model's leading features with its interval over repeats, and how steady its sign is.

    Parameters
    ----------
    features : pandas.DataFrame
        ``feature``, ``rank``, ``rank_low``, ``rank_high``, ``when_mutated`` and ``sign_agreement`` of one model,
        as in :data:`trastuz_ml.schema.GENE_CONTRIBUTIONS`, the leading feature first.
    model : str
        Name of the model, for the words.
    key : str
        Prefix of the ids in the SVG.

    Returns
    -------
    str
        SVG; a feature without an interval (one repeat) has a hollow mark.
    """
    rows = features.dropna(subset=["rank"]).reset_index(drop=True)
    left = 18.0 + 6.3 * max((len(label(name, 17)) for name in rows["feature"]), default=0)
    axes = pixels(_WIDE, 22.0 * len(rows) + 68, left=left, right=84, top=28, bottom=40)
    wide, up = axes.get_xlim()[1], axes.get_ylim()[1]
    most = float(np.nanmax(rows[["rank", "rank_high"]].to_numpy(dtype=float), initial=10.0))
    _rank_scale(axes, most)
    for place, row in rows.iterrows():
        _stability_row(axes, up - 22.0 * (float(place) + 0.5), row, most)
    write(axes, wide, up, "sign agrees", dx=76, dy=12, colour=MUTED, align="right")
    write(axes, wide / 2, 0, "rank over repeats, 1 leads", dy=-27, colour=MUTED)
    said = "; ".join(
        f"{r.feature} rank {number(r.rank, 0)} ({span(r.rank_low, r.rank_high, 0) or 'no interval'})"
        + ("" if pd.isna(r.sign_agreement) else f", sign agrees in {_percent(r.sign_agreement)}")
        for r in rows.itertuples()
    )
    return svg(axes, key=key, title=f"Stability of leading features in {model}", alternative=f"{said}.")


def _rank_place(rank: float, most: float, wide: float) -> float:
    """Return the place of a rank in pixels, by its logarithm: the first ranks are what matters."""
    return float(6 + (wide - 6) * np.log(max(rank, 1.0)) / np.log(max(most, 2.0)))


def _rank_scale(axes: Axes, most: float) -> None:
    wide, up = axes.get_xlim()[1], axes.get_ylim()[1]
    free = 0.0
    for tick in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000):
        x, half = _rank_place(tick, most, wide), 3.5 * len(f"{tick}")
        # A tick whose name would run into the one before it is left out.
        if tick <= most and x - half >= free:
            axes.plot([x, x], [0, up], color=FAINT, lw=1, zorder=0)
            write(axes, x, 0, f"{tick}", dy=-10, colour=MUTED)
            free = x + half + 3


def _stability_row(axes: Axes, y: float, row: pd.Series, most: float) -> None:
    wide = axes.get_xlim()[1]
    ends = row[["rank_low", "rank_high"]].to_numpy(dtype=float)
    bounded = bool(np.isfinite(ends).all())
    sign = 0.0 if pd.isna(row["when_mutated"]) else float(np.sign(row["when_mutated"]))
    colour = {1.0: canvas.TOWARDS, -1.0: canvas.AGAINST}.get(sign, NEUTRAL)
    if bounded:
        places = [_rank_place(float(end), most, wide) for end in ends]
        axes.plot(places, [y, y], color=colour, lw=2)
    draw = dots if bounded else rings
    draw(axes, [_rank_place(float(row["rank"]), most, wide)], [y], radius=4, colour=colour, name="rank")
    write(axes, 0, y, label(row["feature"], 17), dx=-8, size=SMALL + 0.5, align="right")
    if not pd.isna(row["sign_agreement"]):
        mark = {1.0: "+", -1.0: "−"}.get(sign, "")
        write(axes, wide, y, f"{mark} {_percent(row['sign_agreement'])}", dx=76, align="right")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def volcano(associations: pd.DataFrame, *, key: str = "volcano") -> str:
    """Draw the association of every gene with the response: odds ratio against p, those of interest named.

    Parameters
    ----------
    associations : pandas.DataFrame
        As declared in :data:`trastuz_ml.schema.ASSOCIATIONS`. A gene whose odds ratio could not be adjusted is
        drawn at Fisher's; one without any p is counted, not drawn.
    key : str
        Prefix of the ids in the SVG.

    Returns
    -------
    str
        SVG with one path for all genes that are neither watched nor at q <= 0.05. Odds ratios of 0, of
        infinity and beyond 256 stand at the edge.
    """
    rows = volcano_rows(associations)
    axes = pixels(_WIDE, 300, left=40, right=86, top=22, bottom=44)
    wide, up = axes.get_xlim()[1], axes.get_ylim()[1]
    effect, height = rows["log2"].to_numpy(dtype=float), rows["height"].to_numpy(dtype=float)
    finite = np.abs(effect[np.isfinite(effect)])
    reach = float(np.clip(2 * np.ceil(finite.max(initial=2.0) / 2), 2.0, _MOST_LOG2))
    top = float(max(2.0, np.ceil(height.max(initial=2.0) * 1.02)))
    _volcano_scale(axes, reach, top)
    pinned = np.abs(effect) > reach
    x = wide * (np.clip(effect, -reach, reach) + reach) / (2 * reach)
    y = up * height / top
    if pinned.any():
        edge = f"{int(pinned.sum()):,} at the edges: beyond 1/{2**reach:.0f} or {2**reach:.0f}"
        write(axes, 0, up, edge, dy=11, colour=MUTED, align="left")
    found, watched = rows["found"].to_numpy(bool), rows["watched"].to_numpy(bool)
    plain = ~found & ~watched
    dots(axes, x[plain], y[plain], radius=1.7, colour=NEUTRAL, name="gene")
    dots(axes, x[found], y[found], radius=3.4, colour=ACCENT, name="found")
    rings(axes, x[watched & ~found], y[watched & ~found], radius=3.4, colour=INK, name="watched")
    named = _to_name(rows)
    _names_aside(axes, [rows["gene"].iloc[i] for i in named], x[named], y[named], watched[named])
    return svg(
        axes, key=key, title="Association of genes with the response",
        alternative=_volcano_words(associations, rows, int(pinned.sum()), reach),
    )  # fmt: skip


def volcano_rows(associations: pd.DataFrame) -> pd.DataFrame:
    """Return what a volcano draws, a row a gene with a p: adjusted where it could be adjusted, else Fisher's.

    Returns
    -------
    pandas.DataFrame
        ``gene``, ``watched``, ``log2`` of the odds ratio, ``height`` (-log10 p), ``p``, ``odds_ratio``,
        ``found`` (q at most 0.05) and ``adjusted``; smallest p first.

    Examples
    --------
    >>> row = {"gene": "TP53", "watched": True, "odds_ratio": np.inf, "p": 0.01, "q": 0.04, "adjusted_p": np.nan,
    ...        "adjusted_odds_ratio": np.nan, "adjusted_q": np.nan}
    >>> volcano_rows(pd.DataFrame([row]))[["log2", "height", "found", "adjusted"]].to_numpy().tolist()
    [[inf, 2.0, True, False]]
    """
    numbers = associations[["odds_ratio", "p", "q", "adjusted_odds_ratio", "adjusted_p", "adjusted_q"]]
    odds, p, q, a_odds, a_p, a_q = numbers.to_numpy(dtype=float, na_value=np.nan).T
    adjusted = np.isfinite(a_p) & ~np.isnan(a_odds)
    odds, p, q = np.where(adjusted, a_odds, odds), np.where(adjusted, a_p, p), np.where(adjusted, a_q, q)
    with np.errstate(divide="ignore"):
        rows = pd.DataFrame(
            {
                "gene": associations["gene"].astype(str).to_numpy(),
                "watched": associations["watched"].fillna(False).to_numpy(dtype=bool),
                "log2": np.log2(odds), "height": -np.log10(np.maximum(p, 1e-300)) + 0.0, "p": p,
                "odds_ratio": odds, "found": np.nan_to_num(q, nan=1.0) <= SIGNIFICANT, "adjusted": adjusted,
            }
        )  # fmt: skip
    rows = rows[np.isfinite(p) & ~np.isnan(odds)]
    return rows.sort_values(["p", "gene"], ignore_index=True)


def _volcano_scale(axes: Axes, reach: float, top: float) -> None:
    wide, up = axes.get_xlim()[1], axes.get_ylim()[1]
    for power in (-reach, -reach / 2, 0.0, reach / 2, reach):
        x = wide * (power + reach) / (2 * reach)
        axes.plot([x, x], [0, up], color=FAINT, lw=1, zorder=0)
        text = f"{2**power:.0f}" if power >= 0 else f"1/{2**-power:.0f}"
        write(axes, x, 0, text, dy=-10, colour=MUTED)
    for tick in np.arange(0, top + 0.5, np.ceil(top / 4)):
        write(axes, 0, up * tick / top, f"{tick:g}", dx=-8, colour=MUTED, align="right")
    y = up * -np.log10(SIGNIFICANT) / top
    axes.plot([0, wide], [y, y], color=MUTED, lw=1, linestyle=(0, (4, 3)), zorder=0)
    write(axes, 0, y, "p 0.05", dx=2, dy=6, colour=MUTED, align="left")
    write(axes, wide / 2, 0, "odds ratio of response, carriers against others", dy=-27, colour=MUTED)
    write(axes, 0, up / 2, "−log10 p", dx=-28, colour=MUTED, turn=90)


def _to_name(rows: pd.DataFrame) -> npt.NDArray[np.intp]:
    """Return the places of the genes to name: the watched ones, and the first of those at q <= 0.05."""
    watched = np.flatnonzero(rows["watched"])
    found = np.flatnonzero(rows["found"] & ~rows["watched"])[:NAMES_SHOWN]
    named: npt.NDArray[np.intp] = np.concatenate([watched, found]).astype(np.intp)
    return named[:16]


def _names_aside(axes: Axes, genes: list[str], x: Array, y: Array, bold: npt.NDArray[np.bool_]) -> None:
    """Write names at the right of the box, each with a thin line to its dot, none upon another."""
    wide, up = axes.get_xlim()[1], axes.get_ylim()[1]
    order = np.argsort(-y, kind="stable")
    level = up + 12.0
    lowest = 13.0 * (len(order) - 1)
    for turn, i in enumerate(order):
        level = max(min(float(y[i]), level - 13.0), lowest - 13.0 * turn)
        axes.plot([x[i] + 4, wide + 6], [y[i], level], color=MUTED, lw=0.7, zorder=1, clip_on=False)
        write(axes, wide, level, label(genes[i], 11), dx=9, align="left", bold=bool(bold[i]))


def _volcano_words(associations: pd.DataFrame, rows: pd.DataFrame, pinned: int, reach: float) -> str:
    told = rows.iloc[_to_name(rows)]
    said = "; ".join(
        f"{r.gene} odds ratio {number(r.odds_ratio)}, p {p_value(r.p)}{'' if r.adjusted else ' (not adjusted)'}"
        for r in told.itertuples()
    )
    left_out = len(associations) - len(rows)
    parts = [
        f"{count(len(rows), 'gene')} drawn, {int(rows['found'].sum())} at q ≤ {SIGNIFICANT:g}",
        f"{count(left_out, 'gene')} without a p left out" if left_out else "",
        f"{pinned} beyond an odds ratio of {2**reach:.0f} or 1/{2**reach:.0f} drawn at the edge" if pinned else "",
        said,
    ]
    return "; ".join(part for part in parts if part) + "."


def silencing(silenced: pd.DataFrame, gene: str, *, key: str = "silencing") -> str:
    """Draw what silencing a gene does to each patient's predicted probability, by model.

    Parameters
    ----------
    silenced : pandas.DataFrame
        ``model``, ``direction`` and ``change`` of one gene, as in :data:`trastuz_ml.schema.SILENCED`.
    gene : str
        Its name.
    key : str
        Prefix of the ids in the SVG.

    Returns
    -------
    str
        SVG: for each model a row of the patients in whom the gene is silenced, and one of the carriers in whom
        it is restored; a dot a patient, an upright line at the mean.
    """
    rows = silenced.dropna(subset=["change"])
    lines = [
        (model, direction, part["change"].to_numpy(dtype=float))
        for model, of_model in rows.groupby("model", sort=False)
        for direction in (_SILENCED, _RESTORED)
        if len(part := of_model[of_model["direction"] == direction])
    ]
    left = 18.0 + 6.0 * max((len(label(model, 20)) for model, _, _ in lines), default=0)
    axes = pixels(_WIDE, 19.0 * len(lines) + 80, left=left, right=56, top=20, bottom=60)
    up = axes.get_ylim()[1]
    low, high = _around_zero(rows["change"].to_numpy(dtype=float))
    _change_scale(axes, low, high)
    for place, (model, direction, changes) in enumerate(lines):
        first = place == 0 or lines[place - 1][0] != model
        _silencing_row(axes, up - 19.0 * (place + 0.5), model if first else "", direction, changes, (low, high))
    _silencing_legend(axes, round(left))
    said = "; ".join(
        f"{model}, {direction} in {count(len(changes), 'patient')}: mean "
        f"{number(changes.mean(), 3, signed=True)}, from {span(changes.min(), changes.max(), 3, signed=True)}"
        for model, direction, changes in lines
    )
    return svg(
        axes, key=key, title=f"Change in predicted probability when {gene} is silenced",
        alternative=f"Change of the predicted probability of response. {said}.",
    )  # fmt: skip


def _around_zero(values: Array) -> tuple[float, float]:
    reach = max(float(np.abs(values).max(initial=0.0)) * 1.05, 1e-3)
    return -reach, reach


def _change_scale(axes: Axes, low: float, high: float) -> None:
    wide, up = axes.get_xlim()[1], axes.get_ylim()[1]
    digits = 2 if high >= 0.095 else 3 if high >= 0.0095 else 4
    for tick in (low / 1.05, 0.0, high / 1.05):
        x = wide * (tick - low) / (high - low)
        axes.plot([x, x], [0, up], color=FAINT if tick else MUTED, lw=1, zorder=0)
        write(axes, x, 0, number(tick, digits, signed=True) if tick else "0", dy=-10, colour=MUTED)
    write(axes, wide, up, "mean", dx=50, dy=9, colour=MUTED, align="right")
    write(axes, wide / 2, 0, "change in predicted probability", dy=-25, colour=MUTED)


def _silencing_row(
    axes: Axes, y: float, model: str, direction: str, changes: Array, limits: tuple[float, float]
) -> None:
    wide, (low, high) = axes.get_xlim()[1], limits
    x = wide * (changes - low) / (high - low)
    aside = y + swarm(x, np.zeros(len(x)), step=3.2, half=7.0)
    if direction == _SILENCED:
        dots(axes, x, aside, radius=1.6, colour=ACCENT, name=_SILENCED)
    else:
        rings(axes, x, aside, radius=2.2, colour=canvas.AGAINST, name=_RESTORED)
    mean = wide * (float(changes.mean()) - low) / (high - low)
    axes.plot([mean, mean], [y - 8, y + 8], color=INK, lw=2)
    write(axes, 0, y, label(model, 20), dx=-8, align="right")
    digits = 2 if high >= 0.095 else 3 if high >= 0.0095 else 4
    write(axes, wide, y, number(float(changes.mean()), digits, signed=True), dx=50, align="right")


def _silencing_legend(axes: Axes, left: int) -> None:
    dots(axes, [12 - left], [-48], radius=2.2, colour=ACCENT, name="legend-silenced")
    write(axes, 12 - left, -48, "intact, silenced", dx=7, colour=MUTED, align="left")
    rings(axes, [122 - left], [-48], radius=2.6, colour=canvas.AGAINST, name="legend-restored")
    write(axes, 122 - left, -48, "mutated, restored", dx=7, colour=MUTED, align="left")
    axes.plot([246 - left] * 2, [-54, -42], color=INK, lw=2, clip_on=False)
    write(axes, 246 - left, -48, "mean", dx=6, colour=MUTED, align="left")


def chance_counts(counts: pd.DataFrame, strictness: str, *, key: str = "by-chance") -> str:
    """Draw how many genes tell responders apart when responses are shuffled, with the observed number as a line.

    Parameters
    ----------
    counts : pandas.DataFrame
        ``number`` and ``genes`` of one strictness, as in :data:`trastuz_ml.schema.GENES_BY_CHANCE`.
    strictness : str
        What a gene must do to count.
    key : str
        Prefix of the ids in the SVG.
    """
    null, observed = chance_of(counts)
    edges = _count_edges(int(min(null.min(initial=observed), observed)), int(max(null.max(initial=0), observed)))
    heights, _ = np.histogram(null, bins=edges)
    axes = pixels(_WIDE, 168, left=16, right=16, top=26, bottom=40)
    wide, up = axes.get_xlim()[1], axes.get_ylim()[1]
    first, width = int(edges[0]), int(edges[1] - edges[0])
    unit = wide / float(edges[-1] - first)
    bars = [
        (unit * (start - first) + 0.7, 0.0, unit * (start - first + width) - 0.7, up * h / max(heights.max(), 1))
        for start, h in zip(edges[:-1], heights, strict=True)
        if h
    ]
    axes.add_patch(PathPatch(canvas.boxes(bars), gid="mark-null", **canvas.token(NEUTRAL)))
    axes.plot([0, wide], [0, 0], color=FAINT, lw=1, clip_on=False)
    for tick in dict.fromkeys((first, int(edges[len(edges) // 2]), int(edges[-2]))):
        write(axes, unit * (tick - first + 0.5), 0, f"{tick:,}", dy=-10, colour=MUTED)
    at = unit * (observed - first + 0.5)
    axes.plot([at, at], [0, up], color=ACCENT, lw=2.2)
    write(axes, at, up, f"observed {observed}", dy=10, align="right" if at > wide / 2 else "left")
    write(axes, wide / 2, 0, "genes", dy=-27, colour=MUTED)
    return svg(
        axes, key=key, title=f"Genes by chance: {strictness}",
        alternative=f"{_null_words(null)} Observed {observed}, reached by {int((null >= observed).sum())}.",
    )  # fmt: skip


def _count_edges(least: int, most: int) -> npt.NDArray[np.int64]:
    """Return the edges of at most 30 bins of whole numbers; from 0, unless that would waste half of the room.

    Examples
    --------
    >>> _count_edges(1, 3).tolist(), _count_edges(700, 900)[:2].tolist()
    ([0, 1, 2, 3, 4], [690, 698])
    """
    start = 0 if least < most / 2 else least - max(1, (most - least) // 20)
    width = max(1, -(-(most + 1 - start) // 30))
    return np.arange(start, most + width + 1, width, dtype=np.int64)


def _null_words(null: npt.NDArray[np.int64]) -> str:
    if not len(null):
        return "Responses were not shuffled."
    low, high = np.quantile(null, [0.025, 0.975])
    return (
        f"{count(len(null), 'permutation')} of the responses: mean {number(float(null.mean()), 1)}, the middle "
        f"95 % {span(float(low), float(high), 0)}."
    )


def chance_of(counts: pd.DataFrame) -> tuple[npt.NDArray[np.int64], int]:
    """Return the numbers of genes under permutation, and the observed one."""
    first = counts["number"].to_numpy(dtype=int) == 0
    genes: Any = counts["genes"].to_numpy(dtype=np.int64)
    return genes[~first], int(genes[first][0])
