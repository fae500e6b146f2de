"""What is claimed of a tracked run: complete, private, closed, and served with the model's own numbers."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.errors import ConfigurationError, InputError
from trastuz_ml.prediction.pyfunc import example_input, input_frame_columns
from trastuz_ml.store.bundle import VECTORS, load_model
from trastuz_ml.store.mlflow_folder import bundle_in_mlflow_model
from trastuz_ml.store.run_folder import Run
from trastuz_ml.track import connection
from trastuz_ml.track.connection import quiet_mlflow
from trastuz_ml.track.items import Item, Metric, Parameter, Tag, TextItem
from trastuz_ml.track.mlflow_writer import Tracked, open_command, track

REQUIREMENTS = ["trastuz-ml"]


@pytest.fixture
def client(place: Any) -> Iterator[Any]:
    with quiet_mlflow():
        from mlflow import MlflowClient

        yield MlflowClient(tracking_uri=place.uri, registry_uri=place.uri)


def last_run(client: Any, experiment: str) -> Any:
    found = client.get_experiment_by_name(experiment)
    return client.search_runs([found.experiment_id], max_results=1)[0]


def add(place: Any, items: Any, experiment: str, **settings: Any) -> Tracked:
    return track(place.run, items, uri=place.uri, experiment=experiment, pip_requirements=REQUIREMENTS, **settings)


def test_store__no_byte_of_it_names_a_patient(place: Any) -> None:
    files = [path for path in (place.root / "runs").rglob("*") if path.is_file()]
    assert {"mlflow.db", "out_of_fold.tsv", "MLmodel", "features.json", "report.html"} <= {p.name for p in files}
    patients = [*place.run.patients["patient"], "PATIENT-9999"]
    for path in files:
        content = path.read_bytes()
        assert not [p for p in patients if p.encode() in content or p in str(path)], path
        assert b"ann:secret" not in content
    assert any(next(iter(place.names.values())).encode() in path.read_bytes() for path in files)


def test_store__no_training_row_and_no_local_file_of_the_model_is_in_it(place: Any) -> None:
    bundle = load_model(place.model)
    assert {"local.json", "overlap.u64", VECTORS} <= {path.name for path in place.model.iterdir()}
    hidden = [(place.model / name).read_bytes() for name in ("local.json", "overlap.u64", VECTORS)]
    hidden += [row.tobytes() for row in bundle.vectors] + [mark.tobytes() for mark in bundle.marks.marks]
    for path in (path for path in (place.root / "runs").rglob("*") if path.is_file()):
        content = path.read_bytes()
        assert path.name not in ("local.json", "overlap.u64", VECTORS)
        assert not [secret for secret in hidden if secret in content], path


def test_model__logged_is_the_stored_one_to_the_bit(place: Any) -> None:
    [folder] = (place.root / "runs" / "mlartifacts" / "models").iterdir()
    logged = load_model(bundle_in_mlflow_model(folder / "artifacts"))
    assert logged.sha256 == load_model(place.model).sha256
    assert (logged.vectors, logged.marks) == (None, None)


def test_run__is_finished_and_complete(place: Any, client: Any) -> None:
    run = client.get_run(place.tracked.run_id)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "made-up")
    assert run.info.user_id == "unknown"
    assert run.data.params["models"] == '["chosen", "l2-logistic:both"]'
    assert run.data.tags["simulated"] == "yes"
    assert run.data.metrics["chosen/AUROC"] == 0.7
    history = client.get_metric_history(run.info.run_id, "chosen/fold AUROC")
    assert sorted(m.step for m in history) == [0, 1, 2, 3, 4, 5]


def test_artifacts__lie_beside_the_database(place: Any, client: Any) -> None:
    folder = place.root / "runs" / "mlartifacts" / place.tracked.run_id / "artifacts"
    stored = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"report.html", "configuration.yaml", "figures/roc.svg", "tables/scores.tsv"} <= stored
    listed = {f.path for f in client.list_artifacts(place.tracked.run_id)}
    assert {"report.html", "tables", "figures"} <= listed
    table = pd.read_csv(folder / "tables" / "out_of_fold.tsv", sep="\t")
    assert sorted(table["probability"]) == sorted(place.run.out_of_fold["probability"])


def test_run__is_written_in_one_batch(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with quiet_mlflow():
        from mlflow import MlflowClient
    batches = []
    log_batch = MlflowClient.log_batch
    monkeypatch.setattr(MlflowClient, "log_batch", lambda *a, **k: batches.append(k) or log_batch(*a, **k))
    add(place, [Metric("m", 1.0), Parameter("p", "x"), Tag("t", "y"), Metric("m", 2.0, 1)], "batches")
    assert [[len(values) for values in batch.values()] for batch in batches] == [[2, 1, 1]]


def test_run__beyond_the_limits_of_a_batch_is_complete(place: Any, client: Any) -> None:
    items: list[Item] = [Metric("m", float(i), i) for i in range(1700)]
    items += [Parameter(f"p{i}", "x" * 6000) for i in range(101)]
    items += [Tag(f"t{i}", "y") for i in range(150)]
    data = client.get_run(add(place, items, "many").run_id).data
    assert len(data.params) == 101
    assert len(data.tags) == 152  # and the run's name and process
    assert data.metrics["m"] == 1699.0


def test_model__loaded_by_its_alias_gives_the_bundle_s_own_numbers(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = load_model(place.model)
    frame = pd.concat([example_input(bundle)] * 2, ignore_index=True)
    frame.loc[2, ["TP53", "age (covariate)"]] = np.nan
    frame.loc[3, "subtype"] = None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", place.uri)
    with quiet_mlflow():
        import mlflow.pyfunc

        model = mlflow.pyfunc.load_model("models:/made-up@champion")
    expected = bundle.probability(np.array([[0, 0, 0, 0, 0], [1, 1, 1, 2, 1]], dtype=np.float32))
    served = model.predict(frame)
    assert served[:2].tolist() == expected.tolist()
    assert np.isfinite(served).all()


def test_model__signature_is_what_the_served_model_reads(place: Any) -> None:
    with quiet_mlflow():
        from mlflow.models import Model

    [folder] = (place.root / "runs" / "mlartifacts" / "models").iterdir()
    model = Model.load(str(folder / "artifacts"))
    inputs = {column.name: column.type.name for column in model.signature.inputs}
    assert list(inputs) == input_frame_columns(load_model(place.model))
    assert inputs == {
        "TP53": "double", "age (covariate)": "double", "subtype": "string", "grade": "string",
        "age (gene)": "double",
    }  # fmt: skip
    assert "trastuz-ml" in (folder / "artifacts" / "requirements.txt").read_text()
    assert not [path for path in folder.rglob("*") if path.suffix in (".pkl", ".pickle", ".cloudpickle")]


def test_registry__a_second_model_is_a_second_version_and_takes_the_alias(place: Any, client: Any) -> None:
    settings = {"bundle_folder": place.model, "register": "two"}
    assert add(place, [], "registry", **settings, alias="champion").model_version == "1"
    tracked = add(place, [], "registry", **settings, alias="champion")
    assert tracked.model_version == "2"
    version = client.get_model_version_by_alias("two", "champion")
    assert (str(version.version), version.run_id) == ("2", tracked.run_id)


def test_model__without_features_is_logged(place: Any, client: Any, tmp_path: Path) -> None:
    tracked = add(place, [], "no features", bundle_folder=place.make_model(tmp_path / "rate", features=()))
    assert client.get_run(tracked.run_id).info.status == "FINISHED"


@pytest.mark.parametrize("settings", [{"register": "x"}, {"alias": "champion"}])
def test_registry__without_a_model_or_a_name_is_refused(place: Any, settings: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="To register"):
        add(place, [], "never made", **settings)


def test_bundle__without_features_file_is_refused_and_the_run_failed(
    place: Any, client: Any, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"features.json does not list"):
        add(place, [], "damaged bundle", bundle_folder=tmp_path)
    assert last_run(client, "damaged bundle").info.status == "FAILED"


def test_file__that_is_not_there_is_named(place: Any, run: Run, names: dict[str, str], client: Any) -> None:
    from trastuz_ml.track.items import items_of

    with pytest.raises(InputError, match=r"absent.html was to be tracked and is not there"):
        add(place, items_of(run, names, report=place.root / "absent.html"), "no report")
    assert last_run(client, "no report").info.status == "FAILED"


def test_run__interrupted_is_killed(place: Any, client: Any) -> None:
    def items() -> Iterator[Item]:
        yield Metric("m", 1.0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add(place, items(), "interrupted")
    assert last_run(client, "interrupted").info.status == "KILLED"


@pytest.mark.skipif(os.name != "posix", reason="SIGTERM is a POSIX notion")
def test_run__terminated_is_killed_and_the_handler_restored(place: Any, client: Any) -> None:
    def items() -> Iterator[Item]:
        os.kill(os.getpid(), signal.SIGTERM)
        yield Metric("m", 1.0)

    with pytest.raises(SystemExit) as caught:
        add(place, items(), "terminated")
    assert caught.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert last_run(client, "terminated").info.status == "KILLED"


def test_mlflow__is_refused_what_it_cannot_take_with_one_message(place: Any, client: Any) -> None:
    with pytest.raises(ConfigurationError, match="could not be tracked at sqlite:") as caught:
        add(place, [Parameter("p", "1"), Parameter("p", "2")], "twice")
    assert type(caught.value.__cause__).__name__ == "MlflowException"
    assert last_run(client, "twice").info.status == "FAILED"


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("http://ann:sesame@127.0.0.1:9/mlflow", "Check the tracking address"),
        ("postgresql+none://ann:sesame@127.0.0.1:9/mlflow", "could not be tracked"),
        ("mysql://ann:sesame@127.0.0.1/mlflow", "Install the driver"),
        ("nonsense://ann:ses%61me@clinic", "unsupported URI"),
        ("./mlruns", "needs a database or a server"),
        ("sqlite://", "needs a database or a server"),
    ],
)
def test_address__that_cannot_be_used_is_one_error_without_password(
    run: Run, uri: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(ConfigurationError, match=reason) as caught:
        track(run, [], uri=uri, experiment="x", pip_requirements=REQUIREMENTS)
    import traceback

    printed = "".join(traceback.format_exception(caught.value))
    assert "sesame" not in printed
    assert "ses%61me" not in printed


def test_address__a_file_that_is_no_database_is_refused_at_once(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("a table, perhaps")
    start = time.monotonic()
    with pytest.raises(ConfigurationError, match="is something else"):
        track(run, [], uri=f"sqlite:///{tmp_path}/x.db", experiment="x", pip_requirements=REQUIREMENTS)
    assert time.monotonic() - start < 5
    assert (tmp_path / "x.db").read_text() == "a table, perhaps"


def test_address__a_database_of_another_version_is_refused_with_the_remedy(place: Any, tmp_path: Path) -> None:
    import sqlite3
    from contextlib import closing

    with (
        closing(sqlite3.connect(place.root / "runs" / "mlflow.db")) as old,
        closing(sqlite3.connect(tmp_path / "newer.db")) as newer,
    ):
        old.backup(newer)
        newer.execute("update alembic_version set version_num = 'of_next_year'")
        newer.commit()
    with pytest.raises(ConfigurationError, match="written by another version of MLflow"):
        track(place.run, [], uri=f"sqlite:///{tmp_path}/newer.db", experiment="x", pip_requirements=REQUIREMENTS)


def test_quiet__leaves_settings_as_they_were_and_telemetry_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "5")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", raising=False)
    before = list(warnings.filters)
    with quiet_mlflow():
        from mlflow.telemetry import get_telemetry_client

        assert get_telemetry_client() is None
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "5"
        assert os.environ["MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR"] == "1"
    assert "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR" not in os.environ
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert list(warnings.filters) == before


def test_module__does_not_import_mlflow() -> None:
    code = "import sys, trastuz_ml.track.items, trastuz_ml.track.mlflow_writer; print('mlflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


TWO = """
import sys, numpy, pandas
from types import SimpleNamespace
from trastuz_ml.track.items import Metric
from trastuz_ml.track.mlflow_writer import track
run = SimpleNamespace(name="one of two", folder=None)
track(run, [Metric("m", 1.0)], uri=sys.argv[1], experiment="shared", pip_requirements=["x"])
"""


def test_store__two_processes_on_a_fresh_folder_lose_nothing_and_say_nothing(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/runs/mlflow.db"
    command = [sys.executable, "-W", "error::DeprecationWarning:__main__", "-c", TWO, uri]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=60)[0] for process in started]
    assert outputs == ["", ""]
    assert [process.returncode for process in started] == [0, 0]
    with quiet_mlflow():
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=uri)
        runs = client.search_runs([client.get_experiment_by_name("shared").experiment_id])
    assert [run.info.status for run in runs] == ["FINISHED", "FINISHED"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]  # no stray store in the folder


def test_open_command__for_a_path_with_a_space_is_quoted() -> None:
    command, address = open_command(Tracked("sqlite:////a b/mlflow.db", "3", "8f"), 5050).splitlines()
    words = shlex.split(command)
    assert words[-9:] == [
        "ui", "--backend-store-uri", "sqlite:////a b/mlflow.db", "--host", "127.0.0.1", "--port", "5050",
        "--workers", "1",
    ]  # fmt: skip
    assert address == "http://127.0.0.1:5050/#/experiments/3/runs/8f"


@pytest.fixture
def page(place: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The MLflow page, started by the very command that users are given."""
    monkeypatch.chdir(tmp_path)  # a server keeps what it is sent in the folder where it was started
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command, address = open_command(place.tracked, port).splitlines()
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(["/bin/sh", "-c", command], stdout=log, stderr=log, start_new_session=True)
        try:
            wait_for(f"http://127.0.0.1:{port}/health")
            yield address
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(timeout=20)


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - an address of this machine
        return bytes(answer.read())


