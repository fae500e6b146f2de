"""Ctrl-C and SIGTERM, kept in mind while work goes on."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def noted_signals() -> Iterator[list[int]]:
    """Keep in mind that the work was asked to stop: where workers are stopped, too, another error may tell of it.

    Whoever handles Ctrl-C and SIGTERM goes on handling them. Where nobody handles SIGTERM, it ends the program by
    an exception instead of at once.

    Yields
    ------
    list of int
        The signals that came, so far.
    """
    seen: list[int] = []
    usual: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note_it(number: int, frame: FrameType | None) -> None:
        seen.append(number)
        if usual[number] is signal.SIG_DFL:
            raise SystemExit(128 + number)
        usual[number](number, frame)

    taken = [number for number, handler in usual.items() if handler is signal.SIG_DFL or callable(handler)]
    for number in taken:
        signal.signal(number, note_it)
    try:
        yield seen
    finally:
        for number in taken:
            signal.signal(number, usual[number])
