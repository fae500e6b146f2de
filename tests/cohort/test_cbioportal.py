"""Study folders of cBioPortal and their single files."""

import pytest

from trastuz_ml.assays.portal_files import (
    Attribute,
    clinical_attributes,
    is_clinical_file,
    read_clinical,
    read_fields,
    read_gene_panel,
    read_panel_matrix,
)
from trastuz_ml.cohort.cbioportal import is_study_folder, read_study, study_roster
from trastuz_ml.errors import InputError

HEADER = "#Patient Identifier\tAge\n#The patient.\tYears at diagnosis.\n#STRING\tNUMBER\n#1\t1\n"
PATIENTS = HEADER + "PATIENT_ID\tAGE\nA\t50\nB\t[Not Available]\nC\t70\n"
SAMPLES = (
    "#Sample\tPatient\tType\n#x\tx\tx\n#STRING\tSTRING\tSTRING\n#1\t1\t1\n"
    'PATIENT_ID\tSAMPLE_ID\tKIND\nA\tA-1\tprimary "left"\nA\tA-2\tna\nB\tB-1\tprimary\n'
)


@pytest.fixture
def study(tmp_path):
    """A study of three patients, one of them without a sample."""
    write(tmp_path, "meta_study.txt", "type_of_cancer: brca\nname: Small: a study\nreference_genome: hg19\n")
    write(tmp_path, "data_clinical_patient.txt", PATIENTS)
    write(tmp_path, "data_clinical_sample.txt", SAMPLES)
    return tmp_path


def write(folder, name, text):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def texts(table):
    return table.astype(object).where(table.notna(), None).to_dict("list")


def codes(study):
    return {finding.code: finding.count for finding in study.findings}


def test_clinical__header_lines_are_passed_over_and_missing_words_are_missing(tmp_path):
    table = read_clinical(write(tmp_path, "data.txt", PATIENTS))
    assert texts(table) == {"PATIENT_ID": ["A", "B", "C"], "AGE": ["50", None, "70"]}
    assert table.index.tolist() == [6, 7, 8]


def test_clinical__reads_alike_with_other_line_ends_mark_and_number_of_headers(tmp_path):
    plain = texts(read_clinical(write(tmp_path, "data.txt", PATIENTS)))
    (tmp_path / "other.txt").write_bytes(
        b"\xef\xbb\xbf" + b"#PATIENT\tPATIENT\r\n" + PATIENTS.replace("\n", "\r\n").encode()
    )
    assert texts(read_clinical(tmp_path / "other.txt")) == plain
    assert texts(read_clinical(write(tmp_path, "bare.txt", PATIENTS.removeprefix(HEADER)))) == plain


def test_clinical__is_told_from_other_tables(tmp_path):
    assert is_clinical_file(write(tmp_path, "a.txt", PATIENTS))
    assert not is_clinical_file(write(tmp_path, "b.txt", PATIENTS.removeprefix(HEADER)))
    assert not is_clinical_file(write(tmp_path, "c.txt", "# a note\nid\tage\nP1\t3\n"))
    assert not is_clinical_file(write(tmp_path, "d.txt", ""))


def test_clinical__attributes_are_described_by_their_header(tmp_path):
    assert clinical_attributes(write(tmp_path, "a.txt", PATIENTS)) == (
        Attribute("PATIENT_ID", "Patient Identifier", "The patient.", "STRING"),
        Attribute("AGE", "Age", "Years at diagnosis.", "NUMBER"),
    )
    assert clinical_attributes(write(tmp_path, "b.txt", "#Patient\nPATIENT_ID\tAGE\n"))[1] == Attribute("AGE")
    with pytest.raises(InputError, match="has no header"):
        clinical_attributes(write(tmp_path, "c.txt", HEADER))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PATIENTS + "D\n", "line 9: 1 fields, but the header has 2"),
        (HEADER + "PATIENT_ID\tAGE\n", "has no rows"),
        ("PATIENT_ID\tAGE\tAGE\nA\t1\t2\n", "line 1: the column AGE appears twice"),
    ],
)
def test_clinical__what_cannot_be_read_is_refused_by_line(tmp_path, text, said):
    with pytest.raises(InputError) as refused:
        read_clinical(write(tmp_path, "data.txt", text))
    assert said in str(refused.value)


