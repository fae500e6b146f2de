"""Predictions for a new cohort: one row a patient, with what it is worth or the reason for none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.errors import ConfigurationError
from trastuz_ml.explain.contributions import contributions_of
from trastuz_ml.features.encoding import build_gene_matrix
from trastuz_ml.files import write_table
from trastuz_ml.findings import Finding, Severity
from trastuz_ml.learn.design import Design, align_design
from trastuz_ml.prediction.applicability import (
    NO_SUMMARY,
    conformal_sets,
    known,
    out_of_distribution,
    shared_words,
)
from trastuz_ml.prediction.leading import leading_contributions, named_in_rows
from trastuz_ml.prediction.unmeasured import (
    FEWEST_VECTORS,
    interval_over_unmeasured,
    training_rows,
    weight_measured,
)
from trastuz_ml.schema import GENE, NOT_SEARCHED, PREDICTIONS, conform
from trastuz_ml.store.bundle import ModelBundle

Array = npt.NDArray[np.float64]

NOTHING_MEASURED = "no feature of the model was measured"
NOT_SEQUENCED = "not sequenced"
OTHER_POPULATION = "outside the population that the model was trained on"
NOT_IN_COHORT = "on the roster, but not among the patients given to predict"


def predict(
    bundle: ModelBundle,
    cohort: Cohort,
    *,
    explain: int = 5,
    roster: pd.DataFrame | None = None,
    refused: Mapping[str, str] | None = None,
    abstain_below: float | None = None,
    shared: pd.DataFrame | None = None,
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
        What :func:`trastuz_ml.cohort.patients.read_roster` returned, in the order that the rows are wanted in. Its
        patients that are not in the cohort (another population, not sequenced) get a row that says why there is no
        prediction. Without it, the rows are the cohort's patients, then those of ``refused``.
    refused : mapping of patient to reason, optional
        Patients whose calls could not be read, and why: they get a row, and no prediction.
    abstain_below : float, optional
        Smallest share (0 to 1) of the model's weight that must have been measured; the bundle's own by default.
    shared : pandas.DataFrame, optional
        What :func:`trastuz_ml.prediction.applicability.find_training_patients` found; absent where nobody looked.

    Returns
    -------
    pandas.DataFrame
        :data:`trastuz_ml.schema.PREDICTIONS`, in the order of the roster. A refused patient has no probability.

    Raises
    ------
    ConfigurationError
        If the cohort does not declare a covariate of the model, ``explain`` is negative, or ``abstain_below`` is
        no share.
    """
    return predict_and_notice(
        bundle, cohort, explain=explain, roster=roster, refused=refused, abstain_below=abstain_below, shared=shared
    )[0]


def predict_and_notice(
    bundle: ModelBundle,
    cohort: Cohort,
    *,
    explain: int = 5,
    roster: pd.DataFrame | None = None,
    refused: Mapping[str, str] | None = None,
    abstain_below: float | None = None,
    shared: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, list[Finding]]:
    """Do what :func:`predict` does, and return what was noticed with it.

    Returns
    -------
    predictions : pandas.DataFrame
        :data:`trastuz_ml.schema.PREDICTIONS`.
    findings : list of Finding
        Calls in genes of the model that the patient's assay is said not to cover, and what the model or the data
        do not allow to be said. Messages name no patient and no number, so that those of several parts of a roster
        can be merged.
    """
    least = bundle.abstain_below if abstain_below is None else abstain_below
    if explain < 0:
        raise ConfigurationError(f"explain must be 0 or more contributions a patient, found {explain}.")
    if not 0.0 <= least <= 1.0:
        raise ConfigurationError(f"abstain_below must be a share from 0 to 1, found {least}.")
    why_not = dict(refused or {})
    design, findings = lay_out(bundle, cohort)
    rows = _predicted(bundle, design, cohort, explain, least, shared)
    order = pd.Index(list(dict.fromkeys([*design.patients, *why_not]))) if roster is None else roster.index
    place = pd.Index(design.patients).get_indexer(order)
    place[order.isin(list(why_not))] = -1
    given = place >= 0
    rows = rows.take(place[given])
    table = rows
    if not given.all():
        table = pd.concat([rows, _left_out(bundle, order[~given], roster, why_not)], ignore_index=True)
    table = table.take(np.where(given, given.cumsum() - 1, len(rows) + (~given).cumsum() - 1))
    version = bundle.version if bundle.version else pd.NA
    table = table.assign(model=bundle.name, model_version=version, model_sha256=bundle.sha256)
    return conform(table, PREDICTIONS), [*findings, *_noticed(bundle, rows)]


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


