"""Split plans: which patients each fold leaves out, and a fingerprint to compare like with like."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from trastuz_ml.errors import EvidenceError, InputError

Places = npt.NDArray[np.intp]
K_FOLD, LEAVE_PAIR_OUT, LEAVE_GROUP_OUT = "k-fold", "leave-pair-out", "leave-one-group-out"
KINDS = (K_FOLD, LEAVE_PAIR_OUT, LEAVE_GROUP_OUT)
# Below this many patients a fold holds too few of each class: pairs are left out instead.
FEWEST_FOR_FOLDS = 30


class Turn(NamedTuple):
    """One fold of one repeat."""

    repeat: int
    fold: int


@dataclass(frozen=True, eq=False)
class SplitPlan:
    """Which patients are predicted in each turn, and which are kept from training in it.

    Attributes
    ----------
    kind : str
        One of :data:`KINDS`.
    patients : tuple of str
        Patients, sorted.
    scored : tuple of tuple of array of int
        For each repeat and fold, the places of the patients that are predicted.
    withheld : tuple of tuple of array of int
        The same with everybody who shares a group with them: the rest is trained on.
    """

    kind: str
    patients: tuple[str, ...]
    scored: tuple[tuple[Places, ...], ...]
    withheld: tuple[tuple[Places, ...], ...]

    @property
    def repeats(self) -> int:
        """Number of repeats."""
        return len(self.scored)

    @property
    def folds(self) -> int:
        """Number of folds in a repeat."""
        return len(self.scored[0])

    @property
    def turns(self) -> list[Turn]:
        """Every fold of every repeat, in order."""
        return [Turn(repeat, fold) for repeat, folds in enumerate(self.scored) for fold in range(len(folds))]

    @property
    def fingerprint(self) -> str:
        """A hash of the patients and their folds: scores compare only where it is the same."""
        digest = hashlib.sha256("\n".join([self.kind, *self.patients]).encode())
        for parts in (self.scored, self.withheld):
            for repeat, fold in self.turns:
                part = parts[repeat][fold]
                digest.update(np.array([repeat, fold, len(part), *part], dtype="<i8").tobytes())
        return digest.hexdigest()[:16]

    def split(self, repeat: int, fold: int) -> tuple[Places, Places]:
        """Return the places of the training and of the predicted patients."""
        train = np.ones(len(self.patients), dtype=bool)
        train[self.withheld[repeat][fold]] = False
        return np.flatnonzero(train), self.scored[repeat][fold]

    def without_names(self) -> SplitPlan:
        """Return the plan with numbers for patients, which work elsewhere is given; its fingerprint is another."""
        return replace(self, patients=tuple(f"{i:09d}" for i in range(len(self.patients))))

    def as_json(self) -> dict[str, Any]:
        """Return the plan as plain JSON values, for another run to be validated on the same folds."""
        parts = {
            name: [[fold.tolist() for fold in folds] for folds in part]
            for name, part in (("scored", self.scored), ("withheld", self.withheld))
        }
        return {
            "kind": self.kind, "fingerprint": self.fingerprint, "patients": list(self.patients), **parts,
        }  # fmt: skip

    def words(self) -> str:
        """Return the plan in words.

        Examples
        --------
        >>> plan_pairs(("A", "B", "C"), np.array(["A", "B", "C"])).words()
        'leave-pair-out, 3 pairs, nested'
        """
        if self.kind == K_FOLD:
            return f"{self.repeats} x {self.folds} folds, nested"
        return f"{self.kind}, {self.folds} {'pairs' if self.kind == LEAVE_PAIR_OUT else 'groups'}, nested"


@dataclass(frozen=True)
class PlanShape:
    """The shape of a split plan, from which it is made for any responses.

    Attributes
    ----------
    kind : str
        One of :data:`KINDS`.
    repeats, folds : int
        For k-fold.
    seed : int
        Seed of k-fold.
    """

    kind: str = K_FOLD
    repeats: int = 10
    folds: int = 5
    seed: int = 0

    def plan(
        self, patients: tuple[str, ...], response: npt.NDArray[np.int8], groups: npt.NDArray[np.str_]
    ) -> SplitPlan:
        """Return the plan of this shape.

        Raises
        ------
        EvidenceError
            If these patients allow none.
        """
        if self.kind == LEAVE_PAIR_OUT:
            return plan_pairs(patients, groups)
        if self.kind == LEAVE_GROUP_OUT:
            return plan_groups(patients, response, groups)
        return plan_splits(patients, response, groups, repeats=self.repeats, folds=self.folds, seed=self.seed)


def plan_splits(
    patients: tuple[str, ...],
    response: npt.NDArray[np.int8],
    groups: npt.NDArray[np.str_],
    *,
    repeats: int,
    folds: int,
    seed: int,
) -> SplitPlan:
    """Plan repeated stratified k-fold cross-validation that keeps groups together.

    Parameters
    ----------
    patients : tuple of str
        Sorted, so that the order of the input files never matters.
    response : array of 0 and 1, shape (n_patients,)
        What is stratified by.
    groups : array of str, shape (n_patients,)
        Patients of one group always share a fold.
    repeats, folds, seed : int
        Shape and seed of the plan.

    Raises
    ------
    EvidenceError
        If some fold would hold one class only; the message gives the largest number of folds that works.

    Examples
    --------
    >>> y = np.array([0, 1] * 10, dtype=np.int8)
    >>> names = tuple(f"P{i:02d}" for i in range(20))
    >>> plan = plan_splits(names, y, np.array(names), repeats=2, folds=5, seed=1)
    >>> [len(part) for part in plan.split(0, 3)]
    [16, 4]
    """
    seeds = np.random.SeedSequence(seed).generate_state(repeats)
    scored = []
    for repeat_seed in seeds:
        fold_of = stratified_folds(response, groups, folds, int(repeat_seed))
        scored.append(tuple(np.flatnonzero(fold_of == fold) for fold in range(folds)))
    return SplitPlan(K_FOLD, patients, tuple(scored), tuple(scored))


def plan_pairs(patients: tuple[str, ...], groups: npt.NDArray[np.str_]) -> SplitPlan:
    """Plan tournament leave-pair-out: every two patients are left out together once.

    The two predictions of a turn come from one model, so that they can be compared, however few patients
    there are. Pairs of one class are played, too: each patient's wins over all others then order the patients.
    The plan does not look at the response.

    Notes
    -----
    Airola et al. (2011), Computational Statistics and Data Analysis 55:1828; tournament: Montoya Perez et
    al. (2019), Statistical Methods in Medical Research 28:2975.

    Examples
    --------
    >>> plan = plan_pairs(("A", "B", "C", "D"), np.array(["A", "B", "B", "D"]))
    >>> [part.tolist() for part in plan.split(0, 0)]  # C shares B's group
    [[3], [0, 1]]
    """
    pairs = [np.array(pair, dtype=np.intp) for pair in itertools.combinations(range(len(patients)), 2)]
    withheld = [np.flatnonzero(np.isin(groups, groups[pair])) for pair in pairs]
    return SplitPlan(LEAVE_PAIR_OUT, patients, (tuple(pairs),), (tuple(withheld),))


def plan_groups(
    patients: tuple[str, ...], response: npt.NDArray[np.int8], groups: npt.NDArray[np.str_]
) -> SplitPlan:
    """Plan leave-one-group-out, each group being a centre, say: how the model does in a centre it never saw.

    Raises
    ------
    EvidenceError
        If there are fewer than two groups, or a group holds one class only, so that no AUC can be had in it.
    """
    names = np.unique(groups)
    if len(names) < 2:
        raise EvidenceError(
            "leave-one-group-out needs at least two groups; name the column of the centres under roster: group:"
        )
    single = [str(name) for name in names if len(np.unique(response[groups == name])) < 2]
    if single:
        raise EvidenceError(
            f"leave-one-group-out: {', '.join(single[:5])}{' ...' if len(single) > 5 else ''} "
            f"({len(single)} of {len(names)} groups) hold responders only or non-responders only, so that "
            "nothing can be scored there. Merge groups, or use plan: k-fold, which keeps groups together."
        )
    left = tuple(np.flatnonzero(groups == name) for name in names)
    return SplitPlan(LEAVE_GROUP_OUT, patients, (left,), (left,))


def stratified_folds(
    response: npt.NDArray[np.int8], groups: npt.NDArray[np.str_], folds: int, seed: int
) -> Places:
    """Return the fold of each patient, each fold holding both classes and whole groups.

    Raises
    ------
    EvidenceError
        If that cannot be done with so many folds.
    """
    most = largest_number_of_folds(response, groups)
    if folds > most:
        raise EvidenceError(
            f"{folds} folds were asked for, but the smaller class has {most} "
            f"{_unit(groups)}{'' if most == 1 else 's'}: "
            + (f"the largest number of folds that works is {most}." if most > 1 else "no split works.")
        )
    settings = {"n_splits": folds, "shuffle": True, "random_state": seed}
    rows = np.zeros(len(response))
    splits: Iterator[tuple[Places, Places]]
    if _shared(groups):
        splits = StratifiedGroupKFold(**settings).split(rows, response, groups)
    else:
        splits = StratifiedKFold(**settings).split(rows, response)
    fold_of = np.empty(len(response), dtype=np.intp)
    for fold, (_, out) in enumerate(splits):
        if len(np.unique(response[out])) < 2:
            raise EvidenceError(
                f"With {folds} folds, a fold holds one class only because groups must stay together; "
                "ask for fewer folds."
            )
        fold_of[out] = fold
    return fold_of


def _shared(groups: npt.NDArray[np.str_]) -> bool:
    return len(np.unique(groups)) < len(groups)


def _unit(groups: npt.NDArray[np.str_]) -> str:
    return "patient group" if _shared(groups) else "patient"


def largest_number_of_folds(response: npt.NDArray[np.int8], groups: npt.NDArray[np.str_]) -> int:
    """Return how many folds can hold both classes: the groups in the class that has fewer of them."""
    return min(len(np.unique(groups[response == label])) for label in (0, 1))


def plan_of_json(content: Any) -> SplitPlan:
    """Return the plan that :meth:`SplitPlan.as_json` wrote.

    Raises
    ------
    InputError
        If it is something else, or was changed since.

    Examples
    --------
    >>> plan = plan_pairs(("A", "B", "C"), np.array(["A", "B", "C"]))
    >>> plan_of_json(plan.as_json()).fingerprint == plan.fingerprint
    True
    """
    try:
        scored, withheld = (
            tuple(tuple(np.array(fold, dtype=np.intp) for fold in folds) for folds in content[name])
            for name in ("scored", "withheld")
        )
        plan = SplitPlan(str(content["kind"]), tuple(map(str, content["patients"])), scored, withheld)
        if plan.kind in KINDS and plan.fingerprint == content["fingerprint"]:
            return plan
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"This is not a saved split plan: {error!r}.") from error
    raise InputError("This split plan was changed after it was saved: its fingerprint does not fit.")


def require_same_patients(plan: SplitPlan, patients: tuple[str, ...], response: npt.NDArray[np.int8]) -> None:
    """Refuse a saved plan that was made for other patients, or whose folds these responses leave unusable.

    Raises
    ------
    EvidenceError
        Names some of the patients that differ, or the fold that holds one class only.
    """
    if plan.patients != patients:
        only_plan, only_here = (
            sorted(set(plan.patients) - set(patients)),
            sorted(set(patients) - set(plan.patients)),
        )
        raise EvidenceError(
            f"The saved split plan is of {len(plan.patients)} patients, this cohort has {len(patients)}; "
            f"{len(only_plan)} are in the plan alone{_some(only_plan)}, {len(only_here)} here alone"
            f"{_some(only_here)}. Scores compare only on the same patients: plan new splits (leave out splits:)."
        )
    for repeat, fold in plan.turns if plan.kind != LEAVE_PAIR_OUT else []:
        if len(np.unique(response[plan.scored[repeat][fold]])) < 2:
            raise EvidenceError(
                f"With these responses, fold {fold} of repeat {repeat} of the saved split plan holds one class "
                "only: plan new splits (leave out splits:)."
            )


def _some(names: list[str]) -> str:
    return f" ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})" if names else ""
