"""How much of a model's weight each feature carries: what is lost where it was not measured."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trastuz_ml.errors import EvidenceError
from trastuz_ml.explain.contributions import contributions_of
from trastuz_ml.learn.fitted import FittedModel

Array = npt.NDArray[np.float64]


def weights_of(model: FittedModel, X: npt.NDArray[np.float32]) -> Array:
    """Return each feature's share of the mean absolute contribution over the rows of X, shape (n_features,).

    Contributions are those of :func:`trastuz_ml.explain.contributions.contributions_of`: in log-odds for linear
    models and XGBoost, in probability for forests. A feature that was not measured in a row is left out of
    its mean there: the share is what the feature moves where it is known.

    Parameters
    ----------
    model : FittedModel
        A fitted model.
    X : array, shape (n_patients, n_features)
        Its training rows, in the columns of its design.

    Returns
    -------
    array
        Sums to 1; all 0 where no feature moves any prediction.

    Raises
    ------
    EvidenceError
        If the contributions of no row add up to the model's output.

    Examples
    --------
    >>> from trastuz_ml.learn.fitted import LinearLogit
    >>> from trastuz_ml.learn.transformers import Preparation
    >>> X = np.array([[0, 1], [2, 0], [4, 1], [6, 0]], dtype=np.float32)
    >>> prepared = Preparation(("gene", "gene")).fit(X)
    >>> model = FittedModel("made up", np.arange(2), prepared, LinearLogit(np.array([1.0, -4.0]), 0.0))
    >>> weights_of(model, X).tolist()
    [0.5, 0.5]
    """
    size = np.abs(contributions_of(model, X).values)
    sound = ~np.isnan(size).any(axis=1)
    if not sound.any():
        raise EvidenceError(
            f"{model.name}: the contributions of no training patient add up to the model's output."
        )
    measured = ~np.isnan(X[sound])
    total = np.where(measured, size[sound], 0.0).sum(axis=0) / np.maximum(measured.sum(axis=0), 1)
    whole = float(total.sum())
    return total / whole if whole > 0 else np.zeros_like(total)
