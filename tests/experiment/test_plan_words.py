"""The size page says what it computed, and what cannot be said."""

import dataclasses

import pytest

from trastuz_ml.experiment.plan import Stratum, people_of_numbers, plan_size
from trastuz_ml.experiment.plan_words import headline, plan_content, size_page


def page(patients, responders, **more):
    people = dataclasses.replace(people_of_numbers(patients, responders), **more)
    return {section.title: section for section in size_page(plan_size(people))}


def words(section):
    return " ".join(section.sentences)


def test_validation__below_30_patients_is_leave_pair_out():
    said = words(page(12, 6)["Validation"])
    assert "every two patients are left out together (tournament leave-pair-out" in said
    assert "36 pairs of them a responder and another" in said
    assert "fitted to the 10 others" in said
    assert "leave-pair-out" not in words(page(30, 15)["Validation"])


def test_validation__names_folds_and_the_smallest_class():
    said = words(page(62, 20)["Validation"])
    assert (
        "10 repeats of 5 stratified folds. A fold leaves out about 12 patients, 4.0 of the smaller class" in said
    )
    assert "at most 20" in said


@pytest.mark.parametrize(
    ("responders", "most", "said"),
    [(3, 3, "5 folds cannot each hold both classes: 3 folds are the most that work."),
     (9, 1, "5 folds cannot each hold both classes: no number of folds works."),
     (1, 1, "No validation works: without the one patient of the smaller class")],
)  # fmt: skip
def test_validation__that_cannot_be_is_said(responders, most, said):
    assert said in words(page(50, responders, most_folds=most)["Validation"])


def test_validation__patients_of_one_group_tell_less():
    assert "form 58 groups" in words(page(62, 20, units=58)["Validation"])
    assert "groups" not in words(page(62, 20)["Validation"])


def test_auc__table_holds_the_intervals():
    rows = page(62, 20)["AUC"].table
    assert rows[1] == {"AUC": "0.7", "interval": "0.55 to 0.85", "width": "0.29"}


def test_chance__of_six_and_six_is_counted_exactly():
    said = words(page(12, 6)["Chance"])
    assert "924 ways" in said
    assert "1/924 = 0.0011 one-sided, 2/924 = 0.0022 two-sided" in said
    assert "refitted each time: 2/924 = 0.0022: the classes are equal" in said


def test_chance__of_unequal_classes_is_not_doubled():
    assert "refitted each time: 1/792 = 0.0013." in words(page(12, 5)["Chance"])


def test_chance__of_many_patients_is_limited_by_the_permutations():
    assert "to 1/(1 + m), which is 0.001 for 999" in words(page(62, 20)["Chance"])


def test_features__a_share_that_is_known_closely_needs_no_warning():
    assert "third criterion" in words(page(62, 20)["Features in a model"])
    assert "third criterion" not in words(page(1000, 260)["Features in a model"])


def test_features__table_names_each_assumption():
    table = page(62, 20)["Features in a model"].table
    assert [row["if the model reaches"] for row in table] == [
        "AUC 0.6", "AUC 0.7", "AUC 0.8", "15 % of the largest R2",
    ]  # fmt: skip
    assert [row["features allowed"] for row in table] == ["0", "0", "1", "0"]


def test_genes__what_cannot_be_shown_is_no_number():
    section = page(62, 20)["Genes"]
    row = next(row for row in section.table if row["carriers"] == "3")
    assert row["response"] == "30"
    assert row["resistance"] == "not at any odds ratio"
    assert "towards response 3 (all responding), towards resistance 8 (none responding)" in words(section)


def test_genes__carriers_that_are_never_enough_are_said():
    said = words(page(12, 6)["Genes"])
    assert "20,000 genes are searched (p <= 2.5e-06): no number is enough, in either direction" in said
    assert "even one named beforehand" in words(page(6, 3)["What cannot be said"])


def test_strata__each_has_its_own_smallest_auc():
    parts = (Stratum("ER POS", 50, 14), Stratum("ER NEG", 12, 6), Stratum("ER ?", 2, 0))
    section = page(64, 20, strata=parts)["Strata"]
    assert [row["smallest AUC told from 0.5"] for row in section.table] == ["0.68", "0.84", "none"]
    assert "Strata" not in page(62, 20)


def test_not_said__of_six_and_six():
    said = page(12, 6)["What cannot be said"].sentences
    assert any("Brier score" in s for s in said)
    assert any("AUC of 0.8 is better than chance" in s for s in said)
    assert any("one feature is too many" in s for s in said)
    assert any("found by searching 20,000 with response" in s for s in said)
    assert any("all 6 responders are found" in s and "0.61" in s for s in said)


def test_not_said__of_many_patients_is_only_what_no_number_cures():
    said = page(1000, 260)["What cannot be said"].sentences
    assert len(said) == 1
    assert "without an untreated arm" in said[0]


def test_not_said__a_p_that_permutation_cannot_reach():
    assert "p is at least 0.1." in words(page(6, 3)["What cannot be said"])
    assert "p is at least" not in words(page(12, 6)["What cannot be said"])


def test_not_said__one_responder():
    assert "if the one responder is found" in words(page(40, 1)["What cannot be said"])


def test_headline__marks_simulated_patients():
    people = dataclasses.replace(people_of_numbers(60, 20), name="demo", simulated=True)
    assert headline(people) == "demo: what 60 SIMULATED patients can tell, 20 responding and 40 not"


def test_content__holds_the_numbers_and_the_page():
    content = plan_content(plan_size(people_of_numbers(12, 6)))
    assert content["smallest_p"]["arrangements"] == 924
    assert content["people"]["patients"] == 12
    assert content["carriers"][0]["alone"] == {"response": None, "resistance": None}
    assert content["page"][0]["title"] == "Validation"


def test_content__arrangements_that_no_reader_of_json_could_hold_are_null():
    assert plan_content(plan_size(people_of_numbers(200, 60)))["smallest_p"]["arrangements"] is None
