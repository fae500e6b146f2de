"""How often the drift table cries without drift, and how often it sees one: simulated cohorts of known truth.

    python benchmarks/drift.py --cohorts 1000

A population of melanoma-like patients: burden is log-normal over a factor of ten, so that genes go together; the
training cohort has 144 patients. Every simulated cohort is compared with a training cohort of its own.
"""

from __future__ import annotations

import argparse

import numpy as np
import numpy.typing as npt

from trastuz_ml.learn.training_summary import Bins, TrainingSummary, bins_of, bins_of_calls
from trastuz_ml.prediction.drift import DRIFTED, Seen, drift_of

GENES, TRAINED = 200, 144
LEVELS = {"sex": (0.6, 0.4), "stage": (0.1, 0.2, 0.2, 0.5), "site": (0.7, 0.1, 0.1, 0.05, 0.05)}
Numbers = npt.NDArray[np.float64]
# What differs in the new patients: a factor of the burden, of the first 20 genes' odds, shares of stage, years.
DRIFTS: dict[str, dict[str, float]] = {
    "none": {},
    "twice the calls": {"burden": 2.0},
    "twenty genes three times the odds": {"genes": 3.0},
    "stage: the last level in 80 % instead of 50 %": {"stage": 0.8},
    "ten years older (one standard deviation)": {"age": 10.0},
}


def draw(rng: np.random.Generator, n: int, rates: Numbers, drift: dict[str, float]) -> dict[str, Numbers]:
    """Return patients of the population: genes, calls, age and levels."""
    burden = np.exp(rng.normal(5.0, 1.0, n)) * drift.get("burden", 1.0)
    odds = rates * (burden / np.exp(5.0))[:, None]
    odds[:, :20] *= drift.get("genes", 1.0)
    last = drift.get("stage", LEVELS["stage"][-1])
    stages = [share * (1 - last) / (1 - LEVELS["stage"][-1]) for share in LEVELS["stage"][:-1]] + [last]
    shares = {**LEVELS, "stage": stages}
    return {
        "genes": (rng.random((n, GENES)) < odds / (1 + odds)).astype(float),
        "calls": rng.poisson(burden).astype(float),
        "age": rng.normal(60 + drift.get("age", 0.0), 10, n).round(1),
        **{name: rng.choice(len(p), n, p=p).astype(float) for name, p in shares.items()},
    }


def summary(people: dict[str, Numbers]) -> TrainingSummary:
    """Count a training cohort."""
    n = len(people["calls"])
    genes = {f"G{j}": (int(people["genes"][:, j].sum()), n) for j in range(GENES)}
    levels = {name: {str(k): int((people[name] == k).sum()) for k in range(len(p))} for name, p in LEVELS.items()}
    return TrainingSummary(
        n, n // 3, genes, levels, {"age": _bins(people["age"])}, _bins(people["genes"].sum(axis=1)),
        {"exome": n}, (), bins_of_calls(people["calls"]),
    )  # fmt: skip


def _bins(values: Numbers) -> Bins:
    return bins_of(values) or Bins((0.0, 1.0), (0,))


def seen(people: dict[str, Numbers], trained: TrainingSummary) -> Seen:
    """Count a new cohort by the bins of the training cohort."""
    n = len(people["calls"])
    tallies = {"age": trained.numbers["age"].tally(people["age"])}
    if trained.burden is not None and trained.mutated is not None:
        tallies["calls that change a protein"] = trained.burden.tally(people["calls"])
        tallies["genes of the model mutated in a patient"] = trained.mutated.tally(people["genes"].sum(axis=1))
    return Seen(
        n, {f"G{j}": (int(people["genes"][:, j].sum()), n) for j in range(GENES)},
        {name: {str(k): int((people[name] == k).sum()) for k in range(len(p))} for name, p in LEVELS.items()},
        tallies, dict.fromkeys([*LEVELS, "age"], 0),
    )  # fmt: skip


def share_crying(cohorts: int, n: int, drift: dict[str, float], seed: int) -> tuple[float, float, float]:
    """Return the shares of cohorts with any drift, with any but genes, and with a gene."""
    rng = np.random.default_rng(seed)
    cried = np.zeros((cohorts, 2), dtype=bool)
    for cohort in range(cohorts):
        rates = np.exp(rng.normal(-3.0, 0.8, GENES))
        trained = summary(draw(rng, TRAINED, rates, {}))
        table = drift_of(trained, seen(draw(rng, n, rates, drift), trained))
        drifted = table["verdict"] == DRIFTED
        cried[cohort] = (drifted & (table["what"] != "gene")).any(), (drifted & (table["what"] == "gene")).any()
    return float(cried.any(axis=1).mean()), *map(float, cried.mean(axis=0))


def main() -> None:
    """Print one table: rows are kinds of drift and sizes of the new cohort."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cohorts", type=int, default=1000)
    parser.add_argument("--drifts", type=int, nargs="+", default=[*range(len(DRIFTS))], help="places in the list")
    parser.add_argument("--patients", type=int, nargs="+", default=[8, 30, 200])
    given = parser.parse_args()
    print("| drift | new patients | any row | burden or covariate | gene |")
    print("|---|---|---|---|---|")
    for name, drift in [[*DRIFTS.items()][place] for place in given.drifts]:
        for n in given.patients:
            whole, single, gene = share_crying(given.cohorts, n, drift, seed=n)
            print(f"| {name} | {n} | {whole:.1%} | {single:.1%} | {gene:.1%} |", flush=True)


if __name__ == "__main__":
    main()
