"""Could it be chance? The whole procedure - selection, tuning, choice - refitted on permuted data."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from trastuz_ml.errors import EvidenceError
from trastuz_ml.learn.catalogue import CHOSEN, CLINICAL, CatalogueModel
from trastuz_ml.learn.design import Design
from trastuz_ml.learn.engine import Engine, in_parallel
from trastuz_ml.learn.folds import LEAVE_GROUP_OUT, PlanShape, SplitPlan
from trastuz_ml.learn.tuning import Tuning, named_seed, pick, tune_models
from trastuz_ml.schema import BURDEN, GENE, PERMUTED, conform
from trastuz_ml.stats.discrimination import auc
from trastuz_ml.stats.permutation_test import arrangement_count, count_until, every_arrangement

Response = npt.NDArray[np.int8]
Places = npt.NDArray[np.intp]
Statistics = dict[str, float]
Progress = Callable[[int, int], None]
RESPONSES, GENES = "responses", "genes"
# With fewer arrangements no p reaches 0.05.
_FEWEST_WAYS = 20
# A grouped permutation can leave a fold with one class; another is drawn, at most so many times.
_MOST_DRAWS = 100


@dataclass(frozen=True, eq=False)
class Chance:
    """What is permuted, how often, and on which folds it is judged.

    Attributes
    ----------
    what : {"responses", "genes"}
        ``responses``: does anything predict? ``genes``: do the genes add to the covariates? Then the rows of
        the gene block are permuted jointly, responses and covariates stay, and the statistic is the gain
        over ``clinical-only``.
    times : int
        Permutations; where the responses have no more arrangements than that, each is taken once.
    shape : PlanShape
        Folds that every permutation is validated on; they are planned anew for its responses.
    strata : array of int, shape (n_patients,)
        Patients are permuted within these only.
    stop_at : int
        Stop when so many permutations reached the observed value of ``chosen``; 0 never stops.
    """

    what: str
    times: int
    shape: PlanShape
    strata: Places
    stop_at: int = 0

    def exact(self, design: Design) -> bool:
        """Return whether every arrangement of the responses is taken."""
        if self.what != RESPONSES or len(np.unique(design.groups)) < len(design.groups):
            return False
        return arrangement_count(design.response, self.strata) <= self.times


def permute(
    design: Design,
    models: Sequence[CatalogueModel],
    tuning: Tuning,
    chance: Chance,
    *,
    workers: int | Engine = 1,
    finished: Mapping[int, Statistics] | None = None,
    keep: Callable[[int, Statistics], None] | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Refit the whole procedure on permuted data.

    Parameters
    ----------
    design : Design
        Patients by features, with responses.
    models : sequence of CatalogueModel
        The competitors; ``chosen`` is permuted with them.
    tuning : Tuning
        As for the observed data.
    chance : Chance
        What is permuted, and how often.
    workers : int or Engine
        Processes, or where else; the result does not depend on it.
    finished : mapping of int to dict, optional
        Statistics of permutations that an interrupted run finished.
    keep : callable, optional
        Called with number and statistics of each permutation as it ends.
    progress : callable, optional
        Called with (permutations done, permutations in all).

    Returns
    -------
    pandas.DataFrame
        :data:`trastuz_ml.schema.PERMUTED`. Number 0 is the observed data, by the same procedure on the same
        kind of folds.

    Raises
    ------
    EvidenceError
        If groups and strata leave no fold plan for permuted responses.

    Notes
    -----
    Permuting responses within strata keeps what the strata say of the response; permuting the rows of the
    gene block jointly keeps the correlation of genes, and with it the distribution of the mutational burden.
    Under leave-one-group-out, responses are permuted within the groups, so that each keeps both classes.
    """
    _require_room(design, chance)
    total = arrangement_count(design.response, chance.strata) - 1 if chance.exact(design) else chance.times
    # Where all arrangements are taken, their order is fixed, and the rule of stopping does not hold.
    stop_at = 0 if chance.exact(design) else chance.stop_at
    done = dict(finished or {})
    left = [number for number in range(total + 1) if number not in done]
    shared = (design.without_names(), tuple(models), tuning, chance)
    with closing(in_parallel(statistics_of, shared, left, workers=workers)) as results:
        while (enough := _enough(done, stop_at)) is None and len(done) <= total:
            place, statistics = next(results)
            done[left[place]] = statistics
            if keep is not None:
                keep(left[place], statistics)
            if progress is not None:
                progress(len(done) - 1, total)
    total = total if enough is None else enough
    rows = [
        (chance.what, number, model, value) for number in range(total + 1) for model, value in done[number].items()
    ]
    return conform(pd.DataFrame(rows, columns=PERMUTED.names), PERMUTED)


