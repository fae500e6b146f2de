"""Scores and comparisons, all computed from the out-of-fold table and what each fold chose."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.learn.catalogue import CLINICAL
from trastuz_ml.schema import COMPARISONS, SCORES, conform
from trastuz_ml.stats import calibration, discrimination
from trastuz_ml.stats.intervals import Interval, nadeau_bengio, newcombe_auc, no_interval, wald, wilson

AUROC = "AUROC"
_Row = tuple[str, float, Interval]


def score_table(out_of_fold: pd.DataFrame, choices: pd.DataFrame) -> pd.DataFrame:
    """Score every model, every score with its interval or the reason for none.

    AUROC and average precision are means over folds of the value within the fold: pooled probabilities
    would be biased by the class ratio that changes from fold to fold. Brier score, skill, log loss,
    calibration, sensitivity and specificity are pooled over a repeat and averaged over repeats.

    Parameters
    ----------
    out_of_fold, choices : pandas.DataFrame
        As declared in :mod:`trastuz_ml.schema`.

    Returns
    -------
    pandas.DataFrame
        :data:`trastuz_ml.schema.SCORES`, models in the order of the out-of-fold table.
    """
    thresholds = choices[["model", "repeat", "fold", "threshold"]]
    joined = out_of_fold.merge(thresholds, on=["model", "repeat", "fold"], validate="many_to_one")
    rows = [
        (model, score, estimate, interval.low, interval.high, interval.method)
        for model, table in joined.groupby("model", sort=False)
        for score, estimate, interval in _scores_of(table)
    ]
    return conform(pd.DataFrame(rows, columns=SCORES.names), SCORES)


def fold_values(table: pd.DataFrame, score: Callable[..., float]) -> npt.NDArray[np.float64]:
    """Return a score within each fold of each repeat, for one model's out-of-fold rows."""
    return np.array(
        [
            score(fold["response"].to_numpy(dtype=int), fold["probability"].to_numpy())
            for _, fold in table.groupby(["repeat", "fold"], sort=True)
        ]
    )


def comparison_table(out_of_fold: pd.DataFrame, rival: str = CLINICAL) -> pd.DataFrame:
    """Compare each model's AUROC with a rival's on the same folds (Nadeau and Bengio 2003).

    Without the rival in the table, the comparison table is empty.
    """
    rows = []
    by_model = dict(iter(out_of_fold.groupby("model", sort=False)))
    if rival in by_model:
        rival_auc = fold_values(by_model[rival], discrimination.auc)
        for model, table in by_model.items():
            if model != rival:
                gains = fold_values(table, discrimination.auc) - rival_auc
                mean, interval, p = nadeau_bengio(gains, _test_share(table), bounds=(-1.0, 1.0))
                rows.append((model, rival, AUROC, mean, interval.low, interval.high, p))
    return conform(pd.DataFrame(rows, columns=COMPARISONS.names), COMPARISONS)


def _test_share(table: pd.DataFrame) -> float:
    folds = int(table["fold"].nunique())
    return 1.0 / (folds - 1)


def _scores_of(table: pd.DataFrame) -> Iterator[_Row]:
    y = table["response"].to_numpy(dtype=int)
    constant = table.groupby(["repeat", "fold"])["probability"].nunique().max() == 1
    by_construction = no_interval("by construction: the same probability for everybody in a fold")
    share, repeats = _test_share(table), table["repeat"].nunique()
    mean, interval, _ = nadeau_bengio(fold_values(table, discrimination.auc), share, bounds=(0.0, 1.0))
    if constant:
        interval = by_construction
    elif math.isnan(interval.low):
        responders = int(y.sum()) // repeats
        interval = newcombe_auc(mean, responders, len(y) // repeats - responders)
    yield AUROC, mean, interval
    values = fold_values(table, discrimination.average_precision)
    mean, interval, _ = nadeau_bengio(values, share, bounds=(0.0, 1.0))
    yield "average precision", mean, by_construction if constant else interval
    for name, estimate, spread in _probability_scores(table, share):
        yield name, estimate, by_construction if constant and name == "Brier skill" else spread
    yield from _calibration(table, constant=bool(constant))
    yield from _at_threshold(table)


def _probability_scores(table: pd.DataFrame, share: float) -> Iterator[_Row]:
    bounds = {"Brier score": (0.0, 1.0), "Brier skill": (-math.inf, 1.0), "log loss": (0.0, math.inf)}
    functions = {
        "Brier score": calibration.brier_score,
        "Brier skill": calibration.brier_skill,
        "log loss": calibration.log_loss,
    }
    for name, function in functions.items():
        pooled = float(np.mean(_by_repeat(table, function)))
        _, spread, _ = nadeau_bengio(fold_values(table, function), share)
        # Folds of unequal size make the pooled value differ a little from the mean over folds: the
        # interval keeps its width and is centred on the value that is reported.
        half = (spread.high - spread.low) / 2
        low, high = max(pooled - half, bounds[name][0]), min(pooled + half, bounds[name][1])
        yield name, pooled, spread if math.isnan(half) else Interval(low, high, spread.method)


def _by_repeat(table: pd.DataFrame, function: Callable[..., float]) -> list[float]:
    return [
        function(r["response"].to_numpy(dtype=int), r["probability"].to_numpy())
        for _, r in table.groupby("repeat", sort=True)
    ]


def _calibration(table: pd.DataFrame, *, constant: bool) -> Iterator[_Row]:
    names = ("calibration intercept", "calibration slope")
    lines = [
        calibration.calibration_line(r["response"].to_numpy(dtype=int), r["probability"].to_numpy())
        for _, r in table.groupby("repeat", sort=True)
    ]
    if constant or any(line is None for line in lines):
        for name in names:
            yield (
                name,
                math.nan,
                no_interval("not estimable: the predicted log-odds do not vary, or separate"),
            )
        return
    for i, name in enumerate(names):
        estimates = np.array([line[i] for line in lines if line is not None])
        # Repeats re-use the same patients: their standard errors are averaged, never divided.
        yield name, float(estimates[:, 0].mean()), wald(*estimates.mean(axis=0))


def _at_threshold(table: pd.DataFrame) -> Iterator[_Row]:
    called = (table["probability"] >= table["threshold"]).to_numpy()
    responded = table["response"].to_numpy(dtype=int) == 1
    repeats = table["repeat"].nunique()
    for name, of, right in (("sensitivity", responded, called), ("specificity", ~responded, ~called)):
        share = float(right[of].mean())
        yield name, share, wilson(share, of.sum() / repeats)
