"""The command promote."""

import json
import shutil

import pytest

from trastuz_ml.experiment.promotion_rules import RULES
from trastuz_ml.store.bundle import load_model


@pytest.fixture
def registry(tmp_path):
    return f"sqlite:///{tmp_path}/registry.db"


@pytest.fixture
def promote(trained, call, registry):
    def promoting(*more):
        return call("promote", trained.run, trained.model, "--alias", "champion", "--tracking", registry, *more)

    return promoting


def test_promote__without_evidence_ends_with_1_and_lists_every_rule(promote, tmp_path):
    outcome = promote()
    assert (outcome.code, outcome.out) == (1, "")
    assert "is not promoted to champion" in outcome.err
    assert all(words in outcome.err for words, _ in RULES.values())
    assert "no permutation was made: set permutation: times:" in outcome.err
    assert not (tmp_path / "registry.db").exists()


def test_promote__an_empty_reason_is_refused(promote, tmp_path):
    outcome = promote("--override", " ")
    assert (outcome.code, outcome.out) == (1, "")
    assert "--override needs a reason" in outcome.err
    assert not (tmp_path / "registry.db").exists()


def test_promote__with_a_reason_then_predict_by_alias(promote, trained, call, place, registry):
    outcome = promote("--override", "a trial", "--json")
    said = json.loads(outcome.out)
    assert outcome.code == 0
    assert said["model_sha256"] == load_model(trained.model).sha256
    assert said["registered"] == {"name": "small", "version": "1", "new": True}
    assert (said["alias"], said["before"], said["override"]) == ("champion", None, "a trial")
    assert said["simulated"]
    assert [evidence["rule"] for evidence in said["evidence"]] == list(RULES)
    words = ("--calls", "calls.maf", "--patients", "roster.tsv", "--tracking", registry)
    # Where the model is stored, it is read from there, with what stays on the machine beside it.
    models = trained.run.parents[1] / "models"
    shutil.copytree(models, place / "models", dirs_exist_ok=True)
    assert load_model("small").marks is not None
    by_alias = call("predict", "--model", "champion", *words, "--out", "a.csv")
    by_folder = call("predict", "--model", trained.model, *words, "--out", "b.csv")
    assert (by_alias.code, by_folder.code) == (0, 0)
    assert (place / "a.csv").read_bytes() == (place / "b.csv").read_bytes()


def test_promote__prints_rules_alias_and_that_the_model_is_simulated(promote):
    outcome = promote("--override", "a trial", "--as", "other")
    assert "1. chance, not met: the permutation p" in outcome.out
    assert "Promoted without the evidence: a trial" in outcome.out
    assert "other@champion is version 1 (registered now)" in outcome.out
    assert "SIMULATED" in outcome.err


def test_promote__the_model_that_the_run_logged_is_registered(trained, call, tmp_path):
    shutil.copytree(trained.run.parent, tmp_path / "runs")
    words = ("promote", tmp_path / "runs" / trained.run.name, trained.model, "--alias", "champion")
    outcome = call(*words, "--override", "a trial", "--json")
    assert json.loads(outcome.out)["mlflow"] == f"sqlite:///{tmp_path}/runs/mlflow.db"
    # Nothing was logged anew: the copy of the database still means the artifacts of the run.
    logged = "mlartifacts/models"
    assert len(list((tmp_path / "runs" / logged).iterdir())) == len(list((trained.run.parent / logged).iterdir()))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--alias", "v1"], "An alias is a word"),
        (["--as", "a/b"], "A registered model is called by"),
        (["--tracking", "./mlruns"], "needs a database or a server"),
    ],
)
def test_promote__what_the_registry_cannot_take_is_refused(promote, more, said):
    outcome = promote("--override", "a trial", *more)
    assert (outcome.code, outcome.out) == (1, "")
    assert said in outcome.err


def test_promote__a_model_or_run_that_is_not_there_is_named(trained, call):
    one = call("promote", "nowhere", trained.model, "--alias", "champion")
    other = call("promote", trained.run, "nowhere", "--alias", "champion")
    assert (one.code, other.code) == (1, 1)
    assert "nowhere is not a run" in one.err
    assert "There is no model 'nowhere'" in other.err
