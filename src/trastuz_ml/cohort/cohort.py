"""The Cohort: roster and calls joined by patient, with everything that did not match named."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from trastuz_ml.assays.assay import EXOME, Assay, assay_of_patients
from trastuz_ml.calls.filters import count_fates
from trastuz_ml.cohort.distinct import distinct_calls
from trastuz_ml.cohort.patients import Covariate, nearest
from trastuz_ml.errors import EvidenceError, InputError
from trastuz_ml.findings import MOST_NAMED, Finding, by_patient, findings_table, name_some
from trastuz_ml.schema import CALLS, FINDINGS, KEPT, ROWS, as_words, empty, join_tables

# Where nobody was sequenced: it covers nothing, so that no gene of anybody is known, and none is intact.
UNSEQUENCED = Assay("not sequenced", frozenset())
_ALL_TWICE = ": all of this patient's calls; is a file given twice?"
_FATES = (KEPT, "not-on-roster", "filtered-out", "not-sequenced", "no-response")


@dataclass(frozen=True)
class Source:
    """A file that was read: its name, the hash of its bytes, rows in and rows kept."""

    name: str
    sha256: str
    rows_in: int
    rows_kept: int

    @classmethod
    def of(cls, path: Path, rows_in: int, rows_kept: int) -> Source:
        """Describe a file on disk; of a study folder, the clinical files are hashed one after another."""
        files = sorted(path.glob("data_clinical*")) if path.is_dir() else [path]
        digest = hashlib.sha256()
        for file in files:
            with file.open("rb") as opened:
                while block := opened.read(1 << 20):
                    digest.update(block)
        return cls(path.resolve().name, digest.hexdigest(), rows_in, rows_kept)


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
    rows : pandas.DataFrame
        What became of each row of each file of calls: see :data:`trastuz_ml.schema.ROWS`.
    build : str, optional
        Genome build of the calls, where their files name it.
    """

    calls: pd.DataFrame
    patients: pd.DataFrame
    covariates: tuple[Covariate, ...] = ()
    assays: tuple[Assay, ...] = (EXOME,)
    findings: pd.DataFrame = field(default_factory=lambda: empty(FINDINGS))
    sources: tuple[Source, ...] = ()
    simulated: bool = False
    rows: pd.DataFrame = field(default_factory=lambda: empty(ROWS))
    build: str | None = None

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
        dropped: pd.DataFrame | None = None,
        build: str | None = None,
        placed: bool = True,
        default_assay: str | None = None,
    ) -> Cohort:
        """Join calls to the roster by patient; the roster decides the rows.

        Parameters
        ----------
        calls : pandas.DataFrame
            The calls table.
        patients : pandas.DataFrame
            What :func:`trastuz_ml.cohort.patients.read_roster` returned.
        covariates, assays, findings, sources, simulated, build
            Carried over into the cohort.
        training : bool
            Leave out patients without a response; false when patients are to be predicted.
        dropped : pandas.DataFrame, optional
            Rows that reading took out, by :data:`trastuz_ml.schema.ROWS`.
        placed : bool
            False where the calls were read without their places, because what is to be made of them needs none:
            a call given twice is then not looked for.

        default_assay : str, optional
            Assay of the patients for whom the roster gives none; a single declared assay is the default anyway.

        Raises
        ------
        InputError
            If no patient of the calls is on the roster, or an assay is not declared.
        EvidenceError
            If fewer than two classes of response are left.
        """
        fate_of = _fates(patients, training=training)
        members = patients[fate_of == KEPT].drop(columns=["in_cohort", "sequenced"])
        if training and members["response"].nunique() < 2:
            raise EvidenceError(
                f"After leaving out patients that were not sequenced or have no response, {len(members)} "
                "patients of one class only are left; two classes are needed to learn from."
            )
        members["assay"] = assay_of_patients(members["assay"], assays, default_assay)
        _require_declared_assays(members, assays)
        noticed = [*findings, *_calls_without_patient(calls, patients)]
        noticed += _not_sequenced(calls, patients) + _filtered_out(patients)
        own, repeats, outside = _own_calls(calls, fate_of, placed=placed)
        noticed += _repeated(repeats, own) + _nameless(own) + _without_calls(own, members.index)
        noticed += _unplaced(own) if placed else []
        rows = [empty(ROWS) if dropped is None else dropped, outside]
        rows += [count_fates(repeats, "duplicate"), count_fates(own, KEPT)]
        return cls(
            own, members, tuple(covariates), tuple(assays), findings_table(noticed), tuple(sources), simulated,
            join_tables(rows, ROWS), build,
        )  # fmt: skip

    @classmethod
    def of_roster(
        cls,
        patients: pd.DataFrame,
        *,
        covariates: Sequence[Covariate] = (),
        findings: Iterable[Finding] = (),
        simulated: bool = False,
        training: bool = True,
    ) -> Cohort:
        """Take a roster alone: nobody was sequenced, and of genes and burden nothing is known.

        Parameters
        ----------
        patients : pandas.DataFrame
            What :func:`trastuz_ml.cohort.patients.read_roster` returned; who was sequenced does not matter.
        covariates, findings, simulated
            Carried over into the cohort.
        training : bool
            Leave out patients without a response; false when patients are to be predicted.

        Raises
        ------
        EvidenceError
            If fewer than two classes of response are left.

        Examples
        --------
        >>> roster = pd.DataFrame(
        ...     {"response": [1, 0], "group": ["P1", "P2"], "in_cohort": True, "sequenced": True},
        ...     index=["P1", "P2"])
        >>> cohort = Cohort.of_roster(roster)
        >>> cohort.sequenced, len(cohort.calls), cohort.findings["code"].tolist()
        (False, 0, ['no-calls'])
        """
        kept = patients["in_cohort"] & (patients["response"].notna() | (not training))
        members = patients[kept].drop(columns=["in_cohort", "sequenced"]).assign(assay=UNSEQUENCED.name)
        if training and members["response"].nunique() < 2:
            raise EvidenceError(
                f"After leaving out patients that have no response, {len(members)} patients of one class only are "
                "left; two classes are needed to learn from."
            )
        nobody = Finding(
            "note", "no-calls",
            "no calls are given: nobody counts as sequenced, no gene is known, and covariates alone predict",
            len(members),
        )  # fmt: skip
        noticed = [*findings, *_filtered_out(patients), nobody]
        return cls(
            empty(CALLS), members, tuple(covariates), (UNSEQUENCED,), findings_table(noticed), simulated=simulated
        )

    @property
    def sequenced(self) -> bool:
        """Whether anybody was sequenced."""
        return UNSEQUENCED not in self.assays

    @property
    def response(self) -> pd.Series:
        """The response by patient, 1 or 0."""
        return self.patients["response"]


