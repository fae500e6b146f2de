"""The permutations that an experiment asks for: of the responses, and of the genes against the covariates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.errors import ConfigurationError
from trastuz_ml.experiment.configuration import Experiment
from trastuz_ml.experiment.splits import shape_of
from trastuz_ml.experiment.stages import PERMUTING, Progress
from trastuz_ml.learn.catalogue import CLINICAL, CatalogueModel, catalogue_model
from trastuz_ml.learn.chance import chance_table
from trastuz_ml.learn.design import Design
from trastuz_ml.learn.engine import Engine
from trastuz_ml.learn.folds import PlanShape
from trastuz_ml.learn.permutation import GENES, RESPONSES, Chance, Statistics, permute
from trastuz_ml.learn.tuning import Tuning
from trastuz_ml.schema import CHANCE, COVARIATE, GENE, PERMUTED, conform, empty

UNKNOWN = "unknown"


def strata_of(patients: pd.DataFrame, columns: Sequence[str]) -> npt.NDArray[np.intp]:
    """Return a number for each combination of levels; a value that is not known is a level of its own.

    Examples
    --------
    >>> strata_of(pd.DataFrame({"er": ["+", None, "+"]}), ["er"]).tolist()
    [0, 1, 0]
    """
    codes = np.zeros(len(patients), dtype=np.intp)
    for column in columns:
        levels = patients[column].astype(object).where(patients[column].notna(), UNKNOWN).astype(str)
        codes = codes * (levels.nunique() + 1) + pd.factorize(levels, sort=True)[0]
    places: npt.NDArray[np.intp] = np.unique(codes, return_inverse=True)[1].ravel()
    return places


def permutations_of(
    experiment: Experiment,
    cohort: Cohort,
    design: Design,
    models: Sequence[CatalogueModel],
    tuning: Tuning,
    *,
    workers: int | Engine = 1,
    progress: Progress | None = None,
    finished: Mapping[str, Mapping[int, Statistics]] | None = None,
    keep: Callable[[str, int, Statistics], None] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the permuted statistics and what they say: empty tables where none were asked for.

    Parameters
    ----------
    experiment : Experiment
        Its section ``permutation`` says what, how often, within which covariates, and with which models.
    cohort, design, models, tuning
        As validated.
    workers : int or Engine
        Processes, or where else.
    progress, finished, keep : optional
        As in :func:`trastuz_ml.learn.permutation.permute`, with what is permuted (responses, genes) in front.

    Raises
    ------
    ConfigurationError
        If added value is asked for, and no model has both genes and covariates, or there is no clinical-only.
    """
    settings = experiment.permutation
    asked = [catalogue_model(name) for name in settings.models] or list(models)
    shape = shape_of(experiment, len(design.patients))[0]
    within = list(settings.within)
    jobs = []
    if settings.times:
        chance = Chance(
            RESPONSES, settings.times, _with_repeats(shape, settings.repeats),
            strata_of(cohort.patients, within), settings.stop_at,
        )  # fmt: skip
        jobs.append((chance, asked))
    if settings.added_value:
        # A gene that was not covered stays not covered: patients change places within their assay.
        strata = strata_of(cohort.patients, [*within, "assay"])
        chance = Chance(GENES, settings.added_value, _with_repeats(shape, settings.repeats), strata)
        jobs.append((chance, _adding(asked)))
    tables = []
    for chance, competitors in jobs:
        what = chance.what

        def tell(done: int, total: int, what: str = what) -> None:
            if progress is not None:
                progress(PERMUTING + what, done, total)

        def store(number: int, statistics: Statistics, what: str = what) -> None:
            if keep is not None:
                keep(what, number, statistics)

        # Number 0 is the observed data.
        tell(max(len((finished or {}).get(what, {})) - 1, 0), chance.times)
        permuted = permute(
            design, competitors, tuning, chance,
            workers=workers, finished=(finished or {}).get(what), keep=store, progress=tell,
        )  # fmt: skip
        said = chance_table(permuted, most=chance.times, stop_at=chance.stop_at, exact=chance.exact(design))
        if within:
            said["method"] += f" within {' and '.join(within)}"
        tables.append((permuted, said))
    if not tables:
        return empty(PERMUTED), empty(CHANCE)
    permuted, said = (pd.concat(frames, ignore_index=True) for frames in zip(*tables, strict=True))
    return conform(permuted, PERMUTED), conform(said, CHANCE)


def _with_repeats(shape: PlanShape, repeats: int) -> PlanShape:
    return replace(shape, repeats=repeats)


def _adding(models: Sequence[CatalogueModel]) -> list[CatalogueModel]:
    """Return clinical-only and the models that add genes to covariates."""
    both = [m for m in models if {COVARIATE, GENE} <= set(m.blocks)]
    if not both:
        raise ConfigurationError(
            "permutation: added_value: needs a model with covariates and genes, such as l2-logistic:both."
        )
    return [catalogue_model(CLINICAL), *both]
