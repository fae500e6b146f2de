"""Read the single files of cBioPortal: clinical tables, meta files, gene panels and the panel matrix."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pandas as pd

from trastuz_ml.calls.tables.numbered_lines import numbered_lines
from trastuz_ml.errors import InputError
from trastuz_ml.findings import name_some

PATIENT, SAMPLE = "PATIENT_ID", "SAMPLE_ID"
_KEY = re.compile(r"([a-z_]+)\s*:(?!//)\s*(.*)")
# The words that cBioPortal's studies hold for "missing", in small letters.
_MISSING = {
    "", ".", "na", "n/a", "nan", "null", "[not available]", "[not applicable]", "[not evaluated]", "[unknown]",
    "[pending]", "[discrepancy]", "[completed]", "[null]",
}  # fmt: skip


@dataclass(frozen=True)
class Attribute:
    """A clinical attribute as the header of its file describes it; empty texts where it does not."""

    name: str
    shown_as: str = ""
    description: str = ""
    datatype: str = ""


@dataclass(frozen=True)
class GenePanel:
    """A gene panel file: its identifier, its description and its genes."""

    stable_id: str
    description: str
    genes: frozenset[str]


def is_clinical_file(path: Path) -> bool:
    """Return whether a file is a clinical file: ``#`` lines, then a header with PATIENT_ID or SAMPLE_ID.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    first = [line for _, line in islice(numbered_lines(path, "the clinical file", errors="replace"), 20)]
    header = next((line for line in first if not line.startswith("#")), "")
    return first[:1] != [header] and bool({PATIENT, SAMPLE} & set(header.split("\t")))


def read_clinical(path: Path) -> pd.DataFrame:
    """Read a clinical file as text, passing over the ``#`` lines above its header.

    Returns
    -------
    pandas.DataFrame
        The columns of the header; missing words (``NA``, ``[Not Available]``) become missing values. The
        index holds the number of each row's line.

    Raises
    ------
    InputError
        If a line has too few or too many fields, a column appears twice, or there is no row.
    """
    header: list[str] = []
    rows: dict[int, list[str]] = {}
    for number, line in numbered_lines(path, "the clinical file"):
        fields = [field.strip() for field in line.split("\t")]
        if not line.strip() or (line.startswith("#") and not header):
            continue
        if not header:
            header = _distinct_names(fields, f"{path}, line {number}")
        elif len(fields) != len(header):
            raise InputError(
                f"{path}, line {number}: {len(fields)} fields, but the header has {len(header)}; expected fields "
                "separated by tabs. Is the file cut off?"
            )
        else:
            rows[number] = fields
    if not rows:
        raise InputError(f"{path} has no rows: expected '#' lines, a header with {PATIENT}, and rows.")
    table = pd.DataFrame.from_dict(rows, orient="index", columns=pd.Index(header, dtype="str"), dtype="str")
    return table.mask(table.apply(lambda column: column.str.lower().isin(_MISSING)))


def _distinct_names(names: list[str], where: str) -> list[str]:
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise InputError(f"{where}: the column {name_some(twice)} appears twice in the header.")
    return names


def clinical_attributes(path: Path) -> tuple[Attribute, ...]:
    """Return what the ``#`` lines of a clinical file say of its columns: shown name, description, datatype.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    said: list[list[str]] = []
    for _, line in numbered_lines(path, "the clinical file"):
        if line.startswith("#"):
            said.append([field.strip() for field in line[1:].split("\t")])
        elif line.strip():
            names = [field.strip() for field in line.split("\t")]
            padded = [(row + [""] * len(names))[: len(names)] for row in [*said, [], [], []][:3]]
            return tuple(Attribute(*words) for words in zip(names, *padded, strict=True))
    raise InputError(f"{path} has no header: expected '#' lines, then a line of column names with {PATIENT}.")


def read_fields(path: Path, what: str) -> dict[str, str]:
    """Read a file of ``key: value`` lines; a line without a key carries on the value above it.

    Raises
    ------
    InputError
        If the file does not begin with a key, or gives one twice.
    """
    fields: dict[str, str] = {}
    key = ""
    # Descriptions come in any encoding; the names that matter are plain.
    for number, line in numbered_lines(path, what, errors="replace"):
        if not line.strip() or line.startswith("#"):
            continue
        match = _KEY.match(line)
        if match and match[1] in fields:
            raise InputError(f"{path}, line {number}: {what} gives {match[1]} twice.")
        if match:
            key = match[1]
            fields[key] = match[2].strip()
        elif key:
            fields[key] += f"\t{line.strip()}"
        else:
            raise InputError(f"{path}, line {number}: expected 'key: value', found '{line[:60]}'.")
    return fields


def read_gene_panel(path: Path) -> GenePanel:
    """Read a gene panel file: ``stable_id``, ``description`` and ``gene_list``, its genes separated by tabs.

    Raises
    ------
    InputError
        If the identifier or the genes are missing.
    """
    fields = read_fields(path, "the gene panel")
    missing = [key for key in ("stable_id", "gene_list") if not fields.get(key)]
    if missing:
        raise InputError(
            f"{path}: a gene panel needs {' and '.join(missing)}; expected lines such as 'stable_id: "
            "IMPACT468' and 'gene_list: ABL1<tab>ACVR1...'."
        )
    genes = frozenset(filter(None, re.split(r"[\s,]+", fields["gene_list"])))
    return GenePanel(fields["stable_id"], fields.get("description", ""), genes)


def read_panel_matrix(path: Path) -> dict[str, str]:
    """Read which gene panel each sample was sequenced with for mutations.

    Returns
    -------
    dict of sample to panel
        Without the samples given as ``NA``: cBioPortal writes it both for no panel and for not sequenced.

    Raises
    ------
    InputError
        If there is no column of samples or of mutations, or a sample is given twice.
    """
    table = read_clinical(path)
    need_columns(table, [SAMPLE], path)
    profiles = [name for name in table.columns if name != SAMPLE]
    column = next((name for name in profiles if name.lower() == "mutations"), None)
    column = column or next((name for name in profiles if "mutation" in name.lower()), None)
    if column is None:
        raise InputError(f"{path}: expected a column mutations, found {', '.join(table.columns)}.")
    refuse_repeated(table, SAMPLE, path)
    named = table[table[column].notna()]
    return dict(zip(named[SAMPLE], named[column], strict=True))


def need_columns(table: pd.DataFrame, columns: Iterable[str], path: Path) -> None:
    """Refuse a table that lacks one of the columns, or a value in it."""
    for column in columns:
        if column not in table.columns:
            raise InputError(f"{path}: expected a column {column}, found {', '.join(table.columns)}.")
        blank = table.index[table[column].isna()]
        if len(blank):
            raise InputError(f"{path}, line {blank[0]}: the {column} is empty.")


def refuse_repeated(table: pd.DataFrame, column: str, path: Path) -> None:
    """Refuse a table in which a value of the column stands twice."""
    repeated = table.index[table[column].duplicated()]
    if len(repeated):
        raise InputError(
            f"{path}, line {repeated[0]}: {table.loc[repeated[0], column]} appears a second time in column "
            f"{column}; expected one row each."
        )
