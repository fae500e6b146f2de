"""Do verdicts on genes say what they should? Cohorts drawn from populations in which the truth is laid down.

200 patients; ANKRD44 is declared under `watch` and mutated in 20 %; TTN (30 %) and MUC16 (22 %) mean nothing; all
genes are hit more often in patients of high burden. At 26 % and at 50 % response:

effect   carriers of ANKRD44 have log-odds of response lower by 2
nothing  no gene means anything
burden   no gene means anything, and burden predicts response
"""

from __future__ import annotations

import argparse
import datetime
import math
import os
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.optimize import brentq
from scipy.special import expit
from threadpoolctl import threadpool_limits

from trastuz_ml.explain.association import association_table
from trastuz_ml.explain.certificate import Evidence, certificate_of
from trastuz_ml.explain.contribution_tables import contribution_tables
from trastuz_ml.explain.contributions import contributions_of
from trastuz_ml.learn.catalogue import catalogue_model
from trastuz_ml.learn.design import BURDEN_NAME, Design
from trastuz_ml.learn.folds import PlanShape
from trastuz_ml.learn.known_truth import Planted, Population
from trastuz_ml.learn.tuning import Tuning
from trastuz_ml.learn.validation import validate
from trastuz_ml.schema import GENE, SILENCED, empty

PATIENTS = 200
# Share of the patients who carry each.
GENES = {"ANKRD44": 0.20, "TTN": 0.30, "MUC16": 0.22}
# Standard deviation of the log of the pace at which a patient's genes are hit.
BURDEN_SPREAD = 0.7
MODELS = ("l2-logistic:both",)
TUNING = Tuning(inner_folds=3, min_carriers=3, seed=1)
SCENARIOS = {"effect": (-2.0, 0.0), "nothing": (0.0, 0.0), "burden": (0.0, 0.8)}
RATES = (0.26, 0.50)


def population(scenario: str, response_rate: float) -> Population:
    """Return the population of a scenario in which so many patients respond."""
    log_odds, burden_effect = SCENARIOS[scenario]
    # Given the pace at which a patient's genes are hit, all chances are known: means are taken over many paces.
    pace = np.random.default_rng(0).normal(size=200_000)

    def carries(frequency: float) -> np.ndarray:
        return 1 - (1 - frequency) ** np.exp(BURDEN_SPREAD * pace)

    frequency = {
        gene: brentq(lambda f, share=share: carries(f).mean() - share, 0, 0.9) for gene, share in GENES.items()
    }
    carrier = carries(frequency["ANKRD44"])

    def too_many(baseline: float) -> float:
        intact = baseline + burden_effect * pace
        mean = (1 - carrier) * expit(intact) + carrier * expit(intact + log_odds)
        return float(mean.mean()) - response_rate

    return Population(
        genes=1000, burden_spread=BURDEN_SPREAD, burden_effect=burden_effect,
        planted=tuple(Planted(gene, f, log_odds if gene == "ANKRD44" else 0.0) for gene, f in frequency.items()),
        rate=float(expit(brentq(too_many, -6, 6))),
    )  # fmt: skip


def evidence_of(design: Design, seed: int) -> Evidence:
    """Return what a run would know of the genes: associations, and contributions by 2 x 5 folds."""
    plan = PlanShape("k-fold", 2, 5, seed).plan(design.patients, design.response, design.groups)
    models = [catalogue_model(name) for name in MODELS]
    validation = validate(design, plan, models, TUNING, inspect=contributions_of)
    genes = [j for j, feature in enumerate(design.features) if feature.block == GENE]
    burden = [j for j, feature in enumerate(design.features) if feature.name == BURDEN_NAME]
    associations = association_table(
        [design.features[j].name for j in genes], design.X[:, genes], design.response,
        watched=["ANKRD44"], confounders=pd.DataFrame(design.X[:, burden], columns=["mutational burden"]),
        groups=design.groups, seed=seed, subsamples=0,
    )  # fmt: skip
    _, by_feature = contribution_tables(validation.inspected, design, list(GENES))
    return Evidence(associations, by_feature, empty(SILENCED))


def cohort(shape: Population, number: int) -> dict[str, tuple[str, float]]:
    """Return the verdict on each gene and its adjusted log odds ratio."""
    with threadpool_limits(1):
        evidence = evidence_of(shape.draw(PATIENTS, number), number)
    found = {gene: certificate_of(gene, evidence) for gene in GENES}
    return {
        gene: (made.verdict, math.log(made.association["adjusted_odds_ratio"])) for gene, made in found.items()
    }


def say(scenario: str, rate: float, found: list[dict[str, tuple[str, float]]]) -> None:
    for gene in GENES:
        verdicts = Counter(one[gene][0] for one in found)
        supported = verdicts["supported"] / len(found)
        either = supported + verdicts["suggestive"] / len(found)
        lower = sum(one[gene][1] < 0 for one in found) / len(found)
        error = math.sqrt(max(supported * (1 - supported), 0.25 / len(found)) / len(found))
        print(
            f"| {scenario} | {rate:.0%} | {gene} | {supported:.1%} | {either:.1%} | {lower:.1%} "
            f"| {verdicts['not evaluable'] / len(found):.1%} | {error:.1%} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohorts", type=int, default=200)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    given = parser.parse_args()
    command = f"python benchmarks/{Path(__file__).name} {' '.join(sys.argv[1:])}"
    print(f"`{command}`, {datetime.datetime.now(tz=datetime.UTC):%Y-%m-%d}, {os.cpu_count()} cores\n")
    print(f"{given.cohorts} cohorts of {PATIENTS} patients a row; {', '.join(MODELS)}, 2 x 5 folds.\n")
    print("| scenario | response | gene | supported | or suggestive | odds ratio < 1 | not evaluable | error |")
    print("|---|---|---|---|---|---|---|---|")
    started = time.monotonic()
    for scenario in SCENARIOS:
        for rate in RATES:
            shape = population(scenario, rate)
            jobs = (delayed(cohort)(shape, number) for number in range(given.cohorts))
            say(scenario, rate, Parallel(n_jobs=given.workers)(jobs))
            print(f"{scenario} {rate:.0%}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
