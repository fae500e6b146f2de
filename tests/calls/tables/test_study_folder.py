"""Finding the files of calls in a study folder of cBioPortal's form."""

import pytest

from trastuz_ml.calls.tables.maf import mutation_files
from trastuz_ml.errors import InputError

META = "cancer_study_identifier: x\ngenetic_alteration_type: MUTATION_EXTENDED\ndata_filename: {}\n"


def test_study_folder__the_meta_file_names_the_data(tmp_path):
    (tmp_path / "meta_mutations.txt").write_text(META.format("calls.txt"))
    (tmp_path / "meta_cna.txt").write_text(
        "genetic_alteration_type: COPY_NUMBER_ALTERATION\ndata_filename: cna.txt\n"
    )
    (tmp_path / "calls.txt").write_text("")
    (tmp_path / "data_mutations_old.txt").write_text("")
    assert [path.name for path in mutation_files(tmp_path)] == ["calls.txt"]


def test_study_folder__without_a_meta_file_names_tell(tmp_path):
    for name in ("data_mutations_b.txt", "data_mutations.txt.gz", "data_mutations_readme.md", "data_cna.txt"):
        (tmp_path / name).write_text("")
    assert [path.name for path in mutation_files(tmp_path)] == ["data_mutations.txt.gz", "data_mutations_b.txt"]


def test_study_folder__a_named_file_that_is_not_there_is_refused(tmp_path):
    (tmp_path / "meta_mutations.txt").write_text(META.format("calls.txt"))
    with pytest.raises(InputError, match=r"meta_mutations\.txt names the file calls\.txt"):
        mutation_files(tmp_path)


def test_study_folder__any_other_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="no study folder"):
        mutation_files(tmp_path)
