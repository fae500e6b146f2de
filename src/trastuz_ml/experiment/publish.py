"""What is kept of a trained experiment: the run folder, the model, the report, the tracked run."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from trastuz_ml.cohort.pseudonyms import pseudonym_key, pseudonyms
from trastuz_ml.errors import ConfigurationError, OutputExistsError
from trastuz_ml.experiment.configuration import Experiment
from trastuz_ml.experiment.export import bundle_of
from trastuz_ml.experiment.key_figures import key_numbers, write_key_figures
from trastuz_ml.experiment.outputs import require_folder
from trastuz_ml.experiment.promotion_rules import evidence_of
from trastuz_ml.experiment.stages import DRAWING, TRACKING, WRITING, Progress
from trastuz_ml.experiment.train import Trained
from trastuz_ml.files import require_free
from trastuz_ml.report.content import content_of
from trastuz_ml.report.html import render
from trastuz_ml.report.page import write_page
from trastuz_ml.store.bundle import save_bundle
from trastuz_ml.store.run_folder import Run
from trastuz_ml.store.versions import require_room
from trastuz_ml.track.connection import tracking_address


@dataclass(frozen=True)
class Published:
    """Where everything went.

    Attributes
    ----------
    run, model, report : Path
        Folder of the run, folder of the model's version, the page.
    open_command : str
        What opens the MLflow page; empty when the run was not tracked.
    alias_withheld : str
        Why the model did not get the alias that the experiment asks for; empty when it did, or none was asked for.
    """

    run: Path
    model: Path
    report: Path
    open_command: str = ""
    alias_withheld: str = ""


def require_outputs_free(experiment: Experiment, runs: Path, models: Path, *, force: bool) -> None:
    """Refuse before any work is done what would be refused after it.

    Raises
    ------
    OutputExistsError
        If the run is there and ``force`` is false, or something else is in the place of the run or of the model.
    ConfigurationError
        If one of the folders cannot be made or written to, the two are the same, or runs cannot be tracked at the
        address.
    InputError
        If the key of the pseudonyms cannot be read or made.
    """
    if runs.resolve() == models.resolve():
        raise ConfigurationError(f"Runs and models cannot both be kept in {runs}: give them two folders.")
    run = runs / experiment.name
    require_free(run, force=force)
    if run.exists() and not (run / "run.json").is_file():
        raise OutputExistsError(f"{run} is not a run, so it is not replaced: give another folder or name.")
    require_room(models / experiment.name)
    for folder in (runs, models):
        require_folder(folder)
    pseudonym_key()
    if experiment.tracking.enabled:
        tracking_address(experiment.tracking.uri, runs=runs)


def publish(
    trained: Trained,
    experiment: Experiment,
    *,
    runs: Path = Path("runs"),
    models: Path = Path("models"),
    force: bool = False,
    progress: Progress | None = None,
) -> Published:
    """Keep a trained experiment: run folder, next version of the model, report, tracked run, in this order.

    Parameters
    ----------
    trained : Trained
        From :func:`trastuz_ml.experiment.train.train`.
    experiment : Experiment
        Its settings.
    runs, models : Path
        Parent folders of what is kept, each under the experiment's name.
    force : bool
        Replace a run that is there. A model is never replaced: it gets the next version, unless it is the very
        same.
    progress : callable, optional
        Called with (what is being done, steps done, steps in all).

    Raises
    ------
    TrastuzError
        If something is there already, or cannot be written.
    """
    tell = progress or (lambda *_: None)
    require_outputs_free(experiment, runs, models, force=force)
    run, key = trained.run, pseudonym_key()
    names = pseudonyms(run.patients["patient"], key)
    run_folder = runs / run.name
    tell(WRITING, 0, 1)
    run.save(run_folder, force=force)
    model_folder, _ = save_bundle(bundle_of(trained, experiment, names, key), models / run.name)
    tell(DRAWING, 0, 1)
    content = content_of([run], names)
    report = write_page(render(content), run_folder / "report.html", force=True)
    command, withheld = "", ""
    if experiment.tracking.enabled:
        tell(TRACKING, 0, 1)
        withheld = _why_no_alias(run, experiment)
        alias = None if withheld else experiment.tracking.alias
        with tempfile.TemporaryDirectory() as folder:
            figures = write_key_figures(content["runs"][0], Path(folder))
            command = _track(run, experiment, names, report, figures, model_folder, runs, alias)
    return Published(run_folder, model_folder, report, command, withheld)


def _why_no_alias(run: Run, experiment: Experiment) -> str:
    """Return why the model may not have the alias: training gives none that ``promote`` would refuse."""
    alias = experiment.tracking.alias
    if not alias:
        return ""
    missed = [said.found for said in evidence_of(run, run.provenance["exported"]) if not said.met]
    if not missed:
        return ""
    return (
        f"The model was registered and did not get the alias {alias}: {'; '.join(missed)}. "
        "`trastuz-ml promote` with --override gives it nevertheless, and records the reason."
    )


def _track(
    run: Run, experiment: Experiment, names: dict[str, str], report: Path, figures: list[Path], model_folder: Path,
    runs: Path, alias: str | None,
) -> str:  # fmt: skip
    from trastuz_ml.track.items import KEY, FileItem, Metric, items_of
    from trastuz_ml.track.logged_model import requirements_of
    from trastuz_ml.track.mlflow_writer import open_command, track

    settings = experiment.tracking
    first = [Metric(f"{KEY}/{name}", value) for name, value in key_numbers(run).items()]
    drawn = [FileItem(f"figures/{path.name}", path) for path in figures]
    tracked = track(
        run, [*items_of(run, names, report=report), *first, *drawn],
        uri=tracking_address(settings.uri, runs=runs),
        experiment=settings.experiment or experiment.name, bundle_folder=model_folder,
        register=settings.register_as, alias=alias, pip_requirements=requirements_of(model_folder),
    )  # fmt: skip
    return open_command(tracked)
