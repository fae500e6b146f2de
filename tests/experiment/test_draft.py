"""The draft of an experiment for a user's own files."""

import re

import pytest

from trastuz_ml.errors import InputError
from trastuz_ml.experiment.draft import demo_experiment, draft_experiment
from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.experiment.train import build_features, load_cohort, run_experiment
from trastuz_ml.features.simulate import simulate_cohort

MAF = "Hugo_Symbol\tTumor_Sample_Barcode\tVariant_Classification\n"


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated")
    simulate_cohort(60, 3).write(folder)
    return folder


def write(folder, header, rows):
    maf, roster = folder / "calls.maf", folder / "roster.tsv"
    maf.write_text(MAF + "".join(f"TP53\t{row[0]}\tMissense_Mutation\n" for row in rows), encoding="utf-8")
    roster.write_text("\n".join("\t".join(row) for row in [header, *rows]) + "\n", encoding="utf-8")
    return maf, roster


def read(text, folder):
    path = folder / "draft.yaml"
    path.write_text(text, encoding="utf-8")
    return read_experiment(path)


def test_draft__of_the_simulated_files_trains(simulated, tmp_path):
    text, guesses = draft_experiment(simulated / "calls.maf", simulated / "roster.tsv", tmp_path)
    assert "patient: column patient (60 of the 60 patients of the calls are in it)" in guesses
    assert "response: column response, positive pCR, negative RD" in guesses
    quick = text.replace("repeats: 10, folds: 5, inner_folds: 3", "repeats: 1, folds: 2, inner_folds: 2")
    quick = quick.replace("    # age:", "    age:") + "models: [prevalence, clinical-only]\n"
    run = run_experiment(read(quick, tmp_path), workers=1)
    assert run.models == ["chosen", "prevalence", "clinical-only"]
    assert int(run.patients["response"].sum()) == 24


def test_draft__every_candidate_can_be_taken_as_it_stands(simulated, tmp_path):
    text, _ = draft_experiment(simulated / "calls.maf", simulated / "roster.tsv", tmp_path)
    assert "# source: {when: baseline}   # one value for everybody" in text
    taken = "\n".join(line.replace("    # ", "    ") if "{when:" in line else line for line in text.splitlines())
    experiment = read(taken, tmp_path)
    assert set(experiment.roster.covariates) == {
        "age", "t_stage", "ln_status", "er_status", "her2_status", "grade", "centre", "source"
    }  # fmt: skip
    assert experiment.roster.covariates["t_stage"].kind == "category"


def test_draft__of_transneo_lists_what_surgery_found_as_post(transneo, tmp_path):
    text, guesses = draft_experiment(transneo / "mutations.tsv.gz", transneo / "clinical.tsv", tmp_path)
    assert "patient: column Donor.ID (167 of the 167 patients of the calls are in it)" in guesses
    assert "response: column pCR.RD, positive pCR, negative RD" in guesses
    assert "sequenced: column DNA.sequenced, value YES" in guesses
    late = {line.split(":")[0].strip("# ") for line in text.splitlines() if "{when: post}" in line}
    assert late == {
        "Chemo.cycles", "aHER2.cycles", "Surgery.type", "LVI", "Tumour.dimension.surgery.1",
        "Tumour.dimension.surgery.2", "Percent.cellularity", "Percent.CIS", "Number.of.LN.removed",
        "Number.of.positive.LN", "Max.LN.met.size", "RCB.score", "RCB.category",
    }  # fmt: skip
    experiment = read(text, tmp_path)
    assert experiment.roster.covariates == {}
    matrix, _ = build_features(experiment, load_cohort(experiment))
    assert "TP53" in matrix.genes


def test_draft__survives_headers_and_values_of_any_kind(tmp_path):
    odd = ['it\'s "so"', "a: b", "# no", "null", "- x", "{y}", "<script>", "naïve é", "back\\slash"]
    header = ["001 id", "NO", *odd]
    rows = [[f"00{i}", "yes: 1" if i % 2 else "pCR", *("12"[i % 2] for _ in odd)] for i in range(6)]
    maf, roster = write(tmp_path, header, rows)
    text, _ = draft_experiment(maf, roster, tmp_path)
    taken = "\n".join(line.replace("    # ", "    ") if "{when:" in line else line for line in text.splitlines())
    experiment = read(taken, tmp_path)
    assert experiment.roster.patient == "001 id"
    assert (experiment.roster.response.column, experiment.roster.response.negative) == ("NO", ("yes: 1",))
    assert list(experiment.roster.covariates) == odd
    assert list(load_cohort(experiment).patients.index) == [f"00{i}" for i in range(6)]


