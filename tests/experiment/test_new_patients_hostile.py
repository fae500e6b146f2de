"""Whatever is given to predict ends in a row for each patient or in one clear message, never in a traceback."""

import re

import pytest

from hostile_files import MAF, OWN, SPOILT, VCF
from made_model import made_bundle, roster, vcf
from trastuz_ml.errors import TrastuzError
from trastuz_ml.experiment.new_patients import predict_files

# What only Python's own messages say.
PYTHONS_WORDS = re.compile(r"\w+Error\b|Error -\d|Traceback|\bcodec\b|<class|object at 0x")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return made_bundle(tmp_path_factory.mktemp("models"), covariates=False)


@pytest.fixture
def outcome(bundle, tmp_path):
    """Predict P1, of whom a file is given, and P2, who has a good VCF; return the table or the message."""
    good, listed = vcf(tmp_path, "P2", "TP53"), roster(tmp_path, "P1", "P2")

    def predicted(name, content):
        (tmp_path / name).write_bytes(content)
        try:
            table, _ = predict_files(bundle, [tmp_path / name, good], listed)
        except TrastuzError as error:
            return None, str(error)
        assert table["patient"].tolist() == ["P1", "P2"]
        assert (table["probability"].isna() == (table["refusal"] != "")).all()
        return table.set_index("patient"), table["refusal"][0]

    return predicted


def check_words(said, name):
    assert len(said) < 3000, said[:3000]
    assert not PYTHONS_WORDS.search(said), said
    assert name in said or "no file of calls" in said


@pytest.mark.parametrize("what", sorted(SPOILT))
def test_spoilt__vcf_refuses_its_patient_and_the_batch_goes_on(what, outcome):
    spoil, _, told = SPOILT[what]
    table, said = outcome(f"{what}.vcf", spoil(VCF))
    assert table is not None, said
    assert table["refusal"]["P2"] == ""
    if told is not None:
        assert (said == "") == isinstance(told, int), said
    if said:
        check_words(said, f"{what}.vcf")


@pytest.mark.parametrize("what", sorted(SPOILT))
def test_spoilt__table_is_read_whole_or_ends_the_batch_in_one_message(what, outcome):
    spoil, told, _ = SPOILT[what]
    table, said = outcome(f"{what}.maf", spoil(MAF))
    assert (table is None) == isinstance(told, str), said
    if table is None:
        check_words(said, f"{what}.maf")
    else:
        assert table["refusal"].tolist() == ["", ""]


@pytest.mark.parametrize("name", sorted(OWN))
def test_own__each_file_is_read_or_refused_in_words(name, outcome):
    content, told = OWN[name]
    table, said = outcome(name, content)
    if said:
        check_words(said, name)
    # The model reads no allele fractions: what they hold does not matter to it.
    if isinstance(told, str) and not name.startswith("vaf-"):
        assert table is None or table["refusal"]["P1"]
    if table is not None:
        assert table["refusal"]["P2"] == ""
