"""Conformal sets, against their definition written out, and what they hold in cohorts with known truth."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trastuz_ml.errors import ConfigurationError, ModelError
from trastuz_ml.learn.catalogue import catalogue_model
from trastuz_ml.learn.conformal import LABELS, Conformal, conformal_of, conformal_scores
from trastuz_ml.learn.folds import PlanShape
from trastuz_ml.learn.known_truth import Population
from trastuz_ml.learn.tuning import Tuning
from trastuz_ml.learn.validation import fit_on_all, validate

# Few distinct values: ties are common.
CHANCES = st.lists(st.integers(0, 8).map(lambda k: k / 8), min_size=1, max_size=25)


def table(y, probability, model="m"):
    repeats, n = probability.shape
    return pd.DataFrame(
        {
            "model": model,
            "repeat": np.repeat(np.arange(repeats), n),
            "fold": np.tile(np.arange(n) % 5, repeats),
            "patient": np.tile([f"P{i:03d}" for i in range(n)], repeats),
            "response": np.tile(y, repeats),
            "probability": probability.ravel(),
        }
    )


def telling(n=100, seed=0, repeats=2):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.4).astype(int)
    return y, np.clip(0.3 * y + rng.uniform(0.1, 0.6, n) + rng.normal(0, 0.01, (repeats, n)), 0, 1)


def in_the_set(others, responders, chance, miss_rate):
    """The definition, in fractions: is the share of patients as strange, the new one counted, above the rate?"""
    found = []
    for label, patients in enumerate((others, responders)):
        strange = 1 - chance if label else chance
        scores = [1 - one if label else one for one in patients]
        p = Fraction(sum(score >= strange for score in scores) + 1, len(scores) + 1)
        found.append(p > Fraction(str(miss_rate)))
    return found


@settings(max_examples=200, deadline=None)
@given(CHANCES, CHANCES, CHANCES, st.sampled_from([0.05, 0.1, 0.125, 0.2, 0.25, 0.5]))
def test_sets__are_the_definition_written_out_ties_and_all(others, responders, new, miss_rate):
    y = np.repeat([0, 1], [len(others), len(responders)])
    found = conformal_scores(y, np.array([*others, *responders])).sets(new, miss_rate)
    assert found.tolist() == [in_the_set(others, responders, chance, miss_rate) for chance in new]


@settings(max_examples=50, deadline=None)
@given(CHANCES, CHANCES, st.randoms(use_true_random=False))
def test_scores__do_not_depend_on_the_order_of_patients(others, responders, random):
    y = np.repeat([0, 1], [len(others), len(responders)]).tolist()
    rows = list(zip(y, [*others, *responders], strict=True))
    first = conformal_scores(*map(np.array, zip(*rows, strict=True)))
    random.shuffle(rows)
    second = conformal_scores(*map(np.array, zip(*rows, strict=True)))
    assert first.as_json() == second.as_json()


@settings(max_examples=50, deadline=None)
@given(CHANCES, CHANCES, CHANCES, st.floats(0.01, 0.5), st.floats(0.01, 0.5))
def test_sets__of_a_larger_miss_rate_are_parts_of_those_of_a_smaller(others, responders, new, one, other):
    y = np.repeat([0, 1], [len(others), len(responders)])
    conformal = conformal_scores(y, np.array([*others, *responders]))
    small, large = sorted([one, other])
    assert (conformal.sets(new, large) <= conformal.sets(new, small)).all()


@settings(max_examples=50, deadline=None)
@given(CHANCES, CHANCES)
def test_sets__a_higher_probability_keeps_responds_and_drops_does_not_respond(others, responders):
    y = np.repeat([0, 1], [len(others), len(responders)])
    found = conformal_scores(y, np.array([*others, *responders])).p_values(np.linspace(0, 1, 41))
    assert (np.diff(found[:, LABELS.index("responds")]) >= 0).all()
    assert (np.diff(found[:, LABELS.index("does not respond")]) <= 0).all()


def test_p_values__of_exchangeable_scores_are_uniform_on_their_steps():
    # Each of n + 1 exchangeable patients is as likely to be the new one: p takes k / (n + 1), each once.
    chances = np.random.default_rng(0).random(20)
    p = [
        conformal_scores(np.r_[np.zeros(19), 1], np.r_[np.delete(chances, i), 0.5]).p_values([chances[i]])[0, 0]
        for i in range(20)
    ]
    np.testing.assert_allclose(sorted(p), np.arange(1, 21) / 20)


def test_conformal__averages_a_patient_over_repeats_and_reads_one_model_only():
    y, probability = telling()
    rows = pd.concat([table(y, probability), table(y, 1 - probability, "other")]).sample(frac=1, random_state=1)
    found = conformal_of(rows, "m")
    np.testing.assert_allclose(found.scores[0], np.sort(probability.mean(axis=0)[y == 0]))
    np.testing.assert_allclose(found.scores[1], np.sort(1 - probability.mean(axis=0)[y == 1]))
    assert found.patients == (int((y == 0).sum()), int((y == 1).sum()))
    assert found.refused(0.1) == ""


def test_sets__of_a_missing_probability_hold_nothing():
    found = conformal_scores(*telling()).sets([np.nan, 0.5], 0.1)
    assert found.tolist() == [[False, False], [True, True]]


@pytest.mark.parametrize(
    ("miss_rate", "responders", "refused"), [(0.1, 8, True), (0.1, 9, False), (0.05, 18, True), (0.05, 19, False)]
)
def test_refused__where_a_class_is_too_small_for_its_response_ever_to_be_left_out(miss_rate, responders, refused):
    y = np.repeat([0, 1], [50, responders])
    conformal = conformal_scores(y, np.linspace(0, 1, len(y)))
    assert (f"{responders} patients who respond" in conformal.refused(miss_rate)) == refused
    # The response of the small class is in every set where it is refused, and not where it is not.
    assert conformal.sets([0.0], miss_rate)[0, 1] == refused


def test_refused__where_the_smaller_class_does_not_respond():
    y = np.repeat([0, 1], [5, 50])
    assert "5 patients who do not respond" in conformal_scores(y, np.linspace(0, 1, 55)).refused(0.1)


def test_refused__where_nearly_every_set_would_hold_both_responses():
    y = np.repeat([0, 1], 40)
    # All responders but two, and all others, have the same probability.
    alike = np.where(np.arange(80) < 78, 0.3, 0.9)
    assert "nearly every set would hold both responses" in conformal_scores(y, alike).refused(0.1)
    assert conformal_scores(y, np.linspace(0.3, 0.4, 80)).refused(0.1) == ""


def test_answers__are_those_of_each_patient_against_all_others():
    y, probability = telling(60, 3, 1)
    chances, single, right = probability[0], 0, 0
    for i in range(len(y)):
        kept = np.arange(len(y)) != i
        inside = conformal_scores(y[kept], chances[kept]).sets(chances[[i]], 0.15)[0]
        single += int(inside.sum() == 1)
        right += int(inside.sum() == 1 and inside[y[i]])
    assert 0 < right < single
    assert conformal_scores(y, chances).answers(0.15) == pytest.approx((single / len(y), right / len(y)))


def test_refused__for_left_out_pairs_at_every_miss_rate():
    y, probability = telling(repeats=1)
    found = conformal_of(table(y, probability).assign(pair=0), "m")
    assert "in pairs" in found.refused(0.1)
    assert Conformal.from_json(found.as_json()).refused(0.4) == found.refused(0.4)


@pytest.mark.parametrize("miss_rate", [0.0, 1.0, -0.1, np.nan])
def test_sets__a_miss_rate_that_is_none_is_an_error(miss_rate):
    with pytest.raises(ConfigurationError, match="miss rate"):
        conformal_scores(*telling()).sets([0.5], miss_rate)
    with pytest.raises(ConfigurationError, match="miss rate"):
        conformal_scores(*telling()).refused(miss_rate)


def test_conformal__of_a_model_that_was_not_validated_is_an_error():
    with pytest.raises(ModelError, match="no predictions of absent"):
        conformal_of(table(*telling()), "absent")


def test_conformal__is_the_same_bit_for_bit_after_a_round_trip_through_json():
    made = conformal_of(table(*telling()), "m")
    read = Conformal.from_json(json.loads(json.dumps(made.as_json())))
    for one, other in zip(made.scores, read.scores, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"scores": [[0.1]], "refusal": ""},
        {"scores": [[0.2, 0.1], [0.1]], "refusal": ""},
        {"scores": [[0.1], [1.2]], "refusal": ""},
        {"scores": [[0.1], [float("nan")]], "refusal": ""},
        {"scores": [[0.1], [[0.1]]], "refusal": ""},
        {"scores": [[0.1], [0.1]], "refusal": None},
        {"scores": "ab", "refusal": ""},
    ],
)
def test_conformal__a_damaged_one_is_refused(content):
    with pytest.raises(ModelError):
        Conformal.from_json(content)


@pytest.fixture(scope="module")
def coverage():
    """Coverage by class in new patients, of the population and of a shifted one: 40 cohorts of 60 patients."""
    population = Population(genes=30, telling=4, gene_effect=1.2, covariates=2, covariate_effect=1.0)
    name, tuning = "l2-logistic:both", Tuning(inner_folds=2, min_carriers=3, seed=1)
    found = []
    for number in range(40):
        design = population.draw(60, number)
        plan = PlanShape("k-fold", 3, 4, number).plan(design.patients, design.response, design.groups)
        rows = validate(design, plan, [catalogue_model(name)], tuning).out_of_fold
        model = fit_on_all(design, [catalogue_model(name)], tuning)[0][name].model
        conformal = conformal_of(rows, name)
        new = population.draw(300, 10_000 + number)
        shifted = replace(population, covariate_effect=0.0).draw(300, 20_000 + number)
        sets = [(conformal.sets(model.probability(of.X), 0.2), of.response) for of in (new, shifted)]
        shares = [[inside[y == label, label].mean() for label in (0, 1)] for inside, y in sets]
        found.append((shares, [1 / (n + 1) for n in conformal.patients]))
    shares, steps = (np.array(part) for part in zip(*found, strict=True))
    return shares, steps


@pytest.mark.parametrize("label", [0, 1])
def test_sets__hold_the_response_of_each_class_as_often_as_they_say(coverage, label):
    shares, steps = coverage
    held, error = shares[:, 0, label].mean(), shares[:, 0, label].std(ddof=1) / np.sqrt(len(shares))
    # 1,000 cohorts are in docs/conformal.md; here the Monte-Carlo error widens the band.
    assert 0.8 - 0.01 - 2 * error <= held <= 0.8 + steps[:, label].mean() + 2 * error
    assert error < 0.025


def test_sets__do_not_hold_it_where_covariates_no_longer_tell(coverage):
    shares = coverage[0][:, 1]
    assert shares.mean() + 5 * shares.mean(axis=1).std(ddof=1) / np.sqrt(len(shares)) < 0.8
