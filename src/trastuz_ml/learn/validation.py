"""Nested cross-validation: everything that is learned is learned inside the training fold."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from trastuz_ml.errors import EvidenceError
from trastuz_ml.learn.catalogue import CHOSEN, LEARNERS, CatalogueModel
from trastuz_ml.learn.design import Design
from trastuz_ml.learn.fitted import FittedModel
from trastuz_ml.learn.folds import SplitPlan, stratified_folds
from trastuz_ml.learn.transformers import Preparation
from trastuz_ml.schema import CHOICES, GENE, INNER_ERRORS, OUT_OF_FOLD, conform
from trastuz_ml.stats.calibration import log_loss
from trastuz_ml.stats.discrimination import youden_threshold

Inspect = Callable[[FittedModel, npt.NDArray[np.float32]], Any]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Tuning:
    """How models are tuned inside a training fold.

    Parameters
    ----------
    inner_folds : int
        Folds of the inner cross-validation.
    min_carriers : int
        Genes with fewer carriers in the training rows do not reach a model.
    seed : int
        Seed of the run.
    """

    inner_folds: int = 3
    min_carriers: int = 3
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Inspected:
    """What ``inspect`` returned for one model in one fold, and which patients the fold left out."""

    model: str
    repeat: int
    fold: int
    places: npt.NDArray[np.intp]
    result: Any


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


@dataclass(frozen=True, eq=False)
class Tuned:
    """A model tuned and refitted on its training rows, with the inner errors of every candidate."""

    model: FittedModel
    grid: tuple[dict[str, Any], ...]
    inner_errors: npt.NDArray[np.float64]  # candidates x inner folds
    picked: int

    @property
    def inner_log_loss(self) -> float:
        """Mean inner log loss of the candidate that was picked."""
        return float(self.inner_errors[self.picked].mean())


def validate(
    design: Design,
    plan: SplitPlan,
    models: Sequence[CatalogueModel],
    tuning: Tuning,
    *,
    workers: int = 1,
    inspect: Inspect | None = None,
    progress: Progress | None = None,
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
    workers : int
        Processes; the result does not depend on it.
    inspect : callable, optional
        Called in the fold with each fitted model and its left-out rows; must be picklable.
    progress : callable, optional
        Called with (folds done, folds in all).

    Returns
    -------
    Validation
        Tables sorted by repeat, fold, model and patient.
    """
    turns = [(repeat, fold) for repeat in range(plan.repeats) for fold in range(plan.folds)]
    jobs = (delayed(_one_fold)(design, plan, models, tuning, turn, inspect) for turn in turns)
    results = []
    # mmap_mode "r": workers share the matrix instead of copying it.
    for result in Parallel(n_jobs=workers, return_as="generator", mmap_mode="r")(jobs):
        results.append(result)
        if progress is not None:
            progress(len(results), len(turns))
    return Validation(
        conform(pd.concat([r.out_of_fold for r in results], ignore_index=True), OUT_OF_FOLD),
        conform(pd.DataFrame([row for r in results for row in r.choices]), CHOICES),
        conform(pd.DataFrame([row for r in results for row in r.inner_errors]), INNER_ERRORS),
        [item for r in results for item in r.inspected],
    )


def require_inner_folds(design: Design, plan: SplitPlan, tuning: Tuning) -> None:
    """Refuse, before anything is fitted, a plan of which some training fold cannot be split again.

    Raises
    ------
    EvidenceError
        Names the setting to change.
    """
    turns = [(-1, -1), *((repeat, fold) for repeat in range(plan.repeats) for fold in range(plan.folds))]
    for turn in turns:
        train = np.arange(len(design.patients)) if turn == (-1, -1) else plan.split(*turn)[0]
        try:
            _inner_folds(design, train, tuning, turn)
        except EvidenceError as error:
            raise EvidenceError(
                f"validation.inner_folds: {tuning.inner_folds} inner folds do not fit into a training fold of "
                f"{len(train)} patients, {int(design.response[train].sum())} of them responders. {error} "
                "Ask for fewer inner_folds, or fewer folds."
            ) from error


