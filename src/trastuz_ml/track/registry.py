"""The registry of models: which version of which model goes by which alias, and on what evidence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trastuz_ml.errors import ConfigurationError, ModelError
from trastuz_ml.store.mlflow_folder import bundle_in_mlflow_model
from trastuz_ml.track.connection import (
    alone,
    open_store,
    quiet_mlflow,
    reported,
    sqlite_path,
    without_password,
)
from trastuz_ml.track.logged_model import (
    IDENTITY,
    STORED_AS,
    facts_of,
    identity_of,
    log_model,
    source_of,
)
from trastuz_ml.track.stale import FEW, close_stale_runs, ended, pages, process_tags

_LOOKING = "The model registry could not be read"
_GIVING = "The model could not be promoted"
# What is larger is no model of ours.
_MOST_FILES, _MOST_BYTES = 100, 2**30


@dataclass(frozen=True)
class Version:
    """One version of a registered model.

    Attributes
    ----------
    name, version : str
        As the registry knows it.
    tags : mapping of str to str
        What was written beside it.
    aliases : tuple of str
        The aliases it has now.
    """

    name: str
    version: str
    tags: Mapping[str, str]
    aliases: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """Hash of the model's manifest; empty when trastuz-ml did not register it."""
        return self.tags.get(IDENTITY, "")


@dataclass(frozen=True)
class Given:
    """An alias that was given.

    Attributes
    ----------
    uri : str
        Address of the registry, without user and password.
    name, version, alias : str
        What has the alias now.
    before : str
        The version that had it before, empty if none had.
    registered : bool
        Whether this version was new to the registry.
    """

    uri: str
    name: str
    version: str
    alias: str
    before: str
    registered: bool


def require_names(name: str, alias: str) -> None:
    """Refuse a name or an alias that MLflow or ``NAME@ALIAS`` could not take.

    Raises
    ------
    ConfigurationError
        Says what was expected.

    Examples
    --------
    >>> require_names("demo", "champion")
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise ConfigurationError(
            f"A registered model is called by letters, digits, points, - and _, at most 100; found '{name}'. "
            "Give another name with --as."
        )
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", alias) or re.fullmatch(r"(?i)v?\d+|latest", alias):
        raise ConfigurationError(
            f"An alias is a word of letters, digits, - and _, and neither 'latest' nor a number; found '{alias}'."
        )


def new_version(client: Any, name: str, model: Any, tags: Mapping[str, str], uri: str) -> str:
    """Register a logged model as the next version of a name, and return that version."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    # With its tags in one step: no version is ever there whose identity is not known.
    version = client.create_model_version(
        name, source_of(model, uri), run_id=model.source_run_id, tags=dict(tags), model_id=model.model_id
    )
    return str(version.version)


def registered_as(uri: str, name: str, identity: str) -> Version | None:
    """Return the newest version of a registered model that is the model of this identity, if there is one.

    Raises
    ------
    ConfigurationError
        If the registry cannot be read.
    """
    if not _is_there(uri):
        return None
    with quiet_mlflow(), reported(uri, _LOOKING), alone(uri):
        return _newest(_client(uri), name, identity)


def versions_by_alias(uri: str, alias: str, name: str | None = None) -> list[Version]:
    """Return every version that goes by an alias, of one registered model or of all; by name.

    Raises
    ------
    ConfigurationError
        If the registry cannot be read.
    """
    if not _is_there(uri):
        return []
    with quiet_mlflow(), reported(uri, _LOOKING), alone(uri):
        client = _client(uri)
        found = pages(_search_models(client))
        return [
            _version(client.get_model_version_by_alias(model.name, alias))
            for model in sorted(found, key=lambda model: str(model.name))
            if alias in model.aliases and name in (None, model.name)
        ]


def aliases(uri: str) -> list[str]:
    """Return every alias of the registry as NAME@ALIAS, sorted; none where there is no registry yet.

    Raises
    ------
    ConfigurationError
        If the registry cannot be read.
    """
    if not _is_there(uri):
        return []
    with quiet_mlflow(), reported(uri, _LOOKING), alone(uri):
        found = pages(_search_models(_client(uri)))
        return sorted(f"{model.name}@{alias}" for model in found for alias in model.aliases)


