"""Read MAF files - and tables shaped like MAF - into the calls table."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO, cast
from zipfile import BadZipFile

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from trastuz_ml.calls.effects import effect_of_maf_class
from trastuz_ml.errors import InputError
from trastuz_ml.schema import CALLS, conform

# Header words seen in the field for each column of the calls table; the first one present is taken.
HEADER_WORDS: dict[str, tuple[str, ...]] = {
    "patient": ("Tumor_Sample_Barcode", "Donor.ID", "Patient", "Patient_ID", "Sample", "Sample_ID"),
    "gene": ("Hugo_Symbol", "Gene", "Symbol", "Gene_Symbol"),
    "consequence": ("Variant_Classification", "MAF_Variant"),
    "chrom": ("Chromosome", "Chr", "Chrom"),
    "pos": ("Start_Position", "Start", "Pos", "Position"),
    "ref": ("Reference_Allele", "Ref_Allele", "Ref"),
    "alt": ("Tumor_Seq_Allele2", "Tumor_Alt_Allele", "Alt_Allele", "Alt"),
    "vaf": ("tumour.vaf", "tumor_vaf", "t_vaf", "i_tumor_f", "vaf"),
    "depth": ("t_depth", "tumour.depth", "tumor_depth"),
    "filter": ("FILTER",),
    "hgvsc": ("HGVSc", "cDNA_Change"),
    "hgvsp": ("HGVSp_Short", "HGVSp", "Protein_Change"),
    "sift": ("SIFT",),
    "polyphen": ("PolyPhen",),
}
_NEEDED = ("patient", "gene", "consequence")
_MISSING = {"", "NA", "N/A", "NaN", "nan", "null", "."}
_NO_GENE = {"Unknown", "?"}


def read_maf(path: str | Path, *, columns: Mapping[str, str] | None = None, sheet: str | int = 0) -> pd.DataFrame:
    r"""Read a MAF file, or a tab-separated table like one, into the calls table.

    Parameters
    ----------
    path : path
        The file; ``.gz`` is read as it is, ``.xlsx`` as a workbook. Lines that begin with ``#`` before the
        header are skipped.
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
    path = Path(path)
    if path.suffix.lower() in {".xlsx", ".xlsm"}:
        header_line, raw = 0, _read_workbook(path, sheet)
    else:
        header_line, header = _find_header(path)
        raw = _read_text_table(path, header_line, header)
    named = _name_columns(raw, path, dict(columns or {}))
    first_line = header_line + 2
    calls = pd.DataFrame({name: named[name].str.strip() for name in named.columns})
    calls = calls.mask(calls.isin(_MISSING))
    _refuse_blank(calls, "patient", path, first_line)
    _refuse_blank(calls, "consequence", path, first_line)
    calls["gene"] = calls["gene"].mask(calls["gene"].isin(_NO_GENE))
    calls["effect"] = _effects(calls["consequence"], path, first_line)
    for name in ("pos", "depth", "vaf"):
        if name in calls:
            calls[name] = _numbers(calls[name], name, path, first_line)
    if "vaf" not in calls and "depth" in calls and "t_alt_count" in set(raw.columns.str.casefold()):
        calls["vaf"] = _vaf_from_counts(raw, calls["depth"])
    if "chrom" in calls:
        calls["chrom"] = calls["chrom"].str.replace(r"^chr", "", regex=True, flags=re.IGNORECASE)
    return conform(calls, CALLS)


def says_simulated(path: str | Path) -> bool:
    """Return whether the comment lines before a MAF's header say that its patients are simulated."""
    path = Path(path)
    if path.suffix.lower() in {".xlsx", ".xlsm"}:
        return False
    with _open(path) as lines:
        return any(b"SIMULATED" in line for line in takewhile(lambda line: line.startswith(b"#"), lines))


def _open(path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _find_header(path: Path) -> tuple[int, list[str]]:
    """Return how many comment lines stand before the header, and the header's words."""
    try:
        with _open(path) as lines:
            for count, line in enumerate(lines):
                if not line.startswith(b"#"):
                    words = line.decode("utf-8-sig").rstrip("\r\n").split("\t")
                    return count, words
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}; check the path of the calls.") from error
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error
    raise InputError(f"{path} is empty: expected a header line and one line for each call.")


