"""A run is found by its folder, its name, its experiment, or a model that it exported."""

import shutil

import pytest

from trastuz_ml.cohort.pseudonyms import pseudonyms
from trastuz_ml.errors import ConfigurationError, InputError
from trastuz_ml.experiment.export import bundle_of
from trastuz_ml.experiment.find_run import find_run
from trastuz_ml.store.bundle import save_bundle

KEY = b"k" * 32


@pytest.fixture(scope="module")
def place(tmp_path_factory, small_trained):
    """The small run in ``runs``, its model in ``models`` under another name too, and its experiment file."""
    settings, trained = small_trained
    place = tmp_path_factory.mktemp("place")
    trained.run.save(place / "runs" / "small")
    bundle = bundle_of(trained, settings, pseudonyms(trained.run.patients["patient"], KEY), KEY)
    save_bundle(bundle, place / "models" / "small")
    save_bundle(bundle, place / "models" / "renamed")
    return place


@pytest.fixture
def here(place, small_experiment, monkeypatch):
    monkeypatch.chdir(place)
    shutil.copy(small_experiment, place / "small.yaml")
    return place


@pytest.mark.parametrize("asked", ["small", "runs/small", "small.yaml", "small/1", "models/small/1", "renamed"])
def test_find_run__goes_by_run_experiment_or_model(here, small_trained, asked):
    assert find_run(asked).fingerprint == small_trained[1].run.fingerprint


def test_find_run__an_experiment_that_asks_for_something_else_now_is_refused(here):
    file = here / "small.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "\nwatch: [TTN]\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"not what runs.small was run with: watch changed since"):
        find_run("small.yaml")


def test_find_run__an_experiment_that_was_never_run_says_how_to(here):
    text = (here / "small.yaml").read_text(encoding="utf-8")
    (here / "never.yaml").write_text(text.replace("name: small", "name: never"), encoding="utf-8")
    with pytest.raises(InputError, match=r"never.yaml has not been run: .*trastuz-ml train never.yaml"):
        find_run("never.yaml")
    with pytest.raises(ConfigurationError, match="no experiment file"):
        find_run("absent.yaml")


def test_find_run__a_model_whose_run_is_gone_is_refused(here, tmp_path):
    with pytest.raises(InputError, match=r"no run under .* is that one"):
        find_run("models/small/1", runs=tmp_path)


def test_find_run__what_is_none_of_them_is_refused(here):
    with pytest.raises(InputError, match=r"nothing is not a run: .*no model under models goes by it"):
        find_run("nothing")


def test_find_run__runs_that_cannot_be_read_do_not_hide_the_one_wanted(here):
    damaged = here / "runs" / "renamed"
    damaged.mkdir(exist_ok=True)
    (damaged / "run.json").write_text("{}", encoding="utf-8")
    try:
        assert find_run("renamed/1").name == "small"
    finally:
        shutil.rmtree(damaged)
