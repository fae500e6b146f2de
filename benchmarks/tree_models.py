"""Random forest and XGBoost, tuned inside outer folds: processor time beside the plain scikit-learn composition.

Both sides get the same made-up patients, outer folds, inner folds, grid and seeds, and the project's own
preparation of columns first. The plain side is GridSearchCV over a Pipeline, refitted by log loss; it takes
turns with ours within one process, on one thread. The last column is the largest difference between the
out-of-fold probabilities of the two sides: 0 means the same bits.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits
from xgboost import XGBClassifier

from trastuz_ml.learn.catalogue import LEARNERS, CatalogueModel
from trastuz_ml.learn.design import Design, Feature
from trastuz_ml.learn.folds import SplitPlan, plan_splits
from trastuz_ml.learn.transformers import Preparation
from trastuz_ml.learn.trees import FOREST_TREES
from trastuz_ml.learn.tuning import Tuning, inner_folds, named_seed, tune_models
from trastuz_ml.stats.calibration import log_losses

PATIENTS, GENES = 168, 3000


class Case(NamedTuple):
    """What is measured: a model of the catalogue, how its plain rival is made, and on which patients."""

    label: str
    learner: str
    plain: Callable[[int, bool], Any]
    names: dict[str, str]
    balanced: bool = False
    panel: float = 0.0
    min_carriers: int = 3
    grid: tuple[dict[str, Any], ...] = ()
    wanted: float = 0.0


class FromTheRate(XGBClassifier):
    """XGBClassifier that starts from its training rows' response rate, and may weigh classes alike."""

    def __init__(self, *, balanced: bool = False, **settings: Any) -> None:
        self.balanced = balanced
        super().__init__(**settings)

    def fit(self, X: Any, y: Any, **kwargs: Any) -> FromTheRate:
        """Fit with the rate of these rows."""
        n, k = len(y), int(np.sum(y))
        weights = np.where(y > 0, n / (2 * k), n / (2 * (n - k))) if self.balanced else None
        self.base_score = float(np.average(y, weights=weights))
        return super().fit(X, y, sample_weight=weights, **kwargs)


def boosted(seed: int, balanced: bool) -> Any:
    return FromTheRate(
        balanced=balanced, tree_method="hist", learning_rate=0.05, n_jobs=1, random_state=seed, verbosity=0
    )


def forest(seed: int, balanced: bool) -> Any:
    return RandomForestClassifier(FOREST_TREES, max_features="sqrt", n_jobs=1, random_state=seed)


TREES = {"depth": "max_depth", "trees": "n_estimators"}
CASES = (
    Case("XGBoost", "xgboost", boosted, TREES, wanted=5.0),
    Case("XGBoost, every carrier kept", "xgboost", boosted, TREES, min_carriers=1, wanted=5.0),
    Case("XGBoost, class weights", "xgboost", boosted, TREES, balanced=True, wanted=2.5),
    Case("XGBoost, a third on a panel", "xgboost", boosted, TREES, panel=0.33, wanted=2.5),
    Case("random forest", "random-forest", forest, {"min_samples_leaf": "min_samples_leaf"}, wanted=3.0),
)


def made_up_design(panel: float = 0.0, seed: int = 0) -> Design:
    """Make patients whose genes are mutated in 2 to 6 %, a few in more; on a panel a third of genes is read."""
    rng = np.random.default_rng(seed)
    often = rng.uniform(0.02, 0.06, GENES)
    often[:20] = rng.uniform(0.2, 0.5, 20)
    X = (rng.random((PATIENTS, GENES)) < often).astype(np.float32)
    chance = expit(-2.3 + 1.2 * X[:, 0] + X[:, 1] - X[:, 2] + 0.8 * X[:, 30:60].sum(axis=1))
    y = (rng.random(PATIENTS) < chance).astype(np.int8)
    X[np.ix_(rng.random(PATIENTS) < panel, rng.random(GENES) < 2 / 3)] = np.nan
    names = tuple(f"P{i:03d}" for i in range(PATIENTS))
    genes = tuple(Feature(f"G{j:04d}", "gene", "gene") for j in range(GENES))
    return Design(patients=names, features=genes, X=X, response=y, groups=np.array(names))


def ours(design: Design, plan: SplitPlan, model: CatalogueModel, tuning: Tuning, turn: Any) -> tuple[Any, Any]:
    train, out = plan.split(*turn)
    fitted = tune_models(design, train, [model], tuning, turn)[model.name].model
    return fitted.probability(design.X[out]), dict(fitted.candidate)


