"""The first paragraph of a report and its last: what the run says in plain words, and what it cannot say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from trastuz_ml.learn.folds import LEAVE_GROUP_OUT, LEAVE_PAIR_OUT
from trastuz_ml.report.plain import records
from trastuz_ml.stats.intervals import name_of, too_short
from trastuz_ml.wording import number, share, span

CHOSEN, CLINICAL, AUROC = "chosen", "clinical-only", "AUROC"
# The learner of clinical-only, given the genes as well.
SAME_LEARNER = "l2-logistic:both"
# Digits of a difference of two AUROCs: with two, an interval from -0.005 would read as from 0.00.
DIGITS = 3

NO_CALLS = "no calls: covariates alone"

Row = Mapping[str, Any]


def answer_content(
    name: str, simulated: bool, scores: pd.DataFrame, comparisons: pd.DataFrame,
    choices: pd.DataFrame, watched: Sequence[Row], *, sequenced: bool = True, chance: Sequence[str] = (),
    exported: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Return the answer: sentences for one paragraph, and the few numbers to set large beside it.

    Parameters
    ----------
    name : str
        Name of the run.
    simulated : bool
        Whether its patients are invented; then the first sentence says so.
    scores, comparisons, choices : pandas.DataFrame
        As declared in :mod:`trastuz_ml.schema`.
    watched : sequence of mappings
        Watched genes, each with its ``sentence``.
    sequenced : bool
        Whether anybody was; without, nothing is said of genes.
    chance : sequence of str
        What permutations say, in sentences.
    exported : str
        The model that was fitted on everybody and stored, and how it was picked; empty where none was.

    Returns
    -------
    dict
        ``sentences`` of the models, ``chance`` (what permutations say), ``genes`` (sentences of the watched genes)
        and ``highlights`` (``label``, ``value``, ``detail``), at most four: the score, what genes add, and the
        first two watched genes.
    """
    headline = headline_score(scores)
    gain = headline_gain(comparisons)
    sentences = [
        f"SIMULATED: every patient of {name} is invented." if simulated else "",
        _headline_sentence(headline),
        _picked_sentence(choices) if headline and headline["model"] == CHOSEN else "",
        f"Fitted on all patients and stored: {exported}." if exported else "",
        _gain_sentence(gain) if sequenced else "No calls were given: nothing is said of genes.",
    ]
    highlights = [_headline_highlight(headline), _gain_highlight(gain), *map(_watched_highlight, watched[:2])]
    return {
        "sentences": [sentence for sentence in sentences if sentence],
        "chance": list(chance),
        "genes": [row["sentence"] for row in watched],
        "highlights": [highlight for highlight in highlights if highlight],
    }


def headline_score(scores: pd.DataFrame) -> Row | None:
    """Return the AUROC of the model picked inside the folds, or of the first model when none was picked."""
    rows = records(scores[scores["score"] == AUROC])
    return next((row for row in rows if row["model"] == CHOSEN), rows[0] if rows else None)


def headline_gain(comparisons: pd.DataFrame) -> Row | None:
    """Return the comparison that says what genes add to the clinical covariates.

    That of the ridge-penalised model on both against the one on the covariates: the same learner and grid, so
    that only the genes differ, and named before any score was seen. Without it, the first model that takes both.
    """
    rows = records(comparisons[(comparisons["rival"] == CLINICAL) & (comparisons["score"] == AUROC)])
    both = [row for row in rows if str(row["model"]).endswith(":both")]
    return next((row for row in both if row["model"] == SAME_LEARNER), both[0] if both else None)


def _headline_sentence(row: Row | None) -> str:
    if row is None or row["estimate"] is None:
        reason = (row or {}).get("interval") or "the run holds no such score"
        return f"How well the models separate responders from non-responders cannot be said: {reason}."
    who = (
        f"The model picked inside the folds (“{CHOSEN}”)"
        if row["model"] == CHOSEN
        else f"The model {row['model']}"
    )
    return (
        f"{who} separates responders from non-responders with an AUROC of {number(row['estimate'])} "
        f"({_with_its_interval(row)}).{_against_chance(row)}"
    )


def _with_its_interval(row: Row) -> str:
    ends, kind = span(row["low"], row["high"]), (row["interval"] or "").strip().rstrip(".")
    if not ends:
        return f"no interval: {kind or 'no reason was recorded'}"
    return f"95 % {ends}{f', {name_of(kind)}' if kind else ''}{coverage_of(kind)}"


def coverage_of(kind: str) -> str:
    """Return how often such intervals hold the truth, where that is known to be too seldom.

    Examples
    --------
    >>> coverage_of("Nadeau-Bengio")
    '; for the AUROC such intervals held the truth in 89 % of simulated cohorts'
    >>> coverage_of("Wilson")
    ''
    """
    held = too_short(kind)
    if held is None:
        return ""
    return f"; for the AUROC such intervals held the truth in {100 * held:.0f} % of simulated cohorts"


def _against_chance(row: Row) -> str:
    if row["low"] is None or row["high"] is None or not row["low"] <= 0.5 <= row["high"]:
        return ""
    return " The interval holds 0.5: this cannot be told from chance."


def _picked_sentence(choices: pd.DataFrame) -> str:
    picked = choices.loc[choices["model"] == CHOSEN, "picked"].value_counts()
    if picked.empty:
        return ""
    top = sorted(picked[picked == picked.max()].index)[0]
    return f"The folds picked {top} most often, in {picked.max()} of {picked.sum()}."


