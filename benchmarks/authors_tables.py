"""The TransNEO authors' tables: what DNA adds to the clinic, in their training and in 75 external patients.

Every model is fitted on the whole training table and applied to the external patients once; nothing is chosen
there. The page is Markdown.
"""

from __future__ import annotations

import argparse
import datetime
import os
import shlex
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.cohort.patients import read_roster
from trastuz_ml.experiment.configuration import Experiment
from trastuz_ml.experiment.cores import available_cores
from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.experiment.train import train, tuning_of
from trastuz_ml.features.encoding import build_gene_matrix
from trastuz_ml.learn.catalogue import CHOSEN
from trastuz_ml.learn.design import Feature, align_design
from trastuz_ml.learn.validation import fit_on_all
from trastuz_ml.stats.auc_intervals import delong_within_folds
from trastuz_ml.stats.comparison import delong_difference
from trastuz_ml.stats.discrimination import auc
from trastuz_ml.stats.intervals import Interval, newcombe_auc
from trastuz_ml.stats.size import hanley_mcneil_error

PROJECT = Path(__file__).resolve().parents[1]
TABLES = ("training_df.csv", "testing_her2neg_df.csv", "testing_her2pos_df.csv")
# Pairs of arms that differ by the DNA features alone: without, with.
PAIRS = {
    "seven clinical covariates": ("transneo_authors_clinical", "transneo_authors_dna"),
    "and ER Allred in both arms": ("transneo_authors_clinical_allred", "transneo_authors_dna_allred"),
}
ARMS = ("clinical", "clinical + DNA")
# What is known of these patients from elsewhere: arm, where it comes from, five-fold AUROC, external AUROC.
REFERENCES = (
    ("clinical", "authors' released outputs", "0.76 to 0.78", ""),
    ("clinical + DNA", "authors' released outputs", "0.78 to 0.80", ""),
    ("clinical, DNA, RNA, pathology, treatment", "published, integrated model", "0.83 to 0.88", "0.87"),
    ("clinical", "untuned average of logistic, SVC and forest", "", "0.74"),
    ("clinical + DNA", "the same average", "", "0.80 to 0.81"),
    ("clinical, with ER Allred", "the same average", "", "0.82"),
    ("clinical + DNA, with ER Allred", "the same average", "", "0.85"),
)

Probabilities = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Arm:
    """What one experiment gave.

    Attributes
    ----------
    internal : pandas.DataFrame
        AUROC of each model in nested cross-validation, by model.
    picked : str
        The model that the inner folds pick on the whole training table.
    external : mapping
        Probabilities of the external patients by model, in the order of ``response``.
    response : array of 0 and 1
        Their responses.
    plan : str
        Fingerprint of the folds.
    seconds : float
        Time of training.
    """

    internal: pd.DataFrame
    picked: str
    external: Mapping[str, Probabilities]
    response: npt.NDArray[np.int8]
    plan: str
    seconds: float


def main() -> None:
    """Print the page."""
    warnings.simplefilter("error")
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repeats", type=int, help="instead of those of the experiments, for a quick look")
    options.add_argument("--workers", type=int, default=available_cores())
    chosen = options.parse_args()
    absent = [name for name in TABLES if not (data_of(next(iter(PAIRS.values()))[0]) / name).is_file()]
    if absent:
        sys.exit(f"Skipped: {', '.join(absent)} of Sammut et al. 2022 (TransNEO) not beside the project.")
    print("# The TransNEO authors' tables\n")
    command = shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    print(f"`{command}`, {datetime.date.today()}, {os.cpu_count()} cores, {chosen.workers} workers.\n")
    for pair, names in PAIRS.items():
        arms = [arm_of(name, chosen.workers, chosen.repeats) for name in names]
        print("\n".join(pair_page(pair, names, arms)))
    print("\n".join(reference_page()))


def data_of(name: str) -> Path:
    """Return the folder that an experiment reads."""
    return Path(read_experiment(PROJECT / "experiments" / f"{name}.yaml").data)


def arm_of(name: str, workers: int, repeats: int | None = None) -> Arm:
    """Validate an experiment's models, fit them on all its patients, and apply them to the external patients."""
    experiment = read_experiment(PROJECT / "experiments" / f"{name}.yaml")
    if repeats is not None:
        plan = experiment.validation.model_copy(update={"repeats": repeats})
        experiment = experiment.model_copy(update={"validation": plan})
    begun = time.perf_counter()
    trained = train(experiment, workers=workers)
    seconds = time.perf_counter() - begun
    fits, picked = fit_on_all(trained.design, experiment.catalogue(), tuning_of(experiment), workers=workers)
    X, response = external_patients(experiment, trained.design.features)
    scores = trained.run.scores
    internal = scores[scores["score"] == "AUROC"].set_index("model")
    external = {model: fit.model.probability(X) for model, fit in fits.items()}
    fingerprint = trained.run.provenance["plan"]["fingerprint"]
    return Arm(internal, picked, {CHOSEN: external[picked], **external}, response, fingerprint, seconds)


