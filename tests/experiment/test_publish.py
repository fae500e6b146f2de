"""What is kept of a trained experiment, and what is never replaced."""

import hashlib
import json

import numpy as np
import pytest

from tests_shared import SMALL
from trastuz_ml.calls.genes.symbols import SHIPPED
from trastuz_ml.cohort.pseudonyms import pseudonym_key
from trastuz_ml.cohort.variant_marks import shared_with
from trastuz_ml.errors import ConfigurationError, OutputExistsError
from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.experiment.promotion_rules import Evidence
from trastuz_ml.experiment.publish import publish, require_outputs_free
from trastuz_ml.experiment.train import train
from trastuz_ml.schema import GENE
from trastuz_ml.store.bundle import load_model, public_files
from trastuz_ml.store.run_folder import Run
from trastuz_ml.track.connection import quiet_mlflow


@pytest.fixture
def untracked(small_trained):
    settings, trained = small_trained
    tracking = settings.tracking.model_copy(update={"enabled": False})
    return settings.model_copy(update={"tracking": tracking}), trained


@pytest.fixture(scope="module")
def of_genes(tmp_path_factory):
    """A model that reads genes, whatever the inner folds would pick."""
    path = tmp_path_factory.mktemp("experiment") / "small.yaml"
    models = "models: [prevalence, clinical-only, {l2-logistic: [genes, both]}]"
    text = SMALL.replace(models, 'models: ["l2-logistic:both"]\ntracking: {enabled: false}')
    path.write_text(text, encoding="utf-8")
    settings = read_experiment(path)
    return settings, train(settings, workers=1)


def kept(trained, settings, folder):
    """Return what was published into a folder, and the model as it is read back."""
    published = publish(trained, settings, runs=folder / "r", models=folder / "m", force=True)
    return published, load_model(published.model)


def with_store(settings, **store):
    return settings.model_copy(update={"store": settings.store.model_copy(update=store)})


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
    (tmp_path / "r" / "small").mkdir(parents=True)
    with pytest.raises(OutputExistsError, match="give --force"):
        publish(trained, settings, **where)
    with pytest.raises(OutputExistsError, match="is not a run"):
        publish(trained, settings, **where, force=True)
    (tmp_path / "r" / "small").rmdir()
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "small").write_text("years of work")
    with pytest.raises(OutputExistsError, match="is not a folder"):
        publish(trained, settings, **where, force=True)
    assert not (tmp_path / "m" / "small").is_dir()
    assert list((tmp_path / "r").iterdir()) == []


def test_outputs__are_looked_at_without_making_anything(untracked, tmp_path):
    settings, _ = untracked
    require_outputs_free(settings, tmp_path / "r", tmp_path / "m", force=False)
    with pytest.raises(ConfigurationError, match="two folders"):
        require_outputs_free(settings, tmp_path / "r", tmp_path / "x" / ".." / "r", force=True)
    assert list(tmp_path.iterdir()) == []


def test_publish__an_older_model_is_no_reason_to_refuse(untracked, tmp_path):
    settings, trained = untracked
    models = tmp_path / "m"
    first = publish(trained, settings, runs=tmp_path / "r", models=models)
    again = publish(trained, settings, runs=tmp_path / "r2", models=models)
    assert first.model == again.model == models / "small" / "1"
    changed = publish(trained, with_store(settings, abstain_below=0.8), runs=tmp_path / "r3", models=models)
    assert changed.model == models / "small" / "2"
    assert (load_model(first.model).abstain_below, load_model(changed.model).abstain_below) == (0.5, 0.8)


def test_publish__says_what_predictions_are_worth_in_counts(of_genes, tmp_path):
    settings, trained = of_genes
    _, bundle = kept(trained, settings, tmp_path)
    summary, run = bundle.summary, trained.run
    assert (summary.patients, summary.responders) == (60, int(run.patients["response"].sum()))
    X = trained.design.X[:, [trained.design.features.index(feature) for feature in bundle.features]]
    genes = [j for j, feature in enumerate(bundle.features) if feature.block == GENE]
    assert {g: tuple(c) for g, c in summary.genes.items()} == {
        bundle.features[j].name: (int((X[:, j] > 0).sum()), int((~np.isnan(X[:, j])).sum())) for j in genes
    }
    chosen = run.out_of_fold[run.out_of_fold["model"] == "chosen"]
    assert [len(scores) for scores in bundle.conformal.scores] == [
        chosen.loc[chosen["response"] == label, "patient"].nunique() for label in (0, 1)
    ]
    assert bundle.weights.shape == (len(bundle.features),)
    assert bundle.weights.sum() == pytest.approx(1)
    assert bundle.miss_rate == 0.1


