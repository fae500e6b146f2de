"""The experiment file: every setting typed, unknown keys refused with the nearest known one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    model_validator,
)

from trastuz_ml.calls.reading import Filters, PatientFrom
from trastuz_ml.cohort.patients import Covariate, Response, RosterPlan
from trastuz_ml.experiment.validation_settings import (
    LearningCurve,
    ModelNames,
    Permutation,
    Plan,
    Section,
    Share,
    Words,
    nearest,
    number,
    texts,
)
from trastuz_ml.features.masks import mask_of
from trastuz_ml.learn.catalogue import CHOSEN, CLINICAL, RANK_AVERAGE, CatalogueModel, catalogue_model
from trastuz_ml.schema import CALLS, COVARIATE, ENCODINGS, GENE, NONSILENT

DEFAULT_MODELS: tuple[str, ...] = (
    "prevalence", CLINICAL, "burden-only", "l2-logistic:genes", "l2-logistic:both", "elastic-net:genes",
    "elastic-net:both", "random-forest:genes", "random-forest:both", "xgboost:genes", "xgboost:both",
)  # fmt: skip

# The gene of the seed study, and the three that are mutated most in HER2-positive disease or drive it.
DEFAULT_WATCH: tuple[str, ...] = ("ANKRD44", "ERBB2", "PIK3CA", "TP53")

# Blocks of columns that need no calls.
FROM_THE_ROSTER = frozenset({COVARIATE})


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _nothing_as_empty(value: Any) -> Any:
    """Read a key with nothing under it, such as a list that is commented out, as empty."""
    return {} if value is None else value


def _exome_only() -> dict[str, AssaySettings]:
    return {"exome": AssaySettings()}


def _gene_list_or_settings(value: Any) -> Any:
    """Read a file name alone as a gene list, and nothing as the whole exome."""
    return {"genes": value} if isinstance(value, str) else _nothing_as_empty(value)


Texts = Annotated[tuple[str, ...], BeforeValidator(texts), Field(min_length=1)]
Text = Annotated[str, BeforeValidator(_as_text), Field(min_length=1)]


ByColumn = Annotated[dict[Text, Texts], BeforeValidator(_nothing_as_empty)]


class Simulated(Section):
    """An invented cohort, written as ``calls.maf`` and ``roster.tsv`` before it is read as any other."""

    patients: int = Field(default=160, ge=12, le=100_000, description="number of patients, 12 to 100,000")
    seed: int = Field(default=2019, ge=0, description="same seed, same cohort")


class CallFilters(Section):
    """Which calls are taken as real. A call without the value that a filter looks at passes it."""

    words: Texts = Field(default=("PASS",), description="FILTER words let through, or 'any'")
    min_depth: int = Field(default=0, ge=0, description="reads over the position in the tumour")
    min_alt_reads: int = Field(default=0, ge=0, description="reads that support the alternative allele")
    min_vaf: Share = Field(default=0.0, description="variant allele fraction, 0 to 1")
    max_population_frequency: Share = Field(
        default=1.0, description="highest frequency of the allele in a reference population, 0 to 1"
    )

    def plan(self) -> Filters:
        """Return what the readers need."""
        return Filters(**{**self.model_dump(), "words": None if self.words == ("any",) else self.words})


class Calls(Section):
    """Where the mutation calls are, and how to read them."""

    files: Texts = Field(
        description="VCF, BCF or MAF files, tables like MAF, or a cBioPortal study folder; * stands for any text"
    )
    sheet: str | int = Field(default=0, description="sheet of an Excel file")
    columns: dict[str, Text] = Field(
        default_factory=dict, description="column of the calls table: header word of the file"
    )
    tumor: Text | None = Field(default=None, description="the tumour's sample column, where no header says so")
    patient_from: PatientFrom = Field(
        default="auto", description="what names the patient of a VCF: its sample column, or the file"
    )
    annotation: Text | None = Field(
        default=None, description="INFO field with the annotation, where a VCF holds two: CSQ, ANN ..."
    )
    filters: CallFilters = CallFilters()
    symbols: str | None = Field(
        default=None, description="newer table of gene names (HGNC's complete set), instead of the one that ships"
    )

    @model_validator(mode="after")
    def _known_columns(self) -> Self:
        for name in self.columns:
            if name not in CALLS.names:
                raise ValueError(
                    f"columns: '{name}' is no column of the calls table{nearest(name, CALLS.names)} "
                    f"Known: {', '.join(CALLS.names)}"
                )
        return self


class ResponseColumn(Section):
    """Which roster column holds the response, and what its values mean."""

    column: Text
    positive: Texts
    negative: Texts

    @model_validator(mode="after")
    def _no_overlap(self) -> Self:
        both = set(self.positive) & set(self.negative)
        if both:
            raise ValueError(f"{', '.join(sorted(both))} cannot be both a positive and a negative response")
        return self


class CovariateColumn(Section):
    """A roster column that may predict."""

    when: Literal["baseline", "post"] = Field(description="known before treatment, or only after it began")
    kind: Literal["number", "category", "ordered"] = "number"
    levels: Words = Field(default=(), description="levels of an ordered covariate, lowest first")
    vouched: bool = Field(default=False, description="you vouch that an AUC of 0.95 or more is real")
    predicts: bool = Field(default=True, description="false: for strata only, no model sees it")

    @model_validator(mode="after")
    def _levels_where_ordered(self) -> Self:
        if (self.kind == "ordered") != bool(self.levels):
            raise ValueError("an ordered covariate needs levels (lowest first), and only an ordered one has them")
        return self


class Roster(Section):
    """Who the patients are."""

    file: str = Field(description="TSV, CSV, Parquet or Excel file")
    sheet: str | int = Field(default=0, description="sheet of an Excel file")
    patient: Text = Field(description="column with the identifier that the calls use")
    response: ResponseColumn
    covariates: Annotated[dict[Text, CovariateColumn], BeforeValidator(_nothing_as_empty)] = Field(
        default_factory=dict
    )
    group: Text | None = Field(default=None, description="column of a unit that never straddles a split")
    assay: Text | None = Field(default=None, description="column with the name of the patient's assay")
    default_assay: Text | None = Field(default=None, description="assay of patients for whom that column is empty")
    sequenced: ByColumn = Field(default_factory=dict, description="column: values of the sequenced")
    filter: ByColumn = Field(default_factory=dict, description="column: values to keep")

    def plan(self) -> RosterPlan:
        """Return what the roster's reader needs."""
        return RosterPlan(
            self.patient,
            Response(self.response.column, self.response.positive, self.response.negative),
            self.covariate_list(),
            self.group,
            self.assay,
            self.sequenced,
            self.filter,
        )

    def predictors(self) -> list[str]:
        """Return the names of the covariates that models see."""
        return [name for name, covariate in self.covariates.items() if covariate.predicts]

    def covariate_list(self) -> tuple[Covariate, ...]:
        """Return the covariates as declared, in order."""
        return tuple(
            Covariate(name, c.when, c.kind, c.levels, c.vouched, c.predicts) for name, c in self.covariates.items()
        )


