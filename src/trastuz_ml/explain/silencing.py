"""In-silico silencing: what the models predict when a gene is read as truncated, or as intact again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.errors import ConfigurationError
from trastuz_ml.explain.turned_genes import (
    PAIR,
    Question,
    answer,
    question_of,
    why_none_silenced,
    why_not_silenced,
)
from trastuz_ml.features.matrix import GeneMatrix
from trastuz_ml.learn.catalogue import CHOSEN, LEARNERS, catalogue_model
from trastuz_ml.learn.engine import Engine
from trastuz_ml.learn.refitting import Validated, ask_fold_models, models_to_refit
from trastuz_ml.learn.validation import Inspected
from trastuz_ml.schema import GENE, SILENCED, conform, empty
from trastuz_ml.wording import count, number

__all__ = [
    "CAUTION", "Silencing", "departure_table", "silence", "silenced_table", "silencing_sentences", "summary",
    "why_not_silenced",
]  # fmt: skip

SILENCE, RESTORE = "silenced", "restored"
CAUTION = (
    "Nothing else was changed: burden, covariates and all other genes stay as they were. This speaks of the "
    "model, not of a tumour."
)
_KEY = ["gene", "model", "direction", "patient"]
_CHANGES = [
    "gene", "model", "repeat", "patient", "direction", "probability", "change", "log_odds_change", "additive",
    "log_odds_additive",
]  # fmt: skip
_SUMMARY = [
    "gene", "model", "direction", "patients", "probability", "change", "low", "high", "falling", "spread",
    "log_odds_change", "status",
]  # fmt: skip
_DEPARTURES = [
    "pair", "model", "direction", "patients", "change", "additive", "departure", "spread", "log_odds_departure",
    "log_odds_spread", "status",
]  # fmt: skip
NOTHING_CHANGES = "nothing changes"


@dataclass(frozen=True, eq=False)
class Silencing:
    """What silencing and restoring genes changed.

    Attributes
    ----------
    changes : pandas.DataFrame
        One row a gene or pair, model, repeat and patient, each time by folds that left the patient out:
        ``probability`` as sequenced, ``change`` of it and ``log_odds_change``; ``additive`` and
        ``log_odds_additive`` are the sums of the changes of each gene of a pair alone, missing for a single gene.
        A log-odds is missing where a forest says 0 or 1.
    status : pandas.DataFrame
        One row a gene or pair and model: ``given``, the share of folds whose model was given all of its genes,
        and ``status``, empty or why nothing changed.
    left_out : tuple of str
        Models of the run that cannot be asked (the rank average).
    """

    changes: pd.DataFrame
    status: pd.DataFrame
    left_out: tuple[str, ...] = ()


def silence(
    validated: Validated,
    matrix: GeneMatrix,
    genes: Sequence[str],
    *,
    models: Sequence[str] | None = None,
    workers: int | Engine = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Silencing:
    """Read genes as truncated where they are intact, and as intact where they are mutated; ask the folds' models.

    The bench experiment silences one gene in a cell that is otherwise as it was. Here the gene's column alone is
    changed, in patients in whom it was sequenced: burden, covariates and every other gene stay as they are. Each
    patient is asked of models of folds that left the patient out. The answer speaks of the models, not of tumours.

    Parameters
    ----------
    validated : Validated
        The validation, whose fold models are fitted again.
    matrix : GeneMatrix
        Its genes.
    genes : sequence of str
        Genes, and pairs joined by ``+``, which are changed together in patients who have both intact, or both
        mutated.
    models : sequence of str, optional
        Models to ask; all that see genes when absent, and ``chosen``.
    workers : int or Engine
        Processes; the result does not depend on it.
    progress : callable, optional
        Called with (folds done, folds in all).

    Raises
    ------
    ConfigurationError
        If a gene or model is unknown, the columns are gene sets, or truncating calls are not what counts as
        mutated.
    EvidenceError
        If nobody carries a gene, everybody does, nobody was sequenced for it, or the folds' models cannot be had
        again.

    Notes
    -----
    Truncated is 1 in the encodings ``binary``, ``truncating`` and ``damaging``, 1 in ``count`` (one call more than
    none), and in ``vaf`` the median allele fraction of the gene's carriers: what the models have seen of it.
    """
    if reason := why_none_silenced(matrix):
        raise ConfigurationError(f"No gene of this run can be silenced: {reason}.")
    questions = tuple(dict.fromkeys(question_of(validated.design, matrix, text) for text in genes))
    if not questions:
        raise ConfigurationError("Name a gene to silence, or a pair such as ANKRD44+PIK3CA.")
    wanted, left_out = _models_asked(validated.choices, models)
    asked = ask_fold_models(
        validated, partial(answer, questions), models=wanted, workers=workers, progress=progress
    )
    changes = _changes(asked, questions, validated.design.patients)
    return Silencing(changes, _status(asked, questions, validated, changes), tuple(left_out))


def _models_asked(choices: pd.DataFrame, models: Sequence[str] | None) -> tuple[list[str], list[str]]:
    possible, left_out = models_to_refit(choices, models)
    seeing = [name for name in possible if name != CHOSEN and GENE in catalogue_model(name).blocks]
    blind = [name for name in possible if name not in (CHOSEN, *seeing)]
    if models is not None and blind:
        raise ConfigurationError(f"{blind[0]} sees no genes: silencing changes nothing there.")
    if not seeing and (models is None or CHOSEN not in models):
        raise ConfigurationError("No model of the run sees genes: silencing changes nothing.")
    return [name for name in possible if name == CHOSEN or name in seeing], left_out


def _changes(asked: Sequence[Inspected], questions: Sequence[Question], patients: Sequence[str]) -> pd.DataFrame:
    names = np.array(patients, dtype=object)
    tables = [
        pd.DataFrame(
            {
                "gene": question.name, "model": item.model, "repeat": item.repeat,
                "patient": names[item.places[told.rows]],
                "direction": np.where(told.restored, RESTORE, SILENCE), "probability": told.probability,
                "change": told.change[:, 0], "log_odds_change": told.change[:, 1],
                "additive": told.additive[:, 0], "log_odds_additive": told.additive[:, 1],
            }
        )
        for item in asked
        for question, told in zip(questions, item.result, strict=True)
        if len(told.rows)
    ]  # fmt: skip
    if not tables:
        return pd.DataFrame(columns=_CHANGES)
    # Leave-pair-out leaves a patient out many times in its one repeat: the mean of them is that repeat's.
    by_repeat = pd.concat(tables, ignore_index=True).groupby([*_KEY, "repeat"], sort=False)
    changes = _mean_where_whole(by_repeat).reset_index()[_CHANGES]
    order = {
        "gene": [question.name for question in questions], "direction": [SILENCE, RESTORE],
        "model": list(dict.fromkeys(item.model for item in asked)), "patient": list(patients),
    }  # fmt: skip
    ranks = [pd.Index(order[name]).get_indexer(changes[name]) for name in _KEY]
    return changes.iloc[np.lexsort((changes["repeat"], *reversed(ranks)))].reset_index(drop=True)


def _mean_where_whole(groups: Any) -> pd.DataFrame:
    """Return means of groups, missing where one of the values is."""
    means: pd.DataFrame = groups.mean()
    return means.where(groups.count().to_numpy() == groups.size().to_numpy()[:, None])


def _status(
    asked: Sequence[Inspected], questions: Sequence[Question], validated: Validated, changes: pd.DataFrame
) -> pd.DataFrame:
    moved = set(changes.loc[changes["change"] != 0, ["gene", "model"]].itertuples(index=False, name=None))
    rows = []
    for model in dict.fromkeys(item.model for item in asked):
        answers = [item.result for item in asked if item.model == model]
        for place, question in enumerate(questions):
            given = np.array([told[place].given for told in answers], dtype=bool)
            never = [j for j, some in zip(question.places, given.sum(axis=0), strict=True) if some == 0]
            rows.append(
                {
                    "gene": question.name, "model": model, "given": float(given.all(axis=1).mean()),
                    "status": _why_unmoved(model, question, never, validated, (question.name, model) in moved),
                }
            )  # fmt: skip
    return pd.DataFrame(rows, columns=["gene", "model", "given", "status"])


def _why_unmoved(model: str, question: Question, never: Sequence[int], validated: Validated, moved: bool) -> str:
    if not never:
        return "" if moved else "no model of a fold gives it any weight"
    reasons = {_why_never_given(model, validated.design.X[:, j]) for j in never}
    said = "not evaluable: " + "; ".join(sorted(reasons))
    if len(never) == len(question.genes):
        return said
    absent = validated.design.features[never[0]].name
    return f"{absent}: {said}; the pair changes as the other gene alone"


def _why_never_given(model: str, column: npt.NDArray[np.float32]) -> str:
    if model == CHOSEN:
        return "no fold chose a model that was given the gene"
    competitor = catalogue_model(model)
    if not LEARNERS[competitor.learner].complete and np.isnan(column).any():
        return "no fold gives it to this model (too few carriers, or somebody in training not sequenced for it)"
    if competitor.selection != "none":
        return "dropped by the carrier filter or the selection of every training fold"
    return "dropped by the carrier filter of every training fold"


def silenced_table(silencing: Silencing) -> pd.DataFrame:
    """Return the change of each patient, mean and spread over repeats (:data:`trastuz_ml.schema.SILENCED`).

    Within a repeat a patient is left out once, so that ``spread`` holds the spread over folds as well. Patients
    who were not sequenced for the gene have no row.
    """
    if silencing.changes.empty:
        return empty(SILENCED)
    columns = ["probability", "change", "log_odds_change"]
    groups = silencing.changes.groupby(_KEY, sort=False)
    table = _mean_where_whole(groups[columns]).assign(spread=groups["change"].std(ddof=1))
    return conform(table.reset_index(), SILENCED)


def departure_table(silencing: Silencing) -> pd.DataFrame:
    """Return how far a pair's change is from the sum of the changes of its genes alone.

    Returns
    -------
    pandas.DataFrame
        One row a pair, model and direction: ``patients`` (both genes intact, or both mutated), ``change`` of the
        probability when both genes are turned, ``additive`` (the changes of each gene alone, added up, in the same
        patients) and ``departure``, the first less the second; all are means over patients and repeats.
        ``spread`` is the standard deviation over repeats of the mean departure, missing with one repeat.
        ``log_odds_departure`` and ``log_odds_spread``: the same in log-odds, missing where a forest says 0 or 1.
        ``status`` is empty, or says why nothing changed.

    Notes
    -----
    A logistic model adds genes in log-odds, so that its departure there is 0 and that in probability is the bend
    of the curve alone. Trees can depart in both.
    """
    changes = silencing.changes[silencing.changes["additive"].notna()]
    if changes.empty:
        return pd.DataFrame(columns=_DEPARTURES)
    key = ["gene", "model", "direction"]
    apart = changes.assign(
        departure=changes["change"] - changes["additive"],
        log_odds_departure=changes["log_odds_change"] - changes["log_odds_additive"],
    )
    columns = ["change", "additive", "departure", "log_odds_departure"]
    by_repeat = _mean_where_whole(apart.groupby([*key, "repeat"], sort=False)[columns]).groupby(key, sort=False)
    table = _mean_where_whole(by_repeat).assign(
        patients=apart.groupby(key, sort=False)["patient"].nunique(),
        spread=by_repeat["departure"].std(ddof=1),
        log_odds_spread=by_repeat["log_odds_departure"].std(ddof=1),
    )
    table = table.reset_index().merge(silencing.status, on=["gene", "model"], how="left")
    return table.rename(columns={"gene": "pair"})[_DEPARTURES]


def summary(silenced: pd.DataFrame, status: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the mean change over patients, by gene or pair, model and direction.

    Parameters
    ----------
    silenced : pandas.DataFrame
        :data:`trastuz_ml.schema.SILENCED`.
    status : pandas.DataFrame, optional
        :attr:`Silencing.status`: why nothing changed. Without it, that nothing changed is all that is said.

    Returns
    -------
    pandas.DataFrame
        ``patients``; ``probability`` as sequenced; ``change`` of it; ``low`` and ``high``, the 2.5th and 97.5th
        percentile of the change over patients (how patients differ, not how sure the mean is); ``falling``, the
        share of patients whose probability falls; ``spread``, the mean over patients of the standard deviation
        over repeats; ``log_odds_change``, missing where one patient's is; ``status``.
    """
    rows = []
    for (gene, model, direction), some in silenced.groupby(["gene", "model", "direction"], sort=False):
        change = some["change"].to_numpy(dtype=np.float64)
        low, high = np.percentile(change, [2.5, 97.5])
        rows.append(
            {
                "gene": gene, "model": model, "direction": direction, "patients": len(some),
                "probability": some["probability"].mean(), "change": change.mean(), "low": low, "high": high,
                "falling": float((change < 0).mean()), "spread": some["spread"].mean(),
                "log_odds_change": some["log_odds_change"].mean(skipna=False),
                "status": "" if change.any() else NOTHING_CHANGES,
            }
        )  # fmt: skip
    table = pd.DataFrame(rows, columns=_SUMMARY)
    if status is None or table.empty:
        return table
    known = status.set_index(["gene", "model"])["status"]
    return table.assign(status=[known[key] for key in zip(table["gene"], table["model"], strict=True)])


