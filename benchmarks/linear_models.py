"""Penalised logistic models in nested cross-validation: time beside scikit-learn's plain composition, and growth.

The cohort is made up. Both sides prepare columns alike, split alike, try the same penalties, and run on one
thread; times are processor seconds of this process, so that other work on the machine counts little. The plain
side is slow: it does a share of the folds, which is named, and its time for all of them is computed from that.
"""

from __future__ import annotations

import datetime
import os
import platform
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit, cross_validate
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from trastuz_ml.learn.catalogue import LEARNERS, catalogue_model
from trastuz_ml.learn.design import Design, Feature
from trastuz_ml.learn.engine import in_parallel
from trastuz_ml.learn.folds import SplitPlan, Turn, plan_splits
from trastuz_ml.learn.linear import fit_elastic_net
from trastuz_ml.learn.training import Training
from trastuz_ml.learn.transformers import Preparation
from trastuz_ml.learn.tuning import Tuning, inner_folds
from trastuz_ml.learn.validation import Validation, validate

PATIENTS, GENES, REPEATS = 168, 3_000, 10
TUNING = Tuning(inner_folds=5, min_carriers=3, seed=7)
PENALTIES = tuple({"C": float(c)} for c in np.logspace(-4, 1, 20))
FRACTIONS = tuple({"l1_ratio": 0.5, "fraction": float(f)} for f in np.geomspace(0.9, 0.15, 20))
L2, NET = "l2-logistic", "elastic-net"
CATALOGUE = dict(LEARNERS)
GRIDS = {L2: PENALTIES, NET: FRACTIONS}
# Share of the 50 folds that the plain side does.
PLAIN_FOLDS = {L2: 3, NET: 1}


class AtFraction(ClassifierMixin, BaseEstimator):
    """scikit-learn's saga at a share of the steepest penalty, as our grid has it; it remembers its fits."""

    made: list[tuple[tuple[bytes, float], float, np.ndarray, float]] = []  # noqa: RUF012 - one list for all clones

    def __init__(self, fraction: float = 0.5, tol: float = 1e-4) -> None:
        self.fraction, self.tol = fraction, tol

    def fit(self, X: np.ndarray, y: np.ndarray) -> AtFraction:
        """Fit, and remember coefficients."""
        strength = self.fraction * steepest(X, y) / 0.5
        self.model_ = LogisticRegression(
            C=1 / (len(y) * strength), l1_ratio=0.5, solver="saga", tol=self.tol, max_iter=20_000, random_state=0
        ).fit(X, y)
        self.classes_ = self.model_.classes_
        self.made.append((sample(X, y), self.fraction, self.model_.coef_[0], float(self.model_.intercept_[0])))
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities of both classes."""
        return self.model_.predict_proba(X)


def sample(X: np.ndarray, y: np.ndarray) -> tuple[bytes, float]:
    """Return what tells one set of training rows from another."""
    return y.tobytes(), float(np.abs(X[:, :50]).sum())


def steepest(X: np.ndarray, y: np.ndarray) -> float:
    return float(np.abs((y - y.mean()) @ X).max()) / len(y)


def made_up(patients: int = PATIENTS, genes: int = GENES, seed: int = 1) -> Design:
    """Return patients by genes that 2 to 6 % carry, some of them far more; five genes tell."""
    rng = np.random.default_rng(seed)
    share = rng.uniform(0.02, 0.06, genes)
    share[:20] = rng.uniform(0.1, 0.4, 20)
    X = (rng.random((patients, genes)) < share).astype(np.float32)
    odds = X[:, :5] @ np.array([1.5, -1.5, 1.0, 1.0, -1.0])
    odds -= odds.mean() + 1.0
    y = (rng.random(patients) < 1 / (1 + np.exp(-odds))).astype(np.int8)
    names = tuple(f"P{i:04d}" for i in range(patients))
    return Design(names, tuple(Feature(f"G{j}", "gene", "gene") for j in range(genes)), X, y, np.array(names))


def planned(design: Design, repeats: int = REPEATS) -> SplitPlan:
    return plan_splits(design.patients, design.response, design.groups, repeats=repeats, folds=5, seed=3)


def spent(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return processor seconds and the result."""
    begun = time.process_time()
    result = work()
    return time.process_time() - begun, result


def ours(design: Design, plan: SplitPlan, learner: str) -> tuple[float, Validation]:
    LEARNERS[learner] = replace(CATALOGUE[learner], grid=GRIDS[learner])
    try:
        return spent(lambda: validate(design, plan, [catalogue_model(f"{learner}:genes")], TUNING))
    finally:
        LEARNERS[learner] = CATALOGUE[learner]


