"""Draw the calls of simulated patients: the genes that are hit, the places, the alleles and the words of a MAF."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from trastuz_ml import schema
from trastuz_ml.calls.effects import effect_of_maf_class
from trastuz_ml.features.simulated_genes import (
    BASES,
    CHROMOSOMES,
    DRIVERS,
    EXON,
    RESIDUES,
    Driver,
    Exome,
    Flags,
    Integers,
    Numbers,
    fixed_bits,
    reference_base,
    residue,
)  # fmt: skip

_PATIENTS_A_BLOCK = 4096  # patients simulated at a time, which bounds the memory
# Nonsilent calls of an ER-positive and an ER-negative patient: mean and standard deviation of the natural
# logarithm. Over all patients TransNEO has a median of 40, a log mean of 3.66 and a log standard deviation
# of 0.77; the spread here is wider because the drivers, which come on top, narrow it.
_LOG_BURDEN, _LOG_BURDEN_SD = (3.58, 3.82), 0.80
_DEPTH_MEDIAN, _DEPTH_LOG_SD, _DEPTH_LEAST = 96, 0.64, 10
_VAF_BETA = (2.0, 8.5)  # mean 0.19, standard deviation 0.12
_FEWEST_READS = 3  # with fewer no caller would have reported the call
_LONGEST_INDEL = 12
# Cumulative probability of the three other bases, in alphabetical order, for A, C, G and T.
_SUBSTITUTED = np.array([[0.21, 0.71, 1.0], [0.20, 0.46, 1.0], [0.54, 0.80, 1.0], [0.29, 0.79, 1.0]])
_NO_VERDICT = 0.08  # missense calls without SIFT and PolyPhen in TransNEO


class _Word(NamedTuple):
    """A MAF class: rows in TransNEO, shares of them that delete and insert, and words of its protein change."""

    name: str
    rows: int
    deletions: float = 0.0
    insertions: float = 0.0
    tail: str | None = None  # what follows the codon; none for a call outside the protein
    head: str | None = None  # what stands for the residue


# Targeted_Region and IGR (13 rows) are left out: they belong to no gene.
_WORDS = (
    _Word("Missense_Mutation", 7140, tail=""),
    _Word("Nonsense_Mutation", 490, tail="*"),
    _Word("Frame_Shift_Del", 384, deletions=1.0, tail="fs*"),
    _Word("Splice_Site", 211, deletions=0.23, tail="_splice", head="X"),
    _Word("Frame_Shift_Ins", 141, insertions=1.0, tail="fs*"),
    _Word("In_Frame_Del", 120, deletions=1.0, tail="del"),
    _Word("In_Frame_Ins", 23, insertions=1.0, tail="ins"),
    _Word("Translation_Start_Site", 9, tail="?", head="M"),
    _Word("Nonstop_Mutation", 6, tail="ext*", head="*"),
    _Word("Silent", 2554, tail="="),
    _Word("Intron", 4141, 0.06, 0.02),
    _Word("3'UTR", 267, 0.06, 0.02),
    _Word("5'UTR", 258, 0.07, 0.02),
    _Word("5'Flank", 140, 0.13, 0.01),
    _Word("RNA", 139, 0.08, 0.01),
    _Word("3'Flank", 98, 0.04, 0.01),
)
_NAMES = [word.name for word in _WORDS]
_EFFECTS = [effect_of_maf_class(name) for name in _NAMES]
_ROWS = np.array([word.rows for word in _WORDS], dtype=float)
_DELETIONS = np.array([word.deletions for word in _WORDS])
_INSERTIONS = np.array([word.insertions for word in _WORDS])
_TAILS, _HEADS = [word.tail for word in _WORDS], [word.head for word in _WORDS]
_NONSILENT = np.isin(_EFFECTS, schema.NONSILENT)
_PLANTED = np.isin(_NAMES, ["Nonsense_Mutation", "Frame_Shift_Del", "Frame_Shift_Ins", "Splice_Site"])


class _Calls(NamedTuple):
    """Calls of some patients, as parallel arrays.

    ``patient``, ``gene`` and ``word`` are indices. ``number`` is the HGVS position (a coding base; in an
    intron the last coding base before it; in a UTR the distance to the coding sequence), ``offset`` the bases
    into an intron, ``pos`` the place on the chromosome of the first changed base (of the base before an
    insertion), ``deleted`` and ``inserted`` are numbers of bases.
    """

    patient: Integers
    gene: Integers
    word: Integers
    codon: Integers
    number: Integers
    offset: Integers
    pos: Integers
    deleted: Integers
    inserted: Integers


def draw_calls(
    seeds: np.random.SeedSequence,
    roster: pd.DataFrame,
    truncations: Mapping[str, float],
    exome: Exome,
    followed: Sequence[str],
) -> tuple[pd.DataFrame, pd.DataFrame, Integers]:
    """Draw the calls of the patients on a roster, planted ones and background.

    Returns the calls table; whether each patient carries each followed gene, that is, has a nonsilent call
    in it; and how many nonsilent calls each patient has.
    """
    starts = range(0, len(roster), _PATIENTS_A_BLOCK)
    generators = map(np.random.default_rng, seeds.spawn(len(starts)))
    blocks = [
        _draw_block(rng, roster[start : start + _PATIENTS_A_BLOCK], truncations, exome, followed)
        for rng, start in zip(generators, starts, strict=True)
    ]
    tables, carriers, burden = zip(*blocks, strict=True)
    calls = schema.conform(pa.concat_tables(tables).to_pandas(), schema.CALLS)
    return calls, pd.DataFrame(np.concatenate(carriers), columns=list(followed)), np.concatenate(burden)


def _draw_block(
    rng: np.random.Generator,
    roster: pd.DataFrame,
    truncations: Mapping[str, float],
    exome: Exome,
    followed: Sequence[str],
) -> tuple[pa.Table, Flags, Integers]:
    er_positive = (roster["er_status"] == "POS").to_numpy()
    planted = _draw_planted(rng, er_positive, truncations, exome)
    background = _draw_background(rng, er_positive, exome)
    patient, gene, word = (np.concatenate(pair) for pair in zip(planted, background, strict=True))
    calls = _draw_places(rng, patient, gene, word, exome)
    # One call a place: the first, so that planted calls win.
    first = np.unique((patient << 34) | (exome.chrom[gene] << 29) | calls.pos, return_index=True)[1]
    calls = _Calls(*(values[first] for values in calls))

    nonsilent = _NONSILENT[calls.word]
    carriers = np.zeros((len(roster), len(followed)), dtype=bool)
    for at, name in enumerate(followed):
        carriers[calls.patient[nonsilent & (calls.gene == exome.index[name])], at] = True
    burden = np.bincount(calls.patient[nonsilent], minlength=len(roster))
    return _describe(rng, list(roster["patient"]), calls, exome), carriers, burden


# ------------------------------------------------------------------------------------- genes and MAF classes
def _draw_planted(
    rng: np.random.Generator, er_positive: Flags, truncations: Mapping[str, float], exome: Exome
) -> tuple[Integers, Integers, Integers]:
    """Draw at most one call a patient in each driver and each planted gene."""
    drivers = [*DRIVERS, *(Driver(gene, share, share, 1.0) for gene, share in truncations.items())]
    names, in_positive, in_negative, truncating = (np.array(facts) for facts in zip(*drivers, strict=True))
    prevalence = np.where(er_positive[:, None], in_positive, in_negative)
    patient, driver = np.nonzero(rng.random(prevalence.shape) < prevalence)
    gene = np.array([exome.index[name] for name in names])[driver]
    truncated = rng.random(len(driver)) < truncating[driver]
    words = _draw_words(rng, len(driver), _PLANTED)
    return patient, gene, np.where(truncated, words, _NAMES.index("Missense_Mutation"))


def _draw_background(
    rng: np.random.Generator, er_positive: Flags, exome: Exome
) -> tuple[Integers, Integers, Integers]:
    """Draw each patient's burden, and spread it over the genes in proportion to their length."""
    nonsilent = np.rint(rng.lognormal(np.where(er_positive, *_LOG_BURDEN), _LOG_BURDEN_SD)).astype(np.int64)
    others = rng.poisson(nonsilent * (_ROWS[~_NONSILENT].sum() / _ROWS[_NONSILENT].sum()))
    each = np.arange(len(er_positive))
    patient = np.concatenate([np.repeat(each, nonsilent), np.repeat(each, others)])
    gene = np.searchsorted(exome.cumulative, rng.random(len(patient)), side="right")
    words = [_draw_words(rng, nonsilent.sum(), _NONSILENT), _draw_words(rng, others.sum(), ~_NONSILENT)]
    return patient, gene, np.concatenate(words)