def test_panel__is_read_with_its_name_and_genes(tmp_path):
    text = "stable_id: IMPACT2\ndescription: see https://x: y\ngene_list: TP53\tERBB2\n\tKIT\n"
    panel = read_gene_panel(write(tmp_path, "p.txt", text))
    assert (panel.stable_id, panel.description) == ("IMPACT2", "see https://x: y")
    assert panel.genes == {"TP53", "ERBB2", "KIT"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stable_id: X\ngene_list:\n", "needs gene_list"),
        ("gene_list: TP53\n", "needs stable_id"),
        ("TP53\nKIT\n", "line 1: expected 'key: value', found 'TP53'"),
        ("stable_id: X\nstable_id: Y\n", "line 2: the gene panel gives stable_id twice"),
    ],
)
def test_panel__without_name_or_genes_is_refused(tmp_path, text, said):
    with pytest.raises(InputError) as refused:
        read_gene_panel(write(tmp_path, "p.txt", text))
    assert said in str(refused.value)


def test_fields__addresses_and_other_encodings_are_no_obstacle(tmp_path):
    path = tmp_path / "meta.txt"
    path.write_bytes("name: Étude\n\n# note\ndescription: see\nhttps://x.org\n".encode("latin-1"))
    assert read_fields(path, "the meta file")["description"] == "see\thttps://x.org"


def test_matrix__takes_the_panels_for_mutations_and_leaves_out_na(tmp_path):
    text = "SAMPLE_ID\tcna\tmutations\nA-1\tNA\tIMPACT2\nA-2\tIMPACT2\tNA\nB-1\tX\tWES\n"
    assert read_panel_matrix(write(tmp_path, "m.txt", text)) == {"A-1": "IMPACT2", "B-1": "WES"}
    other = text.replace("mutations", "mutations_extended")
    assert read_panel_matrix(write(tmp_path, "n.txt", other)) == {"A-1": "IMPACT2", "B-1": "WES"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SAMPLE_ID\tcna\nA\tX\n", "expected a column mutations, found SAMPLE_ID, cna"),
        ("ID\tmutations\nA\tX\n", "expected a column SAMPLE_ID"),
        ("SAMPLE_ID\tmutations\nA\tX\nA\tY\n", "line 3: A appears a second time"),
        ("SAMPLE_ID\tmutations\nA\tX\n\tY\n", "line 3: the SAMPLE_ID is empty"),
    ],
)
def test_matrix__that_is_unclear_is_refused(tmp_path, text, said):
    with pytest.raises(InputError) as refused:
        read_panel_matrix(write(tmp_path, "m.txt", text))
    assert said in str(refused.value)


def test_study__has_one_row_a_sample_with_the_patients_attributes(study):
    assert texts(study_roster(study)) == {
        "SAMPLE_ID": ["A-1", "A-2", "B-1"],
        "PATIENT_ID": ["A", "A", "B"],
        "KIND": ['primary "left"', None, "primary"],
        "AGE": ["50", "50", None],
    }
    read = read_study(study)
    assert (read.build, read.about["name"], read.calls, read.panels) == ("GRCh37", "Small: a study", (), {})
    assert codes(read) == {"patient-without-sample": 1}
    assert read.findings[0].message.endswith("not on the roster: C")


def test_study__is_known_by_its_files(study, tmp_path_factory):
    assert is_study_folder(study)
    assert not is_study_folder(study / "meta_study.txt")
    assert not is_study_folder(tmp_path_factory.mktemp("empty"))


def test_study__a_sample_of_an_unknown_patient_is_kept_and_named(study):
    write(study, "data_clinical_sample.txt", SAMPLES + "Z\tZ-1\tprimary\n")
    read = read_study(study)
    assert texts(read.roster)["AGE"] == ["50", "50", None, None]
    assert codes(read) == {"patient-without-sample": 1, "sample-without-patient": 1}


def test_study__the_patient_file_is_optional(study):
    (study / "data_clinical_patient.txt").unlink()
    assert list(study_roster(study)) == ["SAMPLE_ID", "PATIENT_ID", "KIND"]


def test_study__files_are_found_through_their_meta_files(study):
    (study / "data_clinical_sample.txt").rename(study / "samples.tsv")
    meta = "genetic_alteration_type: CLINICAL\ndatatype: SAMPLE_ATTRIBUTES\ndata_filename: {}\n"
    write(study, "meta_clinical_sample.txt", meta.format("samples.tsv"))
    mutations = "genetic_alteration_type: MUTATION_EXTENDED\ndatatype: MAF\ndata_filename: calls.maf\n"
    write(study, "meta_mutations.txt", mutations)
    calls = write(study, "calls.maf", "")
    assert len(study_roster(study)) == 3
    assert read_study(study).calls == (calls,)
    for name in ("absent.tsv", "../samples.tsv"):
        write(study, "meta_clinical_sample.txt", meta.format(name))
        with pytest.raises(InputError, match="which is not in the folder"):
            read_study(study)


