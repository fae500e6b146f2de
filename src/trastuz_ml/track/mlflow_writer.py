"""Writing items, the model and its registration into MLflow."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trastuz_ml.errors import ConfigurationError, InputError
from trastuz_ml.store.run_folder import Run
from trastuz_ml.track.connection import (
    alone,
    open_store,
    quiet_mlflow,
    reported,
    tracking_address,
    without_password,
)
from trastuz_ml.track.items import FileItem, Item, Metric, Parameter, TableItem, Tag, TextItem
from trastuz_ml.track.logged_model import log_model
from trastuz_ml.track.registry import new_version
from trastuz_ml.track.stale import close_stale_runs, ended, process_tags

# MLflow takes 100 parameters, 100 tags and 1,000 entities in one batch.
_FEW, _MANY = 100, 800


@dataclass(frozen=True)
class Tracked:
    """Where a run went.

    Attributes
    ----------
    uri : str
        Tracking address, without user and password.
    experiment_id, run_id : str
        MLflow's identifiers.
    model_version : str or None
        Version in the registry, when the model was registered.
    """

    uri: str
    experiment_id: str
    run_id: str
    model_version: str | None = None


def track(
    run: Run,
    items: Iterable[Item],
    *,
    uri: str | None = None,
    experiment: str,
    bundle_folder: Path | None = None,
    register: str | None = None,
    alias: str | None = None,
    pip_requirements: Sequence[str],
) -> Tracked:
    """Store a run in MLflow: one batch of numbers, one folder of artifacts, one model.

    Parameters
    ----------
    run : Run
        Gives the name, and the place of the default database.
    items : iterable of Item
        From :func:`trastuz_ml.track.items.items_of`; figures are further ``FileItem``.
    uri : str, optional
        Any MLflow tracking address; when not given that of the variable ``MLFLOW_TRACKING_URI``, else
        ``mlflow.db`` beside the run's folder.
    experiment : str
        MLflow experiment, made when it is not there.
    bundle_folder : Path, optional
        Stored model, of which the public files are logged as a pyfunc that the package's own loader reads:
        nothing is pickled.
    register, alias : str, optional
        Name in the model registry, and the alias that the new version is given.
    pip_requirements : sequence of str
        What serving the model needs; never inferred.

    Returns
    -------
    Tracked
        Identifiers of what was written.

    Raises
    ------
    ConfigurationError
        If the store cannot be reached or written, or a registration lacks a model.
    InputError
        If a file to be logged is missing or the bundle's features cannot be read.

    Notes
    -----
    The run ends as ``FINISHED``; as ``FAILED`` on an error, as ``KILLED`` when interrupted or terminated.
    Both are raised further. A run whose process was killed outright is closed by the next tracking from this
    machine into the same store.
    """
    if (register and bundle_folder is None) or (alias and not register):
        raise ConfigurationError("To register, give a stored model and a name; to give an alias, register.")
    address = tracking_address(uri, runs=run.folder.parent if run.folder else Path("runs"))
    with quiet_mlflow(), reported(address), _terminable():
        client, experiment_id = open_store(address, experiment)
        close_stale_runs(client)
        run_id = client.create_run(experiment_id, tags=process_tags(), run_name=run.name).info.run_id
        version = None
        with ended(client, run_id):
            _write(client, run_id, items)
            if bundle_folder is not None:
                model, facts = log_model(client, experiment_id, run_id, bundle_folder, pip_requirements)
                if register:
                    with alone(address):
                        version = new_version(client, register, model, facts, address)
                        if alias:
                            client.set_registered_model_alias(register, alias, version)
    return Tracked(without_password(address), experiment_id, run_id, version)


def open_command(tracked: Tracked, port: int = 5000) -> str:
    """Return the shell command that opens the MLflow page on this machine, and below it the run's address.

    A server has its page already: then only the address is returned.

    Examples
    --------
    >>> print(open_command(Tracked("http://mlflow.clinic", "3", "8f0c")))
    http://mlflow.clinic/#/experiments/3/runs/8f0c
    """
    path = f"/#/experiments/{tracked.experiment_id}/runs/{tracked.run_id}"
    if tracked.uri.startswith(("http://", "https://")):
        return tracked.uri.rstrip("/") + path
    silent = "MLFLOW_DISABLE_TELEMETRY=true " if os.name == "posix" else ""
    store = shlex.quote(tracked.uri) if os.name == "posix" else f'"{tracked.uri}"'
    # One worker serves one reader, and is up in a third of the time that the usual four take.
    command = f"{silent}{_program()} ui --backend-store-uri {store} --host 127.0.0.1 --port {port} --workers 1"
    return f"{command}\nhttp://127.0.0.1:{port}{path}"


def _program() -> str:
    """Return how the shell finds the mlflow of this Python, also when its environment is not activated."""
    own = Path(sys.executable).parent / "mlflow"
    found = shutil.which("mlflow")
    if (found and Path(found) == own) or not own.exists():
        return "mlflow"
    beneath = own.is_relative_to(Path.cwd())
    return shlex.quote(str(own.relative_to(Path.cwd()) if beneath else own))


# --- The state of a run -------------------------------------------------------------------------------


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM raise, so that the run is closed; a handler that the caller has set is left alone."""

    def stop(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


# --- Items --------------------------------------------------------------------------------------------


def _write(client: Any, run_id: str, items: Iterable[Item]) -> None:
    parameters: list[Parameter] = []
    metrics: list[Metric] = []
    tags: list[Tag] = []
    with tempfile.TemporaryDirectory() as folder:
        for item in items:
            match item:
                case Parameter():
                    parameters.append(item)
                case Metric():
                    metrics.append(item)
                case Tag():
                    tags.append(item)
                case _:
                    _stage(item, Path(folder))
        _log_batches(client, run_id, parameters, metrics, tags)
        if any(Path(folder).iterdir()):
            client.log_artifacts(run_id, folder)


def _stage(item: TableItem | TextItem | FileItem, folder: Path) -> None:
    """Lay an artifact where it will be among the artifacts of the run."""
    match item:
        case TableItem(name, frame):
            path = folder / "tables" / f"{name}.tsv"
            path.parent.mkdir(exist_ok=True)
            frame.to_csv(path, sep="\t", index=False, lineterminator="\n")
        case TextItem(place, text):
            path = folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        case FileItem(place, source):
            if not source.is_file():
                raise InputError(f"{source} was to be tracked and is not there; make it first.")
            path = folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, path)


def _log_batches(
    client: Any, run_id: str, parameters: list[Parameter], metrics: list[Metric], tags: list[Tag]
) -> None:
    """Log everything in one batch, or in as few as MLflow's limits allow."""
    from mlflow import entities

    now = int(time.time() * 1000)
    batches = max(-(-len(parameters) // _FEW), -(-len(tags) // _FEW), -(-len(metrics) // _MANY))
    for i in range(batches):
        few, many = slice(i * _FEW, (i + 1) * _FEW), slice(i * _MANY, (i + 1) * _MANY)
        client.log_batch(
            run_id,
            metrics=[entities.Metric(m.key, m.value, now, m.step) for m in metrics[many]],
            params=[entities.Param(p.key, p.value) for p in parameters[few]],
            tags=[entities.RunTag(t.key, t.value) for t in tags[few]],
        )
