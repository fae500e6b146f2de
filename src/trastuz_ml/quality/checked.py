"""A cohort that was looked at: its findings, and what there is of each patient."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from trastuz_ml.cohort.burden import burden, genes_in_common
from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.schema import KEPT, NONSILENT, PATIENT_QUALITY, conform


@dataclass(frozen=True, eq=False)
class Quality:
    """What checking an experiment's data gives.

    Attributes
    ----------
    name : str
        Name of the experiment.
    cohort : Cohort
        The cohort; its ``rows`` say what became of each row of each file.
    findings : pandas.DataFrame
        :data:`trastuz_ml.schema.FINDINGS`, the gravest first.
    patients : pandas.DataFrame
        :data:`trastuz_ml.schema.PATIENT_QUALITY`, one row a patient of the cohort.
    """

    name: str
    cohort: Cohort
    findings: pd.DataFrame
    patients: pd.DataFrame

    @property
    def errors(self) -> int:
        """How many findings should stop a training."""
        return int((self.findings["severity"] == "error").sum())


def patient_quality(cohort: Cohort) -> pd.DataFrame:
    """Return what there is of each patient: rows read, calls kept and left out, burden."""
    rows = cohort.rows.assign(kept=cohort.rows["rows"].where(cohort.rows["fate"] == KEPT, 0))
    by_patient = rows.groupby("patient", observed=True)[["rows", "kept"]].sum()
    counted = by_patient.reindex(cohort.patients.index, fill_value=0)
    nonsilent = burden(cohort, NONSILENT, genes_in_common(cohort))
    return conform(
        pd.DataFrame(
            {
                "patient": cohort.patients.index, "response": cohort.response.to_numpy(),
                "assay": cohort.patients["assay"].to_numpy(), "rows": counted["rows"].to_numpy(),
                "calls": counted["kept"].to_numpy(), "burden": nonsilent,
            }
        ),
        PATIENT_QUALITY,
    )  # fmt: skip
