"""The models of the folds once more: fitted again with what each fold picked, and asked something new."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from trastuz_ml.errors import ConfigurationError, EvidenceError
from trastuz_ml.learn.catalogue import CHOSEN, LEARNERS, RANK_AVERAGE, SELECTIONS, CatalogueModel, catalogue_model
from trastuz_ml.learn.design import Design
from trastuz_ml.learn.engine import Engine, in_parallel
from trastuz_ml.learn.fitted import FittedModel
from trastuz_ml.learn.folds import SplitPlan, Turn
from trastuz_ml.learn.tuning import Tuning, refit
from trastuz_ml.learn.validation import Inspected

# What is asked of a fold's model, with the rows that the fold left out; picklable.
Ask = Callable[[FittedModel, npt.NDArray[np.float32]], Any]
Progress = Callable[[int, int], None]
# How far a model that was fitted again may be from the predictions that the run kept.
SAME = 1e-12
_NOTHING = pd.Series(dtype="float64")


@dataclass(frozen=True, eq=False)
class Validated:
    """What was validated and what its folds picked: enough to fit their models again.

    Attributes
    ----------
    design : Design
        The design that was validated.
    plan : SplitPlan
        Its splits.
    tuning : Tuning
        Carrier filter, class weights and seed.
    choices, out_of_fold : pandas.DataFrame
        :data:`trastuz_ml.schema.CHOICES` and :data:`trastuz_ml.schema.OUT_OF_FOLD`.
    """

    design: Design
    plan: SplitPlan
    tuning: Tuning
    choices: pd.DataFrame
    out_of_fold: pd.DataFrame


class Picked(NamedTuple):
    """What one fold picked for a model: the candidate's place in the grid, and the threshold."""

    name: str
    place: int
    threshold: float


def models_to_refit(choices: pd.DataFrame, models: Sequence[str] | None = None) -> tuple[list[str], list[str]]:
    """Return which models can be fitted again, and which are left out.

    Parameters
    ----------
    choices : pandas.DataFrame
        :data:`trastuz_ml.schema.CHOICES`.
    models : sequence of str, optional
        Models that are wanted; all of the run when absent.

    Returns
    -------
    possible, left_out : list of str
        In the order of the run. The rank average is left out: it is made of what the inner folds said of its
        members, so that it would have to be tuned anew; its members are given.

    Raises
    ------
    ConfigurationError
        If a model is not in the run, or nothing but the rank average is wanted.
    """
    known = list(dict.fromkeys(choices["model"]))
    wanted = known if models is None else list(models)
    for name in wanted:
        if name not in known:
            raise ConfigurationError(f"The run has no model '{name}'; it has {', '.join(known)}.")
    possible = [name for name in known if name in wanted and name != RANK_AVERAGE]
    if not possible:
        raise ConfigurationError(
            f"{RANK_AVERAGE} is made anew from its members in each fold and is not fitted again: ask for its "
            f"members, some of {', '.join(name for name in known if name not in (RANK_AVERAGE, CHOSEN))}."
        )
    return possible, [name for name in wanted if name == RANK_AVERAGE]


