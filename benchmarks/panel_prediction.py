"""How far a prediction is from that of the full exome when a panel lacks half of the model's genes.

Models are trained on four fifths of a cohort and predict the left-out patients twice: as the exome has them, and
as a panel would that lacks half of the model's genes. What the panel did not see is then handled in several ways,
and each is compared with what the same model predicts for the same patient from the full exome. Splits and panels
are new in every repeat; a patient counts once a repeat.

random half    the panel lacks a random half of the model's genes
heavy half     it lacks those genes that together weigh most: the worst panel of that size
frequent kept  it keeps the half that training patients carry most often, as panels are made
one covariate  a random half, and a random covariate of each patient is not known either
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.experiment.read import features_of
from trastuz_ml.explain.weights import weights_of
from trastuz_ml.learn.catalogue import catalogue_model
from trastuz_ml.learn.design import Design, make_design
from trastuz_ml.learn.fitted import FittedModel
from trastuz_ml.learn.known_truth import Population
from trastuz_ml.learn.training_summary import TrainingSummary, summary_of
from trastuz_ml.learn.tuning import Tuning, tune_models
from trastuz_ml.prediction.unmeasured import (
    ends_of_interval,
    interval_over_unmeasured,
    training_rows,
    weight_measured,
)
from trastuz_ml.schema import BURDEN, COVARIATE, GENE

PROJECT = Path(__file__).resolve().parents[1]
DATA = PROJECT.parent / "shared" / "data" / "transneo"
LINEAR = ("l2-logistic:genes", "l2-logistic:both")
# A panel does not tell the burden of an exome either.
BURDENED = ("l2-logistic:genes+burden",)
TREES = ("random-forest:both", "xgboost:both")
PANELS = ("random half", "heavy half", "frequent kept", "one covariate")
# Draws of each gene by itself, for the rival.
DRAWS = 400
ABSTAIN_BELOW = 0.5


def transneo() -> Design:
    """Return the published cohort, as experiments/transneo.yaml reads it."""
    cohort, matrix, _ = features_of(read_experiment(PROJECT / "experiments" / "transneo.yaml"), workers=1)
    return make_design(cohort, matrix)


def simulated() -> Design:
    """Return invented patients like them: the paces at which genes are mutated differ as much as burdens do."""
    population = Population(
        genes=3000, telling=12, gene_effect=0.9, covariate_effect=0.5, burden_spread=0.7, burden_effect=0.4
    )
    return population.draw(168, seed=1)


def studied(design: Design, models: tuple[str, ...], repeats: int, jobs: int) -> pd.DataFrame:
    """Return one row a model, panel, repeat and left-out patient."""
    pieces = [
        (repeat, fold, train, test)
        for repeat in range(repeats)
        for fold, (train, test) in enumerate(
            StratifiedKFold(5, shuffle=True, random_state=repeat).split(design.X, design.response)
        )
    ]
    tables = Parallel(n_jobs=jobs)(delayed(one_split)(design, models, *piece) for piece in pieces)
    return pd.concat(tables, ignore_index=True)


def one_split(design: Design, models: tuple[str, ...], repeat: int, fold: int, train, test) -> pd.DataFrame:
    """Train on some patients, and compare the predictions of the others."""
    with threadpool_limits(1):
        tuned = tune_models(
            design, train, [catalogue_model(name) for name in models], Tuning(seed=2019), (repeat, fold)
        )
        rows = []
        for name in models:
            rng = np.random.default_rng([repeat, fold])
            rows += [
                table.assign(model=name, panel=panel, repeat=repeat, fold=fold, patient=test)
                for panel, table in on_panels(design, tuned[name].model, train, test, rng)
            ]
    return pd.concat(rows, ignore_index=True)


def on_panels(design: Design, model: FittedModel, train, test, rng) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield, for each panel, the left-out patients' predictions."""
    used = np.unique(model.sources())
    genes = used[design.blocks[used] == GENE]
    weights = weights_of(model, design.X[train])
    often = np.nansum(design.X[np.ix_(train, genes)] > 0, axis=0)
    half = len(genes) // 2
    lacking_of = {
        "random half": np.sort(rng.choice(genes, half, replace=False)),
        "heavy half": np.sort(genes[np.argsort(-weights[genes], kind="stable")[:half]]),
        "frequent kept": np.sort(genes[np.argsort(often, kind="stable")[:half]]),
    }
    full = design.X[test]
    truth = model.probability(full)
    burden, covariates = (used[design.blocks[used] == block] for block in (BURDEN, COVARIATE))
    if len(covariates):
        lacking_of["one covariate"] = lacking_of["random half"]
    vectors = design.X[np.ix_(train, genes)]
    drawn = training_rows([design.features[j] for j in used], vectors, counted(design, train, used))
    for panel, lacking in lacking_of.items():
        X = full.copy()
        X[:, lacking] = np.nan
        X[:, burden] = np.nan
        if panel == "one covariate":
            X[np.arange(len(X)), rng.choice(covariates, len(X))] = np.nan
        ends = interval_over_unmeasured(model, X, used, drawn, model.probability(X))
        yield panel, compared(model, X, truth, genes, lacking, vectors, weights, rng, ends)


def counted(design: Design, train, used) -> TrainingSummary:
    """Return the counts that a stored model would keep of its training patients."""
    own = replace(design, patients=tuple(design.patients[i] for i in train), X=design.X[train],
                  response=design.response[train], groups=design.groups[train])  # fmt: skip
    calls = np.expm1(own.X[:, design.blocks == BURDEN][:, 0])
    return summary_of(own, [design.features[j] for j in used], pd.DataFrame({"assay": "exome", "burden": calls}))


