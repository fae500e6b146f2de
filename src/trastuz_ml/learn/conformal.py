"""Class-conditional conformal sets: which responses a prediction leaves open at a stated miss rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.errors import ConfigurationError, ModelError
from trastuz_ml.learn.out_of_fold import folded, in_pairs

Array = npt.NDArray[np.float64]

_DECIMALS = 12
# The columns of a set.
LABELS = ("does not respond", "responds")
IN_PAIRS = "patients were left out in pairs, each pair with a model of its own: there are no probabilities to rank"


@dataclass(frozen=True, eq=False)
class Conformal:
    """What sets of responses are made of: how strange the cohort's own patients looked when they were left out.

    A set holds the responses that a patient would not look too strange with. Of the patients of each class, it
    misses the true one in a share ``miss_rate``, as long as new patients are exchangeable with those of the
    cohort: drawn from the same population, sequenced in the same way. Of any others nothing is claimed.

    Attributes
    ----------
    scores : tuple of two arrays, shapes (n_others,) and (n_responders,)
        Of patients without and with a response, sorted: the probability that left-out predictions gave to the
        other class. No patient is named.
    refusal : str
        Why there are no sets at any miss rate; else empty.

    Notes
    -----
    Label-conditional inductive conformal predictor: Vovk (2013), Machine Learning 92:349. There one model, which
    saw none of the scored patients, scores them and predicts; here each patient's score is the mean over
    repeats of fold models that did not see it, and the prediction is of a model of the whole cohort. What that
    does to the coverage is a matter of simulation: ``docs/conformal.md``.

    Examples
    --------
    >>> four_to_one = Conformal((np.linspace(0.1, 0.5, 5), np.linspace(0.2, 0.6, 5)))
    >>> four_to_one.p_values([0.3]).round(2).tolist()
    [[0.67, 0.17]]
    >>> four_to_one.sets([0.3, 0.45], 0.2).tolist()
    [[True, False], [True, True]]
    """

    scores: tuple[Array, Array]
    refusal: str = ""

    @property
    def patients(self) -> tuple[int, int]:
        """Patients without and with a response."""
        return len(self.scores[0]), len(self.scores[1])

    def p_values(self, probability: npt.ArrayLike) -> Array:
        """Return how well each response conforms, shape (n, 2): (patients of it as strange + 1) / (patients + 1).

        NaN where the probability is missing.
        """
        return np.column_stack([self._p(label, _strangeness(probability, label)) for label in (0, 1)])

    def _p(self, label: int, strange: Array) -> Array:
        scores = self.scores[label]
        # Ties count as at least as strange, which errs on the side of a larger set.
        as_strange = len(scores) - np.searchsorted(scores, strange, side="left")
        return np.where(np.isnan(strange), np.nan, (as_strange + 1) / (len(scores) + 1))

    def sets(self, probability: npt.ArrayLike, miss_rate: float) -> npt.NDArray[np.bool_]:
        """Return whether *does not respond* and *responds* are in the set of each probability, shape (n, 2).

        Of a missing probability neither is. Ask :meth:`refused` first.

        Raises
        ------
        ConfigurationError
            If the miss rate is not between 0 and 1.
        """
        _require_rate(miss_rate)
        return np.asarray(self.p_values(probability) > miss_rate)

    def answers(self, miss_rate: float) -> tuple[float, float]:
        """Return what sets would have said of the cohort's own patients, each left out of the scores.

        Returns
        -------
        single, right : float
            The share whose set holds one response, and the share in which that is the true one.

        Raises
        ------
        ConfigurationError
            If the miss rate is not between 0 and 1.
        """
        _require_rate(miss_rate)
        single = right = 0
        for label in (0, 1):
            own = self.scores[label]
            # A patient is as strange as itself: without it, the 1 that is added stands for it.
            as_strange = len(own) - np.searchsorted(own, own, side="left")
            kept = as_strange / max(len(own), 1) > miss_rate
            other = self._p(1 - label, _strangeness(own, 1)) > miss_rate
            single += int((kept != other).sum())
            right += int((kept & ~other).sum())
        patients = max(sum(self.patients), 1)
        return single / patients, right / patients

    def refused(self, miss_rate: float) -> str:
        """Return why no informative set can be given at this miss rate, or nothing.

        Refused are predictions of left-out pairs; classes of fewer than 1 / miss_rate - 1 patients, whose
        response could never be left out of a set; and models by which no more of the cohort's own patients, when
        left out, get a single answer than sets may miss: nearly every set would hold both responses. A stricter
        rule would keep those cohorts above all whose scores were lucky, and break the promise in them
        (``docs/conformal.md``). That sets are given does not say that the model predicts anything.

        Raises
        ------
        ConfigurationError
            If the miss rate is not between 0 and 1.

        Examples
        --------
        >>> Conformal((np.linspace(0.1, 0.5, 30), np.linspace(0.1, 0.5, 8))).refused(0.1)
        '8 patients who respond: with a miss rate of 0.1, a set can leave a response out from 9 patients on'
        """
        _require_rate(miss_rate)
        if self.refusal:
            return self.refusal
        few = min((0, 1), key=lambda label: self.patients[label])
        if 1 / (self.patients[few] + 1) > miss_rate:
            needed = next(n for n in range(self.patients[few], int(2 / miss_rate) + 2) if 1 / (n + 1) <= miss_rate)
            who = "who respond" if few else "who do not respond"
            return (
                f"{self.patients[few]} patients {who}: with a miss rate of {miss_rate:g}, a set can leave a "
                f"response out from {needed} patients on"
            )
        single, _ = self.answers(miss_rate)
        if single <= miss_rate:
            return (
                f"nearly every set would hold both responses: at a miss rate of {miss_rate:g}, {single:.0%} of "
                "the training patients got a single answer when they were left out"
            )
        return ""

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON values; the scores come back bit for bit."""
        return {"scores": [scores.tolist() for scores in self.scores], "refusal": self.refusal}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Conformal:
        """Return what :meth:`as_json` wrote.

        Raises
        ------
        ModelError
            If it is something else.
        """
        try:
            others, responders = (np.array(part, dtype=np.float64) for part in content["scores"])
            refusal = content["refusal"]
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"These are no conformal scores: {error!r}.") from error
        for scores in (others, responders):
            sound = scores.ndim == 1 and bool(((scores >= 0) & (scores <= 1)).all())
            if not sound or (np.diff(scores) < 0).any() or not isinstance(refusal, str):
                raise ModelError("Conformal scores must be rising probabilities, with a refusal in words.")
        return cls((others, responders), refusal)


