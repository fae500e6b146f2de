"""What permutations say: one p for each model, for the chosen one, and for the best of all."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from trastuz_ml.learn.catalogue import CHOSEN
from trastuz_ml.schema import CHANCE, conform
from trastuz_ml.stats.permutation_test import (
    exact_p,
    exceedances,
    max_null,
    max_t_p,
    monte_carlo_interval,
    permutation_p,
    sequential_p,
)

BEST = "best"


def chance_table(permuted: pd.DataFrame, *, most: int, stop_at: int = 0, exact: bool = False) -> pd.DataFrame:
    """Return the permutation tests of one kind of permutation.

    Parameters
    ----------
    permuted : pandas.DataFrame
        :data:`trastuz_ml.schema.PERMUTED`, of one kind, number 0 being the observed data.
    most : int
        Permutations that were asked for.
    stop_at : int
        At how many that reached the observed value of ``chosen`` the sequence was stopped; 0 for never.
    exact : bool
        Whether every arrangement was taken, the observed one among them.

    Returns
    -------
    pandas.DataFrame
        :data:`trastuz_ml.schema.CHANCE`: a row a model, and ``best``, the highest of all models, whose p is that
        of the best row picked after the fact. ``adjusted_p`` is that of single-step max T (Westfall and Young
        1993). Where the sequence was stopped, ``chosen`` alone has a p (Besag and Clifford 1991): the others did
        not decide when to stop.
    """
    if permuted.empty:
        return conform(pd.DataFrame(columns=CHANCE.names), CHANCE)
    kind = str(permuted["permuted"].iloc[0])
    wide = permuted.pivot(index="number", columns="model", values="statistic")
    wide = wide[list(dict.fromkeys(permuted["model"]))]
    observed, null = wide.loc[0].to_numpy(), wide.drop(index=0).to_numpy()
    models = [name for name in wide.columns if name != CHOSEN]
    compared = [wide.columns.get_loc(name) for name in models]
    done = len(null)
    early = bool(stop_at) and done < most and not exact
    adjusted = dict(zip(models, max_t_p(observed[compared], null[:, compared]), strict=True)) if done else {}
    columns = dict(zip(wide.columns, zip(observed, null.T, strict=True), strict=True))
    columns[BEST] = (float(observed[compared].max()), max_null(null[:, compared]) if done else np.empty(0))
    rows = []
    for model, (value, values) in columns.items():
        reached = exceedances(value, values)
        p, method = _p(float(value), values, model, most=most, stop_at=stop_at, exact=exact, early=early)
        interval = monte_carlo_interval(reached, done)
        known = not exact and not math.isnan(p)
        rows.append(
            (
                kind, model, value, float(np.mean(values)) if done else math.nan, done, reached, p,
                interval.low if known else p, interval.high if known else p,
                math.nan if early or exact else adjusted.get(str(model), math.nan), method,
            )
        )  # fmt: skip
    return conform(pd.DataFrame(rows, columns=CHANCE.names), CHANCE)


def _p(
    value: float, values: np.ndarray, model: object, *, most: int, stop_at: int, exact: bool, early: bool
) -> tuple[float, str]:
    done = len(values)
    if exact:
        return exact_p(value, np.append(values, value)), f"exact: all {done + 1:,} arrangements"
    if not early:
        return permutation_p(value, values), f"(1 + b) / (1 + m) of {done:,} permutations"
    if model == CHOSEN:
        reached = exceedances(value, values)
        return sequential_p(reached, done, most, stop_at), f"stopped at {stop_at} of {done:,} permutations"
    return math.nan, f"none: the sequence was stopped for '{CHOSEN}' after {done:,} permutations"
