"""Where the data of an experiment are: the sections simulated, calls and roster of its file."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from trastuz_ml.calls.reading import Filters, PatientFrom
from trastuz_ml.cohort.patients import Covariate, Response, RosterPlan
from trastuz_ml.experiment.validation_settings import (
    WORD,
    FileName,
    Section,
    Share,
    Switch,
    Words,
    list_of,
    nearest,
    texts,
    unit,
)
from trastuz_ml.schema import CALLS


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def nothing_as_empty(value: Any) -> Any:
    """Read a key with nothing under it, such as a list that is commented out, as empty."""
    return {} if value is None else value


Texts = Annotated[tuple[str, ...], BeforeValidator(texts), Field(min_length=1), list_of(WORD, minItems=1)]
Text = Annotated[str, BeforeValidator(_as_text), Field(min_length=1), WithJsonSchema({**WORD, "minLength": 1})]
ByColumn = Annotated[
    dict[Text, Texts], BeforeValidator(nothing_as_empty, json_schema_input_type=dict[Text, Texts] | None)
]
Sheet = Annotated[str | int, WithJsonSchema({"type": ["string", "number"], "title": "text or number"})]

_COLUMNS: dict[str, Any] = {
    "type": "object",
    "properties": {column.name: {**WORD, "description": column.meaning} for column in CALLS.columns},
    "additionalProperties": False,
    "title": "mapping",
}


class Simulated(Section):
    """An invented cohort, written as ``calls.maf`` and ``roster.tsv`` before it is read as any other."""

    patients: int = Field(
        default=160, ge=12, le=100_000, description="size of the cohort", json_schema_extra=unit("patients")
    )
    seed: int = Field(default=2019, ge=0, description="same seed, same cohort")


class CallFilters(Section):
    """Which calls are taken as real. A call without the value that a filter looks at passes it."""

    words: Texts = Field(default=("PASS",), description="FILTER words let through; any lets all through")
    min_depth: int = Field(
        default=0, ge=0, description="reads over the position in the tumour", json_schema_extra=unit("reads")
    )
    min_alt_reads: int = Field(
        default=0, ge=0, description="reads that support the alternative allele", json_schema_extra=unit("reads")
    )
    min_vaf: Share = Field(default=0.0, description="variant allele fraction")
    max_population_frequency: Share = Field(
        default=1.0, description="highest frequency of the allele in a reference population"
    )

    def plan(self) -> Filters:
        """Return what the readers need."""
        return Filters(**{**self.model_dump(), "words": None if self.words == ("any",) else self.words})


class Calls(Section):
    """Where the mutation calls are, and how to read them."""

    files: Annotated[Texts, list_of({"type": "string"}, "list of paths", minItems=1)] = Field(
        description="VCF, BCF, MAF, tables, workbooks, or a cBioPortal study folder; * stands for any text, - for "
        "the standard input"
    )
    sheet: Sheet = Field(default=0, description="sheet of a workbook, by name or counted from 0")
    columns: Annotated[dict[str, Text], WithJsonSchema(_COLUMNS)] = Field(
        default_factory=dict,
        description="column of the calls table: header word of your file, where the usual words do not hold",
    )
    tumor: Text | None = Field(
        default=None, description="the tumour's sample column, in VCF files whose header does not say"
    )
    patient_from: PatientFrom = Field(
        default="auto",
        description="what names the patient of a VCF; auto takes the sample column, and the file where that says "
        "only TUMOR",
    )
    annotation: Text | None = Field(
        default=None,
        description="INFO field with the annotation, where a VCF holds two",
        json_schema_extra={
            "examples": ["CSQ", "ANN", "EFF", "FUNCOTATION"],
            "title": "text: CSQ, ANN, EFF or FUNCOTATION",
        },
    )
    filters: CallFilters = Field(default=CallFilters(), description="which calls are taken as real")
    symbols: FileName | None = Field(
        default=None,
        description="newer table of gene names: HGNC's complete set; absent means that of 2026-06-25, which ships",
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

    column: Text = Field(description="column with the response")
    positive: Texts = Field(description="values that mean response")
    negative: Texts = Field(description="values that mean none; any other value is left out and is a finding")

    @model_validator(mode="after")
    def _no_overlap(self) -> Self:
        both = set(self.positive) & set(self.negative)
        if both:
            raise ValueError(f"{', '.join(sorted(both))} cannot be both a positive and a negative response")
        return self


class CovariateColumn(Section):
    """A roster column that may predict."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"required": ["kind"], "properties": {"kind": {"const": "ordered"}}},
            "then": {"required": ["levels"]},
            "else": {"properties": {"levels": {"maxItems": 0}}},
        }
    )

    when: Literal["baseline", "post"] = Field(
        description="known before treatment, or only after it began; post stops the run"
    )
    kind: Literal["number", "category", "ordered"] = Field(default="number", description="how its values are read")
    levels: Words = Field(
        default=(), description="levels of an ordered covariate, lowest first; needed there, refused elsewhere"
    )
    vouched: Switch = Field(default=False, description="you vouch that an AUC of 0.95 or more is real")
    predicts: Switch = Field(
        default=True, description="false: no model sees it; it only parts patients for strata and within"
    )

    @model_validator(mode="after")
    def _levels_where_ordered(self) -> Self:
        if (self.kind == "ordered") != bool(self.levels):
            raise ValueError("an ordered covariate needs levels (lowest first), and only an ordered one has them")
        return self


class Roster(Section):
    """Who the patients are."""

    file: FileName = Field(
        description=".tsv, .txt, .csv (also .gz), .parquet or .xlsx; or a cBioPortal study folder, one row a "
        "sample"
    )
    sheet: Sheet = Field(default=0, description="sheet of a workbook, by name or counted from 0")
    patient: Text = Field(description="column with the identifier that the calls use; one row a patient")
    response: ResponseColumn = Field(description="which column holds the response, and what its values mean")
    covariates: Annotated[
        dict[Text, CovariateColumn],
        BeforeValidator(nothing_as_empty, json_schema_input_type=dict[Text, CovariateColumn] | None),
    ] = Field(
        default_factory=dict,
        description="columns that may predict, each with its settings",
        json_schema_extra={"title": "mapping"},
    )
    group: Text | None = Field(
        default=None,
        description="column of a unit that never straddles a split: a person with two biopsies, a centre",
    )
    assay: Text | None = Field(
        default=None, description="column with the name of the patient's assay, declared under assays"
    )
    default_assay: Text | None = Field(
        default=None,
        description="assay of patients for whom that column is empty; one declared assay is the default anyway",
    )
    sequenced: ByColumn = Field(
        default_factory=dict,
        description="column: values of those who were sequenced; empty means everybody",
        json_schema_extra={"title": "mapping"},
    )
    filter: ByColumn = Field(
        default_factory=dict,
        description="column: values to keep; never evaluated as an expression",
        json_schema_extra={"title": "mapping"},
    )

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
