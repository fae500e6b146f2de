"""Whose calls the files hold: who can be predicted, and who is refused because a file cannot be trusted."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from trastuz_ml.cohort.patients import nearest
from trastuz_ml.errors import InputError
from trastuz_ml.experiment.given_calls import FileTold
from trastuz_ml.experiment.new_roster import NewRoster
from trastuz_ml.findings import MOST_NAMED, Finding, by_patient, name_some

NO_FILE = "no file of calls was given for this patient, while others have their own: this is not 'no mutation'"
_NO_RECORD = "the file holds no record at all, and ends within a line, like one that was cut off"


@dataclass(frozen=True, eq=False)
class Verdict:
    """Patients who are refused because of files, with the reason; the build of all others; what was noticed."""

    refused: Mapping[str, str]
    build: str | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class _Bad:
    """A file that is not used, and why."""

    file: FileTold
    why: str

    def whom(self, known: pd.Index) -> list[str]:
        """Return the patients whom it concerns."""
        named = list(dict.fromkeys([*self.file.patients, *self.file.calls]))
        # Behind the damage a table may hold anybody, unless it is named after the only one seen.
        if self.file.error and not self.file.vcf and len(named) > 1:
            return []
        return [patient for patient in named if patient in known]


def judge_files(files: Sequence[FileTold], roster: NewRoster, build: str | None) -> Verdict:
    """Say which patients cannot be predicted because of the files that were given.

    A VCF says whom it is about, a table only who has calls. So a patient without calls in a table of many, or in
    a VCF that is complete, is intact, and a patient whom no VCF names was not given.

    Parameters
    ----------
    files : sequence of FileTold
        What became of each file.
    roster : NewRoster
        The new patients.
    build : str, optional
        Genome build of the training calls.

    Returns
    -------
    Verdict
        Patients who are refused for another reason already may be in it, too.

    Raises
    ------
    InputError
        If no file can be used, no patient of the calls is on the roster, files of several genome builds are given
        to a model that names none, or a file cannot be read and it cannot be told whom that concerns.
    """
    bad = [_Bad(file, why) for file in files if (why := _why_bad(file, build))]
    good = [file for file in files if not any(one.file is file for one in bad)]
    if not good:
        more = f" (and {len(bad) - 1} more files)" if len(bad) > 1 else ""
        raise InputError(bad[0].why + more)
    named = Counter(patient for file in good for patient in {*file.patients, *file.calls})
    refused, findings = dict[str, str](), list[Finding]()
    unknown: list[_Bad] = []
    for one in bad:
        whom = one.whom(roster.patients.index)
        refused |= dict.fromkeys(whom, one.why)
        findings.append(_noticed(one, whom))
        if not whom and not one.file.certain:
            unknown.append(one)
    refused |= _perhaps_theirs(unknown, named, roster, refused)
    if _each_has_own(good):
        absent = [p for p in roster.patients.index if p not in named and p not in refused]
        refused |= dict.fromkeys(absent, NO_FILE)
    findings += _strangers(good, named, roster)
    return Verdict(refused, _build_of(good, build), tuple(findings))


def _why_bad(file: FileTold, build: str | None) -> str:
    if file.error:
        return " ".join(file.error.split())
    if build and file.build and file.build != build:
        return (
            f"{file.name} is in {file.build}, and the model was trained on calls in {build}: positions mean "
            "different places in them. Lift it over first."
        )
    # A file that ends where a file should, packed or not, and holds no record says that there is none.
    cut = any(found.code == "no-final-newline" for found in file.findings)
    return f"{file.name}: {_NO_RECORD}" if file.vcf and not file.rows and cut else ""


def _noticed(bad: _Bad, whom: Sequence[str]) -> Finding:
    who = f"refused: {name_some(whom)}" if whom else "whom it is about is not on the roster"
    return Finding("error", "file-not-used", f"{bad.why} - {who}", max(len(whom), 1), where=bad.file.name)


def _perhaps_theirs(
    unknown: Sequence[_Bad], named: Mapping[str, int], roster: NewRoster, refused: Mapping[str, str]
) -> dict[str, str]:
    """Refuse all who may be concerned by files of which it cannot be told whose they are."""
    if not unknown:
        return {}
    why = unknown[0].why
    # A table may hold anybody's calls, and a second file of a patient may be anybody's second one.
    tables = [one for one in unknown if not one.file.vcf]
    if tables:
        raise InputError(tables[0].why)
    if any(count > 1 for count in named.values()):
        raise InputError(
            f"{why} Whose it is cannot be told, and patients have several files: it may be anybody's."
        )
    reason = f"{why} Whose it is cannot be told: it may be this patient's"
    return {
        patient: reason for patient in roster.patients.index if patient not in named and patient not in refused
    }


def _each_has_own(files: Sequence[FileTold]) -> bool:
    """Return whether whoever is in no file was not given: files that name their patients, or one a patient."""
    tables = [file for file in files if not file.vcf]
    if not tables:
        return True
    single = [next(iter(file.calls)) for file in tables if len(file.calls) == 1]
    return len(files) > 1 and len(single) == len(tables) and len(set(single)) == len(single)


def _build_of(files: Sequence[FileTold], build: str | None) -> str | None:
    named = {file.build: file.name for file in files if file.build}
    if len(named) > 1:
        said = " and ".join(f"{name} says {which}" for which, name in sorted(named.items(), key=str))
        raise InputError(
            f"The files of calls are of different genome builds: {said}. Positions mean different places in them, "
            "and the model does not name its own: lift one over to the other's build first."
        )
    return next(iter(named), build)


def _strangers(files: Sequence[FileTold], named: Mapping[str, int], roster: NewRoster) -> list[Finding]:
    known = set(roster.patients.index)
    strangers = sorted(set(named) - known)
    if strangers and len(strangers) == len(named):
        close = difflib.get_close_matches(strangers[0], sorted(known), n=1, cutoff=0.0)
        hint = f"; the closest on the roster is '{close[0]}'" if close else ""
        raise InputError(
            f"No patient of the calls is on the roster: the calls name {name_some(strangers)}{hint}. "
            "Check the roster's patient column."
        )
    rows = Counter[str]()
    for file in files if strangers else ():
        rows.update(file.calls)
    # Looking for the nearest takes time; where strangers are many, a few tell what went wrong.
    return by_patient(
        Finding(
            "warning", "calls-without-patient",
            f"has calls but is not on the roster{nearest(stranger, sorted(known)) if few else ''}; the calls are "
            "not used", rows[stranger], patient=stranger,
        )
        for few, stranger in ((place < MOST_NAMED, stranger) for place, stranger in enumerate(strangers))
    )  # fmt: skip
