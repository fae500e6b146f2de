"""The command ``trastuz-ml``: its groups of commands, its errors and its exit codes.

Exit code 0: done. 1: bad input, or a finding that stops the work. 2: the command line itself is wrong.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from types import FrameType
from typing import Annotated, Any

import typer

from trastuz_ml import __version__
from trastuz_ml.cli import (
    certificates,
    data,
    learning,
    outward,
    panels,
    planning,
    registry,
    reporting,
    sealing,
    silencing,
)
from trastuz_ml.cli.console import note, say
from trastuz_ml.errors import TrastuzError

app = typer.Typer(
    name="trastuz-ml",
    help="From exome mutation calls to honestly validated predictors of neoadjuvant response. Research software.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(data.init)
app.command()(data.simulate)
app.command()(data.features)
app.command()(data.check)
app.command()(planning.plan)
app.command()(planning.schema)
app.command()(learning.train)
app.command()(learning.explain)
app.command()(certificates.gene)
app.command()(silencing.silence)
app.command()(panels.panel)
app.command()(registry.promote)
app.command()(outward.predict)
app.command()(sealing.seal)
app.command()(sealing.unseal)
app.command()(reporting.compare)
app.command()(reporting.figure)

_DEBUG = "--debug"
# By custom, the exit code is the signal's number and this.
_SIGNALLED = 128
_INTERRUPTED = _SIGNALLED + signal.SIGINT
# UsageError, in whichever copy of click this typer brings: newer ones carry their own.
_UsageError: Any = typer.BadParameter.__bases__[0]


def _print_version(value: bool) -> None:
    if value:
        say(f"trastuz-ml {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option(_DEBUG, help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Take the options that stand before the command."""


def run(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal's encoding lacks must not end the work.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    # --debug is understood anywhere on the line, because it is added after something went wrong.
    debug = _DEBUG in given
    rest = [word for word in given if word != _DEBUG]
    with _interruptions() as seen:
        code = _run(rest, seen, debug=debug)
    sys.exit(code)


@contextmanager
def _interruptions() -> Iterator[list[int]]:
    """Keep in mind that the work was asked to stop: where workers are stopped too, it can arrive as another error.

    A polite end (SIGTERM) is taken like Ctrl-C, so that files half written are removed.
    """
    seen: list[int] = []
    ours = threading.current_thread() is threading.main_thread()
    usual: dict[int, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    taken = [number for number, handler in usual.items() if ours and signal.getsignal(number) is handler]

    def note_it(number: int, frame: FrameType | None) -> None:
        seen.append(number)
        signal.default_int_handler(number, frame)

    for number in taken:
        signal.signal(number, note_it)
    try:
        yield seen
    finally:
        for number in taken:
            signal.signal(number, usual[number])


def _run(arguments: list[str], interrupted: list[int], *, debug: bool) -> int:
    try:
        outcome = app(arguments, prog_name="trastuz-ml", standalone_mode=False)
        sys.stdout.flush()
    except _UsageError as error:
        error.show()
        return 2
    except (typer.Abort, KeyboardInterrupt):
        outcome = _INTERRUPTED
    except BrokenPipeError:
        # The reader of the pipe has gone; Python must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # the last stop: nobody sees a traceback unless asked for
        if debug:
            raise
        if not interrupted:
            note(_in_words(error))
            return 1
        outcome = _INTERRUPTED
    # typer turns Ctrl-C into this code, without a word.
    if outcome == _INTERRUPTED:
        note("Interrupted; nothing half-written was left behind.")
        return _SIGNALLED + interrupted[-1] if interrupted else _INTERRUPTED
    return outcome if isinstance(outcome, int) else 0


def _in_words(error: Exception) -> str:
    if isinstance(error, TrastuzError):
        return f"Error: {error}"
    if isinstance(error, OSError):
        place = f": {error.filename}" if error.filename else ""
        return f"Error: {error.strerror or error}{place}. Check the path, and that there is room to write."
    if isinstance(error, MemoryError):
        return "Error: not enough memory; try fewer --workers."
    return f"Error that should not happen ({type(error).__name__}: {error}). Run again with --debug and report it."
