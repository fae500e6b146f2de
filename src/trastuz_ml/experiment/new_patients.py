"""New patients: their files read as the model's own training files were, and predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from trastuz_ml.calls.reading import Reading
from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.experiment.given_calls import gene_names, given_files, read_given
from trastuz_ml.experiment.named_files import matching_files
from trastuz_ml.experiment.new_roster import NewRoster, read_new_roster
from trastuz_ml.experiment.parts import (
    Asked,
    Setting,
    cohort_of,
    joined_findings,
    no_calls,
    predict_part,
    reading_of_model,
    require_calls_as_trained,
    setting_of,
    split_calls,
    unjudged,
)
from trastuz_ml.experiment.whose_calls import judge_files
from trastuz_ml.findings import Finding, findings_table
from trastuz_ml.schema import CALLS, join_tables
from trastuz_ml.store.bundle import ModelBundle


@dataclass(frozen=True, eq=False)
class NewPatients:
    """New patients and their calls, read as a stored model's own were.

    Attributes
    ----------
    cohort : Cohort
        Those who can be predicted.
    roster : pandas.DataFrame
        All patients of the roster, in its order.
    rows : pandas.Index
        The patient of each row of the roster file: a patient who stands twice in it is refused, twice.
    refused : mapping of patient to reason
        Whose rows or files cannot be read.
    findings : tuple of Finding
        What was noticed, the cohort's own findings not included.
    """

    cohort: Cohort
    roster: pd.DataFrame
    rows: pd.Index
    refused: Mapping[str, str]
    findings: tuple[Finding, ...]


def read_new_patients(
    bundle: ModelBundle,
    calls: Sequence[str | Path],
    patients: str | Path,
    *,
    covered: str | Path | None = None,
    tumor: str | None = None,
    workers: int = 1,
) -> NewPatients:
    """Read a roster and files of calls of new patients into memory.

    Parameters
    ----------
    bundle, calls, patients, covered, tumor
        As in :func:`predict_files`.
    workers : int
        Processes that read VCF files; the result does not depend on it.

    Raises
    ------
    TrastuzError
        As :func:`predict_files`.
    """
    read = _read(bundle, calls, Path(patients), _asked(covered, tumor), workers)
    refused = dict(read.refused)
    if read.calls is not None:
        refused = {**unjudged(bundle, read.calls), **refused}
    members = read.roster.patients[~read.roster.patients.index.isin(list(refused))].sort_index()
    if read.calls is None:
        cohort = Cohort.of_roster(
            members, covariates=bundle.covariates, simulated=bundle.simulated, training=False
        )
    else:
        cohort = cohort_of(bundle, read.calls, members, read.setting)
    return NewPatients(cohort, read.roster.patients, read.roster.rows, refused, read.findings)


def predict_files(
    bundle: ModelBundle,
    calls: Sequence[str | Path],
    patients: str | Path,
    *,
    covered: str | Path | None = None,
    tumor: str | None = None,
    explain: int = 5,
    abstain_below: float | None = None,
    workers: int = 1,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict the patients of a roster from files of calls, all in memory.

    Columns are read under the names that the training experiment used; the bundle holds them. A model that reads
    covariates alone needs no calls. What is wrong with one patient's row or file refuses that patient, and nobody
    else; :func:`trastuz_ml.experiment.batches.predict_to_file` does the same for cohorts of any size.

    Parameters
    ----------
    bundle : ModelBundle
        A stored model.
    calls : sequence of path
        Files of calls, of any format that training reads, or patterns; - is the standard input. None for a model
        that reads covariates alone.
    patients : path
        Roster of the new patients; no response is needed.
    covered : path, optional
        Gene list of the new patients' assay, one symbol a line. Without it the roster's assay column is
        read as in training; where training had none, the whole exome is taken as sequenced.
    tumor : str, optional
        The tumour's sample column in VCF files whose header does not say.
    explain : int
        How many contributions to name for each patient.
    abstain_below : float, optional
        Smallest share (0 to 1) of the model's weight that must have been measured; the model's own by default.
    workers : int
        Processes that read VCF files; the result does not depend on it.

    Returns
    -------
    predictions, findings : pandas.DataFrame
        :data:`trastuz_ml.schema.PREDICTIONS`, one row a row of the roster, and what was noticed.

    Raises
    ------
    TrastuzError
        If the roster or a column of it is missing, no patient of the calls is on the roster, calls are missing or
        too much, or a file cannot be read and it cannot be told whom that concerns.
    """
    asked = replace(_asked(covered, tumor), explain=explain, abstain_below=abstain_below)
    read = _read(bundle, calls, Path(patients), asked, workers)
    table, noticed = predict_part(bundle, read.calls, read.roster.patients, read.refused, read.setting)
    return in_rows(table, read.roster.rows), findings_table([*read.findings, *joined_findings([noticed])])


def in_rows(table: pd.DataFrame, rows: pd.Index) -> pd.DataFrame:
    """Return predictions with one row for each row of the roster."""
    places = pd.Index(table["patient"]).get_indexer(rows)
    return table.iloc[places].reset_index(drop=True)


@dataclass(frozen=True, eq=False)
class _Read:
    roster: NewRoster
    calls: pd.DataFrame | None
    setting: Setting
    refused: Mapping[str, str]
    findings: tuple[Finding, ...]


def _asked(covered: str | Path | None, tumor: str | None) -> Asked:
    return Asked(None if covered is None else Path(covered), tumor)


def _read(bundle: ModelBundle, calls: Sequence[str | Path], patients: Path, asked: Asked, workers: int) -> _Read:
    require_calls_as_trained(bundle, calls, asked)
    if not calls:
        roster = roster_alone(bundle, patients)
        return _Read(roster, None, Setting(asked, (), None), roster.refused, roster.findings)
    with reading_of_model(bundle, asked.tumor) as reading:
        setting = setting_of(bundle, asked, reading.symbols)
        roster = read_new_roster(
            patients, bundle.card["inputs"], bundle.covariates, setting.assays, by_column=asked.covered is None
        )
        return _with_calls(bundle, calls, roster, setting, reading, workers)


def roster_alone(bundle: ModelBundle, patients: Path) -> NewRoster:
    """Read the roster for a model without calls: who was sequenced does not matter."""
    inputs = {**bundle.card["inputs"], "sequenced": {}}
    return read_new_roster(patients, inputs, bundle.covariates, (), by_column=False)


def _with_calls(
    bundle: ModelBundle, calls: Sequence[str | Path], roster: NewRoster, setting: Setting, reading: Reading,
    workers: int,
) -> _Read:  # fmt: skip
    kept: list[pd.DataFrame] = []
    names = gene_names(reading)
    everybody = pd.Series(0, index=roster.patients.index)

    def take(block: pd.DataFrame) -> None:
        kept.extend(own for _, own in split_calls(block, everybody, reading.wanted or frozenset()))

    with given_files(matching_files(Path(), [str(path) for path in calls])) as files:
        told = read_given(files, reading, names, take, workers=workers)
    verdict = judge_files(told, roster, bundle.build)
    noticed = joined_findings([file.findings for file in told])
    findings = (*noticed, *names.findings(), *verdict.findings, *roster.findings)
    refused = {**verdict.refused, **roster.refused}
    whole = join_tables(kept, CALLS) if kept else no_calls()
    return _Read(roster, whole, replace(setting, build=verdict.build), refused, findings)
