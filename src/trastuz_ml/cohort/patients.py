"""The roster: who the patients are, how they responded, and what was known of them before treatment."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from trastuz_ml.cohort.roster_table import read_table
from trastuz_ml.errors import EvidenceError, InputError
from trastuz_ml.findings import Finding, name_some

When = Literal["baseline", "post"]
Kind = Literal["number", "category", "ordered"]

# Columns that the patients table has of its own; a covariate of that name would take their place.
_OWN_NAMES = ("patient", "response", "group", "assay", "sequenced", "in_cohort", "burden")
# An AUC that no baseline covariate reaches honestly: from here on, somebody must vouch for it.
DISGUISE_AUC = 0.95
# Larger values do not fit the design matrix, and are no clinical measurement.
LARGEST = 1e30


@dataclass(frozen=True)
class Covariate:
    """A roster column that may predict, and when it was known.

    Parameters
    ----------
    name : str
        Column of the roster.
    when : {"baseline", "post"}
        Known before treatment, or only after it began. ``post`` columns are refused as predictors.
    kind : {"number", "category", "ordered"}
        How its values are read; ``ordered`` takes its order from ``levels``.
    levels : tuple of str
        The levels of an ordered covariate, lowest first.
    vouched : bool
        The user says that an AUC of 0.95 or more is real.
    predicts : bool
        Whether models see it; one that does not predict only parts patients into strata.
    """

    name: str
    when: When = "baseline"
    kind: Kind = "number"
    levels: tuple[str, ...] = ()
    vouched: bool = False
    predicts: bool = True


@dataclass(frozen=True)
class Response:
    """The roster column with the response, and which of its values are positive and negative."""

    column: str
    positive: tuple[str, ...]
    negative: tuple[str, ...]


@dataclass(frozen=True)
class RosterPlan:
    """How to read a roster: which column is what, and which rows belong to the cohort.

    Parameters
    ----------
    patient : str
        Column with the patient's identifier, as in the calls.
    response : Response, optional
        Absent when patients are to be predicted.
    covariates : sequence of Covariate
        Columns that may predict.
    group : str, optional
        Column of a unit that must not straddle a split (a person with two biopsies, a centre).
    assay : str, optional
        Column with the name of the patient's assay; without it the ``assay`` of all is missing.
    sequenced, keep : mapping of column to accepted values
        Patients with other values are not sequenced, or are not of this cohort.
    """

    patient: str
    response: Response | None = None
    covariates: tuple[Covariate, ...] = ()
    group: str | None = None
    assay: str | None = None
    sequenced: Mapping[str, Sequence[str]] = field(default_factory=dict)
    keep: Mapping[str, Sequence[str]] = field(default_factory=dict)


def read_roster(path: str | Path, plan: RosterPlan, *, sheet: str | int = 0) -> tuple[pd.DataFrame, list[Finding]]:
    """Read a roster and keep the patients of the cohort.

    Parameters
    ----------
    path : path
        TSV, CSV, Parquet or Excel file, told apart by its ending, or a cBioPortal study folder.
    plan : RosterPlan
        Which column is what.
    sheet : str or int
        Sheet of an Excel file.

    Returns
    -------
    patients : pandas.DataFrame
        One row a patient, sorted by identifier, which is the index; columns ``response`` (1, 0 or
        missing), ``group``, ``assay``, ``sequenced``, ``in_cohort`` and the covariates.
    findings : list of Finding
        Missing responses and unknown values of the response column.

    Raises
    ------
    InputError
        If the file or a column is missing, a patient appears twice, or a value cannot be read.
    """
    path = Path(path)
    table = read_table(path, sheet)
    _require_columns(table, plan, path)
    _refuse_own_names(plan, path)
    table = _index_by_patient(table, plan.patient, path)
    patients = pd.DataFrame(index=table.index)
    patients["sequenced"] = _matches(table, plan.sequenced, path)
    patients["in_cohort"] = _matches(table, plan.keep, path)
    kept = patients["in_cohort"]
    if not kept.any():
        raise InputError(f"{path}: no patient passes the filter {_in_words(plan.keep)}.")
    findings: list[Finding] = []
    patients["response"] = pd.array([pd.NA] * len(table), dtype="Int8")
    if plan.response is not None:
        patients["response"], findings = _responses(table, kept, plan.response, path)
    patients["group"] = table[plan.group] if plan.group else patients.index
    patients["group"] = patients["group"].where(patients["group"].notna(), patients.index)
    patients["assay"] = table[plan.assay] if plan.assay else pd.Series(pd.NA, index=table.index, dtype="str")
    for covariate in plan.covariates:
        patients[covariate.name] = _covariate_values(table[covariate.name], covariate, path)
    return patients, findings


def nearest(name: str, known: Sequence[str]) -> str:
    """Return a hint that names the closest known word, or nothing when none is close.

    Examples
    --------
    >>> nearest("HER2_status", ["ER.status", "HER2.status"])
    '; the nearest is HER2.status'
    """
    bare = _bare(name)
    # The same letters with other points, case or spaces come first: er.status for er_status, not her2_status.
    close = [word for word in known if _bare(word) == bare] or difflib.get_close_matches(name, known, 1, 0.5)
    return f"; the nearest is {close[0]}" if close else ""


def _bare(word: str) -> str:
    return "".join(filter(str.isalnum, word)).casefold()


def _require_columns(table: pd.DataFrame, plan: RosterPlan, path: Path) -> None:
    repeated = table.columns[table.columns.duplicated()]
    if len(repeated):
        raise InputError(f"{path}: the column {repeated[0]} appears twice in the header.")
    named = [plan.patient, plan.group, plan.assay, *plan.sequenced, *plan.keep]
    named += [plan.response.column if plan.response else None, *(c.name for c in plan.covariates)]
    for name in named:
        if name is not None and name not in table.columns:
            raise InputError(
                f"{path}: there is no column '{name}'{nearest(name, list(table.columns))}. "
                f"Columns: {', '.join(table.columns)}."
            )


def _refuse_own_names(plan: RosterPlan, path: Path) -> None:
    taken = [c.name for c in plan.covariates if c.name in _OWN_NAMES]
    if taken:
        raise InputError(
            f"{path}: a covariate cannot be named {taken[0]}, which means something else here. Rename the column "
            f"in the roster, for example to {taken[0]}_."
        )


def _index_by_patient(table: pd.DataFrame, column: str, path: Path) -> pd.DataFrame:
    blank = table[column].isna()
    if blank.any():
        line = int(np.flatnonzero(blank)[0]) + 2
        raise InputError(f"{path}, line {line}: the patient identifier in column {column} is empty.")
    twice = table[column][table[column].duplicated()].unique()
    if len(twice):
        who = "1 patient appears" if len(twice) == 1 else f"{len(twice)} patients appear"
        raise InputError(
            f"{path}: {who} more than once in column {column} ({name_some(twice)}); expected one row a patient. "
            "For two biopsies of one person, give each its own id and declare the person as group."
        )
    return table.set_index(column, drop=False).rename_axis("patient").sort_index()


def _matches(table: pd.DataFrame, accepted: Mapping[str, Sequence[str]], path: Path) -> pd.Series:
    mask = pd.Series(True, index=table.index)
    for column, values in accepted.items():
        wanted = {str(v) for v in values}
        present = set(table[column].dropna().unique())
        if not wanted & present:
            raise InputError(
                f"{path}: column {column} never holds {' or '.join(sorted(wanted))}; "
                f"it holds {name_some(present, 8) or 'nothing'}."
            )
        mask &= table[column].isin(wanted)
    return mask


def _in_words(accepted: Mapping[str, Sequence[str]]) -> str:
    return " and ".join(f"{column} in [{', '.join(map(str, values))}]" for column, values in accepted.items())


def _responses(
    table: pd.DataFrame, kept: pd.Series, response: Response, path: Path
) -> tuple[pd.Series, list[Finding]]:
    values = table[response.column]
    meaning = dict.fromkeys(response.negative, 0) | dict.fromkeys(response.positive, 1)
    coded = values.map(meaning).astype("Int8")
    seen = name_some(values[kept].dropna().unique(), 8) or "nothing"
    for side, code, words in (("positive", 1, response.positive), ("negative", 0, response.negative)):
        if not (coded[kept] == code).any():
            raise EvidenceError(
                f"{path}: no patient has a {side} response ({' or '.join(words)}) in column "
                f"{response.column}, which holds {seen}. Two classes are needed to learn from."
            )
    findings = []
    missing = kept & values.isna()
    other = kept & values.notna() & coded.isna()
    if missing.any():
        findings.append(
            Finding("warning", "response-missing",
                    f"no response in column {response.column}, left out of training: "
                    f"{name_some(table.index[missing])}", int(missing.sum()), where=path.name)
        )  # fmt: skip
    if other.any():
        findings.append(
            Finding("warning", "response-not-declared",
                    f"response {name_some(values[other].unique())} is neither positive nor negative, left out "
                    f"of training: {name_some(table.index[other])}", int(other.sum()), where=path.name)
        )  # fmt: skip
    return coded, findings


def _covariate_values(texts: pd.Series, covariate: Covariate, path: Path) -> pd.Series:
    if covariate.kind == "category":
        return texts
    if covariate.kind == "ordered":
        numbers = texts.map({level: float(i) for i, level in enumerate(covariate.levels)}).astype("float64")
        expected = f"one of {', '.join(covariate.levels)}"
    else:
        numbers = pd.to_numeric(texts, errors="coerce").astype("float64")
        numbers = numbers.where(numbers.abs() < LARGEST)
        expected = "a number (or declare kind: category)"
    bad = numbers.isna() & texts.notna()
    if bad.any():
        patient = texts.index[bad][0]
        raise InputError(
            f"{path}, patient {patient}, column {covariate.name}: expected {expected}, "
            f"found '{texts[patient]}'" + (f" (and {bad.sum() - 1} more)" if bad.sum() > 1 else "") + "."
        )
    return numbers


def refuse_outcomes_in_disguise(patients: pd.DataFrame, covariates: Sequence[Covariate]) -> None:
    """Stop when a covariate was measured after treatment began, or predicts too well to be one.

    Raises
    ------
    EvidenceError
        If a covariate is declared ``post``, or one that is not vouched for reaches an AUC of 0.95 alone.
    """
    for covariate in covariates:
        if covariate.when == "post":
            raise EvidenceError(
                f"Covariate {covariate.name} is declared post: it was not known before treatment and may not "
                "predict. Take it out of the covariates."
            )
        if covariate.vouched:
            continue
        reached = covariate_auc(patients[covariate.name], patients["response"], covariate.kind)
        if reached >= DISGUISE_AUC:
            raise EvidenceError(
                f"Covariate {covariate.name} alone reaches an AUC of {reached:.3f}: is it an outcome in "
                "disguise (measured after treatment)? Remove it, or declare `vouched: true` if it is real."
            )


def covariate_auc(values: pd.Series, response: pd.Series, kind: Kind) -> float:
    """Return how well one covariate alone separates the responders, in its better direction.

    A category's levels are ordered by the response rate of their other patients. Missing values form a level
    of their own, because being missing can be the disguise: a number is then cut at its missingness too.
    """
    from trastuz_ml.stats.discrimination import auc  # scipy.stats takes long to import, and predictions need none

    known = response.notna()
    y = response[known].to_numpy(dtype=int)
    if kind == "category":
        levels = values[known].astype(object).where(values[known].notna(), "missing")
        by_level = pd.Series(y, index=levels.index).groupby(levels)
        size = by_level.transform("size").to_numpy()
        # Without the patient's own response: many small levels would fit noise.
        others = (by_level.transform("sum").to_numpy() - y) / np.maximum(size - 1, 1)
        return auc(y, np.where(size > 1, others, y.mean()))
    absent = values[known].isna().to_numpy()
    present = ~absent
    reached = [0.5]
    if len(np.unique(y)) == 2 and absent.any():
        reached.append(auc(y, absent.astype(float)))
    if len(np.unique(y[present])) == 2:
        reached.append(auc(y[present], values[known].to_numpy(dtype=float)[present]))
    return max(max(a, 1 - a) for a in reached)
