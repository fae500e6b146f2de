"""Which calls damage the protein."""

import numpy as np
import pandas as pd
import pytest

from calls_drawn import calls_table, real_calls
from trastuz_ml.errors import ConfigurationError
from trastuz_ml.features.damaging import damaging_calls, is_damaging, predictor_scores, read_verdict


@pytest.mark.parametrize(
    ("text", "damaging", "score"),
    [
        ("deleterious(0.02)", True, 0.02), ("deleterious_low_confidence(0.01)", True, 0.01), ("D", True, None),
        ("tolerated(0.06)", False, 0.06), ("tolerated_low_confidence(0.2)", False, 0.2), ("T", False, None),
        ("tolerated", False, None), ("0.02", True, 0.02), ("0.05", False, 0.05), ("0,02", True, 0.02),
        ("1e-3", True, 0.001), ("0", True, 0.0), ("deleterious - low confidence(0.04)", True, 0.04),
        ("DAMAGING *Warning! Low confidence.", True, None), ("", None, None), (".", None, None),
        ("NA", None, None),
    ],
)  # fmt: skip
def test_sift__words_decide_and_numbers_alone_are_below_0_05(text, damaging, score):
    verdict = read_verdict(text, "sift")
    assert verdict.damaging is damaging
    assert np.isnan(verdict.score) if score is None else verdict.score == score


@pytest.mark.parametrize(
    ("text", "damaging"),
    [
        ("probably_damaging(0.99)", True), ("possibly_damaging", True), ("benign(0.001)", False), ("D", True),
        ("P", True), ("B", False), ("0.446", False), ("0.447", True), ("0.95", True), ("unknown(0)", None),
    ],
)  # fmt: skip
def test_polyphen__words_decide_and_numbers_alone_are_above_0_446(text, damaging):
    assert read_verdict(text, "polyphen").damaging is damaging


def test_verdict__the_word_outranks_the_number_beside_it():
    assert read_verdict("tolerated(0.01)", "sift").damaging is False


def test_verdict__an_unknown_with_a_number_has_no_score():
    assert np.isnan(read_verdict("unknown(0)", "polyphen").score)


def test_verdict__of_several_transcripts_the_gravest_counts():
    assert read_verdict("T;D;.", "sift").damaging is True
    assert read_verdict("0.3;0.01", "sift").score == 0.01
    assert read_verdict("0.3&0.9", "polyphen").score == 0.9


@pytest.mark.parametrize("text", ["-0.5", "1.5", "p.Arg1Ter", "12%", "likely", "D;likely", "probably_damaging(1)"])
def test_verdict__what_is_no_verdict_is_not_guessed(text):
    assert read_verdict(text, "sift") is None


def test_scores__are_read_once_for_each_text_and_missing_stays_missing():
    texts = pd.Series(["deleterious(0.02)", None, "D", "deleterious(0.02)"], dtype="category")
    assert predictor_scores(texts, "sift")[[0, 3]].tolist() == [0.02, 0.02]
    assert np.isnan(predictor_scores(texts, "sift")[[1, 2]]).all()


def test_damaging__truncating_is_damaging_and_other_effects_are_not():
    calls = calls_table("truncating", "inframe", "splice_region", "silent", "noncoding", sift="D", polyphen="D")
    assert is_damaging(calls).tolist() == [True, False, False, False, False]


def test_damaging__sift_and_polyphen_have_to_agree_and_a_missing_one_agrees_with_nothing():
    calls = calls_table(
        *["missense"] * 5, sift=["D", "D", "T", "D", None], polyphen=["P", "B", "D", None, "D"]
    )  # fmt: skip
    assert is_damaging(calls).tolist() == [True, False, False, False, False]


def test_damaging__a_newer_score_decides_where_there_is_one_and_either_suffices():
    calls = calls_table(
        *["missense"] * 6,
        sift="D", polyphen="D",
        revel=[0.5, 0.49, None, None, 0.1, None], alphamissense=[None, None, 0.565, 0.564, 0.9, None],
    )  # fmt: skip
    assert is_damaging(calls).tolist() == [True, False, True, False, True, True]


def test_damaging__calls_without_or_with_half_a_score_are_counted():
    calls = calls_table(
        *["missense"] * 5, "truncating", sift=["D", None, "D", "T", None, None],
        polyphen=["D", None, None, None, "unknown(0)", None],
    )  # fmt: skip
    damaging, findings = damaging_calls(calls)
    assert damaging.tolist() == [True, False, False, False, False, True]
    assert {f.code: f.count for f in findings} == {"missense-without-score": 2, "missense-half-scored": 1}


def test_damaging__texts_that_are_no_verdict_are_named():
    calls = calls_table("missense", "missense", "missense", sift=["D", "awful", "awful"], polyphen="D")
    damaging, findings = damaging_calls(calls)
    assert damaging.tolist() == [True, False, False]
    (finding,) = [f for f in findings if f.code == "verdict-not-understood"]
    assert finding.count == 2
    assert "SIFT" in finding.message
    assert "awful" in finding.message


@pytest.mark.parametrize(
    "scores", [{}, {"sift": "D"}, {"polyphen": ["D", "B"]}, {"sift": "awful", "polyphen": "D"}]
)
def test_damaging__is_refused_where_no_missense_call_can_be_judged(scores):
    with pytest.raises(ConfigurationError, match="of 2 missense calls none has a REVEL or AlphaMissense score"):
        damaging_calls(calls_table("missense", "missense", **scores))


def test_damaging__without_missense_calls_nothing_needs_a_score():
    damaging, findings = damaging_calls(calls_table("truncating", "silent"))
    assert damaging.tolist() == [True, False]
    assert findings == []


def test_damaging__real_calls_agree_with_a_plain_reading_of_their_words(transneo):
    calls = real_calls(transneo)
    sift, polyphen = calls["sift"].astype("str"), calls["polyphen"].astype("str")
    by_words = sift.str.startswith("deleterious", na=False) & polyphen.str.contains("damaging", na=False)
    expected = (calls["effect"] == "truncating") | ((calls["effect"] == "missense") & by_words)
    damaging, _ = damaging_calls(calls)
    assert damaging.tolist() == expected.tolist()
    assert 2_000 < damaging.sum() < 6_000
