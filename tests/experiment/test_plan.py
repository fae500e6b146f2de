"""Who the size page is about, and what it computes for them."""

import dataclasses

import pytest

from trastuz_ml.errors import ConfigurationError, EvidenceError, InputError
from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.experiment.plan import Directions, Stratum, people_of, people_of_numbers, plan_size

EXPERIMENT = """\
name: few
calls: {files: [absent.maf]}
roster:
  file: roster.tsv
  patient: patient
  response: {column: response, positive: [pCR], negative: [RD]}
  group: centre
  sequenced: {exome: ["yes"]}
  filter: {her2: [POS]}
  covariates:
    age: {when: baseline}
    er: {when: baseline, kind: category}
models: [prevalence]
validation: {repeats: 3, folds: 4}
"""
# patient, response, exome, her2, centre, er, age
ROSTER = [
    ("A", "pCR", "yes", "POS", "1", "NEG", "50"),
    ("B", "pCR", "yes", "POS", "1", "POS", "50"),
    ("C", "RD", "yes", "POS", "2", "POS", "50"),
    ("D", "RD", "yes", "POS", "3", "", "50"),
    ("E", "RD", "yes", "POS", "1", "POS", "50"),
    ("F", "", "yes", "POS", "4", "POS", "50"),
    ("G", "pCR", "no", "POS", "5", "POS", "50"),
    ("H", "pCR", "yes", "NEG", "6", "POS", "50"),
]


@pytest.fixture
def experiment(tmp_path):
    header = ("patient", "response", "exome", "her2", "centre", "er", "age")
    (tmp_path / "roster.tsv").write_text("\n".join("\t".join(row) for row in (header, *ROSTER)), encoding="utf-8")
    (tmp_path / "few.yaml").write_text(EXPERIMENT, encoding="utf-8")
    return read_experiment(tmp_path / "few.yaml")


def test_people__are_those_who_would_be_trained_on_and_no_call_is_read(experiment):
    people = people_of(experiment)
    assert (people.patients, people.responders, people.others) == (5, 2, 3)
    assert (people.name, people.simulated) == ("few", False)
    assert (people.repeats, people.folds) == (3, 4)


def test_people__who_share_a_group_leave_fewer_folds(experiment):
    people = people_of(experiment)
    assert people.units == 3
    assert people.most_folds == 1


def test_people__are_parted_by_strata_and_a_missing_level_is_one(experiment):
    assert people_of(experiment, ["er"]).strata == (
        Stratum("er NEG", 1, 1), Stratum("er POS", 3, 1), Stratum("er not given", 1, 0),
    )  # fmt: skip


def test_people__of_several_strata_are_parted_by_all_of_them(transneo):
    settings = read_experiment("experiments/transneo.yaml", data=transneo)
    parts = people_of(settings, ["HER2.status", "LN.status.at.diagnosis"]).strata
    assert len(parts) == 4
    assert parts[0].name.startswith("HER2.status NEG, LN.status.at.diagnosis ")


def test_people__keep_what_was_noticed_about_the_roster(experiment):
    assert [found.code for found in people_of(experiment).findings] == ["response-missing"]


@pytest.mark.parametrize("name", ["age", "her2", "nix"])
def test_people__strata_are_declared_categories(experiment, name):
    with pytest.raises(ConfigurationError, match=rf"'{name}' is none\. There: er\."):
        people_of(experiment, [name])


def test_people__of_one_class_are_refused(experiment):
    roster = experiment.roster.model_copy(update={"sequenced": {"er": ("NEG",)}})
    with pytest.raises(EvidenceError, match=r"1 patients of roster\.tsv .* 1 of them responding\. Two classes"):
        people_of(experiment.model_copy(update={"roster": roster}))


def test_people__without_a_roster_are_refused(experiment, tmp_path):
    (tmp_path / "roster.tsv").unlink()
    with pytest.raises(InputError, match="roster"):
        people_of(experiment)


def test_people__of_a_simulated_experiment_are_those_that_are_simulated(small_experiment):
    people = people_of(read_experiment(small_experiment))
    assert people.simulated
    assert people.patients == 60


def test_people__of_the_real_cohort_are_62_with_20_responding(transneo):
    people = people_of(read_experiment("experiments/transneo_her2.yaml", data=transneo))
    assert (people.patients, people.responders) == (62, 20)
    assert plan_size(people).needed_alone == Directions(3, 8)


def test_numbers__have_no_groups_and_as_many_folds_as_the_smaller_class():
    people = people_of_numbers(62, 20)
    assert (people.units, people.most_folds, people.strata) == (62, 20, ())


@pytest.mark.parametrize(("patients", "responders"), [(10, 0), (10, 10), (10, 11), (1, 1)])
def test_numbers__of_one_class_are_refused(patients, responders):
    with pytest.raises(EvidenceError, match=f"found {responders} responding of {patients} patients"):
        people_of_numbers(patients, responders)


def test_numbers__beyond_any_cohort_are_refused():
    with pytest.raises(ConfigurationError, match="at most 100,000 patients"):
        people_of_numbers(100_001, 5)


def test_plan__of_62_patients():
    plan = plan_size(people_of_numbers(62, 20), genes=300)
    assert [row.carriers for row in plan.carriers] == [1, 2, 3, 5, 8, 10, 15, 20, 30]
    assert plan.carriers[2].alone == Directions(pytest.approx(30.05, abs=0.01), None)
    assert plan.needed_among_all == Directions(7, 20)
    assert [row.features for row in plan.allowances] == [0, 0, 1, 0]
    assert [row.area for row in plan.aucs] == [0.6, 0.7, 0.8]


def test_plan__of_six_and_six_says_what_little_there_is():
    plan = plan_size(people_of_numbers(12, 6))
    assert plan.smallest_p.arrangements == 924
    assert plan.needed_alone == Directions(5, 5)
    assert plan.needed_among_all == Directions(None, None)
    assert [row.carriers for row in plan.carriers if row.alone.response] == [5]
    assert {row.features for row in plan.allowances} == {0}


def test_plan__exchanging_the_classes_exchanges_the_directions():
    one, other = plan_size(people_of_numbers(62, 20)), plan_size(people_of_numbers(62, 42))
    for row, mirrored in zip(one.carriers, other.carriers, strict=True):
        swapped = mirrored.alone.resistance
        assert row.alone.response == (swapped and pytest.approx(1 / swapped))
    assert (one.needed_alone.response, one.needed_alone.resistance) == (
        other.needed_alone.resistance, other.needed_alone.response,
    )  # fmt: skip
    assert one.allowances == other.allowances


def test_plan__permutes_within_strata():
    people = dataclasses.replace(people_of_numbers(7, 3), strata=(Stratum("a", 4, 2), Stratum("b", 3, 1)))
    assert plan_size(people).smallest_p.arrangements == 18


def test_plan__adds_the_carriers_that_were_asked_for():
    plan = plan_size(people_of_numbers(12, 6), carriers=[4, 5])
    assert [row.carriers for row in plan.carriers] == [1, 2, 3, 4, 5, 8, 10]


@pytest.mark.parametrize("carriers", [0, 12])
def test_plan__nothing_is_said_of_a_gene_without_carriers_or_without_others(carriers):
    with pytest.raises(ConfigurationError, match=f"Expected 1 to 11 carriers among 12 patients, found {carriers}"):
        plan_size(people_of_numbers(12, 6), carriers=[carriers])
