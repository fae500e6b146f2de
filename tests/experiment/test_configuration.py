"""The experiment file: what its words mean, and what is refused."""

from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from tests_shared import SMALL
from trastuz_ml.errors import ConfigurationError
from trastuz_ml.experiment.experiment_file import read_experiment

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


@pytest.fixture
def read(tmp_path):
    def reading(text):
        path = tmp_path / "e.yaml"
        path.write_text(text, encoding="utf-8")
        return read_experiment(path)

    return reading


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_experiments__of_the_project_are_valid(path):
    experiment = read_experiment(path)
    assert experiment.name == path.stem
    assert len(experiment.catalogue()) == len(experiment.models) >= 4


def test_demo__of_the_package_is_the_demo_of_the_project():
    packaged = files("trastuz_ml.experiment").joinpath("demo.yaml").read_bytes()
    assert packaged == (EXPERIMENTS / "demo.yaml").read_bytes()


@pytest.mark.parametrize(
    "word",
    ["YES", "NO", "on", "off", "TRUE", "false", "1", "007", "0x1F", "1_000", "1.50", "1e5", "2024-01-01", "1:30"],
)
def test_words__of_a_roster_stay_as_written(word, read):
    text = SMALL.replace("positive: [pCR]", f"positive: [{word}]").replace(
        "  patient: patient", f"  patient: patient\n  filter: {{site: {word}}}"
    )
    experiment = read(text)
    assert experiment.roster.response.positive == (word,)
    assert experiment.roster.filter == {"site": (word,)}


@pytest.mark.parametrize(("word", "meant"), [("true", True), ("yes", True), ("False", False), ("off", False)])
def test_words__of_a_switch_are_true_or_false(word, meant, read):
    assert read(f"{SMALL}tracking: {{enabled: {word}}}\n").tracking.enabled is meant


def test_levels__may_be_numbers(read):
    text = SMALL.replace("levels: [T1, T2, T3, T4]", "levels: [1, 2, 3]")
    assert read(text).roster.covariates["t_stage"].levels == ("1", "2", "3")


def test_one_word__is_a_list_of_one(read):
    experiment = read(f"{SMALL}watch: TP53\n".replace("[pCR]", "pCR"))
    assert (experiment.watch, experiment.roster.response.positive) == (("TP53",), ("pCR",))


def test_covariates__that_are_all_commented_out_are_none(read):
    text = "".join(line for line in SMALL.splitlines(True) if not line.startswith("    "))
    experiment = read(text.replace("covariates:", "covariates:\n    # age: {when: baseline}"))
    assert experiment.roster.covariates == {}
    assert [model.name for model in experiment.catalogue()] == ["prevalence", "l2-logistic:genes"]


def test_models__are_spelt_out_and_nothing_else(read):
    assert read(SMALL).models == ("prevalence", "clinical-only", "l2-logistic:genes", "l2-logistic:both")


