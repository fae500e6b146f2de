"""Models made by somebody with bad intentions: nothing of them runs, and the reason is given."""

from __future__ import annotations

import gzip
import importlib
import json
import os
import pickle
import sys
import warnings
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skops.io
import yaml

from stored_models import CARD, FEATURES, fit, reseal, rewrite_schema
from trastuz_ml.cohort.variant_marks import VariantMarks
from trastuz_ml.errors import ModelError
from trastuz_ml.learn.fitted import FittedModel, Forest
from trastuz_ml.prediction.pyfunc import _load_pyfunc
from trastuz_ml.store import estimators, gene_names, vectors
from trastuz_ml.store.bundle import load_model, make_bundle, save_bundle
from trastuz_ml.store.lock import installed_versions
from trastuz_ml.store.manifest import seal
from trastuz_ml.store.mlflow_folder import bundle_in_mlflow_model

MARKED = VariantMarks(
    "0" * 16, np.array([5, 7], dtype=np.uint64), np.array([0, 1, 2]), ("P-1", "P-2"), np.empty(0, dtype=np.uint64)
)


@pytest.fixture
def canary(tmp_path):
    """A file that is there if anything ran."""
    path = tmp_path / "it-ran"
    yield path
    assert not path.exists(), "something of the model ran"


@pytest.fixture
def whole(bundles, tmp_path) -> Path:
    """A stored model with everything that can be in its folder."""
    bundle = bundles["forest"]
    kept = np.zeros((4, len(bundle.genes)), dtype=np.float32)
    return save_bundle(replace(bundle, vectors=kept, marks=MARKED), tmp_path / "whole")[0]


class Touches:
    """Unpickled, it creates a file."""

    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self):
        return Path.touch, (self.sentinel,)


def test_hostile__a_pickle_under_the_name_of_a_forest_runs_nothing(stored_forest, tmp_path):
    sentinel = tmp_path / "it-ran"
    payload = pickle.dumps(Touches(sentinel))
    pickle.loads(payload)  # noqa: S301  # the payload does work where it is let in
    assert sentinel.exists()
    sentinel.unlink()
    (stored_forest / "model.skops").write_bytes(payload)
    reseal(stored_forest)
    with pytest.raises(ModelError, match="pickles are never loaded"):
        load_model(stored_forest)
    assert not sentinel.exists()


