"""Genes read as truncated or as intact: what is changed, in whom, and what the models say of it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy.special import logit

from tests_shared import made_up_design
from trastuz_ml.errors import ConfigurationError, EvidenceError
from trastuz_ml.explain.silencing import (
    departure_table,
    silence,
    silenced_table,
    silencing_sentences,
    summary,
    why_not_silenced,
)
from trastuz_ml.explain.turned_genes import genes_of
from trastuz_ml.features.matrix import GeneMatrix
from trastuz_ml.learn.catalogue import catalogue_model
from trastuz_ml.learn.fitted import LinearLogit
from trastuz_ml.learn.folds import plan_pairs, plan_splits
from trastuz_ml.learn.refitting import Validated, ask_fold_models
from trastuz_ml.learn.tuning import Tuning
from trastuz_ml.learn.validation import validate
from trastuz_ml.schema import SILENCED

NAMES = ("clinical-only", "l2-logistic:both", "random-forest:genes", "xgboost:both", "rank-average")
NOT_COVERED = 4  # the first patients, for the gene G001


def matrix_of(design, encoding="binary", effects=("truncating", "missense")):
    """The genes of a design as a run keeps them."""
    first = next(j for j, feature in enumerate(design.features) if feature.block == "gene")
    genes = design.X[:, first:]
    names = tuple(feature.name for feature in design.features[first:])
    gaps = np.isnan(genes)
    patterns, assay_of = np.unique(gaps, axis=0, return_inverse=True)
    values = sp.csr_array(np.where(gaps, 0, genes).astype(np.float32))
    return GeneMatrix(design.patients, names, values, assay_of.ravel(), ~patterns, encoding, effects)


def validated_of(design, names=NAMES, plan=None, tuning=None):
    plan = plan or plan_splits(design.patients, design.response, design.groups, repeats=2, folds=3, seed=2)
    tuning = tuning or Tuning(2, 3, 4)
    found = validate(design, plan, [catalogue_model(name) for name in names], tuning)
    return Validated(design, plan, tuning, found.choices, found.out_of_fold)


def cohort():
    design = made_up_design(patients=60, genes=12, seed=1)
    X = design.X.copy()
    X[:NOT_COVERED, 3] = np.nan  # G001
    X[:, 13] = 0.0
    X[[7, 31], 13] = 1.0  # G011: too rare for every training fold
    X[:, 12] = 0.0  # G010: nobody
    return replace(design, X=X)


@pytest.fixture(scope="module")
def found():
    return validated_of(cohort())


@pytest.fixture(scope="module")
def silenced(found):
    return silence(found, matrix_of(found.design), ["G000", "G001", "G001+G000", "G011"])


def outputs(model, X):
    return model.probability(X)


def place_of(design, gene):
    return next(j for j, feature in enumerate(design.features) if feature.name == gene)


def test_silencing__who_is_intact_is_silenced_and_who_carries_is_restored(found, silenced):
    table = silenced_table(silenced)
    assert list(table) == list(SILENCED.names)
    column = dict(zip(found.design.patients, found.design.X[:, place_of(found.design, "G001")], strict=True))
    for (_, _), rows in table[table["gene"] == "G001"].groupby(["gene", "model"]):
        said = dict(zip(rows["patient"], rows["direction"], strict=True))
        assert said == {p: "restored" if v else "silenced" for p, v in column.items() if not np.isnan(v)}
        assert len(said) == 60 - NOT_COVERED


@pytest.mark.parametrize("name", ["l2-logistic:both", "random-forest:genes", "xgboost:both"])
def test_silencing__the_change_is_that_of_the_same_model_on_a_row_with_the_gene_turned(name, found, silenced):
    """The independent way: one column of the whole design turned round, and models asked of it as it is."""
    place = place_of(found.design, "G000")
    turned = found.design.X.copy()
    turned[:, place] = 1 - turned[:, place]
    expected = {}
    for repeat, fold in found.plan.turns:
        train, out = found.plan.split(repeat, fold)
        model = _fitted(found, name, (repeat, fold), train)
        before, after = model.probability(found.design.X[out]), model.probability(turned[out])
        for i, one, other in zip(out, before, after, strict=True):
            expected.setdefault(found.design.patients[i], []).append((other - one, logit(other) - logit(one)))
    table = silenced_table(silenced).query("gene == 'G000' and model == @name").set_index("patient")
    assert len(table) == 60
    for patient, row in table.iterrows():
        changes = np.array(expected[patient])
        assert row["change"] == pytest.approx(changes[:, 0].mean(), abs=1e-12)
        assert row["spread"] == pytest.approx(changes[:, 0].std(ddof=1), abs=1e-12)
        assert row["log_odds_change"] == pytest.approx(changes[:, 1].mean(), abs=1e-6)
    kept = found.out_of_fold.query("model == @name").groupby("patient")["probability"].mean()
    np.testing.assert_allclose(table["probability"], kept[table.index], rtol=0, atol=1e-12)


def _fitted(found, name, turn, train):
    from trastuz_ml.learn.refitting import candidate_place
    from trastuz_ml.learn.tuning import refit

    row = found.choices.query("model == @name and repeat == @turn[0] and fold == @turn[1]").iloc[0]
    model = catalogue_model(name)
    return refit(found.design, train, model, candidate_place(model, row["candidate"]), found.tuning, turn=turn)


def coefficients(model, X):
    places = model.sources().tolist()
    assert isinstance(model.estimator, LinearLogit)
    return {j: model.estimator.coefficients[places.index(j)] for j in places}


def test_silencing__in_a_logistic_model_the_log_odds_move_by_the_coefficient(found, silenced):
    asked = ask_fold_models(found, coefficients, models=["l2-logistic:both"])
    weight = {}
    for item in asked:
        for i in item.places:
            weight.setdefault(found.design.patients[i], []).append(item.result[place_of(found.design, "G000")])
    rows = silenced_table(silenced).query("gene == 'G000' and model == 'l2-logistic:both'")
    sign = np.where(rows["direction"] == "silenced", 1.0, -1.0)
    expected = [np.mean(weight[patient]) for patient in rows["patient"]]
    np.testing.assert_allclose(rows["log_odds_change"], sign * expected, rtol=0, atol=1e-12)
    # The gene was planted to raise the odds of response.
    assert (sign * rows["change"] > 0).all()


def test_silencing__a_pair_is_turned_where_both_are_intact_or_both_mutated(found, silenced):
    rows = silenced_table(silenced).query("gene == 'G000+G001' and model == 'xgboost:both'")
    held = found.design.X[:, [place_of(found.design, gene) for gene in ("G000", "G001")]]
    patients = np.array(found.design.patients)
    assert set(rows.query("direction == 'silenced'")["patient"]) == set(patients[(held == 0).all(axis=1)])
    assert set(rows.query("direction == 'restored'")["patient"]) == set(patients[(held == 1).all(axis=1)])


def test_departure__a_logistic_model_adds_genes_in_log_odds_and_bends_in_probability(silenced):
    table = departure_table(silenced).set_index(["model", "direction"])
    assert set(table["pair"]) == {"G000+G001"}
    logistic = table.loc["l2-logistic:both"]
    np.testing.assert_allclose(logistic["log_odds_departure"], 0.0, atol=1e-12)
    assert (logistic["departure"].abs() > 1e-4).all()
    np.testing.assert_allclose(table["departure"], table["change"] - table["additive"], atol=1e-12)


def test_departure__the_parts_are_the_single_genes_in_the_patients_of_the_pair(found, silenced):
    table, told = silenced_table(silenced), departure_table(silenced).set_index(["model", "direction"])
    linear = table[table["model"] == "l2-logistic:both"].set_index(["gene", "patient"])["change"]
    pair = table[(table["model"] == "l2-logistic:both") & (table["gene"] == "G000+G001")]
    for direction in ("silenced", "restored"):
        rows = pair[pair["direction"] == direction]
        parts = [linear.loc[[(gene, p) for p in rows["patient"]]].mean() for gene in ("G000", "G001")]
        row = told.loc["l2-logistic:both", direction]
        assert row["patients"] == len(rows)
        assert row["change"] == pytest.approx(rows["change"].mean(), abs=1e-12)
        assert row["additive"] == pytest.approx(sum(parts), abs=1e-12)


def test_departure__an_interaction_that_a_tree_learned_is_found():
    """Response needs both genes: each alone does little, together they do much."""
    rng = np.random.default_rng(3)
    design = made_up_design(patients=120, genes=4, covariates=False, seed=3)
    X = (rng.random((120, 4)) < 0.5).astype(np.float32)
    response = (rng.random(120) < np.where((X[:, 0] > 0) & (X[:, 1] > 0), 0.95, 0.1)).astype(np.int8)
    made = replace(design, X=X, response=response)
    found = silence(validated_of(made, ["random-forest:genes"]), matrix_of(made), ["G000+G001", "G002+G003"])
    table = departure_table(found).query("model == 'random-forest:genes'").set_index(["pair", "direction"])
    assert table.loc[("G000+G001", "silenced"), "departure"] > 0.2
    assert table.loc[("G000+G001", "restored"), "departure"] > 0.2  # either alone undoes it: together no more
    assert table.loc[("G000+G001", "silenced"), "log_odds_departure"] > 0.5
    assert abs(table.loc[("G002+G003", "silenced"), "departure"]) < 0.05


def test_silencing__a_gene_that_no_model_was_given_changes_exactly_nothing_and_says_why(silenced):
    table = silenced_table(silenced).query("gene == 'G011'")
    assert (table["change"] == 0).all()
    assert (table["log_odds_change"] == 0).all()
    said = summary(table, silenced.status).set_index("model")["status"]
    assert set(said["l2-logistic:both"]) == {"not evaluable: dropped by the carrier filter of every training fold"}
    assert set(said["chosen"]) == {"not evaluable: no fold chose a model that was given the gene"}
    assert (summary(table)["status"] == "nothing changes").all()
    assert silenced.status.query("gene == 'G011'")["given"].eq(0).all()


def test_silencing__a_tree_that_was_not_given_an_uncovered_gene_says_so(silenced):
    status = silenced.status.query("gene == 'G001'").set_index("model")["status"]
    assert status["l2-logistic:both"] == ""
    assert "somebody in training not sequenced" in status["random-forest:genes"]
    pair = silenced.status.query("gene == 'G000+G001'").set_index("model")["status"]
    assert pair["random-forest:genes"].startswith("G001: not evaluable")
    assert pair["random-forest:genes"].endswith("the pair changes as the other gene alone")


def test_silencing__models_without_genes_and_the_rank_average_are_not_asked(found, silenced):
    assert silenced.left_out == ("rank-average",)
    assert list(dict.fromkeys(silenced.changes["model"])) == [
        "chosen", "l2-logistic:both", "random-forest:genes", "xgboost:both",
    ]  # fmt: skip
    with pytest.raises(ConfigurationError, match="clinical-only sees no genes"):
        silence(found, matrix_of(found.design), ["G000"], models=["clinical-only"])
    alone = validated_of(found.design, ["prevalence"])
    with pytest.raises(ConfigurationError, match="No model of the run sees genes"):
        silence(alone, matrix_of(found.design), ["G000"])


def test_silencing__asking_one_model_changes_none_of_its_numbers(found, silenced):
    alone = silence(found, matrix_of(found.design), ["G000"], models=["xgboost:both"], workers=2)
    whole = silenced_table(silenced).query("gene == 'G000' and model == 'xgboost:both'").reset_index(drop=True)
    pd.testing.assert_frame_equal(silenced_table(alone), whole, check_exact=True)


def test_summary__counts_patients_and_tells_how_they_differ(silenced):
    table = silenced_table(silenced).query("gene == 'G000' and model == 'xgboost:both'")
    rows = summary(table, silenced.status).set_index("direction")
    for direction, some in table.groupby("direction"):
        told = rows.loc[direction]
        assert told["patients"] == len(some)
        assert told["change"] == pytest.approx(some["change"].mean())
        assert (told["low"], told["high"]) == pytest.approx(tuple(some["change"].quantile([0.025, 0.975])))
        assert told["falling"] == (some["change"] < 0).mean()
    assert list(rows.index) == ["silenced", "restored"]


def test_sentences__say_who_and_how_much_and_why_nothing_changed(silenced):
    summarised = summary(silenced_table(silenced), silenced.status)
    told = silencing_sentences(summarised, departure_table(silenced))
    row = summarised.query("gene == 'G000' and model == 'chosen'").iloc[0]
    assert row["change"] > 0.1
    assert told[0] == (
        f"In this cohort's models, reading G000 as truncated in the {row['patients']} patients in whom it is "
        f"intact raises the predicted probability of response by {row['change']:.2f} on average (chosen); it "
        "falls in none of them."
    )
    pair = [sentence for sentence in told if "G000 and G001 as intact in the" in sentence]
    assert len(pair) == 1
    assert "both are mutated lowers" in pair[0]
    assert any("departure from additivity of" in sentence for sentence in told)
    assert [sentence for sentence in told if "G011" in sentence] == [
        "Reading G011 as truncated or intact changes no prediction of chosen: not evaluable: no fold chose a "
        "model that was given the gene."
    ]


def test_sentences__a_pair_of_which_one_gene_was_not_given_says_so_and_still_tells_the_change(silenced):
    rows = summary(silenced_table(silenced), silenced.status)
    [first, *_] = silencing_sentences(rows[rows["model"].eq("random-forest:genes") & rows["gene"].eq("G000+G001")])
    assert "raises the predicted probability" in first
    assert first.endswith("the pair changes as the other gene alone.")


def test_sentences__a_change_too_small_for_its_digits_is_not_called_nought(silenced):
    rows = summary(silenced_table(silenced), silenced.status).head(1)
    for change, words in ((-0.0001, "by less than 0.001"), (0.0123, "by 0.012"), (-0.25, "by 0.25")):
        assert words in silencing_sentences(rows.assign(change=change))[0]


@pytest.mark.parametrize(("encoding", "value"), [("count", 1.0), ("vaf", 0.3)])
def test_silencing__counts_take_one_call_and_allele_fractions_the_carriers_median(encoding, value):
    design = made_up_design(patients=60, genes=6, covariates=False, seed=2)
    X = design.X.copy()
    carriers = np.flatnonzero(X[:, 0])
    X[carriers, 0] = np.resize([1, 2, 5] if encoding == "count" else [0.1, 0.3, 0.7], len(carriers))
    X[carriers[-1], 0] = X[carriers[1], 0]
    made = replace(design, X=X)
    found = validated_of(made, ["l2-logistic:genes"], tuning=Tuning(2, 2, 1))
    assert np.median(X[carriers, 0]) == pytest.approx(2.0 if encoding == "count" else value)
    rows = silenced_table(silence(found, matrix_of(made, encoding), ["G000"], models=["l2-logistic:genes"]))
    asked = ask_fold_models(found, coefficients, models=["l2-logistic:genes"])
    weight = {}
    for item in asked:
        for i in item.places:
            weight.setdefault(made.patients[i], []).append(item.result[0])
    held = dict(zip(made.patients, X[:, 0], strict=True))
    for row in rows.itertuples():
        moved = value if row.direction == "silenced" else -held[row.patient]
        assert row.log_odds_change == pytest.approx(np.mean(weight[row.patient]) * moved, abs=1e-6)


def test_silencing__pairs_left_out_give_the_mean_over_all_that_left_the_patient_out():
    design = made_up_design(patients=12, genes=3, covariates=False, seed=5)
    design = replace(design, response=np.resize([0, 1], 12).astype(np.int8))
    found = validated_of(
        design, ["l2-logistic:genes"], plan_pairs(design.patients, design.groups), Tuning(2, 2, 1)
    )
    table = silenced_table(silence(found, matrix_of(design), ["G000"], models=["l2-logistic:genes"]))
    assert len(table) == 12
    assert table["spread"].isna().all()
    kept = found.out_of_fold.query("model == 'l2-logistic:genes'").groupby("patient")["probability"].mean()
    np.testing.assert_allclose(table["probability"], kept[table["patient"]], atol=1e-12)


def test_silencing__log_odds_are_missing_where_a_forest_says_nought(found):
    """Two classes that a gene parts, in a forest deep enough to be sure."""
    design = made_up_design(patients=60, genes=3, covariates=False, seed=0)
    response = design.X[:, 0].astype(np.int8)
    made = replace(design, response=response)
    sure = silence(validated_of(made, ["random-forest:genes"]), matrix_of(made), ["G000"])
    table = silenced_table(sure)
    told = summary(table, sure.status)
    gone = table.groupby(["model", "direction"], sort=False)["log_odds_change"].apply(lambda v: v.isna().any())
    assert np.isfinite(table["change"]).all()
    assert gone.any()
    assert told["log_odds_change"].isna().tolist() == gone.tolist()


@pytest.mark.parametrize(
    ("genes", "error", "said"),
    [
        (
            ["G010"],
            EvidenceError,
            "G010 cannot be silenced: not evaluable: mutated in 0 of 60, the models have nev",
        ),
        (["G000+G010"], EvidenceError, "G010 cannot be silenced"),
        (["G00"], ConfigurationError, "no gene 'G00'; the nearest is G0"),
        (["G000+G001+G002"], ConfigurationError, "neither a gene nor two genes"),
        (["G000+G000"], ConfigurationError, "neither a gene nor two genes"),
        (["G000+"], ConfigurationError, "neither a gene nor two genes"),
        ([], ConfigurationError, "Name a gene"),
    ],
)
def test_silencing__what_cannot_be_asked_is_refused_with_the_reason(genes, error, said, found):
    with pytest.raises(error, match=said.replace("+", r"\+")):
        silence(found, matrix_of(found.design), genes)


def test_silencing__a_gene_never_covered_and_one_always_mutated_are_refused(found):
    X = found.design.X.copy()
    X[:, 4], X[:, 5] = np.nan, 1.0
    made = replace(found.design, X=X)
    for gene, said in (("G002", "not covered: no patient was sequenced"), ("G003", "mutated in all 60")):
        with pytest.raises(EvidenceError, match=said):
            silence(replace(found, design=made), matrix_of(made), [gene])


@pytest.mark.parametrize(
    ("effects", "counts"),
    [
        (("missense", "inframe"), False),
        (("missense_variant", "Splice_Region"), False),
        (("truncating(vaf>=0.1)",), True),
        (("stop_gained", "missense"), True),
        (("Frame_Shift_Del",), True),
    ],
)
def test_silencing__is_refused_where_truncating_calls_do_not_count(effects, counts, found):
    matrix = matrix_of(found.design, effects=effects)
    assert (why_not_silenced(matrix, "G000") == "") == counts
    if not counts:
        with pytest.raises(ConfigurationError, match="truncating calls do not count as mutated, only: "):
            silence(found, matrix, ["G000"])


def test_silencing__gene_sets_are_refused(found):
    with pytest.raises(ConfigurationError, match="columns are gene sets"):
        silence(found, matrix_of(found.design, encoding="gene-sets"), ["G000"])


def test_genes_of__a_gene_whose_name_holds_a_plus_is_one_gene():
    assert genes_of("A+B", ["A+B", "A"]) == ("A+B",)
    assert genes_of("B + A", ["A", "B"]) == ("A", "B")
