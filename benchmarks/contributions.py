"""Held-out SHAP beside the libraries' own: XGBoost, linear models, forests; and its share of a validation's time.

Both sides explain the same made-up patients with the same fitted model and take turns within one process, on one
thread; the best of several turns counts, and the lowest and highest ratio of two turns that stood side by side
are printed with it. The forests are the catalogue's (leaves of at least 8 or 3 patients); the default
TreeExplainer explains one with unbounded trees on the same patients. The share is that of the time spent in
explaining within the folds of a validation.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xgboost
from scipy.special import expit
from sklearn.ensemble import RandomForestClassifier
from threadpoolctl import threadpool_limits

from trastuz_ml.explain.contributions import contributions_of
from trastuz_ml.learn.fitted import FittedModel, Forest
from trastuz_ml.learn.forests import grow_forests
from trastuz_ml.learn.linear import fit_l2
from trastuz_ml.learn.training import Training
from trastuz_ml.learn.transformers import Preparation
from trastuz_ml.learn.trees import fit_boosted

PATIENTS, GENES, TREES, FOREST = 200, 2000, 200, 500
TRANSNEO = Path(__file__).parent.parent / "experiments" / "transneo.yaml"


class Outcome(NamedTuple):
    """Seconds of the two sides, their ratios turn by turn, and the largest difference between contributions."""

    ours: list[float]
    theirs: list[float]
    difference: float


def made_up(rare: tuple[float, float], seed: int = 0) -> tuple[Any, Any]:
    """Make patients whose genes are mutated in a share between two, and a response that two of them tell of."""
    rng = np.random.default_rng(seed)
    X = (rng.random((PATIENTS, GENES)) < rng.uniform(*rare, GENES)).astype(np.float32)
    X[:, :2] = rng.random((PATIENTS, 2)) < 0.2
    return X, (rng.random(PATIENTS) < expit(-1.0 + 1.5 * X[:, 0] - X[:, 1])).astype(np.int8)


def side_by_side(
    ours: Callable[[], Any], theirs: Callable[[], Any], turns: int
) -> tuple[list[float], list[float]]:
    spent: tuple[list[float], list[float]] = ([], [])
    for _ in range(turns):
        for times, run in zip(spent, (ours, theirs), strict=True):
            started = time.perf_counter()
            run()
            times.append(time.perf_counter() - started)
    return spent


def fitted(X: Any, y: Any, *, complete: bool) -> tuple[Preparation, Any, Training]:
    preparation = Preparation(("gene",) * GENES, complete=complete).fit(X)
    prepared = preparation.prepare(X)[0]
    return preparation, prepared, Training(prepared, y, np.arange(PATIENTS).astype(str))


def model_of(preparation: Preparation, estimator: Any) -> FittedModel:
    return FittedModel("made-up", np.arange(GENES), preparation, estimator)


def boosted(turns: int) -> Outcome:
    X, y = made_up((0.02, 0.06))
    preparation, prepared, training = fitted(X, y, complete=False)
    estimator = fit_boosted(training, [{"depth": 3, "trees": TREES}])[0]
    model, stored = model_of(preparation, estimator), prepared.astype(np.float32)

    def own() -> Any:
        return estimator.booster.predict(xgboost.DMatrix(stored, nthread=1), pred_contribs=True)

    difference = np.abs(contributions_of(model, X).values[:, preparation.source_] - own()[:, :-1]).max()
    return Outcome(*side_by_side(lambda: contributions_of(model, X), own, turns), float(difference))


def linear(turns: int) -> Outcome:
    X, y = made_up((0.02, 0.06))
    preparation, _, training = fitted(X, y, complete=True)
    estimator = fit_l2(training, [{"C": 0.1}])[0]
    model, mean = model_of(preparation, estimator), X[:, preparation.source_].mean(axis=0, dtype=np.float64)

    def plain() -> Any:
        parts = estimator.coefficients * (X[:, preparation.source_] - mean)
        return parts, X[:, preparation.source_] @ estimator.coefficients

    difference = np.abs(contributions_of(model, X).values[:, preparation.source_] - plain()[0]).max()
    return Outcome(*side_by_side(lambda: contributions_of(model, X), plain, turns), float(difference))


def forest(rare: tuple[float, float], rows: int, leaf: int, turns: int, *, bounded: bool) -> Outcome:
    """Explain so many patients; the rival explains the forest with unbounded trees, or with ours the same one."""
    import shap

    X, y = made_up(rare)
    preparation, prepared, _ = fitted(X, y, complete=False)
    ours = grow_forests(prepared.astype(np.float32), y, [leaf], trees=FOREST, seed=0)[0]
    rival = ours if bounded else RandomForestClassifier(FOREST, random_state=0, n_jobs=1).fit(prepared, y)
    model, some = model_of(preparation, Forest(ours)), X[:rows]

    def default(explained: Any = rival) -> Any:
        return shap.TreeExplainer(explained).shap_values(prepared[:rows], check_additivity=False)[:, :, 1]

    difference = np.abs(contributions_of(model, some).values[:, preparation.source_] - default(ours)).max()
    return Outcome(*side_by_side(lambda: contributions_of(model, some), default, turns), float(difference))


class Timed:
    """Explains, and adds up how long it took."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, *given: Any) -> Any:
        """Explain, as ``inspect`` of a validation."""
        started = time.process_time()
        try:
            return contributions_of(*given)
        finally:
            self.seconds += time.process_time() - started


