"""Arithmetic of genome intervals: merge them, and count the bases of one set that another covers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
# Larger than any chromosome: intervals of different keys never touch on one long line.
_ROOM = 32


def merge(key: Integers, start: Integers, end: Integers) -> tuple[Integers, Integers, Integers]:
    """Return the union of half-open intervals, key by key, sorted by key and start.

    Parameters
    ----------
    key : array of shape (n,)
        What separates intervals, such as the number of the chromosome; from 0.
    start, end : arrays of shape (n,)
        0-based, half-open, below 2 to the power of 32. Empty intervals vanish, touching ones become one.

    Examples
    --------
    >>> [part.tolist() for part in merge(np.array([0, 0, 1]), np.array([5, 0, 5]), np.array([9, 6, 6]))]
    [[0, 1], [0, 5], [9, 6]]
    """
    some = end > start
    left, right = _line_up(key[some], start[some]), _line_up(key[some], end[some])
    order = np.argsort(left, kind="stable")
    left, right = left[order], np.maximum.accumulate(right[order]) if order.size else right
    first = np.ones(left.size, dtype=bool)
    first[1:] = left[1:] > right[:-1]
    left, right = left[first], right[np.append(np.flatnonzero(first)[1:] - 1, left.size - 1)[: first.sum()]]
    keys = left >> _ROOM
    return keys, left - (keys << _ROOM), right - (keys << _ROOM)


def covered_bases(
    key: Integers, start: Integers, end: Integers, targets: tuple[Integers, Integers, Integers]
) -> Integers:
    """Return, for each interval, how many of its bases lie in the targets.

    Parameters
    ----------
    key, start, end : arrays of shape (n,)
        Intervals, half-open.
    targets : key, start and end
        What :func:`merge` returned, with the same keys.

    Examples
    --------
    >>> targets = merge(np.array([0, 0]), np.array([0, 20]), np.array([10, 30]))
    >>> covered_bases(np.array([0]), np.array([5]), np.array([22]), targets).tolist()
    [7]
    """
    left, right = _line_up(targets[0], targets[1]), _line_up(targets[0], targets[2])
    before = np.concatenate([[0], np.cumsum(right - left)])

    def below(place: Integers) -> Integers:
        # Targets that begin before the place; all but the last of them lie wholly before it.
        begun = np.searchsorted(left, place, side="left")
        overhang = np.zeros(place.size, dtype=np.int64)
        some = begun > 0
        overhang[some] = np.maximum(right[begun[some] - 1] - place[some], 0)
        return np.asarray(before[begun] - overhang, dtype=np.int64)

    return below(_line_up(key, end)) - below(_line_up(key, start))


def _line_up(key: Integers, place: Integers) -> Integers:
    return (key.astype(np.int64) << _ROOM) + place