def wait_for(url: str) -> None:
    for _ in range(1200):
        try:
            fetch(url)
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(url)


@pytest.mark.browser
@pytest.mark.skipif(os.name != "posix", reason="the command is run by a POSIX shell")
def test_page__opens_on_the_run_and_is_a_tracking_address_itself(page: str, place: Any) -> None:
    root, _, fragment = page.partition("/#/")
    assert fragment == f"experiments/{place.tracked.experiment_id}/runs/{place.tracked.run_id}"
    assert b"<title>MLflow" in fetch(root + "/")
    found = json.loads(fetch(f"{root}/api/2.0/mlflow/runs/get?run_id={place.tracked.run_id}"))["run"]
    assert found["info"]["status"] == "FINISHED"
    tracked = track(
        place.run, [Metric("m", 1.0), TextItem("a.txt", "x")], uri=root, experiment="by server",
        bundle_folder=place.model, register="by-server", alias="champion", pip_requirements=REQUIREMENTS,
    )  # fmt: skip
    assert tracked.model_version == "1"
    assert open_command(tracked) == f"{root}/#/experiments/{tracked.experiment_id}/runs/{tracked.run_id}"


def test_lock__is_free_again_after_use(tmp_path: Path) -> None:
    for _ in range(2):
        with connection.locked(tmp_path / "lock"):
            pass
