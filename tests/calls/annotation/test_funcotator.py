"""Funcotator's FUNCOTATION."""

import pytest

from trastuz_ml.calls.annotation.funcotator import _MAF_CLASS, funcotator_annotation
from trastuz_ml.calls.effects import MAF_EFFECTS
from trastuz_ml.errors import InputError

NAMES = (
    "Gencode_34_hugoSymbol|Gencode_34_ncbiBuild|Gencode_34_variantClassification|"
    "Gencode_34_secondaryVariantClassification|Gencode_34_cDnaChange|Gencode_34_proteinChange|"
    "Gencode_34_otherTranscripts|gnomAD_exome_AF|gnomAD_exome_AF_afr|gnomAD_genome_AF"
)
SAID = "Functional annotation from the Funcotator tool.  Funcotation fields are: "


def transcript(gene, word, hgvsc="", hgvsp="", others="", exome="", genome=""):
    return f"[{gene}|hg38|{word}||{hgvsc}|{hgvsp}|{others}|{exome}|0.9|{genome}]"


def genes(text, alts=("T",), names=NAMES):
    return funcotator_annotation("FUNCOTATION", SAID + names).genes(text, "C", list(alts))


def called(text, alts=("T",)):
    return [[(e.gene, e.consequence, e.effect) for e in of_alt] for of_alt in genes(text, alts)]


def test_funcotator__all_that_a_call_holds_is_read():
    text = transcript(
        "OR11H1", "MISSENSE", "c.21G>T", "p.Q7H", "AB_ENST1.1_INTRON/CD_ENST2.1_RNA", "5.9e-02", "1.5e-01"
    )
    assert genes(text) == [
        [("OR11H1", "Missense_Mutation", "missense", "c.21G>T", "p.Q7H", None, None, None, None, 0.15)]
    ]


def test_funcotator__each_alternative_has_its_group():
    text = transcript("A", "NONSENSE") + "," + transcript("B", "SPLICE_SITE")
    assert called(text, ["T", "G"]) == [
        [("A", "Nonsense_Mutation", "truncating")],
        [("B", "Splice_Site", "truncating")],
    ]


def test_funcotator__of_all_transcripts_the_most_severe_of_each_gene_is_taken():
    several = [
        transcript("A", "INTRON"), transcript("A", "MISSENSE"), transcript("B", "SILENT"),
        transcript("C", "FIVE_PRIME_FLANK"),
    ]  # fmt: skip
    assert called("#".join(several)) == [[("A", "Missense_Mutation", "missense"), ("B", "Silent", "silent")]]


def test_funcotator__a_classification_that_was_not_determined_is_no_effect():
    assert called(transcript("A", "COULD_NOT_DETERMINE")) == [[]]


@pytest.mark.parametrize("text", ["", "."])
def test_funcotator__nothing_said_of_an_allele_is_no_effect(text):
    assert called(text, ["T", "G"]) == [[], []]


def test_funcotator__an_unknown_gene_is_missing():
    assert called(transcript("Unknown", "IGR")) == [[(None, "IGR", "noncoding")]]


def test_funcotator__its_escapes_are_undone():
    [[found]] = genes(transcript("A_%20_B", "MISSENSE", hgvsp="p.Q7_%3D_", exome="0.1_%2C_0.2"))
    assert (found.gene, found.hgvsp, found.population_frequency) == ("A B", "p.Q7=", 0.2)


def test_funcotator__every_word_has_a_class_of_the_maf_vocabulary():
    assert set(_MAF_CLASS.values()) <= set(MAF_EFFECTS)


def test_funcotator__an_unknown_word_is_refused():
    with pytest.raises(InputError, match="'MISENSE' is not a variant classification of Funcotator"):
        genes(transcript("A", "MISENSE"))


def test_funcotator__other_groups_than_alternatives_are_refused():
    with pytest.raises(InputError, match="has 1 groups where the record has 2 alternative alleles"):
        genes(transcript("A", "MISSENSE"), ["T", "G"])


@pytest.mark.parametrize("text", ["[A|hg38|MISSENSE]", transcript("A", "MISSENSE").replace("]", "|more]")])
def test_funcotator__an_entry_with_other_subfields_than_the_header_lists_is_refused(text):
    with pytest.raises(InputError, match=r"has \d+ subfields where the header lists 10"):
        genes(text)


@pytest.mark.parametrize("names", ["", "Gencode_34_hugoSymbol|dbSNP_RS", NAMES.replace("hugoSymbol", "symbol")])
def test_funcotator__a_header_that_lacks_what_a_call_needs_is_refused(names):
    with pytest.raises(InputError, match="does not list Gencode_"):
        funcotator_annotation("FUNCOTATION", SAID + names)
