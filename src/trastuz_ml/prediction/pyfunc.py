"""The stored model as MLflow serves it: a frame with one column a feature in, probabilities out.

MLflow imports this module by name (``loader_module``) and calls :func:`_load_pyfunc`; nothing is pickled,
and MLflow itself is not imported here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.cohort.patients import nearest
from trastuz_ml.errors import ModelError
from trastuz_ml.findings import name_some
from trastuz_ml.learn.design import Feature
from trastuz_ml.prediction.unmeasured import weight_measured
from trastuz_ml.store.bundle import ModelBundle, load_model


@dataclass(frozen=True, eq=False)
class ServedModel:
    """A stored model with the one method that MLflow calls."""

    bundle: ModelBundle

    def predict(self, frame: pd.DataFrame, params: Mapping[str, Any] | None = None) -> npt.NDArray[np.float64]:
        """Return the probability of response of each row, shape (n_rows,).

        Missing where :func:`trastuz_ml.prediction.batch.predict` abstains: nothing, or too little of the model's
        weight, was measured. What it says besides (intervals, sets, whether the patient is like those of the
        training) is not served.

        Parameters
        ----------
        frame : pandas.DataFrame
            The columns of :func:`input_frame_columns`, in any order; others are not read. Genes and burden
            as the design holds them, ordered covariates and categories as their levels, missing where not
            covered or not known.
        params : mapping, optional
            MLflow hands it over; nothing is read from it.

        Raises
        ------
        ModelError
            If a column is missing, or holds something that the model cannot read.
        """
        X = read_frame(self.bundle, frame)
        enough = ~(weight_measured(X, self.bundle.weights) < self.bundle.abstain_below)
        return np.where(enough, self.bundle.probability(X), np.nan)


def _load_pyfunc(path: str) -> ServedModel:
    """Load the bundle that MLflow keeps as the model's data; called by MLflow."""
    return ServedModel(load_model(Path(path)))


def input_frame_columns(bundle: ModelBundle) -> list[str]:
    """Return the column names that a served model reads, in the order of its features.

    They are the features' names; where a covariate is called like a gene, its block is added.
    """
    times = Counter(feature.name for feature in bundle.features)
    return [f.name if times[f.name] == 1 else f"{f.name} ({f.block})" for f in bundle.features]


def example_input(bundle: ModelBundle) -> pd.DataFrame:
    """Return two invented rows for a model's signature: nothing mutated, and everything mutated.

    Numbers are 0 and 1, levels the first and the last: no patient of any cohort is in it.
    """
    columns = {}
    for name, feature in zip(input_frame_columns(bundle), bundle.features, strict=True):
        if _spelled(feature):
            ends = [feature.levels[0], feature.levels[-1]] if feature.levels else [None, None]
            columns[name] = pd.Series(ends, dtype="str")
        else:
            columns[name] = pd.Series([0.0, 1.0])
    return pd.DataFrame(columns, index=pd.RangeIndex(2))


def frame_of(bundle: ModelBundle, X: npt.NDArray[np.float32]) -> pd.DataFrame:
    """Return rows of a design, in the columns of ``bundle.features``, as the frame that a served model reads."""
    columns = {}
    for j, (name, feature) in enumerate(zip(input_frame_columns(bundle), bundle.features, strict=True)):
        values = X[:, j].astype(np.float64)
        if _spelled(feature):
            levels = [None if np.isnan(code) else feature.levels[int(code)] for code in values]
            columns[name] = pd.Series(levels, dtype="str")
        else:
            columns[name] = pd.Series(values)
    return pd.DataFrame(columns, index=pd.RangeIndex(len(X)))


def read_frame(bundle: ModelBundle, frame: pd.DataFrame) -> npt.NDArray[np.float32]:
    """Return a frame's rows in the columns of ``bundle.features``, shape (n_rows, n_features).

    Raises
    ------
    ModelError
        If a column is missing or given twice, or a value is not a finite number or a known level.
    """
    if not isinstance(frame, pd.DataFrame):
        raise ModelError(
            f"Expected a table with one column a feature, found {type(frame).__name__}; "
            "`example_input` of trastuz_ml.prediction.pyfunc shows one."
        )
    names = input_frame_columns(bundle)
    _require_columns(names, [str(column) for column in frame.columns])
    X = np.empty((len(frame), len(names)), dtype=np.float32)
    for j, (name, feature) in enumerate(zip(names, bundle.features, strict=True)):
        X[:, j] = _codes(frame[name], feature) if _spelled(feature) else _numbers(frame[name])
    return X


def _spelled(feature: Feature) -> bool:
    """Return whether a feature's values are words: a category, or an ordered covariate."""
    return feature.kind == "category" or bool(feature.levels)


def _require_columns(expected: list[str], found: list[str]) -> None:
    if missing := [name for name in expected if name not in set(found)]:
        hint = nearest(missing[0], found)
        raise ModelError(
            f"The input lacks {len(missing)} of the model's {len(expected)} columns: {name_some(missing)}; it has "
            f"{len(found)} ({name_some(found) or 'none'}){hint}. Give every feature a column, empty where it was "
            "not measured."
        )
    twice = sorted(name for name, times in Counter(found).items() if times > 1 and name in set(expected))
    if twice:
        raise ModelError(f"The input has the column {name_some(twice)} more than once; give it once.")


def _numbers(values: pd.Series) -> npt.NDArray[np.float64]:
    try:
        numbers: npt.NDArray[np.float64] = pd.to_numeric(values).to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"Column {values.name} must hold numbers, missing where not measured: {error}."
        ) from error
    if np.isinf(numbers).any():
        raise ModelError(f"Column {values.name} holds an infinite value; leave it empty where it is not known.")
    return numbers


def _codes(values: pd.Series, feature: Feature) -> npt.NDArray[np.float64]:
    known = values.notna()
    texts = values[known].astype("str")
    codes = texts.map({level: float(place) for place, level in enumerate(feature.levels)}).astype("float64")
    # A category's new level is not known to the model; a misspelt rank would be a wrong rank.
    if feature.kind != "category" and codes.isna().any():
        raise ModelError(
            f"Column {values.name} must hold {', '.join(feature.levels)}, found {name_some(texts[codes.isna()])}."
        )
    column = np.full(len(values), np.nan)
    column[known.to_numpy(dtype=bool)] = codes.to_numpy(dtype=np.float64)
    return column
