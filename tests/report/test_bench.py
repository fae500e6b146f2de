"""The bench: what is added up in the page is what the fitted models say."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from trastuz_ml import schema
from trastuz_ml.experiment.saved import design_of
from trastuz_ml.experiment.train import tuning_of
from trastuz_ml.learn.coefficients import coefficient_table
from trastuz_ml.learn.fitted import FittedModel, LinearLogit
from trastuz_ml.learn.validation import fit_on_all
from trastuz_ml.report import bench as of_bench
from trastuz_ml.report import patients as of_patients
from trastuz_ml.report.bench import FEATURES_LISTED, NO_LINEAR_MODEL, NOTHING_USED, bench_content
from trastuz_ml.report.content import content_of
from trastuz_ml.report.patients import WATERFALLS_KEPT
from trastuz_ml.report.privacy import pseudonyms_of
from trastuz_ml.report.tables import tables_of


@pytest.fixture(scope="module")
def trained(small_trained):
    """The run of the small experiment, and its models fitted on everybody once more."""
    settings, made = small_trained
    fitted, _ = fit_on_all(design_of(made.run), settings.catalogue(), tuning_of(settings))
    return made.run, {name: tuned.model for name, tuned in fitted.items()}


def names_of(run):
    return {str(patient): f"K{place:03d}x" for place, patient in enumerate(run.patients["patient"])}


def bench_of(run):
    hidden = pseudonyms_of([run], names_of(run))
    # What is written and read again is what a page computes with.
    return json.loads(json.dumps(bench_content(run, hidden), allow_nan=False))


def part_of(part, value):
    """Return what a feature adds: the page's own arithmetic, on one number."""
    if part is None or value is None:
        return 0.0
    return part["levels"][int(value)] if "levels" in part else part["slope"] * (value - part["center"])


def says(bench, model, values, rest):
    place = [one["model"] for one in bench["models"]].index(model)
    about = bench["models"][place]
    parts = [part_of(part, value) for part, value in zip(about["parts"], values, strict=True)]
    return 1 / (1 + math.exp(-(about["intercept"] + rest[place] + math.fsum(parts))))


def rows_of(run, bench):
    """Yield each listed patient of the bench with the place in the design."""
    real = {shown: patient for patient, shown in names_of(run).items()}
    design = design_of(run)
    for one in bench["patients"]:
        yield one, design.patients.index(real[one["patient"]])


def with_gaps(run):
    """Return the run with gaps everywhere, and genes that hold one of three values where they are mutated."""
    rng = np.random.default_rng(3)
    inputs = run.inputs.copy()
    for name in inputs.columns.drop("patient"):
        inputs.loc[rng.random(len(inputs)) < 0.2, name] = np.nan
    covered = np.vstack([np.ones(len(run.matrix.genes), dtype=bool), rng.random(len(run.matrix.genes)) < 0.5])
    assay_of = rng.integers(0, 2, len(run.matrix.patients))
    values = run.matrix.values.multiply(covered[assay_of]).tocsr()
    values.eliminate_zeros()
    values.data = rng.choice([1.0, 2.0, 1 / 3], values.nnz, p=[0.6, 0.2, 0.2]).astype(np.float32)
    matrix = replace(run.matrix, values=values, covered=covered, assay_of=assay_of)
    return replace(run, inputs=inputs, matrix=matrix)


@pytest.fixture(scope="module", params=["as trained", "with gaps", "few listed"])
def both(request, trained):
    run, models = trained
    if request.param == "with gaps":
        return with_gaps(run), models, FEATURES_LISTED
    return run, models, 5 if request.param == "few listed" else FEATURES_LISTED


def test_bench__says_of_every_patient_what_the_fitted_models_say(both, monkeypatch):
    run, models, most = both
    monkeypatch.setattr(of_bench, "FEATURES_LISTED", most)
    bench, design = bench_of(run), design_of(run)
    linear = [
        m for m, model in models.items() if isinstance(model.estimator, LinearLogit) and len(model.sources())
    ]
    assert [one["model"] for one in bench["models"]] == linear
    assert len(bench["patients"]) == len(run.patients)
    for model in linear:
        expected = models[model].probability(design.X)
        for one, row in rows_of(run, bench):
            assert says(bench, model, one["values"], one["rest"]) == pytest.approx(expected[row], abs=1e-12, rel=0)


