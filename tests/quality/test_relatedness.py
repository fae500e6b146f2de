"""Patients who share rare variants."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.features.simulate import simulate_cohort
from trastuz_ml.quality.relatedness import rare_variants, related_patients, shared_pairs
from trastuz_ml.schema import CALLS, conform

DATA = Path(__file__).parents[3] / "shared" / "data"


def cohort_of(calls, groups=()):
    """A cohort of the patients of the calls, each its own group unless told."""
    ids = pd.Index(sorted(calls["patient"].astype("str").unique()), name="patient", dtype="str")
    group = pd.Series(ids, index=ids).replace(dict(groups))
    return Cohort(
        conform(calls, CALLS), pd.DataFrame({"response": 0, "group": group, "assay": "exome"}, index=ids)
    )


def carrying(**places):
    """Calls at the given places of each patient."""
    rows = [(patient, place) for patient, own in places.items() for place in own]
    calls = pd.DataFrame(rows, columns=["patient", "pos"])
    return calls.assign(gene="TTN", effect="missense", chrom="2", ref="A", alt="G")


def strangers(patients, calls=30):
    """Patients of whom no two share a place."""
    return {f"P{at:02d}": list(range(1000 * at, 1000 * at + calls)) for at in range(1, patients + 1)}


def codes(findings):
    return [(finding.severity, finding.code, finding.patient) for finding in findings]


def test_related__strangers_are_no_finding():
    assert related_patients(cohort_of(carrying(**strangers(12)))) == []


@pytest.mark.parametrize("patients", [12, 160, 1000])
def test_related__simulated_patients_are_strangers(patients):
    found = related_patients(cohort_of(simulate_cohort(patients).calls))
    assert {finding.code for finding in found} <= {"too-few-to-compare"}


@pytest.mark.parametrize("patients", [3, 12, 60])
def test_related__one_tumour_under_two_ids_is_an_error(patients):
    places = strangers(patients)
    places["P03"] = [*places["P01"][:27], 7, 8, 9, 10]
    found = related_patients(cohort_of(carrying(**places)))
    assert codes(found) == [("error", "one-person-two-ids", "P01")]
    assert found[0].count == 27
    assert "27 of 30" in found[0].message
    assert "P03" in found[0].message


def test_related__five_samples_of_one_person_are_ten_pairs():
    places = strangers(60)
    for other in ("P02", "P03", "P04", "P05"):
        places[other] = places["P01"]
    assert len(related_patients(cohort_of(carrying(**places)))) == 10


def test_related__some_shared_variants_are_a_warning():
    places = strangers(12)
    places["P02"] = [*places["P01"][:8], *places["P02"][8:]]
    assert codes(related_patients(cohort_of(carrying(**places)))) == [("warning", "related-patients", "P01")]


def test_related__hotspots_and_artefacts_that_many_carry_are_no_finding():
    places = {patient: [*own, *range(500_000, 500_040)] for patient, own in strangers(12).items()}
    assert related_patients(cohort_of(carrying(**places))) == []


def test_related__a_declared_pair_of_biopsies_is_a_note():
    places = strangers(12)
    places["P02"] = places["P01"]
    found = related_patients(cohort_of(carrying(**places), {"P01": "one", "P02": "one"}))
    assert codes(found) == [("note", "biopsies-of-one-person", "")]


def test_related__two_ids_within_one_centre_are_still_an_error():
    places = strangers(12)
    places["P02"] = places["P01"]
    found = related_patients(cohort_of(carrying(**places), {f"P{at:02d}": "north" for at in range(1, 9)}))
    assert codes(found) == [("error", "one-person-two-ids", "P01")]


def test_related__a_swapped_biopsy_is_found_from_both_sides():
    places = strangers(12)
    places["P02"], places["P04"], places["P06"] = places["P03"], places["P05"], places["P01"]
    groups = {"P01": "a", "P02": "a", "P03": "b", "P06": "b", "P04": "c", "P05": "c"}
    found = related_patients(cohort_of(carrying(**places), groups))
    assert sorted(codes(found)) == [
        ("error", "one-person-two-ids", "P01"), ("error", "one-person-two-ids", "P02"),
        ("note", "biopsies-of-one-person", ""),
        ("warning", "biopsies-do-not-match", "P01"), ("warning", "biopsies-do-not-match", "P03"),
    ]  # fmt: skip


def test_related__centres_that_share_nothing_are_no_mismatch():
    groups = {f"P{at:02d}": f"centre {at % 3}" for at in range(1, 13)}
    assert related_patients(cohort_of(carrying(**strangers(12)), groups)) == []


def test_related__patients_with_few_calls_are_named_not_judged():
    places = strangers(12) | {"P01": [1, 2, 3], "P02": [1, 2, 3]}
    found = related_patients(cohort_of(carrying(**places)))
    assert codes(found) == [("note", "too-few-to-compare", "")]
    assert "P01, P02" in found[0].message


def test_related__calls_without_positions_cannot_be_compared():
    calls = carrying(P1=range(9), P2=range(9), P3=range(9)).assign(pos=None)
    assert codes(related_patients(cohort_of(calls))) == [("note", "too-few-to-compare", "")]


def tumour_only(patients, seed=0, variants=20_000, siblings=False):
    """Inherited variants of strangers, frequencies 1/f, on top of 40 somatic calls each."""
    rng = np.random.default_rng(seed)
    frequency = 1e-3 * (0.99 / 1e-3) ** rng.random(variants)
    carried = rng.random((patients, variants)) < 1 - (1 - frequency) ** 2
    if siblings:
        carried[1] = np.where(rng.random(variants) < 0.5, carried[0], carried[1])
    somatic = strangers(patients, 40).items()
    inherited = [1_000_000 + np.flatnonzero(own) for own in carried]
    return carrying(**{patient: [*own, *more] for (patient, own), more in zip(somatic, inherited, strict=True)})


@pytest.mark.parametrize("patients", [4, 12, 60])
def test_related__common_inherited_variants_are_no_finding(patients):
    assert related_patients(cohort_of(tumour_only(patients))) == []


@pytest.mark.parametrize("patients", [12, 60])
def test_related__siblings_without_a_normal_sample_are_a_warning(patients):
    found = related_patients(cohort_of(tumour_only(patients, siblings=True)))
    assert [(finding.severity, finding.code) for finding in found] == [("warning", "related-patients")]
    assert "relatives" in found[0].message


def test_pairs__are_those_of_a_search_through_sets():
    rng = np.random.default_rng(3)
    table = (rng.random((9, 60)) < 0.2).astype(np.int32)
    names = pd.Index([f"P{at}" for at in range(9)])
    pairs = shared_pairs(sp.csr_array(table), names).set_index(["patient", "other"])
    carried = {name: set(np.flatnonzero(row)) for name, row in zip(names, table, strict=True)}
    expected = {}
    for one, two in combinations(names, 2):
        fewer, more = sorted((one, two), key=lambda name: len(carried[name]))
        if carried[one] & carried[two]:
            expected[fewer, more] = len(carried[one] & carried[two])
    assert pairs["shared"].to_dict() == expected
    ordered_pairs, total = sum(k * (k - 1) for k in table.sum(axis=0)), table.sum()
    for (one, two), by_chance in pairs["expected"].items():
        assert by_chance == pytest.approx(ordered_pairs * len(carried[one]) * len(carried[two]) / total**2)


@pytest.mark.parametrize(("patients", "most"), [(3, 2), (12, 2), (24, 3), (40, 5), (400, 5)])
def test_rare__is_what_at_most_an_eighth_carry_and_never_more_than_five(patients, most):
    staircase = sp.csr_array(np.tri(patients, dtype=np.int32))
    assert rare_variants(staircase).sum(axis=0).tolist() == list(range(most, 0, -1))


def places_of(folder, file, **words):
    path = DATA / folder / file
    if not path.is_file():
        pytest.skip(f"{folder}/{file} is not beside the project")
    table = pd.read_csv(path, sep="\t", usecols=list(words), dtype="str").rename(columns=words)
    return table.assign(gene="any", effect="missense", pos=table["pos"].astype(float))


def liu():
    return places_of("melanoma/liu2019", "SNV.txt.gz", Patient="patient", Chromosome="chrom", Start_position="pos")


def van_allen():
    return places_of(
        "melanoma/vanallen2015", "SNV.txt.gz", patient="patient", Chromosome="chrom", Start_position="pos",
        Reference_Allele="ref", Tumor_Seq_Allele2="alt",
    )  # fmt: skip


def breast():
    return places_of(
        "transneo", "mutations.tsv.gz", **{"Donor.ID": "patient", "Chr": "chrom", "Start": "pos"},
        Ref_Allele="ref", Tumor_Alt_Allele="alt",
    )  # fmt: skip


@pytest.mark.parametrize("published", [breast, liu, van_allen])
def test_related__published_cohorts_alone_are_strangers(published):
    assert related_patients(cohort_of(published())) == []


def test_related__the_one_person_of_two_melanoma_cohorts_is_found_and_nobody_else():
    both = pd.concat([liu(), van_allen()], ignore_index=True)
    found = related_patients(cohort_of(both))
    assert codes(found) == [("error", "one-person-two-ids", "Pat83")]
    assert found[0].count == 42
    assert "Patient35" in found[0].message
