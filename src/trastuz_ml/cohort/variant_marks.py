"""Keyed marks of the training patients' rare variants: how a new patient is found to be one of them.

A variant that few training patients carry, met again in a new patient together with several more of the same one,
says that both are one person. What is kept is no variant but a keyed hash of its place: without the user's key
nobody can tell which place it was, by trying all of them either.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.cohort.pseudonyms import pseudonyms
from trastuz_ml.cohort.siphash import KEY_BYTES, siphash
from trastuz_ml.errors import ConfigurationError, ModelError
from trastuz_ml.schema import as_words

Marks = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]

# The thresholds of trastuz_ml.quality.relatedness, where their measurements are given: what is shared of what
# could be, beyond chance. One person reaches 0.6 mostly; strangers at most 0.02 without inherited variants, 0.25
# with them.
MOSTLY_SHARED = 0.6
PARTLY_SHARED = 0.1
PARTLY_SHARED_INHERITED = 0.3
FEWEST_SHARED = 5
_INHERITED = 0.3

_FORMAT = 1
_NUMBERED = {"X": 23, "Y": 24, "M": 25, "MT": 25}
# Bits of a mark that look up whether any training mark begins so, before it is searched for.
_FIRST_BITS = 20


@dataclass(frozen=True, eq=False)
class VariantMarks:
    """What is kept of the training patients' rare variants.

    Attributes
    ----------
    key_mark : str
        Fingerprint of the key that the marks were made with: it says whether a key is the same, not which.
    marks : array of uint64, shape (n_marks,)
        Keyed hashes of the places of rare variants, by patient and sorted within.
    starts : array of int64, shape (n_patients + 1,)
        Where each patient's marks begin; the last is their number.
    names : tuple of str
        Pseudonyms of the patients, in their own order, which is no order of identifiers, time or response.
    common : array of uint64, shape (n_common,)
        Sorted keyed hashes of the places that more patients carry; they count for nobody.
    least : float
        Share beyond chance from which two patients are related: higher where inherited variants were not taken
        out of the training calls.
    build : str, optional
        Genome build of the places, where the training files named it.
    """

    key_mark: str
    marks: Marks
    starts: Counts
    names: tuple[str, ...]
    common: Marks
    least: float = PARTLY_SHARED
    build: str | None = None

    def as_bytes(self) -> bytes:
        """Return a line of JSON that describes the marks, then the marks and the common places, 8 bytes each."""
        about = {
            "format": _FORMAT,
            "what": "SipHash-2-4, keyed, of chromosome and position of variants rare in the training cohort",
            "key_mark": self.key_mark,
            "build": self.build,
            "least": self.least,
            "names": list(self.names),
            "starts": self.starts.tolist(),
            "common": len(self.common),
        }
        line = json.dumps(about, ensure_ascii=True, sort_keys=True) + "\n"
        return line.encode("ascii") + self.marks.astype("<u8").tobytes() + self.common.astype("<u8").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> VariantMarks:
        """Read what :meth:`as_bytes` returned.

        Raises
        ------
        ModelError
            If the bytes are something else.
        """
        line, _, rest = data.partition(b"\n")
        try:
            return cls._read(json.loads(line.decode("ascii")), rest)
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            raise ModelError(
                f"The marks of rare training variants are damaged ({error}). Export the model again."
            ) from error

    @classmethod
    def _read(cls, about: dict[str, Any], rest: bytes) -> VariantMarks:
        if about["format"] != _FORMAT:
            raise ValueError(f"expected format {_FORMAT}")
        starts, names = np.array(about["starts"], dtype=np.int64), tuple(about["names"])
        words = np.frombuffer(rest, dtype="<u8").astype(np.uint64)
        rare = len(words) - int(about["common"])
        texts = [about["key_mark"], about["build"] or "", *names]
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("expected texts for key, build and names")
        ends = starts.shape == (len(names) + 1,) and starts[0] == 0 and starts[-1] == rare
        if not ends or (np.diff(starts) < 0).any():
            raise ValueError("expected rising starts that end with the number of marks")
        if not 0.0 <= float(about["least"]) <= 1.0:
            raise ValueError("expected a share")
        return cls(
            about["key_mark"], words[:rare], starts, names, words[rare:], float(about["least"]), about["build"]
        )


def marks_of(cohort: Cohort, key: bytes) -> VariantMarks:
    """Return the marks of a training cohort.

    Parameters
    ----------
    cohort : Cohort
        The patients that a model was trained on. Calls without a position are left out.
    key : bytes
        From :func:`trastuz_ml.cohort.pseudonyms.pseudonym_key`.

    Returns
    -------
    VariantMarks
        Of the places that at most an eighth of the patients carry, two to five of them, as
        :func:`trastuz_ml.quality.relatedness.rare_variants` has it.
    """
    patients = cohort.patients.index
    who, place = _placed(cohort.calls, patients)
    mark = siphash(place, _hash_key(key))
    marks, rows = _once(mark, who)
    distinct, number, carriers = np.unique(marks, return_inverse=True, return_counts=True)
    most = max(2, min(5, len(patients) // 8))
    rare = carriers[number] <= most
    named = pseudonyms([str(patient) for patient in patients], key)
    names = tuple(sorted(named.values()))
    place_of = {name: i for i, name in enumerate(names)}
    row_of = np.array([place_of[named[str(patient)]] for patient in patients], dtype=np.int64)
    owner = row_of[rows[rare]]
    order = np.lexsort((marks[rare], owner))
    starts = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(names)))]).astype(np.int64)
    inherited = _inherited(*(np.bincount(some, minlength=len(patients)) for some in (rows, rows[rare])))
    return VariantMarks(
        key_mark_of(key), marks[rare][order], starts, names, distinct[carriers > most],
        PARTLY_SHARED_INHERITED if inherited else PARTLY_SHARED, cohort.build,
    )  # fmt: skip


def key_mark_of(key: bytes) -> str:
    """Return a fingerprint of a key, from which the key cannot be had.

    Examples
    --------
    >>> len(key_mark_of(bytes(32))), key_mark_of(bytes(32)) == key_mark_of(bytes([1] * 32))
    (16, False)
    """
    return hmac.new(key, b"which key made the marks of variants", hashlib.sha256).hexdigest()[:16]


def why_not_searched(marks: VariantMarks | None, key: bytes, build: str | None = None) -> str:
    """Return why new patients cannot be compared with the training patients; nothing where they can.

    Parameters
    ----------
    marks : VariantMarks, optional
        What is kept beside the model; absent where only its public files were copied.
    key : bytes
        The user's key.
    build : str, optional
        Genome build of the new calls, where their files name it.
    """
    if marks is None:
        return (
            "not searched: the model came without the marks of its training patients' variants, which stay on the "
            "machine where it was trained"
        )
    if marks.key_mark != key_mark_of(key):
        return (
            "not searched: the marks of the training patients' variants were made with another user's key. Search "
            "on the machine where the model was trained"
        )
    if marks.build and build and marks.build != build:
        return f"not searched: the training variants have places of {marks.build}, and the new ones of {build}"
    return ""


def shared_with(marks: VariantMarks, calls: pd.DataFrame, patients: pd.Index, key: bytes) -> pd.DataFrame:
    """Find new patients who share more rare variants with a training patient than chance allows.

    Parameters
    ----------
    marks : VariantMarks
        Of the training cohort.
    calls : pandas.DataFrame
        The new calls table.
    patients : pandas.Index
        The new patients; calls of others are left out.
    key : bytes
        The user's key.

    Returns
    -------
    pandas.DataFrame
        One row a pair, the pair that shares most of each patient first: ``patient``, the new one;
        ``training_patient``, a pseudonym; ``shared`` places; ``of`` how many the one with fewer has;
        ``expected``, how many strangers of their sizes share: places of the new patient times the mean, over other
        training patients, of the share of their rare places that this training patient has; ``beyond_chance``:
        (shared - expected) / (of - expected). None of it depends on which other new patients are looked at
        together. So artefacts that a new sequencing kit has in common with one training patient are not told from
        that patient's variants: all who were sequenced with it are then said to share them.

    Raises
    ------
    ConfigurationError
        If the key is not the one that the marks were made with.
    """
    if reason := why_not_searched(marks, key):
        raise ConfigurationError(f"Patients shared with the training cohort were {reason}.")
    who, place = _placed(calls, patients)
    secret = _hash_key(key)
    trained, carriers, owners = _by_mark(marks)
    at, met = _met(siphash(place, secret), trained)
    hits = np.unique(who[at] * max(len(trained), 1) + met)  # a place in two genes is one place
    row, met = hits // max(len(trained), 1), hits % max(len(trained), 1)
    pairs, shared = np.unique(_each_owner(row, met, carriers, owners, len(marks.names)), return_counts=True)
    enough = shared >= FEWEST_SHARED
    new, old = pairs[enough] // len(marks.names), pairs[enough] % len(marks.names)
    size = _sizes(new, who, place, marks.common, secret, len(patients))
    table = _judged(marks, trained, carriers, new, old, shared[enough], size)
    table.insert(0, "patient", patients.to_numpy(dtype=object)[new].astype(str) if len(new) else [])
    related = table[table["beyond_chance"] >= marks.least].astype({"patient": "str", "training_patient": "str"})
    return related.sort_values(["patient", "shared"], ascending=[True, False], kind="stable", ignore_index=True)


def _hash_key(key: bytes) -> bytes:
    return hmac.new(key, b"marks of variants", hashlib.sha256).digest()[:KEY_BYTES]


def _placed(calls: pd.DataFrame, patients: pd.Index) -> tuple[Counts, Marks]:
    """Return, for each call with a position of these patients, the patient's row and the place as a number."""
    if "pos" not in calls or not len(calls):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint64)
    words = as_words(calls["patient"])
    rows = np.append(patients.get_indexer(pd.Index(words.cat.categories)), -1)[words.cat.codes.to_numpy()]
    known = (rows >= 0) & calls["pos"].notna().to_numpy()
    place = calls["pos"].to_numpy(dtype=np.int64, na_value=0)[known].astype(np.uint64)
    if "chrom" in calls:
        names = as_words(calls["chrom"])
        numbers = np.array([*map(_number, names.cat.categories), 0], dtype=np.uint64)
        place |= numbers[names.cat.codes.to_numpy()[known]] << np.uint64(32)
    return rows[known].astype(np.int64), place


