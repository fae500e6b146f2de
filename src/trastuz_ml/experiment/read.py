"""From the files that an experiment names to its Cohort and its GeneMatrix."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from trastuz_ml.assays.assay import Assay, AssayDeclaration, declare_assays, renamed
from trastuz_ml.calls.genes.names import reconcile_names
from trastuz_ml.calls.genes.symbols import SymbolTable, read_symbol_table
from trastuz_ml.calls.read import read_calls
from trastuz_ml.calls.reading import ReadFile, Reading
from trastuz_ml.cohort.cbioportal import is_study_folder, read_study
from trastuz_ml.cohort.cohort import Cohort, Source
from trastuz_ml.cohort.patients import nearest, read_roster
from trastuz_ml.cohort.roster_table import read_table, says_simulated
from trastuz_ml.errors import ConfigurationError, InputError
from trastuz_ml.experiment.configuration import AssaySettings, Experiment
from trastuz_ml.experiment.cores import available_cores
from trastuz_ml.experiment.named_files import matching_files
from trastuz_ml.experiment.stages import PREPARING, READING, Progress
from trastuz_ml.features.encoding import build_gene_matrix, columns_needed
from trastuz_ml.features.gene_sets import members_of, read_gene_sets
from trastuz_ml.features.masks import Mask, read_masks
from trastuz_ml.features.matrix import GeneMatrix
from trastuz_ml.features.simulate import simulate_cohort
from trastuz_ml.findings import Finding, with_more
from trastuz_ml.schema import CALLS, KEPT, ROWS, empty

# What tells a call from another; readers add the coding change where an allele is not given.
PLACE = frozenset({"chrom", "pos", "ref", "alt"})


@dataclass(frozen=True, eq=False)
class Inputs:
    """What the files of an experiment hold, before calls and patients are joined.

    Attributes
    ----------
    read : ReadFile
        The calls of all files; none where the experiment names none.
    patients : pandas.DataFrame
        The roster.
    roster : pathlib.Path
        Where it was.
    assays : tuple of Assay
        What was sequenced.
    findings : tuple of Finding
        What was noticed so far.
    """

    read: ReadFile
    patients: pd.DataFrame
    roster: Path
    assays: tuple[Assay, ...]
    findings: tuple[Finding, ...]

    def join(self, experiment: Experiment, *, training: bool = True) -> Cohort:
        """Return the cohort: with ``training`` false, patients without a response belong to it, too."""
        covariates = experiment.roster.covariate_list()
        if experiment.calls is None:
            cohort = Cohort.of_roster(
                self.patients, covariates=covariates, findings=self.findings, simulated=self.read.simulated,
                training=training,
            )  # fmt: skip
        else:
            cohort = Cohort.assemble(
                self.read.calls, self.patients, covariates=covariates, assays=self.assays, findings=self.findings,
                simulated=self.read.simulated, training=training, dropped=self.read.dropped, build=self.read.build,
                placed="pos" in self.read.calls, default_assay=experiment.roster.default_assay,
            )  # fmt: skip
        roster = Source.of(self.roster, len(self.patients), len(cohort.patients))
        return replace(cohort, sources=(*_sources(self.read, cohort), roster))


def load_cohort(experiment: Experiment, *, wanted: frozenset[str] | None = None, workers: int = 1) -> Cohort:
    """Read calls and roster of an experiment and join them by patient, for training.

    Parameters
    ----------
    experiment, wanted, workers
        As in :func:`read_inputs`.
    """
    with read_inputs(experiment, wanted=wanted, workers=workers) as inputs:
        return inputs.join(experiment)


@contextmanager
def read_inputs(
    experiment: Experiment, *, wanted: frozenset[str] | None = None, workers: int = 1
) -> Iterator[Inputs]:
    """Read the files of an experiment.

    An experiment with ``simulated`` gets its files written first, and then read like any other; they are removed
    at the end of the context.

    Parameters
    ----------
    experiment : Experiment
        Which files, and how to read them.
    wanted : frozenset of str, optional
        Columns of the calls table to read, beside patient, gene and effect; by default the place of each call and
        what the features look at. Without the places no call is known to be given twice.
    workers : int
        Processes, where there are several files.

    Yields
    ------
    Inputs
        What was read.
    """
    wanted = PLACE | feature_columns(experiment) if wanted is None else wanted
    if experiment.simulated is None:
        yield _read_all(experiment, Path(experiment.data), wanted, workers)
        return
    with tempfile.TemporaryDirectory(prefix="trastuz_ml-") as folder:
        invented = simulate_cohort(experiment.simulated.patients, experiment.simulated.seed)
        invented.write(Path(folder))
        yield _read_all(experiment, Path(folder), wanted, workers)


def reading_of(experiment: Experiment, wanted: frozenset[str] | None = None) -> Reading:
    """Return what the readers need of an experiment's settings; the usual where it has no calls."""
    calls = experiment.calls
    if calls is None:
        return Reading(wanted=wanted)
    return Reading(
        columns=calls.columns,
        sheet=calls.sheet,
        tumor=calls.tumor,
        patient_from=calls.patient_from,
        annotation=calls.annotation,
        filters=calls.filters.plan(),
        wanted=wanted,
        symbols=None if calls.symbols is None else Path(experiment.data, calls.symbols),
    )


