"""A model judged on patients whom it has not seen: scores beside the internal ones, calibration, net benefit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.cohort.patients import Response
from trastuz_ml.errors import EvidenceError
from trastuz_ml.learn.catalogue import CHOSEN
from trastuz_ml.schema import conform, empty
from trastuz_ml.schema.external import (
    DRIFT,
    EXTERNAL_CALIBRATION,
    EXTERNAL_NET_BENEFIT,
    EXTERNAL_SCORES,
    SHARED,
)
from trastuz_ml.stats.decision import decision_curve
from trastuz_ml.stats.external import calibration_groups, fixed_model_scores
from trastuz_ml.store.bundle import ModelBundle
from trastuz_ml.store.card import plain

Numbers = npt.NDArray[np.float64]

VALIDATION, TRANSPORT = "external validation", "transport, not validation"
THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
# Calibration in groups: about as many responders in each, and no more groups than this.
_RESPONDERS_A_GROUP, _MOST_GROUPS = 5, 10
# Scores that recalibration can change; it keeps the order of patients.
_OF_PROBABILITIES = ("Brier score", "log loss", "Brier skill", "calibration intercept", "calibration slope")


@dataclass(frozen=True, eq=False)
class External:
    """What an external validation found; no table but ``shared`` holds an identifier.

    Attributes
    ----------
    model, version, sha256, simulated
        The model that was judged.
    kind : str
        ``external validation``, or ``transport, not validation``.
    transport : str
        Why it is transport; else empty.
    response : Response
        The responses it was judged by.
    counts : mapping
        Patients of the roster, set aside, refused, without a response, judged, responders among them, and those of
        the training cohort.
    refusals : mapping
        Patients by the reason for which they have no prediction.
    scores, calibration, net_benefit, drift, shared : pandas.DataFrame
        As declared in :mod:`trastuz_ml.schema.external`.
    searched : str
        Empty, or why training patients could not be looked for.
    evaluated : mapping
        How many times before: ``same_roster`` and ``other_roster`` of this model, ``other_models`` on this roster,
        ``recalibrated_here`` whether its probabilities were recalibrated in these very patients.
    sealed : str
        What the seal says; empty when nothing was sealed.
    procedure : str
        The internal AUROC of the whole procedure, in which the choice among models is part, in words.
    recalibration : mapping
        What was fitted here and where it is kept; empty when nothing was asked for.
    """

    model: str
    version: int
    sha256: str
    simulated: bool
    kind: str
    transport: str
    response: Response
    counts: Mapping[str, int]
    refusals: Mapping[str, int]
    scores: pd.DataFrame
    calibration: pd.DataFrame
    net_benefit: pd.DataFrame
    drift: pd.DataFrame = field(default_factory=lambda: empty(DRIFT))
    shared: pd.DataFrame = field(default_factory=lambda: empty(SHARED))
    searched: str = ""
    evaluated: Mapping[str, int] = field(default_factory=dict)
    sealed: str = ""
    procedure: str = ""
    recalibration: Mapping[str, Any] = field(default_factory=dict)

    def score(self, name: str, column: str = "external") -> float:
        """Return one score."""
        return float(self.scores.set_index("score").loc[name, column])

    def as_json(self) -> dict[str, Any]:
        """Return everything but ``shared``, which names patients, as plain JSON values."""
        about: dict[str, Any] = plain(
            {
                "kind": self.kind, "transport": self.transport, "model": self.model, "version": self.version,
                "sha256": self.sha256, "simulated": self.simulated,
                "response": {
                    "column": self.response.column, "positive": self.response.positive,
                    "negative": self.response.negative,
                },
                "counts": self.counts, "refusals": self.refusals, "searched": self.searched,
                "evaluated": self.evaluated, "sealed": self.sealed, "procedure": self.procedure,
                "recalibration": self.recalibration,
            }
        )  # fmt: skip
        for name in ("scores", "calibration", "net_benefit", "drift"):
            about[name] = plain(getattr(self, name).astype(object).to_dict(orient="records"))
        return about


@dataclass(frozen=True, eq=False)
class Judged:
    """Patients with a prediction and a response, in one order.

    Attributes
    ----------
    response : array of 0 and 1, shape (n,)
    probability : array, shape (n,)
        As the model gives it.
    calibrated : array, shape (n,)
        Recalibrated as the model's card says; NaN where it has no recalibration.
    """

    response: Numbers
    probability: Numbers
    calibrated: Numbers


def judged_of(predictions: pd.DataFrame, response: pd.Series, aside: set[str]) -> tuple[Judged, dict[str, int]]:
    """Take the patients by whom a model can be judged, and count the others.

    Parameters
    ----------
    predictions : pandas.DataFrame
        :data:`trastuz_ml.schema.PREDICTIONS`.
    response : pandas.Series
        1, 0 or missing, by patient.
    aside : set of str
        Patients who are training patients.

    Returns
    -------
    judged : Judged
    counts : mapping
        ``roster``, ``set_aside``, ``refused``, ``without_response``, ``judged``, ``responders``; a patient is
        counted for the first of these reasons.

    Raises
    ------
    EvidenceError
        If nobody, or only patients of one class, are left.
    """
    set_aside = predictions["patient"].isin(aside).to_numpy()
    refused = ~set_aside & (predictions["refusal"] != "").to_numpy()
    y = response.reindex(predictions["patient"]).to_numpy(dtype=float, na_value=np.nan)
    silent = ~set_aside & ~refused & np.isnan(y)
    left = ~(set_aside | refused | silent)
    counts = {
        "roster": len(predictions), "set_aside": int(set_aside.sum()), "refused": int(refused.sum()),
        "without_response": int(silent.sum()), "judged": int(left.sum()), "responders": int(y[left].sum()),
    }  # fmt: skip
    if not 0 < counts["responders"] < counts["judged"]:
        raise EvidenceError(
            f"The model cannot be judged: of {counts['roster']} patients {counts['set_aside']} are training "
            f"patients, {counts['refused']} have no prediction and {counts['without_response']} no response; of "
            f"the {counts['judged']} left {counts['responders']} responded, and both responders and others are "
            "needed."
        )
    values = predictions.loc[left, ["probability", "calibrated_probability"]].to_numpy(dtype=float)
    return Judged(y[left], values[:, 0], values[:, 1]), counts


def score_rows(bundle: ModelBundle, judged: Judged) -> pd.DataFrame:
    """Return :data:`trastuz_ml.schema.external.EXTERNAL_SCORES`: the card's scores beside those found here."""
    internal = {
        row["score"]: row for row in bundle.card["scores"] if row["model"] == bundle.model.name
    }  # fmt: skip
    again = {}
    if not np.isnan(judged.calibrated).any():
        again = {
            name: (e, i) for name, e, i in _scores(judged.response, judged.calibrated, bundle.model.threshold)
        }
    rows = []
    for name, estimate, interval in _scores(judged.response, judged.probability, bundle.model.threshold):
        inside = internal.get(name, {})
        row = {
            "score": name,
            **{f"internal{end}": _number(inside.get(key)) for end, key in _ENDS.items()},
            "external": estimate, "external_low": interval.low, "external_high": interval.high,
            "interval": interval.method,
        }  # fmt: skip
        if name in again and name in _OF_PROBABILITIES:
            value, ends = again[name]
            row |= {"recalibrated": value, "recalibrated_low": ends.low, "recalibrated_high": ends.high}
        rows.append(row)
    table = pd.DataFrame(rows).reindex(columns=EXTERNAL_SCORES.names)
    return conform(table, EXTERNAL_SCORES)


