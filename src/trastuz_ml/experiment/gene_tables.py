"""What a run says of genes beyond predictions: association, contributions, silencing, genes by chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from trastuz_ml.calls.genes.names import reconcile_names
from trastuz_ml.calls.genes.symbols import read_symbol_table
from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.errors import ConfigurationError
from trastuz_ml.experiment.configuration import Experiment
from trastuz_ml.experiment.evidence import Procedure
from trastuz_ml.experiment.panels import genes_by_chance_of
from trastuz_ml.experiment.read import gene_sets_of, reading_of
from trastuz_ml.experiment.stages import BY_CHANCE, CONTRIBUTIONS, SILENCING, TESTING, Progress
from trastuz_ml.explain.association import association_table
from trastuz_ml.explain.contribution_tables import contribution_tables, explained_table
from trastuz_ml.explain.silencing import silence, silenced_table, why_not_silenced
from trastuz_ml.explain.stability import agreement_table, set_table
from trastuz_ml.features.gene_lengths import read_gene_lengths
from trastuz_ml.features.gene_sets import members_of, read_gene_sets
from trastuz_ml.features.matrix import GeneMatrix
from trastuz_ml.features.shipped_sets import shipped_sets
from trastuz_ml.learn.refitting import Validated
from trastuz_ml.learn.validation import Validation
from trastuz_ml.schema import ASSOCIATIONS, BURDEN, GENE, GENES_BY_CHANCE, SILENCED, empty


def gene_tables(
    experiment: Experiment,
    cohort: Cohort,
    matrix: GeneMatrix,
    procedure: Procedure,
    validation: Validation,
    progress: Progress,
) -> dict[str, pd.DataFrame]:
    """Return the tables of a run that speak of genes, by their names in it.

    Parameters
    ----------
    experiment, cohort, matrix
        What is asked, the patients, and their genes.
    procedure : Procedure
        As validated.
    validation : Validation
        What it found, with explanations of the left-out rows.
    progress : callable
        Called with (what is being done, steps done, steps in all).
    """
    design = procedure.design
    progress(CONTRIBUTIONS, 0, 1)
    by_patient, by_feature = contribution_tables(validation.inspected, design, experiment.watch)
    tables = {
        "contributions": by_patient,
        "explained": explained_table(validation.inspected, design.patients),
        "gene_contributions": by_feature,
        "agreement": agreement_table(by_feature),
        "set_contributions": set_table(validation.inspected, design, sets_to_add_up(experiment)),
        "associations": empty(ASSOCIATIONS),
        "genes_by_chance": empty(GENES_BY_CHANCE),
        "silenced": empty(SILENCED),
    }
    if not matrix.genes:
        return tables
    progress(TESTING, 0, 1)
    tables["associations"] = association_table(
        matrix.genes, matrix.dense(), design.response, watched=experiment.watch, groups=design.groups,
        confounders=_confounders(experiment, cohort, procedure),
        lengths=gene_lengths_of(experiment, matrix.genes),
        seed=experiment.validation.seed,
    )  # fmt: skip
    progress(BY_CHANCE, 0, 1)
    tables["genes_by_chance"] = genes_by_chance_of(
        matrix, cohort.patients.reset_index(), within=experiment.permutation.within,
        times=experiment.genes.permutations, seed=experiment.validation.seed,
    )  # fmt: skip
    return tables | {"silenced": _silenced(experiment, matrix, procedure, validation, progress)}


def confounding_covariates(experiment: Experiment) -> tuple[str, ...]:
    """Return the covariates that associations are adjusted for, besides burden."""
    asked = experiment.genes.adjust
    return experiment.validation.strata if asked is None else asked


def _confounders(experiment: Experiment, cohort: Cohort, procedure: Procedure) -> pd.DataFrame:
    design, names = procedure.design, list(confounding_covariates(experiment))
    table = cohort.patients[names].reset_index(drop=True)
    for place, feature in enumerate(design.features):
        if feature.block == BURDEN:
            table.insert(0, "mutational burden", design.X[:, place].astype(float))
    # What an assay finds, and whom it was used for, make genes go with the response.
    if cohort.patients["assay"].nunique() > 1 and "assay" not in table:
        table["assay"] = cohort.patients["assay"].to_numpy()
    return table


def sets_to_add_up(experiment: Experiment) -> dict[str, frozenset[str]]:
    """Return the sets that ship and those of the experiment, under current names.

    Where the columns are gene sets already, there is nothing to add up.

    Raises
    ------
    ConfigurationError
        If a set of the experiment has the name of one that ships.
    """
    if gene_sets_of(experiment) is not None:
        return {}
    sets = dict(shipped_sets())
    if experiment.genes.sets is not None:
        path = Path(experiment.data, experiment.genes.sets)
        more = read_gene_sets(path, renamed=_current(experiment, members_of(read_gene_sets(path))))
        taken = sorted(set(sets) & set(more))
        if taken:
            raise ConfigurationError(f"{path} names a set that ships with the program, {taken[0]}: rename it.")
        sets |= more
    return sets


def gene_lengths_of(experiment: Experiment, genes: Sequence[str]) -> dict[str, float] | None:
    """Return the lengths of genes under current names; nothing where no table is named.

    Raises
    ------
    ConfigurationError
        If the table knows none of the genes: it is another table.
    """
    if experiment.genes.lengths is None:
        return None
    path = Path(experiment.data, experiment.genes.lengths)
    lengths = read_gene_lengths(path, renamed=_current(experiment, read_gene_lengths(path)))
    if lengths.keys().isdisjoint(genes):
        raise ConfigurationError(
            f"genes: lengths: {path} names none of the genes of the calls; is it another table?"
        )
    return lengths


def require_gene_files(experiment: Experiment, genes: Sequence[str]) -> None:
    """Refuse before any model is fitted what :func:`gene_tables` would refuse after it.

    Raises
    ------
    TrastuzError
        If a file under ``genes:`` cannot be used.
    """
    sets_to_add_up(experiment)
    gene_lengths_of(experiment, genes)


def _current(
    experiment: Experiment, names: Sequence[str] | Mapping[str, float] | frozenset[str]
) -> dict[str, str]:
    return reconcile_names(names, read_symbol_table(reading_of(experiment).symbols))


def _silenced(
    experiment: Experiment, matrix: GeneMatrix, procedure: Procedure, validation: Validation, progress: Progress
) -> pd.DataFrame:
    """Silence the watched genes of which models know both states, where some model sees genes at all."""
    counted = matrix.encoding != "gene-sets" and any(GENE in model.blocks for model in procedure.models)
    genes = [gene for gene in experiment.watch if counted and not why_not_silenced(matrix, gene)]
    if not genes:
        return empty(SILENCED)
    progress(SILENCING, 0, len(procedure.plan.turns))
    validated = Validated(
        procedure.design, procedure.plan, procedure.tuning, validation.choices, validation.out_of_fold
    )
    return silenced_table(
        silence(
            validated, matrix, genes, workers=procedure.engine,
            progress=lambda done, total: progress(SILENCING, done, total),
        )
    )  # fmt: skip
