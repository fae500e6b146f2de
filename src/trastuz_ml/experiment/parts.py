"""Parts of a roster: calls put where their patients are, and each part predicted by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from trastuz_ml.assays.assay import EXOME, Assay, read_gene_list
from trastuz_ml.calls.genes.names import reconcile_names
from trastuz_ml.calls.genes.symbols import SHIPPED, read_symbol_table
from trastuz_ml.calls.reading import Filters, Reading
from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.cohort.pseudonyms import pseudonym_key
from trastuz_ml.errors import ConfigurationError
from trastuz_ml.experiment.unjudged import unjudged_patients
from trastuz_ml.features.encoding import columns_needed
from trastuz_ml.findings import Finding, by_patient, merged, name_some
from trastuz_ml.prediction.applicability import find_training_patients
from trastuz_ml.prediction.batch import predict_and_notice
from trastuz_ml.schema import CALL_KEY, CALLS, COVARIATE, as_words, empty
from trastuz_ml.store.bundle import ModelBundle

# Besides what the model looks at; the coding change tells calls apart where the allele is not given.
_KEPT = ("patient", "gene", "effect", "file", "hgvsc")


# A finding about more patients than are named one by one, and how many of them it names.
_MANY = re.compile(r"(?P<what>.*): (?P<names>[^:]+) and (?P<others>\d+) more$", re.DOTALL)
_SHOWN = 5


@dataclass(frozen=True)
class Asked:
    """What is asked of a prediction besides the files.

    Attributes
    ----------
    covered : Path, optional
        Gene list of the new patients' assay.
    tumor : str, optional
        The tumour's sample column in VCF files whose header does not say.
    explain : int
        How many contributions to name for each patient.
    abstain_below : float, optional
        Smallest share of the model's weight that must have been measured; the model's own by default.
    """

    covered: Path | None = None
    tumor: str | None = None
    explain: int = 5
    abstain_below: float | None = None


@dataclass(frozen=True, eq=False)
class Setting:
    """What holds for every part: how calls are read, what was sequenced, and in which build the calls are."""

    asked: Asked
    assays: tuple[Assay, ...]
    default_assay: str | None
    build: str | None = None


def require_calls_as_trained(bundle: ModelBundle, calls: Sequence[str | Path], asked: Asked) -> None:
    """Refuse calls that the model cannot read, and a model that reads calls where there are none.

    Raises
    ------
    ConfigurationError
        If calls are missing or too much.
    """
    if calls and bundle.card["inputs"]["reading"] is None:
        raise ConfigurationError(
            "The model was trained without calls, on covariates alone: leave out --calls, which it cannot read."
        )
    other = [feature.name for feature in bundle.features if feature.block != COVARIATE]
    if not calls and other:
        raise ConfigurationError(
            f"The model reads {name_some(other, 3)}, which come from mutation calls: give the files with --calls."
        )
    if not calls and (asked.covered is not None or asked.tumor is not None):
        raise ConfigurationError("--covered and --tumor say how calls are read: give --calls, or leave them out.")


@contextmanager
def reading_of_model(bundle: ModelBundle, tumor: str | None) -> Iterator[Reading]:
    """Give the reading that the model's own calls had, with the gene names that it was trained with."""
    inputs = bundle.card["inputs"]
    how = inputs["reading"]
    with _symbols(bundle) as symbols:
        yield Reading(
            columns=inputs["columns"], sheet=inputs["sheets"][0], tumor=tumor, patient_from=how["patient_from"],
            annotation=how["annotation"], filters=_filters(how["filters"]),
            wanted=frozenset(CALL_KEY) | columns_needed(bundle.encoding, bundle.effects), symbols=symbols,
        )  # fmt: skip


def _filters(said: Mapping[str, Any]) -> Filters:
    # Settings of an experiment, as its model's card keeps them.
    words = tuple(said.get("words", Filters.words) or ())
    return Filters(**{**said, "words": None if words == ("any",) else words})


