"""From the content of a report to its figures: what draws each of them, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from trastuz_ml import wording
from trastuz_ml.report import evidence_figures, figures
from trastuz_ml.report.answer import CHOSEN
from trastuz_ml.report.flow_figure import flow_diagram
from trastuz_ml.report.gene_panels import gene_drawers
from trastuz_ml.report.held_back import for_drawing
from trastuz_ml.report.page import Drawer, Panel, panel
from trastuz_ml.report.score_table import headline_rows

Section = Mapping[str, Any]
# Widest drawings at natural size: on a page, and for the forest.
PAGE_WIDE, FOREST_WIDE = 960.0, 640.0


def drawers_of(section: Section, key: str, *, wide: float = PAGE_WIDE) -> dict[str, Drawer]:
    """Return what draws each figure of a section, in the order of the page.

    Parameters
    ----------
    section : mapping
        One run of the content.
    key : str
        Prefix of every id in the figures.
    wide : float
        The widest that a single drawing may be, in pixels at natural size.

    Returns
    -------
    dict
        Name to a function without arguments that returns a list of panels: ``title``, ``caption`` and ``svg``; an
        empty list where there is nothing to draw.
    """
    headline = headline_rows(section["scores"])
    genes = gene_drawers(section["genes"], key)
    narrow = min(wide, FOREST_WIDE)
    return {
        "flow": partial(_flow_panels, section["flow"], f"{key}-flow"),
        "overview": partial(_overview_panels, section["overview"], f"{key}-overview", wide),
        "forest": partial(_forest_panels, headline, f"{key}-forest", narrow),
        "roc": partial(_roc_panels, section, headline, f"{key}-roc"),
        "precision_recall": partial(_precision_panels, section, f"{key}-precision-recall"),
        "calibration": partial(_calibration_panels, section, f"{key}-calibration"),
        "decision": partial(
            _model_panels, section["decisions"], evidence_figures.decision_curve, f"{key}-decision"
        ),
        "chance": partial(_chance_panels, section["chance"], f"{key}-chance"),
        "learning": partial(
            _model_panels, section["learning"]["rows"], evidence_figures.learning_curve, f"{key}-learning"
        ),
        "leading": partial(_leading_panels, section, f"{key}-leading"),
        **genes,
    }


def figures_of(section: Section, key: str) -> dict[str, list[Panel]]:
    """Draw the figures of a section; each is a list of panels with ``title``, ``caption`` and ``svg``.

    Parameters
    ----------
    section : mapping
        One run of the content.
    key : str
        Prefix of every id in the figures.
    """
    return {name: draw() for name, draw in drawers_of(section, key).items()}


def _flow_panels(flow: Section, key: str) -> list[Panel]:
    names = (("patients", "Patients"), ("calls", "Calls"))
    return [
        panel(title, "", flow_diagram(flow[name], f"Flow of {name}", key=f"{key}-{name}"))
        for name, title in names
        if len(flow[name]) > 1
    ]


def _forest_panels(headline: pd.DataFrame, key: str, wide: float) -> list[Panel]:
    return [panel("", "", figures.forest(headline, width=wide, key=key))] if len(headline) else []


def _precision_panels(section: Section, key: str) -> list[Panel]:
    """Draw one panel a model, each before the curve of the chosen one."""
    curves = pd.DataFrame(section["precision_recall"], columns=list(_PRECISION))
    reference = curves[curves["model"] == CHOSEN]
    found = _estimates(section, "average precision")
    return [
        panel(
            str(model),
            f"average precision {wording.number(found.get(str(model)))}",
            figures.precision_recall(curve, None if model == CHOSEN else reference, key=f"{key}{place}"),
        )
        for place, (model, curve) in enumerate(curves.groupby("model", sort=False))
    ]


_PRECISION = ("model", "recall", "precision", "low", "high", "rate")


def _estimates(section: Section, score: str) -> dict[str, Any]:
    """Return one score of each model."""
    return {
        row["model"]: cell["estimate"]
        for row in section["scores"]["rows"]
        for cell in row["cells"]
        if cell and cell["score"] == score
    }


def _roc_panels(section: Section, headline: pd.DataFrame, key: str) -> list[Panel]:
    """Draw one panel a model, each before the curve of the chosen one."""
    curves = pd.DataFrame(section["roc"], columns=["model", "fpr", "tpr", "folds"])
    reference = curves[curves["model"] == CHOSEN]
    bands = pd.DataFrame(section["roc_bands"], columns=["model", "fpr", "low", "high"])
    estimate = headline.set_index("model")["estimate"]
    return [
        panel(
            str(model),
            f"AUROC {wording.number(estimate.get(model))}",
            figures.roc(
                curve, None if model == CHOSEN else reference, bands[bands["model"] == model], key=f"{key}{place}"
            ),
        )
        for place, (model, curve) in enumerate(curves.groupby("model", sort=False))
    ]


def _calibration_panels(section: Section, key: str) -> list[Panel]:
    groups = pd.DataFrame(
        section["calibration"], columns=["model", "predicted", "observed", "low", "high", "patients"]
    )
    # What is held back is None in the content, and must be a number again.
    numbers = ["predicted", "observed", "low", "high", "patients"]
    groups[numbers] = groups[numbers].astype(float)
    slopes = _estimates(section, "calibration slope")
    return [
        panel(
            str(model),
            f"slope {wording.number(slopes.get(model))}",
            figures.calibration(rows, key=f"{key}{place}"),
        )
        for place, (model, rows) in enumerate(groups.groupby("model", sort=False))
        # Of a report to be sent, a small model may have no group that can be shown.
        if rows["observed"].notna().any()
    ]


def _model_panels(rows: Sequence[Mapping[str, Any]], draw: Callable[..., str], key: str) -> list[Panel]:
    """Draw one panel a model from rows that name their model."""
    if not rows:
        return []
    by_model = for_drawing(rows).groupby("model", sort=False)
    return [
        panel(str(model), "", draw(table, key=f"{key}{place}")) for place, (model, table) in enumerate(by_model)
    ]


def _chance_panels(tests: Sequence[Mapping[str, Any]], key: str) -> list[Panel]:
    return [
        panel(
            test["title"],
            f"{test['model']}: {wording.count(len(test['values']), 'permutation')}",
            evidence_figures.null_histogram(
                test["values"], test["observed"], test["statistic"], key=f"{key}{place}"
            ),
        )
        for place, test in enumerate(tests)
        if test["values"]
    ]


def _leading_panels(section: Section, key: str) -> list[Panel]:
    """Draw the models that have leading features; the page names the others with their reason."""
    panels = []
    for place, model in enumerate(section["leading"]):
        if model["features"]:
            drawn = figures.leading_features(
                for_drawing(model["features"]), model["model"], model["scale"], key=f"{key}{place}"
            )
            panels.append(panel(model["model"], _method(model["method"], model["error"]), drawn))
    return panels


def _method(method: str, error: float | None) -> str:
    """Say how the contributions were made, where that limits what they mean."""
    sampled = "sampled contributions"
    return {
        "tree-path": "tree-path contributions, without a background",
        "linear": "linear contributions",
        "permutation": sampled if error is None else f"{sampled}, standard error at most {error:.2g}",
    }.get(method, method)


def _overview_panels(overview: Mapping[str, Any], key: str, wide: float) -> list[Panel]:
    genes, patients = overview["genes"], overview["patients"]
    if not genes or not patients:
        return []
    states = pd.DataFrame(
        [list(gene["states"]) for gene in genes],
        index=[gene["gene"] for gene in genes],
        columns=[patient["patient"] for patient in patients],
    )
    response = pd.Series([patient["response"] for patient in patients], index=states.columns)
    watched = frozenset(gene["gene"] for gene in genes if gene["watched"])
    return [panel("", "", figures.overview(states, response, watched, width=wide, key=key))]
