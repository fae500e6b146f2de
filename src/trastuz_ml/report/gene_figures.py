"""Figures of what features contribute, a dot a patient: beeswarm, and contribution by value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from trastuz_ml.report import canvas
from trastuz_ml.report.canvas import ACCENT, FAINT, INK, MUTED, NEUTRAL, SMALL, label, svg, write
from trastuz_ml.report.dots import crosses, dots, pixels, rings, swarm, thinned
from trastuz_ml.schema import GENE
from trastuz_ml.wording import count, number

Array = npt.NDArray[np.float64]

# A gene is one of the first three, anything else one of the last three: a level has no carriers.
MUTATED, INTACT, NOT_COVERED = "mutated", "covered, not mutated", "not covered"
ABOVE, BELOW, MISSING = "above its mean", "below its mean", "missing"
FEATURES_DRAWN, PATIENTS_DRAWN, LEVELS_DRAWN = 12, 200, 6
OTHER_LEVELS = "others"
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


def level_name(value: float, levels: Sequence[str]) -> str:
    """Return the name of the level that a value is the place of; the number of a feature without levels.

    Examples
    --------
    >>> level_name(1.0, ["NEG", "POS"]), level_name(61.0, [])
    ('POS', '61')
    """
    named = value.is_integer() and 0 <= value < len(levels)
    return levels[int(value)] if named else f"{value:.3g}"


def levels_of(values: npt.ArrayLike, levels: Sequence[str]) -> npt.NDArray[np.str_]:
    """Return the name of the level of a feature in each patient, shape (n,); ``missing`` where it has none."""
    known = np.asarray(values, dtype=float).tolist()
    return np.array([MISSING if np.isnan(value) else level_name(value, levels) for value in known], dtype=np.str_)


def _in_order(names: npt.NDArray[np.str_], levels: Sequence[str]) -> list[str]:
    """Return the levels of a feature and whatever else was found, what is missing last."""
    return [name for name in dict.fromkeys([*levels, *names.tolist()]) if name != MISSING] + [MISSING]


def level_key(values: npt.ArrayLike, levels: Sequence[str]) -> str:
    """Return which levels have filled dots in a beeswarm, and which open ones.

    Examples
    --------
    >>> level_key([0, 1, 0, np.nan], ["NEG", "POS"]), level_key([0, 1, 2, 3], ["T1", "T2", "T3", "T4"])
    ('● POS ○ NEG', '● T3, T4 ○ T1, T2')
    """
    states, names = states_of(values, gene=False), levels_of(values, levels)
    sides = ((mark, set(names[states == state])) for mark, state in (("●", ABOVE), ("○", BELOW)))
    return " ".join(
        f"{mark} {label(', '.join(name for name in _in_order(names, levels) if name in held), 10)}"
        for mark, held in sides
        if held
    )


def beeswarm(
    contributions: pd.DataFrame, model: str, scale: str, *,
    levels: Mapping[str, Sequence[str]] | None = None, key: str = "beeswarm",
) -> str:  # fmt: skip
    """Draw one model's leading features, a dot a patient at its held-out contribution.

    Parameters
    ----------
    contributions : pandas.DataFrame
        ``feature``, ``block``, ``value`` and ``contribution`` of one model, as in
        :data:`trastuz_ml.schema.CONTRIBUTIONS`, the leading feature first. Of more than 12 features the first
        are drawn, of more than 200 patients as many, evenly spread over the contributions of each state.
    model, scale : str
        Name of the model and scale of its contributions, for the words.
    levels : mapping, optional
        Names of the levels of each feature, no gene, whose value is the place of a level.
    key : str
        Prefix of the ids in the SVG.

    Returns
    -------
    str
        SVG with one path a state: mutated, covered and not mutated, not covered; above and below its mean for
        what is no gene. A feature with levels has these below its name, filled and open.
    """
    of_levels = levels or {}
    rows = contributions.dropna(subset=["contribution"])
    features = list(dict.fromkeys(rows["feature"]))[:FEATURES_DRAWN]
    rows = rows[rows["feature"].isin(features)]
    keys = {
        feature: level_key(one["value"].to_numpy(dtype=float), of_levels[feature])
        for feature, one in rows[rows["block"] != GENE].groupby("feature", sort=False)
        if of_levels.get(feature)
    }
    wide = (*(6.3 * len(label(name, 17)) for name in features), *(5.2 * len(text) for text in keys.values()))
    left = 18.0 + max(wide, default=0.0)
    axes = pixels(_WIDE, _ROW * len(features) + 76, left=left, right=12, top=4, bottom=72)
    across, up = axes.get_xlim()[1], axes.get_ylim()[1]
    low, high = _around_zero(rows["contribution"])
    drawn, said = [], []
    for place, feature in enumerate(features):
        one = rows[rows["feature"] == feature]
        named = of_levels[feature] if feature in keys else ()
        part, words = _swarm_row(one, low, high, across, up - _ROW * (place + 0.5), named)
        drawn.append(part)
        said.append(f"{feature}: {words}")
        middle, aside = part["middle"].iloc[0], 5 if feature in keys else 0
        axes.plot([0, across], [middle, middle], color=FAINT, lw=1, zorder=0)
        write(axes, 0, middle, label(feature, 17), dx=-8, dy=aside, size=SMALL + 0.5, align="right")
        if feature in keys:
            write(axes, 0, middle, keys[feature], dx=-8, dy=-7, size=SMALL - 1, colour=MUTED, align="right")
    _signed_scale(axes, low, high, f"contribution to {scale}")
    _draw_states(axes, pd.concat(drawn) if drawn else pd.DataFrame(columns=["x", "y", "state"]))
    of_genes = rows["block"] == GENE
    plain = ~of_genes & ~rows["feature"].isin(keys)
    _state_legend(axes, left, genes=bool(of_genes.any()), numbers=bool(plain.any()), named=bool(keys))
    return svg(
        axes, key=key, title=f"Held-out contributions in {model}",
        alternative=f"Patients and their mean contribution to {scale}. {'; '.join(said)}.",
    )  # fmt: skip


def _swarm_row(
    one: pd.DataFrame, low: float, high: float, across: float, middle: float, levels: Sequence[str]
) -> tuple[pd.DataFrame, str]:
    """Return the dots of one feature, and its numbers in words."""
    gene = bool(one["block"].iloc[0] == GENE)
    values = one["contribution"].to_numpy(dtype=float)
    states = states_of(one["value"].to_numpy(dtype=float), gene=gene)
    order = [MUTATED, INTACT, NOT_COVERED] if gene else [ABOVE, BELOW, MISSING]
    names = levels_of(one["value"].to_numpy(dtype=float), levels) if levels else states
    said = ", ".join(
        f"{name} in {int((names == name).sum())} ({number(values[names == name].mean(), 3, signed=True)})"
        for name in (_in_order(names, levels) if levels else order)
        if (names == name).any()
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


def _state_legend(axes: Axes, left: float, *, genes: bool, numbers: bool, named: bool) -> None:
    """Draw each mark with its name below the scale, from the left edge of the sheet."""
    of_genes = ((12.0, MUTATED, MUTATED), (86.0, INTACT, INTACT), (226.0, NOT_COVERED, NOT_COVERED))
    above = f"a number {ABOVE}" if genes or named else ABOVE
    of_numbers = ((12.0, ABOVE, above), (162.0, BELOW, "below it")) if numbers else ()
    # Levels are named beside their rows.
    of_others = (*of_numbers, (226.0, MISSING, MISSING))
    lines = [marks for marks, there in ((of_genes, genes), (of_others, numbers or named)) if there]
    for line, marks in enumerate(lines):
        for x, state, name in marks:
            y = -44.0 - 15.0 * line
            _mark(axes, state, [x - round(left)], [y])
            write(axes, x - round(left), y, name, dx=7, colour=MUTED, align="left")


def dependence(
    contributions: pd.DataFrame, response: pd.Series, model: str, scale: str, *, levels: Sequence[str] = (),
    key: str = "dependence",
) -> str:  # fmt: skip
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
    levels : sequence of str
        Names of its levels, where the value is the place of a level; empty for a gene and for a number.
    key : str
        Prefix of the ids in the SVG.

    Returns
    -------
    str
        SVG: a gene has a column for each of its three states, a feature with levels one for each level (of more
        than 6 the commonest, and the others together), a number a scale with a column of its own for patients
        without a value.
    """
    rows = contributions.dropna(subset=["contribution"])
    feature, gene = str(rows["feature"].iloc[0]), bool(rows["block"].iloc[0] == GENE)
    values, parts = (rows[name].to_numpy(dtype=float) for name in ("value", "contribution"))
    responds = response.reindex(rows["patient"]).to_numpy(dtype=float) == 1
    named = bool(levels) and not gene
    states = levels_of(values, levels) if named else states_of(values, gene=gene)
    order = _in_order(states, levels) if named else [MUTATED, INTACT, NOT_COVERED, ABOVE, BELOW, MISSING]
    axes = pixels(300, 236, left=58, right=8, top=8, bottom=64)
    low, high = _around_zero(rows["contribution"])
    up = axes.get_ylim()[1]
    _upright_scale(axes, low, high)
    y = up * (parts - low) / (high - low)
    if gene:
        names = {NOT_COVERED: NOT_COVERED, INTACT: "not mutated", MUTATED: MUTATED}
        x = _columns(axes, states, names, y, responds)
    elif named:
        shown, columns = _level_columns(states, order)
        x = _columns(axes, shown, {name: name for name in columns}, y, responds)
    else:
        x = _along_value(axes, values, y, responds, feature)
    rings(axes, x[~responds], y[~responds], radius=2.3, colour=NEUTRAL, name="not-responding")
    dots(axes, x[responds], y[responds], radius=2.3, colour=ACCENT, name="responding")
    _response_legend(axes)
    write(axes, 0, up / 2, scale, dx=-48, colour=MUTED, turn=90)
    return svg(
        axes, key=key, title=f"Contribution of {feature} in {model} by its value",
        alternative=f"Mean contribution to {scale}: {_state_means(states, order, parts, responds)}.",
    )  # fmt: skip


