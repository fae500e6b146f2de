"""What is claimed of the time that is left, with a clock that is set by hand."""

import pytest

from trastuz_ml.cli.course import Course
from trastuz_ml.cli.moving import in_all


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.time = 100.0

    def __call__(self):
        return self.time


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def course(clock):
    return Course(clock)


def tell(course, clock, what, done, total, *, after):
    clock.time += after
    course(what, done, total)


def test_left__is_what_the_steps_took_times_those_that_are_left(course, clock):
    course("folds", 0, 10)
    tell(course, clock, "folds", 2, 10, after=8)
    assert course.now.left(clock.time) == 8 / 2 * 8
    # Between two steps it runs down, and does not wait for the next.
    assert course.now.left(clock.time + 3) == 8 / 2 * 8 - 3
    assert course.now.left(clock.time + 1000) == 0


def test_left__steps_of_an_interrupted_command_took_no_time_here(course, clock):
    course("folds", 90, 100)
    assert course.now.left(clock.time) is None
    tell(course, clock, "folds", 95, 100, after=50)
    assert course.now.left(clock.time) == 50


def test_left__is_not_known_before_a_step_is_done_or_where_there_are_none(course, clock):
    course("folds", 0, 10)
    assert course.now.left(clock.time + 60) is None
    tell(course, clock, "reading", 0, 1, after=60)
    assert course.now.left(clock.time + 60) is None
    assert course.left_in_all(clock.time) is None


def test_left_in_all__counts_what_is_to_come_at_the_pace_of_what_was_done(course, clock):
    course.ahead({"folds": 10, "permuting": 40, "curve": 20})
    course("folds", 0, 10)
    tell(course, clock, "folds", 5, 10, after=15)
    assert course.left_in_all(clock.time) == 3 * (5 + 40 + 20)
    tell(course, clock, "folds", 10, 10, after=15)
    tell(course, clock, "permuting", 0, 100, after=0)
    assert course.left_in_all(clock.time) == 3 * (40 + 20)
    # Its own pace counts as soon as it has one: 1 s each and 2.5 s a unit, where the folds took 3 s.
    tell(course, clock, "permuting", 10, 100, after=10)
    assert course.left_in_all(clock.time) == pytest.approx(90 + (3 + 2.5) / 2 * 20)


def test_left_in_all__a_stage_that_was_passed_over_is_not_waited_for(course, clock):
    course.ahead({"folds": 4, "silencing": 100, "curve": 2})
    course("folds", 0, 4)
    tell(course, clock, "folds", 4, 4, after=8)
    tell(course, clock, "curve", 0, 6, after=0)
    assert course.to_come() == []
    assert course.left_in_all(clock.time) == 2 * 2


def test_over__stages_are_listed_with_the_seconds_they_took(course, clock):
    course("reading", 0, 1)
    tell(course, clock, "folds", 0, 4, after=12)
    tell(course, clock, "folds", 4, 4, after=5)
    tell(course, clock, "a moment", 0, 1, after=1)
    tell(course, clock, "writing", 0, 1, after=0.2)
    assert course.over() == [("reading", 12.0), ("folds", 6.0)]


def test_words__say_what_is_to_come_and_promise_nothing_before_they_know(course, clock):
    assert in_all(course, clock.time) == ""
    course.ahead({"folds": 10, "curve": 20})
    course("folds", 0, 10)
    assert in_all(course, clock.time + 5) == "in all 0:05, time left not known yet; then curve"
    tell(course, clock, "folds", 5, 10, after=20)
    assert in_all(course, clock.time) == "in all 0:20, about 2 min left; then curve"
    tell(course, clock, "curve", 20, 20, after=20)
    tell(course, clock, "writing", 0, 1, after=0)
    assert in_all(course, clock.time) == "in all 0:40"
