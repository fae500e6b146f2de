"""How scores grow with patients: the whole procedure on nested shares of each training fold."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from trastuz_ml.errors import ConfigurationError, EvidenceError
from trastuz_ml.learn.catalogue import CHOSEN, CatalogueModel
from trastuz_ml.learn.design import Design
from trastuz_ml.learn.engine import Engine, in_parallel
from trastuz_ml.learn.folds import LEAVE_PAIR_OUT, SplitPlan
from trastuz_ml.learn.tuning import Tuning, named_seed, pick, tune_models
from trastuz_ml.schema import LEARNING_CURVE, conform, empty
from trastuz_ml.stats.auc_intervals import newcombe_of_folds
from trastuz_ml.stats.discrimination import auc
from trastuz_ml.stats.intervals import Interval, nadeau_bengio, no_interval

Places = npt.NDArray[np.intp]
Progress = Callable[[int, int], None]
_BY_CONSTRUCTION = no_interval("by construction: the same probability for everybody in a fold")


class Step(NamedTuple):
    """One share of the training patients of one fold."""

    repeat: int
    fold: int
    share: float


@dataclass(frozen=True, eq=False)
class StepResult:
    """What one step gave: nothing here depends on any other step.

    Attributes
    ----------
    step : Step
        Repeat, fold and share.
    trained_on : int
        Patients trained on.
    areas : mapping of str to float
        AUC among the patients whom the fold left out, by model, ``chosen`` first; empty when refused.
    constant : tuple of str
        Models that gave everybody the same probability.
    refusal : str
        Why so few patients could not be trained on; empty when they could.
    """

    step: Step
    trained_on: int
    areas: Mapping[str, float]
    constant: tuple[str, ...] = ()
    refusal: str = ""


def learning_curve(
    design: Design,
    plan: SplitPlan,
    models: Sequence[CatalogueModel],
    tuning: Tuning,
    shares: Sequence[float],
    *,
    workers: int | Engine = 1,
    finished: Mapping[Step, StepResult] | None = None,
    keep: Callable[[StepResult], None] | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Refit every model on shares of each training fold, and score it on the same left-out patients.

    Parameters
    ----------
    design : Design
        Patients by features, with responses.
    plan : SplitPlan
        Which patients each fold leaves out.
    models : sequence of CatalogueModel
        The competitors; ``chosen`` is the one that the inner folds of each share would pick.
    tuning : Tuning
        As for the full cohort; the seed also draws the shares.
    shares : sequence of float
        Above 0, at most 1.
    workers : int or Engine
        Processes, or where else; the result does not depend on it.
    finished : mapping of Step to StepResult, optional
        Steps that an interrupted run of the same work finished: they are not done again.
    keep : callable, optional
        Called with each step as it ends, in the order in which they end.
    progress : callable, optional
        Called with (steps done, steps in all).

    Returns
    -------
    pandas.DataFrame
        :data:`trastuz_ml.schema.LEARNING_CURVE`, by model, then share. A share that some fold cannot be trained
        on is refused as a whole, with the reason: a mean over the other folds would be of other patients.

    Raises
    ------
    ConfigurationError
        If a share is out of range.

    Notes
    -----
    The AUROC is the mean over folds of the AUC within the fold, its interval that of Nadeau and Bengio (2003). In
    it the ratio of left-out to training patients stands for the correlation of two folds' values, which comes from
    patients who serve in many folds. A share of a training fold is no reason for more of it: the ratio stays that
    of the whole fold. In simulations (600 cohorts of 60 and of 160 patients, 2 x 5 folds, share 0.3) 97 % of the
    intervals then held the AUC of training on so many patients; with the share's own number of training patients
    all did, at 1.6 times the width. Under leave-pair-out the pairs of one class tell nothing and are not fitted;
    the interval is that of :func:`trastuz_ml.stats.auc_intervals.newcombe_of_folds`.

    Examples
    --------
    >>> from trastuz_ml.learn.catalogue import catalogue_model
    >>> from trastuz_ml.learn.folds import plan_splits
    >>> names, y = tuple(f"P{i:02d}" for i in range(24)), np.array([0, 1] * 12, dtype=np.int8)
    >>> design = Design(names, (), np.empty((24, 0), dtype=np.float32), y, np.array(names))
    >>> plan = plan_splits(names, y, design.groups, repeats=1, folds=4, seed=0)
    >>> curve = learning_curve(design, plan, [catalogue_model("prevalence")], Tuning(), [0.1, 0.5])
    >>> curve.loc[curve["model"] == "chosen", ["share", "trained_on", "auroc"]].to_numpy().tolist()
    [[0.1, 2.0, nan], [0.5, 10.0, 0.5]]
    """
    shares = sorted(set(shares))
    if any(not 0 < share <= 1 for share in shares):
        raise ConfigurationError(
            f"learning_curve.shares: expected shares above 0 and at most 1, found {', '.join(map(str, shares))}."
        )
    steps = [Step(*turn, share) for turn in plan.turns if _tells(design, plan, turn) for share in shares]
    results = {step: result for step, result in (finished or {}).items() if step in set(steps)}
    left = [step for step in steps if step not in results]
    if progress is not None and results:
        progress(len(results), len(steps))
    for _, result in in_parallel(
        one_step, (design.without_names(), plan.without_names(), models, tuning), left, workers=workers
    ):
        results[result.step] = result
        if keep is not None:
            keep(result)
        if progress is not None:
            progress(len(results), len(steps))
    names = [CHOSEN, *(model.name for model in models)]
    rows = [
        _row(design, plan, name, share, [results[step] for step in steps if step.share == share])
        for name in names
        for share in shares
    ]
    return conform(pd.DataFrame(rows), LEARNING_CURVE) if rows else empty(LEARNING_CURVE)


