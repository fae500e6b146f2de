"""Contributions to a rank average: walks from training patients to the explained one, a feature at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from trastuz_ml.learn.fitted import BoostedTrees, FittedModel, LinearLogit, RankAverage, ranks_among
from trastuz_ml.learn.tree_paths import Leaves, leaves_of, trees_of_booster, trees_of_forest

Array = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
Rows = npt.NDArray[np.float32]

# Pairs of walks for each patient: more tell more, and take longer.
PAIRS = 32
_SIDES = np.array([[0], [1]])  # an order, and its reverse


@dataclass(frozen=True, eq=False)
class Sampled:
    """Sampled contributions, row by row.

    Attributes
    ----------
    places : array of int, shape (n_used,)
        Columns of the design that some member uses.
    values, error : arrays, shape (n_patients, n_used)
        Contributions, and their standard errors.
    base : float
        Mean output over the background rows that the walks begin at.
    """

    places: Places
    values: Array
    error: Array
    base: float


def sampled_contributions(model: RankAverage, X: Rows, background: Rows) -> Sampled:
    """Estimate Shapley values of a rank average's probability by sampling permutations.

    A walk begins at a training patient and gives one feature after another the explained patient's value, in a
    random order; what a feature changes at its turn is counted for it (Strumbelj and Kononenko 2014, Knowledge
    and Information Systems 41:647, algorithm 1). Every order is walked a second time backwards (antithetic
    sampling: Mitchell et al. 2022, Journal of Machine Learning Research 23(43), section 3.2). Only features
    that differ between the two patients and that some member uses take part: others change nothing in any
    order. Every background row begins as many walks as any other, so that contributions and ``base`` add up to
    the output but for rounding.

    Parameters
    ----------
    model : RankAverage
        Fitted.
    X : array, shape (n_patients, n_features)
        Rows of a design that are explained. What was not covered (NaN) means for each member what it always
        does: the training mean, or both branches of a tree.
    background : array, shape (n_training, n_features)
        Training rows of the design, at least one; up to :data:`PAIRS` of them are drawn.

    Returns
    -------
    Sampled
        The standard errors are those of a mean over independent pairs of walks. The draws depend on the rows'
        own values alone: not on other patients explained, nor on who computes it.
    """
    chosen = np.sort(_randomness(background).permutation(len(background))[:PAIRS])
    starts = np.tile(background[chosen], (-(-PAIRS // len(chosen)), 1))
    places = model.sources()
    members = [_member(m, X, starts) for m in model.members]
    values, error = np.zeros((len(X), len(places))), np.zeros((len(X), len(places)))
    for row in range(len(X)):
        mine, theirs = X[row, places], starts[:, places]
        differ = (mine != theirs) & ~(np.isnan(mine) & np.isnan(theirs))
        orders = _random_orders(differ, places, _randomness(X[row]))
        pairs = np.zeros(differ.shape)
        pairs[differ] = _changes(model, members, row, orders).mean(axis=0)
        values[row] = pairs.mean(axis=0)
        error[row] = pairs.std(axis=0, ddof=1) / np.sqrt(len(pairs))
    return Sampled(places, values, error, float(model.probability(background[chosen]).mean()))


@dataclass(frozen=True, eq=False)
class _Orders:
    """The order in which features are taken on the way from each start, and the reverse order.

    Attributes
    ----------
    start, place : arrays of int, shape (n_taken,)
        Each feature that is taken, a column of the design, and from which start.
    turn : array of int, shape (2, n_taken)
        Its turn, counted from 1, in the order and in its reverse.
    shape : tuple of int
        Number of starts, and of outputs along the longest walk; shorter ones stay at their last output.
    """

    start: Places
    place: Places
    turn: Places
    shape: tuple[int, int]


def _random_orders(differ: npt.NDArray[np.bool_], places: Places, random: np.random.Generator) -> _Orders:
    """Return random orders of the features in which each start differs from the row."""
    start, column = np.nonzero(differ)
    length = differ.sum(axis=1)
    taken = np.empty(len(start), dtype=np.intp)
    shuffled = np.lexsort((random.random(len(start)), start))
    taken[shuffled] = np.arange(1, len(start) + 1) - np.repeat(np.cumsum(length) - length, length)
    turn = np.stack([taken, length[start] + 1 - taken])
    return _Orders(start, places[column], turn, (len(differ), int(length.max(initial=0)) + 1))


def _changes(model: RankAverage, members: Sequence[_Linear | _Trees], row: int, orders: _Orders) -> Array:
    """Return by how much the output changed at each feature's turn, shape (2, n_taken): both walks."""
    walks = [member.walks(row, orders) for member in members]
    ranks = [ranks_among(r, w) for r, w in zip(model.references, walks, strict=True)]
    outputs = model.from_average(np.mean(ranks, axis=0))
    changes: Array = outputs[_SIDES, orders.start, orders.turn] - outputs[_SIDES, orders.start, orders.turn - 1]
    return changes


