"""From a finished run to the plain items that MLflow is given: pseudonyms only, no server needed."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

import pandas as pd
import yaml

from trastuz_ml.errors import InputError
from trastuz_ml.learn.out_of_fold import in_pairs
from trastuz_ml.stats.discrimination import auc
from trastuz_ml.store.run_folder import Run
from trastuz_ml.track.connection import without_password

# Group of the metrics that a run is looked at for first. MLflow shows what stands before a slash as a heading, and
# puts headings in the order of letters: a number comes before all models.
KEY = "1. key figures"
LONGEST_KEY = 250
LONGEST_VALUE = 6000
UNLISTED = "P-unlisted"
# An identifier of three characters or fewer cannot be told from an ordinary word or number of a sentence.
SHORTEST_SOUGHT = 4
_SOURCES_AS_TAGS = 20
_PLAIN_TABLES = ("choices", "scores", "comparisons", "gene_contributions", "associations")
# Tables without patients that are there where the experiment asked for them.
_ASKED_FOR = (
    "permuted", "chance", "stratum_scores", "decisions", "learning_curve", "optimism", "set_contributions",
    "agreement", "genes_by_chance",
)  # fmt: skip
# Genes with the smallest p whose associations go along with those of the watched ones.
LEADING_ASSOCIATIONS = 100
# Settings that are paths whatever they look like.
_PATH_KEYS = frozenset({"data", "file", "files"})


@dataclass(frozen=True)
class Parameter:
    """One setting of the run."""

    key: str
    value: str


@dataclass(frozen=True)
class Metric:
    """One number of the run; fold values have one step a fold."""

    key: str
    value: float
    step: int = 0


@dataclass(frozen=True)
class Tag:
    """One fact by which runs are found."""

    key: str
    value: str


@dataclass(frozen=True, eq=False)
class TableItem:
    """A table, stored as ``tables/NAME.tsv``."""

    name: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class TextItem:
    """A text file among the artifacts."""

    path: str
    text: str


@dataclass(frozen=True)
class FileItem:
    """A file that is there already, such as the report or a figure, and its place among the artifacts."""

    path_in_artifacts: str
    source: Path


Item = Parameter | Metric | Tag | TableItem | TextItem | FileItem


def items_of(run: Run, names: Mapping[str, str], *, report: Path | None) -> Iterator[Item]:
    """Yield everything of a run that may leave the machine.

    Parameters
    ----------
    run : Run
        A finished run, with real identifiers.
    names : mapping of str to str
        Pseudonym of every patient, from :func:`trastuz_ml.cohort.pseudonyms.pseudonyms`.
    report : Path or None
        The report, written with the same pseudonyms; passed on as it is.

    Yields
    ------
    Item
        Parameters, metrics, tags, tables, the configuration as text, the report.

    Raises
    ------
    InputError
        If a patient of a table has no pseudonym.

    Notes
    -----
    Findings go without place and message, which may name patients outside the cohort. Contributions go as
    summaries over patients: one row a patient and gene would be the training data itself. The influence of each
    patient, in-silico silencing and the split plan stay: they are about identified people. Of the associations go
    those of the watched genes and of the hundred genes with the smallest p. Configuration and
    names of sources lose folders, and identifiers of at least four characters in them are replaced.
    """
    names = dict(names)
    configuration = _outward(run.configuration, run, names)
    yield from _parameters(configuration)
    yield from _metrics(run)
    yield from _tags(run, names)
    yield from _tables(run, names)
    yield TextItem("configuration.yaml", yaml.safe_dump(configuration, sort_keys=False, allow_unicode=True))
    if report is not None:
        yield FileItem("report.html", report)


# --- Parameters ---------------------------------------------------------------------------------------


def _parameters(configuration: Mapping[str, Any]) -> Iterator[Parameter]:
    taken: set[str] = set()
    for path, value in _leaves(configuration):
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if len(text) > LONGEST_VALUE:
            text = text[: LONGEST_VALUE - 1] + "…"
        yield Parameter(_unused(_allowed(".".join(path)), taken), text)


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each setting with the keys that lead to it; an empty mapping is a setting, too."""
    if not isinstance(value, Mapping) or not value:
        yield path, value
        return
    for key, inner in value.items():
        yield from _leaves(inner, (*path, str(key)))


def _allowed(text: str) -> str:
    """Return a key that MLflow takes on every system: letters, digits, ``_ - .`` and spaces.

    A colon, which Windows refuses, becomes a point; a slash would open a folder.
    """
    key = re.sub(r"[^\w.\- ]", "_", text.replace(":", ".")).strip()
    return "_" * max(len(key), 1) if not key.strip(".") else key


