"""The shape of a report's content, declared once: what the JSON holds, and its published schema."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter
from typing_extensions import TypedDict

from trastuz_ml.report.gene_shape import (
    Bench,
    Checked,
    Genes,
    Held,
    Leading,
    Number,
    Overview,
    Patients,
    Row,
    Watched,
)

SCHEMA_ID = "https://json-schema.org/draft/2020-12/schema"


class Facts(Checked):
    """Sizes of a run, and one line that says them."""

    patients: int
    responders: int
    repeats: int
    folds: int
    assays: dict[str, int]
    line: list[str]


class Tile(Checked):
    """A number that is set large."""

    label: str
    value: str
    detail: str


class Answer(Checked):
    """The first paragraph: on models, chance and watched genes, who was left out, and how to run it again."""

    sentences: list[str]
    chance: list[str]
    genes: list[str]
    highlights: list[Tile]
    left_out: str
    again: str


class Size(Checked):
    """What so many patients can tell."""

    sentences: list[str]
    smallest_p: dict[str, Any] | None
    aucs: list[dict[str, float]]
    observed: dict[str, float] | None
    smallest_auc: float | None
    features: list[dict[str, float | int | None]]
    parameters: int
    carriers: list[dict[str, float | int | None]]
    needed: dict[str, int | None]


class Out(Checked):
    """What left at a step, and why."""

    why: str
    count: int | Held


class Step(Checked):
    """What is left at a step of a flow."""

    text: str
    count: int | Held
    out: list[Out]


class Flow(Checked):
    """The flow of patients and of calls."""

    patients: list[Step]
    calls: list[Step]
    missing: list[str]
    sentence: str


class Cell(Checked, total=False):
    """A cell of Table 1: a count with its share, or a median with its quartiles."""

    count: int | Held
    share: Number
    median: float
    low: float
    high: float


class Level(Checked):
    """A row of Table 1."""

    level: str
    cells: list[Cell | None]


class Variable(Checked):
    """A characteristic of Table 1."""

    name: str
    kind: Literal["number", "levels"]
    difference: Number
    rows: list[Level]


class Group(Checked):
    """A column of Table 1."""

    name: str
    patients: int


class Baseline(Checked):
    """Table 1."""

    groups: list[Group]
    variables: list[Variable]


class Finding(Checked):
    """Findings of one severity and code."""

    severity: str
    code: str
    count: int | Held
    patients: list[str]
    nameless: int
    messages: list[str]


class Score(Checked):
    """A score with its interval; ``note`` counts the notes on intervals from 1."""

    score: str
    estimate: Number
    low: Number
    high: Number
    note: int


class ScoreRow(Checked):
    """The scores of a model, a cell a column."""

    model: str
    chosen: bool
    cells: list[Score | None]


class ScoreColumn(Checked):
    """A score and what would be good."""

    score: str
    good: str


class Scores(Checked):
    """Models by scores."""

    refused: str
    columns: list[ScoreColumn]
    rows: list[ScoreRow]
    notes: list[str]


class Curve(TypedDict, total=False):
    """A point of a curve of a model: the columns differ by curve, the values are numbers."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    model: str


class Difference(Checked):
    """The row's AUROC less the column's."""

    difference: Number
    low: Number
    high: Number
    p_holm: Number


class MatrixRow(Checked):
    """A model against every other."""

    model: str
    cells: list[Difference | None]


class Matrix(Checked):
    """Every model against every other."""

    models: list[str]
    pairs: int
    rows: list[MatrixRow]
    refused: str


class Test(Checked):
    """A permutation test."""

    title: str
    what: str
    statistic: str
    rows: list[Row]
    model: str
    observed: Number
    values: list[float]


class StratumLevel(Checked):
    """A level of a covariate, and how many of its patients respond."""

    level: str
    responding: str


class StratumRow(Checked):
    """A model's AUROC within each level."""

    model: str
    chosen: bool
    cells: list[Row | None]


class Stratum(Checked):
    """Scores within the levels of a covariate."""

    covariate: str
    levels: list[StratumLevel]
    rows: list[StratumRow]
    notes: list[str]


class Learning(Checked):
    """The learning curve."""

    rows: list[Row]
    refused: list[str]


class Optimism(Checked):
    """The optimism ledger: a row a step, and all rows."""

    steps: list[Row]
    rows: list[Row]


class Influence(Checked):
    """Patients without whom the score changes most."""

    rows: list[Row]
    patients: int
    notes: list[str]


class Command(Checked):
    """A command, and what it is for."""

    what: str
    command: str


class Provenance(Checked):
    """Where the run comes from."""

    plan: dict[str, Any] | None
    exported: str | None
    code: dict[str, Any] | None
    versions: dict[str, Any] | None
    sources: list[Row]
    configuration: dict[str, Any]
    command: str
    commands: list[Command]
    file: str


class Item(Checked):
    """An item of TRIPOD+AI; nothing is said where the run knows nothing of it."""

    item: str
    topic: str
    asked: str
    said: str
    where: str


class Section(Checked):
    """One run."""

    name: str
    simulated: bool
    sequenced: bool
    facts: Facts
    answer: Answer
    size: Size
    flow: Flow
    baseline: Baseline
    findings: list[Finding]
    scores: Scores
    models: list[str]
    pairs: bool
    roc: list[Curve]
    roc_bands: list[Curve]
    precision_recall: list[Curve]
    bands: str
    calibration: list[Curve]
    comparisons: list[Row]
    matrix: Matrix
    chance: list[Test]
    strata: list[Stratum]
    decisions: list[Curve]
    learning: Learning
    optimism: Optimism
    influence: Influence
    leading: list[Leading]
    watched: list[Watched]
    genes: Genes
    overview: Overview
    patients: Patients
    bench: Bench
    limits: list[str]
    checklist: list[Item]
    provenance: Provenance


class Pair(Checked):
    """Two runs: models of the same name compared, or the reason why not."""

    first: str
    second: str
    rows: list[Row]
    reason: str


class Content(Checked):
    """All that a report says. A number that is held back is ``*``; one that is endless ``inf`` or ``-inf``."""

    format: Literal[5]
    title: str
    simulated: bool
    shared: bool
    banner: str
    across: str
    pairs: list[Pair]
    runs: list[Section]


@cache
def _adapter() -> TypeAdapter[Content]:
    return TypeAdapter(Content)


def content_schema() -> dict[str, Any]:
    """Return the JSON Schema of a report's content, as it is published in ``docs/report.schema.json``.

    Examples
    --------
    >>> content_schema()["title"]
    'Content'
    """
    return {"$schema": SCHEMA_ID, **_adapter().json_schema()}


def require_shape(content: Mapping[str, Any]) -> None:
    """Refuse a content that is not as declared.

    Raises
    ------
    pydantic.ValidationError
        Names every place that differs.
    """
    _adapter().validate_python(content, strict=True)
