"""How an experiment is validated: the sections validation, permutation and learning_curve of its file."""

from __future__ import annotations

import difflib
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from trastuz_ml.errors import TrastuzError
from trastuz_ml.learn.catalogue import LEARNERS, RANK_AVERAGE, RIVALS, catalogue_model


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


Words = Annotated[tuple[str, ...], BeforeValidator(texts)]
Share = Annotated[float, BeforeValidator(number), Field(ge=0, le=1)]


# Names to find the nearest of, when one is not known.
_NAMES = (
    *RIVALS, RANK_AVERAGE, *(f"{learner}:{f}" for learner in LEARNERS for f in ("genes", "covariates", "both")),
)  # fmt: skip


class Section(BaseModel):
    """A part of the experiment file: unknown keys are refused, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


ModelNames = Annotated[tuple[str, ...], BeforeValidator(lambda v: model_names(v))]


class Plan(Section):
    """How models are validated."""

    plan: Literal["auto", "k-fold", "leave-pair-out", "leave-one-group-out"] = Field(
        default="auto", description="auto: k-fold from 30 patients on, leave-pair-out below"
    )
    splits: str | None = Field(default=None, description="plan.json of another run, to be validated on its folds")
    repeats: int = Field(default=10, ge=1)
    folds: int = Field(default=5, ge=2)
    inner_folds: int = Field(default=3, ge=2)
    min_carriers: int = Field(default=3, ge=1, description="carriers a gene needs in a training fold")
    rule: Literal["lowest", "one-standard-error"] = Field(
        default="lowest", description="which candidate is picked, and which model is chosen, by inner log loss"
    )
    class_weights: Literal["none", "balanced"] = "none"
    strata: Words = Field(default=(), description="covariates within whose levels scores are given, too")
    influence: bool = Field(default=True, description="refit the exported model without each patient in turn")
    seed: int = Field(default=2019, ge=0)


class Permutation(Section):
    """Whether what was found could be chance: the whole procedure on permuted data."""

    times: int = Field(default=0, ge=0, le=100_000, description="permutations of the responses; 0 for none")
    added_value: int = Field(
        default=0, ge=0, le=100_000, description="permutations of the gene block against the covariates"
    )
    within: Words = Field(default=(), description="covariates within whose levels is permuted")
    models: ModelNames = Field(
        default=(), description="models that are refitted; all of the experiment when empty"
    )
    repeats: int = Field(default=1, ge=1, description="repeats of the split plan in each permutation")
    stop_at: int = Field(
        default=0, ge=0, description="stop once so many permutations did as well (Besag and Clifford); 0 never"
    )


class LearningCurve(Section):
    """How scores grow with patients: models refitted on shares of each training fold."""

    shares: tuple[Share, ...] = Field(default=(), description="shares of the training patients; none for no curve")
    models: ModelNames = Field(
        default=(), description="models that are refitted; all of the experiment when empty"
    )
    repeats: int = Field(default=2, ge=1, description="repeats of the split plan for each share")

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