def _unused(key: str, taken: set[str]) -> str:
    """Return the key, or a numbered one if cutting or replacing made it equal to an earlier key."""
    short, number = key[:LONGEST_KEY], 1
    while short in taken:
        number += 1
        ending = f"_{number}"
        short = key[: LONGEST_KEY - len(ending)] + ending
    taken.add(short)
    return short


# --- Metrics ------------------------------------------------------------------------------------------


def _metrics(run: Run) -> Iterator[Metric]:
    yield from _fold_metrics(run)
    for row in run.scores.itertuples():
        key = f"{_allowed(row.model)}/{_allowed(row.score)}"
        for ending, value in (("", row.estimate), (" low", row.low), (" high", row.high)):
            if not pd.isna(value) and math.isfinite(value):
                yield Metric((key + ending)[:LONGEST_KEY], float(value))
    for row in run.chance.itertuples():
        if not pd.isna(row.p):
            key = f"{_allowed(row.model)}/p {_allowed(row.permuted)} permuted"
            yield Metric(key[:LONGEST_KEY], float(row.p))


def _fold_metrics(run: Run) -> Iterator[Metric]:
    """Yield the AUROC within each fold; a fold with one class has none, and that of a pair is no score."""
    if in_pairs(run.out_of_fold):
        return
    folds = int(run.provenance.get("plan", {}).get("folds") or run.out_of_fold["fold"].max() + 1)
    grouped = run.out_of_fold.groupby(["model", "repeat", "fold"], sort=False)
    for (model, repeat, fold), rows in grouped:
        if rows["response"].nunique() == 2:
            value = auc(rows["response"].to_numpy(dtype=int), rows["probability"].to_numpy(dtype=float))
            yield Metric(f"{_allowed(model)}/fold AUROC", value, int(repeat * folds + fold))


# --- Tags ---------------------------------------------------------------------------------------------


def _tags(run: Run, names: Mapping[str, str]) -> Iterator[Tag]:
    about = run.provenance
    yield Tag("experiment", run.name)
    yield Tag("simulated", "yes" if run.simulated else "no")
    if run.simulated:
        yield Tag("mlflow.note.content", "Simulated cohort: the patients of this run are invented.")
    yield Tag("exported model", str(about.get("exported", "")))
    yield Tag("split plan", str(about.get("plan", {}).get("fingerprint", "")))
    yield from _version_tags(about)
    sources = _sources(run, names)
    together = "\n".join(sorted(sources["sha256"].astype(str)))
    yield Tag("data sha256", hashlib.sha256(together.encode()).hexdigest())
    if len(sources) <= _SOURCES_AS_TAGS:
        taken: set[str] = set()
        for source in sources.itertuples():
            yield Tag(_unused("sha256 of " + _allowed(source.name), taken), str(source.sha256))


def _version_tags(about: Mapping[str, Any]) -> Iterator[Tag]:
    for path, value in _leaves(about.get("code", "")):
        yield Tag(" ".join(["code", *map(_allowed, path)]), str(value))
    for package, version in about.get("versions", {}).items():
        yield Tag(f"version of {_allowed(package)}", str(version))


