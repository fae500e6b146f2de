"""Who carries what: sparse tables of the patients against variants and against genes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp

from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.schema import as_words

Integers = npt.NDArray[np.int64]


def rows_of(calls: pd.DataFrame, patients: pd.Index) -> Integers:
    """Return the place of each call's patient among the patients, -1 for a stranger.

    Examples
    --------
    >>> rows_of(pd.DataFrame({"patient": ["P2", "P1", "P9"]}), pd.Index(["P1", "P2"])).tolist()
    [1, 0, -1]
    """
    words = as_words(calls["patient"])
    places = patients.get_indexer(pd.Index(words.cat.categories)).astype(np.int64)
    rows: Integers = np.append(places, -1)[words.cat.codes.to_numpy()]
    return rows


def carriers_of_variants(calls: pd.DataFrame, patients: pd.Index) -> sp.csr_array:
    """Return which patient carries which variant; calls without a position are left out.

    A variant is a place and its alleles. Where some calls give no alleles, or none does, as when two studies are
    joined, all are compared by place: the same variant must be the same in both.

    Returns
    -------
    scipy.sparse.csr_array of shape (n_patients, n_variants)
        Ones, int32.
    """
    if "pos" not in calls:  # a column that no file has is not there
        return _ones(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), len(patients))
    placed = calls[calls["pos"].notna()]
    place = placed["pos"].to_numpy(dtype=np.int64)
    if "chrom" in placed:
        place = _codes(placed["chrom"]) << 32 | place
    variant, _ = pd.factorize(place)
    if all(column in placed and placed[column].notna().all() for column in ("ref", "alt")):
        alleles, _ = pd.factorize(_codes(placed["ref"]) << 32 | _codes(placed["alt"]))
        variant, _ = pd.factorize(variant.astype(np.int64) << 32 | alleles)
    return _ones(rows_of(placed, patients), variant, len(patients))


def carriers_of_genes(cohort: Cohort, effects: Sequence[str]) -> tuple[list[str], sp.csr_array]:
    """Return the genes with calls of the effects, sorted, and which patient carries which.

    A call in a gene that the patient's assay does not cover does not count.

    Returns
    -------
    genes : list of str
        Names of the columns.
    carried : scipy.sparse.csr_array of shape (n_patients, n_genes)
        Ones, int32.
    """
    calls = cohort.calls[cohort.calls["effect"].isin(effects) & cohort.calls["gene"].notna()]
    words = as_words(calls["gene"])
    genes = [str(gene) for gene in words.cat.categories]
    row, column = rows_of(calls, cohort.patients.index), words.cat.codes.to_numpy(dtype=np.int64)
    assay_of = cohort.patients["assay"].to_numpy()
    covered = row >= 0
    for assay in cohort.assays:
        if assay.genes is not None:
            covered &= assay.covers(genes)[column] | (assay_of[row] != assay.name)
    carried = _ones(row[covered], column[covered], len(cohort.patients), len(genes))
    present = np.flatnonzero(carried.sum(axis=0))
    return [genes[at] for at in present], carried[:, present]


def _codes(words: pd.Series) -> Integers:
    codes: Integers = as_words(words).cat.codes.to_numpy(dtype=np.int64) + 1
    return codes


def _ones(row: Integers, column: npt.NDArray[np.integer], rows: int, columns: int | None = None) -> sp.csr_array:
    known = row >= 0
    width = columns if columns is not None else int(column.max()) + 1 if len(column) else 0
    carried = sp.csr_array(
        (np.ones(int(known.sum()), dtype=np.int32), (row[known], column[known])), shape=(rows, width)
    )
    carried.sum_duplicates()
    carried.data[:] = 1
    return carried