def ask_fold_models(
    validated: Validated,
    ask: Ask,
    *,
    models: Sequence[str] | None = None,
    workers: int | Engine = 1,
    progress: Progress | None = None,
) -> list[Inspected]:
    """Fit the model of every fold again with the candidate that the fold picked, and ask each the same.

    A run keeps no models of its folds. With the same rows, seeds and candidate a single fit, without any tuning,
    gives the same model; that it does is checked on every prediction that the run kept.

    Parameters
    ----------
    validated : Validated
        The design, its splits and what each fold picked.
    ask : callable
        ``ask(model, X)`` with the rows of the design that the fold left out; picklable.
    models : sequence of str, optional
        As for :func:`models_to_refit`. ``chosen`` is the model that each fold picked.
    workers : int or Engine
        Processes; the result does not depend on it.
    progress : callable, optional
        Called with (folds done, folds in all).

    Returns
    -------
    list of Inspected
        In the order of repeat, fold and model.

    Raises
    ------
    ConfigurationError
        If a model is not in the run or cannot be fitted again.
    EvidenceError
        If a model does not predict what the run kept, or what a fold picked is not known or no longer possible.
    """
    design, plan, choices = validated.design, validated.plan, validated.choices
    sources = _sources(choices, models_to_refit(choices, models)[0])
    for turn in plan.turns:
        if turn not in sources:
            raise EvidenceError(
                f"The run does not say what fold {turn.fold} of repeat {turn.repeat} picked: train again."
            )
    items = [(turn, _picked(choices, turn, set(sources[turn].values()))) for turn in plan.turns]
    kept = {
        key: rows.set_index("patient")["probability"]
        for key, rows in validated.out_of_fold.groupby(["repeat", "fold", "model"])
    }
    shared = (design.without_names(), plan.without_names(), validated.tuning, ask)
    answers: dict[Turn, dict[str, Any]] = {}
    for place, answered in in_parallel(_ask_fold, shared, items, workers=workers):
        turn = items[place][0]
        patients = [design.patients[i] for i in plan.split(*turn)[1]]
        for name, (probability, _) in answered.items():
            expected = kept.get((*turn, name), _NOTHING).reindex(patients).to_numpy(dtype=np.float64)
            _require_same(name, turn, probability, expected)
        answers[turn] = {name: answer for name, (_, answer) in answered.items()}
        if progress is not None:
            progress(len(answers), len(items))
    return [
        Inspected(name, *turn, plan.split(*turn)[1], answers[turn][source])
        for turn in plan.turns
        for name, source in sources[turn].items()
    ]


def _sources(choices: pd.DataFrame, names: Sequence[str]) -> dict[Turn, dict[str, str]]:
    """Return, for each turn, the model that stands behind each name: ``chosen`` is another one's."""
    found: dict[Turn, dict[str, str]] = {}
    for row in choices[choices["model"].isin(names)].itertuples():
        found.setdefault(Turn(int(row.repeat), int(row.fold)), {})[str(row.model)] = str(row.picked)
    return found


def _picked(choices: pd.DataFrame, turn: Turn, names: set[str]) -> tuple[Picked, ...]:
    rows = choices[(choices["repeat"] == turn.repeat) & (choices["fold"] == turn.fold)]
    return tuple(
        Picked(row.model, candidate_place(catalogue_model(row.model), row.candidate), float(row.threshold))
        for row in rows[rows["model"].isin(names)].itertuples()
    )


def candidate_place(model: CatalogueModel, candidate: str) -> int:
    """Return the place in a model's grid of a candidate, given as JSON.

    Raises
    ------
    EvidenceError
        If the grid does not hold it.

    Examples
    --------
    >>> candidate_place(catalogue_model("l2-logistic:both"), '{"C": 0.03}')
    2
    """
    pairs = itertools.product(SELECTIONS[model.selection].grid, LEARNERS[model.learner].grid)
    grid = [json.dumps({**selection, **fit}, sort_keys=True) for selection, fit in pairs]
    try:
        return grid.index(candidate)
    except ValueError as error:
        raise EvidenceError(
            f"{model.name}: the run picked {candidate}, which is not among this version's candidates "
            f"({', '.join(grid)}): another version of trastuz_ml made the run. Train again."
        ) from error


def _ask_fold(
    design: Design, plan: SplitPlan, tuning: Tuning, ask: Ask, item: tuple[Turn, tuple[Picked, ...]]
) -> Mapping[str, tuple[npt.NDArray[np.float64], Any]]:
    """Return, for each model of a fold, its predictions for the patients left out, and its answer."""
    turn, picked = item
    train, out = plan.split(*turn)
    left_out = design.X[out]
    answers = {}
    # One thread a model, as when it was validated: with other thread counts sums round differently.
    with threadpool_limits(1):
        for name, place, threshold in picked:
            model = refit(design, train, catalogue_model(name), place, tuning, threshold, turn)
            answers[name] = model.probability(left_out), ask(model, left_out)
    return answers


def _require_same(
    name: str, turn: Turn, found: npt.NDArray[np.float64], expected: npt.NDArray[np.float64]
) -> None:
    apart = np.abs(found - expected)
    # A prediction that the run lacks is NaN, and not the same.
    if not (apart <= SAME).all():
        largest = "some are missing" if np.isnan(apart).any() else f"by up to {apart.max():.3g}"
        raise EvidenceError(
            f"{name}, fitted again in fold {turn.fold} of repeat {turn.repeat}, does not predict what the run "
            f"kept ({largest}): other versions of the libraries or of trastuz_ml made the run, or it was changed. "
            "Train again."
        )
