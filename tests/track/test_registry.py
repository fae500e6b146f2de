"""What is claimed of the registry: a model is registered once, known by its identity, and no alias is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from trastuz_ml.errors import ConfigurationError, ModelError
from trastuz_ml.store.bundle import load_model
from trastuz_ml.track.connection import quiet_mlflow, tracking_address
from trastuz_ml.track.logged_model import IDENTITY, identity_of
from trastuz_ml.track.registry import (
    Given,
    aliases,
    fetch,
    give_alias,
    registered_as,
    require_names,
    versions_by_alias,
)


@pytest.fixture(scope="module")
def models(place: Any, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two versions of a stored model."""
    folder = tmp_path_factory.mktemp("kept") / "demo"
    return [place.make_model(folder, run="f00d", seed=seed) for seed in (1, 2)]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An address where nothing is yet."""
    return f"sqlite:///{tmp_path_factory.mktemp('registry')}/runs/mlflow.db"


@pytest.fixture
def client(registry: str) -> Iterator[Any]:
    with quiet_mlflow():
        from mlflow import MlflowClient

        yield MlflowClient(tracking_uri=registry, registry_uri=registry)


def give(uri: str, model: Path, alias: str = "champion", name: str = "demo", **tags: str) -> Given:
    return give_alias(uri, name, alias, model, experiment="promotions", tags=tags, requirements=["trastuz-ml"])


def test_registry__to_look_for_a_model_makes_no_database(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/runs/mlflow.db"
    assert registered_as(uri, "demo", "0" * 64) is None
    assert (versions_by_alias(uri, "champion"), aliases(uri)) == ([], [])
    assert list(tmp_path.iterdir()) == []


def test_alias__moves_forth_and_back_and_a_model_is_registered_once(
    registry: str, models: list[Path], client: Any
) -> None:
    given = [give(registry, model, name="moved") for model in (*models, models[0])]
    told = [(g.version, g.before, g.registered) for g in given]
    assert told == [("1", "", True), ("2", "1", True), ("1", "2", False)]
    assert len(client.search_model_versions("name = 'moved'")) == 2
    [champion] = versions_by_alias(registry, "champion", "moved")
    assert (champion.version, champion.identity) == ("1", load_model(models[0]).sha256)
    runs = client.search_runs([client.get_experiment_by_name("promotions").experiment_id])
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_version__says_which_model_it_is_and_which_run_made_it(registry: str, models: list[Path]) -> None:
    give(registry, models[1], name="tagged", evidence="met")
    version = registered_as(registry, "tagged", identity_of(models[1]))
    assert version is not None
    assert version.tags == {
        "model sha256": load_model(models[1]).sha256, "stored model": "made-up/2", "run fingerprint": "f00d",
        "simulated": "yes", "evidence": "met",
    }  # fmt: skip


def test_version__a_tag_of_an_earlier_promotion_is_taken_away(registry: str, models: list[Path]) -> None:
    give(registry, models[0], name="retagged", reason="a trial")
    give(registry, models[0], name="retagged", reason="")
    version = registered_as(registry, "retagged", identity_of(models[0]))
    assert version is not None
    assert "reason" not in version.tags


def test_promotion__takes_the_model_that_its_run_logged(place: Any) -> None:
    before = len(list((place.root / "runs" / "mlartifacts" / "models").iterdir()))
    given = give(place.uri, place.model, name="from-its-run")
    assert given.registered
    assert len(list((place.root / "runs" / "mlartifacts" / "models").iterdir())) == before
    with quiet_mlflow():
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=place.uri, registry_uri=place.uri)
        run = client.get_run(client.get_model_version("from-its-run", "1").run_id)
        # Other tests track the same model into this store: any run that logged it will do, but no promotion.
        assert client.get_experiment(run.info.experiment_id).name != "promotions"
        assert run.info.run_name == client.get_run(place.tracked.run_id).info.run_name


def test_tracking__registers_with_the_identity(place: Any) -> None:
    version = registered_as(place.uri, "made-up", load_model(place.model).sha256)
    assert version is not None
    assert version.tags["stored model"] == "made-up/1"


def test_alias__that_several_models_have_is_found_at_each(registry: str, models: list[Path]) -> None:
    give(registry, models[0], alias="shared", name="one")
    give(registry, models[1], alias="shared", name="other")
    assert [v.name for v in versions_by_alias(registry, "shared")] == ["one", "other"]
    assert [v.name for v in versions_by_alias(registry, "shared", "other")] == ["other"]
    assert {"one@shared", "other@shared"} <= set(aliases(registry))


def test_fetched__a_version_is_the_stored_model_to_the_bit(
    registry: str, models: list[Path], tmp_path: Path
) -> None:
    give(registry, models[0], alias="fetched", name="fetched")
    [version] = versions_by_alias(registry, "fetched")
    folder = fetch(registry, version, tmp_path)
    assert folder.is_relative_to(tmp_path)
    assert load_model(folder).sha256 == version.identity


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ({"loader_module": "os"}, "found os"),
        ({"code": "code"}, "code"),
        ({"python_model": "python_model.pkl"}, "python_model"),
        ({"data": "../.."}, "expected a folder inside"),
    ],
)
def test_fetched__a_model_that_would_run_code_is_refused(
    edit: dict[str, str], said: str, registry: str, models: list[Path], tmp_path: Path, client: Any
) -> None:
    name = f"bad-{next(iter(edit))}"
    give(registry, models[0], alias="bad", name=name)
    described = Path(client.get_model_version_download_uri(name, "1").removeprefix("file://")) / "MLmodel"
    about = yaml.safe_load(described.read_text())
    kept = described.read_text()
    about["flavors"]["python_function"].update(edit)
    described.write_text(yaml.safe_dump(about))
    try:
        [version] = versions_by_alias(registry, "bad", name)
        with pytest.raises(ModelError, match=said):
            fetch(registry, version, tmp_path)
    finally:
        described.write_text(kept)  # versions of other tests share the log


def test_fetched__what_is_larger_than_a_model_is_not_fetched(
    registry: str, models: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(registry, models[0], alias="large", name="large")
    [version] = versions_by_alias(registry, "large")
    monkeypatch.setattr("trastuz_ml.track.registry._MOST_BYTES", 1000)
    with pytest.raises(ModelError, match="was not fetched"):
        fetch(registry, version, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "alias"),
    [("a/b", "x"), ("a@b", "x"), ("", "x"), ("a'b", "x"), ("demo", ""), ("demo", "v2"), ("demo", "Latest")],
)
def test_names__that_the_registry_could_not_take_are_refused(name: str, alias: str) -> None:
    with pytest.raises(ConfigurationError, match="found '"):
        require_names(name, alias)


def test_address__option_then_experiment_then_variable_then_sqlite(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert tracking_address(None, None, runs=tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://variable")
    assert tracking_address(None, None, runs=tmp_path) == "http://variable"
    assert tracking_address(None, "http://experiment", runs=tmp_path) == "http://experiment"
    assert tracking_address("http://option", "http://experiment", runs=tmp_path) == "http://option"


def test_address__that_cannot_be_reached_is_one_error_without_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(ConfigurationError, match="registry could not be read at http") as caught:
        aliases("http://ann:sesame@127.0.0.1:9")
    assert "sesame" not in str(caught.value)


AT_ONCE = """
import sys
from pathlib import Path
from types import SimpleNamespace
from trastuz_ml.track.items import Metric
from trastuz_ml.track.mlflow_writer import track
from trastuz_ml.track.registry import give_alias
uri, mine, *models = sys.argv[1:]
kept = {"experiment": "shared", "requirements": ["x"]}
give_alias(uri, "first", mine, Path(models[0]), tags={}, **kept)
run = SimpleNamespace(name=mine, folder=None)
for turn in range(2):
    tracked = track(run, [Metric("turn", turn)], uri=uri, experiment="shared", bundle_folder=Path(models[1]),
                    register="tracked", alias=f"{mine}-{turn}", pip_requirements=["x"])
    for model in models:
        give_alias(uri, "demo", "champion", Path(model), tags={f"by {mine}": "yes"}, **kept)
        give_alias(uri, "demo", f"{mine}-{turn}", Path(model), tags={}, **kept)
