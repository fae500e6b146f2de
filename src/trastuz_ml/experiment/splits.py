"""Which split plan an experiment is validated on, and why."""

from __future__ import annotations

import json
from pathlib import Path

from trastuz_ml.errors import ConfigurationError, InputError
from trastuz_ml.experiment.configuration import Experiment
from trastuz_ml.learn.design import Design
from trastuz_ml.learn.folds import (
    FEWEST_FOR_FOLDS,
    K_FOLD,
    LEAVE_PAIR_OUT,
    PlanShape,
    SplitPlan,
    plan_of_json,
    require_same_patients,
)


def shape_of(experiment: Experiment, patients: int) -> tuple[PlanShape, str]:
    """Return the shape of the split plan for so many patients, and the reason in words.

    Examples
    --------
    >>> from trastuz_ml.experiment.validation_settings import Plan
    >>> from types import SimpleNamespace
    >>> shape_of(SimpleNamespace(validation=Plan()), 12)[1]
    'fewer than 30 patients: folds would hold too few of each class, so every two patients are left out together'
    """
    settings = experiment.validation
    kind: str = settings.plan
    why = "as the experiment asks"
    if kind == "auto" and patients < FEWEST_FOR_FOLDS:
        kind = LEAVE_PAIR_OUT
        why = (
            f"fewer than {FEWEST_FOR_FOLDS} patients: folds would hold too few of each class, so every two "
            "patients are left out together"
        )
    elif kind == "auto":
        kind, why = K_FOLD, f"{FEWEST_FOR_FOLDS} patients or more: repeated stratified folds"
    return PlanShape(kind, settings.repeats, settings.folds, settings.seed), why


def splits_of(experiment: Experiment, design: Design) -> tuple[SplitPlan, str]:
    """Return the split plan of an experiment: the saved one that it names, or a new one, and why.

    Raises
    ------
    ConfigurationError, InputError
        If the saved plan cannot be read.
    EvidenceError
        If it is of other patients, or these patients allow no plan of the kind asked for.
    """
    named = experiment.validation.splits
    if named is None:
        shape, why = shape_of(experiment, len(design.patients))
        return shape.plan(design.patients, design.response, design.groups), why
    path = Path(experiment.data) / named
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"validation.splits: {path} cannot be read: {error.strerror or error}. A run folder holds its plan as "
            "plan.json."
        ) from error
    except ValueError as error:
        raise InputError(f"validation.splits: {path} is not JSON: {error}.") from error
    plan = plan_of_json(content)
    require_same_patients(plan, design.patients, design.response)
    return plan, f"the saved plan {path.name}"