def conformal_of(out_of_fold: pd.DataFrame, model: str) -> Conformal:
    """Return the conformal scores of one model: of each patient, the mean probability over repeats.

    The mean over many splits is, to first order, what a model of all other patients would predict (an average
    over subsamples has the linear part of the whole sample: Hoeffding 1948, Ann Math Stat 19:293), and so
    compares with the stored model, which had all of them. One split's predictions come from smaller training sets;
    they are stranger, and sets made of them larger than they need be (``docs/conformal.md``).

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
        return Conformal((np.empty(0), np.empty(0)), IN_PAIRS)
    found = folded(rows)
    return conformal_scores(found.response, found.probability)


def conformal_scores(response: npt.ArrayLike, probability: npt.ArrayLike) -> Conformal:
    """Return the conformal scores of left-out predictions.

    Parameters
    ----------
    response : array of 0 and 1, shape (n_patients,)
        Observed.
    probability : array, shape (n_repeats, n_patients)
        Predictions of models that were not fitted on the patient.
    """
    y, mean = np.asarray(response), np.atleast_2d(np.asarray(probability, dtype=np.float64)).mean(axis=0)
    return Conformal((np.sort(_strangeness(mean[y == 0], 0)), np.sort(_strangeness(mean[y == 1], 1))))


def _strangeness(probability: npt.ArrayLike, label: int) -> Array:
    """Return the probability of the other class."""
    chance = np.asarray(probability, dtype=np.float64)
    # 1 - (1 - p) is not p to the last bit: equal probabilities are to stay ties.
    strange: Array = np.round(1 - chance if label else chance, _DECIMALS)
    return strange


def _require_rate(miss_rate: float) -> None:
    if not 0 < miss_rate < 1:
        raise ConfigurationError(f"A miss rate must be above 0 and below 1, found {miss_rate:g}.")