class AssaySettings(Section):
    """What one assay covers: a gene list, a BED file or a cBioPortal panel; the whole exome without any."""

    genes: str | None = Field(default=None, description="gene list, one symbol a line")
    bed: str | None = Field(default=None, description="BED file of the target regions")
    intervals: str | None = Field(
        default=None, description="table of gene intervals, for a BED without gene names"
    )
    build: str | None = Field(default=None, description="genome build of the BED: GRCh37 or GRCh38")
    share: Share = Field(default=0.5, description="share of its bases that a gene needs to be covered by the BED")
    panel: str | None = Field(default=None, description="gene panel file in cBioPortal's form")
    megabases: Annotated[float | None, BeforeValidator(number)] = Field(
        default=None, gt=0, description="megabases covered, which make a burden a rate"
    )


class Features(Section):
    """Which calls count, and as what."""

    encoding: str = "binary"
    effects: Texts = NONSILENT
    masks: str | None = Field(default=None, description="file of masks: unions of effects and score cut-offs")
    mask: Text | None = Field(default=None, description="the mask of that file that says which calls count")
    gene_sets: str | None = Field(default=None, description="GMT file, for the encoding gene-sets")

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.encoding not in ENCODINGS:
            hint = nearest(self.encoding, ENCODINGS)
            raise ValueError(f"expected {', '.join(ENCODINGS)}; found '{self.encoding}'{hint}")
        mask_of(self.effects)  # refuses what is no effect
        if (self.masks is None) != (self.mask is None):
            raise ValueError("masks (the file) and mask (the name of one in it) are given together")
        if (self.encoding == "gene-sets") != (self.gene_sets is not None):
            raise ValueError("the encoding gene-sets needs gene_sets: FILE.gmt, and only that encoding has it")
        return self


