"""The size page in plain words: sections of sentences and tables, and the same as content for machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from trastuz_ml.experiment.plan import ALPHA, FEATURES, Directions, People, SizePlan, Stratum
from trastuz_ml.learn.scores import FEWEST
from trastuz_ml.stats.gene_power import gene_power_in_words
from trastuz_ml.stats.intervals import wilson
from trastuz_ml.stats.size import RISK_ERROR, SmallestP, smallest_auc_above_chance

NEVER = "not at any odds ratio"
# JSON's readers take larger whole numbers for floats.
_LARGEST_COUNT = 2**53
# Arrangements that can be counted one by one.
_COUNTABLE = 100_000
# A sensitivity that is less certain than this is worth a word.
_GOOD_SENSITIVITY = 0.9


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes
    ----------
    title : str
        What it is about.
    sentences : tuple of str
        What there is to say.
    table : tuple of dict
        One row each, by column; empty where there is none.
    """

    title: str
    sentences: tuple[str, ...]
    table: tuple[dict[str, str], ...] = ()


def size_page(plan: SizePlan, carriers: int = 3) -> list[Section]:
    """Return the page.

    Parameters
    ----------
    plan : SizePlan
        From :func:`trastuz_ml.experiment.plan.plan_size`.
    carriers : int
        Carriers of the gene that gets a sentence of its own.
    """
    people = plan.people
    sections = [
        Section("Validation", tuple(_validation(people))),
        Section("AUC", tuple(_auc(plan)), tuple(_auc_rows(plan))),
        Section("Chance", tuple(_chance(plan))),
        Section("Features in a model", tuple(_features(plan)), tuple(_feature_rows(plan))),
    ]
    if people.sequenced:
        sections.append(Section("Genes", tuple(_genes(plan, carriers)), tuple(_gene_rows(plan))))
    if people.strata:
        sections.append(Section("Strata", (), tuple(_stratum_row(part) for part in people.strata)))
    return [*sections, Section("What cannot be said", tuple(_not_said(plan)))]


def plan_content(plan: SizePlan, carriers: int = 3) -> dict[str, Any]:
    """Return the plan and its page as plain values, for JSON.

    Null stands for what cannot be shown, for the area where nothing is known, and for arrangements beyond 2^53.
    """
    content = asdict(plan)
    content["people"].pop("findings")
    arrangements = plan.smallest_p.arrangements
    content["smallest_p"]["arrangements"] = arrangements if arrangements <= _LARGEST_COUNT else None
    page = [{"title": s.title, "sentences": s.sentences} for s in size_page(plan, carriers)]
    return {**content, "page": page}


def headline(people: People) -> str:
    """Return who the page is about.

    Examples
    --------
    >>> from trastuz_ml.experiment.plan import people_of_numbers
    >>> headline(people_of_numbers(12, 6))
    'What 12 patients can tell, 6 responding and 6 not'
    """
    of = f"{people.name}: what" if people.name else "What"
    kind = "SIMULATED patients" if people.simulated else "patients"
    return f"{of} {people.patients:,} {kind} can tell, {people.responders:,} responding and {people.others:,} not"


def _validation(people: People) -> Iterator[str]:
    smallest = min(people.responders, people.others)
    if people.units < people.patients:
        yield (
            f"The patients form {people.units:,} groups, which are never split. What follows takes patients as "
            "independent of each other: patients of one group tell less."
        )
    if smallest == 1:
        yield "No validation works: without the one patient of the smaller class, there is one class only."
    elif people.patients < FEWEST:
        yield (
            f"Below {FEWEST} patients every two patients are left out together (tournament leave-pair-out, Airola "
            f"et al. 2011), {people.responders * people.others:,} pairs of them a responder and another, and the "
            f"model is fitted to the {people.patients - 2} others. Scores of probabilities are refused at this "
            "size. With validation: plan: k-fold there are folds all the same: those that can each hold both "
            f"classes are at most {people.most_folds}."
        )
    elif people.folds > people.most_folds:
        best = (
            f"{people.most_folds} folds are the most that work"
            if people.most_folds > 1
            else "no number of folds works"
        )
        yield f"{people.folds} folds cannot each hold both classes: {best}."
    else:
        yield (
            f"{people.repeats} repeats of {people.folds} stratified folds. A fold leaves out about "
            f"{people.patients / people.folds:.0f} patients, {smallest / people.folds:.1f} of the smaller class "
            f"({smallest:,} in all). Folds that can each hold both classes: at most {people.most_folds}."
        )


def _auc(plan: SizePlan) -> Iterator[str]:
    yield (
        "The 95 % interval to expect around the AUC of one fixed model (Hanley & McNeil 1982), cut off at 0 and "
        "1; a rough guide with few patients. That of a cross-validated pipeline is no narrower."
    )
    if plan.smallest_auc is None:
        yield "Not even an AUC of 1 is told from 0.5 at p <= 0.05."
    else:
        yield f"The smallest AUC that is told from 0.5 at p <= 0.05, two-sided: {plan.smallest_auc:.2f}."


def _auc_rows(plan: SizePlan) -> Iterator[dict[str, str]]:
    for row in plan.aucs:
        yield {
            "AUC": f"{row.area:.1f}",
            "interval": f"{row.low:.2f} to {row.high:.2f}",
            "width": f"{row.high - row.low:.2f}",
        }


