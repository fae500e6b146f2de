"""Figures of what features contribute to single patients: beeswarm, dependence, waterfall and silencing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch

from trastuz_ml.report import canvas
from trastuz_ml.report.canvas import ACCENT, FAINT, INK, MUTED, NEUTRAL, SMALL, label, svg, write
from trastuz_ml.report.dots import crosses, dots, pixels, rings, swarm, thinned
from trastuz_ml.schema import GENE
from trastuz_ml.wording import count, number

Array = npt.NDArray[np.float64]

# A gene is one of the first three, anything else one of the last three: a level has no carriers.
MUTATED, INTACT, NOT_COVERED = "mutated", "covered, not mutated", "not covered"
ABOVE, BELOW, MISSING = "above its mean", "below its mean", "missing"
FEATURES_DRAWN, PATIENTS_DRAWN, STEPS_DRAWN = 12, 200, 9
_WIDE = 352.0
_ROW = 29.0


def states_of(values: npt.ArrayLike, *, gene: bool) -> npt.NDArray[np.str_]:
    """Return the state of a feature in each patient.

    Parameters
    ----------
    values : array, shape (n,)
        Values of the feature; missing where it was not covered, or not known.
    gene : bool
        Whether it is a gene.

    Examples
    --------
    >>> states_of([1, 0, np.nan], gene=True).tolist()
    ['mutated', 'covered, not mutated', 'not covered']
    >>> states_of([30, 60, np.nan], gene=False).tolist()
    ['below its mean', 'above its mean', 'missing']
    """
    known = np.asarray(values, dtype=float)
    lacking = np.isnan(known)
    if gene:
        return np.select([lacking, known > 0], [NOT_COVERED, MUTATED], INTACT)
    middle = float(known[~lacking].mean()) if (~lacking).any() else 0.0
    return np.select([lacking, known > middle], [MISSING, ABOVE], BELOW)


def beeswarm(contributions: pd.DataFrame, model: str, scale: str, *, key: str = "beeswarm") -> str:
    """Draw one model's leading features, a dot a patient at its held-out contribution.

    Parameters
    ----------
    contributions : pandas.DataFrame
        ``feature``, ``block``, ``value`` and ``contribution`` of one model, as in
        :data:`trastuz_ml.schema.CONTRIBUTIONS`, the leading feature first. Of more than 12 features the first
        are drawn, of more than 200 patients as many, evenly spread over the contributions of each state.
    model, scale : str
        Name of the model and scale of its contributions, for the words.
    key : str
        Prefix of the ids in the SVG.

    Returns
    -------
    str
        SVG with one path a state: mutated, covered and not mutated, not covered; above and below its mean for
        what is no gene.
    """
    rows = contributions.dropna(subset=["contribution"])
    features = list(dict.fromkeys(rows["feature"]))[:FEATURES_DRAWN]
    rows = rows[rows["feature"].isin(features)]
    left = 18.0 + 6.3 * max((len(label(name, 17)) for name in features), default=0)
    axes = pixels(_WIDE, _ROW * len(features) + 76, left=left, right=12, top=4, bottom=72)
    across, up = axes.get_xlim()[1], axes.get_ylim()[1]
    low, high = _around_zero(rows["contribution"])
    drawn, said = [], []
    for place, feature in enumerate(features):
        one = rows[rows["feature"] == feature]
        part, words = _swarm_row(one, low, high, across, up - _ROW * (place + 0.5))
        drawn.append(part)
        said.append(f"{feature}: {words}")
        axes.plot([0, across], [part["middle"].iloc[0]] * 2, color=FAINT, lw=1, zorder=0)
        write(axes, 0, part["middle"].iloc[0], label(feature, 17), dx=-8, size=SMALL + 0.5, align="right")
    _signed_scale(axes, low, high, f"contribution to {scale}")
    _draw_states(axes, pd.concat(drawn) if drawn else pd.DataFrame(columns=["x", "y", "state"]))
    genes = bool((rows["block"] == GENE).any())
    _state_legend(axes, genes=genes, others=bool((rows["block"] != GENE).any()), left=left)
    return svg(
        axes, key=key, title=f"Held-out contributions in {model}",
        alternative=f"Patients and their mean contribution to {scale}. {'; '.join(said)}.",
    )  # fmt: skip


def _swarm_row(
    one: pd.DataFrame, low: float, high: float, across: float, middle: float
) -> tuple[pd.DataFrame, str]:
    """Return the dots of one feature, and its numbers in words."""
    gene = bool(one["block"].iloc[0] == GENE)
    values = one["contribution"].to_numpy(dtype=float)
    states = states_of(one["value"].to_numpy(dtype=float), gene=gene)
    order = [MUTATED, INTACT, NOT_COVERED] if gene else [ABOVE, BELOW, MISSING]
    said = ", ".join(
        f"{state} in {int((states == state).sum())} ({number(values[states == state].mean(), 3, signed=True)})"
        for state in order
        if (states == state).any()
    )
    shown = np.concatenate([_share_of(values, states == state) for state in order])
    x = across * (values[shown] - low) / (high - low)
    inner = np.isin(states[shown], [MUTATED, ABOVE]).astype(float)
    y = middle + swarm(x, inner, step=3.4, half=_ROW * 0.42)
    return pd.DataFrame({"x": x, "y": y, "state": states[shown], "middle": middle}), said


def _share_of(values: Array, held: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Return the places of a state, thinned to its share of the patients that are drawn."""
    places = np.flatnonzero(held)
    most = max(1, round(PATIENTS_DRAWN * len(places) / max(len(values), PATIENTS_DRAWN)))
    chosen: npt.NDArray[np.intp] = places[thinned(values[places], most)]
    return chosen