def external_patients(
    experiment: Experiment, features: Sequence[Feature]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int8]]:
    """Return the external patients in the columns of the training table, and their responses."""
    rosters = [read_roster(Path(experiment.data, name), experiment.roster.plan())[0] for name in TABLES[1:]]
    cohort = Cohort.of_roster(pd.concat(rosters).sort_index(), covariates=experiment.roster.covariate_list())
    matrix, _ = build_gene_matrix(cohort)
    design = align_design(cohort, matrix, features)
    return design.X, design.response


def pair_page(pair: str, names: Sequence[str], arms: Sequence[Arm]) -> Iterator[str]:
    """Yield the lines about two arms."""
    if arms[0].plan != arms[1].plan or not np.array_equal(arms[0].response, arms[1].response):
        raise SystemExit(f"The arms of '{pair}' have other folds or patients: they cannot be compared.")
    response = arms[0].response
    yield f"## {pair[0].upper()}{pair[1:]}\n"
    yield (
        f"`experiments/{names[0]}.yaml` and `experiments/{names[1]}.yaml`, {arms[0].seconds:.0f} s and "
        f"{arms[1].seconds:.0f} s. External: {len(response)} patients, {int(response.sum())} with pCR. On the "
        f"whole training table the inner folds pick {arms[0].picked} without and {arms[1].picked} with DNA.\n"
    )
    head = ("model", "arm", "internal AUROC", "external AUROC", "DeLong", "Newcombe", "Hanley-McNeil error")
    both = list(zip(ARMS, arms, strict=True))
    yield from table(head, [model_line(model, *arm) for model in arms[0].external for arm in both])
    yield "\nWhat DNA adds in the external patients, model by model:\n"
    lines = [gain_line(model, *arms) for model in arms[0].external]
    yield from table(("model", "difference", "95 % interval (DeLong, paired)", "p"), lines)
    yield ""


def gain_line(model: str, without: Arm, with_dna: Arm) -> tuple[object, ...]:
    """Return what the DNA adds to a model in the external patients."""
    y = without.response
    found = delong_difference(y, with_dna.external[model], without.external[model], same(y))
    return model, f"{found.difference:+.3f}", ends(found.interval, signed=True), f"{found.p:.2f}"


def model_line(model: str, name: str, arm: Arm) -> tuple[object, ...]:
    """Return one row of the scores: a model in an arm."""
    internal, y, score = arm.internal.loc[model], arm.response, arm.external[model]
    area, responders = auc(y, score), int(y.sum())
    within = Interval(internal["low"], internal["high"], internal["interval"])
    return (
        model, name, f"{internal['estimate']:.3f} ({ends(within)})", f"{area:.3f}",
        ends(delong_within_folds(y, score, same(y))), ends(newcombe_auc(area, responders, len(y) - responders)),
        f"{hanley_mcneil_error(area, responders, len(y) - responders):.3f}",
    )  # fmt: skip


def same(response: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
    """Return one fold for all: new patients are not divided."""
    return np.zeros(len(response), dtype=np.int64)


def ends(interval: Interval, *, signed: bool = False) -> str:
    """Return the two ends of an interval."""
    if np.isnan(interval.low):
        return "none"
    sign = "+" if signed else ""
    return f"{interval.low:{sign}.2f} to {interval.high:{sign}.2f}"


def reference_page() -> Iterator[str]:
    """Yield what others, and simpler ways, reached."""
    yield "## Beside\n"
    yield (
        "Figures of Sammut et al. 2022 and of their released outputs, and of averages that were fitted to the "
        "same tables without tuning. With 19 responders among 75 patients the standard error of an external AUROC "
        f"is {hanley_mcneil_error(0.87, 19, 56):.3f} at 0.87 and {hanley_mcneil_error(0.74, 19, 56):.3f} at 0.74 "
        "(Hanley and McNeil 1982).\n"
    )
    yield from table(("arm", "what", "five-fold AUROC", "external AUROC"), REFERENCES)


def table(head: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> Iterator[str]:
    """Yield a Markdown table."""
    for row in (head, ("---",) * len(head), *rows):
        yield "| " + " | ".join(map(str, row)) + " |"


if __name__ == "__main__":
    main()
