"""Predictions: as many rows as patients, and what each row is worth."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from scipy.special import expit

from trastuz_ml.errors import ConfigurationError, OutputExistsError
from trastuz_ml.explain.contributions import contributions_of
from trastuz_ml.learn.design import BURDEN_NAME, Feature
from trastuz_ml.learn.fitted import FittedModel, LinearLogit
from trastuz_ml.learn.transformers import Preparation
from trastuz_ml.prediction import batch
from trastuz_ml.prediction.batch import lay_out, predict, write_predictions
from trastuz_ml.prediction.leading import NOT_ADDITIVE
from trastuz_ml.schema import PREDICTIONS
from trastuz_ml.store.bundle import make_bundle

CARD = {"response": {}, "patients": 80, "responders": 30, "scores": [], "sources": [], "limits": []}


@pytest.fixture
def table(linear, roster, assemble) -> pd.DataFrame:
    return predict(linear, assemble(roster), roster=roster).set_index("patient")


def genes_only(*genes: str, coefficients: tuple[float, ...], effects=("truncating", "missense")):
    """Return a model that is nothing but its coefficients: genes centred at 0."""
    features = [Feature(gene, "gene", "gene") for gene in genes]
    preparation = Preparation(("gene",) * len(genes)).fit(np.eye(2, len(genes), dtype=np.float32))
    preparation.source_ = np.arange(len(genes))
    preparation.level_ = np.full(len(genes), -1)
    preparation.center_, preparation.scale_ = np.zeros(len(genes)), np.ones(len(genes))
    model = FittedModel("l2", np.arange(len(genes)), preparation, LinearLogit(np.array(coefficients), -1.0))
    return make_bundle("handmade", model, features, "binary", effects, CARD, simulated=True)


def test_predict__rows_in_are_rows_out_in_the_order_of_the_roster(linear, roster, assemble):
    order = ["P4", "P5", "P1", "P3", "P2"]
    table = predict(linear, assemble(roster), roster=roster.loc[order])
    assert list(table["patient"]) == order
    assert [*table.columns] == PREDICTIONS.names


@pytest.mark.parametrize("kind", ["linear", "boosted", "forest"])
def test_predict__gives_the_models_own_probability(make, roster, assemble, kind):
    bundle = make(kind)
    cohort = assemble(roster)
    design, _ = lay_out(bundle, cohort)
    table = predict(bundle, cohort)
    assert np.array_equal(table["probability"], bundle.model.probability(design.X))
    assert np.array_equal(table["probability"], predict(bundle, cohort, explain=0)["probability"])
    assert set(table["scale"]) == {"probability" if kind == "forest" else "log-odds"}


def test_predict__names_the_model_and_its_identity(table, linear):
    assert set(table["model"]) == {"linear"}
    assert set(table["model_sha256"]) == {linear.sha256}
    assert len(linear.sha256) == 64


def test_predict__counts_only_the_effects_the_model_was_trained_with(roster, assemble):
    bundle = genes_only("PIK3CA", "TP53", coefficients=(2.0, 0.5))
    table = predict(bundle, assemble(roster)).set_index("patient")
    assert table.loc["P2", "probability"] == expit(0.5 - 1.0)
    assert table.loc["P1", "probability"] == expit(-1.0)
    assert table.loc["P2", "top_contributions"] == "TP53 +0.50"
    assert table.loc["P1", "top_contributions"] == ""


def test_predict__leading_contributions_are_sorted_by_size_then_name(roster, assemble):
    bundle = genes_only("ANKRD44", "MUC16", "PIK3CA", "TP53", coefficients=(-1.92, 0.4, -0.4, 0.001))
    rows = [("P1", gene, "missense") for gene in bundle.genes]
    cohort = assemble(roster, rows)
    shown = predict(bundle, cohort).set_index("patient")["top_contributions"]
    assert shown["P1"] == "ANKRD44 -1.92; MUC16 +0.40; PIK3CA -0.40; TP53 +1e-03"
    assert predict(bundle, cohort, explain=2)["top_contributions"][0] == "ANKRD44 -1.92; MUC16 +0.40"


def test_predict__shown_contributions_are_those_of_the_explanation(make, roster, assemble):
    bundle = make("boosted")
    cohort = assemble(roster)
    design, _ = lay_out(bundle, cohort)
    values = contributions_of(bundle.model, design.X).values
    shown = predict(bundle, cohort, explain=1)["top_contributions"]
    for row, text in zip(values, shown, strict=True):
        leader = bundle.features[int(np.abs(row).argmax())].name
        assert text.startswith(f"{leader} {row[np.abs(row).argmax()]:+.2f}")


def test_predict__contributions_that_do_not_add_up_are_not_shown(linear, roster, assemble, monkeypatch):
    def broken(model, X):
        honest = contributions_of(model, X)
        return dataclasses.replace(honest, used=np.full_like(honest.used, np.nan))

    monkeypatch.setattr(batch, "contributions_of", broken)
    table = predict(linear, assemble(roster))
    assert set(table["top_contributions"]) == {NOT_ADDITIVE}
    assert table["probability"].notna().all()


def test_predict__without_explanation_leaves_the_cells_empty(linear, roster, assemble):
    table = predict(linear, assemble(roster), explain=0)
    assert set(table["top_contributions"]) == set(table["scale"]) == {""}


def test_predict__genes_not_covered_are_counted_and_named(table):
    assert table.loc["P3", "genes_not_covered"] == 4
    assert table.loc["P3", "not_covered"] == "ANKRD44, ERBB2, MUC16, PIK3CA"
    assert table.loc["P1", "genes_not_covered"] == 0
    assert table.loc["P1", "not_covered"] == ""


def test_predict__a_long_list_of_genes_is_cut_and_the_count_is_not(roster, assemble):
    genes = [f"GENE{i:02d}" for i in range(25)]
    bundle = genes_only("TP53", *genes, coefficients=(1.0,) * 26)
    row = predict(bundle, assemble(roster)).set_index("patient").loc["P3"]
    assert row["genes_not_covered"] == 25
    assert row["not_covered"].endswith("GENE19 and 5 more")


def test_predict__an_uncovered_gene_is_not_an_intact_gene(roster, assemble):
    bundle = genes_only("MUC16", "TP53", coefficients=(2.0, 1.0))
    cohort = assemble(roster)
    X = lay_out(bundle, cohort)[0].X
    assert np.isnan(X[2, 0])
    assert X[0, 0] == 0


def test_predict__missing_and_unseen_covariates_are_named(table):
    assert table.loc["P3", "covariates_missing"] == "age"
    assert table.loc["P4", "covariates_missing"] == "ER.status"
    assert table.loc["P1", "covariates_missing"] == ""


def test_predict__a_patient_with_nothing_measured_is_refused(roster, assemble):
    table = predict(genes_only("MUC16", coefficients=(2.0,)), assemble(roster)).set_index("patient")
    assert table.loc["P3", "refusal"] == "no feature of the model was measured"
    assert np.isnan(table.loc["P3", "probability"])
    assert table.loc["P3", "top_contributions"] == table.loc["P3", "scale"] == ""
    assert table["probability"].notna().sum() == 3


def test_predict__a_patient_who_was_not_sequenced_does_not_vanish(table, linear):
    row = table.loc["P5"]
    assert row["refusal"] == "not sequenced"
    assert np.isnan(row["probability"])
    assert row["genes_not_covered"] == len(linear.genes)
    assert set(table["refusal"].drop("P5")) == {""}


def test_predict__a_patient_left_out_of_the_cohort_does_not_vanish(linear, roster, assemble):
    fewer = assemble(roster.drop(index="P1"), [("P2", "TP53", "missense")])
    table = predict(linear, fewer, roster=roster).set_index("patient")
    assert table.loc["P1", "refusal"] == batch.NOT_IN_COHORT
    assert table.loc["P1", "genes_not_covered"] is pd.NA


def test_predict__nobody_sequenced_gives_refusals_only(linear, roster, assemble):
    table = predict(linear, assemble(roster.assign(sequenced=False)), roster=roster.assign(sequenced=False))
    assert set(table["refusal"]) == {"not sequenced"}
    assert len(table) == 5


def test_predict__a_model_without_features_gives_everybody_its_rate(roster, assemble):
    constant = FittedModel("prevalence", np.empty(0, dtype=np.intp), Preparation(), LinearLogit(np.empty(0), -1.0))
    bundle = make_bundle("rate", constant, (), "binary", ("missense",), CARD, simulated=True)
    table = predict(bundle, assemble(roster))
    assert set(table["probability"]) == {expit(-1.0)}
    assert set(table["refusal"]) == {""}


def test_predict__burden_counts_genes_the_model_does_not_read(make, roster, assemble):
    bundle = make("linear", [3, 8])
    design, _ = lay_out(bundle, assemble(roster))
    burden = design.X[:, [feature.name for feature in bundle.features].index(BURDEN_NAME)]
    # P3 was sequenced by a panel: its few calls are no low burden.
    expected = np.log1p([2, 1, np.nan, 1]).astype(np.float32)
    np.testing.assert_array_equal(burden, expected)


def test_predict__a_patient_of_another_population_gets_a_row_that_says_so(linear, roster, assemble):
    outside = roster.assign(in_cohort=roster.index != "P2")
    table = predict(linear, assemble(outside), roster=outside).set_index("patient")
    assert table.loc["P2", "refusal"].startswith("outside the population")
    assert len(table) == len(roster)


def test_predict__shuffling_the_inputs_changes_nothing(linear, roster, assemble):
    expected = predict(linear, assemble(roster), roster=roster)
    rows = [("P4", "MUC16", "missense"), ("P3", "TP53", "truncating"), ("P2", "TP53", "missense")]
    rows += [("P1", "TTN", "missense"), ("P2", "PIK3CA", "silent"), ("P1", "ANKRD44", "truncating")]
    again = predict(linear, assemble(roster, rows), roster=roster.iloc[::-1])
    assert_frame_equal(again.iloc[::-1].reset_index(drop=True), expected)


def test_predict__a_call_outside_the_assay_is_a_finding(linear, roster, assemble):
    cohort = assemble(roster, [("P3", "MUC16", "missense")])
    _, findings = lay_out(linear, cohort)
    assert [finding.code for finding in findings] == ["call-in-uncovered-gene"]


def test_predict__a_covariate_that_the_roster_lacks_is_one_message(linear, roster, assemble):
    cohort = dataclasses.replace(assemble(roster), covariates=())
    with pytest.raises(ConfigurationError, match=r"needs the covariates ER\.status, age, stage"):
        predict(linear, cohort)


def test_predict__a_negative_number_of_contributions_is_refused(linear, roster, assemble):
    with pytest.raises(ConfigurationError, match="0 or more"):
        predict(linear, assemble(roster), explain=-1)


def test_write__csv_reads_back_with_every_digit(table, tmp_path):
    table = table.reset_index()
    write_predictions(table, tmp_path / "out" / "predictions.csv")
    back = pd.read_csv(tmp_path / "out" / "predictions.csv", dtype=str, keep_default_na=False)
    assert [float(cell or "nan").hex() for cell in back["probability"]] == [p.hex() for p in table["probability"]]
    assert list(back.columns) == PREDICTIONS.names
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["predictions.csv"]


def test_write__a_spreadsheet_runs_no_cell_of_any_column(table, tmp_path):
    texts = [column.name for column in PREDICTIONS.columns if column.kind == "text"]
    write_predictions(table.reset_index().assign(**dict.fromkeys(texts, "=1+1")), tmp_path / "p.csv")
    back = pd.read_csv(tmp_path / "p.csv", dtype=str)
    assert set(back[texts].to_numpy().ravel()) == {"'=1+1"}


def test_write__parquet_reads_back_equal(table, tmp_path):
    table = table.reset_index()
    write_predictions(table, tmp_path / "predictions.parquet")
    assert_frame_equal(pd.read_parquet(tmp_path / "predictions.parquet"), table)


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_write__a_spreadsheet_runs_no_text_of_ours(table, tmp_path, begin):
    harmful = table.reset_index().head(1).assign(patient=f"{begin}HYPERLINK(1)", probability=-0.5)
    write_predictions(harmful, tmp_path / "p.csv")
    with (tmp_path / "p.csv").open(newline="") as opened:
        cells = opened.read().split("patient", 1)[1]
    assert f"'{begin}HYPERLINK(1)" in cells
    assert ",-0.5," in cells
    write_predictions(harmful, tmp_path / "p.parquet")
    assert pd.read_parquet(tmp_path / "p.parquet")["patient"][0] == f"{begin}HYPERLINK(1)"


def test_write__another_ending_is_refused(table, tmp_path):
    with pytest.raises(ConfigurationError, match=r"\.csv or \.parquet, found '\.xlsx'"):
        write_predictions(table.reset_index(), tmp_path / "predictions.xlsx")


def test_write__an_existing_file_is_kept_without_force(table, tmp_path):
    (tmp_path / "p.csv").write_text("old")
    with pytest.raises(OutputExistsError, match="--force"):
        write_predictions(table.reset_index(), tmp_path / "p.csv")
    assert (tmp_path / "p.csv").read_text() == "old"
    write_predictions(table.reset_index(), tmp_path / "p.csv", force=True)
    assert (tmp_path / "p.csv").read_text().startswith("patient,probability")


def test_write__an_interruption_leaves_the_old_file(table, tmp_path, monkeypatch):
    (tmp_path / "p.csv").write_text("old")

    def interrupted(self, path, **settings):
        path.write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(pd.DataFrame, "to_csv", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_predictions(table.reset_index(), tmp_path / "p.csv", force=True)
    assert [(path.name, path.read_text()) for path in tmp_path.glob("*p.csv*")] == [("p.csv", "old")]


def test_write__a_place_that_cannot_be_written_is_one_message(table, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_predictions(table.reset_index(), tmp_path / "file" / "p.csv")
