"""Do conformal sets hold what they promise? Cohorts drawn from a population, and new patients of it and of others.

Each cohort goes through the pipeline: nested cross-validation, the model fitted on everybody, scores, sets for new
patients. Three ways of making the scores are compared: the predictions of one split into folds, those of all
splits pooled, and the mean over splits of each patient's predictions, which is what trastuz-ml does. Coverage is
the share of new patients of a class whose set holds the class; it must lie between 1 - miss rate - 0.01 and
1 - miss rate + 1 / (patients of the class + 1).
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from trastuz_ml.learn.catalogue import catalogue_model
from trastuz_ml.learn.conformal import conformal_scores
from trastuz_ml.learn.design import Design
from trastuz_ml.learn.fitted import AnyFitted
from trastuz_ml.learn.folds import PlanShape
from trastuz_ml.learn.known_truth import Population
from trastuz_ml.learn.recalibration import recalibration_line
from trastuz_ml.learn.tuning import EVERYBODY, Tuning, tune_models
from trastuz_ml.stats.calibration import log_loss

MISS_RATE = 0.1
TUNING = Tuning(inner_folds=3, min_carriers=3, seed=1)
NEW_PATIENTS = 500
ONE, POOLED, MEAN = "one split", "all splits, pooled", "mean over splits"
WHO = ("do not respond", "respond")
SAME = "the same population"
SHIFTS = ("covariates that no longer tell", "covariates one standard deviation higher")
SIGNALS = {"strong": (1.5, 1.2), "middle": (1.2, 0.7), "null": (0.0, 0.0)}


class Sets(NamedTuple):
    """What sets did in new patients: coverage by class, shares of single answers and of right ones among all."""

    coverage: tuple[float, float]
    single: float
    right: float


class Cohort(NamedTuple):
    """One cohort.

    Patients by class; whether sets are refused; the share of single answers among left-out patients; log losses in
    new patients, before and after recalibration; sets of each way of making scores, and of each new population.
    """

    patients: tuple[int, int]
    refused: bool
    single: float
    losses: tuple[float, float]
    ways: dict[str, Sets]
    populations: dict[str, Sets]


def one_cohort(number: int, patients: int, genes: int, signal: str, model: str, repeats: int) -> Cohort:
    gene_effect, covariate_effect = SIGNALS[signal]
    population = Population(
        genes=genes, telling=6, gene_effect=gene_effect, covariates=3, covariate_effect=covariate_effect
    )
    design = population.draw(patients, number)
    plan = PlanShape("k-fold", repeats, 5, number).plan(design.patients, design.response, design.groups)
    left_out = np.empty((repeats, patients))
    with threadpool_limits(1):
        for turn in plan.turns:
            train, out = plan.split(*turn)
            left_out[turn.repeat, out] = fitted(design, train, model, turn).probability(design.X[out])
        final = fitted(design, np.arange(patients), model, EVERYBODY)
        conformal = conformal_scores(design.response, left_out)
        splits = [conformal_scores(design.response, once) for once in left_out]
        same, *shifted = new_patients(population, number)
        chance = final.probability(same.X)
        # The mean of the p of all splits is the p of their pooled scores, each patient counted once.
        p = {
            ONE: splits[0].p_values(chance),
            POOLED: np.mean([split.p_values(chance) for split in splits], axis=0),
            MEAN: conformal.p_values(chance),
        }
        populations = {
            name: judged(conformal.p_values(final.probability(new.X)), new.response)
            for name, new in zip(SHIFTS, shifted, strict=True)
        }
    again = recalibration_line(design.response, left_out).probability(chance)
    losses = (log_loss(same.response, chance), log_loss(same.response, again))
    ways = {way: judged(values, same.response) for way, values in p.items()}
    single, _ = conformal.answers(MISS_RATE)
    refused = bool(conformal.refused(MISS_RATE))
    return Cohort(conformal.patients, refused, single, losses, ways, {SAME: ways[MEAN], **populations})


def fitted(design: Design, train: np.ndarray, model: str, turn: tuple[int, int]) -> AnyFitted:
    return tune_models(design, train, [catalogue_model(model)], TUNING, turn)[model].model


def new_patients(population: Population, number: int) -> Iterator[Design]:
    """Draw new patients: exchangeable ones, and two kinds that are not."""
    same = population.draw(NEW_PATIENTS, 10_000_000 + number)
    yield same
    yield replace(population, covariate_effect=0.0).draw(NEW_PATIENTS, 20_000_000 + number)
    X = same.X.copy()
    X[:, : population.covariates] += 1
    yield replace(same, X=X)


def judged(p: np.ndarray, response: np.ndarray) -> Sets:
    inside = p > MISS_RATE
    single = inside.sum(axis=1) == 1
    right = inside[np.arange(len(response)), response]
    covered = [float(inside[response == label, label].mean()) for label in (0, 1)]
    return Sets((covered[0], covered[1]), float(single.mean()), float((single & right).mean()))


def say(found: Sequence[Cohort]) -> None:
    print("| scores | patients who | coverage | Monte-Carlo error | allowed | | single answers | right of these |")
    print("|---|---|---|---|---|---|---|---|")
    for way in (ONE, POOLED, MEAN):
        say_coverage(way, found, [cohort.ways[way] for cohort in found])
    rules = {
        "not refused": [cohort for cohort in found if not cohort.refused],
        "not refused by a rule of twice as many single answers": [c for c in found if c.single > 2 * MISS_RATE],
    }
    for name, kept in rules.items():
        if len(kept) > 1:
            say_coverage(f"{MEAN}: {len(kept)} cohorts {name}", kept, [cohort.ways[MEAN] for cohort in kept])
    print()
    losses = np.array([cohort.losses for cohort in found])
    given = losses[~np.isnan(losses[:, 1])]
    if len(given) > 1:
        gain, error = mean_of(given[:, 1] - given[:, 0])
        print(
            f"Recalibrated in {len(given)} cohorts: log loss in new patients {given[:, 0].mean():.4f}, after ",
            end="",
        )
        print(f"recalibration {given[:, 1].mean():.4f}, difference {gain:+.4f} (Monte-Carlo error {error:.4f}).\n")
    print("| new patients | patients who | coverage | Monte-Carlo error |\n|---|---|---|---|")
    for name in (SAME, *SHIFTS):
        for label in (0, 1):
            mean, error = mean_of([cohort.populations[name].coverage[label] for cohort in found])
            print(f"| {name} | {WHO[label]} | {mean:.1%} | {error:.1%} |")


def say_coverage(name: str, cohorts: Sequence[Cohort], sets: Sequence[Sets]) -> None:
    single = np.mean([one.single for one in sets])
    right = np.mean([one.right for one in sets]) / max(single, 1e-9)
    for label in (0, 1):
        mean, error = mean_of([one.coverage[label] for one in sets])
        low = 1 - MISS_RATE - 0.01
        high = 1 - MISS_RATE + np.mean([1 / (cohort.patients[label] + 1) for cohort in cohorts])
        verdict = "held" if low <= mean <= high else "above" if mean > high else "below"
        print(f"| {name} | {WHO[label]} | {mean:.2%} | {error:.2%} | {low:.1%} to {high:.2%} | {verdict} ", end="")
        print(f"| {single:.0%} | {right:.0%} |")


def mean_of(values: Sequence[float]) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohorts", type=int, default=200)
    parser.add_argument("--patients", type=int, nargs="*", default=[60, 160, 200])
    parser.add_argument("--genes", type=int, default=100)
    parser.add_argument("--model", default="l2-logistic:both")
    parser.add_argument("--signal", choices=list(SIGNALS), default="middle")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    given = parser.parse_args()
    started = time.monotonic()
    command = f"python benchmarks/{Path(__file__).name} {' '.join(sys.argv[1:])}"
    print(f"`{command}`, {datetime.datetime.now(tz=datetime.UTC):%Y-%m-%d}, {os.cpu_count()} cores")
    for patients in given.patients:
        shared = (patients, given.genes, given.signal, given.model, given.repeats)
        jobs = (delayed(one_cohort)(number, *shared) for number in range(given.cohorts))
        found = []
        for cohort in Parallel(n_jobs=given.workers, return_as="generator")(jobs):
            found.append(cohort)
            if len(found) % 50 == 0:
                done = f"{patients} patients: {len(found)} of {given.cohorts}, {time.monotonic() - started:.0f} s"
                print(done, file=sys.stderr, flush=True)
        print(f"\n{given.cohorts} cohorts of {patients} patients, {given.model}, {given.genes} genes, ", end="")
        print(f"{given.signal} signal, {given.repeats} x 5 folds:\n")
        say(found)
    print(f"\n{time.monotonic() - started:.0f} s with {given.workers} workers.")


if __name__ == "__main__":
    main()