def test_publish__the_model_carries_the_gene_names_that_it_was_trained_with(untracked, tmp_path):
    settings, trained = untracked
    _, bundle = kept(trained, settings, tmp_path)
    assert bundle.symbols == SHIPPED.read_bytes()
    assert bundle.card["inputs"]["symbols"] == {
        "name": "HGNC complete set, 2026-06-25", "date": "2026-06-25",
        "sha256": hashlib.sha256(bundle.symbols).hexdigest(),
    }  # fmt: skip
    assert bundle.card["inputs"]["build"] == bundle.build == trained.cohort.build


def test_publish__training_patients_are_found_again_by_marks_that_stay_here(untracked, tmp_path):
    settings, trained = untracked
    published, bundle = kept(trained, settings, tmp_path)
    cohort = trained.cohort
    found = shared_with(bundle.marks, cohort.calls, cohort.patients.index, pseudonym_key())
    assert found["patient"].nunique() > 0.9 * len(cohort.patients)
    assert "overlap.u64" not in {path.name for path in public_files(published.model)}


def test_publish__training_vectors_are_kept_only_when_asked_for(of_genes, tmp_path):
    settings, trained = of_genes
    _, without = kept(trained, settings, tmp_path / "a")
    published, bundle = kept(trained, with_store(settings, training_vectors=True), tmp_path / "b")
    assert without.vectors is None
    X = trained.design.X[:, [trained.design.features.index(feature) for feature in bundle.features]]
    genes = X[:, [feature.block == GENE for feature in bundle.features]]
    assert bundle.vectors.shape == genes.shape
    assert sorted(bundle.vectors.tolist()) == sorted(genes.tolist())
    assert not np.array_equal(bundle.vectors, genes)
    assert (bundle.sha256, bundle.version) == (without.sha256, 1)
    assert "vectors.f32" not in {path.name for path in public_files(published.model)}


def test_publish__no_byte_of_the_model_names_a_patient(of_genes, tmp_path):
    settings, trained = of_genes
    published, _ = kept(trained, with_store(settings, training_vectors=True), tmp_path)
    patients = [str(patient).encode() for patient in trained.run.patients["patient"]]
    assert len(patients) == 60
    for path in published.model.iterdir():
        data = path.read_bytes()
        assert [patient for patient in patients if patient in data] == [], path.name


def test_publish__the_card_names_its_run_its_files_and_what_nobody_stated(untracked, tmp_path):
    settings, trained = untracked
    published, bundle = kept(trained, settings, tmp_path)
    card = bundle.card
    assert card["run"] == trained.run.fingerprint == Run.load(published.run).fingerprint
    assert (
        card["files"]["features.json"]
        == hashlib.sha256((published.model / "features.json").read_bytes()).hexdigest()
    )
    said = {entry["item"]: entry["says"] for entry in card["reporting"]}
    assert said["21"] == f"60 patients, {int(trained.run.patients['response'].sum())} with the response."
    assert said["4"] == "A test."
    assert "FILTER PASS" in said["7"]
    assert {said[item] for item in ("5b", "6a", "6c", "17", "18a", "18b", "18c", "18d", "18e")} == {"not stated"}
    assert json.loads((published.model / "card.json").read_text())["reporting"] == card["reporting"]
    text = (published.model / "card.md").read_text()
    assert f"Run that made it: {card['run']}." in text
    assert "must not be used" in text
    assert {s["model"] for s in card["scores"]} == {"chosen", trained.model.name}


@pytest.mark.parametrize("met", [False, True])
def test_publish__training_gives_an_alias_only_on_the_evidence_that_promotion_asks_for(
    small_trained, tmp_path, monkeypatch, met
):
    settings, trained = small_trained
    tracking = {"register_as": "clinic", "alias": "champion", "uri": f"sqlite:///{tmp_path / 'm.db'}"}
    settings = settings.model_copy(update={"tracking": settings.tracking.model_copy(update=tracking)})
    if met:
        proved = (Evidence("chance", True, "p = 0.01"),)
        monkeypatch.setattr("trastuz_ml.experiment.publish.evidence_of", lambda run, model: proved)
    published = publish(trained, settings, runs=tmp_path / "r", models=tmp_path / "m")
    with quiet_mlflow():
        from mlflow import MlflowClient

        registered = MlflowClient(tracking_uri=tracking["uri"]).get_registered_model("clinic")
    assert {name: str(version) for name, version in registered.aliases.items()} == (
        {"champion": "1"} if met else {}
    )
    assert ("no permutation was made" in published.alias_withheld) is not met