def _require_room(design: Design, chance: Chance) -> None:
    """Refuse to permute what groups and strata leave hardly any other arrangement of.

    Raises
    ------
    EvidenceError
        If no p could be as small as 0.05, however many permutations there are.
    """
    units, strata = _units(design, chance)
    kinds: dict[tuple[int, ...], list[bytes]] = {}
    for name in np.unique(units):
        places = np.flatnonzero(units == name)
        what = design.response[places] if chance.what == RESPONSES else places
        kinds.setdefault((len(places), *strata[places]), []).append(np.ascontiguousarray(what).tobytes())
    ways = math.prod(
        math.factorial(len(alike)) // math.prod(math.factorial(alike.count(one)) for one in set(alike))
        for alike in kinds.values()
    )
    if ways < _FEWEST_WAYS:
        raise EvidenceError(
            f"Groups and strata leave {ways:,} arrangement{'' if ways == 1 else 's'} of the {chance.what}: no p "
            f"below {1 / ways:.2g} can be had. Name fewer strata under permutation: within:, or do not permute."
        )


def _enough(done: Mapping[int, Statistics], stop_at: int) -> int | None:
    """Return the number of the permutation at which so many had reached the observed value, or None.

    Only what is done without a gap counts, so that the order in which permutations end does not matter.
    """
    if not stop_at or 0 not in done:
        return None
    last = next(number for number in itertools.count() if number not in done) - 1
    headline = CHOSEN if CHOSEN in done[0] else next(iter(done[0]))
    reached, counted = count_until(
        done[0][headline], [done[number][headline] for number in range(1, last + 1)], stop_at
    )
    return counted if reached >= stop_at else None


def statistics_of(
    design: Design, models: Sequence[CatalogueModel], tuning: Tuning, chance: Chance, number: int
) -> Statistics:
    """Return the statistic of each model for one permutation; number 0 permutes nothing."""
    # One thread, as in validation; set once, because looking for the thread pools takes milliseconds.
    with threadpool_limits(1):
        return _statistics_of(design, models, tuning, chance, number)


def _statistics_of(
    design: Design, models: Sequence[CatalogueModel], tuning: Tuning, chance: Chance, number: int
) -> Statistics:
    if chance.what == RESPONSES:
        response, plan = _permuted_responses(design, tuning, chance, number)
        return aurocs(replace(design, response=response), plan, models, tuning)
    plan = chance.shape.plan(design.patients, design.response, design.groups)
    if number:
        design = replace(design, X=_with_permuted_genes(design, chance, _generator(tuning, chance, number)))
    values = aurocs(design, plan, models, tuning)
    clinical = values.pop(CLINICAL)
    return {name: value - clinical for name, value in values.items()}


def aurocs(design: Design, plan: SplitPlan, models: Sequence[CatalogueModel], tuning: Tuning) -> Statistics:
    """Return the mean over folds of each model's AUC within the fold, ``chosen`` first."""
    values: dict[str, list[float]] = {}
    for turn in plan.turns:
        train, out = plan.split(*turn)
        y = design.response[out]
        if len(np.unique(y)) < 2:
            continue  # a pair of one class: nothing to tell apart
        tuned = tune_models(design, train, models, tuning, turn)
        areas = {name: auc(y, t.model.probability(design.X[out])) for name, t in tuned.items()}
        for name, area in {CHOSEN: areas[pick(tuned, tuning.rule)], **areas}.items():
            values.setdefault(name, []).append(area)
    return {name: float(np.mean(areas)) for name, areas in values.items()}


