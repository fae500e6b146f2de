"""The commands seal and unseal."""

import json

import pandas as pd
import pytest

from trastuz_ml.cli.main import run
from trastuz_ml.experiment.publish import publish
from trastuz_ml.features.simulate import simulate_cohort


@pytest.fixture(scope="module")
def kept(small_trained, tmp_path_factory):
    settings, trained = small_trained
    folder = tmp_path_factory.mktemp("kept")
    settings = settings.model_copy(update={"tracking": settings.tracking.model_copy(update={"enabled": False})})
    publish(trained, settings, runs=folder / "runs", models=folder / "models")
    return folder


@pytest.fixture
def files(kept, tmp_path):
    simulate_cohort(80, 11).write(tmp_path)
    table = pd.read_csv(tmp_path / "roster.tsv", sep="\t", dtype=str, keep_default_na=False)
    table.drop(columns="response").to_csv(tmp_path / "unopened.tsv", sep="\t", index=False)
    (tmp_path / "plan.md").write_text("AUROC.\n")
    return ["--plan", tmp_path / "plan.md", "--calls", tmp_path / "calls.maf", "--models", kept / "models",
            "--runs", kept / "runs"]  # fmt: skip


def call(*words):
    with pytest.raises(SystemExit) as left:
        run([str(word) for word in words])
    return left.value.code


def sealed(files, tmp_path):
    asked = ["--response", "response", "--positive", "pCR", "--negative", "RD"]
    out = tmp_path / "seal.json"
    return call("seal", "--model", "small", "--patients", tmp_path / "unopened.tsv", "--out", out, *files, *asked)


def test_unseal__judges_what_was_sealed(files, tmp_path, capsys):
    assert sealed(files, tmp_path) == 0
    assert "Sealed" in capsys.readouterr().out
    out = tmp_path / "judged.csv"
    assert call("unseal", tmp_path / "seal.json", "--patients", tmp_path / "roster.tsv", "--out", out, *files) == 0
    said = capsys.readouterr().out
    assert "External validation of small" in said
    assert "AUROC" in said
    assert "those that were sealed" in (tmp_path / "judged.external" / "external.md").read_text()


def test_unseal__names_what_changed_and_writes_nothing(files, tmp_path, capsys):
    sealed(files, tmp_path)
    (tmp_path / "plan.md").write_text("Sensitivity, after all.\n")
    out = tmp_path / "judged.csv"
    assert call("unseal", tmp_path / "seal.json", "--patients", tmp_path / "roster.tsv", "--out", out, *files) == 1
    assert "The seal does not hold: the analysis plan was changed" in capsys.readouterr().err
    assert not out.exists()
    assert not (tmp_path / "judged.external").exists()


def test_unseal__prints_json_for_machines(files, tmp_path, capsys):
    sealed(files, tmp_path)
    capsys.readouterr()
    out = tmp_path / "judged.csv"
    words = ["--patients", tmp_path / "roster.tsv", "--out", out, "--json", "--transport", "another drug"]
    assert call("unseal", tmp_path / "seal.json", *words, *files) == 0
    about = json.loads(capsys.readouterr().out)
    assert about["kind"] == "transport, not validation"
    assert about["counts"]["roster"] == 80


def test_seal__half_a_response_is_a_wrong_command_line(files, tmp_path):
    words = ["--patients", tmp_path / "unopened.tsv", "--out", tmp_path / "s.json", "--response", "response"]
    assert call("seal", "--model", "small", *words, *files) == 2
    sealed_without = ["--patients", tmp_path / "unopened.tsv", "--out", tmp_path / "s.json"]
    assert call("seal", "--model", "small", *sealed_without, *files) == 0
    again = ["--patients", tmp_path / "roster.tsv", "--out", tmp_path / "j.csv"]
    assert call("unseal", tmp_path / "s.json", *again, *files) == 2
