"""Patients: what every model says of each, and waterfalls that add up."""

from __future__ import annotations

import numpy as np
import pytest

from report.gene_runs import EXPORTED, with_genes
from trastuz_ml.report import patients as of_patients
from trastuz_ml.report.content import content_of
from trastuz_ml.report.html import render
from trastuz_ml.report.patients import STEPS_KEPT, patient_rows
from trastuz_ml.report.privacy import pseudonyms_of


@pytest.fixture(scope="module")
def run(make):
    return with_genes(make())


@pytest.fixture(scope="module")
def found(run, pseudonyms):
    return patient_rows(run, pseudonyms_of([run], pseudonyms(run)))


def test_patients__probabilities_are_means_and_ranges_over_repeats(run, found, pseudonyms):
    real = {shown: patient for patient, shown in pseudonyms(run).items()}
    row = found["rows"][3]
    table = run.out_of_fold[run.out_of_fold["patient"] == real[row["patient"]]]
    for place, model in enumerate(found["models"]):
        values = table.loc[table["model"] == model, "probability"]
        expected = [values.mean(), values.min(), values.max()]
        assert [row["probability"][part][place] for part in ("mean", "low", "high")] == pytest.approx(
            expected, abs=6e-4
        )


def test_patients__highest_of_the_first_model_comes_first(found):
    means = [row["probability"]["mean"][0] for row in found["rows"]]
    assert means == sorted(means, reverse=True)


def test_waterfalls__base_steps_and_rest_add_up_to_the_output(found):
    falls = found["waterfalls"]
    assert falls["model"] == EXPORTED
    assert len(falls["patients"]) == len(found["rows"])
    for one in falls["patients"]:
        total = one["base"] + sum(part for _, _, part in one["steps"]) + one["rest"]
        assert total == pytest.approx(one["output"], abs=1e-3)
        assert len(one["steps"]) <= STEPS_KEPT
        sizes = [abs(part) for _, _, part in one["steps"]]
        assert sizes == sorted(sizes, reverse=True)


def test_waterfalls__of_many_patients_those_at_the_ends_are_kept(run, pseudonyms, monkeypatch):
    monkeypatch.setattr(of_patients, "WATERFALLS_KEPT", 9)
    found = patient_rows(run, pseudonyms_of([run], pseudonyms(run)))
    kept = [one["patient"] for one in found["waterfalls"]["patients"]]
    order = [row["patient"] for row in found["rows"]]
    assert {*order[:3], *order[-3:]} <= set(kept)
    assert found["waterfalls"]["left"] == len(order) - len(kept)


def test_patients__left_out_pairs_give_shares_of_patients_beaten(paired, pseudonyms):
    found = patient_rows(paired, pseudonyms_of([paired], pseudonyms(paired)))
    assert found["of_pairs"]
    means = np.array([row["probability"]["mean"] for row in found["rows"]], dtype=float)
    assert ((means >= 0) & (means <= 1)).all()


def test_patients__page_has_a_row_each_under_a_pseudonym(run, pseudonyms):
    page = render(content_of([run], pseudonyms(run)))
    for shown in pseudonyms(run).values():
        assert page.count(f'<tr data-patient="{shown}">') == 2
