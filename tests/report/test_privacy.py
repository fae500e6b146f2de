"""Real identifiers stay out: replaced by pseudonyms, or the text is withheld."""

from __future__ import annotations

import pytest

from trastuz_ml.report.privacy import WITHHELD, Pseudonyms, without_identifiers

NAMES = {"T1": "Ka", "T12": "Kb", "7": "Kc", "TCGA-A1": "Kd"}
HIDDEN = Pseudonyms(NAMES, frozenset({"stranger"}), frozenset({"T9", "TCGA-A9"}))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("T1 and T12 share calls", "Ka and Kb share calls"),
        ("patient 7 of 70", "patient Kc of 70"),
        ("TCGA-A1: odd", "Kd: odd"),
        ("TP53 has 12 calls", "TP53 has 12 calls"),
    ],
)
def test_rewrite__known_identifiers_become_pseudonyms(text: str, shown: str) -> None:
    assert HIDDEN.rewrite(text) == shown


@pytest.mark.parametrize("text", ["T99 is not known", "a stranger came", "TCGA-A1x", "seen in T13."])
def test_rewrite__text_with_another_identifier_is_withheld(text: str) -> None:
    assert HIDDEN.rewrite(text) is None


def test_without_identifiers__keys_values_and_paths_are_cleaned() -> None:
    given = {
        "T1": 7,
        "drop": ["T13", "T12"],
        "calls": "C:\\data\\calls.maf",
        "home": "~/x/roster.tsv",
        "gene": "T14",
    }
    assert without_identifiers(given, HIDDEN, frozenset({"T14"})) == {
        "Ka": 7, "drop": [WITHHELD, "Kb"], "calls": "calls.maf", "home": "roster.tsv", "gene": "T14",
    }  # fmt: skip


def test_without_identifiers__patient_named_like_a_gene_is_still_hidden() -> None:
    assert without_identifiers("T1", HIDDEN, frozenset({"T1"})) == "Ka"
