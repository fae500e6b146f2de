"""The smallest panel of genes that predicts as well as all genes, and the panels that could stand in its place."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from trastuz_ml.errors import EvidenceError
from trastuz_ml.learn.catalogue import LEARNERS
from trastuz_ml.learn.comparisons import NO_TEST_OF_PAIRS
from trastuz_ml.learn.design import Design
from trastuz_ml.learn.engine import Engine, in_parallel
from trastuz_ml.learn.folds import LEAVE_PAIR_OUT, SplitPlan, Turn
from trastuz_ml.learn.scores import DEFAULT_INTERVAL
from trastuz_ml.learn.selection import rank_by_association
from trastuz_ml.learn.training import Training
from trastuz_ml.learn.transformers import Preparation
from trastuz_ml.learn.tuning import Tuning, inner_folds, pick_place
from trastuz_ml.schema import GENE, PANELS, conform
from trastuz_ml.stats.auc_intervals import newcombe_effective, widened_pairwise_newcombe
from trastuz_ml.stats.calibration import log_losses
from trastuz_ml.stats.comparison import left_out_share
from trastuz_ml.stats.discrimination import placements
from trastuz_ml.stats.intervals import Interval

Numbers = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
Progress = Callable[[int, int], None]

SIZES: tuple[int, ...] = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
# How many panels of the genes that rank next are tried beside the smallest one.
NEXT_PANELS = 10
ALL_GENES = "all genes"
WHY_NOT_SAID = NO_TEST_OF_PAIRS.removeprefix("refused: ")
_LEARNER = LEARNERS["l2-logistic"]


@dataclass(frozen=True)
class Panel:
    """Genes by their rank in a training fold.

    Attributes
    ----------
    first : int
        Rank of the first, from 1.
    genes : int
        How many; 0 for all from the first on.

    Examples
    --------
    >>> Panel(11, 10).name, Panel(1, 0).name
    ('genes 11 to 20', 'all genes')
    """

    first: int
    genes: int

    @property
    def last(self) -> int:
        """Rank of its last gene; 0 for all."""
        return self.first + self.genes - 1 if self.genes else 0

    @property
    def name(self) -> str:
        """What stands in the table."""
        if not self.genes:
            return ALL_GENES
        return f"gene {self.first}" if self.genes == 1 else f"genes {self.first} to {self.last}"

    def of(self, ranked: Places) -> Places:
        """Return its genes among those of a fold, the best first; fewer where the fold has fewer."""
        return ranked[self.first - 1 : self.last or None]


EVERYTHING = Panel(1, 0)


@dataclass(frozen=True, eq=False)
class PanelFold:
    """What one fold gave for each panel.

    Attributes
    ----------
    places : array of int, shape (n_out,)
        The patients that were predicted.
    probability : array, shape (n_panels, n_out)
        Their probability of response.
    chosen : tuple of array of int
        For each panel the genes that it held in this fold, as columns of the design.
    """

    places: Places
    probability: Numbers
    chosen: tuple[Places, ...]


@dataclass(frozen=True, eq=False)
class _Ranked:
    """Prepared genes of some training rows, ranked by association in them: ``order`` holds columns of both."""

    fitting: Numbers
    left: Numbers
    order: Places
    columns: Places  # in the design

    def rows(self, panel: Panel) -> tuple[Numbers, Numbers]:
        # Sorted, because sums in another order round differently.
        columns = np.sort(panel.of(self.order))
        return np.take(self.fitting, columns, axis=1), np.take(self.left, columns, axis=1)


def panel_table(
    design: Design,
    plan: SplitPlan,
    tuning: Tuning,
    *,
    sizes: Sequence[int] = SIZES,
    workers: int | Engine = 1,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Validate panels of leading genes, nested, on the folds of a plan, beside all genes.

    In each training fold genes are ranked by Fisher's p; the first k of them, or those of later ranks, go to an L2
    logistic model whose penalty is tuned on inner folds, in each of which genes are ranked anew. Genes alone:
    covariates take no part.

    Parameters
    ----------
    design : Design
        Patients by features, with responses; only genes are used.
    plan : SplitPlan
        Which patients each fold leaves out.
    tuning : Tuning
        Inner folds, carrier filter, seed, rule.
    sizes : sequence of int
        Numbers of genes to try, as far as every training fold has more.
    workers : int or Engine
        Processes, or where else the folds run; the result does not depend on it.
    progress : callable, optional
        Called with (folds done, folds in all), for the leading panels and then for the next ones.

    Returns
    -------
    pandas.DataFrame
        :data:`trastuz_ml.schema.PANELS`: all genes; the leading panels, smallest first; then, where a smallest
        panel of k genes can be named, panels of the ranks k + 1 to 2 k, 2 k + 1 to 3 k and so on, ten at most.

    Raises
    ------
    EvidenceError
        If some training fold has no gene that enough of its patients carry.

    Notes
    -----
    A panel does as well as all genes when its AUROC is at most one standard error of the difference below theirs
    (the rule of Breiman et al. 1984, section 3.4.3, for the number of genes); the standard error is Nadeau and
    Bengio's (2003, Machine Learning 52:239), on the AUROC within folds. Few patients make it large, and then small
    panels do "as well". Panels of later ranks: Ein-Dor et al. (2005), Bioinformatics 21:171. With left-out pairs
    no variance of a difference is known that holds, so that nothing is called as good.
    """
    fewest = min(len(_filtered(design, plan.split(*turn)[0], tuning)[1].source_) for turn in plan.turns)
    if fewest == 0:
        raise EvidenceError(
            f"In some training fold no gene has {tuning.min_carriers} carriers or more: there is no panel. "
            "Lower min_carriers: under validation:, or leave panels out."
        )
    leading = [EVERYTHING, *(Panel(1, size) for size in sorted(set(sizes)) if 0 < size < fewest)]
    table = _rows(design, plan, leading, _validated(design, plan, tuning, leading, workers, progress))
    smallest = smallest_panel(table)
    if smallest is None or smallest.genes == 0:
        return conform(table, PANELS)
    k = smallest.genes
    later = [Panel(1 + k * i, k) for i in range(1, NEXT_PANELS + 1) if k * (i + 1) <= fewest]
    # All genes again, because every panel is compared with them on the same folds.
    both = [EVERYTHING, *later]
    rows = _rows(design, plan, both, _validated(design, plan, tuning, both, workers, progress))
    return conform(pd.concat([table, rows.iloc[1:]], ignore_index=True), PANELS)