@contextmanager
def _symbols(bundle: ModelBundle) -> Iterator[Path | None]:
    if not bundle.symbols or sha256(bundle.symbols).digest() == sha256(SHIPPED.read_bytes()).digest():
        yield None
        return
    date = (bundle.card["inputs"].get("symbols") or {}).get("date") or ""
    with TemporaryDirectory(prefix="trastuz_ml-") as folder:
        path = Path(folder, f"gene_names_{date}.tsv.gz")
        path.write_bytes(bundle.symbols)
        yield path


def setting_of(bundle: ModelBundle, asked: Asked, symbols: Path | None) -> Setting:
    """Return what holds for all patients; of a gene list, the genes under their current names.

    Raises
    ------
    InputError
        If the gene list cannot be read.
    """
    inputs = bundle.card["inputs"]
    if asked.covered is not None:
        listed = read_gene_list(asked.covered)
        current = reconcile_names(listed, read_symbol_table(symbols))
        genes = frozenset(current[gene] for gene in listed)
        return Setting(asked, (Assay(EXOME.name, genes),), None)
    assays = tuple(
        Assay(name, None if said["genes"] is None else frozenset(said["genes"]), said["megabases"])
        for name, said in inputs["assays"].items()
    )
    return Setting(asked, assays, inputs["default_assay"])


def split_calls(
    calls: pd.DataFrame, place_of: pd.Series, wanted: frozenset[str]
) -> Iterator[tuple[int, pd.DataFrame]]:
    """Yield the calls of each part of the roster, without those of others.

    Parameters
    ----------
    calls : pandas.DataFrame
        Some calls.
    place_of : pandas.Series
        Number of the part of each patient.
    wanted : frozenset of str
        Columns to keep, besides those that every calls table has.
    """
    if not len(calls):
        return
    kept = [name for name in calls if name in wanted or name in _KEPT]
    words = calls["patient"].array
    parts = place_of.reindex(words.categories.astype("str")).fillna(-1).to_numpy(dtype=np.int32)
    part = np.append(parts, -1)[words.codes]
    order = np.argsort(part, kind="stable")
    numbers, starts = np.unique(part[order], return_index=True)
    for number, rows in zip(numbers.tolist(), np.split(order, starts[1:]), strict=True):
        if number >= 0:
            taken = {name: calls[name].array.take(rows) for name in kept}
            taken["patient"] = as_words(pd.Series(taken["patient"])).array
            yield number, pd.DataFrame(taken, copy=False)


def cohort_of(
    bundle: ModelBundle, calls: pd.DataFrame, members: pd.DataFrame, setting: Setting, *,
    findings: Sequence[Finding] = (),
) -> Cohort:  # fmt: skip
    """Return the cohort of a part: its patients who can be predicted, and their calls."""
    known = calls["patient"].cat.categories
    if not known.isin(members.index).all():
        calls = calls[calls["patient"].isin(members.index)].reset_index(drop=True)
        calls = calls.assign(patient=as_words(calls["patient"]))
    return Cohort.assemble(
        calls, members, covariates=bundle.covariates, assays=setting.assays, findings=findings,
        simulated=bundle.simulated, training=False, build=setting.build, default_assay=setting.default_assay,
    )  # fmt: skip


def unjudged(bundle: ModelBundle, calls: pd.DataFrame) -> dict[str, str]:
    """Return the patients of whom the files do not tell what the model's encoding needs, and why."""
    return unjudged_patients(calls, bundle.encoding, bundle.effects, bundle.genes)


