"""The annotations that SnpEff writes: ``ANN``, and ``EFF`` as versions before 4.1 wrote it."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from urllib.parse import unquote

from trastuz_ml.calls.annotation.gene_effect import (
    EVERYTHING,
    NOTHING,
    Annotation,
    GeneEffect,
    Genes,
    effect_in,
    genes_that_count,
    of_alternatives,
)
from trastuz_ml.calls.effects import Consequence, consequence
from trastuz_ml.errors import InputError

_CHOICE = "most severe"  # SnpEff flags no transcript: what is reported was decided when it ran (-canon)
_INTERGENIC = frozenset(("intergenic_region", "intergenic_variant", "conserved_intergenic_variant"))

# SnpEff's own words, before it used Sequence Ontology terms.
_SO_OF_OLD_WORDS: dict[str, str] = {
    "CDS": "coding_sequence_variant",
    "CHROMOSOME": "chromosome",
    "CHROMOSOME_ELONGATION": "feature_elongation",
    "CHROMOSOME_LARGE_DELETION": "chromosome_number_variation",
    "CODON_CHANGE": "coding_sequence_variant",
    "CODON_CHANGE_PLUS_CODON_DELETION": "disruptive_inframe_deletion",
    "CODON_CHANGE_PLUS_CODON_INSERTION": "disruptive_inframe_insertion",
    "CODON_DELETION": "conservative_inframe_deletion",
    "CODON_INSERTION": "conservative_inframe_insertion",
    "CUSTOM": "custom",
    "DOWNSTREAM": "downstream_gene_variant",
    "EXON": "non_coding_exon_variant",
    "EXON_DELETED": "exon_loss_variant",
    "FRAME_SHIFT": "frameshift_variant",
    "GENE": "gene_variant",
    "INTERGENIC": "intergenic_region",
    "INTERGENIC_CONSERVED": "conserved_intergenic_variant",
    "INTRAGENIC": "intragenic_variant",
    "INTRON": "intron_variant",
    "INTRON_CONSERVED": "conserved_intron_variant",
    "MICRO_RNA": "miRNA",
    "MOTIF": "TF_binding_site_variant",
    "MOTIF_DELETED": "TFBS_ablation",
    "NEXT_PROT": "sequence_feature",
    "NON_SYNONYMOUS_CODING": "missense_variant",
    "NON_SYNONYMOUS_START": "initiator_codon_variant",
    "NON_SYNONYMOUS_STOP": "stop_retained_variant",
    "PROTEIN_PROTEIN_INTERACTION_LOCUS": "protein_protein_contact",
    "PROTEIN_STRUCTURAL_INTERACTION_LOCUS": "structural_interaction_variant",
    "RARE_AMINO_ACID": "rare_amino_acid_variant",
    "REGULATION": "regulatory_region_variant",
    "SPLICE_SITE_ACCEPTOR": "splice_acceptor_variant",
    "SPLICE_SITE_BRANCH": "splice_branch_variant",
    "SPLICE_SITE_BRANCH_U12": "splice_branch_variant",
    "SPLICE_SITE_DONOR": "splice_donor_variant",
    "SPLICE_SITE_REGION": "splice_region_variant",
    "START_GAINED": "5_prime_UTR_premature_start_codon_gain_variant",
    "START_LOST": "start_lost",
    "STOP_GAINED": "stop_gained",
    "STOP_LOST": "stop_lost",
    "SYNONYMOUS_CODING": "synonymous_variant",
    "SYNONYMOUS_START": "start_retained_variant",
    "SYNONYMOUS_STOP": "stop_retained_variant",
    "TRANSCRIPT": "non_coding_transcript_variant",
    "TRANSCRIPT_DELETED": "transcript_ablation",
    "UPSTREAM": "upstream_gene_variant",
    "UTR_3_DELETED": "3_prime_UTR_truncation&exon_loss_variant",
    "UTR_3_PRIME": "3_prime_UTR_variant",
    "UTR_5_DELETED": "5_prime_UTR_truncation&exon_loss_variant",
    "UTR_5_PRIME": "5_prime_UTR_variant",
    "WITHIN_NON_CODING_GENE": "non_coding_exon_variant",
}


# Allele, Sequence Ontology terms and gene of an entry, and the entry itself, for what only a chosen one tells.
_Entry = tuple[str, str, str, str]
_Entries = Callable[[str], Iterator[_Entry]]
# From an entry: the coding and the protein change.
_Changes = Callable[[str], tuple[str, str]]


def ann_annotation(field: str, description: str, wanted: Container[str] = EVERYTHING) -> Annotation:
    """Return the reader of SnpEff's ``ANN``.

    An entry of a cancer comparison (allele ``G-C``: G against C of the germline) is not one against the
    reference genome, which a call is; the entry of the allele itself (``G``) is there too and is used.

    Raises
    ------
    InputError
        If the description does not list the subfields.
    """
    names = _names(field, description, "Functional annotations: 'Allele | Annotation | ...'")
    place = _places(field, names, "allele", "annotation", "gene_name", "hgvs.c", "hgvs.p")
    allele, terms, gene = place["allele"], place["annotation"], place["gene_name"]
    hgvsc, hgvsp = place["hgvs.c"], place["hgvs.p"]
    first, least, bars = max(allele, terms, gene) + 1, max(allele, terms, gene, hgvsc, hgvsp), len(names) - 1

    def entries(text: str) -> Iterator[_Entry]:
        for entry in text.split(","):
            # Trailing subfields that are empty may be missing in old files.
            if not least <= entry.count("|") <= bars:
                raise InputError(_ragged(field, entry, entry.count("|") + 1, len(names)))
            head = entry.split("|", first)
            yield head[allele], head[terms], head[gene], entry

    def changes(entry: str) -> tuple[str, str]:
        fields = entry.split("|")
        return fields[hgvsc], fields[hgvsp]

    return Annotation(field, _CHOICE, _reader(entries, _if_wanted(changes, wanted), lambda _, alts: alts))


def eff_annotation(field: str, description: str, wanted: Container[str] = EVERYTHING) -> Annotation:
    """Return the reader of old SnpEff's ``EFF``: ``Effect(Impact|...|Gene_Name|...|Genotype_Number)``.

    Raises
    ------
    InputError
        If the description does not list the subfields.
    """
    inner = re.search(r"\(([^\[)]+)", description)
    names = _names(field, inner[1] if inner else "", "Effect ( Effect_Impact | ... | Gene_Name | ... )")
    place = _places(field, names, "gene_name")
    gene, change = place["gene_name"], place.get("amino_acid_change")
    genotype = place.get("genotype_number", place.get("genotype"))

    def entries(text: str) -> Iterator[_Entry]:
        for entry in text.split(","):
            effect, _, inside = entry.partition("(")
            fields = inside.removesuffix(")").split("|")
            # Errors and warnings may follow; trailing subfields may be missing.
            if not inside.endswith(")") or not gene < len(fields) <= len(names) + 2:
                raise InputError(_ragged(field, entry, len(fields), len(names)))
            allele = fields[genotype] if genotype is not None and genotype < len(fields) else ""
            yield allele, _so_terms(effect), fields[gene], fields[change] if change is not None else ""

    return Annotation(field, _CHOICE, _reader(entries, _if_wanted(_changes, wanted), _eff_names))


def _names(field: str, listed: str, expected: str) -> list[str]:
    names = [name.strip().casefold() for name in listed.rpartition(":")[2].strip(" '\".").split("|")]
    if len(names) < 3:
        raise InputError(
            f'the header\'s description of {field} does not list its subfields; expected "{expected}" as '
            "SnpEff writes it. Annotate again with snpEff ann, or restore SnpEff's header line."
        )
    return names


def _places(field: str, names: Sequence[str], *needed: str) -> dict[str, int]:
    place = {name: index for index, name in enumerate(names)}
    lacking = [name for name in needed if name not in place]
    if lacking:
        raise InputError(
            f"the header's list of {field} subfields lacks {' and '.join(lacking)}; it has {', '.join(names)}. "
            "Annotate again with snpEff ann."
        )
    return place


def _ragged(field: str, entry: str, found: int, listed: int) -> str:
    return (
        f"an entry of {field} has {found} subfields where the header lists {listed}: '{entry[:80]}'. "
        "The header line and the records come from different annotations, or the line was cut."
    )


@lru_cache(maxsize=8192)
def _so_terms(effect: str) -> str:
    """Return the Sequence Ontology terms of an ``EFF`` effect: details in brackets are left out."""
    words = effect.partition("[")[0].replace("+", "&").split("&")
    return "&".join(_SO_OF_OLD_WORDS.get(word, word) for word in words)


def _if_wanted(changes: _Changes, wanted: Container[str]) -> _Changes:
    return changes if "hgvsc" in wanted or "hgvsp" in wanted else lambda _: ("", "")


def _changes(change: str) -> tuple[str, str]:
    """Return the coding and the protein change of ``EFF``: ``p.Arg85Cys/c.253C>T``, or neither."""
    parts = change.split("/")
    protein = next((part for part in parts if part.startswith("p.")), "")
    return next((part for part in parts if part.startswith(("c.", "n."))), ""), protein


def _eff_names(alleles: Mapping[str, object], alts: Sequence[str]) -> Sequence[str]:
    """Return the names of the alternatives in ``EFF``: their numbers, their bases, or none in old files."""
    own = {name for name in alleles if "-" not in name}  # 2-1 compares two alternatives
    if own == {""} and len(alts) == 1:
        return [""]
    if any(not name.isdigit() for name in own - {""}):
        return alts
    numbers = [str(number) for number in range(1, len(alts) + 1)]
    if own <= set(numbers):
        return numbers
    raise InputError(
        f"EFF names the alleles {', '.join(sorted(own)) or 'nowhere'} of a record with the alternatives "
        f"{', '.join(alts)[:80]}: which effect belongs to which cannot be told. Split records with several "
        "alternatives (bcftools norm -m -any) before annotating, or annotate with snpEff 4.1 or later."
    )


def _reader(
    entries: _Entries,
    changes: _Changes,
    names: Callable[[Mapping[str, object], Sequence[str]], Sequence[str]],
) -> Callable[[str, str, Sequence[str]], list[list[GeneEffect]]]:
    def gene_effect(what: Consequence, one: tuple[str, str], ref: str, alt: str) -> GeneEffect:
        texts = (unquote(text) or None for text in (one[0], *changes(one[1])))
        gene, hgvsc, hgvsp = texts
        return GeneEffect(gene, what.term, effect_in(what, len(alt) - len(ref)), hgvsc, hgvsp)

    def genes(text: str, ref: str, alts: Sequence[str]) -> list[list[GeneEffect]]:
        alleles = {} if text in NOTHING else _grouped(entries(text))
        found = of_alternatives(alleles, names(alleles, alts), ref, alts) if alleles else [None] * len(alts)
        return [
            [gene_effect(*min(one, key=_severity), ref, alt) for one in genes_that_count(of_allele)]
            if of_allele
            else []
            for alt, of_allele in zip(alts, found, strict=True)
        ]

    return genes


def _grouped(entries: Iterable[_Entry]) -> dict[str, Genes[tuple[str, str]]]:
    alleles: dict[str, Genes[tuple[str, str]]] = {}
    for allele, terms, named, entry in entries:
        if not terms:
            continue  # SnpEff could say nothing: an unknown chromosome, for one
        what = consequence(terms)
        genes = alleles.setdefault(allele, {})
        # SnpEff names a stretch between genes after its two neighbours, and a fusion after both partners.
        for gene in ("",) if what.term in _INTERGENIC else named.split("&"):
            if gene in genes:
                genes[gene].append((what, (gene, entry)))
            else:
                genes[gene] = [(what, (gene, entry))]
    return alleles


def _severity(entry: tuple[Consequence, tuple[str, str]]) -> int:
    return entry[0].severity
