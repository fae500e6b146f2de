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


@pytest.mark.parametrize("name", ["xgboost", "xgboost:everything", "forest:genes", "l2-logistic:burden", ""])
def test_catalogue__an_unknown_model_is_refused_with_what_there_is(name):
    with pytest.raises(ConfigurationError, match="clinical-only"):
        catalogue_model(name)
