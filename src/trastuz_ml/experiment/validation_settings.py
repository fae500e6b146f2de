"""How an experiment is validated: the sections validation, permutation and learning_curve of its file."""

from __future__ import annotations

import difflib
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from trastuz_ml.errors import TrastuzError
from trastuz_ml.learn.catalogue import LEARNERS, RANK_AVERAGE, RIVALS, SELECTIONS, catalogue_model
from trastuz_ml.learn.design import BLOCKS


def texts(value: Any) -> Any:
    """Read one value as a list of one, and numbers as the text that a table holds."""
    values = value if isinstance(value, list | tuple) else [value]
    return tuple(str(v) if isinstance(v, int | float | str) and not isinstance(v, bool) else v for v in values)


def number(value: Any) -> Any:
    """Read a decimal number, which the YAML loader leaves as the text that was written."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def nearest(word: str, known: Any) -> str:
    """Return a question about the known word that comes nearest, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.4)
    return f"; did you mean {close[0]}?" if close else ""


# What a text may look like to an editor, which reads 1.50 and true otherwise than the YAML loader of this project.
WORD: dict[str, Any] = {"type": ["string", "number", "boolean"], "title": "text"}


def list_of(item: dict[str, Any], title: str = "list", **more: Any) -> WithJsonSchema:
    """Return the JSON Schema of a list that may be written as its only item."""
    return WithJsonSchema({"anyOf": [item, {"type": "array", "items": item, **more}], "title": title})


Words = Annotated[tuple[str, ...], BeforeValidator(texts), list_of(WORD)]
Share = Annotated[float, Field(ge=0, le=1), BeforeValidator(number)]
FileName = Annotated[str, WithJsonSchema({"type": "string", "title": "path"})]
# YAML 1.2, which editors read, has no yes and no: they are texts there.
Switch = Annotated[
    bool,
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"enum": ["yes", "no", "on", "off"]}],
                    "title": "`true` or `false`"}),
]  # fmt: skip


def unit(name: str) -> dict[str, Any]:
    """Return what a field says of the unit of its number."""
    return {"unit": name}


# Names to find the nearest of, when one is not known.
_SETS = ("genes", "covariates", "both")
_NAMES = (*RIVALS, RANK_AVERAGE, *(f"{learner}:{f}" for learner in LEARNERS for f in _SETS))


def list_of_models(**more: Any) -> WithJsonSchema:
    """Return what the names of models look like: the usual ones for an editor to offer, and the form of all."""
    learners = [name for name in LEARNERS if name not in RIVALS]
    sets = rf"(both|({'|'.join(BLOCKS)})(\+({'|'.join(BLOCKS)}))*)(@({'|'.join(SELECTIONS)}))?"
    usual = [*RIVALS, RANK_AVERAGE, *(f"{learner}:{f}" for learner in learners for f in _SETS)]
    name = {"type": "string", "anyOf": [{"enum": usual}, {"pattern": rf"^({'|'.join(learners)}):{sets}$"}]}
    features = {"type": "string", "pattern": f"^{sets}$"}
    short = {
        "type": "object",
        "properties": {k: {"anyOf": [features, {"type": "array", "items": features}]} for k in learners},
        "additionalProperties": False,
    }
    many = {"type": "array", "items": {"anyOf": [name, short]}, **more}
    return WithJsonSchema({"anyOf": [name, many], "title": "list of models"})