def silencing_sentences(summarised: pd.DataFrame, departures: pd.DataFrame | None = None) -> list[str]:
    """Say in plain words what silencing and restoring did, for one model of each gene or pair.

    Parameters
    ----------
    summarised : pandas.DataFrame
        From :func:`summary`. Of several models the one that each fold chose speaks; where turning the gene does
        not change it, the first that it changes.
    departures : pandas.DataFrame, optional
        From :func:`departure_table`.

    Examples
    --------
    >>> rows = pd.DataFrame({
    ...     "gene": ["ANKRD44"], "model": ["l2-logistic:both"], "direction": ["silenced"], "patients": [128],
    ...     "change": [-0.12], "falling": [1.0], "status": [""],
    ... })
    >>> silencing_sentences(rows)[0][25:]
    'reading ANKRD44 as truncated in the 128 patients in whom it is intact lowers the predicted probability of \
response by 0.12 on average (l2-logistic:both); it falls in all of them.'
    """
    said = []
    for name in dict.fromkeys(summarised["gene"]):
        rows = summarised[summarised["gene"] == name]
        speaks = _speaker(rows)
        said += _sentences(rows[rows["model"] == speaks])
        if departures is not None:
            some = departures[(departures["pair"] == name) & (departures["model"] == speaks)]
            said += [_departure_sentence(row) for row in some.itertuples()]
    return said


