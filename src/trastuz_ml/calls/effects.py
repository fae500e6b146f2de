"""One table of effects, in which MAF classes and Sequence Ontology terms meet.

The order within the table is Ensembl's order of severity, most severe first; the pairing of the two
vocabularies follows vcf2maf. Terms that only SnpEff uses stand beside the nearest of Ensembl's.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from trastuz_ml.errors import InputError

# (Sequence Ontology term, MAF class for a substitution, effect class); None where MAF has no word.
_TABLE: tuple[tuple[str, str | None, str], ...] = (
    ("transcript_ablation", "Splice_Site", "truncating"),
    ("exon_loss_variant", "Splice_Site", "truncating"),
    ("feature_ablation", None, "truncating"),
    ("gene_fusion", None, "truncating"),
    ("bidirectional_gene_fusion", None, "truncating"),
    ("transcript_fusion", None, "truncating"),
    ("transcript_translocation", None, "truncating"),
    ("rearranged_at_DNA_level", None, "truncating"),
    ("splice_acceptor_variant", "Splice_Site", "truncating"),
    ("splice_donor_variant", "Splice_Site", "truncating"),
    ("stop_gained", "Nonsense_Mutation", "truncating"),
    ("frameshift_variant", "Frame_Shift_Del", "truncating"),
    ("frameshift_variant", "Frame_Shift_Ins", "truncating"),
    ("stop_lost", "Nonstop_Mutation", "truncating"),
    ("start_lost", "Translation_Start_Site", "truncating"),
    ("initiator_codon_variant", "Translation_Start_Site", "truncating"),
    ("disruptive_inframe_insertion", "In_Frame_Ins", "inframe"),
    ("disruptive_inframe_deletion", "In_Frame_Del", "inframe"),
    ("conservative_inframe_insertion", "In_Frame_Ins", "inframe"),
    ("conservative_inframe_deletion", "In_Frame_Del", "inframe"),
    ("inframe_insertion", "In_Frame_Ins", "inframe"),
    ("inframe_deletion", "In_Frame_Del", "inframe"),
    ("missense_variant", "Missense_Mutation", "missense"),
    ("conservative_missense_variant", "Missense_Mutation", "missense"),
    ("rare_amino_acid_variant", "Missense_Mutation", "missense"),
    ("protein_altering_variant", "In_Frame_Del", "inframe"),
    ("splice_donor_5th_base_variant", "Splice_Region", "splice_region"),
    ("splice_region_variant", "Splice_Region", "splice_region"),
    ("exonic_splice_region_variant", "Splice_Region", "splice_region"),
    ("splice_donor_region_variant", "Splice_Region", "splice_region"),
    ("splice_polypyrimidine_tract_variant", "Splice_Region", "splice_region"),
    ("splice_branch_variant", "Splice_Region", "splice_region"),
    ("incomplete_terminal_codon_variant", "Silent", "silent"),
    ("start_retained_variant", "Silent", "silent"),
    ("non_canonical_start_codon", "Silent", "silent"),
    ("stop_retained_variant", "Silent", "silent"),
    ("synonymous_variant", "Silent", "silent"),
    ("coding_sequence_variant", "Missense_Mutation", "missense"),
    # SnpEff writes these beside the transcript's own term, which says what the change does to the protein.
    ("structural_interaction_variant", "Targeted_Region", "noncoding"),
    ("protein_protein_contact", "Targeted_Region", "noncoding"),
    ("mature_miRNA_variant", "RNA", "noncoding"),
    ("miRNA", "RNA", "noncoding"),
    ("exon_variant", "RNA", "noncoding"),
    ("exon_region", "RNA", "noncoding"),
    ("5_prime_UTR_premature_start_codon_gain_variant", "5'UTR", "noncoding"),
    ("5_prime_UTR_truncation", "5'UTR", "noncoding"),
    ("5_prime_UTR_variant", "5'UTR", "noncoding"),
    ("3_prime_UTR_truncation", "3'UTR", "noncoding"),
    ("3_prime_UTR_variant", "3'UTR", "noncoding"),
    ("non_coding_transcript_exon_variant", "RNA", "noncoding"),
    ("non_coding_exon_variant", "RNA", "noncoding"),
    ("conserved_intron_variant", "Intron", "noncoding"),
    ("intron_variant", "Intron", "noncoding"),
    ("transcript_amplification", "Intron", "noncoding"),
    ("intragenic_variant", "Intron", "noncoding"),
    ("NMD_transcript_variant", "Silent", "silent"),
    ("non_coding_transcript_variant", "RNA", "noncoding"),
    ("nc_transcript_variant", "RNA", "noncoding"),
    ("coding_transcript_variant", "Targeted_Region", "noncoding"),
    ("gene_variant", "Targeted_Region", "noncoding"),
    ("sequence_feature", "Targeted_Region", "noncoding"),
    ("feature_elongation", "Targeted_Region", "noncoding"),
    ("feature_truncation", "Targeted_Region", "noncoding"),
    ("duplication", "Targeted_Region", "noncoding"),
    ("inversion", "Targeted_Region", "noncoding"),
    ("upstream_gene_variant", "5'Flank", "noncoding"),
    ("downstream_gene_variant", "3'Flank", "noncoding"),
    ("TFBS_ablation", "Targeted_Region", "noncoding"),
    ("TFBS_amplification", "Targeted_Region", "noncoding"),
    ("TFBS_fusion", "Targeted_Region", "noncoding"),
    ("TFBS_translocation", "Targeted_Region", "noncoding"),
    ("TF_binding_site_variant", "IGR", "noncoding"),
    ("regulatory_region_ablation", "Targeted_Region", "noncoding"),
    ("regulatory_region_amplification", "Targeted_Region", "noncoding"),
    ("regulatory_region_fusion", "Targeted_Region", "noncoding"),
    ("regulatory_region_translocation", "Targeted_Region", "noncoding"),
    ("regulatory_region_variant", "IGR", "noncoding"),
    ("regulatory_region", "IGR", "noncoding"),
    ("conserved_intergenic_variant", "IGR", "noncoding"),
    ("feature_fusion", "IGR", "noncoding"),
    ("intergenic_variant", "IGR", "noncoding"),
    ("intergenic_region", "IGR", "noncoding"),
    ("chromosome_number_variation", "Targeted_Region", "noncoding"),
    ("chromosome", "Targeted_Region", "noncoding"),
    ("custom", "Targeted_Region", "noncoding"),
    ("sequence_variant", "Targeted_Region", "noncoding"),
)

# The term that stands for a MAF class where a class has several.
_TERM_OF_A_CLASS: frozenset[str] = frozenset((
    "splice_donor_variant", "stop_gained", "frameshift_variant", "stop_lost", "start_lost", "inframe_insertion",
    "inframe_deletion", "missense_variant", "splice_region_variant", "synonymous_variant", "5_prime_UTR_variant",
    "3_prime_UTR_variant", "non_coding_transcript_exon_variant", "intron_variant", "upstream_gene_variant",
    "downstream_gene_variant", "intergenic_variant",
))  # fmt: skip

# The table from here on speaks of what lies beside a gene, not in it.
_OUTSIDE_FROM = "upstream_gene_variant"

# MAF words beside the main vocabulary: older Firehose and Oncotator names, and capture bookkeeping.
_OLDER_MAF_WORDS: dict[str, str] = {
    "De_novo_Start_OutOfFrame": "noncoding",
    "De_novo_Start_InFrame": "noncoding",
    "Start_Codon_SNP": "truncating",
    "Start_Codon_Ins": "truncating",
    "Start_Codon_Del": "truncating",
    "Stop_Codon_Ins": "truncating",
    "Stop_Codon_Del": "truncating",
    "Targeted_Region": "noncoding",
    "lincRNA": "noncoding",
    "Read-through": "noncoding",
    "Non-coding_Transcript": "noncoding",
    "Synonymous": "silent",
}

MAF_EFFECTS: dict[str, str] = {maf: effect for _, maf, effect in _TABLE if maf} | _OLDER_MAF_WORDS
SO_OF_MAF: dict[str, str] = {maf: so for so, maf, _ in _TABLE if maf and so in _TERM_OF_A_CLASS}
SO_EFFECTS: dict[str, str] = {so: effect for so, _, effect in _TABLE}

_BY_FOLDED_WORD = {word.casefold(): effect for word, effect in MAF_EFFECTS.items()}
_SEVERITY = {so: rank for rank, so in enumerate(SO_EFFECTS)}


class Consequence(NamedTuple):
    """What a transcript's terms amount to.

    Attributes
    ----------
    term : str
        The most severe of the terms.
    effect : str
        Its effect class.
    severity : int
        Its place in the order of severity, 0 for the most severe.
    outside : bool
        Whether the variant lies beside the gene and not in it.
    """

    term: str
    effect: str
    severity: int
    outside: bool


# A file uses some hundred combinations of terms; the bound is for files made to fill the memory.
@lru_cache(maxsize=8192)
def consequence(terms: str) -> Consequence:
    """Return what the ``&``-joined Sequence Ontology terms of one transcript amount to.

    Raises
    ------
    InputError
        If one of the terms is unknown: the effect of the variant would then be a guess.

    Examples
    --------
    >>> consequence("splice_region_variant&synonymous_variant")[:2]
    ('splice_region_variant', 'splice_region')
    """
    words = unquote(terms).split("&")
    for word in words:
        if word not in _SEVERITY:
            raise InputError(_unknown(word))
    term = min(words, key=_SEVERITY.__getitem__)
    rank = _SEVERITY[term]
    return Consequence(term, SO_EFFECTS[term], rank, outside=rank >= _SEVERITY[_OUTSIDE_FROM])


def most_severe(terms: str) -> tuple[str, str]:
    """Return the most severe of ``&``-joined Sequence Ontology terms, and its effect class.

    Raises
    ------
    InputError
        If one of the terms is unknown.

    Examples
    --------
    >>> most_severe("intron_variant&splice_donor_variant")
    ('splice_donor_variant', 'truncating')
    """
    found = consequence(terms)
    return found.term, found.effect


def _unknown(word: str) -> str:
    near = get_close_matches(word, _SEVERITY, n=1, cutoff=0.5)
    nearest = f"; the nearest that is known is {near[0]}" if near else ""
    return (
        f"'{word[:80]}' is not a Sequence Ontology term that VEP or SnpEff is known to write{nearest}. "
        "What it does to the protein would be a guess."
    )


def effect_of_maf_class(word: str) -> str:
    """Return the effect class of a word from a MAF's ``Variant_Classification`` column.

    Raises
    ------
    InputError
        If the word is in no version of the MAF vocabulary.

    Examples
    --------
    >>> effect_of_maf_class("Nonsense_Mutation"), effect_of_maf_class("Missense_Mutation")
    ('truncating', 'missense')
    """
    effect = _BY_FOLDED_WORD.get(word.strip().casefold())
    if effect is None:
        raise InputError(
            f"'{word}' is not a Variant_Classification of the MAF vocabulary; "
            f"expected one of {', '.join(MAF_EFFECTS)}."
        )
    return effect
