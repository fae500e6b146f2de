"""Read where the genes lie: GTF, GFF3, a table with a header, or a BED with gene names."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from trastuz_ml.assays.bed import (
    Region,
    Regions,
    bare_chromosome,
    one_build,
    places,
    region,
    region_table,
)
from trastuz_ml.calls.genome_build import build_of_word
from trastuz_ml.calls.tables.numbered_lines import numbered_lines
from trastuz_ml.errors import InputError

# Columns of a gene-interval table, the most telling first; words in small letters and digits only.
_GENE = ("gene", "symbol", "hgncsymbol", "genesymbol", "hugosymbol", "genename", "name2")
_CHROM = ("chrom", "chr", "chromosome", "chromosomename", "chromosomescaffoldname", "seqname", "seqnames")
# Starts counted from 0 (UCSC's words), and from 1 (Ensembl's and everybody else's).
_FROM_0 = {"cdsstart": "cdsend", "chromstart": "chromend", "exonstart": "exonend", "txstart": "txend"}
_FROM_1 = {
    "genomiccodingstart": "genomiccodingend", "exonchromstart": "exonchromend",
    "exonregionstartbp": "exonregionendbp", "start": "end", "startposition": "endposition",
    "genestart": "geneend", "genestartbp": "geneendbp",
}  # fmt: skip
# Features of a GTF or GFF3 file, the closest to what an exome kit targets first.
_FEATURES = {"CDS": 0, "exon": 1, "gene": 2}
# How GENCODE and Ensembl, then NCBI, name the gene: GTF and GFF3 each.
_GENE_MARKS = (('gene_name "', '"'), ("gene_name=", ";"), ('; gene "', '"'), (";gene=", ";"))
# Ensembl's GFF3 names a gene on its own line alone; on others, Name is an exon or a protein.
_GFF_NAME = re.compile(r"\bName=([^;]+)")


def read_gene_intervals(path: Path) -> Regions:
    """Read where the genes lie: a GTF or GFF3 file, a table with a header, or a BED with gene names.

    Of a GTF or GFF3 file, each gene's coding lines (CDS) are taken; where it has none, its exons; where it
    has neither, its whole length. In a table, starts under UCSC's words (``txStart``) count from 0, all
    others from 1; rows without start and end (an exon outside the coding sequence) are passed over.

    Raises
    ------
    InputError
        If a line cannot be read, or no gene is named.
    """
    lines = numbered_lines(path, "the gene-interval table")
    comments: set[str | None] = set()
    for first in lines:
        if first[1].startswith(("#", "track", "browser")):
            comments.add(build_of_word(first[1]))
        elif first[1].strip():
            break
    else:
        raise InputError(f"{path} has no line; expected a table with gene, chrom, start and end.")
    rows = _gene_rows(first, lines, path)
    if not rows:
        raise InputError(
            f"{path} names no gene; expected a column gene (or symbol), names in a BED's fourth column, or "
            "gene_name on the CDS, exon or gene lines of a GTF."
        )
    return Regions(region_table(rows), one_build(comments, path))


def _gene_rows(first: tuple[int, str], rest: Iterator[tuple[int, str]], path: Path) -> list[Region]:
    separator = "\t" if "\t" in first[1] else None
    fields = first[1].split(separator)
    lines = _chained(first, rest)
    if len(fields) == 9 and fields[3].isdigit() and fields[4].isdigit():
        return _from_gtf(lines, path)
    if len(fields) > 3 and fields[1].isdigit() and fields[2].isdigit():
        rows = (region(line.split(separator)[:4], f"{path}, line {n}") for n, line in lines)
        return [row for row in rows if row[0]]
    if separator is None and "," in first[1]:
        separator = ","
    return _from_table(first[1].split(separator), separator, rest, path)


def _chained(first: tuple[int, str], rest: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    yield first
    yield from ((n, line) for n, line in rest if line.strip() and not line.startswith("#"))


def _from_gtf(lines: Iterator[tuple[int, str]], path: Path) -> list[Region]:
    best: dict[str, tuple[int, dict[tuple[str, str, str], Region]]] = {}
    for number, line in lines:
        fields = line.split("\t")
        if len(fields) != 9:
            raise InputError(f"{path}, line {number}: expected 9 fields separated by tabs, found {len(fields)}.")
        rank = _FEATURES.get(fields[2])
        name = _gtf_gene(fields) if rank is not None else ""
        if rank is None or not name:
            continue
        if name not in best or rank < best[name][0]:
            best[name] = rank, {}
        # Transcripts share most exons: each is read and kept once.
        place = fields[0], fields[3], fields[4]
        if rank == best[name][0] and place not in best[name][1]:
            start, end = places(fields[3], fields[4], f"{path}, line {number}", first=1)
            best[name][1][place] = name, sys.intern(bare_chromosome(fields[0])), start, end
    return [row for _, rows in best.values() for row in rows.values()]


def _gtf_gene(fields: Sequence[str]) -> str:
    """Return the gene that a line of a GTF or GFF3 file names, or nothing."""
    attributes = fields[8]
    for mark, end in _GENE_MARKS:
        _, found, rest = attributes.partition(mark)
        if found:
            return rest.partition(end)[0].strip()
    name = _GFF_NAME.search(attributes) if fields[2] == "gene" else None
    return name[1].strip() if name else ""


def _from_table(
    header: list[str], separator: str | None, lines: Iterator[tuple[int, str]], path: Path
) -> list[Region]:
    gene, chrom, left, right, first = _interval_columns(header, path)
    rows = []
    for number, line in lines:
        fields = [field.strip().strip('"') for field in line.split(separator)]
        if not line.strip() or line.startswith("#"):
            continue
        if len(fields) != len(header):
            raise InputError(
                f"{path}, line {number}: {len(fields)} fields, the header has {len(header)}. Is one missing?"
            )
        if fields[gene] and (fields[left] or fields[right]):
            start, end = places(fields[left], fields[right], f"{path}, line {number}", first)
            rows.append((fields[gene], bare_chromosome(fields[chrom]), start, end))
    return rows


def _interval_columns(header: list[str], path: Path) -> tuple[int, int, int, int, int]:
    words = ["".join(filter(str.isalnum, word)).lower() for word in header]
    gene, chrom = (next((words.index(w) for w in known if w in words), None) for known in (_GENE, _CHROM))
    pairs_found = [
        (words.index(start), words.index(end), first)
        for pairs, first in ((_FROM_0, 0), (_FROM_1, 1))
        for start, end in pairs.items()
        if start in words and end in words
    ]
    if gene is None or chrom is None or not pairs_found:
        raise InputError(
            f"{path}: expected the columns gene, chrom, start and end, found {', '.join(header)[:200]}. A GTF or "
            "GFF3 file, or a BED with gene names in its fourth column, will do as well."
        )
    return gene, chrom, *pairs_found[0]
