"""What MLflow shows first of a run: the report itself, its key figures as numbers, and its main figures."""

import re
from pathlib import Path

import pytest

from trastuz_ml.cohort.pseudonyms import pseudonym_key, pseudonyms
from trastuz_ml.experiment.key_figures import FIGURES, key_numbers
from trastuz_ml.experiment.publish import publish
from trastuz_ml.report.content import content_of
from trastuz_ml.track.connection import quiet_mlflow
from trastuz_ml.track.items import KEY


@pytest.fixture(scope="module")
def tracked(small_trained, tmp_path_factory):
    """The small experiment, published and tracked; and its run as MLflow gives it back."""
    settings, trained = small_trained
    folder = tmp_path_factory.mktemp("tracked")
    uri = f"sqlite:///{folder / 'runs' / 'mlflow.db'}"
    settings = settings.model_copy(update={"tracking": settings.tracking.model_copy(update={"uri": uri})})
    published = publish(trained, settings, runs=folder / "runs", models=folder / "m")
    with quiet_mlflow():
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=uri)
        [run] = client.search_runs([client.get_experiment_by_name("small").experiment_id])
        there = client.download_artifacts(run.info.run_id, "", str(tmp_path_factory.mktemp("artifacts")))
    return trained.run, published, run, there


def test_mlflow__holds_the_very_report(tracked):
    _, published, _, there = tracked
    assert Path(there, "report.html").read_bytes() == published.report.read_bytes()


def test_mlflow__shows_the_numbers_of_the_report_under_one_heading(tracked):
    run, _, stored, _ = tracked
    shown = {name: value for name, value in stored.data.metrics.items() if name.startswith(f"{KEY}/")}
    section = content_of([run], pseudonyms(run.patients["patient"], pseudonym_key()))["runs"][0]
    chosen = next(row for row in section["scores"]["rows"] if row["model"] == "chosen")
    cells = {cell["score"]: cell for cell in chosen["cells"] if cell}
    for score in ("AUROC", "Brier score", "calibration slope"):
        for ending, part in (("", "estimate"), (" low", "low"), (" high", "high")):
            assert shown[f"{KEY}/{score}{ending}"] == pytest.approx(cells[score][part])
    added = next(row for row in section["comparisons"] if row["model"] == "l2-logistic:both")
    assert shown[f"{KEY}/AUROC that genes add"] == pytest.approx(added["difference"])
    assert shown[f"{KEY}/AUROC that genes add low"] == pytest.approx(added["low"])
    assert shown[f"{KEY}/patients"] == 60
    assert shown[f"{KEY}/responders"] == section["facts"]["responders"]
    assert shown[f"{KEY}/genes"] == len(run.matrix.genes)


def test_numbers__what_is_not_known_is_left_out(tracked):
    run, *_ = tracked
    assert not [name for name in key_numbers(run) if name.startswith("p ")]


def test_mlflow__shows_the_main_figures_as_images_and_none_names_a_patient(tracked):
    run, _, _, there = tracked
    drawn = {path.stem: path.read_text(encoding="utf-8") for path in Path(there, "figures").iterdir()}
    assert set(drawn) == set(FIGURES) - {"chance"}  # nothing was permuted
    names = [*run.patients["patient"], *pseudonyms(run.patients["patient"], pseudonym_key()).values()]
    for svg in drawn.values():
        assert svg.startswith("<svg")
        assert not [name for name in names if name in svg]
        # An image has no style sheet beside it: colours are its own.
        assert "var(--" not in svg
        assert re.search(r'fill="#[0-9a-f]{6}"', svg)
