"""A real scheduler with two worker processes on this machine: the same results, also where workers are killed."""

import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests_shared import made_up_design
from trastuz_ml.errors import ConfigurationError, EvidenceError, TrastuzError
from trastuz_ml.learn import engine
from trastuz_ml.learn.catalogue import catalogue_model
from trastuz_ml.learn.engine import Engine, in_parallel
from trastuz_ml.learn.folds import plan_splits
from trastuz_ml.learn.validation import Tuning, validate

PATIENCE = 60  # seconds, for a machine that is busy


def wait_until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


class Cluster:
    """A scheduler, and workers that can be killed."""

    def __init__(self, folder, **environment):
        self.folder = folder
        # A user's own settings for Dask must not reach the test.
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("DASK_")} | environment
        self.environment["DASK_CONFIG"] = str(folder / "none")
        self.logs = (folder / "log").open("wb")
        file = folder / "scheduler.json"
        self.processes = [
            self.start("scheduler", "--port", "0", "--dashboard-address", "127.0.0.1:0", "--scheduler-file", file)
        ]
        self.workers = []
        wait_until(lambda: file.exists() and file.read_text().endswith("}"))
        self.address = json.loads(file.read_text())["address"]
        self.engine = Engine(scheduler=self.address)

    def start(self, *command, **environment):
        command = [sys.executable, "-m", "dask", *map(str, command), "--host", "127.0.0.1"]
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment | environment, stdout=self.logs, stderr=self.logs
        )

    def add_worker(self, **environment):
        self.workers.append(
            self.start(
                "worker", self.address, "--no-nanny", "--no-dashboard", "--nthreads", "2", "--memory-limit", "0",
                "--local-directory", self.folder, **environment,
            )
        )  # fmt: skip
        self.processes.append(self.workers[-1])

    def kill(self, pid):
        worker = next(worker for worker in self.workers if worker.pid == pid)
        self.workers.remove(worker)
        worker.kill()
        worker.wait()

    def ask(self, question):
        from distributed import Client  # here, because every process that collects tests would pay a second for it

        with Client(self.address, set_as_default=False) as client:
            return client.run_on_scheduler(question)

    def with_workers(self, number):
        """Have so many workers that answer, and no others."""
        for worker in self.workers[number:]:
            self.kill(worker.pid)
        for _ in range(number - len(self.workers)):
            self.add_worker()
        wait_until(lambda: self.ask(lambda dask_scheduler: len(dask_scheduler.workers)) == number)
        return self

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()
        self.logs.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dask")
    # Workers run a copy, so that who edits the code while the tests run makes no difference.
    copy = shutil.copytree(Path(engine.__file__).parent.parent, folder / "copy" / "trastuz_ml")
    cluster = Cluster(folder, PYTHONPATH=str(copy.parent))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "__file__", str(copy / "learn" / "engine.py"))
        engine.surroundings.cache_clear()
        yield cluster
    engine.surroundings.cache_clear()
    cluster.stop()


@pytest.fixture
def cluster(running):
    return running.with_workers(2)


# Functions are made inside others: what workers cannot import from a test is sent whole.
def stopping(marker: Path):
    """Make a function that stops at item 2 until its process is killed, the first time; then it does not."""

    def product(matrix, item):
        if item == 2 and not marker.exists():
            marker.with_suffix(".part").write_text(str(os.getpid()))
            marker.with_suffix(".part").rename(marker)
            time.sleep(3600)
        return os.getpid(), float((matrix * item).sum())

    return product


def test_cluster__gives_what_one_process_gives_and_is_sent_the_matrix_once(cluster):
    class Matrix:
        sent = 0

        def __init__(self, values):
            self.values = values

        def __reduce__(self):
            type(self).sent += 1
            return np.array, (self.values,)

    values = np.random.default_rng(0).normal(size=(50, 40)).tolist()
    product = stopping(cluster.folder / "log")  # the file is there: nothing stops

    def sums(items):
        Matrix.sent = 0
        return {p: r[1] for p, r in in_parallel(product, (Matrix(values),), items, workers=cluster.engine)}

    for_one, once = sums([1]), Matrix.sent
    for_many, many_times = sums(list(range(12))), Matrix.sent
    assert for_one[0] == for_many[1]
    assert for_many == {p: r[1] for p, r in in_parallel(product, (np.array(values),), list(range(12)))}
    assert many_times == once


def test_cluster__a_worker_with_two_threads_runs_one_piece_at_a_time(cluster):
    def span(rest, item):
        start = time.monotonic()
        time.sleep(rest)
        return os.getpid(), start, time.monotonic()

    spans = sorted(result for _, result in in_parallel(span, (0.02,), list(range(12)), workers=cluster.engine))
    pairs = [(one, other) for one, other in itertools.pairwise(spans) if one[0] == other[0]]
    assert len(pairs) >= 10
    assert all(one[2] <= other[1] for one, other in pairs)


def test_cluster__what_the_function_raises_is_raised(cluster):
    def refuse(word, item):
        raise EvidenceError(f"{word} {item}")

    with pytest.raises(EvidenceError, match=r"^too few 7$"):
        list(in_parallel(refuse, ("too few",), [7], workers=cluster.engine))


