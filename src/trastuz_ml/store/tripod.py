"""The items of TRIPOD+AI, with what a model's card says of each; what nobody stated is shown as not stated."""

from __future__ import annotations

from collections.abc import Mapping

from trastuz_ml.errors import ModelError

NOT_STATED = "not stated"

# Collins et al. (2024), BMJ 385:e078378, in our own short words.
ITEMS: dict[str, str] = {
    "1": "Title: kind of study, population, outcome",
    "2": "Abstract",
    "3a": "Background: health context",
    "3b": "Background: target population and intended users",
    "3c": "Background: known health inequalities",
    "4": "Objectives",
    "5a": "Source of data",
    "5b": "Dates of enrolment and follow-up",
    "6a": "Setting and centres",
    "6b": "Eligibility of participants",
    "6c": "Treatments received",
    "7": "Preparation of the data",
    "8a": "Outcome",
    "8b": "Outcome: who assessed it",
    "8c": "Outcome: blinding of assessors",
    "9a": "Predictors: choice of candidates",
    "9b": "Predictors: definition and time of measurement",
    "9c": "Predictors: who assessed them",
    "10": "Sample size",
    "11": "Missing data",
    "12a": "Analysis: how the data were used",
    "12b": "Analysis: handling of predictors",
    "12c": "Analysis: kind of model, building, validation",
    "12d": "Analysis: heterogeneity between clusters",
    "12e": "Analysis: measures of performance",
    "12f": "Analysis: updating of the model",
    "12g": "Analysis: how predictions were made for evaluation",
    "13": "Class imbalance",
    "14": "Fairness",
    "15": "Output of the model",
    "16": "Differences between training and evaluation",
    "17": "Ethical approval and consent",
    "18a": "Funding",
    "18b": "Conflicts of interest",
    "18c": "Protocol",
    "18d": "Registration",
    "18e": "Sharing of data",
    "18f": "Sharing of code",
    "19": "Involvement of patients and the public",
    "20a": "Flow of participants",
    "20b": "Characteristics of participants",
    "20c": "Comparison of training and evaluation data",
    "21": "Participants and events",
    "22": "Specification of the model",
    "23a": "Performance, with intervals",
    "23b": "Performance: heterogeneity",
    "24": "Results of updating",
    "25": "Interpretation",
    "26": "Limitations",
    "27a": "Use: input of poor quality or absent",
    "27b": "Use: interaction and expertise required",
    "27c": "Use: next steps of research",
}


def reporting(said: Mapping[str, str] | None = None) -> list[dict[str, str]]:
    """Return every item of TRIPOD+AI with what is said of it, or that nothing is stated.

    Parameters
    ----------
    said : mapping, optional
        Item to sentences; empty ones count as not stated.

    Raises
    ------
    ModelError
        If there is no such item.

    Examples
    --------
    >>> reporting({"17": "Ethics committee of the clinic."})[31:33]
    [{'item': '17', 'asks': 'Ethical approval and consent', 'says': 'Ethics committee of the clinic.'},
     {'item': '18a', 'asks': 'Funding', 'says': 'not stated'}]
    """
    said = said or {}
    if unknown := sorted(set(said) - set(ITEMS)):
        raise ModelError(f"TRIPOD+AI has no item {', '.join(unknown)}; it has {', '.join(ITEMS)}.")
    return [{"item": item, "asks": asks, "says": said.get(item) or NOT_STATED} for item, asks in ITEMS.items()]
