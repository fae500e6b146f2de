"""What keeps real identifiers out of a page: pseudonyms in their place, or the text withheld."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import pandas as pd

from trastuz_ml.errors import InputError
from trastuz_ml.store.run_folder import Run

WITHHELD = "(withheld: may name a patient)"
NOT_IN_RUN = "not in this run"
_WORD = re.compile(r"[\w.\-]+")
_ABSOLUTE = re.compile(r"^(/|~|[A-Za-z]:[\\/]|\\\\|file:)")

# Findings whose messages name patients, some of whom are in no table of the run: said without the names.
_NAMELESS: dict[str, str] = {
    "calls-without-patient": "identifiers with calls that are not on the roster; their calls are not used",
    "not-sequenced": "patients on the roster who were not sequenced; left out",
    "not-sequenced-with-calls": "patients declared not sequenced, yet with calls; left out",
    "filtered-out": "patients whom the filter of the roster leaves out",
    "response-missing": "patients without a response; left out of training",
    "response-not-declared": "patients whose response is neither the positive nor the negative value; "
    "left out of training",
    "call-in-uncovered-gene": "calls in genes that the patient's assay is said not to cover; not used - "
    "is the gene list right?",
}


@dataclass(frozen=True)
class Pseudonyms:
    """The names under which patients may appear, and the identifiers that may not.

    Attributes
    ----------
    names : mapping
        Real identifier to pseudonym.
    strangers : frozenset of str
        Other real identifiers that the run's tables hold; they have no pseudonym.
    shapes : frozenset of str
        What identifiers look like (``PATIENT-9``): a word of that look is taken for one.
    """

    names: Mapping[str, str]
    strangers: frozenset[str]
    shapes: frozenset[str]

    def of(self, patient: str) -> str:
        """Return the pseudonym of a patient, or a phrase for somebody who has none."""
        return self.names.get(patient, NOT_IN_RUN)

    def rewrite(self, text: str) -> str | None:
        """Return the text with pseudonyms for identifiers, ``None`` when one would remain.

        Examples
        --------
        >>> hidden = Pseudonyms({"P-1": "K7"}, frozenset({"X-5"}), frozenset({"P-9", "X-9"}))
        >>> hidden.rewrite("the same call twice in P-1"), hidden.rewrite("did you mean P-2?")
        ('the same call twice in K7', None)
        """
        found = sorted((known for known in self.names if known in text), key=len, reverse=True)
        if found:
            pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, found))})(?!\w)")
            rest, text = pattern.sub(" ", text), pattern.sub(lambda hit: self.names[hit[0]], text)
        else:
            rest = text
        return None if self._names_somebody(rest, found) else text

    def _names_somebody(self, rest: str, found: Iterable[str]) -> bool:
        """Tell whether an identifier is left; inside a longer word only those too long to be there by chance."""
        words = {word.strip(".-") for word in _WORD.findall(rest)}
        known = [name for name in (*found, *self.strangers) if name in rest]
        return any(len(name) > 2 or name in words for name in known) or any(
            shape_of(word) in self.shapes for word in words
        )


def shape_of(identifier: str) -> str:
    """Return what an identifier looks like, each run of digits written as 9.

    Examples
    --------
    >>> shape_of("PATIENT-0012")
    'PATIENT-9'
    """
    return re.sub(r"\d+", "9", identifier)


def pseudonyms_of(runs: Iterable[Run], names: Mapping[str, str]) -> Pseudonyms:
    """Gather every identifier that the runs hold.

    Raises
    ------
    InputError
        If a patient of a run has no pseudonym.
    """
    runs = list(runs)
    members = {patient for run in runs for patient in (*run.patients["patient"], *run.matrix.patients)}
    nameless = sorted(members - set(names))
    if nameless:
        raise InputError(f"{len(nameless)} patients of the run have no pseudonym, the first is {nameless[0]}.")
    found = {str(p) for run in runs for p in run.findings["patient"].dropna() if str(p)}
    shapes = {shape_of(p) for p in members | found}
    # A shape without a letter is every number, one without a digit is a single word: neither tells.
    telling = {s for s in shapes if "9" in s and any(c.isalpha() for c in s)}
    return Pseudonyms(names, frozenset(found - set(names)), frozenset(telling))


def without_identifiers(value: Any, hidden: Pseudonyms, harmless: frozenset[str] = frozenset()) -> Any:
    """Return plain values with identifiers rewritten or withheld, and folders cut from absolute paths.

    Parameters
    ----------
    value : Any
        Plain JSON values, such as a configuration.
    hidden : Pseudonyms
        What may not be shown.
    harmless : frozenset of str
        Words that may look like an identifier and are none, such as gene symbols.

    Examples
    --------
    >>> hidden = Pseudonyms({"P-1": "K7"}, frozenset(), frozenset({"P-9"}))
    >>> without_identifiers({"calls": "/home/me/calls.maf", "drop": ["P-1", "P-2"], "seed": 1}, hidden)
    {'calls': 'calls.maf', 'drop': ['K7', '(withheld: may name a patient)'], 'seed': 1}
    """
    if isinstance(value, Mapping):
        return {
            str(without_identifiers(str(key), hidden, harmless)): without_identifiers(item, hidden, harmless)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [without_identifiers(item, hidden, harmless) for item in value]
    if not isinstance(value, str) or (value in harmless and value not in hidden.names):
        return value
    text = hidden.rewrite(_without_folders(value))
    return WITHHELD if text is None else text


def _without_folders(text: str) -> str:
    """Cut the folders of an absolute path: they name a machine and its user, and help nobody else."""
    if "\n" in text or not _ABSOLUTE.match(text):
        return text
    return PureWindowsPath(text).name if "\\" in text else PurePosixPath(text).name


def findings_content(findings: pd.DataFrame, hidden: Pseudonyms) -> list[dict[str, Any]]:
    """Return the findings as groups of one severity and code, their patients under pseudonyms.

    Parameters
    ----------
    findings : pandas.DataFrame
        As declared in :data:`trastuz_ml.schema.FINDINGS`.
    hidden : Pseudonyms
        What may not be shown.

    Returns
    -------
    list of dict
        ``severity``, ``code``, ``count`` (rows or patients), ``patients``, ``nameless`` (how many of those
        concerned have no pseudonym) and ``messages``.
    """
    groups = []
    for (severity, code), rows in findings.groupby(["severity", "code"], sort=False):
        concerned = [str(p) for p in rows["patient"].dropna().unique() if str(p)]
        named = sorted(hidden.names[p] for p in concerned if p in hidden.names)
        groups.append(
            {
                "severity": str(severity),
                "code": str(code),
                "count": int(rows["count"].sum()),
                "patients": named,
                "nameless": len(concerned) - len(named),
                "messages": _messages(str(code), rows["message"], hidden),
            }
        )
    return groups


def _messages(code: str, messages: Iterable[str], hidden: Pseudonyms) -> list[str]:
    """Return the different messages of a code that may be shown; a fixed sentence for codes that name people."""
    if code in _NAMELESS:
        return [_NAMELESS[code]]
    shown = {hidden.rewrite(str(message)) for message in messages}
    return sorted(text for text in shown if text is not None)
