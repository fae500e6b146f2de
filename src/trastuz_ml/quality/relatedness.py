"""One person under two identifiers, and samples that were swapped: patients who share rare variants.

Unrelated tumours share hotspots, recurrent artefacts and, where there was no normal sample, common inherited
variants; all of these are carried by many. A variant that very few patients of a cohort carry is shared by two
of them when both are one person, or when they are relatives and inherited variants were not taken out.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp

from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.findings import Finding, name_some
from trastuz_ml.quality.incidence import carriers_of_variants, rows_of

# What is shared beyond chance. Measured: at most 0.02 between tumours of strangers that share five variants or
# more (breast, melanoma), 0.68 for one person in two studies. Simulated with all inherited variants: at most
# 0.25 between strangers, even when only two of the cohort are of another ancestry; 0.35 to 0.55 for siblings.
MOSTLY_SHARED = 0.6
PARTLY_SHARED = 0.1
PARTLY_SHARED_INHERITED = 0.3
# From this share of common variants in a typical patient, inherited ones were evidently not taken out:
# at most 0.003 in calls against a normal sample (measured), 0.6 and more without one (simulated).
_INHERITED = 0.3
# Fewer variants are shared by chance where calls are few: hotspots of a panel.
FEWEST_SHARED = 5
# Biopsies of one person share something once there is enough to share.
_FEWEST_TO_MISMATCH, _MISMATCH = 20, 0.02
# Among two patients every variant is rare.
_FEWEST_PATIENTS = 3
# A group of more patients is no person but a centre, whose patients need not share anything.
_MOST_BIOPSIES = 5


def related_patients(cohort: Cohort) -> list[Finding]:
    """Find pairs of patients that share more rare variants than chance allows.

    Parameters
    ----------
    cohort : Cohort
        Calls with positions; a declared group of up to five patients is taken as one person.

    Returns
    -------
    list of Finding
        ``one-person-two-ids`` (error: most rare variants are shared), ``related-patients`` (warning: some are),
        ``biopsies-of-one-person`` (note: the pairs are declared as one group), ``biopsies-do-not-match``
        (warning: declared as one group but sharing nothing, while other groups do), ``too-few-to-compare``
        (note: patients with fewer rare variants than the test needs).
    """
    incidence = carriers_of_variants(cohort.calls, cohort.patients.index)
    rare = rare_variants(incidence)
    called = np.unique(rows_of(cohort.calls, cohort.patients.index))
    called = called[called >= 0]
    too_few = _too_few(cohort.patients.index[called], np.asarray(rare.sum(axis=1))[called])
    if len(cohort.patients) < _FEWEST_PATIENTS:
        return too_few
    inherited = _inherited(incidence, rare)
    pairs = shared_pairs(rare, cohort.patients.index)
    grouped = _one_person(cohort.patients["group"], pairs)
    least = PARTLY_SHARED_INHERITED if inherited else PARTLY_SHARED
    related = (pairs["shared"] >= FEWEST_SHARED) & (pairs["beyond_chance"] >= least)
    found = [_same_or_related(pair, inherited) for pair in _rows(pairs[related & ~grouped])]
    if (related & grouped).any():
        found += [_biopsies(pairs[related & grouped]), *_mismatches(cohort.patients["group"], pairs, rare)]
    return found + too_few


def rare_variants(incidence: sp.csr_array) -> sp.csr_array:
    """Return the columns of variants that at most an eighth of the patients carry: two to five of them.

    Five, so that five samples of one person still share; two in the smallest cohorts, where three patients are
    a quarter and may share a common variant.
    """
    most = max(2, min(5, incidence.shape[0] // 8))
    return incidence[:, np.flatnonzero(incidence.sum(axis=0) <= most)]


def shared_pairs(rare: sp.csr_array, patients: pd.Index) -> pd.DataFrame:
    """Return the pairs of patients that share any of the variants.

    Parameters
    ----------
    rare : scipy.sparse.csr_array of shape (n_patients, n_variants)
        Ones.
    patients : pandas.Index
        Names of the rows.

    Returns
    -------
    pandas.DataFrame
        ``patient``, who of the two has fewer variants, and ``other``; ``of``, how many the patient has;
        ``shared``; ``expected``, how many two patients of their sizes share if carriers are drawn in proportion
        to them; ``beyond_chance``, what is shared of what could be: (shared - expected) / (of - expected).

    Examples
    --------
    >>> carried = sp.csr_array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 0, 1]])
    >>> shared_pairs(carried, pd.Index(["P1", "P2", "P3"]))[["patient", "other", "of", "shared"]].values.tolist()
    [['P1', 'P2', 2, 2]]
    """
    counts = sp.triu(rare @ rare.T, k=1).tocoo()
    size = np.asarray(rare.sum(axis=1), dtype=float)
    swapped = size[counts.col] < size[counts.row]
    fewer, more = np.where(swapped, counts.col, counts.row), np.where(swapped, counts.row, counts.col)
    carriers = np.asarray(rare.sum(axis=0), dtype=float)
    chances = (carriers * (carriers - 1)).sum() / max(size.sum(), 1.0) ** 2
    expected = chances * size[fewer] * size[more]
    pairs = pd.DataFrame(
        {
            "patient": patients[fewer], "other": patients[more], "of": size[fewer].astype(int),
            "shared": counts.data.astype(int), "expected": expected,
            "beyond_chance": (counts.data - expected) / np.maximum(size[fewer] - expected, 1.0),
        }
    )  # fmt: skip
    return pairs.sort_values(["patient", "other"], ignore_index=True)


def _inherited(incidence: sp.csr_array, rare: sp.csr_array) -> bool:
    """Return whether most patients carry so many common variants that inherited ones must be among them."""
    every = np.asarray(incidence.sum(axis=1), dtype=float)
    carrying = every > 0
    if not carrying.any():
        return False
    common = 1 - np.asarray(rare.sum(axis=1), dtype=float)[carrying] / every[carrying]
    return bool(np.median(common) >= _INHERITED)


def _one_person(group: pd.Series, pairs: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return which pairs are declared as one group, small enough to be a person."""
    size = group.map(group.value_counts())
    same = group[pairs["patient"]].to_numpy() == group[pairs["other"]].to_numpy()
    one: npt.NDArray[np.bool_] = same & (size[pairs["patient"]].to_numpy() <= _MOST_BIOPSIES)
    return one