_ENDS = {"": "estimate", "_low": "low", "_high": "high"}
_scores = fixed_model_scores


def procedure_words(bundle: ModelBundle) -> str:
    """Return what the card says of the whole procedure; nothing where the choice among models is not on it."""
    for row in bundle.card["scores"]:
        if row["model"] == CHOSEN and row["score"] == "AUROC" and bundle.model.name != CHOSEN:
            low, high = (_number(row[end]) for end in ("low", "high"))
            ends = "" if math.isnan(low) else f" ({low:.3f} to {high:.3f})"
            return (
                "With the choice among models made inside the folds, the procedure reaches an internal AUROC of "
                f"{row['estimate']:.3f}{ends}: that is to be compared where this model was picked by its score."
            )
    return ""


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def calibration_rows(judged: Judged) -> pd.DataFrame:
    """Return :data:`trastuz_ml.schema.external.EXTERNAL_CALIBRATION`."""
    fewer = int(min(judged.response.sum(), len(judged.response) - judged.response.sum()))
    groups = max(1, min(_MOST_GROUPS, fewer // _RESPONDERS_A_GROUP))
    rows = calibration_groups(judged.response, judged.probability, groups)
    table = pd.DataFrame(rows).assign(group=range(1, len(rows) + 1))
    return conform(table, EXTERNAL_CALIBRATION)


def net_benefit_rows(judged: Judged) -> pd.DataFrame:
    """Return :data:`trastuz_ml.schema.external.EXTERNAL_NET_BENEFIT` at a few thresholds."""
    curve = decision_curve(judged.response, judged.probability, THRESHOLDS)
    return conform(
        pd.DataFrame(
            {
                "threshold": curve.threshold, "net_benefit": curve.model, "low": curve.low, "high": curve.high,
                "treat_all": curve.treat_all,
                "treated": [int((judged.probability >= at).sum()) for at in THRESHOLDS],
            }
        ),
        EXTERNAL_NET_BENEFIT,
    )  # fmt: skip


def why_transport(trained: Mapping[str, Any], response: Response, said: str = "") -> str:
    """Return why an evaluation is transport and no validation; nothing where nothing declared says so.

    Parameters
    ----------
    trained : mapping
        ``response`` of the model's card.
    response : Response
        The responses of the new patients.
    said : str
        What the user says differs: another drug, another stage of disease.

    Examples
    --------
    >>> trained = {"column": "BR", "positive": ["CR", "PR"], "negative": ["PD"]}
    >>> why_transport(trained, Response("BR", ("PR", "CR"), ("PD",)))
    ''
    >>> why_transport(trained, Response("RECIST", ("CR", "PR"), ("PD",)), "another drug")
    'another drug; the response is RECIST here and BR in training: whether they mean the same is not known'
    """
    reasons = [said.strip().rstrip(".")] if said.strip() else []
    if response.column != trained.get("column"):
        reasons.append(
            f"the response is {response.column} here and {trained.get('column', 'not given')} in training: "
            "whether they mean the same is not known"
        )
    for side in ("positive", "negative"):
        here, there = set(getattr(response, side)), set(trained.get(side) or ())
        if here != there:
            reasons.append(f"{side} is {_words(here)} here and {_words(there)} in training")
    return "; ".join(reasons)


def _words(values: set[str]) -> str:
    return ", ".join(sorted(values)) or "not given"