def _gain_sentence(row: Row | None) -> str:
    if row is None or row["difference"] is None:
        return "What genes add to the clinical covariates was not compared in this run."
    ends = span(row["low"], row["high"], DIGITS, signed=True)
    with_ends = f"{number(row['difference'], DIGITS, signed=True)} ({f'95 % {ends}' if ends else 'no interval'})"
    return (
        f"Genes add {with_ends} to the AUROC of the clinical covariates ({row['model']} against {CLINICAL}): "
        f"{_gain_verdict(row)}."
    )


def _gain_verdict(row: Row) -> str:
    if row["low"] is None or row["high"] is None:
        return "without an interval, nothing follows"
    if row["low"] > 0:
        return "a gain in this cohort"
    return "a loss in this cohort" if row["high"] < 0 else "nothing measurable in this cohort"


def _headline_highlight(row: Row | None) -> dict[str, str] | None:
    if row is None:
        return None
    ends = span(row["low"], row["high"])
    return {
        "label": f"AUROC, {row['model']}",
        "value": number(row["estimate"]),
        "detail": f"95 % {ends}" if ends else "no interval",
    }


def _gain_highlight(row: Row | None) -> dict[str, str] | None:
    if row is None:
        return None
    ends = span(row["low"], row["high"], DIGITS, signed=True)
    return {
        "label": "AUROC that genes add",
        "value": number(row["difference"], DIGITS, signed=True),
        "detail": f"95 % {ends}" if ends else "no interval",
    }


def _watched_highlight(row: Row) -> dict[str, str]:
    value = f"{row['carriers'] or 0} of {row['covered'] or 0}"
    if row["status"]:
        reason = row["status"].partition(":")[0]
        return {"label": f"{row['gene']} mutated", "value": value, "detail": reason}
    judged = f"{row['judged']}; " if row.get("judged") else ""
    # The verdict goes by the adjusted odds ratio: beside it the unadjusted one would seem to contradict it.
    adjusted = row.get("adjusted_odds_ratio") is not None
    kind = "adjusted_" if adjusted else ""
    ends = span(row[f"{kind}low"], row[f"{kind}high"])
    return {
        "label": f"{row['gene']} mutated",
        "value": value,
        "detail": f"{judged}{'adjusted ' if adjusted else ''}odds ratio {number(row[f'{kind}odds_ratio'])}"
        f"{f' ({ends})' if ends else ''}",
    }


def limits_content(
    patients: int, responders: int, carriers: Row, simulated: bool, *, sequenced: bool = True, kind: str = ""
) -> list[str]:
    """Return what a cohort of this size and design cannot say; of genes nothing where nobody was sequenced.

    ``kind`` is that of the split plan, as in :mod:`trastuz_ml.learn.folds`.

    Examples
    --------
    >>> limits_content(12, 6, {"genes": 40, "rare": 39, "few": 5}, False)[0]
    'Of the patients, 6 of 12 (50 %) responded. So few cannot tell a useful model from chance, ...'
    """
    return [
        *(["The patients are simulated: nothing here is a finding about people."] if simulated else []),
        _size_sentence(patients, responders, "gene" if sequenced else "covariate"),
        *([_LIMIT_OF_PLAN[kind]] if kind in _LIMIT_OF_PLAN else []),
        *(_rare_genes(carriers) if sequenced else []),
        "What is predicted is response to the regimen given. Without an untreated arm it cannot be attributed "
        "to trastuzumab or to any other part of the regimen, nor told apart from prognosis.",
        *(_LIMITS_OF_GENES if sequenced else [_LIMIT_OF_COVARIATES]),
        "All scores are for new patients of the same population. Another hospital, assay or regimen may differ.",
        "This is research software. It is not advice on treatment and must not be used to choose one.",
    ]


_LIMITS_OF_GENES = (
    "A contribution describes the model, not biology: a gene can lead because it is long, because the tumour "
    "carries many mutations, or because it goes with a covariate.",
    "“Not covered” means not sequenced. It is never read as “not mutated”.",
)
_LIMIT_OF_PLAN = {
    LEAVE_PAIR_OUT: "Every two patients were left out together, and the AUROC is the share of pairs of a "
    "responder and another patient that were ranked rightly. Two models are not tested against each other: no "
    "such test held its level in simulations.",
    LEAVE_GROUP_OUT: "Each group was left out as a whole, and the AUROC is the mean over groups. Its interval is "
    "about other patients of these groups, not about other groups.",
}
_LIMIT_OF_COVARIATES = (
    "A contribution describes the model, not biology: a covariate can lead because it goes with another one."
)


def _rare_genes(carriers: Row) -> list[str]:
    return [
        f"{carriers['rare']:,} of the {carriers['genes']:,} genes are mutated in fewer than {carriers['few']} "
        "patients: about these, one at a time, nothing can be said."
    ]


def _size_sentence(patients: int, responders: int, feature: str) -> str:
    rarer = min(responders, patients - responders)
    who = f"Of the patients, {share(responders, patients)} responded."
    if patients < 30:
        return (
            f"{who} So few cannot tell a useful model from chance, nor calibrate a probability: read every "
            "number here as an illustration."
        )
    return (
        f"{who} The smaller of the two groups, {rarer}, bounds what can be learned, not the count of {feature}s: "
        "a difference between models that is smaller than the intervals above means nothing, and a "
        f"{feature} that is not among the leading ones is not thereby shown to be unimportant."
    )