def plain(design: Design, plan: SplitPlan, turns: Sequence[Turn], model: Any, grid: dict[str, list[float]]) -> Any:
    """Return processor seconds, and the probabilities of the patients that each turn leaves out."""
    seconds, probabilities = 0.0, []
    genes = ("gene",) * design.X.shape[1]
    for turn in turns:
        train, out = plan.split(*turn)
        steps = [("prepare", Preparation(genes, min_carriers=TUNING.min_carriers)), ("model", model)]
        inner = PredefinedSplit(inner_folds(design, train, TUNING, turn))
        search = GridSearchCV(Pipeline(steps), grid, cv=inner, scoring="neg_log_loss", n_jobs=1)

        def nested(search: Any = search, split: Any = (train, out)) -> Any:
            return cross_validate(
                search, design.X, design.response, cv=[split], scoring="roc_auc", n_jobs=1, return_estimator=True
            )

        took, found = spent(nested)
        seconds += took
        probabilities.append(found["estimator"][0].predict_proba(design.X[out])[:, 1])
    return seconds, probabilities


def largest_difference(
    validation: Validation, plan: SplitPlan, turns: Sequence[Turn], theirs: list[np.ndarray]
) -> float:
    table = validation.out_of_fold.query("model != 'chosen'").set_index(["repeat", "fold", "patient"])[
        "probability"
    ]
    differences = []
    for turn, probability in zip(turns, theirs, strict=True):
        patients = [plan.patients[place] for place in plan.split(*turn)[1]]
        differences.append(np.abs(table.loc[turn.repeat, turn.fold][patients].to_numpy() - probability).max())
    return float(max(differences))


def net_objectives(design: Design, plan: SplitPlan, turn: Turn) -> list[tuple[float, float]]:
    """Return our and saga's objective of every fit that saga made in a turn."""
    train = plan.split(*turn)[0]
    inner_of, pairs = inner_folds(design, train, TUNING, turn), []
    for fold in range(-1, TUNING.inner_folds):
        rows = train[inner_of != fold]
        X = Preparation(("gene",) * design.X.shape[1], min_carriers=TUNING.min_carriers).fit_transform(
            design.X[rows]
        )
        y = design.response[rows]
        fitted = {
            c["fraction"]: model
            for c, model in zip(FRACTIONS, fit_elastic_net(Training(X, y, rows), FRACTIONS), strict=True)
        }
        for key, fraction, coefficients, intercept in AtFraction.made:
            if key == sample(X, y):
                strength, model = fraction * steepest(X, y) / 0.5, fitted[fraction]
                pairs.append((
                    objective(X, y, strength, model.coefficients, model.intercept),
                    objective(X, y, strength, coefficients, intercept),
                ))  # fmt: skip
    return pairs


def objective(X: np.ndarray, y: np.ndarray, strength: float, coefficients: np.ndarray, intercept: float) -> float:
    """Return the mean log loss plus the elastic net's penalty, half of it on absolute values."""
    margins = X @ coefficients + intercept
    loss = np.logaddexp(0.0, np.where(y > 0, -margins, margins)).mean()
    return float(loss + strength * (np.abs(coefficients).sum() + coefficients @ coefficients / 2) / 2)


def side_by_side() -> None:
    design = made_up()
    plan = planned(design)
    folds = len(plan.turns)
    print(
        f"## Beside scikit-learn's plain composition\n\n{PATIENTS} patients x {GENES:,} genes, 10 x 5 folds, 5 "
        "inner folds, 20 candidates. Plain: `cross_validate(GridSearchCV(Pipeline([Preparation, "
        "LogisticRegression])))`, same folds and penalties. Processor seconds, one thread.\n"
    )
    print("| model | plain | folds it did | plain, all folds | ours, all folds | ratio | wanted |")
    print("|---|---|---|---|---|---|---|")
    words = []

    turns = plan.turns[: PLAIN_FOLDS[L2]]
    seconds, _ = plain(design, plan, turns, LogisticRegression(max_iter=10_000), {"model__C": Cs()})
    took, validation = ours(design, plan, L2)
    row("L2, against lbfgs at its default tolerance", seconds, len(turns), folds, took, 15)
    exact = LogisticRegression(tol=1e-10, max_iter=100_000, solver="newton-cg")
    _, probabilities = plain(design, plan, turns[:1], exact, {"model__C": Cs()})
    difference = largest_difference(validation, plan, turns[:1], probabilities)
    words.append(
        f"L2: largest difference of an out-of-fold probability from newton-cg at 1e-10: {difference:.1e}."
    )

    turns = plan.turns[: PLAIN_FOLDS[NET]]
    seconds, probabilities = plain(
        design, plan, turns, AtFraction(), {"model__fraction": [c["fraction"] for c in FRACTIONS]}
    )
    took, validation = ours(design, plan, NET)
    row("elastic net, against saga at its default tolerance", seconds, len(turns), folds, took, 30)
    pairs = [pair for turn in turns for pair in net_objectives(design, plan, turn)]
    gaps = np.array([mine - theirs for mine, theirs in pairs])
    difference = largest_difference(validation, plan, turns, probabilities)
    words.append(
        f"Elastic net: over saga's {len(gaps)} fits, our objective minus saga's is {gaps.min():.1e} to "
        f"{gaps.max():.1e} (below 0: ours is the lower); largest difference of a probability: {difference:.1e}."
    )
    print("\n" + "\n\n".join(words) + "\n")


