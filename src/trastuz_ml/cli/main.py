"""The command ``trastuz-ml``: its groups of commands, its errors and its exit codes.

Exit code 0: done. 1: bad input, or a finding that stops the work. 2: the command line itself is wrong.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from click.exceptions import Abort, ClickException

from trastuz_ml import __version__
from trastuz_ml.cli import data, learning, outward
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
app.command()(learning.train)
app.command()(learning.explain)
app.command()(outward.predict)
app.command()(outward.compare)

_DEBUG = "--debug"


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
    # --debug is understood anywhere on the line, because it is added after something went wrong.
    debug = _DEBUG in given
    rest = [word for word in given if word != _DEBUG]
    sys.exit(_run(rest, debug=debug))


def _run(arguments: list[str], *, debug: bool) -> int:
    try:
        outcome = app(arguments, prog_name="trastuz-ml", standalone_mode=False)
        sys.stdout.flush()
        return outcome if isinstance(outcome, int) else 0
    except ClickException as error:
        error.show()
        return 2
    except (Abort, KeyboardInterrupt):
        note("Interrupted; nothing half-written was left behind.")
        return 130
    except BrokenPipeError:
        # The reader of the pipe has gone; Python must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # the last stop: nobody sees a traceback unless asked for
        if debug:
            raise
        note(_in_words(error))
        return 1


def _in_words(error: Exception) -> str:
    if isinstance(error, TrastuzError):
        return f"Error: {error}"
    if isinstance(error, OSError):
        return f"Error: {error.strerror or error}: {error.filename or 'the file system refused'}."
    if isinstance(error, MemoryError):
        return "Error: not enough memory; try fewer --workers."
    return f"Error that should not happen ({type(error).__name__}: {error}). Run again with --debug and report it."
