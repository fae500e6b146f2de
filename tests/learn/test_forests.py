"""Random forests grown directly, against RandomForestClassifier.fit."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from trastuz_ml.learn.forests import grow_forests


def patients(seed=0, n=90, p=60):
    rng = np.random.default_rng(seed)
    X = (rng.random((n, p)) < rng.uniform(0.03, 0.4, p)).astype(np.float32)
    X[:, 1], X[:, 2] = rng.normal(50, 10, n), rng.poisson(1, n)
    y = (rng.random(n) < np.where(X[:, 0] > 0, 0.7, 0.2)).astype(np.int8)
    return X, y


def nodes(tree):
    state = tree.__getstate__()
    return state["nodes"].tobytes(), state["values"].tobytes(), state["max_depth"]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("columns", [1, 60])
def test_forests__every_tree_is_scikit_learns_own(weighted, columns):
    X, y = patients()
    X = np.ascontiguousarray(X[:, :columns])
    weights = np.where(y > 0, 2.0, 0.6) if weighted else None
    ours = grow_forests(X, y, [8, 3], trees=25, seed=11, weights=weights)
    for leaf, forest in zip((8, 3), ours, strict=True):
        plain = RandomForestClassifier(
            25, min_samples_leaf=leaf, max_features="sqrt", n_jobs=1, random_state=11
        ).fit(X, y, weights)
        assert [nodes(e.tree_) for e in forest.estimators_] == [nodes(e.tree_) for e in plain.estimators_]
        np.testing.assert_array_equal(forest.predict_proba(X), plain.predict_proba(X))


def test_forests__are_what_fit_makes_without_the_weights_that_would_tell_the_responses():
    X, y = patients(1)
    weights = np.where(y > 0, 2.0, 0.6)
    forest = grow_forests(X, y, [3], trees=4, seed=2, weights=weights)[0]
    plain = RandomForestClassifier(4, min_samples_leaf=3, max_features="sqrt", n_jobs=1, random_state=2).fit(
        X, y, weights
    )
    assert forest._sample_weight is None
    told = {"_sample_weight", "estimators_", "estimator", "estimator_"}
    assert {k: repr(v) for k, v in vars(forest).items() if k not in told} == {
        k: repr(v) for k, v in vars(plain).items() if k not in told
    }
    for ours, theirs in zip(forest.estimators_, plain.estimators_, strict=True):
        assert {k: repr(v) for k, v in vars(ours).items() if k != "tree_"} == {
            k: repr(v) for k, v in vars(theirs).items() if k != "tree_"
        }


def test_forests__grown_together_or_alone_are_the_same():
    X, y = patients(2)
    together = grow_forests(X, y, [8, 5, 3], trees=6, seed=0)[1]
    alone = grow_forests(X, y, [5], trees=6, seed=0)[0]
    assert [nodes(e.tree_) for e in together.estimators_] == [nodes(e.tree_) for e in alone.estimators_]


def test_forests__refuse_a_missing_value():
    X, y = patients(3)
    X[4, 7] = np.nan
    with pytest.raises(ValueError, match="missing"):
        grow_forests(X, y, [3], trees=2, seed=0)
