"""What a tree ensemble says of a patient in whom some genes were not sequenced.

At a split on such a gene both branches are followed, each with its share of the training patients: the output
is the tree-path expectation (Lundberg et al. 2020, Nature Machine Intelligence 2:56, algorithm 1). Sending the
patient down one branch would read *not sequenced* as *intact* or as *mutated*.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Tree:
    """A binary tree as arrays over its nodes; a leaf has no children (-1).

    Attributes
    ----------
    left, right : arrays of int
        Children of each node.
    feature : array of int
        Prepared column that the node splits on.
    threshold : array
        Rows below it go left; rows at it go left where ``at_left``.
    value : array
        Output of a leaf.
    cover : array
        Weight of the training patients that reached the node.
    at_left : bool
        Whether a value equal to the threshold goes left (scikit-learn) or right (XGBoost).
    """

    left: Places
    right: Places
    feature: Places
    threshold: Array
    value: Array
    cover: Array
    at_left: bool

    def goes_left(self, node: int, X: Array) -> npt.NDArray[np.bool_]:
        """Return which rows go left at a node; rows whose value is missing do not count."""
        column = X[:, self.feature[node]]
        left: npt.NDArray[np.bool_] = np.less_equal(column, self.threshold[node])
        return left if self.at_left else left & (column != self.threshold[node])

    def share_left(self, node: int) -> float:
        """Return the share of the node's training patients that go left; the others go right."""
        return float(self.cover[self.left[node]] / self.cover[node])

    def expected(self, X: Array) -> Array:
        """Return the tree's output for each row, both branches followed where the value is missing."""
        reached = np.zeros((len(X), len(self.left)))
        reached[:, 0] = 1.0
        total = np.zeros(len(X))
        # Children stand behind their parents in both libraries' arrays.
        for node in range(len(self.left)):
            if self.left[node] < 0:
                total += reached[:, node] * self.value[node]
                continue
            unknown = np.isnan(X[:, self.feature[node]])
            to_left = np.where(unknown, self.share_left(node), self.goes_left(node, X))
            reached[:, self.left[node]] += reached[:, node] * to_left
            reached[:, self.right[node]] += reached[:, node] * (1.0 - to_left)
        return total


@dataclass(frozen=True, eq=False)
class Leaves:
    """Leaves, of any trees, that have the same number of distinct features on their paths.

    Attributes
    ----------
    feature : array of int, shape (n_steps, n_leaves)
        The distinct features on the path to each leaf.
    low, high : arrays, shape (n_steps, n_leaves)
        A row follows the path if its value lies between them: up to and with ``high`` where ``at_left``, else
        from and with ``low``.
    share : array, shape (n_steps, n_leaves)
        Share of training patients that follow the path where it splits on the feature.
    value : array, shape (n_leaves,)
        Output of each leaf.
    at_left : bool
        As in :class:`Tree`.
    """

    feature: Places
    low: Array
    high: Array
    share: Array
    value: Array
    at_left: bool

    def known(self, X: Array) -> Array:
        """Return how far rows follow the paths, (n_steps, n_rows, n_leaves): 1, 0, or the share where missing."""
        values = X[:, self.feature].transpose(1, 0, 2)
        low, high = self.low[:, None, :], self.high[:, None, :]
        follows = (values > low) & (values <= high) if self.at_left else (values >= low) & (values < high)
        known: Array = np.where(np.isnan(values), self.share[:, None, :], follows)
        return known


