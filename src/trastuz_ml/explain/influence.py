"""How much hangs on one patient: scores, leading features and the choice of a model without each patient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from trastuz_ml.errors import EvidenceError, InputError
from trastuz_ml.explain.contributions import contributions_of
from trastuz_ml.learn.catalogue import CHOSEN, RANK_AVERAGE, CatalogueModel, catalogue_model
from trastuz_ml.learn.design import Design
from trastuz_ml.learn.engine import Engine, in_parallel
from trastuz_ml.learn.fitted import FittedModel
from trastuz_ml.learn.tuning import EVERYBODY, Tuned, Tuning, inner_folds, pick_place, refit
from trastuz_ml.schema import INFLUENCE, conform
from trastuz_ml.stats.discrimination import leave_one_out_auc, placements

Places = npt.NDArray[np.intp]
Progress = Callable[[int, int], None]
# How many features are looked at.
LEADING = 5
# Contributions that agree to so many digits are the same: identical genes differ by rounding alone.
_DIGITS = 9


def influence_table(
    design: Design,
    fitted: Mapping[str, Tuned],
    tuning: Tuning,
    out_of_fold: pd.DataFrame,
    exported: str,
    *,
    workers: int | Engine = 1,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Leave each patient out in turn and say what changes.

    Parameters
    ----------
    design : Design
        Patients by features, with responses.
    fitted : mapping of str to Tuned
        Models tuned and fitted on everybody, as :func:`trastuz_ml.learn.validation.fit_on_all` returns them.
    tuning : Tuning
        How they were tuned.
    out_of_fold : pandas.DataFrame
        :data:`trastuz_ml.schema.OUT_OF_FOLD` of the same patients.
    exported : str
        Which of the fitted models is exported.
    workers : int or Engine
        Processes for the refits, or where else; the result does not depend on it.
    progress : callable, optional
        Called with (refits done, refits in all).

    Returns
    -------
    pandas.DataFrame
        :data:`trastuz_ml.schema.INFLUENCE`, one row a patient.

    Notes
    -----
    Three things are left out of three calculations. *Scores*: the patient's predictions, from the out-of-fold
    table alone; the other predictions still come from models that the patient helped to fit
    (:func:`auroc_changes`). *Leading features*: the patient, from the rows that the exported model is fitted on,
    with the hyperparameters that were picked on everybody; features lead by mean absolute contribution over the
    training rows. *Choice*: the patient's inner loss, each model keeping its picked candidate
    (:func:`chosen_without`).

    Examples
    --------
    >>> from trastuz_ml.learn.folds import plan_splits
    >>> from trastuz_ml.learn.validation import fit_on_all, validate
    >>> names, y = tuple(f"P{i:02d}" for i in range(24)), np.array([0, 1] * 12, dtype=np.int8)
    >>> design = Design(names, (), np.empty((24, 0), dtype=np.float32), y, np.array(names))
    >>> plan = plan_splits(names, y, design.groups, repeats=1, folds=4, seed=0)
    >>> models = [catalogue_model("prevalence")]
    >>> table = validate(design, plan, models, Tuning()).out_of_fold
    >>> fitted, picked = fit_on_all(design, models, Tuning())
    >>> influence_table(design, fitted, Tuning(), table, picked)["status"].unique().tolist()
    ['prevalence uses no feature']
    """
    changes = auroc_changes(out_of_fold).reindex(list(design.patients))
    table = pd.DataFrame(
        {
            "patient": list(design.patients), "response": design.response.astype(int),
            "chosen_change": changes[CHOSEN].to_numpy(), "exported_change": changes[exported].to_numpy(),
            "chosen_without": chosen_without(design, fitted, tuning),
        }
    )  # fmt: skip
    leading = leading_without(design, fitted[exported], tuning, workers=workers, progress=progress)
    return conform(pd.concat([table, leading], axis=1), INFLUENCE)


def auroc_changes(out_of_fold: pd.DataFrame) -> pd.DataFrame:
    """Return the AUROC of each model without each patient, less that with everybody; nothing is refitted.

    Parameters
    ----------
    out_of_fold : pandas.DataFrame
        As declared in :mod:`trastuz_ml.schema`.

    Returns
    -------
    pandas.DataFrame
        Patients, sorted, by models. AUROC is the mean over folds of the AUC within the fold, or with left-out
        pairs the share of pairs of both classes that are ranked rightly, ties half. NaN where nothing is left
        to rank.

    Raises
    ------
    InputError
        If some repeat does not predict every patient.

    Examples
    --------
    >>> table = pd.DataFrame({"model": "m", "repeat": 0, "fold": 0, "patient": list("ABCD"),
    ...                       "response": [0, 0, 1, 1], "probability": [0.1, 0.4, 0.35, 0.8]})
    >>> auroc_changes(table)["m"].tolist()
    [-0.25, 0.25, 0.25, -0.25]
    """
    pairs = "pair" in out_of_fold and out_of_fold["pair"].notna().any()
    change = _change_in_pairs if pairs else _change_in_folds
    return pd.DataFrame({model: change(rows) for model, rows in out_of_fold.groupby("model", sort=False)})


def _change_in_folds(rows: pd.DataFrame) -> pd.Series:
    wide = rows.pivot_table(index="repeat", columns="patient", values=["probability", "fold"], aggfunc="first")
    score, fold_of = wide["probability"], wide["fold"]
    if score.isna().to_numpy().any():
        raise InputError("The out-of-fold table does not predict every patient in every repeat.")
    response = rows.groupby("patient")["response"].first().reindex(score.columns).to_numpy(dtype=int)
    values = (response, score.to_numpy(), fold_of.to_numpy(dtype=int))
    return pd.Series(leave_one_out_auc(*values) - placements(*values).mean, index=score.columns)


