"""Split plans: which patients each fold leaves out, and a fingerprint to compare like with like."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from trastuz_ml.errors import EvidenceError

Places = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class SplitPlan:
    """Repeated stratified folds.

    Attributes
    ----------
    patients : tuple of str
        Patients, sorted.
    fold_of : array of int, shape (repeats, n_patients)
        The fold that leaves each patient out.
    """

    patients: tuple[str, ...]
    fold_of: Places

    @property
    def repeats(self) -> int:
        """Number of repeats."""
        return int(self.fold_of.shape[0])

    @property
    def folds(self) -> int:
        """Number of folds in a repeat."""
        return int(self.fold_of.max()) + 1

    @property
    def fingerprint(self) -> str:
        """A hash of the patients and their folds: scores compare only where it is the same."""
        digest = hashlib.sha256("\n".join(self.patients).encode())
        digest.update(np.ascontiguousarray(self.fold_of, dtype="<i8").tobytes())
        return digest.hexdigest()[:16]

    def split(self, repeat: int, fold: int) -> tuple[Places, Places]:
        """Return the places of the training and of the left-out patients."""
        out = self.fold_of[repeat] == fold
        return np.flatnonzero(~out), np.flatnonzero(out)


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
    fold_of = np.vstack([stratified_folds(response, groups, folds, int(s)) for s in seeds])
    return SplitPlan(patients, fold_of)


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
    grouped = _shared(groups)
    settings = {"n_splits": folds, "shuffle": True, "random_state": seed}
    rows = np.zeros(len(response))
    if grouped:
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
