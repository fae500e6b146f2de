"""How many genes tell 6 responders from 6 others where no gene means anything: cohorts of 12 simulated exomes.

Each patient's number of mutated genes is drawn from a lognormal distribution with the spread of the simulator's
burden (standard deviation of the logarithm 0.8); genes are hit in proportion to their coding length in the
simulated exome of 18,500 genes. Responses have nothing to do with them. For each cohort all 924 arrangements of
the responses are taken. Prints the tables of docs/panels.md.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd

from trastuz_ml.explain.genes_by_chance import STRICTNESSES, against_chance, genes_by_chance
from trastuz_ml.features.simulated_genes import simulated_exome

LOG_SD, GENES = 0.8, 18_500
PUBLISHED = 18


def draw_exomes(patients: int, median: int, rng: np.random.Generator) -> np.ndarray:
    """Return who carries which of the genes that somebody carries, shape (patients, genes), float32."""
    exome = simulated_exome(GENES)
    hits = np.rint(rng.lognormal(np.log(median), LOG_SD, patients)).astype(int)
    carried = np.zeros((patients, GENES), dtype=np.float32)
    for patient, number in enumerate(hits):
        carried[patient, np.searchsorted(exome.cumulative, rng.random(number), side="right")] = 1
    return carried[:, carried.any(axis=0)]


def null_cohorts(median: int, cohorts: int, responders: int, others: int, seed: int) -> pd.DataFrame:
    """Return, for each cohort and strictness, what is found and what shuffled responses say of it."""
    response = np.repeat([1, 0], [responders, others]).astype(np.int8)
    alone = np.array([f"P{i:02d}" for i in range(len(response))])
    tables = []
    for cohort in range(cohorts):
        X = draw_exomes(len(response), median, np.random.default_rng([seed, median, cohort]))
        counted = genes_by_chance(
            X, response, strata=np.zeros(len(response), dtype=np.intp), groups=alone, times=999
        )
        tables.append(against_chance(counted).assign(mutated=X.shape[1], cohort=cohort))
    return pd.concat(tables, ignore_index=True)


def counts_row(found: pd.DataFrame, median: int) -> list[str]:
    """Return the mean number of genes over cohorts, with the range of 95 % of them, for each strictness."""
    cells = [f"{median:,}", f"{found['mutated'].mean():,.0f}"]
    for strictness in STRICTNESSES:
        genes = found.loc[found["strictness"] == strictness.words, "observed"].to_numpy(dtype=int)
        low, high = np.quantile(genes, (0.025, 0.975), method="inverted_cdf")
        mean = f"{genes.mean():.0f}" if genes.mean() >= 9.95 else f"{genes.mean():.2g}"
        cells.append(f"{mean} ({low:.0f} to {high:.0f})")
    return cells


def shares_row(found: pd.DataFrame, median: int, column: str, limit: float) -> list[str]:
    """Return the share of cohorts with many genes, or with a small p, for each strictness."""
    cells = [f"{median:,}"]
    for strictness in STRICTNESSES:
        values = found.loc[found["strictness"] == strictness.words, column].to_numpy(dtype=float)
        met = values >= limit if column == "observed" else values <= limit
        cells.append(f"{100 * met.mean():.1f}%")
    return cells


def time_large_cohort() -> None:
    """Print how long 1,000 permutations of 200 patients and 20,000 genes take, in this process."""
    rng = np.random.default_rng(1)
    X = (rng.random((200, 20_000)) < np.minimum(0.01 + rng.exponential(0.015, 20_000), 0.06)).astype(np.float32)
    response, alone = (np.arange(200) < 60).astype(np.int8), np.array([f"P{i:03d}" for i in range(200)])
    started = time.perf_counter()
    genes_by_chance(X, response, strata=np.zeros(200, dtype=np.intp), groups=alone, times=1000, seed=1)
    print(f"200 patients, 20,000 genes, 1,000 permutations: {time.perf_counter() - started:.1f} s")


def print_table(title: str, heads: list[str], rows: list[list[str]]) -> None:
    print(f"\n{title}\n")
    print(f"| {' | '.join(heads)} |")
    print(f"|{'---|' * len(heads)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cohorts", type=int, default=200)
    parser.add_argument("--responders", type=int, default=6)
    parser.add_argument("--others", type=int, default=6)
    parser.add_argument("--medians", type=int, nargs="+", default=[20, 40, 100, 300, 1000])
    parser.add_argument("--seed", type=int, default=2019)
    parser.add_argument("--speed", action="store_true", help="time one large cohort instead")
    given = parser.parse_args()
    if given.speed:
        time_large_cohort()
        return
    started = time.monotonic()
    found = {m: null_cohorts(m, given.cohorts, given.responders, given.others, given.seed) for m in given.medians}
    names = [s.key for s in STRICTNESSES]
    print(f"{given.cohorts} cohorts of {given.responders} + {given.others} exomes; no gene means anything")
    print_table(
        "Genes that tell responders apart: mean (95 % of cohorts)",
        ["mutated genes, median patient", "genes mutated in the cohort", *names],
        [counts_row(rows, median) for median, rows in found.items()],
    )
    print_table(
        f"Cohorts with {PUBLISHED} such genes or more",
        ["mutated genes, median patient", *names],
        [shares_row(rows, median, "observed", PUBLISHED) for median, rows in found.items()],
    )
    print_table(
        "Cohorts in which shuffled responses give p <= 0.05",
        ["mutated genes, median patient", *names],
        [shares_row(rows, median, "p", 0.05) for median, rows in found.items()],
    )
    print(f"\n{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
