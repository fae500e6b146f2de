"""Rosters, responses and covariates."""

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.cohort.patients import (
    Covariate,
    Response,
    RosterPlan,
    covariate_auc,
    read_roster,
    read_table,
    refuse_outcomes_in_disguise,
)
from trastuz_ml.errors import EvidenceError, InputError

ROSTER = pd.DataFrame(
    {
        "id": ["P3", "P1", "P2", "P4", "P5"],
        "response": ["pCR", "RD", "RD", "", "SD"],
        "age": ["40", "51.5", "", "60", "70"],
        "stage": ["T2", "T1", "T3", "T2", "T1"],
        "her2": ["POS", "POS", "NEG", "POS", "POS"],
        "person": ["a", "b", "", "a", "c"],
    }
)
RESPONSE = Response("response", ("pCR",), ("RD",))


def plan(**changes):
    return RosterPlan(**({"patient": "id", "response": RESPONSE} | changes))


@pytest.fixture
def roster(tmp_path):
    path = tmp_path / "roster.tsv"
    ROSTER.to_csv(path, sep="\t", index=False)
    return path


def write(tmp_path, table, name="roster.tsv"):
    table.to_csv(tmp_path / name, sep="\t", index=False)
    return tmp_path / name


def test_roster__is_sorted_by_patient_and_coded(roster):
    patients, findings = read_roster(roster, plan())
    assert patients.index.tolist() == ["P1", "P2", "P3", "P4", "P5"]
    assert patients["response"].tolist() == [0, 0, 1, pd.NA, pd.NA]
    assert {f.code: f.count for f in findings} == {"response-missing": 1, "response-not-declared": 1}
    assert "P4" in findings[0].message
    assert "SD" in findings[1].message


@pytest.mark.parametrize("ending", ["csv", "parquet", "xlsx", "txt"])
def test_roster__reads_alike_from_every_format(tmp_path, roster, ending):
    path = tmp_path / f"roster.{ending}"
    typed = ROSTER.assign(age=pd.to_numeric(ROSTER["age"]))
    {
        "csv": lambda: typed.to_csv(path, index=False),
        "txt": lambda: typed.to_csv(path, sep="\t", index=False),
        "parquet": lambda: typed.to_parquet(path),
        "xlsx": lambda: typed.to_excel(path, index=False),
    }[ending]()
    wanted = plan(covariates=(Covariate("age"),))
    pd.testing.assert_frame_equal(read_roster(path, wanted)[0], read_roster(roster, wanted)[0])


def test_roster__whole_numbers_of_parquet_are_identifiers_without_a_point(tmp_path):
    path = tmp_path / "roster.parquet"
    pd.DataFrame({"id": [1.0, 2.0], "when": [None, True]}).to_parquet(path)
    assert read_table(path)["id"].tolist() == ["1", "2"]


def test_roster__order_of_rows_does_not_matter(tmp_path, roster):
    shuffled = write(tmp_path, ROSTER.sample(frac=1, random_state=3), "other.tsv")
    pd.testing.assert_frame_equal(read_roster(roster, plan())[0], read_roster(shuffled, plan())[0])


def test_roster__a_patient_without_group_is_a_group_of_its_own(roster):
    patients, _ = read_roster(roster, plan(group="person"))
    assert patients["group"].tolist() == ["b", "P2", "a", "a", "c"]


def test_roster__filter_and_sequenced_are_marked_not_dropped(roster):
    patients, _ = read_roster(roster, plan(keep={"her2": ["POS"]}, sequenced={"stage": ["T1", "T2"]}))
    assert patients.index[~patients["in_cohort"]].tolist() == ["P2"]
    assert patients.index[~patients["sequenced"]].tolist() == ["P2"]


def test_roster__an_ordered_covariate_takes_its_order_from_the_levels(roster):
    covariate = Covariate("stage", kind="ordered", levels=("T1", "T2", "T3"))
    assert read_roster(roster, plan(covariates=(covariate,)))[0]["stage"].tolist() == [0, 2, 1, 1, 0]


def refused(path, wanted, match, error=InputError):
    with pytest.raises(error, match=match):
        read_roster(path, wanted)


def test_roster__a_missing_file_is_refused(tmp_path):
    refused(tmp_path / "none.tsv", plan(), "There is no file")


def test_roster__a_missing_column_is_refused_with_the_nearest(roster):
    refused(
        roster,
        plan(response=Response("Respones", ("pCR",), ("RD",))),
        "no column 'Respones'; the nearest is response",
    )


def test_roster__a_patient_who_appears_twice_is_refused_by_name(tmp_path):
    refused(write(tmp_path, pd.concat([ROSTER, ROSTER[:1]])), plan(), r"more than once in column id \(P3\)")


