"""From the content of a report to one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from trastuz_ml import wording
from trastuz_ml.files import require_free
from trastuz_ml.report import evidence_figures, figures
from trastuz_ml.report.answer import CHOSEN
from trastuz_ml.report.content import content_of, headline_rows
from trastuz_ml.report.gene_panels import gene_panels
from trastuz_ml.report.page import Panel, page_of, panel, write_page
from trastuz_ml.store.run_folder import Run


def compare(runs: Sequence[Run], out: Path, *, names: Mapping[str, str], force: bool = False) -> Path:
    """Write a self-contained HTML page that compares the models of one or more runs.

    Parameters
    ----------
    runs : sequence of Run
        Finished runs; each becomes a section of its own.
    out : Path
        The page to write. It appears complete or not at all.
    names : mapping
        Real patient identifier to the pseudonym shown in its place.
    force : bool
        Whether a page that is already there may be replaced.

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    OutputExistsError
        If the page is there and ``force`` is false.
    InputError
        If a patient has no pseudonym.
    """
    require_free(out, force=force)
    return write_page(render(content_of(runs, names)), out, force=force)


def render(content: Mapping[str, Any]) -> str:
    """Return the page of a content, with its figures drawn."""
    drawn = [figures_of(section, f"r{place}") for place, section in enumerate(content["runs"], start=1)]
    return page_of("report.html.j2", content=content, drawn=drawn)


def figures_of(section: Mapping[str, Any], key: str) -> dict[str, list[Panel]]:
    """Draw the figures of a section; each is a list of panels with ``title``, ``caption`` and ``svg``.

    Parameters
    ----------
    section : mapping
        One run of the content.
    key : str
        Prefix of every id in the figures.
    """
    headline = headline_rows(section["scores"])
    return gene_panels(section["genes"], key) | {
        "forest": [panel("", "", figures.forest(headline, key=f"{key}-forest"))] if len(headline) else [],
        "roc": _roc_panels(section, headline, f"{key}-roc"),
        "calibration": _calibration_panels(section, f"{key}-calibration"),
        "leading": _leading_panels(section, f"{key}-leading"),
        "overview": _overview_panels(section["overview"], f"{key}-overview"),
        "chance": _chance_panels(section["chance"], f"{key}-chance"),
        "decision": _model_panels(section["decisions"], evidence_figures.decision_curve, f"{key}-decision"),
        "learning": _model_panels(section["learning"]["rows"], evidence_figures.learning_curve, f"{key}-learning"),
    }


def _roc_panels(section: Mapping[str, Any], headline: pd.DataFrame, key: str) -> list[Panel]:
    """Draw one panel a model, each before the curve of the chosen one."""
    curves = pd.DataFrame(section["roc"], columns=["model", "fpr", "tpr", "folds"])
    reference = curves[curves["model"] == CHOSEN]
    estimate = headline.set_index("model")["estimate"]
    return [
        panel(
            str(model),
            f"AUROC {wording.number(estimate.get(model))}",
            figures.roc(curve, None if model == CHOSEN else reference, key=f"{key}{place}"),
        )
        for place, (model, curve) in enumerate(curves.groupby("model", sort=False))
    ]


def _calibration_panels(section: Mapping[str, Any], key: str) -> list[Panel]:
    groups = pd.DataFrame(
        section["calibration"], columns=["model", "predicted", "observed", "low", "high", "patients"]
    )
    slopes = {
        row["model"]: cell["estimate"]
        for row in section["scores"]["rows"]
        for cell in row["cells"]
        if cell and cell["score"] == "calibration slope"
    }
    return [
        panel(
            str(model),
            f"slope {wording.number(slopes.get(model))}",
            figures.calibration(rows, key=f"{key}{place}"),
        )
        for place, (model, rows) in enumerate(groups.groupby("model", sort=False))
    ]


def _model_panels(rows: Sequence[Mapping[str, Any]], draw: Callable[..., str], key: str) -> list[Panel]:
    """Draw one panel a model from rows that name their model."""
    if not rows:
        return []
    # What is missing is None in the content, and must be a number again.
    frame = pd.DataFrame([{k: np.nan if v is None else v for k, v in row.items()} for row in rows])
    by_model = frame.groupby("model", sort=False)
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


def _leading_panels(section: Mapping[str, Any], key: str) -> list[Panel]:
    """Draw the models that have leading features; the page names the others with their reason."""
    panels = []
    for place, model in enumerate(section["leading"]):
        if model["features"]:
            drawn = figures.leading_features(
                pd.DataFrame(model["features"]), model["model"], model["scale"], key=f"{key}{place}"
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


def _overview_panels(overview: Mapping[str, Any], key: str) -> list[Panel]:
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
    return [panel("", "", figures.overview(states, response, watched, key=key))]