def test_study__without_samples_is_refused(study):
    (study / "data_clinical_sample.txt").unlink()
    with pytest.raises(InputError, match=r"no data_clinical_sample\.txt"):
        read_study(study)


def test_study__repeated_identifiers_are_refused_by_line(study):
    write(study, "data_clinical_sample.txt", SAMPLES + "A\tA-1\tprimary\n")
    with pytest.raises(InputError, match=r"data_clinical_sample\.txt, line 9: A-1 appears a second time"):
        read_study(study)
    write(study, "data_clinical_sample.txt", SAMPLES)
    write(study, "data_clinical_patient.txt", PATIENTS + "A\t51\n")
    with pytest.raises(InputError, match=r"data_clinical_patient\.txt, line 9: A appears a second time"):
        read_study(study)


def test_study__an_attribute_of_both_files_is_one_when_they_agree_and_two_when_not(study):
    write(study, "data_clinical_patient.txt", 'PATIENT_ID\tKIND\nA\tprimary "left"\nB\t\n')
    agreeing = read_study(study)
    assert texts(agreeing.roster)["KIND"] == ['primary "left"', 'primary "left"', "primary"]
    assert codes(agreeing) == {}
    write(study, "data_clinical_patient.txt", "PATIENT_ID\tKIND\nA\tmetastasis\nB\t\n")
    differing = read_study(study)
    assert texts(differing.roster)["KIND"] == ['primary "left"', None, "primary"]
    assert texts(differing.roster)["KIND_PATIENT"] == ["metastasis", "metastasis", None]
    assert codes(differing) == {"attribute-differs": 1}


MATRIX = "SAMPLE_ID\tmutations\nA-1\tSMALL\nA-2\tNA\nQ-1\tSMALL\n"


def test_study__panels_come_from_the_matrix(study):
    write(study, "data_gene_panel_matrix.txt", MATRIX)
    panel = write(study, "data_gene_panel_small.txt", "stable_id: SMALL\ngene_list: TP53\n")
    read = read_study(study)
    assert texts(read.roster)["GENE_PANEL"] == ["SMALL", None, None]
    assert read.panels == {"SMALL": panel}
    assert codes(read) == {"patient-without-sample": 1, "sample-not-on-roster": 1}


def test_study__the_list_of_sequenced_samples_tells_na_from_unsequenced(study):
    write(study, "data_gene_panel_matrix.txt", MATRIX.replace("Q-1\tSMALL\n", ""))
    write(study, "case_lists/cases_all.txt", "stable_id: small_all\ncase_list_ids: A-1\tA-2\tB-1\n")
    write(study, "case_lists/cases_sequenced.txt", "stable_id: small_sequenced\ncase_list_ids: A-1\tB-1\n")
    roster = texts(study_roster(study))
    assert roster["SEQUENCED"] == ["yes", "no", "yes"]
    assert roster["GENE_PANEL"] == ["SMALL", None, None]


def test_study__one_panel_of_the_mutation_file_holds_for_its_samples(study):
    write(study, "meta_mutations.txt", "genetic_alteration_type: MUTATION_EXTENDED\ngene_panel: SMALL\n")
    assert texts(study_roster(study))["GENE_PANEL"] == ["SMALL"] * 3
    write(study, "case_lists/cases_sequenced.txt", "stable_id: small_sequenced\ncase_list_ids: A-1\tB-1\n")
    assert texts(study_roster(study))["GENE_PANEL"] == ["SMALL", None, "SMALL"]


def test_study__a_panel_column_of_the_samples_fills_gaps_but_never_overrules(study):
    write(study, "data_gene_panel_matrix.txt", "SAMPLE_ID\tmutations\nA-1\tSMALL\n")
    clinical = SAMPLES.replace("KIND", "GENE_PANEL").replace('primary "left"', "SMALL").replace("primary", "WES")
    write(study, "data_clinical_sample.txt", clinical)
    assert texts(study_roster(study))["GENE_PANEL"] == ["SMALL", None, "WES"]
    write(study, "data_clinical_sample.txt", clinical.replace("SMALL", "LARGE"))
    read = read_study(study)
    assert texts(read.roster)["GENE_PANEL"] == ["SMALL", None, None]
    assert texts(read.roster)["GENE_PANEL_CLINICAL"] == ["LARGE", None, "WES"]
    assert codes(read)["attribute-differs"] == 1


def test_study__a_genome_that_is_not_human_is_refused(study):
    write(study, "meta_study.txt", "reference_genome: mm10\n")
    with pytest.raises(InputError, match="expected reference_genome hg19 or hg38, found mm10"):
        read_study(study)
