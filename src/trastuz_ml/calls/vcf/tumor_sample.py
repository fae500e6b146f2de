"""Decide which sample columns of a VCF are tumours, and what their patients are called; never by a guess."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trastuz_ml.calls.reading import Reading
from trastuz_ml.errors import InputError
from trastuz_ml.findings import Finding, name_some


@dataclass(frozen=True)
class TumorSamples:
    """The tumours of a file.

    Attributes
    ----------
    columns : tuple of int
        Which sample columns; empty when the file has none.
    patients : tuple of str
        Name of the patient of each, or of the whole file when it has no sample columns.
    paired : bool
        Whether the one tumour was called against a normal: then a record is itself a somatic call.
    findings : tuple of Finding
        What was noticed.
    """

    columns: tuple[int, ...]
    patients: tuple[str, ...]
    paired: bool
    findings: tuple[Finding, ...] = ()


_TUMOR_WORD = re.compile(r"(?:tumou?r|somatic|metastasis|primary)\d*", re.IGNORECASE)
_NORMAL_WORD = re.compile(r"(?:normal|germline)\d*", re.IGNORECASE)
# A whole name that says what the sample is, not whose.
_ROLE = re.compile(
    r"(?:primary|recurrent|metastatic)?[_. -]?"
    r"(?:(?:tumou?r|normal|primary|metastasis|germline|somatic)\d*|sample|unknown)",
    re.IGNORECASE,
)
# Header lines of Mutect2, of MuTect, and of VCF's own pedigrees.
_NAMED_TUMOR = re.compile(r"^##tumor_sample=(.+?)\s*$", re.MULTILINE)
_NAMED_NORMAL = re.compile(r"^##normal_sample=(.+?)\s*$", re.MULTILINE)
_MUTECT_TUMOR = re.compile(r"^##MuTect=.*\btumor_sample_name=([^\s\"]+)", re.MULTILINE)
_MUTECT_NORMAL = re.compile(r"^##MuTect=.*\bnormal_sample_name=([^\s\"]+)", re.MULTILINE)
_PEDIGREE = re.compile(r"^##PEDIGREE=<(.*)>\s*$", re.MULTILINE)
_SAMPLE = re.compile(r"^##SAMPLE=<(.*)>\s*$", re.MULTILINE)
_SOMATIC_CALLER = re.compile(
    r"^##(?:source|command\w*|\w*CommandLine[.\w]*|muse\w*|mutect\w*|\w*version\w*)=.*"
    r"(?:strelka|varscan|somatic|mutect|\bmuse|radia|virmid|lancet|tnscope|tnhaplotyper)"
    r"|^##(?:mutect|muse|strelka|varscan)"
    r"|^##INFO=<ID=(?:SOMATIC|SS),",
    re.MULTILINE | re.IGNORECASE,
)
# What a name of a file may end with besides the patient.
_NOT_PATIENT = frozenset({
    "vcf", "bcf", "gz", "bgz", "bgzf", "vep", "csq", "ann", "anno", "annot", "annotated", "snpeff", "eff",
    "funcotated", "funcotator", "pcgr", "filtered", "filter", "pass", "raw", "norm", "sorted", "final",
    "normalized", "somatic", "germline", "mutect", "mutect2", "strelka", "strelka2", "varscan", "muse",
    "somaticsniper", "freebayes", "gatk", "haplotypecaller", "deepvariant", "grch37", "grch38", "hg19",
    "hg38", "b37", "snvs", "snv", "indels", "indel", "variants", "calls",
})  # fmt: skip


def find_tumors(samples: Sequence[str], header: str, reading: Reading, path: Path) -> TumorSamples:
    """Return the tumour columns of a file and the names of their patients.

    One column is the patient. Of several, the header (``##tumor_sample``, ``##normal_sample``,
    ``##PEDIGREE``, MuTect's command) or names that hold the words tumour and normal say which are tumours;
    the column that ``reading.tumor`` names goes before both. Where nothing speaks of a normal, each column
    is a patient.

    Raises
    ------
    InputError
        If the evidence contradicts itself, names a column that is not there, or is only partial: a somatic
        caller's file with two columns of which nothing says which is the tumour.
    """
    if not samples:
        return _named(samples, (), False, header, reading, path)
    if reading.tumor is not None and reading.tumor in samples:
        chosen = list(samples).index(reading.tumor)
        normals = _roles(samples, header, path)[1] if len(samples) > 2 else {0, 1} - {chosen}
        return _named(samples, (chosen,), len(samples) > 1 and bool(normals - {chosen}), header, reading, path)
    tumors, normals = _roles(samples, header, path)
    if tumors & normals:
        column = samples[min(tumors & normals)]
        raise _ambiguous(path, samples, f"the header and the names say of {column} both tumour and normal")
    if normals:
        rest = tuple(column for column in range(len(samples)) if column not in normals)
        if not rest:
            raise InputError(
                f"{path}: the only sample columns are normals ({name_some(samples)}); a tumour's was expected."
            )
        return _named(samples, rest, len(rest) == 1, header, reading, path)
    return _without_normal(samples, tumors, header, reading, path)


def _without_normal(
    samples: Sequence[str], tumors: set[int], header: str, reading: Reading, path: Path
) -> TumorSamples:
    """Decide where no column is said to be a normal."""
    everyone = tuple(range(len(samples)))
    if len(samples) == 1:
        return _named(samples, everyone, False, header, reading, path)
    if len(tumors) == 1 and len(samples) == 2:
        return _named(samples, tuple(tumors), True, header, reading, path)
    if len(tumors) == 1:
        raise _ambiguous(path, samples, f"of several columns only {samples[min(tumors)]} is called a tumour")
    if len(tumors) > 1:
        return _named(samples, tuple(sorted(tumors)), False, header, reading, path)
    if reading.tumor is not None:
        raise _ambiguous(path, samples, f"there is no column {reading.tumor}")
    if len(samples) == 2 and _SOMATIC_CALLER.search(header):
        raise _ambiguous(path, samples, "a somatic caller wrote it and nothing says which column is the tumour")
    return _named(samples, everyone, False, header, reading, path)


def _ambiguous(path: Path, samples: Sequence[str], why: str) -> InputError:
    return InputError(
        f"{path}: the sample columns are {name_some(samples)}, and {why}. Name the tumour's: --tumor NAME, or "
        "calls: tumor: NAME in the experiment."
    )


def _roles(samples: Sequence[str], header: str, path: Path) -> tuple[set[int], set[int]]:
    """Return the columns said to be tumours and those said to be normals, by the header and by their names."""
    place = {name: column for column, name in enumerate(samples)}
    for name in _NAMED_TUMOR.findall(header):
        if name not in place:
            raise InputError(
                f"{path}: the header says ##tumor_sample={name}, but the sample columns are {name_some(samples)}. "
                "Correct the header or the column's name."
            )
    kin = [_pairs(text) for text in _PEDIGREE.findall(header)]
    tumors = [*_NAMED_TUMOR.findall(header), *_MUTECT_TUMOR.findall(header)]
    tumors += [pair.get("Derived", pair.get("ID", "")) for pair in kin if "Original" in pair]
    normals = [*_NAMED_NORMAL.findall(header), *_MUTECT_NORMAL.findall(header)]
    normals += [pair["Original"] for pair in kin if "Original" in pair]
    entries = [_pairs(text) for text in _SAMPLE.findall(header)]
    described = [(entry.get("ID", ""), _role_in(entry.get("Description", ""))) for entry in entries]
    roles = [*described, *((name, _role_in(name)) for name in samples)]
    tumors += [name for name, role in roles if role == "T"]
    normals += [name for name, role in roles if role == "N"]
    return {place[name] for name in tumors if name in place}, {place[name] for name in normals if name in place}


def _role_in(text: str) -> str:
    """Return T or N where one of the words of a text says tumour or normal, and not both."""
    words = re.split(r"[^A-Za-z0-9]+", text)
    tumor = any(_TUMOR_WORD.fullmatch(word) for word in words)
    normal = any(_NORMAL_WORD.fullmatch(word) for word in words)
    return "" if tumor == normal else "T" if tumor else "N"


def _pairs(text: str) -> dict[str, str]:
    """Return the keys and values of a structured header line."""
    return {key: value.strip('"') for key, value in re.findall(r'(\w+)=("[^"]*"|[^,]*)', text)}


def _named(
    samples: Sequence[str], columns: tuple[int, ...], paired: bool, header: str, reading: Reading, path: Path
) -> TumorSamples:
    """Name the patients of the tumour columns."""
    by_file = reading.patient_from == "file" or not columns
    if reading.patient_from == "sample" and not columns:
        raise InputError(f"{path} has no sample columns to name its patient by: set patient_from to 'file'.")
    names = [_patient(samples[column], header) for column in columns]
    if reading.patient_from == "sample":
        return TumorSamples(columns, tuple(samples[column] for column in columns), paired)
    if not by_file and all(name is not None for name in names):
        return TumorSamples(columns, tuple(str(name) for name in names), paired)
    if len(columns) > 1:
        raise InputError(
            f"{path}: the file cannot name the patients of {len(columns)} columns "
            f"({name_some(samples[column] for column in columns)}). Give each patient's name to its column."
        )
    patient = patient_of_file(path)
    asked = reading.patient_from == "file"
    return TumorSamples(columns, (patient,), paired, () if asked else (_by_file(samples, columns, patient, path),))


def _by_file(samples: Sequence[str], columns: tuple[int, ...], patient: str, path: Path) -> Finding:
    why = f"its sample column is called {samples[columns[0]]}" if columns else "it has no sample columns"
    return Finding(
        "note", "patient-named-by-file", f"The patient of {path.name} is taken to be {patient}: {why}.",
        patient=patient, where=path.name,
    )  # fmt: skip


def _patient(sample: str, header: str) -> str | None:
    """Return the name of a sample's patient, or None where only a role is given."""
    if not _ROLE.fullmatch(sample):
        return sample
    entries = (_pairs(text) for text in _SAMPLE.findall(header))
    named = [entry.get("SampleName", "") for entry in entries if entry.get("ID") == sample]
    return next((name for name in named if name and not _ROLE.fullmatch(name)), None)


def patient_of_file(path: Path) -> str:
    """Return the patient that a file is named after: its name without endings and words of processing.

    A name is not cut at its first full stop, since identifiers hold full stops too.

    Examples
    --------
    >>> patient_of_file(Path("P1.vep.vcf.gz")), patient_of_file(Path("TCGA.A1.0001.hg38.bcf"))
    ('P1', 'TCGA.A1.0001')
    """
    parts = path.name.split(".")
    while len(parts) > 1 and parts[-1].casefold() in _NOT_PATIENT:
        parts.pop()
    return ".".join(parts) or path.name
