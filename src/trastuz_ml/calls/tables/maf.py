"""Read MAF files - and tables shaped like MAF - into the calls table."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import pandas as pd
import pyarrow as pa

from trastuz_ml.calls.genome_build import build_of_word
from trastuz_ml.calls.reading import Filters, ReadFile, Reading
from trastuz_ml.calls.tables.header_words import ENTREZ, Layout, find_columns, needed_columns, require_columns
from trastuz_ml.calls.tables.joined import Joined
from trastuz_ml.calls.tables.rows import Calls, calls_of_rows, column_types, effect_of_word
from trastuz_ml.calls.tables.study_folder import mutation_files as mutation_files
from trastuz_ml.calls.tables.text_lines import lacks_last_line_end
from trastuz_ml.calls.tables.text_table import WORDS, LineError, RowError, Rows, open_text_table, parse_block
from trastuz_ml.calls.tables.workbook import is_workbook, read_sheet
from trastuz_ml.errors import InputError
from trastuz_ml.findings import Finding

# Blocks of lines are parsed outside Python's lock: more threads than two wait for the one that reads.
_THREADS = min(2, os.cpu_count() or 1)
Entrez = Callable[[], pa.Array]
_PACKED = re.compile(r"\.(gz|bgz|bz2|xz)$", re.IGNORECASE)
_OF_ANNOVAR = re.compile(r"[._](hg\d+|grch\d+)[._]multianno$", re.IGNORECASE)


def read_maf(path: str | Path, *, columns: Mapping[str, str] | None = None, sheet: str | int = 0) -> pd.DataFrame:
    r"""Read a MAF file, or a table like one, into the calls table, whatever its callers filtered out.

    Gene names are as the file has them; :func:`trastuz_ml.calls.read.read_calls` brings them up to date and
    applies filters.

    Parameters
    ----------
    path : path
        The file: text, packed or not, or an ``.xlsx`` workbook. Lines that begin with ``#`` above the header
        are skipped.
    columns : mapping, optional
        Column of the calls table -> header word of the file, where the usual words do not hold.
    sheet : str or int
        Sheet of a workbook.

    Returns
    -------
    pandas.DataFrame
        The calls table of :data:`trastuz_ml.schema.CALLS`, one row a line of the file.

    Raises
    ------
    InputError
        If the file is missing, empty, ragged or not a table, lacks a needed column, or holds a value
        that cannot be read; the message gives the line.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     maf = Path(folder, "calls.maf")
    ...     _ = maf.write_text(
    ...         "Hugo_Symbol\tTumor_Sample_Barcode\tVariant_Classification\n"
    ...         "ANKRD44\tP1\tNonsense_Mutation\n")
    ...     read_maf(maf)[["patient", "gene", "effect"]].values.tolist()
    [['P1', 'ANKRD44', 'truncating']]
    """
    reading = Reading(columns=dict(columns or {}), sheet=sheet, filters=Filters(words=None))
    return read_table_of_calls(Path(path), reading).calls


def read_table_of_calls(path: Path, reading: Reading) -> ReadFile:
    """Read a table of calls - MAF in one of its dialects, ANNOVAR's, or one whose columns are named - as it is.

    Text flows through in blocks, and only columns that are wanted, or that a filter looks at, are converted.

    Parameters
    ----------
    path : pathlib.Path
        Text, packed or not, or a workbook.
    reading : Reading
        The settings. ``patient_from`` decides where no column names the patient: ``file`` takes the file's
        name, and ``auto`` does so for ANNOVAR's tables, which seldom have that column.

    Returns
    -------
    ReadFile
        One row a line of the file; in ANNOVAR's tables, one row a gene of a line.

    Raises
    ------
    InputError
        If the file is missing, empty, ragged or not a table, lacks a needed column, holds a value that cannot
        be read, or names two genome builds; the message gives the line.
    """
    [whole] = read_table_in_blocks(path, reading, rows=None)
    return whole


def read_table_in_blocks(path: Path, reading: Reading, *, rows: int | None) -> Iterator[ReadFile]:
    """Read a table of calls some rows at a time: memory does not grow with the file.

    Parameters
    ----------
    path, reading
        As in :func:`read_table_of_calls`.
    rows : int, optional
        Rows of a block, or a few more; all when absent.

    Yields
    ------
    ReadFile
        The calls of the next rows. What was noticed, and the build, come with the last.

    Raises
    ------
    InputError
        As :func:`read_table_of_calls`; blocks before the line in question have been given by then.
    """
    table = (_open_workbook if is_workbook(path) else _open_text)(path, reading)
    line, not_utf8, joined = table.line + 1, None, Joined(path.name)
    builds: frozenset[str] = frozenset()
    for done in _in_order(table.parts):
        try:
            part = done.result()
        except LineError as error:
            raise InputError(f"{path}, line {line + error.line}: {error}") from error
        if not_utf8 is None and part.not_utf8 is not None:
            not_utf8 = line + part.not_utf8
        if rows is not None and joined.height >= rows:
            yield ReadFile(*joined.tables(complete=reading.wanted is None), simulated=table.simulated)
            builds, joined = builds | joined.builds, Joined(path.name)
        joined.add(part.calls)
        line += part.line_count
    build = _one_build(path, builds | joined.builds)
    calls, dropped = joined.tables(complete=reading.wanted is None)
    yield ReadFile(calls, dropped, tuple(_findings(path, table, not_utf8)), build, table.simulated)


@dataclass(frozen=True)
class _Part:
    """What one block of lines gives; ``not_utf8`` is its first line in another code."""

    calls: Calls
    line_count: int
    not_utf8: int | None


@dataclass(frozen=True)
class _Opened:
    """An opened table: line of its header, what is to be done for each block, and what its head says."""

    line: int
    parts: Iterator[Callable[[], _Part]]
    simulated: bool
    patient: str | None


def _open_text(path: Path, reading: Reading) -> _Opened:
    table = open_text_table(path, partial(_is_header, reading), partial(_fits, reading))
    whole = require_columns(path, table.words, reading)
    layout, patient = needed_columns(whole, reading), _patient_of_file(path, whole)
    types = column_types(layout)

    def part(block: bytes, *, with_care: bool = False) -> _Part:
        parse = partial(parse_block, block, table, with_care=with_care)
        ids = whole.places.get(ENTREZ)
        entrez = None if ids is None else lambda: parse({ids: WORDS}).columns[ids]
        rows = parse(types)
        try:
            return _part(rows, layout, reading, path.name, patient, entrez)
        except LineError:
            if rows.lines is not None:
                raise
            # A blank line looks like a row without values: only reading with care tells them apart.
            return part(block, with_care=True)

    return _Opened(table.line, (partial(part, block) for block in table.blocks), table.simulated, patient)


def _open_workbook(path: Path, reading: Reading) -> _Opened:
    words, line, batches = read_sheet(path, reading.sheet, partial(_is_header, reading))
    whole = require_columns(path, words, reading)
    layout, patient = needed_columns(whole, reading), _patient_of_file(path, whole)

    def part(rows: Rows) -> _Part:
        ids = whole.places.get(ENTREZ)
        entrez = None if ids is None else lambda: rows.columns[ids]
        return _part(rows, layout, reading, path.name, patient, entrez)

    first = next(batches, None)
    if first is None:
        raise InputError(
            f"{path}, sheet {reading.sheet}, holds no calls: expected a header and one row for each call."
        )
    return _Opened(
        line, (partial(part, rows) for rows in chain([first], batches)), simulated=False, patient=patient
    )


def _part(
    rows: Rows, layout: Layout, reading: Reading, file: str, patient: str | None, entrez: Entrez | None
) -> _Part:
    try:
        calls = calls_of_rows(rows, layout, reading, file, patient or "", entrez)
    except RowError as error:
        raise LineError(rows.line_of(error.row), str(error)) from error
    return _Part(calls, rows.line_count, rows.not_utf8)


def _in_order(parts: Iterable[Callable[[], _Part]]) -> Iterator[Future[_Part]]:
    """Do what is to be done on a few threads, and yield the results in order; few blocks are held at a time."""
    with ThreadPoolExecutor(_THREADS) as pool:
        waiting: deque[Future[_Part]] = deque()
        try:
            for part in parts:
                waiting.append(pool.submit(part))
                if len(waiting) > _THREADS + 1:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:
            pool.shutdown(cancel_futures=True)


def _is_header(reading: Reading, words: Sequence[str]) -> bool:
    return not find_columns(words, reading)[1]


def _fits(reading: Reading, words: Sequence[str], fields: Sequence[str]) -> bool:
    place = find_columns(words, reading)[0].places.get("consequence")
    try:
        return place is not None and bool(effect_of_word(fields[place].strip().strip('"')))
    except InputError:
        return False


def _patient_of_file(path: Path, layout: Layout) -> str | None:
    """Return who the calls are of by the file's name, where no column says so."""
    if "patient" in layout.places:
        return None
    name = _PACKED.sub("", path.name)
    return _OF_ANNOVAR.sub("", Path(name).stem)


