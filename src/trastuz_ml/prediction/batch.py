"""Predictions for a new cohort: one row a patient, with its leading contributions or the reason for none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.errors import ConfigurationError
from trastuz_ml.explain.contributions import Explanation, contributions_of
from trastuz_ml.features.encoding import build_gene_matrix
from trastuz_ml.files import write_table
from trastuz_ml.findings import Finding
from trastuz_ml.learn.design import Design, align_design
from trastuz_ml.schema import COVARIATE, GENE, PREDICTIONS, conform
from trastuz_ml.store.bundle import ModelBundle

# A list of names in a cell is cut here; the count beside it is not.
MOST_NAMES = 20
NOTHING_MEASURED = "no feature of the model was measured"
NOT_SEQUENCED = "not sequenced"
OTHER_POPULATION = "outside the population that the model was trained on"
NOT_IN_COHORT = "on the roster, but not among the patients given to predict"
NOT_ADDITIVE = "not given: the contributions do not add up to the output"


def predict(
    bundle: ModelBundle, cohort: Cohort, *, explain: int = 5, roster: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Predict the response of each patient of a cohort.

    Parameters
    ----------
    bundle : ModelBundle
        A stored model.
    cohort : Cohort
        Patients to predict, assembled with ``training=False``; it declares the covariates of
        ``bundle.covariates``.
    explain : int
        How many contributions to name for each patient; 0 for none.
    roster : pandas.DataFrame, optional
        What :func:`trastuz_ml.cohort.patients.read_roster` returned. Its patients that are not in the cohort
        (another population, not sequenced) get a row that says why there is no prediction.

    Returns
    -------
    pandas.DataFrame
        :data:`trastuz_ml.schema.PREDICTIONS`, sorted by patient. A refused patient has no probability.

    Raises
    ------
    ConfigurationError
        If the cohort does not declare a covariate of the model, or ``explain`` is negative.
    """
    if explain < 0:
        raise ConfigurationError(f"explain must be 0 or more contributions a patient, found {explain}.")
    design, _ = lay_out(bundle, cohort)
    rows = _predicted(bundle, design, explain)
    if roster is not None:
        others = _left_out(bundle, roster, design.patients)
        rows = pd.concat([part for part in (rows, others) if len(part)] or [rows], ignore_index=True)
    rows = rows.assign(model=bundle.name, model_sha256=bundle.sha256)
    return conform(rows.sort_values("patient", kind="stable"), PREDICTIONS)


def lay_out(bundle: ModelBundle, cohort: Cohort) -> tuple[Design, list[Finding]]:
    """Put a cohort into the columns that a stored model reads.

    Returns
    -------
    design : Design
        NaN where a gene was not covered, or a covariate is not known.
    findings : list of Finding
        Calls in genes of the model that the patient's assay is said not to cover.
    """
    # Genes that the model does not read are left aside here, and here only: burden counts every call.
    sets = bundle.card["inputs"].get("gene_sets")
    matrix, findings = build_gene_matrix(
        cohort, encoding=bundle.encoding, effects=bundle.effects, always=bundle.genes, only=bundle.genes,
        gene_sets=None if sets is None else {name: frozenset(genes) for name, genes in sets.items()},
    )  # fmt: skip
    return align_design(cohort, matrix, bundle.features), findings


def _predicted(bundle: ModelBundle, design: Design, explain: int) -> pd.DataFrame:
    known = bundle.measured(design.X)
    shown, scale = _explained(bundle, design.X, known, explain)
    unknown = np.isnan(design.X)
    genes = np.array([f.block == GENE for f in bundle.features], dtype=bool)
    covariates = np.array([f.block == COVARIATE for f in bundle.features], dtype=bool)
    names = np.array([f.name for f in bundle.features], dtype=object)
    return pd.DataFrame(
        {
            "patient": list(design.patients),
            "probability": bundle.probability(design.X),
            "top_contributions": shown,
            "scale": np.where(known & (explain > 0), scale, ""),
            "genes_not_covered": unknown[:, genes].sum(axis=1),
            "not_covered": [_named(names[genes & row]) for row in unknown],
            "covariates_missing": [_named(names[covariates & row]) for row in unknown],
            "refusal": np.where(known, "", NOTHING_MEASURED),
        }
    )


def _explained(
    bundle: ModelBundle, X: npt.NDArray[np.float32], known: npt.NDArray[np.bool_], explain: int
) -> tuple[list[str], str]:
    shown = [""] * len(X)
    if not explain or not known.any():
        return shown, ""
    explanation = contributions_of(bundle.model, X[known])
    names = [feature.name for feature in bundle.features]
    for row, text in zip(np.flatnonzero(known), _leading(explanation, names, explain), strict=True):
        shown[row] = text
    return shown, explanation.scale


def _leading(explanation: Explanation, names: Sequence[str], most: int) -> list[str]:
    """Return the largest contributions of each row as text, ties in the order of names, zeros left out."""
    values = explanation.values
    by_name = np.argsort(np.array(names, dtype=str), kind="stable")
    texts = []
    for row in values:
        if np.isnan(row).any():
            texts.append(NOT_ADDITIVE)
            continue
        order = by_name[np.argsort(-np.abs(row[by_name]), kind="stable")][:most]
        texts.append("; ".join(f"{names[j]} {_signed(row[j])}" for j in order if row[j] != 0))
    return texts


def _signed(value: float) -> str:
    return f"{value:+.2f}" if abs(value) >= 0.005 else f"{value:+.0e}"


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMES])
    return f"{shown} and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else shown


def _left_out(bundle: ModelBundle, roster: pd.DataFrame, predicted: Sequence[str]) -> pd.DataFrame:
    """Return a refused row for each patient of the roster that was not predicted."""
    others = roster[~roster.index.isin(predicted)]
    sequenced = others["sequenced"].to_numpy(dtype=bool)
    return pd.DataFrame(
        {
            "patient": list(others.index),
            "probability": np.nan,
            "top_contributions": "",
            "scale": "",
            # Nothing was looked at where the patient was left out for another reason.
            "genes_not_covered": pd.array(
                [None if done else len(bundle.genes) for done in sequenced], dtype="Int64"
            ),
            "not_covered": np.where(sequenced, "", _named(bundle.genes)),
            "covariates_missing": "",
            "refusal": np.select(
                [~others["in_cohort"].to_numpy(dtype=bool), ~sequenced],
                [OTHER_POPULATION, NOT_SEQUENCED],
                NOT_IN_COHORT,
            ),
        }
    )


def write_predictions(table: pd.DataFrame, path: str | Path, *, force: bool = False) -> None:
    """Write predictions as CSV or Parquet, told apart by the ending; whole or not at all.

    In CSV, a text that a spreadsheet would run gets an apostrophe in front; numbers stay as they are.

    Parameters
    ----------
    table : pandas.DataFrame
        What :func:`predict` returned.
    path : path
        Ending in ``.csv`` or ``.parquet``.
    force : bool
        Replace a file that is there.

    Raises
    ------
    ConfigurationError
        If the ending is another one, or the file cannot be written.
    OutputExistsError
        If the file is there and ``force`` is false.
    """
    path = Path(path)
    if path.suffix.lower() not in {".csv", ".parquet"}:
        raise ConfigurationError(f"{path}: expected a name in .csv or .parquet, found '{path.suffix}'.")
    write_table(conform(table, PREDICTIONS), path, force=force)
