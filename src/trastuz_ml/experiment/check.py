"""Look at the data of an experiment before any model: what was read, what became of each row, what is odd."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.cohort.patients import refuse_outcomes_in_disguise
from trastuz_ml.errors import EvidenceError
from trastuz_ml.experiment.configuration import Experiment
from trastuz_ml.experiment.cores import available_cores
from trastuz_ml.experiment.read import PLACE, build_features, feature_columns, read_inputs, with_current_names
from trastuz_ml.experiment.stages import PREPARING, READING, Progress
from trastuz_ml.findings import Finding, findings_table, name_some
from trastuz_ml.quality.check import check_cohort
from trastuz_ml.quality.checked import Quality, patient_quality
from trastuz_ml.schema import NONSILENT

_READS = frozenset({"vaf", "depth"})


def check_experiment(
    experiment: Experiment, *, workers: int | None = None, progress: Progress | None = None
) -> Quality:
    """Read the data of an experiment as training would, and look for what spoils a model.

    Parameters
    ----------
    experiment : Experiment
        From :func:`trastuz_ml.experiment.experiment_file.read_experiment`.
    workers : int, optional
        Processes that read; all cores when absent.
    progress : callable, optional
        Called with (what is being done, steps done, steps in all).

    Raises
    ------
    TrastuzError
        If a file or setting cannot be used at all.
    """
    tell = progress or (lambda *_: None)
    tell(READING, 0, 1)
    experiment = with_current_names(experiment)
    wanted = feature_columns(experiment) | PLACE | _READS
    with read_inputs(experiment, wanted=wanted, workers=workers or available_cores()) as inputs:
        cohort, everybody = inputs.join(experiment), inputs.join(experiment, training=False)
    tell(PREPARING, 0, 1)
    _, found = build_features(experiment, cohort)
    tell("looking for what spoils a model", 0, 1)
    checked = accepted(check_cohort(cohort, everybody=everybody, effects=NONSILENT), experiment.accept)
    findings = pd.concat([found, findings_table([*checked, *_disguises(cohort)])], ignore_index=True)
    patients = patient_quality(cohort)
    if not cohort.sequenced:  # nothing was counted, which is not none
        patients[["rows", "calls"]] = pd.NA
    return Quality(experiment.name, cohort, in_order(findings), patients)


def require_sound(cohort: Cohort, accept: Sequence[str] = ()) -> list[Finding]:
    """Return what the checks of a training cohort found; refuse one that a model would mislead about.

    Parameters
    ----------
    cohort : Cohort
        The patients to train with.
    accept : sequence of str
        Codes of errors that somebody looked at and answers for; they become warnings.

    Raises
    ------
    EvidenceError
        If there is an error left; the message holds them all.
    """
    found = accepted(check_cohort(cohort, effects=NONSILENT), accept)
    errors = [finding for finding in found if finding.severity == "error"]
    if errors:
        said = "\n".join(f"  {error.code}: {error.message}." for error in errors)
        raise EvidenceError(
            f"A model of this cohort would mislead:\n{said}\n`trastuz-ml check` shows more. Mend the data, or, if "
            f"you looked at it and answer for it, write accept: [{name_some({e.code for e in errors})}] in the "
            "experiment."
        )
    return found


def accepted(findings: Sequence[Finding], codes: Sequence[str]) -> list[Finding]:
    """Return findings with the errors that the experiment accepts as warnings."""
    return [
        replace(f, severity="warning", message=f"{f.message} (accepted in the experiment)")
        if f.severity == "error" and f.code in codes
        else f
        for f in findings
    ]


def in_order(findings: pd.DataFrame) -> pd.DataFrame:
    """Return findings with the gravest first, then by code, patient and place."""
    return findings_table(Finding(**row) for row in findings.to_dict(orient="records"))


def _disguises(cohort: Cohort) -> list[Finding]:
    """Return what training would refuse about the covariates, as a finding."""
    try:
        refuse_outcomes_in_disguise(cohort.patients, cohort.covariates)
    except EvidenceError as refusal:
        return [Finding("error", "outcome-in-disguise", str(refusal))]
    return []