def predict_part(
    bundle: ModelBundle, calls: pd.DataFrame | None, patients: pd.DataFrame, refused: Mapping[str, str],
    setting: Setting,
) -> tuple[pd.DataFrame, list[Finding]]:  # fmt: skip
    """Predict the patients of a part of the roster.

    Parameters
    ----------
    bundle : ModelBundle
        A stored model.
    calls : pandas.DataFrame or None
        Their calls; None for a model that reads none.
    patients : pandas.DataFrame
        Rows of :attr:`trastuz_ml.experiment.new_roster.NewRoster.patients`.
    refused : mapping of patient to reason
        Who is not predicted.
    setting : Setting
        What holds for every part.

    Returns
    -------
    predictions : pandas.DataFrame
        :data:`trastuz_ml.schema.PREDICTIONS`, in the order of ``patients``.
    findings : list of Finding
        What was noticed.
    """
    asked = setting.asked
    refused = {patient: why for patient, why in refused.items() if patient in patients.index}
    if calls is not None:
        refused = {**unjudged(bundle, calls), **refused}
    members = patients[~patients.index.isin(list(refused))].sort_index()
    if calls is None:
        cohort = Cohort.of_roster(
            members, covariates=bundle.covariates, simulated=bundle.simulated, training=False
        )
    else:
        cohort = cohort_of(bundle, calls, members, setting)
    shared, found = search_training_patients(bundle, cohort)
    table, noticed = predict_and_notice(
        bundle, cohort, explain=asked.explain, roster=patients, refused=refused,
        abstain_below=asked.abstain_below, shared=shared,
    )  # fmt: skip
    return table, [*findings_of(cohort.findings), *found, *noticed]


def search_training_patients(bundle: ModelBundle, cohort: Cohort) -> tuple[pd.DataFrame | None, list[Finding]]:
    """Look for patients of the training cohort; where there are no calls, there is nothing to be found."""
    if not cohort.sequenced:
        return None, []
    # Without marks no key is needed, and none is made.
    return find_training_patients(bundle, cohort, pseudonym_key() if bundle.marks is not None else b"")


def no_calls() -> pd.DataFrame:
    """Return a calls table of nobody."""
    return empty(CALLS)


def findings_of(table: pd.DataFrame) -> list[Finding]:
    """Return the findings of a table of findings."""
    return [Finding(**{str(k): v for k, v in row.items()}) for row in table.to_dict(orient="records")]


def joined_findings(parts: Sequence[Sequence[Finding]]) -> list[Finding]:
    """Return the findings of several parts as one would give them: counts added, patients one by one while few.

    Examples
    --------
    >>> parts = [[Finding("note", "a", f"twice: P{n}0, P{n}1 and 40 more", 50)] for n in (1, 2)]
    >>> [(found.message, found.count) for found in joined_findings(parts)]
    [('twice: P10, P11, P20, P21 and 80 more', 100)]
    """
    every = [found for part in parts for found in part]
    general = [found for found in every if not found.patient and not _MANY.match(found.message)]
    by_code: dict[tuple[Any, ...], list[Finding]] = {}
    for found in every:
        if found.patient or _MANY.match(found.message):
            by_code.setdefault((found.severity, found.code, found.where), []).append(found)
    # What holds for the model holds once, in however many parts it was noticed.
    once = {"training-patients-not-searched"}
    same = [found for found in merged(general) if found.code not in once]
    same += list({found.code: found for found in general if found.code in once}.values())
    return [*same, *(found for alike in by_code.values() for found in _of_patients(alike))]


def _of_patients(alike: Sequence[Finding]) -> list[Finding]:
    """Join findings of one kind, each about one patient, or about so many that only some are named."""
    many = [found for found in alike if not found.patient]
    if not many:
        return by_patient(alike)
    first, message = many[0], ""
    names, others = [found.patient for found in alike if found.patient], 0
    for told in filter(None, (_MANY.match(found.message) for found in many)):
        message = told["what"]
        names += told["names"].split(", ")
        others += int(told["others"])
    shown = sorted(names)[:_SHOWN]
    said = f"{message}: {', '.join(shown)} and {others + len(names) - len(shown)} more"
    return [Finding(first.severity, first.code, said, sum(found.count for found in alike), where=first.where)]
