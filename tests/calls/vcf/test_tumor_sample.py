"""The tumour's column is what the file or the user says it is, and never a guess."""

from pathlib import Path

import pytest

from trastuz_ml.calls.reading import Reading
from trastuz_ml.calls.vcf.tumor_sample import find_tumors, patient_of_file
from trastuz_ml.errors import InputError

PATH = Path("P7.vep.vcf")


def tumors(samples, header="", **reading):
    return find_tumors(samples, header, Reading(**reading), PATH)


@pytest.mark.parametrize(
    ("samples", "header", "column", "patient"),
    [
        (["N7", "P7"], "##tumor_sample=P7\n", 1, "P7"),
        (["P7", "N7"], "##normal_sample=N7\n##tumor_sample=P7\n", 0, "P7"),
        (["P7", "N7"], "##normal_sample=N7\n", 0, "P7"),
        (["G", "S"], "##PEDIGREE=<Derived=S,Original=G>\n", 1, "S"),
        (["G", "S"], "##PEDIGREE=<ID=S,Original=G>\n", 1, "S"),
        (["a", "b"], '##MuTect="tumor_sample_name=a normal_sample_name=b"\n', 0, "a"),
        (
            ["a", "b"],
            '##SAMPLE=<ID=b,Description="Primary tumour">\n##SAMPLE=<ID=a,Description="Normal">\n',
            1,
            "b",
        ),
        (["P7_normal", "P7_tumor"], "", 1, "P7_tumor"),
        (["Normal", "Tumour"], "##SAMPLE=<ID=Tumour,SampleName=P9>\n", 1, "P9"),
        (["NORMAL", "TUMOR"], "", 1, "P7"),
    ],
)
def test_pair__headers_and_names_say_which_is_the_tumor(samples, header, column, patient):
    found = tumors(samples, header)
    assert (found.columns, found.patients, found.paired) == ((column,), (patient,), True)


def test_pair__the_user_goes_before_the_header():
    found = tumors(["A", "B"], "##tumor_sample=B\n", tumor="A")
    assert (found.columns, found.paired) == ((0,), True)


@pytest.mark.parametrize(
    ("samples", "header", "said"),
    [
        (["A", "B"], "##tumor_sample=C\n", "tumor_sample=C"),
        (["A", "B"], "##source=strelka\n", "--tumor NAME"),
        (["A", "B"], '##INFO=<ID=SS,Number=1,Type=String,Description="s">\n', "--tumor NAME"),
        (["A", "B"], "##tumor_sample=A\n##normal_sample=A\n", "both tumour and normal"),
        (["A", "B", "C"], "##tumor_sample=A\n", "only A"),
        (["NORMAL"], "", "only sample columns are normals"),
    ],
)
def test_doubt__is_an_error_that_names_file_columns_and_remedy(samples, header, said):
    with pytest.raises(InputError, match=said) as refused:
        tumors(samples, header)
    assert str(PATH) in str(refused.value)
    assert samples[0] in str(refused.value)


def test_doubt__a_name_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="no column X"):
        tumors(["A", "B"], tumor="X")


def test_cohort__without_a_word_of_normals_each_column_is_a_patient():
    found = tumors(["A", "B", "C"], "##source=HaplotypeCaller\n")
    assert (found.columns, found.patients, found.paired) == ((0, 1, 2), ("A", "B", "C"), False)
    assert not tumors(["A", "B"]).paired


def test_cohort__several_tumors_beside_a_normal_are_told_by_their_genotypes():
    found = tumors(["A", "B", "N"], "##normal_sample=N\n##tumor_sample=A\n##tumor_sample=B\n")
    assert (found.columns, found.paired) == ((0, 1), False)


def test_name__a_role_is_not_a_patient_and_the_finding_says_so():
    (note,) = tumors(["TUMOR"]).findings
    assert (note.code, note.patient) == ("patient-named-by-file", "P7")
    assert tumors(["P1"]).findings == ()


@pytest.mark.parametrize(("patient_from", "patient"), [("auto", "P7"), ("file", "P7"), ("sample", "TUMOR")])
def test_name__comes_from_where_it_is_asked_to(patient_from, patient):
    assert tumors(["TUMOR"], patient_from=patient_from).patients == (patient,)


def test_name__a_file_cannot_name_several_patients_nor_no_sample():
    with pytest.raises(InputError, match="2 columns"):
        tumors(["A", "B"], patient_from="file")
    with pytest.raises(InputError, match="no sample columns"):
        tumors([], patient_from="sample")
    assert tumors([]).patients == ("P7",)


@pytest.mark.parametrize(
    ("name", "patient"),
    [("P1.vcf.gz", "P1"), ("P1.hg38.mutect2.vep.vcf", "P1"), ("TCGA.A1.0001.bcf", "TCGA.A1.0001"), ("vcf", "vcf")],
)
def test_name__of_a_file_keeps_its_full_stops_and_loses_its_endings(name, patient):
    assert patient_of_file(Path("folder", name)) == patient
