"""What is claimed of runs that were not ended: they are closed once their process is gone, and never before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from trastuz_ml.store.processes import Process, this_process
from trastuz_ml.track.connection import quiet_mlflow
from trastuz_ml.track.items import Item, Metric
from trastuz_ml.track.mlflow_writer import track
from trastuz_ml.track.stale import ENDED, PROCESS, close_stale_runs

pytestmark = pytest.mark.skipif(os.name != "posix", reason="of a process on Windows nothing is known")


@pytest.fixture
def client(place: Any) -> Iterator[Any]:
    with quiet_mlflow():
        from mlflow import MlflowClient

        yield MlflowClient(tracking_uri=place.uri, registry_uri=place.uri)


@pytest.fixture(scope="module")
def gone() -> Process:
    """A process that was killed."""
    code = "from trastuz_ml.store.processes import this_process; print(this_process(), flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes, text=True) as child:
        assert child.stdout is not None
        process = Process.read(child.stdout.readline())
        child.kill()
    assert process is not None
    return process


def running(client: Any, place: Any, process: str | None) -> str:
    tags = {} if process is None else {PROCESS: process}
    run_id: str = client.create_run(place.tracked.experiment_id, tags=tags, run_name="running").info.run_id
    return run_id


def how(client: Any, run_id: str) -> tuple[str, str | None]:
    run = client.get_run(run_id)
    return run.info.status, run.data.tags.get(ENDED)


def test_stale__a_run_whose_process_is_gone_is_closed_by_the_next_tracking(
    place: Any, client: Any, gone: Process
) -> None:
    left = running(client, place, str(gone))
    model = client.create_logged_model(place.tracked.experiment_id, name="half", source_run_id=left)
    tracked = track(place.run, [], uri=place.uri, experiment="the next", pip_requirements=["x"])
    assert how(client, left) == ("KILLED", "its process was gone: killed, or the machine went down")
    assert str(client.get_logged_model(model.model_id).status) == "FAILED"
    assert how(client, tracked.run_id) == ("FINISHED", None)
    assert how(client, place.tracked.run_id) == ("FINISHED", None)


def test_stale__a_number_that_was_given_to_another_process_is_told(place: Any, client: Any) -> None:
    me = this_process()
    if not me.started:
        pytest.skip("this system does not say when a process was started")
    left = running(client, place, str(replace(me, started="1")))
    assert close_stale_runs(client) == [left]


def test_stale__runs_that_may_live_are_left_alone(place: Any, client: Any, gone: Process) -> None:
    kept = [
        running(client, place, str(this_process())),
        running(client, place, str(replace(gone, place="0123456789abcdef"))),  # another machine
        running(client, place, None),  # another program
        running(client, place, f"{gone.place} what"),
    ]
    assert close_stale_runs(client) == []
    assert [how(client, run_id) for run_id in kept] == [("RUNNING", None)] * 4
    for run_id in kept:
        client.set_terminated(run_id)


def test_run__says_which_process_and_no_machine(place: Any, client: Any) -> None:
    import socket

    tag = client.get_run(place.tracked.run_id).data.tags[PROCESS]
    assert Process.read(tag) == this_process()
    assert socket.gethostname() not in tag


def test_run__interrupted_or_failed_says_so(place: Any, client: Any) -> None:
    def stopped(error: BaseException) -> Iterator[Item]:
        yield Metric("m", 1.0)
        raise error

    for error, said in (
        (KeyboardInterrupt(), ("KILLED", "interrupted")),
        (ValueError("P-1"), ("FAILED", "ValueError")),
    ):
        with pytest.raises(type(error)):
            track(place.run, stopped(error), uri=place.uri, experiment="stopped", pip_requirements=["x"])
        found = client.get_experiment_by_name("stopped").experiment_id
        assert how(client, client.search_runs([found], max_results=1)[0].info.run_id) == said


def test_run__interrupted_when_the_store_is_gone_is_an_interruption(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with quiet_mlflow():
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

    def unreachable(*_: Any, **__: Any) -> None:
        raise MlflowException("gone")

    def items() -> Iterator[Item]:
        monkeypatch.setattr(MlflowClient, "set_terminated", unreachable)
        os.kill(os.getpid(), signal.SIGINT)
        yield Metric("m", 1.0)

    with pytest.raises(KeyboardInterrupt):
        track(place.run, items(), uri=place.uri, experiment="unreachable", pip_requirements=["x"])
    monkeypatch.undo()
    with quiet_mlflow():
        client = MlflowClient(tracking_uri=place.uri)
        found = client.get_experiment_by_name("unreachable").experiment_id
        client.set_terminated(client.search_runs([found])[0].info.run_id)
