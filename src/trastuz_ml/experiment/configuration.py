"""The experiment file: every setting typed, unknown keys refused with the nearest known one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from trastuz_ml.experiment.data_settings import Calls, Roster, Simulated, Text, Texts, nothing_as_empty
from trastuz_ml.experiment.validation_settings import (
    WORD,
    FileName,
    LearningCurve,
    ModelNames,
    Permutation,
    Plan,
    Section,
    Share,
    Switch,
    Words,
    list_of,
    list_of_models,
    nearest,
    number,
    unit,
)
from trastuz_ml.features.masks import TERMS, mask_of
from trastuz_ml.learn.catalogue import CHOSEN, CLINICAL, RANK_AVERAGE, CatalogueModel, catalogue_model
from trastuz_ml.schema import COVARIATE, EFFECTS, ENCODINGS, GENE, NONSILENT

DEFAULT_MODELS: tuple[str, ...] = (
    "prevalence", CLINICAL, "burden-only", "l2-logistic:genes", "l2-logistic:both", "elastic-net:genes",
    "elastic-net:both", "random-forest:genes", "random-forest:both", "xgboost:genes", "xgboost:both",
)  # fmt: skip

# The gene of the seed study, and the three that are mutated most in HER2-positive disease or drive it.
DEFAULT_WATCH: tuple[str, ...] = ("ANKRD44", "ERBB2", "PIK3CA", "TP53")

# Blocks of columns that need no calls.
FROM_THE_ROSTER = frozenset({COVARIATE})


def _exome_only() -> dict[str, AssaySettings]:
    return {"exome": AssaySettings()}


def _gene_list_or_settings(value: Any) -> Any:
    """Read a file name alone as a gene list, and nothing as the whole exome."""
    return {"genes": value} if isinstance(value, str) else nothing_as_empty(value)


# An effect, with cut-offs or without; the usual ones for an editor to offer.
_EFFECT: dict[str, Any] = {
    "type": "string",
    "anyOf": [{"enum": [*EFFECTS, *TERMS]}, {"pattern": r"^\s*\S+\s*\(.+\)\s*$"}],
}
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"


class AssaySettings(Section):
    """What one assay covers: a gene list, a BED file or a cBioPortal panel; the whole exome without any."""

    genes: FileName | None = Field(default=None, description="gene list, one symbol a line, # for comments")
    bed: FileName | None = Field(default=None, description="target regions, as BED")
    intervals: FileName | None = Field(
        default=None,
        description="where the genes lie (GTF, GFF3, table, BED), for regions that do not name their genes",
    )
    build: str | None = Field(
        default=None,
        description="genome build of the regions; needed with intervals",
        json_schema_extra={"examples": ["GRCh37", "GRCh38"], "title": "text: GRCh37 or GRCh38"},
    )
    share: Annotated[float, Field(gt=0, le=1), BeforeValidator(number)] = Field(
        default=0.5, description="share of its bases from which a gene counts as covered"
    )
    panel: FileName | None = Field(default=None, description="gene panel file in cBioPortal's form")
    megabases: Annotated[float | None, Field(gt=0), BeforeValidator(number)] = Field(
        default=None,
        description="what the assay covers; absent means that of the regions. Where it is known of all assays, "
        "burden is a rate",
        json_schema_extra=unit("megabases"),
    )


class Features(Section):
    """Which calls count, and as what."""

    model_config = ConfigDict(
        json_schema_extra={
            "dependentRequired": {"masks": ["mask"], "mask": ["masks"]},
            "if": {"required": ["encoding"], "properties": {"encoding": {"const": "gene-sets"}}},
            "then": {"required": ["gene_sets"]},
            "else": {"properties": {"gene_sets": {"type": "null"}}},
        }
    )

    encoding: str = Field(
        default="binary",
        description="what a cell of the matrix holds",
        json_schema_extra={"enum": list(ENCODINGS)},
    )
    effects: Annotated[Texts, list_of(_EFFECT, minItems=1)] = Field(
        default=NONSILENT,
        description="what counts: effect classes (also splice_region, silent, noncoding), MAF classes, Sequence "
        "Ontology terms; with cut-offs in brackets",
    )
    masks: FileName | None = Field(
        default=None, description="mask file: unions of effects and cut-offs; given together with mask"
    )
    mask: Text | None = Field(
        default=None, description="name of the mask in that file which says what counts, instead of effects"
    )
    gene_sets: FileName | None = Field(
        default=None, description="GMT file; needed by the encoding gene-sets, refused elsewhere"
    )

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
        description="covariates that associations are adjusted for, besides mutational burden and, with several, "
        "the assay, which always are; any kind of covariate, also one with `predicts: false`. [] leaves burden "
        "alone; absent means those of `validation: strata:`",
    )
    lengths: FileName | None = Field(
        default=None,
        description="table of gene lengths: a header, a column of genes, a column of numbers, with tabs, commas "
        "or semicolons between them; shown beside the gene",
    )
    sets: FileName | None = Field(
        default=None,
        description="GMT file of more sets to add contributions up by, beside the four that ship; a set may not "
        "have the name of one of those",
    )
    permutations: int = Field(
        default=999,
        ge=0,
        le=100_000,
        description="shuffled responses for how many genes tell responders apart by chance; 0 for none. They take "
        "seconds: nothing is refitted. Responses change places within the assay and `permutation: within:`",
        json_schema_extra=unit("permutations"),
    )


class Store(Section):
    """What is kept with the model, and how its predictions are judged."""

    training_vectors: Switch = Field(
        default=False,
        description="keep the genes of the training patients, shuffled and without names, beside the model, for "
        "the interval of patients in whom some genes were not measured",
    )
    abstain_below: Share = Field(
        default=0.5,
        description="no probability is given where less than this share of the model's weight was measured",
    )
    miss_rate: Annotated[float, Field(gt=0, lt=1), BeforeValidator(number)] = Field(
        default=0.1, description="share of patients of each class whose conformal set may miss their response"
    )


class Tracking(Section):
    """Where the run is tracked."""

    model_config = ConfigDict(json_schema_extra={"dependentRequired": {"alias": ["register_as"]}})

    enabled: Switch = Field(default=True, description="track the run with MLflow")
    uri: str | None = Field(
        default=None,
        description="MLflow tracking URI: a database or a server; absent means the variable "
        "`MLFLOW_TRACKING_URI`, and without it `mlflow.db` in the folder of the runs",
    )
    experiment: str | None = Field(
        default=None, description="MLflow experiment; absent means the experiment's name"
    )
    register_as: str | None = Field(default=None, description="also register the model under this name")
    alias: str | None = Field(
        default=None,
        description="alias of the registered version, given only on the evidence that `promote` asks for; needs "
        "register_as",
    )


class Experiment(Section):
    """One experiment: the data, the features, the competitors and how they are judged."""

    name: Annotated[
        Text, AfterValidator(lambda v: _file_name(v)), WithJsonSchema({**WORD, "pattern": f"^{_NAME}$"})
    ] = Field(
        description="name of the run, model and report: at most 100 letters, digits, points, - and _, beginning "
        "with a letter or digit"
    )
    purpose: str = Field(default="", description="one sentence for the model card")
    data: FileName = Field(default=".", description="folder of the files below, relative to the experiment file")
    simulated: Simulated | None = Field(default=None, description="use an invented cohort instead of files")
    calls: Calls | None = Field(default=None, description="where the calls are; absent where nobody was sequenced")
    roster: Roster = Field(description="who the patients are")
    assays: dict[
        str,
        Annotated[
            AssaySettings,
            BeforeValidator(_gene_list_or_settings, json_schema_input_type=FileName | AssaySettings | None),
        ],
    ] = Field(
        default_factory=_exome_only,
        description="name of an assay: what it covers. A file name alone is a gene list, nothing the whole exome; "
        "none without calls",
        json_schema_extra={"title": "mapping"},
    )
    features: Features = Field(default=Features(), description="which calls count, and as what")
    watch: Words = Field(
        default=DEFAULT_WATCH,
        description="genes declared before fitting: each always gets an answer, and may be judged at its own p; "
        "empty without calls",
    )
    genes: Genes = Field(default=Genes(), description="what is said of genes besides their contributions")
    accept: Words = Field(
        default=(),
        description="codes of errors about the data that you looked at and answer for; they become warnings",
    )
    models: Annotated[ModelNames, Field(min_length=1), list_of_models(minItems=1)] = Field(
        default=DEFAULT_MODELS,
        description="the competitors, simple ones first; without calls those of the default that need none",
    )
    validation: Plan = Field(default=Plan(), description="how models are validated")
    permutation: Permutation = Field(default=Permutation(), description="whether it could be chance")
    learning_curve: LearningCurve = Field(default=LearningCurve(), description="how scores grow with patients")
    export: str = Field(
        default=CHOSEN, description="model to store: a name from `models`, or `chosen`; never rank-average"
    )
    store: Store = Field(
        default=Store(), description="what is kept with the model, and how its predictions are judged"
    )
    tracking: Tracking = Field(default=Tracking(), description="where the run is tracked")

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
    if not re.fullmatch(_NAME, name):
        raise ValueError(
            "folders take this name: expected at most 100 letters, digits, points, - and _, beginning with a "
            f"letter or digit; found '{name}'"
        )
    return name
