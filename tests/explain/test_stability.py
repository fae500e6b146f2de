"""How steady contributions are: against numbers worked out by hand and by plain loops."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from tests_shared import made_up_design
from trastuz_ml.explain.contribution_tables import contribution_tables
from trastuz_ml.explain.contributions import Explanation, contributions_of
from trastuz_ml.explain.stability import agreement_table, identical_genes, set_table
from trastuz_ml.learn.catalogue import catalogue_model
from trastuz_ml.learn.design import Design, Feature
from trastuz_ml.learn.folds import plan_splits
from trastuz_ml.learn.tuning import Tuning
from trastuz_ml.learn.validation import Inspected, validate

MODEL, RIVAL = "l2-logistic:genes", "elastic-net:genes"


def design_of(X):
    X = np.asarray(X, dtype=np.float32)
    patients = tuple(f"P{i}" for i in range(len(X)))
    genes = tuple(Feature(name, "gene", "gene") for name in "ABCDEFGH"[: X.shape[1]])
    return Design(patients, genes, X, np.zeros(len(X), dtype=np.int8), np.array(patients))


def told(model, repeat, fold, rows, values, *, places=None, width=None):
    """An explanation that adds up, of the rows a fold left out."""
    values = np.asarray(values, dtype=float)
    places = np.arange(values.shape[1]) if places is None else np.asarray(places)
    base = np.zeros(len(values))
    result = Explanation("log-odds", "linear", base, values.sum(axis=1), places, values, width or values.shape[1])
    return Inspected(model, repeat, fold, np.asarray(rows), result)


GENES = design_of([[1, 0, 1], [0, 1, 1], [0, 0, 0], [0, 1, np.nan]])
# Two repeats of two folds; the third gene stays out of the last fold.
FOLDS = [
    told(MODEL, 0, 0, [0, 1], [[0.6, -0.1, 0.2], [-0.2, 0.3, 0.2]]),
    told(MODEL, 0, 1, [2, 3], [[-0.2, -0.1, -0.4], [-0.2, 0.5, 0.0]]),
    told(MODEL, 1, 0, [0, 2], [[0.2, 0.0, -0.3], [-0.1, 0.0, 0.1]]),
    told(MODEL, 1, 1, [1, 3], [[-0.3, -0.1], [-0.3, 0.1]], places=[0, 1], width=3),
]


@pytest.fixture(scope="module")
def rows():
    return contribution_tables(FOLDS, GENES)[1].set_index("feature")


def test_steadiness__size_and_effect_are_means_over_repeats_with_their_percentiles(rows):
    sizes = [(0.6 + 0.2 + 0.2 + 0.2) / 4, (0.2 + 0.3 + 0.1 + 0.3) / 4]
    assert rows.loc["A", "mean_abs"] == pytest.approx(np.mean(sizes))
    assert rows.loc["A", "mean_abs_low"] == pytest.approx(np.percentile(sizes, 2.5))
    assert rows.loc["A", "mean_abs_high"] == pytest.approx(np.percentile(sizes, 97.5))
    effects = [(0.3 + 0.5) / 2, (-0.1 + 0.1) / 2]  # B is mutated in P1 and P3
    assert rows.loc["B", "when_mutated"] == pytest.approx(np.mean(effects))
    assert rows.loc["B", "when_mutated_low"] == pytest.approx(np.percentile(effects, 2.5))
    assert rows.loc["B", "when_mutated_high"] == pytest.approx(np.percentile(effects, 97.5))


def test_steadiness__patients_who_were_not_covered_do_not_count(rows):
    sizes = [(0.2 + 0.2 + 0.4) / 3, (0.3 + 0.0 + 0.1) / 3]  # C is not covered in P3
    assert rows.loc["C", "mean_abs"] == pytest.approx(np.mean(sizes))


def test_steadiness__folds_used_are_those_in_which_a_patient_was_moved(rows):
    assert rows["folds_used"].to_dict() == {"A": 1.0, "B": 0.75, "C": 0.75}
    assert rows["folds_kept"].to_dict() == {"A": 1.0, "B": 1.0, "C": 0.75}


def test_steadiness__sign_agreement_counts_folds_with_a_carrier_left_out(rows):
    assert rows.loc["A", "sign_agreement"] == 1.0  # P0 is left out in two folds
    assert rows.loc["B", "sign_agreement"] == pytest.approx(2 / 3)  # 0.3, 0.5 and (-0.1 + 0.1) / 2
    # C over carriers: (0.2 + 0.2) / 2 and (-0.3 + 0) / 2; above 0, as in one of its three folds.
    assert rows.loc["C", "when_mutated"] == pytest.approx(0.025)
    assert rows.loc["C", "sign_agreement"] == pytest.approx(1 / 3)


def test_steadiness__ranks_are_those_of_each_repeat(rows):
    sizes = np.array([[1.2 / 4, 1.0 / 4, 0.8 / 3], [0.9 / 4, 0.2 / 4, 0.4 / 3]])
    by_repeat = [rankdata(-s) for s in sizes]
    for k, gene in enumerate("ABC"):
        assert rows.loc[gene, "rank"] == pytest.approx(np.mean([r[k] for r in by_repeat]))
        assert rows.loc[gene, "rank_low"] == min(r[k] for r in by_repeat)
        assert rows.loc[gene, "rank_high"] == max(r[k] for r in by_repeat)


def test_steadiness__one_repeat_has_no_percentiles():
    row = contribution_tables(FOLDS[:2], GENES)[1].set_index("feature").loc["A"]
    assert row[["mean_abs_low", "mean_abs_high", "when_mutated_low", "rank_low", "rank_high"]].isna().all()
    assert row["rank"] == 1


def test_steadiness__a_row_that_was_refused_does_not_count():
    refused = told(MODEL, 1, 1, [1, 3], [[-0.3, -0.1, 0.0], [np.nan] * 3])
    row = contribution_tables([*FOLDS[:3], refused], GENES)[1].set_index("feature").loc["A"]
    assert row["mean_abs"] == pytest.approx(np.mean([1.2 / 4, 0.6 / 3]))


def test_identical_genes__are_one_group_with_one_rank_and_are_named():
    design = design_of([[1, 1, 0], [0, 0, 1], [np.nan, np.nan, 1], [0, 0, 0]])
    values = [[0.2, 0.2, -0.1], [-0.1, -0.1, 0.3], [0.0, 0.0, 0.3], [-0.1, -0.1, -0.1]]
    rows = contribution_tables([told(MODEL, 0, 0, range(4), values)], design)[1].set_index("feature")
    # Apart, C (0.2) would lead A and B (0.13); together they weigh 0.27.
    assert rows["rank"].to_dict() == {"A": 1.0, "B": 1.0, "C": 2.0}
    assert rows["alike"].to_dict() == {"A": "B", "B": "A", "C": ""}
    assert rows.loc["A", "mean_abs"] == pytest.approx(0.4 / 3)


def test_identical_genes__a_gap_in_another_place_tells_genes_apart_and_nobodys_genes_are_not_compared():
    design = design_of([[1, 1, 1, 0, 0], [0, 0, np.nan, 0, 0], [np.nan, np.nan, 0, 0, 0]])
    assert identical_genes(design).tolist() == [0, 0, 2, 3, 4]


@pytest.fixture(scope="module")
def found():
    design = made_up_design(patients=50, genes=12, covariates=False, effect=3.0)
    X = design.X.copy()
    X[:, 3] = X[:, 0]
    X[:6, 5] = np.nan
    design = replace(design, X=X)
    plan = plan_splits(design.patients, design.response, design.groups, repeats=3, folds=3, seed=0)
    models = [catalogue_model(name) for name in (MODEL, RIVAL, "random-forest:genes", "prevalence")]
    return design, validate(design, plan, models, Tuning(2, 2, 0), inspect=contributions_of).inspected


def test_identical_genes__two_copies_of_the_telling_gene_lead_together(found):
    design, inspected = found
    rows = contribution_tables(inspected, design)[1].query("model == @MODEL").set_index("feature")
    assert rows.loc["G000", "alike"] == "G003"
    assert rows.loc["G000", "rank"] == rows.loc["G003", "rank"] == rows["rank"].min() < 2
    assert rows.loc["G000", "rank_low"] <= rows.loc["G000", "rank"] <= rows.loc["G000", "rank_high"]


def test_tables__do_not_depend_on_the_order_of_patients_or_genes(found):
    design, inspected = found
    rng = np.random.default_rng(3)
    rows, columns = rng.permutation(50), rng.permutation(12)
    back, moved = np.argsort(rows), np.argsort(columns)
    mixed = Design(
        tuple(np.array(design.patients)[rows]), tuple(design.features[j] for j in columns),
        design.X[np.ix_(rows, columns)], design.response[rows], design.groups[rows],
    )  # fmt: skip
    same = [
        replace(i, places=back[i.places], result=replace(
            i.result, places=np.sort(moved[i.result.places]),
            used=i.result.used[:, np.argsort(moved[i.result.places])],
        ))
        for i in inspected
    ]  # fmt: skip
    one, other = (
        contribution_tables(*given)[1].sort_values(["model", "feature"], ignore_index=True)
        for given in ((inspected, design), (same, mixed))
    )
    numbers = one.select_dtypes("number").columns
    np.testing.assert_allclose(
        one[numbers].to_numpy(float, na_value=np.nan), other[numbers].to_numpy(float, na_value=np.nan), atol=1e-12
    )
    assert (one["alike"] == other["alike"]).all()


def test_sets__what_their_genes_say_is_added_up_for_each_patient_first():
    sets = {"both": ["B", "C", "NOT_THERE"], "alone": ["A"], "absent": ["XYZ"]}
    rows = set_table(FOLDS, GENES, sets).set_index("gene_set")
    sums = np.array([[0.1, 0.5, -0.5, 0.5], [-0.3, -0.1, 0.1, 0.1]])
    row = rows.loc["both"]
    assert row["genes"] == 3
    assert row["in_model"] == "B, C"
    assert row["carriers"] == 3
    assert row["mean_abs"] == pytest.approx(np.abs(sums).mean())
    assert row["mean_abs_low"] == pytest.approx(np.percentile(np.abs(sums).mean(axis=1), 2.5))
    assert row["when_mutated"] == pytest.approx(sums[:, [0, 1, 3]].mean())
    features = contribution_tables(FOLDS, GENES)[1].set_index("feature")
    assert rows.loc["alone", "mean_abs"] == pytest.approx(features.loc["A", "mean_abs"])
    assert rows.loc["absent", "status"] == "not evaluable: no gene of the set was seen in this cohort"


def test_sets__say_why_nothing_can_be_said(found):
    design, inspected = found
    X = design.X.copy()
    X[:, 7], X[:, 8] = 0.0, np.nan
    changed = replace(design, X=X)
    sets = {"untouched": ["G007"], "uncovered": ["G008"], "fine": ["G000", "G001"]}
    status = set_table(inspected, changed, sets).set_index(["model", "gene_set"])["status"]
    assert status[MODEL, "untouched"] == "not evaluable: mutated in 0 of 50"
    assert status[MODEL, "uncovered"] == "not covered"
    assert status[MODEL, "fine"] == ""
    assert status["prevalence", "fine"] == "not offered to this model"


def test_agreement__is_spearmans_of_the_genes_that_moved_either(found):
    design, inspected = found
    by_feature = contribution_tables(inspected, design)[1]
    table = agreement_table(by_feature)
    assert list(zip(table["model"], table["rival"], strict=True)) == [
        (MODEL, RIVAL), (MODEL, "random-forest:genes"), (RIVAL, "random-forest:genes")
    ]  # fmt: skip
    sizes = by_feature.pivot(index="feature", columns="model", values="mean_abs")[[MODEL, RIVAL]].fillna(0)
    assert table.loc[0, "genes"] == len(sizes)
    assert table.loc[0, "rank_correlation"] == pytest.approx(spearmanr(sizes.round(12)).statistic)
    assert 0 <= table.loc[0, "same_sign"] <= 1


def test_agreement__of_a_model_with_itself_is_complete():
    twice = [*FOLDS, *(replace(item, model=RIVAL) for item in FOLDS)]
    row = agreement_table(contribution_tables(twice, GENES)[1]).iloc[0]
    assert (row["rank_correlation"], row["leading_shared"], row["same_sign"]) == (pytest.approx(1.0), 3, 1.0)


def test_agreement__needs_models_that_genes_reached(found):
    design, inspected = found
    alone = [item for item in inspected if item.model in (MODEL, "prevalence")]
    assert agreement_table(contribution_tables(alone, design)[1]).empty
    assert set_table([], design, {"fine": ["G000"]}).empty
