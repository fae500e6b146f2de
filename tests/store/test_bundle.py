"""Stored models: what comes back is what was put in, and nothing else gets in."""

from __future__ import annotations

import hashlib
import importlib
import json
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skops.io
import xgboost
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from trastuz_ml.errors import ModelError, OutputExistsError
from trastuz_ml.learn.design import Feature
from trastuz_ml.learn.fitted import BoostedTrees, FittedModel, Forest, LinearLogit
from trastuz_ml.learn.transformers import Preparation
from trastuz_ml.store import bundle as bundle_module
from trastuz_ml.store import estimators
from trastuz_ml.store.bundle import load_model, make_bundle, save_bundle
from trastuz_ml.store.manifest import installed_versions, seal

KINDS = ("linear", "boosted", "forest")
FEATURES = (
    Feature("unused", "covariate", "number"),
    Feature("age", "covariate", "number"),
    Feature("ER.status", "covariate", "category", ("NEG", "POS")),
    Feature("stage", "covariate", "number", ("T1", "T2", "T3")),
    *(Feature(f"GENE{i:03d}", "gene", "gene") for i in range(120)),
)
CARD = {
    "response": {"column": "pCR.RD", "positive": ["pCR"], "negative": ["RD"]},
    "patients": 90,
    "responders": np.int64(30),
    "scores": [
        {"model": "chosen", "score": "auroc", "estimate": 0.61, "low": np.nan, "high": None, "interval": "none"}
    ],
    "sources": [{"name": "calls.maf", "sha256": "ab" * 32}],
    "limits": ["One cohort only."],
}