def _randomness(rows: Rows) -> np.random.Generator:
    """Return random numbers that depend on the values alone."""
    digest = hashlib.blake2b(np.ascontiguousarray(rows, dtype=np.float32).tobytes(), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))


def _member(model: FittedModel, X: Rows, starts: Rows) -> _Linear | _Trees:
    sources, estimator = model.sources(), model.estimator
    rows, begins = model.prepare(X), model.prepare(starts)
    if isinstance(estimator, LinearLogit):
        added = [np.zeros((X.shape[1], len(prepared))) for prepared in (rows, begins)]
        for table, prepared in zip(added, (rows, begins), strict=True):
            np.add.at(table, sources, (prepared * estimator.coefficients).T)
        return _Linear(added[0].T, added[1].T, estimator.margin(begins))
    if isinstance(estimator, BoostedTrees):
        trees, base = trees_of_booster(estimator.booster)
    else:
        trees, base = trees_of_forest(estimator.forest), 0.0
    groups = leaves_of(trees)
    sizes = np.array([group.feature.shape for group in groups])
    steps_of_leaf = np.repeat(sizes[:, 0], sizes[:, 1])
    place = np.concatenate([sources[group.feature.T.ravel()] for group in groups])
    value = np.concatenate([group.value for group in groups])
    lone = value[steps_of_leaf == 0].sum()  # trees without a split
    known = _known(groups, _stored(begins))
    return _Trees(
        groups, _stored(rows), known, known == 0, place, steps_of_leaf[steps_of_leaf > 0],
        value[steps_of_leaf > 0], base + lone, isinstance(estimator, BoostedTrees),
    )  # fmt: skip


def _stored(prepared: Array) -> Array:
    """Return numbers as both libraries hold them, in float32: a threshold must meet the same number here."""
    return prepared.astype(np.float32).astype(np.float64)


def _known(groups: Sequence[Leaves], rows: Array) -> Array:
    """Return how far rows follow the paths to the leaves, (n_rows, n_steps): leaf after leaf."""
    return np.concatenate([g.known(rows).transpose(1, 2, 0).reshape(len(rows), -1) for g in groups], axis=1)


@dataclass(frozen=True, eq=False)
class _Linear:
    """A linear member: what each feature of the design adds to the log-odds of rows and of starts."""

    rows: Array
    starts: Array
    margins: Array

    def walks(self, row: int, orders: _Orders) -> Array:
        """Return the member's probabilities along all walks, in both orders, shape (2, *orders.shape)."""
        change = np.zeros((2, *orders.shape))
        change[:, :, 0] = self.margins
        taken = self.rows[row, orders.place] - self.starts[orders.start, orders.place]
        change[_SIDES, orders.start, orders.turn] = taken
        walked: Array = expit(np.cumsum(change, axis=2))
        return walked


@dataclass(frozen=True, eq=False)
class _Trees:
    """A tree member, as the leaves of all its trees.

    Attributes
    ----------
    groups : list of Leaves
        The leaves, by the number of features on their paths.
    rows : array, shape (n_patients, n_columns)
        Prepared columns of the explained patients.
    starts : array, shape (n_starts, n_steps)
        How far each start follows the path to each leaf, at each feature on it: 1, 0, or the share that follows
        where the feature is missing; leaf after leaf.
    lost : array of bool, shape (n_starts, n_steps)
        Where that is 0.
    place : array of int, shape (n_steps,)
        The feature, a column of the design.
    steps : array of int, shape (n_leaves,)
        Number of features on the path to each leaf.
    value : array, shape (n_leaves,)
        Output of each leaf.
    base : float
        What is added to the leaves.
    boosted : bool
        Whether outputs are log-odds; a forest's are probabilities.
    """

    groups: list[Leaves]
    rows: Array
    starts: Array
    lost: npt.NDArray[np.bool_]
    place: Places
    steps: Places
    value: Array
    base: float
    boosted: bool

    def walks(self, row: int, orders: _Orders) -> Array:
        """Return the member's probabilities along all walks, in both orders, shape (2, *orders.shape).

        A leaf's weight is a product over the features on its path and changes only at the turn of one on which
        the patients differ. A leaf that neither can follow at some feature is never reached.
        """
        mine, theirs = _known(self.groups, self.rows[row : row + 1])[0], self.starts
        if not len(self.value):
            return self._output(np.full((2, *orders.shape), self.base))
        first = np.cumsum(self.steps) - self.steps
        alive = ~np.logical_or.reduceat((mine == 0) & self.lost, first, axis=1)
        leaf = np.repeat(np.arange(len(self.value)), self.steps)
        partly = (mine > 0) & (mine < 1)
        start, step = np.nonzero((mine != theirs) | partly)
        reached = alive[start, leaf[step]]
        start, step = start[reached], step[reached]
        line, at, moved = _lines(start * len(self.value) + leaf[step])
        of_start, value = moved // len(self.value), self.value[moved % len(self.value)]
        still = self.base + alive @ self.value - np.bincount(of_start, value, len(theirs))
        turn = np.zeros(
            (2, len(theirs), 1 + int(max(self.place.max(), orders.place.max(initial=0)))), dtype=np.intp
        )
        turn[_SIDES, orders.start, orders.place] = orders.turn
        turns = turn[:, start, self.place[step]]
        before, after = theirs[start, step], mine[step]
        changed = (
            _by_lines(turns, before, after, line, at, value, of_start, orders.shape)
            if partly.any()
            else _by_spans(turns, after == 1, np.flatnonzero(at == 0), value, of_start, orders.shape)
        )
        return self._output(still[:, None] + np.cumsum(changed, axis=2))

    def _output(self, outputs: Array) -> Array:
        probability: Array = expit(outputs) if self.boosted else outputs
        return probability


