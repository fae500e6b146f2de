"""A stored model as MLflow keeps it: a pyfunc that our own loader reads, made of its public files alone."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from trastuz_ml.errors import InputError
from trastuz_ml.store.bundle import public_files
from trastuz_ml.store.lock import LOCK
from trastuz_ml.store.manifest import MANIFEST
from trastuz_ml.store.mlflow_folder import LOADER
from trastuz_ml.store.versions import version_of

# The tags by which a model is known again, whatever its number in the registry.
IDENTITY, STORED_AS, MADE_BY, SIMULATED = "model sha256", "stored model", "run fingerprint", "simulated"
_DATA = "model"


def identity_of(folder: Path) -> str:
    """Return the identity of a stored model, the hash of its manifest; empty where there is none."""
    path = folder / MANIFEST
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def facts_of(folder: Path) -> dict[str, str]:
    """Return the tags of a stored model: its identity, its name and version, the run that made it.

    Raises
    ------
    InputError
        If the folder is not that of a stored model.
    """
    try:
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        version = version_of(folder)
        return {
            IDENTITY: identity_of(folder),
            STORED_AS: f"{card['name']}/{version}" if version else str(card["name"]),
            MADE_BY: str(card.get("run") or ""),
            SIMULATED: "yes" if card["simulated"] else "no",
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder} is not a stored model: {error!r}. Export it again.") from error


def requirements_of(folder: Path) -> list[str]:
    """Return what serving a stored model needs: its own lock, and this package as it was.

    Raises
    ------
    InputError
        If the folder is not that of a stored model.
    """
    try:
        made_with = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["versions"]
        lines = (folder / LOCK).read_text(encoding="utf-8").splitlines()
        return [f"trastuz-ml=={made_with['trastuz-ml']}", *(line for line in lines if not line.startswith("#"))]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder} is not a stored model: {error!r}. Export it again.") from error


def log_model(
    client: Any, experiment_id: str, run_id: str, bundle: Path, requirements: Sequence[str]
) -> tuple[Any, dict[str, str]]:
    """Log a stored model through the client alone: the fluent functions would need a global tracking address.

    Parameters
    ----------
    client : mlflow.MlflowClient
        Of the store.
    experiment_id, run_id : str
        Where to.
    bundle : Path
        Folder of the stored model. Its local files stay behind: they hold what training patients had.
    requirements : sequence of str
        What serving the model needs; never inferred.

    Returns
    -------
    model : mlflow.entities.LoggedModel
        What was logged.
    facts : dict of str to str
        Its tags, from :func:`facts_of`.

    Raises
    ------
    InputError
        If the features of the model cannot be read.
    """
    import mlflow.pyfunc
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    signature, facts = _signature(bundle), facts_of(bundle)
    model = client.create_logged_model(experiment_id, name="model", source_run_id=run_id, tags=facts)
    status = "FAILED"
    try:
        about = Model(
            artifact_path=model.artifact_location, run_id=run_id, model_uuid=model.model_id,
            model_id=model.model_id,
        )  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            staged = Path(folder, _DATA)
            staged.mkdir()
            for path in public_files(bundle):
                shutil.copyfile(path, staged / path.name)
            mlflow.pyfunc.save_model(
                Path(folder, "logged"), loader_module=LOADER, data_path=str(staged), signature=signature,
                pip_requirements=list(requirements), mlflow_model=about,
            )  # fmt: skip
            client.log_model_artifacts(model.model_id, str(Path(folder, "logged")))
        client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
        status = "READY"
    finally:
        client.finalize_logged_model(model.model_id, status)
    return model, facts


def source_of(model: Any, uri: str) -> str:
    """Return where a version in the registry is to find a logged model."""
    # A database store looks ``models:/`` up at the global address, which is not ours; a server at its own.
    return f"models:/{model.model_id}" if uri.startswith(("http://", "https://")) else str(model.artifact_location)


def _signature(bundle: Path) -> Any:
    """Sign the features of the model: levels are text, all else numbers; missing is empty, not absent."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    path = bundle / "features.json"
    try:
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
        columns = list(_input_columns(features))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} does not list the features of a model: {error!r}. Export it again.") from error
    # Every column is required: a mistyped gene must not pass for a gene that was not covered.
    inputs = Schema([ColSpec(kind, name) for name, kind in columns]) if columns else None
    return ModelSignature(inputs=inputs, outputs=Schema([ColSpec("double")]))


def _input_columns(features: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield name and type of each column that the served model reads; the block tells namesakes apart."""
    times = Counter(feature["name"] for feature in features)
    for feature in features:
        name, block = feature["name"], feature["block"]
        spelled = feature["kind"] == "category" or feature["levels"]
        yield name if times[name] == 1 else f"{name} ({block})", "string" if spelled else "double"