def _once(mark: Marks, who: Counts) -> tuple[Marks, Counts]:
    """Return each mark of each patient once, sorted by patient."""
    order = np.lexsort((mark, who))
    mark, who = mark[order], who[order]
    first = np.ones(len(mark), dtype=bool)
    first[1:] = (mark[1:] != mark[:-1]) | (who[1:] != who[:-1])
    return mark[first], who[first]


def _number(chromosome: str) -> int:
    """Return a chromosome as a number below 2**32, the same for chr1 and 1, chrM and MT.

    Examples
    --------
    >>> _number("chr7"), _number("X"), _number("MT") == _number("chrM"), _number("23")
    (7, 23, True, 23)
    """
    bare = str(chromosome).strip().upper().removeprefix("CHR")
    if bare in _NUMBERED:
        return _NUMBERED[bare]
    if bare.isascii() and bare.isdigit() and 1 <= int(bare) <= 22 + len(set(_NUMBERED.values())):
        return int(bare)
    return 1 << 31 | int.from_bytes(hashlib.sha256(bare.encode()).digest()[:4], "big") >> 1


def _inherited(every: Counts, rare: Counts) -> bool:
    """Return whether a typical patient carries so many common variants that inherited ones are among them."""
    carrying = every > 0
    return bool(carrying.any() and np.median(1 - rare[carrying] / every[carrying]) >= _INHERITED)


