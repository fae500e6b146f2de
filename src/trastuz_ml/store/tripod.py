"""The items of TRIPOD+AI, with what a model's card says of each; what nobody stated is shown as not stated."""

from __future__ import annotations

from collections.abc import Mapping

from trastuz_ml.errors import ModelError

NOT_STATED = "not stated"

# Collins et al. (2024), BMJ 385:e078378, in our own short words: the item, its topic, what is asked.
ITEMS: dict[str, tuple[str, str]] = {
    "1": ("Title", "model development or evaluation, population and outcome named"),
    "2": ("Abstract", "structured summary"),
    "3a": ("Background", "health context and existing models"),
    "3b": ("Background", "target population and intended use"),
    "3c": ("Background", "known inequalities between groups of patients"),
    "4": ("Objectives", "aims; development, evaluation or both"),
    "5a": ("Data", "where the data come from, and why these"),
    "5b": ("Data", "dates of enrolment and follow-up"),
    "6a": ("Participants", "setting, number and place of centres"),
    "6b": ("Participants", "who was eligible"),
    "6c": ("Participants", "treatments given, and how they were handled"),
    "7": ("Data preparation", "cleaning and quality checks, the same in all groups"),
    "8a": ("Outcome", "what is predicted, and at what time"),
    "8b": ("Outcome", "who assessed it, if that needs judgement"),
    "8c": ("Outcome", "whether assessors were blinded"),
    "9a": ("Predictors", "how candidates were chosen"),
    "9b": ("Predictors", "each defined: how and when it was measured"),
    "9c": ("Predictors", "who assessed them, if that needs judgement"),
    "10": ("Sample size", "how it was arrived at, and whether it is enough"),
    "11": ("Missing data", "what was done about them"),
    "12a": ("Analysis", "how data were parted for development and evaluation"),
    "12b": ("Analysis", "how predictors were handled"),
    "12c": ("Analysis", "type of model, every step of building it, tuning and validation inside"),
    "12d": ("Analysis", "differences between clusters such as centres"),
    "12e": ("Analysis", "measures of performance"),
    "12f": ("Analysis", "changes to the model after evaluation"),
    "12g": ("Analysis", "how predictions were calculated"),
    "13": ("Class imbalance", "whether and how it was handled"),
    "14": ("Fairness", "what was done about it, and why"),
    "15": ("Model output", "probability or class; threshold and its reason"),
    "16": ("Training and evaluation", "differences between the two sets of data"),
    "17": ("Ethics", "approval and consent"),
    "18a": ("Open science", "funding"),
    "18b": ("Open science", "conflicts of interest"),
    "18c": ("Open science", "protocol"),
    "18d": ("Open science", "registration"),
    "18e": ("Open science", "data sharing"),
    "18f": ("Open science", "code sharing"),
    "19": ("Patients and public", "their part in the study"),
    "20a": ("Results: participants", "flow, with and without the outcome"),
    "20b": ("Results: participants", "characteristics, missing values"),
    "20c": ("Results: participants", "comparison with the development data"),
    "21": ("Results: development", "patients and events in each analysis"),
    "22": ("Results: model", "the whole model, so that others can predict"),
    "23a": ("Results: performance", "estimates with intervals, also in groups of patients"),
    "23b": ("Results: performance", "differences between clusters"),
    "24": ("Results: updating", "what updating gave"),
    "25": ("Interpretation", "results in view of aims and other studies, fairness among them"),
    "26": ("Limitations", "of the study, and what they may bias"),
    "27a": ("Usability", "poor or missing input when used"),
    "27b": ("Usability", "what users must do and know"),
    "27c": ("Usability", "next research, and where results may carry"),
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
    [{'item': '17', 'asks': 'Ethics: approval and consent', 'says': 'Ethics committee of the clinic.'},
     {'item': '18a', 'asks': 'Open science: funding', 'says': 'not stated'}]
    """
    said = said or {}
    if unknown := sorted(set(said) - set(ITEMS)):
        raise ModelError(f"TRIPOD+AI has no item {', '.join(unknown)}; it has {', '.join(ITEMS)}.")
    return [
        {"item": item, "asks": f"{topic}: {asked}", "says": said.get(item) or NOT_STATED}
        for item, (topic, asked) in ITEMS.items()
    ]