class _Pair(NamedTuple):
    """A row of the table of pairs."""

    patient: str
    other: str
    of: int
    shared: int
    expected: float
    beyond_chance: float


def _rows(pairs: pd.DataFrame) -> Iterator[_Pair]:
    return (_Pair(*row) for row in pairs.itertuples(index=False, name=None))


def _same_or_related(pair: _Pair, inherited: bool) -> Finding:
    by_chance = "less than 0.1" if pair.expected < 0.1 else f"{pair.expected:.1f}"
    shares = (
        f"shares {pair.shared} of {pair.of} variants that are rare in this cohort with {pair.other} "
        f"({pair.shared / pair.of:.0%}; {by_chance} expected by chance)"
    )
    if pair.beyond_chance >= MOSTLY_SHARED:
        return Finding(
            "error", "one-person-two-ids",
            f"{shares}: one person under two identifiers, or one sample given twice. A model would be tested on a "
            "tumour that it has learned from. If these are two samples of one person, give both the same value in "
            "a group column; if not, find out which sample is whose, and take one out",
            pair.shared, patient=pair.patient,
        )  # fmt: skip
    relatives = "relatives, " if inherited else ""
    return Finding(
        "warning", "related-patients",
        f"{shares}: two samples of one person, {relatives}a sample contaminated with the other, or artefacts of "
        "one batch. Find out which; if it is one person or one family, give both the same value in a group column",
        pair.shared, patient=pair.patient,
    )  # fmt: skip


def _biopsies(pairs: pd.DataFrame) -> Finding:
    names = name_some(f"{pair.patient} and {pair.other}" for pair in _rows(pairs))
    return Finding(
        "note", "biopsies-of-one-person",
        f"pairs in one group share rare variants, as samples of one person do: {names}. They stay on one side of "
        "every split; nothing needs to be done",
        len(pairs),
    )  # fmt: skip


def _mismatches(group: pd.Series, pairs: pd.DataFrame, rare: sp.csr_array) -> Iterator[Finding]:
    """Yield pairs of one group that share nothing: worth a word once other groups show that groups are persons."""
    sharing = {frozenset(pair[:2]) for pair in _rows(pairs) if pair.beyond_chance >= _MISMATCH}
    enough = np.asarray(rare.sum(axis=1)) >= _FEWEST_TO_MISMATCH
    for name, members in group[enough].groupby(group[enough]):
        if len(members) > _MOST_BIOPSIES:
            continue
        for one, other in combinations(members.index, 2):
            if frozenset((one, other)) not in sharing:
                yield Finding(
                    "warning", "biopsies-do-not-match",
                    f"is in group {name} with {other}, yet they share no more rare variants than strangers, while "
                    "other groups share many: a swapped sample, a wrong group, or two separate tumours. Check the "
                    "identifiers of both",
                    patient=str(one),
                )  # fmt: skip


def _too_few(patients: pd.Index, rare: npt.NDArray[np.int64]) -> list[Finding]:
    few = patients[rare < FEWEST_SHARED]
    if not len(few):
        return []
    return [
        Finding(
            "note", "too-few-to-compare",
            f"patients with fewer than {FEWEST_SHARED} variants that have a position and are rare in this cohort: "
            f"whether they are second samples of others cannot be told. Check by hand: {name_some(few)}",
            len(few),
        )
    ]  # fmt: skip
