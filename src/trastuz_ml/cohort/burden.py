"""Mutational burden: how many calls a patient has, and how many for each megabase that was sequenced."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.stats.burden import burden_rate


def burden(cohort: Cohort, effects: Sequence[str], genes: Sequence[str] | None = None) -> npt.NDArray[np.float64]:
    """Return the number of distinct calls of the given effects in each patient, in the cohort's order.

    It is a count, not a rate: see :func:`burden_per_megabase`.

    Parameters
    ----------
    cohort : Cohort
        Patients, calls and assays.
    effects : sequence of str
        Effect classes that count.
    genes : sequence of str, optional
        Genes that count; the whole exome when absent.

    Returns
    -------
    array of shape (n_patients,)
        NaN where the patient's assay does not cover all that counts: a panel's few calls are no low burden. NaN,
        too, where no gene counts: what was not looked at is not zero.
    """
    counted = cohort.calls["effect"].isin(effects)
    if genes is not None:
        counted &= cohort.calls["gene"].isin(genes)
    counts = cohort.calls.loc[counted, "patient"].value_counts().reindex(cohort.patients.index, fill_value=0)
    whole = {
        assay.name: assay.genes is None if genes is None else len(genes) > 0 and bool(assay.covers(genes).all())
        for assay in cohort.assays
    }
    measured = cohort.patients["assay"].map(whole).to_numpy(dtype=bool)
    known: npt.NDArray[np.float64] = np.where(measured, counts.to_numpy(dtype=float), np.nan)
    return known


def genes_in_common(cohort: Cohort) -> tuple[str, ...] | None:
    """Return the genes that every assay in use covers, sorted; ``None`` when all are whole exomes."""
    used = set(cohort.patients["assay"])
    lists = [assay.genes for assay in cohort.assays if assay.name in used and assay.genes is not None]
    return tuple(sorted(frozenset.intersection(*lists))) if lists else None


def sizes_known(cohort: Cohort) -> bool:
    """Return whether the covered megabases of every assay in use are declared, so that a burden can be a rate."""
    used = set(cohort.patients["assay"])
    return all(assay.megabases is not None for assay in cohort.assays if assay.name in used)


def burden_per_megabase(cohort: Cohort, effects: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return the distinct calls of the given effects for each megabase that the patient's assay covers.

    Calls in genes that an assay is said not to cover do not count.

    Parameters
    ----------
    cohort : Cohort
        Patients, calls and assays.
    effects : sequence of str
        Effect classes that count.

    Returns
    -------
    array of shape (n_patients,)
        Calls per megabase, in the cohort's order; NaN where the size of the assay is not known.
    """
    rates = np.full(len(cohort.patients), np.nan)
    assay_of = cohort.patients["assay"].to_numpy()
    for assay in cohort.assays:
        own = assay_of == assay.name
        if assay.megabases is not None and own.any():
            covered = None if assay.genes is None else sorted(assay.genes)
            rates[own] = burden_rate(burden(cohort, effects, covered)[own], assay.megabases)
    return rates