def _draw_words(rng: np.random.Generator, size: int, among: Flags) -> Integers:
    rows = np.where(among, _ROWS, 0.0)
    return np.searchsorted(np.cumsum(rows / rows.sum()), rng.random(size), side="right")


def _is(word: Integers, *names: str) -> Flags:
    return np.isin(word, [_NAMES.index(name) for name in names])


# ---------------------------------------------------------------------------------------------- places
def _draw_places(
    rng: np.random.Generator, patient: Integers, gene: Integers, word: Integers, exome: Exome
) -> _Calls:
    deleted, inserted = _draw_lengths(rng, word)
    codon = _draw_codons(rng, word, exome.residues[gene], indel=deleted + inserted > 0)
    number = 3 * codon - 2 + _draw_phases(rng, word)
    exon_end = (np.minimum((codon - 1) // (EXON // 3), exome.exons[gene] - 2) + 1) * EXON

    spliced, intronic = _is(word, "Splice_Site"), _is(word, "Intron")
    number = np.where(spliced | intronic, exon_end, number)
    codon = np.where(spliced, number // 3, codon)
    beside = np.where(deleted > 0, 1, rng.integers(1, 3, len(word)))
    within = rng.geometric(0.03, len(word)).clip(3, 100)
    offset = np.select([spliced, intronic], [beside, within], 0)
    inside = exome.locate(gene, number) + offset

    outside = rng.geometric(0.02, len(word)).clip(_LONGEST_INDEL + 1, 250)
    start, end = exome.start[gene], exome.locate(gene, 3 * exome.residues[gene] + 3)
    before, after = _is(word, "5'UTR"), _is(word, "3'UTR")
    pos = np.select(
        [before, after, _is(word, "5'Flank"), _is(word, "3'Flank")],
        [start - outside, end + outside, start - 300 - outside, end + 300 + outside],
        inside,
    )
    number = np.select([before, after], [-outside, outside], number)
    return _Calls(patient, gene, word, codon, number, offset, pos, deleted, inserted)


def _draw_lengths(rng: np.random.Generator, word: Integers) -> tuple[Integers, Integers]:
    """Draw how many bases each call deletes and inserts; a substitution does neither."""
    short = rng.geometric(0.45, len(word)).clip(1, _LONGEST_INDEL // 3)
    shifting = 3 * (short - 1) + rng.integers(1, 3, len(word))
    length = np.select(
        [_is(word, "Frame_Shift_Del", "Frame_Shift_Ins"), _is(word, "In_Frame_Del", "In_Frame_Ins")],
        [shifting, 3 * short],
        short,
    )
    kind = rng.random(len(word))
    deleted = kind < _DELETIONS[word]
    inserted = ~deleted & (kind < _DELETIONS[word] + _INSERTIONS[word])
    return np.where(deleted, length, 0), np.where(inserted, length, 0)


def _draw_codons(rng: np.random.Generator, word: Integers, residues: Integers, *, indel: Flags) -> Integers:
    """Draw the codon of each call, so that a place of the genome has one consequence in every patient."""
    codon = 2 + (rng.random(len(word)) * (residues - 5)).astype(np.int64)
    # One codon in sixteen is kept for nonsense; see _draw_phases for silent and missense.
    codon = np.where(_is(word, "Missense_Mutation") & (codon % 16 == 0), codon - 1, codon)
    codon = np.where(_is(word, "Nonsense_Mutation"), np.maximum(codon // 16 * 16, 16), codon)
    # An indel ends in the exon where it began.
    codon = np.where(indel, codon - np.maximum((codon - 1) % (EXON // 3) - 45, 0), codon)
    first, last = _is(word, "Translation_Start_Site"), _is(word, "Nonstop_Mutation")
    return np.select([first, last], [1, residues + 1], codon)


def _draw_phases(rng: np.random.Generator, word: Integers) -> Integers:
    phase = rng.integers(0, 3, len(word))
    phase = np.where(_is(word, "Missense_Mutation"), phase % 2, phase)
    third = _is(word, "Silent", "In_Frame_Ins")
    return np.select([_is(word, "Nonsense_Mutation", "In_Frame_Del"), third], [0, 2], phase)


# ---------------------------------------------------------------------------------------------- words
def _describe(rng: np.random.Generator, patients: Sequence[str], calls: _Calls, exome: Exome) -> pa.Table:
    """Put the calls into words: a table with the columns of the calls table."""
    chrom = exome.chrom[calls.gene]
    ref, alt = _draw_alleles(rng, chrom, calls)
    depth, alt_reads = _draw_reads(rng, len(chrom))
    sift, polyphen = _verdicts(calls.word, chrom, calls.pos, alt)
    columns = {
        "patient": _pick(patients, calls.patient),
        "gene": _pick(exome.names, calls.gene),
        "effect": _pick(_EFFECTS, calls.word),
        "consequence": _pick(_NAMES, calls.word),
        "chrom": _pick(CHROMOSOMES, chrom),
        "pos": calls.pos,
        "ref": ref,
        "alt": alt,
        "vaf": alt_reads / depth,
        "depth": depth,
        "alt_reads": alt_reads,
        "filter": _pick(["PASS"], np.zeros_like(chrom)),
        "hgvsc": _coding_changes(calls, ref, alt),
        "hgvsp": _protein_changes(calls, alt),
        "sift": sift,
        "polyphen": polyphen,
    }
    return pa.table(columns)


def _pick(texts: Sequence[str | None], at: Integers, *, none: Flags | None = None) -> Any:
    return pa.array(list(texts), pa.large_string()).take(pa.array(at, mask=none))


def _where(condition: Flags, yes: Any, no: Any) -> Any:
    return pc.if_else(pa.array(condition), yes, no)


def _joined(*parts: Any) -> Any:
    """Join texts, arrays and numbers row by row; a missing part makes the whole missing."""
    texts = [pc.cast(pa.scalar(p) if isinstance(p, str) else pa.array(p), pa.large_string()) for p in (*parts, "")]
    return pc.binary_join_element_wise(*texts)


def _draw_alleles(rng: np.random.Generator, chrom: Integers, calls: _Calls) -> tuple[Any, Any]:
    base = reference_base(chrom, calls.pos)
    other = (rng.random((len(base), 1)) > _SUBSTITUTED[base]).sum(axis=1)
    substituted = other + (other >= base)
    ref = np.zeros((len(base), _LONGEST_INDEL), dtype=np.uint8)
    alt = np.zeros_like(ref)
    ref[:, 0] = np.where(calls.inserted > 0, ord("-"), BASES[base])
    alt[:, 0] = np.where(calls.deleted > 0, ord("-"), BASES[substituted])
    for at in range(_LONGEST_INDEL):
        rows = np.flatnonzero(calls.deleted > at)
        ref[rows, at] = BASES[reference_base(chrom[rows], calls.pos[rows] + at)]
        rows = np.flatnonzero(calls.inserted > at)
        alt[rows, at] = rng.choice(BASES, len(rows))
    ref_words, alt_words = (letters.view(f"S{_LONGEST_INDEL}").ravel() for letters in (ref, alt))
    return _joined(ref_words), _joined(alt_words)


def _draw_reads(rng: np.random.Generator, size: int) -> tuple[Integers, Numbers]:
    depth = np.rint(rng.lognormal(math.log(_DEPTH_MEDIAN), _DEPTH_LOG_SD, size)).astype(np.int64)
    depth = np.maximum(depth, _DEPTH_LEAST)
    reads = np.maximum(rng.binomial(depth, rng.beta(*_VAF_BETA, size)), _FEWEST_READS)
    return depth, reads


def _verdicts(word: Integers, chrom: Integers, pos: Integers, alt: Any) -> tuple[Any, Any]:
    """Return SIFT's and PolyPhen's word and score of each missense call, fixed for a variant."""
    sift_words = [f"{'deleterious' if s <= 5 else 'tolerated'}({s / 100:g})" for s in range(101)]
    polyphen_words = [
        f"{'benign' if s <= 445 else 'possibly_damaging' if s <= 908 else 'probably_damaging'}({s / 1000:g})"
        for s in range(1001)
    ]
    letter = pc.binary_length(alt).to_numpy(zero_copy_only=False) + _first_letters(alt)
    bits = fixed_bits(chrom, pos, letter)
    worse, own, mixed, absent = (((bits >> np.uint64(s)) & np.uint64(0xFFFF)) / 65536 for s in (0, 16, 32, 48))
    # 57 % deleterious; PolyPhen agrees with SIFT's rank in two of three, and is drawn alone in the third.
    sift = np.where(worse < 0.57, worse / 0.57 * 6, 6 + (worse - 0.57) / 0.43 * 95).astype(np.int64)
    rank = np.where(mixed < 2 / 3, 1 - worse, own)
    polyphen = (np.interp(rank, [0, 0.44, 0.64, 1], [0, 0.446, 0.909, 1.0]) * 1000).astype(np.int64)
    none = ~_is(word, "Missense_Mutation") | (absent < _NO_VERDICT)
    return _pick(sift_words, sift, none=none), _pick(polyphen_words, polyphen, none=none)


def _first_letters(alleles: Any) -> Integers:
    firsts = pc.utf8_slice_codeunits(alleles, 0, 1)
    found = pc.index_in(firsts, value_set=pa.array(list("-ACGT"), pa.large_string()))
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64)


def _coding_changes(calls: _Calls, ref: Any, alt: Any) -> Any:
    """Return HGVS coding changes, as c.12A>G, c.12+1_12+3del or c.*5_*6insT; none outside the transcript."""
    further = np.where(calls.inserted > 0, 1, np.maximum(calls.deleted - 1, 0))
    kind = _where(_is(calls.word, "RNA"), "n.", "c.")
    last = _where(further > 0, _joined("_", _location(calls, further)), "")
    substituted = _where(calls.inserted > 0, _joined("ins", alt), _joined(ref, ">", alt))
    whole = _joined(kind, _location(calls, 0), last, _where(calls.deleted > 0, "del", substituted))
    return _where(_is(calls.word, "5'Flank", "3'Flank"), None, whole)


def _location(calls: _Calls, further: Integers | int) -> Any:
    """Return the HGVS position of the base so many bases behind the first."""
    intronic = calls.offset > 0
    star = _where(_is(calls.word, "3'UTR"), "*", "")
    into = _where(intronic, _joined("+", calls.offset + further), "")
    return _joined(star, calls.number + np.where(intronic, 0, further), into)


def _protein_changes(calls: _Calls, alt: Any) -> Any:
    """Return short HGVS protein changes, as p.A12V, p.A12Vfs*7 or p.X12_splice; none outside the protein."""
    old = residue(calls.gene, calls.codon)
    other = fixed_bits(calls.gene, calls.codon, calls.number, _first_letters(alt)) % np.uint64(19)
    new = (old + 1 + other.astype(np.int64)) % 20
    run = 1 + (fixed_bits(calls.gene, calls.codon, calls.deleted, calls.inserted) % np.uint64(40)).astype(np.int64)
    extended = _is(calls.word, "Frame_Shift_Del", "Frame_Shift_Ins", "Nonstop_Mutation")
    inframe = _is(calls.word, "In_Frame_Del", "In_Frame_Ins")
    head = pc.coalesce(_pick(_HEADS, calls.word), _pick(RESIDUES, old))
    substituted = _where(extended | _is(calls.word, "Missense_Mutation"), _pick(RESIDUES, new), "")
    tail = _joined(substituted, _pick(_TAILS, calls.word), _where(extended, _joined(run), ""))
    few = _Calls(*(values[inframe] for values in calls))
    tail = pc.replace_with_mask(tail, pa.array(inframe), _inframe_tails(few))
    return _joined("p.", head, calls.codon, tail)


def _inframe_tails(calls: _Calls) -> Any:
    """Return what follows the first residue of in-frame calls: del, _V14del or _V13insGS."""
    gained = calls.inserted // 3
    last = calls.codon + np.where(gained > 0, 1, calls.deleted // 3 - 1)
    until = _joined("_", _pick(RESIDUES, residue(calls.gene, last)), last)
    added = [_pick(RESIDUES, residue(calls.gene, last * 4096 + at + 1)) for at in range(_LONGEST_INDEL // 3)]
    shown = [_where(gained > at, letter, "") for at, letter in enumerate(added)]
    return _joined(_where(last > calls.codon, until, ""), _pick(_TAILS, calls.word), *shown)
