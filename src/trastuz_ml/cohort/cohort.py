"""The Cohort: roster and calls joined by patient, with everything that did not match named."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.cohort.assay import EXOME, Assay
from trastuz_ml.cohort.patients import Covariate, nearest
from trastuz_ml.errors import EvidenceError, InputError
from trastuz_ml.findings import Finding, findings_table, name_some
from trastuz_ml.schema import CALL_KEY, EFFECTS, FINDINGS, empty

_MOST_HINTS = 20
_LOOKS_LIKE_DATE = r"^(?:\d{1,2}-[A-Za-z]{3}|[A-Za-z]{3}-\d{1,2}|\d{4}-\d{2}-\d{2}.*)$"


@dataclass(frozen=True)
class Source:
    """A file that was read: its name, the hash of its bytes, rows in and rows kept."""

    name: str
    sha256: str
    rows_in: int
    rows_kept: int

    @classmethod
    def of(cls, path: Path, rows_in: int, rows_kept: int) -> Source:
        """Describe a file on disk."""
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        return cls(path.name, digest, rows_in, rows_kept)


@dataclass(frozen=True)
class Cohort:
    """Patients with what is known of them, and their calls.

    Attributes
    ----------
    calls : pandas.DataFrame
        The calls table, distinct calls of the cohort's patients only, in a fixed order.
    patients : pandas.DataFrame
        One row a patient, sorted by identifier, which is the index; columns ``response``, ``group``,
        ``assay`` and the covariates.
    covariates : tuple of Covariate
        What the covariate columns are.
    assays : tuple of Assay
        What was sequenced, by the names in the ``assay`` column.
    findings : pandas.DataFrame
        What was noticed: see :data:`trastuz_ml.schema.FINDINGS`.
    sources : tuple of Source
        The files read.
    simulated : bool
        Whether the patients are invented.
    """

    calls: pd.DataFrame
    patients: pd.DataFrame
    covariates: tuple[Covariate, ...] = ()
    assays: tuple[Assay, ...] = (EXOME,)
    findings: pd.DataFrame = field(default_factory=lambda: empty(FINDINGS))
    sources: tuple[Source, ...] = ()
    simulated: bool = False

    @classmethod
    def assemble(
        cls,
        calls: pd.DataFrame,
        patients: pd.DataFrame,
        *,
        covariates: Sequence[Covariate] = (),
        assays: Sequence[Assay] = (EXOME,),
        findings: Iterable[Finding] = (),
        sources: Sequence[Source] = (),
        simulated: bool = False,
        training: bool = True,
    ) -> Cohort:
        """Join calls to the roster by patient; the roster decides the rows.

        Parameters
        ----------
        calls : pandas.DataFrame
            The calls table.
        patients : pandas.DataFrame
            What :func:`trastuz_ml.cohort.patients.read_roster` returned.
        covariates, assays, findings, sources, simulated
            Carried over into the cohort.
        training : bool
            Leave out patients without a response; false when patients are to be predicted.

        Raises
        ------
        InputError
            If no patient of the calls is on the roster, or an assay is not declared.
        EvidenceError
            If fewer than two classes of response are left.
        """
        noticed = list(findings)
        noticed += _calls_without_patient(calls, patients)
        noticed += _not_sequenced(calls, patients) + _filtered_out(patients)
        kept = patients[patients["in_cohort"] & patients["sequenced"]]
        if training:
            kept = kept[kept["response"].notna()]
            if kept["response"].nunique() < 2:
                raise EvidenceError(
                    f"After leaving out patients that were not sequenced or have no response, {len(kept)} "
                    "patients of one class only are left; two classes are needed to learn from."
                )
        kept = kept.drop(columns=["in_cohort", "sequenced"])
        _require_declared_assays(kept, assays)
        own, repeated = _distinct(calls[calls["patient"].isin(kept.index)])
        noticed += repeated + _gene_names(own) + _without_calls(own, kept.index)
        return cls(own, kept, tuple(covariates), tuple(assays), findings_table(noticed), tuple(sources), simulated)

    @property
    def response(self) -> pd.Series:
        """The response by patient, 1 or 0."""
        return self.patients["response"]


def _calls_without_patient(calls: pd.DataFrame, patients: pd.DataFrame) -> list[Finding]:
    called = calls["patient"].unique()
    strangers = sorted(set(called) - set(patients.index))
    if len(strangers) == len(called):
        example = strangers[0] if strangers else ""
        close = difflib.get_close_matches(example, list(patients.index), n=1, cutoff=0.0)
        hint = f"; the closest on the roster is '{close[0]}'" if close else ""
        raise InputError(
            f"No patient of the calls is on the roster: the calls name {name_some(strangers)}{hint}. "
            "Check the roster's patient column."
        )
    known, rows = list(patients.index), calls["patient"].value_counts()
    # Looking for the nearest takes time; where strangers are many, a few tell what went wrong.
    hints = {stranger: nearest(stranger, known) for stranger in strangers[:_MOST_HINTS]}
    return [
        Finding(
            "warning", "calls-without-patient",
            f"has calls but is not on the roster{hints.get(stranger, '')}; the calls are not used",
            int(rows[stranger]), patient=stranger,
        )
        for stranger in strangers
    ]  # fmt: skip


def _not_sequenced(calls: pd.DataFrame, patients: pd.DataFrame) -> list[Finding]:
    out = patients.index[patients["in_cohort"] & ~patients["sequenced"]]
    with_calls = sorted(set(out) & set(calls["patient"]))
    found = []
    if len(out):
        found.append(
            Finding(
                "note",
                "not-sequenced",
                f"on the roster but not sequenced, left out: {name_some(out)}",
                len(out),
            )
        )
    if with_calls:
        found.append(
            Finding("warning", "not-sequenced-with-calls",
                    f"declared not sequenced, yet with calls: {name_some(with_calls)}; left out", len(with_calls))
        )  # fmt: skip
    return found


def _filtered_out(patients: pd.DataFrame) -> list[Finding]:
    out = patients.index[~patients["in_cohort"]]
    if not len(out):
        return []
    return [Finding("note", "filtered-out", f"left out by the filter of the roster: {name_some(out)}", len(out))]


def _require_declared_assays(patients: pd.DataFrame, assays: Sequence[Assay]) -> None:
    declared = {assay.name for assay in assays}
    missing = patients.index[patients["assay"].isna()]
    if len(missing):
        raise InputError(
            f"No assay is given for {name_some(missing)}; without it nothing is known of what was not mutated."
        )
    unknown = set(patients["assay"]) - declared
    if unknown:
        raise InputError(
            f"The roster names the assay {name_some(unknown)}, which is not declared; declared: "
            f"{name_some(declared) or 'none'}. Add it under assays: in the experiment."
        )


def _distinct(calls: pd.DataFrame) -> tuple[pd.DataFrame, list[Finding]]:
    """Return one row a patient, gene and variant, the gravest effect of it; calls without place all count."""
    severity = calls["effect"].map({effect: rank for rank, effect in enumerate(EFFECTS)})
    ordered = calls.assign(_severity=severity).sort_values(
        ["patient", "gene", "_severity", *calls.columns.difference(["patient", "gene"])], kind="stable"
    )
    ordered = ordered.drop(columns="_severity").reset_index(drop=True)
    key = ordered[list(CALL_KEY)].assign(change=ordered["hgvsc"].where(ordered["alt"].isna()))
    placed = ordered["pos"].notna()
    repeated = key.duplicated() & placed
    found = [
        Finding(
            "note", "duplicate-call", "calls given twice or more, counted once", int(count), patient=str(patient)
        )
        for patient, count in ordered.loc[repeated, "patient"].value_counts().sort_index().items()
    ]
    if not placed.all():
        found.append(
            Finding("note", "call-without-place",
                    "calls without a position: whether one is given twice cannot be told, so all count",
                    int((~placed).sum()))
        )  # fmt: skip
    kept = ordered[~repeated]
    return kept.sort_values(list(kept.columns), kind="stable", ignore_index=True), found


def _gene_names(calls: pd.DataFrame) -> list[Finding]:
    found = []
    nameless = int(calls["gene"].isna().sum())
    if nameless:
        found.append(Finding("note", "call-without-gene", "calls that name no gene, in no feature", nameless))
    dates = calls["gene"][calls["gene"].str.match(_LOOKS_LIKE_DATE, na=False)]
    if len(dates):
        found.append(
            Finding("warning", "gene-looks-like-date",
                    f"gene names that a spreadsheet turned into dates ({name_some(dates.unique())}); "
                    "kept as they are, under that name", len(dates))
        )  # fmt: skip
    return found


def _without_calls(calls: pd.DataFrame, patients: pd.Index) -> list[Finding]:
    silent = sorted(set(patients) - set(calls["patient"]))
    return [
        Finding("warning", "patient-without-calls",
                "sequenced but without any call: a row of zeros, not a missing patient", patient=patient)
        for patient in silent
    ]  # fmt: skip


def burden(cohort: Cohort, effects: Sequence[str], genes: Sequence[str] | None = None) -> npt.NDArray[np.float64]:
    """Return the number of distinct calls of the given effects in each patient, in the cohort's order.

    It is a count, not a rate: the covered megabases are not known.

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
        NaN where the patient's assay does not cover all that counts: a panel's few calls are no low burden.
    """
    calls = cohort.calls[cohort.calls["effect"].isin(effects)]
    if genes is not None:
        calls = calls[calls["gene"].isin(genes)]
    counts = calls["patient"].value_counts().reindex(cohort.patients.index, fill_value=0)
    whole = {
        assay.name: assay.genes is None if genes is None else bool(assay.covers(genes).all())
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
