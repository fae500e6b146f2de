"""How far a score carries: within strata, with fewer patients, without one of them, and had dishonestly."""

from __future__ import annotations

from typing import Any

import pandas as pd

from trastuz_ml.report.answer import CHOSEN
from trastuz_ml.report.plain import records
from trastuz_ml.report.privacy import WITHHELD, Pseudonyms
from trastuz_ml.wording import share

PATIENTS_SHOWN = 8


def strata_content(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the scores within strata, one table a covariate.

    Parameters
    ----------
    table : pandas.DataFrame
        :data:`trastuz_ml.schema.STRATUM_SCORES`.

    Returns
    -------
    list of dict
        ``covariate``, ``levels`` (``level`` and ``responding``), ``rows`` (``model``, ``chosen`` and ``cells``,
        one a level) and ``notes``: the distinct reasons for a missing score.
    """
    contents = []
    for covariate, rows in table.groupby("covariate", sort=False):
        levels = rows.drop_duplicates("level")
        found = {(row["model"], row["level"]): row for row in records(rows)}
        notes = [f"{row['level']}: {row['status']}" for row in records(levels) if row["status"]]
        contents.append(
            {
                "covariate": str(covariate),
                "levels": [
                    {"level": row["level"], "responding": share(row["responders"], row["patients"])}
                    for row in records(levels)
                ],
                "rows": [
                    {
                        "model": model,
                        "chosen": model == CHOSEN,
                        "cells": [found.get((model, level)) for level in levels["level"]],
                    }
                    for model in dict.fromkeys(rows["model"])
                ],
                "notes": notes,
            }
        )
    return contents


def learning_content(table: pd.DataFrame) -> dict[str, Any]:
    """Return the learning curve as ``rows``, and as ``refused`` the reasons for points that are missing."""
    rows = records(table.round(4))
    refused = [
        f"{row['model']}, {100 * row['share']:.0f} % of the training patients: {row['status']}"
        for row in rows
        if row["status"]
    ]
    return {"rows": [row for row in rows if not row["status"]], "refused": refused}


def optimism_content(table: pd.DataFrame) -> dict[str, Any]:
    """Return the optimism ledger: one row a step, that of ``chosen`` where it has one, and all rows."""
    rows = records(table)
    shown: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["step"] not in shown or row["model"] == CHOSEN:
            shown[row["step"]] = row
    return {"steps": list(shown.values()), "rows": rows}


def influence_content(table: pd.DataFrame, hidden: Pseudonyms) -> dict[str, Any]:
    """Return the patients without whom the score of ``chosen`` changes most, under their pseudonyms.

    Parameters
    ----------
    table : pandas.DataFrame
        :data:`trastuz_ml.schema.INFLUENCE`.
    hidden : Pseudonyms
        What may not be shown.

    Returns
    -------
    dict
        ``rows``, at most :data:`PATIENTS_SHOWN`, ``patients`` (how many there are) and ``notes``: the distinct
        reasons why nothing is said of a refitted model.
    """
    # Most texts are the same, and rewriting one asks for every patient.
    said = {
        text: hidden.rewrite(text) or (WITHHELD if text else "") for text in table["status"].astype(str).unique()
    }
    shown = table.assign(
        patient=[hidden.of(str(patient)) for patient in table["patient"]],
        status=table["status"].astype(str).map(said),
        size=table["chosen_change"].abs().fillna(-1.0).round(9),
    )
    ordered = shown.sort_values(["size", "patient"], ascending=[False, True]).drop(columns="size")
    notes = sorted({text for text in shown["status"] if text})
    return {"rows": records(ordered.head(PATIENTS_SHOWN)), "patients": len(table), "notes": notes}
