"""Versions of a model: ``models/NAME/1``, ``models/NAME/2`` and so on, each put there once and never changed."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trastuz_ml.cohort.patients import nearest
from trastuz_ml.errors import ModelError, OutputExistsError
from trastuz_ml.findings import name_some
from trastuz_ml.store.manifest import LOCAL, MANIFEST, read_sealed
from trastuz_ml.store.processes import Process, is_gone, this_process

_PART = ".part"
_TIMES = 1000


def versions_of(folder: Path) -> list[int]:
    """Return the numbers of the versions that a model's folder holds, lowest first.

    Examples
    --------
    >>> versions_of(Path("no such folder"))
    []
    """
    if not folder.is_dir():
        return []
    return sorted(
        int(path.name)
        for path in folder.iterdir()
        if _is_number(path.name) and not path.is_symlink() and (path / MANIFEST).is_file()
    )


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal() and name[0] != "0" and len(name) < 10


def version_of(folder: Path) -> int:
    """Return the version that a folder is; 0 where it has no number, as a copy elsewhere.

    Examples
    --------
    >>> version_of(Path("models/demo/3")), version_of(Path("copy"))
    (3, 0)
    """
    name = folder.resolve().name
    return int(name) if _is_number(name) else 0


def find_folder(name: str | Path, models: Path = Path("models")) -> Path:
    """Return the folder of a stored model.

    Parameters
    ----------
    name : str or path
        The folder of one version; a folder of versions, whose newest is meant; or, under ``models``, a name
        (``demo``) or a name and a version (``demo/2``).
    models : Path
        Where names are looked up.

    Raises
    ------
    ModelError
        If there is none; the message lists what there is.
    """
    path = Path(name)
    for folder in (path, models / path):
        if (folder / MANIFEST).is_file():
            return folder
        if versions := versions_of(folder):
            return folder / str(versions[-1])
    raise ModelError(_not_found(path, models))


def _not_found(path: Path, models: Path) -> str:
    for parent in (path.parent, models / path.parent):
        if path.name and path.parent != Path() and (versions := versions_of(parent)):
            return f"{parent} has no version '{path.name}'; it has {name_some(map(str, versions))}."
    there = {folder.name: versions_of(folder) for folder in sorted(models.iterdir())} if models.is_dir() else {}
    older = [name for name in there if (models / name / MANIFEST).is_file()]
    named = [f"{name} ({', '.join(map(str, has))})" for name, has in there.items() if has]
    known = name_some([*named, *older], 10)
    listed = f" In {models} there is {known}." if known else f" There is none in {models}."
    if path.is_dir():
        said = f"{path} is not a model: no {MANIFEST} in it, and no versions."
    else:
        said = f"There is no model '{path}'{nearest(path.name, [*there])}."
    return f"{said}{listed} Make one with `trastuz-ml train`."


def require_room(folder: Path) -> None:
    """Refuse a place where no versions of a model can be kept.

    Raises
    ------
    OutputExistsError
        If it is a file, a link, or holds a model that has no versions.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise OutputExistsError(
            f"{folder} is not a folder, so no model is kept there: give another folder or name."
        )
    if (folder / MANIFEST).is_file():
        raise OutputExistsError(
            f"{folder} holds a model itself, where versions of one are kept now ({folder / '1'} ...): move it "
            "away, or give another folder or name."
        )


@contextmanager
def part_of(folder: Path) -> Iterator[Path]:
    """Make a folder to write a version in, beside its future place; it is gone in the end if it was not placed.

    What a killed process left of its own is removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f".*{_PART}"):
        writer = Process.read(left.name.removesuffix(_PART)[1:].rpartition("-")[0].replace("-", " "))
        if writer is not None and is_gone(writer):
            shutil.rmtree(left, ignore_errors=True)
    partial = folder / f".{str(this_process()).replace(' ', '-')}-{uuid.uuid4().hex[:12]}{_PART}"
    partial.mkdir()
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def place(partial: Path, folder: Path) -> Path:
    """Give a finished folder the next version, unless the newest is the very same; return where the model is.

    A folder is renamed into its place, which the system does for one process only: of two that ask for the same
    number one gets it, and the other asks for the next.

    Raises
    ------
    ModelError
        If no number is free.
    OSError
        If nothing can be written there.
    """
    for _ in range(_TIMES):
        versions = versions_of(folder)
        if versions and _same(folder / str(versions[-1]), partial):
            return folder / str(versions[-1])
        target = folder / str(_next(folder))
        try:
            partial.rename(target)
        except OSError:
            if not target.exists():
                raise
            continue
        return target
    raise ModelError(f"No version is free in {folder}: other processes write there all the time. Try again.")


def _next(folder: Path) -> int:
    # A number is never given twice, not even that of a folder that is damaged.
    return 1 + max((int(path.name) for path in folder.iterdir() if _is_number(path.name)), default=0)


def _same(stored: Path, partial: Path) -> bool:
    if _listings(stored) != _listings(partial):
        return False
    try:
        read_sealed(stored)
    except ModelError:
        return False  # what was damaged since is written anew
    return True


def _listings(folder: Path) -> list[bytes | None]:
    paths = [folder / name for name in (MANIFEST, LOCAL)]
    return [path.read_bytes() if path.is_file() else None for path in paths]