def _state_means(
    states: npt.NDArray[np.str_], order: Sequence[str], parts: Array, responds: npt.NDArray[np.bool_]
) -> str:
    held = {state: states == state for state in order}
    return "; ".join(
        f"{state} {number(parts[of].mean(), 3, signed=True)} ({count(int(of.sum()), 'patient')}, "
        f"{int(responds[of].sum())} responding)"
        for state, of in held.items()
        if of.any()
    )


def _level_columns(states: npt.NDArray[np.str_], order: Sequence[str]) -> tuple[npt.NDArray[np.str_], list[str]]:
    """Return each patient's column, and the columns: the levels, and of more than six the commonest."""
    shown, columns = states, [name for name in order if name != MISSING]
    if len(columns) > LEVELS_DRAWN:
        common = sorted(columns, key=lambda name: -int((states == name).sum()))[: LEVELS_DRAWN - 1]
        shown = np.where(np.isin(states, [*common, MISSING]), states, OTHER_LEVELS)
        columns = [*(name for name in columns if name in common), OTHER_LEVELS]
    return shown, [*columns, MISSING] if (states == MISSING).any() else columns


def _columns(
    axes: Axes, states: npt.NDArray[np.str_], names: Mapping[str, str], y: Array, responds: npt.NDArray[np.bool_]
) -> Array:
    """Return the places of the dots in the columns of the states, and name the columns as given."""
    wide = axes.get_xlim()[1] / max(len(names), 1)
    x = np.zeros(len(states))
    for place, (state, name) in enumerate(names.items()):
        held = states == state
        middle = wide * (place + 0.5)
        x[held] = middle + swarm(y[held], responds[held], step=4.2, half=wide / 2 - 6)
        colour = MUTED if held.any() else NEUTRAL
        write(axes, middle, 0, label(name, int(wide / 5.5)), dy=-10, colour=colour)
        write(axes, middle, 0, f"{int(held.sum())}", dy=-23, colour=colour)
        if held.any():
            mean = float(y[held].mean())
            axes.plot([middle - wide * 0.375, middle + wide * 0.375], [mean, mean], color=INK, lw=1.2, zorder=3)
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
