"""The annotation that GATK's Funcotator writes into ``FUNCOTATION``: one group an alternative allele."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

from trastuz_ml.calls.annotation.gene_effect import (
    EVERYTHING,
    NOTHING,
    Annotation,
    GeneEffect,
    Genes,
    genes_that_count,
    highest,
)
from trastuz_ml.calls.effects import Consequence, effect_of_maf_class
from trastuz_ml.errors import InputError

# Funcotator's words, most severe first, with the MAF class that it writes for each into a MAF.
_MAF_CLASS: dict[str, str] = {
    "NONSENSE": "Nonsense_Mutation",
    "FRAME_SHIFT_DEL": "Frame_Shift_Del",
    "FRAME_SHIFT_INS": "Frame_Shift_Ins",
    "SPLICE_SITE": "Splice_Site",
    "NONSTOP": "Nonstop_Mutation",
    "START_CODON_SNP": "Start_Codon_SNP",
    "START_CODON_DEL": "Start_Codon_Del",
    "START_CODON_INS": "Start_Codon_Ins",
    "IN_FRAME_INS": "In_Frame_Ins",
    "IN_FRAME_DEL": "In_Frame_Del",
    "MISSENSE": "Missense_Mutation",
    "SILENT": "Silent",
    "DE_NOVO_START_OUT_FRAME": "De_novo_Start_OutOfFrame",
    "DE_NOVO_START_IN_FRAME": "De_novo_Start_InFrame",
    "FIVE_PRIME_UTR": "5'UTR",
    "THREE_PRIME_UTR": "3'UTR",
    "RNA": "RNA",
    "LINCRNA": "lincRNA",
    "INTRON": "Intron",
    "FIVE_PRIME_FLANK": "5'Flank",
    "THREE_PRIME_FLANK": "3'Flank",
    "IGR": "IGR",
}
_UNDETERMINED = frozenset(("", "COULD_NOT_DETERMINE", "__UNKNOWN__"))

_CONSEQUENCES: dict[str, Consequence] = {
    word: Consequence(maf, effect_of_maf_class(maf), rank, outside=word.endswith("FLANK") or word == "IGR")
    for rank, (word, maf) in enumerate(_MAF_CLASS.items())
}
_FREQUENCY = re.compile(r"gnomad_(exome|genome)_af", re.IGNORECASE)
_ESCAPED = re.compile(r"_%([0-9A-Fa-f]{2})_")
_ABSENT = -1


@dataclass(frozen=True)
class _Columns:
    """Where the subfields stand; -1 for those that are absent."""

    names: int
    symbol: int
    classification: int
    hgvsc: int
    hgvsp: int
    frequencies: tuple[int, ...]


def funcotator_annotation(field: str, description: str, wanted: Container[str] = EVERYTHING) -> Annotation:
    """Return the reader of a Funcotator field, made for the subfields that its description lists.

    Funcotator reports one transcript for each allele; where it was told to report all, the most severe
    of a gene's is taken. A classification that Funcotator could not determine is no annotation. The
    consequence of a call is the MAF class that stands for Funcotator's word.

    Raises
    ------
    InputError
        If the description lists no subfields, or lacks the gene or the classification.
    """
    names = [name.strip(" '\"") for name in description.rpartition("are:")[2].split("|")]
    columns = _columns(field, names, wanted)
    return Annotation(field, "Funcotator's transcript, else most severe", _reader(field, columns))


def _columns(field: str, names: Sequence[str], wanted: Container[str]) -> _Columns:
    def of(ending: str) -> int:
        wanted = re.compile(rf"gencode_.*_{ending}", re.IGNORECASE)
        return next((index for index, name in enumerate(names) if wanted.fullmatch(name)), _ABSENT)

    symbol, classification = of("hugosymbol"), of("variantclassification")
    if min(symbol, classification) < 0:
        raise InputError(
            f"the header's description of {field} does not list Gencode_..._hugoSymbol and "
            "Gencode_..._variantClassification (Funcotation fields are: ...), so its entries cannot be read. "
            "Annotate again with gatk Funcotator --output-file-format VCF."
        )
    frequencies = tuple(
        index
        for index, name in enumerate(names)
        if "population_frequency" in wanted and _FREQUENCY.fullmatch(name)
    )
    hgvsc = of("cdnachange") if "hgvsc" in wanted else _ABSENT
    hgvsp = of("proteinchange") if "hgvsp" in wanted else _ABSENT
    return _Columns(len(names), symbol, classification, hgvsc, hgvsp, frequencies)


def _reader(field: str, at: _Columns) -> Callable[[str, str, Sequence[str]], list[list[GeneEffect]]]:
    def genes(text: str, ref: str, alts: Sequence[str]) -> list[list[GeneEffect]]:
        if text in NOTHING:
            return [[] for _ in alts]
        groups = text.split(",")  # a comma within a value is written _%2C_
        if len(groups) != len(alts):
            raise InputError(
                f"{field} has {len(groups)} groups where the record has {len(alts)} alternative alleles. "
                "Were its alleles split or joined after the annotation?"
            )
        return [
            [
                _gene_effect(field, at, *min(entries, key=_severity))
                for entries in (genes_that_count(found) if found else [])
            ]
            for found in (_grouped(field, at, group) for group in groups)
        ]

    return genes


def _severity(entry: tuple[Consequence, list[str]]) -> int:
    return entry[0].severity


def _grouped(field: str, at: _Columns, group: str) -> Genes[list[str]]:
    """Return the transcripts of one allele by gene: ``[a|b|c]#[d|e|f]``."""
    genes: Genes[list[str]] = {}
    for transcript in group.removeprefix("[").removesuffix("]").split("]#["):
        fields = transcript.split("|")
        if len(fields) != at.names:
            raise InputError(
                f"an entry of {field} has {len(fields)} subfields where the header lists {at.names}: "
                f"'{transcript[:80]}'. The header line and the records come from different annotations, "
                "or the line was cut."
            )
        word = fields[at.classification]
        if word in _UNDETERMINED:
            continue
        gene = fields[at.symbol]
        genes.setdefault("" if gene == "Unknown" else gene, []).append((_known(word), fields))
    return genes


def _known(word: str) -> Consequence:
    found = _CONSEQUENCES.get(word)
    if found is None:
        raise InputError(
            f"'{word[:80]}' is not a variant classification of Funcotator; expected one of "
            f"{', '.join(_CONSEQUENCES)}."
        )
    return found


def _gene_effect(field: str, at: _Columns, what: Consequence, fields: list[str]) -> GeneEffect:
    def text(index: int) -> str | None:
        return _plain(fields[index]) or None if index >= 0 else None

    frequency = "&".join(_plain(fields[index]) for index in at.frequencies)
    gene = text(at.symbol)
    return GeneEffect(
        None if gene == "Unknown" else gene,
        what.term,
        what.effect,
        hgvsc=text(at.hgvsc),
        hgvsp=text(at.hgvsp),
        population_frequency=highest(frequency, f"{field} gnomAD frequency") if frequency else None,
    )


def _plain(value: str) -> str:
    """Undo Funcotator's escapes: ``_%20_`` is a blank."""
    if "_%" not in value:
        return value
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)
