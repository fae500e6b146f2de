"""What a learner is given: the prepared rows of a training fold, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Training:
    """Prepared training rows.

    Attributes
    ----------
    X : array of float64, shape (n_patients, n_columns)
        Prepared columns (:class:`trastuz_ml.learn.transformers.Preparation`).
    y : array of 0 and 1, shape (n_patients,)
        Response.
    groups : array of str, shape (n_patients,)
        Patients of one group never straddle a split, also not one that a learner makes itself.
    seed : int
        Seed of this fit.
    balanced : bool
        Whether both classes weigh the same (:attr:`weights`).
    gaps : array of bool, shape (n_patients, n_columns), optional
        Where a missing value was filled; ``None`` when nothing was.

    Examples
    --------
    >>> y = np.array([1, 0, 0, 0], dtype=np.int8)
    >>> Training(np.zeros((4, 1)), y, np.array(list("abcd")), balanced=True).weights.round(3).tolist()
    [2.0, 0.667, 0.667, 0.667]
    """

    X: npt.NDArray[np.float64]
    y: npt.NDArray[np.int8]
    groups: npt.NDArray[np.str_]
    seed: int = 0
    balanced: bool = False
    gaps: npt.NDArray[np.bool_] | None = field(default=None)

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """Weight of each patient, with mean 1: n / (2 n of the class) when balanced, 1 otherwise."""
        n = len(self.y)
        if not self.balanced:
            return np.ones(n)
        responders = int(self.y.sum())
        return np.where(self.y > 0, n / (2 * responders), n / (2 * (n - responders)))

    @property
    def rate(self) -> float:
        """Weighted response rate."""
        return float(np.average(self.y, weights=self.weights))
