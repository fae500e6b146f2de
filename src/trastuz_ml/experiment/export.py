"""The model that an experiment exports: fitted on everybody, with its card and what its predictions are worth."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from trastuz_ml.calls.genes.symbols import read_symbol_table
from trastuz_ml.cohort.burden import genes_in_common
from trastuz_ml.cohort.variant_marks import marks_of
from trastuz_ml.experiment.configuration import Experiment
from trastuz_ml.experiment.read import reading_of
from trastuz_ml.experiment.reporting import said_of_items
from trastuz_ml.experiment.train import Trained
from trastuz_ml.explain.weights import weights_of
from trastuz_ml.learn.catalogue import CHOSEN
from trastuz_ml.learn.conformal import conformal_of
from trastuz_ml.learn.recalibration import recalibration_of
from trastuz_ml.learn.training_summary import summary_of
from trastuz_ml.report.privacy import Pseudonyms, pseudonyms_of, without_identifiers
from trastuz_ml.schema import GENE
from trastuz_ml.store.bundle import ModelBundle, make_bundle
from trastuz_ml.store.card import plain
from trastuz_ml.store.gene_names import gene_names_bytes
from trastuz_ml.store.run_folder import Run
from trastuz_ml.store.tripod import reporting
from trastuz_ml.store.vectors import shuffled_vectors

_PURPOSE_WITHOUT_CALLS = (
    "Estimates, from what was known before treatment, the probability of response to the regimen given in the "
    "training cohort. Nobody was sequenced: no gene is read."
)


def bundle_of(trained: Trained, experiment: Experiment, names: Mapping[str, str], key: bytes) -> ModelBundle:
    """Return the model of a trained experiment as it is stored.

    Parameters
    ----------
    trained : Trained
        From :func:`trastuz_ml.experiment.train.train`.
    experiment : Experiment
        Its settings.
    names : mapping
        Patient to pseudonym: no identifier gets into the card.
    key : bytes
        The user's key, for the marks of rare variants.

    Returns
    -------
    ModelBundle
        With the training cohort in counts, conformal scores and recalibration by the left-out predictions of the
        procedure that was exported, weights, marks, and training vectors where the experiment asks for them.
    """
    run, cohort, settings = trained.run, trained.cohort, experiment.store
    hidden = pseudonyms_of([run], dict(names))
    bundle = make_bundle(
        run.name, trained.model, trained.design.features, experiment.features.encoding, run.matrix.effects,
        _card(trained, experiment, hidden), run.simulated,
    )  # fmt: skip
    X = trained.design.X[:, np.unique(trained.model.sources())]
    genes = np.array([feature.block == GENE for feature in bundle.features], dtype=bool)
    # What was picked anew in each fold is what was exported, when the choice was.
    procedure = CHOSEN if experiment.export == CHOSEN else trained.model.name
    bundle = replace(
        bundle,
        summary=summary_of(trained.design, bundle.features, run.patients, genes_in_common(cohort)),
        conformal=conformal_of(run.out_of_fold, procedure),
        recalibration=recalibration_of(run.out_of_fold, procedure),
        weights=weights_of(bundle.model, X),
        abstain_below=settings.abstain_below,
        miss_rate=settings.miss_rate,
        symbols=gene_names_bytes(_symbol_path(experiment)),
        build=cohort.build,
        marks=marks_of(cohort, key) if cohort.sequenced else None,
        vectors=shuffled_vectors(X[:, genes], experiment.validation.seed)
        if settings.training_vectors and genes.any()
        else None,
    )
    items = without_identifiers(reporting(said_of_items(trained, experiment, bundle)), hidden, _harmless(run))
    return replace(bundle, card={**bundle.card, "reporting": items})


def _harmless(run: Run) -> frozenset[str]:
    """Return words that may look like an identifier and are none."""
    return frozenset({*run.matrix.genes, *run.models})


def _symbol_path(experiment: Experiment) -> Path | None:
    return None if experiment.calls is None else reading_of(experiment).symbols


def _symbols(experiment: Experiment) -> dict[str, str]:
    """Return which table of gene names the model was trained with."""
    path = _symbol_path(experiment)
    table = read_symbol_table(path)
    return {
        "name": table.name, "date": table.date, "sha256": hashlib.sha256(gene_names_bytes(path)).hexdigest(),
    }  # fmt: skip


def _card(trained: Trained, experiment: Experiment, hidden: Pseudonyms) -> dict[str, Any]:
    run, response, calls = trained.run, experiment.roster.response, experiment.calls
    scores, strata = (
        table[table["model"].isin([trained.model.name, CHOSEN])] for table in (run.scores, run.stratum_scores)
    )
    card: dict[str, Any] = plain(
        {
            "purpose": experiment.purpose or ("" if calls is not None else _PURPOSE_WITHOUT_CALLS),
            "response": {
                "column": response.column, "positive": response.positive, "negative": response.negative,
            },
            "patients": len(run.patients),
            "responders": int(run.patients["response"].sum()),
            "scores": scores.to_dict(orient="records"),
            "strata": strata.to_dict(orient="records"),
            "sources": without_identifiers(run.provenance["sources"], hidden),
            "limits": _limits(run),
            "run": run.fingerprint,
            "inputs": {
                "patient": experiment.roster.patient,
                "sheets": [0 if calls is None else calls.sheet, experiment.roster.sheet],
                "columns": {} if calls is None else dict(calls.columns),
                "reading": _reading(experiment),
                "gene_sets": trained.gene_sets,
                "build": trained.cohort.build,
                "symbols": _symbols(experiment),
                "sequenced": {name: list(values) for name, values in experiment.roster.sequenced.items()},
                "filter": {name: list(values) for name, values in experiment.roster.filter.items()},
                "assay": experiment.roster.assay,
                "default_assay": experiment.roster.default_assay,
                "assays": {
                    a.name: {"genes": None if a.genes is None else sorted(a.genes), "megabases": a.megabases}
                    for a in trained.assays
                },
            },
        }
    )  # fmt: skip
    return card


def _reading(experiment: Experiment) -> dict[str, Any] | None:
    """Return how calls were read, for new patients' calls to be read in the same way; nothing without calls.

    The tumour's sample column is left out: it can be the name of a patient.
    """
    calls = experiment.calls
    if calls is None:
        return None
    return {
        "patient_from": calls.patient_from, "annotation": calls.annotation, "filters": calls.filters.model_dump(),
    }  # fmt: skip


def _limits(run: Run) -> list[str]:
    said = [
        f"Fitted on {len(run.patients)} patients; the scores are those of the fitting procedure, by nested "
        "cross-validation, not of this one model in another hospital.",
        "The response is to the regimen given: without an untreated arm nothing here is specific to trastuzumab.",
    ]
    said += [f"{row.gene}: {row.status}." for row in run.watched.itertuples() if row.status]
    return said
