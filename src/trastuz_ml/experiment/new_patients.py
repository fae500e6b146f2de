"""New patients: their files read as the model's own training files were, and predicted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from trastuz_ml.calls.maf import read_maf
from trastuz_ml.cohort.assay import EXOME, Assay, read_gene_list
from trastuz_ml.cohort.cohort import Cohort, Source
from trastuz_ml.cohort.findings import with_more
from trastuz_ml.cohort.patients import RosterPlan, read_roster, read_table
from trastuz_ml.prediction.batch import lay_out, predict
from trastuz_ml.store.bundle import ModelBundle


def predict_files(
    bundle: ModelBundle,
    calls: Sequence[str | Path],
    patients: str | Path,
    *,
    covered: str | Path | None = None,
    explain: int = 5,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict the patients of a roster from files of calls.

    Columns are read under the names that the training experiment used; the bundle holds them.

    Parameters
    ----------
    bundle : ModelBundle
        A stored model.
    calls : sequence of path
        MAF files.
    patients : path
        Roster of the new patients; no response is needed.
    covered : path, optional
        Gene list of the new patients' assay, one symbol a line; the whole exome when absent.
    explain : int
        How many contributions to name for each patient.

    Returns
    -------
    predictions, findings : pandas.DataFrame
        :data:`trastuz_ml.schema.PREDICTIONS`, one row a patient of the roster, and what was noticed.

    Raises
    ------
    TrastuzError
        If a file or column is missing, or no patient of the calls is on the roster.
    """
    inputs = bundle.card["inputs"]
    paths = [Path(path) for path in calls]
    tables = [read_maf(path, columns=inputs["columns"]) for path in paths]
    plan = _plan(bundle, inputs, Path(patients))
    roster, findings = read_roster(patients, plan)
    assay = EXOME if covered is None else Assay(EXOME.name, read_gene_list(Path(covered)))
    cohort = Cohort.assemble(
        pd.concat(tables, ignore_index=True), roster, covariates=bundle.covariates, assays=(assay,),
        findings=findings, sources=[Source.of(p, len(t), len(t)) for p, t in zip(paths, tables, strict=True)],
        simulated=bundle.simulated, training=False,
    )  # fmt: skip
    predictions = predict(bundle, cohort, explain=explain, roster=roster)
    _, uncovered = lay_out(bundle, cohort)
    return predictions, with_more(cohort.findings, uncovered)


def _plan(bundle: ModelBundle, inputs: dict[str, Any], patients: Path) -> RosterPlan:
    # A new roster need not say again what the training roster said of everybody.
    present = set(read_table(patients).columns)
    sequenced = {name: values for name, values in inputs["sequenced"].items() if name in present}
    return RosterPlan(inputs["patient"], covariates=bundle.covariates, sequenced=sequenced)
