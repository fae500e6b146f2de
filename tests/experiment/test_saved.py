"""A run taken up again is what was trained: the same columns, the same folds, the same models."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from tests_shared import SMALL
from trastuz_ml import schema
from trastuz_ml.errors import ConfigurationError, EvidenceError, InputError
from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.experiment.read import build_features, load_cohort, with_current_names
from trastuz_ml.experiment.saved import (
    design_of,
    inputs_of,
    plan_of,
    silence,
    tuning_of_run,
    validated_of,
)
from trastuz_ml.experiment.splits import splits_of
from trastuz_ml.explain.silencing import silenced_table
from trastuz_ml.features.simulate import simulate_cohort
from trastuz_ml.learn.design import make_design
from trastuz_ml.learn.refitting import ask_fold_models
from trastuz_ml.learn.tuning import Tuning
from trastuz_ml.learn.validation import validate
from trastuz_ml.store.run_folder import Run

PANEL = ("ANKRD44", "TP53", "PIK3CA", "GATA3")
# Covariates of every kind with gaps, two assays, a group that two patients share, class weights.
YAML = (
    SMALL.replace("simulated: {patients: 60, seed: 3}\n", "tracking: {enabled: false}\n")
    .replace("  covariates:\n", "  assay: assay\n  group: person\n  covariates:\n    grade: {when: baseline}\n")
    .replace("seed: 1}", "seed: 1, class_weights: balanced, rule: one-standard-error}")
    .replace("{l2-logistic: [genes, both]}]", "'l2-logistic:both', 'xgboost:genes+burden+assay']")
    + "assays: {exome: null, panel: panel.txt}\n"
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run as training leaves it, saved and read again, and the design that was trained on."""
    folder = tmp_path_factory.mktemp("saved")
    simulate_cohort(60, 3).write(folder)
    roster = pd.read_csv(folder / "roster.tsv", sep="\t", dtype=str, comment="#")
    roster["assay"] = np.where(np.arange(60) % 3 == 0, "panel", "exome")
    roster["person"] = [f"person {max(i, 1)}" for i in range(60)]
    roster.loc[[2, 5], "age"], roster.loc[[7], "t_stage"], roster.loc[[8], "er_status"] = None, None, None
    roster.loc[10, "age"] = "41.3"  # not a number of float32
    roster.to_csv(folder / "roster.tsv", sep="\t", index=False)
    (folder / "panel.txt").write_text("\n".join(PANEL))
    (folder / "e.yaml").write_text(YAML, encoding="utf-8")
    experiment = with_current_names(read_experiment(folder / "e.yaml"))
    cohort = load_cohort(experiment)
    matrix, findings = build_features(experiment, cohort)
    design = make_design(cohort, matrix)
    plan, _ = splits_of(experiment, design)
    tuning = Tuning(2, 3, 1, "one-standard-error", balanced=True)
    found = validate(design, plan, experiment.catalogue(), tuning)
    named = {"out_of_fold": found.out_of_fold, "choices": found.choices, "inner_errors": found.inner_errors}
    empties = {
        name: schema.empty(getattr(schema, name.upper()))
        for name in (
            "scores", "comparisons", "contributions", "explained", "gene_contributions", "associations",
        )
    }  # fmt: skip
    run = Run(
        "small", True, experiment.model_dump(mode="json"), {}, cohort.patients.reset_index(), matrix, findings,
        **named, **empties, plan=plan.as_json(), **inputs_of(design),
    )  # fmt: skip
    run.save(folder / "runs" / "small")
    return Run.load(folder / "runs" / "small"), design, plan, tuning


def predictions(model, X):
    return model.probability(X)


def test_saved__the_design_comes_back_column_for_column(trained):
    run, design, _, _ = trained
    back = design_of(run)
    assert back.patients == design.patients
    assert back.features == design.features
    assert {f.kind for f in design.features} == {"gene", "number", "category"}
    assert {f.block for f in design.features} == {"gene", "covariate", "burden", "assay"}
    assert any(f.counts for f in design.features)
    assert back.X.dtype == design.X.dtype == np.float32
    np.testing.assert_array_equal(back.X, design.X)
    assert np.isnan(design.X[:, :4]).any()
    for name in ("response", "groups"):
        np.testing.assert_array_equal(getattr(back, name), getattr(design, name))
        assert getattr(back, name).dtype == getattr(design, name).dtype
    assert len(set(back.groups)) == 59


