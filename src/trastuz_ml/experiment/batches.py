"""Predictions for cohorts of any size: in parts of the roster, each kept when it is done, joined at the end."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from trastuz_ml.calls.reading import Reading
from trastuz_ml.errors import InputError, OutputExistsError
from trastuz_ml.experiment.given_calls import FileTold, GivenFile, gene_names, given_files, read_given
from trastuz_ml.experiment.interruption import noted_signals
from trastuz_ml.experiment.named_files import matching_files
from trastuz_ml.experiment.new_patients import in_rows, roster_alone
from trastuz_ml.experiment.new_roster import NewRoster, read_new_roster
from trastuz_ml.experiment.parts import (
    Asked,
    Setting,
    joined_findings,
    no_calls,
    predict_part,
    reading_of_model,
    require_calls_as_trained,
    setting_of,
    split_calls,
)
from trastuz_ml.experiment.piece_files import read_pieces_of_calls, write_calls, write_output, write_piece
from trastuz_ml.experiment.stages import PREDICTING, READING_CALLS, Progress
from trastuz_ml.experiment.unfinished_batch import (
    JOINED,
    calls_folder,
    clear,
    difference,
    identity_of,
    is_whole,
    parts_folder,
    tidy_up,
)
from trastuz_ml.experiment.whose_calls import judge_files
from trastuz_ml.findings import Finding, findings_table
from trastuz_ml.schema import CALLS, join_tables
from trastuz_ml.store.bundle import ModelBundle
from trastuz_ml.store.journal import Journal, open_journal

PART_SIZE = 5_000
# Calls files that together have more bytes than this are not held in memory.
_LARGE = 256 << 20
# VCF files that are read before what they held is kept, and their bytes.
_FILES_A_TURN, _BYTES_A_TURN = 64, 512 << 20
# Calls that wait in memory before they are written to their parts.
_CALLS_WAITING = 2_000_000
# Starting processes takes about as long as predicting so many parts.
_WORTH_PROCESSES = 10


@dataclass(frozen=True, eq=False)
class Predicted:
    """What came of a batch.

    Attributes
    ----------
    out : Path
        The predictions.
    patients : int
        Rows of the roster, and of the output.
    refused : int
        Rows without a prediction.
    findings : pandas.DataFrame
        What was noticed: :data:`trastuz_ml.schema.FINDINGS`.
    continued : int
        Parts that an earlier, interrupted command had finished.
    """

    out: Path
    patients: int
    refused: int
    findings: pd.DataFrame
    continued: int = 0


def predict_to_file(
    bundle: ModelBundle,
    calls: Sequence[str | Path],
    patients: str | Path,
    out: Path,
    *,
    asked: Asked | None = None,
    part_size: int = PART_SIZE,
    workers: int = 1,
    force: bool = False,
    progress: Progress | None = None,
) -> Predicted:
    """Predict the patients of a roster, however many, and write a row for each.

    Up to ``part_size`` patients with files of moderate size are predicted in memory. Otherwise calls are split by
    parts of the roster into a folder ``.NAME.parts`` beside the output, and each part is predicted and kept. When
    the work is interrupted, the same call continues it; the folder is removed at the end. The output's bytes are
    the same for any size of parts, any number of workers and any interruption.

    Parameters
    ----------
    bundle, calls, patients
        As in :func:`trastuz_ml.experiment.new_patients.predict_files`.
    out : Path
        The predictions, ``.csv`` or ``.parquet``; written whole or not at all.
    asked : Asked, optional
        The assay, the tumour's column, how many contributions.
    part_size : int
        Patients of a part.
    workers : int
        Processes.
    force : bool
        Replace ``out``, and unfinished work of other inputs.
    progress : callable, optional
        Called with (what is being done, steps done, steps in all).

    Raises
    ------
    TrastuzError
        As :func:`trastuz_ml.experiment.new_patients.predict_files`; and if there is unfinished work of other
        inputs, or another process is at work on it. Then nothing is written.
    """
    asked = asked or Asked()
    tell = progress or (lambda *_: None)
    require_calls_as_trained(bundle, calls, asked)
    with _prepared(bundle, [str(path) for path in calls], Path(patients), asked) as prepared:
        work = _Work(bundle, prepared, out, part_size, workers, tell)
        large = sum(file.size for file in prepared.files) > _LARGE
        if len(prepared.roster.rows) <= part_size and not large and not parts_folder(out).exists():
            return work.in_memory()
        return work.in_parts(Path(patients), force=force)


@dataclass(frozen=True, eq=False)
class _Prepared:
    """Roster and files, found but not read; no reading where the model reads no calls."""

    files: Sequence[GivenFile]
    reading: Reading | None
    roster: NewRoster
    setting: Setting


@contextmanager
def _prepared(bundle: ModelBundle, calls: Sequence[str], patients: Path, asked: Asked) -> Iterator[_Prepared]:
    if not calls:
        yield _Prepared((), None, roster_alone(bundle, patients), Setting(asked, (), None))
        return
    with reading_of_model(bundle, asked.tumor) as reading, given_files(matching_files(Path(), calls)) as files:
        setting = setting_of(bundle, asked, reading.symbols)
        by_column = asked.covered is None
        roster = read_new_roster(
            patients, bundle.card["inputs"], bundle.covariates, setting.assays, by_column=by_column
        )
        yield _Prepared(files, reading, roster, setting)


@dataclass(frozen=True, eq=False)
class _Work:
    """A batch: what is predicted, from what, and how."""

    bundle: ModelBundle
    given: _Prepared
    out: Path
    part_size: int
    workers: int
    tell: Progress

    # ---- All in memory -----------------------------------------------------------------------------------

    def in_memory(self) -> Predicted:
        roster, kept, told = self.given.roster, list[pd.DataFrame](), list[FileTold]()
        counts: list[Mapping[str, Any]] = []
        if self.given.reading is not None:
            self.tell(READING_CALLS, 0, len(self.given.files))
            for _, files in self._turns():
                read, count = self._read(files, lambda _, calls: kept.append(calls), whole=True)
                told += read
                counts.append(count)
        settled, refused, findings = self._judged(told, counts)
        self.tell(PREDICTING, 0, 1)
        calls = None if self.given.reading is None else _joined(kept)
        table, noticed = predict_part(self.bundle, calls, roster.patients, refused, settled)
        table = in_rows(table, roster.rows)
        write_output([table], self.out)
        return self._done(len(table), int((table["refusal"] != "").sum()), findings, [noticed])

    # ---- In parts ----------------------------------------------------------------------------------------

    def in_parts(self, patients: Path, *, force: bool) -> Predicted:
        folder = parts_folder(self.out)

        def other(before: Mapping[str, Any], records: int) -> None:
            if not force:
                raise OutputExistsError(
                    f"{folder} holds the unfinished work of another command, {records} pieces: "
                    f"{difference(before, work)}. Repeat that command to finish it, or give --force to begin "
                    "anew."
                )
            clear(folder)

        work = identity_of(
            self.bundle, patients, self.given.setting.asked, self.given.files, ending=self.out.suffix.lower(),
            part_size=self.part_size,
        )  # fmt: skip
        with noted_signals(), open_journal(folder / "journal", work, other=other) as journal:
            try:
                done = self._with_journal(journal, folder)
            except InputError:
                shutil.rmtree(folder)  # what cannot be done at all leaves nothing to be continued
                raise
            tidy_up(folder)
        return done

    def _with_journal(self, journal: Journal, folder: Path) -> Predicted:
        known = {record.key: record.value for record in journal.records if is_whole(record, folder)}
        told, counts, pieces = self._split(journal, known, folder)
        settled, refused, findings = self._judged(told, counts)
        numbers = range(self._parts)
        before = sum(f"part {number}" in known for number in numbers)
        self.tell(PREDICTING, before, self._parts)
        for number, result in self._predicted(numbers, known, pieces, settled, refused, folder):
            journal.append(f"part {number}", result)
            known[f"part {number}"] = result
            self.tell(PREDICTING, sum(f"part {n}" in known for n in numbers), self._parts)
        results = [known[f"part {number}"] for number in numbers]
        self.tell("writing", 0, 1)
        write_output([folder / result["piece"] for result in results], self.out, mark=folder / JOINED)
        noticed = [[Finding(**found) for found in result["findings"]] for result in results]
        rows, without = (sum(result[name] for result in results) for name in ("rows", "refused"))
        return replace(self._done(rows, without, findings, noticed), continued=before)

    def _split(
        self, journal: Journal, known: dict[str, Any], folder: Path
    ) -> tuple[list[FileTold], list[Mapping[str, Any]], dict[int, list[tuple[Path, str]]]]:
        """Read the files and put the calls where their patients are; what was read before is not read again."""
        told, counts = list[FileTold](), list[Mapping[str, Any]]()
        pieces: dict[int, list[tuple[Path, str]]] = {}
        turns = list(self._turns()) if self.given.reading is not None else []
        for turn, files in turns:
            key = f"read {turn}"
            if key not in known:
                known[key] = self._read_to_disk(files, folder / calls_folder(turn))
                journal.append(key, known[key])
            kept = known[key]
            told += [FileTold.from_json(one) for one in kept["told"]]
            counts.append(kept["names"])
            for number, name, digest in kept["pieces"]:
                pieces.setdefault(number, []).append((folder / calls_folder(turn) / name, digest))
        return told, counts, pieces

    def _read_to_disk(self, files: Sequence[GivenFile], folder: Path) -> dict[str, Any]:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        waiting: dict[int, list[pd.DataFrame]] = {}
        pieces: list[list[Any]] = []

        def flush() -> None:
            for number in sorted(waiting):
                name = f"{number:06d}-{len(pieces):06d}.arrow"
                pieces.append([number, name, write_calls(waiting[number], folder / name)])
            waiting.clear()

        def take(number: int, calls: pd.DataFrame) -> None:
            waiting.setdefault(number, []).append(calls)
            if sum(len(some) for those in waiting.values() for some in those) > _CALLS_WAITING:
                flush()

        told, names = self._read(files, take)
        flush()
        return {"told": [one.as_json() for one in told], "names": names, "pieces": pieces}

    def _predicted(
        self, numbers: Sequence[int], known: Mapping[str, Any], pieces: Mapping[int, list[tuple[Path, str]]],
        setting: Setting, refused: Mapping[str, str], folder: Path,
    ) -> Iterator[tuple[int, dict[str, Any]]]:  # fmt: skip
        """Yield the parts that are not done, in order, as they are."""
        open_parts = [number for number in numbers if f"part {number}" not in known]
        roster = self.given.roster
        jobs: list[tuple[Any, ...]] = []
        for number in open_parts:
            rows = roster.rows[self._rows(number)]
            patients = roster.patients.loc[rows.unique()]
            own = {patient: refused[patient] for patient in patients.index if patient in refused}
            files = pieces.get(number, []) if self.given.reading is not None else None
            out = folder / f"part-{number:06d}{self.out.suffix.lower()}"
            jobs.append((self.bundle, files, patients, rows, own, setting, out))
        if self.workers < 2 or len(jobs) < _WORTH_PROCESSES:
            for number, job in zip(open_parts, jobs, strict=True):
                yield number, predict_to_piece(*job)
            return
        from joblib import Parallel, delayed

        results = Parallel(n_jobs=min(self.workers, len(jobs)), return_as="generator")(
            delayed(predict_to_piece)(*job) for job in jobs
        )
        yield from zip(open_parts, results, strict=True)

    # ---- Both --------------------------------------------------------------------------------------------

    @property
    def _parts(self) -> int:
        return max(-(-len(self.given.roster.rows) // self.part_size), 1)

    def _rows(self, number: int) -> slice:
        return slice(number * self.part_size, (number + 1) * self.part_size)

    def _turns(self) -> Iterator[tuple[int, list[GivenFile]]]:
        """Yield files that are read before what they held is kept."""
        turn, bytes_ = list[GivenFile](), 0
        number = 0
        for file in self.given.files:
            if turn and (len(turn) == _FILES_A_TURN or bytes_ + file.size > _BYTES_A_TURN):
                yield number, turn
                number, turn, bytes_ = number + 1, [], 0
            turn.append(file)
            bytes_ += file.size
        yield number, turn

    def _read(
        self, files: Sequence[GivenFile], take: Callable[[int, pd.DataFrame], None], *, whole: bool = False
    ) -> tuple[list[FileTold], dict[str, Any]]:
        reading, roster = self.given.reading, self.given.roster
        if reading is None:
            return [], {}
        names = gene_names(reading)
        size = len(roster.rows) if whole else self.part_size
        first = pd.Series(np.arange(len(roster.rows)) // max(size, 1), index=roster.rows)
        # Who stands twice is refused: which part has the calls does not matter.
        place_of = first[~first.index.duplicated()]
        done, seen = self.given.files.index(files[0]) if files else 0, [0]

        def take_in(calls: pd.DataFrame) -> None:
            for number, own in split_calls(calls, place_of, reading.wanted or frozenset()):
                take(number, own)
            if len(self.given.files) == 1:
                seen[0] += len(calls)
                self.tell(READING_CALLS, seen[0], 0)

        told = read_given(
            files, reading, names, take_in, workers=self.workers,
            tell=lambda count: self.tell(READING_CALLS, done + count, len(self.given.files)),
        )  # fmt: skip
        return told, names.counts()

    def _judged(
        self, told: Sequence[FileTold], counts: Sequence[Mapping[str, Any]]
    ) -> tuple[Setting, dict[str, str], list[Finding]]:
        roster, reading = self.given.roster, self.given.reading
        if reading is None:
            return self.given.setting, dict(roster.refused), list(roster.findings)
        names = gene_names(reading)
        for count in counts:
            names.add(count)
        verdict = judge_files(told, roster, self.bundle.build)
        noticed = joined_findings([file.findings for file in told])
        findings = [*noticed, *names.findings(), *verdict.findings, *roster.findings]
        return replace(self.given.setting, build=verdict.build), {**verdict.refused, **roster.refused}, findings

    def _done(
        self, rows: int, without: int, findings: Sequence[Finding], noticed: Sequence[Sequence[Finding]]
    ) -> Predicted:
        return Predicted(self.out, rows, without, findings_table([*findings, *joined_findings(noticed)]))


def predict_to_piece(
    bundle: ModelBundle, pieces: Sequence[tuple[Path, str]] | None, patients: pd.DataFrame, rows: pd.Index,
    refused: Mapping[str, str], setting: Setting, out: Path,
) -> dict[str, Any]:  # fmt: skip
    """Predict a part of the roster from its pieces of calls, keep it in a file, and say what it is."""
    calls = None if pieces is None else read_pieces_of_calls(pieces) if pieces else no_calls()
    table, findings = predict_part(bundle, calls, patients, refused, setting)
    table = in_rows(table, rows)
    digest = write_piece(table, out)
    without = int((table["refusal"] != "").sum())
    noticed = [asdict(found) for found in findings]
    return {"piece": out.name, "sha256": digest, "rows": len(table), "refused": without, "findings": noticed}


def _joined(kept: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return join_tables(kept, CALLS) if kept else no_calls()