def _predicted(
    bundle: ModelBundle, design: Design, cohort: Cohort, explain: int, least: float, shared: pd.DataFrame | None
) -> pd.DataFrame:
    """Return a row for each patient of the design."""
    unknown = np.isnan(design.X)
    weight = weight_measured(design.X, bundle.weights)
    refusal = _refusals(bundle, design.X, weight, least)
    wanted = refusal == ""
    probability, shown, scale = _explained(bundle, design.X, wanted, explain)
    low, high = _interval(bundle, design.X, probability)
    unlike = out_of_distribution(bundle, design, cohort)
    overlap = [""] * len(unlike) if shared is None else shared_words(shared, design.patients)
    sets, why_no_set = conformal_sets(
        bundle, probability, np.asarray(unknown.any(axis=1)), _said(unlike), _said(overlap)
    )
    genes = np.array([f.block == GENE for f in bundle.features], dtype=bool)
    names = np.array([f.name for f in bundle.features], dtype=object)
    return pd.DataFrame(
        {
            "patient": list(design.patients),
            "probability": probability,
            "calibrated_probability": bundle.recalibration.probability(probability),
            "low": low,
            "high": high,
            "weight_measured": weight,
            "conformal_set": sets,
            "set_refusal": why_no_set,
            "out_of_distribution": unlike,
            "top_contributions": shown,
            "scale": np.where(wanted & (explain > 0), scale, ""),
            "genes_not_covered": pd.array(unknown[:, genes].sum(axis=1), dtype="Int64"),
            "not_covered": named_in_rows(names[genes], unknown[:, genes]),
            "covariates_missing": named_in_rows(names[~genes], unknown[:, ~genes]),
            "shared_with_training": NOT_SEARCHED if shared is None else overlap,
            "refusal": refusal,
        }
    )


def _said(texts: Sequence[str]) -> npt.NDArray[np.bool_]:
    return np.array([text != "" for text in texts], dtype=bool)


def _refusals(
    bundle: ModelBundle, X: npt.NDArray[np.float32], weight: Array, least: float
) -> npt.NDArray[np.object_]:
    """Return why there is no prediction for each patient, empty where there is one."""
    refusal = np.where(bundle.measured(X), "", NOTHING_MEASURED).astype(object)
    for row in np.flatnonzero((weight < least) & (refusal == "")):
        refusal[row] = _abstained(float(weight[row]), least)
    return refusal


def _abstained(measured: float, least: float) -> str:
    # 49.8 % is not to be read as 50 %, of which 50 % is asked for.
    shown = next((d for d in range(4) if f"{measured:.{d}%}" != f"{least:.{d}%}"), 4)
    found, asked = (f"{100 * value:.{shown}f} %" for value in (measured, least))
    return f"abstained: {found} of the model's weight was measured, {asked} is asked for"


def _interval(bundle: ModelBundle, X: npt.NDArray[np.float32], probability: Array) -> tuple[Array, Array]:
    """Return how far what was not measured could move each prediction, missing where that cannot be told."""
    if bundle.vectors is None:
        # With nothing to draw for what is unknown, two equal ends would claim that it is known.
        known_ends = np.where(np.isnan(X).any(axis=1), np.nan, probability)
        return known_ends, known_ends
    drawn = training_rows(bundle.features, bundle.vectors, bundle.summary)
    return interval_over_unmeasured(bundle.model, X, np.arange(X.shape[1]), drawn, probability)


