"""Nested cross-validation: everything that is learned is learned inside the training fold."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from trastuz_ml.errors import EvidenceError
from trastuz_ml.learn.catalogue import CHOSEN, CatalogueModel
from trastuz_ml.learn.design import Design
from trastuz_ml.learn.engine import Engine, in_parallel
from trastuz_ml.learn.fitted import AnyFitted
from trastuz_ml.learn.folds import LEAVE_PAIR_OUT, SplitPlan, Turn
from trastuz_ml.learn.tuning import EVERYBODY, Tuned, Tuning, inner_folds, pick, tune_models
from trastuz_ml.schema import CHOICES, GENE, INNER_ERRORS, OUT_OF_FOLD, conform

# A fitted model, the rows that its fold left out, and the rows it was fitted on.
Inspect = Callable[[AnyFitted, npt.NDArray[np.float32], npt.NDArray[np.float32]], Any]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Inspected:
    """What ``inspect`` returned for one model in one fold, and which patients the fold left out."""

    model: str
    repeat: int
    fold: int
    places: npt.NDArray[np.intp]
    result: Any


@dataclass(frozen=True, eq=False)
class FoldResult:
    """What one fold gave: nothing here depends on any other fold.

    Attributes
    ----------
    turn : Turn
        Repeat and fold.
    places : array of int, shape (n_out,)
        The patients that were predicted.
    probabilities : mapping of str to array, shape (n_out,)
        By model, ``chosen`` first.
    choices, inner_errors : list of dict
        Rows of the tables of that name.
    inspected : list of Inspected
        What was asked of the fitted models.
    """

    turn: Turn
    places: npt.NDArray[np.intp]
    probabilities: Mapping[str, npt.NDArray[np.float64]]
    choices: list[dict[str, Any]]
    inner_errors: list[dict[str, Any]]
    inspected: list[Inspected] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Validation:
    """What cross-validation found.

    Attributes
    ----------
    out_of_fold, choices, inner_errors : pandas.DataFrame
        As declared in :mod:`trastuz_ml.schema`.
    inspected : list of Inspected
        In the order of repeat, fold and model.
    """

    out_of_fold: pd.DataFrame
    choices: pd.DataFrame
    inner_errors: pd.DataFrame
    inspected: list[Inspected] = field(default_factory=list)


def validate(
    design: Design,
    plan: SplitPlan,
    models: Sequence[CatalogueModel],
    tuning: Tuning,
    *,
    workers: int | Engine = 1,
    inspect: Inspect | None = None,
    progress: Progress | None = None,
    finished: Mapping[Turn, FoldResult] | None = None,
    keep: Callable[[FoldResult], None] | None = None,
) -> Validation:
    """Fit and score every model on every fold of the plan.

    Parameters
    ----------
    design : Design
        Patients by features, with responses.
    plan : SplitPlan
        Which patients each fold leaves out.
    models : sequence of CatalogueModel
        The competitors; a row ``chosen`` is added, the one that the inner folds alone would pick.
    tuning : Tuning
        Inner folds, carrier filter, seed.
    workers : int or Engine
        Processes, or where else the folds run; the result does not depend on it.
    inspect : callable, optional
        Called in the fold with each fitted model, its left-out rows and its training rows; must be picklable.
    progress : callable, optional
        Called with (folds done, folds in all).
    finished : mapping of Turn to FoldResult, optional
        Folds that an interrupted run of the same work finished: they are not done again.
    keep : callable, optional
        Called with each fold as it ends, in the order in which they end.

    Returns
    -------
    Validation
        Tables sorted by repeat, fold, model and patient; the same whatever was finished before.
    """
    results = {turn: result for turn, result in (finished or {}).items() if turn in set(plan.turns)}
    left = [turn for turn in plan.turns if turn not in results]
    if progress is not None and results:
        progress(len(results), len(plan.turns))
    shared = (design.without_names(), plan.without_names(), models, tuning, inspect)
    for _, result in in_parallel(one_fold, shared, left, workers=workers):
        results[result.turn] = result
        if keep is not None:
            keep(result)
        if progress is not None:
            progress(len(results), len(plan.turns))
    return _as_validation(design, plan, [results[turn] for turn in plan.turns])


def one_fold(
    design: Design,
    plan: SplitPlan,
    models: Sequence[CatalogueModel],
    tuning: Tuning,
    inspect: Inspect | None,
    turn: Turn,
) -> FoldResult:
    """Tune, fit and apply every model in one fold."""
    train, out = plan.split(*turn)
    # One thread a model, in every process: with other thread counts sums round differently.
    with threadpool_limits(1):
        tuned = tune_models(design, train, models, tuning, turn)
        left_out, trained_on = design.X[out], design.X[train]
        probabilities = {name: t.model.probability(left_out) for name, t in tuned.items()}
        inspected = [
            Inspected(name, *turn, out, inspect(t.model, left_out, trained_on))
            for name, t in tuned.items()
            if inspect is not None
        ]
    picked = pick(tuned, tuning.rule)
    sources = {CHOSEN: picked} | {name: name for name in tuned}
    return FoldResult(
        turn, out,
        {name: probabilities[source] for name, source in sources.items()},
        [_choice(design, train, turn, name, source, tuned[source]) for name, source in sources.items()],
        [row for name, t in tuned.items() for row in _inner_rows(turn, name, t)],
        inspected,
    )  # fmt: skip


def require_inner_folds(design: Design, plan: SplitPlan, tuning: Tuning) -> None:
    """Refuse, before anything is fitted, a plan of which some training fold cannot be split again.

    Raises
    ------
    EvidenceError
        Names the setting to change.
    """
    for turn in [EVERYBODY, *plan.turns]:
        train = np.arange(len(design.patients)) if turn == EVERYBODY else plan.split(*turn)[0]
        try:
            inner_folds(design, train, tuning, turn)
        except EvidenceError as error:
            raise EvidenceError(
                f"validation.inner_folds: {tuning.inner_folds} inner folds do not fit into a training fold of "
                f"{len(train)} patients, {int(design.response[train].sum())} of them responders. {error} "
                "Ask for fewer inner_folds, or fewer folds."
            ) from error


def fit_on_all(
    design: Design, models: Sequence[CatalogueModel], tuning: Tuning, *, workers: int | Engine = 1
) -> tuple[dict[str, Tuned], str]:
    """Tune and fit every model on the whole cohort; also name the one that the inner folds pick."""
    shared = (design.without_names(), models, tuning)
    [(_, tuned)] = in_parallel(_tune_on_all, shared, [EVERYBODY], workers=workers)
    return tuned, pick(tuned, tuning.rule)


def _tune_on_all(
    design: Design, models: Sequence[CatalogueModel], tuning: Tuning, turn: tuple[int, int]
) -> dict[str, Tuned]:
    with threadpool_limits(1):
        return tune_models(design, np.arange(len(design.patients)), models, tuning, turn)


def _as_validation(design: Design, plan: SplitPlan, results: Sequence[FoldResult]) -> Validation:
    tables = [_out_of_fold(design, plan, result) for result in results]
    return Validation(
        conform(pd.concat(tables, ignore_index=True), OUT_OF_FOLD),
        conform(pd.DataFrame([row for r in results for row in r.choices]), CHOICES),
        conform(pd.DataFrame([row for r in results for row in r.inner_errors]), INNER_ERRORS),
        [item for r in results for item in r.inspected],
    )


def _out_of_fold(design: Design, plan: SplitPlan, result: FoldResult) -> pd.DataFrame:
    models, n = list(result.probabilities), len(result.places)
    table = pd.DataFrame(
        {
            "model": np.repeat(np.array(models, dtype=object), n),
            "repeat": result.turn.repeat,
            "fold": result.turn.fold,
            "patient": np.tile(np.array(design.patients, dtype=object)[result.places], len(models)),
            "response": np.tile(design.response[result.places].astype(int), len(models)),
            "probability": np.concatenate([result.probabilities[name] for name in models]),
        }
    )
    return table.assign(pair=result.turn.fold) if plan.kind == LEAVE_PAIR_OUT else table


def _choice(
    design: Design, train: npt.NDArray[np.intp], turn: Turn, name: str, picked: str, tuned: Tuned
) -> dict[str, Any]:
    places = np.unique(tuned.model.sources())
    return {
        "model": name,
        "repeat": turn.repeat,
        "fold": turn.fold,
        "picked": picked,
        "candidate": json.dumps(dict(tuned.model.candidate), sort_keys=True),
        "inner_log_loss": tuned.inner_log_loss,
        "threshold": tuned.model.threshold,
        "genes": sum(design.features[j].block == GENE for j in places),
        "trained_on": len(train),
        "responders": int(design.response[train].sum()),
    }


def _inner_rows(turn: Turn, name: str, tuned: Tuned) -> Iterable[dict[str, Any]]:
    for candidate, errors in zip(tuned.grid, tuned.inner_errors, strict=True):
        for fold, error in enumerate(errors):
            yield {
                "model": name, "repeat": turn.repeat, "fold": turn.fold,
                "candidate": json.dumps(dict(candidate), sort_keys=True), "inner_fold": fold,
                "log_loss": float(error),
            }  # fmt: skip
