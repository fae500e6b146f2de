"""Recalibration of an exported model's probabilities by a logistic line on left-out predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logit

from trastuz_ml.errors import ModelError
from trastuz_ml.learn.out_of_fold import folded, in_pairs
from trastuz_ml.stats.calibration import FLOOR, calibration_line

Array = npt.NDArray[np.float64]

# Ten patients of the smaller class for each number that is estimated (Peduzzi et al. 1996), and there are two.
FEWEST = 20
IN_PAIRS = "patients were left out in pairs, each pair with a model of its own: no probabilities to recalibrate"
NO_LINE = "the predicted log-odds of left-out patients do not vary, or separate the classes completely"
WRONG_WAY = "left-out responders had no higher predictions than the others: the line would turn the model round"


@dataclass(frozen=True)
class Recalibration:
    """A line from predicted to recalibrated log-odds, or why there is none.

    Attributes
    ----------
    intercept, slope : float
        Recalibrated log-odds are ``intercept + slope * predicted log-odds``; 0 and 1 where refused.
    patients : int
        Patients it was fitted on.
    refusal : str
        Why there is no line; else empty.

    Examples
    --------
    >>> Recalibration(0.0, 0.5, 80).probability([0.5, 0.8]).round(3).tolist()
    [0.5, 0.667]
    """

    intercept: float
    slope: float
    patients: int
    refusal: str = ""

    def probability(self, probability: npt.ArrayLike) -> Array:
        """Return recalibrated probabilities, in the shape given; NaN where refused or missing."""
        predicted = np.asarray(probability, dtype=np.float64)
        if self.refusal:
            return np.full(predicted.shape, np.nan)
        recalibrated: Array = expit(self.intercept + self.slope * _log_odds(predicted))
        return recalibrated

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "intercept": float(self.intercept),
            "slope": float(self.slope),
            "patients": int(self.patients),
            "refusal": self.refusal,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Recalibration:
        """Return what :meth:`as_json` wrote.

        Raises
        ------
        ModelError
            If it is something else, or a line that would turn the model round.
        """
        try:
            made = cls(
                float(content["intercept"]), float(content["slope"]), int(content["patients"]), content["refusal"]
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"This is no recalibration: {error!r}.") from error
        finite = math.isfinite(made.intercept) and math.isfinite(made.slope) and made.slope > 0
        if not finite or made.patients < 0 or not isinstance(made.refusal, str):
            raise ModelError(
                "A recalibration must have a finite intercept, a slope above 0 and a number of patients; found "
                f"{made.intercept}, {made.slope}, {made.patients}."
            )
        return made


def recalibration_of(out_of_fold: pd.DataFrame, model: str) -> Recalibration:
    """Fit the line on one model's left-out predictions.

    Repeats are pooled, not averaged: the stored model is one model, as each fold's is, and an average of
    models is calibrated otherwise.

    Parameters
    ----------
    out_of_fold : pandas.DataFrame
        :data:`trastuz_ml.schema.OUT_OF_FOLD`.
    model : str
        The model that is stored.

    Raises
    ------
    ModelError
        If the table has no row of the model.
    """
    rows = out_of_fold[out_of_fold["model"] == model]
    if rows.empty:
        raise ModelError(f"The out-of-fold table has no predictions of {model}.")
    if in_pairs(rows):
        return _refused(rows["patient"].nunique(), IN_PAIRS)
    found = folded(rows)
    return recalibration_line(found.response, found.probability)


def recalibration_line(response: npt.ArrayLike, probability: npt.ArrayLike) -> Recalibration:
    """Fit the line that makes predictions agree with responses: intercept and slope together (Cox 1958).

    Parameters
    ----------
    response : array of 0 and 1, shape (n_patients,)
        Observed.
    probability : array, shape (n_patients,) or (n_repeats, n_patients)
        Predictions of models that were not fitted on the patient.

    Notes
    -----
    Maximum likelihood. Refused with fewer than 20 patients of a class: ten for each of the two numbers
    (Peduzzi et al. 1996, J Clin Epidemiol 49:1373).
    """
    y = np.asarray(response, dtype=np.float64)
    each = np.atleast_2d(np.asarray(probability, dtype=np.float64))
    smaller = int(min(y.sum(), len(y) - y.sum()))
    if smaller < FEWEST:
        return _refused(len(y), f"a class has {smaller} patients: at least {FEWEST} of each are needed")
    predicted, observed = each.ravel(), np.tile(y, len(each))
    line = calibration_line(observed, predicted)
    if line is None:
        return _refused(len(y), NO_LINE)
    slope = line[1][0]
    if slope <= 0:
        return _refused(len(y), WRONG_WAY)
    margin = slope * _log_odds(predicted)
    from scipy.optimize import brentq  # only where a model is judged: it takes long to import

    # Given the slope, the intercept is where as many are expected to respond as do.
    far = float(np.abs(margin).max()) + abs(float(logit(y.mean()))) + 1.0
    intercept = brentq(lambda shift: float(expit(shift + margin).mean() - y.mean()), -far, far, xtol=1e-12)
    return Recalibration(float(intercept), float(slope), len(y))


def _log_odds(probability: Array) -> Array:
    odds: Array = logit(np.clip(probability, FLOOR, 1 - FLOOR))
    return odds


def _refused(patients: int, reason: str) -> Recalibration:
    return Recalibration(0.0, 1.0, patients, reason)
