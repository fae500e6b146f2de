"""The walk in reading order: from an experiment file to validated and explained models."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from trastuz_ml.assays.assay import Assay
from trastuz_ml.cohort.burden import burden, genes_in_common
from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.cohort.patients import refuse_outcomes_in_disguise
from trastuz_ml.experiment.check import require_sound
from trastuz_ml.experiment.configuration import Experiment, read_experiment
from trastuz_ml.experiment.cores import available_cores
from trastuz_ml.experiment.read import build_features, gene_sets_of, load_cohort, with_current_names
from trastuz_ml.explain.contributions import contribution_tables, contributions_of, explained_table
from trastuz_ml.explain.watched import watched_table
from trastuz_ml.features.matrix import GeneMatrix
from trastuz_ml.findings import Finding, with_more
from trastuz_ml.learn.catalogue import CHOSEN, CatalogueModel, catalogue_model
from trastuz_ml.learn.design import Design, make_design
from trastuz_ml.learn.fitted import FittedModel
from trastuz_ml.learn.folds import SplitPlan, plan_splits
from trastuz_ml.learn.scores import comparison_table, score_table
from trastuz_ml.learn.validation import Tuning, Validation, fit_on_all, require_inner_folds, validate
from trastuz_ml.schema import NONSILENT
from trastuz_ml.store.run_folder import Run

Progress = Callable[[str, int, int], None]
_VERSIONED = ("numpy", "scipy", "pandas", "scikit-learn", "skglm", "shap", "skops", "mlflow", "pyarrow")


@dataclass(frozen=True, eq=False)
class Trained:
    """What training gives: the run with its tables, and the exported model fitted on everybody."""

    run: Run
    model: FittedModel
    design: Design
    assays: tuple[Assay, ...]
    gene_sets: Mapping[str, Sequence[str]] | None = None


def train(experiment: Experiment, *, workers: int | None = None, progress: Progress | None = None) -> Trained:
    """Walk from the calls to validated, explained models; nothing is written.

    Parameters
    ----------
    experiment : Experiment
        From :func:`trastuz_ml.experiment.configuration.read_experiment`.
    workers : int, optional
        Processes for the outer folds; all cores when absent. The result does not depend on it.
    progress : callable, optional
        Called with (what is being done, steps done, steps in all).

    Raises
    ------
    TrastuzError
        If files, settings or data do not allow it; see :mod:`trastuz_ml.errors`.
    """
    tell = progress or (lambda *_: None)
    tell("reading calls and roster", 0, 1)
    experiment = with_current_names(experiment)
    workers = workers or available_cores()
    cohort = load_cohort(experiment, workers=workers)
    refuse_outcomes_in_disguise(cohort.patients, cohort.covariates)
    matrix, findings = build_features(experiment, cohort)
    findings = with_more(findings, require_sound(cohort, experiment.accept))
    design = make_design(cohort, matrix)
    settings = experiment.validation
    plan = plan_splits(
        design.patients, design.response, design.groups,
        repeats=settings.repeats, folds=settings.folds, seed=settings.seed,
    )  # fmt: skip
    models = _competitors(experiment, cohort)
    tuning = Tuning(settings.inner_folds, settings.min_carriers, settings.seed)
    require_inner_folds(design, plan, tuning)
    validation = validate(
        design, plan, models, tuning,
        workers=workers, inspect=contributions_of,
        progress=lambda done, total: tell("nested cross-validation", done, total),
    )  # fmt: skip
    tell("fitting on the whole cohort", 0, 1)
    fitted, picked = fit_on_all(design, models, tuning, workers=workers)
    exported = picked if experiment.export == CHOSEN else experiment.export
    run = _make_run(experiment, cohort, matrix, findings, design, plan, validation, exported)
    sets = gene_sets_of(experiment)
    members = None if sets is None else {name: sorted(genes) for name, genes in sorted(sets.items())}
    return Trained(run, fitted[exported], design, cohort.assays, members)


def _competitors(experiment: Experiment, cohort: Cohort) -> list[CatalogueModel]:
    """Return the models of the experiment; with several assays, knowing the assay alone is a rival, too."""
    models = [m for m in experiment.catalogue() if m.features != "assay"]
    if cohort.patients["assay"].nunique() > 1:
        models.append(catalogue_model("assay-only"))
    return models


def _make_run(
    experiment: Experiment, cohort: Cohort, matrix: GeneMatrix, findings: pd.DataFrame, design: Design,
    plan: SplitPlan, validation: Validation, exported: str,
) -> Run:  # fmt: skip
    by_patient, by_feature = contribution_tables(validation.inspected, design, experiment.watch)
    explained = explained_table(validation.inspected, design.patients)
    return Run(
        name=experiment.name,
        simulated=cohort.simulated,
        configuration=experiment.model_dump(mode="json"),
        provenance=_provenance(cohort, plan, exported),
        patients=_patient_table(cohort),
        matrix=matrix,
        findings=with_more(findings, _refused_rows(explained)),
        out_of_fold=validation.out_of_fold,
        choices=validation.choices,
        inner_errors=validation.inner_errors,
        scores=score_table(validation.out_of_fold, validation.choices),
        comparisons=comparison_table(validation.out_of_fold),
        contributions=by_patient,
        explained=explained,
        gene_contributions=by_feature,
        watched=watched_table(matrix, design.response, experiment.watch),
    )


def _patient_table(cohort: Cohort) -> pd.DataFrame:
    table = cohort.patients.reset_index()
    table.insert(4, "burden", burden(cohort, NONSILENT, genes_in_common(cohort)))
    return table


def _refused_rows(explained: pd.DataFrame) -> list[Finding]:
    refused = explained[explained["gap"].isna()]
    return [
        Finding("warning", "explanation-refused",
                f"rows of {model} whose contributions did not add up to the output, left out", int(count))
        for model, count in refused["model"].value_counts().sort_index().items()
    ]  # fmt: skip


def _provenance(cohort: Cohort, plan: SplitPlan, exported: str) -> dict[str, Any]:
    return {
        "sources": [
            {"name": s.name, "sha256": s.sha256, "rows_in": s.rows_in, "rows_kept": s.rows_kept}
            for s in cohort.sources
        ],
        "plan": {"fingerprint": plan.fingerprint, "repeats": plan.repeats, "folds": plan.folds},
        "exported": exported,
        "code": {"version": version("trastuz-ml"), "sha256": code_sha256()},
        "versions": library_versions(),
    }


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that a number can depend on."""
    import platform

    import xgboost

    # xgboost is installed as xgboost-cpu on most machines, so that its metadata has another name.
    found = {name: version(name) for name in _VERSIONED}
    return {"python": platform.python_version(), **found, "xgboost": str(xgboost.__version__)}


def code_sha256() -> str:
    """Return one hash over the source files of this package: the code version, whatever git says."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def run_experiment(
    experiment: Experiment | str | Path,
    *,
    data: str | Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Run:
    """Run an experiment from its file and return the run with all its tables; nothing is written.

    ``run.save(folder)`` keeps it; the command ``trastuz-ml train`` also stores the model, tracks the run
    and writes the report.

    Parameters
    ----------
    experiment : Experiment or path
        The experiment, or its YAML file.
    data : path, optional
        Folder of the data files, instead of the one the file names.
    workers, progress
        As in :func:`train`.
    """
    if not isinstance(experiment, Experiment):
        experiment = read_experiment(experiment, data=data)
    return train(experiment, workers=workers, progress=progress).run