def design(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = np.empty((90, len(FEATURES)), dtype=np.float32)
    X[:, 0], X[:, 1] = rng.normal(size=90), rng.normal(55, 10, size=90)
    X[:, 2], X[:, 3] = rng.integers(0, 2, 90), rng.integers(0, 3, 90)
    X[:, 4:] = rng.random((90, 120)) < rng.uniform(0.005, 0.2, 120)
    X[60:, 80:] = np.nan
    X[5, 1] = X[7, 2] = np.nan
    return X, (rng.random(90) < 0.35).astype(np.int8)


def fit(kind: str) -> FittedModel:
    X, y = design()
    columns = np.arange(1, len(FEATURES))
    kinds = tuple(FEATURES[j].kind for j in columns)
    preparation = Preparation(kinds, min_carriers=4, complete=kind != "boosted").fit(X[:, columns])
    prepared = preparation.transform(X[:, columns])
    return FittedModel(
        f"{kind}:both", columns, preparation, learn(kind, prepared, y), {"C": np.float64(0.1)}, 0.37
    )


def learn(kind: str, prepared: np.ndarray, y: np.ndarray) -> LinearLogit | BoostedTrees | Forest:
    if kind == "linear":
        logistic = LogisticRegression(C=0.3, max_iter=1000).fit(prepared, y)
        return LinearLogit(logistic.coef_[0], float(logistic.intercept_[0]))
    if kind == "boosted":
        data = xgboost.DMatrix(prepared.astype(np.float32), label=y, nthread=1)
        settings = {"objective": "binary:logistic", "max_depth": 3, "nthread": 1, "seed": 1}
        return BoostedTrees(xgboost.train(settings, data, 40)[:30])
    forest = RandomForestClassifier(20, min_samples_leaf=3, random_state=1, n_jobs=1)
    return Forest(forest.fit(prepared, y))


@pytest.fixture(scope="module")
def models() -> dict[str, FittedModel]:
    return {kind: fit(kind) for kind in KINDS}


@pytest.fixture(scope="module")
def bundles(models):
    return {
        kind: make_bundle("demo", model, FEATURES, "binary", ("truncating", "missense"), CARD, simulated=True)
        for kind, model in models.items()
    }


def new_rows(bundle) -> tuple[np.ndarray, np.ndarray]:
    """Return rows that no model has seen, in the whole design and in the bundle's columns."""
    X, _ = design(seed=9)
    places = [FEATURES.index(feature) for feature in bundle.features]
    return X, X[:, places]


def reseal(folder: Path, **versions: str) -> None:
    """Write a manifest that fits what is in the folder now, as somebody with bad intentions would."""
    seal(folder, installed_versions() | {name.replace("_", "-"): v for name, v in versions.items()})


@pytest.mark.parametrize("kind", KINDS)
def test_bundle__reduction_keeps_every_bit_of_the_predictions(kind, models, bundles):
    whole, own = new_rows(bundles[kind])
    assert np.array_equal(models[kind].probability(whole), bundles[kind].probability(own))


def test_bundle__holds_only_the_features_that_the_model_reads(models, bundles):
    names = {feature.name for feature in bundles["linear"].features}
    assert "unused" not in names
    assert {"age", "ER.status", "stage"} <= names
    assert len(names) == len(np.unique(models["linear"].sources())) < len(FEATURES) - 1


def test_bundle__says_which_covariates_a_roster_must_declare(bundles):
    declared = {c.name: (c.when, c.kind, c.levels) for c in bundles["linear"].covariates}
    assert declared == {
        "age": ("baseline", "number", ()),
        "ER.status": ("baseline", "category", ()),
        "stage": ("baseline", "ordered", ("T1", "T2", "T3")),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_bundle__comes_back_with_the_same_bits(kind, bundles, tmp_path):
    identity = save_bundle(bundles[kind], tmp_path / "demo")
    back = load_model(tmp_path / "demo")
    _, own = new_rows(back)
    assert np.array_equal(back.probability(own), bundles[kind].probability(own))
    assert back.features == bundles[kind].features
    assert (back.encoding, back.effects, back.simulated) == ("binary", ("truncating", "missense"), True)
    assert (back.model.name, back.model.threshold, back.model.candidate) == (f"{kind}:both", 0.37, {"C": 0.1})
    assert dict(back.card) == dict(bundles[kind].card)
    assert back.sha256 == identity == hashlib.sha256((tmp_path / "demo/manifest.json").read_bytes()).hexdigest()


def test_bundle__a_fresh_process_gives_the_same_bits(bundles, tmp_path):
    expected = {}
    for kind, bundle in bundles.items():
        save_bundle(bundle, tmp_path / kind)
        _, own = new_rows(bundle)
        np.save(tmp_path / f"{kind}.npy", own)
        expected[kind] = [value.hex() for value in bundle.probability(own).tolist()]
    script = (
        "import json, numpy, pathlib, sys; from trastuz_ml.store.bundle import load_model\n"
        "root = pathlib.Path(sys.argv[1])\n"
        "give = lambda k: load_model(root / k).probability(numpy.load(root / f'{k}.npy')).tolist()\n"
        "print(json.dumps({k: [v.hex() for v in give(k)] for k in sys.argv[2:]}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), *KINDS], check=True, capture_output=True, text=True
    )
    assert json.loads(done.stdout) == expected


def test_bundle__a_model_without_features_gives_its_rate(tmp_path):
    constant = FittedModel("prevalence", np.empty(0, dtype=np.intp), Preparation(), LinearLogit(np.empty(0), -1.0))
    save_bundle(make_bundle("rate", constant, FEATURES, "binary", ("missense",), CARD, True), tmp_path / "rate")
    back = load_model(tmp_path / "rate")
    X = np.empty((3, 0), dtype=np.float32)
    assert np.array_equal(back.probability(X), constant.probability(X))
    assert back.features == ()
    assert back.measured(X).all()


def test_bundle__no_gene_passing_the_filter_is_stored_too(tmp_path):
    X = np.zeros((6, 2), dtype=np.float32)
    preparation = Preparation(("gene", "gene"), min_carriers=4).fit(X)
    model = FittedModel("l2-logistic:genes", np.array([4, 5]), preparation, LinearLogit(np.empty(0), 0.5))
    save_bundle(make_bundle("bare", model, FEATURES, "binary", ("missense",), CARD, True), tmp_path / "bare")
    assert load_model(tmp_path / "bare").probability(np.empty((1, 0), dtype=np.float32)) == model.probability(
        np.zeros((1, len(FEATURES)), dtype=np.float32)
    )


def test_bundle__nothing_measured_has_no_probability(bundles):
    _, own = new_rows(bundles["boosted"])
    own[1] = np.nan
    assert np.isnan(bundles["boosted"].probability(own)).tolist() == [i == 1 for i in range(len(own))]
    assert bundles["boosted"].probability(own[:0]).shape == (0,)


def test_bundle__two_saves_of_one_linear_model_have_one_identity(bundles, tmp_path):
    assert save_bundle(bundles["linear"], tmp_path / "a") == save_bundle(bundles["linear"], tmp_path / "b")


def test_bundle__an_existing_model_is_kept_without_force(bundles, tmp_path):
    save_bundle(bundles["linear"], tmp_path / "demo")
    with pytest.raises(OutputExistsError, match="--force"):
        save_bundle(bundles["boosted"], tmp_path / "demo")
    save_bundle(bundles["boosted"], tmp_path / "demo", force=True)
    assert load_model(tmp_path / "demo").model.name == "boosted:both"
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_bundle__a_folder_that_is_no_model_is_never_replaced(bundles, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputExistsError, match="is not a model"):
        save_bundle(bundles["linear"], tmp_path, force=True)
    assert (tmp_path / "thesis.txt").exists()


def test_bundle__an_interrupted_save_leaves_the_old_model(bundles, tmp_path, monkeypatch):
    identity = save_bundle(bundles["linear"], tmp_path / "demo")

    def interrupted(card):
        raise KeyboardInterrupt

    monkeypatch.setattr(bundle_module, "card_markdown", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_bundle(bundles["boosted"], tmp_path / "demo", force=True)
    assert load_model(tmp_path / "demo").sha256 == identity
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_bundle__a_place_that_cannot_be_written_is_one_message(bundles, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="cannot be written"):
        save_bundle(bundles["linear"], tmp_path / "file" / "demo")


def test_bundle__a_bare_name_is_looked_up_under_models(bundles, tmp_path, monkeypatch):
    save_bundle(bundles["linear"], tmp_path / "models" / "demo")
    monkeypatch.chdir(tmp_path)
    assert load_model("demo").name == "demo"


def test_bundle__a_field_that_is_no_number_is_refused_before_writing(bundles, tmp_path):
    strange = bundles["linear"].model.estimator
    broken = LinearLogit(np.full_like(strange.coefficients, np.nan), 0.0)
    model = FittedModel("nan", *[getattr(fit("linear"), part) for part in ("columns", "preparation")], broken)
    with pytest.raises(ModelError, match="not a finite number"):
        save_bundle(make_bundle("nan", model, FEATURES, "binary", ("missense",), CARD, True), tmp_path / "nan")
    assert list(tmp_path.iterdir()) == []


def rewrite_schema(path: Path, change: Callable[[str], str]) -> None:
    """Change the description inside a skops file."""
    with zipfile.ZipFile(path) as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    members["schema.json"] = change(members["schema.json"].decode()).encode()
    with zipfile.ZipFile(path, "w") as packed:
        for name, data in members.items():
            packed.writestr(name, data)


# From here on: folders that were tampered with.


@pytest.fixture
def stored(bundles, tmp_path) -> Path:
    save_bundle(bundles["linear"], tmp_path / "demo")
    return tmp_path / "demo"


@pytest.fixture
def stored_forest(bundles, tmp_path) -> Path:
    save_bundle(bundles["forest"], tmp_path / "forest")
    return tmp_path / "forest"


@pytest.mark.parametrize("name", ["model.json", "features.json", "card.json", "card.md"])
def test_bundle__a_changed_byte_is_refused(stored, name):
    data = bytearray((stored / name).read_bytes())
    data[len(data) // 2] ^= 1
    (stored / name).write_bytes(data)
    with pytest.raises(ModelError, match=f"{name} was changed: expected sha256"):
        load_model(stored)


def test_bundle__another_size_is_refused(stored):
    (stored / "card.md").write_bytes(b"")
    with pytest.raises(ModelError, match="bytes, found 0"):
        load_model(stored)


def test_bundle__an_enormous_file_is_not_even_read(stored):
    with (stored / "card.md").open("r+b") as opened:
        opened.truncate(2**40)
    with pytest.raises(ModelError, match="at most"):
        load_model(stored)


def test_bundle__an_extra_file_is_refused(stored):
    (stored / "sitecustomize.py").write_text("")
    with pytest.raises(ModelError, match=r"does not list: sitecustomize\.py"):
        load_model(stored)
    reseal(stored)
    with pytest.raises(ModelError, match="expected the files"):
        load_model(stored)


def test_bundle__a_missing_file_is_refused(stored):
    (stored / "card.json").unlink()
    with pytest.raises(ModelError, match=r"lacks files that its manifest lists: card\.json"):
        load_model(stored)


def test_bundle__a_link_is_refused(stored, tmp_path):
    (stored / "card.md").rename(tmp_path / "card.md")
    (stored / "card.md").symlink_to(tmp_path / "card.md")
    with pytest.raises(ModelError, match="is a link"):
        load_model(stored)


def test_bundle__a_folder_inside_is_refused(stored):
    (stored / "code").mkdir()
    with pytest.raises(ModelError, match="plain files only"):
        load_model(stored)


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/hostname", "sub/card.md", "..", "..\\secret.txt"])
def test_bundle__a_path_that_leaves_the_folder_is_refused(stored, name):
    manifest = json.loads((stored / "manifest.json").read_text())
    manifest["files"][name] = manifest["files"].pop("card.md")
    (stored / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="stay in the folder"):
        load_model(stored)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "must hold a JSON object"),
        ("[" * 100_000, "is not JSON"),
        ('{"format": 2}', "reads 1"),
        ('{"format": 1, "files": []}', "is damaged"),
        ('{"format": 1, "files": {"card.md": {}}, "versions": {}}', "is damaged"),
    ],
)
def test_bundle__a_damaged_manifest_is_one_message(stored, text, message):
    (stored / "manifest.json").write_text(text)
    with pytest.raises(ModelError, match=message):
        load_model(stored)


def test_bundle__no_folder_and_no_manifest_are_told_apart(tmp_path):
    with pytest.raises(ModelError, match="no model folder"):
        load_model(tmp_path / "nowhere")
    with pytest.raises(ModelError, match="is not a model"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("encoding", "vector"),
        ("effects", ["amplified"]),
        ("columns", [5]),
        ("features", "many"),
        ("estimator", "pickle"),
        ("threshold", None),
        ("preparation", {}),
    ],
)
def test_bundle__a_specification_that_describes_no_model_is_refused(stored, field, value):
    about = json.loads((stored / "features.json").read_text())
    about[field] = value
    (stored / "features.json").write_text(json.dumps(about))
    reseal(stored)
    with pytest.raises(ModelError, match=r"features\.json"):
        load_model(stored)


