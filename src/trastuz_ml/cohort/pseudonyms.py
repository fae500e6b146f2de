"""Keyed pseudonyms: what stands for a patient wherever a result leaves the machine."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from trastuz_ml.errors import InputError

KEY_FILE = "pseudonym.key"
_KEY_BYTES = 32
_DIGITS = 10
_PATIENCE = 2.0  # seconds that another process may take between creating the key file and filling it


def config_folder() -> Path:
    """Return the user's configuration folder; the variable ``TRASTUZ_ML_CONFIG`` overrides the system's place."""
    if chosen := os.environ.get("TRASTUZ_ML_CONFIG"):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming") / "trastuz_ml"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "trastuz_ml"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "trastuz_ml"


def pseudonym_key(folder: Path | None = None) -> bytes:
    """Return the user's secret key, made on first use.

    Parameters
    ----------
    folder : Path, optional
        Where the key file is kept; the user's configuration folder when not given.

    Returns
    -------
    bytes
        32 random bytes; every process of the user gets the same ones.

    Raises
    ------
    InputError
        If the key cannot be read or made, is readable by other users, or is damaged.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     first, second = pseudonym_key(Path(place)), pseudonym_key(Path(place))
    >>> first == second, len(first)
    (True, 32)
    """
    place = config_folder() if folder is None else folder
    path = place / KEY_FILE
    try:
        if not place.is_dir():
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = _make(path)
        return _read(path) if key is None else key
    except OSError as error:
        raise InputError(
            f"The pseudonym key {path} cannot be read or made: {error.strerror or error}. Make the folder "
            "writable, or name another one in the environment variable TRASTUZ_ML_CONFIG."
        ) from error


def _make(path: Path) -> bytes | None:
    """Write a new key, unless one is there: the system lets exactly one of several processes create it."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return None
    key = secrets.token_bytes(_KEY_BYTES)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(key.hex() + "\n")
    return key


def _read(path: Path) -> bytes:
    if os.name == "posix" and (mode := path.stat().st_mode & 0o777) & 0o077:
        raise InputError(
            f"The pseudonym key {path} is open to other users (mode {mode:o}, expected 600): whoever reads it "
            f"can tell who a pseudonym is. Close it with `chmod 600 {path}`."
        )
    until = time.monotonic() + _PATIENCE
    text = path.read_bytes()
    while not text.endswith(b"\n") and time.monotonic() < until:
        time.sleep(0.02)
        text = path.read_bytes()
    try:
        key = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise InputError(
            f"The pseudonym key {path} is damaged: expected {2 * _KEY_BYTES} hexadecimal digits. Restore it, or "
            "delete it: a new key is then made, and new pseudonyms will not match those of earlier runs."
        )
    return key


def pseudonyms(patients: Iterable[str], key: bytes) -> dict[str, str]:
    """Return a pseudonym for each patient, the same for the same key whatever the order.

    Parameters
    ----------
    patients : iterable of str
        Identifiers; repeated ones are taken once.
    key : bytes
        From :func:`pseudonym_key`. Without it nobody can tell who a pseudonym is by trying identifiers.

    Returns
    -------
    dict of str to str
        Patient to ``P-`` and the leading digits of HMAC-SHA256, longer for all when two would agree.

    Examples
    --------
    >>> pseudonyms(["T002", "T001"], bytes(32))
    {'T001': 'P-eeb99c20ce', 'T002': 'P-127bf5fa72'}
    """
    own = sorted(set(patients))
    digests = {patient: hmac.new(key, patient.encode(), hashlib.sha256).hexdigest() for patient in own}
    digits = _DIGITS
    while len({digest[:digits] for digest in digests.values()}) < len(own):
        digits += 1
    return {patient: f"P-{digest[:digits]}" for patient, digest in digests.items()}
