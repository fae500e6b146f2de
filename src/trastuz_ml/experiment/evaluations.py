"""The record of external evaluations on this machine: a second look at the same patients is no validation."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trastuz_ml.errors import ConfigurationError

RECORD = "external-evaluations.jsonl"


def roster_mark(patients: Iterable[str], key: bytes) -> str:
    """Return a keyed hash of who is on a roster, the same in whatever order they stand.

    Examples
    --------
    >>> roster_mark(["P2", "P1"], bytes(32)) == roster_mark(["P1", "P2"], bytes(32))
    True
    """
    return hmac.new(key, "\0".join(sorted(patients)).encode(), hashlib.sha256).hexdigest()


def earlier_evaluations(models: Path, sha256: str, mark: str) -> dict[str, int]:
    """Count what was evaluated before: this model on this roster, on others, and other models on this roster.

    Parameters
    ----------
    models : Path
        Folder of the models, in which the record is kept.
    sha256 : str
        Identity of the model.
    mark : str
        The roster, from :func:`roster_mark`.

    Raises
    ------
    ConfigurationError
        If the record cannot be read.
    """
    lines = _read(models / RECORD)
    same = [line for line in lines if line["roster"] == mark]
    own = [line for line in lines if line["model"] == sha256]
    return {
        "same_roster": sum(line["model"] == sha256 for line in same),
        "other_roster": sum(line["roster"] != mark for line in own),
        "other_models": len({line["model"] for line in same} - {sha256}),
        "recalibrated_here": int(any(line.get("recalibrated") == sha256 for line in same)),
    }


def note_evaluation(models: Path, **about: Any) -> None:
    """Add a line to the record; lines of several processes do not mix.

    Raises
    ------
    ConfigurationError
        If it cannot be written.
    """
    line = json.dumps({"when": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"), **about}, sort_keys=True)
    try:
        models.mkdir(parents=True, exist_ok=True)
        with (models / RECORD).open("ab", buffering=0) as record:
            record.write(line.encode() + b"\n")
    except OSError as error:
        raise ConfigurationError(
            f"The evaluation cannot be noted in {models / RECORD}: {error.strerror or error}. Give a folder of "
            "models that can be written to; without the record nobody could tell a first look from a second."
        ) from error


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return [{**line, "model": str(line["model"]), "roster": str(line["roster"])} for line in lines]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"The record of evaluations {path} is damaged ({error!r}). Restore it from a copy, or mend the line."
        ) from error