def _findings(path: Path, table: _Opened, not_utf8: int | None) -> Iterator[Finding]:
    if table.patient is not None:
        message = "no column names the patient: the name of the file does"
        yield Finding("note", "patient-named-by-file", message, patient=table.patient, where=path.name)
    if not_utf8 is not None:
        message = "text that is not UTF-8, read as Western European (Windows-1252); save it as UTF-8"
        yield Finding("note", "not-utf-8", message, where=f"{path.name}, line {not_utf8}")
    if not is_workbook(path) and lacks_last_line_end(path):
        message = "files end within a line; make sure that they were not cut off"
        yield Finding("note", "no-final-newline", message, where=path.name)


def _one_build(path: Path, words: frozenset[str]) -> str | None:
    """Return the genome build that the rows name, or that ANNOVAR wrote into the file's name."""
    named = _OF_ANNOVAR.search(Path(_PACKED.sub("", path.name)).stem) if not words else None
    builds = {word: build_of_word(word) for word in (words or ({named[1]} if named else set()))}
    foreign = sorted(word for word, build in builds.items() if build is None)
    if foreign:
        raise InputError(
            f"{path}: the genome build is '{foreign[0]}'; expected one of human: GRCh37 (hg19) or GRCh38 (hg38)."
        )
    distinct = sorted({build for build in builds.values() if build is not None})
    if len(distinct) > 1:
        raise InputError(
            f"{path}: rows of two genome builds, {' and '.join(distinct)}. Positions mean different places in "
            "them; lift the rows of one build over first."
        )
    return next(iter(distinct), None)