def test_bench__changing_a_feature_is_predicting_a_changed_row(both, monkeypatch):
    run, models, most = both
    monkeypatch.setattr(of_bench, "FEATURES_LISTED", most)
    bench, design = bench_of(run), design_of(run)
    places = {(feature.block, feature.name): j for j, feature in enumerate(design.features)}
    one, row = next(rows_of(run, bench))
    for at, feature in enumerate(bench["features"]):
        choices = {"gene": [0, feature["carried"]], "number": [17.5], "category": range(len(feature["levels"]))}
        for choice in [*choices[feature["kind"]], None]:
            X = design.X[[row]].copy()
            X[0, places[feature["block"], feature["feature"]]] = np.nan if choice is None else choice
            values = [choice if place == at else value for place, value in enumerate(one["values"])]
            for model in bench["models"]:
                found = says(bench, model["model"], values, one["rest"])
                expected = models[model["model"]].probability(X)[0]
                assert found == pytest.approx(expected, abs=1e-12, rel=0)


def test_bench__nobody_is_a_patient_without_a_mutated_gene(both, monkeypatch):
    run, models, most = both
    monkeypatch.setattr(of_bench, "FEATURES_LISTED", most)
    bench, design = bench_of(run), design_of(run)
    X = np.zeros((1, len(design.features)), dtype=np.float32)
    listed = {(f["block"], f["feature"]): v
              for f, v in zip(bench["features"], bench["nobody"]["values"], strict=True)}  # fmt: skip
    for j, feature in enumerate(design.features):
        if feature.kind != "gene":
            X[0, j] = listed.get((feature.block, feature.name), np.nan)
            known = design.X[~np.isnan(design.X[:, j]), j]
            if feature.kind == "number" and (feature.block, feature.name) in listed:
                assert X[0, j] == np.float32(np.median(known.astype(float)))
    for model in bench["models"]:
        found = says(bench, model["model"], bench["nobody"]["values"], bench["nobody"]["rest"])
        assert found == pytest.approx(models[model["model"]].probability(X)[0], abs=1e-12, rel=0)


def test_bench__what_is_not_known_adds_nothing(trained):
    run = with_gaps(trained[0])
    bench = bench_of(run)
    unknown = [None] * len(bench["features"])
    for place, model in enumerate(bench["models"]):
        assert model["others"] == 0
        assert says(bench, model["model"], unknown, [0.0] * len(bench["models"])) == pytest.approx(
            1 / (1 + math.exp(-model["intercept"])), abs=1e-15
        )
        missing = next(one for one in bench["patients"] if None in one["values"])
        assert missing["rest"][place] == 0


def test_bench__a_gene_is_carried_with_the_value_that_most_carriers_have(trained):
    run = with_gaps(trained[0])
    dense, genes = run.matrix.dense(), list(run.matrix.genes)
    for feature in bench_of(run)["features"]:
        if feature["kind"] == "gene":
            values = dense[:, genes.index(feature["feature"])]
            found, counts = np.unique(values[values > 0], return_counts=True)
            assert feature["carried"] == (found[counts == counts.max()].min() if len(found) else 1)


def test_bench__order_is_watched_then_others_then_genes_by_weight(make):
    run = make(patients=40)
    features = bench_of(run)["features"]
    rank = [0 if f["watched"] else 1 if f["kind"] != "gene" else 2 for f in features]
    assert rank == sorted(rank)
    assert [f["feature"] for f in features if f["watched"]] == ["ANKRD44", "PPM1D"]
    slope = run.coefficients[run.coefficients["block"] == "gene"].groupby("feature")["coefficient"]
    share = dict(zip(run.matrix.genes, run.matrix.carriers() / run.matrix.covered_patients(), strict=True))
    weight = [slope.get_group(f["feature"]).abs().max() * np.sqrt(share[f["feature"]] * (1 - share[f["feature"]]))
              for f in features if f["kind"] == "gene" and not f["watched"]]  # fmt: skip
    assert weight == pytest.approx(sorted(weight, reverse=True))


def test_bench__order_of_the_tables_does_not_matter(make):
    run = make(patients=40)
    mixed = [rows.sample(frac=1, random_state=1) for _, rows in run.coefficients.groupby("model", sort=False)]
    other = replace(run, coefficients=pd.concat(mixed, ignore_index=True), inputs=run.inputs.iloc[::-1])
    assert bench_of(other) == bench_of(run)