def _sources(run: Run, names: Mapping[str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(list(run.provenance.get("sources", ())))
    frame = frame.reindex(columns=list(dict.fromkeys(["name", "sha256", *frame.columns])))
    hide = _hider(run, names)
    return frame.assign(name=[hide(PureWindowsPath(str(name)).name) for name in frame["name"]])


# --- Tables -------------------------------------------------------------------------------------------


def _tables(run: Run, names: Mapping[str, str]) -> Iterator[TableItem]:
    hidden, choices = _pseudonymous(run.out_of_fold, names), run.choices
    if in_pairs(run.out_of_fold):
        hidden, choices = _with_numbers_of_their_own(hidden, choices)
    yield TableItem("out_of_fold", hidden)
    smaller = {"choices": choices, "associations": _leading(run.associations)}
    for name in _PLAIN_TABLES:
        yield TableItem(name, smaller[name] if name in smaller else getattr(run, name))
    for name in _ASKED_FOR:
        if len(table := getattr(run, name)):
            yield TableItem(name, table)
    counts = run.findings.groupby(["severity", "code"], sort=False)["count"].sum().reset_index()
    yield TableItem("findings", counts)
    yield TableItem("contributions", _summary(run.contributions))
    yield TableItem("sources", _sources(run, names))


def _leading(associations: pd.DataFrame) -> pd.DataFrame:
    """Return the associations of the watched genes and of those with the smallest p, in the order of the run."""
    smallest = associations["p"].rank(method="first") <= LEADING_ASSOCIATIONS
    return associations[smallest | associations["watched"].fillna(False).astype(bool)].reset_index(drop=True)


def _pseudonymous(frame: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Replace the patients, and their order, which would tell the order of the real identifiers."""
    absent = set(frame["patient"]) - set(names)
    if absent:
        raise InputError(
            f"{len(absent)} patients of the run have no pseudonym: nothing was tracked. Make the pseudonyms "
            "from the patients of the same run."
        )
    place = {model: i for i, model in enumerate(dict.fromkeys(frame["model"]))}
    hidden = frame.assign(patient=frame["patient"].map(dict(names)), place=frame["model"].map(place))
    ordered = hidden.sort_values(["place", "repeat", "fold", "patient"])
    return ordered.drop(columns="place").reset_index(drop=True)


def _with_numbers_of_their_own(hidden: pd.DataFrame, choices: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Count left-out pairs in the order of their pseudonyms, for theirs is that of the real identifiers."""
    pairs = hidden.groupby("fold")["patient"].unique().map(lambda both: tuple(sorted(both)))
    number = {fold: place for place, fold in enumerate(pairs.sort_values().index)}
    place = {model: i for i, model in enumerate(dict.fromkeys(hidden["model"]))}

    def renumbered(frame: pd.DataFrame) -> pd.DataFrame:
        fold = frame["fold"].map(number).astype(frame["fold"].dtype)
        frame = frame.assign(fold=fold, place=frame["model"].map(place))
        frame = frame.assign(pair=fold) if "pair" in frame else frame
        return frame.sort_values(["place", "fold"], kind="stable").drop(columns="place").reset_index(drop=True)

    return renumbered(hidden), renumbered(choices)


def _summary(contributions: pd.DataFrame) -> pd.DataFrame:
    """Summarise held-out contributions over patients: mean, mean size, direction, and spread over repeats."""
    rows = contributions.assign(
        size=contributions["contribution"].abs(), positive=(contributions["contribution"] > 0).astype(float)
    )
    return (
        rows.groupby(["model", "feature", "block"], sort=False)
        .agg(
            patients=("contribution", "size"), mean=("contribution", "mean"), mean_abs=("size", "mean"),
            positive_share=("positive", "mean"), mean_spread=("spread", "mean"),
        )
        .reset_index()
    )  # fmt: skip


# --- What must not leave ------------------------------------------------------------------------------


def _outward(value: Any, run: Run, names: Mapping[str, str]) -> Any:
    """Return plain settings without folders, passwords and identifiers."""
    hide = _hider(run, names)

    def clean(inner: Any, key: str = "") -> Any:
        if isinstance(inner, Mapping):
            return {hide(str(k)): clean(v, str(k)) for k, v in inner.items()}
        if isinstance(inner, list | tuple):
            return [clean(v, key) for v in inner]
        return hide(_without_folders(inner, key)) if isinstance(inner, str) else inner

    return clean(value)


def _without_folders(text: str, key: str) -> str:
    """Return the last part of a path; a word with a slash in it, such as ``ER/PR`` or ``N/A``, stays."""
    if "://" in text and not text.startswith(("sqlite:", "file:")):
        return without_password(text)
    last = PureWindowsPath(text).name
    rooted = re.match(r"[/~.\\]|[A-Za-z]:[\\/]|sqlite:|file:", text)
    looks_like_file = "." in last.strip(".")
    if re.search(r"[/\\]", text) and (key in _PATH_KEYS or rooted or looks_like_file):
        return last
    return text


def _hider(run: Run, names: Mapping[str, str]) -> Any:
    """Return a function that replaces identifiers in a text, also of patients whom only findings name."""
    strangers = {patient: UNLISTED for patient in run.findings["patient"].dropna() if patient}
    known = {p: name for p, name in {**strangers, **names}.items() if len(p) >= SHORTEST_SOUGHT}

    def hide(text: str) -> str:
        found = sorted((p for p in known if p in text), key=len, reverse=True)
        if not found:
            return text
        either = "|".join(map(re.escape, found))
        return re.sub(rf"(?<![0-9A-Za-z])(?:{either})(?![0-9A-Za-z])", lambda m: known[m.group()], text)

    return hide