class Section(BaseModel):
    """A part of the experiment file: unknown keys are refused, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


ModelNames = Annotated[tuple[str, ...], BeforeValidator(lambda v: model_names(v)), list_of_models()]


class Plan(Section):
    """How models are validated."""

    plan: Literal["auto", "k-fold", "leave-pair-out", "leave-one-group-out"] = Field(
        default="auto",
        description="what is left out together; auto is k-fold from 30 patients on, leave-pair-out below; groups "
        "are those of `roster: group:`",
    )
    splits: FileName | None = Field(
        default=None,
        description="`plan.json` of another run on the same patients, to be validated on its folds; then plan, "
        "repeats and folds shape permutations and learning curve alone",
    )
    repeats: int = Field(default=10, ge=1, description="repeats of k-fold", json_schema_extra=unit("repeats"))
    folds: int = Field(default=5, ge=2, description="outer folds of k-fold", json_schema_extra=unit("folds"))
    inner_folds: int = Field(
        default=3,
        ge=2,
        description="folds inside each training fold, whatever the plan",
        json_schema_extra=unit("folds"),
    )
    min_carriers: int = Field(
        default=3,
        ge=1,
        description="carriers that a gene needs in the training fold",
        json_schema_extra=unit("patients"),
    )
    rule: Literal["lowest", "one-standard-error"] = Field(
        default="lowest",
        description="which candidate is picked, and which model is chosen, by inner log loss: the lowest, or the "
        "first within one standard error of it",
    )
    class_weights: Literal["none", "balanced"] = Field(
        default="none",
        description="balanced: both classes weigh the same in every fit; probabilities are then not those of this "
        "cohort",
    )
    strata: Words = Field(
        default=(),
        description="covariates of kind category or ordered, within whose levels the AUROC is given, too; "
        "associations of genes are adjusted for them, unless `genes: adjust:` says otherwise",
    )
    influence: Switch = Field(default=True, description="refit the exported model without each patient in turn")
    seed: int = Field(default=2019, ge=0, description="same seed, same numbers")


class Permutation(Section):
    """Whether what was found could be chance: the whole procedure on permuted data."""

    times: int = Field(
        default=0,
        ge=0,
        le=100_000,
        description="permutations of the responses; 0 for none. Where the responses have no more arrangements "
        "than that, each is taken once and p is exact",
        json_schema_extra=unit("permutations"),
    )
    added_value: int = Field(
        default=0,
        ge=0,
        le=100_000,
        description="permutations of the gene block against the covariates: what genes add; needs a model on both",
        json_schema_extra=unit("permutations"),
    )
    within: Words = Field(
        default=(), description="covariates of kind category or ordered, within whose levels is permuted"
    )
    models: ModelNames = Field(
        default=(),
        description="models that are refitted, written as under `models`; all of the experiment when empty. "
        "`chosen` is then the one picked among these",
    )
    repeats: int = Field(
        default=1,
        ge=1,
        description="repeats of k-fold in each permutation, and for the observed value beside p",
        json_schema_extra=unit("repeats"),
    )
    stop_at: int = Field(
        default=0,
        ge=0,
        description="stop permuting responses once so many did as well as `chosen` (Besag and Clifford 1991); 0 "
        "never stops",
        json_schema_extra=unit("permutations"),
    )


class LearningCurve(Section):
    """How scores grow with patients: models refitted on shares of each training fold."""

    shares: Annotated[
        tuple[Share, ...],
        WithJsonSchema(
            {"type": "array", "items": {"type": "number", "minimum": 0.1, "maximum": 1},
             "title": "list of shares, 0.1 to 1"}
        ),
    ] = Field(default=(), description="shares of each training fold to refit on; none for no curve")  # fmt: skip
    models: ModelNames = Field(
        default=(), description="models that are refitted; all of the experiment when empty"
    )
    repeats: int = Field(
        default=2, ge=1, description="repeats of k-fold for each share", json_schema_extra=unit("repeats")
    )

    @model_validator(mode="before")
    @classmethod
    def _decimals(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("shares"), list | tuple):
            return {**value, "shares": tuple(number(v) for v in value["shares"])}
        return value

    @model_validator(mode="after")
    def _some_patients(self) -> Self:
        if any(share < 0.1 for share in self.shares):
            raise ValueError("shares: expected shares of 0.1 to 1")
        return self


def model_names(value: Any) -> Any:
    """Spell out ``- xgboost: [genes, both]`` as two names; refuse what is no model."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list | tuple):
        return value
    names: list[str] = []
    for item in value:
        if isinstance(item, dict):
            names += [f"{learner}:{f}" for learner, sets in item.items() for f in texts(sets)]
        else:
            names.append(str(item))
    for name in names:
        try:
            catalogue_model(name)
        except TrastuzError as error:
            raise ValueError(f"{str(error).rstrip('.')}{nearest(name, _NAMES)}") from error
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"{', '.join(repeated)} is listed twice")
    return tuple(names)