def _draw_states(axes: Axes, drawn: pd.DataFrame) -> None:
    """Draw all dots of one state as one path; the few carriers last, so that nothing hides them."""
    for state in (INTACT, BELOW, NOT_COVERED, MISSING, ABOVE, MUTATED):
        part = drawn[drawn["state"] == state]
        _mark(axes, state, part["x"].to_numpy(dtype=float), part["y"].to_numpy(dtype=float))


def _mark(axes: Axes, state: str, x: npt.ArrayLike, y: npt.ArrayLike) -> None:
    if state == MUTATED:
        dots(axes, x, y, radius=2.6, colour=ACCENT, name="mutated")
    elif state == INTACT:
        dots(axes, x, y, radius=1.5, colour=NEUTRAL, name="intact")
    elif state == ABOVE:
        dots(axes, x, y, radius=1.9, colour=MUTED, name="above")
    elif state == BELOW:
        rings(axes, x, y, radius=1.9, colour=NEUTRAL, name="below")
    else:
        crosses(axes, x, y, arm=2.1, colour=canvas.AGAINST, name="not-covered")


def _around_zero(values: pd.Series, beyond: float = 0.04) -> tuple[float, float]:
    """Return limits that hold all values and zero, with a margin."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    if not np.isfinite([low, high]).all() or high - low < 1e-9:
        return -1.0, 1.0
    return low - beyond * (high - low), high + beyond * (high - low)


def _signed_scale(axes: Axes, low: float, high: float, name: str) -> None:
    """Draw zero, a tick on each side where there is room, and the name of the scale below the box."""
    across, up = axes.get_xlim()[1], axes.get_ylim()[1]
    ticks = [t for t in (_round_tick(low), 0.0, _round_tick(high)) if low <= t <= high]
    for tick in dict.fromkeys(ticks):
        x = across * (tick - low) / (high - low)
        axes.plot([x, x], [0, up], color=FAINT if tick else MUTED, lw=1, zorder=0)
        write(axes, x, 0, f"{tick:+g}".replace("-", "−") if tick else "0", dy=-10, colour=MUTED)
    write(axes, across / 2, 0, name, dy=-26, colour=MUTED)


def _round_tick(end: float) -> float:
    """Return a round number near an end of a scale, inside it: 1, 2 or 5 times a power of ten."""
    if abs(end) < 1e-9:
        return 0.0
    power = 10.0 ** np.floor(np.log10(abs(end)))
    step = max(s for s in (1.0, 2.0, 5.0) if s * power <= abs(end) * 1.0001)
    return float(np.sign(end) * step * power)


def _state_legend(axes: Axes, *, genes: bool, others: bool, left: float) -> None:
    """Draw each mark with its name below the scale, from the left edge of the sheet."""
    of_genes = ((12.0, MUTATED, MUTATED), (86.0, INTACT, INTACT), (226.0, NOT_COVERED, NOT_COVERED))
    of_others = (
        (12.0, ABOVE, "no gene: above its mean" if genes else ABOVE),
        (162.0, BELOW, "below it"),
        (226.0, MISSING, MISSING),
    )
    lines = [marks for marks, there in ((of_genes, genes), (of_others, others)) if there]
    for line, marks in enumerate(lines):
        for x, state, name in marks:
            y = -44.0 - 15.0 * line
            _mark(axes, state, [x - round(left)], [y])
            write(axes, x - round(left), y, name, dx=7, colour=MUTED, align="left")


def dependence(
    contributions: pd.DataFrame, response: pd.Series, model: str, scale: str, *, key: str = "dependence"
) -> str:
    """Draw one feature's held-out contribution against its value, responders told apart.

    Parameters
    ----------
    contributions : pandas.DataFrame
        ``patient``, ``feature``, ``block``, ``value`` and ``contribution`` of one model and one feature, as in
        :data:`trastuz_ml.schema.CONTRIBUTIONS`.
    response : pandas.Series
        1 for a responder and 0 for others, by patient.
    model, scale : str
        Name of the model and scale of its contributions, for the words.
    key : str
        Prefix of the ids in the SVG.

    Returns
    -------
    str
        SVG: a gene has a column for each of its three states, anything else a scale with a column of its own
        for patients without a value.
    """
    rows = contributions.dropna(subset=["contribution"])
    feature, gene = str(rows["feature"].iloc[0]), bool(rows["block"].iloc[0] == GENE)
    values, parts = (rows[name].to_numpy(dtype=float) for name in ("value", "contribution"))
    responds = response.reindex(rows["patient"]).to_numpy(dtype=float) == 1
    states = states_of(values, gene=gene)
    axes = pixels(300, 236, left=58, right=8, top=8, bottom=64)
    low, high = _around_zero(rows["contribution"])
    up = axes.get_ylim()[1]
    _upright_scale(axes, low, high)
    y = up * (parts - low) / (high - low)
    x = _columns(axes, states, y, responds) if gene else _along_value(axes, values, y, responds, feature)
    rings(axes, x[~responds], y[~responds], radius=2.3, colour=NEUTRAL, name="not-responding")
    dots(axes, x[responds], y[responds], radius=2.3, colour=ACCENT, name="responding")
    _response_legend(axes)
    write(axes, 0, up / 2, scale, dx=-48, colour=MUTED, turn=90)
    return svg(
        axes, key=key, title=f"Contribution of {feature} in {model} by its value",
        alternative=f"Mean contribution to {scale}: {_state_means(states, parts, responds)}.",
    )  # fmt: skip


def _state_means(states: npt.NDArray[np.str_], parts: Array, responds: npt.NDArray[np.bool_]) -> str:
    held = {state: states == state for state in (MUTATED, INTACT, NOT_COVERED, ABOVE, BELOW, MISSING)}
    return "; ".join(
        f"{state} {number(parts[of].mean(), 3, signed=True)} ({count(int(of.sum()), 'patient')}, "
        f"{int(responds[of].sum())} responding)"
        for state, of in held.items()
        if of.any()
    )


def _columns(axes: Axes, states: npt.NDArray[np.str_], y: Array, responds: npt.NDArray[np.bool_]) -> Array:
    """Return the places of the dots in the columns of the three states, and name the columns."""
    wide = axes.get_xlim()[1]
    x = np.zeros(len(states))
    names = ((NOT_COVERED, "not covered"), (INTACT, "not mutated"), (MUTATED, "mutated"))
    for place, (state, name) in enumerate(names):
        held = states == state
        middle = wide * (place + 0.5) / 3
        x[held] = middle + swarm(y[held], responds[held], step=4.2, half=wide / 6 - 6)
        write(axes, middle, 0, name, dy=-10, colour=MUTED if held.any() else NEUTRAL)
        write(axes, middle, 0, f"{int(held.sum())}", dy=-23, colour=MUTED if held.any() else NEUTRAL)
        if held.any():
            mean = float(y[held].mean())
            axes.plot([middle - wide / 8, middle + wide / 8], [mean, mean], color=INK, lw=1.2, zorder=3)
    return x


def _along_value(axes: Axes, values: Array, y: Array, responds: npt.NDArray[np.bool_], feature: str) -> Array:
    """Return the places of the dots along the values, those without a value at the left, and name the scale."""
    wide, lacking = axes.get_xlim()[1], np.isnan(values)
    known = values[~lacking]
    least, most = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    levels = np.unique(known)
    # Few levels: the dots of each are spread aside, so that they do not hide each other.
    aside = min(15.0, wide / (2 * len(levels) + 2) - 2) if 0 < len(levels) <= 12 else 0.0
    first, last = (58.0 if lacking.any() else 6.0) + aside, wide - 6.0 - aside
    along = np.where(lacking, 0.0, values - least) / max(most - least, 1e-9)
    x: Array = np.where(lacking, 18.0, first + (last - first) * along)
    for level in [*levels, np.nan] if aside else []:
        held = lacking if np.isnan(level) else values == level
        x[held] += swarm(y[held], responds[held], step=4.2, half=aside)
    for tick in dict.fromkeys((least, most)):
        write(axes, first if tick == least else last, 0, f"{tick:.3g}", dy=-10, colour=MUTED)
    if lacking.any():
        write(axes, 18.0, 0, MISSING, dy=-10, colour=MUTED)
    write(axes, (first + last) / 2, 0, label(feature, 30), dy=-23, colour=MUTED)
    return x


def _upright_scale(axes: Axes, low: float, high: float) -> None:
    wide, up = axes.get_xlim()[1], axes.get_ylim()[1]
    for tick in dict.fromkeys((_round_tick(low), 0.0, _round_tick(high))):
        y = up * (tick - low) / (high - low)
        axes.plot([0, wide], [y, y], color=FAINT if tick else MUTED, lw=1, zorder=0)
        write(axes, 0, y, f"{tick:+g}".replace("-", "−") if tick else "0", dx=-5, colour=MUTED, align="right")


def _response_legend(axes: Axes) -> None:
    dots(axes, [0], [-46], radius=2.6, colour=ACCENT, name="responding-key")
    write(axes, 0, -46, "responding", dx=7, colour=MUTED, align="left")
    rings(axes, [92], [-46], radius=2.6, colour=NEUTRAL, name="not-responding-key")
    write(axes, 92, -46, "not responding", dx=7, colour=MUTED, align="left")


def waterfall(
    contributions: pd.DataFrame, base: float, output: float, scale: str, name: str, *, key: str = "waterfall"
) -> str:
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
    key : str
        Prefix of the ids in the SVG.
    """
    steps = waterfall_steps(contributions)
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


def waterfall_steps(contributions: pd.DataFrame) -> pd.DataFrame:
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
    """
    rows = contributions.dropna(subset=["contribution"])
    rows = rows.assign(size=rows["contribution"].abs()).sort_values(["size", "feature"], ascending=[False, True])
    moving = rows[rows["size"] > 0]
    shown, rest = moving.head(STEPS_DRAWN), moving.iloc[STEPS_DRAWN:]
    steps = [
        (_named(row.feature, row.block, float(row.value)), row.contribution, not np.isnan(float(row.value)))
        for row in shown.itertuples()
    ]
    if len(rest):
        steps.append((f"other {count(len(rest), 'feature')}", rest["contribution"].sum(), True))
    return pd.DataFrame(steps, columns=["text", "contribution", "covered"])


def _named(feature: str, block: str, value: float) -> str:
    """Name a feature with its state: a gene that is not covered never reads as one that is not mutated."""
    if block == GENE:
        state = "not covered" if np.isnan(value) else "mutated" if value > 0 else "not mutated"
        return f"{label(feature, 14)} {state}"
    return f"{label(feature, 18)} {MISSING}" if np.isnan(value) else f"{label(feature, 18)} {value:.3g}"


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
