"""A folder whose every file is listed with its hash: written once, read whole or refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trastuz_ml.errors import ModelError
from trastuz_ml.findings import name_some

FORMAT = 2
MANIFEST, LOCAL = "manifest.json", "local.json"
# No file of a model comes near: a forest of 200 trees on 1,000 patients takes 3 MB.
LARGEST = 512 * 2**20
# Hash of the rest of a listing, in the listing: it is told from a damaged one, where nothing else lists it.
_SEAL = "seal"
_REMEDY = "Copy the model again from where it was made, or export it again with `trastuz-ml train`."


@dataclass(frozen=True)
class Sealed:
    """What a sealed folder held.

    Attributes
    ----------
    files : mapping
        Bytes by name of the files that make up the model, and may be given to others.
    versions : mapping
        The versions that it was made with.
    sha256 : str
        Hash of the manifest, which is the model's identity.
    local : mapping
        Bytes by name of the files that stay on the machine; empty where they are not there.
    """

    files: Mapping[str, bytes]
    versions: Mapping[str, str]
    sha256: str
    local: Mapping[str, bytes] = field(default_factory=dict)


def json_bytes(name: str, value: Mapping[str, Any]) -> bytes:
    r"""Return plain values as JSON; a float keeps all its digits.

    Raises
    ------
    ModelError
        If a value is not plain, or not a finite number.

    Examples
    --------
    >>> json_bytes("card.json", {"patients": 160})
    b'{\n "patients": 160\n}\n'
    """
    try:
        return _text(value).encode("utf-8")
    except (RecursionError, TypeError, ValueError) as error:
        raise ModelError(
            f"{name} cannot be written: expected texts, finite numbers, lists and mappings only ({error})."
        ) from error


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write plain values to a file as :func:`json_bytes` gives them."""
    path.write_bytes(json_bytes(path.name, value))


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


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


def sha256_of(data: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def seal(folder: Path, versions: Mapping[str, str], local: Collection[str] = ()) -> str:
    """List the files of a finished folder with their hashes, and return the model's identity.

    Parameters
    ----------
    folder : Path
        Holds the finished files.
    versions : mapping
        What they were made with.
    local : collection of str
        Names of the files that are no part of the model's identity and stay on this machine.

    Returns
    -------
    str
        The hash of the manifest.
    """
    names = sorted(path.name for path in folder.iterdir() if path.name not in (MANIFEST, LOCAL))
    public = [name for name in names if name not in local]
    about = {"format": FORMAT, "files": _listed(folder, public), "versions": dict(versions)}
    identity = sha256_of(_write_listing(folder / MANIFEST, about))
    if kept := [name for name in names if name in local]:
        _write_listing(folder / LOCAL, {"format": FORMAT, "of": identity, "files": _listed(folder, kept)})
    return identity


def _listed(folder: Path, names: Collection[str]) -> dict[str, dict[str, str | int]]:
    read = {name: (folder / name).read_bytes() for name in names}
    return {name: {"sha256": sha256_of(data), "bytes": len(data)} for name, data in read.items()}


def _write_listing(path: Path, about: dict[str, Any]) -> bytes:
    write_json(path, about | {_SEAL: sha256_of(json_bytes(path.name, about))})
    return path.read_bytes()


def read_sealed(folder: Path) -> Sealed:
    """Read every file of a sealed folder once, and only if it is what was listed.

    Nothing is interpreted but the two listings, and what is handed on are the very bytes that were checked.

    Raises
    ------
    ModelError
        If the folder holds more or less than is listed, something other than plain files, or a file whose size or
        hash differs.
    """
    sizes = _plain_files(folder)
    if MANIFEST not in sizes:
        raise ModelError(f"{folder} is not a model: no {MANIFEST} in it. Make one with `trastuz-ml train`.")
    about = _read(folder / MANIFEST)
    identity = sha256_of(about)
    manifest = _listing(MANIFEST, about)
    local: dict[str, Any] = {"files": {}, "of": identity}
    if LOCAL in sizes:
        local = _listing(LOCAL, _read(folder / LOCAL))
        if local.get("of") != identity:
            raise ModelError(
                f"{folder / LOCAL} belongs to another model: expected one of {identity}, found {local.get('of')}. "
                "Take the files that it lists out of the folder, and the file itself, or copy the model again."
            )
    versions = manifest.get("versions")
    if not isinstance(versions, dict) or not all(isinstance(version, str) for version in versions.values()):
        raise ModelError(f"{MANIFEST} of the model is damaged (no versions). {_REMEDY}")
    _require_same_names(folder, set(sizes) - {MANIFEST, LOCAL}, {*manifest["files"], *local["files"]})
    public, own = (_checked(folder, listing["files"], sizes) for listing in (manifest, local))
    return Sealed(public, versions, identity, own)


def _checked(folder: Path, listed: Mapping[str, Any], sizes: Mapping[str, int]) -> dict[str, bytes]:
    files = {}
    for name, about in sorted(listed.items()):
        size, digest = about["bytes"], about["sha256"]
        if sizes[name] != size:
            raise ModelError(f"{folder / name}: expected {size} bytes, found {sizes[name]}. {_REMEDY}")
        files[name] = _read(folder / name)
        if (found := sha256_of(files[name])) != digest:
            raise ModelError(f"{folder / name} was changed: expected sha256 {digest}, found {found}. {_REMEDY}")
    return files


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


def _listing(name: str, data: bytes) -> dict[str, Any]:
    """Read a listing: of a format that we know, of files that stay in the folder, and not changed."""
    about = read_json(name, data)
    if about.get("format") != FORMAT:
        older = about.get("format") == 1
        remedy = (
            "it was made by an earlier version of trastuz-ml, before models had versions. Take the folder away "
            "and export the model again with `trastuz-ml train`."
            if older
            else "install the version of trastuz-ml that made it, or export the model again."
        )
        raise ModelError(
            f"The model has format {about.get('format')}; this version of trastuz-ml reads {FORMAT}: {remedy}"
        )
    listed = about.get("files")
    if not isinstance(listed, dict) or not all(_describes_a_file(entry) for entry in listed.values()):
        raise ModelError(f"{name} of the model is damaged (no list of files). {_REMEDY}")
    for file in listed:
        if Path(file).name != file or "\\" in file or "\0" in file or file in {"", ".", "..", MANIFEST, LOCAL}:
            raise ModelError(
                f"{name} lists '{file}': expected plain file names that stay in the folder. {_REMEDY}"
            )
    rest = {key: value for key, value in about.items() if key != _SEAL}
    if about.get(_SEAL) != sha256_of(json_bytes(name, rest)) or json_bytes(name, about) != data:
        raise ModelError(f"{name} of the model was changed: its seal does not fit what it lists. {_REMEDY}")
    return about


def _describes_a_file(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("sha256"), str)
        and isinstance(entry.get("bytes"), int)
        and not isinstance(entry["bytes"], bool)
    )


def _require_same_names(folder: Path, present: set[str], listed: set[str]) -> None:
    if extra := present - listed:
        raise ModelError(f"{folder} holds files that its manifest does not list: {name_some(extra)}. {_REMEDY}")
    if missing := listed - present:
        raise ModelError(f"{folder} lacks files that its manifest lists: {name_some(missing)}. {_REMEDY}")
