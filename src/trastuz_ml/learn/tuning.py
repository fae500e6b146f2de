"""Tuning inside a training fold: inner folds pick the candidate of each model, and the model that is chosen."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trastuz_ml.errors import EvidenceError
from trastuz_ml.learn.catalogue import LEARNERS, RANK_AVERAGE, SELECTIONS, CatalogueModel
from trastuz_ml.learn.design import Design
from trastuz_ml.learn.fitted import AnyFitted, FittedModel
from trastuz_ml.learn.folds import stratified_folds
from trastuz_ml.learn.rank_average import MEMBERS, average_ranks
from trastuz_ml.learn.selection import select_genes
from trastuz_ml.learn.training import Training
from trastuz_ml.learn.transformers import Preparation
from trastuz_ml.schema import GENE
from trastuz_ml.stats.calibration import log_losses
from trastuz_ml.stats.discrimination import youden_threshold

Places = npt.NDArray[np.intp]
Numbers = npt.NDArray[np.float64]
LOWEST = "lowest"
# The turn in which the whole cohort is the training fold.
EVERYBODY = (-1, -1)


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
    rule : {"lowest", "one-standard-error"}
        Which candidate is picked, and which model is chosen: the one of lowest inner log loss, or the
        simplest within one standard error of it (:func:`pick_place`).
    balanced : bool
        Whether both classes weigh the same in every fit.
    """

    inner_folds: int = 3
    min_carriers: int = 3
    seed: int = 0
    rule: str = LOWEST
    balanced: bool = False


@dataclass(frozen=True, eq=False)
class Tuned:
    """A model tuned and refitted on its training rows, with what the inner folds said of every candidate.

    Attributes
    ----------
    model : FittedModel or RankAverage
        Refitted with the candidate that was picked.
    grid : tuple of mapping
        The candidates, simplest first.
    inner_errors : array, shape (n_candidates, inner_folds)
        Log loss on each inner fold, nats.
    picked : int
        Place of the candidate that was picked.
    inner_probability : array, shape (n_training,)
        Its predictions for the patients that the inner folds left out.
    losses : array, shape (n_training,)
        Their log losses.
    """

    model: AnyFitted
    grid: tuple[Mapping[str, Any], ...]
    inner_errors: Numbers
    picked: int
    inner_probability: Numbers
    losses: Numbers

    @property
    def inner_log_loss(self) -> float:
        """Mean inner log loss of the candidate that was picked."""
        return float(self.inner_errors[self.picked].mean())


def pick_place(errors: Numbers, losses: Numbers, rule: str) -> int:
    """Return the place of the candidate to take.

    Parameters
    ----------
    errors : array, shape (n_candidates,)
        Mean inner log loss of each, simplest candidate first.
    losses : array, shape (n_candidates, n_patients)
        Log loss of each patient.
    rule : str
        ``lowest``: the smallest error, the first of several. ``one-standard-error``: the first whose error is
        at most the smallest plus its standard error over patients (Breiman et al. 1984, section 3.4.3).

    Examples
    --------
    >>> losses = np.array([[0.6, 0.8], [0.5, 0.7]])
    >>> [pick_place(losses.mean(axis=1), losses, rule) for rule in ("lowest", "one-standard-error")]
    [1, 0]
    """
    best = int(errors.argmin())
    if rule == LOWEST:
        return best
    error = float(losses[best].std(ddof=1)) / np.sqrt(losses.shape[1])
    return int(np.flatnonzero(errors <= errors[best] + error)[0])


def pick(tuned: Mapping[str, Tuned], rule: str = LOWEST) -> str:
    """Return the name of the model to choose, by inner scores alone; models are listed simplest first.

    A rank average is made of models that were ranked by these scores, so that it takes no part.
    """
    names = [name for name in tuned if name != RANK_AVERAGE] or list(tuned)
    errors = np.array([tuned[name].inner_log_loss for name in names])
    return names[pick_place(errors, np.array([tuned[name].losses for name in names]), rule)]


def tune_models(
    design: Design,
    train: Places,
    models: Sequence[CatalogueModel],
    tuning: Tuning,
    turn: tuple[int, int],
) -> dict[str, Tuned]:
    """Tune every model by inner cross-validation within the training rows, and refit its best candidate."""
    inner_of = inner_folds(design, train, tuning, turn)
    prepared = _Prepared(design, train, inner_of, tuning, turn)
    tuned = {m.name: _tune_one(m, prepared) for m in models if m.name != RANK_AVERAGE}
    if any(m.name == RANK_AVERAGE for m in models):
        tuned[RANK_AVERAGE] = _tune_rank_average(tuned, prepared)
    return {m.name: tuned[m.name] for m in models}


