"""Sealed validation: what is to be used is hashed before responses are opened, and checked after.

A seal names no patient and no file, and the same inputs give the same bytes. It carries no date: that it was made
before is shown by giving it, or its hash, to somebody.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from trastuz_ml.cohort.patients import Response, nearest
from trastuz_ml.cohort.roster_table import read_table
from trastuz_ml.errors import ConfigurationError, EvidenceError, InputError
from trastuz_ml.experiment.named_files import matching_files
from trastuz_ml.files import require_free, whole_file
from trastuz_ml.findings import name_some
from trastuz_ml.store.bundle import ModelBundle

FORMAT = 1
_LARGEST = 1 << 24


@dataclass(frozen=True, eq=False)
class Sealed:
    """What is sealed, given again: everything but the responses.

    Attributes
    ----------
    bundle : ModelBundle
        The model.
    plan : Path
        The analysis plan, any file that is not empty.
    patients : Path
        The roster.
    calls : sequence of path
        Files of calls, or patterns.
    covered : Path, optional
        Gene list of the new patients' assay.
    """

    bundle: ModelBundle
    plan: Path
    patients: Path
    calls: Sequence[str | Path]
    covered: Path | None = None


def seal(
    given: Sealed,
    out: Path,
    *,
    response: Response | None = None,
    leave_out: Sequence[str] = (),
    force: bool = False,
) -> dict[str, Any]:
    """Hash what an external validation is going to use, and write the seal.

    Parameters
    ----------
    given : Sealed
        What is sealed.
    out : Path
        The seal, a JSON file.
    response : Response, optional
        How responses will be read. Its column is left out of the hash, if it is there already.
    leave_out : sequence of str
        Further columns of the roster that are not sealed: other outcomes.
    force : bool
        Replace a seal that is there.

    Returns
    -------
    mapping
        The seal; ``seal`` is the hash of everything else in it.

    Raises
    ------
    InputError
        If a file is missing, the plan is empty, or the roster has no column of patients or one twice.
    OutputExistsError
        If ``out`` is there and ``force`` is false.
    """
    require_free(out, force=force)
    outcomes = [*([response.column] if response else []), *leave_out]
    table = _roster(given)
    if absent := [name for name in leave_out if name not in table.columns]:
        raise InputError(
            f"{given.patients}: there is no column '{absent[0]}' to leave out{nearest(absent[0], list(table))}."
        )
    about = _content(given, table.drop(columns=[name for name in outcomes if name in table.columns]))
    about["roster"]["left_out"] = sorted(set(outcomes))
    about["roster"]["responses_there"] = response is not None and response.column in table.columns
    about["response"] = None if response is None else _plain(response)
    about["seal"] = _digest(about)
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out) as partial:
        text = json.dumps(about, indent=1, sort_keys=True, ensure_ascii=False)
        partial.write_text(text + "\n", encoding="utf-8", newline="\n")
    return about


def read_seal(path: Path) -> dict[str, Any]:
    """Read a seal that was not changed.

    Raises
    ------
    InputError
        If there is none, or it was changed.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(f"{path} is no seal: {path.stat().st_size} bytes are too many.")
        about = json.loads(path.read_text(encoding="utf-8"))
        found = about["seal"]
        roster, model = about["roster"], about["model"]
        complete = {"plan", "calls", "covered", "response"} <= set(about) and isinstance(roster["columns"], dict)
        known = about["format"] == FORMAT and complete and isinstance(model["sha256"], str)
    except OSError as error:
        raise InputError(f"The seal {path} cannot be read: {error.strerror or error}.") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is no seal: {error!r}. Make one with `trastuz-ml seal`.") from error
    if not known or _digest(about) != found:
        raise InputError(f"The seal {path} was changed after it was made: its own hash does not fit its content.")
    return dict(about)


def response_of(about: Mapping[str, Any]) -> Response | None:
    """Return how a seal says that responses will be read."""
    said = about["response"]
    return None if said is None else Response(said["column"], tuple(said["positive"]), tuple(said["negative"]))


def changes(about: Mapping[str, Any], given: Sealed, response: Response) -> list[str]:
    """Return what is not as it was sealed, in words; nothing where all is.

    Parameters
    ----------
    about : mapping
        From :func:`read_seal`.
    given : Sealed
        What is given now.
    response : Response
        How responses are read now. Its column must not be among those sealed.
    """
    return list(_changes(about, given, response))


def require_unchanged(about: Mapping[str, Any], given: Sealed, response: Response) -> str:
    """Return what a seal that holds says, in words.

    Raises
    ------
    EvidenceError
        If something changed; all of it is named.
    """
    if found := changes(about, given, response):
        raise EvidenceError(
            f"The seal does not hold: {'; '.join(found)}. Give what was sealed; what was changed on purpose can "
            "be evaluated with `trastuz-ml predict --response`, without a seal."
        )
    said = f"model, analysis plan, roster and calls are those that were sealed (seal {about['seal'][:12]})."
    if about["response"] is None:
        said += " How responses are read was not sealed."
    if about["roster"]["responses_there"]:
        said += (
            " The roster held the responses when it was sealed: that nothing changed is shown, not that nobody "
            "looked."
        )
    return said


