"""Turn candidate calls and counts of a VCF into the calls table, the table of rows and findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from trastuz_ml.calls.filters import apply_filters
from trastuz_ml.calls.reading import Reading
from trastuz_ml.calls.vcf.damage import lacks_newline
from trastuz_ml.calls.vcf.rows import (
    CANDIDATE,
    EVERYONE,
    GENOTYPE_MISSING,
    NO_GENOTYPE,
    NOT_ANNOTATED,
    Candidate,
    Layout,
    Tally,
)
from trastuz_ml.findings import Finding, Severity, name_some
from trastuz_ml.schema import CALLS, ROWS, Kind, conform, empty, join_tables

# Calls that are held as Python objects at a time: bounds the memory, whatever the size of the file.
_AT_A_TIME = 50_000
_ALWAYS = frozenset({"patient", "gene", "effect", "consequence", "file"})
_MESSAGES: dict[str, tuple[Severity, str]] = {
    NOT_ANNOTATED: (
        "warning",
        "alleles without an entry by the annotator are not in the calls; annotate the file again, for the genome "
        "build of its calls",
    ),
    GENOTYPE_MISSING: (
        "note",
        "genotypes are missing (./.) and are read as: the patient does not carry the allele",
    ),
    NO_GENOTYPE: (
        "note",
        "records give no genotype (GT) and are read as calls of the one patient of their file",
    ),
}


def calls_table(found: Iterator[Candidate], layout: Layout, reading: Reading) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the calls that pass the filters, and the count of those that do not.

    Candidates become tables block by block; a column that is not wanted is never made.

    Returns
    -------
    calls : pandas.DataFrame
        By :data:`trastuz_ml.schema.CALLS`, in the order of the candidates.
    dropped : pandas.DataFrame
        By :data:`trastuz_ml.schema.ROWS`.
    """
    names = wanted_columns(reading)
    kept, dropped = [], []
    # One list of values and no tuples: the interpreter looks through what holds other objects ever again.
    while block := list(chain.from_iterable(islice(found, _AT_A_TIME))):
        passing, failing = apply_filters(_frame(block, layout, names), reading.filters)
        kept.append(passing)
        dropped.append(failing)
    calls = join_tables(kept, CALLS) if any(map(len, kept)) else empty(CALLS)
    return conform(calls, CALLS, complete=reading.wanted is None), join_tables(dropped, ROWS)


def rows_table(tally: Tally, layout: Layout) -> pd.DataFrame:
    """Return the rows that never were candidates, by patient and fate."""
    patients = layout.tumors.patients
    counted = [
        (layout.path.name, patient, fate, rows)
        for (tumor, fate), rows in sorted(tally.rows.items())
        for patient in (patients if tumor == EVERYONE else (patients[tumor],))
        if rows
    ]
    return conform(pd.DataFrame(counted, columns=ROWS.names), ROWS) if counted else empty(ROWS)


def findings_of(tally: Tally, layout: Layout, *, empty_file: bool) -> Iterator[Finding]:
    """Yield what was noticed on the way through a file.

    Parameters
    ----------
    tally : Tally
        What was counted.
    layout : Layout
        What is known of the file.
    empty_file : bool
        Whether it has no rows at all.
    """
    name = layout.path.name
    for code, times in tally.noticed.items():
        severity, message = _MESSAGES[code]
        yield Finding(severity, code, message, count=times, where=f"{name}, first at {tally.first[code]}")
    if empty_file:
        yield Finding(
            "note", "no-records", "files have no records: their patients are read as patients without calls",
            patient=name_some(layout.tumors.patients), where=name,
        )  # fmt: skip
    if lacks_newline(layout.path):
        yield Finding(
            "note", "no-final-newline", "files end within a line; make sure that they were not cut off", where=name
        )


def wanted_columns(reading: Reading) -> list[str]:
    """Return the columns of the calls table that are wanted, or that a filter looks at."""
    filters = reading.filters
    looked_at = {
        "filter": filters.words is not None,
        "depth": filters.min_depth > 0,
        "alt_reads": filters.min_alt_reads > 0,
        "vaf": filters.min_vaf > 0,
        "population_frequency": filters.max_population_frequency < 1,
    }
    return [name for name in CALLS.names if reading.wants(name) or name in _ALWAYS or looked_at.get(name)]


def _frame(block: list[Any], layout: Layout, names: Sequence[str]) -> pd.DataFrame:
    """Return a table of candidates that follow one another in one list."""
    width = len(CANDIDATE)
    values = {name: block[place::width] for place, name in enumerate(CANDIDATE)}
    if "population_frequency" in names:
        by_annotator, by_info = values["population_frequency"], values["frequency_in_info"]
        values["population_frequency"] = _highest(by_annotator, by_info) if layout.frequencies else by_annotator
    made = {
        "patient": pd.Categorical.from_codes(np.array(values["tumor"]), list(layout.tumors.patients)),
        "file": pd.Categorical.from_codes(np.zeros(len(values["tumor"]), dtype=np.int8), [layout.path.name]),
    }
    kinds = {column.name: column.kind for column in CALLS.columns}
    return pd.DataFrame(
        {name: made[name] if name in made else _values(values[name], kinds[name]) for name in names}
    )


def _highest(by_annotator: Sequence[float | None], by_info: Sequence[float | None]) -> list[float | None]:
    both = zip(by_annotator, by_info, strict=True)
    return [max((x for x in pair if x is not None), default=None) for pair in both]


def _values(values: list[Any], kind: Kind) -> Any:
    """Return the values of a column in its kind."""
    if kind == "word":
        words = pa.array(values, pa.string()).dictionary_encode()
        return pd.Categorical.from_codes(words.indices.fill_null(-1).to_numpy(), words.dictionary.to_pylist())
    if kind == "text":
        return pd.array(values, dtype="str")
    if kind == "position":
        return np.array(values, dtype=np.int32)
    numbers = np.array(values, dtype=np.float64)
    return pd.array(numbers, dtype="Int64") if kind == "integer" else numbers
