"""Stored models: what comes back is what was put in, and nothing else gets in."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest

from stored_models import CARD, FEATURES, KINDS, fit, new_rows, reseal, rewrite_schema
from trastuz_ml.errors import ModelError
from trastuz_ml.learn.fitted import FittedModel, LinearLogit
from trastuz_ml.learn.transformers import Preparation
from trastuz_ml.store.bundle import load_model, make_bundle, public_files, save_bundle
from trastuz_ml.store.lock import installed_versions


@pytest.fixture(scope="module")
def models() -> dict[str, FittedModel]:
    return {kind: fit(kind) for kind in KINDS}


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
    folder, identity = save_bundle(bundles[kind], tmp_path / "demo")
    back = load_model(folder)
    _, own = new_rows(back)
    assert np.array_equal(back.probability(own), bundles[kind].probability(own))
    assert back.features == bundles[kind].features
    assert (back.encoding, back.effects, back.simulated) == ("binary", ("truncating", "missense"), True)
    assert (back.model.name, back.model.threshold, back.model.candidate) == (f"{kind}:both", 0.37, {"C": 0.1})
    hashes = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in public_files(folder)}
    assert dict(back.card) == dict(bundles[kind].card) | {"files": back.card["files"]}
    assert set(hashes) - set(back.card["files"]) == {"card.json", "card.md", "manifest.json"}
    assert back.card["files"].items() <= hashes.items()
    assert back.sha256 == identity == hashes["manifest.json"]
    assert (back.version, folder) == (1, tmp_path / "demo" / "1")


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


# From here on: folders that were tampered with.


@pytest.mark.parametrize("name", ["model.json", "features.json", "worth.json", "card.json"])
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
        ('{"format": 3}', "format 3; this version of trastuz-ml reads 2: install"),
        ('{"format": 1}', "before models had versions"),
        ('{"format": 2, "files": []}', "is damaged"),
        ('{"format": 2, "files": {"card.md": {}}, "versions": {}}', "is damaged"),
    ],
)
def test_bundle__a_damaged_manifest_is_one_message(stored, text, message):
    (stored / "manifest.json").write_text(text)
    with pytest.raises(ModelError, match=message):
        load_model(stored)


def test_bundle__no_folder_and_no_manifest_are_told_apart(tmp_path):
    with pytest.raises(ModelError, match="There is no model"):
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
    remedy = rf"-m venv model-env && model-env/bin/pip install -r {stored_forest}/requirements\.txt && "
    with pytest.raises(ModelError, match=rf"made with scikit-learn 1\.8\.2, .*`python3\.\d+ {remedy}"):
        load_model(stored_forest)
    reseal(stored, scikit_learn="1.8.2")
    assert load_model(stored).versions["scikit-learn"] == "1.8.2"


def test_bundle__boosted_trees_of_another_xgboost_are_refused_with_the_remedy(stored_boosted):
    reseal(stored_boosted, xgboost="2.1.0")
    with pytest.raises(ModelError, match=r"made with xgboost 2\.1\.0, and 3\.\d.* is installed"):
        load_model(stored_boosted)


def test_bundle__a_forest_of_another_patch_release_is_read_without_a_warning(bundles, stored_forest):
    here = installed_versions()["scikit-learn"]
    minor, _, patch = here.rpartition(".")
    other = f"{minor}.{int(patch) + 1}"
    rewrite_schema(stored_forest / "model.skops", lambda text: text.replace(here, other))
    reseal(stored_forest, scikit_learn=other)
    _, own = new_rows(bundles["forest"])
    assert np.array_equal(load_model(stored_forest).probability(own), bundles["forest"].probability(own))
