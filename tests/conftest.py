"""What many tests need: a small cohort, a small design, an experiment file, and a private configuration folder."""

import os
from pathlib import Path

import pytest

from tests_shared import SMALL, made_up_design
from trastuz_ml.experiment.experiment_file import read_experiment

TRANSNEO = Path(__file__).parents[2] / "shared" / "data" / "transneo"


@pytest.fixture(scope="session", autouse=True)
def _private_configuration(tmp_path_factory):
    """Keep the user's own pseudonym key out of the tests."""
    os.environ["TRASTUZ_ML_CONFIG"] = str(tmp_path_factory.mktemp("configuration"))


@pytest.fixture(scope="session")
def transneo():
    """The folder of the real cohort; the test is skipped where it is absent."""
    if not (TRANSNEO / "Supplementary Tables.xlsx").is_file():
        pytest.skip("the TransNEO workbook (Sammut et al. 2022, Supplementary Tables) is not beside the project")
    return TRANSNEO


@pytest.fixture
def design():
    return made_up_design()


@pytest.fixture
def small_experiment(tmp_path):
    """An experiment file that trains in a few seconds."""
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def small_trained(tmp_path_factory):
    """The small experiment, trained."""
    from trastuz_ml.experiment.train import train

    path = tmp_path_factory.mktemp("experiment") / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    settings = read_experiment(path)
    return settings, train(settings, workers=1)
