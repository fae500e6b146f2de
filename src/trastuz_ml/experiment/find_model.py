"""Find a stored model by its folder, its name, or its alias in the registry."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from trastuz_ml.errors import ModelError
from trastuz_ml.findings import name_some
from trastuz_ml.store.bundle import ModelBundle, load_model
from trastuz_ml.store.versions import find_folder, versions_of

if TYPE_CHECKING:
    from trastuz_ml.track.registry import Version

# ALIAS, or NAME@ALIAS; anything else can be a folder only.
_ALIAS = re.compile(r"(?:(?P<name>[^/\\:@]+)@)?(?P<alias>[A-Za-z0-9_-]+)")


def find_model(
    name: str | Path, *, models: Path = Path("models"), tracking: str | None = None, runs: Path = Path("runs")
) -> ModelBundle:
    """Load a stored model, wherever it is kept.

    Parameters
    ----------
    name : str or path
        A folder; a name (``demo``) or a name and a version (``demo/2``) under ``models``; else an alias in the
        registry (``champion``), with the name of the registered model where several have it (``demo@champion``).
        A folder goes before an alias.
    models : Path
        Where names are looked up. A registered version that is there too is read from there.
    tracking : str, optional
        Address of the registry; by default that of the variable ``MLFLOW_TRACKING_URI``, else ``mlflow.db`` among
        the runs.
    runs : Path
        Folder of runs.

    Returns
    -------
    ModelBundle
        Loaded by this package alone, also when it comes from a registry: nothing that is in it is run.

    Raises
    ------
    ModelError
        If there is no such model, several go by the alias, or what the registry holds may not be loaded.
    ConfigurationError
        If the registry cannot be read.
    """
    try:
        folder = find_folder(name, models)
    except ModelError as error:
        alias = _ALIAS.fullmatch(str(name))
        if alias is None or Path(name).exists():
            raise
        return _registered(alias["name"], alias["alias"], str(error), models, tracking, runs)
    return load_model(folder)


def _registered(
    name: str | None, alias: str, not_stored: str, models: Path, tracking: str | None, runs: Path
) -> ModelBundle:
    from trastuz_ml.track.connection import tracking_address, without_password
    from trastuz_ml.track.registry import aliases, fetch, versions_by_alias

    address = tracking_address(tracking, runs=runs)
    found = versions_by_alias(address, alias, name)
    asked = alias if name is None else f"{name}@{alias}"
    if not found:
        known = name_some(aliases(address), 10)
        raise ModelError(
            f"{not_stored} The registry at {without_password(address)} has no alias '{asked}': "
            f"{f'it has {known}' if known else 'it has none'}. Give one with `trastuz-ml promote`."
        )
    if len(found) > 1:
        either = ", ".join(f"{version.name}@{alias}" for version in found)
        raise ModelError(f"Several registered models have the alias '{alias}': name one of {either}.")
    version = found[0]
    if (folder := _same_model(version.identity, models)) is not None:
        return load_model(folder)
    with tempfile.TemporaryDirectory() as place:
        bundle = load_model(fetch(address, version, Path(place)))
    return _as_registered(bundle, version)


def _same_model(identity: str, models: Path) -> Path | None:
    """Return the folder under ``models`` of the model with this identity, if there is one."""
    from trastuz_ml.track.logged_model import identity_of

    if not identity or not models.is_dir():
        return None
    folders = (
        model / str(number) for model in sorted(models.iterdir()) for number in reversed(versions_of(model))
    )
    return next((folder for folder in folders if identity_of(folder) == identity), None)


def _as_registered(bundle: ModelBundle, version: Version) -> ModelBundle:
    """Refuse a model that is not the one that was promoted, and give the other its number under ``models``."""
    from trastuz_ml.track.logged_model import STORED_AS

    if version.identity and bundle.sha256 != version.identity:
        raise ModelError(
            f"{version.name} version {version.version} is not the model that was registered: expected the "
            f"identity {version.identity}, found {bundle.sha256}. It is not used: promote the right model again."
        )
    number = version.tags.get(STORED_AS, "").rpartition("/")[2]
    return replace(bundle, version=int(number)) if re.fullmatch(r"[1-9][0-9]{0,8}", number) else bundle