def _explained(
    bundle: ModelBundle, X: npt.NDArray[np.float32], wanted: npt.NDArray[np.bool_], explain: int
) -> tuple[Array, list[str], str]:
    """Return the probabilities that are wanted, with their leading contributions and the scale of these."""
    probability, shown = np.full(len(X), np.nan), [""] * len(X)
    if not wanted.any():
        return probability, shown, ""
    if not explain:
        probability[wanted] = bundle.probability(X[wanted])
        return probability, shown, ""
    explanation = contributions_of(bundle.model, X[wanted])
    # What is explained is the model's own output, from which it makes its probability: half of the work of trees.
    output = explanation.output
    probability[wanted] = output if explanation.scale == "probability" else expit(output)
    texts = leading_contributions(explanation.values, [feature.name for feature in bundle.features], explain)
    for row, text in zip(np.flatnonzero(wanted), texts, strict=True):
        shown[row] = text
    return probability, shown, explanation.scale


def _left_out(
    bundle: ModelBundle, others: pd.Index, roster: pd.DataFrame | None, why_not: Mapping[str, str]
) -> pd.DataFrame:
    """Return a refused row for each patient who was not predicted."""
    refusal = [why_not.get(patient, NOT_IN_COHORT) for patient in others]
    unseen = np.zeros(len(others), dtype=bool)
    if roster is not None:
        known_of = roster.loc[others]
        inside, sequenced = (known_of[name].to_numpy(dtype=bool) for name in ("in_cohort", "sequenced"))
        refusal = np.select([~inside, ~sequenced], [OTHER_POPULATION, NOT_SEQUENCED], refusal).tolist()
        unseen = ~sequenced
    empty_texts = dict.fromkeys((c.name for c in PREDICTIONS.columns if c.kind == "text"), "")
    numbers = dict.fromkeys((c.name for c in PREDICTIONS.columns if c.kind == "number"), np.nan)
    rows = pd.DataFrame({**empty_texts, **numbers}, index=pd.RangeIndex(len(others)))
    # Nothing was looked at where the patient was left out for another reason.
    count = pd.array(np.where(unseen, len(bundle.genes), 0), dtype="Int64")
    count[~unseen] = pd.NA
    every_gene = named_in_rows(bundle.genes, np.ones((1, len(bundle.genes)), dtype=bool))[0]
    return rows.assign(
        patient=others, genes_not_covered=count, not_covered=np.where(unseen, every_gene, ""), refusal=refusal
    ).drop(columns=["model", "model_sha256"])


def _noticed(bundle: ModelBundle, rows: pd.DataFrame) -> list[Finding]:
    """Return what the model or the data do not allow to be said, with the number of patients it holds for."""
    predicted = rows["refusal"] == ""
    unknown = predicted & (rows["covariates_missing"] != "")
    partly = unknown | (predicted & (rows["genes_not_covered"] > 0))
    said: list[tuple[Severity, str, str, pd.Series]] = [
        ("warning", "abstained", "too little of the model's weight was measured: no prediction",
         rows["refusal"].str.startswith("abstained")),
        ("warning", "no-interval",
         "patients lack features of the model, and no interval is given over them: the model was stored without "
         "training patients' genes (store: training_vectors: true keeps them)",
         partly & (bundle.vectors is None)),
        ("warning", "no-interval",
         f"patients lack features of the model that fewer than {FEWEST_VECTORS} training patients have all of: no "
         "interval is given", partly & (bundle.vectors is not None) & rows["low"].isna()),
        ("note", "covariates-drawn",
         "a covariate, the burden or the assay is not known: intervals take it from the counts of the training "
         "patients, burden together with the mutated genes and the others by themselves",
         unknown & rows["low"].notna()),
        ("warning", "out-of-distribution", "patients are unlike every training patient in some way",
         predicted & (rows["out_of_distribution"] != "")),
        ("warning", "no-weights", "patients lack features of the model, of which no weights are known: no share "
         "measured is given, and nobody is abstained from", predicted & rows["weight_measured"].isna()),
        ("note", "no-conformal-sets", f"no conformal sets: {bundle.conformal.refused(bundle.miss_rate)}",
         predicted & bool(bundle.conformal.refused(bundle.miss_rate))),
        ("note", "not-recalibrated", f"no calibrated probability: {bundle.recalibration.refusal}",
         predicted & bool(bundle.recalibration.refusal)),
        ("note", "no-training-summary", NO_SUMMARY, predicted & (not known(bundle.summary))),
    ]  # fmt: skip
    return [Finding(severity, code, text, int(which.sum())) for severity, code, text, which in said if which.any()]


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