def test_hostile__a_foreign_type_in_a_forest_is_not_even_imported(bundles, stored_forest, tmp_path, monkeypatch):
    sentinel = tmp_path / "it-ran"
    (tmp_path / "visitor.py").write_text(
        f"import pathlib\npathlib.Path({str(sentinel)!r}).touch()\n"
        "class RandomForestClassifier:\n    def __setstate__(self, state):\n        self.__dict__.update(state)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    visitor = importlib.import_module("visitor").RandomForestClassifier()
    visitor.trusted = True
    payload = skops.io.dumps(visitor)
    assert sentinel.exists()
    sentinel.unlink()
    monkeypatch.delitem(sys.modules, "visitor")
    (stored_forest / "model.skops").write_bytes(payload)
    reseal(stored_forest)
    with pytest.raises(ModelError, match=r"visitor\.RandomForestClassifier. Nothing of it was loaded"):
        load_model(stored_forest)
    assert not sentinel.exists()
    assert "visitor" not in sys.modules


@pytest.mark.parametrize(
    ("module", "name", "loader"),
    [
        ("os", "system", "FunctionNode"),
        ("builtins", "eval", "TypeNode"),
        ("sklearn.linear_model._logistic", "LogisticRegression", "ObjectNode"),
        ("builtins", "str", "MethodNode"),
        ("builtins", "str", "PartialNode"),
        ("builtins", "str", "NoSuchNode"),
    ],
)
def test_hostile__types_and_loaders_beyond_our_own_list_are_refused(stored_forest, module, name, loader):
    def plant(text: str) -> str:
        schema = json.loads(text)
        hidden = {"__module__": module, "__class__": name, "__loader__": loader, "content": None}
        schema["content"]["content"]["oob_score"] = hidden
        return json.dumps(schema)

    rewrite_schema(stored_forest / "model.skops", plant)
    reseal(stored_forest)
    with pytest.raises(ModelError, match="trastuz-ml's own list"):
        load_model(stored_forest)


def test_hostile__a_save_refuses_what_a_load_would_refuse(bundles, tmp_path):
    forest = skops.io.loads(
        skops.io.dumps(bundles["forest"].model.estimator.forest), trusted=["sklearn.tree._tree.Tree"]
    )
    forest.random_state = np.random.RandomState(1)
    model = fit("linear")
    odd = FittedModel("odd", model.columns, model.preparation, Forest(forest))
    with pytest.raises(ModelError, match="RandomStateNode"):
        save_bundle(make_bundle("odd", odd, FEATURES, "binary", ("missense",), CARD, True), tmp_path / "odd")
    assert list(tmp_path.iterdir()) == []


def test_hostile__a_bomb_is_not_unpacked(stored_forest, monkeypatch):
    monkeypatch.setattr(estimators, "LARGEST_UNPACKED", 10_000)
    with pytest.raises(ModelError, match="at most 10000 bytes unpacked"):
        load_model(stored_forest)


@pytest.mark.parametrize("child", [10_000_000, 0, -2])
def test_hostile__a_tree_that_points_outside_itself_is_refused(bundles, stored_forest, child):
    forest = skops.io.loads((stored_forest / "model.skops").read_bytes(), trusted=["sklearn.tree._tree.Tree"])
    tree = forest.estimators_[0].tree_
    state = tree.__reduce__()[2]
    state["nodes"]["left_child"][0] = child
    tree.__setstate__(state)
    (stored_forest / "model.skops").write_bytes(skops.io.dumps(forest))
    reseal(stored_forest)
    with pytest.raises(ModelError, match="children inside the tree"):
        load_model(stored_forest)


def test_hostile__a_tree_that_claims_memory_it_has_not_is_refused(stored_forest):
    def claim(text: str) -> str:
        schema = json.loads(text)
        tree = schema["content"]["content"]["estimators_"]["content"][0]["content"]["content"]["tree_"]
        tree["__reduce__"]["args"]["content"][2]["content"] = "1000000"
        return json.dumps(schema)

    rewrite_schema(stored_forest / "model.skops", claim)
    reseal(stored_forest)
    with pytest.raises(ModelError, match="trees with one output"):
        load_model(stored_forest)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("left_children", 0), 10_000_000, "children inside the tree"),
        (("right_children", 0), 0, "children inside the tree"),
        (("split_indices", 0), 9_999, "splits on"),
        (("split_type", 0), 1, "splits at numbers"),
        (("tree_param", "num_nodes"), "1000000", "entries a tree"),
    ],
)
def test_hostile__a_boosted_tree_that_points_outside_itself_is_refused(stored_boosted, place, value, message):
    path = stored_boosted / "model.xgboost.json"
    about = json.loads(path.read_text())
    about["learner"]["gradient_booster"]["model"]["trees"][0][place[0]][place[1]] = value
    path.write_text(json.dumps(about))
    reseal(stored_boosted)
    with pytest.raises(ModelError, match=message):
        load_model(stored_boosted)


@pytest.mark.parametrize("data", [b"{}", b'{"learner": {"objective": 3}}', b"\x80\x04", b"[]"])
def test_hostile__a_booster_that_is_none_is_one_message(stored_boosted, data):
    (stored_boosted / "model.xgboost.json").write_bytes(data)
    reseal(stored_boosted)
    with pytest.raises(ModelError, match=r"model\.xgboost\.json"):
        load_model(stored_boosted)


FILES = (
    "card.json", "card.md", "features.json", "gene_names.tsv.gz", "model.skops", "requirements.txt", "worth.json",
    "overlap.u64", "vectors.f32",
)  # fmt: skip


@pytest.mark.parametrize("name", [name for name in FILES if name not in ("card.md", "requirements.txt")])
def test_hostile__a_pickle_in_place_of_any_file_that_is_read_runs_nothing(whole, canary, name):
    (whole / name).write_bytes(pickle.dumps(Touches(canary)))
    reseal(whole)
    with pytest.raises(ModelError):
        load_model(whole)


