"""SnpEff's ANN and EFF."""

from collections import Counter

import pytest

from info_texts import header_and_records, real_vcf
from trastuz_ml.calls.annotation.find import find_annotation
from trastuz_ml.calls.annotation.snpeff import _SO_OF_OLD_WORDS, ann_annotation, eff_annotation
from trastuz_ml.calls.effects import SO_EFFECTS
from trastuz_ml.errors import InputError

ANN = (
    "Functional annotations: 'Allele | Annotation | Annotation_Impact | Gene_Name | Gene_ID | Feature_Type | "
    "Feature_ID | Transcript_BioType | Rank | HGVS.c | HGVS.p | cDNA.pos / cDNA.length | CDS.pos / CDS.length | "
    "AA.pos / AA.length | Distance | ERRORS / WARNINGS / INFO' "
)
EFF = (
    "Predicted effects for this variant.Format: 'Effect ( Effect_Impact | Functional_Class | Codon_Change | "
    "Amino_Acid_Change| Amino_Acid_length | Gene_Name | Transcript_BioType | Gene_Coding | Transcript_ID | "
    "Exon_Rank  | Genotype_Number [ | ERRORS | WARNINGS ] )' "
)
OLDER_EFF = EFF.replace("  | Genotype_Number", "")


def entry(allele, terms, gene, hgvsc="", hgvsp="", warning=""):
    return f"{allele}|{terms}|HIGH|{gene}|ENSG1|transcript|ENST1|protein_coding|1/2|{hgvsc}|{hgvsp}|||||{warning}"


def called(reader, text, ref="C", alts=("T",)):
    return [[(e.gene, e.consequence) for e in of_alt] for of_alt in reader.genes(text, ref, list(alts))]


def ann(text, ref="C", alts=("T",)):
    return called(ann_annotation("ANN", ANN), text, ref, alts)


def eff(text, ref="C", alts=("T",), description=EFF):
    return called(eff_annotation("EFF", description), text, ref, alts)


# ANN


def test_ann__gene_effect_and_changes_are_read():
    text = entry("T", "missense_variant&splice_region_variant", "TP53", "c.524G>A", "p.Arg175His", "WARNING")
    [[found]] = ann_annotation("ANN", ANN).genes(text, "C", ["T"])
    assert found == ("TP53", "missense_variant", "missense", "c.524G>A", "p.Arg175His") + (None,) * 5


def test_ann__the_most_severe_of_a_genes_transcripts_is_taken_wherever_it_stands():
    text = ",".join([entry("T", "intron_variant", "A"), entry("T", "stop_gained", "A")])
    assert ann(text) == [[("A", "stop_gained")]]


def test_ann__each_gene_that_the_allele_lies_in_is_called():
    text = ",".join([entry("T", "stop_gained", "A"), entry("T", "intron_variant", "B")])
    assert ann(text + "," + entry("T", "upstream_gene_variant", "C")) == [
        [("A", "stop_gained"), ("B", "intron_variant")]
    ]


def test_ann__insertions_and_deletions_are_named_by_the_whole_alternative():
    text = ",".join([entry("CA", "frameshift_variant", "A"), entry("CAAA", "inframe_insertion", "A")])
    assert ann(text, "C", ["CA", "CAAA"]) == [[("A", "frameshift_variant")], [("A", "inframe_insertion")]]


def test_ann__a_comparison_with_the_germline_is_not_a_call_against_the_reference():
    text = ",".join([entry("G-C", "stop_lost", "A"), entry("G", "missense_variant", "A")])
    assert ann(text, "A", ["C", "G"]) == [[], [("A", "missense_variant")]]


def test_ann__a_stretch_between_genes_is_no_gene():
    assert ann(entry("T", "intergenic_region", "A-B")) == [[(None, "intergenic_region")]]


def test_ann__a_fusion_is_called_in_both_genes():
    assert ann(entry("T", "gene_fusion", "A&B")) == [[("A", "gene_fusion"), ("B", "gene_fusion")]]


def test_ann__the_transcripts_own_term_wins_over_a_contact_within_the_protein():
    text = ",".join([entry("T", "structural_interaction_variant", "A"), entry("T", "synonymous_variant", "A")])
    assert ann(text) == [[("A", "synonymous_variant")]]


@pytest.mark.parametrize("text", ["", ".", entry("T", "", "", warning="ERROR_CHROMOSOME_NOT_FOUND")])
def test_ann__nothing_said_of_an_allele_is_no_effect(text):
    assert ann(text) == [[]]


def test_ann__trailing_empty_subfields_may_be_missing():
    assert ann("T|stop_gained|HIGH|A|ENSG1|transcript|ENST1|protein_coding|1/2|c.1A>T|p.Lys1*") == [
        [("A", "stop_gained")]
    ]


@pytest.mark.parametrize("text", ["T|stop_gained|HIGH|A", entry("T", "stop_gained", "A") + "|more"])
def test_ann__an_entry_with_other_subfields_than_the_header_lists_is_refused(text):
    with pytest.raises(InputError, match=r"has \d+ subfields where the header lists 16"):
        ann(text)