def test_cluster__work_given_up_is_forgotten_there(cluster):
    results = in_parallel(pow, (2,), list(range(50)), workers=cluster.engine)
    next(results)
    results.close()
    wait_until(lambda: cluster.ask(lambda dask_scheduler: len(dask_scheduler.tasks)) == 0)


def test_cluster__other_code_is_refused_before_anything_is_sent(cluster, monkeypatch):
    there = engine.surroundings()
    here = {**there, "numpy": "1.0", "trastuz_ml": "code other"}
    monkeypatch.setattr(engine, "_version", lambda name: here[name.removesuffix("-cpu")])
    monkeypatch.setattr(engine, "code_sha256", lambda: "other")
    engine.surroundings.cache_clear()
    try:
        with pytest.raises(ConfigurationError) as refused:
            list(in_parallel(pow, (2,), [1], workers=cluster.engine))
    finally:
        engine.surroundings.cache_clear()
    assert f"numpy 1.0 here, {there['numpy']} there" in str(refused.value)
    assert f"trastuz_ml code other here, {there['trastuz_ml']} there" in str(refused.value)
    assert "scipy" not in str(refused.value)


def test_cluster__a_worker_killed_in_the_middle_changes_nothing(cluster):
    marker, matrix = cluster.folder / "killed-in-the-middle", np.arange(10.0)
    found = {}
    for place, result in in_parallel(stopping(marker), (matrix,), list(range(8)), workers=cluster.engine):
        found[place] = result
        if len(found) == 1:
            wait_until(marker.exists)
            cluster.kill(int(marker.read_text()))
    assert {place: total for place, (_, total) in found.items()} == {item: 45.0 * item for item in range(8)}
    assert found[2][0] != int(marker.read_text())


def test_validate__on_a_cluster_whose_worker_is_killed_gives_the_same_bytes(cluster):
    design = made_up_design(patients=40)
    plan = plan_splits(design.patients, design.response, design.groups, repeats=1, folds=4, seed=2)
    models = [catalogue_model(name) for name in ("prevalence", "l2-logistic:both", "xgboost:genes")]
    tuning = Tuning(inner_folds=2, min_carriers=2, seed=4)
    alone = validate(design, plan, models, tuning)

    def kill_one(done, total):
        if done == 1:
            cluster.kill(cluster.workers[0].pid)

    there = validate(design, plan, models, tuning, workers=cluster.engine, progress=kill_one)
    assert len(cluster.workers) == 1
    for table in ("out_of_fold", "choices", "inner_errors"):
        pd.testing.assert_frame_equal(getattr(alone, table), getattr(there, table), check_exact=True)


def test_cluster__the_only_holder_of_the_matrix_killed_changes_nothing(running):
    cluster = running.with_workers(1)
    marker, matrix = cluster.folder / "holder-killed", np.arange(10.0)
    found = {}
    for place, result in in_parallel(stopping(marker), (matrix,), list(range(8)), workers=cluster.engine):
        found[place] = result
        if len(found) == 1:
            wait_until(marker.exists)
            cluster.kill(int(marker.read_text()))
            cluster.add_worker()
    assert {place: total for place, (_, total) in found.items()} == {item: 45.0 * item for item in range(8)}
    assert len({pid for pid, _ in found.values()}) == 2


def test_cluster__work_lost_again_and_again_is_given_up_with_one_message(running, monkeypatch):
    cluster = running.with_workers(1)
    monkeypatch.setattr(engine, "ATTEMPTS", 1)

    def die(signal_number, item):
        os.kill(os.getpid(), signal_number)

    with pytest.raises(TrastuzError, match=r"lost work 1 times; 2 of 2 pieces are not done.*--workers"):
        list(in_parallel(die, (signal.SIGKILL,), [1, 2], workers=cluster.engine))
    cluster.workers.pop().wait()


def test_cluster__no_workers_is_said_with_the_command_that_starts_some(running, monkeypatch):
    cluster = running.with_workers(0)
    monkeypatch.setattr(engine, "WORKER_SECONDS", 0.1)
    with pytest.raises(ConfigurationError, match=f"has no workers.*dask worker {cluster.address}"):
        list(in_parallel(pow, (2,), [1], workers=cluster.engine))


def test_cluster__a_worker_without_trastuz_ml_is_refused(running):
    running.with_workers(0)
    (running.folder / "empty" / "trastuz_ml").mkdir(parents=True)
    (running.folder / "empty" / "trastuz_ml" / "__init__.py").touch()
    running.add_worker(PYTHONPATH=str(running.folder / "empty"))
    try:
        with pytest.raises(ConfigurationError, match=r"cannot run trastuz_ml \(.*trastuz_ml\.learn.*requirements"):
            list(in_parallel(pow, (2,), [1], workers=running.engine))
    finally:
        running.with_workers(0)


def test_cluster__an_address_where_nothing_or_something_else_answers_is_refused(monkeypatch):
    monkeypatch.setattr(engine, "CONNECT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"No Dask scheduler answers at '127.0.0.1:{port}'.*silence"):
            list(in_parallel(pow, (2,), [1], workers=Engine(scheduler=f"127.0.0.1:{port}")))
    for address in (f"tcp://127.0.0.1:{port}", "tls://127.0.0.1:1", "nowhere", ""):
        with pytest.raises(ConfigurationError, match=f"No Dask scheduler answers at '{address}'.*dask scheduler"):
            list(in_parallel(pow, (2,), [1], workers=Engine(scheduler=address)))
