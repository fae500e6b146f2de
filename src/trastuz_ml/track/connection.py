"""Reaching an MLflow store: quietly, without telemetry, one process at a time, and with one clear error."""

from __future__ import annotations

import logging
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote

from trastuz_ml.errors import ConfigurationError, TrastuzError

ARTIFACTS = "mlartifacts"
# Where MLflow's own tools look; they and we are to mean the same store.
VARIABLE = "MLFLOW_TRACKING_URI"
_SQLITE = "sqlite:///"
# MLflow's own defaults wait minutes for a server that is not there. A user's setting wins.
_SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


def default_uri(runs: Path) -> str:
    """Return the address of the SQLite database in a folder of runs.

    Examples
    --------
    >>> default_uri(Path("runs")).endswith("/runs/mlflow.db")
    True
    """
    return _SQLITE + (runs.resolve() / "mlflow.db").as_posix()


def tracking_address(*asked: str | None, runs: Path) -> str:
    """Return the address to use: the first that is asked for, else MLflow's variable, else SQLite among the runs.

    Parameters
    ----------
    *asked : str or None
        In the order in which they count: an option of the command, then the setting of the experiment.
    runs : Path
        Folder of runs.

    Raises
    ------
    ConfigurationError
        If MLflow 3 cannot keep a run there, see :func:`full_address`.

    Examples
    --------
    >>> tracking_address(None, "http://127.0.0.1:5000", runs=Path("runs"))
    'http://127.0.0.1:5000'
    """
    return full_address(next(filter(None, (*asked, os.environ.get(VARIABLE))), None) or default_uri(runs))


def without_password(uri: str) -> str:
    """Return an address without its user and password, for messages and records.

    Examples
    --------
    >>> without_password("postgresql://ann:secret@db.clinic/mlflow")
    'postgresql://***@db.clinic/mlflow'
    >>> without_password("sqlite:////data/runs/mlflow.db")
    'sqlite:////data/runs/mlflow.db'
    """
    return re.sub(r"(?i)([?&](?:password|token|secret)=)[^&]*", r"\1***", re.sub(r"(?<=://).*@", "***@", uri))


def sqlite_path(uri: str) -> Path | None:
    """Return the file of a SQLite address, None for any other address.

    Examples
    --------
    >>> sqlite_path("sqlite:////data/mlflow.db").as_posix()
    '/data/mlflow.db'
    >>> sqlite_path("http://127.0.0.1:5000")
    """
    return Path(uri.removeprefix(_SQLITE).partition("?")[0]) if uri.startswith(_SQLITE) else None


def full_address(uri: str) -> str:
    """Return an address that holds from any folder, and refuse those that MLflow 3 cannot keep a run at.

    Raises
    ------
    ConfigurationError
        If it is a plain folder, or a SQLite database without a file.

    Examples
    --------
    >>> full_address("http://127.0.0.1:5000")
    'http://127.0.0.1:5000'
    """
    path = sqlite_path(uri)
    folder = uri.startswith("file:") or re.match(r"[./~\\]|[A-Za-z]:[\\/]", uri)
    if folder or (uri.startswith("sqlite") and (path is None or path.name in ("", ":memory:"))):
        raise ConfigurationError(
            f"Runs cannot be tracked at {without_password(uri)}: MLflow needs a database or a server. Give an "
            "address such as sqlite:///runs/mlflow.db or http://127.0.0.1:5000."
        )
    if path is None:
        return uri
    _, question, options = uri.partition("?")
    return _SQLITE + path.resolve().as_posix() + question + options


@contextmanager
def quiet_mlflow() -> Iterator[None]:
    """Import MLflow with telemetry off, and keep its chatter away while it is used."""
    # Never restored: MLflow reads it again whenever it would send something.
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    added = {name: value for name, value in _SETTINGS.items() if name not in os.environ}
    os.environ.update(added)
    with warnings.catch_warnings():
        # MLflow's own tables use a loader that SQLAlchemy 2.1 calls deprecated: nothing we could change.
        warnings.filterwarnings("ignore", "The ``noload`` loader strategy is deprecated", DeprecationWarning)
        # MLflow looks at type hints of its own classes when it is imported.
        warnings.filterwarnings("ignore", ".*Any type hint is inferred as AnyType", UserWarning)
        # An example would be a row of the training cohort: none is stored on purpose.
        warnings.filterwarnings("ignore", ".*An input example was not provided", UserWarning)
        from mlflow.telemetry import set_telemetry_client

        # Stops the sender when the caller had imported MLflow before.
        set_telemetry_client()
        loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
        levels = [logger.level for logger in loggers]
        try:
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
            for name in added:
                os.environ.pop(name, None)


