"""The size page: what this many patients can tell, from the roster or from two numbers, before any model."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from trastuz_ml.cohort.patients import read_roster
from trastuz_ml.errors import ConfigurationError, EvidenceError
from trastuz_ml.experiment.configuration import Experiment
from trastuz_ml.experiment.validation_settings import Plan
from trastuz_ml.features.simulate import simulate_cohort
from trastuz_ml.findings import Finding
from trastuz_ml.learn.folds import largest_number_of_folds
from trastuz_ml.stats import size
from trastuz_ml.stats.gene_power import carriers_needed, detectable_odds_ratio

ALPHA = 0.05
# As many as a human exome has protein-coding genes.
GENES = 20_000
AREAS = (0.6, 0.7, 0.8)
CARRIERS = (1, 2, 3, 5, 8, 10, 15, 20, 30)
# Features for which the table says how many patients they would need.
FEATURES = 10
MOST_PATIENTS = 100_000


@dataclass(frozen=True)
class Stratum:
    """A part of the cohort that is scored by itself, or within which responses are permuted."""

    name: str
    patients: int
    responders: int


@dataclass(frozen=True)
class People:
    """The patients that the question is about.

    Attributes
    ----------
    patients, responders : int
        Sequenced, in the cohort and with a response; and those of them who responded.
    units : int
        Groups that never straddle a split; as many as patients where there are no groups.
    most_folds : int
        The largest number of folds that can each hold both classes.
    repeats, folds : int
        The plan that the experiment asks for.
    strata : tuple of Stratum
        Parts of the cohort, where some were named.
    name : str
        The experiment; empty where numbers were given.
    simulated : bool
        Whether the patients are invented.
    findings : tuple of Finding
        What was noticed about the roster.
    sequenced : bool
        False where the experiment names no calls: there is no gene to ask about.
    """

    patients: int
    responders: int
    units: int
    most_folds: int
    repeats: int
    folds: int
    strata: tuple[Stratum, ...] = ()
    name: str = ""
    simulated: bool = False
    findings: tuple[Finding, ...] = ()
    sequenced: bool = True

    @property
    def others(self) -> int:
        """Patients who did not respond."""
        return self.patients - self.responders

    @property
    def rate(self) -> float:
        """Share of responders."""
        return self.responders / self.patients


@dataclass(frozen=True)
class ExpectedAuc:
    """The interval to expect around an AUC."""

    area: float
    low: float
    high: float


@dataclass(frozen=True)
class Allowance:
    """How many candidate features Riley et al. (2019) allow, if the model reaches so much.

    Attributes
    ----------
    area : float or None
        The AUC that the model would reach; None where nothing is known and 15 % of the largest R2 are taken.
    r2 : float
        Its Cox-Snell R2.
    features : int
        Candidate features that are allowed.
    patients_for_ten, patients_for_genes : int
        Patients needed for ten features, and for each gene as one.
    """

    area: float | None
    r2: float
    features: int
    patients_for_ten: int
    patients_for_genes: int


@dataclass(frozen=True)
class Directions:
    """A number for each direction; None where nothing can be shown.

    Attributes
    ----------
    response, resistance : float or None
        Carriers respond more often, or less often, than the others.
    """

    response: float | None
    resistance: float | None


@dataclass(frozen=True)
class CarrierRow:
    """Smallest detectable odds ratios for a gene with so many carriers: judged alone, and among all genes."""

    carriers: int
    alone: Directions
    among_all: Directions


@dataclass(frozen=True)
class SizePlan:
    """What the patients can tell.

    Attributes
    ----------
    people : People
        Who was asked about.
    genes : int
        Genes that are searched.
    smallest_p : trastuz_ml.stats.size.SmallestP
        By permuting the responses, within strata where there are some.
    aucs : tuple of ExpectedAuc
        Intervals to expect.
    smallest_auc : float or None
        The smallest AUC that is told from 0.5.
    allowances : tuple of Allowance
        Features allowed, by what the model reaches.
    rate_error : float
        How closely the share of responders is known.
    needed_alone, needed_among_all : Directions
        Fewest carriers with whom p <= 0.05 can be reached, for one gene and corrected for all.
    carriers : tuple of CarrierRow
        Detectable odds ratios.
    """

    people: People
    genes: int
    smallest_p: size.SmallestP
    aucs: tuple[ExpectedAuc, ...]
    smallest_auc: float | None
    allowances: tuple[Allowance, ...]
    rate_error: float
    needed_alone: Directions
    needed_among_all: Directions
    carriers: tuple[CarrierRow, ...]


def people_of_numbers(patients: int, responders: int) -> People:
    """Return patients of whom only the numbers are known, under the default plan.

    Raises
    ------
    ConfigurationError
        If there are more patients than the program takes.
    EvidenceError
        If there are not two classes.

    Examples
    --------
    >>> people_of_numbers(62, 20).most_folds
    20
    """
    if patients > MOST_PATIENTS:
        raise ConfigurationError(f"Expected at most {MOST_PATIENTS:,} patients, found {patients:,}.")
    if not 0 < responders < patients:
        raise EvidenceError(
            "Two classes are needed to learn from: expected at least 1 responder and 1 other, found "
            f"{responders:,} responding of {patients:,} patients."
        )
    plan = Plan()
    return People(patients, responders, patients, min(responders, patients - responders), plan.repeats, plan.folds)


def people_of(experiment: Experiment, strata: Sequence[str] = ()) -> People:
    """Return the patients on the roster of an experiment who would be trained on; no call is read.

    Parameters
    ----------
    experiment : Experiment
        Which roster, and how to read it.
    strata : sequence of str
        Covariates of kind category that part the patients.

    Raises
    ------
    InputError
        If the roster cannot be read.
    ConfigurationError
        If a stratum is no such covariate.
    EvidenceError
        If one class is missing among the patients that are left.
    """
    _require_categories(experiment, strata)
    with _data_folder(experiment) as folder:
        roster = experiment.roster
        patients, findings = read_roster(folder / roster.file, roster.plan(), sheet=roster.sheet)
    members = patients[patients["in_cohort"] & patients["sequenced"] & patients["response"].notna()]
    response = members["response"].to_numpy(dtype=np.int8)
    if len(np.unique(response)) < 2:
        raise EvidenceError(
            f"{len(members)} patients of {roster.file} are sequenced, in the cohort and have a response, "
            f"{int(response.sum())} of them responding. Two classes are needed to learn from."
        )
    groups = members["group"].to_numpy(dtype=str)
    return People(
        len(members), int(response.sum()), len(np.unique(groups)), largest_number_of_folds(response, groups),
        experiment.validation.repeats, experiment.validation.folds, _strata_of(members, strata), experiment.name,
        experiment.simulated is not None, tuple(findings), experiment.calls is not None,
    )  # fmt: skip


def plan_size(people: People, *, genes: int = GENES, carriers: Sequence[int] = ()) -> SizePlan:
    """Return what these patients can tell, before anything is fitted.

    Parameters
    ----------
    people : People
        From :func:`people_of` or :func:`people_of_numbers`.
    genes : int
        Genes that are searched: p is multiplied by them (Bonferroni).
    carriers : sequence of int
        Numbers of carriers to add to the table.

    Raises
    ------
    ConfigurationError
        If a gene has no carrier, or nobody else.

    Examples
    --------
    >>> plan = plan_size(people_of_numbers(62, 20))
    >>> plan.needed_alone
    Directions(response=3, resistance=8)
    """
    beyond = [k for k in carriers if not 0 < k < people.patients]
    if beyond:
        raise ConfigurationError(
            f"Expected 1 to {people.patients - 1:,} carriers among {people.patients:,} patients, found "
            f"{beyond[0]:,}: nothing can be said of a gene without carriers, or without anybody else."
        )
    rows = sorted({*carriers, *(k for k in CARRIERS if k < people.patients)})
    return SizePlan(
        people=people,
        genes=genes,
        smallest_p=size.smallest_p(_counts(people)),
        aucs=tuple(_expected(area, people) for area in AREAS),
        smallest_auc=size.smallest_auc_above_chance(people.responders, people.others),
        allowances=tuple(_allowance(area, people, genes) for area in (*AREAS, None)),
        rate_error=size.risk_error(people.patients, people.rate),
        needed_alone=_needed(people, ALPHA),
        needed_among_all=_needed(people, ALPHA / genes),
        carriers=tuple(
            CarrierRow(k, _detectable(people, k, ALPHA), _detectable(people, k, ALPHA / genes)) for k in rows
        ),
    )


def _counts(people: People) -> list[tuple[int, int]]:
    parts = people.strata or (people,)
    return [(part.responders, part.patients) for part in parts]


def _expected(area: float, people: People) -> ExpectedAuc:
    interval = size.expected_auc_interval(area, people.responders, people.others)
    return ExpectedAuc(area, interval.low, interval.high)


def _allowance(area: float | None, people: People, genes: int) -> Allowance:
    if area is None:
        r2 = size.UNKNOWN_SHARE * size.largest_cox_snell(people.rate)
    else:
        r2 = size.cox_snell_of_auc(area, people.rate)
    ten, all_of_them = (size.riley_size(many, people.rate, r2).patients for many in (FEATURES, genes))
    return Allowance(area, r2, size.parameters_allowed(people.patients, people.rate, r2), ten, all_of_them)


def _needed(people: People, alpha: float) -> Directions:
    return Directions(*(carriers_needed(n, people.patients, alpha) for n in (people.responders, people.others)))


def _detectable(people: People, carriers: int, alpha: float) -> Directions:
    towards = detectable_odds_ratio(carriers, people.responders, people.patients, alpha=alpha)
    against = detectable_odds_ratio(carriers, people.others, people.patients, alpha=alpha)
    return Directions(towards, None if against is None else 1 / against)


def _require_categories(experiment: Experiment, strata: Sequence[str]) -> None:
    known = [c.name for c in experiment.roster.covariate_list() if c.kind == "category"]
    for name in strata:
        if name not in known:
            raise ConfigurationError(
                f"Strata are covariates that the experiment declares with kind: category; '{name}' is none. "
                f"There: {', '.join(known) or 'none'}."
            )


def _strata_of(members: pd.DataFrame, names: Sequence[str]) -> tuple[Stratum, ...]:
    if not names:
        return ()
    levels = members[list(names)].astype("str").fillna("not given")
    labels = [
        ", ".join(f"{name} {level}" for name, level in zip(names, row, strict=True)) for row in levels.values
    ]
    by_stratum = members["response"].astype(int).groupby(np.array(labels)).agg(["size", "sum"])
    return tuple(Stratum(str(row.Index), int(row[1]), int(row[2])) for row in by_stratum.itertuples())


@contextmanager
def _data_folder(experiment: Experiment) -> Iterator[Path]:
    """Give the folder of the experiment's files; those of a simulated one are written, and removed at the end."""
    if experiment.simulated is None:
        yield Path(experiment.data)
        return
    with tempfile.TemporaryDirectory(prefix="trastuz_ml-") as folder:
        simulate_cohort(experiment.simulated.patients, experiment.simulated.seed).write(Path(folder))
        yield Path(folder)
