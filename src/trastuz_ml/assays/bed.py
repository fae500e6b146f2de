"""Read target regions (BED), and tell which genes they name or cover."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from trastuz_ml.assays.intervals import covered_bases, merge
from trastuz_ml.calls.genome_build import build_of_word
from trastuz_ml.calls.tables.numbered_lines import numbered_lines
from trastuz_ml.errors import InputError

_LARGEST = 2**31 - 1
# What holds the words of a name apart, and, inside a word, a gene from an exon or transcript number.
_BETWEEN_WORDS, _BETWEEN_PARTS = re.compile(r"[\s,;|:()/&]+"), re.compile(r"[._-]")


# Name, chromosome, start and end.
Region = tuple[str, str, int, int]


@dataclass(frozen=True, eq=False)
class Regions:
    """Intervals read from a file.

    Attributes
    ----------
    table : pandas.DataFrame
        Columns ``name`` (of the target, or of the gene), ``chrom`` without the prefix chr, ``start`` and
        ``end`` (0-based, half-open).
    build : str, optional
        Genome build that the file names: GRCh37 or GRCh38.
    """

    table: pd.DataFrame
    build: str | None = None


def read_bed(path: Path) -> Regions:
    """Read a BED file: target regions, 0-based and half-open; a row's name is all that follows its end.

    Raises
    ------
    InputError
        If a line is not a region (the message names it), or there is no region.
    """
    rows: list[Region] = []
    builds: set[str | None] = set()
    for number, line in numbered_lines(path, "the BED file"):
        if line.startswith(("#", "track", "browser")):
            builds.add(build_of_word(line))
        elif line.strip():
            fields = line.split("\t", 3) if "\t" in line else line.split(None, 3)
            if rows or not _is_bed_header(fields):
                rows.append(region(fields, f"{path}, line {number}"))
    if not rows:
        raise InputError(f"{path} has no region; expected lines of chromosome, start and end.")
    return Regions(region_table(rows), one_build(builds, path))


def _is_bed_header(fields: Sequence[str]) -> bool:
    return (
        len(fields) > 2
        and "start" in fields[1].lower()
        and ("end" in fields[2].lower() or "stop" in fields[2].lower())
    )


def region(fields: Sequence[str], where: str) -> Region:
    """Return the region that the fields of a BED line give; ``where`` is for messages."""
    if fields[0].startswith("@"):
        raise InputError(f"{where}: this is a Picard interval list; convert it with IntervalListToBed first.")
    if len(fields) < 3:
        raise InputError(f"{where}: expected chromosome, start and end, found '{' '.join(fields)[:60]}'.")
    start, end = places(fields[1], fields[2], where)
    return fields[3].strip() if len(fields) > 3 else "", bare_chromosome(fields[0]), start, end


def places(start: str, end: str, where: str, first: int = 0) -> tuple[int, int]:
    """Return start and end, 0-based and half-open, of texts that count bases from ``first``."""
    try:
        left, right = int(start) - first, int(end)
    except ValueError as error:
        raise InputError(
            f"{where}: expected start and end as whole numbers, found '{start}' and '{end}'."
        ) from error
    if not 0 <= left <= right <= _LARGEST:
        raise InputError(
            f"{where}: the region from {start} to {end} does not lie on a chromosome; is start below end?"
        )
    return left, right


def bare_chromosome(name: str) -> str:
    """Return a chromosome's name without the prefix chr; the mitochondrial one is MT."""
    bare = name.strip()
    bare = bare[3:] if bare[:3].lower() == "chr" else bare
    return "MT" if bare == "M" else bare


def region_table(rows: Sequence[Region]) -> pd.DataFrame:
    """Return regions, one or more, as the table of :class:`Regions`."""
    name, chrom, start, end = zip(*rows, strict=True)
    return pd.DataFrame(
        {
            "name": pd.Series(name, dtype="str"),
            "chrom": pd.Series(chrom, dtype="str"),
            "start": np.array(start, dtype=np.int64),
            "end": np.array(end, dtype=np.int64),
        }
    )


def one_build(builds: set[str | None], path: Path) -> str | None:
    """Return the one genome build that the lines of a file name, if any; two are refused."""
    named = sorted(build for build in builds if build)
    if len(named) > 1:
        raise InputError(f"{path} names two genome builds, {' and '.join(named)}; expected one.")
    return named[0] if named else None


