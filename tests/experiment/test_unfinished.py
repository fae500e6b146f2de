"""Interrupted work: continued to the same bit, never into other work, and always with a last word."""

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests_shared import SMALL, made_up_design
from trastuz_ml.cohort.cohort import Source
from trastuz_ml.errors import ConfigurationError, OutputExistsError
from trastuz_ml.experiment import unfinished
from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.experiment.kept_pieces import fold_as_plain, fold_from_plain
from trastuz_ml.experiment.unfinished import (
    Unfinished,
    begin_publishing,
    open_unfinished,
    publishing_begun,
    read_state,
    unfinished_folder,
    unfinished_runs,
)
from trastuz_ml.experiment.work import work_of
from trastuz_ml.explain.contributions import contributions_of
from trastuz_ml.learn.catalogue import catalogue_model
from trastuz_ml.learn.folds import plan_splits
from trastuz_ml.learn.learning_curve import Step, StepResult
from trastuz_ml.learn.validation import Tuning, validate
from trastuz_ml.store.packing import packed, unpacked
from trastuz_ml.store.processes import this_process

QUICK = ("prevalence", "l2-logistic:both")
TOTAL = 6
CODE, VERSIONS = {"version": "0.1.0", "sha256": "c" * 64}, {"numpy": "2.4.6"}


class Work:
    """A validation that can be stopped after some folds."""

    def __init__(self):
        self.design = made_up_design(patients=40, genes=12)
        d = self.design
        self.plan = plan_splits(d.patients, d.response, d.groups, repeats=2, folds=3, seed=1)

    def validate(self, finished=None, keep=None, models=QUICK):
        return validate(
            self.design, self.plan, [catalogue_model(name) for name in models], Tuning(2, 2, 1),
            inspect=contributions_of, finished=finished, keep=keep,
        )  # fmt: skip


@pytest.fixture(scope="module")
def work():
    return Work()


@pytest.fixture(scope="module")
def folds(work):
    kept = []
    work.validate(keep=kept.append, models=(*QUICK, "xgboost:genes", "random-forest:genes"))
    return kept


@pytest.fixture(scope="module")
def undisturbed(work):
    return work.validate()


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "runs"