def fit_on_all(
    design: Design, models: Sequence[CatalogueModel], tuning: Tuning, *, workers: int = 1
) -> tuple[dict[str, FittedModel], str]:
    """Tune and fit every model on the whole cohort; also name the one that the inner folds pick.

    With several workers it runs in one that :func:`validate` has warmed up, because compiling the elastic
    net's solver costs a process some ten seconds.
    """
    tuned = Parallel(n_jobs=workers)([delayed(_tune_on_all)(design, models, tuning)])[0]
    return {name: t.model for name, t in tuned.items()}, pick(tuned)


def _tune_on_all(design: Design, models: Sequence[CatalogueModel], tuning: Tuning) -> dict[str, Tuned]:
    with threadpool_limits(1):
        return tune_models(design, np.arange(len(design.patients)), models, tuning, (-1, -1))


def pick(tuned: dict[str, Tuned]) -> str:
    """Return the name of the model with the lowest inner log loss; the first listed wins a tie."""
    return min(tuned, key=lambda name: tuned[name].inner_log_loss)


@dataclass(frozen=True, eq=False)
class _FoldResult:
    out_of_fold: pd.DataFrame
    choices: list[dict[str, Any]]
    inner_errors: list[dict[str, Any]]
    inspected: list[Inspected]


def _one_fold(
    design: Design,
    plan: SplitPlan,
    models: Sequence[CatalogueModel],
    tuning: Tuning,
    turn: tuple[int, int],
    inspect: Inspect | None,
) -> _FoldResult:
    train, out = plan.split(*turn)
    # One thread a model, in every process: with other thread counts sums round differently.
    with threadpool_limits(1):
        tuned = tune_models(design, train, models, tuning, turn)
        left_out = design.X[out]
        probabilities = {name: t.model.probability(left_out) for name, t in tuned.items()}
        inspected = [
            Inspected(name, *turn, out, inspect(t.model, left_out))
            for name, t in tuned.items()
            if inspect is not None
        ]
    picked = pick(tuned)
    rows = [(CHOSEN, picked), *((name, name) for name in tuned)]
    tables = [_out_of_fold(design, out, turn, name, probabilities[source]) for name, source in rows]
    choices = [_choice(design, train, turn, name, source, tuned[source]) for name, source in rows]
    errors = [row for name, t in tuned.items() for row in _inner_rows(turn, name, t)]
    return _FoldResult(pd.concat(tables, ignore_index=True), choices, errors, inspected)


def tune_models(
    design: Design,
    train: npt.NDArray[np.intp],
    models: Sequence[CatalogueModel],
    tuning: Tuning,
    turn: tuple[int, int],
) -> dict[str, Tuned]:
    """Tune every model by inner cross-validation within the training rows, and refit its best candidate."""
    y = design.response[train]
    inner_of = _inner_folds(design, train, tuning, turn)
    prepared = _Prepared(design, train, inner_of, tuning)
    tuned = {}
    for model in models:
        seed = _seed(tuning.seed, turn, model.name)
        tuned[model.name] = _tune_one(model, y, inner_of, prepared, seed)
    return tuned


def _inner_folds(
    design: Design, train: npt.NDArray[np.intp], tuning: Tuning, turn: tuple[int, int]
) -> npt.NDArray[np.intp]:
    seed = _seed(tuning.seed, turn, "inner folds")
    return stratified_folds(design.response[train], design.groups[train], tuning.inner_folds, seed)


