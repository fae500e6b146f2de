"""A reduced form of the studies in docs: noise scores 0.5, permutation p is uniform, intervals hold the truth."""

import numpy as np
import pytest
from scipy.stats import kstest

from trastuz_ml.learn.catalogue import CHOSEN, catalogue_model
from trastuz_ml.learn.folds import PlanShape
from trastuz_ml.learn.known_truth import Population
from trastuz_ml.learn.permutation import Chance, statistics_of
from trastuz_ml.learn.scores import score_table
from trastuz_ml.learn.tuning import EVERYBODY, Tuning, tune_models
from trastuz_ml.learn.validation import validate
from trastuz_ml.stats.discrimination import auc
from trastuz_ml.stats.permutation_test import permutation_p

TUNING = Tuning(inner_folds=2, min_carriers=3, seed=5)
PERMUTATIONS = 19


def chance(what, number, patients):
    return Chance(what, PERMUTATIONS, PlanShape("k-fold", 1, 3, number), np.zeros(patients, dtype=np.intp))


def looks_uniform(p):
    """Whether p, spread evenly within its steps of 1 / 20, could be uniform."""
    steps = np.random.default_rng(0).random(len(p)) / (PERMUTATIONS + 1)
    return kstest(np.array(p) - steps, "uniform").pvalue > 0.01


def test_null__nested_scores_are_half_the_chosen_one_too():
    population = Population(genes=400)
    models = [catalogue_model(name) for name in ("clinical-only", "l2-logistic:genes", "naive-bayes:genes")]
    found = [
        statistics_of(population.draw(40, number), models, TUNING, chance("responses", number, 40), 0)
        for number in range(60)
    ]
    for name in found[0]:
        values = np.array([one[name] for one in found])
        assert abs(values.mean() - 0.5) < 3 * values.std(ddof=1) / np.sqrt(len(values)), name


def test_null__permutation_p_is_uniform():
    population, models = Population(genes=200), [catalogue_model("l2-logistic:genes")]
    found = []
    for number in range(40):
        design, settings = population.draw(36, number), chance("responses", number, 36)
        values = [statistics_of(design, models, TUNING, settings, i)[CHOSEN] for i in range(PERMUTATIONS + 1)]
        found.append(permutation_p(values[0], values[1:]))
    assert looks_uniform(found)


def test_null__added_value_p_is_uniform_where_covariates_matter_and_genes_do_not():
    population = Population(genes=120, covariate_effect=0.8)
    models = [catalogue_model(name) for name in ("clinical-only", "l2-logistic:both")]
    found = []
    for number in range(40):
        design, settings = population.draw(48, number), chance("genes", number, 48)
        values = [
            statistics_of(design, models, TUNING, settings, i)["l2-logistic:both"] for i in range(PERMUTATIONS + 1)
        ]
        found.append(permutation_p(values[0], values[1:]))
    assert looks_uniform(found)


@pytest.mark.parametrize("patients", [60])
def test_truth__the_default_interval_holds_it_about_as_often_as_it_says(patients):
    population = Population(genes=150, telling=4, gene_effect=1.0, covariate_effect=0.6)
    new, models = population.draw(3000, 10_000), [catalogue_model("l2-logistic:both")]
    held = []
    for number in range(40):
        design = population.draw(patients, number)
        plan = PlanShape("k-fold", 2, 5, number).plan(design.patients, design.response, design.groups)
        found = validate(design, plan, models, TUNING)
        scores = score_table(found.out_of_fold, found.choices).set_index(["model", "score"])
        low, high = scores.loc[("l2-logistic:both", "AUROC"), ["low", "high"]]
        everybody = tune_models(design, np.arange(patients), models, TUNING, EVERYBODY)["l2-logistic:both"]
        held.append(low <= auc(new.response, everybody.model.probability(new.X)) <= high)
    # 40 cohorts: fewer than 34 of them would be seen once in 250 times at 95 %.
    assert sum(held) >= 34
