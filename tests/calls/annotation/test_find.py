"""Finding the annotation in a header, and reading that of every public file."""

from pathlib import Path

import pandas as pd
import pytest

from info_texts import VCF, header_and_records
from trastuz_ml.calls.annotation.find import find_annotation
from trastuz_ml.calls.vcf.writer import write_vcf
from trastuz_ml.errors import InputError
from trastuz_ml.schema import CALLS, EFFECTS, conform

VEP = "Consequence annotations from Ensembl VEP. Format: Allele|Consequence|SYMBOL"
OLD_VEP = "Consequence type as predicted by VEP. Format: Allele|Gene|Consequence|SYMBOL"
ANN = "Functional annotations: 'Allele | Annotation | Annotation_Impact | Gene_Name | Gene_ID | HGVS.c | HGVS.p' "
EFF = "Predicted effects for this variant.Format: 'Effect ( Effect_Impact | Functional_Class | Gene_Name )' "
FUNCOTATION = "Funcotation fields are: Gencode_34_hugoSymbol|Gencode_34_variantClassification"
PATH = Path("patient.vcf")


@pytest.mark.parametrize(
    ("field", "description", "text"),
    [
        ("CSQ", VEP, "T|stop_gained|TP53"),
        ("CSQ", OLD_VEP, "T|ENSG1|stop_gained|TP53"),
        ("vep", VEP, "T|stop_gained|TP53"),
        ("ANN", VEP, "T|stop_gained|TP53"),
        ("ANN", ANN, "T|stop_gained|HIGH|TP53|ENSG1||"),
        ("EFF", EFF, "STOP_GAINED(HIGH|NONSENSE|TP53)"),
        ("FUNCOTATION", FUNCOTATION, "[TP53|NONSENSE]"),
    ],
)
def test_annotation__each_annotator_is_known_by_what_it_writes_into_the_header(field, description, text):
    found = find_annotation({"DP": "Depth", field: description}, None, PATH)
    [[effect]] = found.genes(text, "C", ["T"])
    assert (found.field, effect.gene, effect.effect) == (field, "TP53", "truncating")


def test_annotation__a_file_without_one_is_told_how_to_be_annotated():
    with pytest.raises(InputError, match=r"(?s)patient.vcf is not annotated.*vep --.*snpEff ann.*gatk Funcotator"):
        find_annotation({"DP": "Depth"}, None, PATH)


def test_annotation__of_two_one_must_be_named():
    header = {"CSQ": VEP, "ANN": ANN}
    with pytest.raises(InputError, match="holds the annotations CSQ and ANN.*Say which"):
        find_annotation(header, None, PATH)
    assert [find_annotation(header, name, PATH).field for name in header] == ["CSQ", "ANN"]


def test_annotation__one_that_is_named_must_be_there():
    with pytest.raises(InputError, match="no annotation named EFF, which was asked for; it has CSQ"):
        find_annotation({"CSQ": VEP}, "EFF", PATH)
    with pytest.raises(InputError, match=r"(?s)named CSQ, which was asked for; it has none at all.*vep --"):
        find_annotation({"DP": "Depth"}, "CSQ", PATH)


def test_annotation__a_header_that_cannot_be_read_names_the_file():
    with pytest.raises(InputError, match="patient.vcf: the header describes CSQ as 'CSQ annotation'"):
        find_annotation({"CSQ": "CSQ annotation"}, None, PATH)


def test_annotation__what_the_writer_writes_is_read_back(tmp_path):
    calls = conform(
        pd.DataFrame(
            {
                "patient": "P", "gene": ["TP53", "A;B", "ANKRD44", "TTN"],
                "effect": ["missense", "truncating", "inframe", "silent"],
                "consequence": ["Missense_Mutation", "Frame_Shift_Del", "In_Frame_Ins", "Silent"],
                "chrom": "2", "pos": [10, 20, 30, 40], "ref": ["C", "AC", "-", "G"], "alt": ["T", "-", "ACG", "A"],
                "sift": ["deleterious (0.02)", None, None, None], "hgvsp": ["p.R1H", None, None, "p.R2="],
            }
        ),
        CALLS,
    )  # fmt: skip
    write_vcf(calls, tmp_path / "p.vcf", patient="P")
    descriptions, records = header_and_records(tmp_path / "p.vcf")
    reader = find_annotation(descriptions, None, PATH)
    [found] = zip(*(reader.genes(r.info["CSQ"], r.ref, r.alts) for r in records), strict=True)
    read = pd.DataFrame([effect for [effect] in found])
    for column in ("gene", "effect", "sift", "hgvsp"):
        assert read[column].fillna("").tolist() == calls[column].astype("str").fillna("").tolist(), column


FIELDS = {"CSQ", "ANN"}
# Files whose header describes CSQ in a word of its own, without the list of subfields.
UNREADABLE = {"info_overwrite.vcf"}
# Files in which the annotator left alleles without an entry, and how many.
WITHOUT_ENTRY = {"multiple_samples.vcf": 1, "multiple_samples.gx.vcf": 1}


def annotated():
    """Every public file whose header has an annotation."""
    paths = sorted(path for path in VCF.glob("*/*") if path.name.endswith((".vcf", ".vcf.gz")))
    found = [path for path in paths if FIELDS & header_and_records(path)[0].keys()]
    return found or [None]


@pytest.mark.parametrize("path", annotated(), ids=lambda path: path.name if path else "absent")
def test_annotation__every_allele_of_every_public_file_has_its_effects(path):
    if path is None:
        pytest.skip("the public VCF files are not beside the project")
    descriptions, records = header_and_records(path)
    if path.name in UNREADABLE:
        with pytest.raises(InputError, match="without the list of subfields"):
            find_annotation(descriptions, None, path)
        return
    reader = find_annotation(descriptions, None, path)
    texts = [(r.info[reader.field], r.ref, r.alts) for r in records if reader.field in r.info]
    found = [effects for text in texts for effects in reader.genes(*text)]
    assert len(found) == sum(len(alts) for _, _, alts in texts)
    assert sum(not effects for effects in found) == WITHOUT_ENTRY.get(path.name, 0)
    for effects in found:
        genes = [effect.gene for effect in effects]
        assert len(set(genes)) == len(genes)
        assert {effect.effect for effect in effects} <= set(EFFECTS)
