"""The roster of new patients: every row of it stays, and one that cannot be read is refused, not the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from trastuz_ml.assays.assay import Assay
from trastuz_ml.cohort.patients import LARGEST, Covariate, nearest
from trastuz_ml.cohort.roster_table import read_table
from trastuz_ml.errors import InputError
from trastuz_ml.findings import Finding, name_some

TWICE = "the patient appears more than once on the roster: which row is meant cannot be told"
NAMELESS = "the row of the roster names no patient"


@dataclass(frozen=True, eq=False)
class NewRoster:
    """New patients, as a roster gives them.

    Attributes
    ----------
    patients : pandas.DataFrame
        One row a patient, in the order of the roster; the identifier is the index, empty for rows that have none.
        Columns as :func:`trastuz_ml.cohort.patients.read_roster` makes them.
    rows : pandas.Index
        The patient of each row of the roster.
    refused : mapping of patient to reason
        Patients whose rows cannot be read.
    findings : tuple of Finding
        What was noticed.
    """

    patients: pd.DataFrame
    rows: pd.Index
    refused: Mapping[str, str]
    findings: tuple[Finding, ...] = ()


def read_new_roster(
    path: Path,
    inputs: Mapping[str, Any],
    covariates: Sequence[Covariate],
    assays: Sequence[Assay],
    *,
    by_column: bool = True,
) -> NewRoster:
    """Read the roster of patients to be predicted.

    Parameters
    ----------
    path : pathlib.Path
        Any roster that training reads.
    inputs : mapping
        ``inputs`` of the model's card: the columns, and which patients belong to the population.
    covariates : sequence of Covariate
        What the model reads of a roster.
    assays : sequence of Assay
        What may have been sequenced.
    by_column : bool
        Whether the roster's column of assays is looked at, if training had one.

    Raises
    ------
    InputError
        If the file cannot be read, or lacks a column.
    """
    table = read_table(path, inputs["sheets"][1])
    assay = inputs["assay"] if by_column else None
    _require_columns(table, [inputs["patient"], *([assay] if assay else []), *(c.name for c in covariates)], path)
    names = table[inputs["patient"]].fillna("")
    refused: dict[str, str] = dict.fromkeys(names[names.duplicated()].unique(), TWICE)
    if "" in set(names):
        refused[""] = NAMELESS
    table = table[~names.duplicated()].set_axis(pd.Index(names[~names.duplicated()], name="patient", dtype="str"))
    patients = pd.DataFrame(index=table.index)
    findings: list[Finding] = []
    # A new roster need not say again what the training roster said of everybody.
    patients["sequenced"], _ = _matching(table, inputs["sequenced"])
    patients["in_cohort"], absent = _matching(table, inputs["filter"])
    findings += [_unknown_population(name, values) for name, values in absent.items()]
    patients["response"] = pd.array([pd.NA] * len(table), dtype="Int8")
    patients["group"] = table.index
    patients["assay"] = table[assay] if assay else pd.Series(pd.NA, index=table.index, dtype="str")
    for covariate in covariates:
        patients[covariate.name], wrong = _values(table[covariate.name], covariate)
        refused = {**wrong, **refused}
    if assays:
        refused = {**_without_assay(patients["assay"], assays, inputs["default_assay"]), **refused}
    return NewRoster(patients, pd.Index(names, dtype="str"), refused, tuple(findings))


def _require_columns(table: pd.DataFrame, names: Sequence[str], path: Path) -> None:
    repeated = table.columns[table.columns.duplicated()]
    if len(repeated):
        raise InputError(f"{path}: the column {repeated[0]} appears twice in the header.")
    for name in names:
        if name not in table.columns:
            raise InputError(
                f"{path}: there is no column '{name}'{nearest(name, list(table.columns))}. "
                f"Columns: {', '.join(table.columns)}."
            )


def _matching(
    table: pd.DataFrame, accepted: Mapping[str, Sequence[str]]
) -> tuple[pd.Series, dict[str, Sequence[str]]]:
    """Return whose values are accepted, and the conditions on columns that are not there."""
    matching = pd.Series(True, index=table.index)
    for column, values in accepted.items():
        if column in table:
            matching &= table[column].isin([str(value) for value in values])
    return matching, {name: values for name, values in accepted.items() if name not in table}


def _unknown_population(name: str, values: Sequence[str]) -> Finding:
    return Finding(
        "warning", "population-unknown",
        f"the model was trained on patients with {name} {' or '.join(values)}, a column that this roster does not "
        "have: whether they are of that population is not known",
    )  # fmt: skip


def _values(texts: pd.Series, covariate: Covariate) -> tuple[pd.Series, dict[str, str]]:
    """Return a covariate's values, missing where none can be read, and why not for those that have a text."""
    if covariate.kind == "category":
        return texts, {}
    if covariate.kind == "ordered":
        numbers = texts.map({level: float(i) for i, level in enumerate(covariate.levels)}).astype("float64")
        expected = f"one of {', '.join(covariate.levels)}"
    else:
        numbers = pd.to_numeric(texts, errors="coerce").astype("float64")
        numbers = numbers.where(numbers.abs() < LARGEST)
        expected = "a number"
    bad = np.flatnonzero((numbers.isna() & texts.notna()).to_numpy())
    return numbers, {
        texts.index[at]: f"{covariate.name}: expected {expected}, found '{texts.iloc[at][:80]}'" for at in bad
    }


def _without_assay(values: pd.Series, assays: Sequence[Assay], default: str | None) -> dict[str, str]:
    names = [assay.name for assay in assays]
    wrong = {
        patient: f"the assay {name} is not one that the model knows ({name_some(names)})"
        for patient, name in values[values.notna() & ~values.isin(names)].items()
    }
    if default is None and len(names) > 1:
        why = f"no assay is given, and those that the model knows differ ({name_some(names)})"
        wrong |= dict.fromkeys(values.index[values.isna()], why)
    return {str(patient): reason for patient, reason in wrong.items()}