def _by_mark(marks: VariantMarks) -> tuple[Marks, Counts, Counts]:
    """Return the distinct marks, sorted, how many patients carry each, and their rows, mark after mark."""
    owner = np.repeat(np.arange(len(marks.names)), np.diff(marks.starts))
    order = np.lexsort((owner, marks.marks))
    distinct, carriers = np.unique(marks.marks, return_counts=True)
    return distinct, carriers.astype(np.int64), owner[order].astype(np.int64)


def _met(hashed: Marks, trained: Marks) -> tuple[Counts, Counts]:
    """Return which hashes are among the marks, and which marks they are."""
    if not len(trained) or not len(hashed):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    shift = np.uint64(64 - _FIRST_BITS)
    begins = np.zeros(1 << _FIRST_BITS, dtype=bool)
    begins[trained >> shift] = True
    at = np.flatnonzero(begins[hashed >> shift])
    found = np.minimum(np.searchsorted(trained, hashed[at]), len(trained) - 1)
    same = trained[found] == hashed[at]
    return at[same].astype(np.int64), found[same].astype(np.int64)


def _each_owner(row: Counts, met: Counts, carriers: Counts, owners: Counts, trained: int) -> Counts:
    """Return new and training patient of each place that both carry, packed into one number."""
    begin = np.concatenate([[0], np.cumsum(carriers)])[met]
    many = carriers[met]
    within = np.arange(int(many.sum())) - np.repeat(np.cumsum(many) - many, many)
    packed: Counts = np.repeat(row, many) * max(trained, 1) + owners[np.repeat(begin, many) + within]
    return packed


def _sizes(new: Counts, who: Counts, place: Marks, common: Marks, secret: bytes, patients: int) -> Counts:
    """Return how many distinct places, not common in training, each of the new patients in question has."""
    wanted = np.zeros(patients, dtype=bool)
    wanted[new] = True
    own = wanted[who]
    hashed, rows = siphash(place[own], secret), who[own]
    at, _ = _met(hashed, common)
    counted = np.ones(len(hashed), dtype=bool)
    counted[at] = False
    _, once = _once(hashed[counted], rows[counted])
    counts: Counts = np.bincount(once, minlength=patients)[new].astype(np.int64)
    return counts


def _judged(
    marks: VariantMarks, trained: Marks, carriers: Counts, new: Counts, old: Counts, shared: Counts, size: Counts
) -> pd.DataFrame:
    sizes = np.diff(marks.starts)
    others = carriers[np.searchsorted(trained, marks.marks)] - 1 if len(trained) else np.empty(0, dtype=np.int64)
    summed = np.concatenate([[0], np.cumsum(others)])
    met_by_others = summed[marks.starts[1:]] - summed[marks.starts[:-1]]
    chance = met_by_others / np.maximum(sizes.sum() - sizes, 1)
    of = np.minimum(sizes[old], size)
    expected = np.minimum(chance[old] * size, of)
    return pd.DataFrame(
        {
            "training_patient": np.array(marks.names, dtype=object)[old] if len(old) else [],
            "shared": shared.astype(np.int64), "of": of, "expected": expected,
            "beyond_chance": (shared - expected) / np.maximum(of - expected, 1.0),
        }
    )  # fmt: skip
