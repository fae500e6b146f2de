"""Read a table of texts - header line, separator, quotes, rows - into columns, with the line of every row."""

from __future__ import annotations

import csv as python_csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv

from trastuz_ml.calls.tables.text_lines import line_blocks
from trastuz_ml.errors import InputError

# Texts that stand for a value that is not there.
MISSING: tuple[str, ...] = (
    "", ".", "--", "NA", "N/A", "#N/A", "<NA>", "NaN", "nan", "None", "null", "NULL",
    "#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!",
)  # fmt: skip
WORDS = pa.dictionary(pa.int32(), pa.string())

# Bytes parsed together: what fills the processor's cache and no more. A line longer than this is read with care.
_AT_ONCE = 2 << 20
_SEPARATORS = ("\t", ",", ";")
_SAMPLE = 200
# A line of nothing else holds no row.
_BLANK = ' \t,;"'
_BLANK_LINES = (_BLANK + "\n").encode()
# Comments and blank lines above a header, and bytes of blank lines below it: no table has so many.
_MOST_LINES_ABOVE = 1_000_000
_MOST_BLANK_BELOW = 64 << 20


class RowError(Exception):
    """What is wrong with one row of a batch; the reader of the file adds the line."""

    def __init__(self, row: int, message: str) -> None:
        super().__init__(message)
        self.row = row


class LineError(Exception):
    """What is wrong with one line of a block; the reader of the file adds the line where the block begins."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Rows:
    """Some rows of a table: columns by their place in the header, and the line of each row in its block.

    ``lines`` is absent where every line is a row. ``not_utf8`` is the first line that is not UTF-8.
    """

    columns: Mapping[int, pa.Array]
    height: int
    line_count: int
    lines: npt.NDArray[np.int64] | None = None
    not_utf8: int | None = None

    def line_of(self, row: int) -> int:
        """Return the line of a row, from 0 within the block."""
        return row if self.lines is None else int(self.lines[row])


@dataclass(frozen=True)
class TextTable:
    """An opened table: its header and the blocks of lines below it.

    Attributes
    ----------
    words : tuple of str
        The header, one word a field of the rows.
    line : int
        Line of the header, from 1.
    separator : str
        What stands between fields.
    quoted : bool
        Whether fields may be in quotation marks that hold separators.
    simulated : bool
        Whether a comment above the header says SIMULATED.
    blocks : iterator of bytes
        The rows.
    """

    words: tuple[str, ...]
    line: int
    separator: str
    quoted: bool
    simulated: bool
    blocks: Iterator[bytes]


def open_text_table(
    path: Path, knows: Callable[[Sequence[str]], bool], fits: Callable[[Sequence[str], Sequence[str]], bool]
) -> TextTable:
    """Find the header of a table.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    knows : callable
        Whether words are a header of the wanted kind.
    fits : callable
        Whether header and fields of a row belong to each other: decides which column lacks its header cell.

    Raises
    ------
    InputError
        If there is no header, no row, or no text.
    """
    blocks = line_blocks(path)
    header = _find_header(path, blocks, knows)
    if header is None:
        raise InputError(f"{path} is empty: expected a header line and one line for each call.")
    line, raw, separator, simulated, below = header
    quoted = separator != "\t" or bool(re.search(r'(^|\t)"[^\t]*"(\t|$)', raw))
    words = tuple(word.strip() for word in _split(raw, separator, quoted=quoted))
    blocks = chain([below], blocks) if below else blocks
    first, sample = _first_rows(path, blocks)
    if not sample:
        raise InputError(f"{path} has a header but no calls: expected one line for each call.")
    rows = [_split(_text(row), separator, quoted=quoted) for row in sample]
    words = _one_word_a_field(words, rows, fits)
    return TextTable(words, line, separator, quoted, simulated, chain(first, blocks))


def _find_header(
    path: Path, blocks: Iterator[bytes], knows: Callable[[Sequence[str]], bool]
) -> tuple[int, str, str, bool, bytes] | None:
    """Return line, text, separator, whether comments say SIMULATED, and the bytes below the header."""
    number, simulated = 0, False
    comment: tuple[int, str] | None = None  # the last line that begins with #: it may be the header
    for block in blocks:
        start = 0
        while start < len(block):
            end = block.index(b"\n", start)
            line, begun, start = _text(block[start:end]), start, end + 1
            number += 1
            if number > _MOST_LINES_ABOVE:
                raise InputError(f"{path}: the first {_MOST_LINES_ABOVE:,} lines hold no header; it is no table.")
            if "\0" in line:
                raise InputError(f"{path}, line {number}, cannot be read: it holds a NUL byte; this is no text.")
            if line.startswith("#"):
                comment, simulated = (number, line.lstrip("#")), simulated or "SIMULATED" in line
            elif line.strip(_BLANK):
                separator = _separator(line, knows)
                above = comment and not separator and _separator(comment[1], knows)
                if comment and above:
                    return *comment, above, simulated, block[begun:]
                usual = max(_SEPARATORS, key=lambda s: (s == "\t" and s in line, line.count(s)))
                return number, line, separator or usual, simulated, block[start:]
    above = comment and _separator(comment[1], knows)
    return (*comment, above, simulated, b"") if comment and above else None


def _separator(line: str, knows: Callable[[Sequence[str]], bool]) -> str | None:
    """Return what separates the words of a line if that makes it a header."""
    return next((s for s in _SEPARATORS if s in line and knows(_split(line, s))), None)


def _text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")


def _split(line: str, separator: str, *, quoted: bool = True) -> list[str]:
    if quoted and '"' in line:
        return next(python_csv.reader([line], delimiter=separator), [])
    return line.split(separator)


def _first_rows(path: Path, blocks: Iterator[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Return the blocks up to the first row, and the first rows that are not blank."""
    taken: list[bytes] = []
    for block in blocks:
        taken.append(block)
        if sum(map(len, taken[:-1])) > _MOST_BLANK_BELOW:
            much = _MOST_BLANK_BELOW >> 20
            raise InputError(f"{path}: {much} MB of blank lines follow the header; it is no table.")
        lines = (
            block[: 1 << 20].split(b"\n")[:_SAMPLE] if len(block) < 1 << 20 else block.split(b"\n", _SAMPLE)[:-1]
        )
        rows = [line for line in lines if line.strip(_BLANK.encode())]
        if rows:
            return taken, rows
    return taken, []


