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
PROBABILITY_SCORES = (
    "average precision", "Brier score", "log loss", "Brier skill", "calibration intercept", "calibration slope",
    "sensitivity", "specificity",
)  # fmt: skip
# Below this many patients nothing is said of probabilities.
FEWEST = 30
_BY_CONSTRUCTION = no_interval("by construction: the same probability for everybody in a fold")
_Row = tuple[str, float, Interval]


def score_table(out_of_fold: pd.DataFrame, choices: pd.DataFrame) -> pd.DataFrame:
    """Score every model, every score with its interval or the reason for none.

    AUROC is the mean over folds of the value within the fold: pooled probabilities would be biased by the
    class ratio that changes from fold to fold. Average precision is taken of ranks within the fold, pooled
    over a repeat. Brier score, log loss, calibration, sensitivity and specificity are pooled over a repeat
    and averaged over repeats. Below 30 patients, scores of probabilities are refused.

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
    joined = joined.sort_values(["repeat", "fold", "patient"], kind="stable")
    rows = [
        (model, score, estimate, interval.low, interval.high, interval.method)
        for model in out_of_fold["model"].unique()
        for score, estimate, interval in _scores_of(joined[joined["model"] == model])
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
    """Return patients left out over patients trained on, the mean over folds."""
    repeats = table["repeat"].nunique()
    sizes = table.groupby(["repeat", "fold"]).size().to_numpy()
    return float(np.mean(sizes / (len(table) / repeats - sizes)))


def _scores_of(table: pd.DataFrame) -> Iterator[_Row]:
    constant = bool(table.groupby(["repeat", "fold"])["probability"].nunique().max() == 1)
    patients = len(table) // table["repeat"].nunique()
    yield AUROC, *_within_folds(table, constant=constant)
    if patients < FEWEST:
        reason = f"refused: {patients} patients, and fewer than {FEWEST} say nothing of probabilities"
        yield from ((name, math.nan, no_interval(reason)) for name in PROBABILITY_SCORES)
        return
    yield "average precision", *_average_precision(table, constant=constant)
    yield from _losses(table)
    yield from _calibration(table, constant=constant)
    yield from _at_threshold(table, constant=constant)


def _within_folds(table: pd.DataFrame, *, constant: bool) -> tuple[float, Interval]:
    mean, interval, _ = nadeau_bengio(
        fold_values(table, discrimination.auc), _test_share(table), bounds=(0.0, 1.0)
    )
    if constant:
        return mean, _BY_CONSTRUCTION
    if math.isnan(interval.low):
        repeats = table["repeat"].nunique()
        responders = int(table["response"].sum()) // repeats
        interval = newcombe_auc(mean, responders, len(table) // repeats - responders)
    return mean, interval


def _average_precision(table: pd.DataFrame, *, constant: bool) -> tuple[float, Interval]:
    # Few responders in a fold push average precision up, whatever the model; pooled probabilities mix
    # folds that are calibrated differently. Ranks within the fold, pooled over a repeat, do neither.
    ranks = table.groupby(["repeat", "fold"])["probability"].rank(pct=True)
    pooled = float(np.mean(_by_repeat(table.assign(probability=ranks), discrimination.average_precision)))
    if constant:
        return pooled, _BY_CONSTRUCTION
    values = fold_values(table, discrimination.average_precision)
    _, spread, _ = nadeau_bengio(values, _test_share(table))
    half = (spread.high - spread.low) / 2
    return pooled, Interval(max(pooled - half, 0.0), min(pooled + half, 1.0), spread.method)


def _losses(table: pd.DataFrame) -> Iterator[_Row]:
    # Stratified folds all have nearly the same response rate, so that the spread over folds says little of
    # other patients; the spread over patients does.
    y, p = table["response"].to_numpy(dtype=float), table["probability"].to_numpy()
    p = np.clip(p, calibration.FLOOR, 1 - calibration.FLOOR)
    losses = {"Brier score": (p - y) ** 2, "log loss": -(y * np.log(p) + (1 - y) * np.log1p(-p))}
    for name, loss in losses.items():
        by_patient = pd.Series(loss, index=table["patient"].to_numpy()).groupby(level=0).mean()
        mean, error = float(by_patient.mean()), float(by_patient.std(ddof=1)) / math.sqrt(len(by_patient))
        interval = wald(mean, error)
        bounded = Interval(max(interval.low, 0.0), interval.high, "Wald, over patients")
        yield name, mean, bounded if error > 0 else no_interval("all patients have the same loss")
    skill = float(np.mean(_by_repeat(table, calibration.brier_skill)))
    yield "Brier skill", skill, no_interval("no method tried held its level in simulations")


def _by_repeat(table: pd.DataFrame, function: Callable[..., float]) -> list[float]:
    return [
        function(r["response"].to_numpy(dtype=int), r["probability"].to_numpy())
        for _, r in table.groupby("repeat", sort=True)
    ]


def _calibration(table: pd.DataFrame, *, constant: bool) -> Iterator[_Row]:
    names = ("calibration intercept", "calibration slope")
    lines = _by_repeat(table, calibration.calibration_line)  # type: ignore[arg-type]
    if constant or any(line is None for line in lines):
        for name in names:
            yield name, math.nan, no_interval("not estimable: the predicted log-odds do not vary, or separate")
        return
    for i, name in enumerate(names):
        estimates = np.array([line[i] for line in lines])  # type: ignore[index]
        # Repeats re-use the same patients: their standard errors are averaged, never divided.
        yield name, float(estimates[:, 0].mean()), wald(*estimates.mean(axis=0))


def _at_threshold(table: pd.DataFrame, *, constant: bool) -> Iterator[_Row]:
    called = (table["probability"] >= table["threshold"]).to_numpy()
    responded = table["response"].to_numpy(dtype=int) == 1
    repeats = table["repeat"].nunique()
    for name, of, right in (("sensitivity", responded, called), ("specificity", ~responded, ~called)):
        share = float(right[of].mean())
        yield name, share, _BY_CONSTRUCTION if constant else wilson(share, of.sum() / repeats)
