"""From the content of a report's genes to its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from trastuz_ml.report import gene_evidence_figures, gene_figures, gene_waterfall
from trastuz_ml.report.held_back import for_drawing
from trastuz_ml.report.page import Drawer, Panel, panel
from trastuz_ml.schema import GENE
from trastuz_ml.wording import count, number, p_value

_SILENCED_DRAWN = 6
_STRICTNESSES_DRAWN = 6


def gene_drawers(genes: Mapping[str, Any], key: str) -> dict[str, Drawer]:
    """Return what draws each figure about genes: a list of panels with ``title``, ``caption`` and ``svg``.

    Parameters
    ----------
    genes : mapping
        From :func:`trastuz_ml.report.gene_evidence.genes_content`.
    key : str
        Prefix of every id in the figures.
    """
    return {
        "volcano": partial(_volcano, genes["associations"], f"{key}-volcano"),
        "beeswarm": partial(_beeswarm, genes["patients"], f"{key}-beeswarm"),
        "stability": partial(_stability, genes["stability"], f"{key}-stability"),
        "dependence": partial(_dependence, genes["patients"], f"{key}-dependence"),
        "waterfall": partial(_waterfalls, genes["patients"], f"{key}-waterfall"),
        "silencing": partial(_silencing, genes["silencing"], f"{key}-silencing"),
        "by_chance": partial(_by_chance, genes["by_chance"]["rows"], f"{key}-by-chance"),
    }


def _volcano(associations: Mapping[str, Any], key: str) -> list[Panel]:
    if not associations["drawn"]:
        return []
    frame = pd.DataFrame(associations["dots"])
    columns = [name for name in frame.columns if name not in ("gene", "watched")]
    frame[columns] = frame[columns].astype(float)
    caption = (
        f"{count(associations['drawn'], 'gene')}, {associations['tested']:,} of which could reach p 0.05; one dot "
        "where several fall together; watched genes are ringed and in bold, filled in colour is q ≤ 0.05"
    )
    return [panel("Association of every gene", caption, gene_evidence_figures.volcano(frame, key=key))]


def _beeswarm(patients: Mapping[str, Any], key: str) -> list[Panel]:
    """Draw genes and other features apart: beside a covariate most genes would be lost near zero."""
    kinds = {
        "Genes": [feature for feature in patients["features"] if feature["block"] == GENE],
        "Covariates and burden": [feature for feature in patients["features"] if feature["block"] != GENE],
    }
    panels = []
    for place, (name, features) in enumerate(kinds.items()):
        if features:
            rows = pd.concat([_of_feature(feature, patients["response"]) for feature in features])
            levels = {feature["feature"]: feature["levels"] for feature in features if feature["levels"]}
            drawn = gene_figures.beeswarm(
                rows, patients["model"], patients["scale"], levels=levels, key=f"{key}{place}"
            )
            aside = "; ● and ○ tell levels apart" if levels else ""
            panels.append(panel(name, f"{patients['model']}, a dot a patient{aside}", drawn))
    return panels


def _of_feature(feature: Mapping[str, Any], response: Sequence[int]) -> pd.DataFrame:
    """Return the rows of one feature; patients are numbered, since the content does not name them."""
    return pd.DataFrame(
        {
            "patient": np.arange(len(response)),
            "feature": feature["feature"],
            "block": feature["block"],
            "value": np.array(feature["values"], dtype=float),
            "contribution": np.array(feature["contributions"], dtype=float),
        }
    )


def _dependence(patients: Mapping[str, Any], key: str) -> list[Panel]:
    response = pd.Series(patients["response"], dtype=float)
    by_name = {feature["feature"]: feature for feature in patients["features"]}
    return [
        panel(
            name,
            f"{patients['model']}, a dot a patient",
            gene_figures.dependence(
                _of_feature(by_name[name], patients["response"]), response, patients["model"], patients["scale"],
                levels=by_name[name]["levels"], key=f"{key}{place}",
            ),
        )
        for place, name in enumerate(patients["dependence"])
    ]  # fmt: skip


def _waterfalls(patients: Mapping[str, Any], key: str) -> list[Panel]:
    panels = []
    for place, one in enumerate(patients["waterfalls"]):
        steps = pd.DataFrame(one["steps"]).astype({"value": float, "contribution": float})
        levels = dict(zip(steps["feature"], steps["levels"], strict=True))
        drawn = gene_waterfall.waterfall(
            steps, one["base"], one["output"], patients["scale"], one["patient"], levels=levels,
            key=f"{key}{place}",
        )  # fmt: skip
        response = "responding" if one["response"] == 1 else "not responding"
        title = f"Patient {one['patient']}: {one['which']}"
        panels.append(panel(title, f"{patients['model']}; {response}", drawn))
    return panels


def _stability(models: Sequence[Mapping[str, Any]], key: str) -> list[Panel]:
    return [
        panel(
            model["model"],
            "interval over repeats" if model["repeated"] else "one repeat: no interval",
            gene_evidence_figures.stability(
                for_drawing(model["features"]).astype(
                    dict.fromkeys(["rank", "rank_low", "rank_high", "when_mutated", "sign_agreement"], float)
                ),
                model["model"],
                key=f"{key}{place}",
            ),
        )
        for place, model in enumerate(models)
        if any(feature["rank"] is not None for feature in model["features"])
    ]


def _silencing(genes: Sequence[Mapping[str, Any]], key: str) -> list[Panel]:
    panels = []
    for place, gene in enumerate(genes[:_SILENCED_DRAWN]):
        rows = [
            {"model": row["model"], "direction": row["direction"], "change": change}
            for row in gene["dots"]
            for change in row["changes"]
        ]
        if rows:
            drawn = gene_evidence_figures.silencing(pd.DataFrame(rows), gene["gene"], key=f"{key}{place}")
            panels.append(panel(gene["gene"], "a dot a patient", drawn))
    return panels


def _by_chance(rows: Sequence[Mapping[str, Any]], key: str) -> list[Panel]:
    drawn = [row for row in rows if row["counts"]][:_STRICTNESSES_DRAWN]
    return [
        panel(
            row["strictness"],
            f"observed {row['observed']:,}, by chance {number(row['expected'])}; p {p_value(row['p'])}",
            gene_evidence_figures.chance_counts(
                pd.DataFrame(
                    {"number": range(len(row["counts"]) + 1), "genes": [row["observed"], *row["counts"]]}
                ),
                row["strictness"],
                key=f"{key}{place}",
            ),
        )
        for place, row in enumerate(drawn)
    ]