"""


def test_store__two_processes_that_train_and_promote_at_once_lose_nothing(
    models: list[Path], tmp_path: Path
) -> None:
    uri = f"sqlite:///{tmp_path}/runs/mlflow.db"
    command = [sys.executable, "-W", "error::DeprecationWarning:__main__", "-c", AT_ONCE, uri]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    started = [
        subprocess.Popen([*command, mine, *map(str, models)], **pipes, cwd=tmp_path, env=environment)
        for mine in ("ann", "bob")
    ]
    outputs = [process.communicate(timeout=240)[0] for process in started]
    assert (outputs, [process.returncode for process in started]) == (["", ""], [0, 0])
    with quiet_mlflow():
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        runs = client.search_runs([client.get_experiment_by_name("shared").experiment_id])
        demo, tracked, first = (
            client.search_model_versions(f"name = '{n}'") for n in ("demo", "tracked", "first")
        )
        found = {name: client.get_registered_model(name).aliases for name in ("demo", "tracked", "first")}
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert sum("turn" in run.data.metrics for run in runs) == 4
    both = sorted(identity_of(model) for model in models)
    assert sorted(version.tags[IDENTITY] for version in demo) == both  # each registered once, whoever came first
    assert all({"by ann", "by bob"} <= set(version.tags) for version in demo)
    assert [version.tags[IDENTITY] for version in first] == [identity_of(models[0])]
    assert len(tracked) == 4
    mine = {f"{who}-{turn}" for who in ("ann", "bob") for turn in range(2)}
    assert set(found["demo"]) == {"champion", *mine}
    assert set(found["tracked"]) == mine
    assert found["first"] == {"ann": found["first"]["ann"], "bob": found["first"]["ann"]}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]
