"""The design matrix: genes, covariates and burden side by side, each column knowing what it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.cohort.burden import burden, burden_per_megabase, genes_in_common, sizes_known
from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.errors import ConfigurationError
from trastuz_ml.features.matrix import GeneMatrix
from trastuz_ml.schema import ASSAY, BURDEN, COVARIATE, GENE, NONSILENT

# What an experiment calls a block of columns.
BLOCKS: dict[str, str] = {"genes": GENE, "covariates": COVARIATE, "burden": BURDEN, "assay": ASSAY}
BURDEN_NAME = "mutational burden (log calls)"
BURDEN_RATE_NAME = "mutational burden (log calls per megabase)"
ASSAY_NAME = "assay"


@dataclass(frozen=True)
class Feature:
    """One column of the design matrix.

    Parameters
    ----------
    name : str
        Gene symbol, covariate or burden.
    block : str
        ``gene``, ``covariate`` or ``burden``.
    kind : {"gene", "number", "category"}
        How the column is prepared; a category holds the place of its level in ``levels``.
    levels : tuple of str
        Levels of a category or of an ordered covariate.
    counts : tuple of str
        Genes that a burden counts; the whole exome when empty.
    """

    name: str
    block: str
    kind: Literal["gene", "number", "category"]
    levels: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Design:
    """Patients by features, as the learners take them.

    Attributes
    ----------
    patients : tuple of str
        Row names, sorted.
    features : tuple of Feature
        What the columns are.
    X : array of float32, shape (n_patients, n_features)
        NaN for not covered (genes) and not known (covariates), and for nothing else.
    response : array of int, shape (n_patients,)
        1 for responders, 0 otherwise; empty when patients are to be predicted.
    groups : array of str, shape (n_patients,)
        Patients who share a group never straddle a split.
    """

    patients: tuple[str, ...]
    features: tuple[Feature, ...]
    X: npt.NDArray[np.float32]
    response: npt.NDArray[np.int8]
    groups: npt.NDArray[np.str_]

    def columns(self, feature_set: str) -> npt.NDArray[np.intp]:
        """Return the places of the columns that belong to a feature set."""
        return np.flatnonzero(np.isin(self.blocks, blocks_of(feature_set)))

    def without_names(self) -> Design:
        """Return the design with numbers for patients and groups: all that work elsewhere is given.

        Zeros lead, because folds depend on the order of the groups' names.
        """
        codes = np.unique(self.groups, return_inverse=True)[1]
        numbers = tuple(f"{i:09d}" for i in range(len(self.patients)))
        return replace(self, patients=numbers, groups=np.char.mod("%09d", codes))

    @cached_property
    def blocks(self) -> npt.NDArray[np.str_]:
        """Block of each column, shape (n_features,)."""
        return np.array([f.block for f in self.features], dtype=np.str_)

    @cached_property
    def kinds(self) -> npt.NDArray[np.str_]:
        """Kind of each column, shape (n_features,)."""
        return np.array([f.kind for f in self.features], dtype=np.str_)


def blocks_of(feature_set: str) -> tuple[str, ...]:
    """Return the blocks of a feature set: ``none``, ``both``, or names of :data:`BLOCKS` joined by ``+``.

    Raises
    ------
    ConfigurationError
        If a name is unknown or given twice.

    Examples
    --------
    >>> blocks_of("both"), blocks_of("genes+burden")
    (('covariate', 'gene'), ('gene', 'burden'))
    """
    if feature_set == "none":
        return ()
    names = ["covariates", "genes"] if feature_set == "both" else feature_set.split("+")
    wrong = [name for name in names if name not in BLOCKS or names.count(name) > 1]
    if wrong:
        raise ConfigurationError(
            f"'{feature_set}' is no feature set: expected 'both', or some of {', '.join(BLOCKS)}, each once, with "
            f"'+' between them; '{wrong[0]}' is {'given twice' if wrong[0] in BLOCKS else 'none of them'}."
        )
    return tuple(BLOCKS[name] for name in names)


def make_design(cohort: Cohort, matrix: GeneMatrix) -> Design:
    """Put covariates, burden and genes of a training cohort side by side.

    A category's levels are the sorted values seen in the cohort: naming them is not learning, and the
    levels that a training fold holds are learned in the fold.
    """
    features: list[Feature] = []
    columns: list[npt.NDArray[np.float32]] = []
    for covariate in (c for c in cohort.covariates if c.predicts):
        values = cohort.patients[covariate.name]
        if covariate.kind == "category":
            levels = tuple(sorted(values.dropna().unique()))
            feature = Feature(covariate.name, COVARIATE, "category", levels)
        else:
            feature = Feature(covariate.name, COVARIATE, "number", covariate.levels)
        features.append(feature)
        columns.append(_column(feature, values))
    features.append(_burden_feature(cohort))
    columns.append(_burden(features[-1], cohort))
    assays = tuple(sorted(set(cohort.patients["assay"])))
    if len(assays) > 1:
        features.append(Feature(ASSAY_NAME, ASSAY, "category", assays))
        columns.append(_column(features[-1], cohort.patients["assay"]))
    features += [Feature(gene, GENE, "gene") for gene in matrix.genes]
    X = np.hstack([np.column_stack(columns), matrix.dense()])
    response = cohort.response.to_numpy(dtype=np.int8, na_value=0)
    groups = cohort.patients["group"].to_numpy(dtype=np.str_)
    return Design(matrix.patients, tuple(features), X, response, groups)


def align_design(cohort: Cohort, matrix: GeneMatrix, features: Sequence[Feature]) -> Design:
    """Lay out a new cohort in the columns that a stored model was trained with.

    Genes the model does not use are dropped. Genes that nobody in the new cohort carries are 0 where the
    patient's assay covers them and NaN elsewhere. A category's unseen level is unknown (NaN).

    Raises
    ------
    ConfigurationError
        If a covariate of the model is not declared for the new cohort.
    """
    declared = {covariate.name for covariate in cohort.covariates}
    absent = [f.name for f in features if f.block == COVARIATE and f.name not in declared]
    if absent:
        raise ConfigurationError(
            f"The model needs the covariate{'s' if len(absent) > 1 else ''} {', '.join(absent)}, which the new "
            f"roster does not declare; it declares {', '.join(sorted(declared)) or 'none'}."
        )
    X = np.empty((len(matrix.patients), len(features)), dtype=np.float32)
    dense, place = matrix.dense(), {gene: j for j, gene in enumerate(matrix.genes)}
    covers = {assay.name: assay for assay in cohort.assays}
    assay_names = cohort.patients["assay"].to_numpy()
    for j, feature in enumerate(features):
        if feature.block == GENE and feature.name in place:
            X[:, j] = dense[:, place[feature.name]]
        elif feature.block == GENE:
            covered = [bool(covers[name].covers([feature.name])[0]) for name in assay_names]
            X[:, j] = np.where(covered, 0.0, np.nan)
        elif feature.block == BURDEN:
            X[:, j] = _burden(feature, cohort)
        elif feature.block == ASSAY:
            X[:, j] = _column(feature, cohort.patients["assay"])
        else:
            X[:, j] = _column(feature, cohort.patients[feature.name])
    response = cohort.response.to_numpy(dtype=np.int8, na_value=0)
    return Design(matrix.patients, tuple(features), X, response, cohort.patients["group"].to_numpy(dtype=np.str_))


def _burden_feature(cohort: Cohort) -> Feature:
    """Return burden as a rate where the sizes of all assays are known, else as a count of what they all cover."""
    if sizes_known(cohort):
        return Feature(BURDEN_RATE_NAME, BURDEN, "number")
    return Feature(BURDEN_NAME, BURDEN, "number", counts=genes_in_common(cohort) or ())


def _burden(feature: Feature, cohort: Cohort) -> npt.NDArray[np.float32]:
    if feature.name == BURDEN_RATE_NAME:
        values = burden_per_megabase(cohort, NONSILENT)
    else:
        values = burden(cohort, NONSILENT, feature.counts or None)
    logged: npt.NDArray[np.float32] = np.log1p(values).astype(np.float32)
    return logged


def _column(feature: Feature, values: pd.Series) -> npt.NDArray[np.float32]:
    if feature.kind == "category":
        values = values.map({level: float(i) for i, level in enumerate(feature.levels)})
    column: npt.NDArray[np.float32] = values.to_numpy(dtype=np.float32, na_value=np.nan)
    return column
