"""Tell which genes an assay covers from its target regions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from trastuz_ml.assays.bed import Regions, gene_shares, genes_named, merged_bases, read_bed
from trastuz_ml.assays.gene_intervals import read_gene_intervals
from trastuz_ml.errors import InputError
from trastuz_ml.findings import Finding, name_some

# The share of a gene's bases from which it counts as covered. Exome kits and panels of whole genes lie well
# above, panels of hotspots well below; from one half on, a variant would more likely be seen than missed.
LEAST_SHARE = 0.5
# Below this share, a gene that counts as covered is named as covered in part.
_NEARLY_WHOLE = 0.9
# Coding exons are 120 to 150 bases each; the median gene, with its introns, is 25 kilobases.
_LONG_FOR_EXON = 5_000
_INTRONS = (
    "the intervals look like whole genes, introns included, of which exome targets cover a few percent; "
    "give the coding exons (the CDS lines of a GTF)"
)


@dataclass(frozen=True, eq=False)
class Targets:
    """What target regions cover.

    Attributes
    ----------
    genes : frozenset of str
        Genes covered.
    megabases : float
        Size of the regions, each base counted once.
    build : str, optional
        Genome build that a file names: GRCh37 or GRCh38.
    shares : mapping of gene to share
        The share of each gene's bases that is covered; empty when the regions name their genes.
    findings : tuple of Finding
        What was noticed.
    """

    genes: frozenset[str]
    megabases: float
    build: str | None
    shares: Mapping[str, float]
    findings: tuple[Finding, ...]


def read_targets(
    bed: Path, intervals: Path | None, build: str | None, least: float = LEAST_SHARE, known: Collection[str] = ()
) -> Targets:
    """Read target regions and tell their genes, by where the genes lie or by the names of the regions.

    Parameters
    ----------
    bed, intervals : path
        Target regions; where the genes lie, or ``None``: then the regions name their genes.
    build : str, optional
        Genome build that both are declared to be of.
    least : float
        Share of a gene's bases from which it counts as covered.
    known : collection of str
        Gene symbols, approved and previous ones, to look for in the names of the regions.

    Raises
    ------
    InputError
        If a file cannot be read or names another build, or no gene is covered.
    """
    regions = read_bed(bed)
    _require_build(regions, build, bed)
    bases = merged_bases(regions.table)
    twice = int((regions.table["end"] - regions.table["start"]).sum()) - bases
    noticed = (_overlapping(twice, bases, bed),) if twice else ()
    if intervals is None:
        genes, more = _by_name(regions.table, bed, known)
        return Targets(genes, bases / 1e6, regions.build, {}, noticed + more)
    shares, more = _by_overlap(regions.table, bed, _intervals_of(intervals, build), intervals, least)
    genes = frozenset(shares.index[shares >= least])
    return Targets(genes, bases / 1e6, regions.build, shares.to_dict(), noticed + more)


def _require_build(regions: Regions, build: str | None, path: Path) -> None:
    if None not in (regions.build, build) and regions.build != build:
        raise InputError(f"{path} says that it is {regions.build}, but {build} is declared; which one is it?")


def _overlapping(twice: int, bases: int, bed: Path) -> Finding:
    message = f"bases in more than one target region; merged, the regions cover {bases / 1e6:.3f} megabases"
    return Finding("note", "targets-overlap", message, twice, where=bed.name)


def _by_name(
    targets: pd.DataFrame, bed: Path, known: Collection[str]
) -> tuple[frozenset[str], tuple[Finding, ...]]:
    genes, nameless = genes_named(targets, known)
    if not genes:
        example = next((name for name in targets["name"] if name), "")
        shown = f"its names look like '{example[:60]}'" if example else "its regions have no names"
        raise InputError(
            f"{bed} names no gene that is known: {shown}. Give intervals: FILE, a table of where the genes lie "
            "(a GTF will do), and the build of both."
        )
    if not nameless:
        return genes, ()
    message = "target regions whose name holds no known gene; a gene named nowhere else counts as not covered"
    return genes, (Finding("warning", "targets-without-gene", message, nameless, where=bed.name),)


def _intervals_of(path: Path, build: str | None) -> pd.DataFrame:
    regions = read_gene_intervals(path)
    _require_build(regions, build, path)
    return regions.table


def _by_overlap(
    targets: pd.DataFrame, bed: Path, genes: pd.DataFrame, path: Path, least: float
) -> tuple[pd.Series, tuple[Finding, ...]]:
    theirs, ours = set(genes["chrom"]), set(targets["chrom"])
    if not theirs & ours:
        raise InputError(
            f"{path} names the chromosomes {name_some(theirs)}, {bed} names {name_some(ours)}; none in common."
        )
    shares = gene_shares(targets, genes)
    whole_genes = _looks_like_whole_genes(genes)
    if not (shares >= least).any():
        hint = f"Perhaps {_INTRONS}." if whole_genes else "Are both of the same genome build?"
        raise InputError(
            f"{bed} covers no gene of {path} by {least:g} of its bases or more; the best covered is "
            f"{shares.idxmax()} with {shares.max():.2f}. {hint}"
        )
    findings = _partly(shares, least, path)
    if whole_genes:
        findings += (Finding("warning", "intervals-with-introns", _INTRONS, len(shares), where=path.name),)
    return shares, findings


def _looks_like_whole_genes(genes: pd.DataFrame) -> bool:
    once = not genes.duplicated(["name", "chrom"]).any()
    return once and float((genes["end"] - genes["start"]).median()) > _LONG_FOR_EXON


def _partly(shares: pd.Series, least: float, path: Path) -> tuple[Finding, ...]:
    sides = {
        "gene-too-little-covered": ((shares > 0) & (shares < least), "not covered: calls in them are not used"),
        "gene-partly-covered": ((shares >= least) & (shares < _NEARLY_WHOLE), "covered"),
    }
    return tuple(
        Finding("note", code, f"genes covered in part, taken as {taken}: {_with_shares(shares[some])}",
                int(some.sum()), where=path.name)
        for code, (some, taken) in sides.items()
        if some.any()
    )  # fmt: skip


def _with_shares(shares: pd.Series) -> str:
    return name_some(f"{gene} {share:.2f}" for gene, share in shares.items())
