"""The walk in reading order: from an experiment file to validated and explained models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from trastuz_ml.assays.assay import Assay
from trastuz_ml.cohort.burden import burden, genes_in_common
from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.cohort.patients import refuse_outcomes_in_disguise
from trastuz_ml.errors import ConfigurationError
from trastuz_ml.experiment.check import require_sound
from trastuz_ml.experiment.configuration import Experiment
from trastuz_ml.experiment.cores import available_cores
from trastuz_ml.experiment.evidence import Procedure, further_evidence
from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.experiment.forecast import stages_ahead
from trastuz_ml.experiment.gene_tables import gene_tables, require_gene_files
from trastuz_ml.experiment.provenance import provenance_of
from trastuz_ml.experiment.read import build_features, gene_sets_of, load_cohort, with_current_names
from trastuz_ml.experiment.saved import inputs_of
from trastuz_ml.experiment.splits import splits_of
from trastuz_ml.experiment.stages import FITTING, PREPARING, READING, VALIDATION, Ahead, Progress
from trastuz_ml.experiment.unfinished import Unfinished
from trastuz_ml.experiment.work import Work, work_of
from trastuz_ml.explain.contributions import contributions_of
from trastuz_ml.findings import Finding, with_more
from trastuz_ml.learn.catalogue import CHOSEN, CatalogueModel, catalogue_model
from trastuz_ml.learn.coefficients import coefficient_table
from trastuz_ml.learn.comparisons import comparison_table
from trastuz_ml.learn.decisions import decision_table
from trastuz_ml.learn.design import Design, make_design
from trastuz_ml.learn.engine import Engine
from trastuz_ml.learn.fitted import FittedModel
from trastuz_ml.learn.scores import score_table
from trastuz_ml.learn.strata import stratum_table
from trastuz_ml.learn.tuning import Tuning
from trastuz_ml.learn.validation import Validation, fit_on_all, require_inner_folds, validate
from trastuz_ml.schema import FATES, NONSILENT, ROW_FATES, conform
from trastuz_ml.store.run_folder import Run

Keep = Callable[[Work, int], Unfinished]


@dataclass(frozen=True, eq=False)
class Trained:
    """What training gives: the run with its tables, and the exported model fitted on everybody."""

    run: Run
    model: FittedModel
    design: Design
    assays: tuple[Assay, ...]
    cohort: Cohort
    gene_sets: Mapping[str, Sequence[str]] | None = None


def train(
    experiment: Experiment, *, workers: int | None = None, scheduler: str | None = None,
    progress: Progress | None = None, ahead: Ahead | None = None, keep: Keep | None = None,
) -> Trained:  # fmt: skip
    """Walk from the calls to validated, explained models; nothing is written but what ``keep`` keeps.

    Parameters
    ----------
    experiment : Experiment
        From :func:`trastuz_ml.experiment.experiment_file.read_experiment`.
    workers : int, optional
        Processes for folds and permutations; all cores when absent. The result does not depend on it.
    scheduler : str, optional
        Address of a Dask scheduler that folds and permutations are sent to instead; files are read here.
    progress : callable, optional
        Called with (what is being done, steps done, steps in all).
    ahead : callable, optional
        Called once with what is to come, from :func:`trastuz_ml.experiment.forecast.stages_ahead`.
    keep : callable, optional
        Called with what the work is and the number of folds, before the first of them. It gives what was finished
        before, and keeps each piece as it ends; see :func:`trastuz_ml.experiment.unfinished.open_unfinished`.

    Raises
    ------
    TrastuzError
        If files, settings or data do not allow it; see :mod:`trastuz_ml.errors`.
    """
    tell = progress or (lambda *_: None)
    tell(READING, 0, 1)
    experiment = with_current_names(experiment)
    engine = Engine(workers or available_cores(), scheduler)
    cohort = load_cohort(experiment, workers=engine.workers)
    refuse_outcomes_in_disguise(cohort.patients, cohort.covariates)
    tell(PREPARING, 0, 1)
    matrix, findings = build_features(experiment, cohort)
    findings = with_more(findings, require_sound(cohort, experiment.accept))
    require_gene_files(experiment, matrix.genes)
    design = make_design(cohort, matrix)
    plan, why = splits_of(experiment, design)
    procedure = Procedure(design, plan, _competitors(experiment, cohort), tuning_of(experiment), engine)
    require_inner_folds(design, plan, procedure.tuning)
    kept = Unfinished()
    if keep is not None:
        kept = keep(work_of(experiment, design, plan, cohort.sources), len(plan.turns))
    if ahead is not None:
        ahead(stages_ahead(experiment, plan, procedure.models, len(design.patients)))
    tell(VALIDATION, len(kept.folds), len(plan.turns))
    validation = validate(
        design, plan, procedure.models, procedure.tuning,
        workers=engine, inspect=contributions_of,
        progress=lambda done, total: tell(VALIDATION, done, total),
        finished=kept.folds, keep=kept.keep_fold,
    )  # fmt: skip
    tell(FITTING, 0, 1)
    fitted, picked = fit_on_all(design, procedure.models, procedure.tuning, workers=engine)
    exported = picked if experiment.export == CHOSEN else experiment.export
    tables = _tables_of(experiment, cohort, validation)
    tables |= gene_tables(experiment, cohort, matrix, procedure, validation, tell)
    tables |= further_evidence(experiment, cohort, procedure, fitted, exported, tables, tell, kept)
    models = {name: tuned.model for name, tuned in fitted.items()}
    tables |= {"coefficients": coefficient_table(models, design.features), "row_fates": _row_fates(cohort)}
    run = Run(
        name=experiment.name,
        simulated=cohort.simulated,
        configuration=experiment.model_dump(mode="json"),
        provenance=provenance_of(cohort, plan, why, exported),
        patients=_patient_table(cohort),
        matrix=matrix,
        findings=with_more(findings, _refused_rows(tables["explained"])),
        plan=plan.as_json(),
        **inputs_of(design),
        **tables,
    )
    sets = gene_sets_of(experiment)
    members = None if sets is None else {name: sorted(genes) for name, genes in sorted(sets.items())}
    model = models[exported]
    if not isinstance(model, FittedModel):
        raise ConfigurationError(
            f"export: {exported} is an average of models and is not stored: name another one."
        )
    return Trained(run, model, design, cohort.assays, cohort, members)


def tuning_of(experiment: Experiment) -> Tuning:
    """Return how an experiment tunes its models."""
    settings = experiment.validation
    return Tuning(
        settings.inner_folds, settings.min_carriers, settings.seed, settings.rule,
        settings.class_weights == "balanced",
    )  # fmt: skip


def _competitors(experiment: Experiment, cohort: Cohort) -> list[CatalogueModel]:
    """Return the models of the experiment; with several assays, knowing the assay alone is a rival, too."""
    models = [m for m in experiment.catalogue() if m.features != "assay"]
    if cohort.patients["assay"].nunique() > 1:
        models.append(catalogue_model("assay-only"))
    return models


def _tables_of(experiment: Experiment, cohort: Cohort, validation: Validation) -> dict[str, pd.DataFrame]:
    """Return the tables of a run that come from predictions alone, by their names in it."""
    return {
        "out_of_fold": validation.out_of_fold,
        "choices": validation.choices,
        "inner_errors": validation.inner_errors,
        "scores": score_table(validation.out_of_fold, validation.choices),
        "comparisons": comparison_table(validation.out_of_fold),
        "stratum_scores": stratum_table(
            validation.out_of_fold,
            cohort.patients.reset_index(),
            experiment.validation.strata,
            {covariate.name: covariate.levels for covariate in cohort.covariates if covariate.levels},
        ),
        "decisions": decision_table(validation.out_of_fold),
    }


def _row_fates(cohort: Cohort) -> pd.DataFrame:
    """Return how many rows of calls had each fate, over all files: the name of a file may be that of a patient."""
    rows = cohort.rows.groupby(cohort.rows["fate"].astype("str"))["rows"].sum()
    fates = [fate for fate in FATES if fate in rows.index]
    return conform(pd.DataFrame({"fate": fates, "rows": rows[fates].to_numpy()}), ROW_FATES)


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


def run_experiment(
    experiment: Experiment | str | Path,
    *,
    data: str | Path | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
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
    workers, scheduler, progress
        As in :func:`train`.
    """
    if not isinstance(experiment, Experiment):
        experiment = read_experiment(experiment, data=data)
    return train(experiment, workers=workers, scheduler=scheduler, progress=progress).run
