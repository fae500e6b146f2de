"""What a tree ensemble says of a patient in whom some genes were not sequenced.

At a split on such a gene both branches are followed, each with its share of the training patients: the output
is the tree-path expectation (Lundberg et al. 2020, Nature Machine Intelligence 2:56, algorithm 1). Sending the
patient down one branch would read *not sequenced* as *intact* or as *mutated*.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import factorial
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

    def leaves(self) -> Iterator[tuple[int, list[tuple[int, bool]]]]:
        """Yield each leaf with the splits above it: (node, whether the path goes left)."""
        waiting: list[tuple[int, list[tuple[int, bool]]]] = [(0, [])]
        while waiting:
            node, path = waiting.pop()
            if self.left[node] < 0:
                yield node, path
                continue
            waiting.append((int(self.left[node]), [*path, (node, True)]))
            waiting.append((int(self.right[node]), [*path, (node, False)]))

    def add_contributions(self, X: Array, total: Array) -> None:
        """Add the tree-path Shapley values of each row to ``total``; missing features contribute nothing.

        A leaf counts for a set S of known features with its value times, for each feature on its path, 1 or
        0 (in S: does the row follow the path?) or the share of training patients that do (not in S). The
        Shapley value of such a product has a closed form in elementary symmetric polynomials.
        """
        for leaf, path in self.leaves():
            follows: dict[int, Array] = {}
            share: dict[int, float] = {}
            for node, left in path:
                feature = int(self.feature[node])
                here = (self.goes_left(node, X) == left).astype(float)
                follows[feature] = follows.get(feature, 1.0) * here
                share[feature] = share.get(feature, 1.0) * (
                    self.share_left(node) if left else 1.0 - self.share_left(node)
                )
            self._add_leaf(float(self.value[leaf]), follows, share, X, total)

    @staticmethod
    def _add_leaf(
        value: float, follows: dict[int, Array], share: dict[int, float], X: Array, total: Array
    ) -> None:
        unknown = {f: np.isnan(X[:, f]) for f in follows}
        # A missing feature is never in S: it scales the leaf by its share, whatever S is.
        in_set = {f: np.where(unknown[f], share[f], follows[f]) for f in follows}
        players = list(follows)
        for player in players:
            others = [f for f in players if f != player]
            # coefficients[k]: sum over sets of k others of the product of their factors.
            coefficients = np.zeros((len(others) + 1, len(X)))
            coefficients[0] = 1.0
            for f in others:
                coefficients[1:] = coefficients[1:] * share[f] + coefficients[:-1] * in_set[f]
                coefficients[0] *= share[f]
            sizes = np.arange(len(players))
            weights = np.array([factorial(k) * factorial(len(others) - k) for k in sizes]) / factorial(
                len(players)
            )
            change = in_set[player] - share[player]
            total[:, player] += value * change * (weights @ coefficients)


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


def contributions(trees: list[Tree], X: Array) -> Array:
    """Return tree-path Shapley values, shape of X; missing features contribute nothing."""
    total = np.zeros(X.shape)
    for tree in trees:
        tree.add_contributions(X, total)
    return total
