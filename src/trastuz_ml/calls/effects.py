"""One table of effects, in which MAF classes and Sequence Ontology terms meet.

The order within the table is Ensembl's order of severity, most severe first; the pairing of the two
vocabularies follows vcf2maf.
"""

from __future__ import annotations

from trastuz_ml.errors import InputError

# (Sequence Ontology term, MAF class for a substitution, effect class)
_TABLE: tuple[tuple[str, str, str], ...] = (
    ("transcript_ablation", "Splice_Site", "truncating"),
    ("splice_acceptor_variant", "Splice_Site", "truncating"),
    ("splice_donor_variant", "Splice_Site", "truncating"),
    ("stop_gained", "Nonsense_Mutation", "truncating"),
    ("frameshift_variant", "Frame_Shift_Del", "truncating"),
    ("frameshift_variant", "Frame_Shift_Ins", "truncating"),
    ("stop_lost", "Nonstop_Mutation", "truncating"),
    ("start_lost", "Translation_Start_Site", "truncating"),
    ("inframe_insertion", "In_Frame_Ins", "inframe"),
    ("inframe_deletion", "In_Frame_Del", "inframe"),
    ("missense_variant", "Missense_Mutation", "missense"),
    ("splice_region_variant", "Splice_Region", "splice_region"),
    ("synonymous_variant", "Silent", "silent"),
    ("5_prime_UTR_variant", "5'UTR", "noncoding"),
    ("3_prime_UTR_variant", "3'UTR", "noncoding"),
    ("non_coding_transcript_exon_variant", "RNA", "noncoding"),
    ("intron_variant", "Intron", "noncoding"),
    ("upstream_gene_variant", "5'Flank", "noncoding"),
    ("downstream_gene_variant", "3'Flank", "noncoding"),
    ("intergenic_variant", "IGR", "noncoding"),
)

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
    "Synonymous": "silent",
}

MAF_EFFECTS: dict[str, str] = {maf: effect for _, maf, effect in _TABLE} | _OLDER_MAF_WORDS
SO_OF_MAF: dict[str, str] = {maf: so for so, maf, _ in _TABLE if so != "transcript_ablation"}

_BY_FOLDED_WORD = {word.casefold(): effect for word, effect in MAF_EFFECTS.items()}


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
