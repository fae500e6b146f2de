"""New patients, read as the model's own patients were."""

import pandas as pd
import pytest

from trastuz_ml.errors import InputError
from trastuz_ml.experiment.new_patients import predict_files
from trastuz_ml.experiment.publish import publish
from trastuz_ml.features.simulate import simulate_cohort
from trastuz_ml.findings import name_some
from trastuz_ml.store.bundle import load_model


@pytest.fixture(scope="module")
def bundle(small_trained, tmp_path_factory):
    settings, trained = small_trained
    folder = tmp_path_factory.mktemp("kept")
    settings = settings.model_copy(update={"tracking": settings.tracking.model_copy(update={"enabled": False})})
    return load_model(publish(trained, settings, runs=folder / "r", models=folder / "m").model)


@pytest.fixture
def new(tmp_path):
    simulate_cohort(20, 11).write(tmp_path)
    return tmp_path


def roster(folder, edit):
    path = folder / "roster.tsv"
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    edit(table).to_csv(path, sep="\t", index=False)


def test_predict__needs_no_response(bundle, new):
    one, _ = predict_files(bundle, [new / "calls.maf"], new / "roster.tsv")
    roster(new, lambda table: table.drop(columns="response"))
    other, _ = predict_files(bundle, [new / "calls.maf"], new / "roster.tsv")
    pd.testing.assert_frame_equal(one, other)
    assert one["probability"].between(0, 1).all()
    assert len(one) == 20


def test_predict__calls_in_two_files_are_one_cohort(bundle, new):
    one, _ = predict_files(bundle, [new / "calls.maf"], new / "roster.tsv")
    lines = (new / "calls.maf").read_text().splitlines(keepends=True)
    half = len(lines) // 2
    (new / "a.maf").write_text("".join(lines[:half]))
    (new / "b.maf").write_text(lines[1] + "".join(lines[half:]))
    other, _ = predict_files(bundle, [new / "a.maf", new / "b.maf"], new / "roster.tsv")
    pd.testing.assert_frame_equal(one, other)


def test_predict__a_missing_covariate_column_is_refused(bundle, new):
    name = bundle.covariates[0].name
    roster(new, lambda table: table.drop(columns=name))
    with pytest.raises(InputError, match=f"no column '{name}'"):
        predict_files(bundle, [new / "calls.maf"], new / "roster.tsv")


def test_predict__a_missing_value_is_named_not_guessed_away(bundle, new):
    name = bundle.covariates[0].name
    roster(new, lambda table: table.assign(**{name: ["NA", *table[name][1:]]}))
    table, _ = predict_files(bundle, [new / "calls.maf"], new / "roster.tsv")
    assert table["covariates_missing"].tolist() == [name, *[""] * 19]


def test_predict__strangers_are_findings_and_no_rows(bundle, new):
    roster(new, lambda table: table.iloc[5:])
    table, findings = predict_files(bundle, [new / "calls.maf"], new / "roster.tsv")
    strangers = findings.loc[findings["code"] == "calls-without-patient", "patient"]
    assert len(table) == 15
    assert name_some(strangers) == "SIM000001, SIM000002, SIM000003, SIM000004, SIM000005"
    assert not set(strangers) & set(table["patient"])
