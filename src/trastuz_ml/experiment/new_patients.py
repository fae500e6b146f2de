"""New patients: their files read as the model's own training files were, and predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from trastuz_ml.calls.maf import read_maf
from trastuz_ml.cohort.assay import EXOME, Assay, read_gene_list
from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.cohort.patients import RosterPlan, read_roster, read_table
from trastuz_ml.findings import Finding, with_more
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
        Gene list of the new patients' assay, one symbol a line. Without it the roster's assay column is
        read as in training; where training had none, the whole exome is taken as sequenced.
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
    calls_sheet, roster_sheet = inputs["sheets"]
    tables = [read_maf(path, columns=inputs["columns"], sheet=calls_sheet) for path in paths]
    plan, findings = _plan(inputs, Path(patients), bundle, by_column=covered is None)
    roster, noticed = read_roster(patients, plan, sheet=roster_sheet)
    assays = _assays(inputs, covered)
    cohort = Cohort.assemble(
        pd.concat(tables, ignore_index=True), roster, covariates=bundle.covariates, assays=assays,
        findings=[*findings, *noticed], simulated=bundle.simulated, training=False,
    )  # fmt: skip
    predictions = predict(bundle, cohort, explain=explain, roster=roster)
    _, uncovered = lay_out(bundle, cohort)
    return predictions, with_more(cohort.findings, uncovered)


def _assays(inputs: Mapping[str, Any], covered: str | Path | None) -> tuple[Assay, ...]:
    if covered is not None:
        return (Assay(EXOME.name, read_gene_list(Path(covered))),)
    if inputs["assay"] is None:
        return (EXOME,)
    return tuple(
        Assay(name, None if genes is None else frozenset(genes)) for name, genes in inputs["assays"].items()
    )


def _plan(
    inputs: Mapping[str, Any], patients: Path, bundle: ModelBundle, *, by_column: bool
) -> tuple[RosterPlan, list[Finding]]:
    # A new roster need not say again what the training roster said of everybody.
    present = set(read_table(patients, inputs["sheets"][1]).columns)
    sequenced = {name: values for name, values in inputs["sequenced"].items() if name in present}
    keep = {name: values for name, values in inputs["filter"].items() if name in present}
    findings = [
        Finding("warning", "population-unknown",
                f"the model was trained on patients with {name} {' or '.join(values)}, a column that this roster "
                "does not have: whether they are of that population is not known")
        for name, values in inputs["filter"].items()
        if name not in present
    ]  # fmt: skip
    assay = inputs["assay"] if by_column else None
    plan = RosterPlan(inputs["patient"], covariates=bundle.covariates, assay=assay, sequenced=sequenced, keep=keep)
    return plan, findings