def _speaker(rows: pd.DataFrame) -> str:
    changed = rows.loc[(rows["change"] != 0) | (rows["falling"] != 0), "model"]
    if CHOSEN in set(changed) or (changed.empty and CHOSEN in set(rows["model"])):
        return CHOSEN
    return str((rows["model"] if changed.empty else changed).iloc[0])


def _sentences(rows: pd.DataFrame) -> list[str]:
    """Say what turning a gene or pair did; that nothing changed, once for both directions."""
    idle = len(rows) > 1 and not rows[["change", "falling"]].to_numpy().any()
    return [_sentence(row, either=idle) for row in rows.head(1 if idle else len(rows)).itertuples()]


def _sentence(row: Any, *, either: bool = False) -> str:
    pair, what = PAIR in row.gene, row.gene.replace(PAIR, " and ")
    outcome = "the predicted probability of response"
    if row.change == 0 and row.falling == 0:
        why = "" if row.status in ("", NOTHING_CHANGES) else f": {row.status}"
        read = "truncated or intact" if either else "truncated" if row.direction == SILENCE else "intact"
        return f"Reading {what} as {read} changes no prediction of {row.model}{why}."
    those = f"the {count(row.patients, 'patient')} in whom {'both are' if pair else 'it is'}"
    turned = f"truncated in {those} intact" if row.direction == SILENCE else f"intact in {those} mutated"
    falling = round(row.falling * row.patients)
    share = {0: "none", row.patients: "all"}.get(falling, str(falling))
    return (
        f"In this cohort's models, reading {what} as {turned} {'lowers' if row.change < 0 else 'raises'} "
        f"{outcome} by {_amount(row.change)} on average ({row.model}); it falls in {share} of them."
        f"{' ' + row.status + '.' if row.status else ''}"
    )


def _departure(size: float) -> str:
    return "less than 0.001" if abs(size) < 0.0005 else number(size, 3, signed=True)


def _amount(change: float) -> str:
    size = abs(change)
    return "less than 0.001" if size < 0.0005 else number(size, 2 if size >= 0.095 else 3)


def _departure_sentence(row: Any) -> str:
    spread = "" if pd.isna(row.spread) else f", standard deviation over repeats {number(row.spread, 3)}"
    return (
        f"Together ({row.direction}) they change it by {number(row.change, 3, signed=True)}, one at a time and "
        f"added up by {number(row.additive, 3, signed=True)}: a departure from additivity of "
        f"{_departure(row.departure)} ({row.model}{spread})."
    )