def test_ann__a_header_without_the_list_of_subfields_is_refused():
    with pytest.raises(InputError, match="does not list its subfields"):
        ann_annotation("ANN", "Functional annotations:")


def test_ann__a_header_that_lacks_what_a_call_needs_is_refused():
    with pytest.raises(InputError, match="lacks gene_name"):
        ann_annotation("ANN", ANN.replace("Gene_Name", "Gene"))


# EFF


def test_eff__old_words_are_read_as_sequence_ontology_terms():
    change = "p.Thr143Met/c.428C>T"
    text = f"NON_SYNONYMOUS_CODING(MODERATE|MISSENSE|aCg/aTg|{change}|459|XKR3|protein_coding|CODING|T1|4|1)"
    [[found]] = eff_annotation("EFF", EFF).genes(text, "C", ["T"])
    assert found[:5] == ("XKR3", "missense_variant", "missense", "c.428C>T", "p.Thr143Met")


def test_eff__new_words_joined_by_a_plus_are_read():
    text = "splice_region_variant+synonymous_variant(LOW|SILENT|||459|XKR3|protein_coding|CODING|T1|4|1)"
    assert eff(text) == [[("XKR3", "splice_region_variant")]]


def test_eff__details_in_brackets_and_warnings_are_left_out():
    text = "NEXT_PROT[modified_residue:Phosphoserine](LOW||||459|XKR3|protein_coding|CODING|T1|4|1|WARNING_X)"
    assert eff(text) == [[("XKR3", "sequence_feature")]]


def test_eff__every_old_word_has_a_term_of_the_effect_table():
    assert {term for terms in _SO_OF_OLD_WORDS.values() for term in terms.split("&")} <= set(SO_EFFECTS)


@pytest.mark.parametrize("names", [("1", "2"), ("T", "G")])
def test_eff__alternatives_are_told_apart_by_number_or_by_base(names):
    text = ",".join(
        f"{effect}(HIGH||||9|A|protein_coding|CODING|T1|4|{name})"
        for effect, name in zip(["STOP_GAINED", "INTRON"], names, strict=True)
    )
    assert eff(text, "C", ["T", "G"]) == [[("A", "stop_gained")], [("A", "intron_variant")]]


def test_eff__without_a_genotype_number_the_one_alternative_is_meant():
    assert eff("STOP_GAINED(HIGH||||9|A|protein_coding|CODING|T1|4)", description=OLDER_EFF) == [
        [("A", "stop_gained")]
    ]


def test_eff__without_a_genotype_number_two_alternatives_cannot_be_told_apart():
    with pytest.raises(InputError, match="which effect belongs to which cannot be told"):
        eff("STOP_GAINED(HIGH||||9|A|protein_coding|CODING|T1|4)", "C", ["T", "G"], OLDER_EFF)


def test_eff__numbers_of_a_record_that_was_split_afterwards_are_refused():
    text = "STOP_GAINED(HIGH||||9|A|||T1|4|1),INTRON(LOW||||9|A|||T1|4|2)"
    with pytest.raises(InputError, match="which effect belongs to which cannot be told"):
        eff(text, "C", ["T"])


@pytest.mark.parametrize("text", ["STOP_GAINED", "STOP_GAINED(HIGH||)", "STOP_GAINED(HIGH||||9|A|||T1|4|1"])
def test_eff__an_entry_that_is_cut_is_refused(text):
    with pytest.raises(InputError, match="subfields where the header lists 11"):
        eff(text)


def test_eff__an_unknown_word_is_refused():
    with pytest.raises(InputError, match="'STOP_FOUND'"):
        eff("STOP_FOUND(HIGH||||9|A|protein_coding|CODING|T1|4|1)")


# Real files


def test_ann__the_cancer_example_of_snpeff_is_read_against_the_reference():
    path = real_vcf("snpeff/cancer_pedigree.ann.vcf")
    descriptions, records = header_and_records(path)
    reader = find_annotation(descriptions, None, path)
    found = [called(reader, r.info["ANN"], r.ref, r.alts) for r in records]
    assert found == [
        [[("OR4F5", "initiator_codon_variant")], [("OR4F5", "start_lost")]],
        [[("OR4F5", "stop_gained")], [("OR4F5", "missense_variant")]],
        [[("OR4F5", "missense_variant")], [("OR4F5", "missense_variant")]],
    ]


def test_ann__the_cftr_and_brca_histories_are_read_by_the_transcripts_own_terms():
    path = real_vcf("snpeff/hist_splice.ann.vcf")
    descriptions, records = header_and_records(path)
    reader = find_annotation(descriptions, None, path)
    terms = Counter(
        term
        for r in records
        for of_alt in called(reader, r.info.get("ANN", ""), r.ref, r.alts)
        for _, term in of_alt
    )
    assert terms["stop_gained"] == 33
    assert terms["missense_variant"] == 22
    assert not terms.keys() & {"structural_interaction_variant", "sequence_feature"}
