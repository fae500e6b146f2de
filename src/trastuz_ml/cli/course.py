"""How far a piece of work is, and how long it will still take: pure bookkeeping, drawn by the console."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

# A stage that was shorter is not worth a line.
_WORTH_A_LINE = 1.0


@dataclass
class Stage:
    """One stage of the work, as far as it was told.

    Attributes
    ----------
    what : str
        What is being done.
    begun : float
        When it began, in seconds of the clock.
    done, total : int
        Steps. A total of one means that there are none to count, of zero that nobody knows how many there are.
    first : int
        Steps that were done before it began, by an interrupted command: they took no time here.
    last : float
        When a step was last done.
    """

    what: str
    begun: float
    done: int
    total: int
    first: int
    last: float

    @property
    def counted(self) -> bool:
        """Whether it has steps."""
        return self.total > 1

    def left(self, now: float) -> float | None:
        """Return how many seconds it will still take at its own pace; nothing before a step was done."""
        if not self.counted or self.done <= self.first:
            return None
        each = (self.last - self.begun) / (self.done - self.first)
        return max(0.0, each * (self.total - self.done) - (now - self.last))


@dataclass
class Course:
    """The stages of a piece of work: called with what is being done, steps done, and steps in all.

    A call costs next to nothing, so that work may tell of every step.

    Parameters
    ----------
    clock : callable
        Gives the time in seconds.

    Examples
    --------
    >>> seconds = iter([0.0, 0.0, 30.0])
    >>> course = Course(clock=lambda: next(seconds))
    >>> course("folds", 0, 10)
    >>> course("folds", 3, 10)
    >>> course.now.left(40.0)
    60.0
    """

    clock: Callable[[], float] = time.monotonic
    begun: float = field(init=False)
    stages: list[Stage] = field(init=False, default_factory=list)
    ahead_: dict[str, float] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.begun = self.clock()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Take down that so many steps of a stage are done."""
        now = self.clock()
        stage = self.now
        if stage is None or stage.what != what:
            self.stages.append(Stage(what, now, done, total, done, now))
            return
        if done > stage.done:
            stage.last = now
        stage.done, stage.total = done, total

    def ahead(self, stages: Mapping[str, float]) -> None:
        """Take down which stages are to come, in order, and how much work each is in one unit for all."""
        self.ahead_ = dict(stages)

    @property
    def now(self) -> Stage | None:
        """The stage that goes on."""
        return self.stages[-1] if self.stages else None

    def over(self) -> list[tuple[str, float]]:
        """Return the stages that are over and took their time, with the seconds they took."""
        ends = [stage.begun for stage in self.stages[1:]]
        taken = [(stage.what, end - stage.begun) for stage, end in zip(self.stages, ends, strict=False)]
        return [(what, seconds) for what, seconds in taken if seconds >= _WORTH_A_LINE]

    def to_come(self) -> list[str]:
        """Return the stages that were announced and have not begun, without those that were passed over."""
        names = list(self.ahead_)
        reached = max((names.index(stage.what) for stage in self.stages if stage.what in names), default=-1)
        return names[reached + 1 :]

    def left_in_all(self, now: float) -> float | None:
        """Return how many seconds all that was announced will still take.

        The stage that goes on counts at its own pace; what is to come at the pace, in units of work, of what was
        done. Nothing is returned before there is a pace, or where nothing was announced.
        """
        stage, pace = self.now, self._pace()
        if stage is None or pace is None or not (stage.what in self.ahead_ or self.to_come()):
            return None
        own = stage.left(now)
        if own is None:
            own = max(0.0, pace * self.ahead_.get(stage.what, 0.0) - (now - stage.begun))
        return own + pace * sum(self.ahead_[what] for what in self.to_come())

    def _pace(self) -> float | None:
        """Return the seconds that a unit of work took: the mean over stages that were announced and counted."""
        paces = [
            (stage.last - stage.begun) * stage.total / (self.ahead_[stage.what] * (stage.done - stage.first))
            for stage in self.stages
            if self.ahead_.get(stage.what) and stage.counted and stage.done > stage.first
        ]
        return sum(paces) / len(paces) if paces else None


def clock_words(seconds: float) -> str:
    """Return a time as on a clock.

    Examples
    --------
    >>> clock_words(71), clock_words(3725)
    ('1:11', '1:02:05')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def left_words(seconds: float) -> str:
    """Return the time left, no finer than it can be known.

    Examples
    --------
    >>> left_words(3), left_words(62), left_words(200), left_words(7900)
    ('a few seconds left', 'about 60 s left', 'about 3 min left', 'about 2 h 12 min left')
    """
    if seconds < 5:
        return "a few seconds left"
    if seconds < 90:
        return f"about {5 * round(seconds / 5)} s left"
    minutes = round(seconds / 60)
    return f"about {minutes} min left" if minutes < 60 else f"about {minutes // 60} h {minutes % 60} min left"
