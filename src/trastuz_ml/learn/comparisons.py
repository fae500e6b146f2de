"""Two models in the same folds, of one run or of two runs of the same plan: difference of AUROC and p."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from trastuz_ml.errors import EvidenceError
from trastuz_ml.learn.catalogue import CHOSEN, CLINICAL
from trastuz_ml.learn.out_of_fold import Folded, Paired, folded, in_pairs, paired
from trastuz_ml.learn.scores import AUROC
from trastuz_ml.schema import COMPARISONS, conform
from trastuz_ml.stats.comparison import Comparison, delong_difference, holm, nadeau_bengio_difference
from trastuz_ml.stats.intervals import no_interval

# DeLong's test on the win matrices calls about 20 % of pairs of equally good models different at 12 patients
# (tests/learn/test_comparisons.py): models of overlapping pairs share nearly all of their training patients, which
# no variance of one table can see.
NO_TEST_OF_PAIRS = (
    "refused: with left-out pairs no test held its level in simulations (about 20 % of equal models called "
    "different, 5 % claimed)"
)
_COLUMNS = ("difference", "low", "high", "p", "interval", "delong_low", "delong_high", "delong_p")


@dataclass(frozen=True, eq=False)
class Scored:
    """A run's out-of-fold table, with what it was validated on.

    Attributes
    ----------
    name : str
        Name of the run.
    fingerprint : str
        That of its split plan (:attr:`trastuz_ml.learn.folds.SplitPlan.fingerprint`).
    out_of_fold : pandas.DataFrame
        :data:`trastuz_ml.schema.OUT_OF_FOLD`.
    """

    name: str
    fingerprint: str
    out_of_fold: pd.DataFrame


def comparison_table(out_of_fold: pd.DataFrame, rival: str = CLINICAL) -> pd.DataFrame:
    """Compare each model's AUROC with a rival's on the same folds; without the rival, an empty table.

    Parameters
    ----------
    out_of_fold : pandas.DataFrame
        :data:`trastuz_ml.schema.OUT_OF_FOLD`.
    rival : str
        The model that all others are compared with.

    Returns
    -------
    pandas.DataFrame
        :data:`trastuz_ml.schema.COMPARISONS`. Of left-out pairs the difference is given, without interval and p.

    Notes
    -----
    :func:`trastuz_ml.stats.comparison.nadeau_bengio_difference`, Holm's p over the rows, and as a second view
    :func:`trastuz_ml.stats.comparison.delong_difference`.

    Examples
    --------
    >>> rows = [(m, 0, i // 4, f"P{i}", i % 2, [(7 * i) % 8 / 8, i / 8][m == "genes"])
    ...         for m in (CLINICAL, "genes") for i in range(8)]
    >>> table = pd.DataFrame(rows, columns=["model", "repeat", "fold", "patient", "response", "probability"])
    >>> comparison_table(table)[["model", "rival", "difference"]].values.tolist()
    [['genes', 'clinical-only', 0.25]]
    """
    by_model = {str(model): rows for model, rows in out_of_fold.groupby("model", sort=False)}
    others = [model for model in by_model if model != rival] if rival in by_model else []
    rows = [
        {"model": model, "rival": rival, "score": AUROC, **difference(by_model[model], by_model[rival])}
        for model in others
    ]
    return conform(with_holm(pd.DataFrame(rows, columns=["model", "rival", "score", *_COLUMNS])), COMPARISONS)


def compare_runs(
    first: Scored, second: Scored, models: Iterable[tuple[str, str]] = ((CHOSEN, CHOSEN),)
) -> pd.DataFrame:
    """Compare models of two runs that were validated on the same patients in the same folds.

    Parameters
    ----------
    first, second : Scored
        The runs; differences are those of the first minus those of the second.
    models : iterable of (str, str)
        Which model of the first run with which of the second.

    Returns
    -------
    pandas.DataFrame
        :data:`trastuz_ml.schema.COMPARISONS`, ``model`` being of the first run and ``rival`` of the second.

    Raises
    ------
    EvidenceError
        If the plans or the responses differ, or a run has no such model: names both runs.

    Examples
    --------
    >>> empty = pd.DataFrame(columns=["model", "patient", "response"])
    >>> compare_runs(Scored("old", "aa", empty), Scored("new", "bb", empty))
    Traceback (most recent call last):
    ...
    trastuz_ml.errors.EvidenceError: Scores of different split plans are not compared: old has plan aa, new has ...
    """
    require_comparable(first, second)
    rows = []
    for model, rival in models:
        one, two = (
            side.out_of_fold[side.out_of_fold["model"] == name] for side, name in ((first, model), (second, rival))
        )
        for side, name, table in ((first, model, one), (second, rival, two)):
            if table.empty:
                raise EvidenceError(f"The run {side.name} has no model '{name}': nothing to compare.")
        rows.append({"model": model, "rival": rival, "score": AUROC, **difference(one, two)})
    return conform(with_holm(pd.DataFrame(rows, columns=["model", "rival", "score", *_COLUMNS])), COMPARISONS)


def require_comparable(first: Scored, second: Scored) -> None:
    """Refuse runs whose scores cannot be compared: other folds, other patients, or other responses.

    Raises
    ------
    EvidenceError
        Names both runs and what differs.
    """
    if not first.fingerprint or not second.fingerprint or first.fingerprint != second.fingerprint:
        raise EvidenceError(
            f"Scores of different split plans are not compared: {first.name} has plan "
            f"{first.fingerprint or '(none)'}, {second.name} has {second.fingerprint or '(none)'}. Scores of "
            "other patients or folds differ even where models do not. Give the second experiment the plan of the "
            "first: validation: splits: plan.json."
        )
    one, two = (side.out_of_fold.groupby("patient")["response"].first() for side in (first, second))
    if not one.equals(two):
        raise EvidenceError(
            f"Scores of other responses are not compared: {first.name} and {second.name} have the same folds, but "
            "not the same responses."
        )


def difference(first: pd.DataFrame, second: pd.DataFrame) -> dict[str, object]:
    """Return how far one model's AUROC is above another's, of the same folds: columns of COMPARISONS."""
    if in_pairs(first) or in_pairs(second):
        return _as_columns(*_of_pairs(paired(first), paired(second)))
    return folded_difference(folded(first), folded(second))


def folded_difference(one: Folded, two: Folded) -> dict[str, object]:
    """Return the same of predictions that were laid out by fold before, which takes most of the time."""
    _require_same_folds(one, two)
    values = (one.response, one.probability, two.probability, one.fold_of)
    return _as_columns(nadeau_bengio_difference(*values), delong_difference(*values))


def with_holm(rows: pd.DataFrame) -> pd.DataFrame:
    """Add p values that are adjusted for all the rows."""
    return rows.assign(p_holm=holm(rows["p"].to_numpy(dtype=float)) if len(rows) else [])


def _of_pairs(one: Paired, two: Paired) -> tuple[Comparison, Comparison]:
    if (one.responders, one.others) != (two.responders, two.others):
        raise EvidenceError("The two models were scored on different pairs of patients: nothing to compare.")
    mean = float((one.wins - two.wins).mean())
    refused = Comparison(mean, no_interval(NO_TEST_OF_PAIRS), math.nan)
    return refused, refused


def _require_same_folds(one: Folded, two: Folded) -> None:
    same = one.patients == two.patients and np.array_equal(one.response, two.response)
    if not (same and np.array_equal(one.fold_of, two.fold_of)):
        raise EvidenceError("The two models were scored on different patients or folds: nothing to compare.")


def _as_columns(first: Comparison, second: Comparison) -> dict[str, object]:
    return dict(
        zip(
            _COLUMNS,
            (
                first.difference, first.interval.low, first.interval.high, first.p, first.interval.method,
                second.interval.low, second.interval.high, second.p,
            ),
            strict=True,
        )
    )  # fmt: skip
