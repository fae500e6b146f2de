"""Tree-path Shapley values of many trees and patients at once, level by level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lgamma, log
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trastuz_ml.learn.tree_paths import Tree, join_trees

Array = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]


class _Level(NamedTuple):
    """Splits of one level: their numbers, their places among nodes, and where their children stand there."""

    splits: slice
    place: Places
    left: slice
    right: slice


@dataclass(frozen=True, eq=False)
class _Splits:
    """The splits of several trees, level by level from the roots, and the leaves below them.

    Attributes
    ----------
    levels : list of _Level
        Where the splits of each level stand, among splits and among nodes.
    leaf : array of int, shape (n_leaves,)
        Where leaves stand among nodes.
    feature, threshold, share : arrays, shape (n_splits,)
        What is split on, and the share of training patients that goes left.
    above : array of int, shape (n_splits,)
        The nearest split above on the same feature; -1 for none.
    turned_left : array of bool, shape (n_splits,)
        Whether the way from there goes left.
    value : array, shape (n_leaves,)
        Output of each leaf.
    most, trees : int
        Most distinct features on the path to a leaf; number of trees, whose roots are the first nodes.
    """

    levels: list[_Level]
    leaf: Places
    feature: Places
    threshold: Array
    share: Array
    above: Places
    turned_left: npt.NDArray[np.bool_]
    value: Array
    most: int
    trees: int


def _splits_of(trees: Sequence[Tree]) -> _Splits:
    nodes = join_trees(trees)
    levels, order, standing = [], [np.empty(0, dtype=np.intp)], [nodes.roots]
    level, done, start = nodes.roots, 0, 0
    while len(inner := np.flatnonzero(nodes.left[level] >= 0)):
        many, below = len(inner), start + len(level)
        order.append(level[inner])
        levels.append(
            _Level(
                slice(done, done + many), start + inner,
                slice(below, below + many), slice(below + many, below + 2 * many),
            )
        )  # fmt: skip
        level, done, start = (
            np.concatenate([nodes.left[level[inner]], nodes.right[level[inner]]]),
            done + many,
            below,
        )
        standing.append(level)
    splits, stands = np.concatenate(order), np.concatenate(standing)
    number = np.full(len(nodes.left), -1)
    number[splits] = np.arange(len(splits))
    above, turned = np.full(len(splits), -1), np.zeros(len(splits), dtype=bool)
    looking, node = np.arange(len(splits)), splits
    while len(looking):
        higher = nodes.up[node]
        inside = higher >= 0
        looking, node, higher = looking[inside], node[inside], higher[inside]
        same = nodes.feature[higher] == nodes.feature[splits[looking]]
        above[looking[same]] = number[higher[same]]
        turned[looking[same]] = nodes.left[higher[same]] == node[same]
        looking, node = looking[~same], higher[~same]
    distinct = np.zeros(len(stands), dtype=np.intp)
    for at in levels:
        count = distinct[at.place] + (above[at.splits] < 0)
        distinct[at.left], distinct[at.right] = count, count
    leaf = np.flatnonzero(nodes.left[stands] < 0)
    return _Splits(
        levels, leaf, nodes.feature[splits], nodes.threshold[splits], nodes.share[splits], above, turned,
        nodes.value[stands[leaf]], int(distinct.max(initial=0)), len(nodes.roots),
    )  # fmt: skip


# How many numbers of one array are worked on at a time: more do not fit into a processor's cache.
_AT_ONCE = 250_000
# What may be left out of an integral that is at most 1; contributions must add up to 1e-9.
_NEGLIGIBLE = 1e-13


def contributions(trees: Sequence[Tree], X: Array) -> tuple[Array, float]:
    """Return tree-path Shapley values, and the output that they start from: nothing known of the patient.

    Parameters
    ----------
    trees : sequence of Tree
        Of one library.
    X : array, shape (n_rows, n_columns)
        Prepared columns, compared with thresholds as float32, as both libraries do; NaN for genes that were not
        covered, which contribute nothing.

    Returns
    -------
    values : array, shape (n_rows, n_columns)
        A row's values do not depend on the other rows.
    base : float
        Sum of the trees' outputs, both branches followed at each split.
    """
    total, base = np.zeros(X.shape), 0.0
    # Trees of like size together: those with short paths need few nodes of the rule below.
    by_size = sorted(trees, key=lambda tree: len(tree.left))
    many = max(1, _AT_ONCE // max(1, len(X)))
    ends = np.cumsum([len(tree.left) for tree in by_size])
    for part in np.split(np.arange(len(ends)), np.flatnonzero(np.diff(ends // many)) + 1):
        splits = _splits_of([by_size[i] for i in part])
        base += _unknown(splits)
        if len(splits.feature):
            values = _split_contributions(splits, X, at_left=trees[0].at_left)
            order = np.argsort(splits.feature, kind="stable")
            features, first = np.unique(splits.feature[order], return_index=True)
            total[:, features] += np.add.reduceat(values[order], first, axis=0).T
    return total, base


def _unknown(splits: _Splits) -> float:
    """Return the sum of the trees' outputs when nothing is known."""
    outputs = np.zeros(len(splits.share) + len(splits.value))
    outputs[splits.leaf] = splits.value
    for level in reversed(splits.levels):
        left, right = outputs[level.left], outputs[level.right]
        outputs[level.place] = right + splits.share[level.splits] * (left - right)
    return float(outputs[: splits.trees].sum())


