"""Coefficients of the linear models as a table: all that is needed to compute what such a model says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from trastuz_ml.learn.design import Feature
from trastuz_ml.learn.fitted import AnyFitted, FittedModel, LinearLogit
from trastuz_ml.schema import COEFFICIENTS, conform

INTERCEPT = "intercept"
CATEGORY = "category"


def coefficient_table(models: Mapping[str, AnyFitted], features: Sequence[Feature]) -> pd.DataFrame:
    """Return the coefficients of the linear models among fitted ones.

    Log-odds of response are the intercept plus the sum of ``coefficient * (x - center) / scale`` over the other
    rows of a model. Of a category, x is 1 in the row of the patient's level and 0 in the others. What is not known
    adds nothing: a gene that was not covered, a missing number, a level that has no row. This is what
    :meth:`trastuz_ml.learn.columns.LearnedColumns.prepare` and :class:`trastuz_ml.learn.fitted.LinearLogit` do.

    Parameters
    ----------
    models : mapping
        Catalogue name to fitted model; those that are no sum of log-odds (trees, averages of ranks) have no rows.
    features : sequence of Feature
        Columns of the design that the models were fitted on.

    Returns
    -------
    pandas.DataFrame
        :data:`trastuz_ml.schema.COEFFICIENTS`: of each model its intercept, then a row a feature and, of a
        category, a row a level. A feature whose coefficients are all 0 says nothing and has no row.

    Examples
    --------
    >>> from trastuz_ml.learn.columns import LearnedColumns
    >>> X = np.array([[1.0], [0.0], [0.0], [1.0]], dtype=np.float32)
    >>> model = FittedModel(
    ...     "l2", np.array([0]), LearnedColumns(("gene",)).learn(X), LinearLogit(np.array([0.7]), -0.5))
    >>> coefficient_table({"l2": model}, [Feature("TP53", "gene", "gene")])[
    ...     ["feature", "coefficient", "center", "scale"]].to_numpy().tolist()
    [['', -0.5, nan, nan], ['TP53', 0.7, 0.5, 1.0]]
    """
    rows = [
        row
        for name, model in models.items()
        if isinstance(model, FittedModel) and isinstance(model.estimator, LinearLogit)
        for row in _rows(name, model, model.estimator, features)
    ]
    return conform(pd.DataFrame(rows, columns=COEFFICIENTS.names), COEFFICIENTS)


def _rows(
    name: str, model: FittedModel, estimator: LinearLogit, features: Sequence[Feature]
) -> Iterator[tuple[Any, ...]]:
    yield name, "", INTERCEPT, INTERCEPT, "", estimator.intercept, np.nan, np.nan
    sources, coefficients = model.sources(), estimator.coefficients
    said = set(sources[coefficients != 0].tolist())
    for place, source in enumerate(sources.tolist()):
        # A level with coefficient 0 keeps its row where another has none: it says that the level is known.
        if source in said:
            feature, level = features[source], int(model.preparation.level_[place])
            yield (
                name, feature.name, feature.block, feature.kind, feature.levels[level] if level >= 0 else "",
                float(coefficients[place]), float(model.preparation.center_[place]),
                float(model.preparation.scale_[place]),
            )  # fmt: skip


def probability_of(
    coefficients: pd.DataFrame, model: str, features: Sequence[Feature], rows: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """Return what a model says of patients, from its rows of the table alone.

    Parameters
    ----------
    coefficients : pandas.DataFrame
        :data:`trastuz_ml.schema.COEFFICIENTS`.
    model : str
        Catalogue name of the model.
    features : sequence of Feature
        What the columns of ``rows`` are; a feature that the model uses and that is not there is not known.
    rows : array of shape (n_patients, n_features)
        Values as in a design's X: a category as the place of its level, NaN for what is not known.

    Returns
    -------
    array of shape (n_patients,)
        Probability of the positive response.

    Raises
    ------
    ValueError
        If the table does not hold the model.

    Examples
    --------
    >>> table = pd.DataFrame([
    ...     ("l2", "", "intercept", "intercept", "", 0.0, np.nan, np.nan),
    ...     ("l2", "age", "covariate", "number", "", 0.5, 50.0, 10.0)], columns=COEFFICIENTS.names)
    >>> probability_of(table, "l2", [Feature("age", "covariate", "number")], np.array([[50.0], [np.nan], [90.0]]))
    array([0.5       , 0.5       , 0.88079708])
    """
    own = coefficients[coefficients["model"] == model]
    if own.empty:
        raise ValueError(f"the table holds no coefficients of {model}")
    total = np.full(len(rows), own.loc[own["block"] == INTERCEPT, "coefficient"].sum())
    for place, feature in enumerate(features):
        about = own[(own["feature"] == feature.name) & (own["block"] == feature.block)]
        if len(about):
            total += _contribution(about, feature, rows[:, place].astype(np.float64))
    chance: npt.NDArray[np.float64] = expit(total)
    return chance


def _contribution(
    about: pd.DataFrame, feature: Feature, values: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return what one feature adds to the log-odds of each patient."""
    if feature.kind != CATEGORY:
        [row] = about.itertuples()
        parts: npt.NDArray[np.float64] = row.coefficient * (values - row.center) / row.scale
        return np.where(np.isnan(parts), 0.0, parts)
    added = np.zeros(len(values))
    for level in about["level"]:
        its = values == feature.levels.index(level)
        for row in about.itertuples():
            added[its] += row.coefficient * ((row.level == level) - row.center) / row.scale
    return added