class Genes(Section):
    """What is said of genes besides their contributions."""

    adjust: Words | None = Field(
        default=None,
        description="covariates that associations are adjusted for, besides burden; validation: strata: if absent",
    )
    lengths: str | None = Field(
        default=None, description="table of gene lengths: a column gene and a column of numbers"
    )
    sets: str | None = Field(default=None, description="GMT file of more gene sets to add contributions up by")
    permutations: int = Field(
        default=999, ge=0, le=100_000, description="shuffled responses for how many genes tell apart by chance"
    )


class Store(Section):
    """What is kept with the model, and how its predictions are judged."""

    training_vectors: bool = Field(
        default=False,
        description="keep the genes of the training patients, shuffled and without names, beside the model",
    )
    abstain_below: Share = Field(
        default=0.5, description="share of the model's weight that must be measured for a prediction, 0 to 1"
    )
    miss_rate: Annotated[float, BeforeValidator(number)] = Field(
        default=0.1, gt=0, lt=1, description="share of patients of each class whose conformal set may miss"
    )


class Tracking(Section):
    """Where the run is tracked."""

    enabled: bool = True
    uri: str | None = Field(default=None, description="MLflow tracking URI; SQLite under runs/ when absent")
    experiment: str | None = Field(default=None, description="MLflow experiment; the name of this one if absent")
    register_as: str | None = Field(default=None, description="name in the model registry")
    alias: str | None = Field(default=None, description="alias in the model registry")


class Experiment(Section):
    """One experiment: the data, the features, the competitors and how they are judged."""

    name: Annotated[Text, AfterValidator(lambda v: _file_name(v))]
    purpose: str = ""
    data: str = Field(default=".", description="folder of the files below, relative to the experiment file")
    simulated: Simulated | None = None
    calls: Calls | None = Field(default=None, description="absent where nobody was sequenced")
    roster: Roster
    assays: dict[str, Annotated[AssaySettings, BeforeValidator(_gene_list_or_settings)]] = Field(
        default_factory=_exome_only,
        description="assay: gene list file, or settings; nothing for an exome",
    )
    features: Features = Features()
    watch: Words = Field(
        default=DEFAULT_WATCH, description="genes declared before fitting: each always gets an answer"
    )
    genes: Genes = Genes()
    accept: Words = Field(
        default=(), description="codes of errors about the data that you looked at and answer for"
    )
    models: Annotated[ModelNames, Field(min_length=1)] = DEFAULT_MODELS
    validation: Plan = Plan()
    permutation: Permutation = Permutation()
    learning_curve: LearningCurve = LearningCurve()
    export: str = Field(default=CHOSEN, description="model to store: a name, or 'chosen'")
    store: Store = Store()
    tracking: Tracking = Tracking()

    @model_validator(mode="before")
    @classmethod
    def _defaults_without_calls(cls, given: Any) -> Any:
        """Leave out the defaults that need calls where there are none."""
        if not isinstance(given, dict) or given.get("calls") is not None:
            return given
        models = [name for name in DEFAULT_MODELS if FROM_THE_ROSTER.issuperset(catalogue_model(name).blocks)]
        return {"assays": {}, "watch": (), "models": models, **given}

    @model_validator(mode="after")
    def _nothing_that_needs_calls(self) -> Self:
        if self.calls is not None:
            return self
        refitted = (*self.permutation.models, *self.learning_curve.models)
        said = [*_settings_of_sequenced(self), *_models_that_need_calls((*self.models, *refitted))]
        if said:
            raise ValueError(
                f"there is no calls: section: nobody was sequenced, and {said[0]}. Name the calls, or take it out"
            )
        if not self.roster.predictors():
            raise ValueError("there are neither calls nor roster: covariates: nothing is left to learn from")
        return self

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.export != CHOSEN and self.export not in self.models:
            raise ValueError(f"export: '{self.export}' is not among the models{nearest(self.export, self.models)}")
        for problem in _problems_of_models(self):
            raise ValueError(problem)
        if self.models == (RANK_AVERAGE,):
            raise ValueError("models: rank-average averages other models: list some")
        if self.tracking.alias and not self.tracking.register_as:
            raise ValueError("tracking: an alias needs register_as")
        if self.export == RANK_AVERAGE:
            raise ValueError("export: rank-average is an average of models and is not stored: name another one")
        left = [model.name for model in self.catalogue()]
        if not left or self.export not in (CHOSEN, *left):
            raise ValueError(
                f"{', '.join(self.models) if not left else self.export} needs covariates, and none are declared "
                "under roster: covariates:"
            )
        return self

    def catalogue(self) -> list[CatalogueModel]:
        """Return the competitors; those that need covariates are left out where there are none."""
        models = [catalogue_model(name) for name in self.models]
        if self.roster.predictors():
            return models
        return [m for m in models if COVARIATE not in m.blocks]


