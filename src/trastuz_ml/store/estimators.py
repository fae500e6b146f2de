"""What a model learned, as the bytes of one file - and back, without running anything that is in the file."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from trastuz_ml.errors import ModelError
from trastuz_ml.findings import name_some
from trastuz_ml.learn.fitted import BoostedTrees, Forest, LinearLogit
from trastuz_ml.store.manifest import read_json
from trastuz_ml.store.skops_file import canonical

Estimator = LinearLogit | BoostedTrees | Forest
LINEAR, BOOSTED, FOREST = "linear", "boosted", "forest"
FILES: dict[str, str] = {LINEAR: "model.json", BOOSTED: "model.xgboost.json", FOREST: "model.skops"}

# The only types that a stored forest may name. What a file says of its own types is never asked, and what
# skops trusts by itself (every scikit-learn estimator, every ufunc) is not trusted here.
FOREST_TYPES = frozenset(
    {
        "builtins.dict",
        "builtins.float",
        "builtins.int",
        "builtins.list",
        "builtins.str",
        "builtins.tuple",
        "numpy.float64",
        "numpy.int64",
        "numpy.ndarray",
        "sklearn.ensemble._forest.RandomForestClassifier",
        "sklearn.tree._classes.DecisionTreeClassifier",
        "sklearn.tree._tree.Tree",
    }
)
# How skops may build them: no loader of functions, methods, partials or random states is among these.
FOREST_LOADERS = frozenset(
    {"DictNode", "JsonNode", "ListNode", "NdArrayNode", "ObjectNode", "TreeNode", "TupleNode", "TypeNode"}
)
# Members of the skops file, unpacked: a forest of 500 trees on 1,000 patients takes about 60 MB.
LARGEST_UNPACKED = 2**30
_SIZES = ("num_feature", "num_class", "num_target")
_MARKS = frozenset({"__class__", "__module__", "__loader__"})
# What readers of a damaged file raise; anything else is a mistake of ours and shows as one.
_DAMAGE = (
    LookupError, TypeError, ValueError, AttributeError, ArithmeticError, OSError, EOFError, MemoryError,
    RuntimeError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
_REMEDY = "Do not use this model; export it again with `trastuz-ml train`."


def write_estimator(estimator: Estimator) -> tuple[str, bytes]:
    """Return the kind of an estimator and the bytes of its file.

    Raises
    ------
    ModelError
        If the estimator is of another kind, or could not be read back.

    Examples
    --------
    >>> write_estimator(LinearLogit(np.array([0.1]), -1.0))
    ('linear', b'{"coefficients": [0.1], "intercept": -1.0}')
    """
    if isinstance(estimator, LinearLogit):
        learned = {"coefficients": estimator.coefficients.tolist(), "intercept": float(estimator.intercept)}
        return LINEAR, json.dumps(learned).encode()
    if isinstance(estimator, BoostedTrees):
        return BOOSTED, bytes(estimator.booster.save_raw(raw_format="json"))
    if isinstance(estimator, Forest):
        import skops.io

        return FOREST, canonical(skops.io.dumps(estimator.forest, compression=zipfile.ZIP_DEFLATED))
    raise ModelError(
        f"A model of type {type(estimator).__name__} cannot be stored; expected "
        "LinearLogit, BoostedTrees or Forest."
    )


def read_estimator(kind: str, data: bytes, columns: int) -> Estimator:
    """Return the estimator that :func:`write_estimator` wrote.

    Parameters
    ----------
    kind : str
        A key of :data:`FILES`.
    data : bytes
        The file.
    columns : int
        Number of prepared columns that the estimator must take.

    Raises
    ------
    ModelError
        If the file is something else, names a type outside the allow-list, or holds a tree that points
        outside itself.

    Examples
    --------
    >>> read_estimator("linear", b'{"coefficients": [0.1], "intercept": -1.0}', columns=1)
    LinearLogit(coefficients=array([0.1]), intercept=-1.0)
    """
    try:
        if kind == LINEAR:
            return _read_linear(data, columns)
        return _read_boosted(data, columns) if kind == BOOSTED else _read_forest(data, columns)
    except _DAMAGE as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{FILES.get(kind, kind)} is not a {kind} model: {error!r}. {_REMEDY}") from error


def _require(holds: bool, expected: str, found: object) -> None:
    if not holds:
        raise ModelError(f"The stored model is not sound: expected {expected}, found {found}. {_REMEDY}")


def _read_linear(data: bytes, columns: int) -> LinearLogit:
    learned = read_json(FILES[LINEAR], data)
    coefficients = np.array(learned["coefficients"], dtype=np.float64)
    intercept = float(learned["intercept"])
    _require(coefficients.shape == (columns,), f"{columns} coefficients", coefficients.shape)
    _require(bool(np.isfinite([*coefficients, intercept]).all()), "finite coefficients", "others")
    return LinearLogit(coefficients, intercept)


def _read_boosted(data: bytes, columns: int) -> BoostedTrees:
    import xgboost

    learner = read_json(FILES[BOOSTED], data)["learner"]
    booster, sizes = learner["gradient_booster"], learner["learner_model_param"]
    described = (learner["objective"]["name"], booster["name"], *(int(sizes[name]) for name in _SIZES))
    _require(described == ("binary:logistic", "gbtree", columns, 0, 1), f"trees on {columns} columns", described)
    trees, rounds = booster["model"]["trees"], booster["model"]["iteration_indptr"]
    promised = int(booster["model"]["gbtree_model_param"]["num_trees"])
    _require(len(trees) == promised, f"{promised} trees", len(trees))
    _require(rounds == list(range(promised + 1)), "one tree a round", rounds)
    _require(booster["model"]["tree_info"] == [0] * promised, "trees for one output", "others")
    for tree in trees:
        _require_sound_boosted_tree(tree, columns)
    loaded = xgboost.Booster()
    try:
        loaded.load_model(bytearray(data))
    except xgboost.core.XGBoostError as error:
        raise ModelError(f"XGBoost does not read {FILES[BOOSTED]}: {error}. {_REMEDY}") from error
    return BoostedTrees(loaded)


def _require_sound_boosted_tree(tree: Mapping[str, Any], columns: int) -> None:
    nodes = int(tree["tree_param"]["num_nodes"])
    per_node = (
        "left_children",
        "right_children",
        "split_indices",
        "split_conditions",
        "default_left",
        "split_type",
    )
    lengths = {len(tree[name]) for name in per_node}
    _require(lengths == {nodes} and nodes > 0, f"{nodes} entries a tree", lengths)
    _require(not any(tree["split_type"]), "splits at numbers", "splits by category")
    _require_sound_tree(tree["left_children"], tree["right_children"], tree["split_indices"], columns)


def _read_forest(data: bytes, columns: int) -> Forest:
    _refuse_foreign_types(data)
    import skops.io
    from sklearn.exceptions import InconsistentVersionWarning
    from skops.io.exceptions import UntrustedTypesFoundException

    with warnings.catch_warnings():
        # Another patch release of scikit-learn is accepted by load_model; another minor one is refused there.
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        try:
            forest = skops.io.loads(data, trusted=sorted(FOREST_TYPES))
        except UntrustedTypesFoundException as error:
            raise ModelError(f"{FILES[FOREST]} holds what is not trusted: {error}. {_REMEDY}") from error
    _require_sound_forest(forest, columns)
    forest.n_jobs, forest.verbose = 1, 0
    return Forest(forest)


def _refuse_foreign_types(data: bytes) -> None:
    """Read the file's own description, before skops sees it, and refuse any type that is not ours."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            unpacked = sum(member.file_size for member in packed.infolist())
            _require(unpacked <= LARGEST_UNPACKED, f"at most {LARGEST_UNPACKED} bytes unpacked", unpacked)
            described = read_json("schema.json", packed.read("schema.json"))
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError) as error:
        raise ModelError(
            f"{FILES[FOREST]} is not a skops file ({error}); pickles are never loaded. {_REMEDY}"
        ) from error
    nodes = list(_typed_nodes(described))
    named = {f"{node.get('__module__')}.{node.get('__class__')}" for node in nodes}
    loaders = {str(node.get("__loader__")) for node in nodes if "__loader__" in node}
    if foreign := (named - FOREST_TYPES) | (loaders - FOREST_LOADERS):
        raise ModelError(
            f"{FILES[FOREST]} names types that are not on trastuz-ml's own list for forests: "
            f"{name_some(foreign)}. Nothing of it was loaded. {_REMEDY}"
        )
    for node in nodes:
        if node["__loader__"] == "TreeNode":
            # The third argument sizes memory in C: a forest for one response has one output.
            outputs = node["__reduce__"]["args"]["content"][2]["content"]
            _require(outputs == "1", "trees with one output", outputs)


