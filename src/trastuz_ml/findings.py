"""What was noticed about the data: counted, named, and never dropped in silence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from trastuz_ml.schema import FINDINGS, conform

Severity = Literal["error", "warning", "note"]
# From here on, a finding for each patient would hide all others.
MOST_NAMED = 20
_ORDER = {"error": 0, "warning": 1, "note": 2}


@dataclass(frozen=True)
class Finding:
    """One thing noticed about the data: how grave, a stable code, who, where, how many, and what to do."""

    severity: Severity
    code: str
    message: str
    count: int = 1
    patient: str = ""
    where: str = ""


def findings_table(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return findings as a table, the gravest first.

    Examples
    --------
    >>> findings_table([Finding("note", "duplicate-call", "the same call twice", count=2)])["count"].sum()
    np.int64(2)
    """
    ordered = sorted(findings, key=lambda f: (_ORDER[f.severity], f.code, f.patient, f.where, f.message))
    columns = {name: [getattr(f, name) for f in ordered] for name in FINDINGS.names}
    return conform(pd.DataFrame(columns, columns=FINDINGS.names), FINDINGS)


def by_patient(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings of one kind about patients: one each while they are few, else a single one that names some.

    Examples
    --------
    >>> many = [Finding("note", "duplicate-call", "given twice", 2, patient=f"P{i}") for i in range(30)]
    >>> [(f.count, f.message) for f in by_patient(many)]
    [(60, 'given twice: P0, P1, P10, P11, P12 and 25 more')]
    """
    each = list(findings)
    if len(each) <= MOST_NAMED:
        return each
    first = each[0]
    message = f"{each[-1].message}: {name_some(f.patient for f in each)}"
    return [Finding(first.severity, first.code, message, sum(f.count for f in each), where=first.where)]


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings of several files as one for each message, the counts added and some of the places named.

    Examples
    --------
    >>> twice = [Finding("note", "not-utf-8", "read as Latin-1", where=name) for name in ("b.maf", "a.maf")]
    >>> [(f.count, f.where) for f in merged(twice)]
    [(2, 'a.maf, b.maf')]
    """
    alike: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        alike.setdefault((finding.severity, finding.code, finding.message), []).append(finding)
    return [
        Finding(
            same[0].severity, same[0].code, same[0].message, sum(f.count for f in same),
            patient=name_some({f.patient for f in same if f.patient}, 3),
            where=name_some({f.where for f in same if f.where}, 3),
        )
        for same in alike.values()
    ]  # fmt: skip


def with_more(findings: pd.DataFrame, more: Iterable[Finding]) -> pd.DataFrame:
    """Return a table of findings with others added at its end."""
    added = findings_table(more)
    return conform(pd.concat([findings, added], ignore_index=True), FINDINGS) if len(added) else findings


def name_some(names: Iterable[str], most: int = 5) -> str:
    """Return a sorted list of names for a sentence, cut after ``most``.

    Examples
    --------
    >>> name_some(["P3", "P1", "P2"], most=2)
    'P1, P2 and 1 more'
    """
    ordered = sorted(names)
    shown = ", ".join(ordered[:most])
    return f"{shown} and {len(ordered) - most} more" if len(ordered) > most else shown
