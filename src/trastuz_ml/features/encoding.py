"""From a cohort's calls to its GeneMatrix: which calls count, and as what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp

from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.errors import ConfigurationError
from trastuz_ml.features.damaging import damaging_calls
from trastuz_ml.features.gene_sets import GeneSets, covers_sets, members_of, mutated_members
from trastuz_ml.features.masks import Mask, mask_of
from trastuz_ml.features.matrix import GeneMatrix
from trastuz_ml.features.words import codes_of
from trastuz_ml.findings import Finding, name_some
from trastuz_ml.schema import ENCODINGS, NONSILENT

_Flags = npt.NDArray[np.bool_]

# Encodings that say themselves which calls count, and the effects that they look at.
_OWN_EFFECTS: dict[str, tuple[str, ...]] = {"truncating": ("truncating",), "damaging": ("truncating", "missense")}
_PREDICTORS = frozenset({"sift", "polyphen", "revel", "alphamissense"})


def build_gene_matrix(
    cohort: Cohort,
    *,
    encoding: str = "binary",
    effects: Sequence[str] = NONSILENT,
    mask: Mask | None = None,
    gene_sets: GeneSets | None = None,
    always: Sequence[str] = (),
    only: Iterable[str] | None = None,
) -> tuple[GeneMatrix, list[Finding]]:
    """Build the three-state matrix of a cohort.

    Parameters
    ----------
    cohort : Cohort
        Patients, distinct calls and assays.
    encoding : {"binary", "count", "truncating", "damaging", "vaf", "gene-sets"}
        ``binary``: 1 where a call counts. ``count``: the number of distinct calls that count. ``vaf``: the
        highest variant allele fraction of the calls that count. ``truncating``, ``damaging``: 1 where a truncating
        call is present, or a damaging one (:func:`trastuz_ml.features.damaging.is_damaging`), whatever ``effects``
        says. ``gene-sets``: a column a gene set, and no genes: the number of its genes in which a call counts; a
        set is covered where all its genes are.
    effects : sequence of str
        What counts: effect classes, or any text of a mask's elements (``missense(revel>=0.5)``).
    mask : Mask, optional
        What counts, instead of ``effects``.
    gene_sets : mapping, optional
        Members of each set, for ``gene-sets``.
    always : sequence of str
        Genes that get a column even when nobody carries a call; not for ``gene-sets``.
    only : iterable of str, optional
        Genes that may have a column; all when absent. Not for ``gene-sets``.

    Returns
    -------
    matrix : GeneMatrix
        Patients and columns sorted by name. Its ``effects`` are the elements of the mask, as text: given as
        ``effects`` they count the same calls again.
    findings : list of Finding
        Calls that could not be judged, and calls in genes that the patient's assay is said not to cover.

    Raises
    ------
    ConfigurationError
        If the encoding or an effect is unknown, the settings do not go together, or the files do not carry what
        the encoding needs.
    """
    _require_sound(encoding, mask, gene_sets)
    listed = mask_of(effects)
    rule = mask or (mask_of(_OWN_EFFECTS[encoding]) if encoding in _OWN_EFFECTS else listed)
    judge = damaging_calls if encoding == "damaging" else rule.judge
    counting, findings = judge(cohort.calls)
    if gene_sets is not None:
        always, only = (), members_of(gene_sets)
    placed, stray = _place(cohort, counting, always, None if only is None else frozenset(only))
    values, columns, covered = _values(cohort.calls, placed, encoding), placed.genes, placed.covered
    if gene_sets is not None:
        values, columns, covered = _by_set(cohort, placed, values, gene_sets)
        stray += [*_sets_not_covered(cohort, covered, columns), *_strange_names(cohort.calls, gene_sets)]
    about = {"sources": [[s.name, s.sha256] for s in cohort.sources], "simulated": cohort.simulated}
    if rule.name:
        about["mask"] = rule.name
    matrix = GeneMatrix(
        tuple(cohort.patients.index), columns, values, placed.assay_of, covered, encoding, rule.effects, about
    )
    return matrix, [*findings, *stray]


def columns_needed(encoding: str = "binary", effects: Sequence[str] = NONSILENT) -> frozenset[str]:
    """Return the columns of the calls table that an encoding looks at, besides patient and gene.

    Parameters
    ----------
    encoding : str
        One of :data:`trastuz_ml.schema.ENCODINGS`.
    effects : sequence of str
        Effect classes or elements of a mask (``Mask.effects``).

    Examples
    --------
    >>> sorted(columns_needed("vaf", ["truncating", "missense(revel>=0.5)"]))
    ['effect', 'revel', 'vaf']
    """
    columns = mask_of(_OWN_EFFECTS.get(encoding, effects)).columns
    extra = {"vaf": frozenset({"vaf"}), "damaging": _PREDICTORS}.get(encoding, frozenset())
    return columns | extra


def _require_sound(encoding: str, mask: Mask | None, gene_sets: GeneSets | None) -> None:
    if encoding not in ENCODINGS:
        raise ConfigurationError(f"Unknown encoding '{encoding}'; expected one of {', '.join(ENCODINGS)}.")
    if mask is not None and encoding in _OWN_EFFECTS:
        free = [known for known in ENCODINGS if known not in _OWN_EFFECTS]
        raise ConfigurationError(
            f"The encoding '{encoding}' says itself which calls count, so it takes no mask; the mask {mask.name} "
            f"goes with {', '.join(free)}."
        )
    if (gene_sets is not None) != (encoding == "gene-sets"):
        raise ConfigurationError(
            "The encoding 'gene-sets' needs gene sets; name a GMT file."
            if gene_sets is None
            else f"Gene sets are given, and the encoding is '{encoding}'; they go with 'gene-sets' alone."
        )


@dataclass(frozen=True, eq=False)
class _Placed:
    """Calls that count, by their place in the matrix, and what each assay covers of its genes."""

    genes: tuple[str, ...]
    shape: tuple[int, int]
    call: npt.NDArray[np.intp]
    row: npt.NDArray[np.int32]
    column: npt.NDArray[np.int32]
    assay_of: npt.NDArray[np.intp]
    covered: _Flags


def _place(
    cohort: Cohort, counting: _Flags, always: Sequence[str], only: frozenset[str] | None
) -> tuple[_Placed, list[Finding]]:
    gene, names = codes_of(cohort.calls["gene"])
    allowed = np.array([*(only is None or name in only for name in names), False], dtype=bool)
    call = np.flatnonzero(counting & allowed[gene])
    present = np.bincount(gene[call], minlength=len(names)) > 0
    genes = sorted({name for name, some in zip(names, present, strict=True) if some} | set(always))
    column = _places(genes, names)[gene[call]]
    patient, called = codes_of(cohort.calls["patient"])
    row = _places(cohort.patients.index, called)[patient[call]]
    assay_of = pd.Index([assay.name for assay in cohort.assays]).get_indexer(cohort.patients["assay"])
    covered = np.vstack([assay.covers(genes) for assay in cohort.assays])
    stray = np.zeros(len(call), dtype=bool) if covered.all() else ~covered[assay_of[row], column]
    findings = _uncovered(cohort.patients.index[np.unique(row[stray])], genes, column[stray])
    shape = (len(cohort.patients), len(genes))
    if stray.any():
        call, row, column = call[~stray], row[~stray], column[~stray]
    return _Placed(tuple(genes), shape, call, row, column, assay_of, covered), findings


def _places(those: Iterable[str], names: Iterable[str]) -> npt.NDArray[np.int32]:
    """Return where each name stands among those; as 32-bit numbers, which take half the memory."""
    places: npt.NDArray[np.int32] = pd.Index(those, dtype="str").get_indexer(pd.Index(names, dtype="str"))
    return places.astype(np.int32)


def _uncovered(patients: pd.Index, genes: Sequence[str], column: npt.NDArray[np.intp]) -> list[Finding]:
    if not len(column):
        return []
    named = name_some(genes[j] for j in np.unique(column))
    return [
        Finding(
            "warning", "call-in-uncovered-gene",
            f"calls in genes that the patient's assay is said not to cover ({named}; patients "
            f"{name_some(patients)}); not used - is the gene list right?", len(column),
        )
    ]  # fmt: skip


def _values(calls: pd.DataFrame, placed: _Placed, encoding: str) -> sp.csr_array:
    if encoding == "vaf":
        return _highest(_allele_fractions(calls, placed), placed)
    ones = np.ones(len(placed.call), dtype=np.float32)
    values = sp.coo_array((ones, (placed.row, placed.column)), shape=placed.shape).tocsr()
    values.sort_indices()
    if encoding != "count":
        values.data[:] = 1.0
    return values


def _allele_fractions(calls: pd.DataFrame, placed: _Placed) -> npt.NDArray[np.float32]:
    fractions = calls["vaf"].to_numpy(dtype=np.float64, na_value=np.nan)[placed.call]
    usable = (fractions > 0) & (fractions <= 1)
    if not usable.all():
        missing = int(np.isnan(fractions).sum())
        raise ConfigurationError(
            f"The encoding 'vaf' needs the allele fraction of every call that counts: of {len(usable)} calls "
            f"{missing} have none, and {int((~usable).sum()) - missing} have one that is not above 0 and at most "
            "1. A carrier without a fraction is neither 0 nor unsequenced: take 'binary'."
        )
    lowered: npt.NDArray[np.float32] = fractions.astype(np.float32)
    return lowered


def _highest(numbers: npt.NDArray[np.float32], placed: _Placed) -> sp.csr_array:
    """Return the largest number of each cell that has any."""
    cell = placed.row.astype(np.int64) * placed.shape[1] + placed.column
    order = np.argsort(cell, kind="stable")
    first = np.flatnonzero(np.diff(cell[order], prepend=-1))
    tops = np.maximum.reduceat(numbers[order], first) if len(first) else numbers
    at = order[first]
    return sp.coo_array((tops, (placed.row[at], placed.column[at])), shape=placed.shape).tocsr()


def _by_set(
    cohort: Cohort, placed: _Placed, values: sp.csr_array, gene_sets: GeneSets
) -> tuple[sp.csr_array, tuple[str, ...], _Flags]:
    covered = np.vstack([covers_sets(assay, gene_sets) for assay in cohort.assays])
    counts = mutated_members(values, placed.genes, gene_sets)
    if not covered.all():
        cells = counts.tocoo()
        known = covered[placed.assay_of[cells.row], cells.col]
        where = (cells.row[known], cells.col[known])
        counts = sp.coo_array((cells.data[known], where), shape=counts.shape).tocsr()
    return counts, tuple(sorted(gene_sets)), covered


def _strange_names(calls: pd.DataFrame, gene_sets: GeneSets) -> list[Finding]:
    named = set(calls["gene"].dropna().unique())
    if not named or not named.isdisjoint(members_of(gene_sets)):
        return []
    said = (
        f"no call is in a gene of any gene set; the sets name {name_some(members_of(gene_sets), 3)}, the calls "
        f"{name_some(named, 3)}: are both gene symbols?"
    )
    return [Finding("warning", "gene-sets-without-calls", said, len(gene_sets))]


def _sets_not_covered(cohort: Cohort, covered: _Flags, names: Sequence[str]) -> list[Finding]:
    used = set(cohort.patients["assay"])
    return [
        Finding(
            "note", "gene-set-not-covered",
            f"gene sets of which the assay {assay.name} does not cover every gene "
            f"({name_some(name for name, whole in zip(names, row, strict=True) if not whole)}): not known in its "
            "patients", int((~row).sum()),
        )
        for assay, row in zip(cohort.assays, covered, strict=True)
        if assay.name in used and not row.all()
    ]  # fmt: skip
