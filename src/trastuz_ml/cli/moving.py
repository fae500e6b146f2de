"""The lines that move on standard error while something takes its time: what, how far, how long still."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, Timer
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from trastuz_ml.cli.course import Course, clock_words, left_words

if TYPE_CHECKING:
    from rich.console import RenderableType

# What is over sooner is not worth a flicker.
DELAY = 0.7
_A_SECOND = 4
# Short enough for all the words of a line beside it in 80 columns.
_BAR = 12
_MOST_OVER = 8


@contextmanager
def drawn(course: Course) -> Iterator[None]:
    """Draw a course on standard error while the context lasts, and leave nothing of it.

    The lines are drawn by a thread of their own, some times a second: what the work tells costs it nothing, and
    the bar moves while it waits for other processes. Whatever ends the context, the cursor is shown again.
    """
    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    # Standard output stays what it is: it may be a pipe while standard error is a terminal.
    live = Live(
        get_renderable=lambda: lines(course), console=console, transient=True, redirect_stdout=False,
        refresh_per_second=_A_SECOND,
    )  # fmt: skip
    over, turn = Event(), Lock()

    def begin() -> None:
        with turn:
            if not over.is_set():
                live.start(refresh=True)

    timer = Timer(DELAY, begin)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        over.set()
        timer.cancel()
        try:
            with turn:
                live.stop()
        finally:
            # Also where a second Ctrl-C comes while the first is being seen to.
            console.show_cursor(True)


def lines(course: Course) -> RenderableType:
    """Return what is shown of a course at this moment: what is over, the bar, and the time left in all."""
    now = course.clock()
    shown: list[RenderableType] = [
        Text(f"  {_plain(what)}  {clock_words(seconds)}", style="dim", no_wrap=True, overflow="ellipsis")
        for what, seconds in course.over()[-_MOST_OVER:]
    ]
    shown.append(_bar(course, now))
    if said := in_all(course, now):
        shown.append(Text(f"  {said}", style="dim", overflow="fold"))
    return Group(*shown)


def in_all(course: Course, now: float) -> str:
    """Return in words how long it all took, will take, and what is to come; empty where nothing was announced."""
    if not course.ahead_:
        return ""
    left, then = course.left_in_all(now), course.to_come()
    parts = [f"in all {clock_words(now - course.begun)}"]
    if left is not None:
        parts.append(left_words(left))
    elif then:
        parts.append("time left not known yet")
    return ", ".join(parts) + (f"; then {', '.join(then)}" if then else "")


def _bar(course: Course, now: float) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(4):
        grid.add_column(no_wrap=True, overflow="ellipsis")
    stage = course.now
    if stage is None:
        grid.add_row("  starting", ProgressBar(None, width=_BAR), clock_words(now - course.begun), "")
        return grid
    counted, left = stage.counted, stage.left(now)
    words = [clock_words(now - stage.begun)]
    if counted or (stage.total == 0 and stage.done):
        words.insert(0, f"{stage.done:,} of {stage.total:,}" if counted else f"{stage.done:,} so far")
    bar = ProgressBar(stage.total if counted else None, stage.done, width=_BAR)
    cells: list[Any] = [Text(f"  {_plain(stage.what)}"), bar, "  ".join(words)]
    grid.add_row(*cells, "" if left is None else left_words(left))
    return grid


def _plain(text: str) -> str:
    """Return a text without what a terminal would obey."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