def share(path: Path, folds: int, models: tuple[str, ...]) -> tuple[float, float, str] | None:
    """Return processor seconds of explaining and of the whole folds, and what was validated."""
    from trastuz_ml.experiment.experiment_file import read_experiment
    from trastuz_ml.experiment.read import build_features, load_cohort, with_current_names
    from trastuz_ml.experiment.splits import splits_of
    from trastuz_ml.experiment.train import tuning_of
    from trastuz_ml.learn.catalogue import catalogue_model
    from trastuz_ml.learn.design import make_design
    from trastuz_ml.learn.validation import one_fold

    experiment = read_experiment(path)
    if experiment.data is not None and not Path(path.parent, experiment.data).exists():
        return None
    experiment = with_current_names(experiment)
    cohort = load_cohort(experiment)
    design = make_design(cohort, build_features(experiment, cohort)[0])
    plan = splits_of(experiment, design)[0]
    competitors = [*experiment.catalogue(), *(catalogue_model(name) for name in models)]
    timed, spent = Timed(), 0.0
    for turn in plan.turns[:folds]:
        started = time.process_time()
        one_fold(design, plan, competitors, tuning_of(experiment), timed, turn)
        spent += time.process_time() - started
    genes = int((design.blocks == "gene").sum())
    return timed.seconds, spent, f"{len(design.patients)} patients x {genes:,} genes, {len(competitors)} models"


def versions() -> str:
    found = [f"Python {platform.python_version()}"]
    for name in ("numpy", "scikit-learn", "xgboost-cpu", "xgboost", "shap"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def show() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=7, help="times each side explains")
    parser.add_argument("--folds", type=int, default=3, help="folds of the validation that are run")
    given = parser.parse_args()
    print("# Held-out SHAP beside the libraries' own\n")
    print(
        f"{PATIENTS} patients x {GENES:,} genes, one thread; {datetime.date.today()}, {os.cpu_count()} cores, "
        f"{versions()}; `python benchmarks/contributions.py --turns {given.turns} --folds {given.folds}`\n"
    )
    print("| model | rows | rival | ours, ms | rival, ms | ratio | turn by turn | wanted | difference |")
    print("|---|---|---|---|---|---|---|---|---|")
    often, rare = (0.02, 0.06), (0.01, 0.03)
    few = max(2, given.turns // 2)
    cases: list[tuple[str, int, str, str, Callable[[], Outcome]]] = [
        (f"XGBoost, {TREES} trees", PATIENTS, "`pred_contribs`", "> 0.83", lambda: boosted(given.turns)),
        ("L2 logistic", PATIENTS, "numpy, coef (x - mean) and x @ coef", "about 1", lambda: linear(given.turns)),
    ]
    for text, shares in (("genes in 2 to 6 %", often), ("genes in 1 to 3 %", rare)):
        for leaf, rows, bounded in (
            (8, PATIENTS, False),
            (3, PATIENTS, False),
            (3, 40, False),
            (3, PATIENTS, True),
        ):
            cases.append(
                (
                    f"forest of {FOREST}, leaves of {leaf}, {text}", rows,
                    f"TreeExplainer, {'the same forest' if bounded else 'unbounded trees'}",
                    "" if bounded else "20",
                    partial(forest, shares, rows, leaf, few, bounded=bounded),
                )
            )  # fmt: skip
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, rows, rival, wanted, run in cases:
            found = run()
            ratios = np.array(found.theirs) / np.array(found.ours)
            best = min(found.ours), min(found.theirs)
            print(
                f"| {name} | {rows} | {rival} | {1e3 * best[0]:.1f} | {1e3 * best[1]:.1f} "
                f"| {best[1] / best[0]:.2f} | {ratios.min():.2f} to {ratios.max():.2f} | {wanted} "
                f"| {found.difference:.1g} |",
                flush=True,
            )
    print(f"\nShare of explaining in the processor time of {given.folds} folds of {TRANSNEO.stem}:\n")
    print("| validated | folds, s | of it explaining, s | share | wanted |")
    print("|---|---|---|---|---|")
    for more, said in (((), ""), (("rank-average",), ", with a rank average")):
        found_share = share(TRANSNEO, given.folds, more)
        if found_share is None:
            print(f"| {TRANSNEO.stem}: its data are not here | | | | |")
            return
        explaining, spent, what = found_share
        print(
            f"| {what}{said} | {spent:.1f} | {explaining:.2f} | {100 * explaining / spent:.1f} % | 10 % |",
            flush=True,
        )


if __name__ == "__main__":
    show()
