"""What is kept of a trained experiment: the run folder, the model, the report, the tracked run."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trastuz_ml.cohort.pseudonyms import pseudonym_key, pseudonyms
from trastuz_ml.errors import ConfigurationError, OutputExistsError
from trastuz_ml.experiment.configuration import Experiment
from trastuz_ml.experiment.outputs import require_folder
from trastuz_ml.experiment.train import Progress, Trained
from trastuz_ml.files import require_free
from trastuz_ml.report.figure_files import write_figures
from trastuz_ml.report.html import compare
from trastuz_ml.report.privacy import pseudonyms_of, without_identifiers
from trastuz_ml.store.bundle import make_bundle, save_bundle
from trastuz_ml.store.card import plain
from trastuz_ml.store.run_folder import Run

# What a stored model needs where it is served: the versions that made it, and nothing inferred.
_SERVED_WITH = ("numpy", "scipy", "pandas", "scikit-learn", "skops", "pyarrow")

_PURPOSE_WITHOUT_CALLS = (
    "Estimates, from what was known before treatment, the probability of response to the regimen given in the "
    "training cohort. Nobody was sequenced: no gene is read."
)


@dataclass(frozen=True)
class Published:
    """Where everything went; ``open_command`` is empty when the run was not tracked."""

    run: Path
    model: Path
    report: Path
    open_command: str = ""


def require_outputs_free(experiment: Experiment, runs: Path, models: Path, *, force: bool) -> None:
    """Refuse before any work is done what would be refused after it.

    Raises
    ------
    OutputExistsError
        If the run or the model is there and ``force`` is false, or something else is in its place.
    ConfigurationError
        If one of the folders cannot be made or written to, or the two are the same.
    InputError
        If the key of the pseudonyms cannot be read or made.
    """
    if runs.resolve() == models.resolve():
        raise ConfigurationError(f"Runs and models cannot both be kept in {runs}: give them two folders.")
    for folder, mark, what in ((runs, "run.json", "run"), (models, "manifest.json", "model")):
        output = folder / experiment.name
        require_free(output, force=force)
        if output.exists() and not (output / mark).is_file():
            raise OutputExistsError(
                f"{output} is not a {what}, so it is not replaced: give another folder or name."
            )
        require_folder(folder)
    pseudonym_key()


def publish(
    trained: Trained,
    experiment: Experiment,
    *,
    runs: Path = Path("runs"),
    models: Path = Path("models"),
    force: bool = False,
    progress: Progress | None = None,
) -> Published:
    """Keep a trained experiment: run folder, model bundle, report, tracked run, in this order.

    Parameters
    ----------
    trained : Trained
        From :func:`trastuz_ml.experiment.train.train`.
    experiment : Experiment
        Its settings.
    runs, models : Path
        Parent folders of what is kept, each under the experiment's name.
    force : bool
        Replace what is there.
    progress : callable, optional
        Called with (what is being done, steps done, steps in all).

    Raises
    ------
    TrastuzError
        If something is there already, or cannot be written.
    """
    tell = progress or (lambda *_: None)
    require_outputs_free(experiment, runs, models, force=force)
    run = trained.run
    names = pseudonyms(run.patients["patient"], pseudonym_key())
    run_folder, model_folder = runs / run.name, models / run.name
    tell("writing the run and the model", 0, 1)
    run.save(run_folder, force=force)
    settings = experiment.features
    bundle = make_bundle(
        run.name, trained.model, trained.design.features, settings.encoding, trained.run.matrix.effects,
        _card(trained, experiment, names), run.simulated,
    )  # fmt: skip
    save_bundle(bundle, model_folder, force=force)
    tell("drawing the report", 0, 1)
    report = compare([run], run_folder / "report.html", names=names, force=True)
    command = ""
    if experiment.tracking.enabled:
        tell("tracking with MLflow", 0, 1)
        command = _track(run, experiment, names, report, model_folder, runs)
    return Published(run_folder, model_folder, report, command)


def _card(trained: Trained, experiment: Experiment, names: Mapping[str, str]) -> dict[str, Any]:
    run, response, calls = trained.run, experiment.roster.response, experiment.calls
    exported = run.scores[run.scores["model"].isin([trained.model.name, "chosen"])]
    card: dict[str, Any] = plain(
        {
            "purpose": experiment.purpose or ("" if calls is not None else _PURPOSE_WITHOUT_CALLS),
            "response": {
                "column": response.column, "positive": response.positive, "negative": response.negative,
            },
            "patients": len(run.patients),
            "responders": int(run.patients["response"].sum()),
            "scores": exported.to_dict(orient="records"),
            "sources": without_identifiers(run.provenance["sources"], pseudonyms_of([run], names)),
            "limits": _limits(run),
            "inputs": {
                "patient": experiment.roster.patient,
                "sheets": [0 if calls is None else calls.sheet, experiment.roster.sheet],
                "columns": {} if calls is None else dict(calls.columns),
                "reading": _reading(experiment),
                "gene_sets": trained.gene_sets,
                "sequenced": {name: list(values) for name, values in experiment.roster.sequenced.items()},
                "filter": {name: list(values) for name, values in experiment.roster.filter.items()},
                "assay": experiment.roster.assay,
                "default_assay": experiment.roster.default_assay,
                "assays": {
                    a.name: {"genes": None if a.genes is None else sorted(a.genes), "megabases": a.megabases}
                    for a in trained.assays
                },
            },
        }
    )  # fmt: skip
    return card


def _reading(experiment: Experiment) -> dict[str, Any] | None:
    """Return how calls were read, for new patients' calls to be read in the same way; nothing without calls.

    The tumour's sample column is left out: it can be the name of a patient.
    """
    calls = experiment.calls
    if calls is None:
        return None
    return {
        "patient_from": calls.patient_from, "annotation": calls.annotation, "filters": calls.filters.model_dump(),
    }  # fmt: skip


def _limits(run: Run) -> list[str]:
    said = [
        f"Fitted on {len(run.patients)} patients; the scores are those of the fitting procedure, by nested "
        "cross-validation, not of this one model in another hospital.",
        "The response is to the regimen given: without an untreated arm nothing here is specific to trastuzumab.",
    ]
    said += [f"{row.gene}: {row.status}." for row in run.watched.itertuples() if row.status]
    return said


def _track(
    run: Run, experiment: Experiment, names: dict[str, str], report: Path, model_folder: Path, runs: Path
) -> str:
    from trastuz_ml.track.items import FileItem, items_of
    from trastuz_ml.track.mlflow_writer import open_command, track

    settings = experiment.tracking
    versions = run.provenance["versions"]
    served = [f"{name}=={versions[name]}" for name in _SERVED_WITH]
    booster = f"xgboost-cpu=={versions['xgboost']}; sys_platform != 'darwin'"
    requirements = [f"trastuz-ml=={run.provenance['code']['version']}", *served, booster]
    with tempfile.TemporaryDirectory() as folder:
        drawn = write_figures(run, names, Path(folder))
        figures = [FileItem(f"figures/{path.name}", path) for path in drawn]
        tracked = track(
            run, [*items_of(run, names, report=report), *figures],
            uri=settings.uri or f"sqlite:///{(runs / 'mlflow.db').resolve()}",
            experiment=settings.experiment or experiment.name, bundle_folder=model_folder,
            register=settings.register_as, alias=settings.alias, pip_requirements=requirements,
        )  # fmt: skip
    return open_command(tracked)
