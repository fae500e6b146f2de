"""Whole-pipeline permutation of the L2 logistic experiment on TransNEO, and what tracking costs a run.

Each permutation selects, tunes (5 inner folds, 20 penalties) and refits in each of 5 outer folds. The data are not
part of the project: name their folder, or keep it where experiments/transneo.yaml says.
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.experiment.publish import publish
from trastuz_ml.experiment.read import build_features, load_cohort, with_current_names
from trastuz_ml.experiment.train import train
from trastuz_ml.learn import catalogue
from trastuz_ml.learn.chance import chance_table
from trastuz_ml.learn.design import make_design
from trastuz_ml.learn.engine import in_parallel
from trastuz_ml.learn.folds import PlanShape
from trastuz_ml.learn.permutation import Chance, statistics_of
from trastuz_ml.learn.tuning import Tuning
from trastuz_ml.schema import PERMUTED

EXPERIMENT = Path(__file__).parents[1] / "experiments" / "transneo.yaml"
PENALTIES = tuple({"C": float(c)} for c in np.logspace(-3, 1, 20))
PERMUTATIONS = 1000


def with_twenty_penalties() -> None:
    """Widen the grid, here and in every process that imports this module."""
    learner = catalogue.LEARNERS["l2-logistic"]
    catalogue.LEARNERS["l2-logistic"] = replace(learner, grid=PENALTIES)


def permuted_statistics(*work: object) -> dict[str, float]:
    with_twenty_penalties()
    return statistics_of(*work)


def time_permutations(data: Path | None, workers: int, times: int) -> None:
    experiment = with_current_names(read_experiment(EXPERIMENT, data=data))
    cohort = load_cohort(experiment, workers=1)
    design = make_design(cohort, build_features(experiment, cohort)[0])
    with_twenty_penalties()
    strata = np.zeros(len(design.patients), dtype=np.intp)
    chance = Chance("responses", times, PlanShape("k-fold", 1, 5, 2019), strata)
    models = [catalogue.catalogue_model("l2-logistic:genes")]
    shared = (design.without_names(), models, Tuning(5, 3, 2019), chance)
    started = time.monotonic()
    found = dict(in_parallel(permuted_statistics, shared, range(times + 1), workers=workers))
    seconds = time.monotonic() - started
    rows = [("responses", i, name, value) for i in range(times + 1) for name, value in found[i].items()]
    permuted = pd.DataFrame(rows, columns=PERMUTED.names)
    table = chance_table(permuted, most=times).set_index("model")
    genes = sum(f.block == "gene" for f in design.features)
    print(f"{len(design.patients)} patients, {genes:,} genes, l2-logistic:genes, {times:,} permutations, ", end="")
    print(
        f"1 x 5 outer and 5 inner folds, {len(PENALTIES)} penalties, {workers} workers: {seconds:.0f} s ", end=""
    )
    print(f"({1000 * seconds / (times + 1):.0f} ms a permutation; target: 300 s for 1,000 on 2 cores).")
    row = table.loc["l2-logistic:genes"]
    print(
        f"Observed AUROC {row['observed']:.3f}, mean of the permuted {row['null_mean']:.3f}, p = {row['p']:.4f} ",
        end="",
    )
    print(f"(Monte-Carlo 95 % {row['low']:.4f} to {row['high']:.4f}).")


def time_tracking(data: Path | None, workers: int) -> None:
    experiment = read_experiment(EXPERIMENT, data=data)
    started = time.monotonic()
    trained = train(experiment, workers=workers)
    training = time.monotonic() - started
    spent = []
    tracked = experiment.tracking.model_copy(update={"enabled": True})
    alone = experiment.tracking.model_copy(update={"enabled": False})
    with tempfile.TemporaryDirectory() as folder:
        # The first tracked run makes the database, which happens once in a database's life.
        for tracking in (alone, tracked, tracked):
            setting = experiment.model_copy(update={"tracking": tracking})
            started = time.monotonic()
            publish(trained, setting, runs=Path(folder) / "runs", models=Path(folder) / "models", force=True)
            spent.append(time.monotonic() - started)
    print(f"\nexperiments/transneo.yaml, {workers} workers: training {training:.1f} s, ", end="")
    print(f"run folder, model and report {spent[0]:.1f} s.")
    for what, seconds in zip(("a new database", "one that is there"), spent[1:], strict=True):
        cost = seconds - spent[0]
        print(f"Tracking with MLflow into {what}: {cost:.1f} s more, ", end="")
        print(f"{100 * cost / (training + spent[0]):.1f} % of the run (target: below 2 %).")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--times", type=int, default=PERMUTATIONS, help="0 for the cost of tracking alone")
    given = parser.parse_args()
    print(f"`python benchmarks/permutation.py {' '.join(sys.argv[1:])}`, ", end="")
    print(f"{datetime.datetime.now(tz=datetime.UTC):%Y-%m-%d}, {os.cpu_count()} cores\n")
    if given.times:
        time_permutations(given.data, given.workers, given.times)
    time_tracking(given.data, given.workers)


if __name__ == "__main__":
    main()
