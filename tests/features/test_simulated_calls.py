"""Simulated calls are calls: each has one place, alleles that fit its class, and words that fit both."""

from __future__ import annotations

import pandas as pd
import pytest

from trastuz_ml import schema
from trastuz_ml.features import simulated_calls
from trastuz_ml.features.simulate import simulate_cohort
from trastuz_ml.features.simulated_genes import NAMED_GENES


def test_calls__same_seed_same_cohort_over_several_blocks(monkeypatch):
    monkeypatch.setattr(simulated_calls, "_PATIENTS_A_BLOCK", 50)
    first, second = (simulate_cohort(120, seed=5) for _ in range(2))
    assert first.calls["patient"].nunique() == 120
    assert not first.calls.duplicated(list(schema.CALL_KEY)).any()
    pd.testing.assert_frame_equal(first.calls, second.calls)
    pd.testing.assert_frame_equal(first.roster, second.roster)


def test_calls__conform_and_none_appears_twice(large):
    calls = large.calls
    pd.testing.assert_frame_equal(calls, schema.conform(calls, schema.CALLS))
    assert list(calls.columns) == schema.CALLS.names
    assert set(calls["effect"]) <= set(schema.EFFECTS)
    assert not calls.duplicated(list(schema.CALL_KEY)).any()


def test_calls__a_place_has_one_reference_base_and_one_class_in_every_patient(large):
    words = ["Missense_Mutation", "Silent", "Nonsense_Mutation"]
    coding = large.calls[
        large.calls["consequence"].isin(words) & large.calls["gene"].isin([g.name for g in NAMED_GENES])
    ]
    seen = coding.groupby(["gene", "pos"], sort=False)
    assert (seen.size() > 1).any()
    assert (seen["ref"].nunique() == 1).all()
    assert (seen["effect"].nunique() == 1).all()


def test_calls__indels_agree_with_their_class(cohort):
    calls = cohort.calls
    deleted = calls["ref"].str.len().where(calls["alt"] == "-")
    inserted = calls["alt"].str.len().where(calls["ref"] == "-")
    assert (deleted[calls["consequence"] == "Frame_Shift_Del"] % 3 != 0).all()
    assert (deleted[calls["consequence"] == "In_Frame_Del"] % 3 == 0).all()
    assert (inserted[calls["consequence"] == "Frame_Shift_Ins"] % 3 != 0).all()
    assert (inserted[calls["consequence"] == "In_Frame_Ins"] % 3 == 0).all()
    missense = calls[calls["consequence"] == "Missense_Mutation"]
    assert (missense["ref"].astype("str") != missense["alt"].astype("str")).all()
    assert missense["ref"].str.fullmatch("[ACGT]").all()
    assert missense["alt"].str.fullmatch("[ACGT]").all()


@pytest.mark.parametrize(
    ("word", "coding", "protein"),
    [
        ("Missense_Mutation", r"c\.\d+[ACGT]>[ACGT]", r"p\.[A-Z]\d+[A-Z]"),
        ("Silent", r"c\.\d+[ACGT]>[ACGT]", r"p\.[A-Z]\d+="),
        ("Nonsense_Mutation", r"c\.\d+[ACGT]>[ACGT]", r"p\.[A-Z]\d+\*"),
        ("Frame_Shift_Del", r"c\.\d+(_\d+)?del", r"p\.[A-Z]\d+[A-Z]fs\*\d+"),
        ("Frame_Shift_Ins", r"c\.\d+_\d+ins[ACGT]+", r"p\.[A-Z]\d+[A-Z]fs\*\d+"),
        ("In_Frame_Del", r"c\.\d+_\d+del", r"p\.[A-Z]\d+(_[A-Z]\d+)?del"),
        ("In_Frame_Ins", r"c\.\d+_\d+ins[ACGT]+", r"p\.[A-Z]\d+_[A-Z]\d+ins[A-Z]+"),
        ("Splice_Site", r"c\.\d+\+[12]([ACGT]>[ACGT]|(_\d+\+\d+)?del)", r"p\.X\d+_splice"),
        ("Translation_Start_Site", r"c\.[123][ACGT]>[ACGT]", r"p\.M1\?"),
        ("Nonstop_Mutation", r"c\.\d+[ACGT]>[ACGT]", r"p\.\*\d+[A-Z]ext\*\d+"),
        ("3'UTR", r"c\.\*\d+(_\*\d+)?([ACGT]>[ACGT]|del|ins[ACGT]+)", None),
        ("5'UTR", r"c\.-\d+(_-\d+)?([ACGT]>[ACGT]|del|ins[ACGT]+)", None),
        ("Intron", r"c\.\d+\+\d+(_\d+\+\d+)?([ACGT]>[ACGT]|del|ins[ACGT]+)", None),
        ("RNA", r"n\.\d+(_\d+)?([ACGT]>[ACGT]|del|ins[ACGT]+)", None),
    ],
)
def test_calls__hgvs_has_the_form_of_its_class(large, word, coding, protein):
    calls = large.calls[large.calls["consequence"] == word]
    assert len(calls) > 100
    assert calls["hgvsc"].str.fullmatch(coding).all()
    if protein is None:
        assert calls["hgvsp"].isna().all()
    else:
        assert calls["hgvsp"].str.fullmatch(protein).all()
    assert calls["sift"].notna().any() == (word == "Missense_Mutation")


def test_calls__reads_support_the_fraction(cohort):
    reads = cohort.calls["vaf"] * cohort.calls["depth"].astype(float)
    assert (abs(reads - reads.round()) < 1e-9).all()
    assert (reads.round() >= 3).all()
    assert cohort.calls["vaf"].between(0, 1).all()
