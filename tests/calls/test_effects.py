"""The effect table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trastuz_ml.calls.effects import (
    MAF_EFFECTS,
    SO_EFFECTS,
    SO_OF_MAF,
    consequence,
    effect_of_maf_class,
    most_severe,
)
from trastuz_ml.calls.vcf.writer import _so_term
from trastuz_ml.errors import InputError
from trastuz_ml.schema import EFFECTS, NONSILENT

# The MAF vocabulary's nine protein-altering classes (GDC MAF format).
PROTEIN_ALTERING = {
    "Frame_Shift_Del", "Frame_Shift_Ins", "In_Frame_Del", "In_Frame_Ins", "Missense_Mutation",
    "Nonsense_Mutation", "Nonstop_Mutation", "Splice_Site", "Translation_Start_Site",
}  # fmt: skip

# Ensembl's table of consequences, release 115, in its order of severity. Three of its terms describe long
# rearrangements and stand lower here, as in vcf2maf: they say nothing of the protein.
ENSEMBL = (
    "transcript_ablation", "splice_acceptor_variant", "splice_donor_variant", "stop_gained",
    "frameshift_variant", "stop_lost", "start_lost", "transcript_amplification", "feature_elongation",
    "feature_truncation", "inframe_insertion", "inframe_deletion", "missense_variant",
    "protein_altering_variant", "splice_donor_5th_base_variant", "splice_region_variant",
    "splice_donor_region_variant", "splice_polypyrimidine_tract_variant", "incomplete_terminal_codon_variant",
    "start_retained_variant", "stop_retained_variant", "synonymous_variant", "coding_sequence_variant",
    "mature_miRNA_variant", "5_prime_UTR_variant", "3_prime_UTR_variant",
    "non_coding_transcript_exon_variant", "intron_variant", "NMD_transcript_variant",
    "non_coding_transcript_variant", "coding_transcript_variant", "upstream_gene_variant",
    "downstream_gene_variant", "TFBS_ablation", "TFBS_amplification", "TF_binding_site_variant",
    "regulatory_region_ablation", "regulatory_region_amplification", "regulatory_region_variant",
    "intergenic_variant", "sequence_variant",
)  # fmt: skip
OF_REARRANGEMENTS = {"transcript_amplification", "feature_elongation", "feature_truncation"}

# GetVariantClassification of vcf2maf, by class; the classes that depend on the alleles' lengths are left out.
VCF2MAF = {
    "Splice_Site": "splice_acceptor_variant splice_donor_variant transcript_ablation exon_loss_variant",
    "Nonsense_Mutation": "stop_gained",
    "Nonstop_Mutation": "stop_lost",
    "Translation_Start_Site": "initiator_codon_variant start_lost",
    "In_Frame_Ins": "inframe_insertion disruptive_inframe_insertion conservative_inframe_insertion",
    "In_Frame_Del": "inframe_deletion disruptive_inframe_deletion conservative_inframe_deletion",
    "Missense_Mutation": "missense_variant coding_sequence_variant conservative_missense_variant "
    "rare_amino_acid_variant",
    "Intron": "transcript_amplification intron_variant intragenic_variant",
    "Splice_Region": "splice_region_variant splice_polypyrimidine_tract_variant splice_donor_5th_base_variant "
    "splice_donor_region_variant",
    "Silent": "incomplete_terminal_codon_variant synonymous_variant start_retained_variant "
    "stop_retained_variant NMD_transcript_variant",
    "RNA": "mature_miRNA_variant exon_variant non_coding_exon_variant non_coding_transcript_exon_variant "
    "non_coding_transcript_variant nc_transcript_variant",
    "5'UTR": "5_prime_UTR_variant 5_prime_UTR_premature_start_codon_gain_variant",
    "3'UTR": "3_prime_UTR_variant",
    "IGR": "TF_binding_site_variant regulatory_region_variant regulatory_region intergenic_variant "
    "intergenic_region",
    "5'Flank": "upstream_gene_variant",
    "3'Flank": "downstream_gene_variant",
}


def test_effects__nonsilent_is_the_nine_protein_altering_classes_of_the_maf_vocabulary():
    main = {word for word, effect in MAF_EFFECTS.items() if effect in NONSILENT and "_Codon_" not in word}
    assert main == PROTEIN_ALTERING


def test_effects__every_word_has_a_declared_effect():
    assert set(MAF_EFFECTS.values()) | set(SO_EFFECTS.values()) <= set(EFFECTS)


def test_effects__case_does_not_matter():
    assert effect_of_maf_class("missense_mutation") == "missense"


def test_effects__an_unknown_word_is_refused_with_the_vocabulary():
    with pytest.raises(InputError, match="'Misense'.*Missense_Mutation"):
        effect_of_maf_class("Misense")


def test_effects__a_maf_class_has_the_effect_of_the_term_that_is_written_for_it():
    for maf, effect in MAF_EFFECTS.items():
        assert most_severe(_so_term(maf, None))[1] == effect, maf
    assert set(SO_OF_MAF) >= PROTEIN_ALTERING


def test_effects__a_term_has_the_effect_of_the_class_that_vcf2maf_gives_it():
    for maf, terms in VCF2MAF.items():
        for term in terms.split():
            assert SO_EFFECTS[term] == MAF_EFFECTS[maf], term


def test_effects__every_term_of_ensembl_is_known_and_stands_in_ensembls_order():
    order = [term for term in ENSEMBL if term not in OF_REARRANGEMENTS]
    severity = [consequence(term).severity for term in order]
    assert severity == sorted(severity)
    assert set(SO_EFFECTS) >= set(ENSEMBL)


@given(st.lists(st.sampled_from(sorted(SO_EFFECTS)), min_size=1, max_size=5))
def test_effects__the_most_severe_of_several_terms_does_not_depend_on_their_order(terms):
    found = most_severe("&".join(terms))
    assert found == most_severe("&".join(reversed(terms)))
    assert found[0] == min(terms, key=lambda term: consequence(term).severity)
    assert found[1] == SO_EFFECTS[found[0]]


def test_effects__only_what_lies_in_no_gene_counts_as_outside():
    outside = {term for term in SO_EFFECTS if consequence(term).outside}
    assert {"upstream_gene_variant", "downstream_gene_variant", "intergenic_region", "TFBS_ablation"} <= outside
    assert not outside & {"intron_variant", "3_prime_UTR_variant", "NMD_transcript_variant", "sequence_feature"}


def test_effects__an_unknown_term_is_refused_with_the_nearest_known():
    with pytest.raises(InputError, match="'misense_variant'.*nearest that is known is missense_variant"):
        most_severe("intron_variant&misense_variant")
