"""New patients: their files read as the model's own training files were, and predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from trastuz_ml.assays.assay import EXOME, Assay, read_gene_list
from trastuz_ml.calls.genes.names import reconcile_names
from trastuz_ml.calls.genes.symbols import read_symbol_table
from trastuz_ml.calls.read import read_calls
from trastuz_ml.calls.reading import Reading
from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.cohort.patients import RosterPlan, read_roster
from trastuz_ml.cohort.roster_table import read_table
from trastuz_ml.errors import ConfigurationError
from trastuz_ml.experiment.configuration import CallFilters
from trastuz_ml.experiment.read import PLACE, matching_files
from trastuz_ml.features.encoding import columns_needed
from trastuz_ml.findings import Finding, name_some, with_more
from trastuz_ml.prediction.batch import lay_out, predict
from trastuz_ml.schema import COVARIATE
from trastuz_ml.store.bundle import ModelBundle


def predict_files(
    bundle: ModelBundle,
    calls: Sequence[str | Path],
    patients: str | Path,
    *,
    covered: str | Path | None = None,
    tumor: str | None = None,
    explain: int = 5,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict the patients of a roster from files of calls.

    Columns are read under the names that the training experiment used; the bundle holds them. A model that reads
    covariates alone needs no calls.

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

    Returns
    -------
    predictions, findings : pandas.DataFrame
        :data:`trastuz_ml.schema.PREDICTIONS`, one row a patient of the roster, and what was noticed.

    Raises
    ------
    TrastuzError
        If a file or column is missing, no patient of the calls is on the roster, or calls are missing or too much.
    """
    _require_calls_as_trained(bundle, calls, covered, tumor)
    if calls:
        cohort, roster = _with_calls(bundle, calls, Path(patients), covered, tumor)
    else:
        cohort, roster = _roster_alone(bundle, Path(patients))
    predictions = predict(bundle, cohort, explain=explain, roster=roster)
    _, uncovered = lay_out(bundle, cohort)
    return predictions, with_more(cohort.findings, uncovered)


def _require_calls_as_trained(
    bundle: ModelBundle, calls: Sequence[str | Path], covered: str | Path | None, tumor: str | None
) -> None:
    """Refuse calls that the model cannot read, and a model that reads calls where there are none."""
    if calls and bundle.card["inputs"]["reading"] is None:
        raise ConfigurationError(
            "The model was trained without calls, on covariates alone: leave out --calls, which it cannot read."
        )
    other = [feature.name for feature in bundle.features if feature.block != COVARIATE]
    if not calls and other:
        raise ConfigurationError(
            f"The model reads {name_some(other, 3)}, which come from mutation calls: give the files with --calls."
        )
    if not calls and (covered is not None or tumor is not None):
        raise ConfigurationError("--covered and --tumor say how calls are read: give --calls, or leave them out.")


def _roster_alone(bundle: ModelBundle, patients: Path) -> tuple[Cohort, pd.DataFrame]:
    """Return the cohort of a roster without calls, and the roster; who was sequenced does not matter."""
    inputs = {**bundle.card["inputs"], "sequenced": {}}
    plan, findings = _plan(inputs, patients, bundle, by_column=False)
    roster, noticed = read_roster(patients, plan, sheet=inputs["sheets"][1])
    cohort = Cohort.of_roster(
        roster, covariates=bundle.covariates, findings=[*findings, *noticed], simulated=bundle.simulated,
        training=False,
    )  # fmt: skip
    return cohort, roster


def _with_calls(
    bundle: ModelBundle, calls: Sequence[str | Path], patients: Path, covered: str | Path | None, tumor: str | None
) -> tuple[Cohort, pd.DataFrame]:
    """Return the cohort of calls and roster, read as in training, and the roster."""
    inputs = bundle.card["inputs"]
    calls_sheet, roster_sheet = inputs["sheets"]
    how = inputs["reading"]
    needed = PLACE | columns_needed(bundle.encoding, bundle.effects)
    reading = Reading(
        columns=inputs["columns"], sheet=calls_sheet, tumor=tumor, patient_from=how["patient_from"],
        annotation=how["annotation"], filters=CallFilters(**how["filters"]).plan(), wanted=needed,
    )  # fmt: skip
    read = read_calls(matching_files(Path(), [str(path) for path in calls]), reading)
    plan, findings = _plan(inputs, patients, bundle, by_column=covered is None)
    roster, noticed = read_roster(patients, plan, sheet=roster_sheet)
    cohort = Cohort.assemble(
        read.calls, roster, covariates=bundle.covariates, assays=_assays(inputs, covered),
        findings=[*read.findings, *findings, *noticed], simulated=bundle.simulated, training=False,
        dropped=read.dropped, build=read.build,
        default_assay=None if covered is not None else inputs["default_assay"],
    )  # fmt: skip
    return cohort, roster


def _assays(inputs: Mapping[str, Any], covered: str | Path | None) -> tuple[Assay, ...]:
    if covered is not None:
        listed = read_gene_list(Path(covered))
        current = reconcile_names(listed, read_symbol_table())
        return (Assay(EXOME.name, frozenset(current[gene] for gene in listed)),)
    return tuple(
        Assay(name, None if said["genes"] is None else frozenset(said["genes"]), said["megabases"])
        for name, said in inputs["assays"].items()
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