def test_saved__the_plan_and_the_tuning_come_back(trained):
    run, _, plan, tuning = trained
    assert plan_of(run).fingerprint == plan.fingerprint
    assert tuning_of_run(run) == tuning


def test_saved__the_models_of_the_folds_come_back_to_the_last_bit(trained):
    run, design, _, _ = trained
    for item in ask_fold_models(validated_of(run), predictions):
        rows = run.out_of_fold.query("model == @item.model and repeat == @item.repeat and fold == @item.fold")
        kept = rows.set_index("patient")["probability"].loc[[design.patients[i] for i in item.places]]
        assert item.result.tolist() == kept.tolist()


def test_saved__what_training_itself_leaves_can_be_taken_up(small_trained):
    _, made = small_trained
    back = design_of(made.run)
    assert (back.features, back.patients) == (made.design.features, made.design.patients)
    np.testing.assert_array_equal(back.X, made.design.X)
    assert len(silenced_table(silence(made.run, ["TP53"], models=["l2-logistic:both"]))) == len(back.patients)


def test_saved__inputs_hold_no_gene_and_no_rounding(trained):
    _, design, _, _ = trained
    kept = inputs_of(design)
    assert [f["name"] for f in kept["features"]] == list(kept["inputs"])[1:]
    assert all(f["block"] != "gene" for f in kept["features"])
    assert set(kept["inputs"].dtypes.iloc[1:]) == {np.dtype("float32")}
    assert np.float32(41.3) in set(kept["inputs"]["age"])


def test_silence__patients_who_were_not_sequenced_for_the_gene_have_no_row(trained):
    run, _, _, _ = trained
    gene = next(
        name
        for name, n, k in zip(run.matrix.genes, run.matrix.covered_patients(), run.matrix.carriers(), strict=True)
        if n < 60 and k > 4
    )
    table = silenced_table(silence(run, [gene], models=["l2-logistic:both"]))
    sequenced = set(run.patients.loc[run.patients["assay"] == "exome", "patient"])
    assert set(table["patient"]) == sequenced
    assert table["change"].abs().max() > 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"features": ()}, "does not keep what its models read: train again"),
        ({"features": [{"name": "age"}]}, "do not belong together"),
        ({"inputs": pd.DataFrame({"patient": ["nobody"], "age": [1.0]})}, "do not belong together"),
    ],
)
def test_saved__a_run_that_keeps_too_little_is_refused(change, said, trained):
    with pytest.raises(InputError, match=said):
        design_of(dataclasses.replace(trained[0], **change))


def test_saved__a_plan_of_other_patients_or_a_silent_configuration_is_refused(trained):
    run, _, plan, _ = trained
    strangers = dataclasses.replace(plan, patients=tuple(f"X{i:03d}" for i in range(60)))
    with pytest.raises(InputError, match="of other patients"):
        plan_of(dataclasses.replace(run, plan=strangers.as_json()))
    with pytest.raises(InputError, match="does not say how it was validated"):
        tuning_of_run(dataclasses.replace(run, configuration={}))


def test_silence__a_run_without_genes_and_a_run_that_was_changed_are_refused(trained):
    run, _, _, _ = trained
    matrix = dataclasses.replace(
        run.matrix, genes=(), values=run.matrix.values[:, :0], covered=run.matrix.covered[:, :0]
    )
    with pytest.raises(ConfigurationError, match="Nobody was sequenced in the run small"):
        silence(dataclasses.replace(run, matrix=matrix), ["TP53"])
    older = run.inputs.assign(age=run.inputs["age"] + np.float32(1) * (run.inputs.index % 2))
    with pytest.raises(EvidenceError, match=r"l2-logistic:both, fitted again in fold \d of repeat \d"):
        silence(dataclasses.replace(run, inputs=older), ["TP53"], models=["l2-logistic:both"])