def smallest_panel(table: pd.DataFrame) -> Panel | None:
    """Return the smallest leading panel that is as good as all genes, or None where that cannot be said.

    Parameters
    ----------
    table : pandas.DataFrame
        :data:`trastuz_ml.schema.PANELS`.
    """
    leading = table[(table["first"] == 1) & table["as_good"].fillna(False).astype(bool)]
    sizes = [int(row.genes) for row in leading.itertuples() if row.panel != ALL_GENES]
    if sizes:
        return Panel(1, min(sizes))
    return EVERYTHING if len(leading) else None


def _filtered(design: Design, train: Places, tuning: Tuning) -> tuple[Places, Preparation]:
    """Return the genes of the design, as columns of it, and what the training rows say of them."""
    genes = np.flatnonzero(design.blocks == GENE)
    preparation = Preparation(("gene",) * len(genes), min_carriers=tuning.min_carriers)
    return genes, preparation.learn(design.X[np.ix_(train, genes)])


def _validated(
    design: Design,
    plan: SplitPlan,
    tuning: Tuning,
    panels: Sequence[Panel],
    workers: int | Engine,
    progress: Progress | None,
) -> list[PanelFold]:
    # A pair of one class says nothing of the area under the curve.
    turns = [turn for turn in plan.turns if len(np.unique(design.response[plan.split(*turn)[1]])) > 1]
    shared = (design.without_names(), plan.without_names(), tuning, tuple(panels))
    done: dict[int, PanelFold] = {}
    for place, found in in_parallel(panels_in_fold, shared, turns, workers=workers):
        done[place] = found
        if progress is not None:
            progress(len(done), len(turns))
    return [done[place] for place in range(len(turns))]


def panels_in_fold(
    design: Design, plan: SplitPlan, tuning: Tuning, panels: Sequence[Panel], turn: Turn
) -> PanelFold:
    """Rank genes, tune, fit and apply every panel in one fold."""
    train, out = plan.split(*turn)
    # One thread, as in validation.
    with threadpool_limits(1):
        picked = _penalties(design, train, tuning, panels, turn)
        ranked = _ranked(design, train, out, tuning)
        probability = np.empty((len(panels), len(out)))
        for place, (panel, candidate) in enumerate(zip(panels, picked, strict=True)):
            fitting, left = ranked.rows(panel)
            training = Training(fitting, design.response[train], design.groups[train], balanced=tuning.balanced)
            probability[place] = _LEARNER.fit(training, [_LEARNER.grid[candidate]])[0].probability(left)
    return PanelFold(out, probability, tuple(ranked.columns[panel.of(ranked.order)] for panel in panels))


def _ranked(design: Design, train: Places, out: Places, tuning: Tuning) -> _Ranked:
    genes, preparation = _filtered(design, train, tuning)
    rows, kept = design.X[np.ix_(train, genes)], preparation.source_
    order = rank_by_association(rows[:, kept], design.response[train])
    fitting, left = (preparation.prepare(part)[0] for part in (rows, design.X[np.ix_(out, genes)]))
    return _Ranked(fitting, left, order, genes[kept])


def _penalties(design: Design, train: Places, tuning: Tuning, panels: Sequence[Panel], turn: Turn) -> list[int]:
    """Return, for each panel, the place of the penalty that the inner folds pick; they rank genes themselves."""
    inner_of = inner_folds(design, train, tuning, turn)
    y = design.response[train]
    weights = Training(np.empty((len(train), 0)), y, design.groups[train], balanced=tuning.balanced).weights
    folds, grid = int(inner_of.max()) + 1, _LEARNER.grid
    losses, errors = np.empty((len(panels), len(grid), len(train))), np.empty((len(panels), len(grid), folds))
    for fold in range(folds):
        out = inner_of == fold
        inside = train[~out]
        ranked = _ranked(design, inside, train[out], tuning)
        for place, panel in enumerate(panels):
            fitting, left = ranked.rows(panel)
            training = Training(fitting, y[~out], design.groups[inside], balanced=tuning.balanced)
            probability = np.array([model.probability(left) for model in _LEARNER.fit(training, grid)])
            losses[place][:, out] = log_losses(y[out], probability) * weights[out]
            errors[place, :, fold] = losses[place][:, out].mean(axis=1)
    return [pick_place(e.mean(axis=1), one, tuning.rule) for e, one in zip(errors, losses, strict=True)]