def test_roster__a_blank_identifier_is_refused_with_its_line(tmp_path):
    refused(
        write(tmp_path, ROSTER.assign(id=["P3", "", "P2", "P4", "P5"])), plan(), "line 3: the patient identifier"
    )


def test_roster__no_positive_response_is_refused_with_what_is_there(roster):
    wanted = plan(response=Response("response", ("CR",), ("RD",)))
    refused(roster, wanted, r"no patient has a positive response \(CR\).*RD, SD, pCR", EvidenceError)


def test_roster__one_class_after_the_filter_is_refused(roster):
    refused(roster, plan(keep={"her2": ["NEG"]}), "positive response", EvidenceError)


def test_roster__a_number_that_is_none_is_refused_with_its_patient(tmp_path):
    path = write(tmp_path, ROSTER.assign(age=["40", "old", "50", "60", "70"]))
    refused(path, plan(covariates=(Covariate("age"),)), "patient P1, column age: expected a number.*found 'old'")


def test_roster__a_level_that_is_not_declared_is_refused(roster):
    covariate = Covariate("stage", kind="ordered", levels=("T1", "T2"))
    refused(roster, plan(covariates=(covariate,)), "expected one of T1, T2, found 'T3'")


def test_roster__a_filter_that_matches_nothing_is_refused_with_what_is_there(roster):
    refused(roster, plan(keep={"her2": ["positive"]}), "never holds positive; it holds NEG, POS")


def test_roster__filters_that_exclude_each_other_are_refused(roster):
    refused(roster, plan(keep={"her2": ["NEG"], "stage": ["T1"]}), "no patient passes the filter")


def test_roster__a_repeated_header_is_refused(tmp_path):
    path = tmp_path / "roster.parquet"
    path.write_text("not parquet")
    refused(path, plan(), "cannot be read as .parquet")
    excel = tmp_path / "roster.xlsx"
    excel.write_text("not excel")
    refused(excel, plan(), "cannot be read as .xlsx")
    other = tmp_path / "roster.doc"
    other.write_text("x")
    refused(other, plan(), "expected a roster ending in")


def test_roster__an_empty_table_is_refused(tmp_path):
    refused(write(tmp_path, ROSTER[:0]), plan(), "has no rows")


# --- Outcomes in disguise -----------------------------------------------------------------------------


def cohort(values, kind="number", **settings):
    response = pd.Series([0] * 10 + [1] * 10, dtype="Int8")
    patients = pd.DataFrame({"x": values, "response": response})
    refuse_outcomes_in_disguise(patients, [Covariate("x", kind=kind, **settings)])


def test_disguise__a_covariate_declared_post_is_refused():
    with pytest.raises(EvidenceError, match="declared post"):
        cohort(range(20), when="post")


@pytest.mark.parametrize("direction", [1, -1])
def test_disguise__a_covariate_that_separates_alone_stops_the_run_in_either_direction(direction):
    with pytest.raises(EvidenceError, match=r"reaches an AUC of 1\.000.*vouched"):
        cohort([direction * float(i) for i in range(20)])


def test_disguise__vouching_lets_it_pass():
    cohort([float(i) for i in range(20)], vouched=True)


def test_disguise__a_category_that_names_the_outcome_is_found():
    with pytest.raises(EvidenceError, match="disguise"):
        cohort(["RCB-II"] * 5 + ["RCB-III"] * 5 + ["pCR"] * 10, kind="category")


def test_disguise__being_measured_at_all_can_be_the_disguise():
    with pytest.raises(EvidenceError, match="disguise"):
        cohort([float("nan")] * 10 + [1.0, 2.0] * 5)


def test_disguise__an_honest_covariate_passes():
    cohort([float(i % 7) for i in range(20)])


def test_disguise__transneo_rcb_is_found_and_age_is_not(transneo):
    table = pd.read_csv(transneo / "clinical.tsv", sep="\t")
    response = table["pCR.RD"].map({"pCR": 1, "RD": 0}).astype("Int8")
    assert covariate_auc(table["RCB.score"], response, "number") > 0.99
    assert covariate_auc(table["RCB.category"], response, "category") > 0.99
    assert covariate_auc(table["Age"], response, "number") < 0.7


def test_disguise__many_small_levels_of_noise_pass():
    rng = np.random.default_rng(0)
    stopped = 0
    for _ in range(200):
        response = pd.Series([0] * 10 + [1] * 10, dtype="Int8")
        levels = pd.Series(rng.integers(0, 10, 20).astype(str))
        stopped += covariate_auc(levels, response, "category") >= 0.95
    assert stopped == 0


def test_roster__a_number_too_large_for_the_design_is_refused(tmp_path):
    path = write(tmp_path, ROSTER.assign(age=["40", "1e39", "50", "60", "70"]))
    refused(path, plan(covariates=(Covariate("age"),)), "expected a number.*found '1e39'")
