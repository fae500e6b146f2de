"""The shape of what a report says of genes and of patients; the rest is in :mod:`trastuz_ml.report.shape`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict
from typing_extensions import TypedDict

Held = Literal["*"]
# JSON holds no infinity, and an endless odds ratio is not a missing one.
Number = float | int | Literal["*", "inf", "-inf"] | None
# A row of a table that `trastuz_ml.schema` declares: its columns by name.
Row = dict[str, Any]


class Checked(TypedDict):
    """A mapping with these keys and no others."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]


class Leading(Checked):
    """A model's leading features."""

    model: str
    scale: str
    method: str
    error: Number
    features: list[Row]
    reason: str


class Watched(TypedDict):
    """A watched gene: its association, its verdict, and the sentence that says both."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    gene: str
    judged: str
    verdict: str
    sentence: str


class Certificate(Checked):
    """A gene's certificate."""

    gene: str
    verdict: str
    mark: str
    why: str
    sentences: list[str]


class Associations(Checked):
    """Association of genes with the response: leading rows, and columns of all."""

    rows: list[Row]
    genes: int
    tested: int
    drawn: int
    adjusted_for: str
    dots: dict[str, list[Any]]


class Stability(Checked):
    """How steadily features lead in a model."""

    model: str
    scale: str
    repeated: bool
    features: list[Row]


class Changes(Checked):
    """What silencing changes, patient by patient, in no order of theirs."""

    model: str
    direction: str
    changes: list[float]


class Silenced(Checked):
    """In-silico silencing of a gene."""

    gene: str
    rows: list[Row]
    still: list[str]
    dots: list[Changes]


class ByChance(Checked):
    """Genes that tell responders apart, against chance."""

    rows: list[Row]
    caveats: list[str]


class Feature(Checked):
    """A feature in every patient, in one order of patients."""

    feature: str
    block: str
    levels: list[str]
    values: list[Number]
    contributions: list[Number]


class Steps(Checked):
    """Steps of a waterfall, as columns."""

    feature: list[str]
    block: list[str]
    levels: list[list[str]]
    value: list[Number]
    contribution: list[Number]


class Waterfall(Checked):
    """How a prediction comes about."""

    patient: str
    which: str
    response: int
    base: float
    output: float
    steps: Steps


class InPatients(Checked):
    """Contributions of one model's leading features in every patient."""

    model: str
    why: str
    scale: str
    response: list[int]
    features: list[Feature]
    gaps: str
    dependence: list[str]
    waterfalls: list[Waterfall]


class Genes(Checked):
    """What is said of genes beyond the leading ones."""

    certificates: list[Certificate]
    associations: Associations
    stability: list[Stability]
    sets: list[Row]
    agreement: list[Row]
    silencing: list[Silenced]
    by_chance: ByChance
    patients: InPatients


class OverviewPatient(Checked):
    """A column of the oncoplot."""

    patient: str
    response: int
    burden: Number
    score: Number


class OverviewGene(Checked):
    """A row of the oncoplot: a letter a patient, m mutated, . covered and not mutated, - not covered."""

    gene: str
    watched: bool
    carriers: int | Held
    covered: int | Held
    states: str


class Overview(Checked):
    """The oncoplot: its columns in their first order, and the other orders as places in it."""

    patients: list[OverviewPatient]
    genes: list[OverviewGene]
    absent: list[str]
    orders: dict[str, list[int]]


class Probabilities(Checked):
    """Mean, lowest and highest over repeats, a number a model."""

    mean: list[Number]
    low: list[Number]
    high: list[Number]


class Patient(Checked):
    """A patient, under a pseudonym."""

    patient: str
    response: int
    assay: str | None
    burden: Number
    probability: Probabilities
    influence: Number


class StepFeature(Checked):
    """A feature that a waterfall's step points to by its place."""

    feature: str
    block: str
    levels: list[str]


class Fall(Checked):
    """How a prediction comes about, in the smallest form: place of the feature, its value, its contribution."""

    patient: str
    base: float
    output: float
    steps: list[list[Number]]
    rest: float


class Falls(Checked):
    """Waterfalls of one model."""

    model: str
    scale: str
    features: list[StepFeature]
    patients: list[Fall]
    left: int


class Slope(Checked):
    """What a gene or a number adds to the log-odds: slope * (value - center), nothing where it is not known."""

    slope: float
    center: float


class Levels(Checked):
    """What each level of a category adds to the log-odds."""

    levels: list[float]


class BenchModel(Checked):
    """A linear model; it does not use a feature whose part is missing."""

    model: str
    intercept: float
    parts: list[Slope | Levels | None]
    others: int


class BenchFeature(Checked):
    """A feature that can be changed; levels of a number are those of an ordered covariate, from 0."""

    feature: str
    block: str
    kind: Literal["gene", "number", "category"]
    levels: list[str]
    watched: bool
    carried: float | int


class BenchPatient(Checked):
    """A patient's values, and what the features that are not listed add, a number a model."""

    patient: str
    response: int
    values: list[float | int | None]
    rest: list[float]


class Nobody(Checked):
    """A patient who was made up: no gene mutated, median numbers, the most frequent levels."""

    values: list[float | int | None]
    rest: list[float]


class Bench(Checked):
    """What the linear models, fitted on everybody, are computed from; or ``why`` there is none."""

    models: list[BenchModel]
    features: list[BenchFeature]
    patients: list[BenchPatient]
    nobody: Nobody
    left: int
    why: str


class Patients(Checked):
    """Patient by patient."""

    models: list[str]
    of_pairs: bool
    rows: list[Patient]
    waterfalls: Falls
