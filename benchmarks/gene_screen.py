"""Fisher's test of every gene against permuted responses, beside a loop over scipy's and beside counting alone.

The cohort is made up: most genes are mutated in 1 to 6 % of patients, a few in up to 40 %. Ways take turns in one
process, so that a busy machine slows them alike; least and median seconds of the turns are given. The loop is
timed on some genes and responses and multiplied up to all of them; they also show the largest difference in p.
"""

from __future__ import annotations

import argparse
import datetime
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy
import scipy.sparse as sp
from scipy.stats import fisher_exact

from trastuz_ml.learn.selection import select_by_association, select_by_stability
from trastuz_ml.stats.gene_screen import screen_genes, smallest_p

LOOPED_GENES, LOOPED_RESPONSES = 200, 5


def make_genes(patients: int, genes: int, seed: int) -> np.ndarray:
    """Return who carries what, shape (patients, genes), float32."""
    rng = np.random.default_rng(seed)
    often = np.minimum(0.01 + rng.exponential(0.015, genes), 0.06)
    few = rng.choice(genes, max(1, genes // 200), replace=False)
    often[few] = rng.uniform(0.06, 0.4, len(few))
    return (rng.random((patients, genes)) < often).astype(np.float32)


def make_responses(patients: int, number: int, seed: int) -> np.ndarray:
    """Return permutations of a response of 30 %, shape (number, patients)."""
    rng = np.random.default_rng(seed)
    return np.array([rng.permutation(np.arange(patients) < 0.3 * patients) for _ in range(number)]).astype(np.int8)


def looped(genes: np.ndarray, responses: np.ndarray) -> np.ndarray:
    """Return p by scipy's test of one table after another; patients whose gene is NaN are left out."""
    p = np.empty((len(responses), genes.shape[1]))
    for j, gene in enumerate(genes.T):
        seen = ~np.isnan(gene)
        carries = gene[seen] > 0
        for i, response in enumerate(responses):
            responds = response[seen] == 1
            both, k, r = int((carries & responds).sum()), int(carries.sum()), int(responds.sum())
            p[i, j] = fisher_exact([[both, k - both], [r - both, len(carries) - k - r + both]]).pvalue
    return p


def in_turns(ways: dict[str, Callable[[], Any]], turns: int) -> dict[str, list[float]]:
    """Return the seconds of each way, the ways taking turns; a first turn is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(turns + 1):
        for name, way in ways.items():
            begun = time.perf_counter()
            way()
            if turn:
                seconds[name].append(time.perf_counter() - begun)
    return seconds


def screen(patients: int, number: int, permutations: int, turns: int) -> None:
    """Print the table of the screen."""
    genes, responses = make_genes(patients, number, 1), make_responses(patients, permutations, 2)
    panel = genes.copy()
    panel[: patients // 3, number // 10 :] = np.nan
    sparse, as_floats = sp.csr_array(genes), responses.astype(np.float32)
    by_gene, by_patient = sp.csr_array(genes.T), np.ascontiguousarray(as_floats.T)
    some = np.random.default_rng(3).choice(number, LOOPED_GENES, replace=False)
    share = number * permutations / (LOOPED_GENES * LOOPED_RESPONSES)
    loop, product = f"scipy, one by one (x {share:,.0f})", "count carriers: dense float32 product"
    ways: dict[str, Callable[[], Any]] = {
        loop: lambda: looped(genes[:, some], responses[:LOOPED_RESPONSES]),
        product: lambda: as_floats @ genes,
        "count carriers: sparse product": lambda: by_gene @ by_patient,
        "screen_genes": lambda: screen_genes(genes, responses),
        "screen_genes, sparse": lambda: screen_genes(sparse, responses),
        "screen_genes, a third of patients by a panel": lambda: screen_genes(panel, responses),
        "smallest_p": lambda: smallest_p(genes, responses),
    }
    seconds = in_turns(ways, turns)
    seconds[loop] = [s * share for s in seconds[loop]]
    print(f"\n{number:,} genes x {permutations:,} responses x {patients} patients\n")
    print("| way | least s | median s | times faster than scipy | times the product |")
    print("|---|---:|---:|---:|---:|")
    base, counted = statistics.median(seconds[loop]), seconds[product]
    for name, taken in seconds.items():
        median = statistics.median(taken)
        # Turn by turn, because what else runs on the machine changes from turn to turn.
        ratio = statistics.median(t / c for t, c in zip(taken, counted, strict=True))
        print(f"| {name} | {min(taken):.3f} | {median:.3f} | {base / median:,.0f} | {ratio:.2f} |")
    for name, cohort in (("all covered", genes), ("a panel", panel)):
        p = screen_genes(cohort, responses)[:LOOPED_RESPONSES, some]
        apart = np.abs(p - looped(cohort[:, some], responses[:LOOPED_RESPONSES])).max()
        print(f"\nLargest difference from scipy over {p.size:,} p, {name}: {apart:.1e}")


def selection(patients: int, number: int, turns: int) -> None:
    """Print the table of selection in one training fold."""
    genes, response = make_genes(patients, number, 4), make_responses(patients, 1, 5)[0]
    groups = np.arange(patients)
    seconds = in_turns(
        {
            "scipy, one by one": lambda: looped(genes, response[None]),
            "select_by_association": lambda: select_by_association(genes, response, 30),
            "select_by_stability, 50 halves, 4 copies": lambda: select_by_stability(genes, response, groups, 1),
        },
        turns,
    )
    print(f"\nSelection among {number:,} genes, {patients} patients\n")
    print("| way | least ms | median ms |\n|---|---:|---:|")
    for name, taken in seconds.items():
        print(f"| {name} | {min(taken) * 1e3:.1f} | {statistics.median(taken) * 1e3:.1f} |")


def main() -> None:
    """Print the tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--genes", type=int, default=20_000)
    parser.add_argument("--permutations", type=int, default=1_000)
    parser.add_argument("--turns", type=int, default=7)
    given = parser.parse_args()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    print(
        f"{datetime.date.today()}, {os.cpu_count()} cores, {memory:.0f} GB, Python {sys.version.split()[0]}, ",
        end="",
    )
    print(f"numpy {np.__version__}, scipy {scipy.__version__}; load {os.getloadavg()[0]:.1f} when begun;")
    print(f"`{' '.join(['python benchmarks/gene_screen.py', *sys.argv[1:]])}`; {given.turns} turns")
    screen(given.patients, given.genes, given.permutations, given.turns)
    selection(160, 3_000, given.turns)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    held = given.genes * given.permutations * 8 / 2**20
    print(f"\nPeak of the process, a result of {held:.0f} MB held: {peak:.0f} MB")


if __name__ == "__main__":
    main()