def sequenced_of(folder, column, values):
    maf, roster = write(folder, ["id", "response"], [["P1", "pCR"], ["P2", "RD"], ["P3", "RD"]])
    rows = zip(["id\tresponse", "P1\tpCR", "P2\tRD", "P3\tRD", "P4\tRD"], [column, *values], strict=True)
    roster.write_text("".join(f"{row}\t{value}\n" for row, value in rows))
    text, guesses = draft_experiment(maf, roster, folder)
    assert any(guess.startswith("sequenced:") for guess in guesses) == ("\n  sequenced:" in text)
    return read(text, folder).roster.sequenced


def test_draft__a_column_that_says_who_was_sequenced_is_taken(tmp_path):
    assert sequenced_of(tmp_path, "DNA.sequenced", ["YES", "YES", "YES", "NO"]) == {"DNA.sequenced": ("YES",)}
    assert sequenced_of(tmp_path, "WES", ["1", "1", "1", "0"]) == {"WES": ("1",)}


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("DNA.sequenced", ["YES", "YES", "NO", "NO"]),  # the third patient has a call
        ("RNA.sequenced", ["YES", "YES", "YES", "NO"]),
        ("exome", ["YES", "YES", "YES", "later"]),
        ("smoker", ["YES", "YES", "YES", "NO"]),
    ],
)
def test_draft__a_column_that_may_mean_something_else_is_not_taken(tmp_path, column, values):
    assert sequenced_of(tmp_path, column, values) == {}


def test_draft__of_one_vcf_a_patient_takes_a_pattern(tmp_path):
    simulate_cohort(12, 3).write(tmp_path, formats=("maf", "vcf"))
    text, guesses = draft_experiment(tmp_path / "vcf" / "*.vcf", tmp_path / "roster.tsv", tmp_path)
    assert "patient: column patient (12 of the 12 patients of the calls are in it)" in guesses
    experiment = read(text, tmp_path)
    assert experiment.calls.files == ("vcf/*.vcf",)
    assert load_cohort(experiment).patients.shape[0] == 12


def test_draft__whoever_has_a_call_is_matched_though_the_call_is_filtered_out(tmp_path):
    maf, roster = write(tmp_path, ["id", "response"], [["P1", "pCR"], ["P2", "RD"]])
    header, *rows = maf.read_text().splitlines()
    maf.write_text("\n".join([f"{header}\tFILTER", f"{rows[0]}\tPASS", f"{rows[1]}\tweak_evidence"]) + "\n")
    _, guesses = draft_experiment(maf, roster, tmp_path)
    assert "patient: column id (2 of the 2 patients of the calls are in it)" in guesses


def test_draft__the_settings_that_it_leaves_as_comments_can_be_taken(simulated, tmp_path):
    text, _ = draft_experiment(simulated / "calls.maf", simulated / "roster.tsv", tmp_path)
    taken = re.sub(r"(?m)^  # (?=( *)(filters|words|min_|max_|tumor|patient_from))", "  ", text)
    experiment = read(re.sub(r"(?m)^# (?=assays:|  \w+: \{)", "", taken), tmp_path)
    assert experiment.calls.filters == read(text, tmp_path).calls.filters
    assert (experiment.calls.tumor, experiment.calls.patient_from) == ("NAME", "file")
    assert set(experiment.assays) == {"exome", "panel", "kit"}
    assert experiment.assays["exome"].megabases == 35


def test_draft__paths_are_relative_to_where_it_will_stand(simulated, tmp_path):
    text, _ = draft_experiment(simulated / "calls.maf", simulated / "roster.tsv", tmp_path / "a")
    (tmp_path / "a").mkdir()
    assert load_cohort(read(text, tmp_path / "a")).patients.shape[0] == 60


def test_draft__a_roster_of_other_patients_is_refused(tmp_path):
    maf, roster = write(tmp_path, ["id", "response"], [["P1", "pCR"], ["P2", "RD"]])
    roster.write_text(roster.read_text().replace("P", "Q"))
    with pytest.raises(InputError, match="no column holds the patients of the calls, such as P1, P2"):
        draft_experiment(maf, roster, tmp_path)


def test_draft__a_roster_without_response_is_refused_with_its_columns(tmp_path):
    maf, roster = write(tmp_path, ["id", "stage"], [["P1", "T1"], ["P2", "T2"]])
    with pytest.raises(InputError, match=r"no column looks like a response .* Columns: stage"):
        draft_experiment(maf, roster, tmp_path)


def test_demo__reads_as_an_experiment(tmp_path):
    experiment = read(demo_experiment(), tmp_path)
    assert experiment.simulated.patients == 160
    assert experiment.watch == ("ANKRD44",)
