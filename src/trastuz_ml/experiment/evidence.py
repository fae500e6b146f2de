"""What is found out besides the scores: chance, optimism, the learning curve, the influence of each patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.experiment.chance import permutations_of
from trastuz_ml.experiment.configuration import Experiment
from trastuz_ml.experiment.splits import shape_of
from trastuz_ml.experiment.stages import CURVE, LEAVING_OUT, OPTIMISM, Progress
from trastuz_ml.experiment.unfinished import Unfinished
from trastuz_ml.explain.influence import influence_table
from trastuz_ml.learn.catalogue import CHOSEN, CatalogueModel, catalogue_model
from trastuz_ml.learn.design import Design
from trastuz_ml.learn.engine import Engine
from trastuz_ml.learn.folds import SplitPlan
from trastuz_ml.learn.learning_curve import learning_curve
from trastuz_ml.learn.optimism import optimism_ledger
from trastuz_ml.learn.permutation import RESPONSES
from trastuz_ml.learn.tuning import Tuned, Tuning
from trastuz_ml.schema import INFLUENCE, LEARNING_CURVE, empty


@dataclass(frozen=True, eq=False)
class Procedure:
    """The whole procedure that is judged: which patients, which folds, which models, how they are tuned."""

    design: Design
    plan: SplitPlan
    models: Sequence[CatalogueModel]
    tuning: Tuning
    engine: Engine


def further_evidence(
    experiment: Experiment,
    cohort: Cohort,
    procedure: Procedure,
    fitted: Mapping[str, Tuned],
    exported: str,
    tables: Mapping[str, pd.DataFrame],
    progress: Progress,
    kept: Unfinished,
) -> dict[str, pd.DataFrame]:
    """Return the tables that an experiment asks for beyond validation, by their names in a run.

    Parameters
    ----------
    experiment, cohort
        What is asked, and the patients.
    procedure : Procedure
        As validated.
    fitted : mapping of str to Tuned
        Every model, fitted on everybody.
    exported : str
        The model that is stored.
    tables : mapping of str to pandas.DataFrame
        ``out_of_fold`` and ``scores``.
    progress : callable
        Called with (what is being done, steps done, steps in all).
    kept : Unfinished
        What was finished before, and where to keep what is finished now.
    """
    design, plan, tuning, engine = procedure.design, procedure.plan, procedure.tuning, procedure.engine
    permuted, chance = permutations_of(
        experiment, cohort, design, procedure.models, tuning, workers=engine, progress=progress,
        finished=kept.permutations, keep=kept.keep_permutation,
    )  # fmt: skip
    null = permuted[
        (permuted["permuted"] == RESPONSES) & (permuted["model"] == CHOSEN) & (permuted["number"] > 0)
    ]["statistic"]
    curve = _learning_curve(experiment, procedure, progress, kept)
    progress(OPTIMISM, 0, 1)
    ledger = optimism_ledger(
        design, plan, fitted, tuning, tables["scores"], null.to_numpy() if len(null) else None
    )
    if experiment.validation.influence:
        progress(LEAVING_OUT, 0, len(design.patients))
    return {
        "permuted": permuted,
        "chance": chance,
        "learning_curve": curve,
        "optimism": ledger,
        "influence": influence_table(
            design, fitted, tuning, tables["out_of_fold"], exported, workers=engine,
            progress=lambda done, total: progress(LEAVING_OUT, done, total),
        ) if experiment.validation.influence else empty(INFLUENCE),
    }  # fmt: skip


def _learning_curve(
    experiment: Experiment, procedure: Procedure, progress: Progress, kept: Unfinished
) -> pd.DataFrame:
    asked, design = experiment.learning_curve, procedure.design
    if not asked.shares:
        return empty(LEARNING_CURVE)
    shape = replace(shape_of(experiment, len(design.patients))[0], repeats=asked.repeats)
    plan = shape.plan(design.patients, design.response, design.groups)
    progress(CURVE, len(kept.steps), len(plan.turns) * len(set(asked.shares)))
    return learning_curve(
        design, plan,
        [catalogue_model(name) for name in asked.models] or list(procedure.models), procedure.tuning, asked.shares,
        workers=procedure.engine, progress=lambda done, total: progress(CURVE, done, total),
        finished=kept.steps, keep=kept.keep_step,
    )  # fmt: skip
