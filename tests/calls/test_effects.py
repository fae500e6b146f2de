"""The effect table."""

import pytest

from trastuz_ml.calls.effects import MAF_EFFECTS, effect_of_maf_class
from trastuz_ml.errors import InputError
from trastuz_ml.schema import EFFECTS, NONSILENT

# The MAF vocabulary's nine protein-altering classes (GDC MAF format).
PROTEIN_ALTERING = {
    "Frame_Shift_Del", "Frame_Shift_Ins", "In_Frame_Del", "In_Frame_Ins", "Missense_Mutation",
    "Nonsense_Mutation", "Nonstop_Mutation", "Splice_Site", "Translation_Start_Site",
}  # fmt: skip


def test_effects__nonsilent_is_the_nine_protein_altering_classes_of_the_maf_vocabulary():
    main = {word for word, effect in MAF_EFFECTS.items() if effect in NONSILENT and "_Codon_" not in word}
    assert main == PROTEIN_ALTERING


def test_effects__every_word_has_a_declared_effect():
    assert set(MAF_EFFECTS.values()) <= set(EFFECTS)


def test_effects__case_does_not_matter():
    assert effect_of_maf_class("missense_mutation") == "missense"


def test_effects__an_unknown_word_is_refused_with_the_vocabulary():
    with pytest.raises(InputError, match="'Misense'.*Missense_Mutation"):
        effect_of_maf_class("Misense")
