"""A permuted statistic is what the observed one would be of those responses: nothing hangs on the number drawn."""

from dataclasses import replace

import numpy as np
import pytest

from trastuz_ml.learn.catalogue import catalogue_model
from trastuz_ml.learn.folds import PlanShape
from trastuz_ml.learn.known_truth import Population
from trastuz_ml.learn.permutation import Chance, _permuted_responses, statistics_of
from trastuz_ml.learn.tuning import Tuning

MODELS = [catalogue_model(name) for name in ("clinical-only", "l2-logistic:genes@association", "rank-average")]
TUNING = Tuning(inner_folds=2, min_carriers=2, seed=3)


@pytest.mark.parametrize(
    ("shape", "patients", "groups", "times"),
    [
        (PlanShape("k-fold", 1, 3, 4), 36, 36, 5),
        (PlanShape("k-fold", 1, 3, 4), 36, 18, 5),
        (PlanShape("leave-pair-out"), 8, 8, 100),
    ],
)
def test_permute__a_permuted_statistic_is_the_observed_one_of_the_same_responses(shape, patients, groups, times):
    design = Population(genes=30, covariates=1, seed=1).draw(patients, seed=2)
    names = np.array([f"g{place * groups // patients:02d}" for place in range(patients)])
    design = replace(design, groups=names, response=(np.arange(patients) // 2 % 2).astype(np.int8))
    chance = Chance("responses", times, shape, np.zeros(patients, dtype=np.intp))
    for number in (1, times // 2):
        response, _ = _permuted_responses(design, TUNING, chance, number)
        assert (response != design.response).any()
        as_observed = statistics_of(replace(design, response=response), MODELS, TUNING, chance, 0)
        assert statistics_of(design, MODELS, TUNING, chance, number) == as_observed
