"""The model card says what a reader must know before using a model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.errors import ModelError
from trastuz_ml.store.card import CARD_DEFAULTS, CARD_FIELDS, card_markdown, plain
from trastuz_ml.store.tripod import ITEMS, reporting


@pytest.fixture
def card() -> dict:
    return {
        "name": "transneo",
        "simulated": False,
        "model": "l2-logistic:both",
        "purpose": "",
        "response": {"column": "pCR.RD", "positive": ["pCR"], "negative": ["RD"]},
        "patients": 162,
        "responders": 42,
        "features": 310,
        "scores": [
            {"model": "chosen", "score": "auroc", "estimate": 0.6612, "low": 0.55, "high": 0.76, "interval": "NB"},
            {"model": "chosen", "score": "slope", "estimate": None, "low": None, "high": None, "interval": None},
        ],
        "candidate": {"C": 0.1},
        "threshold": 0.31,
        "sources": [{"name": "calls.maf", "sha256": "ab" * 32}],
        "versions": {"python": "3.11.9"},
        "inputs": {"patient": "patient"},
        "limits": ["Single-arm cohort:\nresponse to the regimen given."],
        "strata": [
            {"model": "chosen", "covariate": "HER2.status", "level": "POS", "patients": 62, "responders": 20,
             "auroc": 0.6, "low": 0.4, "high": 0.77, "interval": "widened DeLong", "status": ""},
        ],
        "reporting": reporting({"5a": "Two files.", "18f": "On | request."}),
        "run": "ab" * 32,
        "files": {"model.json": "cd" * 32},
    }  # fmt: skip


def test_card__says_what_the_model_must_not_be_used_for(card):
    text = card_markdown(card)
    assert "must not be used as advice on the treatment of any patient" in text
    assert "- Single-arm cohort: response to the regimen given." in text


def test_card__shows_scores_with_their_intervals(card):
    text = card_markdown(card)
    assert "| chosen | auroc | 0.661 | 0.550 to 0.760 | NB |" in text
    assert "| chosen | slope | not evaluable | none |  |" in text


def test_card__no_scores_is_said_in_words(card):
    assert "nothing is known of how well" in card_markdown(card | {"scores": []})


@pytest.mark.parametrize("simulated", [True, False])
def test_card__simulated_patients_are_said_in_the_title_and_the_data(card, simulated):
    text = card_markdown(card | {"simulated": simulated})
    assert ("(simulated patients)" in text.splitlines()[0]) is simulated
    assert ("**Simulated**" in text) is simulated


def test_card__a_missing_field_is_named_with_its_meaning(card):
    del card["threshold"]
    with pytest.raises(ModelError, match=r"lacks threshold \(probability from which"):
        card_markdown(card)


def test_card__no_field_can_ride_along(card):
    with pytest.raises(ModelError, match="no card has: patient_ids"):
        card_markdown(card | {"patient_ids": ["T001"]})


def test_card__patients_are_a_count_and_never_names(card):
    with pytest.raises(ModelError, match="patients of the model card must be a whole number"):
        card_markdown(card | {"patients": ["T001", "T002"]})


def test_card__a_name_cannot_break_the_table_or_bring_markup(card):
    card["sources"] = [{"name": "a|b\n<script>", "sha256": "00"}]
    assert "| a\\|b &lt;script> | 00 |" in card_markdown(card)


def test_card__values_of_numpy_and_pandas_become_plain():
    made = plain({"a": np.int64(3), "b": (np.float32(0.5), pd.NA), "c": np.array([np.nan, np.inf]), "d": True})
    assert made == {"a": 3, "b": [0.5, None], "c": [None, None], "d": True}
    assert type(made["a"]) is int


def test_card__every_field_has_a_meaning(card):
    assert set(card) == set(CARD_FIELDS)


def test_card__every_item_of_tripod_is_there_and_what_nobody_said_is_not_stated(card):
    lines = card_markdown(card).splitlines()
    rows = [line for line in lines if line.split("|")[1:2] and line.split("|")[1].strip() in ITEMS]
    assert [row.split("|")[1].strip() for row in rows] == list(ITEMS)
    assert "| 5a | Data: where the data come from, and why these | Two files. |" in rows
    assert "| 17 | Ethics: approval and consent | not stated |" in rows
    assert sum("| not stated |" in row for row in rows) == len(ITEMS) - 2
    assert any(line.startswith("Not stated: 1, 2, 3a") for line in lines)


def test_card__tripod_has_the_27_items_of_2024():
    numbers = list(dict.fromkeys(int(item.rstrip("abcdefg")) for item in ITEMS))
    assert numbers == list(range(1, 28))
    assert len(ITEMS) == 52


def test_card__an_item_that_tripod_does_not_have_is_refused():
    with pytest.raises(ModelError, match="no item 99"):
        reporting({"99": "x"})


def test_card__scores_within_strata_are_shown_with_their_interval(card):
    assert "| chosen | HER2.status POS | 62 | 20 | 0.600 | 0.400 to 0.770 |  |" in card_markdown(card)
    assert "how scores differ between groups of patients is not known" in card_markdown(card | {"strata": []})


def test_card__names_the_run_and_the_hash_of_each_file(card):
    text = card_markdown(card)
    assert f"Run that made it: {'ab' * 32}." in text
    assert f"| model.json | {'cd' * 32} |" in text
    assert "Run that made it: not stated." in card_markdown(card | CARD_DEFAULTS)
