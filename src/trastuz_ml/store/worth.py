"""What a model's predictions are worth, as one JSON file: training counts, conformal scores, weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trastuz_ml.errors import ModelError
from trastuz_ml.learn.conformal import Conformal
from trastuz_ml.learn.recalibration import Recalibration
from trastuz_ml.learn.training_summary import TrainingSummary

WORTH = "worth.json"
_UNKNOWN = "not known: the model was stored without it"
# A sum of thousands of shares, each rounded.
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Worth:
    """What a prediction is judged by.

    Attributes
    ----------
    summary : TrainingSummary
        The training cohort, in counts.
    conformal : Conformal
        Scores that conformal sets are made of, or why there are none.
    recalibration : Recalibration
        Line from predicted to recalibrated log-odds, or why there is none.
    weights : array of shape (n_features,)
        Share of the model's weight that each of its features carries; sums to 1, or all 0.
    abstain_below : float
        Share of the weight that must have been measured for a prediction to be made.
    miss_rate : float
        Share of patients of each class whose set may miss their response.
    """

    summary: TrainingSummary
    conformal: Conformal
    recalibration: Recalibration
    weights: npt.NDArray[np.float64]
    abstain_below: float = 0.5
    miss_rate: float = 0.1

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "summary": self.summary.as_json(),
            "conformal": self.conformal.as_json(),
            "recalibration": self.recalibration.as_json(),
            "weights": self.weights.tolist(),
            "abstain_below": float(self.abstain_below),
            "miss_rate": float(self.miss_rate),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any], features: int) -> Worth:
        """Return what :meth:`as_json` wrote.

        Parameters
        ----------
        content : mapping
            Plain values.
        features : int
            How many features the model reads.

        Raises
        ------
        ModelError
            If it is something else, or does not fit the model.
        """
        try:
            found = cls(
                TrainingSummary.from_json(content["summary"]),
                Conformal.from_json(content["conformal"]),
                Recalibration.from_json(content["recalibration"]),
                np.array(content["weights"], dtype=np.float64),
                float(content["abstain_below"]),
                float(content["miss_rate"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError, LookupError) as error:
            raise ModelError(f"{WORTH} does not say what predictions are worth: {error}.") from error
        require_sound(found, features)
        return found


def unknown_worth(features: int) -> Worth:
    """Return what is said of a model of which nothing is known besides itself: sets and recalibration are refused.

    Examples
    --------
    >>> unknown_worth(3).weights.tolist(), unknown_worth(3).summary.patients
    ([0.0, 0.0, 0.0], 0)
    """
    nothing = np.empty(0)
    return Worth(
        TrainingSummary(0, 0, {}, {}, {}, None, {}),
        Conformal((nothing, nothing), _UNKNOWN),
        Recalibration(0.0, 1.0, 0, _UNKNOWN),
        np.zeros(features),
    )


def require_sound(worth: Worth, features: int) -> None:
    """Refuse weights that do not fit the features, and shares that are none.

    Raises
    ------
    ModelError
        Says which.
    """
    weights = worth.weights
    sound = {
        f"one weight for each of {features} features": weights.shape == (features,),
        "weights from 0": bool(np.isfinite(weights).all() and (weights >= 0).all()),
        "weights that add up to 1, or are all 0": bool(
            not weights.any() or abs(weights.sum() - 1) < _ROUNDING or not np.isfinite(weights).all()
        ),
        "abstain_below from 0 to 1": 0 <= worth.abstain_below <= 1,
        "miss_rate above 0 and below 1": 0 < worth.miss_rate < 1,
    }
    if broken := [claim for claim, holds in sound.items() if not holds]:
        raise ModelError(f"{WORTH}: expected {', '.join(broken)}. Export the model again.")
