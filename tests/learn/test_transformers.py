"""Preparation: what is learned about columns in a training fold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.utils.estimator_checks import check_estimator

from trastuz_ml.learn.transformers import Preparation


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_preparation__is_a_well_behaved_scikit_learn_transformer():
    check_estimator(Preparation())


def test_preparation__drops_genes_with_too_few_carriers_and_genes_mutated_in_all():
    X = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 1], [0, 1, np.nan]], dtype=np.float32)
    fitted = Preparation(("gene",) * 3, min_carriers=2).fit(X)
    assert fitted.source_.tolist() == [0]


def test_preparation__a_gene_counts_its_carriers_among_the_covered_only():
    X = np.array([[1], [1], [np.nan], [np.nan]], dtype=np.float32)
    assert Preparation(("gene",)).fit(X).source_.size == 0


def test_preparation__what_was_not_measured_takes_the_training_mean():
    X = np.array([[1.0], [0.0], [0.0], [1.0]])
    fitted = Preparation(("gene",)).fit(X)
    assert fitted.transform(np.array([[np.nan]])).tolist() == [[0.0]]


def test_preparation__for_trees_leaves_an_uncovered_gene_missing_and_fills_a_covariate_with_its_mean():
    X = np.array([[1.0, 5.0], [0.0, np.nan], [0.0, 7.0]])
    fitted = Preparation(("gene", "number"), complete=False).fit(X)
    prepared = fitted.transform(np.array([[np.nan, np.nan], [1.0, 5.0]]))
    np.testing.assert_array_equal(prepared, [[np.nan, 6.0], [1.0, 5.0]])


def test_preparation__for_trees_leaves_out_genes_that_some_training_patient_was_not_sequenced_for():
    X = np.array([[1.0, 1.0], [0.0, 0.0], [np.nan, 0.0]])
    assert Preparation(("gene", "gene"), complete=False).fit(X).source_.tolist() == [1]
    assert Preparation(("gene", "gene")).fit(X).source_.tolist() == [0, 1]


def test_preparation__spells_out_the_levels_of_the_training_fold_only():
    fitted = Preparation(("category",)).fit(np.array([[0.0], [2.0], [2.0]]))
    assert fitted.level_.tolist() == [0, 2]
    assert fitted.get_feature_names_out(["stage"]).tolist() == ["stage__0", "stage__2"]
    unseen = fitted.transform(np.array([[1.0], [np.nan]]))
    # A level that was never seen in training is unknown, as a missing one is.
    assert unseen.tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_preparation__scales_numbers_but_not_genes():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.random(50) < 0.1, rng.normal(40, 12, 50)]).astype(float)
    X[:3, 0] = 1
    prepared = Preparation(("gene", "number")).fit_transform(X)
    assert np.ptp(prepared[:, 0]) == pytest.approx(1.0)
    assert prepared[:, 1].std() == pytest.approx(1.0)


def test_preparation__refuses_kinds_that_do_not_match_the_columns():
    with pytest.raises(ValueError, match="names 1 columns, X has 2"):
        Preparation(("gene",)).fit(np.zeros((3, 2)))


@given(arrays(np.float32, (12, 4), elements=st.sampled_from([0.0, 1.0, np.nan])))
def test_preparation__learns_the_same_from_patients_in_any_order(X):
    order = np.random.default_rng(0).permutation(len(X))
    one, other = Preparation(("gene",) * 4).fit(X), Preparation(("gene",) * 4).fit(X[order])
    assert one.source_.tolist() == other.source_.tolist()
    np.testing.assert_allclose(one.center_, other.center_, atol=1e-12)
