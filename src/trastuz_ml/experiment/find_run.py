"""Find a finished run by its folder or name, by the experiment it was made from, or by a model it exported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from trastuz_ml.errors import InputError, ModelError
from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.experiment.read import with_current_names
from trastuz_ml.store.bundle import load_model
from trastuz_ml.store.run_folder import Run, asked_of
from trastuz_ml.store.versions import find_folder


def find_run(asked: str | Path, *, runs: Path = Path("runs"), models: Path = Path("models")) -> Run:
    """Load a finished run, whatever it is called by.

    Parameters
    ----------
    asked : str or path
        A run's folder, or its name under ``runs``; an experiment file, which stands for the run that was made of
        it; or a stored model (a folder, ``demo/2``, or a name that no run has), which stands for the run that
        exported it.
    runs, models : Path
        Where names are looked up.

    Returns
    -------
    Run
        The run.

    Raises
    ------
    InputError
        If there is none; the experiment file asks for something else than its run did; or the run that a model
        comes from is gone.
    ConfigurationError
        If the experiment file is wrong.
    ModelError
        If the model's files were changed.
    """
    path = Path(asked)
    if path.suffix.lower() in (".yaml", ".yml"):
        return _of_experiment(path, runs)
    for folder in (path, runs / path):
        if (folder / "run.json").is_file():
            return Run.load(folder)
    try:
        model = find_folder(asked, models)
    except ModelError:
        raise InputError(
            f"{asked} is not a run: no run.json in {path} or {runs / path}; and no experiment file (.yaml) and no "
            f"model under {models} goes by it. Make a run with `trastuz-ml train`."
        ) from None
    return _of_model(model, runs)


def _of_experiment(path: Path, runs: Path) -> Run:
    experiment = read_experiment(path)
    folder = runs / experiment.name
    if not (folder / "run.json").is_file():
        raise InputError(f"{path} has not been run: there is no {folder}. Run `trastuz-ml train {path}` first.")
    run = Run.load(folder)
    now, then = asked_of(with_current_names(experiment).model_dump(mode="json")), asked_of(run.configuration)
    changed = sorted(key for key in {*now, *then} if now.get(key) != then.get(key))
    if changed:
        raise InputError(
            f"{path} is not what {folder} was run with: {', '.join(changed)} changed since. Train again, or name "
            f"the run ({folder}) instead of the file."
        )
    return run


def _of_model(model: Path, runs: Path) -> Run:
    bundle = load_model(model)
    wanted = bundle.card.get("run")
    for folder in _candidates(bundle.name, runs):
        try:
            run = Run.load(folder)
        except InputError:
            # Damaged, or of another format: whether it is the one cannot be known.
            continue
        if run.fingerprint == wanted:
            return run
    raise InputError(
        f"The model {model} was exported by the run {str(wanted or 'unknown')[:12]}, and no run under {runs} is "
        "that one: name its folder, or train again."
    )


def _candidates(name: str, runs: Path) -> Iterator[Path]:
    """Yield the folders of runs, the one with the model's name first."""
    if not runs.is_dir():
        return
    for folder in sorted(runs.iterdir(), key=lambda folder: (folder.name != name, folder.name)):
        if (folder / "run.json").is_file():
            yield folder
