"""Panels of leading genes in nested validation, beside the catalogue's own models on the same folds."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from tests_shared import made_up_design
from trastuz_ml.errors import EvidenceError
from trastuz_ml.explain.panel import (
    ALL_GENES,
    EVERYTHING,
    Panel,
    difference_error,
    panel_table,
    panels_in_fold,
    smallest_panel,
)
from trastuz_ml.explain.panel_words import panel_sentences
from trastuz_ml.learn import catalogue
from trastuz_ml.learn.design import Design, Feature
from trastuz_ml.learn.folds import PlanShape, Turn
from trastuz_ml.learn.out_of_fold import folded, paired
from trastuz_ml.learn.selection import Selection, select_by_association
from trastuz_ml.learn.tuning import Tuning
from trastuz_ml.learn.validation import validate
from trastuz_ml.stats.auc_intervals import widened_pairwise_newcombe
from trastuz_ml.stats.comparison import nadeau_bengio_difference
from trastuz_ml.stats.discrimination import placements

TUNING = Tuning(inner_folds=2, min_carriers=2, seed=4)
FOLDS = PlanShape("k-fold", 2, 4, 3)
PAIRS = PlanShape("leave-pair-out")


def planned(design, shape=FOLDS):
    return shape.plan(design.patients, design.response, design.groups)


def of_genes(X, y):
    names = tuple(f"P{i:03d}" for i in range(len(X)))
    features = tuple(Feature(f"G{j:03d}", "gene", "gene") for j in range(X.shape[1]))
    return Design(names, features, X.astype(np.float32), y.astype(np.int8), np.array(names))


def telling(genes, copies, seed=0, patients=120):
    """Return genes of which the first ones each tell a little."""
    rng = np.random.default_rng(seed)
    y = np.arange(patients) % 2
    X = rng.random((patients, genes)) < 0.25
    X[:, :copies] = rng.random((patients, copies)) < 0.1 + 0.35 * y[:, None]
    return of_genes(X, y)


@pytest.fixture(scope="module")
def design():
    found = made_up_design(60, 40, 1)
    found.X[:20, 30:36] = np.nan
    return found


@pytest.fixture(scope="module")
def table(design):
    return panel_table(design, planned(design), TUNING, sizes=(1, 5, 10))


def test_all_genes__score_as_the_model_of_the_catalogue_does(design, table):
    plan = planned(design)
    found = validate(design, plan, [catalogue.catalogue_model("l2-logistic:genes")], TUNING).out_of_fold
    rows = folded(found[found["model"] == "l2-logistic:genes"])
    area = placements(rows.response, rows.probability, rows.fold_of).mean
    assert table.iloc[0]["panel"] == ALL_GENES
    assert table.iloc[0]["auroc"] == pytest.approx(area, abs=1e-12)


def test_leading_panel__scores_as_the_catalogue_does_with_so_many_genes_selected(design, table, monkeypatch):
    monkeypatch.setitem(catalogue.SELECTIONS, "association", Selection("association", keep=(5,)))
    models = [catalogue.catalogue_model(f"l2-logistic:genes{w}") for w in ("", "@association")]
    found = validate(design, planned(design), models, TUNING).out_of_fold
    every, five = (folded(found[found["model"] == m.name]) for m in models)
    ours = table.set_index("panel").loc["genes 1 to 5"]
    assert ours["auroc"] == pytest.approx(
        placements(five.response, five.probability, five.fold_of).mean, abs=1e-12
    )
    compared = nadeau_bengio_difference(five.response, five.probability, every.probability, five.fold_of)
    half = (compared.interval.high - compared.interval.low) / 2
    assert ours["difference"] == pytest.approx(compared.difference, abs=1e-12)
    assert ours["error"] == pytest.approx(half / t.ppf(0.975, 7), rel=1e-9)


def test_as_good__is_within_one_standard_error_of_all_genes(table):
    assert (table["as_good"] == (table["difference"] >= -table["error"] - 1e-12)).all()


def test_a_panel__holds_the_genes_that_rank_so_in_the_training_fold(design):
    plan = planned(design)
    found = panels_in_fold(design, plan, TUNING, [EVERYTHING, Panel(1, 5), Panel(6, 5)], Turn(1, 2))
    train, out = plan.split(1, 2)
    assert (found.places == out).all()
    genes = np.flatnonzero(design.blocks == "gene")
    carried = (design.X[np.ix_(train, genes)] > 0).sum(axis=0) >= TUNING.min_carriers
    kept = genes[carried]
    five, ten = (
        kept[select_by_association(design.X[np.ix_(train, kept)], design.response[train], keep=k)] for k in (5, 10)
    )
    assert set(found.chosen[1]) == set(five)
    assert set(found.chosen[1]) | set(found.chosen[2]) == set(ten)
    assert not set(found.chosen[1]) & set(found.chosen[2])


def test_one_telling_gene__is_a_panel_that_others_cannot_replace():
    rng = np.random.default_rng(2)
    y = np.arange(120) % 2
    X = rng.random((120, 60)) < 0.25
    X[:, 7] = rng.random(120) < 0.05 + 0.85 * y
    found = panel_table(of_genes(X, y), planned(of_genes(X, y)), TUNING, sizes=(1, 5))
    assert smallest_panel(found) == Panel(1, 1)
    later = found[found["first"] > 1]
    assert later["panel"].tolist() == [f"gene {rank}" for rank in range(2, 12)]
    assert not later["as_good"].any()
    assert found.set_index("panel").loc["gene 1", "overlap"] == 1.0
    assert panel_sentences(found)[-1].endswith(
        "none does as well by the same rule: the genes that rank next do not replace them."
    )


def test_many_genes_that_tell_the_same__leave_panels_that_can_stand_in_for_each_other():
    rng = np.random.default_rng(3)
    y = np.arange(120) % 2
    state = np.where(rng.random(120) < 0.2, 1 - y, y)
    X = rng.random((120, 60)) < 0.1 + 0.5 * state[:, None]
    found = panel_table(of_genes(X, y), planned(of_genes(X, y)), TUNING, sizes=(20,))
    later = found[found["first"] > 1]
    assert smallest_panel(found) == Panel(1, 20)
    assert later["as_good"].tolist() == [True, True]
    assert "2 do as well by the same rule: its genes are not the only ones" in panel_sentences(found)[-1]


def test_no_telling_gene__makes_a_smallest_panel_meaningless():
    design = telling(60, 0, seed=5)
    said = panel_sentences(panel_table(design, planned(design), TUNING, sizes=(1, 5)))
    assert said[-1].endswith("a smallest panel that does as well means nothing here.")
    assert len(said) == 2


def test_left_out_pairs__are_scored_and_nothing_is_called_as_good():
    design = telling(30, 4, seed=6, patients=12)
    plan = planned(design, PAIRS)
    found = panel_table(design, plan, TUNING, sizes=(1, 3))
    out_of_fold = validate(design, plan, [catalogue.catalogue_model("l2-logistic:genes")], TUNING).out_of_fold
    won = paired(out_of_fold[out_of_fold["model"] == "l2-logistic:genes"]).wins
    assert found.iloc[0]["auroc"] == pytest.approx(won.mean(), abs=1e-12)
    assert found["as_good"].isna().all()
    assert found["error"].isna().all()
    assert found["panel"].tolist() == [ALL_GENES, "gene 1", "genes 1 to 3"]
    assert "cannot be said" in found["status"].iloc[1]
    assert panel_sentences(found)[-1].startswith("Which smaller panel does as well as all genes cannot be said: ")
    ends = widened_pairwise_newcombe(won)
    assert (found.iloc[0]["low"], found.iloc[0]["high"]) == pytest.approx((ends.low, ends.high))


def test_left_out_pairs__that_show_something_still_name_no_smallest_panel():
    y = np.arange(16) % 2
    X = np.random.default_rng(1).random((16, 20)) < 0.3
    X[:, :3] = y[:, None]
    found = panel_table(of_genes(X, y), planned(of_genes(X, y), PAIRS), TUNING, sizes=(1,))
    assert found.iloc[0]["low"] > 0.5
    assert smallest_panel(found) is None
    assert not any("means nothing" in sentence for sentence in panel_sentences(found))


def test_overlap__is_the_mean_jaccard_index_of_every_two_folds(design, table):
    plan = planned(design)
    chosen = [set(panels_in_fold(design, plan, TUNING, [Panel(1, 5)], turn).chosen[0]) for turn in plan.turns]
    every = [len(a & b) / len(a | b) for a, b in itertools.combinations(chosen, 2)]
    assert table.set_index("panel").loc["genes 1 to 5", "overlap"] == pytest.approx(np.mean(every))


def test_sizes__beyond_the_genes_of_a_fold_are_left_out(design):
    found = panel_table(design, planned(design), TUNING, sizes=(2, 500))
    assert set(found[found["first"] == 1]["panel"]) == {ALL_GENES, "genes 1 to 2"}


def test_names_of_patients_and_groups__change_nothing(design, table):
    nameless = design.without_names()
    pd.testing.assert_frame_equal(panel_table(nameless, planned(nameless), TUNING, sizes=(1, 5, 10)), table)


def test_progress__is_told_to_the_end(design):
    told = []
    panel_table(
        design, planned(design), TUNING, sizes=(1,), progress=lambda done, total: told.append((done, total))
    )
    assert (8, 8) in told


def test_without_a_gene_that_enough_carry__is_refused():
    design = of_genes(np.eye(40)[:, :5], np.arange(40) % 2)
    with pytest.raises(EvidenceError, match="no gene has 2 carriers or more"):
        panel_table(design, planned(design), TUNING)


def test_difference_error__of_equal_models_is_zero():
    assert difference_error(np.zeros(10), 0.25) == 0.0
