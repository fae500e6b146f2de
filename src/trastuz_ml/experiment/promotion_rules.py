"""What a run must show before its model may be promoted: three rules, declared here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from trastuz_ml.learn.catalogue import CHOSEN, CLINICAL, catalogue_model
from trastuz_ml.learn.chance import BEST
from trastuz_ml.learn.permutation import RESPONSES
from trastuz_ml.learn.scores import AUROC
from trastuz_ml.schema import BURDEN, COVARIATE, GENE
from trastuz_ml.stats.permutation_test import exceedances, max_null
from trastuz_ml.store.run_folder import Run
from trastuz_ml.wording import number, p_value, span

# The level of every test and of every interval of a run.
LEVEL = 0.05
# A model that says the same of everybody cannot win by chance, so that it need not be permuted.
_CONSTANT = "prevalence"


@dataclass(frozen=True)
class Evidence:
    """What a run shows on one rule.

    Attributes
    ----------
    rule : str
        Key of :data:`RULES`.
    met : bool
        Whether the rule holds.
    found : str
        What was found, with its numbers; where nothing was, how to have it.
    """

    rule: str
    met: bool
    found: str


def evidence_of(run: Run, model: str) -> tuple[Evidence, ...]:
    """Return what a run shows of the model that it exported, a row a rule.

    Where the experiment left the choice to the inner folds (``export: chosen``), the row ``chosen`` is judged: it
    holds the choice, and the row of the model that was picked is optimistic. Where the experiment named the model,
    its own row is judged, its p adjusted for all models.

    Parameters
    ----------
    run : Run
        A finished run.
    model : str
        Catalogue name of the model that is to be promoted.
    """
    judged = CHOSEN if run.configuration.get("export", CHOSEN) == CHOSEN else model
    return tuple(Evidence(rule, *check(run, model, judged)) for rule, (_, check) in RULES.items())


# --- Chance -------------------------------------------------------------------------------------------


def _beyond_chance(run: Run, model: str, judged: str) -> tuple[bool, str]:
    rows = run.chance[run.chance["permuted"] == RESPONSES].set_index("model")
    if rows.empty:
        return (
            False,
            "no permutation was made: set permutation: times: (999, say) in the experiment and train again",
        )
    left_out = [
        name for name in dict.fromkeys([*run.models, model]) if name not in {CHOSEN, _CONSTANT, *rows.index}
    ]
    if left_out:
        return False, (
            f"the choice was among {len(run.models) - 1} models, and {', '.join(left_out)} was not permuted: "
            "leave out permutation: models: and train again"
        )
    row = rows.loc[judged]
    p = float(row["p"]) if judged == CHOSEN else _adjusted(run, rows, model)
    models = len(rows.drop(index=[CHOSEN, BEST]))
    how = "the choice refitted each time" if judged == CHOSEN else f"adjusted for {models} models"
    if np.isnan(p):
        return False, (
            f"no p of '{judged}' that is adjusted for the other models ({row['method']}): set permutation: "
            "stop_at: 0 and train again"
        )
    return p <= LEVEL, (
        f"p = {p_value(p)} of '{judged}', {how}: AUROC {number(row['observed'])}, "
        f"{number(row['null_mean'])} on average by chance; {row['method']}"
    )


def _adjusted(run: Run, rows: pd.DataFrame, model: str) -> float:
    """Return the p of a model adjusted for all (single-step max T), also where every arrangement was taken."""
    row = rows.loc[model]
    if not str(row["method"]).startswith("exact"):
        return float(row["adjusted_p"])
    table = run.permuted[(run.permuted["permuted"] == RESPONSES) & (run.permuted["model"] != CHOSEN)]
    wide = table.pivot(index="number", columns="model", values="statistic")
    highest = max_null(wide.to_numpy())
    observed = float(wide.loc[0, model])
    return exceedances(observed, highest) / len(highest)


# --- What the model is worth --------------------------------------------------------------------------


def _better_than_rival(run: Run, model: str, judged: str) -> tuple[bool, str]:
    reads_calls = bool({GENE, BURDEN} & set(catalogue_model(model).blocks))
    covariates = any(feature["block"] == COVARIATE for feature in run.features)
    return _gain(run, judged) if reads_calls and covariates else _better_than_coin(run, judged)


def _gain(run: Run, judged: str) -> tuple[bool, str]:
    table = run.comparisons
    rows = table[(table["model"] == judged) & (table["rival"] == CLINICAL) & (table["score"] == AUROC)]
    if rows.empty:
        return False, f"'{judged}' was not compared with {CLINICAL}: add it to models: and train again"
    row = rows.iloc[0]
    if pd.isna(row["low"]):
        return False, f"no interval of the gain of '{judged}' over {CLINICAL}: {row['interval']}"
    return bool(row["low"] > 0), (
        f"AUROC of '{judged}' less that of {CLINICAL}: {number(row['difference'], 3, signed=True)}, 95 % interval "
        f"{span(row['low'], row['high'], 3, signed=True)} ({row['interval']})"
    )


def _better_than_coin(run: Run, judged: str) -> tuple[bool, str]:
    row = _score(run, judged, AUROC)
    if row is None or pd.isna(row["low"]):
        return False, f"no interval of the AUROC of '{judged}': {'not scored' if row is None else row['interval']}"
    return bool(row["low"] > 0.5), (
        f"AUROC of '{judged}' {number(row['estimate'], 3)}, 95 % interval {span(row['low'], row['high'], 3)} "
        f"({row['interval']})"
    )


# --- Calibration --------------------------------------------------------------------------------------


def _calibrated(run: Run, model: str, judged: str) -> tuple[bool, str]:
    intercept, slope = (_score(run, judged, f"calibration {part}") for part in ("intercept", "slope"))
    if intercept is None or slope is None:
        return False, f"'{judged}' was not scored"
    if pd.isna(intercept["low"]) or pd.isna(slope["low"]):
        return False, f"no interval of the calibration of '{judged}': {slope['interval']}"
    met = intercept["low"] <= 0 <= intercept["high"] and 0 < slope["low"] <= 1 <= slope["high"]
    return bool(met), (f"of '{judged}', intercept {_with_interval(intercept)}, slope {_with_interval(slope)}")


def _with_interval(row: pd.Series) -> str:
    return f"{number(row['estimate'], signed=True)} ({span(row['low'], row['high'], signed=True)})"


def _score(run: Run, judged: str, score: str) -> pd.Series | None:
    rows = run.scores[(run.scores["model"] == judged) & (run.scores["score"] == score)]
    return None if rows.empty else rows.iloc[0]


# Each rule in words, and the function that answers whether it holds, and with what numbers.
RULES: dict[str, tuple[str, Callable[[Run, str, str], tuple[bool, str]]]] = {
    "chance": (
        f"the permutation p of the whole pipeline, the choice among models included, is at most {LEVEL}",
        _beyond_chance,
    ),
    "gain": (
        "the 95 % interval of the AUROC gain over clinical-only lies above 0; of a model that reads no calls, or "
        "where there are no covariates, that of the AUROC lies above 0.5",
        _better_than_rival,
    ),
    "calibration": (
        "the 95 % interval of the calibration intercept holds 0, that of the slope holds 1 and lies above 0",
        _calibrated,
    ),
}