def _lines(keys: Places) -> tuple[Places, Places, Places]:
    """Return for sorted keys the number of the distinct key, the place among its equals, and the distinct keys."""
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    count = np.diff(first, append=len(keys))
    line = np.repeat(np.arange(len(first)), count)
    return line, np.arange(len(keys)) - np.repeat(first, count), keys[first]


def _by_spans(
    turns: Places, mine: npt.NDArray[np.bool_], first: Places, value: Array, of_start: Places,
    shape: tuple[int, int],
) -> Array:  # fmt: skip
    """Return by how much the sum of the leaves changes at each turn, where nothing is missing.

    A leaf counts from the turn of the last feature at which only the row follows its path until the turn of the
    first at which only the start does.

    Parameters
    ----------
    turns : array, shape (2, n_moving)
        Turns of the features on which row and start differ, leaf after leaf, in both orders.
    mine : array of bool, shape (n_moving,)
        Whether it is the row that follows.
    first : array of int, shape (n_lines,)
        Where each leaf's features begin.
    value, of_start : arrays, shape (n_lines,)
        The leaf's value, and the start.
    shape : tuple of int
        Number of starts and of outputs on a walk.
    """
    changed = np.zeros((2, *shape))
    if len(first):
        for side in (0, 1):
            since = np.maximum.reduceat(np.where(mine, turns[side], 0), first)
            until = np.minimum.reduceat(np.where(mine, shape[1], turns[side]), first)
            ever = since < until
            ends = ever & (until < shape[1])
            at, size = of_start * shape[1], shape[0] * shape[1]
            begun = np.bincount((at + since)[ever], value[ever], size)
            changed[side] = (begun - np.bincount((at + until)[ends], value[ends], size)).reshape(shape)
    return changed


def _by_lines(
    turns: Places, before: Array, after: Array, line: Places, at: Places, value: Array, of_start: Places,
    shape: tuple[int, int],
) -> Array:  # fmt: skip
    """Return by how much the sum of the leaves changes at each turn, whatever is missing.

    Parameters
    ----------
    turns : array, shape (2, n_moving)
        As for :func:`_by_spans`.
    before, after : arrays, shape (n_moving,)
        How far the start, and the row, follows the path.
    line, at : arrays of int, shape (n_moving,)
        The leaf's number among those of all starts, and the feature's among the leaf's.
    value, of_start, shape
        As for :func:`_by_spans`.
    """
    changed = np.zeros((2, *shape))
    # A line for each leaf and start, filled up with turn 0 and factor 1, which change nothing.
    size = (len(value), int(at.max(initial=-1)) + 1)
    for side in (0, 1):
        turn, old, new = np.zeros(size, dtype=np.intp), np.ones(size), np.ones(size)
        turn[line, at], old[line, at], new[line, at] = turns[side], before, after
        order = np.argsort(turn, axis=1, kind="stable")
        turn = np.take_along_axis(turn, order, axis=1)
        old, new = (np.take_along_axis(a, order, axis=1) for a in (old, new))
        weight = np.ones((size[0], size[1] + 1))
        weight[:, 1:] = np.cumprod(new, axis=1)
        weight[:, :-1] *= np.cumprod(old[:, ::-1], axis=1)[:, ::-1]
        steps = np.diff(weight, axis=1) * value[:, None]
        summed = np.bincount((of_start[:, None] * shape[1] + turn).ravel(), steps.ravel(), shape[0] * shape[1])
        changed[side] = summed.reshape(shape)
        changed[side, :, 0] += np.bincount(of_start, weight[:, 0] * value, shape[0])
    return changed