@pytest.mark.parametrize(
    "learned", ['{"coefficients": [1.0], "intercept": 0}', '{"coefficients": NaN}', '{"intercept": 0}', "\x00"]
)
def test_bundle__coefficients_that_do_not_fit_are_refused(stored, learned):
    (stored / "model.json").write_text(learned)
    reseal(stored)
    with pytest.raises(ModelError, match="model"):
        load_model(stored)


def test_bundle__a_forest_of_another_scikit_learn_is_refused_with_the_remedy(stored_forest, stored):
    reseal(stored_forest, scikit_learn="1.8.2")
    with pytest.raises(ModelError, match=r"Install scikit-learn==1\.8\.2"):
        load_model(stored_forest)
    reseal(stored, scikit_learn="1.8.2")
    assert load_model(stored).versions["scikit-learn"] == "1.8.2"


def test_bundle__boosted_trees_of_another_xgboost_are_refused_with_the_remedy(bundles, tmp_path):
    save_bundle(bundles["boosted"], tmp_path / "demo")
    reseal(tmp_path / "demo", xgboost="2.1.0")
    with pytest.raises(ModelError, match=r"made with xgboost 2\.1\.0, and 3\.\d.* is installed"):
        load_model(tmp_path / "demo")


def test_bundle__a_forest_of_another_patch_release_is_read_without_a_warning(bundles, stored_forest):
    here = installed_versions()["scikit-learn"]
    minor, _, patch = here.rpartition(".")
    other = f"{minor}.{int(patch) + 1}"
    rewrite_schema(stored_forest / "model.skops", lambda text: text.replace(here, other))
    reseal(stored_forest, scikit_learn=other)
    _, own = new_rows(bundles["forest"])
    assert np.array_equal(load_model(stored_forest).probability(own), bundles["forest"].probability(own))