def compared(model, X, truth, genes, lacking, vectors, weights, rng, ends) -> pd.DataFrame:
    """Return what each way of handling the gaps makes of them."""
    own = model.probability(X)
    low, high = ends
    missing = np.isin(genes, lacking)
    whole = filled(model, X, lacking, vectors[:, missing])
    each = (rng.random((DRAWS, missing.sum())) < np.nanmean(vectors[:, missing] > 0, axis=0)).astype(np.float32)
    alone = filled(model, X, lacking, each)
    intact = X.copy()
    intact[:, lacking] = 0.0
    lowest, highest = ends_of_interval(DRAWS)
    alone_sorted = np.sort(alone, axis=1)
    return pd.DataFrame(
        {
            "truth": truth, "own": own, "low": low, "high": high,
            "mean_of_whole": whole.mean(axis=1), "median_of_whole": np.median(whole, axis=1),
            "mean_of_alone": alone.mean(axis=1),
            "intact": model.probability(intact),
            "alone_low": alone_sorted[:, lowest], "alone_high": alone_sorted[:, highest],
            "weight": weight_measured(X, weights), "genes": len(genes),
        }
    )  # fmt: skip


def filled(model: FittedModel, X, lacking, fillings) -> np.ndarray:
    """Return predictions with each filling in the gaps, shape (n_patients, n_fillings)."""
    predictions = np.empty((len(X), len(fillings)))
    for row, patient in enumerate(X):
        rows = np.repeat(patient[None], len(fillings), axis=0)
        rows[:, lacking] = fillings
        predictions[row] = model.probability(rows)
    return predictions


def mean_and_error(table: pd.DataFrame, values: pd.Series) -> tuple[float, float]:
    """Return the mean over patients, and its standard error over repeats and patients, the larger one."""
    by_patient, by_repeat = (values.groupby(table[name]).mean() for name in ("patient", "repeat"))
    errors = [group.std(ddof=1) / np.sqrt(len(group)) for group in (by_patient, by_repeat)]
    return float(values.mean()), float(np.nanmax(errors))


def print_tables(found: pd.DataFrame) -> None:
    """Print what was found, a table for the intervals and one for the errors."""
    print(
        "\n| model | panel | genes | weight measured | whole vectors hold it | of those not abstained | "
        "each gene alone holds it | width | width, each alone | abstained |"
    )
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for model, panel, some in groups(found):
        inside = ((some["low"] <= some["truth"]) & (some["truth"] <= some["high"])).astype(float)
        alone = ((some["alone_low"] <= some["truth"]) & (some["truth"] <= some["alone_high"])).astype(float)
        kept = some["weight"] >= ABSTAIN_BELOW
        share, error = mean_and_error(some, inside)
        of_kept = f"{100 * inside[kept].mean():.1f} %" if kept.any() else "–"
        print(
            f"| {model} | {panel} | {some['genes'].median():.0f} | {100 * some['weight'].mean():.0f} % | "
            f"{100 * share:.1f} ± {100 * error:.1f} % | {of_kept} | {100 * alone.mean():.1f} % | "
            f"{(some['high'] - some['low']).mean():.3f} | {(some['alone_high'] - some['alone_low']).mean():.3f} | "
            f"{100 * (~kept).mean():.0f} % |"
        )
    ways = {
        "the model's own (reported)": "own", "mean over whole vectors": "mean_of_whole",
        "median over whole vectors": "median_of_whole", "mean, each gene alone": "mean_of_alone",
        "unmeasured = intact": "intact",
    }  # fmt: skip
    print("\nDifference from the full exome's probability: mean absolute (95 % quantile of it; mean signed)\n")
    print("| model | panel | " + " | ".join(ways) + " | intervals widened |")
    print("|---|---|" + "---:|" * (len(ways) + 1))
    for model, panel, some in groups(found):
        cells = [difference(some[column] - some["truth"]) for column in ways.values()]
        at_end = ((some["own"] == some["low"]) != (some["own"] == some["high"])).mean()
        print(f"| {model} | {panel} | " + " | ".join(cells) + f" | {100 * at_end:.1f} % |")


def difference(apart: pd.Series) -> str:
    """Return how far predictions are apart, in words of a cell."""
    size = apart.abs()
    return f"{size.mean():.3f} ({size.quantile(0.95):.3f}; {apart.mean():+.3f})".replace("-", "−")


def groups(found: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield the rows of each model and panel, in the order of the study."""
    for model in dict.fromkeys(found["model"]):
        for panel in PANELS:
            some = found[(found["model"] == model) & (found["panel"] == panel)]
            if len(some):
                yield model, panel, some


def main() -> None:
    """Print the tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20, help="of the linear models")
    parser.add_argument("--tree-repeats", type=int, default=2)
    parser.add_argument("--burden-repeats", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", choices=("simulated", "transneo"))
    given = parser.parse_args()
    print(f"{datetime.date.today()}, {os.cpu_count()} cores, Python {sys.version.split()[0]};")
    print(f"`{' '.join(['python benchmarks/panel_prediction.py', *sys.argv[1:]])}`")
    cohorts: dict[str, Callable[[], Design]] = {"simulated": simulated, "transneo": transneo}
    for name, drawn in cohorts.items():
        if given.only not in (None, name):
            continue
        if name == "transneo" and not DATA.is_dir():
            print(f"\n## {name}\n\nNot present, and left out.")
            continue
        design = drawn()
        print(f"\n## {name}: {len(design.patients)} patients, {int(design.response.sum())} responding")
        parts = ((LINEAR, given.repeats), (TREES, given.tree_repeats), (BURDENED, given.burden_repeats))
        for models, repeats in parts:
            if repeats:
                begun = time.perf_counter()
                print_tables(studied(design, models, repeats, given.jobs))
                print(f"\n{repeats} repeats of 5 splits, {time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
