"""Where independent pieces of work run: in this process, in several, or on a Dask cluster that is there."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import platform
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from joblib import Parallel, delayed

from trastuz_ml.errors import ConfigurationError, TrastuzError

Item = TypeVar("Item")
Result = TypeVar("Result")
Versions = Mapping[str, str]

# Seconds until a scheduler must have answered, and until it must have a worker.
CONNECT_SECONDS, WORKER_SECONDS = 5.0, 30.0
# How often work is handed out again after the cluster lost it.
ATTEMPTS = 4
# Larger arrays are written once to shared memory, for all processes to map.
MAPPED_FROM = "1M"
# How often a worker looks whether its parent is there.
_WATCH_SECONDS = 1.0
# What a number can depend on; xgboost goes by one of two names.
_NUMERIC = ("numpy", "scipy", "pandas", "scikit-learn", "firthmodels", "threadpoolctl")
_XGBOOST = ("xgboost", "xgboost-cpu")
# A limit on threads holds for a whole process, so that a worker with several threads must not overlap tasks.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Engine:
    """Where work runs.

    Parameters
    ----------
    workers : int
        Processes on this machine.
    scheduler : str, optional
        Address of the scheduler of a Dask cluster, such as ``tcp://127.0.0.1:8786``; work goes there instead.

    Notes
    -----
    A Dask scheduler runs what it is sent, answers with what is then loaded here, and asks nobody who they are
    unless it was set up with TLS (``tls://``, Dask's configuration ``distributed.comm.tls``): name one only if
    you trust it, its workers and the network between. What is sent leaves this machine: callers put numbers
    in the place of names, but clinical covariates, genes and responses are data of patients all the same.

    Best served by workers of one thread each; a worker runs one piece at a time, however many threads it has.
    """

    workers: int = 1
    scheduler: str | None = None


def in_parallel(
    function: Callable[..., Result], shared: tuple[Any, ...], items: Sequence[Item], *, workers: int | Engine = 1
) -> Generator[tuple[int, Result]]:
    """Yield (place, ``function(*shared, item)``) for each item, in the order in which they end.

    Parameters
    ----------
    function : callable
        Picklable; its result must depend on its arguments alone.
    shared : tuple
        Arguments that all items have in common. Large arrays in it are mapped by the processes of this
        machine, not copied; to a cluster it is sent once.
    items : sequence
        One piece of work each.
    workers : int or Engine
        Processes on this machine, or where else; the results do not depend on it.

    Raises
    ------
    ConfigurationError
        If the scheduler cannot be reached or has no workers, if its workers would compute with other versions
        than this process, or if the extra ``distributed`` is not installed.
    TrastuzError
        If the cluster loses work again and again.

    Notes
    -----
    What ``function`` raises is raised here. Closing the iterator gives up what is not done yet.

    Examples
    --------
    >>> sorted(in_parallel(pow, (2,), [1, 2, 3]))
    [(0, 2), (1, 4), (2, 8)]
    """
    engine = workers if isinstance(workers, Engine) else Engine(workers)
    if engine.scheduler is not None:
        yield from _on_cluster(function, shared, items, engine.scheduler)
        return
    jobs = (delayed(_numbered)(os.getpid(), function, shared, place, item) for place, item in enumerate(items))
    pool = Parallel(n_jobs=engine.workers, return_as="generator_unordered", mmap_mode="r", max_nbytes=MAPPED_FROM)
    yield from pool(jobs)


def _numbered(
    parent: int, function: Callable[..., Result], shared: tuple[Any, ...], place: int, item: Any
) -> tuple[int, Result]:
    if os.getpid() != parent:
        _end_with(parent)
    return place, function(*shared, item)


@lru_cache(maxsize=1)
def _end_with(parent: int) -> None:
    """Have this worker end soon after its parent: one that was killed outright leaves its workers waiting."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _on_cluster(
    function: Callable[..., Result], shared: tuple[Any, ...], items: Sequence[Item], address: str
) -> Iterator[tuple[int, Result]]:
    """Hand the items to a cluster, and again those that it lost.

    A worker's death costs nothing but time: the scheduler gives its items to others. Only where the last
    worker that held ``shared`` dies, or the scheduler itself, must this side begin anew with what is left.
    """
    left = dict(enumerate(items))
    for _ in range(ATTEMPTS):
        with _connected(address) as client:
            for place, result in _attempt(client, function, shared, left):
                del left[place]
                yield place, result
        if not left:
            return
    raise TrastuzError(
        f"The Dask cluster at {address} lost work {ATTEMPTS} times; {len(left)} of {len(items)} pieces are not "
        "done. Its workers die, perhaps for want of memory: see their logs, give them more memory, or run on "
        "this machine with --workers."
    )