def give_alias(
    uri: str,
    name: str,
    alias: str,
    bundle: Path,
    *,
    experiment: str,
    tags: Mapping[str, str],
    requirements: Sequence[str],
) -> Given:
    """Give an alias to a stored model; register it first where the registry does not have it.

    Parameters
    ----------
    uri : str
        Address of the registry, from :func:`trastuz_ml.track.connection.tracking_address`.
    name, alias : str
        Registered model, and the alias. Whichever version had it loses it.
    bundle : Path
        Folder of the stored model.
    experiment : str
        MLflow experiment that a model which was not logged yet is logged in.
    tags : mapping of str to str
        Written beside the version before it gets the alias; an empty text takes a tag away.
    requirements : sequence of str
        What serving the model needs, where it is logged.

    Raises
    ------
    ConfigurationError
        If the registry cannot be reached or written.

    Notes
    -----
    On a SQLite store nobody else of this program registers or promotes meanwhile, so that a model is registered
    once and an alias goes from one version to the next. On a server two promotions of the same model at the same
    moment may register it twice: both versions are the same model, and one has the alias.
    """
    with quiet_mlflow(), reported(uri, _GIVING):
        client, experiment_id = open_store(uri, experiment)
        with alone(uri):
            found = _newest(client, name, identity_of(bundle))
            version = found.version if found else _registered(
                client, uri, name, bundle, experiment_id, requirements
            )  # fmt: skip
            _write_tags(client, name, version, tags)
            before = _by_alias(client, name, alias)
            client.set_registered_model_alias(name, alias, version)
    return Given(without_password(uri), name, version, alias, before, found is None)


def fetch(uri: str, version: Version, into: Path) -> Path:
    """Bring a registered version to this machine and return the folder of the stored model in it.

    Nothing that is in it is run: see :func:`trastuz_ml.store.mlflow_folder.bundle_in_mlflow_model`.

    Raises
    ------
    ConfigurationError
        If the registry cannot be read, or does not have the files.
    ModelError
        If it is not a model that trastuz-ml logged, or too large for one.
    """
    with quiet_mlflow(), reported(uri, _LOOKING):
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        with alone(uri):
            place = _client(uri).get_model_version_download_uri(version.name, version.version)
        store = get_artifact_repository(place, tracking_uri=uri)
        _require_small(store, version)
        return bundle_in_mlflow_model(Path(store.download_artifacts("", dst_path=str(into))))


def _require_small(store: Any, version: Version) -> None:
    """Refuse what no model of ours could be, before any of it is fetched."""
    waiting: list[str | None] = [None]
    seen = size = 0
    while waiting and seen <= _MOST_FILES and size <= _MOST_BYTES:
        for entry in store.list_artifacts(waiting.pop()):
            seen, size = seen + 1, size + int(entry.file_size or 0)
            if entry.is_dir:
                waiting.append(entry.path)
    if seen > _MOST_FILES or size > _MOST_BYTES:
        raise ModelError(
            f"{version.name} version {version.version} holds more than a model does: expected at most "
            f"{_MOST_FILES} files and {_MOST_BYTES} bytes. It was not fetched."
        )


# --- What MLflow is asked -----------------------------------------------------------------------------


def _is_there(uri: str) -> bool:
    """Return whether there can be a registry: to look for a model must not make a database."""
    path = sqlite_path(uri)
    return path is None or path.is_file()


def _client(uri: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _search_models(client: Any) -> Any:
    return lambda page_token: client.search_registered_models(page_token=page_token)


def _version(found: Any) -> Version:
    return Version(str(found.name), str(found.version), dict(found.tags), tuple(found.aliases))


def _newest(client: Any, name: str, identity: str) -> Version | None:
    def search(page_token: str | None) -> Any:
        return client.search_model_versions(f"name = '{name}'", page_token=page_token)

    same = [found for found in pages(search) if identity and dict(found.tags).get(IDENTITY) == identity]
    return _version(max(same, key=lambda found: int(found.version))) if same else None


def _by_alias(client: Any, name: str, alias: str) -> str:
    return str(client.get_registered_model(name).aliases.get(alias, ""))


def _registered(
    client: Any, uri: str, name: str, bundle: Path, experiment_id: str, requirements: Sequence[str]
) -> str:
    """Register a stored model, from the run that tracked it where there is one, else from a run of its own."""
    facts = facts_of(bundle)
    model = _logged(client, facts[IDENTITY])
    if model is None:
        close_stale_runs(client)
        title = f"registering {facts[STORED_AS]}"
        run_id = client.create_run(experiment_id, tags={**process_tags(), **facts}, run_name=title).info.run_id
        with ended(client, run_id):
            model, _ = log_model(client, experiment_id, run_id, bundle, requirements)
    return new_version(client, name, model, facts, uri)


def _logged(client: Any, identity: str) -> Any:
    """Return the newest finished log of a model in any experiment of the store."""
    everywhere = [found.experiment_id for found in pages(client.search_experiments)]
    ready = []
    for start in range(0, len(everywhere), FEW):

        def search(page_token: str | None, some: Sequence[str] = everywhere[start : start + FEW]) -> Any:
            asked = f"tags.`{IDENTITY}` = '{identity}'"
            return client.search_logged_models(some, asked, page_token=page_token)

        ready += [model for model in pages(search) if str(model.status) == "READY"]
    return max(ready, key=lambda model: int(model.creation_timestamp), default=None)


def _write_tags(client: Any, name: str, version: str, tags: Mapping[str, str]) -> None:
    known = client.get_model_version(name, version).tags
    for key, value in tags.items():
        if value:
            client.set_model_version_tag(name, version, key, value)
        elif key in known:
            client.delete_model_version_tag(name, version, key)