def with_current_names(experiment: Experiment) -> Experiment:
    """Return the experiment with its watched genes under their current names, as the calls are."""
    current = reconcile_names(experiment.watch, read_symbol_table(reading_of(experiment).symbols))
    return experiment.model_copy(
        update={"watch": tuple(dict.fromkeys(current[gene] for gene in experiment.watch))}
    )


def _read_all(experiment: Experiment, root: Path, wanted: frozenset[str], workers: int) -> Inputs:
    if not root.is_dir():
        raise ConfigurationError(
            f"There is no data folder {root}: name the folder of the files with data: in the experiment, or with "
            "--data."
        )
    reading = reading_of(experiment, wanted)
    roster = root / experiment.roster.file
    if experiment.calls is None:
        read = _no_calls(roster, experiment.roster.sheet)
    else:
        read = read_calls(matching_files(root, experiment.calls.files), reading, workers=workers)
    patients, findings = read_roster(roster, experiment.roster.plan(), sheet=experiment.roster.sheet)
    if is_study_folder(roster):
        findings += read_study(roster).findings
    assays, noticed = _assays(experiment, read, read_symbol_table(reading.symbols))
    return Inputs(read, patients, roster, assays, (*read.findings, *findings, *noticed))


def _no_calls(roster: Path, sheet: str | int) -> ReadFile:
    """Return calls of nobody; without files of calls, the roster alone can say that its patients are invented."""
    return ReadFile(empty(CALLS), empty(ROWS), simulated=says_simulated(read_table(roster, sheet)))


def _assays(experiment: Experiment, read: ReadFile, table: SymbolTable) -> tuple[tuple[Assay, ...], list[Finding]]:
    """Return the declared assays, their genes under current names, and what was noticed about them."""
    data = Path(experiment.data)
    settings = experiment.assays
    known = table.former_and_current() if any(assay.bed for assay in settings.values()) else frozenset()
    declared = declare_assays({name: _declaration(said, data) for name, said in settings.items()}, known=known)
    for assay in declared:
        if assay.build and read.build and assay.build != read.build:
            raise InputError(
                f"Assay {assay.name} has its regions in {assay.build}, but the calls are in {read.build}. Take a "
                "BED file of the calls' build."
            )
    current = tuple(
        renamed(assay, reconcile_names({*(assay.genes or ()), *assay.shares}, table)) for assay in declared
    )
    return current, [finding for assay in declared for finding in assay.findings]


def _declaration(settings: AssaySettings, data: Path) -> AssayDeclaration:
    files = {name: getattr(settings, name) for name in ("genes", "bed", "intervals", "panel")}
    return AssayDeclaration(
        **{name: None if file is None else data / file for name, file in files.items()},
        build=settings.build, megabases=settings.megabases, share=settings.share,
    )  # fmt: skip


