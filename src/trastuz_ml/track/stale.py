"""Runs that nobody will end any more: their process is gone, and MLflow would show them as running for ever."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from trastuz_ml.store.processes import Process, is_gone, this_process

PROCESS, ENDED = "tracking process", "ended"
_INTERRUPTED = "interrupted"
_LOST = "its process was gone: killed, or the machine went down"
# Experiments asked about at once: a server takes their identifiers in one request.
FEW = 500


def process_tags() -> dict[str, str]:
    """Return the tag by which a run is known to be of this process; the machine is in it as a hash only."""
    return {PROCESS: str(this_process())}


def end_run(client: Any, run_id: str, error: BaseException | None) -> None:
    """Give a run its last state: ``FINISHED``, ``FAILED`` on an error, ``KILLED`` on an interruption.

    Parameters
    ----------
    client : mlflow.MlflowClient
        Of the store.
    run_id : str
        The run.
    error : BaseException or None
        What ended the work. If the store cannot be reached any more, that error is the one to be told.
    """
    from mlflow.exceptions import MlflowException

    if error is None:
        client.set_terminated(run_id, "FINISHED")
        return
    failed = isinstance(error, Exception)
    try:
        client.set_terminated(run_id, "FAILED" if failed else "KILLED")
        # The name of the error alone: its message may name files and patients.
        client.set_tag(run_id, ENDED, type(error).__name__ if failed else _INTERRUPTED)
    except MlflowException:
        return


@contextmanager
def ended(client: Any, run_id: str) -> Iterator[None]:
    """Give the run its last state, whatever happens: MLflow itself would leave it running."""
    try:
        yield
    except BaseException as error:
        end_run(client, run_id, error)
        raise
    end_run(client, run_id, None)


def close_stale_runs(client: Any) -> list[str]:
    """Close the runs of this program and machine that are said to be running and whose process is gone.

    Runs of a process that lives, of another machine or container, and of other programs are left alone.

    Parameters
    ----------
    client : mlflow.MlflowClient
        Of the store.

    Returns
    -------
    list of str
        Identifiers of the runs that were closed: now ``KILLED``, with a tag that says why.
    """
    closed = []
    for run in _running_here(client):
        process = Process.read(run.data.tags[PROCESS])
        if process is not None and is_gone(process):
            client.set_terminated(run.info.run_id, "KILLED")
            client.set_tag(run.info.run_id, ENDED, _LOST)
            _close_models(client, run)
            closed.append(run.info.run_id)
    return closed


def _running_here(client: Any) -> Iterator[Any]:
    experiments = [found.experiment_id for found in pages(client.search_experiments)]
    asked = f"attributes.status = 'RUNNING' AND tags.`{PROCESS}` LIKE '{this_process().place} %'"
    for start in range(0, len(experiments), FEW):
        yield from list(pages(client.search_runs, experiments[start : start + FEW], asked))


def pages(search: Any, *words: Any) -> Iterator[Any]:
    """Yield everything that a search of MLflow finds, page by page."""
    token = None
    while True:
        page = search(*words, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _close_models(client: Any, run: Any) -> None:
    """Close the model that a run was writing: it would be pending for ever."""
    for model in client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'"):
        if str(model.status) == "PENDING":
            client.finalize_logged_model(model.model_id, "FAILED")
