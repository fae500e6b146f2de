"""Invented patients whose truth is known."""

import numpy as np

from trastuz_ml.learn.known_truth import Population


def test_population__one_seed_gives_one_cohort_and_seeds_differ():
    population = Population(genes=80, telling=3, gene_effect=1.0)
    assert (population.draw(40, 1).X == population.draw(40, 1).X).all()
    assert (population.draw(40, 1).X != population.draw(40, 2).X).any()


def test_population__genes_are_carried_as_often_as_it_says():
    population = Population(genes=60)
    carried = population.draw(8000, 3).X[:, 4:].mean(axis=0)
    error = np.sqrt(population.frequencies * (1 - population.frequencies) / 8000)
    assert (np.abs(carried - population.frequencies) < 5 * error).all()


def test_population__effects_come_back_from_many_patients():
    from sklearn.linear_model import LogisticRegression

    population = Population(genes=60, telling=2, gene_effect=1.2, covariate_effect=0.6, rate=0.3)
    design = population.draw(20_000, 4)
    telling = 4 + np.flatnonzero(population.gene_effects)
    X = design.X[:, [0, 1, 2, *telling]]
    fitted = LogisticRegression(C=np.inf).fit(X, design.response)
    assert np.abs(fitted.coef_[0] - [0.6, 0.6, 0.6, 1.2, -1.2]).max() < 0.2
    assert abs(fitted.intercept_[0] - np.log(0.3 / 0.7)) < 0.1


def test_population__without_effects_the_rate_is_the_rate():
    response = Population(genes=20, rate=0.26).draw(20_000, 5).response
    assert abs(response.mean() - 0.26) < 5 * np.sqrt(0.26 * 0.74 / 20_000)