def _change_in_pairs(rows: pd.DataFrame) -> pd.Series:
    responders, others = rows[rows["response"] == 1], rows[rows["response"] == 0]
    both = responders.merge(others, on=["repeat", "pair"], suffixes=("", "_other"))
    wins = (np.sign(both["probability"] - both["probability_other"]) + 1) / 2
    patients = pd.Index(sorted(rows["patient"].unique()))
    lost, gone = np.zeros(len(patients)), np.zeros(len(patients))
    for column in ("patient", "patient_other"):
        place = patients.get_indexer(both[column])
        lost += np.bincount(place, wins, minlength=len(patients))
        gone += np.bincount(place, minlength=len(patients))
    left = np.where(len(both) > gone, len(both) - gone, np.nan)
    return pd.Series((wins.sum() - lost) / left - wins.mean(), index=patients)


def chosen_without(design: Design, fitted: Mapping[str, Tuned], tuning: Tuning) -> list[str]:
    """Return, for each patient, the model that the inner folds would pick without the patient's loss.

    Each model keeps its picked candidate; the mean of the patient's inner fold is taken over the others in it.
    The rule is that of :func:`trastuz_ml.learn.tuning.pick`.
    """
    names = [name for name in fitted if name != RANK_AVERAGE] or list(fitted)
    losses = np.array([fitted[name].losses for name in names])
    everybody = np.arange(len(design.patients))
    inner_of = inner_folds(design, everybody, tuning, EVERYBODY)
    chosen = []
    for patient in everybody:
        rest = everybody != patient
        folds = [rest & (inner_of == fold) for fold in range(int(inner_of.max()) + 1)]
        errors = np.mean([losses[:, fold].mean(axis=1) for fold in folds], axis=0)
        chosen.append(names[pick_place(errors, losses[:, rest], tuning.rule)])
    return chosen


def leading_without(
    design: Design, tuned: Tuned, tuning: Tuning, *, workers: int | Engine = 1, progress: Progress | None = None
) -> pd.DataFrame:
    """Refit a model without each patient, and say which of its leading features still lead.

    Returns
    -------
    pandas.DataFrame
        The columns ``leading_kept``, ``leading_lost``, ``leading_moved`` and ``status`` of
        :data:`trastuz_ml.schema.INFLUENCE`, patients in the order of the design.
    """
    fitted = tuned.model
    if not isinstance(fitted, FittedModel):
        return _nothing(design, f"{fitted.name} has no contributions of its own: they are its members'")
    with threadpool_limits(1):
        before = ranked_features(fitted, design.X)
    if len(before) == 0:
        return _nothing(design, f"{fitted.name} uses no feature")
    found: dict[int, Places | str] = {}
    shared = (design.without_names(), catalogue_model(fitted.name), tuned.picked, tuning)
    for place, ranked in in_parallel(_ranked_without, shared, range(len(design.patients)), workers=workers):
        found[place] = ranked
        if progress is not None:
            progress(len(found), len(design.patients))
    return pd.DataFrame([_what_leads(design, before, found[place]) for place in range(len(design.patients))])


def ranked_features(model: FittedModel, X: npt.NDArray[np.float32]) -> Places:
    """Return the places in the design of the features that contribute, the largest mean |contribution| first.

    Features that contribute alike stand in the order of the design.
    """
    explanation = contributions_of(model, X)
    told = explanation.used[~np.isnan(explanation.gap)]
    if told.size == 0:
        return np.empty(0, dtype=np.intp)
    mean = np.abs(told).mean(axis=0)
    if not mean.any():
        return np.empty(0, dtype=np.intp)
    alike = np.round(mean / mean.max(), _DIGITS)
    order = np.argsort(-alike, kind="stable")
    places: Places = explanation.places[order[alike[order] > 0]]
    return places


def _ranked_without(
    design: Design, model: CatalogueModel, picked: int, tuning: Tuning, patient: int
) -> Places | str:
    """Return the ranked features of the model refitted without the patient, or why it could not be refitted."""
    train = np.delete(np.arange(len(design.patients)), patient)
    try:
        with threadpool_limits(1):
            return ranked_features(refit(design, train, model, picked, tuning), design.X[train])
    except EvidenceError as error:
        return f"without the patient {error}"


def _what_leads(design: Design, before: Places, after: Places | str) -> dict[str, Any]:
    if isinstance(after, str):
        return {"leading_kept": None, "leading_lost": "", "leading_moved": "", "status": after}
    rank = {int(place): number for number, place in enumerate(after, start=1)}
    kept, lost, moved = 0, [], []
    for old, place in enumerate(before[:LEADING].tolist(), start=1):
        name, new = design.features[place].name, rank.get(place)
        if new is not None and new <= LEADING:
            kept += 1
        else:
            lost.append(name)
        if new != old:
            moved.append(f"{name} {old} -> {'unused' if new is None else new}")
    return {
        "leading_kept": kept, "leading_lost": ", ".join(lost), "leading_moved": ", ".join(moved), "status": "",
    }  # fmt: skip


def _nothing(design: Design, reason: str) -> pd.DataFrame:
    row = {"leading_kept": None, "leading_lost": "", "leading_moved": "", "status": reason}
    return pd.DataFrame([row] * len(design.patients))
