"""The lock of a stored model: the exact versions that it was made with, and how to have them again."""

from __future__ import annotations

import platform
import re
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

from trastuz_ml.errors import ModelError

LOCK = "requirements.txt"
_OURS = "trastuz-ml"
# The versions that decide whether a model gives the same numbers again. A distribution may go by two names.
_RECORDED: dict[str, tuple[str, ...]] = {
    "numpy": ("numpy",),
    "scikit-learn": ("scikit-learn",),
    "xgboost": ("xgboost", "xgboost-cpu"),
    "skops": ("skops",),
    _OURS: (_OURS,),
}
# The same module in two packages, of which one is installed.
_STAND_INS = {"xgboost-cpu": "xgboost", "xgboost": "xgboost-cpu"}
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?([^;]*);?(.*)")


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


@cache
def lock_text(package: str = _OURS) -> str:
    """Return a requirements file: the installed version of everything that a package needs to run, sorted.

    Read from what is installed (:mod:`importlib.metadata`), never from the network. It holds no addresses, and not
    the package itself.

    Parameters
    ----------
    package : str
        An installed distribution.

    Examples
    --------
    >>> [line for line in lock_text().splitlines() if line.startswith("scikit-learn==")]
    ['scikit-learn==...']
    """
    needed: dict[str, str] = {}
    waiting = [(package, frozenset[str]())]
    seen = set()
    while waiting:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        name, extras = place
        for required, asked in _requirements(name, extras):
            known = required if _version(required) else _STAND_INS.get(required, "")
            if known and (version := _version(known)):
                needed[_plain(known)] = version
                waiting.append((_plain(known), asked))
    needed.pop(_plain(package), None)
    python = ".".join(platform.python_version_tuple()[:2])
    head = f"# Python {python}; {package} {_version(package)} itself is installed after these, with --no-deps\n"
    return head + "".join(f"{name}=={version}\n" for name, version in sorted(needed.items()))


def _requirements(name: str, extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield what a distribution needs here, with the extras that it asks of each."""
    for text in metadata.requires(name) or ():
        if match := _REQUIREMENT.fullmatch(text):
            required, asked, _, marker = match.groups()
            if _applies(marker.strip(), extras):
                yield _plain(required), frozenset(filter(None, map(_plain, (asked or "").split(","))))


def _applies(marker: str, extras: frozenset[str]) -> bool:
    if not marker:
        return True
    try:
        from packaging.markers import Marker
    except ImportError:  # then what is installed is taken as needed, but for extras
        return "extra" not in marker
    return any(Marker(marker).evaluate({"extra": extra}) for extra in (extras or {""}))


def _plain(name: str) -> str:
    """Return a distribution's name as indexes spell it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def require_same_minor(package: str, made_with: Mapping[str, str], folder: Path) -> None:
    """Refuse a model made with another major or minor version of a package.

    Parameters
    ----------
    package : str
        One of those that :func:`installed_versions` names.
    made_with : mapping
        The versions of the model.
    folder : Path
        The model's folder, which holds the lock.

    Raises
    ------
    ModelError
        Names both versions, and the command that makes an environment to read the model in.

    Examples
    --------
    >>> require_same_minor("numpy", {"numpy": installed_versions()["numpy"]}, Path("models/demo/1"))
    """
    made, here = made_with.get(package, "unknown"), installed_versions()[package]
    if made.split(".")[:2] != here.split(".")[:2]:
        raise ModelError(
            f"The model was made with {package} {made}, and {here} is installed: it might be read wrongly. "
            f"Rebuild its environment with `{rebuild_command(made_with, folder)}` (or give the source folder of "
            f"{_OURS} {made_with.get(_OURS, 'unknown')} last) and predict with model-env/bin/{_OURS}; or train "
            "the model again."
        )


def rebuild_command(made_with: Mapping[str, str], folder: Path) -> str:
    """Return the shell command that makes an environment like the one that a model was made in.

    Examples
    --------
    >>> print(rebuild_command({"python": "3.11.4", "trastuz-ml": "0.1.0"}, Path("models/demo/1")))
    python3.11 -m venv model-env && model-env/bin/pip install -r models/demo/1/requirements.txt && \
model-env/bin/pip install --no-deps trastuz-ml==0.1.0
    """
    python = ".".join(_harmless(made_with.get("python", "3")).split(".")[:2])
    lock = shlex.quote((folder / LOCK).as_posix())
    return (
        f"python{python} -m venv model-env && model-env/bin/pip install -r {lock} && "
        f"model-env/bin/pip install --no-deps {_OURS}=={_harmless(made_with.get(_OURS, 'unknown'))}"
    )


def _harmless(version: str) -> str:
    """Return a version for a command that a reader copies: what else a file says does not get into it."""
    return version if re.fullmatch(r"[A-Za-z0-9.+!_-]{1,40}", version) else "VERSION"
