"""Turn the records of a VCF into candidate calls, and count every row that does not become one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from trastuz_ml.calls.alleles import NO_ALTERNATIVE, maf_form
from trastuz_ml.calls.annotation.find import Annotation, GeneEffect
from trastuz_ml.calls.vcf.damage import first_damage
from trastuz_ml.calls.vcf.population_frequency import population_frequency
from trastuz_ml.calls.vcf.read_counts import (
    NOTHING,
    READ_FIELDS,
    Numbers,
    ReadCounts,
    as_numbers,
    read_counts,
    site_counts,
)
from trastuz_ml.calls.vcf.tumor_sample import TumorSamples
from trastuz_ml.errors import InputError

NOT_CARRIED, NOT_ANNOTATED, GERMLINE = "not-carried", "not-annotated", "germline"
GENOTYPE_MISSING, NO_GENOTYPE = "genotype-missing", "no-genotype"
# Stands for the place of every tumour of the file in a tally.
EVERYONE = -1
# htslib marks a missing integer, and the end of a shorter vector, by the two lowest numbers.
_MISSING_INTEGERS = -2147483646
_BASES = frozenset("ACGTN")
_LAST_POSITION = (1 << 31) - 1
# Somatic status, of SomaticSniper, MuSE and VarScan: what is inherited is no somatic call, nor is the loss
# of the other copy of an inherited allele.
_STATUS = {0: NOT_CARRIED, 1: GERMLINE, 3: GERMLINE}


# One call before the filters. A plain tuple: there are as many as calls.
Candidate = tuple[Any, ...]
CANDIDATE = (
    "tumor", "chrom", "pos", "ref", "alt", "filter", "depth", "alt_reads", "vaf", "frequency_in_info",
    *GeneEffect._fields,
)  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """What is known of a file before its first record.

    Attributes
    ----------
    path : path
        The file, for messages.
    annotation : Annotation
        How the genes of an allele are read.
    tumors : TumorSamples
        Which columns are tumours.
    counts : bool
        Whether depth and reads are worth the reading.
    frequencies : tuple of str
        INFO fields with population frequencies, empty when not worth the reading.
    status : bool
        Whether the header declares a somatic status, SS.
    """

    path: Path
    annotation: Annotation
    tumors: TumorSamples
    counts: bool = True
    frequencies: tuple[str, ...] = ()
    status: bool = False


@dataclass(frozen=True)
class Tally:
    """What was counted on the way through a file.

    Attributes
    ----------
    rows : Counter
        (tumour, fate) -> rows; the tumour is its place among the tumours, or ``EVERYONE``.
    noticed : Counter
        Code of a finding -> how often.
    first : dict
        Code of a finding -> where first.
    """

    rows: Counter[tuple[int, str]] = field(default_factory=Counter)
    noticed: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def notice(self, code: str, record: Any, number: int, times: int = 1) -> None:
        """Count a finding, and keep where it was first seen."""
        self.noticed[code] += times
        if code not in self.first:
            self.first[code] = place(record, number)


def place(record: Any, number: int) -> str:
    """Return where a record is, for people: htslib keeps no line numbers."""
    return f"{record.CHROM}:{record.POS} (record {number})"


def candidates(records: Iterable[Any], layout: Layout, tally: Tally) -> Iterator[Candidate]:
    """Yield the candidate calls of a file's records, in their order; all other rows go to the tally.

    A row is one alternative allele and gene of a record for each tumour; an allele that is no sequence, or
    that the annotator gave no entry, is one row.
    """
    if len(layout.tumors.patients) == 1:
        return _of_one(records, layout, tally)
    return _of_many(records, layout, tally)


def _of_one(records: Iterable[Any], layout: Layout, tally: Tally) -> Iterator[Candidate]:
    genes_of, rows, chroms = _genes_of(layout), tally.rows, _Chromosomes()
    carried_in = _carriage(layout, tally)
    for number, record in enumerate(records, start=1):
        alts = record.ALT
        if not alts:
            rows[0, NO_ALTERNATIVE] += not is_blank(record, layout.path)
            continue
        ref = record.REF
        genes = genes_of(record, ref, alts, number)
        carried, otherwise = carried_in(record, len(alts), number)
        counts: Sequence[ReadCounts] | None = None if layout.counts else [NOTHING] * len(alts)
        for index, effects in enumerate(genes):
            form = _form(record, ref, alts[index], number, layout.path)
            if isinstance(form, str):
                rows[0, form] += 1
            elif carried is not None and index + 1 not in carried:
                rows[0, otherwise] += len(effects) or 1
            elif not effects:
                rows[0, NOT_ANNOTATED] += 1
                tally.notice(NOT_ANNOTATED, record, number)
            else:
                if counts is None:
                    counts = _counts(record, alts, layout)
                words = ";".join(record.FILTERS) or None
                common = _frequency(record, index, alts, layout) if layout.frequencies else None
                site = (0, chroms[record.CHROM], *form, words, *counts[index], common)
                for effect in effects:
                    yield site + effect


def _of_many(records: Iterable[Any], layout: Layout, tally: Tally) -> Iterator[Candidate]:
    genes_of, rows, chroms = _genes_of(layout), tally.rows, _Chromosomes()
    columns = np.array(layout.tumors.columns)
    carried_rows, considered = np.zeros(len(columns), dtype=np.int64), 0
    for number, record in enumerate(records, start=1):
        alts = record.ALT
        if not alts:
            rows[EVERYONE, NO_ALTERNATIVE] += not is_blank(record, layout.path)
            continue
        genotypes = _genotypes(record, columns, len(alts), number, layout, tally)
        ref = record.REF
        for index, effects in enumerate(genes_of(record, ref, alts, number)):
            form = _form(record, ref, alts[index], number, layout.path)
            if isinstance(form, str):
                rows[EVERYONE, form] += 1
                continue
            carriers = np.flatnonzero((genotypes == index + 1).any(axis=1))
            considered += len(effects) or 1
            carried_rows[carriers] += len(effects) or 1
            if not effects:
                _not_annotated(carriers, record, number, tally)
                continue
            chrom, words = chroms[record.CHROM], ";".join(record.FILTERS) or None
            common = _frequency(record, index, alts, layout) if layout.frequencies else None
            counts_of = _counts_of_columns(record, alts, layout)
            for tumor in carriers.tolist():
                site = (tumor, chrom, *form, words, *counts_of(columns[tumor])[index], common)
                for effect in effects:
                    yield site + effect
    for tumor, carried in enumerate(carried_rows.tolist()):
        rows[tumor, NOT_CARRIED] += considered - carried


def _not_annotated(carriers: Any, record: Any, number: int, tally: Tally) -> None:
    for tumor in carriers.tolist():
        tally.rows[tumor, NOT_ANNOTATED] += 1
        tally.notice(NOT_ANNOTATED, record, number)


class _Chromosomes(dict[str, str]):
    """Names of chromosomes without their prefix, each worked out once."""

    def __missing__(self, name: str) -> str:
        self[name] = name[3:] if name[:3].lower() == "chr" and len(name) > 3 else name
        return self[name]


def _form(record: Any, ref: str, alt: str, number: int, path: Path) -> tuple[int, str, str] | str:
    pos = record.start + 1  # POS itself is cut to 32 bits
    if pos > _LAST_POSITION:
        raise InputError(f"{path}, {record.CHROM} (record {number}): POS is {pos}, which is no position.")
    if ref in _BASES and alt in _BASES and ref != alt:  # the many substitutions need no work
        return pos, ref, alt
    try:
        return maf_form(pos, ref, alt)
    except ValueError as error:
        raise InputError(f"{path}, {place(record, number)}: {error}.") from error


def _genes_of(layout: Layout) -> Callable[[Any, str, Sequence[str], int], list[list[GeneEffect]]]:
    """Return what gives the genes of each alternative of a record."""
    name, genes = layout.annotation.field, layout.annotation.genes

    def genes_of(record: Any, ref: str, alts: Sequence[str], number: int) -> list[list[GeneEffect]]:
        text = record.INFO.get(name)
        if type(text) is not str:
            return [[] for _ in alts]
        try:
            return genes(text, ref, alts)
        except InputError as error:
            raise InputError(f"{layout.path}, {place(record, number)}: {error}") from error

    return genes_of


# ---- who carries an allele -------------------------------------------------------------------------------

# The numbers of the alleles carried, None for all of them; and the fate of the others.
_Carried = tuple["frozenset[int] | None", str]


def _carriage(layout: Layout, tally: Tally) -> Callable[[Any, int, int], _Carried]:
    """Return what tells which alleles of a record the one tumour carries."""
    tumors = layout.tumors
    if not tumors.columns:
        return lambda record, alternatives, number: (None, NOT_CARRIED)
    column = tumors.columns[0]
    named = _Alleles()
    look_at_status = layout.status and tumors.paired

    def carried(record: Any, alternatives: int, number: int) -> _Carried:
        if look_at_status and (fate := _status(record, column, layout.path)):
            return frozenset(), fate
        try:
            alleles, highest = named[tuple(record.genotype.alleles(column))]
        except Exception:  # noqa: BLE001 - cyvcf2 raises the bare class where a record has no genotypes
            _refuse_unreadable(record, number, layout.path)
            if not tumors.paired:
                tally.notice(NO_GENOTYPE, record, number)
            return None, NOT_CARRIED
        if highest > alternatives:
            _refuse_genotype(record, number, layout.path, highest, alternatives)
        if not alleles and tumors.paired:
            return None, NOT_CARRIED  # the record is itself the call of a somatic caller
        if highest < 0:
            tally.notice(GENOTYPE_MISSING, record, number)
        return alleles, NOT_CARRIED

    return carried


class _Alleles(dict[tuple[int, ...], tuple[frozenset[int], int]]):
    """The alternatives within a genotype and the highest number in it, each genotype worked out once."""

    def __missing__(self, called: tuple[int, ...]) -> tuple[frozenset[int], int]:
        self[called] = frozenset(allele for allele in called if allele > 0), max(called, default=-1)
        return self[called]


def _status(record: Any, column: int, path: Path) -> str | None:
    """Return the fate of a record whose somatic status, of the tumour or of the record, is no somatic one."""
    names = record.FORMAT
    if not names:
        _refuse_ragged(path)
    value = record.format("SS")[column] if "SS" in names else record.INFO.get("SS")
    if isinstance(value, np.ndarray):
        value = value[0]
    try:
        return _STATUS.get(int(value))
    except (TypeError, ValueError):
        return None


def _genotypes(record: Any, columns: Any, alternatives: int, number: int, layout: Layout, tally: Tally) -> Any:
    """Return the allele numbers of each tumour; negative where missing."""
    names = record.FORMAT
    if not names:
        _refuse_ragged(layout.path)
    if "GT" not in names:
        tally.notice(GENOTYPE_MISSING, record, number, times=len(columns))
        return np.full((len(columns), 1), -1)
    alleles = record.genotype.array()[columns, :-1]
    missing = int((alleles < 0).all(axis=1).sum())
    if missing:
        tally.notice(GENOTYPE_MISSING, record, number, times=missing)
    if alleles.size and alleles.max() > alternatives:
        _refuse_genotype(record, number, layout.path, int(alleles.max()), alternatives)
    return alleles


def _refuse_genotype(record: Any, number: int, path: Path, allele: int, alternatives: int) -> NoReturn:
    raise InputError(
        f"{path}, {place(record, number)}: a genotype names allele {allele}, but ALT holds {alternatives}. "
        "The file was changed by a program that did not keep its genotypes; make it again."
    )


def _refuse_unreadable(record: Any, number: int, path: Path) -> None:
    """Refuse a record whose genotypes are not absent, but cannot be read."""
    names = record.FORMAT
    if not names:
        _refuse_ragged(path)
    if "GT" in names:
        raise InputError(
            f"{path}, {place(record, number)}: its genotypes cannot be read. The header must declare GT with "
            "Number=1 and Type=String."
        )


def is_blank(record: Any, path: Path) -> bool:
    """Return whether a record without alleles is an empty line.

    htslib makes a record of any line without tabs, one that must not be asked for its alleles.
    """
    if record.end > record.start:
        return False
    _refuse_ragged(path)
    return True


def _refuse_ragged(path: Path) -> None:
    damage = first_damage(path)
    if damage:
        raise InputError(f"{path}, {damage}.")


# ---- reads and frequencies -------------------------------------------------------------------------------


def _counts(record: Any, alts: Sequence[str], layout: Layout) -> Sequence[ReadCounts]:
    if not layout.tumors.columns:
        return site_counts(partial(_info_numbers, record), alts)
    return _counts_of_columns(record, alts, layout)(layout.tumors.columns[0])


def _counts_of_columns(record: Any, alts: Sequence[str], layout: Layout) -> Callable[[int], Sequence[ReadCounts]]:
    """Return what gives the read counts of a sample column; each field of the record is read once."""
    if not layout.counts:
        nothing = [NOTHING] * len(alts)
        return lambda column: nothing
    names = [name for name in record.FORMAT if name in READ_FIELDS]
    arrays: dict[str, Any] = {}

    def of_column(column: int) -> Sequence[ReadCounts]:
        return read_counts(names, partial(_numbers, record, arrays, column), record.REF, alts)

    return of_column


def _numbers(record: Any, arrays: dict[str, Any], column: int, name: str) -> Numbers | None:
    """Return the numbers of a FORMAT field in one sample column."""
    if name not in arrays:
        arrays[name] = record.format(name)
    values = arrays[name]
    if values is None:
        return None
    if values.dtype.kind in "US":
        return as_numbers(str(values[column]))
    found = values[column].tolist()
    return [number if number is not None and number > _MISSING_INTEGERS else None for number in found]


def _info_numbers(record: Any, name: str) -> Numbers | None:
    value = record.INFO.get(name)
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return as_numbers(value)
    return list(value) if isinstance(value, tuple) else [value]


def _frequency(record: Any, index: int, alts: Sequence[str], layout: Layout) -> float | None:
    return population_frequency(layout.frequencies, record.INFO.get, index, len(alts))
