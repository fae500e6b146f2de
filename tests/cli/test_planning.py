"""The command plan."""

import json
import subprocess
import sys

import pytest

SENTENCE = (
    "With 3 carriers among 62, 20 responding, resistance cannot be shown at any odds ratio: 8 carriers would be"
)


def flat(text):
    return " ".join(text.split())


def test_plan__of_numbers_needs_no_file(call, tmp_path, monkeypatch, listing):
    monkeypatch.chdir(tmp_path)
    outcome = call("plan", "--patients", 62, "--responders", 20)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("What 62 patients can tell, 20 responding and 42 not\n")
    assert SENTENCE in flat(outcome.out)
    assert "What cannot be said" in outcome.out
    assert listing(tmp_path) == {}


def test_plan__of_an_experiment_reads_its_roster_only(place, call, listing):
    (place / "calls.maf").unlink()
    before = listing(place)
    outcome = call("plan", "experiment.yaml", "--strata", "er_status")
    assert outcome.code == 0
    assert outcome.out.startswith("small: what 60 patients can tell")
    assert "er_status POS" in outcome.out
    assert "2 repeats of 3 stratified folds" in outcome.out
    assert listing(place) == before


def test_plan__says_what_was_noticed_about_the_roster(place, call, change):
    change(place / "roster.tsv", lambda table: table.assign(response=["", *table["response"][1:]]))
    outcome = call("plan", "experiment.yaml")
    assert outcome.out.startswith("small: what 59 patients can tell")
    assert "response-missing" in outcome.out


def test_plan__json_has_null_where_nothing_can_be_shown(call):
    outcome = call("plan", "--patients", 62, "--responders", 20, "--genes", 300, "--json")
    content = json.loads(outcome.out)
    three = next(row for row in content["carriers"] if row["carriers"] == 3)
    assert three["alone"]["resistance"] is None
    assert three["alone"]["response"] == pytest.approx(30.05, abs=0.01)
    assert content["needed_among_all"] == {"response": 7, "resistance": 20}
    assert content["genes"] == 300


def test_plan__speaks_of_the_carriers_that_were_asked_for(call):
    outcome = call("plan", "--patients", 62, "--responders", 20, "--carriers", 7)
    assert "With 7 carriers among 62" in flat(outcome.out)
    assert "\n 7 " in outcome.out


def test_plan__of_fewer_patients_than_the_usual_carriers_still_speaks(call):
    outcome = call("plan", "--patients", 3, "--responders", 1)
    assert outcome.code == 0
    assert "With 2 carriers among 3" in flat(outcome.out)


@pytest.mark.parametrize(
    "words",
    [[], ["--patients", 62], ["--responders", 20], ["e.yaml", "--patients", 62], ["e.yaml", "--responders", 20],
     ["--patients", 62, "--responders", 20, "--strata", "er"],
     ["--patients", 62, "--responders", 20, "--data", "d"]],
)  # fmt: skip
def test_plan__takes_either_an_experiment_or_numbers(words, call):
    outcome = call("plan", *words)
    assert (outcome.code, outcome.out) == (2, "")
    assert "either an experiment" in outcome.err


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--patients", 12, "--responders", 0], "Two classes are needed"),
     (["--patients", 12, "--responders", 13], "Two classes are needed"),
     (["--patients", 12, "--responders", 6, "--carriers", 12], "Expected 1 to 11 carriers"),
     (["nowhere.yaml"], "There is no experiment file nowhere.yaml")],
)  # fmt: skip
def test_plan__what_cannot_be_is_refused(words, said, call):
    outcome = call("plan", *words)
    assert (outcome.code, outcome.out) == (1, "")
    assert said in outcome.err


def test_plan__unknown_strata_are_refused_with_the_known_ones(place, call):
    outcome = call("plan", "experiment.yaml", "--strata", "stage")
    assert outcome.code == 1
    assert "'stage' is none. There: ln_status" in outcome.err or "There: er_status" in outcome.err


def test_plan__is_explained_by_help(call):
    assert "\n  plan " in call("--help").out
    options = [line for line in call("plan", "--help").out.splitlines() if line.startswith("  --")]
    assert len(options) >= 7
    assert all(len(line.split()) >= 2 for line in options)


def test_plan__help_loads_no_model():
    code = "import sys; from trastuz_ml.cli import planning; print({'sklearn', 'pandas'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"


def test_schema__is_printed_as_json_that_knows_the_settings(call, tmp_path, monkeypatch, listing):
    monkeypatch.chdir(tmp_path)
    outcome = call("schema")
    assert (outcome.code, outcome.err) == (0, "")
    assert {"name", "roster", "validation"} <= set(json.loads(outcome.out)["properties"])
    assert listing(tmp_path) == {}


def test_schema__is_written_with_the_line_by_which_an_editor_finds_it(call, tmp_path):
    outcome = call("schema", "--out", tmp_path / "new" / "e.schema.json")
    assert outcome.code == 0
    assert outcome.out.endswith("\n# yaml-language-server: $schema=e.schema.json\n")
    assert (tmp_path / "new" / "e.schema.json").read_text(encoding="utf-8") == call("schema").out


def test_schema__is_not_written_over_a_file_unless_told_so(call, tmp_path):
    (tmp_path / "e.json").write_text("mine")
    outcome = call("schema", "--out", tmp_path / "e.json")
    assert outcome.code == 1
    assert "--force" in outcome.err
    assert (tmp_path / "e.json").read_text() == "mine"
    assert call("schema", "--out", tmp_path / "e.json", "--force").code == 0