def one_step(
    design: Design, plan: SplitPlan, models: Sequence[CatalogueModel], tuning: Tuning, step: Step
) -> StepResult:
    """Tune, fit and score every model on one share of one training fold."""
    turn = (step.repeat, step.fold)
    train, out = plan.split(*turn)
    train = train[nested_share(design.response[train], design.groups[train], step.share, _seed(tuning, turn))]
    try:
        with threadpool_limits(1):
            tuned = tune_models(design, train, models, tuning, turn)
            probabilities = {name: t.model.probability(design.X[out]) for name, t in tuned.items()}
    except EvidenceError as error:
        return StepResult(step, len(train), {}, refusal=str(error))
    probabilities = {CHOSEN: probabilities[pick(tuned, tuning.rule)], **probabilities}
    areas = {name: auc(design.response[out], values) for name, values in probabilities.items()}
    constant = tuple(name for name, values in probabilities.items() if np.ptp(values) == 0)
    return StepResult(step, len(train), areas, constant)


def nested_share(response: npt.NDArray[np.int8], groups: npt.NDArray[np.str_], share: float, seed: int) -> Places:
    """Return the places of a stratified share of the patients, in whole groups; larger shares hold smaller ones.

    Parameters
    ----------
    response : array of 0 and 1, shape (n_patients,)
        What is stratified by: groups that respond, that do not, and that do in part.
    groups : array of str, shape (n_patients,)
        A group is taken as a whole or not at all.
    share : float
        Share of the patients of each stratum. The order in which groups are taken does not depend on it.
    seed : int
        Seed of that order.

    Examples
    --------
    >>> y = np.array([1, 1, 0, 0, 0, 0], dtype=np.int8)
    >>> half = nested_share(y, np.array(list("abcdef")), 0.5, seed=1)
    >>> len(half), int(y[half].sum())
    (3, 1)
    """
    generator = np.random.default_rng(seed)
    members = [np.flatnonzero(groups == name) for name in np.unique(groups)]
    rates = np.array([np.sign(response[m].mean()) + np.sign(response[m].mean() - 1) for m in members])
    taken: list[Places] = []
    for rate in (-1, 0, 1):
        units = [members[unit] for unit in generator.permutation(np.flatnonzero(rates == rate))]
        sizes = np.array([len(unit) for unit in units])
        # A group is in when its middle patient is, so that single patients are rounded to the nearest number.
        within = np.cumsum(sizes) - sizes / 2 <= share * sizes.sum()
        taken += [unit for unit, inside in zip(units, within, strict=True) if inside]
    return np.sort(np.concatenate([np.empty(0, dtype=np.intp), *taken]))


def _seed(tuning: Tuning, turn: tuple[int, int]) -> int:
    return named_seed(tuning.seed, turn, "learning curve")


def _tells(design: Design, plan: SplitPlan, turn: tuple[int, int]) -> bool:
    """Return whether the left-out patients can be told apart: not so in a pair of one class."""
    return len(np.unique(design.response[plan.split(*turn)[1]])) == 2


def _row(
    design: Design, plan: SplitPlan, model: str, share: float, results: Sequence[StepResult]
) -> dict[str, object]:
    trained_on = float(np.mean([result.trained_on for result in results])) if results else math.nan
    row = {"model": model, "share": share, "trained_on": trained_on}
    refused = [result.refusal for result in results if result.refusal]
    if refused or not results:
        area, interval = math.nan, no_interval("refused")
        status = "no fold leaves out both responders and non-responders"
        if refused:
            status = f"refused: too few patients in {len(refused)} of {len(results)} folds. {refused[0]}"
    else:
        area, interval, status = *_mean_area(design, plan, model, results), ""
    return row | {
        "auroc": area, "low": interval.low, "high": interval.high, "interval": interval.method, "status": status,
    }  # fmt: skip


def _mean_area(
    design: Design, plan: SplitPlan, model: str, results: Sequence[StepResult]
) -> tuple[float, Interval]:
    areas = np.array([result.areas[model] for result in results])
    mean, interval = float(areas.mean()), no_interval("pairs")
    if all(model in result.constant for result in results):
        return mean, _BY_CONSTRUCTION
    if plan.kind != LEAVE_PAIR_OUT:
        sizes = [tuple(map(len, plan.split(*result.step[:2]))) for result in results]
        ratio = float(np.mean([out / train for train, out in sizes]))
        mean, interval, _ = nadeau_bengio(areas, ratio, bounds=(0.0, 1.0))
    if math.isnan(interval.low):
        patients, responders = len(design.response), int(design.response.sum())
        folds = patients / 2 if plan.kind == LEAVE_PAIR_OUT else plan.folds
        interval = newcombe_of_folds(mean, responders, patients - responders, folds, 1 / folds)
    return mean, interval
