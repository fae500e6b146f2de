"""The command silence."""

import json
import re

import pandas as pd
import pytest

from trastuz_ml.experiment.saved import silence
from trastuz_ml.explain.silencing import silenced_table, summary
from trastuz_ml.schema import SILENCED
from trastuz_ml.store.run_folder import Run


@pytest.fixture(scope="module")
def expected(trained):
    found = silence(Run.load(trained.run), ["TP53"])
    return summary(silenced_table(found), found.status)


def test_silence__shows_both_directions_of_each_model_and_what_it_speaks_of(trained, call, expected):
    outcome = call("silence", "TP53", trained.run, "--workers", 1)
    assert outcome.code == 0
    assert "SIMULATED" in outcome.err
    for row in expected.itertuples():
        [line] = [line for line in outcome.out.splitlines() if line.split()[:2] == [row.model, row.direction]]
        assert line.split()[2] == str(row.patients)
        assert float(line.split()[3]) == pytest.approx(row.change, rel=1e-2, abs=5e-5)
    told = re.sub(r"\s+", " ", outcome.out)
    assert re.search(
        r"reading TP53 as truncated in the \d+ patients in whom it is intact (lowers|raises) the predicted "
        r"probability of response by (less than )?\d\.\d+ on average \(chosen\); it falls in \w+ of them\.",
        told,
    )
    assert "This speaks of the model, not of a tumour." in told
    assert "burden, covariates and all other genes stay as they were" in told


def test_silence__json_holds_the_summary_and_each_patient(trained, call, expected):
    outcome = call("silence", "p53", "PIK3CA+TP53", trained.run, "--model", "l2-logistic:both", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    content = json.loads(outcome.out)
    assert content["simulated"] is True
    assert {row["gene"] for row in content["summary"]} == {"TP53", "PIK3CA+TP53"}
    assert {row["model"] for row in content["patients"]} == {"l2-logistic:both"}
    row = next(r for r in content["summary"] if (r["gene"], r["direction"]) == ("TP53", "silenced"))
    wanted = expected.query("model == 'l2-logistic:both' and direction == 'silenced'").iloc[0]
    assert row["change"] == pytest.approx(wanted["change"])
    assert all(abs(r["log_odds_departure"]) < 1e-9 for r in content["departures"])
    assert {r["pair"] for r in content["departures"]} == {"PIK3CA+TP53"}


@pytest.mark.parametrize("ending", [".tsv", ".csv", ".parquet"])
def test_silence__writes_the_change_of_each_patient(ending, trained, call, tmp_path):
    out = tmp_path / f"changes{ending}"
    words = ("silence", "TP53", trained.run, "--model", "l2-logistic:both", "--out", out)
    outcome = call(*words)
    assert outcome.code == 0
    assert str(out) in outcome.out
    separator = "\t" if ending == ".tsv" else ","
    table = pd.read_parquet(out) if ending == ".parquet" else pd.read_csv(out, sep=separator)
    assert list(table) == list(SILENCED.names)
    assert len(table) == 60
    refused = call(*words)
    assert refused.code == 1
    assert "--force" in refused.err
    assert call(*words, "--force").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ANKRD4X"], "the nearest is ANKRD44"),
        (["TP53+ANKRD4X"], "'ANKRD4X'"),
        (["TP53", "--model", "xgboost:both"], "no model 'xgboost:both'; it has chosen, prevalence"),
        (["TP53", "--model", "clinical-only"], "clinical-only sees no genes"),
        (["TP53", "--out", "changes.xlsx"], "expected a name that ends in .tsv, .csv or .parquet"),
        (["TP53+PIK3CA+GATA3"], "neither a gene nor two genes"),
    ],
)
def test_silence__what_cannot_be_asked_is_refused_in_one_line(words, said, trained, call):
    outcome = call("silence", words[0], trained.run, *words[1:])
    assert (outcome.code, outcome.out) == (1, "")
    assert said in outcome.err
    assert outcome.err.count("\n") == 1


def test_silence__a_gene_that_nobody_carries_is_refused_with_the_reason(trained, call):
    run = Run.load(trained.run)
    nobody = [gene for gene, n in zip(run.matrix.genes, run.matrix.carriers(), strict=True) if n == 0]
    outcome = call("silence", nobody[0], trained.run)
    assert outcome.code == 1
    assert "mutated in 0 of 60, the models have never seen it mutated" in outcome.err


def test_silence__without_a_gene_the_command_line_is_wrong(trained, call):
    outcome = call("silence", trained.run)
    assert outcome.code == 2
    assert "at least one gene" in outcome.err


def test_silence__a_folder_that_is_no_run_is_refused(call, tmp_path):
    outcome = call("silence", "TP53", tmp_path)
    assert (outcome.code, outcome.out) == (1, "")
    assert "is not a run" in outcome.err
