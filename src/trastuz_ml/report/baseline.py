"""Table 1: who the patients are, by response, with what is missing counted and differences standardised."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.report.plain import plain
from trastuz_ml.report.privacy import WITHHELD, Pseudonyms
from trastuz_ml.store.run_folder import Run

_NO_VARIABLE = frozenset({"patient", "response", "group"})
# A column of numbers with so few different values reads better as levels.
_MANY_LEVELS = 12


def baseline_content(run: Run, hidden: Pseudonyms) -> dict[str, Any]:
    """Return Table 1: covariates, then burden and assay, for responders, the others and all.

    Returns
    -------
    dict
        ``groups`` (``name``, ``patients``: responding, not responding, all) and ``variables``: ``name``, ``kind``
        (``number`` or ``levels``), ``difference`` (standardised, absolute, or ``None``), ``rows``: of a number one
        row with ``median``, ``low`` and ``high`` a group; of levels a row each with ``count`` and ``share``; and
        where values are missing a row that counts them.

    Notes
    -----
    Standardised differences: Austin (2009), Stat Med 28:3083, of means over the pooled standard deviation; of
    several levels Yang and Dalton (2012), SAS Global Forum 335. No p: these patients were not dealt to the two
    groups, and no question is answered by testing whether they differ.
    """
    members = run.patients.dropna(subset=["response"])
    responding = members["response"].to_numpy(dtype=int) == 1
    masks = (responding, ~responding, np.ones(len(members), dtype=bool))
    names = [str(name) for name in members.columns if name not in _NO_VARIABLE]
    last = [name for name in ("burden", "assay") if name in names]
    ordered = [name for name in names if name not in last] + last
    declared = (run.configuration.get("roster") or {}).get("covariates") or {}
    variables = [
        _variable(name, members[name], masks, declared.get(name) or {}, hidden)
        for name in ordered
        if members[name].notna().any() and not (name == "assay" and members[name].nunique() == 1)
    ]
    groups = [
        {"name": name, "patients": int(mask.sum())}
        for name, mask in zip(("responding", "not responding", "all"), masks, strict=True)
    ]
    return plain({"groups": groups, "variables": variables})  # type: ignore[no-any-return]


def _variable(
    name: str, values: pd.Series, masks: Sequence[npt.NDArray[np.bool_]], declared: Mapping[str, Any],
    hidden: Pseudonyms,
) -> dict[str, Any]:  # fmt: skip
    levels = [str(level) for level in declared.get("levels") or ()]
    numeric = pd.api.types.is_numeric_dtype(values) and not levels
    words = values.astype("object").map(lambda value: _word(value, levels), na_action="ignore")
    missing = values.isna().to_numpy()
    if numeric:
        known = values.to_numpy(dtype=float, na_value=np.nan)
        rows = [_quartiles(known, masks)]
        difference = mean_difference(known[masks[0]], known[masks[1]])
    else:
        order = levels or sorted(map(str, words.dropna().unique()))
        order = [level for level in order if (words == level).any()]
        rows = [_counted(_safe(level, levels, hidden), (words == level).to_numpy(), masks) for level in order]
        shares = np.array([[float((words[m & ~missing] == level).mean()) for level in order] for m in masks[:2]])
        difference = (
            level_difference(*shares) if (~missing & masks[0]).any() and (~missing & masks[1]).any() else None
        )
    if missing.any():
        rows.append(_counted("missing", missing, masks))
    return {
        "name": _safe(name, [name], hidden), "kind": "number" if numeric else "levels",
        "difference": difference, "rows": rows,
    }  # fmt: skip


def _word(value: Any, levels: Sequence[str]) -> str:
    """Return a level by its name; an ordered covariate is kept as the place of its level."""
    return levels[int(value)] if levels and not isinstance(value, str) else str(value)


def _safe(word: str, declared: Sequence[str], hidden: Pseudonyms) -> str:
    """Return a word of the roster, unless it may name a patient; what was declared is no name."""
    if word in declared and word not in hidden.names and word not in hidden.strangers:
        return word
    return hidden.rewrite(word) or WITHHELD


def _quartiles(known: npt.NDArray[np.float64], masks: Sequence[npt.NDArray[np.bool_]]) -> dict[str, Any]:
    cells: list[dict[str, float] | None] = []
    for mask in masks:
        there = known[mask & np.isfinite(known)]
        if there.size:
            low, median, high = np.quantile(there, (0.25, 0.5, 0.75))
            cells.append({"median": float(median), "low": float(low), "high": float(high)})
        else:
            cells.append(None)
    return {"level": "median (quartiles)", "cells": cells}


def _counted(level: str, held: npt.NDArray[np.bool_], masks: Sequence[npt.NDArray[np.bool_]]) -> dict[str, Any]:
    return {
        "level": level,
        "cells": [
            {"count": int((held & mask).sum()), "share": float(held[mask].mean()) if mask.any() else None}
            for mask in masks
        ],
    }


def mean_difference(one: npt.ArrayLike, two: npt.ArrayLike) -> float | None:
    """Return the absolute difference of two means in pooled standard deviations; none without a spread.

    Examples
    --------
    >>> round(mean_difference([1.0, 3.0], [3.0, 5.0]), 3)
    1.414
    """
    first, second = (np.asarray(values, dtype=float) for values in (one, two))
    first, second = first[np.isfinite(first)], second[np.isfinite(second)]
    if min(first.size, second.size) < 2:
        return None
    pooled = math.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2)
    return abs(float(first.mean() - second.mean())) / pooled if pooled > 0 else None


def level_difference(one: npt.ArrayLike, two: npt.ArrayLike) -> float | None:
    """Return the standardised difference of two distributions over levels: a Mahalanobis distance.

    Parameters
    ----------
    one, two : array, shape (levels,)
        Share of each level in either group.

    Examples
    --------
    >>> round(level_difference([0.5, 0.5], [0.3, 0.7]), 4)
    0.417
    """
    first, second = np.asarray(one, dtype=float), np.asarray(two, dtype=float)
    if first.size < 2:
        return None
    first, second = first[1:], second[1:]
    spread = (np.diag(first) - np.outer(first, first) + np.diag(second) - np.outer(second, second)) / 2
    apart = first - second
    squared = float(apart @ np.linalg.pinv(spread) @ apart)
    # A level that one group alone has leaves no spread in some direction: then there is no number to give.
    return math.sqrt(squared) if np.isfinite(squared) and squared >= 0 and spread.any() else None