def _fates(patients: pd.DataFrame, *, training: bool) -> pd.Series:
    """Return what becomes of each patient of the roster: kept, or why not."""
    fate = pd.Series(KEPT, index=patients.index, dtype=pd.CategoricalDtype(_FATES))
    if training:
        fate = fate.mask(patients["response"].isna(), "no-response")
    return fate.mask(~patients["sequenced"], "not-sequenced").mask(~patients["in_cohort"], "filtered-out")


def _own_calls(
    calls: pd.DataFrame, fate_of: pd.Series, *, placed: bool
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the distinct calls of the cohort's patients, their repeats, and a count of all other calls."""
    patients = calls["patient"].cat
    place = fate_of.index.get_indexer(patients.categories)
    codes = np.where(place < 0, _FATES.index("not-on-roster"), fate_of.cat.codes.to_numpy()[place])
    fate = codes.astype(np.int8)[patients.codes]
    kept = fate == _FATES.index(KEPT)
    # Where all are kept, millions of calls are not copied.
    own = calls if kept.all() else calls[kept]
    own, repeats = distinct_calls(own) if placed else (own.reset_index(drop=True), own[:0])
    own = own.assign(**{str(name): as_words(own[name]) for name in own.select_dtypes("category")})
    return own, repeats, count_fates(calls[~kept], pd.Categorical.from_codes(fate[~kept], _FATES))


def _names(index: pd.Index) -> set[str]:
    # By way of objects: walking through pandas' own texts one at a time takes ten times as long.
    return set(index.to_numpy(dtype=object).tolist())


def _calls_without_patient(calls: pd.DataFrame, patients: pd.DataFrame) -> list[Finding]:
    rows = calls["patient"].value_counts()
    called = rows.index[rows > 0]
    strangers = sorted(_names(called) - _names(patients.index))
    if strangers and len(strangers) == len(called):
        close = difflib.get_close_matches(strangers[0], list(patients.index), n=1, cutoff=0.0)
        hint = f"; the closest on the roster is '{close[0]}'" if close else ""
        raise InputError(
            f"No patient of the calls is on the roster: the calls name {name_some(strangers)}{hint}. "
            "Check the roster's patient column."
        )
    known = list(patients.index)
    # Looking for the nearest takes time; where strangers are many, a few tell what went wrong.
    return by_patient(
        Finding(
            "warning", "calls-without-patient",
            f"has calls but is not on the roster{nearest(stranger, known) if few else ''}; the calls are not used",
            int(rows[stranger]), patient=stranger,
        )
        for few, stranger in ((place < MOST_NAMED, stranger) for place, stranger in enumerate(strangers))
    )  # fmt: skip


def _not_sequenced(calls: pd.DataFrame, patients: pd.DataFrame) -> list[Finding]:
    out = patients.index[patients["in_cohort"] & ~patients["sequenced"]]
    with_calls = sorted(_names(out) & _names(calls["patient"].cat.categories))
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
    unknown = set(patients["assay"].unique()) - declared
    if unknown:
        raise InputError(
            f"The roster names the assay {name_some(unknown)}, which is not declared; declared: "
            f"{name_some(declared) or 'none'}. Add it under assays: in the experiment."
        )


def _repeated(repeats: pd.DataFrame, once: pd.DataFrame) -> list[Finding]:
    counts = repeats["patient"].value_counts().sort_index()
    counts = counts[counts > 0]
    distinct = once["patient"].value_counts().reindex(counts.index, fill_value=0)
    return by_patient(
        Finding(
            "note", "duplicate-call",
            "calls given twice or more, counted once" + (_ALL_TWICE if count >= kept else ""),
            count, patient=str(patient),
        )
        for patient, count, kept in zip(counts.index, counts.tolist(), distinct.tolist(), strict=True)
    )  # fmt: skip


def _unplaced(calls: pd.DataFrame) -> list[Finding]:
    unplaced = int(calls["pos"].isna().sum())
    if not unplaced:
        return []
    return [
        Finding("note", "call-without-place",
                "calls without a position: whether one is given twice cannot be told, so all count", unplaced)
    ]  # fmt: skip


def _nameless(calls: pd.DataFrame) -> list[Finding]:
    nameless = int(calls["gene"].isna().sum())
    if not nameless:
        return []
    return [Finding("note", "call-without-gene", "calls that name no gene, in no feature", nameless)]


def _without_calls(calls: pd.DataFrame, patients: pd.Index) -> list[Finding]:
    silent = sorted(_names(patients) - _names(calls["patient"].cat.categories))
    return by_patient(
        Finding(
            "warning", "patient-without-calls",
            "sequenced but without any call: a row of zeros, not a missing patient", patient=patient,
        )
        for patient in silent
    )  # fmt: skip
