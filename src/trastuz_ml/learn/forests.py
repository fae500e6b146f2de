"""Random forests whose trees are grown directly: scikit-learn's own trees, bit for bit, without its overhead."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import RandomForestClassifier
from sklearn.ensemble._forest import _generate_sample_indices
from sklearn.tree import DecisionTreeClassifier
from sklearn.tree._criterion import Gini
from sklearn.tree._splitter import BestSplitter
from sklearn.tree._tree import DepthFirstTreeBuilder, Tree

# Highest seed of a tree, and of the random numbers within it.
_MOST = int(np.iinfo(np.int32).max)
_CLASSES = np.array([2], dtype=np.intp)


def grow_forests(
    X: npt.NDArray[np.float32],
    y: npt.NDArray[np.int8],
    leaves: Sequence[int],
    *,
    trees: int,
    seed: int,
    weights: npt.NDArray[np.float64] | None = None,
) -> list[RandomForestClassifier]:
    """Fit one random forest for each smallest leaf.

    More than half of the time of :meth:`RandomForestClassifier.fit` on a few hundred patients goes into
    checking the same rows again for each tree. Here scikit-learn's tree builder is driven directly, with the
    forest's own seeds and bootstrap samples, which the forests share.

    Parameters
    ----------
    X : array of float32, shape (n_patients, n_columns)
        Nothing may be missing.
    y : array of 0 and 1, shape (n_patients,)
        Response; both classes.
    leaves : sequence of int
        Fewest patients in a leaf, for each forest.
    trees, seed : int
        Number of trees; ``random_state`` of each forest.
    weights : array, shape (n_patients,), optional
        Weight of each patient; a bootstrap draws patients in proportion to it, as scikit-learn's does.

    Returns
    -------
    list of RandomForestClassifier
        The same trees as ``RandomForestClassifier(trees, min_samples_leaf=leaf, max_features="sqrt",
        random_state=seed).fit(X, y, weights)``. The weights are not kept: they would tell each training
        patient's response.

    Raises
    ------
    ValueError
        If a value is missing.

    Examples
    --------
    >>> X, y = np.eye(8, 3, dtype=np.float32), np.array([1, 1, 1, 0, 0, 0, 0, 0], dtype=np.int8)
    >>> forest = grow_forests(X, y, [2], trees=5, seed=0)[0]
    >>> plain = RandomForestClassifier(5, min_samples_leaf=2, max_features="sqrt", random_state=0).fit(X, y)
    >>> bool((forest.predict_proba(X) == plain.predict_proba(X)).all())
    True
    """
    if np.isnan(X).any():
        raise ValueError("a value is missing; forests are grown on columns that all training patients have")
    patients, columns = X.shape
    target = y.astype(np.float64)[:, None]
    # RandomForestClassifier draws the seed of each tree like this.
    source = np.random.RandomState(seed)
    seeds = [source.randint(_MOST) for _ in range(trees)]
    drawn = _Drawn()
    builders = [_builder(drawn, columns, leaf) for leaf in leaves]
    grown: list[list[Tree]] = [[] for _ in leaves]
    for tree_seed in seeds:
        source.seed(tree_seed)
        sample = _generate_sample_indices(source, patients, patients, weights)
        counts = np.bincount(sample, minlength=patients).astype(np.float64)
        source.seed(tree_seed)
        drawn.value = source.randint(0, _MOST)
        for builder, members in zip(builders, grown, strict=True):
            tree = Tree(columns, _CLASSES, 1)
            builder.build(tree, X, target, counts, None)
            members.append(tree)
    return [_assembled(members, seeds, leaf, seed, X, y) for members, leaf in zip(grown, leaves, strict=True)]


class _Drawn:
    """What a splitter asks for its seed: every forest's tree of one place gets the same, drawn once."""

    value = 0

    def randint(self, low: int, high: int) -> int:
        return self.value


def _builder(drawn: _Drawn, columns: int, leaf: int) -> DepthFirstTreeBuilder:
    splitter = BestSplitter(Gini(1, _CLASSES), max(1, int(np.sqrt(columns))), leaf, 0.0, drawn, None)
    return DepthFirstTreeBuilder(splitter, max(2, 2 * leaf), leaf, 0.0, _MOST, 0.0)


def _assembled(
    members: Sequence[Tree],
    seeds: Sequence[int],
    leaf: int,
    seed: int,
    X: npt.NDArray[np.float32],
    y: npt.NDArray[np.int8],
) -> RandomForestClassifier:
    settings = {"min_samples_leaf": leaf, "max_features": "sqrt"}
    # A fitted forest of one tree: whatever scikit-learn notes down beside the trees is as it would be.
    forest = RandomForestClassifier(1, n_jobs=1, random_state=seed, **settings).fit(X, y)
    pattern = forest.estimators_[0].__dict__
    forest.n_estimators = len(members)
    forest.estimators_ = []
    for tree, tree_seed in zip(members, seeds, strict=True):
        estimator = DecisionTreeClassifier.__new__(DecisionTreeClassifier)
        estimator.__dict__.update(pattern, tree_=tree, random_state=tree_seed)
        forest.estimators_.append(estimator)
    return forest
