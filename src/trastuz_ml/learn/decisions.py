"""Decision curves from the out-of-fold table: whether it is worth treating by the model's probability."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

from trastuz_ml.learn.out_of_fold import folded, in_pairs
from trastuz_ml.learn.scores import FEWEST
from trastuz_ml.schema import DECISIONS, conform, empty
from trastuz_ml.stats.decision import decision_curve

THRESHOLDS = np.arange(5, 100, 5) / 100


def decision_table(out_of_fold: pd.DataFrame) -> pd.DataFrame:
    """Return net benefit over threshold probabilities, each patient counted once however many repeats there are.

    Empty below 30 patients and for left-out pairs, where nothing is said of probabilities. Thresholds end where
    no model treats anybody: from there on every model is the same as treating nobody.

    Parameters
    ----------
    out_of_fold : pandas.DataFrame
        :data:`trastuz_ml.schema.OUT_OF_FOLD`.

    Returns
    -------
    pandas.DataFrame
        :data:`trastuz_ml.schema.DECISIONS`.

    Notes
    -----
    See :func:`trastuz_ml.stats.decision.decision_curve`. The gain is over the better of treating everybody and
    nobody, whichever that is at the threshold in these patients.

    Examples
    --------
    >>> rng = np.random.default_rng(0); y = np.arange(40) % 2
    >>> table = pd.DataFrame({"model": "m", "repeat": 0, "fold": np.arange(40) % 5, "response": y,
    ...     "patient": [f"P{i:02d}" for i in range(40)], "probability": 0.3 + 0.4 * y})
    >>> decision_table(table).query("threshold == 0.5")[["net_benefit", "treat_all"]].round(2).values.tolist()
    [[0.5, 0.0]]
    """
    if in_pairs(out_of_fold) or out_of_fold["patient"].nunique() < FEWEST:
        return empty(DECISIONS)
    z = float(norm.ppf(0.975))
    tables, last = [], float(out_of_fold["probability"].max())
    thresholds = THRESHOLDS[last >= THRESHOLDS]
    if not thresholds.size:
        return empty(DECISIONS)
    for model, rows in out_of_fold.groupby("model", sort=False):
        found = folded(rows)
        curve = decision_curve(found.response, found.probability, thresholds)
        all_better = curve.treat_all > 0
        gain = np.where(all_better, curve.gain, curve.model)
        half = z * np.where(all_better, curve.gain_error, curve.error)
        tables.append(
            pd.DataFrame(
                {
                    "model": model, "threshold": curve.threshold, "net_benefit": curve.model,
                    "low": curve.low, "high": curve.high, "treat_all": curve.treat_all,
                    "gain": gain, "gain_low": gain - half, "gain_high": gain + half,
                }
            )
        )  # fmt: skip
    return conform(pd.concat(tables, ignore_index=True), DECISIONS)