def leaves_of(trees: Sequence[Tree]) -> list[Leaves]:
    """Return the leaves of trees of one library, by the number of distinct features on their paths."""
    nodes = join_trees(trees)
    leaves = np.flatnonzero(nodes.left < 0)
    leaves = leaves[(nodes.up[leaves] >= 0) | np.isin(leaves, nodes.roots)]  # others were pruned away
    # All leaves walk up to their roots together, a split at a time.
    steps, of, node = [np.empty((3, 0), dtype=np.intp)], np.arange(len(leaves)), leaves
    while len(of := of[climbing := nodes.up[node] >= 0]):
        node = node[climbing]
        steps.append(np.stack([of, node, nodes.up[node]]))
        node = nodes.up[node]
    of, node, split = np.concatenate(steps, axis=1)
    order = np.lexsort((nodes.feature[split], of))
    of, node, split = of[order], node[order], split[order]
    feature, is_left = nodes.feature[split], nodes.left[split] == node
    first = np.flatnonzero(np.diff(of, prepend=-1) | np.diff(feature, prepend=-1))
    low = np.where(is_left, -np.inf, nodes.threshold[split])
    high = np.where(is_left, nodes.threshold[split], np.inf)
    share = np.where(is_left, nodes.share[split], 1.0 - nodes.share[split])
    merged = [
        how.reduceat(values, first) if len(first) else values
        for how, values in ((np.maximum, low), (np.minimum, high), (np.multiply, share))
    ]
    of, feature = of[first], feature[first]
    width = np.bincount(of, minlength=len(leaves))
    groups = []
    for many in np.unique(width):
        here, of_these = np.flatnonzero(width == many), width[of] == many
        low, high, share = (a[of_these].reshape(len(here), many).T.copy() for a in merged)
        places = feature[of_these].reshape(len(here), many).T.copy()
        groups.append(Leaves(places, low, high, share, nodes.value[leaves[here]], trees[0].at_left))
    return groups


@dataclass(frozen=True, eq=False)
class Nodes:
    """The nodes of several trees in one numbering; ``up`` is the split above (-1), ``share`` goes left."""

    left: Places
    right: Places
    up: Places
    roots: Places
    feature: Places
    threshold: Array
    value: Array
    share: Array


def join_trees(trees: Sequence[Tree]) -> Nodes:
    """Return the nodes of several trees in one numbering, tree after tree."""
    roots = np.cumsum([0, *(len(tree.left) for tree in trees[:-1])])
    shift = np.repeat(roots, [len(tree.left) for tree in trees])
    feature, threshold, value, cover, left, right = (
        np.concatenate([getattr(tree, name) for tree in trees])
        for name in ("feature", "threshold", "value", "cover", "left", "right")
    )
    inner = np.flatnonzero(left >= 0)
    left, right = np.where(left >= 0, left + shift, -1), np.where(left >= 0, right + shift, -1)
    up, share = np.full(len(left), -1), np.ones(len(left))
    up[left[inner]], up[right[inner]] = inner, inner
    share[inner] = cover[left[inner]] / cover[inner]
    return Nodes(left, right, up, roots, feature, threshold, value, share)


def trees_of_forest(forest: Any) -> list[Tree]:
    """Return the trees of a scikit-learn forest; leaves hold the probability of response, over the trees."""
    made = []
    for estimator in forest.estimators_:
        t = estimator.tree_
        counts = t.value[:, 0, :]
        value = counts[:, 1] / counts.sum(axis=1) / len(forest.estimators_)
        made.append(
            Tree(
                t.children_left.astype(np.intp), t.children_right.astype(np.intp), t.feature.astype(np.intp),
                t.threshold, value, t.weighted_n_node_samples, at_left=True,
            )
        )  # fmt: skip
    return made


def trees_of_booster(booster: Any) -> tuple[list[Tree], float]:
    """Return the trees of an XGBoost booster and its base margin; leaves hold log-odds."""
    learner = json.loads(booster.save_raw("json"))["learner"]
    base = np.float64(np.ravel(json.loads(str(learner["learner_model_param"]["base_score"])))[0])
    made = []
    for t in learner["gradient_booster"]["model"]["trees"]:
        conditions = np.array(t["split_conditions"], dtype=np.float32).astype(np.float64)
        made.append(
            Tree(
                np.array(t["left_children"], dtype=np.intp), np.array(t["right_children"], dtype=np.intp),
                np.array(t["split_indices"], dtype=np.intp), conditions, conditions,
                np.array(t["sum_hessian"], dtype=np.float64), at_left=False,
            )
        )  # fmt: skip
    return made, float(np.log(base / (1.0 - base)))


def expected_output(trees: list[Tree], base: float, X: Array) -> Array:
    """Return base plus the expected output of every tree, for each row of X."""
    total = np.full(len(X), base)
    for tree in trees:
        total += tree.expected(X)
    return total