def _permuted_responses(design: Design, tuning: Tuning, chance: Chance, number: int) -> tuple[Response, SplitPlan]:
    if number == 0:
        return design.response, chance.shape.plan(design.patients, design.response, design.groups)
    if chance.exact(design):
        others = (y for y in every_arrangement(design.response, chance.strata) if (y != design.response).any())
        response = next(itertools.islice(others, number - 1, None))
        return response, chance.shape.plan(design.patients, response, design.groups)
    units, strata = _units(design, chance)
    generator = _generator(tuning, chance, number)
    for _ in range(_MOST_DRAWS):
        response = permuted_response(design.response, units, strata, generator)
        try:
            return response, chance.shape.plan(design.patients, response, design.groups)
        except EvidenceError:
            continue
    raise EvidenceError(
        f"In {_MOST_DRAWS} draws no permutation of the responses gave folds that each hold both classes while "
        "groups stay together: ask for fewer folds under validation: folds:."
    )


def _units(design: Design, chance: Chance) -> tuple[npt.NDArray[np.str_], Places]:
    """Return what changes places as a whole, and within what: groups, or patients within the groups left out."""
    if chance.shape.kind != LEAVE_GROUP_OUT:
        return design.groups, chance.strata
    both = np.column_stack([chance.strata, _codes(design.groups)])
    return np.array(design.patients), _codes_of_rows(both)


def permuted_response(
    response: Response, groups: npt.NDArray[np.str_], strata: Places, generator: np.random.Generator
) -> Response:
    """Return the responses permuted within strata, whole groups changing places with groups of their size.

    Examples
    --------
    >>> y = np.array([1, 1, 0, 0, 1], dtype=np.int8)
    >>> groups, strata = np.array(["a", "a", "b", "b", "c"]), np.zeros(5, dtype=np.intp)
    >>> permuted = permuted_response(y, groups, strata, np.random.default_rng(0))
    >>> permuted.tolist() in ([1, 1, 0, 0, 1], [0, 0, 1, 1, 1])
    True
    """
    return response[_sources(groups, strata, generator)]


def _sources(groups: npt.NDArray[np.str_], strata: Places, generator: np.random.Generator) -> Places:
    """Return whose place each patient takes, shape (n_patients,)."""
    sources = np.arange(len(groups))
    members = [np.flatnonzero(groups == name) for name in np.unique(groups)]
    keys = [(len(places), *strata[places]) for places in members]
    for key in sorted(set(keys)):
        units = [places for places, k in zip(members, keys, strict=True) if k == key]
        for place, source in zip(units, generator.permutation(len(units)), strict=True):
            sources[place] = units[source]
    return sources


def _with_permuted_genes(
    design: Design, chance: Chance, generator: np.random.Generator
) -> npt.NDArray[np.float32]:
    columns = np.array([f.block in (GENE, BURDEN) for f in design.features])
    units, strata = _units(design, chance)
    source = _sources(units, strata, generator)
    X = design.X.copy()
    X[:, columns] = design.X[source][:, columns]
    return X


def _generator(tuning: Tuning, chance: Chance, number: int) -> np.random.Generator:
    return np.random.default_rng(named_seed(tuning.seed, (number,), f"permuted {chance.what}"))


def _codes(names: npt.NDArray[np.str_]) -> Places:
    codes: Places = np.unique(names, return_inverse=True)[1]
    return codes


def _codes_of_rows(rows: npt.NDArray[np.intp]) -> Places:
    codes: Places = np.unique(rows, axis=0, return_inverse=True)[1].ravel()
    return codes
