"""Do the statistics say what they should? Cohorts drawn from populations whose truth is known.

Four studies, each a table with its Monte-Carlo error:

null         no gene and no covariate means anything: is the nested AUROC 0.5, that of `chosen` too, and is the
             permutation p uniform?
intervals    a population with effects: how often does each 95 % interval hold the AUROC, in new patients, of the
             pipeline fitted on the whole cohort?
pairs        the same for 12 and 24 patients, by leave-pair-out
added-value  covariates mean something, genes nothing: is the added-value p uniform?
"""

from __future__ import annotations

import argparse
import datetime
import math
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import kstest
from threadpoolctl import threadpool_limits

from trastuz_ml.learn.catalogue import CHOSEN, catalogue_model
from trastuz_ml.learn.design import Design
from trastuz_ml.learn.folds import PlanShape
from trastuz_ml.learn.known_truth import Population
from trastuz_ml.learn.permutation import Chance, statistics_of
from trastuz_ml.learn.tuning import EVERYBODY, Tuning, tune_models
from trastuz_ml.stats import auc_intervals as made
from trastuz_ml.stats.comparison import delong_spread
from trastuz_ml.stats.discrimination import auc
from trastuz_ml.stats.nested_cv import nested_cv
from trastuz_ml.stats.permutation_test import permutation_p

PERMUTATIONS = 99
NULL_CATALOGUE = ("clinical-only", "burden-only", "l2-logistic:genes", "naive-bayes:genes")
TUNING = Tuning(inner_folds=3, min_carriers=3, seed=1)
# New patients in whom the truth of one fitted pipeline is measured; their number limits how well it is known.
NEW_PATIENTS = 6_000


def null_cohort(number: int) -> dict[str, float]:
    population = Population(genes=5000)
    design = population.draw(60, number)
    shape = PlanShape("k-fold", 1, 5, number)
    strata = np.zeros(60, dtype=np.intp)
    competitors = [catalogue_model(name) for name in NULL_CATALOGUE]
    found = statistics_of(design, competitors, TUNING, Chance("responses", 0, shape, strata), 0)
    alone = [catalogue_model("l2-logistic:genes")]
    chance = Chance("responses", PERMUTATIONS, shape, strata)
    values = [statistics_of(design, alone, TUNING, chance, i)[CHOSEN] for i in range(PERMUTATIONS + 1)]
    return {**found, "p": permutation_p(values[0], values[1:])}


def added_value_cohort(number: int) -> dict[str, float]:
    population = Population(genes=1000, covariate_effect=0.7)
    design = population.draw(100, number)
    models = [catalogue_model(name) for name in ("clinical-only", "l2-logistic:both")]
    strata = (design.X[:, 0] > 0).astype(np.intp)
    chance = Chance("genes", PERMUTATIONS, PlanShape("k-fold", 1, 5, number), strata)
    values = [
        statistics_of(design, models, TUNING, chance, i)["l2-logistic:both"] for i in range(PERMUTATIONS + 1)
    ]
    return {"gain": values[0], "p": permutation_p(values[0], values[1:])}


def _population() -> Population:
    return Population(genes=1000, telling=8, gene_effect=1.0, covariate_effect=0.45)


def _truth(design: Design, new: Design, model: str) -> float:
    tuned = tune_models(design, np.arange(len(design.patients)), [catalogue_model(model)], TUNING, EVERYBODY)
    return auc(new.response, tuned[model].model.probability(new.X))


