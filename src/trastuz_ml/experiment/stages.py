"""What work says of itself while it goes on: the words for its stages, and who is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping

# Called with what is being done, steps done, steps in all; a stage is told when it begins, too.
Progress = Callable[[str, int, int], None]
# Called with the stages that are to come, in order, and their work.
Ahead = Callable[[Mapping[str, float]], None]

READING = "reading calls and roster"
PREPARING = "building the gene matrix"
VALIDATION = "nested cross-validation"
FITTING = "fitting on the whole cohort"
CONTRIBUTIONS = "what each gene contributes"
TESTING = "testing each gene"
BY_CHANCE = "counting genes by chance"
SILENCING = "silencing watched genes"
PERMUTING = "permuting "
CURVE = "learning curve"
OPTIMISM = "optimism of other ways"
LEAVING_OUT = "leaving out each patient"
VALIDATING = "validating panels"
READING_CALLS = "reading calls"
PREDICTING = "predicting"
WRITING = "writing the run and the model"
DRAWING = "drawing the report"
TRACKING = "tracking with MLflow"
