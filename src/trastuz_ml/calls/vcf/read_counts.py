"""Read depth and reads of the alternative allele from the fields in which callers give them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

# What a field holds for one sample: numbers, None where one is missing; None where the field is.
Numbers = Sequence[float | None]
Field = Callable[[str], "Numbers | None"]
# Reads of each alternative, and of all alleles together.
_Counted = tuple[Numbers, float | None]
_Way = Callable[[Field, str, Sequence[str]], "_Counted | None"]


class ReadCounts(NamedTuple):
    """Depth, reads of the alternative and their ratio in the tumour; None where not given."""

    depth: int | None
    alt_reads: int | None
    vaf: float | None


NOTHING = ReadCounts(None, None, None)


def read_counts(names: Sequence[str], field: Field, ref: str, alts: Sequence[str]) -> list[ReadCounts]:
    """Return the read counts of each alternative allele in one sample.

    The first way of counting whose fields are there is taken: Ion Torrent's flow-corrected counts (FAO, FRO,
    FDP), VarScan's (RD and a single AD), AD as most callers have it (Mutect2, MuTect, MuSE, GATK), freebayes
    (AO, RO), Strelka's first tier (AU, CU, GU, TU; TAR, TIR), SomaticSniper (BCOUNT, DP4), and DP4 or VAD
    alone. The fraction is reads over depth; where reads are not given, the caller's own AF, FA, VAF or FREQ.

    Parameters
    ----------
    names : sequence of str
        The fields that the record has.
    field : callable
        Gives the numbers of a field.
    ref : str
        Reference allele.
    alts : sequence of str
        Alternative alleles.

    Examples
    --------
    >>> fields = {"AD": [30, 10], "DP": [40], "AF": [0.24]}
    >>> read_counts(list(fields), fields.get, "C", ["T"])
    [ReadCounts(depth=40, alt_reads=10, vaf=0.25)]
    """
    alt_reads, together = _counted(_ways(tuple(names)), field, ref, alts)
    depth = _first(field, ("FDP", "DP") if "FAO" in names else _DEPTHS, names)
    given = [reads for reads in alt_reads if reads is not None]
    if depth is None or depth < max(given, default=0):
        depth = together
    fractions = None if len(given) == len(alt_reads) else _fractions(names, field, alts)
    return [
        _one_allele(depth, reads, fractions[index] if fractions else None) for index, reads in enumerate(alt_reads)
    ]


def site_counts(field: Field, alts: Sequence[str]) -> list[ReadCounts]:
    """Return the read counts that INFO gives, for a file without sample columns.

    AF beside AC and AN is a share of chromosomes, not of reads, and is not taken.

    Examples
    --------
    >>> site_counts({"TDP": [144], "TVAF": [0.22]}.get, ["T"])
    [ReadCounts(depth=144, alt_reads=None, vaf=0.22)]
    """
    counted = _strands(field, "", alts) if len(alts) == 1 else None
    alt_reads, together = counted or ([None] * len(alts), None)
    depth = _first(field, ("TDP", "DP"))
    share_of_reads = field("AC") is None or field("AN") is None
    names = ("TVAF", "VAF", "AF") if share_of_reads else ("TVAF", "VAF")
    fractions = _fractions(names, field, alts) or [None] * len(alts)
    return [
        _one_allele(together if depth is None else depth, reads, fraction)
        for reads, fraction in zip(alt_reads, fractions, strict=True)
    ]


def as_numbers(text: str) -> list[float | None]:
    """Return the numbers of a field that the header declares as text: 61,18,6,4 or 12.5%.

    Examples
    --------
    >>> as_numbers("61%2C18"), as_numbers("12.5%"), as_numbers(".")
    ([61.0, 18.0], [0.125], [None])
    """
    return [_number(part) for part in text.replace("%2C", ",").replace("%25", "%").split(",")]


def _number(text: str) -> float | None:
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    return number / 100 if text.endswith("%") else number


def _one_allele(depth: float | None, reads: float | None, fraction: float | None) -> ReadCounts:
    if reads is not None and depth:
        fraction = reads / depth
    return ReadCounts(
        None if depth is None else int(depth),
        None if reads is None else int(reads),
        fraction if fraction is not None and 0 <= fraction <= 1 else None,
    )


def _counted(ways: Sequence[_Way], field: Field, ref: str, alts: Sequence[str]) -> _Counted:
    for way in ways:
        counted = way(field, ref, alts)
        if counted is not None:
            return counted
    return [None] * len(alts), None


@lru_cache(maxsize=1024)
def _ways(names: tuple[str, ...]) -> tuple[_Way, ...]:
    """Return the ways of counting that records with these fields allow; a file has few such sets."""
    return tuple(way for needed, way in _WAYS if needed in names)


def _first(field: Field, wanted: Sequence[str], names: Sequence[str] | None = None) -> float | None:
    for name in wanted:
        numbers = field(name) if names is None or name in names else None
        if numbers and numbers[0] is not None:
            return numbers[0]
    return None


def _fractions(names: Sequence[str], field: Field, alts: Sequence[str]) -> Numbers | None:
    for name in _FRACTIONS:
        numbers = field(name) if name in names else None
        if numbers and len(numbers) == len(alts):
            return numbers
    return None


def _total(*numbers: float | None) -> float | None:
    return None if None in numbers else sum(numbers)  # type: ignore[arg-type]


def _flow_corrected(field: Field, ref: str, alts: Sequence[str]) -> _Counted | None:
    return _beside_reference(field, "FAO", "FRO", alts)


def _freebayes(field: Field, ref: str, alts: Sequence[str]) -> _Counted | None:
    return _beside_reference(field, "AO", "RO", alts)


def _beside_reference(field: Field, alt_name: str, ref_name: str, alts: Sequence[str]) -> _Counted | None:
    reads = field(alt_name)
    if not reads or len(reads) != len(alts) or reads[0] is None:
        return None
    return reads, _total(_first(field, (ref_name,)), *reads)


def _varscan(field: Field, ref: str, alts: Sequence[str]) -> _Counted | None:
    reads, reference = field("AD"), field("RD")
    if not reads or len(reads) != 1 or len(alts) != 1 or not reference:
        return None
    return reads, _total(reads[0], reference[0])


def _allele_depths(field: Field, ref: str, alts: Sequence[str]) -> _Counted | None:
    return _all_alleles(field("AD"), alts)


def _tumor_allele_depths(field: Field, ref: str, alts: Sequence[str]) -> _Counted | None:
    return _all_alleles(field("ADT"), alts)


def _all_alleles(reads: Numbers | None, alts: Sequence[str]) -> _Counted | None:
    # A single AD without RD is the reference in some callers and the alternative in others: not taken.
    if not reads or len(reads) != len(alts) + 1 or reads[1] is None:
        return None
    return reads[1:], _total(*reads)


def _strelka_bases(field: Field, ref: str, alts: Sequence[str]) -> _Counted | None:
    # Two tiers of evidence for each base; the first is the strict one, which Strelka's own fraction uses.
    tiers = {base: _first(field, (f"{base}U",)) for base in "ACGT"}
    if not all(alt.upper() in tiers for alt in alts):
        return None
    return [tiers[alt.upper()] for alt in alts], _total(*tiers.values())


def _strelka_indels(field: Field, ref: str, alts: Sequence[str]) -> _Counted | None:
    reads = _first(field, ("TIR",))
    if reads is None or len(alts) != 1:
        return None
    return [reads], _total(_first(field, ("TAR",)), reads)


def _bases(field: Field, ref: str, alts: Sequence[str]) -> _Counted | None:
    counts = field("BCOUNT")
    if not counts or len(counts) != 4 or not all(alt.upper() in ("A", "C", "G", "T") for alt in alts):
        return None
    return [counts["ACGT".index(alt.upper())] for alt in alts], _total(*counts)


def _strands(field: Field, ref: str, alts: Sequence[str]) -> _Counted | None:
    counts = field("DP4")
    if not counts or len(counts) != 4 or len(alts) != 1:
        return None
    reads = _total(counts[2], counts[3])
    return None if reads is None else ([reads], _total(*counts))


def _alternative_depths(field: Field, ref: str, alts: Sequence[str]) -> _Counted | None:
    reads = field("VAD")
    return (reads, None) if reads and len(reads) == len(alts) else None


_WAYS: tuple[tuple[str, _Way], ...] = (
    ("FAO", _flow_corrected),
    ("RD", _varscan),
    ("AD", _allele_depths),
    ("ADT", _tumor_allele_depths),
    ("AO", _freebayes),
    ("AU", _strelka_bases),
    ("TIR", _strelka_indels),
    ("BCOUNT", _bases),
    ("DP4", _strands),
    ("VAD", _alternative_depths),
)
_DEPTHS = ("DP", "DPT")
_FRACTIONS = ("TVAF", "AF", "FA", "VAF", "FREQ")
READ_FIELDS = frozenset({
    "FAO", "FRO", "FDP", "RD", "AD", "ADT", "DPT", "AO", "RO", "AU", "CU", "GU", "TU", "TAR", "TIR", "BCOUNT",
    "DP4", "VAD", "DP", "AF", "FA", "VAF", "FREQ",
})  # fmt: skip
