"""The TRIPOD+AI checklist, filled with what the run knows; what only its authors know stays blank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trastuz_ml.report.held_back import HELD, shown
from trastuz_ml.store.tripod import ITEMS
from trastuz_ml.wording import some

Section = Mapping[str, Any]


def checklist_content(section: Section) -> list[dict[str, Any]]:
    """Return the 27 items with what the report says of each, and where.

    Parameters
    ----------
    section : mapping
        One run of the content, without its checklist.

    Returns
    -------
    list of dict
        ``item`` (number), ``topic``, ``asked`` (in our own short words), ``said`` (empty where the run knows
        nothing of it) and ``where`` (the part of the page, empty for none).

    Notes
    -----
    Collins et al. (2024), BMJ 385:e078378. A filled row says what the run holds, not that the item is met.
    """
    said = _said(section)
    return [
        {"item": item, "topic": topic, "asked": asked, "said": said.get(item, ("", ""))[0],
         "where": said.get(item, ("", ""))[1]}
        for item, (topic, asked) in ITEMS.items()
    ]  # fmt: skip


def _said(section: Section) -> dict[str, tuple[str, str]]:
    """Return the items that the run can speak to: text, and the part of the page that says more."""
    configuration = section["provenance"].get("configuration") or {}
    plan = section["provenance"].get("plan") or {}
    known = {
        **_of_patients(section, configuration),
        "4": (str(configuration.get("purpose") or ""), "provenance"),
        "12a": (f"{plan.get('words') or ''}. {plan.get('why') or ''}".strip(". "), "scores"),
        "12c": (f"Models: {some(list(section['models']), 12)}; tuned and chosen inside the folds.", "scores"),
        "12e": (", ".join(column["score"] for column in section["scores"]["columns"]), "scores"),
        "15": (
            "Ranks of patients; probabilities are refused with left-out pairs."
            if section["pairs"]
            else "Probability of response; for sensitivity and specificity a threshold chosen inside the folds.",
            "scores",
        ),
        "18f": (_code(section["provenance"]), "provenance"),
        "22": (_model(section["provenance"]), "provenance"),
        "26": ("See the limits; what the study's design may bias is for its authors to say.", "limits"),
    }
    if section["strata"]:
        names = ", ".join(stratum["covariate"] for stratum in section["strata"])
        known["14"] = (f"Scores within the levels of {names}; nothing was done to make them alike.", "strata-part")
        known["23a"] = (f"Scores with intervals; within {names}.", "scores")
    elif section["scores"]["columns"]:
        known["23a"] = ("Scores with intervals, of all patients together.", "scores")
    return {item: (text, where) for item, (text, where) in known.items() if text}


def _of_patients(section: Section, configuration: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    facts, roster = section["facts"], configuration.get("roster") or {}
    response, covariates = roster.get("response") or {}, roster.get("covariates") or {}
    known = {
        "5a": (_sources(section["provenance"]), "provenance"),
        "6b": (_eligible(roster), "provenance"),
        "7": (
            f"{len(section['findings'])} kinds of findings." if section["findings"] else "No findings.",
            "findings",
        ),
        "8a": (_outcome(response), "provenance"),
        "9a": (_predictors(section, covariates), "provenance"),
        "10": (" ".join(section["size"]["sentences"][:4]), "size"),
        "11": (_missing(section["baseline"], sequenced=section["sequenced"]), "baseline"),
        "12b": (_handled(section, configuration), "provenance"),
        "13": (_imbalance(configuration, facts), "scores"),
        "20a": (str(section["flow"]["sentence"]), "flow"),
        "20b": (f"{len(section['baseline']['variables'])} characteristics by response.", "baseline"),
        "21": (f"{shown(facts['patients'])} patients, {shown(facts['responders'])} responding.", "scores"),
    }
    if section["simulated"]:
        known["5a"] = ("SIMULATED patients.", "provenance")
    return known


def _sources(provenance: Section) -> str:
    names = list(dict.fromkeys(str(source["name"]) for source in provenance.get("sources") or ()))
    return f"Files: {some(names)}. Why these, the authors must say." if names else ""


def _eligible(roster: Mapping[str, Any]) -> str:
    rules = {**(roster.get("filter") or {}), **(roster.get("sequenced") or {})}
    return "; ".join(f"{column}: {some([str(v) for v in values])}" for column, values in rules.items())


def _outcome(response: Mapping[str, Any]) -> str:
    if not response:
        return ""
    sides = (some([str(v) for v in response.get(side) or ()]) for side in ("positive", "negative"))
    positive, negative = sides
    return f"{response.get('column')}: {positive} against {negative}."


def _predictors(section: Section, covariates: Mapping[str, Any]) -> str:
    names = [name for name, about in covariates.items() if (about or {}).get("predicts", True)]
    said = [f"covariates declared as known before treatment: {some(list(names), 12)}"] if names else []
    said += [part for part in section["facts"]["line"] if "gene" in part] if section["sequenced"] else []
    return "; ".join(said)


def _missing(baseline: Section, *, sequenced: bool) -> str:
    lacking = []
    for variable in baseline["variables"]:
        rows = [row for row in variable["rows"] if row["level"] == "missing"]
        lacking += [f"{variable['name']} {shown(row['cells'][-1]['count'])}" for row in rows]
    said = f"Missing: {', '.join(lacking)}." if lacking else "No characteristic has missing values."
    genes = "; a gene that was not covered stays unknown" if sequenced else ""
    return f"{said} Filled in inside the training folds{genes}."


def _handled(section: Section, configuration: Mapping[str, Any]) -> str:
    encoding = (configuration.get("features") or {}).get("encoding")
    return (
        f"Genes: {encoding}. Scaling and selection inside the folds." if section["sequenced"] and encoding else ""
    )


def _imbalance(configuration: Mapping[str, Any], facts: Section) -> str:
    if HELD in (facts["patients"], facts["responders"]) or not facts["patients"]:
        return ""
    weights = (configuration.get("validation") or {}).get("class_weights")
    said = f"{facts['responders'] / facts['patients']:.0%} respond".replace("%", " %")
    return f"{said}; class weights: {weights}." if weights else f"{said}."


def _code(provenance: Section) -> str:
    code: Sequence[str] = [str(v) for v in (provenance.get("code") or {}).values() if v]
    return f"trastuz-ml {code[0]}; commands under provenance." if code else ""


def _model(provenance: Section) -> str:
    return f"{provenance['exported']}, stored as a model bundle." if provenance.get("exported") else ""
