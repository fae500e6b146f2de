"""Table 1 for a page that is sent: small counts held back, with the counts that would give them away."""

from __future__ import annotations

from typing import Any

from trastuz_ml.report.held_back import HELD, SMALL

Content = dict[str, Any]


def without_small_levels(baseline: Content) -> Content:
    """Return Table 1 without counts under five.

    A level with a small cell is held back in all groups, and levels next in size with it until there are two, and
    five patients or more among them in each group: the groups' sizes are known, and what is missing is their
    difference. Medians of fewer than five are held back, too.

    Examples
    --------
    >>> cells = lambda *counts: [{"count": n, "share": n / 10} for n in counts]
    >>> counts = {"a": (2, 9, 11), "b": (8, 8, 16), "c": (20, 20, 40)}
    >>> rows = [{"level": level, "cells": cells(*n)} for level, n in counts.items()]
    >>> table = {"groups": [], "variables": [{"name": "x", "kind": "levels", "difference": 0.1, "rows": rows}]}
    >>> [row["cells"][0]["count"] for row in without_small_levels(table)["variables"][0]["rows"]]
    ['*', '*', 20]
    """
    return {**baseline, "variables": [_variable(one) for one in baseline["variables"]]}


def _variable(variable: Content) -> Content:
    counted = [place for place, row in enumerate(variable["rows"]) if _is_counted(row)]
    hidden = {place for place in counted if _is_few(variable["rows"][place])}
    while hidden and len(hidden) < len(counted) and _tell_of_few(variable["rows"], hidden):
        others = [place for place in counted if place not in hidden]
        hidden.add(min(others, key=lambda place: variable["rows"][place]["cells"][-1]["count"]))
    rows = [_held(row) if place in hidden else row for place, row in enumerate(variable["rows"])]
    return {**variable, "difference": HELD if hidden else variable["difference"], "rows": rows}


def _tell_of_few(rows: list[Content], hidden: set[int]) -> bool:
    """Return whether the rows to be held back are one alone, or hold few patients of some group in all."""
    groups = zip(*([cell["count"] for cell in rows[place]["cells"]] for place in hidden), strict=True)
    return len(hidden) == 1 or any(sum(counts) < SMALL for counts in groups)


def _is_counted(row: Content) -> bool:
    return all(cell is not None and "count" in cell for cell in row["cells"])


def _is_few(row: Content) -> bool:
    """Return whether some group has fewer than five patients of a level that somebody has."""
    return bool(row["cells"][-1]["count"]) and any(cell["count"] < SMALL for cell in row["cells"])


def _held(row: Content) -> Content:
    return {**row, "cells": [{"count": HELD, "share": HELD} for _ in row["cells"]]}
