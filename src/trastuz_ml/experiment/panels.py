"""Panels by chance, of a run: how many genes tell responders apart, and the smallest panel that does as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from trastuz_ml.errors import ConfigurationError, EvidenceError
from trastuz_ml.experiment.chance import strata_of
from trastuz_ml.experiment.saved import plan_of, tuning_of_run
from trastuz_ml.experiment.stages import BY_CHANCE, VALIDATING, Progress
from trastuz_ml.explain.genes_by_chance import (
    against_chance,
    chance_caveats,
    every_arrangement_taken,
    genes_by_chance,
    telling_genes,
    words_of,
)
from trastuz_ml.explain.panel import panel_table
from trastuz_ml.explain.panel_words import panel_sentences
from trastuz_ml.features.matrix import GeneMatrix
from trastuz_ml.learn.design import Design, Feature
from trastuz_ml.learn.engine import Engine
from trastuz_ml.schema import GENE, PANELS, empty
from trastuz_ml.store.run_folder import Run

TIMES = 999


@dataclass(frozen=True, eq=False)
class Panels:
    """What was found.

    Attributes
    ----------
    by_chance : pandas.DataFrame
        :data:`trastuz_ml.schema.GENES_BY_CHANCE`, the counts under every permutation, for a histogram.
    against_chance : pandas.DataFrame
        :data:`trastuz_ml.schema.GENES_AGAINST_CHANCE`, a row for each strictness.
    telling : mapping of str to tuple of str
        The genes that count in the observed data, by the words of each strictness; most carriers first.
    panels : pandas.DataFrame
        :data:`trastuz_ml.schema.PANELS`; without rows where they were not asked for, or cannot be had.
    sentences : tuple of str
        What all this says.
    """

    by_chance: pd.DataFrame
    against_chance: pd.DataFrame
    telling: Mapping[str, tuple[str, ...]]
    panels: pd.DataFrame
    sentences: tuple[str, ...]


def panels_of_run(
    run: Run,
    *,
    strictness: Sequence[str] = (),
    times: int | None = None,
    validation: bool = True,
    workers: int | Engine = 1,
    progress: Progress | None = None,
) -> Panels:
    """Count genes against shuffled responses, and validate panels of leading genes, on what a run keeps.

    Parameters
    ----------
    run : Run
        A finished run.
    strictness : sequence of str
        Short names or words of :data:`trastuz_ml.explain.genes_by_chance.STRICTNESSES`; all when empty.
    times : int, optional
        Permutations; those of the experiment (``genes: permutations:``) when absent.
    validation : bool
        Whether panels are validated, which refits models in every fold.
    workers : int or Engine
        Processes for the folds, or where else; the result does not depend on it.
    progress : callable, optional
        Called with (what is being done, steps done, steps in all).

    Raises
    ------
    ConfigurationError
        If nobody was sequenced, or there is no such strictness.
    EvidenceError
        If all patients have one response.
    """
    asked = words_of(strictness)
    if not run.matrix.genes:
        raise ConfigurationError(f"Nobody was sequenced in the run {run.name}: there are no genes to count.")
    within, seed = _within(run), int(_section(run, "validation").get("seed", 0))
    tell = progress or (lambda *_: None)
    tell(BY_CHANCE, 0, 1)
    if times is None:
        times = int(_section(run, "genes").get("permutations", TIMES))
    counted = genes_by_chance_of(run.matrix, run.patients, within=within, times=times, seed=seed)
    counted = counted[counted["strictness"].isin(asked)].reset_index(drop=True)
    found = against_chance(counted, exact=_exact(run, within, times))
    design = _genes_alone(run)
    telling = telling_genes(design.X, design.response)
    names = {words: tuple(run.matrix.genes[j] for j in telling[words]) for words in asked}
    table, said = _validated(run, workers, tell) if validation else (empty(PANELS), [])
    return Panels(counted, found, names, table, (*found["sentence"], *chance_caveats(found), *said))


def genes_by_chance_of(
    matrix: GeneMatrix, patients: pd.DataFrame, *, within: Sequence[str], times: int, seed: int
) -> pd.DataFrame:
    """Count genes against responses that are permuted within covariates and assays, whole groups together.

    Parameters
    ----------
    matrix : GeneMatrix
        Who carries what.
    patients : pandas.DataFrame
        A row a patient: ``patient``, ``response`` (0 or 1), ``group``, ``assay`` and the covariates.
    within : sequence of str
        Covariates within whose levels responses change places; the assay is always one of them, because genes
        that an assay does not cover would else come and go with the response.
    times, seed : int
        How often, and where random numbers start.

    Returns
    -------
    pandas.DataFrame
        :data:`trastuz_ml.schema.GENES_BY_CHANCE`.
    """
    rows = _in_order(patients, matrix)
    return genes_by_chance(
        matrix.dense(), rows["response"].to_numpy(dtype="int8"),
        strata=strata_of(rows, [*within, "assay"]), groups=rows["group"].to_numpy(dtype=str),
        times=times, seed=seed,
    )  # fmt: skip


def _exact(run: Run, within: Sequence[str], times: int) -> bool:
    rows = _in_order(run.patients, run.matrix)
    return every_arrangement_taken(
        rows["response"].to_numpy(dtype="int8"), strata=strata_of(rows, [*within, "assay"]),
        groups=rows["group"].to_numpy(dtype=str), times=times,
    )  # fmt: skip


def _genes_alone(run: Run) -> Design:
    """Return the design of a run without its covariates: panels are of genes."""
    rows = _in_order(run.patients, run.matrix)
    features = tuple(Feature(gene, GENE, "gene") for gene in run.matrix.genes)
    response, groups = rows["response"].to_numpy(dtype="int8"), rows["group"].to_numpy(dtype=str)
    return Design(run.matrix.patients, features, run.matrix.dense(), response, groups)


def _in_order(patients: pd.DataFrame, matrix: GeneMatrix) -> pd.DataFrame:
    return patients.set_index("patient").loc[list(matrix.patients)]


def _section(run: Run, name: str) -> Mapping[str, Any]:
    section = run.configuration.get(name)
    return section if isinstance(section, Mapping) else {}


def _within(run: Run) -> list[str]:
    within = _section(run, "permutation").get("within", ())
    return [str(name) for name in within] if isinstance(within, list | tuple) else []


def _validated(run: Run, workers: int | Engine, progress: Progress) -> tuple[pd.DataFrame, list[str]]:
    """Return the table of panels and what it says; where no panel can be had, why."""
    plan, tuning = plan_of(run), tuning_of_run(run)
    progress(VALIDATING, 0, len(plan.turns))
    try:
        table = panel_table(
            _genes_alone(run), plan, tuning, workers=workers,
            progress=lambda done, total: progress(VALIDATING, done, total),
        )  # fmt: skip
    except EvidenceError as error:
        return empty(PANELS), [str(error)]
    return table, panel_sentences(table)