def _problems_of_models(experiment: Experiment) -> Iterator[str]:
    """Yield what would go wrong only after hours of work: strata, added value, encodings."""
    covariates = experiment.roster.covariates
    strata = {
        "validation.strata": experiment.validation.strata,
        "permutation.within": experiment.permutation.within,
    }
    for name in experiment.genes.adjust or ():
        if name not in covariates:
            yield (
                f"genes.adjust: '{name}' is no covariate{nearest(name, covariates) or ';'} "
                f"declared: {', '.join(covariates) or 'none'}"
            )
    for key, name in ((key, name) for key, names in strata.items() for name in names):
        if name not in covariates or covariates[name].kind == "number":
            known = [n for n, c in covariates.items() if c.kind != "number"]
            yield (
                f"{key}: '{name}' is no covariate of kind category or ordered{nearest(name, known) or ';'} "
                f"declared: {', '.join(known) or 'none'}"
            )
    permuted = [catalogue_model(name) for name in experiment.permutation.models or experiment.models]
    if experiment.permutation.added_value and not any({COVARIATE, GENE} <= set(m.blocks) for m in permuted):
        yield "permutation: added_value: needs a model with covariates and genes, such as l2-logistic:both"
    zero_or_one = experiment.features.encoding in ("binary", "truncating", "damaging")
    bayes = [name for name in experiment.models if catalogue_model(name).learner == "naive-bayes"]
    if bayes and not zero_or_one:
        yield f"{bayes[0]} takes genes that are mutated or not, and the encoding is {experiment.features.encoding}"


def _settings_of_sequenced(experiment: Experiment) -> list[str]:
    """Return the settings that mean something of sequenced patients only, each with what is wrong with it."""
    roster = experiment.roster
    settings = {
        "watch": experiment.watch, "assays": experiment.assays, "roster.assay": roster.assay,
        "roster.default_assay": roster.default_assay, "features": experiment.features != Features(),
        "permutation.added_value": experiment.permutation.added_value,
    }  # fmt: skip
    said = [f"{key}: says nothing" for key, value in settings.items() if value]
    if roster.sequenced:
        said.append("roster.sequenced: leaves out nobody (roster.filter: keeps some patients only)")
    return said


def _models_that_need_calls(models: Sequence[str]) -> list[str]:
    needing = [
        name for name in dict.fromkeys(models) if not FROM_THE_ROSTER.issuperset(catalogue_model(name).blocks)
    ]
    offered = "prevalence, clinical-only, or a learner on covariates such as random-forest:covariates"
    return [f"{', '.join(needing)} cannot be fitted; without calls there are {offered}"] if needing else []


def _file_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise ValueError(
            "folders take this name: expected at most 100 letters, digits, points, - and _, beginning with a "
            f"letter or digit; found '{name}'"
        )
    return name
