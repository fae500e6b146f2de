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
# Where chance gives as many genes less often than this, something else than chance is to be looked for.
_SURPRISING = 0.01


class OneSided(NamedTuple):
    """Genes whose carriers all have one response, and how many chance gives."""

    genes: tuple[str, ...]  # most carriers first
    responding: int  # genes of which all carriers respond
    tested: int  # genes with enough carriers
    expected: float
    as_many: float  # share of shuffled responses with as many genes or more, itself included


def one_sided_genes(
    cohort: Cohort, effects: Sequence[str] = NONSILENT, least_carriers: int = _FEWEST_CARRIERS
) -> OneSided | None:
    """Count the genes whose carriers all have one response, and what chance gives.

    Chance is a response that is shuffled among the patients of the same assay. The expectation is exact: with k
    carriers among n patients, r of them responding, all carriers have one response with probability
    [C(r, k) + C(n - r, k)] / C(n, k) (hypergeometric). Genes are not independent, for a patient carries many;
    how often chance gives as many is counted over 499 seeded shuffles.

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
    return OneSided(
        tuple(names[at] for at in order),
        int((responding == carriers).sum()),
        len(enough),
        _expected_one_sided(carried, y, stratum),
        _share_with_as_many(carried, y, stratum, int(one_sided.sum())),
    )


def _expected_one_sided(carried: sp.csr_array, y: Integers, stratum: Integers) -> float:
    all_respond, none_responds = np.zeros(carried.shape[1]), np.zeros(carried.shape[1])
    for level in np.unique(stratum):
        members = stratum == level
        k = np.asarray(carried[members].sum(axis=0), dtype=float)
        n, r = int(members.sum()), int(y[members].sum())
        all_respond += _log_choose(r, k) - _log_choose(n, k)
        none_responds += _log_choose(n - r, k) - _log_choose(n, k)
    return float(np.exp(all_respond).sum() + np.exp(none_responds).sum())


def _log_choose(n: int, k: Numbers) -> Numbers:
    possible = np.minimum(k, n)
    logs = gammaln(n + 1) - gammaln(possible + 1) - gammaln(n - possible + 1)
    return np.where(k <= n, logs, -np.inf)


def _share_with_as_many(carried: sp.csr_array, y: Integers, stratum: Integers, observed: int) -> float:
    rng = np.random.default_rng(_SEED)
    carriers, by_gene = np.asarray(carried.sum(axis=0)), carried.T.tocsr()
    as_many = 1
    for _ in range(_SHUFFLES):
        shuffled = y.copy()
        for level in np.unique(stratum):
            members = np.flatnonzero(stratum == level)
            shuffled[members] = rng.permutation(y[members])
        responding = by_gene @ shuffled
        as_many += int(((responding == 0) | (responding == carriers)).sum()) >= observed
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
    verdict = (
        "That is more than chance gives: look whether burden, subtype, centre or assay explains it before you "
        "believe any of the genes"
        if found.as_many < _SURPRISING
        else "That is what chance gives: such a gene is no evidence of anything by itself"
    )
    yield Finding(
        "note", "genes-of-one-response",
        f"genes whose carriers all have one response: {many} of the {found.tested} with at least {least_carriers} "
        f"carriers ({found.responding} in responders only, {many - found.responding} in non-responders only): "
        f"{first}. Chance makes {found.expected:.1f} on average, and as many or more in {found.as_many:.1%} of "
        f"shuffled responses. {verdict}",
        many,
    )  # fmt: skip