@pytest.mark.parametrize("name", ["manifest.json", "local.json"])
def test_hostile__a_pickle_in_place_of_a_listing_runs_nothing(whole, canary, name):
    (whole / name).write_bytes(pickle.dumps(Touches(canary)))
    with pytest.raises(ModelError, match=f"{name} of the model is not JSON"):
        load_model(whole)


def test_hostile__code_beside_the_model_is_neither_listed_nor_run(whole, canary):
    (whole / "sitecustomize.py").write_text(f"open({str(canary)!r}, 'w')")
    with pytest.raises(ModelError, match=r"does not list: sitecustomize\.py"):
        load_model(whole)
    reseal(whole)
    with pytest.raises(ModelError, match="expected the files"):
        load_model(whole)


def test_hostile__a_local_file_that_is_none_of_ours_is_refused(whole):
    (whole / "notes.pkl").write_bytes(b"")
    seal(whole, installed_versions(), local={"overlap.u64", "vectors.f32", "notes.pkl"})
    with pytest.raises(ModelError, match=r"no local files but overlap\.u64, vectors\.f32, found .*notes\.pkl"):
        load_model(whole)


def test_hostile__every_changed_byte_of_a_listing_is_noticed(whole):
    for name in ("manifest.json", "local.json"):
        original = (whole / name).read_bytes()
        for at in range(0, len(original), 5):
            changed = bytearray(original)
            changed[at] ^= 1
            (whole / name).write_bytes(changed)
            with pytest.raises(ModelError):
                load_model(whole)
        (whole / name).write_bytes(original)
    assert load_model(whole).marks is not None


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0, 0.5, 1])
def test_hostile__a_changed_byte_of_either_part_is_refused(whole, name, share):
    data = bytearray((whole / name).read_bytes())
    data[int(share * (len(data) - 1))] ^= 64
    (whole / name).write_bytes(data)
    with pytest.raises(ModelError, match=f"{name} was changed: expected sha256"):
        load_model(whole)


def test_hostile__local_files_of_another_model_are_refused(whole, bundles, tmp_path):
    other = save_bundle(replace(bundles["linear"], marks=MARKED), tmp_path / "other")[0]
    for name in ("local.json", "overlap.u64"):
        (whole / name).write_bytes((other / name).read_bytes())
    (whole / "vectors.f32").unlink()
    with pytest.raises(ModelError, match=r"local\.json belongs to another model"):
        load_model(whole)


@pytest.mark.parametrize("more", ["1e999", "[" * 5_000, '"\\ud800"'])
def test_hostile__a_listing_that_cannot_be_written_again_is_one_message(stored, more):
    about = (stored / "manifest.json").read_text()
    (stored / "manifest.json").write_text(about.replace('"format": 2', f'"format": 2, "more": {more}', 1))
    with pytest.raises(ModelError, match="manifest"):
        load_model(stored)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_hostile__a_pipe_is_refused_without_waiting_for_it(stored):
    (stored / "card.md").unlink()
    os.mkfifo(stored / "card.md")
    with pytest.raises(ModelError, match="link, folder or device"):
        load_model(stored)


@pytest.mark.parametrize("name", ["local.json", "overlap.u64", "model.skops", "manifest.json"])
def test_hostile__a_link_out_of_the_folder_is_not_followed(whole, tmp_path, name):
    (whole / name).rename(tmp_path / name)
    (whole / name).symlink_to(tmp_path / name)
    with pytest.raises(ModelError, match="is a link"):
        load_model(whole)


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "a/b", "..", "..\\secret", "manifest.json", "\0"])
def test_hostile__a_local_path_that_leaves_the_folder_is_refused(whole, name):
    about = json.loads((whole / "local.json").read_text())
    about["files"][name] = about["files"].pop("overlap.u64")
    (whole / "local.json").write_text(json.dumps(about))
    with pytest.raises(ModelError, match="stay in the folder"):
        load_model(whole)


def test_hostile__a_bomb_of_gene_names_is_not_unpacked(stored):
    bomb = gzip.compress(bytes(gene_names.LARGEST_UNPACKED + 1), compresslevel=1)
    assert len(bomb) < 2**20
    (stored / "gene_names.tsv.gz").write_bytes(bomb)
    reseal(stored)
    with pytest.raises(ModelError, match=r"gene_names\.tsv\.gz unpacks to more than"):
        load_model(stored)


