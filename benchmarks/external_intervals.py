"""How often intervals of an external validation hold the truth: a fixed model in simulated cohorts.

    python benchmarks/external_intervals.py --cohorts 1000

Predicted log-odds are normal; the true ones differ by a shift, so that the model is calibrated or predicts twice
too high. The truth is the score in 400,000 patients.
"""

from __future__ import annotations

import argparse

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import expit

from trastuz_ml.stats.auc_intervals import delong_within_folds
from trastuz_ml.stats.external import fixed_model_scores

Numbers = npt.NDArray[np.float64]
MANY = 400_000
SHOWN = (
    "AUROC", "average precision", "Brier score", "log loss", "Brier skill", "calibration intercept",
    "calibration slope",
)  # fmt: skip


def population(rng: np.random.Generator, rate: float, spread: float, shift: float) -> tuple[Numbers, Numbers]:
    """Return responses and predictions of a large population in which the given share responds."""
    margin = rng.normal(0, spread, MANY)
    base = brentq(lambda a: float(expit(a + shift + margin).mean()) - rate, -10, 10)
    return (rng.random(MANY) < expit(base + shift + margin)).astype(float), expit(base + margin)


def main() -> None:
    """Print one row for each population: the share of cohorts in which each interval held the truth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cohorts", type=int, default=1000)
    given = parser.parse_args()
    print("| patients | respond | true AUROC | shift | DeLong | " + " | ".join(SHOWN) + " |")
    print("|" + "---|" * (5 + len(SHOWN)))
    for n in (40, 75, 110, 300):
        for spread in (0.3, 0.8, 1.6):
            for shift in (0.0, -0.7):
                rng = np.random.default_rng(n)
                y, p = population(rng, 0.16, spread, shift)
                truth = {name: value for name, value, _ in fixed_model_scores(y, p, 0.5)}
                held: dict[str, list[bool]] = {name: [] for name in ("DeLong", *SHOWN)}
                while len(held["AUROC"]) < given.cohorts:
                    i = rng.integers(0, MANY, n)
                    if not 2 <= y[i].sum() <= n - 2:
                        continue
                    ends = delong_within_folds(y[i], p[i], np.zeros(n, dtype=int))
                    held["DeLong"].append(bool(ends.low <= truth["AUROC"] <= ends.high))
                    for name, _, interval in fixed_model_scores(y[i], p[i], 0.5):
                        if name in held:
                            held[name].append(bool(interval.low <= truth[name] <= interval.high))
                shares = " | ".join(f"{np.mean(within):.1%}" for within in held.values())
                print(f"| {n} | 16% | {truth['AUROC']:.2f} | {shift} | {shares} |", flush=True)


if __name__ == "__main__":
    main()
