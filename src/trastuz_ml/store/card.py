"""The model card: what a model is, what it was trained on, how well it does, and what it must not be used for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from trastuz_ml.errors import ModelError
from trastuz_ml.store.tripod import NOT_STATED, reporting

# The fields of a card: plain JSON values, aggregates only, never a patient's identifier.
CARD_FIELDS: dict[str, str] = {
    "name": "name of the stored model",
    "simulated": "true when the patients of the training cohort are invented",
    "model": "catalogue name of the model, such as l2-logistic:both",
    "purpose": "one sentence on what it was made for; empty for the usual one",
    "response": "mapping: column of the roster, positive and negative values (lists)",
    "patients": "number of patients it was trained on",
    "responders": "number of them with the positive response",
    "features": "number of features it uses",
    "scores": "list of mappings: model, score, estimate, low, high, interval (how it was made)",
    "candidate": "mapping of the hyperparameters that were picked",
    "threshold": "probability from which a patient is called a responder",
    "sources": "list of mappings: name and sha256 of each file read",
    "versions": "mapping of package to version",
    "inputs": "mapping: how calls and roster were read (patient column, call columns, sequenced, filter)",
    "limits": "list of sentences on what is not known or not covered",
    "strata": "list of mappings: model, covariate, level, patients, responders, auroc, low, high, status",
    "reporting": "list of mappings, one an item of TRIPOD+AI: item, asks, says (or 'not stated')",
    "run": "fingerprint of the run that made it; empty when it is not known",
    "files": "mapping of file to sha256, but for the card itself, which the manifest lists; filled in on saving",
}
# What a card says where nothing else is said.
CARD_DEFAULTS: dict[str, Any] = {
    "purpose": "", "inputs": {}, "strata": [], "reporting": reporting(), "run": "", "files": {},
}  # fmt: skip
_PURPOSE = (
    "Estimates, from exome mutation calls and what was known before treatment, the probability of response to "
    "the regimen given in the training cohort. Made for research on genes associated with response."
)
_NOT_FOR = (
    "Research software. It must not be used as advice on the treatment of any patient.",
    "It is not a medical device and was not validated for clinical use.",
    "A contribution of a gene says what the model read from this cohort, not what the gene does.",
    "It says nothing of patients treated otherwise, sequenced otherwise, or of another population.",
)


def plain(value: Any) -> Any:
    """Return a value as JSON knows it: numpy numbers as numbers, tuples as lists, missing or infinite as ``None``.

    Examples
    --------
    >>> plain({"estimate": np.float64(0.5), "low": float("nan"), "levels": ("a", "b")})
    {'estimate': 0.5, 'low': None, 'levels': ['a', 'b']}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value


def check_card(card: Mapping[str, Any]) -> None:
    """Refuse a card that lacks a field, or brings one that is not declared in :data:`CARD_FIELDS`.

    Raises
    ------
    ModelError
        Names the fields, and says what each stands for.
    """
    if missing := [name for name in CARD_FIELDS if name not in card]:
        meanings = "; ".join(f"{name} ({CARD_FIELDS[name]})" for name in missing)
        raise ModelError(f"The model card lacks {meanings}.")
    if unknown := sorted(set(card) - set(CARD_FIELDS)):
        raise ModelError(
            f"The model card has fields that no card has: {', '.join(unknown)}; expected {', '.join(CARD_FIELDS)}."
        )
    for name in ("patients", "responders", "features"):
        if isinstance(card[name], bool) or not isinstance(card[name], int):
            raise ModelError(f"Field {name} of the model card must be a whole number, found {card[name]!r}.")


