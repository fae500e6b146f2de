"""Work that was interrupted: what it is, what of it is finished, and when it may be continued."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from trastuz_ml.errors import ConfigurationError, OutputExistsError
from trastuz_ml.experiment.interruption import noted_signals
from trastuz_ml.experiment.kept_pieces import fold_as_plain, fold_from_plain, step_as_plain, step_from_plain
from trastuz_ml.experiment.work import Work, changes
from trastuz_ml.files import whole_file
from trastuz_ml.learn.folds import Turn
from trastuz_ml.learn.learning_curve import Step, StepResult
from trastuz_ml.learn.permutation import Statistics
from trastuz_ml.learn.validation import FoldResult
from trastuz_ml.store.journal import Journal, keys_of, open_journal
from trastuz_ml.store.processes import Process, is_gone, this_process

RUNNING, INTERRUPTED, FAILED, KILLED = "running", "interrupted", "failed", "killed"
_JOURNAL, _STATE = "journal", "state.json"
_FOLD, _STEP, _PERMUTATION = "fold", "step", "permutation"
_MOST_CHANGES = 4


@dataclass(frozen=True)
class State:
    """How a piece of work stands.

    Attributes
    ----------
    status : str
        ``running``, ``interrupted``, ``failed``, or ``killed``: its process is gone without a word.
    total : int
        Folds in all.
    begun : str
        When the process began, local time.
    process : str
        Which process it is or was, see :class:`trastuz_ml.store.processes.Process`.
    publishing : bool
        Whether it has begun to write its run: what stands under its name may then be its own.
    reason : str
        The signal or the error that ended it.
    """

    status: str
    total: int
    begun: str
    process: str
    publishing: bool = False
    reason: str = ""


@dataclass(frozen=True)
class UnfinishedRun:
    """Work in a folder of runs that has no result yet: its name and state, folds done, time of the last."""

    name: str
    state: State
    done: int
    last: datetime


@dataclass(frozen=True, eq=False)
class Unfinished:
    """The pieces of one piece of work, each kept on the disk as it is finished; without a journal none is.

    Attributes
    ----------
    folds, steps, permutations : mapping
        Those that were finished before: of validation, of the learning curve, and of each kind of permutation.
    """

    folds: Mapping[Turn, FoldResult] = field(default_factory=dict)
    steps: Mapping[Step, StepResult] = field(default_factory=dict)
    permutations: Mapping[str, Mapping[int, Statistics]] = field(default_factory=dict)
    _journal: Journal | None = None

    def keep_fold(self, result: FoldResult) -> None:
        """Keep a fold; for :func:`trastuz_ml.learn.validation.validate`.

        Raises
        ------
        ConfigurationError
            If it cannot be written.
        """
        self.keep(_FOLD, f"{result.turn.repeat}.{result.turn.fold}", fold_as_plain(result))

    def keep_step(self, result: StepResult) -> None:
        """Keep a step; for :func:`trastuz_ml.learn.learning_curve.learning_curve`."""
        self.keep(_STEP, "/".join(map(repr, result.step)), step_as_plain(result))

    def keep_permutation(self, what: str, number: int, statistics: Statistics) -> None:
        """Keep a permutation; for :func:`trastuz_ml.experiment.chance.permutations_of`."""
        self.keep(_PERMUTATION, f"{what}/{number}", dict(statistics))

    def found(self, kind: str) -> dict[str, Any]:
        """Return the pieces of a kind that were finished before, by key."""
        return {
            record.key.partition("/")[2]: record.value
            for record in (self._journal.records if self._journal else ())
            if record.key.partition("/")[0] == kind
        }

    def keep(self, kind: str, key: str, value: Any) -> None:
        """Keep a piece of any other kind.

        Parameters
        ----------
        kind : str
            A word without a slash.
        key : str
            Which of its kind.
        value : object
            What :func:`trastuz_ml.store.packing.packed` takes.

        Raises
        ------
        ConfigurationError
            If it cannot be written.
        """
        if self._journal is not None:
            self._journal.append(f"{kind}/{key}", value)


def unfinished_folder(runs: Path, name: str) -> Path:
    """Return the folder in which the finished pieces of an experiment are kept until its run is there.

    Examples
    --------
    >>> unfinished_folder(Path("runs"), "demo").as_posix()
    'runs/.demo.unfinished'
    """
    return runs / f".{name}.unfinished"


@contextmanager
def open_unfinished(
    runs: Path,
    name: str,
    work: Work,
    *,
    total: int,
    force: bool = False,
    outputs: Sequence[Path] = (),
    say: Callable[[str], None] | None = None,
) -> Iterator[Unfinished]:
    """Go on with work that was interrupted, or begin it; its pieces are removed when it ends well.

    Parameters
    ----------
    runs : Path
        Folder of runs.
    name : str
        The experiment's.
    work : Work
        From :func:`trastuz_ml.experiment.work.work_of`: everything that the result depends on.
    total : int
        Folds in all.
    force : bool
        Begin anew where the pieces are of other work; the same work is continued all the same.
    outputs : sequence of Path
        Folders in which a killed process may have left ``.NAME.PID.part``: these are removed.
    say : callable, optional
        Called with a sentence when work is continued, and when a part of the pieces is damaged.

    Yields
    ------
    Unfinished
        Held by this process alone. When the context ends by Ctrl-C, SIGTERM or an error, the state says so, and
        what is finished stays; when nothing is, nothing stays.

    Raises
    ------
    OutputExistsError
        If the pieces are of other work and ``force`` is false; the message names what changed.
    ConfigurationError
        If another process is at this work, or nothing can be written.
    """
    folder, tell = unfinished_folder(runs, name), say or (lambda _: None)
    is_ours, last = not runs.exists(), _last(folder)

    def refuse(held: Mapping[str, Any], records: int) -> None:
        if not force:
            raise OutputExistsError(_refusal(folder, held, work, records))

    with noted_signals() as seen, open_journal(folder / _JOURNAL, work, other=refuse) as journal:
        before = read_state(folder)
        _sweep(before, name, outputs)
        unfinished = _unfinished(journal)
        if journal.cut:
            tell(journal.cut)
        if journal.records:
            finished = _counted([record.key for record in journal.records], total)
            tell(f"Going on: {finished} were finished by {last:%Y-%m-%d %H:%M}.")
        state = State(
            RUNNING, total, f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S%z}", str(this_process()),
            publishing=bool(journal.records and before is not None and before.publishing),
        )  # fmt: skip
        try:
            _write_state(folder, state)
            yield unfinished
        except BaseException as error:
            stopped = bool(seen) or not isinstance(error, Exception)
            word = signal.Signals(seen[-1]).name if seen else type(error).__name__
            keys = _leave(folder, INTERRUPTED if stopped else FAILED, word if stopped else str(error))
            if keys:
                tell(f"{_counted(keys, total)} are kept in {folder}: the same command goes on from there.")
            elif is_ours:
                _remove_if_empty(runs)
            raise
        _remove(folder)
    if os.name == "nt":
        _remove(folder)  # Windows keeps what is open


def begin_publishing(runs: Path, name: str) -> None:
    """Say that from now on a run or a model of this name is what this process wrote, at its unfinished work.

    Raises
    ------
    ConfigurationError
        If that cannot be written.
    """
    folder = unfinished_folder(runs, name)
    state = read_state(folder)
    if state is not None:
        _write_state(folder, replace(state, publishing=True))


def publishing_begun(runs: Path, name: str) -> bool:
    """Return whether unfinished work of this name had begun to write its run: what is there may be replaced."""
    state = read_state(unfinished_folder(runs, name))
    return state is not None and state.publishing


def unfinished_runs(runs: Path) -> list[UnfinishedRun]:
    """Return the work in a folder of runs that has no result yet, by name; nothing is changed or held."""
    found = []
    for folder in sorted(runs.glob(".*.unfinished")):
        state = read_state(folder)
        if state is None:
            continue
        process = Process.read(state.process)
        if state.status == RUNNING and process is not None and is_gone(process):
            state = replace(state, status=KILLED)
        with suppress(OSError):  # it has ended since
            done = _folds(keys_of(folder / _JOURNAL))
            found.append(
                UnfinishedRun(
                    folder.name.removeprefix(".").removesuffix(".unfinished"), state, done, _last(folder)
                )
            )
    return found


def _unfinished(journal: Journal) -> Unfinished:
    folds: dict[Turn, FoldResult] = {}
    steps: dict[Step, StepResult] = {}
    permutations: dict[str, dict[int, Statistics]] = {}
    for record in journal.records:
        kind, _, key = record.key.partition("/")
        if kind == _FOLD:
            fold = fold_from_plain(record.value)
            folds[fold.turn] = fold
        elif kind == _STEP:
            step = step_from_plain(record.value)
            steps[step.step] = step
        elif kind == _PERMUTATION:
            what, _, number = key.rpartition("/")
            permutations.setdefault(what, {})[int(number)] = record.value
    return Unfinished(folds, steps, permutations, journal)


def _folds(keys: Sequence[str]) -> int:
    return sum(key.startswith(f"{_FOLD}/") for key in keys)


def _counted(keys: Sequence[str], total: int) -> str:
    """Return in words how much is finished."""
    folds = _folds(keys)
    others = len(keys) - folds
    return f"{folds} of {total} folds" + (f" and {others} pieces of what follows" if others else "")


def _refusal(folder: Path, held: Mapping[str, Any], work: Work, records: int) -> str:
    said = changes(held, work)
    more = f"; and {len(said) - _MOST_CHANGES} more" if len(said) > _MOST_CHANGES else ""
    pieces = f"{records} finished piece{'' if records == 1 else 's'}"
    return (
        f"{folder} holds {pieces} of an interrupted run of this name, which cannot be continued, because "
        f"something changed: {'; '.join(said[:_MOST_CHANGES])}{more}. Undo the change to go on, give --force to "
        "drop what was finished and start anew, or give the experiment another name."
    )


# --- The state, and its end ---------------------------------------------------------------------------


def read_state(folder: Path) -> State | None:
    """Return the state of the work in a folder; nothing where there is none, or it cannot be read."""
    try:
        return State(**json.loads((folder / _STATE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _write_state(folder: Path, state: State) -> None:
    path = folder / _STATE
    try:
        with whole_file(path) as partial:
            partial.write_text(json.dumps(asdict(state), indent=1), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror or error}. Make room; the same command then goes on."
        ) from error


def _last(folder: Path) -> datetime:
    """Return when the last piece was written; now where there is none."""
    try:
        return datetime.fromtimestamp((folder / _JOURNAL).stat().st_mtime).astimezone()
    except OSError:
        return datetime.now().astimezone()


def _leave(folder: Path, status: str, reason: str) -> list[str]:
    """Say how the work ended, and return what is kept of it; where nothing was finished, leave nothing."""
    try:
        keys = keys_of(folder / _JOURNAL)
    except OSError:
        return []  # what cannot be read now may be there all the same
    if not keys:
        _remove(folder)
        return []
    state = read_state(folder)
    # The error that ended the work counts more than one in writing it down: a full disk is both.
    with suppress(ConfigurationError):
        if state is not None:
            _write_state(folder, replace(state, status=status, reason=reason))
    return keys


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _remove(folder: Path) -> None:
    """Remove the pieces, and first of all what lets a run be replaced."""
    (folder / _STATE).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _sweep(before: State | None, name: str, outputs: Sequence[Path]) -> None:
    """Remove what the process that was killed at this work was writing; of no other process anything."""
    process = Process.read(before.process) if before is not None else None
    if process is None or not is_gone(process):
        return
    for output in outputs:
        shutil.rmtree(output / f".{name}.{process.pid}.part", ignore_errors=True)