@pytest.mark.parametrize(
    ("head", "packed", "message"),
    [
        ({"format": 1, "patients": 1, "genes": 2}, bytes(10**6), "8 bytes unpacked, and no more"),
        ({"format": 1, "patients": 10**9, "genes": 10**9}, bytes(8), "expected at most"),
        ({"format": 1, "patients": -1, "genes": -1}, bytes(4), "a shape"),
        ({"format": 2, "patients": 1, "genes": 1}, bytes(4), "expected format 1"),
        ({"format": 1, "patients": 1, "genes": 1}, bytes(4), "does not fit the model"),
        ({"format": 1, "patients": 0, "genes": 1}, b"x", "0 bytes unpacked"),
    ],
)
def test_hostile__vectors_are_unpacked_to_their_shape_and_no_further(whole, head, packed, message):
    (whole / vectors.VECTORS).write_bytes(json.dumps(head).encode() + b"\n" + zlib.compress(packed))
    reseal(whole)
    with pytest.raises(ModelError, match=message):
        load_model(whole)


@pytest.mark.parametrize(
    "change",
    [
        {"weights": [1.0]},
        {"weights": "many"},
        {"abstain_below": 2},
        {"miss_rate": 0},
        {"conformal": {}},
        {"summary": None},
        {"recalibration": []},
    ],
)
def test_hostile__a_worth_that_is_none_is_refused(stored, change):
    about = json.loads((stored / "worth.json").read_text())
    (stored / "worth.json").write_text(json.dumps(about | change))
    reseal(stored)
    with pytest.raises(ModelError, match=r"worth\.json|summary|recalibration|conformal"):
        load_model(stored)


def test_hostile__a_lock_cannot_put_a_command_into_the_remedy(stored_forest, canary):
    reseal(stored_forest, scikit_learn="1.8.2", python=f"3; touch {canary}", trastuz_ml="$(id)")
    with pytest.raises(ModelError) as refused:
        load_model(stored_forest)
    command = str(refused.value).split("`")[1]
    assert command.startswith("pythonVERSION -m venv")
    assert command.endswith("trastuz-ml==VERSION")


# Models that MLflow keeps.


def saved(folder: Path, **how) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own, of its own type hints
        import mlflow.pyfunc

        mlflow.pyfunc.save_model(folder, pip_requirements=[], **how)
    return folder


def intruder(path: Path):
    """Return a model that creates a file when MLflow unpickles it."""
    with warnings.catch_warnings(record=True):
        import mlflow.pyfunc

        class Intruder(mlflow.pyfunc.PythonModel):
            def __init__(self) -> None:
                self.touches = Touches(path)

            def predict(self, context, model_input, params=None):
                return model_input

    return Intruder()


def describe(folder: Path, old: str, new: str) -> None:
    path = folder / "MLmodel"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.fixture
def ours(stored, tmp_path) -> Path:
    return saved(tmp_path / "ours", loader_module="trastuz_ml.prediction.pyfunc", data_path=str(stored))


def test_mlflow_folder__our_own_model_is_found_in_it(ours):
    assert load_model(bundle_in_mlflow_model(ours)).model.name == "linear:both"


@pytest.mark.filterwarnings("ignore")
def test_mlflow_folder__a_cloudpickled_model_is_not_unpickled(canary, tmp_path):
    folder = saved(tmp_path / "theirs", python_model=intruder(canary))
    sys.modules["mlflow.pyfunc"].load_model(str(folder))
    assert canary.exists()  # the payload does work where it is let in
    canary.unlink()
    with pytest.raises(ModelError, match=r"expected the loader trastuz_ml\.prediction\.pyfunc"):
        bundle_in_mlflow_model(folder)
    for loads in (load_model, _load_pyfunc):
        with pytest.raises(ModelError, match="is not a model"):
            loads(str(folder))