# And these would run code, if anything in them were run.


class Touches:
    """Unpickled, it creates a file."""

    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self):
        return Path.touch, (self.sentinel,)


def test_bundle__a_pickle_under_the_name_of_a_forest_runs_nothing(stored_forest, tmp_path):
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


def test_bundle__a_foreign_type_in_a_forest_is_not_even_imported(bundles, stored_forest, tmp_path, monkeypatch):
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
def test_bundle__types_and_loaders_beyond_our_own_list_are_refused(stored_forest, module, name, loader):
    def plant(text: str) -> str:
        schema = json.loads(text)
        hidden = {"__module__": module, "__class__": name, "__loader__": loader, "content": None}
        schema["content"]["content"]["oob_score"] = hidden
        return json.dumps(schema)

    rewrite_schema(stored_forest / "model.skops", plant)
    reseal(stored_forest)
    with pytest.raises(ModelError, match="trastuz-ml's own list"):
        load_model(stored_forest)


def test_bundle__a_save_refuses_what_a_load_would_refuse(bundles, tmp_path):
    forest = skops.io.loads(
        skops.io.dumps(bundles["forest"].model.estimator.forest), trusted=["sklearn.tree._tree.Tree"]
    )
    forest.random_state = np.random.RandomState(1)
    model = fit("linear")
    odd = FittedModel("odd", model.columns, model.preparation, Forest(forest))
    with pytest.raises(ModelError, match="RandomStateNode"):
        save_bundle(make_bundle("odd", odd, FEATURES, "binary", ("missense",), CARD, True), tmp_path / "odd")
    assert list(tmp_path.iterdir()) == []


