"""How much work each stage of training is, in folds of its validation: for the time that is left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from trastuz_ml.experiment.configuration import Experiment
from trastuz_ml.experiment.splits import shape_of
from trastuz_ml.experiment.stages import CURVE, FITTING, LEAVING_OUT, PERMUTING, SILENCING, VALIDATION
from trastuz_ml.learn.catalogue import CatalogueModel, catalogue_model
from trastuz_ml.learn.folds import K_FOLD, SplitPlan

# Processor time of tuning and fitting in one fold, in hundredths of a second: measured on 162 patients with 5,467
# genes and on 160 with 6,338. Only their ratios count.
_WORK = {
    "prevalence": 1, "l2-logistic": 2, "elastic-net": 4, "firth-logistic": 2, "naive-bayes": 2, "linear-svm": 3,
    "random-forest": 20, "xgboost": 17,
}  # fmt: skip
_OTHER = 2
# A fit without tuning, as a share of one with: of all inner folds and candidates.
_UNTUNED = 0.25


def stages_ahead(
    experiment: Experiment, plan: SplitPlan, models: Sequence[CatalogueModel], patients: int
) -> dict[str, float]:
    """Return the stages from the validation on, in order, and the work of each.

    The unit is one fold of the validation. Fits are counted, and weighed by what models of a kind usually take, so
    that the numbers are rough until a stage has begun and shows its own pace.

    Parameters
    ----------
    experiment : Experiment
        What is asked for.
    plan : SplitPlan
        The folds of the validation.
    models : sequence of CatalogueModel
        The competitors.
    patients : int
        Patients of the cohort.
    """
    whole = _work(models)
    found = {VALIDATION: float(len(plan.turns)), FITTING: 1.0}
    if experiment.watch:
        found[SILENCING] = _UNTUNED * len(plan.turns)
    asked = [catalogue_model(name) for name in experiment.permutation.models]
    again = _folds(experiment, plan, patients, experiment.permutation.repeats) * _work(asked or models) / whole
    for what, times in (
        ("responses", experiment.permutation.times),
        ("genes", experiment.permutation.added_value),
    ):
        if times:
            found[PERMUTING + what] = times * again
    curve = experiment.learning_curve
    if curve.shares:
        refitted = [catalogue_model(name) for name in curve.models] or models
        steps = _folds(experiment, plan, patients, curve.repeats) * sum(curve.shares)
        found[CURVE] = steps * _work(refitted) / whole
    if experiment.validation.influence:
        # Which model is exported may not be known yet: then as if it were the one that takes longest.
        exported = [model for model in models if model.name == experiment.export] or models
        found[LEAVING_OUT] = _UNTUNED * patients * max(_work([model]) for model in exported) / whole
    return found


def _work(models: Iterable[CatalogueModel]) -> float:
    return float(sum(_WORK.get(model.learner, _OTHER) for model in models)) or 1.0


def _folds(experiment: Experiment, plan: SplitPlan, patients: int, repeats: int) -> int:
    """Return how many folds a plan of the experiment's kind has with so many repeats."""
    shape, _ = shape_of(experiment, patients)
    return shape.folds * repeats if shape.kind == K_FOLD else plan.folds