def _changes(about: Mapping[str, Any], given: Sealed, response: Response) -> Iterator[str]:
    model, bundle = about["model"], given.bundle
    if bundle.sha256 != model["sha256"]:
        yield (
            f"the model is another one ({bundle.name}, sha256 {bundle.sha256[:12]}; sealed was {model['name']}, "
            f"{model['sha256'][:12]})"
        )
    if _file_hash(given.plan) != about["plan"]["sha256"]:
        yield "the analysis plan was changed"
    yield from _changes_of_roster(about["roster"], given, response)
    yield from _changes_of_calls(about["calls"]["sha256"], given.calls)
    if (None if given.covered is None else _file_hash(given.covered)) != about["covered"]:
        yield "the gene list of the assay (--covered) is another one"
    if about["response"] is not None and _plain(response) != about["response"]:
        said = about["response"]
        yield (
            f"responses are read otherwise: sealed was column {said['column']}, positive "
            f"{', '.join(said['positive'])}, negative {', '.join(said['negative'])}"
        )


def _changes_of_roster(sealed: Mapping[str, Any], given: Sealed, response: Response) -> Iterator[str]:
    if response.column in sealed["columns"]:
        yield (
            f"the column {response.column} was sealed with the roster: responses that were not set apart "
            "were open already"
        )
    table = _roster(given)
    found = _column_hashes(table[[name for name in sealed["columns"] if name in table.columns]])
    if len(table) != sealed["patients"] or _patients_hash(table) != sealed["sha256"]:
        yield f"the roster has other patients ({len(table)} now, {sealed['patients']} sealed)"
        return
    if absent := sorted(set(sealed["columns"]) - set(found)):
        yield f"the roster lacks {name_some(absent)}"
    changed = sorted(name for name, value in found.items() if value != sealed["columns"][name])
    if changed:
        yield f"values of the roster were changed in {name_some(changed)}"


def _changes_of_calls(sealed: Sequence[str], calls: Sequence[str | Path]) -> Iterator[str]:
    hashes = {path.name: _file_hash(path) for path in _files(calls)}
    missing = len(sealed) - sum(digest in set(hashes.values()) for digest in sealed)
    new = [name for name, digest in hashes.items() if digest not in set(sealed)]
    if missing:
        yield f"{missing} of {len(sealed)} sealed files of calls {'is' if missing == 1 else 'are'} not given"
    if new:
        yield f"calls that were not sealed: {name_some(new)}"


def _content(given: Sealed, table: pd.DataFrame) -> dict[str, Any]:
    bundle = given.bundle
    if not bundle.sha256:
        raise ConfigurationError("Only a stored model can be sealed: it has no identity before it is stored.")
    return {
        "format": FORMAT,
        "what": "hashes of what an external validation uses, made before responses were opened",
        "model": {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256},
        "plan": {"sha256": _file_hash(given.plan)},
        "roster": {
            "patients": len(table), "sha256": _patients_hash(table),
            "columns": _column_hashes(table),
        },
        "calls": {"sha256": sorted(_file_hash(path) for path in _files(given.calls))},
        "covered": None if given.covered is None else _file_hash(given.covered),
    }  # fmt: skip


def _roster(given: Sealed) -> pd.DataFrame:
    """Return the roster by patient, sorted, so that the order of its rows does not matter."""
    inputs = given.bundle.card["inputs"]
    table, column = read_table(given.patients, inputs["sheets"][1]), inputs["patient"]
    if column not in table.columns or table.columns.duplicated().any():
        raise InputError(
            f"{given.patients}: expected a column '{column}' of patients and each column once. Columns: "
            f"{', '.join(table.columns)}."
        )
    names = table[column]
    if names.isna().any() or names.duplicated().any():
        raise InputError(
            f"{given.patients}: a patient is missing or stands twice in column {column}; expected one row a "
            "patient."
        )
    return table.set_index(column).sort_index()


def _patients_hash(table: pd.DataFrame) -> str:
    return _hash_of([str(name) for name in table.index])


def _column_hashes(table: pd.DataFrame) -> dict[str, str]:
    """Return a hash of each column with the patients, from which no value can be had without knowing them."""
    names = [str(name) for name in table.index]
    hashes = {}
    for column in sorted(table.columns):
        values = [None if pd.isna(value) else str(value) for value in table[column]]
        hashes[str(column)] = _hash_of([names, values])
    return hashes


def _files(calls: Sequence[str | Path]) -> list[Path]:
    if any(str(path) == "-" for path in calls):
        raise ConfigurationError("The standard input cannot be sealed: name files of calls.")
    return matching_files(Path(), [str(path) for path in calls])


def _file_hash(path: Path) -> str:
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as opened:
            while block := opened.read(1 << 20):
                digest.update(block)
                size += len(block)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    if not size:
        raise InputError(f"{path} is empty: there is nothing to seal.")
    return digest.hexdigest()


def _plain(response: Response) -> dict[str, Any]:
    return {
        "column": response.column, "positive": sorted(response.positive), "negative": sorted(response.negative),
    }  # fmt: skip


def _digest(about: Mapping[str, Any]) -> str:
    return _hash_of({name: value for name, value in about.items() if name != "seal"})


def _hash_of(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
