"""The catalogue: every model that competes, with the features it sees and the grid it is tuned over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from trastuz_ml.errors import ConfigurationError
from trastuz_ml.learn import discriminants, linear, trees
from trastuz_ml.learn.design import BLOCKS, blocks_of
from trastuz_ml.learn.selection import Selection
from trastuz_ml.learn.training import Training
from trastuz_ml.schema import GENE

CHOSEN = "chosen"
CLINICAL = "clinical-only"
RANK_AVERAGE = "rank-average"


@dataclass(frozen=True)
class Learner:
    """A way of fitting.

    Attributes
    ----------
    fit : callable
        ``fit(training, candidates)`` -> one fitted estimator a candidate.
    grid : tuple of dict
        The candidates that the inner folds choose from, simplest first: the one-standard-error rule takes the
        first that is good enough.
    complete : bool
        Whether everything missing is filled (linear models); trees follow both branches at a gene that was
        not covered, see :mod:`trastuz_ml.learn.tree_paths`.
    genes_only : bool
        Whether it takes genes that are mutated or not, and nothing else.
    """

    fit: Callable[[Training, Sequence[dict[str, Any]]], Sequence[Any]]
    grid: tuple[dict[str, Any], ...] = ({},)
    complete: bool = True
    genes_only: bool = False


_PENALTIES = tuple({"C": c} for c in (0.001, 0.01, 0.03, 0.1, 0.3, 1.0))
LEARNERS: dict[str, Learner] = {
    "prevalence": Learner(linear.fit_prevalence),
    "l2-logistic": Learner(linear.fit_l2, _PENALTIES),
    "elastic-net": Learner(
        linear.fit_elastic_net,
        tuple({"l1_ratio": 0.5, "fraction": f} for f in (0.9, 0.7, 0.5, 0.35, 0.25, 0.15)),
    ),
    "firth-logistic": Learner(discriminants.fit_firth),
    "naive-bayes": Learner(
        discriminants.fit_naive_bayes, tuple({"alpha": a} for a in (10.0, 3.0, 1.0)), genes_only=True
    ),
    "linear-svm": Learner(discriminants.fit_svm, tuple({"C": c} for c in (0.001, 0.01, 0.1, 1.0))),
    "random-forest": Learner(trees.fit_forest, tuple({"min_samples_leaf": m} for m in (8, 3)), complete=False),
    "xgboost": Learner(
        trees.fit_boosted,
        tuple({"depth": d, "trees": t} for d in (1, 2, 3) for t in (50, 200)),
        complete=False,
    ),
}
# How genes are selected in the training fold before a learner sees them, and the candidates of each way.
SELECTIONS: dict[str, Selection] = {
    "none": Selection(),
    "association": Selection("association", keep=(5, 20, 100)),
    "stability": Selection("stability", false_genes=(0.5, 1.0, 5.0)),
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
        A rival's name, ``rank-average``, or ``learner:features`` such as ``l2-logistic:both``, with
        ``@association`` or ``@stability`` behind it where genes are selected first.
    learner : str
        Key of :data:`LEARNERS`, or ``rank-average``.
    features : str
        Feature set, see :func:`trastuz_ml.learn.design.blocks_of`.
    selection : str
        Key of :data:`SELECTIONS`.
    """

    name: str
    learner: str
    features: str
    selection: str = "none"

    @property
    def blocks(self) -> tuple[str, ...]:
        """Blocks of the design that it sees."""
        return blocks_of(self.features)


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
    >>> catalogue_model("l2-logistic:genes+burden@association").selection
    'association'
    """
    if name in RIVALS:
        return CatalogueModel(name, *RIVALS[name])
    if name == RANK_AVERAGE:
        return CatalogueModel(name, RANK_AVERAGE, "none")
    learner, _, rest = name.partition(":")
    features, _, selection = rest.partition("@")
    if (
        learner not in LEARNERS
        or learner in RIVALS
        or not features
        or ("@" in rest and selection not in SELECTIONS)
    ):
        raise ConfigurationError(
            f"There is no model '{name}'; expected {', '.join(RIVALS)}, {RANK_AVERAGE}, or one of "
            f"{', '.join(k for k in LEARNERS if k not in RIVALS)} followed by ':' and its features ('both', or "
            f"some of {', '.join(BLOCKS)} with '+' between them), and if genes are to be selected in the fold, by "
            "'@association' or '@stability'."
        )
    model = CatalogueModel(name, learner, features, selection or "none")
    blocks = model.blocks  # refuses what is no feature set
    if LEARNERS[learner].genes_only and blocks != (GENE,):
        raise ConfigurationError(f"{name}: {learner} takes genes alone: write {learner}:genes.")
    if model.selection != "none" and GENE not in blocks:
        raise ConfigurationError(f"{name}: there is no gene to select among {features}.")
    if model.selection != "none" and learner == "linear-svm":
        raise ConfigurationError(
            f"{name}: linear-svm is calibrated on training patients that it holds out itself; genes selected with "
            "their responses would flatter it there: take all genes, or another learner."
        )
    return model