def merged_bases(targets: pd.DataFrame) -> int:
    """Return how many bases the targets cover, each counted once.

    Examples
    --------
    >>> merged_bases(pd.DataFrame({"chrom": ["1", "1"], "start": [0, 5], "end": [10, 12]}))
    12
    """
    _, start, end = merge(
        pd.factorize(targets["chrom"])[0], targets["start"].to_numpy(), targets["end"].to_numpy()
    )
    return int((end - start).sum())


def gene_shares(targets: pd.DataFrame, genes: pd.DataFrame) -> pd.Series:
    """Return the share of each gene's bases that the targets cover, by gene, sorted by name.

    Parameters
    ----------
    targets : pandas.DataFrame
        Columns ``chrom``, ``start``, ``end``.
    genes : pandas.DataFrame
        The same and ``name``; the intervals of a gene may overlap (its transcripts do) and count once.

    Returns
    -------
    pandas.Series
        Between 0 and 1. A gene given on several sequences (X and Y, alternative haplotypes) counts where it
        is covered best.

    Examples
    --------
    >>> targets = pd.DataFrame({"chrom": ["17"], "start": [100], "end": [150]})
    >>> genes = pd.DataFrame({"name": ["TP53", "TP53"], "chrom": "17", "start": [100, 300], "end": [140, 340]})
    >>> gene_shares(targets, genes).to_dict()
    {'TP53': 0.5}
    """
    chroms = pd.Index(pd.concat([targets["chrom"], genes["chrom"]])).unique()
    goal = merge(chroms.get_indexer(targets["chrom"]), targets["start"].to_numpy(), targets["end"].to_numpy())
    names, every_name = pd.factorize(genes["name"], sort=True)
    key = names.astype(np.int64) * len(chroms) + chroms.get_indexer(genes["chrom"])
    unit, start, end = merge(key, genes["start"].to_numpy(), genes["end"].to_numpy())
    bases = pd.DataFrame({"unit": unit, "covered": covered_bases(unit % len(chroms), start, end, goal)})
    bases["bases"] = end - start
    summed = bases.groupby("unit", sort=True).sum()
    share = summed["covered"] / summed["bases"]
    best = share.groupby(summed.index // len(chroms)).max()
    return pd.Series(
        best.reindex(range(len(every_name)), fill_value=0.0).to_numpy(dtype=float), index=every_name, name="share"
    )


def genes_named(targets: pd.DataFrame, known: Collection[str]) -> tuple[frozenset[str], int]:
    """Return the genes that the targets' names tell, and how many targets name none.

    Parameters
    ----------
    targets : pandas.DataFrame
        Column ``name``: ``TP53``, ``TP53_exon4``, ``NM_000546.5:TP53``, ``GENE_ID=TP53;Pool=1``,
        ``ref|TP53,ref|NM_000546,ens|ENST00000269305``, ...
    known : collection of str
        Gene symbols to look for: approved and previous ones. Aliases are too often words.

    Examples
    --------
    >>> genes_named(pd.DataFrame({"name": ["TP53_exon4", "HLA-A.2", "amplicon_1"]}), {"TP53", "HLA-A"})[1]
    1
    """
    symbols = frozenset(known)
    found = {name: _genes_in(name, symbols) for name in targets["name"].unique()}
    nameless = {name for name, genes in found.items() if not genes}
    return frozenset().union(*found.values()), int(targets["name"].isin(nameless).sum())


def _genes_in(name: str, known: frozenset[str]) -> frozenset[str]:
    words = (word.rpartition("=")[2] for word in _BETWEEN_WORDS.split(name))
    return frozenset(gene for word in words if (gene := _gene_in_word(word, known)))


def _gene_in_word(word: str, known: frozenset[str]) -> str | None:
    """Return the known symbol that a word is, or holds between points and hyphens: leftmost, then longest."""
    if word in known:
        return word
    ends = [match.start() for match in _BETWEEN_PARTS.finditer(word)]
    for start in (0, *(end + 1 for end in ends)):
        for end in (len(word), *reversed(ends)):
            if end > start and word[start:end] in known:
                return word[start:end]
    return None