def test_bench__at_most_so_many_features_and_patients(make, monkeypatch):
    run = make(patients=WATERFALLS_KEPT + 40, fillers=FEATURES_LISTED + 20)
    hidden = pseudonyms_of([run], names_of(run))
    with monkeypatch.context() as all_kept:
        all_kept.setattr(of_patients, "WATERFALLS_KEPT", len(run.patients))
        order = of_patients.patients_kept(run, hidden)
    assert sorted(order) == sorted(run.patients["patient"])
    third = WATERFALLS_KEPT // 3
    middle, ends = order[third + 20 : 2 * third + 20], [*order[:third], *order[-third:]]
    influence = pd.DataFrame({"patient": middle, "chosen_change": 0.1}).reindex(columns=schema.INFLUENCE.names)
    bench = bench_of(replace(run, influence=schema.conform(influence, schema.INFLUENCE)))
    assert {one["patient"] for one in bench["patients"]} == {names_of(run)[p] for p in (*middle, *ends)}
    assert (len(bench["features"]), len(bench["patients"]), bench["left"]) == (
        FEATURES_LISTED,
        WATERFALLS_KEPT,
        40,
    )
    listed = {(f["block"], f["feature"]) for f in bench["features"]}
    assert [model["others"] for model in bench["models"]] == [
        len(set(zip(own["block"], own["feature"], strict=True)) - listed - {("intercept", "")})
        for _, own in run.coefficients.groupby("model", sort=False)
    ]
    assert max(model["others"] for model in bench["models"]) > 0


def test_bench__category_beyond_the_list_is_in_the_rest(trained, monkeypatch):
    run, models = trained
    monkeypatch.setattr(of_bench, "FEATURES_LISTED", 1)
    bench, design = bench_of(run), design_of(run)
    assert len(bench["features"]) == 1
    for one, row in rows_of(run, bench):
        found = says(bench, "clinical-only", one["values"], one["rest"])
        assert found == pytest.approx(models["clinical-only"].probability(design.X[[row]])[0], abs=1e-12, rel=0)


def test_bench__run_without_linear_models_says_so(make):
    run = replace(make(), coefficients=schema.empty(schema.COEFFICIENTS))
    bench = bench_of(run)
    assert (bench["models"], bench["why"], bench["left"]) == ([], NO_LINEAR_MODEL, len(run.patients))


def test_bench__models_that_use_nothing_are_no_bench(trained):
    run, models = trained
    only = {"prevalence": models["prevalence"]}
    assert isinstance(only["prevalence"], FittedModel)
    bare = replace(run, coefficients=coefficient_table(only, design_of(run).features))
    assert bench_of(bare)["why"] == NOTHING_USED


def test_bench__validation_in_pairs_leaves_the_bench_as_it_is(paired):
    bench = bench_of(paired)
    assert len(bench["patients"]) == len(paired.patients)
    assert bench["why"] == ""


def test_bench__real_identifiers_are_nowhere(make):
    run = make(covariate="centre")
    someone = str(run.patients["patient"].iloc[0])
    features = [{**f, "levels": [someone, "B"]} if f["name"] == "centre" else f for f in run.features]
    table = run.coefficients.assign(level=run.coefficients["level"].replace({"NEG": someone, "POS": "B"}))
    text = json.dumps(bench_of(replace(run, features=features, coefficients=table)))
    assert "level 1" in text
    assert not [patient for patient in run.patients["patient"] if patient in text]


def test_bench__is_left_out_of_what_is_sent_with_its_coefficients(make):
    run = make(patients=60)
    open_, sent = (content_of([run], names_of(run), share=share)["runs"][0] for share in (False, True))
    assert tables_of(open_)["coefficients"]
    assert "coefficients" not in tables_of(sent)
    assert (sent["bench"]["models"], sent["bench"]["features"], sent["bench"]["patients"]) == ([], [], [])
    assert sent["bench"]["why"].startswith("Left out: this page is meant to be sent")


def test_tables__coefficients_are_those_of_the_bench(make):
    run = make()
    section = content_of([run], names_of(run))["runs"][0]
    rows = tables_of(section)["coefficients"]
    for model in section["bench"]["models"]:
        own = [row for row in rows if row["model"] == model["model"]]
        assert own[0]["added"] == model["intercept"]
        assert [row["slope"] for row in own if row["slope"] is not None] == [
            part["slope"] for part in model["parts"] if part and "slope" in part
        ]
        assert [row["added"] for row in own if row["level"]] == [
            added for part in model["parts"] if part and "levels" in part for added in part["levels"]
        ]
