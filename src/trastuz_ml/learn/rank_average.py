"""The rank average: the best few models' opinions, each brought to the same scale by its rank."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from trastuz_ml.learn.calibration import calibrating_line
from trastuz_ml.learn.fitted import FittedModel, RankAverage, ranks_among
from trastuz_ml.stats.discrimination import youden_threshold

Numbers = npt.NDArray[np.float64]
# How many of the best models are averaged.
MEMBERS = 3


def average_ranks(
    members: Sequence[FittedModel],
    inner: Sequence[Numbers],
    y: npt.NDArray[np.int8],
    weights: Numbers | None = None,
) -> tuple[RankAverage, Numbers]:
    """Make a rank average of fitted models.

    Each member's probability is replaced by its rank among the member's own inner predictions, ranks are
    averaged, and a logistic line on the inner predictions turns the average into a probability.

    Parameters
    ----------
    members : sequence of FittedModel
        Fitted on all training rows.
    inner : sequence of array, shape (n_training,)
        Each member's predictions for training rows that its inner folds left out.
    y : array of 0 and 1, shape (n_training,)
        Response.

    Returns
    -------
    model : RankAverage
    probability : array, shape (n_training,)
        What it says of the inner predictions.
    """
    references = tuple(np.sort(values) for values in inner)
    average = np.mean([ranks_among(r, v) for r, v in zip(references, inner, strict=True)], axis=0)
    slope, intercept = calibrating_line(average, y, weights)
    unfinished = RankAverage(
        "rank-average", tuple(members), references, slope, intercept, {"members": len(members)}
    )
    probability = unfinished.from_average(average)
    threshold = youden_threshold(y, probability)
    return (
        RankAverage(
            unfinished.name, unfinished.members, references, slope, intercept, unfinished.candidate, threshold
        ),
        probability,
    )
