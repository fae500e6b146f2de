"""The catalogue of competitors."""

import pytest

from trastuz_ml.errors import ConfigurationError
from trastuz_ml.learn.catalogue import LEARNERS, RIVALS, catalogue_model


def test_catalogue__every_learner_has_a_modest_grid():
    assert all(1 <= len(learner.grid) <= 6 for learner in LEARNERS.values())


def test_catalogue__holds_the_rivals_and_each_learner_on_each_feature_set():
    for name in RIVALS:
        assert catalogue_model(name).name == name
    for learner in ("l2-logistic", "elastic-net", "random-forest", "xgboost"):
        for features in ("genes", "covariates", "both"):
            assert catalogue_model(f"{learner}:{features}").learner == learner


@pytest.mark.parametrize(
    "name", ["xgboost", "forest:genes", "l2-logistic:", "prevalence:genes", "xgboost:genes@luck", ""]
)
def test_catalogue__an_unknown_model_is_refused_with_what_there_is(name):
    with pytest.raises(ConfigurationError, match="clinical-only"):
        catalogue_model(name)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("naive-bayes:both", "takes genes alone"),
        ("l2-logistic:covariates@association", "no gene to select"),
        ("xgboost:everything", "is no feature set"),
        ("xgboost:genes+genes", "given twice"),
        ("linear-svm:genes@association", "calibrated on training patients"),
    ],
)
def test_catalogue__a_model_that_makes_no_sense_is_refused_with_the_reason(name, why):
    with pytest.raises(ConfigurationError, match=why):
        catalogue_model(name)


def test_catalogue__features_combine_and_genes_may_be_selected_in_the_fold():
    model = catalogue_model("l2-logistic:genes+burden@stability")
    assert model.blocks == ("gene", "burden")
    assert model.selection == "stability"
