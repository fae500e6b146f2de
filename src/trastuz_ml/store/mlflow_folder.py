"""A model that MLflow keeps: where our bundle lies in its folder, found without running anything that is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from trastuz_ml.errors import ModelError
from trastuz_ml.findings import name_some
from trastuz_ml.store.manifest import MANIFEST

LOADER = "trastuz_ml.prediction.pyfunc"
MLMODEL = "MLmodel"
# A signature of 20,000 columns takes 1.2 MB.
LARGEST = 32 * 2**20
# What MLflow writes of a model that is data alone; ``code``, ``python_model`` and the like name code or pickles.
_PLAIN = frozenset({"loader_module", "data", "env", "python_version", "streamable", "config", "task"})
_REMEDY = "Only models that `trastuz-ml train` logged are loaded; nothing of this one was."


def bundle_in_mlflow_model(folder: str | Path) -> Path:
    """Return the folder of our bundle inside a model that MLflow saved or downloaded.

    The description is read as plain YAML; MLflow itself, which would run code that a model brings, is not asked.
    What is returned is for :func:`trastuz_ml.store.bundle.load_model`, which checks it as any other bundle.

    Parameters
    ----------
    folder : path
        Holds the file ``MLmodel``.

    Raises
    ------
    ModelError
        If it is no model of ours: another loader, code or pickles of its own, YAML that makes objects, a path that
        leaves the folder, a link.
    """
    folder = Path(folder)
    about = _description(folder / MLMODEL)
    flavors = about.get("flavors")
    flavor = flavors.get("python_function") if isinstance(flavors, dict) else None
    loader = flavor.get("loader_module") if isinstance(flavor, dict) else None
    if not isinstance(flavor, dict) or loader != LOADER:
        raise ModelError(
            f"{folder} is no model of trastuz-ml: expected the loader {LOADER}, found {_short(loader)}. {_REMEDY}"
        )
    if own := [_short(key) for key, value in flavor.items() if key not in _PLAIN and value]:
        raise ModelError(f"{folder} may bring code or pickles of its own ({name_some(own)}). {_REMEDY}")
    return _inside(folder, flavor.get("data"))


def _description(path: Path) -> dict[str, Any]:
    if path.is_symlink() or not path.is_file():
        raise ModelError(f"{path.parent} is no MLflow model: no plain file {path.name} in it.")
    try:
        with path.open("rb") as opened:
            text = opened.read(LARGEST + 1)
        if len(text) > LARGEST:
            raise ModelError(f"{path} has more than {LARGEST} bytes. {_REMEDY}")
        about = yaml.safe_load(text.decode("utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        if isinstance(error, ModelError):
            raise
        reason = " ".join(str(error).split())
        raise ModelError(f"{path} is not plain YAML: {reason[:300]}. {_REMEDY}") from error
    if not isinstance(about, dict):
        raise ModelError(f"{path} describes no model: expected a mapping. {_REMEDY}")
    return about


def _inside(folder: Path, data: object) -> Path:
    """Return the folder that the description names, if it is a plain folder within."""
    parts = Path(data).parts if isinstance(data, str) else ()
    if not parts or Path(*parts).is_absolute() or ".." in parts or "\\" in str(data) or "\0" in str(data):
        raise ModelError(f"{folder / MLMODEL} names the data {_short(data)}: expected a folder inside. {_REMEDY}")
    place = folder
    for part in parts:
        place = place / part
        if place.is_symlink():
            raise ModelError(f"{place} is a link: a model holds plain files only. {_REMEDY}")
    if not (place / MANIFEST).is_file():
        raise ModelError(f"{place} is not a model: no {MANIFEST} in it. {_REMEDY}")
    return place


def _short(value: object) -> str:
    """Return a text for a message; of anything else its kind alone, since written out it can fill the memory."""
    return value[:200] if isinstance(value, str) else type(value).__name__
