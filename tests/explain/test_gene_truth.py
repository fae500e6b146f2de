"""A reduced form of the study in docs: a gene that matters is supported, genes that do not are not."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from trastuz_ml.explain.association import association_table
from trastuz_ml.explain.certificate import Evidence, certificate_of
from trastuz_ml.explain.contribution_tables import contribution_tables
from trastuz_ml.explain.contributions import contributions_of
from trastuz_ml.learn.catalogue import catalogue_model
from trastuz_ml.learn.folds import PlanShape
from trastuz_ml.learn.known_truth import Planted, Population
from trastuz_ml.learn.tuning import Tuning
from trastuz_ml.learn.validation import validate
from trastuz_ml.schema import BURDEN, GENE, SILENCED, empty

COHORTS = 40
WATCHED, LONG = "ANKRD44", "TTN"
TUNING = Tuning(inner_folds=2, min_carriers=3, seed=5)


@cache
def verdicts(log_odds, burden_effect):
    population = Population(
        genes=300, rate=0.3, burden_spread=0.7, burden_effect=burden_effect,
        planted=(Planted(WATCHED, 0.17, log_odds), Planted(LONG, 0.27)),
    )  # fmt: skip
    with threadpool_limits(1):
        return [certificates(population.draw(200, number), number) for number in range(COHORTS)]


def certificates(design, seed):
    plan = PlanShape("k-fold", 1, 5, seed).plan(design.patients, design.response, design.groups)
    found = validate(design, plan, [catalogue_model("l2-logistic:both")], TUNING, inspect=contributions_of)
    _, by_feature = contribution_tables(found.inspected, design, [WATCHED])
    genes, burden = design.blocks == GENE, design.blocks == BURDEN
    names = [feature.name for feature in design.features if feature.block == GENE]
    association = association_table(
        names, design.X[:, genes], design.response, watched=[WATCHED], groups=design.groups, seed=seed,
        confounders=pd.DataFrame(design.X[:, burden], columns=["mutational burden"]), subsamples=0,
    )  # fmt: skip
    evidence = Evidence(association, by_feature, empty(SILENCED))
    return {gene: certificate_of(gene, evidence) for gene in (WATCHED, LONG)}


def count(found, gene):
    return Counter(one[gene].verdict for one in found)


def test_truth__a_gene_with_a_strong_effect_is_supported_with_the_right_sign():
    found = verdicts(log_odds=-2.0, burden_effect=0.0)
    said = count(found, WATCHED)
    assert said["supported"] >= 0.8 * COHORTS
    assert said["supported"] + said["suggestive"] >= 0.9 * COHORTS
    assert sum(one[WATCHED].association["adjusted_odds_ratio"] < 1 for one in found) >= 0.95 * COHORTS


@pytest.mark.parametrize("burden_effect", [0.0, 0.8])
def test_truth__genes_that_mean_nothing_are_not_supported_even_where_burden_predicts(burden_effect):
    found = verdicts(log_odds=0.0, burden_effect=burden_effect)
    # By a binomial, more than 6 of 40 at 5 % come up once in 290 times, more than 10 at 10 % once in 680.
    assert count(found, WATCHED)["supported"] <= 6
    assert count(found, WATCHED)["supported"] + count(found, WATCHED)["suggestive"] <= 10
    assert count(found, LONG)["supported"] <= 2


def test_truth__without_adjustment_a_long_gene_would_pass_too_often():
    found = verdicts(log_odds=0.0, burden_effect=0.8)
    fisher = sum(one[LONG].association["p"] <= 0.05 for one in found)
    adjusted = sum(one[LONG].association["adjusted_p"] <= 0.05 for one in found)
    assert fisher >= 0.15 * COHORTS > 2 * adjusted
