"""Look at a user's own files and draft an experiment, saying what was guessed."""

from __future__ import annotations

import json
import os
import re
from importlib.resources import files
from pathlib import Path

import pandas as pd

from trastuz_ml.calls.read import read_calls
from trastuz_ml.calls.reading import Reading
from trastuz_ml.cohort.roster_table import read_table
from trastuz_ml.errors import InputError

_POSITIVE = ("pcr", "cr", "responder", "response", "r", "yes", "pos", "positive", "1", "true", "sensitive")
_RESPONSE_WORD = re.compile(r"pcr|respon|recist|outcome|sensitiv|\bbr\b", re.IGNORECASE)
# Measured at or after surgery, or counted during treatment: outcomes in disguise, by their usual names.
_LATE_WORD = re.compile(
    r"rcb|surg|cellular|cycle|removed|positive\.?ln|met\.size|lvi|cis\b|residual|progress|surviv|\bos\b|\bpfs\b|"
    r"death|dead|relapse|recur|post",
    re.IGNORECASE,
)
_MOST_LEVELS = 8


def demo_experiment() -> str:
    """Return the demonstration experiment, as text."""
    return files("trastuz_ml.experiment").joinpath("demo.yaml").read_text(encoding="utf-8")


def draft_experiment(calls: Path, patients: Path, folder: Path) -> tuple[str, list[str]]:
    """Draft an experiment for a user's own files.

    Covariates are listed but commented out: only a person knows what was known before treatment.

    Parameters
    ----------
    calls, patients : Path
        A file of calls and a roster.
    folder : Path
        Where the experiment will stand; its paths are written relative to it.

    Returns
    -------
    text : str
        The commented experiment.
    guesses : list of str
        What was guessed, in words.

    Raises
    ------
    InputError
        If no roster column matches the calls' patients, or none looks like a response.
    """
    called = set(read_calls([calls], Reading(wanted=frozenset())).calls["patient"])
    roster = read_table(patients)
    patient, matched = _patient_column(roster, called, patients)
    response, positive, negative = _response_column(roster.drop(columns=[patient]), patients)
    known = f"{len(called)} patients of the calls"
    guesses = [
        f"patient: column {patient} ({matched} of the {known} are in it)",
        f"response: column {response}, positive {positive}, negative {', '.join(negative)}",
        "covariates: none yet; candidates are listed in the file, for you to say what was known before treatment",
        "assay: the whole exome for every patient",
    ]
    others = [name for name in roster.columns if name not in (patient, response)]
    candidates = "\n".join(_candidate(roster[name]) for name in others)
    text = _TEMPLATE.format(
        name=re.sub(r"[^A-Za-z0-9._-]", "_", patients.stem).lstrip("._-") or "experiment",
        calls=_quoted(_relative(calls, folder)), roster=_quoted(_relative(patients, folder)),
        patient=_quoted(patient), response=_quoted(response), positive=_quoted(positive),
        negative=", ".join(_quoted(v) for v in negative), candidates=candidates or "    # (no other column)",
    )  # fmt: skip
    return text, guesses


def _patient_column(roster: pd.DataFrame, called: set[str], path: Path) -> tuple[str, int]:
    matches = {name: len(called & set(roster[name].dropna())) for name in roster.columns}
    best = max(matches, key=lambda name: matches[name])
    if matches[best] == 0:
        examples = ", ".join(sorted(called)[:3])
        raise InputError(f"{path}: no column holds the patients of the calls, such as {examples}.")
    return best, matches[best]


def _response_column(roster: pd.DataFrame, path: Path) -> tuple[str, str, list[str]]:
    few = [name for name in roster.columns if 2 <= roster[name].nunique() <= _MOST_LEVELS]
    named = sorted((name for name in few if _RESPONSE_WORD.search(name)), key=lambda name: roster[name].nunique())
    for name in named or few:
        levels = sorted(roster[name].dropna().unique())
        positive = [level for word in _POSITIVE for level in levels if level.casefold() == word]
        if positive:
            return name, positive[0], [level for level in levels if level != positive[0]]
    raise InputError(
        f"{path}: no column looks like a response (two to {_MOST_LEVELS} values, one of them such as pCR, CR, "
        f"responder or yes). Columns: {', '.join(roster.columns)}."
    )


def _candidate(values: pd.Series) -> str:
    name = _quoted(str(values.name))
    if values.nunique() < 2:
        return f"    # {name}: {{when: baseline}}   # one value for everybody: it says nothing"
    if _LATE_WORD.search(str(values.name)):
        return f"    # {name}: {{when: post}}   # looks as if it was measured after treatment: leave it out"
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers[values.notna()].notna().all():
        return f"    # {name}: {{when: baseline}}"
    levels = values.nunique()
    note = f"   # {levels} values: an identifier?" if levels > _MOST_LEVELS else ""
    return f"    # {name}: {{when: baseline, kind: category}}{note}"


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()


def _quoted(text: str) -> str:
    if re.fullmatch(r"[A-Za-z_/.][A-Za-z0-9_./-]*", text) and text.casefold() != "null":
        return text
    # A JSON text is a YAML text.
    return json.dumps(text, ensure_ascii=False)


_TEMPLATE = """\
# Written by `trastuz-ml init`. Check each line marked CHECK, then run: trastuz-ml train THIS_FILE
name: {name}
purpose: ""

data: .                      # folder of the files below, relative to this file

calls:
  files: [{calls}]

roster:
  file: {roster}
  patient: {patient}         # CHECK: the identifier that the calls use
  # CHECK: which values mean response, and which none; other values are left out and counted
  response: {{column: {response}, positive: [{positive}], negative: [{negative}]}}
  # group: COLUMN            # patients who share a value never straddle a split (two biopsies, a centre)
  # filter: {{COLUMN: [VALUE]}}   # keep these patients only
  # sequenced: {{COLUMN: [VALUE]}}   # who was sequenced, where a column says so; all patients otherwise
  covariates:
    # CHECK: take away the '#' before what was known BEFORE treatment; nothing else may predict
{candidates}

features:
  encoding: binary           # binary, count or truncating
  effects: [truncating, missense, inframe]

watch: [ANKRD44]             # genes that always get an answer

validation: {{repeats: 10, folds: 5, inner_folds: 3, min_carriers: 3, seed: 2019}}
"""
