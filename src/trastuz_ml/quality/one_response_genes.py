"""Genes whose carriers all have one response: how many there are, and how many chance gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp
from scipy.special import gammaln

from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.findings import Finding
from trastuz_ml.quality.incidence import carriers_of_genes
from trastuz_ml.schema import NONSILENT

Integers = npt.NDArray[np.int_]
Numbers = npt.NDArray[np.float64]

_FEWEST_CARRIERS = 3
_SHUFFLES, _SEED = 499, 2019
# Where chance gives as many genes of either response less often than this, something else is to be looked for.
_SURPRISING = 0.05


class Side(NamedTuple):
    """Genes of which all carriers have the same response, and how many chance gives."""

    genes: int
    expected: float
    as_many: float  # share of shuffled responses with as many genes or more, itself included


class OneSided(NamedTuple):
    """Genes whose carriers all have one response, on each side."""

    genes: tuple[str, ...]  # most carriers first
    tested: int  # genes with enough carriers
    responders: Side
    others: Side


def one_sided_genes(
    cohort: Cohort, effects: Sequence[str] = NONSILENT, least_carriers: int = _FEWEST_CARRIERS
) -> OneSided | None:
    """Count the genes whose carriers all respond, and those of which none does, and what chance gives.

    Chance is a response that is shuffled among the patients of the same assay. The expectation is exact: with k
    carriers among n patients, r of them responding, all carriers respond with probability C(r, k) / C(n, k)
    (hypergeometric). Genes are not independent, for a patient carries many; how often chance gives as many is
    counted over 499 seeded shuffles. Both sides are counted apart, for where burden goes with the response one has
    more genes than chance gives and the other fewer.

    Parameters
    ----------
    cohort : Cohort
        Patients with responses, calls and assays.
    effects : sequence of str
        Effect classes that make a carrier.
    least_carriers : int
        Genes with fewer carriers are not counted.

    Returns
    -------
    OneSided or None
        ``None`` where no gene has that many carriers, or all patients have one response.
    """
    response = cohort.response.dropna().astype(int)
    if response.nunique() < 2:
        return None
    known = np.flatnonzero(cohort.response.notna())
    genes, carried = carriers_of_genes(cohort, effects)
    carried = carried[known]
    carriers = np.asarray(carried.sum(axis=0))
    enough = np.flatnonzero(carriers >= least_carriers)
    if not len(enough):
        return None
    carried, carriers, names = carried[:, enough], carriers[enough], [genes[at] for at in enough]
    y, stratum = response.to_numpy(), pd.factorize(cohort.patients["assay"].iloc[known], sort=True)[0]
    responding = carried.T @ y
    one_sided = (responding == 0) | (responding == carriers)
    order = sorted(np.flatnonzero(one_sided), key=lambda at: (-carriers[at], names[at]))
    sides = _sides(carried, y, stratum)
    return OneSided(tuple(names[at] for at in order), len(enough), *sides)


def _sides(carried: sp.csr_array, y: Integers, stratum: Integers) -> tuple[Side, Side]:
    observed = _counted(carried.T.tocsr(), y)
    as_many = _shares_with_as_many(carried, y, stratum, observed)
    responders, others = (
        Side(int(observed[at]), expected, float(as_many[at]))
        for at, expected in enumerate((_expected(carried, y, stratum), _expected(carried, 1 - y, stratum)))
    )
    return responders, others


def _counted(by_gene: sp.csr_array, y: Integers) -> Integers:
    """Return in how many genes all carriers respond, and in how many none does."""
    responding, carriers = by_gene @ y, np.asarray(by_gene.sum(axis=1))
    return np.array([(responding == carriers).sum(), (responding == 0).sum()])


def _expected(carried: sp.csr_array, y: Integers, stratum: Integers) -> float:
    """Return in how many genes chance makes all carriers respond."""
    logs = np.zeros(carried.shape[1])
    for level in np.unique(stratum):
        members = stratum == level
        k = np.asarray(carried[members].sum(axis=0), dtype=float)
        logs += _log_choose(int(y[members].sum()), k) - _log_choose(int(members.sum()), k)
    return float(np.exp(logs).sum())


def _log_choose(n: int, k: Numbers) -> Numbers:
    possible = np.minimum(k, n)
    logs = gammaln(n + 1) - gammaln(possible + 1) - gammaln(n - possible + 1)
    return np.where(k <= n, logs, -np.inf)


def _shares_with_as_many(carried: sp.csr_array, y: Integers, stratum: Integers, observed: Integers) -> Numbers:
    rng = np.random.default_rng(_SEED)
    by_gene, as_many = carried.T.tocsr(), np.ones(2)
    for _ in range(_SHUFFLES):
        shuffled = y.copy()
        for level in np.unique(stratum):
            members = np.flatnonzero(stratum == level)
            shuffled[members] = rng.permutation(y[members])
        as_many += _counted(by_gene, shuffled) >= observed
    return as_many / (_SHUFFLES + 1)


def one_response_genes(
    cohort: Cohort, effects: Sequence[str] = NONSILENT, least_carriers: int = _FEWEST_CARRIERS
) -> Iterator[Finding]:
    """Yield the note ``genes-of-one-response`` when there are such genes: see :func:`one_sided_genes`."""
    found = one_sided_genes(cohort, effects, least_carriers)
    if found is None or not found.genes:
        return
    many = len(found.genes)
    first = ", ".join(found.genes[:5]) + (f" and {many - 5} more" if many > 5 else "")
    yield Finding(
        "note", "genes-of-one-response",
        f"genes whose carriers all have one response: {many} of the {found.tested} with at least {least_carriers} "
        f"carriers: {first}. {_in_words('responders', found.responders)}; "
        f"{_in_words('non-responders', found.others)}. {_verdict(found)}",
        many,
    )  # fmt: skip


def _in_words(name: str, side: Side) -> str:
    return (
        f"{side.genes} in {name} only, where chance makes {side.expected:.1f} on average, and as many or more in "
        f"{side.as_many:.1%} of shuffled responses"
    )


def _verdict(found: OneSided) -> str:
    sides = {"responders": found.responders, "non-responders": found.others}
    # Two sides are looked at.
    more = [name for name, side in sides.items() if 2 * side.as_many < _SURPRISING]
    if more:
        return (
            f"In {' and '.join(more)} that is more than chance gives: look whether burden, subtype, centre or "
            "assay explains it before you believe any of the genes"
        )
    return "That is what chance gives: such a gene is no evidence of anything by itself"