def _read_text_table(path: Path, header_line: int, header: list[str]) -> pd.DataFrame:
    repeated = sorted({word for word in header if header.count(word) > 1})
    if repeated:
        raise InputError(
            f"{path}, line {header_line + 1}: the column {repeated[0]!r} appears twice in the header."
        )
    try:
        with _open(path) as opened:
            table = csv.read_csv(
                opened,
                csv.ReadOptions(skip_rows=header_line),
                csv.ParseOptions(delimiter="\t", quote_char=False),
                csv.ConvertOptions(column_types=dict.fromkeys(header, pa.string())),
            )
    except pa.ArrowInvalid as error:
        raise InputError(
            _ragged_line(path, header_line, len(header)) or f"{path} is not text: {error}."
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read to its end: {error}. Is the file cut off?") from error
    if table.num_rows == 0:
        raise InputError(f"{path} has a header but no calls: expected one line for each call.")
    return table.to_pandas()


def _ragged_line(path: Path, header_line: int, fields: int) -> str:
    """Return a message about the first line with another number of fields, or nothing when there is none."""
    with _open(path) as lines:
        for number, line in enumerate(lines, start=1):
            found = line.count(b"\t") + 1
            if number > header_line + 1 and line.strip(b"\r\n") and found != fields:
                return (
                    f"{path}, line {number}: {found} fields, but the header has {fields}. Expected a "
                    "tab-separated table; is the file cut off?"
                )
    return ""


def _read_workbook(path: Path, sheet: str | int) -> pd.DataFrame:
    try:
        raw = pd.read_excel(path, sheet_name=sheet, dtype=str, keep_default_na=False)
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}; check the path of the calls.") from error
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise InputError(f"{path}, sheet {sheet}, cannot be read as a workbook: {error}.") from error
    if raw.empty:
        raise InputError(f"{path}, sheet {sheet}, holds no calls: expected a header and one row for each call.")
    return raw.astype("str")


def _name_columns(raw: pd.DataFrame, path: Path, chosen: dict[str, str]) -> pd.DataFrame:
    if len(raw.columns) == 1:
        raise InputError(
            f"{path}: expected columns separated by tabs, found one column, '{str(raw.columns[0])[:80]}'. "
            "Save it with tabs."
        )
    by_folded = {str(word).strip().casefold(): word for word in raw.columns}
    found: dict[str, str] = {}
    for name, usual in HEADER_WORDS.items():
        words = (chosen[name],) if name in chosen else usual
        match = next((by_folded[w.casefold()] for w in words if w.casefold() in by_folded), None)
        if match is not None:
            found[name] = match
        elif name in chosen or name in _NEEDED:
            raise InputError(
                f"{path}: no column for '{name}'; expected {' or '.join(words)}, found "
                f"{', '.join(map(str, raw.columns[:12]))}. Name it under calls: columns: in the experiment."
            )
    return raw[list(found.values())].set_axis(list(found), axis=1)


def _refuse_blank(calls: pd.DataFrame, name: str, path: Path, first_line: int) -> None:
    blank = calls[name].isna()
    if blank.any():
        line = int(np.flatnonzero(blank)[0]) + first_line
        raise InputError(f"{path}, line {line}: the {name} is empty; every call needs one.")


def _effects(words: pd.Series, path: Path, first_line: int) -> pd.Series:
    effects: dict[str, str] = {}
    for word in words.unique():
        try:
            effects[word] = effect_of_maf_class(word)
        except InputError as error:
            line = int(np.flatnonzero(words == word)[0]) + first_line
            raise InputError(f"{path}, line {line}: {error}") from error
    return words.map(effects)


def _numbers(texts: pd.Series, name: str, path: Path, first_line: int) -> pd.Series:
    numbers = pd.to_numeric(texts.str.replace(",", ".", regex=False), errors="coerce")
    bad = numbers.isna() & texts.notna()
    if name != "vaf":
        bad |= numbers.notna() & (numbers % 1 != 0)
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise InputError(f"{path}, line {at + first_line}: {name} must be a number, found '{texts.iloc[at]}'.")
    return numbers


def _vaf_from_counts(raw: pd.DataFrame, depth: pd.Series) -> pd.Series:
    by_folded = {str(word).casefold(): word for word in raw.columns}
    alt = pd.to_numeric(raw[by_folded["t_alt_count"]], errors="coerce")
    return (alt / depth.where(depth > 0)).astype("float64")