def plain(
    design: Design, plan: SplitPlan, model: CatalogueModel, tuning: Tuning, turn: Any, case: Case
) -> tuple[Any, Any]:
    train, out = plan.split(*turn)
    inner = inner_folds(design, train, tuning, turn)
    splits = [(np.flatnonzero(inner != k), np.flatnonzero(inner == k)) for k in range(tuning.inner_folds)]
    learner = LEARNERS[model.learner]
    preparation = Preparation(("gene",) * GENES, min_carriers=tuning.min_carriers, complete=learner.complete)
    search = GridSearchCV(
        Pipeline([
            ("prepare", preparation),
            ("model", case.plain(named_seed(tuning.seed, turn, model.name), case.balanced)),
        ]),
        [{f"model__{case.names[k]}": [v] for k, v in c.items()} for c in learner.grid],
        scoring=scorer(design.response[train], balanced=case.balanced), cv=splits, n_jobs=1,
    ).fit(design.X[train], design.response[train])  # fmt: skip
    candidate = {k: search.best_params_[f"model__{name}"] for k, name in case.names.items()}
    return probability_of(search.best_estimator_, design.X[out]), candidate


def scorer(y: Any, *, balanced: bool) -> Any:
    """Return what candidates are picked by: log loss, of both classes alike where the fits weigh them alike."""
    share = y.mean()
    of_class = np.array([1 / (2 * (1 - share)), 1 / (2 * share)]) if balanced else np.ones(2)

    def score(pipeline: Pipeline, X: Any, left: Any) -> float:
        return -float(np.mean(of_class[left] * log_losses(left, probability_of(pipeline, X))))

    return score


def probability_of(pipeline: Pipeline, X: Any) -> Any:
    last = pipeline[-1]
    if isinstance(last, XGBClassifier):  # whose own probabilities are float32
        margin = last.predict(pipeline[:-1].transform(X), output_margin=True)
        return expit(np.asarray(margin, dtype=np.float64))
    return pipeline.predict_proba(X)[:, 1]


class Outcome(NamedTuple):
    """Processor seconds of the two sides, the largest difference, and in how many folds they chose alike."""

    ours: float
    plain: float
    difference: float
    agreed: int


def measure(case: Case, turns: int, inner: int) -> Outcome:
    design = made_up_design(case.panel)
    plan = plan_splits(design.patients, design.response, design.groups, repeats=10, folds=5, seed=0)
    model = CatalogueModel(f"{case.learner}:genes", case.learner, "genes")
    tuning = Tuning(inner, min_carriers=case.min_carriers, balanced=case.balanced)
    spent, difference, agreed = [0.0, 0.0], 0.0, 0
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sides = (
            lambda turn: ours(design, plan, model, tuning, turn),
            lambda turn: plain(design, plan, model, tuning, turn, case),
        )
        # Whatever is imported or noted down at the first call is not measured.
        ours(design, plan, model, replace(tuning, inner_folds=2), plan.turns[0])
        plain(design, plan, model, replace(tuning, inner_folds=2), plan.turns[0], case)
        for turn in plan.turns[:turns]:
            results = []
            for side, run in enumerate(sides):
                started = time.process_time()
                results.append(run(turn))
                spent[side] += time.process_time() - started
            difference = max(difference, float(np.abs(results[0][0] - results[1][0]).max()))
            agreed += results[0][1] == results[1][1]
    return Outcome(*spent, difference, agreed)


def show(cases: Sequence[Case], file: str) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=3, help="outer folds of 50 that are run")
    parser.add_argument("--inner", type=int, default=5, help="inner folds")
    given = parser.parse_args()
    print(f"# {', '.join(dict.fromkeys(c.label.split(',')[0] for c in cases))} beside plain scikit-learn\n")
    print(
        f"{PATIENTS} patients x {GENES:,} genes, {given.turns} of 50 outer folds, {given.inner} inner folds, "
        f"one thread; {datetime.date.today()}, {os.cpu_count()} cores, {versions()}; "
        f"`python benchmarks/{file} --turns {given.turns} --inner {given.inner}`\n"
    )
    print("| model | candidates | ours, s | plain, s | ratio | wanted | largest difference | same candidate |")
    print("|---|---|---|---|---|---|---|---|")
    for case in cases:
        if case.grid:
            LEARNERS[case.learner] = replace(LEARNERS[case.learner], grid=case.grid)
        found = measure(case, given.turns, given.inner)
        print(
            f"| {case.label} | {len(LEARNERS[case.learner].grid)} | {found.ours:.2f} | {found.plain:.2f} "
            f"| {found.plain / found.ours:.1f} | {case.wanted:g} | {found.difference:.1g} "
            f"| {found.agreed} of {given.turns} |",
            flush=True,
        )


def versions() -> str:
    found = [f"Python {platform.python_version()}"]
    for name in ("numpy", "scikit-learn", "xgboost-cpu", "xgboost"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


if __name__ == "__main__":
    show(CASES, "tree_models.py")
