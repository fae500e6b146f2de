"""The optimism ledger: the AUROC that each way of working would report of the same patients, side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from trastuz_ml.learn.catalogue import CHOSEN
from trastuz_ml.learn.design import Design
from trastuz_ml.learn.folds import SplitPlan
from trastuz_ml.learn.linear import fit_l2
from trastuz_ml.learn.scores import AUROC
from trastuz_ml.learn.selection import select_by_association
from trastuz_ml.learn.training import Training
from trastuz_ml.learn.transformers import Preparation
from trastuz_ml.learn.tuning import EVERYBODY, Tuned, Tuning, inner_folds, pick
from trastuz_ml.schema import GENE, OPTIMISM, conform
from trastuz_ml.stats.discrimination import auc

RESUBSTITUTION = "scored on the patients it was fitted on"
SELECTED_OUTSIDE = "genes selected before cross-validation"
TUNED_AND_SCORED = "tuned and scored on the same folds"
BEST_AFTERWARDS = "best model picked after the fact"
NESTED = "nested cross-validation"
PERMUTED_NESTED = "nested cross-validation of permuted responses"
STEPS = (RESUBSTITUTION, SELECTED_OUTSIDE, TUNED_AND_SCORED, BEST_AFTERWARDS, NESTED, PERMUTED_NESTED)
# What many papers do: so many genes, and scikit-learn's own penalty.
SELECTED, PENALTY = 20, 1.0

_Row = tuple[str, str, float, float, float, str]


def optimism_ledger(
    design: Design,
    plan: SplitPlan,
    fitted: Mapping[str, Tuned],
    tuning: Tuning,
    scores: pd.DataFrame,
    permuted: npt.ArrayLike | None = None,
) -> pd.DataFrame:
    """Put the AUROC of honest and dishonest ways of working side by side.

    Parameters
    ----------
    design : Design
        Patients by features, with responses.
    plan : SplitPlan
        The outer folds.
    fitted : mapping of str to Tuned
        Models tuned and fitted on everybody, as :func:`trastuz_ml.learn.validation.fit_on_all` returns them.
    tuning : Tuning
        How they were tuned.
    scores : pandas.DataFrame
        :data:`trastuz_ml.schema.SCORES` of the nested cross-validation.
    permuted : array, shape (n_permutations,), optional
        AUROC of ``chosen`` under permuted responses, the observed data left out.

    Returns
    -------
    pandas.DataFrame
        :data:`trastuz_ml.schema.OPTIMISM`, the steps in the order of :data:`STEPS`. Resubstitution and inner
        scores have a row for every model and one for ``chosen``, the model picked on everybody. Only the nested
        score has an interval of its own; the permuted row gives the range of the middle 95 % of permutations.

    Notes
    -----
    Selection outside the folds: Ambroise and McLachlan (2002), PNAS 99:6562. Tuning and scoring on the same
    folds: Varma and Simon (2006), BMC Bioinformatics 7:91.

    Examples
    --------
    >>> from trastuz_ml.learn.catalogue import catalogue_model
    >>> from trastuz_ml.learn.folds import plan_splits
    >>> from trastuz_ml.learn.scores import score_table
    >>> from trastuz_ml.learn.validation import fit_on_all, validate
    >>> names, y = tuple(f"P{i:02d}" for i in range(24)), np.array([0, 1] * 12, dtype=np.int8)
    >>> design = Design(names, (), np.empty((24, 0), dtype=np.float32), y, np.array(names))
    >>> plan = plan_splits(names, y, design.groups, repeats=1, folds=4, seed=0)
    >>> models = [catalogue_model("prevalence")]
    >>> found = validate(design, plan, models, Tuning())
    >>> fitted, _ = fit_on_all(design, models, Tuning())
    >>> scores = score_table(found.out_of_fold, found.choices)
    >>> ledger = optimism_ledger(design, plan, fitted, Tuning(), scores)
    >>> ledger.loc[ledger["model"] == "chosen", "auroc"].tolist()
    [0.5, 0.5, 0.5, nan]
    """
    picked = pick(fitted, tuning.rule)
    models = {CHOSEN: fitted[picked], **fitted}
    rows = [
        *_resubstitution(design, models),
        *_selected_outside(design, plan, tuning),
        *_tuned_and_scored(design, models, tuning),
        *_nested(scores),
        _permuted(permuted),
    ]
    return conform(pd.DataFrame(rows, columns=OPTIMISM.names), OPTIMISM)


def _resubstitution(design: Design, models: Mapping[str, Tuned]) -> Iterator[_Row]:
    meaning = (
        "The model has seen these patients and their responses. This says how well it remembers them, nothing of "
        "new patients."
    )
    with threadpool_limits(1):
        for name, tuned in models.items():
            yield _bare(RESUBSTITUTION, name, auc(design.response, tuned.model.probability(design.X)), meaning)


def _selected_outside(design: Design, plan: SplitPlan, tuning: Tuning) -> Iterator[_Row]:
    """Yield the row of what many papers do: genes picked on everybody, then ordinary cross-validation."""
    genes = np.array([j for j, feature in enumerate(design.features) if feature.kind == GENE], dtype=np.intp)
    if len(genes) == 0:
        return
    kept = genes[select_by_association(design.X[:, genes], design.response, keep=SELECTED)]
    name = f"l2-logistic on the {len(kept)} genes most associated in everybody"
    if len(kept) == 0:
        yield _bare(SELECTED_OUTSIDE, name, math.nan, "Not done: nobody or everybody carries each gene.")
        return
    areas = []
    with threadpool_limits(1):
        for turn in plan.turns:
            train, out = plan.split(*turn)
            if len(np.unique(design.response[out])) == 2:
                probability = _ordinary_fit(design, kept, train, out, tuning)
                areas.append(auc(design.response[out], probability))
    yield _bare(
        SELECTED_OUTSIDE, name, float(np.mean(areas)) if areas else math.nan,
        "The genes were picked with the help of the very patients who were left out afterwards, as is often done: "
        "where genes are many, far above 0.5 even if none of them has to do with the response.",
    )  # fmt: skip


def _ordinary_fit(
    design: Design, kept: npt.NDArray[np.intp], train: npt.NDArray[np.intp], out: npt.NDArray[np.intp],
    tuning: Tuning,
) -> npt.NDArray[np.float64]:  # fmt: skip
    preparation = Preparation([GENE] * len(kept))
    rows = preparation.fit_transform(design.X[np.ix_(train, kept)])
    training = Training(rows, design.response[train], design.groups[train], tuning.seed, tuning.balanced)
    estimator = fit_l2(training, [{"C": PENALTY}])[0]
    return estimator.probability(preparation.transform(design.X[np.ix_(out, kept)]))


def _tuned_and_scored(design: Design, models: Mapping[str, Tuned], tuning: Tuning) -> Iterator[_Row]:
    inner_of = inner_folds(design, np.arange(len(design.patients)), tuning, EVERYBODY)
    folds = [np.flatnonzero(inner_of == fold) for fold in range(int(inner_of.max()) + 1)]
    for name, tuned in models.items():
        areas = [auc(design.response[fold], tuned.inner_probability[fold]) for fold in folds]
        yield _bare(TUNED_AND_SCORED, name, float(np.mean(areas)), _what_was_picked(name, len(tuned.grid)))


def _what_was_picked(name: str, tried: int) -> str:
    if name == CHOSEN:
        picked = "the best of all models and settings"
    elif tried > 1:
        picked = f"the best of {tried} settings"
    else:
        return "The patients were left out, and there was one setting only: nothing was picked by its score."
    return (
        f"The patients were left out, but {picked} by log loss is reported because of what these same patients "
        "said. These are the inner folds, once: where they are fewer, models learn from fewer patients, and it "
        "can come out lower than the nested one."
    )


def _nested(scores: pd.DataFrame) -> Iterator[_Row]:
    table = scores[(scores["score"] == AUROC) & scores["estimate"].notna()]
    rivals, honest = table[table["model"] != CHOSEN], table[table["model"] == CHOSEN]
    if len(rivals):
        best = rivals.loc[rivals["estimate"].idxmax()]
        yield _bare(
            BEST_AFTERWARDS, str(best["model"]), float(best["estimate"]),
            f"Each model was scored honestly, but this one is reported because it did best of {len(rivals)}: the "
            "more models, the luckier the best.",
        )  # fmt: skip
    if len(honest):
        row = honest.iloc[0]
        meaning = (
            "Genes, settings and the model itself were picked without the patients who are scored: report this."
        )
        yield NESTED, CHOSEN, float(row["estimate"]), float(row["low"]), float(row["high"]), meaning
    else:
        yield _bare(NESTED, CHOSEN, math.nan, "Not done: there is no score of the model chosen inside each fold.")


def _permuted(permuted: npt.ArrayLike | None) -> _Row:
    values = np.asarray([] if permuted is None else permuted, dtype=float)
    if values.size == 0:
        return _bare(
            PERMUTED_NESTED, CHOSEN, math.nan,
            "Not done: ask for permutations, under permutation: times:, to see what this procedure finds where "
            "there is nothing to find.",
        )  # fmt: skip
    low, high = np.quantile(values, [0.025, 0.975])
    return (
        PERMUTED_NESTED, CHOSEN, float(values.mean()), float(low), float(high),
        f"The mean of {values.size} permutations, and the range of the middle 95 % of them: what the whole "
        "procedure finds where responses are shuffled. Within strata, what the strata tell is left to be found.",
    )  # fmt: skip


def _bare(step: str, model: str, value: float, meaning: str) -> _Row:
    # An interval would lend a number that is wrong the look of one that is uncertain.
    return step, model, value, math.nan, math.nan, meaning