@pytest.fixture
def experiment(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return read_experiment(path)


def opened(runs, what=None, **options):
    return open_unfinished(
        runs, "small", {"settings": {"seed": 1}} if what is None else what, total=TOTAL, **options
    )


def leave(runs, folds=(), error=KeyboardInterrupt, act=None, **options):
    """Finish some folds, do something, and end by an error."""

    def end():
        with opened(runs, **options) as kept:
            for fold in folds:
                kept.keep_fold(fold)
            if act is not None:
                act(kept)
            raise error

    with pytest.raises(error if isinstance(error, type) else type(error)):
        end()


def same(one, other):
    """Compare to the bit, with types, whatever it is."""
    assert type(one) is type(other)
    if dataclasses.is_dataclass(one):
        for field in dataclasses.fields(one):
            same(getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            same(a, b)
    elif isinstance(one, np.ndarray):
        assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
        # What is neither is laid out as a worker's answer is.
        assert one.flags.f_contiguous == other.flags.f_contiguous or not (one.flags.forc and other.flags.forc)
    elif isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    else:
        assert repr(one) == repr(other)


# --- Folds --------------------------------------------------------------------------------------------


def test_fold__comes_back_bit_for_bit(folds):
    assert len(folds) == TOTAL
    for fold in folds:
        back = fold_from_plain(unpacked(packed(fold_as_plain(fold))))
        # numpy's own numbers come back as Python's, with the same value; a table holds them alike.
        same(
            dataclasses.replace(fold, choices=[], inner_errors=[]),
            dataclasses.replace(back, choices=[], inner_errors=[]),
        )
        for rows in ("choices", "inner_errors"):
            same(pd.DataFrame(getattr(fold, rows)), pd.DataFrame(getattr(back, rows)))


def test_fold__with_something_that_cannot_be_kept_is_told(folds):
    odd = dataclasses.replace(folds[0].inspected[0], result={"a": 1})
    with pytest.raises(TypeError, match="cannot be kept"):
        fold_as_plain(dataclasses.replace(folds[0], inspected=[odd]))


@pytest.mark.parametrize("done", range(TOTAL + 1))
def test_work__interrupted_after_any_fold_ends_with_the_same_tables(done, work, undisturbed, runs):
    def keep(fold, kept):
        kept.keep_fold(fold)
        if len(seen) == done - 1:
            raise KeyboardInterrupt
        seen.append(fold.turn)

    seen = []
    if done:
        with pytest.raises(KeyboardInterrupt), opened(runs) as kept:
            work.validate(finished=kept.folds, keep=lambda fold: keep(fold, kept))
    said, again = [], []
    with opened(runs, say=said.append) as kept:
        assert len(kept.folds) == done
        result = work.validate(finished=kept.folds, keep=again.append)
    assert len(again) == TOTAL - done
    same(result, undisturbed)
    assert [line.partition(" were")[0] for line in said] == [f"Going on: {done} of 6 folds"] * bool(done)
    assert list(runs.iterdir()) == []


# --- The last word ------------------------------------------------------------------------------------


def test_state__is_running_with_its_process_and_gone_when_the_work_is_done(runs, folds):
    with opened(runs) as kept:
        kept.keep_fold(folds[0])
        state = read_state(unfinished_folder(runs, "small"))
        assert (state.status, state.total, state.process) == ("running", 6, str(this_process()))
        [listed] = unfinished_runs(runs)
        assert (listed.name, listed.state.status, listed.done) == ("small", "running", 1)
    assert unfinished_runs(runs) == []


@pytest.mark.skipif(os.name != "posix", reason="signals are a POSIX notion")
@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_state__says_which_signal_ended_it_and_handlers_are_restored(number, error, runs, folds):
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    leave(runs, folds[:1], error, lambda _: [os.kill(os.getpid(), number), pytest.fail("swallowed")])
    state = read_state(unfinished_folder(runs, "small"))
    assert (state.status, state.reason) == ("interrupted", number.name)
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.skipif(os.name != "posix", reason="signals are a POSIX notion")
def test_state__is_interrupted_when_workers_that_were_stopped_raise_something_else(runs, folds, monkeypatch):
    previous = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        leave(runs, folds[:1], RuntimeError, lambda _: os.kill(os.getpid(), signal.SIGTERM))
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert read_state(unfinished_folder(runs, "small")).reason == "SIGTERM"


def test_state__says_which_error_ended_it(runs, folds):
    leave(runs, folds[:1], ValueError("too few patients"))
    [listed] = unfinished_runs(runs)
    assert (listed.state.status, listed.state.reason, listed.done) == ("failed", "too few patients", 1)


def test_work__that_ended_says_where_what_is_finished_is_kept(runs, folds):
    said = []
    leave(runs, say=said.append)
    leave(runs, folds[:2], say=said.append)
    assert said == [f"2 of 6 folds are kept in {runs / '.small.unfinished'}: the same command goes on from there."]


def test_state__of_a_process_that_was_killed_is_killed(runs):
    code = (
        "import os; from pathlib import Path; from trastuz_ml.experiment.unfinished import open_unfinished\n"
        "with open_unfinished(Path(os.sys.argv[1]), 'small', {}, total=6) as kept:\n"
        "    kept.keep('fold', '0.0', {}); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(runs)], check=False).returncode == -9
    [listed] = unfinished_runs(runs)
    assert (listed.state.status, listed.done) == ("killed", 1)


@pytest.mark.parametrize("there", [True, False])
def test_work__without_a_finished_fold_leaves_nothing(there, runs):
    if there:
        runs.mkdir()
    leave(runs)
    leave(runs, error=ValueError)
    assert runs.exists() == there
    assert not there or list(runs.iterdir()) == []


def test_disk__full_while_the_last_word_is_written_hides_no_error(runs, folds, monkeypatch):
    def full(_):
        raise OSError(28, "full")

    leave(runs, folds[:1], ZeroDivisionError, lambda _: monkeypatch.setattr(unfinished, "whole_file", full))
    monkeypatch.undo()
    with opened(runs) as kept:
        assert len(kept.folds) == 1


def test_work__of_two_processes_at_once_is_refused(runs, folds):
    with opened(runs) as kept:
        kept.keep_fold(folds[0])
        with pytest.raises(ConfigurationError, match="Another process is at work"), opened(runs):
            pass
        assert read_state(unfinished_folder(runs, "small")).status == "running"


# --- Other work ---------------------------------------------------------------------------------------


def described(experiment, design, plan, **more):
    options = {"sources": [Source("roster.tsv", "a" * 64, 9, 9)], "code": CODE, "versions": VERSIONS, **more}
    return work_of(experiment, design, plan, **options)


def revalidated(experiment, **settings):
    return experiment.model_copy(update={"validation": experiment.validation.model_copy(update=settings)})


def bit(array):
    """Change one bit of an array."""
    changed = array.copy()
    changed.view(np.uint8).reshape(-1)[0] ^= 1
    return changed


CHANGED = {
    "one setting": (lambda e, d: {"experiment": revalidated(e, seed=7)}, r"validation\.seed was 1 and is 7"),
    "a list": (
        lambda e, d: {"experiment": e.model_copy(update={"models": (*e.models[1:], "burden-only")})},
        r"models is now without prevalence and with burden-only",
    ),
    "an order": (lambda e, d: {"experiment": e.model_copy(update={"models": e.models[::-1]})}, "in another order"),
    "a watched gene": (
        lambda e, d: {"experiment": e.model_copy(update={"watch": ()})},
        "watch .* without ANKRD44",
    ),
    "a file": (lambda e, d: {"sources": [Source("roster.tsv", "b" * 64, 9, 9)]}, r"roster\.tsv has other content"),
    "a new file": (
        lambda e, d: {"sources": [Source(f, "a" * 64, 9, 9) for f in ("roster.tsv", "more.maf")]},
        r"more\.maf was not read then",
    ),
    "the version": (lambda e, d: {"code": {**CODE, "version": "0.2.0"}}, r"was version 0\.1\.0 and is 0\.2\.0"),
    "the code": (lambda e, d: {"code": {**CODE, "sha256": "d" * 64}}, "was cccccccc and is dddddddd"),
    "a library": (lambda e, d: {"versions": {"numpy": "2.5.0"}}, r"numpy: 2\.4\.6 then, 2\.5\.0 now"),
    "one bit of the values": (lambda e, d: {"design": dataclasses.replace(d, X=bit(d.X))}, "values of the cohort"),
    "a response": (lambda e, d: {"design": dataclasses.replace(d, response=bit(d.response))}, "response of the"),
    "a group": (lambda e, d: {"design": dataclasses.replace(d, groups=bit(d.groups))}, "groups of the cohort"),
    "a patient": (lambda e, d: {"design": dataclasses.replace(d, patients=d.patients[::-1])}, "patients of the"),
    "a feature": (lambda e, d: {"design": dataclasses.replace(d, features=d.features[::-1])}, "features of the"),
}


@pytest.mark.parametrize("what", list(CHANGED))
def test_changed__is_refused_by_name_and_left_as_it_is(what, experiment, work, folds, runs):
    change, said = CHANGED[what]
    usual = {"experiment": experiment, "design": work.design, "plan": work.plan}
    leave(runs, folds[:2], what=described(**usual))
    before = {path: path.read_bytes() for path in unfinished_folder(runs, "small").iterdir()}
    other = described(**{**usual, **change(experiment, work.design)})
    with pytest.raises(OutputExistsError, match=said) as refused, opened(runs, other):
        pass
    assert "2 finished pieces" in str(refused.value)
    assert "--force" in str(refused.value)
    assert {path: path.read_bytes() for path in unfinished_folder(runs, "small").iterdir()} == before
    with opened(runs, described(**usual)) as kept:
        assert len(kept.folds) == 2


def test_changed__plan_alone_is_refused(experiment, work, folds, runs):
    d = work.design
    plan = plan_splits(d.patients, d.response, d.groups, repeats=2, folds=3, seed=2)
    leave(runs, folds[:1], what=described(experiment, d, work.plan))
    with pytest.raises(OutputExistsError, match="split into folds"), opened(runs, described(experiment, d, plan)):
        pass


def test_changed__a_file_that_a_setting_names_is_refused(experiment, work, folds, runs, tmp_path):
    sets = {"encoding": "gene-sets", "gene_sets": "sets.gmt"}
    named = experiment.model_copy(update={"features": experiment.features.model_copy(update=sets)})
    (tmp_path / "sets.gmt").write_text("A\t\tTP53\n")
    leave(runs, folds[:1], what=described(named, work.design, work.plan))
    (tmp_path / "sets.gmt").write_text("A\t\tTP53\tTTN\n")
    with pytest.raises(OutputExistsError, match=r"sets\.gmt has other content"):
        opened(runs, described(named, work.design, work.plan)).__enter__()


def test_changed__many_things_are_named_in_part(experiment, work, folds, runs):
    other = {"versions": {"numpy": "9", "pandas": "9", "shap": "9", "scipy": "9", "skops": "9", "mlflow": "9"}}
    leave(runs, folds[:1], what=described(experiment, work.design, work.plan))
    with pytest.raises(OutputExistsError, match="and 2 more"):
        opened(runs, described(experiment, work.design, work.plan, **other)).__enter__()


def test_unchanged__settings_that_no_number_depends_on_may_differ(experiment, work, folds, runs):
    tracking = experiment.tracking.model_copy(update={"enabled": False})
    free = {"purpose": "Another.", "tracking": tracking, "data": "/elsewhere", "export": "clinical-only"}
    leave(runs, folds[:2], what=described(experiment, work.design, work.plan))
    with opened(runs, described(experiment.model_copy(update=free), work.design, work.plan)) as kept:
        assert len(kept.folds) == 2


def test_force__continues_the_same_work_and_begins_other_work_anew(runs, folds):
    leave(runs, folds[:2], force=True)
    leave(runs, folds[2:3], force=True)
    found = []
    leave(runs, act=lambda kept: found.append(len(kept.folds)), force=True)
    assert found == [3]
    with opened(runs, {"settings": {"seed": 2}}, force=True) as kept:
        assert kept.folds == {}


# --- Publishing ---------------------------------------------------------------------------------------


def test_publishing__interrupted_lets_its_own_outputs_be_replaced_and_nobody_else_s(runs, folds):
    leave(runs, folds[:1])
    assert not publishing_begun(runs, "small")
    leave(runs, act=lambda _: begin_publishing(runs, "small"))
    assert publishing_begun(runs, "small")
    leave(runs)
    assert publishing_begun(runs, "small")  # also after another interruption, before it came so far again
    leave(runs, folds[:1], what={"settings": {"seed": 2}}, force=True)
    assert not publishing_begun(runs, "small")
    with opened(runs, what={"settings": {"seed": 2}}):
        begin_publishing(runs, "small")
    assert not publishing_begun(runs, "small")


def test_parts__of_the_process_that_was_killed_are_removed_and_of_no_other(runs, folds, tmp_path):
    leave(runs, folds[:1])
    child = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    gone = int(child.stdout)
    state = read_state(unfinished_folder(runs, "small"))
    of_gone = str(dataclasses.replace(this_process(), pid=gone))
    unfinished._write_state(unfinished_folder(runs, "small"), dataclasses.replace(state, process=of_gone))
    names = [f".small.{gone}.part", f".small.{os.getpid()}.part", f".other.{gone}.part", "small"]
    for folder in (runs, tmp_path / "models"):
        for name in names:
            Path(folder, name).mkdir(parents=True)
    with opened(runs, outputs=[runs, tmp_path / "models", tmp_path / "nowhere"]):
        pass
    for folder in (runs, tmp_path / "models"):
        assert sorted(path.name for path in folder.iterdir()) == sorted(names[1:])


# --- Other pieces -------------------------------------------------------------------------------------


def test_pieces__of_any_kind_are_found_again_by_key(runs):
    leave(runs, act=lambda kept: kept.keep("other", "a/7", {"auc": np.array([0.4, 0.6])}))
    with opened(runs) as kept:
        assert {key: value["auc"].tolist() for key, value in kept.found("other").items()} == {"a/7": [0.4, 0.6]}
        assert kept.found("oth") == kept.folds == {}


def test_permutations_and_steps__come_back_bit_for_bit_with_their_types(runs):
    step = StepResult(
        Step(0, 2, 0.1), 12, {"chosen": 0.1 + 0.2, "prevalence": float("nan")}, ("prevalence",), "few"
    )
    statistics = {"chosen": np.float64(0.1) + 0.2, "l2-logistic:both": float("nan")}

    def act(kept):
        kept.keep_step(step)
        kept.keep_permutation("responses", 0, statistics)
        kept.keep_permutation("genes", 7, statistics)

    said = []
    leave(runs, act=act, say=said.append)
    with opened(runs, say=said.append) as kept:
        same(dict(kept.steps), {step.step: step})
        plain = {name: float(value) for name, value in statistics.items()}
        same(dict(kept.permutations), {"responses": {0: plain}, "genes": {7: plain}})
    assert [line.partition(" pieces")[0] for line in said] == [
        "0 of 6 folds and 3",
        "Going on: 0 of 6 folds and 3",
    ]


def test_nothing__is_kept_where_nobody_asked_for_it(folds, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kept = Unfinished()
    kept.keep_fold(folds[0])
    assert kept.folds == kept.found("fold") == {}
    assert list(tmp_path.iterdir()) == []