def _split_contributions(splits: _Splits, X: Array, *, at_left: bool) -> Array:
    """Return what each split adds to the tree-path Shapley value of its feature, shape (n_splits, n_rows).

    A leaf counts for a set S of known features with its value times, for each feature on its path, 1 or 0 (in S:
    does the row follow the path?) or the share of training patients that do (not in S). The Shapley value of a
    feature i in such a product is (Owen 1972, Management Science 18:P64, equation 6)

        value * (known_i - share_i) * integral over t from 0 to 1 of
        the product over the others of ((1 - t) * share + t * known),

    a polynomial in t, which Gauss and Legendre's rule with half as many nodes as there are features integrates
    exactly (:func:`_nodes_needed`). At each node of the rule, ``reach`` is that product over the path down to a
    split, and ``output`` the sum over the leaves below of value times product; the factors of a split's two
    sides add up to 1, so that a split adds ``reach * (known - share) * (output left - output right)``, of which
    ``apart`` is what the slope ``known - share`` is multiplied with at the end. Where a feature was split on
    before (``above``), shares and known values are products over its splits, and the formula is that of the
    difference between the two factors. A missing feature is never in S: its share stands for ``known``.
    """
    share = splits.share[:, None]
    # Compared as float32, as in both libraries; laid out split by split, as all that follows is.
    values = np.ascontiguousarray(np.take(X, splits.feature, axis=1).T, dtype=np.float32)
    follows = (values <= splits.threshold[:, None]) if at_left else (values < splits.threshold[:, None])
    known = np.where(np.isnan(values), share, follows)
    slope = known - share
    before = _before(splits, known)
    total, reach = np.zeros(known.shape), np.empty((len(known) + len(splits.value), len(X)))
    output, apart, goes_left = np.empty(reach.shape), np.empty(known.shape), np.empty(known.shape)
    output[splits.leaf] = splits.value[:, None]
    nodes, weights = np.polynomial.legendre.leggauss(_nodes_needed(splits, slope))
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        goes_left = np.multiply(slope, node, out=goes_left)
        goes_left += share
        steep = np.empty(0) if before is None else _repeated(before, node, goes_left)
        for level in reversed(splits.levels):
            right = output[level.right]
            difference = np.subtract(output[level.left], right, out=apart[level.splits])
            output[level.place] = right + goes_left[level.splits] * difference
        reach[: splits.trees] = weight
        for level in splits.levels:
            here = reach[level.place]
            to_left = np.multiply(here, goes_left[level.splits], out=reach[level.left])
            np.subtract(here, to_left, out=reach[level.right])
            apart[level.splits] *= here
        if before is not None:
            apart[before.place] *= steep
        total += apart
    if before is not None:
        slope[before.place] = 1.0
    total *= slope
    return total


def _nodes_needed(splits: _Splits, slope: Array) -> int:
    """Return how many nodes leave a negligible part of the integral: half the features, often fewer.

    The error with n nodes is at most n!^4 / ((2n + 1) (2n)!^3) times the 2n-th derivative (Abramowitz and Stegun
    1964, 25.4.30), here at most the 2n-th power of the sum of |known - share| along a path.
    """
    sums = np.zeros((len(slope) + len(splits.value), slope.shape[1]))
    for level in splits.levels:
        # Where a feature is split on again, the change of its product is at most the sum of the changes.
        down = sums[level.place] + np.abs(slope[level.splits])
        sums[level.left], sums[level.right] = down, down
    most, exact = max(float(sums.max(initial=0.0)), 1e-3), max(1, (splits.most + 1) // 2)
    for n in range(1, exact):
        bound = 4 * lgamma(n + 1) - log(2 * n + 1) - 3 * lgamma(2 * n + 1) + 2 * n * log(most)
        if bound < log(_NEGLIGIBLE):
            return n
    return exact


@dataclass(frozen=True, eq=False)
class _Before:
    """Splits on a feature that was split on before: shares and known values as products over its splits."""

    place: Places
    share: Array
    known: Array
    share_left: Array
    known_left: Array


def _before(splits: _Splits, known: Array) -> _Before | None:
    place = np.flatnonzero(splits.above >= 0)
    if not len(place):
        return None
    share = np.ones((len(known), 1))
    so_far, share_left, known_left = np.ones(known.shape), splits.share[:, None].copy(), known.copy()
    for level in splits.levels[1:]:
        here = np.arange(level.splits.start, level.splits.stop)
        here = here[splits.above[here] >= 0]
        above, left = splits.above[here], splits.turned_left[here][:, None]
        share[here] = np.where(left, share_left[above], share[above] - share_left[above])
        so_far[here] = np.where(left, known_left[above], so_far[above] - known_left[above])
        share_left[here] *= share[here]
        known_left[here] *= so_far[here]
    return _Before(place, share[place], so_far[place], share_left[place], known_left[place])


def _repeated(before: _Before, node: float, goes_left: Array) -> Array:
    """Put the factors of repeated splits in their places, and return what stands for ``slope`` there."""
    change = before.known - before.share
    whole = before.share + node * change
    part = before.share_left + node * (before.known_left - before.share_left)
    goes_left[before.place] = part / whole
    steep: Array = (before.known_left - before.share_left - change * part / whole) / whole
    return steep
