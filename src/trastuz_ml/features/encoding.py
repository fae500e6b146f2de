"""From a cohort's calls to its GeneMatrix: which calls count, and as what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy.sparse as sp

from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.errors import ConfigurationError
from trastuz_ml.features.matrix import GeneMatrix
from trastuz_ml.findings import Finding, name_some
from trastuz_ml.schema import EFFECTS, ENCODINGS, NONSILENT


def build_gene_matrix(
    cohort: Cohort,
    *,
    encoding: str = "binary",
    effects: Sequence[str] = NONSILENT,
    always: Sequence[str] = (),
) -> tuple[GeneMatrix, list[Finding]]:
    """Build the three-state matrix of a cohort.

    Parameters
    ----------
    cohort : Cohort
        Patients, distinct calls and assays.
    encoding : {"binary", "count", "truncating"}
        ``binary``: 1 where a call counts. ``count``: the number of distinct calls that count.
        ``truncating``: 1 where a truncating call is present, whatever ``effects`` says.
    effects : sequence of str
        Effect classes that count.
    always : sequence of str
        Genes that get a column even when nobody carries a call.

    Returns
    -------
    matrix : GeneMatrix
        Patients and genes sorted by name.
    findings : list of Finding
        Calls in genes that the patient's assay is said not to cover; they are not used.

    Raises
    ------
    ConfigurationError
        If the encoding or an effect is unknown.
    """
    counted_effects = _effects_for(encoding, effects)
    counted = cohort.calls[cohort.calls["effect"].isin(counted_effects) & cohort.calls["gene"].notna()]
    genes = sorted(set(counted["gene"]) | set(always))
    patients = cohort.patients.index
    rows = patients.get_indexer(counted["patient"])
    columns = pd.Index(genes, dtype="str").get_indexer(counted["gene"])
    ones = np.ones(len(counted), dtype=np.float32)
    values = sp.coo_array((ones, (rows, columns)), shape=(len(patients), len(genes))).tocsr()
    names = [assay.name for assay in cohort.assays]
    assay_of = np.array([names.index(name) for name in cohort.patients["assay"]], dtype=np.intp)
    covered = np.vstack([assay.covers(genes) for assay in cohort.assays])
    values, findings = _drop_uncovered(values, assay_of, covered, patients, genes)
    if encoding != "count":
        values.data[:] = 1.0
    matrix = GeneMatrix(
        tuple(patients), tuple(genes), values, assay_of, covered, encoding, counted_effects,
        {"sources": [[s.name, s.sha256] for s in cohort.sources], "simulated": cohort.simulated},
    )  # fmt: skip
    return matrix, findings


def _effects_for(encoding: str, effects: Sequence[str]) -> tuple[str, ...]:
    if encoding not in ENCODINGS:
        raise ConfigurationError(f"Unknown encoding '{encoding}'; expected one of {', '.join(ENCODINGS)}.")
    unknown = sorted(set(effects) - set(EFFECTS))
    if unknown:
        raise ConfigurationError(f"Unknown effect {', '.join(unknown)}; expected some of {', '.join(EFFECTS)}.")
    if encoding == "truncating":
        return ("truncating",)
    return tuple(effect for effect in EFFECTS if effect in set(effects))


def _drop_uncovered(
    values: sp.csr_array, assay_of: np.ndarray, covered: np.ndarray, patients: pd.Index, genes: list[str]
) -> tuple[sp.csr_array, list[Finding]]:
    cells = values.tocoo()
    stray = ~covered[assay_of[cells.row], cells.col]
    if not stray.any():
        return values, []
    kept = sp.coo_array((cells.data[~stray], (cells.row[~stray], cells.col[~stray])), shape=values.shape).tocsr()
    where = {str(patients[i]) for i in cells.row[stray]}
    named = {genes[j] for j in cells.col[stray]}
    finding = Finding(
        "warning", "call-in-uncovered-gene",
        f"calls in genes that the patient's assay is said not to cover ({name_some(named)}; patients "
        f"{name_some(where)}); not used - is the gene list right?", int(cells.data[stray].sum()),
    )  # fmt: skip
    return kept, [finding]