def _typed_nodes(described: object) -> Iterable[dict[str, Any]]:
    waiting = [described]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if _MARKS & value.keys():
                yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _require_sound_forest(forest: Any, columns: int) -> None:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.tree import DecisionTreeClassifier

    _require(type(forest) is RandomForestClassifier, "a RandomForestClassifier", type(forest).__name__)
    _require(forest.n_features_in_ == columns, f"{columns} columns", forest.n_features_in_)
    _require(np.array_equal(forest.classes_, [0, 1]), "the classes 0 and 1", forest.classes_)
    _require((forest.n_classes_, forest.n_outputs_) == (2, 1), "two classes, one output", forest.n_classes_)
    _require(len(forest.estimators_) > 0, "trees", "none")
    for member in forest.estimators_:
        _require(type(member) is DecisionTreeClassifier, "decision trees", type(member).__name__)
        tree = member.tree_
        shape = (member.n_classes_, member.n_outputs_, tree.max_n_classes, tree.n_outputs, tree.n_features)
        _require(shape == (2, 1, 2, 1, columns), "trees for two classes", shape)
        _require(0 < tree.node_count <= tree.capacity, "as many nodes as stored", tree.node_count)
        _require_sound_tree(
            tree.children_left.tolist(), tree.children_right.tolist(), tree.feature.tolist(), columns
        )


def _require_sound_tree(
    left: Sequence[int], right: Sequence[int], feature: Sequence[int] | npt.NDArray[np.intp], columns: int
) -> None:
    """Refuse a tree that would send its reader out of the arrays or round in a circle: both read raw memory."""
    seen = [False] * len(left)
    waiting = [0]
    while waiting:
        node = waiting.pop()
        _require(0 <= node < len(left) and not seen[node], "children inside the tree", node)
        seen[node] = True
        if left[node] == right[node] == -1:
            continue
        _require(0 <= feature[node] < columns, f"splits on {columns} columns", feature[node])
        waiting += [left[node], right[node]]
