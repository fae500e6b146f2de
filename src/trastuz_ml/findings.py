"""What was noticed about the data: counted, named, and never dropped in silence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from trastuz_ml.schema import FINDINGS, conform

Severity = Literal["error", "warning", "note"]
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