def test_bundle__a_bomb_is_not_unpacked(stored_forest, monkeypatch):
    monkeypatch.setattr(estimators, "LARGEST_UNPACKED", 10_000)
    with pytest.raises(ModelError, match="at most 10000 bytes unpacked"):
        load_model(stored_forest)


@pytest.mark.parametrize("child", [10_000_000, 0, -2])
def test_bundle__a_tree_that_points_outside_itself_is_refused(bundles, stored_forest, child):
    forest = skops.io.loads((stored_forest / "model.skops").read_bytes(), trusted=["sklearn.tree._tree.Tree"])
    tree = forest.estimators_[0].tree_
    state = tree.__reduce__()[2]
    state["nodes"]["left_child"][0] = child
    tree.__setstate__(state)
    (stored_forest / "model.skops").write_bytes(skops.io.dumps(forest))
    reseal(stored_forest)
    with pytest.raises(ModelError, match="children inside the tree"):
        load_model(stored_forest)


def test_bundle__a_tree_that_claims_memory_it_has_not_is_refused(stored_forest):
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
def test_bundle__a_boosted_tree_that_points_outside_itself_is_refused(bundles, tmp_path, place, value, message):
    save_bundle(bundles["boosted"], tmp_path / "demo")
    path = tmp_path / "demo" / "model.xgboost.json"
    about = json.loads(path.read_text())
    about["learner"]["gradient_booster"]["model"]["trees"][0][place[0]][place[1]] = value
    path.write_text(json.dumps(about))
    reseal(tmp_path / "demo")
    with pytest.raises(ModelError, match=message):
        load_model(tmp_path / "demo")


@pytest.mark.parametrize("data", [b"{}", b'{"learner": {"objective": 3}}', b"\x80\x04", b"[]"])
def test_bundle__a_booster_that_is_none_is_one_message(bundles, tmp_path, data):
    save_bundle(bundles["boosted"], tmp_path / "demo")
    (tmp_path / "demo" / "model.xgboost.json").write_bytes(data)
    reseal(tmp_path / "demo")
    with pytest.raises(ModelError, match=r"model\.xgboost\.json"):
        load_model(tmp_path / "demo")