def _attempt(
    client: Any, function: Callable[..., Result], shared: tuple[Any, ...], left: Mapping[int, Any]
) -> Iterator[tuple[int, Result]]:
    """Yield what ends of the items that are left; what the cluster loses is passed over."""
    from distributed import CancelledError, KilledWorker, as_completed

    try:
        [sent] = client.scatter([shared], broadcast=True, hash=False)
    except (OSError, CancelledError):  # the worker that was to take it is gone
        return
    place_of = {
        client.submit(_in_worker, surroundings(), function, sent, item, pure=False): place
        for place, item in left.items()
    }
    for future in as_completed(list(place_of), loop=client.loop):
        place = place_of.pop(future)
        if future.status == "error" and not isinstance(future.exception(), KilledWorker):
            future.result()  # raises what the function raised
        try:
            result = future.result()
        except (OSError, CancelledError, KilledWorker):
            continue
        yield place, result


def _in_worker(expected: Versions, function: Callable[..., Result], shared: tuple[Any, ...], item: Any) -> Result:
    # Workers that joined after the work was handed out are asked here for the first time.
    _require_same(expected, {"A worker that joined the cluster later": surroundings()})
    with _ONE_AT_A_TIME:
        return function(*shared, item)


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Give a client of a scheduler whose workers are there and compute as this process does."""
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "A Dask cluster needs the extra 'distributed': pip install 'trastuz-ml[distributed]'"
        ) from error
    _require_scheduler(address)
    # The client logs what is raised here as one message, with tracebacks.
    logger = logging.getLogger("distributed.client")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with Client(address, timeout=CONNECT_SECONDS, set_as_default=False) as client:
            try:
                client.wait_for_workers(1, timeout=WORKER_SECONDS)
            except TimeoutError as error:
                raise ConfigurationError(
                    f"The Dask cluster at {address} has no workers after {WORKER_SECONDS:g} s of waiting. "
                    f"Start some: dask worker {address} --nthreads 1"
                ) from error
            found = client.run(surroundings, on_error="return")
            # A worker that dies meanwhile cannot answer, and will not compute.
            _require_same(
                surroundings(),
                {f"The worker {worker}": told for worker, told in found.items() if not isinstance(told, OSError)},
            )
            yield client
    finally:
        logger.setLevel(level)


def _require_scheduler(address: str) -> None:
    """Refuse an address at which no Dask scheduler answers.

    The client's own time limit ends when the connection is open: behind a port that belongs to something else
    (a dashboard, say) it would wait for ever.
    """
    try:
        # In a thread, because a notebook has an event loop running in this one.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, _greet(address)).result()
    # TypeError: TLS without certificates. MemoryError: another protocol's answer, read as a length.
    except (OSError, ValueError, TypeError, MemoryError) as error:
        raise ConfigurationError(
            f"No Dask scheduler answers at '{address}' within {CONNECT_SECONDS:g} s: {str(error) or 'silence'}. "
            "Expected the address that 'dask scheduler' prints, such as tcp://127.0.0.1:8786; is it running, and "
            "may this machine reach it?"
        ) from error


async def _greet(address: str) -> None:
    from distributed.comm import connect
    from distributed.security import Security

    keys = Security().get_connection_args("client")
    comm = await asyncio.wait_for(connect(address, timeout=CONNECT_SECONDS, **keys), CONNECT_SECONDS)
    await comm.close()


@lru_cache(maxsize=1)
def surroundings() -> Versions:
    """Return what a number can depend on besides data and settings: code, versions, kind of processor.

    Asked once a process, because code that changes on the disk later does not change what is loaded.

    Examples
    --------
    >>> sorted(surroundings())[:4]
    ['firthmodels', 'numpy', 'pandas', 'processor']
    """
    found = {name: _version(name) for name in _NUMERIC}
    found["xgboost"] = next(filter(None, map(_version, _XGBOOST)), "")
    code = f"code {code_sha256()[:12]}"
    return {"trastuz_ml": code, "python": platform.python_version(), **found, "processor": _processor()}


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def code_sha256() -> str:
    """Return one hash over the source files of this package: the code version, whatever git says."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _processor() -> str:
    """Return which compiled variants numpy and OpenBLAS picked for this processor: their last digits differ."""
    from numpy.lib import introspect
    from threadpoolctl import threadpool_info

    blas = {str(library.get("architecture")) for library in threadpool_info() if library["user_api"] == "blas"}
    exp = introspect.opt_func_info(func_name="^exp$", signature="float64")
    numpy = {str(kind["current"]) for kinds in exp.values() for kind in kinds.values()}
    return " ".join([platform.machine(), *sorted(blas), *sorted(numpy)])


def _require_same(expected: Versions, found: Mapping[str, Any]) -> None:
    """Refuse workers that would compute other numbers.

    Raises
    ------
    ConfigurationError
        Names the first of them and all that differs.
    """
    for who, told in found.items():
        if isinstance(told, Exception):
            raise ConfigurationError(
                f"{who} cannot run trastuz_ml ({told}). Install trastuz_ml and its "
                "requirements.lock on every worker, the same as here."
            ) from told
        differs = [
            f"{name} {here or 'missing'} here, {told.get(name) or 'missing'} there"
            for name, here in expected.items()
            if told.get(name) != here
        ]
        if differs:
            raise ConfigurationError(
                f"{who} would not give the same numbers as this machine: {'; '.join(differs)}. Install the same "
                "trastuz_ml and requirements.lock on every worker, and use processors of one kind."
            )
