"""What an unfinished batch leaves on disk: whose work it is, and what of it can be used."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from trastuz_ml.cohort.cohort import Source
from trastuz_ml.experiment.given_calls import GivenFile
from trastuz_ml.experiment.parts import Asked
from trastuz_ml.experiment.piece_files import hash_of, is_same
from trastuz_ml.store.bundle import ModelBundle
from trastuz_ml.store.journal import Record

# Beside the parts, once the output is whole: its hash.
JOINED = "joined"


def parts_folder(out: Path) -> Path:
    """Return where the parts of an unfinished batch are kept."""
    return out.with_name(f".{out.name}.parts")


def is_finished(out: Path) -> bool:
    """Return whether an output is the work of a command that was stopped when all but tidying up was done."""
    try:
        return bool(out.name) and (parts_folder(out) / JOINED).read_text(encoding="ascii") == hash_of(out)
    except OSError:
        return False


def tidy_up(folder: Path) -> None:
    """Remove the folder of parts, the mark last: if stopped, the same command still knows that all is done."""
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != JOINED:
            path.unlink()
    shutil.rmtree(folder)


def is_whole(record: Record, folder: Path) -> bool:
    """Return whether the pieces of a record are what was written; what is not is made again."""
    if record.key.startswith("part "):
        return is_same(folder / record.value["piece"], record.value["sha256"])
    calls = folder / calls_folder(int(record.key.removeprefix("read ")))
    return all(is_same(calls / name, digest) for _, name, digest in record.value["pieces"])


def calls_folder(turn: int) -> str:
    """Return the name of the folder of the calls that were read in a turn."""
    return f"calls-{turn:05d}"


def identity_of(
    bundle: ModelBundle, patients: Path, asked: Asked, files: Sequence[GivenFile], *, ending: str, part_size: int
) -> dict[str, Any]:
    """Return everything whose change would change the output, or the pieces."""
    return {
        "trastuz-ml": version("trastuz-ml"), "model": bundle.sha256, "roster": _hash(patients),
        "covered": None if asked.covered is None else _hash(asked.covered), "ending": ending,
        "settings": {name: value for name, value in asdict(asked).items() if name != "covered"},
        "part size": part_size, "calls": [_identity_of(file) for file in files],
    }  # fmt: skip


def _identity_of(file: GivenFile) -> list[Any]:
    if file.error:
        return [str(file.path), "not there", 0]
    status = file.path.stat()
    return [str(file.path), status.st_size, status.st_mtime_ns]


def _hash(path: Path) -> str:
    return Source.of(path, 0, 0).sha256


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say in what the inputs of two batches differ."""
    words = {
        "model": "the model is another one", "roster": "the roster has other content",
        "covered": "the gene list has other content", "calls": "the files of calls are others, or were changed",
    }  # fmt: skip
    changed = [name for name in now if before.get(name) != now[name]]
    return "; ".join(words.get(name) or f"{name} was {before.get(name)} and is {now[name]}" for name in changed)


def clear(folder: Path) -> None:
    """Remove the pieces of other work, but not the journal, which is held."""
    for path in folder.iterdir():
        if path.name.startswith("calls-"):
            shutil.rmtree(path)
        elif path.name.startswith("part-"):
            path.unlink()