@contextmanager
def reported(uri: str, what: str = "The run could not be tracked") -> Iterator[None]:
    """Turn whatever MLflow and what it stands on may raise into one error that names the address.

    Parameters
    ----------
    uri : str
        The address.
    what : str
        What could not be done, as the sentence begins.

    Raises
    ------
    ConfigurationError
        With the reason, chained; without any password of the address.
    """
    from mlflow.exceptions import MlflowException
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except TrastuzError:
        raise
    except (MlflowException, RequestException, SQLAlchemyError, ImportError, OSError) as error:
        failure = ConfigurationError(_reason(uri, what, error))
        # A chained error is printed by --debug, and must not print what the message hides.
        printed = "".join(traceback.format_exception(error))
        raise failure from (None if any(secret in printed for secret in _secrets(uri)) else error)


def _reason(uri: str, what: str, error: Exception) -> str:
    text = str(error).strip()
    for secret in _secrets(uri):
        text = text.replace(secret, "***")
    remedy = "Check the tracking address, and that it can be reached and written."
    if isinstance(error, ImportError):
        remedy = "Install the driver of this kind of database, or use another tracking address."
    elif "out-of-date database schema" in text:
        remedy = "It was written by another version of MLflow: use another file, or upgrade the older side."
        text = text.partition(". Take a backup")[0]
    return f"{what} at {without_password(uri)}: {text.rstrip('.')}. {remedy}"


def _secrets(uri: str) -> list[str]:
    """Return what must not be printed: user and password together, the password, both also as decoded."""
    hidden = re.findall(r"(?<=://)(.*)@", uri) + re.findall(r"(?i)[?&](?:password|token|secret)=([^&]+)", uri)
    parts = [part for whole in hidden for part in (whole, whole.partition(":")[2]) if part]
    return sorted({form for part in parts for form in (part, unquote(part))}, key=len, reverse=True)


def open_store(uri: str, experiment: str) -> tuple[Any, str]:
    """Connect to a store, made and brought to its first state when it is a SQLite file not yet there.

    Parameters
    ----------
    uri : str
        Any MLflow tracking address. Artifacts of a SQLite store lie beside its file.
    experiment : str
        MLflow experiment, made when it is not there.

    Returns
    -------
    client : mlflow.MlflowClient
        Bound to the address; nothing global is set.
    experiment_id : str
        Identifier of the experiment.

    Raises
    ------
    ConfigurationError
        If the file is there and is not a SQLite database.
    """
    path = sqlite_path(uri)
    with alone(uri):
        return _connect(uri, experiment, None if path is None else (path.parent / ARTIFACTS).resolve().as_uri())


@contextmanager
def alone(uri: str) -> Iterator[None]:
    """Keep other processes of this program away from a SQLite store; a server sees to its own.

    Two processes that make a database at once, or that look for a version of a model and register it, would
    get in each other's way. The lock must not be asked for twice by one process.

    Raises
    ------
    ConfigurationError
        If the file is there and is not a SQLite database.
    """
    path = sqlite_path(uri)
    if path is None:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.with_name(path.name + ".lock")):
        _require_sqlite(path)
        yield


def _connect(uri: str, experiment: str, artifacts: str | None) -> tuple[Any, str]:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    found = client.get_experiment_by_name(experiment)
    if found is None:
        try:
            return client, str(client.create_experiment(experiment, artifact_location=artifacts))
        except MlflowException as error:
            # On a server another process may have made it since: no lock of ours reaches there.
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(experiment)
    return client, str(found.experiment_id)


def _require_sqlite(path: Path) -> None:
    """Refuse a file of another kind at once: MLflow would try it ten times over more than a minute."""
    if not path.exists():
        return
    with path.open("rb") as file:
        head = file.read(16)
    if head not in (b"", b"SQLite format 3\0"):
        raise ConfigurationError(
            f"{path} was to be an MLflow database and is something else; name another file in the tracking "
            "address."
        )


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a file lock: one process at a time. The system frees it when its holder dies."""
    with path.open("ab") as handle:
        _lock(handle)
        yield


if sys.platform == "win32":

    def _lock(handle: IO[bytes]) -> None:
        import msvcrt

        while True:
            try:
                handle.seek(0)
                return msvcrt.locking(handle.fileno(), msvcrt.LK_LOCK, 1)
            except OSError:  # the call itself gives up after ten seconds
                continue

else:

    def _lock(handle: IO[bytes]) -> None:
        import fcntl

        fcntl.flock(handle.fileno(), fcntl.LOCK_EX)
