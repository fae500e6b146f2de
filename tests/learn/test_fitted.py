"""Fitted models."""

import numpy as np
import pytest

from trastuz_ml.learn.fitted import FittedModel, LinearLogit
from trastuz_ml.learn.transformers import Preparation


def test_linear__a_patients_probability_does_not_depend_on_the_other_rows():
    rng = np.random.default_rng(0)
    X, model = rng.normal(size=(40, 301)), LinearLogit(rng.normal(size=301), 0.1)
    whole = model.probability(X)
    one_by_one = np.concatenate([model.probability(X[i : i + 1]) for i in range(40)])
    np.testing.assert_array_equal(whole, one_by_one)


def test_fitted_model__sources_name_the_design_columns_behind_the_prepared_ones():
    X = np.array([[0, 1, 5.0], [1, 0, 6.0], [1, 2, 7.0]], dtype=np.float32)
    columns = np.array([1, 2])
    preparation = Preparation(("category", "number")).fit(X[:, columns])
    model = FittedModel("made-up", columns, preparation, LinearLogit(np.ones(4), 0.0))
    assert model.sources().tolist() == [2, 1, 1, 1]
    assert model.probability(X).shape == (3,)


def test_fitted_model__without_columns_gives_one_probability():
    model = FittedModel("prevalence", np.array([], dtype=int), Preparation(()), LinearLogit(np.zeros(0), 0.0))
    assert model.probability(np.zeros((2, 5), dtype=np.float32)) == pytest.approx([0.5, 0.5])