def _chance(plan: SizePlan) -> Iterator[str]:
    found = plan.smallest_p
    within = " within strata" if plan.people.strata else ""
    if found.arrangements > _COUNTABLE:
        yield (
            f"The responses can be dealt{within} in more than {_COUNTABLE:,} ways. What limits p is the number m "
            "of permutations that are run, to 1/(1 + m), which is 0.001 for 999."
        )
        return
    ways = f"{found.arrangements:,} way{'' if found.arrangements == 1 else 's'}"
    yield (
        f"The responses can be dealt{within} in {ways}, and all are counted. Smallest p of a fixed score: "
        f"{_share(found.one_sided, found)} one-sided, {_share(found.two_sided, found)} two-sided."
    )
    why = (
        ": the classes are equal, and exchanging them gives the same AUC"
        if found.refitted > found.one_sided
        else ""
    )
    yield f"Smallest p of a pipeline that is refitted each time: {_share(found.refitted, found)}{why}."


def _share(p: float, found: SmallestP) -> str:
    return f"{round(p * found.arrangements)}/{found.arrangements:,} = {p:.2g}"


def _features(plan: SizePlan) -> Iterator[str]:
    yield (
        "How many candidate features Riley et al. (2019) allow, whatever is selected from them later, for a "
        "shrinkage of at least 0.9 and an optimism of Nagelkerke's R2 of at most 0.05. The rule is for models "
        "without penalty; with few patients a penalty is itself estimated badly (Riley et al. 2021)."
    )
    enough = "" if plan.rate_error <= RISK_ERROR else f"; their third criterion asks for {RISK_ERROR:.2f}"
    yield (
        f"The share of responders, {plan.people.rate:.0%}, is known within {plan.rate_error:.2f} either "
        f"way{enough}."
    )


def _feature_rows(plan: SizePlan) -> Iterator[dict[str, str]]:
    for row in plan.allowances:
        for_genes = {f"patients for {plan.genes:,}": f"{row.patients_for_genes:,}"}
        yield {
            "if the model reaches": "15 % of the largest R2" if row.area is None else f"AUC {row.area:.1f}",
            "Cox-Snell R2": f"{row.r2:.3f}",
            "features allowed": f"{row.features:,}",
            f"patients for {FEATURES}": f"{row.patients_for_ten:,}",
            **(for_genes if plan.people.sequenced else {}),
        }


def _genes(plan: SizePlan, carriers: int) -> Iterator[str]:
    yield gene_power_in_words(carriers, plan.people.responders, plan.people.patients, ALPHA)
    yield (
        f"Carriers needed for p <= {ALPHA} in a gene that was named beforehand (watch): "
        f"{_carriers_in_words(plan.needed_alone)}."
    )
    yield (
        f"Carriers needed when {plan.genes:,} genes are searched (p <= {ALPHA / plan.genes:.2g}): "
        f"{_carriers_in_words(plan.needed_among_all)}."
    )
    yield (
        "The table: smallest odds ratio that is found in 80 % of cohorts, above 1 towards response and below 1 "
        "towards resistance. Fisher's exact test, two-sided, every table counted."
    )


def _carriers_in_words(needed: Directions) -> str:
    # Both or neither: all responders carry it, or all others do, is one table with its rows exchanged.
    if needed.response is None or needed.resistance is None:
        return "no number is enough, in either direction"
    return (
        f"towards response {needed.response:,} (all responding), towards resistance {needed.resistance:,} "
        "(none responding)"
    )


def _gene_rows(plan: SizePlan) -> Iterator[dict[str, str]]:
    for row in plan.carriers:
        yield {
            "carriers": str(row.carriers),
            "response": _odds(row.alone.response),
            "resistance": _odds(row.alone.resistance),
            f"response, {plan.genes:,} genes": _odds(row.among_all.response),
            f"resistance, {plan.genes:,} genes": _odds(row.among_all.resistance),
        }


def _odds(ratio: float | None) -> str:
    if ratio is None:
        return NEVER
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2g}"


def _stratum_row(part: Stratum) -> dict[str, str]:
    others = part.patients - part.responders
    told = smallest_auc_above_chance(part.responders, others) if part.responders and others else None
    return {
        "stratum": part.name,
        "patients": f"{part.patients:,}",
        "responding": f"{part.responders:,}",
        "smallest AUC told from 0.5": "none" if told is None else f"{told:.2f}",
    }


def _not_said(plan: SizePlan) -> Iterator[str]:
    people = plan.people
    if people.patients < FEWEST:
        yield (
            f"Probabilities: below {FEWEST} patients the Brier score, log loss, calibration and net benefit are "
            "refused."
        )
    if plan.smallest_p.refitted > ALPHA:
        yield f"That a model is better than chance, by permutation: p is at least {plan.smallest_p.refitted:.2g}."
    yield from _weak_models(plan)
    if plan.allowances[-2].features == 0:
        yield "A model without much optimism: one feature is too many, even if the model reaches an AUC of 0.8."
    if people.sequenced:
        yield from _lost_genes(plan)
    lowest = wilson(1.0, people.responders).low
    if lowest < _GOOD_SENSITIVITY:
        who = "the one responder is" if people.responders == 1 else f"all {people.responders} responders are"
        yield f"A good sensitivity: if {who} found, its 95 % interval still reaches down to {lowest:.2f}."
    yield (
        "Benefit from a drug: without an untreated arm, response is to the regimen given, and is not told from "
        "prognosis. Nor is anything said of another hospital, assay or regimen."
    )


def _weak_models(plan: SizePlan) -> Iterator[str]:
    lost = [row.area for row in plan.aucs if plan.smallest_auc is None or row.area < plan.smallest_auc]
    if lost:
        yield f"That a model which is seen to have an AUC of {max(lost)} is better than chance."


def _lost_genes(plan: SizePlan) -> Iterator[str]:
    for needed, which in (
        (plan.needed_alone, "any gene, even one named beforehand,"),
        (plan.needed_among_all, f"any gene that is found by searching {plan.genes:,}"),
    ):
        if needed.response is None or needed.resistance is None:
            yield f"Association of {which} with response: {NEVER}, with any number of carriers."