def _rows(design: Design, plan: SplitPlan, panels: Sequence[Panel], found: Sequence[PanelFold]) -> pd.DataFrame:
    """Return the table of some panels, of which the first holds all genes."""
    judged = _by_pairs if plan.kind == LEAVE_PAIR_OUT else _by_folds
    rows = []
    for place, (panel, scored) in enumerate(zip(panels, judged(design, plan, found), strict=True)):
        chosen = [fold.chosen[place] for fold in found]
        genes = panel.genes or int(np.median([len(columns) for columns in chosen]))
        rows.append(
            {"panel": panel.name, "first": panel.first, "genes": genes, "overlap": _overlap(chosen), **scored}
        )
    return conform(pd.DataFrame(rows), PANELS)


def _by_folds(design: Design, plan: SplitPlan, found: Sequence[PanelFold]) -> Iterator[Mapping[str, object]]:
    """Yield AUROC and the difference from all genes, the first panel, for each panel."""
    shape = (plan.repeats, len(design.patients))
    fold_of, y = np.zeros(shape, dtype=np.int64), design.response
    probability = np.empty((len(found[0].probability), *shape))
    for turn, fold in zip(plan.turns, found, strict=True):
        fold_of[turn.repeat, fold.places] = turn.fold
        probability[:, turn.repeat, fold.places] = fold.probability
    reference = placements(y, probability[0], fold_of)
    for scores in probability:
        placed = placements(y, scores, fold_of)
        interval = _interval(y, scores, fold_of)
        error = difference_error(placed.area - reference.area, left_out_share(reference))
        difference = placed.mean - reference.mean
        yield {
            "auroc": placed.mean, "low": interval.low, "high": interval.high, "difference": difference,
            "error": error, "as_good": difference >= -error - 1e-12, "status": "",
        }  # fmt: skip


def _by_pairs(design: Design, plan: SplitPlan, found: Sequence[PanelFold]) -> Iterator[Mapping[str, object]]:
    """Yield the share of pairs that are ranked rightly for each panel; of a difference no error is known."""
    y = design.response
    responders, others = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    wins = np.empty((len(found[0].probability), len(responders), len(others)))
    for fold in found:
        up, down = int(y[fold.places].argmax()), int(y[fold.places].argmin())
        won = (np.sign(fold.probability[:, up] - fold.probability[:, down]) + 1) / 2
        wins[:, np.searchsorted(responders, fold.places[up]), np.searchsorted(others, fold.places[down])] = won
    for place, won in enumerate(wins):
        interval = widened_pairwise_newcombe(won)
        yield {
            "auroc": float(won.mean()), "low": interval.low, "high": interval.high,
            "difference": float(won.mean() - wins[0].mean()), "error": math.nan, "as_good": None,
            "status": f"whether it does as well as all genes cannot be said: {WHY_NOT_SAID}" if place else "",
        }  # fmt: skip


def _interval(y: npt.NDArray[np.int8], scores: Numbers, fold_of: npt.NDArray[np.int64]) -> Interval:
    interval = DEFAULT_INTERVAL(y, scores, fold_of)
    return newcombe_effective(y, scores, fold_of) if math.isnan(interval.low) else interval


def difference_error(differences: npt.ArrayLike, test_share: float) -> float:
    """Return the standard error of a mean difference over folds whose training sets overlap.

    Parameters
    ----------
    differences : array, shape (J,)
        Difference of two scores in each fold of each repeat.
    test_share : float
        Patients left out over patients trained on.

    Notes
    -----
    Nadeau and Bengio (2003), Machine Learning 52:239: ``sqrt((1 / J + test_share) variance)``.

    Examples
    --------
    >>> round(difference_error([0.1, -0.1, 0.2, 0.0, 0.05], 0.25), 4)
    0.075
    """
    values = np.asarray(differences, dtype=float)
    return math.sqrt((1 / values.size + test_share) * float(values.var(ddof=1)))


def _overlap(chosen: Sequence[Places]) -> float:
    """Return the mean Jaccard index of the genes of every two folds; missing where no two folds hold a gene."""
    genes = np.unique(np.concatenate(chosen))
    held = np.array([np.isin(genes, columns) for columns in chosen], dtype=float)
    both = held @ held.T
    either = held.sum(axis=1)[:, None] + held.sum(axis=1)[None, :] - both
    pairs = np.triu_indices(len(chosen), 1)
    some = either[pairs] > 0
    return float(np.mean(both[pairs][some] / either[pairs][some])) if some.any() else math.nan