def test_data__is_relative_to_the_file(read, tmp_path):
    assert read(f"{SMALL}data: sub\n").data == str(tmp_path / "sub")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[RD]", "[RD, pCR]", "pCR cannot be both"),
        ("kind: ordered, levels: [T1, T2, T3, T4]", "kind: ordered", "needs levels"),
        ("kind: category", "kind: categorical", "expected number, category or ordered, found 'categorical'"),
        ("when: baseline}", "}", "the key 'roster.covariates.age.when' is missing"),
        ("seed: 1", "seed: -1", "validation.seed: expected at least 0, found -1"),
        ("patients: 60", "patients: 5", "simulated.patients: expected at least 12, found 5"),
        ("patients: 60", "patients: 1000000", "expected at most 100000"),
        ("models: [prevalence,", "models: [prevalence, prevalence,", "prevalence is listed twice"),
        ("name: small", f"name: {'n' * 101}", "at most 100"),
        ("name: small", "name:", "name: expected a word, found nothing"),
        ("folds: 3", "folds: 2.5", "expected a whole number"),
        ("covariates:", "filter: {a: []}\n  covariates:", "roster.filter.a: expected at least one value"),
        ("purpose: A test.", "tracking: {alias: best}", "an alias needs register_as"),
        ("purpose: A test.", "store: {abstain_below: 1.5}", "abstain_below"),
        ("purpose: A test.", "store: {miss_rate: 0}", "miss_rate"),
        ("purpose: A test.", "store: {training_vector: true}", "training_vectors"),
        ("purpose: A test.", "tracking: {enabled: maybe}", "expected true or false, found 'maybe'"),
        ("calls: {files: [calls.maf]}", "calls: {file: calls.maf}", "'calls.file'; did you mean files?"),
        ("purpose: A test.", "---", "line 2, column 1: this is not YAML"),
    ],
)
def test_settings__that_cannot_be_are_refused_with_file_and_key(old, new, said, read, tmp_path):
    assert old in SMALL
    with pytest.raises(ConfigurationError) as refused:
        read(SMALL.replace(old, new, 1))
    assert said in str(refused.value)
    assert str(refused.value).startswith(str(tmp_path / "e.yaml"))


def test_message__names_every_problem_on_its_own_line(read):
    with pytest.raises(ConfigurationError) as refused:
        read(SMALL.replace("seed: 1", "seed: one, sede: 1"))
    assert len(str(refused.value).splitlines()) == 2


def test_reading__runs_nothing_and_needs_no_data(tmp_path):
    hostile = tmp_path / "e.yaml"
    hostile.write_text(f"name: !!python/object/apply:pathlib.Path.touch [{tmp_path / 'made'}]\n")
    with pytest.raises(ConfigurationError, match="line 1"):
        read_experiment(hostile)
    assert not (tmp_path / "made").exists()


def test_configuration__comes_back_from_what_a_run_keeps(read):
    experiment = read(SMALL)
    again = type(experiment).model_validate(yaml.safe_load(yaml.safe_dump(experiment.model_dump(mode="json"))))
    assert again == experiment


def test_covariate__that_does_not_predict_serves_strata_alone(read):
    text = SMALL.replace("kind: category}", "kind: category, predicts: false}").replace(
        "seed: 1}", "seed: 1, strata: [er_status]}"
    )
    experiment = read(text)
    assert experiment.roster.predictors() == ["age", "t_stage"]
    assert [c.predicts for c in experiment.roster.covariate_list()] == [True, True, False]


@pytest.mark.parametrize("key", ["validation: {strata: [age]}", "permutation: {within: [age], times: 9}"])
def test_strata__a_number_or_an_unknown_column_is_refused(key, read):
    text = SMALL.replace("validation: {repeats: 2, folds: 3, inner_folds: 2, seed: 1}", key)
    with pytest.raises(ConfigurationError, match=r"'age' is no covariate of kind category or ordered"):
        read(text)
    with pytest.raises(ConfigurationError, match=r"did you mean er_status\?"):
        read(text.replace("[age]", "[er_stat]"))


def test_export__of_a_rank_average_is_refused_before_any_work(read):
    text = SMALL.replace("models: [prevalence,", "models: [prevalence, rank-average,") + "export: rank-average\n"
    with pytest.raises(ConfigurationError, match="not stored"):
        read(text)


def test_models__a_rank_average_of_nothing_is_refused(read):
    text = SMALL.replace(
        "models: [prevalence, clinical-only, {l2-logistic: [genes, both]}]", "models: [rank-average]"
    )
    with pytest.raises(ConfigurationError, match="averages other models"):
        read(text)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("permutation: {added_value: 9, models: [clinical-only]}\nmodels: [prevalence", "covariates and genes"),
        ("features: {encoding: count}\nmodels: [naive-bayes:genes, prevalence", "encoding is count"),
    ],
)
def test_models__what_would_fail_after_hours_is_refused_at_once(more, why, read):
    with pytest.raises(ConfigurationError, match=why):
        read(SMALL.replace("models: [prevalence", more))
