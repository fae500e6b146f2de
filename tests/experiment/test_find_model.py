"""A model is found by folder, name, version or alias, and loaded by this package alone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from made_model import made_bundle
from trastuz_ml.errors import ConfigurationError, ModelError
from trastuz_ml.experiment.find_model import find_model
from trastuz_ml.store.bundle import load_model
from trastuz_ml.track.connection import default_uri, quiet_mlflow
from trastuz_ml.track.registry import give_alias


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Models in two versions, and a registry in which each has an alias of its own, and one has two."""
    place = tmp_path_factory.mktemp("world")
    for miss_rate in (0.1, 0.2):
        made_bundle(place / "models", miss_rate=miss_rate)
    uri = default_uri(place / "runs")
    for name, alias, version in (("made", "champion", 2), ("made", "old", 1), ("twin", "old", 2)):
        give_alias(
            uri, name, alias, place / "models" / "made" / str(version), experiment="x", tags={},
            requirements=["trastuz-ml"],
        )  # fmt: skip
    return place


@pytest.fixture
def here(world, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(world)
    return world


def sha256_of(world, version):
    return load_model(world / "models" / "made" / str(version)).sha256


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("made", 2),
        ("made/1", 1),
        (Path("models/made/1"), 1),
        ("champion", 2),
        ("made@champion", 2),
        ("made@old", 1),
    ],
)
def test_model__is_found_by_name_version_folder_and_alias(here, name, version):
    found = find_model(name)
    assert (found.sha256, found.version) == (sha256_of(here, version), version)


def test_model__of_the_registry_is_the_same_where_it_is_not_stored(here, tmp_path, monkeypatch):
    uri = default_uri(here / "runs")
    monkeypatch.chdir(tmp_path)
    found, stored = find_model("champion", tracking=uri), load_model(here / "models" / "made" / "2")
    assert (found.sha256, found.version) == (stored.sha256, 2)
    X = np.random.default_rng(1).random((20, len(stored.features))).astype(np.float32)
    assert found.probability(X).tobytes() == stored.probability(X).tobytes()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert find_model("champion").sha256 == stored.sha256
    assert list(tmp_path.iterdir()) == []


def test_folder__goes_before_an_alias(here):
    shutil.copytree("models/made/1", "models/champion/1")
    try:
        assert find_model("champion").sha256 == sha256_of(here, 1)
    finally:
        shutil.rmtree("models/champion")


def test_alias__of_several_models_is_refused_with_their_names(here):
    with pytest.raises(ModelError, match=r"name one of made@old, twin@old\."):
        find_model("old")


@pytest.mark.parametrize("name", ["chump", "made@chump", "nobody@champion"])
def test_alias__that_is_not_there_is_refused_with_those_that_are(here, name):
    with pytest.raises(ModelError, match=f"no alias '{name}': it has made@champion, made@old, twin@old"):
        find_model(name)


@pytest.mark.parametrize("name", ["x/y", "made/9", "runs", "models/nothing", "a b"])
def test_name__that_can_be_no_alias_is_not_looked_for_in_the_registry(here, name):
    with pytest.raises(ModelError) as caught:
        find_model(name)
    assert "registry" not in str(caught.value)


def test_registry__that_cannot_be_reached_is_said_and_only_when_it_is_needed(here, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert find_model("made", tracking="http://127.0.0.1:9").version == 2
    with pytest.raises(ConfigurationError, match="registry could not be read"):
        find_model("champion", tracking="http://127.0.0.1:9")


WITHOUT_MLFLOW = """
import sys
from pathlib import Path
from trastuz_ml.errors import ModelError
from trastuz_ml.experiment.find_model import find_model
print(find_model("made").version)
try:
    find_model("champion", runs=Path("nowhere"))
except ModelError as error:
    print(type(error).__name__)
print("mlflow" in sys.modules)
"""


def test_stored_model__is_found_without_mlflow(here):
    done = subprocess.run([sys.executable, "-c", WITHOUT_MLFLOW], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "ModelError", "False"]


# --- Models that would run code -------------------------------------------------------------------------


@pytest.fixture
def forged(here, tmp_path):
    """The registered model's folder among the artifacts, put back afterwards; and a file that code would make."""
    with quiet_mlflow():
        from mlflow import MlflowClient

        uri = default_uri(here / "runs")
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        version = client.get_model_version_by_alias("made", "champion").version
        place = Path(client.get_model_version_download_uri("made", version).removeprefix("file://"))
    shutil.copytree(place, tmp_path / "kept")
    yield place, tmp_path / "ran"
    shutil.rmtree(place)
    shutil.copytree(tmp_path / "kept", place)


def refused(here, monkeypatch, tmp_path, said):
    """Look the alias up where the model is not stored, so that what the registry holds must be read."""
    uri = default_uri(here / "runs")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match=said):
        find_model("champion", tracking=uri)


def test_registered__a_description_that_makes_objects_runs_nothing(here, forged, monkeypatch, tmp_path):
    place, ran = forged
    (place / "MLmodel").write_text(f"flavors: !!python/object/apply:os.system ['touch {ran}']\n")
    refused(here, monkeypatch, tmp_path, "not plain YAML")
    assert not ran.exists()


@pytest.mark.parametrize("key", ["loader_module", "code", "python_model", "model_code_path"])
def test_registered__code_and_pickles_of_a_model_are_not_run(key, here, forged, monkeypatch, tmp_path):
    place, ran = forged
    about = yaml.safe_load((place / "MLmodel").read_text())
    code = place / "code"
    code.mkdir()
    (code / "evil.py").write_text(f"open({str(ran)!r}, 'w')\ndef _load_pyfunc(path): return None\n")
    about["flavors"]["python_function"] |= {key: "evil" if key == "loader_module" else "code"}
    (place / "MLmodel").write_text(yaml.safe_dump(about))
    monkeypatch.syspath_prepend(str(code))
    refused(here, monkeypatch, tmp_path, "Nothing of it was loaded|nothing of this one was")
    assert not ran.exists()


def test_registered__a_pickle_among_its_files_is_refused(here, forged, monkeypatch, tmp_path):
    place, ran = forged
    payload = b"cposix\nsystem\n(S'touch " + os.fsencode(ran) + b"'\ntR."
    (place / "data" / "model" / "model.pkl").write_bytes(payload)
    refused(here, monkeypatch, tmp_path, "does not list")
    assert not ran.exists()


def test_registered__another_model_in_its_place_is_refused(here, forged, monkeypatch, tmp_path):
    place, _ = forged
    shutil.rmtree(place / "data" / "model")
    shutil.copytree(here / "models" / "made" / "1", place / "data" / "model")
    refused(here, monkeypatch, tmp_path, "is not the model that was registered")
