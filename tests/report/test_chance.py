"""What a report says of permutations."""

from __future__ import annotations

import pandas as pd

from trastuz_ml import schema
from trastuz_ml.report.chance import NOT_PERMUTED, chance_content, chance_sentences
from trastuz_ml.store.run_folder import Run


def test_chance__without_permutations_that_is_said_with_the_setting() -> None:
    assert chance_sentences(schema.empty(schema.CHANCE)) == [NOT_PERMUTED]
    assert "permutation: times" in NOT_PERMUTED


def test_chance__the_headline_is_chosen_and_what_genes_add(rich: Run) -> None:
    whole, added = chance_sentences(rich.chance)
    assert whole.startswith("Chance: p = 0.050 for “chosen” (picked among 1 model, AUROC 0.71;")
    assert "(1 + b) / (1 + m) of 19 permutations" in whole
    assert added.startswith("What genes add: p = 0.30 for “l2-logistic:both” (+0.020 over clinical-only on")


def test_chance__of_genes_alone_still_says_that_the_responses_were_not_permuted(rich: Run) -> None:
    said = chance_sentences(rich.chance.query("permuted == 'genes'"))
    assert said[0] == NOT_PERMUTED
    assert len(said) == 2


def test_chance__the_histogram_holds_the_permutations_and_not_the_observed_data(rich: Run) -> None:
    responses, genes = chance_content(rich.permuted, rich.chance)
    assert responses["model"] == "chosen"
    assert (responses["observed"], len(responses["values"])) == (0.71, 19)
    expected = rich.permuted.query("permuted == 'responses' and model == 'chosen' and number > 0")["statistic"]
    assert responses["values"] == expected.round(4).tolist()
    assert genes["statistic"].startswith("gain in AUROC")


def test_chance__a_sequence_that_says_nothing_of_chosen_is_not_dressed_up(rich: Run) -> None:
    other = rich.chance.query("model == 'best'")
    assert chance_sentences(other) == [NOT_PERMUTED]
    assert chance_content(rich.permuted, other)[0]["values"] == []
    assert isinstance(other, pd.DataFrame)
