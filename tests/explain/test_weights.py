"""Each feature's share of a model's weight, against contributions added up by hand."""

import numpy as np
import pytest
import xgboost

from tests_shared import made_up_design
from trastuz_ml.errors import EvidenceError
from trastuz_ml.explain import weights as room
from trastuz_ml.explain.weights import weights_of
from trastuz_ml.learn.catalogue import catalogue_model
from trastuz_ml.learn.fitted import FittedModel, LinearLogit
from trastuz_ml.learn.transformers import Preparation
from trastuz_ml.learn.tuning import Tuning
from trastuz_ml.learn.validation import fit_on_all

NAMES = ("l2-logistic:both", "elastic-net:both", "xgboost:both", "random-forest:both")


@pytest.fixture(scope="module")
def design():
    return made_up_design(patients=80, genes=12)


@pytest.fixture(scope="module")
def fitted(design):
    tuned = fit_on_all(design, [catalogue_model(name) for name in (*NAMES, "prevalence")], Tuning(2, 2, 0))[0]
    return {name: found.model for name, found in tuned.items()}


@pytest.mark.parametrize("name", NAMES)
def test_weights__are_shares_and_the_telling_gene_leads_the_genes(name, design, fitted):
    weights = weights_of(fitted[name], design.X)
    assert weights.shape == (design.X.shape[1],)
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    assert weights[2:].argmax() == 0


def test_weights__of_a_linear_model_are_coefficients_times_distances_from_the_mean(design, fitted):
    model = fitted["l2-logistic:both"]
    prepared = model.prepare(design.X)
    by_column = np.zeros((len(prepared), design.X.shape[1]))
    for column, source in enumerate(model.sources()):
        by_column[:, source] += prepared[:, column] * model.estimator.coefficients[column]
    expected = np.abs(by_column).mean(axis=0)
    np.testing.assert_allclose(weights_of(model, design.X), expected / expected.sum(), atol=1e-12)


def test_weights__of_xgboost_are_its_own_contributions(design, fitted):
    model = fitted["xgboost:both"]
    data = xgboost.DMatrix(model.prepare(design.X).astype(np.float32))
    size = np.abs(model.estimator.booster.predict(data, pred_contribs=True)[:, :-1]).mean(axis=0)
    expected = np.zeros(design.X.shape[1])
    # The two columns of a category may point opposite ways, so that their sum is asked, not their sizes.
    alone = [c for c, source in enumerate(model.sources()) if (model.sources() == source).sum() == 1]
    expected[model.sources()[alone]] = size[alone]
    found = weights_of(model, design.X)
    places = np.flatnonzero(expected)
    np.testing.assert_allclose(found[places] / found[places].sum(), expected[places] / expected.sum(), atol=1e-5)


def test_weights__do_not_depend_on_the_order_of_patients(design, fitted):
    order = np.random.default_rng(0).permutation(len(design.X))
    for name in NAMES:
        one, other = weights_of(fitted[name], design.X), weights_of(fitted[name], design.X[order])
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_weights__where_nothing_moves_the_prediction_are_all_zero(design, fitted):
    assert not weights_of(fitted["prevalence"], design.X).any()


def test_weights__of_a_feature_count_the_patients_in_whom_it_was_measured():
    X = np.array([[1, 1], [0, 0], [1, 1], [0, 0]], dtype=np.float32)
    gaps = X.copy()
    gaps[2:, 1] = np.nan
    prepared = Preparation(("gene", "gene")).fit(X)
    model = FittedModel("made up", np.arange(2), prepared, LinearLogit(np.array([1.0, 3.0]), 0.0))
    np.testing.assert_allclose(weights_of(model, gaps), [0.25, 0.75])


def test_weights__of_a_model_whose_contributions_do_not_add_up_are_an_error(design, fitted, monkeypatch):
    broken = room.contributions_of(fitted["l2-logistic:both"], design.X)
    broken.used[:] = np.nan
    monkeypatch.setattr(room, "contributions_of", lambda *_: broken)
    with pytest.raises(EvidenceError, match="add up"):
        weights_of(fitted["l2-logistic:both"], design.X)