def row(name: str, seconds: float, done: int, folds: int, took: float, wanted: int) -> None:
    whole = seconds * folds / done
    print(
        f"| {name} | {seconds:.1f} | {done} of {folds} | {whole:,.0f} | {took:.2f} | {whole / took:.0f} | "
        f"{wanted} |"
    )


def Cs() -> list[float]:  # noqa: N802 - the penalties' own name
    return [c["C"] for c in PENALTIES]


def two_workers() -> None:
    """Compare one process with two, by the clock, at the catalogue's own grids."""
    design = made_up()
    plan, models = planned(design, repeats=30), [catalogue_model(f"{name}:genes") for name in (L2, NET)]
    small = planned(design, repeats=1)
    seconds, tables = {}, {}
    for workers in (1, 2):
        # Processes start and import once a run.
        validate(design, small, models, TUNING, workers=workers)
        begun = time.perf_counter()
        tables[workers] = validate(design, plan, models, TUNING, workers=workers).out_of_fold
        seconds[workers] = time.perf_counter() - begun
    same = tables[1]["probability"].to_numpy().tobytes() == tables[2]["probability"].to_numpy().tobytes()
    print(
        f"## Two processes\n\nBoth models, the catalogue's grids, 30 x 5 folds, by the clock, processes started: "
        f"{seconds[1]:.1f} s with one, {seconds[2]:.1f} s with two: ratio {seconds[1] / seconds[2]:.2f} "
        f"(wanted 1.7); probabilities {'the same, bit for bit' if same else 'DIFFER'}.\n"
    )


def shared_matrix() -> None:
    """Print how much memory a matrix of 200 MB takes in each of two workers that hold it at the same time."""
    X = np.ones((500, 100_000), dtype=np.float32)
    with tempfile.TemporaryDirectory() as folder:
        held = list(dict(in_parallel(memory_of, (X, Path(folder)), [0, 1], workers=2)).values())
    shares, own = (", ".join(f"{size:.0f}" for size in sizes) for sizes in zip(*held, strict=True))
    print(
        f"## Memory\n\nA matrix of {X.nbytes / 1e6:.0f} MB, held by two workers at the same time. Proportional "
        f"share of each: {shares} MB; written to, and so its own: {own} MB.\n"
    )


def memory_of(X: np.ndarray, folder: Path, place: int) -> tuple[float, float]:
    """Read the matrix, wait for the other worker; return proportional share and private part of the file (MB)."""
    X.sum()
    meet(folder, f"read {place}")
    sizes, here = dict.fromkeys(("Pss", "Private_Dirty"), 0), False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        name, colon, value = line.partition(":")
        if colon and name in sizes and here:
            sizes[name] += int(value.split()[0])
        elif " " in name:
            here = line.endswith(str(getattr(X, "filename", "no file")))
    meet(folder, f"said {place}")
    return sizes["Pss"] * 1.024e-3, sizes["Private_Dirty"] * 1.024e-3


def meet(folder: Path, word: str) -> None:
    """Leave a word, and wait until the other worker has left its own."""
    (folder / word).touch()
    while len(list(folder.glob(f"{word.split()[0]} *"))) < 2:
        time.sleep(0.1)


def growth() -> None:
    """Print how the time of the L2 model grows."""
    print("## Growth of L2, 1 x 5 folds, 20 candidates\n")
    print("| | processor s | exponent |\n|---|---|---|")
    patients, genes = (60, 120, 240, 480), (1_000, 2_000, 4_000, 8_000, 16_000)
    exponent_of(f"patients {patients}, {GENES:,} genes", patients, [made_up(n) for n in patients])
    exponent_of(
        f"genes {genes}, {PATIENTS} patients (wanted at most 1.1)", genes, [made_up(genes=p) for p in genes]
    )


def exponent_of(name: str, sizes: Sequence[int], designs: Sequence[Design]) -> None:
    seconds = [min(ours(d, planned(d, repeats=1), L2)[0] for _ in range(3)) for d in designs]
    slope = np.polyfit(np.log(sizes), np.log(seconds), 1)[0]
    print(f"| {name} | {', '.join(f'{s:.2f}' for s in seconds)} | {slope:.2f} |")


def main() -> None:
    """Print the page."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "scikit-learn"))
    print(
        f"# Penalised logistic models\n\n{datetime.date.today()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f} at the start, Python {platform.python_version()}, {libraries}. "
        f"Command: `python {' '.join(sys.argv)}`.\n"
    )
    with threadpool_limits(1):
        side_by_side()
        two_workers()
        shared_matrix()
        growth()


if __name__ == "__main__":
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", ConvergenceWarning)
    main()
