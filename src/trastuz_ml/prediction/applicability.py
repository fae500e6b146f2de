"""Whether a model applies to a new patient: what is unlike its training patients, and what may then be claimed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.assays.assay import Assay
from trastuz_ml.cohort.burden import burden
from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.cohort.variant_marks import shared_with, why_not_searched
from trastuz_ml.findings import Finding, by_patient
from trastuz_ml.learn.conformal import LABELS
from trastuz_ml.learn.design import BURDEN_RATE_NAME, Design
from trastuz_ml.learn.training_summary import Bins, TrainingSummary
from trastuz_ml.schema import BURDEN, COVARIATE, GENE, NONSILENT
from trastuz_ml.store.bundle import ModelBundle

Flags = npt.NDArray[np.bool_]

UNLIKE = "unlike the training patients"
PARTLY = "not everything that the model reads was measured"
SHARED = "may be one of the training patients"
NO_SUMMARY = "what the training patients were like is not known"


def out_of_distribution(bundle: ModelBundle, design: Design, cohort: Cohort) -> list[str]:
    """Say in what each patient is unlike every training patient.

    Parameters
    ----------
    bundle : ModelBundle
        The model, with its counts of the training cohort.
    design : Design
        The new patients, in the columns of ``bundle.features``.
    cohort : Cohort
        The same patients.

    Returns
    -------
    list of str
        For each patient, what is unlike, joined by ``; ``; empty where nothing is. A value within the training
        range is no proof that the model holds there.
    """
    summary = bundle.summary
    said: list[list[str]] = [[] for _ in design.patients]
    if not known(summary):
        return [""] * len(said)
    _flag_assays(said, bundle, cohort)
    _flag_levels(said, bundle, cohort)
    _flag_numbers(said, bundle, design)
    _flag_burden(said, bundle, design, cohort)
    if summary.mutated is not None:
        genes = np.array([f.block == GENE for f in bundle.features], dtype=bool)
        mutated = (design.X[:, genes] > 0).sum(axis=1).astype(np.float64)
        # Few are no surprise where not all genes were covered.
        _flag_beyond(said, "genes of the model mutated:", summary.mutated, mutated, only_above=True)
    return ["; ".join(each) for each in said]


def known(summary: TrainingSummary) -> bool:
    """Return whether anything was kept of what the training patients were like."""
    return summary.patients > 0


def _flag_assays(said: list[list[str]], bundle: ModelBundle, cohort: Cohort) -> None:
    if not bundle.summary.assays:
        return
    trained: Mapping[str, Any] = bundle.card["inputs"].get("assays") or {}
    names = cohort.patients["assay"].to_numpy(dtype=object)
    for assay in cohort.assays:
        if not bundle.summary.assays.get(assay.name):
            said_of_it = f"assay {assay.name}, which no training patient had"
        elif assay.name in trained and _covers_less(assay, trained[assay.name]["genes"], bundle):
            said_of_it = f"an assay of fewer genes than the {assay.name} that training patients had"
        else:
            continue
        for row in np.flatnonzero(names == assay.name):
            said[row].append(said_of_it)


def _covers_less(assay: Assay, trained: Sequence[str] | None, bundle: ModelBundle) -> bool:
    """Return whether an assay covers fewer genes of the model than the one of its name in training did."""
    if bundle.encoding == "gene-sets":
        return False  # A set has the name of no gene; that it is not covered is said all the same.
    before = Assay(assay.name, None if trained is None else frozenset(trained)).covers(bundle.genes)
    return bool((before & ~assay.covers(bundle.genes)).any())


def _flag_levels(said: list[list[str]], bundle: ModelBundle, cohort: Cohort) -> None:
    for feature in bundle.features:
        seen = bundle.summary.levels.get(feature.name)
        if feature.block != COVARIATE or seen is None:
            continue
        values = cohort.patients[feature.name]
        if feature.kind != "category":
            values = values.map(dict(enumerate(feature.levels)))
        unseen = values.notna() & ~values.isin([level for level, patients in seen.items() if patients])
        for row in np.flatnonzero(unseen.to_numpy(dtype=bool)):
            said[row].append(f"{feature.name} {values.iloc[row]}, which no training patient had")


def _flag_numbers(said: list[list[str]], bundle: ModelBundle, design: Design) -> None:
    for place, feature in enumerate(bundle.features):
        bins = bundle.summary.numbers.get(feature.name)
        if feature.block == COVARIATE and bins is not None:
            _flag_beyond(said, feature.name, bins, design.X[:, place].astype(np.float64))


def _flag_burden(said: list[list[str]], bundle: ModelBundle, design: Design, cohort: Cohort) -> None:
    """Flag burden as calls where training counted them; as a rate, where the model reads one."""
    summary = bundle.summary
    rates = [j for j, f in enumerate(bundle.features) if f.block == BURDEN and f.name == BURDEN_RATE_NAME]
    if rates and BURDEN_RATE_NAME in summary.numbers:
        bins = summary.numbers[BURDEN_RATE_NAME]
        shown = Bins(tuple(np.expm1(bins.edges)), bins.counts)
        _flag_beyond(said, "burden per megabase", shown, np.expm1(design.X[:, rates[0]].astype(np.float64)))
    elif summary.burden is not None:
        calls = burden(cohort, NONSILENT, summary.burden_genes or None)
        _flag_beyond(said, "burden of", summary.burden, calls)


def _flag_beyond(
    said: list[list[str]], name: str, bins: Bins, values: npt.NDArray[np.float64], *, only_above: bool = False
) -> None:
    place = bins.place(values)
    for row in np.flatnonzero(place == -1) if not only_above else ():
        said[row].append(f"{name} {values[row]:g}, below every training patient's (from {bins.edges[0]:g})")
    for row in np.flatnonzero(place == len(bins.counts)):
        said[row].append(f"{name} {values[row]:g}, above every training patient's (up to {bins.edges[-1]:g})")


def conformal_sets(
    bundle: ModelBundle, probability: npt.NDArray[np.float64], partly: Flags, unlike: Flags, shared: Flags
) -> tuple[list[str], list[str]]:
    """Return the set of responses that each prediction leaves open, and why none is given.

    Parameters
    ----------
    bundle : ModelBundle
        The model, with its conformal scores and the miss rate that it promises in each class.
    probability : array, shape (n_patients,)
        Its predictions; NaN where there is none.
    partly, unlike, shared : array of bool, shape (n_patients,)
        Whether something was not measured, the patient is out of distribution, or shares variants with a training
        patient: the promise is made to patients who could as well have been among the training patients.

    Returns
    -------
    sets, refusals : list of str
        One of them is empty for each patient, and both where there is no prediction.
    """
    general = bundle.conformal.refused(bundle.miss_rate)
    if not general and not known(bundle.summary):
        general = NO_SUMMARY
    predicted = ~np.isnan(probability)
    reasons = [(PARTLY, partly), (UNLIKE, unlike), (SHARED, shared)]
    if general:
        reasons = [(general, np.ones(len(probability), dtype=bool))]
    refusals = ["" for _ in probability]
    for row in np.flatnonzero(predicted & np.any([flags for _, flags in reasons], axis=0)):
        refusals[row] = "; ".join(reason for reason, flags in reasons if flags[row])
    sets = ["" for _ in probability]
    if not general:
        words = np.array(["neither", LABELS[1], LABELS[0], "either"], dtype=object)
        inside = bundle.conformal.sets(probability, bundle.miss_rate).astype(np.intp)
        spelled = words[2 * inside[:, 0] + inside[:, 1]]
        for row in np.flatnonzero(predicted & np.array([refusal == "" for refusal in refusals], dtype=bool)):
            sets[row] = spelled[row]
    return sets, refusals


def find_training_patients(
    bundle: ModelBundle, cohort: Cohort, key: bytes
) -> tuple[pd.DataFrame | None, list[Finding]]:
    """Look among new patients for patients of the training cohort.

    Parameters
    ----------
    bundle : ModelBundle
        The model, with the marks of its training patients' rare variants where they were kept.
    cohort : Cohort
        The new patients.
    key : bytes
        From :func:`trastuz_ml.cohort.pseudonyms.pseudonym_key`.

    Returns
    -------
    shared : pandas.DataFrame or None
        What :func:`trastuz_ml.cohort.variant_marks.shared_with` returns; None where it could not be searched.
    findings : list of Finding
        Why it could not be searched, or how many patients were found.
    """
    reason = why_not_searched(bundle.marks, key, cohort.build)
    if reason or bundle.marks is None:
        said = f"patients of the training cohort: {reason}"
        return None, [Finding("warning", "training-patients-not-searched", said)]
    found = shared_with(bundle.marks, cohort.calls, cohort.patients.index, key)
    if not len(found):
        return found, []
    said = "shares rare variants with a training patient: its prediction tells nothing of how well the model does"
    return found, by_patient(
        Finding("warning", "training-patient", said, patient=str(patient)) for patient in found["patient"].unique()
    )


def shared_words(shared: pd.DataFrame, patients: Iterable[str]) -> list[str]:
    """Return, for each patient, with which training patients rare variants are shared.

    Examples
    --------
    >>> found = pd.DataFrame({"patient": ["P2"], "training_patient": ["P-1f"], "shared": [42], "of": [60]})
    >>> shared_words(found, ["P1", "P2"])
    ['', 'shares 42 of 60 rare variants with P-1f']
    """
    said: dict[str, list[str]] = {}
    for patient, name, number, of in zip(
        shared["patient"], shared["training_patient"], shared["shared"], shared["of"], strict=True
    ):
        said.setdefault(patient, []).append(f"shares {number} of {of} rare variants with {name}")
    return ["; ".join(said.get(patient, ())) for patient in patients]
