"""The catalogue: every model that competes, with the features it sees and the grid it is tuned over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from trastuz_ml.errors import ConfigurationError
from trastuz_ml.learn import linear, trees
from trastuz_ml.learn.design import BLOCKS

CHOSEN = "chosen"
CLINICAL = "clinical-only"


@dataclass(frozen=True)
class Learner:
    """A way of fitting.

    Attributes
    ----------
    fit : callable
        ``fit(X, y, candidates, seed)`` -> one fitted estimator a candidate.
    grid : tuple of dict
        The candidates that the inner folds choose from.
    complete : bool
        Whether everything missing is filled (linear models); trees follow both branches at a gene that was
        not covered, see :mod:`trastuz_ml.learn.tree_paths`.
    """

    fit: Callable[..., Sequence[Any]]
    grid: tuple[dict[str, Any], ...] = ({},)
    complete: bool = True


_PENALTIES = tuple({"C": c} for c in (0.001, 0.01, 0.03, 0.1, 0.3, 1.0))
LEARNERS: dict[str, Learner] = {
    "prevalence": Learner(linear.fit_prevalence),
    "l2-logistic": Learner(linear.fit_l2, _PENALTIES),
    "elastic-net": Learner(
        linear.fit_elastic_net,
        tuple({"l1_ratio": 0.5, "fraction": f} for f in (0.9, 0.7, 0.5, 0.35, 0.25, 0.15)),
    ),
    "random-forest": Learner(trees.fit_forest, tuple({"min_samples_leaf": m} for m in (3, 8)), False),
    "xgboost": Learner(
        trees.fit_boosted, tuple({"depth": d, "trees": t} for d in (1, 2, 3) for t in (50, 200)), False
    ),
}
# Rivals that every model must beat: (learner, feature set).
RIVALS: dict[str, tuple[str, str]] = {
    "prevalence": ("prevalence", "none"),
    CLINICAL: ("l2-logistic", "covariates"),
    "burden-only": ("l2-logistic", "burden"),
    "assay-only": ("l2-logistic", "assay"),
}


@dataclass(frozen=True)
class CatalogueModel:
    """A competitor: a learner on a feature set.

    Attributes
    ----------
    name : str
        A rival's name, or ``learner:features`` such as ``l2-logistic:both``.
    learner : str
        Key of :data:`LEARNERS`.
    features : str
        Key of :data:`trastuz_ml.learn.design.BLOCKS`.
    """

    name: str
    learner: str
    features: str


def catalogue_model(name: str) -> CatalogueModel:
    """Return the competitor of that name.

    Raises
    ------
    ConfigurationError
        If there is none.

    Examples
    --------
    >>> catalogue_model("xgboost:both").features
    'both'
    """
    if name in RIVALS:
        return CatalogueModel(name, *RIVALS[name])
    learner, _, features = name.partition(":")
    offered = [f for f in BLOCKS if f not in ("none", "burden", "assay")]
    if learner not in LEARNERS or features not in offered:
        raise ConfigurationError(
            f"There is no model '{name}'; expected {', '.join(RIVALS)}, or one of "
            f"{', '.join(k for k in LEARNERS if k not in RIVALS)} followed by ':' and one of {', '.join(offered)}."
        )
    return CatalogueModel(name, learner, features)
