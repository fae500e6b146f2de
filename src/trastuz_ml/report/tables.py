"""The tables of a report: each section's content as rows and columns, for files, papers and figures' data."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Rows = list[dict[str, Any]]
Section = Mapping[str, Any]

# What a spreadsheet would run as a formula.
_RUNS = ("=", "+", "-", "@", "\t", "\r")


def tables_of(section: Section) -> dict[str, Rows]:
    """Return the tables of a run's content by name, those without a row left out.

    Parameters
    ----------
    section : mapping
        One run of the content.

    Returns
    -------
    dict
        Name to rows: mappings of plain values, all of a table with the same columns.
    """
    genes, size = section["genes"], section["size"]
    found: dict[str, Rows] = {
        "size-auc": size["aucs"],
        "size-features": size["features"],
        "size-carriers": size["carriers"],
        "flow": _flow(section["flow"]),
        "baseline": _baseline(section["baseline"]),
        "findings": [
            {**{k: row[k] for k in ("severity", "code", "count")}, "patients": " ".join(row["patients"]),
             "messages": "; ".join(row["messages"])}
            for row in section["findings"]
        ],
        "mutations": _mutations(section["overview"]),
        "scores": [
            {"model": row["model"], **{k: cell[k] for k in ("score", "estimate", "low", "high")},
             "interval": section["scores"]["notes"][cell["note"] - 1]}
            for row in section["scores"]["rows"] for cell in row["cells"] if cell
        ],
        "roc": _roc(section),
        "precision-recall": section["precision_recall"],
        "calibration": section["calibration"],
        "comparisons": section["comparisons"],
        "comparisons-all": _matrix(section["matrix"]),
        "chance": [{"test": test["title"], **row} for test in section["chance"] for row in test["rows"]],
        "permuted": [
            {"test": test["title"], "model": test["model"], "statistic": value}
            for test in section["chance"] for value in test["values"]
        ],
        "strata": [
            cell for one in section["strata"] for row in one["rows"] for cell in row["cells"] if cell
        ],
        "decisions": section["decisions"],
        "learning": section["learning"]["rows"],
        "optimism": section["optimism"]["rows"],
        "watched": section["watched"],
        "associations": _columns(genes["associations"]["dots"]) or genes["associations"]["rows"],
        "leading": [
            {"model": model["model"], "scale": model["scale"], **row}
            for model in section["leading"] for row in model["features"]
        ],
        "stability": [
            {"model": one["model"], "scale": one["scale"], **row}
            for one in genes["stability"] for row in one["features"]
        ],
        "sets": genes["sets"],
        "agreement": genes["agreement"],
        "silencing": [{"gene": one["gene"], **row} for one in genes["silencing"] for row in one["rows"]],
        "genes-by-chance": [
            {k: v for k, v in row.items() if k != "counts"} for row in genes["by_chance"]["rows"]
        ],
        "contributions": _contributions(genes["patients"]),
        "patients": _patients(section["patients"]),
        "waterfalls": _waterfalls(section["patients"]["waterfalls"]),
        "coefficients": _coefficients(section["bench"]),
        "influence": section["influence"]["rows"],
        "tripod": section["checklist"],
    }  # fmt: skip
    return {name: rows for name, rows in found.items() if rows}


def _flow(flow: Section) -> Rows:
    return [
        {"what": what, "step": step["text"], "count": step["count"], "left_out": out["count"], "why": out["why"]}
        for what in ("patients", "calls")
        for step in flow[what]
        for out in step["out"] or [{"count": None, "why": None}]
    ]


def _baseline(baseline: Section) -> Rows:
    """Return Table 1 with a column for each group; a number has median and quartiles in one cell."""
    groups = [group["name"] for group in baseline["groups"]]
    rows = []
    for variable in baseline["variables"]:
        for row in variable["rows"]:
            cells = {
                f"{name} {part}": value
                for name, cell in zip(groups, row["cells"], strict=True)
                for part, value in ({"count": None, "share": None, "median": None, "low": None, "high": None}
                                    | (cell or {})).items()
            }  # fmt: skip
            rows.append(
                {
                    "variable": variable["name"],
                    "level": row["level"],
                    **cells,
                    "difference": variable["difference"],
                }
            )
    return rows


def _mutations(overview: Section) -> Rows:
    patients = [patient["patient"] for patient in overview["patients"]]
    return [
        {
            **{k: gene[k] for k in ("gene", "watched", "carriers", "covered")},
            **dict(zip(patients, gene["states"], strict=False)),
        }
        for gene in overview["genes"]
    ]


def _roc(section: Section) -> Rows:
    """Return the mean curves with their bands beside; the curve has one point more, at the origin."""
    bands = {(row["model"], row["fpr"]): row for row in section["roc_bands"]}
    rows, seen = [], set()
    for row in section["roc"]:
        at = (row["model"], row["fpr"])
        band = bands.get(at, {}) if at in seen or row["fpr"] else {}
        seen.add(at)
        rows.append({**row, "low": band.get("low"), "high": band.get("high")})
    return rows


def _matrix(matrix: Section) -> Rows:
    return [
        {"model": row["model"], "rival": rival, **cell}
        for row in matrix["rows"]
        for rival, cell in zip(matrix["models"], row["cells"], strict=True)
        if cell
    ]


def _columns(columns: Mapping[str, Sequence[Any]]) -> Rows:
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _contributions(patients: Section) -> Rows:
    return [
        {
            "feature": one["feature"],
            "block": one["block"],
            "response": response,
            "value": value,
            "contribution": part,
        }
        for one in patients["features"]
        for response, value, part in zip(patients["response"], one["values"], one["contributions"], strict=True)
    ]


def _patients(patients: Section) -> Rows:
    return [
        {
            **{name: row[name] for name in ("patient", "response", "assay", "burden", "influence")},
            **{
                f"{model} {part}": values[place]
                for place, model in enumerate(patients["models"])
                for part, values in row["probability"].items()
            },
        }
        for row in patients["rows"]
    ]


def _waterfalls(falls: Section) -> Rows:
    names = falls["features"]
    rows: Rows = []
    for one in falls["patients"]:
        steps = [(names[place]["feature"], value, part) for place, value, part in one["steps"]]
        for feature, value, part in [("base", None, one["base"]), *steps, ("all others", None, one["rest"])]:
            rows.append({"patient": one["patient"], "feature": feature, "value": value, "contribution": part})
    return rows


def _coefficients(bench: Section) -> Rows:
    """Return what the bench adds up: of a level, what it adds; of all else, slope and centre."""
    rows: Rows = []
    for model in bench["models"]:
        said = {"model": model["model"]}
        rows.append(said | _row("", "intercept", added=model["intercept"]))
        for feature, part in zip(bench["features"], model["parts"], strict=True):
            about = feature["feature"], feature["block"]
            if part and "levels" in part:
                pairs = zip(feature["levels"], part["levels"], strict=True)
                rows += [said | _row(*about, level=level, added=added) for level, added in pairs]
            elif part:
                rows.append(said | _row(*about, **part))
    return rows


def _row(
    feature: str, block: str, *, level: str = "", slope: float | None = None, center: float | None = None,
    added: float | None = None,
) -> dict[str, Any]:  # fmt: skip
    return {"feature": feature, "block": block, "level": level, "slope": slope, "center": center, "added": added}


def as_text(rows: Rows, *, delimiter: str = ",") -> str:
    r"""Return rows as CSV or TSV; a text that a spreadsheet would run as a formula is quoted by an apostrophe.

    Examples
    --------
    >>> as_text([{"gene": "=TP53", "p": 0.1, "q": None}])
    "gene,p,q\n'=TP53,0.1,\n"
    """
    buffer = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\n")
    writer.writerow(map(_harmless, names))
    writer.writerows([_harmless(row.get(name)) for name in names] for row in rows)
    return buffer.getvalue()


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_RUNS) else value


def columns_of(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the columns of rows, in the order in which they are met."""
    return list(dict.fromkeys(name for row in rows for name in row))
