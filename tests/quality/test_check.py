"""All checks of a cohort before any model."""

import pandas as pd

from trastuz_ml.cohort.cohort import Cohort, Source
from trastuz_ml.features.simulate import simulate_cohort
from trastuz_ml.quality.check import check_cohort, repeated_files, shared_groups
from trastuz_ml.schema import CALLS, empty


def simulated(patients=160, seed=2019, **columns):
    made = simulate_cohort(patients, seed)
    roster = made.roster.set_index("patient")
    table = pd.DataFrame(
        {"response": (roster["response"] == "pCR").astype("Int8"), "group": roster.index, "assay": "exome"}
    )
    return Cohort(made.calls, table.assign(**columns))


def severities(findings):
    return {finding.severity for finding in findings}


def test_check__a_simulated_cohort_has_no_errors_and_no_relatives():
    for patients in (12, 160, 1000):
        found = check_cohort(simulated(patients))
        assert "error" not in severities(found)
        assert {finding.code for finding in found} <= {
            "class-balance", "class-small", "class-tiny", "genes-of-one-response", "burden-high", "burden-low",
            "too-few-to-compare", "burden-with-response",
        }  # fmt: skip


def test_check__every_check_speaks_where_everything_is_wrong():
    cohort = simulated()
    patients = cohort.patients.copy()
    patients["assay"] = patients["response"].map({1: "panel", 0: "exome"})
    patients.iloc[:2, patients.columns.get_loc("group")] = "one"
    first = cohort.calls[cohort.calls["patient"] == "SIM000001"]
    kept = cohort.calls[~cohort.calls["patient"].isin(["SIM000100", "SIM000101"])]
    again = first.assign(patient="SIM000100")
    nearly_none = cohort.calls[cohort.calls["patient"] == "SIM000101"].query("effect == 'silent'").head(1)
    calls = pd.concat([kept, again, nearly_none], ignore_index=True)
    sources = (Source("a.maf", "f00d", 9, 9), Source("b.maf", "f00d", 9, 9))
    codes = {finding.code for finding in check_cohort(Cohort(calls, patients, sources=sources))}
    assert codes == {
        "same-file-twice", "one-person-two-ids", "too-few-to-compare", "patients-in-groups", "class-balance",
        "assay-confounded", "burden-low", "genes-of-one-response",
    }  # fmt: skip


def test_check__order_of_calls_does_not_matter():
    cohort = simulated()
    shuffled = Cohort(cohort.calls.sample(frac=1, random_state=1), cohort.patients)
    assert check_cohort(shuffled) == check_cohort(cohort)


def test_check__effects_decide_who_carries():
    def genes(**options):
        return [f.message for f in check_cohort(simulated(), **options) if f.code == "genes-of-one-response"]

    assert genes() != genes(effects=("truncating",))


def test_check__patients_to_be_predicted_are_checked_too():
    found = check_cohort(simulated(response=pd.array([pd.NA] * 160, dtype="Int8")))
    assert {finding.code for finding in found} <= {"burden-high", "burden-low", "too-few-to-compare"}


def test_files__of_the_same_content_are_an_error():
    (found,) = repeated_files([Source("b.vcf", "f00d", 9, 9), Source("a.vcf", "f00d", 9, 9)])
    assert (found.severity, found.code, found.count, found.where) == ("error", "same-file-twice", 2, "a.vcf")
    assert "a.vcf, b.vcf" in found.message


def test_files__of_the_same_name_and_content_are_an_error():
    assert len(list(repeated_files([Source("a.maf", "f00d", 9, 9)] * 2))) == 1


def test_files__that_differ_are_silent():
    assert list(repeated_files([Source("a.maf", "f00d", 9, 9), Source("b.maf", "beef", 9, 9)])) == []


def test_files__a_workbook_with_calls_and_roster_is_silent():
    workbook = [Source("tables.xlsx", "f00d", 16_134, 16_000), Source("tables.xlsx", "f00d", 168, 162)]
    assert list(repeated_files(workbook)) == []


def test_files__without_rows_may_be_equal():
    assert list(repeated_files([Source("a.vcf", "f00d", 0, 0), Source("b.vcf", "f00d", 0, 0)])) == []


def test_groups__with_several_patients_are_a_note():
    ids = pd.Index(["P1", "P2", "P3", "P4"], name="patient")
    patients = pd.DataFrame({"response": 0, "group": ["a", "a", "b", "c"], "assay": "exome"}, index=ids)
    (found,) = shared_groups(Cohort(empty(CALLS), patients))
    assert (found.severity, found.code, found.count) == ("note", "patients-in-groups", 1)
    assert "(a), 2 patients" in found.message
    assert list(shared_groups(Cohort(empty(CALLS), patients.assign(group=ids)))) == []
