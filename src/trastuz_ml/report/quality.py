"""From a checked cohort to the content of its quality page, and to the page: what was read, what became of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.errors import InputError
from trastuz_ml.files import require_free
from trastuz_ml.quality.checked import Quality
from trastuz_ml.report import quality_figures
from trastuz_ml.report.page import page_of, write_page
from trastuz_ml.report.plain import plain, records
from trastuz_ml.schema import FATES, KEPT
from trastuz_ml.wording import count

FORMAT = 1
PRIVACY = "This page names patients: keep it where the data are."
_INVENTED = "SIMULATED. These files say that their patients were invented. Nothing here is a finding about people."
_OUTLIER = frozenset({"burden-high", "burden-low"})
# A code with more findings than this is shown closed; so are tables with more rows than these.
_MANY_FINDINGS, _MANY_FILES, _MANY_PATIENTS = 4, 20, 60
_MORE = re.compile(r" and \d+ more$")


def quality_content(quality: Quality) -> dict[str, Any]:
    """Gather what the quality page says; the page and ``--json`` are made from this and from nothing else.

    Patients and files bear their real names: whoever mends the data must find them.

    Parameters
    ----------
    quality : Quality
        What checking an experiment's data gave.

    Returns
    -------
    dict
        Plain JSON values:

        - ``format``: 1; ``experiment``: its name; ``simulated``: whether the patients are invented.
        - ``sequenced``: false where the experiment names no calls; rows, calls and burden are then null.
        - ``verdict``: the answer as a sentence; ``may_train``: the same as true or false.
        - ``counts``: ``errors``, ``warnings``, ``notes``, ``patients``, ``responders``, ``non_responders``,
          ``files`` (of calls), ``rows`` (read from them), ``kept`` (of these).
        - ``build``: genome build, null where the files do not say.
        - ``assays``: ``name``, ``patients``, ``genes`` (null for the whole exome), ``megabases`` (null where
          not known).
        - ``findings``: ``severity``, ``code``, ``patient``, ``where``, ``count``, ``message``; the gravest first.
        - ``fates``: each fate that occurs -> its meaning.
        - ``files``: each file of calls with ``file``, ``sha256`` (null where not known), ``rows`` (read),
          ``kept``, ``fates`` (fate -> rows taken out), ``accounted`` (kept and taken out, equal to ``rows``).
        - ``total``: ``rows``, ``kept``, ``fates`` and ``accounted`` over all files.
        - ``patients``: each of the cohort with ``patient``, ``response``, ``assay``, ``rows``, ``calls`` (kept),
          ``burden``, ``fates``, ``findings`` (``severity`` and ``code`` of those that name the patient).
        - ``rows``: ``file``, ``patient`` (null where the rows name none; strangers to the roster are among
          them), ``fate``, ``rows``.
        - ``gene_names``: sentences on what was done with gene names.
        - ``sources``: each file read, the roster among them: ``name``, ``sha256``, ``rows_in``, ``rows_kept``.

    Raises
    ------
    InputError
        If the rows of a file do not add up: a reader lost some.
    """
    cohort = quality.cohort
    findings = records(quality.findings)
    files = _files(cohort)
    counts = _counts(quality, files)
    order = _in_order(cohort.rows["fate"].dropna().unique())
    return {
        "format": FORMAT, "experiment": quality.name, "simulated": cohort.simulated, "sequenced": cohort.sequenced,
        "verdict": _verdict(counts), "may_train": counts["errors"] == 0, "counts": counts,
        "build": cohort.build, "assays": _assays(cohort), "findings": findings,
        "fates": {fate: FATES.get(fate, fate) for fate in order},
        "files": files, "total": _total(files, order),
        "patients": _patients(quality, findings), "rows": records(cohort.rows),
        "gene_names": [found["message"] for found in findings if found["code"].startswith("gene-")
                       and found["where"] == "gene"],
        "sources": [plain(vars(source)) for source in cohort.sources],
    }  # fmt: skip


def _in_order(fates: Sequence[str]) -> list[str]:
    known = list(FATES)
    return sorted(map(str, fates), key=lambda fate: (known.index(fate) if fate in known else len(known), fate))


def _verdict(counts: Mapping[str, int]) -> str:
    found = ", ".join(count(counts[f"{severity}s"], severity) for severity in ("error", "warning", "note"))
    return f"{found}: training {'should not' if counts['errors'] else 'may'} start"


def _counts(quality: Quality, files: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    severity = quality.findings["severity"]
    responders = int(quality.cohort.response.sum())
    return {
        **{f"{word}s": int((severity == word).sum()) for word in ("error", "warning", "note")},
        "patients": len(quality.cohort.patients), "responders": responders,
        "non_responders": len(quality.cohort.patients) - responders, "files": len(files),
        "rows": sum(file["rows"] for file in files), "kept": sum(file["kept"] for file in files),
    }  # fmt: skip


def _assays(cohort: Cohort) -> list[dict[str, Any]]:
    used = cohort.patients["assay"].value_counts()
    return [
        {
            "name": assay.name, "patients": int(used.get(assay.name, 0)),
            "genes": None if assay.genes is None else len(assay.genes), "megabases": plain(assay.megabases),
        }
        for assay in cohort.assays
    ]  # fmt: skip


def _files(cohort: Cohort) -> list[dict[str, Any]]:
    """Return what became of the rows of each file of calls, in the order in which they were read."""
    fates = _fates_by(cohort.rows, "file")
    # A roster has rows, so that a source without any is a file of calls in which there was nothing.
    read = {source.name: source for source in reversed(cohort.sources)}
    named = [source.name for source in cohort.sources if source.name in fates or not source.rows_in]
    files: list[dict[str, Any]] = []
    for name in dict.fromkeys([*named, *sorted(fates)]):
        source, own = read.get(name), dict(fates.get(name, {}))
        kept = own.pop(KEPT, 0)
        accounted = kept + sum(own.values())
        rows = accounted if source is None else source.rows_in
        _require_sum(name, rows, accounted)
        files.append(
            {"file": name, "sha256": source and source.sha256, "rows": rows, "kept": kept, "fates": own,
             "accounted": accounted}
        )  # fmt: skip
    if fates:
        _require_sum("the cohort", len(cohort.calls), sum(file["kept"] for file in files))
    return files


def _require_sum(name: str, rows: int, accounted: int) -> None:
    if rows != accounted:
        raise InputError(
            f"The rows of {name} do not add up: {rows:,} were read, and what became of {accounted:,} is known. "
            "This is a fault of the program: please report it with the file's header."
        )


def _total(files: Sequence[Mapping[str, Any]], order: Sequence[str]) -> dict[str, Any]:
    taken_out = {fate: sum(file["fates"].get(fate, 0) for file in files) for fate in order if fate != KEPT}
    total = {name: sum(file[name] for file in files) for name in ("rows", "kept", "accounted")}
    return total | {"fates": taken_out}


def _fates_by(rows: pd.DataFrame, column: str) -> dict[str, dict[str, int]]:
    """Return the rows of each fate, by file or patient."""
    counted = rows.groupby([column, "fate"], observed=True)["rows"].sum()
    found: dict[str, dict[str, int]] = {}
    for (name, fate), number in counted.items():
        found.setdefault(str(name), {})[str(fate)] = int(number)
    return {name: {fate: fates[fate] for fate in _in_order(list(fates))} for name, fates in found.items()}


def _patients(quality: Quality, findings: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    fates = _fates_by(quality.cohort.rows, "patient")
    naming: dict[str, dict[str, str]] = {}
    for found in findings:
        for patient in _named(found["patient"]):
            naming.setdefault(patient, {})[found["code"]] = found["severity"]
    return [
        row
        | {
            "fates": {fate: rows for fate, rows in fates.get(row["patient"], {}).items() if fate != KEPT},
            "findings": [
                {"severity": severity, "code": code} for code, severity in naming.get(row["patient"], {}).items()
            ],
        }
        for row in records(quality.patients)
    ]


def _named(patient: str) -> list[str]:
    """Return the patients that a finding names: one, or the first few of many."""
    return [patient, *_MORE.sub("", patient).split(", ")] if patient else []


def write_quality_page(quality: Quality, out: Path, *, force: bool = False) -> Path:
    """Write the quality page: one HTML file that needs nothing else.

    Parameters
    ----------
    quality : Quality
        What checking an experiment's data gave.
    out : Path
        The page to write. It appears complete or not at all.
    force : bool
        Whether a page that is already there may be replaced.

    Raises
    ------
    OutputExistsError
        If the page is there and ``force`` is false.
    """
    require_free(out, force=force)
    return write_page(render_quality(quality_content(quality)), out, force=force)


def render_quality(content: Mapping[str, Any]) -> str:
    """Return the page of a content, with its figures drawn."""
    return page_of(
        "quality.html.j2", content=content, privacy=PRIVACY, invented=_INVENTED,
        groups=_groups(content["findings"]), fates=[fate for fate in content["fates"] if fate != KEPT],
        place={row["patient"]: f"p{at}" for at, row in enumerate(content["patients"])},
        many_files=_MANY_FILES, many_patients=_MANY_PATIENTS, **_figures(content),
    )  # fmt: skip


def _groups(findings: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the findings by severity and code; a group that would hide the others is marked as long."""
    groups = []
    for (severity, code), same in groupby(findings, key=lambda found: (found["severity"], found["code"])):
        members = list(same)
        groups.append(
            {"severity": severity, "code": code, "findings": members, "long": len(members) > _MANY_FINDINGS,
             "count": sum(found["count"] for found in members)}
        )  # fmt: skip
    return groups


def _figures(content: Mapping[str, Any]) -> dict[str, str]:
    """Draw what became of the rows, and the burden; a figure without anything to show is an empty text."""
    files = pd.DataFrame(
        [
            {"kept": file["kept"], **{FATES.get(f, f): n for f, n in file["fates"].items()}}
            for file in content["files"]
        ],
        index=[file["file"] for file in content["files"]],
        columns=list(content["fates"].values()),
    ).fillna(0)
    patients = pd.DataFrame(content["patients"], columns=["patient", "response", "assay", "burden", "findings"])
    patients["outlier"] = [any(found["code"] in _OUTLIER for found in naming) for naming in patients["findings"]]
    return {
        "bars": quality_figures.fates_of_rows(files) if content["total"]["rows"] else "",
        "strip": quality_figures.burden_strip(patients) if patients["burden"].notna().any() else "",
    }