def interval_cohort(number: int, patients: int, model: str, new: Design) -> dict[str, tuple[float, float]]:
    """Return the ends of every interval for one cohort, and the truth under the name 'truth'."""
    with threadpool_limits(1):
        design = _population().draw(patients, number)
        plan = PlanShape("k-fold", 10, 5, number).plan(design.patients, design.response, design.groups)
        score, fold_of = np.empty((10, patients)), np.empty((10, patients), dtype=int)
        inner, outer, variance = np.empty((10, 5)), np.empty((10, 5)), np.empty((10, 5))
        fitted = catalogue_model(model)
        for repeat, fold in plan.turns:
            train, out = plan.split(repeat, fold)
            tuned = tune_models(design, train, [fitted], TUNING, (repeat, fold))[model]
            score[repeat, out], fold_of[repeat, out] = tuned.model.probability(design.X[out]), fold
            outer[repeat, fold] = auc(design.response[out], score[repeat, out])
            alone = delong_spread(design.response[out], score[repeat, out], np.zeros(len(out), dtype=int))
            variance[repeat, fold] = alone.total
        for repeat in range(10):
            inner[repeat] = _without_two_folds(design, plan.scored[repeat], model)
        y = design.response
        nested = nested_cv(inner, outer, variance)
        on_logit = nested_cv(inner, outer, variance, on_logit=True)
        found = {
            "Nadeau-Bengio": made.nadeau_bengio_auc(y, score, fold_of),
            "Nadeau-Bengio, logit": made.nadeau_bengio_auc(y, score, fold_of, on_logit=True),
            "DeLong within folds": made.delong_within_folds(y, score, fold_of),
            "DeLong within folds, logit": made.delong_within_folds(y, score, fold_of, on_logit=True),
            "influence curve": made.influence_curve(y, score, fold_of),
            "patient bootstrap": made.patient_bootstrap(y, score, fold_of, draws=500),
            "Newcombe": made.newcombe_effective(y, score, fold_of),
            "widened DeLong": made.widened(y, score, fold_of),
            "widened Newcombe": made.widened_newcombe(y, score, fold_of),
            "nested CV": nested.interval,
            "nested CV, logit": on_logit.interval,
        }
        found["Nadeau-Bengio or Newcombe, longer"] = made.longer_of(found["Nadeau-Bengio"], found["Newcombe"])
        truth = _truth(design, new, model)
    ends = {name: (interval.low, interval.high) for name, interval in found.items()}
    return {"truth": (truth, float(outer.mean())), **ends}


def _without_two_folds(design: Design, folds: tuple[np.ndarray, ...], model: str) -> np.ndarray:
    """Return, for each fold left out altogether, the mean AUC of the others, each left out in its turn."""
    areas = np.zeros((5, 5))
    for k in range(5):
        for j in range(k + 1, 5):
            train = np.setdiff1d(np.arange(len(design.patients)), np.concatenate([folds[k], folds[j]]))
            tuned = tune_models(design, train, [catalogue_model(model)], TUNING, (k, j))[model].model
            for one, other in ((k, j), (j, k)):
                out = folds[other]
                areas[one, other] = auc(design.response[out], tuned.probability(design.X[out]))
    return areas.sum(axis=1) / 4


def pair_cohort(number: int, patients: int, model: str, new: Design) -> dict[str, tuple[float, float]]:
    """Return the same for leave-pair-out."""
    tuning = Tuning(inner_folds=2, min_carriers=2, seed=1)
    with threadpool_limits(1):
        design = _population().draw(patients, number)
        plan = PlanShape("leave-pair-out").plan(design.patients, design.response, design.groups)
        responders, others = (np.flatnonzero(design.response == label) for label in (1, 0))
        place = {p: i for i, p in [*enumerate(responders), *enumerate(others)]}
        wins = np.empty((len(responders), len(others)))
        for repeat, fold in plan.turns:
            train, out = plan.split(repeat, fold)
            if design.response[out].sum() != 1:
                continue
            tuned = tune_models(design, train, [catalogue_model(model)], tuning, (repeat, fold))[model]
            score = tuned.model.probability(design.X[out])
            first, second = out[np.argsort(-design.response[out])]
            difference = float(score[list(out).index(first)] - score[list(out).index(second)])
            wins[place[first], place[second]] = (np.sign(difference) + 1) / 2
        fit = tune_models(design, np.arange(patients), [catalogue_model(model)], tuning, EVERYBODY)[model].model
        truth = auc(new.response, fit.probability(new.X))
    found = {
        "Newcombe": made.pairwise_newcombe(wins),
        "widened Newcombe": made.widened_pairwise_newcombe(wins),
        "U statistic": made.pairwise_u_statistic(wins),
    }
    ends = {name: (interval.low, interval.high) for name, interval in found.items()}
    return {"truth": (truth, float(wins.mean())), **ends}


