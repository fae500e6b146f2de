"""Scores, all computed from the out-of-fold table and what each fold chose."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.learn.out_of_fold import folded, in_pairs, paired
from trastuz_ml.schema import SCORES, conform
from trastuz_ml.stats import auc_intervals, calibration, discrimination
from trastuz_ml.stats.intervals import Interval, nadeau_bengio, no_interval, wald, wilson

AUROC = "AUROC"
PROBABILITY_SCORES = (
    "average precision", "Brier score", "log loss", "Brier skill", "calibration intercept", "calibration slope",
    "sensitivity", "specificity", "MCC",
)  # fmt: skip
# The interval of the AUROC: any method of stats.auc_intervals that takes response, score and fold.
DEFAULT_INTERVAL: Callable[..., Interval] = auc_intervals.widened
# Below this many patients nothing is said of probabilities.
FEWEST = 30
_BY_CONSTRUCTION = no_interval("by construction: the same probability for everybody in a fold")
_ROUNDING = 1e-9
_Row = tuple[str, float, Interval]


def score_table(out_of_fold: pd.DataFrame, choices: pd.DataFrame) -> pd.DataFrame:
    """Score every model, every score with its interval or the reason for none.

    AUROC is the mean over folds of the value within the fold: pooled probabilities would be biased by the
    class ratio that changes from fold to fold. Of left-out pairs it is the share of pairs of a responder and
    another patient that are ranked rightly, ties half. Average precision is taken of ranks within the fold,
    pooled over a repeat. Brier score, log loss, calibration, sensitivity, specificity and MCC are pooled over a
    repeat and averaged over repeats. Below 30 patients, and for left-out pairs, scores of probabilities are
    refused.

    Parameters
    ----------
    out_of_fold, choices : pandas.DataFrame
        As declared in :mod:`trastuz_ml.schema`.

    Returns
    -------
    pandas.DataFrame
        :data:`trastuz_ml.schema.SCORES`, models in the order of the out-of-fold table: ``chosen`` first.
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


def _test_share(table: pd.DataFrame) -> float:
    """Return patients left out over patients trained on, the mean over folds."""
    repeats = table["repeat"].nunique()
    sizes = table.groupby(["repeat", "fold"]).size().to_numpy()
    return float(np.mean(sizes / (len(table) / repeats - sizes)))


def _scores_of(table: pd.DataFrame) -> Iterator[_Row]:
    constant = bool(table.groupby(["repeat", "fold"])["probability"].nunique().max() == 1)
    patients = table["patient"].nunique()
    yield AUROC, *_auroc(table, constant=constant)
    if reason := _refusal(table, patients):
        yield from ((name, math.nan, no_interval(reason)) for name in PROBABILITY_SCORES)
        return
    yield "average precision", *_average_precision(table, constant=constant)
    yield from _losses(table)
    yield from _calibration(table, constant=constant)
    yield from _at_threshold(table, constant=constant)
    yield "MCC", *_matthews(table, constant=constant)


def _refusal(table: pd.DataFrame, patients: int) -> str:
    if patients < FEWEST:
        return f"refused: {patients} patients, and fewer than {FEWEST} say nothing of probabilities"
    if in_pairs(table):
        return "refused: with left-out pairs a patient has a probability for each pair, and none of its own"
    return ""


def _auroc(table: pd.DataFrame, *, constant: bool) -> tuple[float, Interval]:
    if in_pairs(table):
        won = paired(table).wins
        interval = auc_intervals.widened_pairwise_newcombe(won)
        named = replace(interval, method=f"{interval.method} over pairs")
        return float(won.mean()), _BY_CONSTRUCTION if constant else named
    found = folded(table)
    values = (found.response, found.probability, found.fold_of)
    area = discrimination.placements(*values).mean
    if constant:
        return area, _BY_CONSTRUCTION
    interval = DEFAULT_INTERVAL(*values)
    return area, auc_intervals.newcombe_effective(*values) if math.isnan(interval.low) else interval


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


def _matthews(table: pd.DataFrame, *, constant: bool) -> tuple[float, Interval]:
    """Return MCC, and its interval on Fisher's scale from each patient's influence, the mean over repeats.

    MCC is the correlation of two binary variables: its influence function is that of Pearson's correlation
    (Devlin, Gnanadesikan and Kettenring 1975, Biometrika 62:531). The models are taken as given.
    """
    called = table.assign(called=table["probability"] >= table["threshold"])
    repeats = [r.set_index("patient").sort_index() for _, r in called.groupby("repeat", sort=True)]
    values = [discrimination.matthews(r["response"].to_numpy(dtype=int), r["called"]) for r in repeats]
    mean = float(np.mean(values))
    if constant:
        return mean, _BY_CONSTRUCTION
    if any(r["called"].nunique() < 2 for r in repeats):
        return mean, no_interval("in some repeat everybody was called alike")
    if abs(mean) > 1 - _ROUNDING:
        return mean, no_interval("everybody was called rightly, or everybody wrongly: no spread to measure")
    influence = np.zeros(len(repeats[0]))
    for value, repeat in zip(values, repeats, strict=True):
        y, c = (_standardised(repeat[name]) for name in ("response", "called"))
        influence += (y * c - value * (y**2 + c**2) / 2) / len(repeats)
    error = float(influence.std(ddof=1)) / math.sqrt(len(influence)) / (1 - mean**2)
    ends = wald(math.atanh(mean), error)
    return mean, Interval(math.tanh(ends.low), math.tanh(ends.high), "Fisher's z, over patients")


def _standardised(values: pd.Series) -> npt.NDArray[np.float64]:
    x = values.to_numpy(dtype=float)
    return np.asarray((x - x.mean()) / x.std())
