"""The command ``panel``, on a run trained through the command line."""

import json

import pandas as pd
import pytest

from trastuz_ml.explain.genes_by_chance import STRICTNESSES


def flat(text):
    return " ".join(text.split())


def test_panel__says_how_many_genes_and_which_panel(trained, call):
    outcome = call("panel", trained.run, "--times", 99, "--workers", 1)
    assert outcome.code == 0
    assert outcome.out.startswith("small: 60 SIMULATED patients")
    assert "99 shuffled responses" in outcome.out
    for strictness in STRICTNESSES:
        assert strictness.words in outcome.out
    assert "genes that enough patients carry, L2 logistic, without covariates" in flat(outcome.out)
    assert "genes 1 to 2" in outcome.out


def test_panel__json_holds_what_is_printed(trained, call):
    outcome = call("panel", trained.run, "--times", 19, "--no-validation", "--json")
    content = json.loads(outcome.out)
    assert content["patients"] == 60
    assert [row["strictness"] for row in content["against_chance"]] == [s.words for s in STRICTNESSES]
    assert content["panels"] == []
    one = content["against_chance"][0]
    assert len(content["telling"][one["strictness"]]) == one["observed"]
    assert content["sentences"][0] == one["sentence"]


def test_panel__writes_the_counts_of_every_shuffle(trained, call, tmp_path):
    out = tmp_path / "counts.tsv"
    words = ("panel", trained.run, "--times", 19, "--no-validation", "--strictness", "p-0.05", "--out", out)
    assert call(*words).code == 0
    table = pd.read_csv(out, sep="\t")
    assert table["number"].tolist() == list(range(20))
    assert set(table["strictness"]) == {"p <= 0.05"}
    again = call(*words)
    assert (again.code, again.out) == (1, "")
    assert "--force" in again.err
    assert call(*words, "--force").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--strictness", "strict"], "no strictness 'strict'; expected one of one-response-2"),
     (["--out", "counts.xls"], "ends in .tsv, .csv or .parquet")],
)  # fmt: skip
def test_panel__what_cannot_be_is_refused(trained, call, words, said):
    outcome = call("panel", trained.run, "--no-validation", *words)
    assert (outcome.code, outcome.out) == (1, "")
    assert said in outcome.err


def test_panel__a_run_that_is_not_there_is_refused(call, tmp_path):
    outcome = call("panel", tmp_path / "nowhere")
    assert outcome.code == 1
    assert "is not a run" in outcome.err
