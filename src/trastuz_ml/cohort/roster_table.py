"""Read a table of patients as text: a text file, a workbook, a Parquet file, or a cBioPortal study."""

from __future__ import annotations

import codecs
import csv
import gzip
import zlib
from pathlib import Path
from zipfile import BadZipFile

import pandas as pd

from trastuz_ml.assays.portal_files import is_clinical_file, read_clinical
from trastuz_ml.cohort.cbioportal import is_study_folder, study_roster
from trastuz_ml.errors import InputError

# What a column of row names is called where its header cell is empty, or is not there at all.
ROW_NAMES = "row.names"
_SEPARATORS = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}
_TEXT_ENDINGS = {".csv": ",", ".tsv": "\t", ".txt": "\t", ".tab": "\t"}
_MISSING = {"", "NA", "N/A", "NaN", "nan", "null", "."}


def read_table(path: Path, sheet: str | int = 0) -> pd.DataFrame:
    """Read a TSV, CSV, Parquet or Excel file as text; missing words become missing values.

    A cBioPortal study folder gives one row a sample, its clinical file the rows below its ``#`` lines. A first
    column without a name, as R writes row names, is called ``row.names``.

    Raises
    ------
    InputError
        If the file is missing, empty, or cannot be read as what its ending says.
    """
    if not path.exists():
        raise InputError(f"There is no file {path}; check the path of the roster.")
    if is_study_folder(path):
        return study_roster(path)
    suffix = next((s.lower() for s in reversed(path.suffixes) if s.lower() != ".gz"), "")
    try:
        table = _read_as(suffix, path, sheet)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (EOFError, KeyError, ValueError, csv.Error, zlib.error, BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} cannot be read as {suffix}: {str(error).rstrip('.')}.") from error
    if table.empty:
        raise InputError(f"{path} has no rows: expected one row for each patient.")
    table = table.astype("str")
    table = table.apply(lambda column: column.str.strip())
    table = table.mask(table.isin(_MISSING))
    return _named(table)


def says_simulated(table: pd.DataFrame) -> bool:
    """Return whether a table says that its patients are invented, as the simulator's column ``source`` does.

    Examples
    --------
    >>> says_simulated(pd.DataFrame({"patient": ["SIM1"], "source": ["SIMULATED, seed 3"]}))
    True
    """
    return "source" in table and bool(table["source"].str.startswith("SIMULATED", na=False).any())


def _read_as(suffix: str, path: Path, sheet: str | int) -> pd.DataFrame:
    if suffix in _TEXT_ENDINGS and is_clinical_file(path):
        return read_clinical(path).reset_index(drop=True)
    if suffix in _TEXT_ENDINGS:
        return _read_text(path, _TEXT_ENDINGS[suffix])
    if suffix in {".xlsx", ".xlsm"}:
        return pd.read_excel(path, sheet_name=sheet, dtype=str, keep_default_na=False)
    if suffix in {".parquet", ".pq"}:
        return pd.read_parquet(path).reset_index(drop=True).map(_plain_text)
    raise InputError(f"{path}: expected a roster ending in .tsv, .csv, .txt, .parquet or .xlsx.")


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Name the column of row names, and leave out empty columns that a separator at the end of lines makes."""
    names = [str(name).strip() for name in table.columns]
    if names[0] in ("", "Unnamed: 0"):
        names[0] = ROW_NAMES
    named = table.set_axis(names, axis=1)
    nameless = [not name and bool(named.iloc[:, place].isna().all()) for place, name in enumerate(names)]
    return named.loc[:, [not out for out in nameless]]


def _read_text(path: Path, separator: str) -> pd.DataFrame:
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    with opener(path, "rb") as start:
        wide = start.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    try:
        return _read_rows(path, separator, "utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        # Every byte is a letter of Latin-1, the encoding of older spreadsheets.
        return _read_rows(path, separator, "latin-1")


def _read_rows(path: Path, separator: str, encoding: str) -> pd.DataFrame:
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    with opener(path, "rt", encoding=encoding, newline="") as text:
        rows = csv.reader(text, delimiter=separator, strict=True)
        header = next((row for row in rows if row), [])
        _refuse_other_separator(header, separator, path)
        body: list[list[str]] = []
        try:
            for row in filter(None, rows):
                if not body and len(row) == len(header) + 1:
                    header = [ROW_NAMES, *header]
                _refuse_ragged(row, header, f"{path}, line {rows.line_num}")
                body.append(row)
        except csv.Error as error:
            raise InputError(f"{path}, line {rows.line_num}: {error}. Is a quotation mark missing?") from error
    return pd.DataFrame(body, columns=pd.Index(header, dtype="str"), dtype="str")


def _refuse_ragged(row: list[str], header: list[str], where: str) -> None:
    if len(row) != len(header):
        raise InputError(
            f"{where}: {len(row)} fields, but the header has {len(header)}. Is the file cut off, or a separator "
            "missing or too many?"
        )


def _refuse_other_separator(header: list[str], separator: str, path: Path) -> None:
    if len(header) != 1:
        return
    for other, name in _SEPARATORS.items():
        if other in header[0]:
            raise InputError(
                f"{path}: expected fields separated by {_SEPARATORS[separator]}, found them separated by {name}. "
                "Save it as .tsv with tabs, or as .csv with commas."
            )


def _plain_text(value: object) -> str:
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
