"""A folder whose every file is listed with its hash: written once, read whole or refused."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from trastuz_ml.errors import ModelError
from trastuz_ml.findings import name_some

FORMAT = 1
MANIFEST = "manifest.json"
# No file of a model comes near: a forest of 200 trees on 1,000 patients takes 3 MB.
LARGEST = 512 * 2**20
# The versions that decide whether a model gives the same numbers again. A distribution may go by two names.
_RECORDED: dict[str, tuple[str, ...]] = {
    "numpy": ("numpy",),
    "scikit-learn": ("scikit-learn",),
    "xgboost": ("xgboost", "xgboost-cpu"),
    "skops": ("skops",),
    "trastuz-ml": ("trastuz-ml",),
}
_REMEDY = "Copy the model again from where it was made, or export it again with `trastuz-ml train`."


@dataclass(frozen=True)
class Sealed:
    """What a sealed folder held: its files by name, the versions they were made with, its identity."""

    files: Mapping[str, bytes]
    versions: Mapping[str, str]
    sha256: str


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a stored model depends on.

    Examples
    --------
    >>> sorted(installed_versions())
    ['numpy', 'python', 'scikit-learn', 'skops', 'trastuz-ml', 'xgboost']
    """
    found = {"python": platform.python_version()}
    for name, distributions in _RECORDED.items():
        found[name] = next(filter(None, map(_version, distributions)), "not installed")
    return found


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def require_same_minor(package: str, made_with: Mapping[str, str]) -> None:
    """Refuse a model made with another major or minor version of a package.

    Raises
    ------
    ModelError
        Names both versions, and the one to install.

    Examples
    --------
    >>> require_same_minor("numpy", {"numpy": installed_versions()["numpy"]})
    """
    made, here = made_with.get(package, "unknown"), installed_versions()[package]
    if made.split(".")[:2] != here.split(".")[:2]:
        raise ModelError(
            f"The model was made with {package} {made}, and {here} is installed: it might be read wrongly. "
            f"Install {package}=={made} in an environment of its own, or train the model again."
        )


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write plain values as JSON; a float keeps all its digits.

    Raises
    ------
    ModelError
        If a value is not plain, or not a finite number.
    """
    try:
        text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"{path.name} cannot be written: expected texts, finite numbers, lists and mappings only ({error})."
        ) from error
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def read_json(name: str, data: bytes) -> dict[str, Any]:
    """Read the JSON object that a file of a model must hold.

    Raises
    ------
    ModelError
        If the bytes are something else.

    Examples
    --------
    >>> read_json("card.json", b'{"patients": 160}')
    {'patients': 160}
    """
    try:
        value = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{name} of the model is not JSON: {error}. {_REMEDY}") from error
    if not isinstance(value, dict):
        raise ModelError(f"{name} of the model must hold a JSON object, found {type(value).__name__}. {_REMEDY}")
    return value


def _refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is not a finite number")


def seal(folder: Path, versions: Mapping[str, str]) -> str:
    """Write the manifest of a finished folder and return its hash, which is the model's identity."""
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != MANIFEST}
    listed = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)} for name, data in files.items()
    }
    write_json(folder / MANIFEST, {"format": FORMAT, "files": listed, "versions": dict(versions)})
    return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()


def read_sealed(folder: Path) -> Sealed:
    """Read every file of a sealed folder once, and only if it is what the manifest says.

    Nothing is interpreted but the manifest, and what is handed on are the very bytes that were checked.

    Raises
    ------
    ModelError
        If the folder holds more or less than its manifest lists, something other than plain files, or
        a file whose size or hash differs.
    """
    sizes = _plain_files(folder)
    if MANIFEST not in sizes:
        raise ModelError(f"{folder} is not a model: no {MANIFEST} in it. Make one with `trastuz-ml train`.")
    about = _read(folder / MANIFEST)
    listed, versions = _listing(read_json(MANIFEST, about))
    _require_same_names(folder, set(sizes) - {MANIFEST}, set(listed))
    files = {}
    for name, (digest, size) in sorted(listed.items()):
        if sizes[name] != size:
            raise ModelError(f"{folder / name}: expected {size} bytes, found {sizes[name]}. {_REMEDY}")
        files[name] = _read(folder / name)
        found = hashlib.sha256(files[name]).hexdigest()
        if found != digest:
            raise ModelError(f"{folder / name} was changed: expected sha256 {digest}, found {found}. {_REMEDY}")
    return Sealed(files, versions, hashlib.sha256(about).hexdigest())


def _plain_files(folder: Path) -> dict[str, int]:
    if not folder.is_dir():
        raise ModelError(f"There is no model folder {folder}; check the path, or train with `trastuz-ml train`.")
    sizes = {}
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_file():
            raise ModelError(f"{path} is a link, folder or device: a model holds plain files only. {_REMEDY}")
        sizes[path.name] = path.stat().st_size
        if sizes[path.name] > LARGEST:
            raise ModelError(
                f"{path} has {sizes[path.name]} bytes: a file of a model has at most {LARGEST}. {_REMEDY}"
            )
    return sizes


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error}. Check its permissions.") from error


def _listing(manifest: Mapping[str, Any]) -> tuple[dict[str, tuple[str, int]], dict[str, str]]:
    if manifest.get("format") != FORMAT:
        raise ModelError(
            f"The model has format {manifest.get('format')}; this version of trastuz-ml reads {FORMAT}. "
            "Install the version that the manifest names, or export the model again."
        )
    try:
        listed = {name: (str(f["sha256"]), int(f["bytes"])) for name, f in manifest["files"].items()}
        versions = {str(name): str(version) for name, version in manifest["versions"].items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{MANIFEST} of the model is damaged ({error!r}). {_REMEDY}") from error
    for name in listed:
        if Path(name).name != name or "\\" in name or name in {"", ".", "..", MANIFEST}:
            raise ModelError(
                f"{MANIFEST} lists '{name}': expected plain file names that stay in the folder. {_REMEDY}"
            )
    return listed, versions


def _require_same_names(folder: Path, present: set[str], listed: set[str]) -> None:
    if extra := present - listed:
        raise ModelError(f"{folder} holds files that its manifest does not list: {name_some(extra)}. {_REMEDY}")
    if missing := listed - present:
        raise ModelError(f"{folder} lacks files that its manifest lists: {name_some(missing)}. {_REMEDY}")
