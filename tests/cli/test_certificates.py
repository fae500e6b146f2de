"""The command gene."""

import json

import pandas as pd
import pytest

from trastuz_ml.explain.certificate import VERDICTS
from trastuz_ml.report.certificates import certificates_of
from trastuz_ml.store.run_folder import Run


def one_line(text):
    return " ".join(text.split())


def test_gene__without_a_name_gives_the_certificates_of_the_watched_genes_in_full(trained, call):
    outcome = call("gene", trained.run)
    assert outcome.code == 0
    assert "SIMULATED" in outcome.err
    told = one_line(outcome.out)
    for certificate in certificates_of(Run.load(trained.run)):
        assert f"{certificate.gene}: {certificate.verdict}" in outcome.out
        for sentence in (certificate.why, *certificate.sentences):
            assert one_line(sentence) in told
    assert "it shows no cause, and is no ground for treating anybody" in told
    assert "nan" not in told.split()


@pytest.mark.parametrize(
    ("name", "note"),
    [("TP53", ""), ("tp53", ""), ("p53", "p53 is read as TP53."), ("PP6-ARS-B", "read as ANKRD44")],
)
def test_gene__is_found_under_any_of_its_names_and_says_what_a_name_was_read_as(name, note, trained, call):
    outcome = call("gene", name, trained.run)
    assert outcome.code == 0
    assert outcome.out.startswith("ANKRD44:" if "ARS" in name else "TP53:")
    assert note in outcome.err
    assert ("is read as" in outcome.err) is bool(note)


def test_gene__json_holds_every_number_and_nothing_that_json_does_not_know(trained, call):
    outcome = call("gene", "TP53", "PIK3CA", trained.run, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    content = json.loads(outcome.out, parse_constant=lambda word: pytest.fail(word))
    assert [row["gene"] for row in content["certificates"]] == ["TP53", "PIK3CA"]
    association = Run.load(trained.run).associations.set_index("gene").loc["TP53"]
    assert content["certificates"][0]["association"]["adjusted_p"] == pytest.approx(association["adjusted_p"])
    assert {row["model"] for row in content["certificates"][0]["contributions"]} >= {"l2-logistic:both"}


def test_gene__all_ranks_what_can_be_tested_first_and_is_a_table(trained, call, tmp_path):
    out = tmp_path / "genes.tsv"
    outcome = call("gene", "--all", "--top", 12, trained.run, "--out", out)
    assert outcome.code == 0
    assert f"Written to {out}." in outcome.err
    table = pd.read_csv(out, sep="\t")
    assert len(table) == 12
    strength = table["verdict"].map(VERDICTS.index)
    assert strength.is_monotonic_decreasing
    run = Run.load(trained.run)
    tested = run.associations[run.associations["status"] == ""]
    assert set(table["gene"]) == set(tested.sort_values(["adjusted_p", "p", "gene"])["gene"].head(12))
    assert all(gene in outcome.out for gene in table["gene"])
    assert "For one gene in full: trastuz-ml gene" in outcome.out
    refused = call("gene", "--all", trained.run, "--out", out)
    assert refused.code == 1
    assert "--force" in refused.err


def test_gene__of_one_model_shows_it_alone_and_keeps_the_verdict(trained, call):
    whole = json.loads(call("gene", "TP53", trained.run, "--json").out)["certificates"][0]
    one = json.loads(call("gene", "TP53", trained.run, "--model", "l2-logistic:genes", "--json").out)[
        "certificates"
    ][0]
    assert (one["verdict"], one["why"]) == (whole["verdict"], whole["why"])
    assert [row["model"] for row in one["contributions"]] == ["l2-logistic:genes"]
    assert len(whole["contributions"]) > 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["ANKRD4X"], 1, "the nearest is ANKRD44"),
        (["<script>"], 1, "'<script>'"),
        (["TP53", "--model", "xgboost:both"], 1, "no model 'xgboost:both'; it has prevalence"),
        (["TP53", "--model", "chosen"], 1, "explained under its own name"),
        (["TP53", "--out", "genes.xlsx"], 1, ".tsv, .csv or .parquet"),
        (["TP53", "--all"], 2, "not both"),
    ],
)
def test_gene__what_cannot_be_answered_is_refused_in_one_message(words, code, said, trained, call):
    outcome = call("gene", *words, trained.run)
    assert outcome.code == code
    assert said in one_line(outcome.err)
    assert outcome.out == ""
    assert "Traceback" not in outcome.err


def test_gene__a_run_that_is_none_is_refused(call, tmp_path):
    outcome = call("gene", "TP53", tmp_path)
    assert outcome.code == 1
    assert "is not a run" in outcome.err


def test_gene__a_run_whose_models_see_no_genes_says_so(trained, call, tmp_path):
    run = Run.load(trained.run)
    seen = run.gene_contributions["block"] != "gene"
    blind = Run(**{**vars(run), "gene_contributions": run.gene_contributions[seen], "folder": None})
    blind.save(tmp_path / "blind")
    outcome = call("gene", tmp_path / "blind")
    assert outcome.code == 1
    assert "says nothing of genes: none of its models" in one_line(outcome.err)
