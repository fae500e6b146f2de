"""The page that is safe to send: no patients, no count under five, nothing from which either could be computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from trastuz_ml.errors import EvidenceError
from trastuz_ml.report.baseline_shared import without_small_levels
from trastuz_ml.report.bench import empty_bench
from trastuz_ml.report.held_back import HELD, SMALL
from trastuz_ml.report.privacy import WITHHELD

Content = dict[str, Any]
_NO_COUNTS = "text left out: it may hold a small count"
_RATIOS = (
    "carriers_responding", "odds_ratio", "low", "high", "p", "q", "adjusted_odds_ratio", "adjusted_low",
    "adjusted_high", "adjusted_p", "adjusted_q",
)  # fmt: skip
NO_BENCH = (
    "Left out: this page is meant to be sent, and the bench holds the values of patients and, as centres of its "
    "models, the shares of carriers."
)
HELD_BACK_GENE = "Its numbers are held back: they would tell of fewer than five patients."


def shared_section(section: Content, names: Iterable[str]) -> Content:
    """Return a run's content without patients and without small counts.

    Left out: patients, waterfalls, the bench with its coefficients (their centres are shares of carriers),
    influence, dots of single patients, columns of the oncoplot. Held back: counts under
    :data:`~trastuz_ml.report.held_back.SMALL`, and what would let them be computed back - odds ratios and p of a
    gene with such a cell, the level next in size where one level alone is small, the share of a group of which so
    few responded.

    Parameters
    ----------
    section : dict
        One run of the content; it is not changed.
    names : iterable of str
        Pseudonyms: a text that holds one is withheld.

    Raises
    ------
    EvidenceError
        If a class of response is that small: then nothing can be said without telling of it.
    """
    facts = section["facts"]
    rarer = min(facts["responders"], facts["patients"] - facts["responders"])
    if rarer < SMALL:
        raise EvidenceError(
            f"{section['name']}: {rarer} patients of one class of response; a report without counts under {SMALL} "
            "would say nothing. Send it only to those who may see the patients: leave out --share."
        )
    small = _small_genes(section)
    watched = [_association(row, facts) for row in section["watched"]]
    flow = _flow(section["flow"])
    shared = {
        **section,
        "facts": _facts(facts),
        "answer": _answer(section["answer"], watched, small) | {"left_out": flow["sentence"]},
        "calibration": [_calibration(row) for row in section["calibration"]],
        "strata": [_strata(one) for one in section["strata"]],
        "influence": {"rows": [], "patients": facts["patients"], "notes": []},
        "leading": [_leading(model) for model in section["leading"]],
        "watched": watched,
        "genes": _genes(section["genes"], small, facts),
        "overview": _overview(section["overview"], facts),
        "findings": [_finding(row) for row in section["findings"]],
        "flow": flow,
        "baseline": without_small_levels(section["baseline"]),
        "patients": {**section["patients"], "rows": [], "waterfalls": _no_waterfalls(facts["patients"])},
        "bench": empty_bench(facts["patients"], NO_BENCH),
        "provenance": _provenance(section["provenance"], section["flow"]),
    }
    return _without(shared, frozenset(names))  # type: ignore[no-any-return]


def _without(value: Any, names: frozenset[str]) -> Any:
    """Return the values with every text withheld that holds a pseudonym: the last net."""
    if isinstance(value, Mapping):
        return {key: _without(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_without(item, names) for item in value]
    return WITHHELD if isinstance(value, str) and any(name in value for name in names) else value


def is_small(number: Any) -> bool:
    """Return whether a number counts fewer than five patients, and some.

    Examples
    --------
    >>> is_small(4), is_small(0), is_small(5), is_small(None)
    (True, False, False, False)
    """
    return isinstance(number, int) and 0 < number < SMALL


def _facts(facts: Content) -> Content:
    few = any(is_small(n) for n in facts["assays"].values())
    line = [
        part
        for part in facts["line"]
        if not (few and any(part.startswith(f"{name} ") for name in facts["assays"]))
    ]
    return {**facts, "assays": {} if few else facts["assays"], "line": line}


def _small_gene(row: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    """Return whether one of the four cells of a gene, or those in whom it was not covered, are few.

    No carrier at all tells of nobody; no carrier who responds, of those few who carry the gene.
    """
    covered, carriers = int(row["covered"] or 0), int(row["carriers"] or 0)
    unknown = is_small(facts["patients"] - covered)
    if not carriers:
        return unknown
    responding = int(row["carriers_responding"] or 0)
    responders = int(row.get("responders") or facts["responders"])
    cells = (responding, carriers - responding, responders - responding,
             covered - carriers - (responders - responding))  # fmt: skip
    return unknown or any(cell < SMALL for cell in cells)


def _small_genes(section: Content) -> frozenset[str]:
    """Return the genes whose certificate, sentences and silencing would tell of few patients."""
    rows = [*section["watched"], *section["genes"]["associations"]["rows"]]
    return frozenset(row["gene"] for row in rows if _small_gene(row, section["facts"]))


def _association(row: Mapping[str, Any], facts: Mapping[str, Any]) -> Content:
    """Return the row of a gene, its counts and all that follows from them held back where a cell is small."""
    if not _small_gene(row, facts):
        return dict(row)
    kept = {name: (HELD if name in _RATIOS and value is not None else value) for name, value in row.items()}
    if is_small(facts["patients"] - (row.get("covered") or 0)):
        kept["covered"] = HELD
    kept["carriers"] = _held(row.get("carriers"))
    verdict = f"{row['judged'].capitalize()}. {HELD_BACK_GENE}" if row.get("judged") else HELD_BACK_GENE
    words = {"verdict": verdict, "sentence": f"{row['gene']}: {verdict}", "status": ""}
    return kept | {name: text for name, text in words.items() if name in row}


def _held(number: Any) -> Any:
    return HELD if is_small(number) else number


def _answer(answer: Content, watched: list[Content], small: frozenset[str]) -> Content:
    """Return the first paragraph with the sentences of the watched genes as they may be sent."""
    hidden = [f"{gene} mutated" for gene in small]
    tiles = [tile for tile in answer["highlights"] if tile["label"] not in hidden]
    return {**answer, "genes": [row["sentence"] for row in watched], "highlights": tiles}


def _calibration(row: Content) -> Content:
    """Return a group of predictions without its share where fewer than five, or all but so few, responded."""
    responding = row["observed"] * row["patients"]
    if min(responding, row["patients"] - responding) >= SMALL:
        return row
    return {**row, "observed": None, "low": None, "high": None, "patients": None}


def _strata(one: Content) -> Content:
    """Return scores within strata of five patients or more of each class; two levels are held back or none."""
    counts = {
        row["level"]: min(row["responders"], row["patients"] - row["responders"])
        for model in one["rows"][:1]
        for row in model["cells"]
        if row
    }
    hidden = {level for level, few in counts.items() if few < SMALL}
    if len(hidden) == 1 and len(counts) > 1:
        hidden.add(min((level for level in counts if level not in hidden), key=lambda level: counts[level]))
    return {
        **one,
        "levels": [
            {**level, "responding": HELD} if level["level"] in hidden else level for level in one["levels"]
        ],
        "rows": [
            {**row, "cells": [None if cell is None or cell["level"] in hidden else cell for cell in row["cells"]]}
            for row in one["rows"]
        ],
        "notes": [note for note in one["notes"] if not any(note.startswith(f"{level}:") for level in hidden)],
    }


def _carriers_held(row: Mapping[str, Any]) -> Content:
    """Return a row about a feature; the mean over fewer than five carriers is theirs alone."""
    if not is_small(row.get("carriers")):
        return dict(row)
    means = ("carriers", "when_mutated", "when_mutated_low", "when_mutated_high")
    return {name: HELD if name in means and value is not None else value for name, value in row.items()}


def _leading(model: Content) -> Content:
    return {**model, "features": [_carriers_held(row) for row in model["features"]]}


def _genes(genes: Content, small: frozenset[str], facts: Mapping[str, Any]) -> Content:
    associations = genes["associations"]
    return {
        **genes,
        "certificates": [
            {**one, "why": HELD_BACK_GENE, "sentences": []} if one["gene"] in small else one
            for one in genes["certificates"]
        ],
        "associations": {
            **associations,
            "rows": [_association(row, facts) for row in associations["rows"]],
            # A dot gives odds ratio and p: with the margins, its four cells.
            "drawn": 0,
            "dots": {name: [] for name in associations["dots"]},
        },
        "stability": [
            {**one, "features": [_carriers_held(row) for row in one["features"]]} for one in genes["stability"]
        ],
        "sets": [_carriers_held(row) for row in genes["sets"]],
        "silencing": [_silenced(one) for one in genes["silencing"] if one["gene"] not in small],
        "patients": {**genes["patients"], "response": [], "features": [], "dependence": [], "waterfalls": []},
    }


def _silenced(gene: Content) -> Content:
    means = ("patients", "probability", "change", "low", "high", "falling", "log_odds_change")
    rows = [
        {name: HELD if name in means and value is not None else value for name, value in row.items()}
        if is_small(row["patients"])
        else row
        for row in gene["rows"]
    ]
    return {**gene, "rows": rows, "dots": []}


def _overview(overview: Content, facts: Content) -> Content:
    """Return the genes of the oncoplot without their columns."""
    genes = []
    for gene in overview["genes"]:
        uncovered = facts["patients"] - gene["covered"]
        covered = HELD if is_small(uncovered) else gene["covered"]
        genes.append({**gene, "carriers": _held(gene["carriers"]), "covered": covered, "states": ""})
    return {**overview, "patients": [], "genes": genes, "orders": {}}


def _finding(row: Content) -> Content:
    return {**row, "count": _held(row["count"]), "patients": [], "nameless": 0, "messages": [_NO_COUNTS]}


def _flow(flow: Content) -> Content:
    """Return both flows; where so few left at a step, only its ends, or only how many were analysed."""
    patients = _few_left(flow["patients"])
    # The last step counts mutated genes, not rows. Rows by the fate of their patients tell that there are such.
    rows, mutated = flow["calls"][:-1], flow["calls"][-1:]
    calls = [*(_few_left(rows) if patients == flow["patients"] else _ends(rows)), *mutated]
    whole = (patients, calls) == (flow["patients"], flow["calls"])
    missing = [] if whole else ["Steps at which fewer than five left are taken together."]
    sentence = flow["sentence"] if patients == flow["patients"] else ""
    return {
        **flow,
        "patients": patients,
        "calls": calls,
        "missing": [*missing, *flow["missing"]],
        "sentence": sentence,
    }


def _few_left(steps: list[Content]) -> list[Content]:
    out = [part for step in steps for part in step["out"]]
    return _ends(steps) if any(is_small(part["count"]) for part in out) else steps


def _ends(steps: list[Content]) -> list[Content]:
    """Return where a flow began and where it ended, or only its end where so few left in between."""
    if len(steps) < 2 or steps[0]["count"] == steps[-1]["count"]:
        return steps
    left = steps[0]["count"] - steps[-1]["count"]
    if is_small(left):
        return [{**steps[-1], "out": []}]
    return [steps[0], {**steps[-1], "out": [{"why": "left out", "count": left}]}]


def _no_waterfalls(patients: int) -> Content:
    return {"model": "", "scale": "", "features": [], "patients": [], "left": patients}


def _provenance(provenance: Content, flow: Content) -> Content:
    """Return provenance without the rows of the roster where they would tell how few were left out."""
    sources = [dict(source) for source in provenance["sources"]]
    if _few_left(flow["patients"]) != flow["patients"]:
        for source in sources[-1:]:
            source |= {"rows_in": HELD, "rows_kept": HELD}
    return {**provenance, "sources": sources}