def inner_folds(design: Design, train: Places, tuning: Tuning, turn: tuple[int, int]) -> Places:
    """Return the inner fold of each training row.

    Raises
    ------
    EvidenceError
        If the training rows cannot be split into so many.
    """
    seed = named_seed(tuning.seed, turn, "inner folds")
    return stratified_folds(design.response[train], design.groups[train], tuning.inner_folds, seed)


def named_seed(seed: int, turn: Iterable[int], name: str) -> int:
    """Return the seed of a named stream: adding a model to the catalogue changes no other model's numbers."""
    entropy = [seed, *(t + 1 for t in turn), zlib.crc32(name.encode())]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0] % 2**31)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Columns prepared for one inner fold: what is fitted on, and what is left out."""

    columns: Places  # in the design
    preparation: Preparation
    fitting: Numbers
    left: Numbers
    gaps: npt.NDArray[np.bool_] | None


class _Prepared:
    """Selected and prepared columns of each inner fold, made once for all models alike."""

    def __init__(
        self, design: Design, train: Places, inner_of: Places, tuning: Tuning, turn: tuple[int, int]
    ) -> None:
        self.inner_of, self.tuning, self.turn = inner_of, tuning, turn
        self.y, self.groups = design.response[train], design.groups[train]
        self.weights = Training(np.empty((len(train), 0)), self.y, self.groups, balanced=tuning.balanced).weights
        rows = design.X[train]
        kinds = design.kinds
        # A gene with too few carriers among all training rows has too few in every part of them.
        reachable = (kinds != GENE) | ((rows > 0).sum(axis=0) >= tuning.min_carriers)
        self.places = np.flatnonzero(reachable)
        self.design, self.X, self.kinds = design, np.take(rows, self.places, axis=1), kinds[self.places]
        self.made: dict[tuple[Any, ...], _Rows] = {}
        self.offered: dict[str, Places] = {}
        self.selected: dict[tuple[str, int], tuple[Places, ...]] = {}

    def rows(self, model: CatalogueModel, selected: int, inner: int) -> _Rows:
        """Return the columns of a model for an inner fold (-1: all training rows).

        ``selected`` is the place of a candidate in the grid of the model's selection of genes.
        """
        complete = LEARNERS[model.learner].complete
        key = (model.features, complete, inner, model.selection, selected)
        if key not in self.made:
            self.made[key] = self._make(model, selected, inner, complete=complete)
        return self.made[key]

    def _selected(self, how: str, inner: int) -> tuple[Places, ...]:
        """Return the genes that each candidate of a way of selecting keeps, as columns of ``X``."""
        key = (how, inner)
        if key not in self.selected:
            genes, rows = np.flatnonzero(self.kinds == GENE), self.inner_of != inner
            seed = named_seed(self.tuning.seed, (*self.turn, inner), f"selection by {how}")
            kept = select_genes(
                SELECTIONS[how], self.X[np.ix_(rows, genes)], self.y[rows], self.groups[rows], seed
            )
            self.selected[key] = tuple(genes[places] for places in kept)
        return self.selected[key]

    def _offered(self, features: str) -> Places:
        """Return the columns of ``X`` that belong to a feature set."""
        if features not in self.offered:
            self.offered[features] = np.flatnonzero(np.isin(self.places, self.design.columns(features)))
        return self.offered[features]

    def _make(self, model: CatalogueModel, selected: int, inner: int, *, complete: bool) -> _Rows:
        here = self._offered(model.features)
        out = self.inner_of == inner
        if model.selection != "none":
            genes = self._selected(model.selection, inner)[selected]
            here = np.sort(np.concatenate([here[self.kinds[here] != GENE], genes]))
        columns = self.places[here]
        preparation = Preparation(
            tuple(self.kinds[here]), min_carriers=self.tuning.min_carriers, complete=complete
        )
        if len(here) == 0:
            return _Rows(
                columns, preparation, np.empty((int((~out).sum()), 0)), np.empty((int(out.sum()), 0)), None
            )
        # All columns, as they often are, need not be copied.
        rows = self.X if len(here) == self.X.shape[1] else np.take(self.X, here, axis=1)
        inside = rows[~out]
        fitting, gaps = preparation.learn(inside).prepare(inside)
        left = preparation.prepare(rows[out])[0] if out.any() else fitting[:0]
        return _Rows(columns, preparation, fitting, left, gaps)


def _tune_one(model: CatalogueModel, prepared: _Prepared) -> Tuned:
    learner, selection = LEARNERS[model.learner], SELECTIONS[model.selection].grid
    y, inner_of, tuning = prepared.y, prepared.inner_of, prepared.tuning
    seed = named_seed(tuning.seed, prepared.turn, model.name)
    grid = [({**s}, {**c}) for s, c in itertools.product(selection, learner.grid)]
    folds = int(inner_of.max()) + 1
    errors, probability = np.empty((len(grid), folds)), np.empty((len(grid), len(y)))
    losses = np.empty_like(probability)
    for fold in range(folds):
        out = inner_of == fold
        for k in range(len(selection)):
            rows = prepared.rows(model, k, fold)
            training = Training(rows.fitting, y[~out], prepared.groups[~out], seed, tuning.balanced, rows.gaps)
            for c, estimator in enumerate(learner.fit(training, learner.grid), start=k * len(learner.grid)):
                probability[c, out] = estimator.probability(rows.left)
        losses[:, out] = log_losses(y[out], probability[:, out]) * prepared.weights[out]
        errors[:, fold] = losses[:, out].mean(axis=1)
    best = pick_place(errors.mean(axis=1), losses, tuning.rule)
    fitted = _fit_picked(model, best, prepared, youden_threshold(y, probability[best]))
    return Tuned(fitted, tuple({**s, **c} for s, c in grid), errors, best, probability[best], losses[best])


def refit(
    design: Design,
    train: Places,
    model: CatalogueModel,
    picked: int,
    tuning: Tuning,
    threshold: float = 0.5,
    turn: tuple[int, int] = EVERYBODY,
) -> FittedModel:
    """Return a model fitted on the training rows with a candidate that was picked before.

    Seeds are those of the turn, so that on its training rows the model is the one that was fitted there.

    Parameters
    ----------
    design : Design
        Patients by features, with responses.
    train : array of int, shape (n_training,)
        Places of the patients to fit on.
    model : CatalogueModel
        Any but the rank average.
    picked : int
        Place of the candidate, as in :attr:`Tuned.picked`.
    tuning : Tuning
        Carrier filter, class weights and seed.
    threshold : float
        Probability from which a patient is called a responder.
    turn : tuple of int
        Repeat and fold whose seeds are used; those of the whole cohort by default.

    Raises
    ------
    EvidenceError
        If the training rows hold one class only.
    """
    if len(np.unique(design.response[train])) < 2:
        raise EvidenceError("there is one class only")
    nobody_left_out = np.zeros(len(train), dtype=np.intp)
    return _fit_picked(model, picked, _Prepared(design, train, nobody_left_out, tuning, turn), threshold)


def _fit_picked(model: CatalogueModel, picked: int, prepared: _Prepared, threshold: float) -> FittedModel:
    learner, selection = LEARNERS[model.learner], SELECTIONS[model.selection].grid
    selected, c = divmod(picked, len(learner.grid))
    rows = prepared.rows(model, selected, -1)
    seed = named_seed(prepared.tuning.seed, prepared.turn, model.name)
    training = Training(rows.fitting, prepared.y, prepared.groups, seed, prepared.tuning.balanced, rows.gaps)
    estimator = learner.fit(training, [learner.grid[c]])[0]
    candidate = {**selection[selected], **learner.grid[c]}
    return FittedModel(model.name, rows.columns, rows.preparation, estimator, candidate, threshold)


def _tune_rank_average(tuned: Mapping[str, Tuned], prepared: _Prepared) -> Tuned:
    usable = [name for name in tuned if np.ptp(tuned[name].inner_probability) > 0] or list(tuned)
    members = sorted(usable, key=lambda name: tuned[name].inner_log_loss)[:MEMBERS]
    y, inner_of = prepared.y, prepared.inner_of
    model, probability = average_ranks(
        [m for name in members if isinstance(m := tuned[name].model, FittedModel)],
        [tuned[name].inner_probability for name in members],
        y,
        prepared.weights,
    )
    losses = log_losses(y, probability) * prepared.weights
    errors = np.array([[losses[inner_of == fold].mean() for fold in range(int(inner_of.max()) + 1)]])
    return Tuned(model, ({"members": MEMBERS},), errors, 0, probability, losses)