def card_markdown(card: Mapping[str, Any]) -> str:
    """Return a model card in plain English, as Markdown.

    Parameters
    ----------
    card : mapping
        The fields of :data:`CARD_FIELDS`.

    Raises
    ------
    ModelError
        If a field is missing or unknown.

    Examples
    --------
    >>> fields = dict.fromkeys(CARD_FIELDS, ()) | {"name": "demo", "simulated": True, "purpose": ""}
    >>> fields |= {"response": {}, "candidate": {}, "versions": {}, "threshold": 0.5, "files": {}}
    >>> fields |= {"patients": 160, "responders": 48, "features": 12}
    >>> print(card_markdown(fields).splitlines()[0])
    # Model card: demo (simulated patients)
    """
    check_card(card)
    sections = {
        "Purpose": [str(card["purpose"] or _PURPOSE)],
        "What it must not be used for": _bullets([*_NOT_FOR, *map(str, card["limits"])]),
        "Data": _data(card),
        "Scores": _scores(card["scores"]),
        "Scores within strata": _strata(card["strata"]),
        "Model": _model(card),
        "Reporting (TRIPOD+AI, Collins et al. 2024)": _reporting(card["reporting"]),
        "Files": _files(card),
        "Versions": _table(("package", "version"), card["versions"].items()),
    }
    invented = " (simulated patients)" if card["simulated"] else ""
    lines = [f"# Model card: {_inline(card['name'])}{invented}"]
    for title, body in sections.items():
        lines += ["", f"## {title}", "", *body]
    return "\n".join(lines) + "\n"


def _data(card: Mapping[str, Any]) -> list[str]:
    response = card["response"]
    kind = "**Simulated**: the patients are invented." if card["simulated"] else "Real patients."
    said = [
        kind,
        f"Patients: {card['patients']}, of whom {card['responders']} with the positive response.",
        f"Response: column {_inline(response.get('column', 'not given'))}; positive: "
        f"{_listed(response.get('positive', ()))}; negative: {_listed(response.get('negative', ()))}.",
    ]
    sources = [(source["name"], source["sha256"]) for source in card["sources"]]
    return [*_bullets(said), "", *_table(("file", "sha256"), sources)]


def _scores(scores: Sequence[Mapping[str, Any]]) -> list[str]:
    if not scores:
        return ["None were given: nothing is known of how well this model does in new patients."]
    rows = [
        (s["model"], s["score"], _number(s["estimate"]), _range(s["low"], s["high"]), s.get("interval") or "")
        for s in scores
    ]
    return _table(("model", "score", "estimate", "95 % interval", "how"), rows)


def _strata(strata: Sequence[Mapping[str, Any]]) -> list[str]:
    if not strata:
        return ["No strata were declared: how scores differ between groups of patients is not known."]
    rows = [
        (
            s["model"], f"{s['covariate']} {s['level']}", s["patients"], s["responders"], _number(s["auroc"]),
            _range(s["low"], s["high"]), s.get("status") or "",
        )
        for s in strata
    ]  # fmt: skip
    return _table(("model", "patients with", "patients", "responders", "AUROC", "95 % interval", "why not"), rows)


def _reporting(items: Sequence[Mapping[str, str]]) -> list[str]:
    open_items = [f"{entry['item']}" for entry in items if entry["says"] == NOT_STATED]
    table = _table(("item", "asks for", "says"), [(e["item"], e["asks"], e["says"]) for e in items])
    if not open_items:
        return table
    return [
        *table,
        "",
        f"Not stated: {', '.join(open_items)}. Only the authors know; nothing was made up for them.",
    ]


def _files(card: Mapping[str, Any]) -> list[str]:
    run = card["run"] or NOT_STATED
    return [
        *_bullets([f"Run that made it: {_inline(run)}."]),
        "",
        *_table(("file", "sha256"), card["files"].items()),
    ]


def _model(card: Mapping[str, Any]) -> list[str]:
    picked = ", ".join(f"{name} = {value}" for name, value in card["candidate"].items()) or "none"
    return _bullets(
        [
            f"Kind: {_inline(card['model'])}.",
            f"Features used: {card['features']} (named in features.json).",
            f"Hyperparameters picked by the inner folds: {_inline(picked)}.",
            f"Threshold, picked inside the training data: probability {_number(card['threshold'])}.",
        ]
    )


def _number(value: float | None) -> str:
    return "not evaluable" if value is None or value != value else f"{value:.3f}"


def _range(low: float | None, high: float | None) -> str:
    if low is None or high is None or low != low or high != high:
        return "none"
    return f"{low:.3f} to {high:.3f}"


def _listed(values: Iterable[object]) -> str:
    return _inline(", ".join(map(str, values))) or "not given"


def _bullets(sentences: Iterable[str]) -> list[str]:
    return [f"- {' '.join(sentence.split())}" for sentence in sentences]


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    made = ["| " + " | ".join(map(_inline, row)) + " |" for row in rows]
    if not made:
        return ["None given."]
    return ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header), *made]


def _inline(value: object) -> str:
    """Return text that can neither end a table cell nor begin a tag."""
    return " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")