def each(function: Callable[..., dict], cohorts: int, workers: int, *shared: object) -> list[dict]:
    jobs = (delayed(function)(number, *shared) for number in range(cohorts))
    found = []
    started = time.monotonic()
    for done in Parallel(n_jobs=workers, return_as="generator", mmap_mode="r")(jobs):
        found.append(done)
        if len(found) % 20 == 0:
            print(f"{len(found)} of {cohorts}, {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return found


def say_null(cohorts: int, workers: int) -> None:
    found = each(null_cohort, cohorts, workers)
    print(
        f"\n{cohorts} cohorts of 60 patients and 5,000 genes, nothing means anything; 1 x 5 folds, 3 inner folds;"
    )
    print(
        f"`chosen` among {', '.join(NULL_CATALOGUE)}; p of l2-logistic:genes from {PERMUTATIONS} permutations.\n"
    )
    print("| model | mean AUROC | standard error | away from 0.5 in standard errors |\n|---|---|---|---|")
    for name in [key for key in found[0] if key != "p"]:
        values = np.array([one[name] for one in found])
        error = values.std(ddof=1) / math.sqrt(len(values))
        print(f"| {name} | {values.mean():.4f} | {error:.4f} | {(values.mean() - 0.5) / error:+.1f} |")
    say_uniform("permutation p", [one["p"] for one in found])


def say_added_value(cohorts: int, workers: int) -> None:
    found = each(added_value_cohort, cohorts, workers)
    gains = np.array([one["gain"] for one in found])
    print(f"\n{cohorts} cohorts of 100 patients: 3 covariates with an effect, 1,000 genes without;")
    print(f"l2-logistic:both against clinical-only, 1 x 5 folds, {PERMUTATIONS} permutations of the gene block")
    print("within two strata of the first covariate.\n")
    print(f"Mean gain {gains.mean():+.4f} (standard error {gains.std(ddof=1) / math.sqrt(cohorts):.4f}).")
    say_uniform("added-value p", [one["p"] for one in found])


def say_uniform(what: str, p: Iterable[float]) -> None:
    values = np.array(list(p))
    # p takes the values k / 100; a uniform number within each step makes it continuous, if it is uniform.
    jitter = np.random.default_rng(0).random(len(values)) / (PERMUTATIONS + 1)
    test = kstest(values - jitter, "uniform")
    low = (values <= 0.05).mean()
    error = math.sqrt(0.05 * 0.95 / len(values))
    print(
        f"\n{what}: uniform by Kolmogorov-Smirnov p = {test.pvalue:.2f}; at most 0.05 in {low:.1%} of cohorts ",
        end="",
    )
    print(f"(Monte-Carlo error {error:.1%}); mean {values.mean():.3f}.")


def say_intervals(
    cohorts: int, workers: int, sizes: Iterable[int], model: str, study: Callable[..., dict]
) -> None:
    new = _population().draw(NEW_PATIENTS, 10_000_000)
    for patients in sizes:
        found = each(study, cohorts, workers, patients, model, new)
        truth = np.array([one["truth"] for one in found])
        print(f"\n{cohorts} cohorts of {patients} patients, {model}; mean truth {truth[:, 0].mean():.3f} ", end="")
        print(
            f"(standard deviation {truth[:, 0].std(ddof=1):.3f}), mean estimate {truth[:, 1].mean():.3f} ", end=""
        )
        print(f"({truth[:, 1].std(ddof=1):.3f}).\n")
        print("| interval | holds the truth | Monte-Carlo error | truth below | above | median width | refused |")
        print("|---|---|---|---|---|---|---|")
        for name in [key for key in found[0] if key != "truth"]:
            say_interval(name, np.array([one[name] for one in found]), truth[:, 0])


def say_interval(name: str, ends: np.ndarray, truth: np.ndarray) -> None:
    given = ~np.isnan(ends[:, 0])
    low, high = ends[given].T
    below, above = (truth[given] < low).mean(), (truth[given] > high).mean()
    holds = 1 - below - above
    error = math.sqrt(holds * (1 - holds) / given.sum())
    print(
        f"| {name} | {holds:.1%} | {error:.1%} | {below:.1%} | {above:.1%} | {np.median(high - low):.3f} "
        f"| {(~given).sum()} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=["null", "intervals", "pairs", "added-value"])
    parser.add_argument("--cohorts", type=int, default=200)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--patients", type=int, nargs="*", default=None)
    parser.add_argument("--model", default="l2-logistic:both")
    given = parser.parse_args()
    started = time.monotonic()
    command = f"python benchmarks/{Path(__file__).name} {' '.join(sys.argv[1:])}"
    print(f"`{command}`, {datetime.datetime.now(tz=datetime.UTC):%Y-%m-%d}, {os.cpu_count()} cores")
    if given.study == "null":
        say_null(given.cohorts, given.workers)
    elif given.study == "added-value":
        say_added_value(given.cohorts, given.workers)
    elif given.study == "intervals":
        say_intervals(given.cohorts, given.workers, given.patients or (60, 160), given.model, interval_cohort)
    else:
        say_intervals(given.cohorts, given.workers, given.patients or (12, 24), given.model, pair_cohort)
    print(f"\n{time.monotonic() - started:.0f} s with {given.workers} workers.")


if __name__ == "__main__":
    main()
