"""What MLflow serves of a registered model: the very numbers of `predict`, on the command line and over HTTP."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="MLflow serves through a POSIX shell")
MODEL = "models:/made-up@champion"
MLFLOW = [str(Path(sys.executable).parent / "mlflow"), "models"]


@pytest.fixture(scope="module")
def environment(place: Any) -> dict[str, str]:
    known = {"MLFLOW_TRACKING_URI": place.uri, "MLFLOW_DISABLE_TELEMETRY": "true"}
    # The server is started by a shell as `uvicorn`: that of this Python must be found first.
    return {**os.environ, **known, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def as_json(frame: pd.DataFrame) -> str:
    split = json.loads(frame.to_json(orient="split", double_precision=15))
    split["data"] = [[None if pd.isna(v) else v for v in row] for row in frame.astype(object).to_numpy().tolist()]
    return json.dumps({"dataframe_split": split})


def test_command__mlflow_models_predict_gives_the_numbers_of_predict(
    new: Any, environment: dict[str, str], tmp_path: Path
) -> None:
    new.frame.to_csv(tmp_path / "new.csv", index=False)
    files = ["-i", str(tmp_path / "new.csv"), "-t", "csv", "-o", str(tmp_path / "out.json")]
    command = [*MLFLOW, "predict", "-m", MODEL, "--env-manager", "local", *files]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    # The same bits: a decimal fraction that is read a little wrongly is still the same float32, which is what
    # the model reads; and JSON holds every digit.
    assert json.loads((tmp_path / "out.json").read_text())["predictions"] == new.probability


@pytest.fixture(scope="module")
def server(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The registered model, served on this machine by MLflow's own command."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    where = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--env-manager", "local"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*MLFLOW, "serve", "-m", MODEL, *where], env=environment, cwd=folder, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(f"{address}/ping", process)
            yield address
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=30)
    wait_until_closed(port)


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(1200):
        try:
            with urllib.request.urlopen(url):  # noqa: S310 - an address of this machine
                return
        except OSError:
            assert process.poll() is None, "the server has ended"
            time.sleep(0.1)
    raise TimeoutError(url)


def wait_until_closed(port: int) -> None:
    """Wait until nobody answers: no server may be left behind."""
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.1)
    raise TimeoutError(port)


def post(address: str, body: str, kind: str) -> Any:
    headers = {"Content-Type": kind}
    request = urllib.request.Request(f"{address}/invocations", body.encode(), headers)  # noqa: S310 - as above
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - as above
        return json.load(answer)["predictions"]


def test_server__gives_the_numbers_of_predict_for_json_and_csv(server: str, new: Any) -> None:
    assert post(server, as_json(new.frame), "application/json") == new.probability
    assert post(server, new.frame.to_csv(index=False), "text/csv") == new.probability
    backwards = new.frame[new.frame.columns[::-1]].assign(hospital="any")
    assert post(server, as_json(backwards), "application/json") == new.probability


def test_server__a_row_of_which_nothing_was_measured_has_no_number(server: str, new: Any) -> None:
    nothing = new.frame.head(1).astype(object).assign(**dict.fromkeys(new.frame.columns))
    [answer] = post(server, as_json(nothing), "application/json")
    assert answer is None or np.isnan(answer)


@pytest.mark.parametrize(
    "edit", [{"TP53": "mutated"}, {"grade": "lowest"}, {"drop": "TP53"}], ids=["word", "level", "column"]
)
def test_server__what_the_model_cannot_read_is_an_error_and_no_number(
    server: str, new: Any, edit: dict[str, str]
) -> None:
    frame = new.frame.drop(columns=edit["drop"]) if "drop" in edit else new.frame.assign(**edit)
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(server, as_json(frame), "application/json")
    assert caught.value.code == 400
    caught.value.close()