@pytest.mark.filterwarnings("ignore")
def test_mlflow_folder__a_cloudpickled_model_that_names_our_loader_is_not_unpickled(canary, tmp_path):
    folder = saved(tmp_path / "theirs", python_model=intruder(canary))
    describe(folder, "loader_module: mlflow.pyfunc.model", "loader_module: trastuz_ml.prediction.pyfunc")
    with pytest.raises(ModelError, match=r"code or pickles of its own \(.*python_model"):
        bundle_in_mlflow_model(folder)


def test_mlflow_folder__code_paths_are_not_imported(stored, canary, tmp_path):
    (tmp_path / "visiting.py").write_text(f"open({str(canary)!r}, 'w').close()\n")
    folder = saved(
        tmp_path / "theirs", loader_module="trastuz_ml.prediction.pyfunc", data_path=str(stored),
        code_paths=[str(tmp_path / "visiting.py")],
    )  # fmt: skip
    before = list(sys.path)
    with pytest.raises(ModelError, match=r"code or pickles of its own \(code\)"):
        bundle_in_mlflow_model(folder)
    assert sys.path == before


def test_mlflow_folder__another_loader_module_is_not_imported(stored, canary, tmp_path, monkeypatch):
    (tmp_path / "visitor_loader.py").write_text(
        f"open({str(canary)!r}, 'w').close()\ndef _load_pyfunc(path):\n    return None\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    folder = saved(tmp_path / "theirs", loader_module="visitor_loader", data_path=str(stored))
    with pytest.raises(ModelError, match="found visitor_loader"):
        bundle_in_mlflow_model(folder)
    assert "visitor_loader" not in sys.modules


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.mknod [{path}]",
        "!!python/object/new:pathlib.PosixPath [{path}]",
        "!!python/name:os.system",
        "!!python/module:antigravity",
        "!touch {path}",
    ],
)
def test_mlflow_folder__yaml_tags_make_no_objects(ours, canary, tag):
    text = (ours / "MLmodel").read_text() + f"extra: {tag.format(path=canary)}\n"
    if "apply" in tag:
        yaml.unsafe_load(text)
        assert canary.exists()  # the payload does work where it is let in
        canary.unlink()
    (ours / "MLmodel").write_text(text)
    with pytest.raises(ModelError, match="is not plain YAML"):
        bundle_in_mlflow_model(ours)


@pytest.mark.parametrize("data", ["../elsewhere", "/etc", "data/../../x", "''", "[a]", "null", "'a\\b'", '"a\\0"'])
def test_mlflow_folder__data_that_leave_the_folder_are_refused(ours, data):
    describe(ours, "data: data/1", f"data: {data}")
    with pytest.raises(ModelError, match="expected a folder inside"):
        bundle_in_mlflow_model(ours)


def test_mlflow_folder__a_link_is_not_followed(ours, stored):
    (ours / "data" / "1").rename(ours / "data" / "moved")
    (ours / "data" / "1").symlink_to(stored)
    with pytest.raises(ModelError, match="is a link"):
        bundle_in_mlflow_model(ours)


def test_mlflow_folder__aliases_that_multiply_are_not_written_out(ours):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    text = (ours / "MLmodel").read_text().replace("data: data/1", "data: *a11")
    (ours / "MLmodel").write_text("\n".join(lines) + "\n" + text)
    with pytest.raises(ModelError, match="names the data list"):
        bundle_in_mlflow_model(ours)


@pytest.mark.parametrize(
    "text", ["", "[]", "flavors: 3", "flavors: {python_function: text}", "\0", "a: [" * 3000, "? [a]\n: b"]
)
def test_mlflow_folder__a_description_of_nothing_is_one_message(ours, text):
    (ours / "MLmodel").write_text(text)
    with pytest.raises(ModelError):
        bundle_in_mlflow_model(ours)


def test_mlflow_folder__no_description_is_said(tmp_path):
    with pytest.raises(ModelError, match="is no MLflow model"):
        bundle_in_mlflow_model(tmp_path)


def test_mlflow_folder__what_is_found_is_checked_as_any_other_model(ours):
    path = bundle_in_mlflow_model(ours) / "model.json"
    path.write_bytes(path.read_bytes()[:-1] + b" ")
    with pytest.raises(ModelError, match=r"model\.json was changed"):
        load_model(path.parent)