def _sources(read: ReadFile, cohort: Cohort) -> list[Source]:
    by_file = cohort.rows.groupby("file", observed=True)["rows"].sum()
    kept = cohort.rows[cohort.rows["fate"] == KEPT].groupby("file", observed=True)["rows"].sum()
    return [
        Source(name, digest, int(by_file.get(name, 0)), int(kept.get(name, 0)))
        for name, digest in read.sha256.items()
    ]


def feature_columns(experiment: Experiment) -> frozenset[str]:
    """Return the columns of the calls table that the features of an experiment look at."""
    settings = experiment.features
    mask = _mask(experiment)
    return columns_needed(settings.encoding, settings.effects if mask is None else mask.effects)


def features_of(
    experiment: Experiment, *, fast: bool = False, workers: int | None = None, progress: Progress | None = None
) -> tuple[Cohort, GeneMatrix, pd.DataFrame]:
    """Read an experiment's cohort and build its gene matrix, and nothing else.

    Parameters
    ----------
    experiment : Experiment
        The data, and which calls count.
    fast : bool
        Read no more than the features look at: calls given twice are then not found, nor counted.
    workers : int, optional
        Processes that read; all cores when absent.
    progress : callable, optional
        Called with (what is being done, steps done, steps in all).

    Raises
    ------
    ConfigurationError
        If ``fast`` is asked of an encoding that counts calls, or the experiment has no calls.
    """
    if experiment.calls is None:
        raise ConfigurationError("The experiment names no calls: nobody was sequenced, and there are no features.")
    tell = progress or (lambda *_: None)
    tell(READING, 0, 1)
    experiment = with_current_names(experiment)
    wanted = feature_columns(experiment)
    if fast and experiment.features.encoding == "count":
        raise ConfigurationError("The encoding count needs calls that are distinct: leave out --fast.")
    cohort = load_cohort(
        experiment, wanted=wanted if fast else wanted | PLACE, workers=workers or available_cores()
    )
    tell(PREPARING, 0, 1)
    return cohort, *build_features(experiment, cohort)


def build_features(experiment: Experiment, cohort: Cohort) -> tuple[GeneMatrix, pd.DataFrame]:
    """Build the gene matrix of a cohort, and return it with all findings so far."""
    settings = experiment.features
    matrix, found = build_gene_matrix(
        cohort, encoding=settings.encoding, effects=settings.effects, mask=_mask(experiment),
        gene_sets=gene_sets_of(experiment), always=experiment.watch,
    )  # fmt: skip
    return matrix, with_more(cohort.findings, [*found, *_unknown_watched(experiment, matrix)])


def _unknown_watched(experiment: Experiment, matrix: GeneMatrix) -> list[Finding]:
    """Warn of watched names that nobody knows: of a misspelt gene everybody would seem to be intact."""
    if matrix.encoding == "gene-sets":
        return []
    carriers = dict(zip(matrix.genes, matrix.carriers().tolist(), strict=True))
    absent = [gene for gene in experiment.watch if not carriers.get(gene)]
    known = read_symbol_table(reading_of(experiment).symbols).current(absent)
    others = [gene for gene in matrix.genes if gene not in absent]
    return [
        Finding(
            "warning", "watched-unknown",
            f"'{gene}' under watch: is no gene name that HGNC knows, and nobody carries a call in it"
            f"{nearest(gene, others)}. Check its spelling: of a gene that is not one, all are intact", 1,
        )
        for gene in absent
        if known[gene].symbol is None
    ]  # fmt: skip


def gene_sets_of(experiment: Experiment) -> dict[str, frozenset[str]] | None:
    """Return the gene sets of an experiment, under current names; nothing where it has none."""
    name = experiment.features.gene_sets
    if name is None:
        return None
    path = Path(experiment.data, name)
    members = members_of(read_gene_sets(path))
    table = read_symbol_table(reading_of(experiment).symbols)
    return read_gene_sets(path, renamed=reconcile_names(members, table))


def _mask(experiment: Experiment) -> Mask | None:
    settings = experiment.features
    if settings.masks is None or settings.mask is None:
        return None
    masks = read_masks(Path(experiment.data, settings.masks))
    if settings.mask not in masks:
        raise ConfigurationError(
            f"{settings.masks} declares no mask '{settings.mask}'; it declares {', '.join(sorted(masks))}."
        )
    return masks[settings.mask]
