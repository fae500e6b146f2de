"""What a piece of work is: everything whose change would change a number, so that nothing else is resumed."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from trastuz_ml.cohort.cohort import Source
from trastuz_ml.experiment.configuration import Experiment
from trastuz_ml.experiment.provenance import library_versions
from trastuz_ml.learn.design import Design
from trastuz_ml.learn.engine import code_sha256
from trastuz_ml.learn.folds import SplitPlan

Work = Mapping[str, Any]
# Settings that no fold depends on; of the data it is the content that counts.
FREE = frozenset({"purpose", "data", "tracking", "export"})
_SOURCES = frozenset({"calls.files", "roster.file"})
_DATA = {"X": "values"}
_LONGEST = 60
_NOTHING = object()
_SHOWN_OF_HASH = 8


def work_of(
    experiment: Experiment,
    design: Design,
    plan: SplitPlan,
    sources: Iterable[Source],
    *,
    code: Mapping[str, str] | None = None,
    versions: Mapping[str, str] | None = None,
) -> Work:
    """Describe a piece of work.

    Parameters
    ----------
    experiment : Experiment
        Its settings; :data:`FREE` are left out.
    design : Design
        The data as the learners see them.
    plan : SplitPlan
        The folds.
    sources : iterable of Source
        The files that were read.
    code, versions : mapping, optional
        ``version`` and ``sha256`` of this package, and the version of each library, instead of those that run.

    Returns
    -------
    mapping
        Plain JSON values: ``settings`` (key by key), ``files``, ``code``, ``versions``, ``data``, ``plan``.
    """
    settings = {
        key: value
        for key, value in _leaves(experiment.model_dump(mode="json"))
        if key.partition(".")[0] not in FREE
    }
    code = {"version": version("trastuz-ml"), "sha256": code_sha256()} if code is None else code
    versions = library_versions() if versions is None else versions
    files: dict[str, str] = {}
    for source in sources:
        files[_unused(source.name, files)] = source.sha256
    for path in _named_files(Path(experiment.data), settings):
        with path.open("rb") as file:
            files[_unused(path.name, files)] = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "settings": settings,
        "files": files,
        "code": dict(code),
        "versions": {**versions, "machine": platform.machine()},
        "data": {field.name: _digest(getattr(design, field.name)) for field in fields(Design)},
        "plan": plan.fingerprint,
    }


def changes(before: Work, now: Work) -> list[str]:
    """Return what differs between two pieces of work, in words: settings and files first.

    Examples
    --------
    >>> one = {"settings": {"validation.folds": 3}, "files": {"roster.tsv": "a"}}
    >>> changes(one, {"settings": {"validation.folds": 5}, "files": {"roster.tsv": "b"}})
    ['validation.folds was 3 and is 5', 'roster.tsv has other content']
    """
    said = [_setting(*change) for change in _differences(before, now, "settings")]
    said += [_file(*change) for change in _differences(before, now, "files")]
    said += _code(before.get("code", {}), now.get("code", {}))
    said += [
        f"{key}: {_shown(old)} then, {_shown(new)} now" for key, old, new in _differences(before, now, "versions")
    ]
    if not said:
        said = [f"the {_DATA.get(key, key)} of the cohort" for key, _, _ in _differences(before, now, "data")]
    return said or [
        "the split into folds" if before.get("plan") != now.get("plan") else "the form of what is kept"
    ]


def _differences(before: Work, now: Work, part: str) -> Iterator[tuple[str, Any, Any]]:
    old, new = before.get(part, {}), now.get(part, {})
    for key in dict.fromkeys([*old, *new]):
        pair = old.get(key, _NOTHING), new.get(key, _NOTHING)
        if pair[0] != pair[1]:
            yield key, *pair


def _setting(key: str, old: Any, new: Any) -> str:
    if isinstance(old, list) and isinstance(new, list):
        gone = [_shown(value) for value in old if value not in new]
        come = [_shown(value) for value in new if value not in old]
        words = [f"without {', '.join(gone)}"] * bool(gone) + [f"with {', '.join(come)}"] * bool(come)
        return f"{key} is now {' and '.join(words) or 'in another order'}"
    return f"{key} was {_shown(old)} and is {_shown(new)}"


def _file(name: str, old: Any, new: Any) -> str:
    if old is _NOTHING:
        return f"{name} was not read then"
    return f"{name} is not read any more" if new is _NOTHING else f"{name} has other content"


def _code(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    if old == new:
        return []
    if old.get("version") != new.get("version"):
        return [f"trastuz-ml was version {old.get('version')} and is {new.get('version')}"]
    then, now = (str(code.get("sha256", ""))[:_SHOWN_OF_HASH] for code in (old, new))
    return [f"the code of trastuz-ml was {then} and is {now} (hash)"]


def _shown(value: Any) -> str:
    if value is _NOTHING:
        return "not there"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _leaves(value: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each setting under its key, with points between; an empty mapping is a setting, too."""
    for key, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            yield from _leaves(inner, f"{before}{key}.")
        else:
            yield f"{before}{key}", inner


def _unused(name: str, taken: Mapping[str, str]) -> str:
    number = 1
    while (numbered := name if number == 1 else f"{name} ({number})") in taken:
        number += 1
    return numbered


def _named_files(data: Path, settings: Mapping[str, Any]) -> list[Path]:
    """Return the files that settings name beside calls and roster, which are sources already."""
    found = []
    for key, value in settings.items():
        if key not in _SOURCES:
            names = value if isinstance(value, list) else [value]
            paths = [data / name for name in names if isinstance(name, str) and name]
            # A setting that is no path can be anything, and os.path minds nothing.
            found += [path for path in paths if os.path.isfile(path)]  # noqa: PTH113
    return found


def _digest(value: Any) -> str:
    """Hash an array with its type and shape, or a tuple of texts or of columns' descriptions."""
    digest = hashlib.sha256()
    if isinstance(value, np.ndarray):
        digest.update(f"{value.dtype.str} {value.shape}\0".encode())
        digest.update(np.ascontiguousarray(value).data)
    else:
        plain = [asdict(item) if is_dataclass(item) and not isinstance(item, type) else item for item in value]
        digest.update(json.dumps(plain).encode())
    return digest.hexdigest()
