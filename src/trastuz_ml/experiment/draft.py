"""Look at a user's own files and draft an experiment, saying what was guessed."""

from __future__ import annotations

import json
import os
import re
from importlib.resources import files
from pathlib import Path

import pandas as pd

from trastuz_ml.calls.read import read_calls
from trastuz_ml.calls.reading import Filters, Reading
from trastuz_ml.cohort.roster_table import read_table
from trastuz_ml.errors import InputError
from trastuz_ml.experiment.named_files import matching_files

_POSITIVE = ("pcr", "cr", "responder", "response", "r", "yes", "pos", "positive", "1", "true", "sensitive")
_RESPONSE_WORD = re.compile(r"pcr|respon|recist|outcome|sensitiv|\bbr\b", re.IGNORECASE)
# Measured at or after surgery, or counted during treatment: outcomes in disguise, by their usual names.
_LATE_WORD = re.compile(
    r"rcb|surg|cellular|cycle|removed|positive\.?ln|met\.size|lvi|cis\b|residual|progress|surviv|\bos\b|\bpfs\b|"
    r"death|dead|relapse|recur|post",
    re.IGNORECASE,
)
# Whether the exome was sequenced, by the usual names of such a column; RNA is another matter.
_SEQUENCED_WORD = re.compile(r"sequenced|\bexome|\bwes\b", re.IGNORECASE)
_YES, _NO = ("yes", "y", "true", "1"), ("no", "n", "false", "0")
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
        A file of calls, or a pattern with ``*`` for several, and a roster.
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
    # Whoever has a call counts here, whatever became of the call.
    everything = Reading(wanted=frozenset(), filters=Filters(words=None))
    called = set(read_calls(matching_files(Path(), [str(calls)]), everything).calls["patient"])
    roster = read_table(patients)
    patient, matched = _patient_column(roster, called, patients)
    response, positive, negative = _response_column(roster.drop(columns=[patient]), patients)
    sequenced = _sequenced_column(roster, roster[patient].isin(called))
    known = f"{len(called)} patients of the calls"
    guesses = [
        f"patient: column {patient} ({matched} of the {known} are in it)",
        f"response: column {response}, positive {positive}, negative {', '.join(negative)}",
        *([f"sequenced: column {sequenced[0]}, value {sequenced[1]}"] if sequenced else []),
        "covariates: none yet; candidates are listed in the file, for you to say what was known before treatment",
        "assay: the whole exome for every patient",
    ]
    others = [name for name in roster.columns if name not in (patient, response, *(sequenced or ())[:1])]
    candidates = "\n".join(_candidate(roster[name]) for name in others)
    text = _TEMPLATE.format(
        name=re.sub(r"[^A-Za-z0-9._-]", "_", patients.resolve().stem).lstrip("._-") or "experiment",
        calls=_quoted(_relative(calls, folder)), roster=_quoted(_relative(patients, folder)),
        patient=_quoted(patient), response=_quoted(response), positive=_quoted(positive),
        negative=", ".join(_quoted(v) for v in negative), candidates=candidates or "    # (no other column)",
        sequenced=_sequenced_line(sequenced),
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


def _sequenced_column(roster: pd.DataFrame, called: pd.Series) -> tuple[str, str] | None:
    """Return the column that says who was sequenced, with its word for yes: all patients with calls have that."""
    for name in filter(_SEQUENCED_WORD.search, roster.columns):
        words = {str(word).casefold(): str(word) for word in roster[name].dropna().unique()}
        yes = [written for word, written in words.items() if word in _YES]
        named_so = set(words) <= {*_YES, *_NO} and "rna" not in name.casefold()
        if named_so and len(yes) == 1 and (roster.loc[called, name] == yes[0]).all():
            return name, yes[0]
    return None


def _sequenced_line(found: tuple[str, str] | None) -> str:
    if found is None:
        return (
            "# sequenced: {COLUMN: [VALUE]}   # who was sequenced, where a column says so; all patients otherwise"
        )
    return f"sequenced: {{{_quoted(found[0])}: [{_quoted(found[1])}]}}   # CHECK: who was sequenced"


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
# Written by `trastuz-ml init`. Check each line marked CHECK. Then run
#   trastuz-ml check THIS_FILE      what was read, left out and why; what is odd
#   trastuz-ml train THIS_FILE
# All settings: docs/experiment-file.md
name: {name}
purpose: ""

data: .                      # folder of the files below, relative to this file

calls:
  files: [{calls}]           # VCF, BCF, MAF ...; * stands for any text: vcf/*.vcf.gz
  # filters:                 # which calls are taken as real; a call without the value passes
  #   words: [PASS]          # FILTER words let through; any lets all through
  #   min_depth: 0           # reads over the position
  #   min_alt_reads: 0       # reads that support the call
  #   min_vaf: 0             # share of such reads, 0 to 1
  #   max_population_frequency: 1
  # tumor: NAME              # the tumour's column of a VCF, where no header says which it is
  # patient_from: file       # a VCF's patient is named by the file, not by its sample column

roster:
  file: {roster}
  patient: {patient}         # CHECK: the identifier that the calls use
  # CHECK: which values mean response, and which none; other values are left out and counted
  response: {{column: {response}, positive: [{positive}], negative: [{negative}]}}
  # group: COLUMN            # patients who share a value never straddle a split (two biopsies, a centre)
  # filter: {{COLUMN: [VALUE]}}   # keep these patients only
  {sequenced}
  # assay: COLUMN            # name of the patient's assay, one of those under assays
  covariates:
    # CHECK: take away the '#' before what was known BEFORE treatment; nothing else may predict
{candidates}

# CHECK: a gene outside the assay is not known, rather than not mutated; without this, all are whole exomes
# assays:
#   exome: {{megabases: 35}}                  # megabases make the burden a rate
#   panel: {{genes: panel.txt}}               # one symbol a line
#   kit: {{bed: targets.bed, build: GRCh38}}  # regions that name their genes

features:
  encoding: binary           # binary, count, truncating, damaging, vaf or gene-sets
  effects: [truncating, missense, inframe]

watch: [ANKRD44]             # genes that always get an answer

validation: {{repeats: 10, folds: 5, inner_folds: 3, min_carriers: 3, seed: 2019}}
"""
