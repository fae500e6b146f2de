"""Watched genes: carriers by response, with an exact test, or the reason why nothing can be said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.features.matrix import GeneMatrix
from trastuz_ml.schema import WATCHED, conform
from trastuz_ml.stats.association import carriers_and_response


def watched_table(matrix: GeneMatrix, response: npt.NDArray[np.int8], genes: Sequence[str]) -> pd.DataFrame:
    """Return one row for each watched gene (:data:`trastuz_ml.schema.WATCHED`).

    Parameters
    ----------
    matrix : GeneMatrix
        Rows in the order of ``response``; holds a column for each watched gene.
    response : array of 0 and 1, shape (n_patients,)
    genes : sequence of str
        Genes declared before fitting.
    """
    covered = matrix.dense()
    rows = [_row(gene, covered[:, matrix.genes.index(gene)], response) for gene in genes]
    return conform(pd.DataFrame(rows, columns=WATCHED.names), WATCHED)


def _row(gene: str, column: npt.NDArray[np.float32], response: npt.NDArray[np.int8]) -> dict[str, Any]:
    measured = ~np.isnan(column)
    mutated, responded = column > 0, (response == 1) & measured
    counts: dict[str, Any] = {
        "gene": gene,
        "covered": int(measured.sum()),
        "carriers": int(mutated.sum()),
        "responders": int(responded.sum()),
        "carriers_responding": int((mutated & responded).sum()),
    }
    reason = _not_evaluable(counts["covered"], counts["carriers"])
    if reason:
        return counts | {"odds_ratio": np.nan, "low": np.nan, "high": np.nan, "p": np.nan, "status": reason}
    found = carriers_and_response(
        counts["carriers_responding"], counts["carriers"], counts["responders"], counts["covered"]
    )
    return counts | {
        "odds_ratio": found.odds_ratio, "low": found.low, "high": found.high, "p": found.p, "status": "",
    }  # fmt: skip


def _not_evaluable(covered: int, carriers: int) -> str:
    if covered == 0:
        return "not covered"
    if carriers == 0:
        return f"not evaluable: mutated in 0 of {covered}"
    if carriers == covered:
        return f"not evaluable: mutated in all {covered}"
    return ""
