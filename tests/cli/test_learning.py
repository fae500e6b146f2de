"""The commands train and explain."""

import json
import re

import pytest

from tests_shared import SMALL
from trastuz_ml.store.bundle import load_model
from trastuz_ml.store.run_folder import Run


def refuse_constant(word):
    raise AssertionError(f"{word} in JSON")


def parse(text):
    return json.loads(text, parse_constant=refuse_constant)


def test_train__keeps_run_report_model_and_tracking(trained):
    assert (trained.run / "report.html").is_file()
    assert (trained.run.parent / "mlflow.db").is_file()
    assert Run.load(trained.run).provenance["exported"] == load_model(trained.model).model.name
    kept = [path.name for path in trained.run.parent.parent.rglob("*")]
    assert not [name for name in kept if name.endswith((".part", ".old"))]


def test_train__json_has_every_score_and_no_nan(call, tmp_path):
    experiment = tmp_path / "e.yaml"
    models = "models: [prevalence, clinical-only]\ntracking: {enabled: off}\nwatch: [ANKRD44, NOSUCH]\n"
    experiment.write_text(re.sub("models: .*\n", models, SMALL), encoding="utf-8")
    folders = ("--runs", tmp_path / "runs", "--models", tmp_path / "models")
    outcome = call("train", experiment, *folders, "--workers", 1, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    content = parse(outcome.out)
    assert content["simulated"] is True
    assert {row["model"] for row in content["scores"]} == {"chosen", "prevalence", "clinical-only"}
    assert next(row for row in content["watched"] if row["gene"] == "NOSUCH")["odds_ratio"] is None
    assert content["mlflow"] == ""
    # The words for people say the same, and --force replaces what is there.
    told = call("train", experiment, *folders, "--workers", 1, "--force")
    assert told.code == 0
    assert "60 SIMULATED patients" in told.out
    assert content["plan"]["words"] == "2 x 3 folds, nested"
    assert re.search(r"60 SIMULATED patients, \d+ responders; 2 x 3 folds, nested\n", told.out)
    assert "Plan: 30 patients or more: repeated stratified folds." in told.out
    assert "AUROC with 95 % interval (widened DeLong)." in told.out
    assert "Chance was not tested: the experiment asks for no permutations (permutation: times)." in told.out
    shown = [
        words[0] for line in told.out.splitlines() if (words := line.split()) and re.search(r" 0\.\d\d ", line)
    ]
    assert shown[:3] == ["chosen", "prevalence", "clinical-only"]
    assert "NOSUCH: not evaluable: mutated in 0 of 60" in told.out
    auroc = next(r for r in content["scores"] if (r["model"], r["score"]) == ("clinical-only", "AUROC"))
    assert re.search(
        rf"clinical-only +{auroc['estimate']:.2f}  {auroc['low']:.2f} to {auroc['high']:.2f}", told.out
    )
    assert all(len(line) <= 80 for line in told.out.splitlines() if line.startswith((" model", " clinical")))
    # Where something stands in the way of the key, it is said before any work.
    (tmp_path / "file").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRASTUZ_ML_CONFIG", str(tmp_path / "file" / "config"))
        patch.setattr("trastuz_ml.experiment.train.train", lambda *_, **__: pytest.fail("work was begun"))
        refused = call("train", experiment, *folders, "--force")
    assert refused.code == 1
    assert "TRASTUZ_ML_CONFIG" in refused.err


def test_explain__shows_the_leading_features_of_each_model(trained, call):
    outcome = call("explain", trained.run, "--top", 2, "--json")
    rows = parse(outcome.out)["contributions"]
    expected = Run.load(trained.run).gene_contributions.query("mean_abs > 0").groupby("model", sort=False).head(2)
    assert [(r["model"], r["feature"], r["mean_abs"]) for r in rows] == list(
        expected[["model", "feature", "mean_abs"]].itertuples(index=False, name=None)
    )


def test_explain__a_gene_is_shown_in_each_model_that_reads_genes(trained, call):
    outcome = call("explain", trained.run, "--gene", "TP53", "--model", "l2-logistic:both")
    assert outcome.code == 0
    lines = [line for line in outcome.out.splitlines() if "TP53" in line]
    assert len(lines) == 1
    assert lines[0].split()[0] == "l2-logistic:both"
    assert "not of biology" in outcome.out


def test_explain__a_gene_is_found_under_an_older_name_and_in_small_letters(trained, call):
    for name in ("tp53", "P53"):
        outcome = call("explain", trained.run, "--gene", name)
        assert outcome.code == 0
        assert "TP53" in outcome.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--gene", "ANKRD4"], "the nearest is ANKRD44"),
        (["--gene", "<script>"], "'<script>'"),
        (["--gene", "TP53", "--gene", "age"], "'age'"),
        (["--model", "xgboost:both"], "no model 'xgboost:both'; it has prevalence"),
    ],
)
def test_explain__what_the_run_does_not_hold_is_refused(words, said, trained, call):
    outcome = call("explain", trained.run, *words)
    assert (outcome.code, outcome.out) == (1, "")
    assert said in outcome.err


def test_explain__a_model_without_features_says_so(trained, call):
    outcome = call("explain", trained.run, "--model", "prevalence")
    assert (outcome.code, outcome.out) == (
        0, "No feature contributed to a prediction of a left-out patient.\n"
    )  # fmt: skip


def test_explain__a_folder_that_is_no_run_is_refused(call, tmp_path):
    outcome = call("explain", tmp_path)
    assert (outcome.code, outcome.out) == (1, "")
    assert "is not a run" in outcome.err
