"""The exome of the simulated cohorts: named genes in their real places, drivers, and an invented sequence."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

BUILD = "GRCh37"  # TransNEO's build, in which the places of the named genes are given
FEWEST_GENES, MOST_GENES = 200, 40_000


class NamedGene(NamedTuple):
    """Facts of a named gene: place in GRCh37 (to the kilobase) and residues of its longest protein."""

    name: str
    chrom: str
    start_kb: int
    span_kb: int
    residues: int


NAMED_GENES = tuple(
    NamedGene(*facts)
    for facts in (
        ("TTN", "2", 179390, 282, 35991), ("MUC16", "19", 8959, 133, 14507), ("OBSCN", "1", 228395, 171, 8923),
        ("SYNE1", "6", 152442, 517, 8797), ("NEB", "2", 152341, 250, 8560), ("AHNAK", "11", 62201, 114, 5890),
        ("AHNAK2", "14", 105403, 42, 5795), ("HMCN1", "1", 185703, 458, 5635), ("KMT2D", "12", 49412, 42, 5537),
        ("MACF1", "1", 39546, 407, 5430), ("USH2A", "1", 215796, 801, 5202), ("DST", "6", 56322, 498, 5171),
        ("PCLO", "7", 82383, 410, 5142), ("RYR1", "19", 38924, 155, 5038), ("FAT4", "4", 126237, 177, 4981),
        ("RYR2", "1", 237205, 793, 4967), ("KMT2C", "7", 151832, 302, 4911), ("RYR3", "15", 33603, 556, 4870),
        ("LRP2", "2", 169983, 237, 4655), ("DNAH5", "5", 13690, 255, 4624), ("LRP1B", "2", 140988, 1902, 4599),
        ("FAT1", "4", 187508, 140, 4588), ("APOB", "2", 21224, 43, 4563), ("FAT3", "11", 92085, 545, 4557),
        ("DNAH11", "7", 21582, 360, 4523), ("MUC17", "7", 100663, 40, 4493), ("FLG", "1", 152274, 24, 4061),
        ("CSMD3", "8", 113235, 1215, 3707), ("ZFHX4", "8", 77593, 187, 3616), ("CSMD1", "8", 2792, 2061, 3564),
        ("XIRP2", "2", 167744, 373, 3549), ("ATM", "11", 108093, 147, 3056), ("SPTA1", "1", 158580, 77, 2419),
        ("BRCA2", "13", 32889, 85, 3418), ("NF1", "17", 29421, 288, 2839), ("NCOR1", "17", 15932, 187, 2440),
        ("ARID1A", "1", 27022, 87, 2285), ("BRCA1", "17", 41196, 82, 1884), ("MAP3K1", "5", 56110, 82, 1512),
        ("ERBB3", "12", 56473, 25, 1342), ("SF3B1", "2", 198254, 46, 1304), ("ERBB2", "17", 37844, 43, 1255),
        ("PIK3CA", "3", 178865, 93, 1068), ("ANKRD44", "2", 197831, 345, 993), ("RB1", "13", 48877, 180, 928),
        ("CDH1", "16", 68771, 99, 882), ("TBX3", "12", 115108, 14, 743), ("ESR1", "6", 151977, 474, 595),
        ("AKT1", "14", 105235, 28, 480), ("RUNX1", "21", 36160, 262, 480), ("FOXA1", "14", 38059, 11, 472),
        ("GATA3", "10", 8095, 23, 444), ("PTEN", "10", 89622, 110, 403), ("MAP2K4", "17", 11924, 124, 399),
        ("TP53", "17", 7565, 26, 393), ("CBFB", "16", 67063, 73, 187),
    )
)  # fmt: skip


class Driver(NamedTuple):
    """A gene hit more often than its length explains: planted prevalences by ER status, share truncating."""

    gene: str
    er_positive: float
    er_negative: float
    truncating: float


# Share of distinct carriers of a nonsilent call among the 116 ER-positive and 52 ER-negative patients of
# TransNEO (Sammut et al. 2022). The background comes on top, by length: 0.2 % for TP53, 1.3 % for NF1.
DRIVERS = (
    Driver("TP53", 0.44, 0.87, 0.39), Driver("PIK3CA", 0.31, 0.15, 0.0), Driver("GATA3", 0.14, 0.0, 0.88),
    Driver("MAP3K1", 0.086, 0.058, 0.89), Driver("PTEN", 0.034, 0.096, 0.78), Driver("CBFB", 0.069, 0.0, 0.38),
    Driver("NF1", 0.034, 0.058, 0.5), Driver("NCOR1", 0.034, 0.019, 0.8), Driver("CDH1", 0.034, 0.0, 1.0),
    Driver("RB1", 0.034, 0.0, 1.0), Driver("MAP2K4", 0.034, 0.0, 0.75), Driver("TBX3", 0.026, 0.019, 0.75),
    Driver("ESR1", 0.026, 0.019, 0.25), Driver("AKT1", 0.017, 0.019, 0.0), Driver("RUNX1", 0.017, 0.019, 1.0),
    Driver("ERBB2", 0.009, 0.019, 0.0),
)  # fmt: skip

# Length of the chromosomes in megabases, rounded down (GRCh37).
_MEGABASES = {
    "1": 249, "2": 243, "3": 198, "4": 191, "5": 180, "6": 171, "7": 159, "8": 146, "9": 141, "10": 135, "11": 135,
    "12": 133, "13": 115, "14": 107, "15": 102, "16": 90, "17": 81, "18": 78, "19": 59, "20": 63, "21": 48,
    "22": 51, "X": 155,
}  # fmt: skip
CHROMOSOMES = list(_MEGABASES)
# Residues of all human proteins: mean and standard deviation of the natural logarithm (18,251 proteins).
_LOG_RESIDUES, _LOG_RESIDUES_SD, _RESIDUES_RANGE = 6.107, 0.727, (60, 4000)
_SEED = 44  # genes without a name are the same genes in every simulated cohort
EXON = 150  # coding bases of every exon
_WIDEST_PITCH = 3000  # from the start of an exon to the start of the next

BASES = np.frombuffer(b"ACGT", dtype=np.uint8)
RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
# The simulated genome is rich in C and G, where three quarters of TransNEO's substitutions fall.
_BASE_OF_BITS = np.repeat(np.arange(4), [9, 23, 23, 9])


@dataclass(frozen=True)
class Exome:
    """The genes, as parallel arrays: chromosomes by number, places in bases, lengths in residues."""

    names: list[str]
    chrom: Integers
    start: Integers
    residues: Integers
    pitch: Integers
    exons: Integers

    @functools.cached_property
    def cumulative(self) -> Numbers:
        """Cumulative share of the coding length: where background calls fall."""
        return np.asarray(np.cumsum(self.residues) / self.residues.sum())

    @functools.cached_property
    def index(self) -> dict[str, int]:
        """The place of each gene in the arrays."""
        return {name: at for at, name in enumerate(self.names)}

    def locate(self, gene: Integers, number: Integers) -> Integers:
        """Return the place of a coding base on its chromosome: exons of equal length at equal distance."""
        return self.start[gene] + (number - 1) // EXON * self.pitch[gene] + (number - 1) % EXON


@functools.lru_cache(maxsize=4)
def simulated_exome(genes: int) -> Exome:
    """Return the named genes and as many invented ones (G00001 and so on) as make up the number."""
    rng = np.random.default_rng(_SEED)
    unnamed = genes - len(NAMED_GENES)
    names, chroms, starts_kb, spans_kb, lengths = zip(*NAMED_GENES, strict=True)
    drawn = np.rint(rng.lognormal(_LOG_RESIDUES, _LOG_RESIDUES_SD, unnamed)).astype(np.int64)
    chrom, start, width = _free_places(unnamed)
    residues = np.concatenate([lengths, drawn.clip(*_RESIDUES_RANGE)])
    span = np.concatenate([np.array(spans_kb) * 1000, np.full(unnamed, width)])
    exons = -(-(3 * residues + 3) // EXON)
    return Exome(
        names=[*names, *(f"G{at:05d}" for at in range(1, unnamed + 1))],
        chrom=np.concatenate([[CHROMOSOMES.index(name) for name in chroms], chrom]),
        start=np.concatenate([np.array(starts_kb) * 1000, start]),
        residues=residues,
        pitch=np.minimum(span // exons, _WIDEST_PITCH),
        exons=exons,
    )


def _free_places(wanted: int) -> tuple[Integers, Integers, int]:
    """Return chromosome and start of evenly spread places that no named gene occupies, and their width."""
    taken_mb = sum(gene.span_kb for gene in NAMED_GENES) / 1000
    # Each chromosome end and each edge of a named gene wastes up to one place.
    places = wanted + 2 * len(NAMED_GENES) + 2 * len(_MEGABASES)
    width = int((sum(_MEGABASES.values()) - taken_mb) * 1e6 / places)
    counts = [mb * 1_000_000 // width - 1 for mb in _MEGABASES.values()]
    chrom = np.repeat(np.arange(len(counts)), counts)
    start = np.concatenate([np.arange(1, count + 1) * width for count in counts])
    free = np.ones(len(chrom), dtype=bool)
    for gene in NAMED_GENES:
        low, high = gene.start_kb * 1000 - width, (gene.start_kb + gene.span_kb) * 1000
        free &= ~((chrom == CHROMOSOMES.index(gene.chrom)) & (start > low) & (start < high))
    first = np.flatnonzero(free)[:wanted]
    # The last tenth of a place stays empty: neighbouring genes and their flanks never meet.
    return chrom[first], start[first], width * 9 // 10


def fixed_bits(*keys: Integers) -> npt.NDArray[np.uint64]:
    """Mix integers into 64 evenly spread bits: the same keys always give the same invented sequence."""
    mixed = np.zeros(1, dtype=np.uint64)
    for key in keys:
        # The finalizer of SplitMix64 (Steele, Lea & Flood 2014, figure 19).
        mixed = mixed + key.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed = mixed ^ (mixed >> np.uint64(31))
    return mixed


def reference_base(chrom: Integers, pos: Integers) -> Integers:
    """Return the base of the invented genome at each place, as an index into :data:`BASES`."""
    return np.asarray(_BASE_OF_BITS[(fixed_bits(chrom, pos) & np.uint64(63)).astype(np.int64)])


def residue(gene: Integers, codon: Integers) -> Integers:
    """Return the residue of the invented protein, as an index into :data:`RESIDUES`."""
    return (fixed_bits(gene, codon) % np.uint64(20)).astype(np.int64)
