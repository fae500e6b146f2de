"""The page that is safe to send: no patients, no count under five, nothing from which either could be computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from trastuz_ml.errors import EvidenceError
from trastuz_ml.report.baseline_shared import without_small_levels
from trastuz_ml.report.bench import empty_bench
from trastuz_ml.report.held_back import HELD, SMALL
from trastuz_ml.report.privacy import WITHHELD
from trastuz_ml.schema import GENE

Content = dict[str, Any]
_NO_COUNTS = "text left out: it may hold a small count"
_RATIOS = (
    "carriers_responding", "odds_ratio", "low", "high", "p", "q", "adjusted_odds_ratio", "adjusted_low",
    "adjusted_high", "adjusted_p", "adjusted_q", "selected", "false_selections",
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
    gene with such a cell, and that it leads; the levels and groups of predictions next in size where what is held
    back is few in all; thresholds at which so few of a response would be treated, or would not.

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
    small, plain = _small_genes(section), _plain_genes(section)
    watched = [_association(row, facts) for row in section["watched"]]
    flow = _flow(section["flow"])
    shared = {
        **section,
        "facts": _facts(facts),
        "answer": _answer(section["answer"], watched, small) | {"left_out": flow["sentence"]},
        "calibration": _calibration(section["calibration"], facts),
        "decisions": [_treated(row) for row in section["decisions"] if not _few_treated(row, facts)],
        "strata": [_strata(one) for one in section["strata"]],
        "influence": {"rows": [], "patients": facts["patients"], "notes": []},
        "leading": [_leading(model, plain) for model in section["leading"]],
        "watched": watched,
        "genes": _genes(section["genes"], small, plain, facts),
        "overview": _overview(section["overview"], plain, facts),
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


def _calibration(rows: list[Content], facts: Mapping[str, Any]) -> list[Content]:
    """Return groups of predictions without the shares of those that tell of few.

    A group of which fewer than five, or all but so few, responded is held back; and of each model the next ones in
    size until five of each response are among them, because all of a model's groups together are known.
    """
    hidden: set[int] = set()
    for model in dict.fromkeys(row["model"] for row in rows):
        own = {
            place: (row["observed"] * row["patients"], (1 - row["observed"]) * row["patients"])
            for place, row in enumerate(rows)
            if row["model"] == model
        }
        held = {place for place, cells in own.items() if min(cells) < SMALL}
        while held and len(held) < len(own) and min(map(sum, zip(*(own[at] for at in held), strict=True))) < SMALL:
            held.add(min(set(own) - held, key=lambda place: (min(own[place]), place)))
        hidden |= held
    none = {"observed": None, "low": None, "high": None, "patients": None}
    return [row | none if place in hidden else row for place, row in enumerate(rows)]


def _few_treated(row: Content, facts: Mapping[str, Any]) -> bool:
    """Return whether a threshold tells of few: fewer than five of a response treated, or not, but not nobody."""
    responding, others = row["responders_treated"], row["others_treated"]
    cells = (responding, others, facts["responders"] - responding,
             facts["patients"] - facts["responders"] - others)  # fmt: skip
    return bool(0 < responding + others < facts["patients"] and min(cells) < SMALL)


def _treated(row: Content) -> Content:
    """Return a point of a decision curve without its counts."""
    return {name: value for name, value in row.items() if not name.endswith("_treated")}


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


def _plain_genes(section: Content) -> frozenset[str]:
    """Return the genes of whom nothing is small: all four cells are known, and hold five patients or more."""
    facts, overview = section["facts"], section["overview"]
    response = [patient["response"] for patient in overview["patients"]]
    drawn = [
        {
            "gene": gene["gene"],
            "covered": gene["covered"],
            "carriers": gene["carriers"],
            "carriers_responding": _both(gene["states"], response, "m"),
            "responders": sum(response) - _both(gene["states"], response, "-"),
        }
        for gene in overview["genes"]
    ]
    rows = [*drawn, *section["watched"], *section["genes"]["associations"]["rows"]]
    known = {row["gene"] for row in rows if row["carriers"]}
    return frozenset(known - {row["gene"] for row in rows if _small_gene(row, facts)})


def _both(states: str, response: list[int], state: str) -> int:
    """Return how many patients in a state respond."""
    return sum(1 for letter, responds in zip(states, response, strict=True) if letter == state and responds)


def _of_many(rows: list[Content], plain: frozenset[str]) -> list[Content]:
    """Return the rows of features without genes that few carry: that one leads, and its numbers, tells who did."""
    return [row for row in rows if row["block"] != GENE or row["feature"] in plain]


def _leading(model: Content, plain: frozenset[str]) -> Content:
    return {**model, "features": _of_many(model["features"], plain)}


def _gene_set(row: Mapping[str, Any], plain: frozenset[str]) -> Content:
    """Return the row of a gene set; the mean over fewer than five patients is theirs alone."""
    moving = [gene.strip() for gene in (row["in_model"] or "").split(",") if gene.strip() in plain]
    held = ("carriers", "when_mutated") if is_small(row["carriers"]) else ()
    kept = {name: HELD if name in held and value is not None else value for name, value in row.items()}
    return kept | {"in_model": ", ".join(moving)}


def _genes(genes: Content, small: frozenset[str], plain: frozenset[str], facts: Mapping[str, Any]) -> Content:
    associations = genes["associations"]
    silencing = [_silenced(one) for one in genes["silencing"] if one["gene"] not in small]
    # How many predictions fall is also a sentence of the certificate.
    few_fall = {one["gene"] for one in silencing if any(row["falling"] == HELD for row in one["rows"])}
    return {
        **genes,
        "certificates": [_certificate(one, small, few_fall) for one in genes["certificates"]],
        "associations": {
            **associations,
            # Of a gene that few carry it tells who of them responded that it is among those with the smallest p.
            "rows": [
                _association(row, facts)
                for row in associations["rows"]
                if row["watched"] or not _small_gene(row, facts)
            ],
            # A dot gives odds ratio and p: with the margins, its four cells.
            "drawn": 0,
            "dots": {name: [] for name in associations["dots"]},
        },
        "stability": [{**one, "features": _of_many(one["features"], plain)} for one in genes["stability"]],
        "sets": [_gene_set(row, plain) for row in genes["sets"]],
        "silencing": silencing,
        "patients": {**genes["patients"], "response": [], "features": [], "dependence": [], "waterfalls": []},
    }


def _certificate(one: Content, small: frozenset[str], few_fall: set[str]) -> Content:
    if one["gene"] in small:
        return {**one, "why": HELD_BACK_GENE, "sentences": []}
    if one["gene"] in few_fall:
        return {**one, "sentences": [said for said in one["sentences"] if " falls in " not in said]}
    return one


def _silenced(gene: Content) -> Content:
    """Return what silencing changes, without means over few and without counts of few whose prediction falls."""
    means = ("patients", "probability", "change", "low", "high", "falling", "log_odds_change")
    rows = []
    for row in gene["rows"]:
        falling = round((row["falling"] or 0) * row["patients"])
        few = is_small(falling) or is_small(row["patients"] - falling)
        held = means if is_small(row["patients"]) else ("falling",) if few else ()
        rows.append({k: HELD if k in held and value is not None else value for k, value in row.items()})
    return {**gene, "rows": rows, "dots": []}


def _overview(overview: Content, plain: frozenset[str], facts: Content) -> Content:
    """Return the genes of the oncoplot without columns, and without those that lead though few carry them."""
    genes = []
    for gene in overview["genes"]:
        if not (gene["watched"] or gene["gene"] in plain):
            continue
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
