"""A finished piece of work as plain values and arrays, and back to the bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trastuz_ml.explain.contributions import Explanation
from trastuz_ml.learn.folds import Turn
from trastuz_ml.learn.learning_curve import Step, StepResult
from trastuz_ml.learn.validation import FoldResult, Inspected


def fold_as_plain(result: FoldResult) -> dict[str, Any]:
    """Return a fold as plain values and arrays.

    Raises
    ------
    TypeError
        If a model was asked for something else than an explanation.
    """
    return {
        "turn": list(result.turn),
        "places": result.places,
        "probabilities": dict(result.probabilities),
        "choices": result.choices,
        "inner_errors": result.inner_errors,
        "inspected": [_inspected_as_plain(item) for item in result.inspected],
    }


def _inspected_as_plain(item: Inspected) -> dict[str, Any]:
    if not isinstance(item.result, Explanation):
        raise TypeError(f"What {item.model} was asked for cannot be kept: {type(item.result).__name__}.")
    plain = {name: getattr(item, name) for name in ("model", "repeat", "fold", "places")}
    return plain | {"result": {name: getattr(item.result, name) for name in Explanation.__dataclass_fields__}}


def fold_from_plain(plain: Mapping[str, Any]) -> FoldResult:
    """Return the fold that :func:`fold_as_plain` took apart, bit for bit."""
    inspected = [Inspected(**{**item, "result": Explanation(**item["result"])}) for item in plain["inspected"]]
    return FoldResult(**{**plain, "turn": Turn(*plain["turn"]), "inspected": inspected})


def step_as_plain(result: StepResult) -> dict[str, Any]:
    """Return a step of the learning curve as plain values."""
    return {name: getattr(result, name) for name in StepResult.__dataclass_fields__}


def step_from_plain(plain: Mapping[str, Any]) -> StepResult:
    """Return the step that :func:`step_as_plain` took apart."""
    return StepResult(**{**plain, "step": Step(*plain["step"]), "constant": tuple(plain["constant"])})