class _Prepared:
    """Prepared columns of the training rows and of each inner fold, made once for all learners alike."""

    def __init__(
        self, design: Design, train: npt.NDArray[np.intp], inner_of: npt.NDArray[np.intp], tuning: Tuning
    ) -> None:
        self.design, self.train, self.inner_of, self.tuning = design, train, inner_of, tuning
        self.made: dict[tuple[str, bool, int], tuple[Preparation, Any, Any]] = {}

    def __call__(self, features: str, complete: bool, inner: int) -> tuple[Preparation, Any, Any]:
        """Return the fitted preparation, its fitting rows and its left-out rows; ``inner`` -1 leaves out none."""
        key = (features, complete, inner)
        if key not in self.made:
            columns = self.design.columns(features)
            rows = self.design.X[np.ix_(self.train, columns)]
            kinds = tuple(self.design.features[j].kind for j in columns)
            preparation = Preparation(kinds, min_carriers=self.tuning.min_carriers, complete=complete)
            out = self.inner_of == inner
            if len(columns) == 0:
                self.made[key] = preparation, rows[~out], rows[out]
            else:
                fitted = preparation.fit_transform(rows[~out])
                left = preparation.transform(rows[out]) if out.any() else fitted[:0]
                self.made[key] = preparation, fitted, left
        return self.made[key]


def _tune_one(
    model: CatalogueModel,
    y: npt.NDArray[np.int8],
    inner_of: npt.NDArray[np.intp],
    prepared: _Prepared,
    seed: int,
) -> Tuned:
    learner = LEARNERS[model.learner]
    folds = int(inner_of.max()) + 1
    errors = np.empty((len(learner.grid), folds))
    inner_probability = np.empty((len(learner.grid), len(y)))
    for fold in range(folds):
        out = inner_of == fold
        _, fitting, left = prepared(model.features, learner.complete, fold)
        for c, estimator in enumerate(learner.fit(fitting, y[~out], learner.grid, seed)):
            inner_probability[c, out] = estimator.probability(left)
            errors[c, fold] = log_loss(y[out], inner_probability[c, out])
    best = int(errors.mean(axis=1).argmin())
    preparation, fitting, _ = prepared(model.features, learner.complete, -1)
    estimator = learner.fit(fitting, y, [learner.grid[best]], seed)[0]
    threshold = youden_threshold(y, inner_probability[best])
    columns = prepared.design.columns(model.features)
    fitted = FittedModel(model.name, columns, preparation, estimator, learner.grid[best], threshold)
    return Tuned(fitted, learner.grid, errors, best)


def _seed(seed: int, turn: Iterable[int], name: str) -> int:
    # Named streams: adding a model to the catalogue changes no other model's numbers.
    entropy = [seed, *(t + 1 for t in turn), zlib.crc32(name.encode())]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0] % 2**31)


def _out_of_fold(
    design: Design,
    out: npt.NDArray[np.intp],
    turn: tuple[int, int],
    name: str,
    probability: npt.NDArray[np.float64],
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "model": name,
            "repeat": turn[0],
            "fold": turn[1],
            "patient": [design.patients[i] for i in out],
            "response": design.response[out].astype(int),
            "probability": probability,
        }
    )


def _choice(
    design: Design, train: npt.NDArray[np.intp], turn: tuple[int, int], name: str, picked: str, tuned: Tuned
) -> dict[str, Any]:
    places = np.unique(tuned.model.sources())
    return {
        "model": name,
        "repeat": turn[0],
        "fold": turn[1],
        "picked": picked,
        "candidate": json.dumps(tuned.model.candidate, sort_keys=True),
        "inner_log_loss": tuned.inner_log_loss,
        "threshold": tuned.model.threshold,
        "genes": sum(design.features[j].block == GENE for j in places),
        "trained_on": len(train),
        "responders": int(design.response[train].sum()),
    }


def _inner_rows(turn: tuple[int, int], name: str, tuned: Tuned) -> Iterable[dict[str, Any]]:
    for candidate, errors in zip(tuned.grid, tuned.inner_errors, strict=True):
        for fold, error in enumerate(errors):
            yield {
                "model": name, "repeat": turn[0], "fold": turn[1],
                "candidate": json.dumps(candidate, sort_keys=True), "inner_fold": fold, "log_loss": float(error),
            }  # fmt: skip
