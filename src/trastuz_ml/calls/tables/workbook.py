"""Read a sheet of a workbook as a table of texts, row by row."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pyarrow as pa

from trastuz_ml.calls.tables.text_table import Rows
from trastuz_ml.errors import InputError

_ROWS_AT_A_TIME, _CELLS_AT_A_TIME = 50_000, 2_000_000
# The last row that a sheet can have, by Excel's own limit.
_LAST_ROW = 1_048_576
# Title lines above a header: no sheet seen has more.
_TITLE_LINES = 50

# openpyxl lets whatever a damaged part of the archive raises through.
_DAMAGED = (
    OSError, EOFError, ValueError, KeyError, IndexError, TypeError, AttributeError, SyntaxError, zlib.error,
    BadZipFile,
)  # fmt: skip

Cells = tuple[object, ...]


def is_workbook(path: Path) -> bool:
    """Return whether a file is named as a workbook."""
    return path.suffix.lower() in {".xlsx", ".xlsm"}


def read_sheet(
    path: Path, sheet: str | int, knows: Callable[[Sequence[str]], bool]
) -> tuple[tuple[str, ...], int, Iterator[Rows]]:
    """Read a sheet of a workbook; dates become ISO texts, and rows without any value are passed over.

    Parameters
    ----------
    path : pathlib.Path
        The workbook.
    sheet : str or int
        Its name, or its place from 0.
    knows : callable
        Whether words are a header of the wanted kind; title lines above it are passed over.

    Returns
    -------
    words : tuple of str
        The header.
    line : int
        Its row in the sheet, from 1.
    rows : iterator of Rows
        All columns, as texts; ``lines`` counts from the row below the header.

    Raises
    ------
    InputError
        If it is no workbook, has no such sheet, or the sheet has no rows below a header.
    """
    cells = _filled_rows(path, sheet)
    above = []
    for line, row in cells:
        words = tuple(_text(cell) or "" for cell in row)
        if knows(words):
            return words, line, _batches(cells, line, len(words))
        above.append((line, words))
        if len(above) == _TITLE_LINES:
            break
    if not above:
        raise InputError(f"{path}, sheet {sheet}, holds no calls: expected a header and one row for each call.")
    line, words = above[0]
    return words, line, iter(())


def _filled_rows(path: Path, sheet: str | int) -> Iterator[tuple[int, Cells]]:
    """Yield the rows that hold a value, with their place in the sheet."""
    import openpyxl  # reading text needs no workbooks

    try:
        with path.open("rb") as file:
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            chosen = book.worksheets[sheet] if isinstance(sheet, int) else book[sheet]
            chosen.reset_dimensions()  # what the sheet says of its size may be wrong, and would cut it off
            for line, row in enumerate(chosen.iter_rows(values_only=True), start=1):
                _refuse_row(path, sheet, line)
                if any(cell is not None and cell != "" for cell in row):
                    yield line, row
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}; check the path of the calls.") from error
    except InputError:
        raise
    except _DAMAGED as error:
        said = f"it has no such sheet: {error}" if isinstance(error, (KeyError, IndexError)) else str(error)
        raise InputError(f"{path}, sheet {sheet}, cannot be read as a workbook: {said}.") from error


def _refuse_row(path: Path, sheet: str | int, line: int) -> None:
    if line > _LAST_ROW:
        raise InputError(f"{path}, sheet {sheet}, has rows beyond {_LAST_ROW:,}, which no sheet has.")


def _batches(cells: Iterator[tuple[int, Cells]], header_line: int, width: int) -> Iterator[Rows]:
    lines: list[int] = []
    rows: list[Cells] = []
    done = 0
    for line, row in cells:
        lines.append(line - header_line - 1 - done)
        rows.append((*row, *[None] * (width - len(row)))[:width])
        if len(rows) == _ROWS_AT_A_TIME or len(rows) * width >= _CELLS_AT_A_TIME:
            yield _as_rows(rows, lines)
            done, lines, rows = line - header_line, [], []
    if rows:
        yield _as_rows(rows, lines)


def _as_rows(rows: list[Cells], lines: list[int]) -> Rows:
    columns = {
        place: pa.array([_text(cell) for cell in column], pa.string())
        for place, column in enumerate(zip(*rows, strict=True))
    }
    return Rows(columns, len(rows), lines[-1] + 1, np.array(lines, dtype=np.int64))


def _text(cell: object) -> str | None:
    if isinstance(cell, str) or cell is None:
        return cell
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ")
    return cell.isoformat() if isinstance(cell, date) else str(cell)