def _one_word_a_field(
    words: tuple[str, ...], rows: list[list[str]], fits: Callable[[Sequence[str], Sequence[str]], bool]
) -> tuple[str, ...]:
    """Fit the header to rows with another number of fields, where that has an innocent reason."""
    width = len(rows[0])
    spare = width - len(words)
    if spare < 0:
        return words[:width] if not any(words[width:]) else words
    if spare and words[-1].casefold().startswith("otherinfo"):
        return (*words, *[""] * spare)  # ANNOVAR names the first of them only
    same = [row for row in rows if len(row) == width]
    to_the_right, to_the_left = (*words, *[""] * spare), ("", *words)
    if spare == 1 and sum(fits(to_the_left, row) for row in same) > sum(fits(to_the_right, row) for row in same):
        return to_the_left  # R writes row names without a header cell
    if spare and not any(field.strip() for row in same for field in row[len(words) :]):
        return to_the_right
    return words


def parse_block(
    block: bytes, table: TextTable, types: Mapping[int, pa.DataType], *, with_care: bool = False
) -> Rows:
    """Read the lines of a block into columns.

    A blank line comes as a row without values, unless the block is read with care: many times slower.

    Parameters
    ----------
    block : bytes
        Whole lines.
    table : TextTable
        The table that the block belongs to.
    types : mapping
        Place of a column in the header -> its type. A column of numbers in which one cannot be read
        comes as texts.
    with_care : bool
        Whether to look at each line.

    Raises
    ------
    LineError
        If a line has another number of fields than the header, an open quotation mark, or a NUL byte.
    """
    if b"\0" in block:
        raise LineError(block.count(b"\n", 0, block.index(b"\0")), "it holds a NUL byte; this is no text.")
    texts = {place: kind if kind == WORDS else pa.string() for place, kind in types.items()}
    # To strip a whole block is to copy it; most begin with a row.
    if not block[:_SAMPLE].strip(_BLANK_LINES) and not block.strip(_BLANK_LINES):
        return Rows({place: pa.array([], kind) for place, kind in texts.items()}, 0, block.count(b"\n"))
    attempts = () if with_care else (types, texts) if texts != types else (types,)
    for attempt in attempts:
        try:
            found = _parse(block, table, attempt)
        except pa.ArrowInvalid:
            continue
        if not table.quoted or found.num_rows == block.count(b"\n"):
            return Rows(_by_place(found, types), found.num_rows, found.num_rows)
    return _parse_with_care(block, table, texts)


def _parse(
    block: bytes, table: TextTable, types: Mapping[int, pa.DataType], *, at_once: int = _AT_ONCE
) -> pa.Table:
    names = [str(place) for place in range(len(table.words))]
    return csv.read_csv(
        pa.py_buffer(block),
        csv.ReadOptions(column_names=names, block_size=min(at_once, len(block) + 1), use_threads=False),
        csv.ParseOptions(
            delimiter=table.separator, quote_char='"' if table.quoted else False, ignore_empty_lines=False
        ),
        csv.ConvertOptions(
            include_columns=[str(place) for place in types],
            column_types={str(place): kind for place, kind in types.items()},
            null_values=list(MISSING),
        ),
    )


def _by_place(found: pa.Table, types: Mapping[int, pa.DataType]) -> dict[int, pa.Array]:
    return {place: found.column(str(place)).combine_chunks() for place in types}


def _parse_with_care(block: bytes, table: TextTable, types: Mapping[int, pa.DataType]) -> Rows:
    """Read a block that has blank lines or another code than UTF-8, or say which line is wrong and how."""
    not_utf8 = None
    try:
        block.decode()
    except UnicodeDecodeError as error:
        not_utf8 = block.count(b"\n", 0, error.start)
        block = block.decode("cp1252", errors="replace").encode()
    lines = block.split(b"\n")[:-1]
    kept = [number for number, line in enumerate(lines) if line.strip(_BLANK.encode())]
    for number in kept:
        _refuse_ragged(number, lines[number], table)
    if not kept:
        return Rows({place: pa.array([], kind) for place, kind in types.items()}, 0, len(lines), not_utf8=not_utf8)
    text = b"".join(lines[number] + b"\n" for number in kept)
    try:
        found = _parse(text, table, types, at_once=len(text) + 1)
    except pa.ArrowInvalid as error:
        raise LineError(0, f"the lines from here on are not a table: {error}") from error
    return Rows(_by_place(found, types), found.num_rows, len(lines), np.array(kept, dtype=np.int64), not_utf8)


def _refuse_ragged(number: int, line: bytes, table: TextTable) -> None:
    if table.quoted and line.count(b'"') % 2:
        raise LineError(
            number,
            "a quotation mark is not closed on its line; a field cannot hold a quotation mark or a line end.",
        )
    found = len(_split(_text(line), table.separator, quoted=table.quoted))
    if found != len(table.words):
        name = {"\t": "tab", ",": "comma", ";": "semicolon"}[table.separator]
        raise LineError(
            number,
            f"{found} fields, but the header has {len(table.words)}. Expected a {name}-separated table; "
            "is the file cut off?",
        )
