"""Which process did something, and whether it still runs."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_ENDED = frozenset("ZX")


@dataclass(frozen=True)
class Process:
    """A process, told from every other one.

    Attributes
    ----------
    place : str
        The machine, or the container in it, whose process numbers these are. A hash: it names nobody's machine.
    pid : int
        Its number there.
    started : str
        What the system says of its start, since numbers are used again; empty where the system does not say.

    Examples
    --------
    >>> me = this_process()
    >>> Process.read(str(me)) == me, is_gone(me)
    (True, False)
    """

    place: str
    pid: int
    started: str = ""

    def __str__(self) -> str:
        return f"{self.place} {self.pid} {self.started}".rstrip()

    @classmethod
    def read(cls, text: str) -> Process | None:
        """Return the process that a text of this form names, nothing for any other text."""
        words = text.split()
        if len(words) not in (2, 3) or not words[1].isdecimal():
            return None
        return cls(words[0], int(words[1]), *words[2:])


def this_process() -> Process:
    """Return the process that asks."""
    return Process(_place(), os.getpid(), _state_and_start(os.getpid())[1])


def is_gone(process: Process) -> bool:
    """Return whether a process has ended, for certain.

    Of a process of another machine or container nothing is known, nor of any on Windows: the answer is False.
    """
    if process.place != _place() or sys.platform == "win32":
        return False
    try:
        os.kill(process.pid, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        pass  # somebody else's: it may have been given a number that was free again
    state, started = _state_and_start(process.pid)
    return state in _ENDED or bool(process.started and started and started != process.started)


def _state_and_start(pid: int) -> tuple[str, str]:
    """Return the state and the start of a process, in clock ticks since the machine's; empty without /proc."""
    try:
        # The name of the program, in brackets, can hold anything: proc(5), fields 3 and 22.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return fields[0], fields[19]
    except (OSError, IndexError):
        return "", ""


@cache
def _place() -> str:
    try:
        machine = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        machine = ""
    try:
        numbers = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - no path: the name of a name space
    except OSError:
        numbers = ""
    # Without any address of its own a machine is given another number each time: then nothing is known gone.
    known = (socket.gethostname(), machine or str(uuid.getnode()), numbers)
    return hashlib.sha256("\0".join(known).encode()).hexdigest()[:16]
