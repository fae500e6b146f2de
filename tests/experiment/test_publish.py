"""What is kept of a trained experiment, and what is never replaced."""

import pytest

from trastuz_ml.errors import ConfigurationError, OutputExistsError
from trastuz_ml.experiment.publish import publish, require_outputs_free
from trastuz_ml.store.bundle import load_model
from trastuz_ml.store.run_folder import Run


@pytest.fixture
def untracked(small_trained):
    settings, trained = small_trained
    tracking = settings.tracking.model_copy(update={"enabled": False})
    return settings.model_copy(update={"tracking": tracking}), trained


def test_publish__keeps_run_model_and_report(untracked, tmp_path):
    settings, trained = untracked
    told = []
    published = publish(
        trained, settings, runs=tmp_path / "r", models=tmp_path / "m", progress=lambda *step: told.append(step[0])
    )
    assert told == ["writing the run and the model", "drawing the report"]
    assert published.open_command == ""
    assert Run.load(published.run).matrix == trained.run.matrix
    bundle = load_model(published.model)
    places = [trained.design.features.index(feature) for feature in bundle.features]
    X = trained.design.X
    assert bundle.probability(X[:, places]).tolist() == trained.model.probability(X).tolist()
    assert bundle.card["patients"] == 60
    assert bundle.card["inputs"]["patient"] == "patient"
    page = published.report.read_text(encoding="utf-8")
    assert "SIM0000" not in page
    assert "imulated" in page


def test_publish__refuses_what_is_there_and_leaves_it(untracked, tmp_path):
    settings, trained = untracked
    where = {"runs": tmp_path / "r", "models": tmp_path / "m"}
    (tmp_path / "m" / "small").mkdir(parents=True)
    with pytest.raises(OutputExistsError, match="give --force"):
        publish(trained, settings, **where)
    with pytest.raises(OutputExistsError, match="is not a model"):
        publish(trained, settings, **where, force=True)
    assert not (tmp_path / "r").exists()


def test_outputs__are_looked_at_without_making_anything(untracked, tmp_path):
    settings, _ = untracked
    require_outputs_free(settings, tmp_path / "r", tmp_path / "m", force=False)
    with pytest.raises(ConfigurationError, match="two folders"):
        require_outputs_free(settings, tmp_path / "r", tmp_path / "x" / ".." / "r", force=True)
    assert list(tmp_path.iterdir()) == []
