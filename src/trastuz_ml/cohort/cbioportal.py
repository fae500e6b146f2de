"""Read a study folder of cBioPortal as a roster: its patients, samples, gene panels and genome build."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from trastuz_ml.assays.portal_files import (
    PATIENT,
    SAMPLE,
    need_columns,
    read_clinical,
    read_fields,
    read_gene_panel,
    read_panel_matrix,
    refuse_repeated,
)
from trastuz_ml.calls.genome_build import build_of_word
from trastuz_ml.errors import InputError
from trastuz_ml.findings import Finding, name_some

PANEL, SEQUENCED = "GENE_PANEL", "SEQUENCED"
_USUAL_FILES = {
    "PATIENT_ATTRIBUTES": "data_clinical_patient.txt",
    "SAMPLE_ATTRIBUTES": "data_clinical_sample.txt",
    "GENE_PANEL_MATRIX": "data_gene_panel_matrix.txt",
}


@dataclass(frozen=True, eq=False)
class StudyFolder:
    """The clinical side of a study.

    Attributes
    ----------
    path : pathlib.Path
        The folder.
    about : mapping
        The fields of ``meta_study.txt``.
    build : str, optional
        GRCh37 or GRCh38, where the study says.
    roster : pandas.DataFrame
        One row a sample, as text: ``SAMPLE_ID``, ``PATIENT_ID``, the attributes of both files; ``GENE_PANEL``
        where the study names panels, and ``SEQUENCED`` (yes or no) where it lists the sequenced samples.
    calls : tuple of path
        Its mutation files.
    panels : mapping of identifier to path
        The gene panel files in the folder.
    findings : tuple of Finding
        What was noticed when the files were joined.
    """

    path: Path
    about: Mapping[str, str]
    build: str | None
    roster: pd.DataFrame
    calls: tuple[Path, ...]
    panels: Mapping[str, Path]
    findings: tuple[Finding, ...]


def is_study_folder(path: Path) -> bool:
    """Return whether a path is a folder with ``meta_study.txt`` or a clinical sample file."""
    return path.is_dir() and any(
        (path / name).is_file() for name in ("meta_study.txt", "data_clinical_sample.txt")
    )


def study_roster(path: Path) -> pd.DataFrame:
    """Return the roster of a study folder, one row a sample; see :class:`StudyFolder`."""
    return read_study(path).roster


def read_study(path: Path) -> StudyFolder:
    """Read the clinical side of a study folder.

    Parameters
    ----------
    path : pathlib.Path
        The folder; data files are found through its meta files, or under their usual names.

    Raises
    ------
    InputError
        If there is no clinical sample file, or a file cannot be read.
    """
    metas = {meta: read_fields(meta, "the meta file") for meta in sorted(path.glob("*meta_*.txt"))}
    about = metas.get(path / "meta_study.txt", {})
    roster, findings = _clinical(path, metas)
    sequenced = _sequenced_samples(path)
    panel_of = _panels_of_samples(path, metas, roster[SAMPLE], sequenced)
    for name, values in (
        (PANEL, panel_of),
        (SEQUENCED, None if sequenced is None else roster[SAMPLE].isin(sequenced).map({True: "yes", False: "no"})),
    ):
        if values is not None:
            roster, more = _with_column(roster, name, values, "_CLINICAL")
            findings += more
    if panel_of is not None or sequenced is not None:
        findings += _unknown_samples(path, metas, roster[SAMPLE], sequenced)
    panels = {read_gene_panel(file).stable_id: file for file in _panel_files(path, metas)}
    return StudyFolder(
        path, about, _study_build(about, path), roster, _call_files(path, metas), panels, tuple(findings)
    )


def _study_build(about: Mapping[str, str], path: Path) -> str | None:
    named = about.get("reference_genome", "")
    build = build_of_word(named)
    if named and build is None:
        raise InputError(f"{path / 'meta_study.txt'}: expected reference_genome hg19 or hg38, found {named}.")
    return build


def _data_file(path: Path, metas: Mapping[Path, Mapping[str, str]], datatype: str) -> Path | None:
    for meta, fields in metas.items():
        if fields.get("datatype") == datatype and fields.get("data_filename"):
            return _in_folder(path, fields["data_filename"], meta)
    usual = path / _USUAL_FILES[datatype]
    return usual if usual.is_file() else None


def _in_folder(path: Path, name: str, meta: Path) -> Path:
    if Path(name).name != name or not (path / name).is_file():
        raise InputError(f"{meta}: its data_filename is {name}, which is not in the folder {path}.")
    return path / name


def _clinical(path: Path, metas: Mapping[Path, Mapping[str, str]]) -> tuple[pd.DataFrame, list[Finding]]:
    sample_file = _data_file(path, metas, "SAMPLE_ATTRIBUTES")
    if sample_file is None:
        raise InputError(
            f"{path}: there is no data_clinical_sample.txt, and no meta file with datatype SAMPLE_ATTRIBUTES; "
            "expected a study folder of cBioPortal."
        )
    samples = read_clinical(sample_file)
    need_columns(samples, [SAMPLE, PATIENT], sample_file)
    refuse_repeated(samples, SAMPLE, sample_file)
    samples = samples[[SAMPLE, PATIENT, *samples.columns.difference([SAMPLE, PATIENT], sort=False)]]
    patient_file = _data_file(path, metas, "PATIENT_ATTRIBUTES")
    if patient_file is None:
        return samples.reset_index(drop=True), []
    patients = read_clinical(patient_file)
    need_columns(patients, [PATIENT], patient_file)
    refuse_repeated(patients, PATIENT, patient_file)
    return _joined(samples.reset_index(drop=True), patients.set_index(PATIENT), sample_file, patient_file)


def _joined(
    samples: pd.DataFrame, patients: pd.DataFrame, sample_file: Path, patient_file: Path
) -> tuple[pd.DataFrame, list[Finding]]:
    findings = _without_counterpart(samples, patients, sample_file, patient_file)
    attributes = patients.reindex(samples[PATIENT]).reset_index(drop=True)
    roster = samples
    for name in attributes.columns:
        if name in roster.columns and not _agree(roster[name], attributes[name]):
            kept = _free_name(f"{name}_PATIENT", [*roster.columns, *attributes.columns])
            message = (
                f"column {name} differs between patients and samples: {name} is the sample's, {kept} the patient's"
            )
            findings.append(Finding("warning", "attribute-differs", message, where=patient_file.name))
            roster = roster.assign(**{kept: attributes[name]})
        else:
            values = attributes[name]
            roster = roster.assign(**{name: roster[name].fillna(values) if name in roster.columns else values})
    return roster, findings


def _agree(left: pd.Series, right: pd.Series) -> bool:
    return bool(((left == right) | left.isna() | right.isna()).all())


def _free_name(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _without_counterpart(
    samples: pd.DataFrame, patients: pd.DataFrame, sample_file: Path, patient_file: Path
) -> list[Finding]:
    bare = set(samples[PATIENT]) - set(patients.index)
    idle = set(patients.index) - set(samples[PATIENT])
    findings = []
    if bare:
        message = f"patients with samples but no row in {patient_file.name}; their attributes are missing"
        findings.append(_named("sample-without-patient", message, bare, sample_file.name))
    if idle:
        message = f"patients without a sample in {sample_file.name}; not on the roster"
        findings.append(_named("patient-without-sample", message, idle, patient_file.name))
    return findings


def _named(code: str, message: str, names: Iterable[str], where: str) -> Finding:
    names = list(names)
    return Finding("warning", code, f"{message}: {name_some(names)}", len(names), where=where)


def _with_column(
    roster: pd.DataFrame, name: str, values: pd.Series, suffix: str
) -> tuple[pd.DataFrame, list[Finding]]:
    """Add a column; a clinical attribute of that name fills its gaps, or is kept beside it when they differ."""
    if name not in roster.columns:
        return roster.assign(**{name: values}), []
    if _agree(values, roster[name]):
        return roster.assign(**{name: values.fillna(roster[name])}), []
    kept = _free_name(name + suffix, list(roster.columns))
    message = f"the clinical column {name} differs from what the study says elsewhere; kept as {kept}"
    finding = Finding("warning", "attribute-differs", message)
    return roster.rename(columns={name: kept}).assign(**{name: values}), [finding]


def _sequenced_samples(path: Path) -> frozenset[str] | None:
    for file in sorted(path.glob("case_lists/*.txt")):
        fields = read_fields(file, "the case list")
        if fields.get("stable_id", "").endswith("_sequenced"):
            return frozenset(fields.get("case_list_ids", "").split())
    return None


def _panels_of_samples(
    path: Path, metas: Mapping[Path, Mapping[str, str]], samples: pd.Series, sequenced: frozenset[str] | None
) -> pd.Series | None:
    """Return each sample's panel: from the matrix, else the one panel of the mutation file's meta file."""
    matrix = _data_file(path, metas, "GENE_PANEL_MATRIX")
    whole = next((f["gene_panel"] for f in metas.values() if _is_mutations(f) and f.get("gene_panel")), None)
    if matrix is None and whole is None:
        return None
    panels = samples.map(read_panel_matrix(matrix) if matrix else {}).astype("str")
    if whole is None:
        return panels
    profiled = samples.isin(sequenced) if sequenced is not None else pd.Series(True, index=samples.index)
    return panels.mask(panels.isna() & profiled, whole)


def _is_mutations(fields: Mapping[str, str]) -> bool:
    return fields.get("genetic_alteration_type") == "MUTATION_EXTENDED"


def _unknown_samples(
    path: Path, metas: Mapping[Path, Mapping[str, str]], samples: pd.Series, sequenced: frozenset[str] | None
) -> list[Finding]:
    matrix = _data_file(path, metas, "GENE_PANEL_MATRIX")
    named = {
        "gene panel matrix": set(read_panel_matrix(matrix)) if matrix else set(),
        "list of sequenced samples": set(sequenced or ()),
    }
    return [
        _named("sample-not-on-roster", f"samples of the {what} without clinical row", strangers, path.name)
        for what, listed in named.items()
        if (strangers := listed - set(samples))
    ]


def _panel_files(path: Path, metas: Mapping[Path, Mapping[str, str]]) -> list[Path]:
    matrix = _data_file(path, metas, "GENE_PANEL_MATRIX")
    return [file for file in sorted(path.glob("data_gene_panel_*.txt")) if file != matrix]


def _call_files(path: Path, metas: Mapping[Path, Mapping[str, str]]) -> tuple[Path, ...]:
    named = [
        _in_folder(path, fields["data_filename"], meta)
        for meta, fields in metas.items()
        if _is_mutations(fields) and fields.get("data_filename")
    ]
    usual = [path / name for name in ("data_mutations.txt", "data_mutations_extended.txt")]
    return tuple(named or [file for file in usual if file.is_file()])
