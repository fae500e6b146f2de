"""From finished runs to the content of a report: every number, table and sentence, as plain JSON values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from trastuz_ml.report.answer import AUROC, CHOSEN, answer_content, coverage_of, limits_content
from trastuz_ml.report.curves import calibration_groups, mean_roc
from trastuz_ml.report.genes import carriers_content, leading_content, overview_content, watched_content
from trastuz_ml.report.plain import plain, records
from trastuz_ml.report.privacy import Pseudonyms, findings_content, pseudonyms_of, without_identifiers
from trastuz_ml.report.wording import count
from trastuz_ml.store.run_folder import Run

FORMAT = 1
# Scores in reading order, each with what would be good.
SCORES: dict[str, str] = {
    "AUROC": "higher is better",
    "average precision": "higher is better",
    "Brier score": "lower is better",
    "Brier skill": "higher is better",
    "log loss": "lower is better",
    "calibration intercept": "ideal 0",
    "calibration slope": "ideal 1",
    "sensitivity": "higher is better",
    "specificity": "higher is better",
}


def content_of(runs: Sequence[Run], names: Mapping[str, str]) -> dict[str, Any]:
    """Gather what a report says; the page is rendered from this and from nothing else.

    Parameters
    ----------
    runs : sequence of Run
        One or more finished runs. Each becomes a section of its own: models are never tested against each
        other across runs.
    names : mapping
        Real patient identifier to the pseudonym shown in its place.

    Returns
    -------
    dict
        Plain JSON values: ``format``, ``title``, ``simulated``, ``across`` (why runs are not compared, empty
        for one run) and ``runs``, one mapping a run.

    Raises
    ------
    InputError
        If a patient has no pseudonym.
    ValueError
        If there is no run.
    """
    if not runs:
        raise ValueError("a report needs at least one run")
    hidden = pseudonyms_of(runs, names)
    title = runs[0].name if len(runs) == 1 else f"{len(runs)} runs side by side"
    simulated = [run.simulated for run in runs]
    return {
        "format": FORMAT,
        "title": f"SIMULATED – {title}" if any(simulated) else title,
        "simulated": any(simulated),
        "banner": _banner(runs),
        "across": _across(runs),
        "runs": [_section(run, hidden) for run in runs],
    }


def _banner(runs: Sequence[Run]) -> str:
    invented = [run.name for run in runs if run.simulated]
    if not invented:
        return ""
    which = (
        "Every patient in this report" if len(invented) == len(runs) else f"Every patient of {', '.join(invented)}"
    )
    return f"SIMULATED. {which} was invented by the program's simulator. Nothing here is a finding about people."


def _across(runs: Sequence[Run]) -> str:
    """Say why no model of one run is tested against a model of another."""
    if len(runs) == 1:
        return ""
    plans = [(run.provenance.get("plan") or {}).get("fingerprint") for run in runs]
    if None not in plans and len(set(plans)) == 1:
        return (
            "These runs share patients, responses and split plan, so their panels may be read side by side. "
            "Tests between models are given within a run only."
        )
    return (
        "These runs differ in patients, responses or split plan. Each is shown in its own panel and no test "
        "between them is given: scores on different splits differ also when the models do not."
    )


def _section(run: Run, hidden: Pseudonyms) -> dict[str, Any]:
    watched = watched_content(run.watched)
    facts = _facts(run)
    return {
        "name": run.name,
        "simulated": run.simulated,
        "facts": facts,
        "answer": answer_content(run.name, run.simulated, run.scores, run.comparisons, run.choices, watched),
        "scores": scores_content(run.scores, run.models),
        "models": run.models,
        "roc": records(mean_roc(run.out_of_fold).round(4)),
        "calibration": records(calibration_groups(run.out_of_fold).round(4)),
        "comparisons": records(run.comparisons),
        "leading": leading_content(run),
        "watched": watched,
        "overview": overview_content(run, hidden),
        "findings": findings_content(run.findings, hidden),
        "limits": limits_content(
            facts["patients"], facts["responders"], carriers_content(run.matrix), run.simulated
        ),
        "provenance": _provenance(run, hidden),
    }


def _facts(run: Run) -> dict[str, Any]:
    """Return the sizes of the run, and one line that says them."""
    response = run.patients["response"].dropna()
    plan = run.out_of_fold[["repeat", "fold"]].drop_duplicates()
    repeats, folds = plan["repeat"].nunique(), plan["fold"].nunique()
    assays = run.patients["assay"].value_counts() if "assay" in run.patients else pd.Series(dtype=int)
    patients, responders = len(response), int(response.sum())
    parts = [
        f"{patients:,} patients, {responders:,} responding",
        f"{count(len(run.matrix.genes), 'gene')} ({run.matrix.encoding})",
        count(len(run.models), "model"),
        f"{count(repeats, 'repeat')} of {count(folds, 'fold')}",
        ", ".join(f"{name} {n}" for name, n in sorted(assays.items())) if len(assays) > 1 else "",
    ]
    return plain(  # type: ignore[no-any-return]
        {
            "patients": patients,
            "responders": responders,
            "repeats": repeats,
            "folds": folds,
            "assays": dict(sorted(assays.items())),
            "line": [part for part in parts if part],
        }
    )


def gene_sentences(run: Run) -> list[str]:
    """Return what the run says of each watched gene, one sentence or two a gene."""
    return [row["sentence"] for row in watched_content(run.watched)]


def scores_content(scores: pd.DataFrame, models: Sequence[str]) -> dict[str, Any]:
    """Return the scores as models by scores, with what each interval is or why there is none.

    Parameters
    ----------
    scores : pandas.DataFrame
        As declared in :data:`trastuz_ml.schema.SCORES`.
    models : sequence of str
        Models in order.

    Returns
    -------
    dict
        ``columns`` (``score`` and ``good``), ``rows`` (``model``, ``chosen`` and ``cells``, one a column or
        ``None``) and ``notes``: the distinct texts about intervals, to which each cell's ``note`` points,
        counted from 1.
    """
    present = list(dict.fromkeys(scores["score"]))
    columns = [name for name in SCORES if name in present] + [name for name in present if name not in SCORES]
    notes: list[str] = []
    cells = {(row["model"], row["score"]): _cell(row, notes) for row in records(scores)}
    return {
        "columns": [{"score": name, "good": SCORES.get(name, "")} for name in columns],
        "rows": [
            {
                "model": model,
                "chosen": model == CHOSEN,
                "cells": [cells.get((model, name)) for name in columns],
            }
            for model in models
        ],
        "notes": notes,
    }


def _cell(row: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """Return a score with the place of its note, adding the note when it is new."""
    bounded = row["low"] is not None and row["high"] is not None
    why = (row["interval"] or "").strip() or ("interval of unrecorded kind" if bounded else "no reason recorded")
    note = f"95 % interval: {why}{coverage_of(why)}" if bounded else f"No interval: {why}"
    if note not in notes:
        notes.append(note)
    return {key: row[key] for key in ("score", "estimate", "low", "high")} | {"note": notes.index(note) + 1}


def headline_rows(scores: Mapping[str, Any]) -> pd.DataFrame:
    """Return the AUROC of each model from the content of the scores: ``model, estimate, low, high``."""
    rows = [
        {"model": row["model"], **{key: cell[key] for key in ("estimate", "low", "high")}}
        for row in scores["rows"]
        for cell in row["cells"]
        if cell is not None and cell["score"] == AUROC
    ]
    frame = pd.DataFrame(rows, columns=["model", "estimate", "low", "high"])
    return frame.astype(dict.fromkeys(["estimate", "low", "high"], "float64"))


def _provenance(run: Run, hidden: Pseudonyms) -> dict[str, Any]:
    """Return hashes, versions and configuration, without identifiers and without folders of a machine."""
    harmless = frozenset({*run.matrix.genes, *map(str, run.watched["gene"]), *run.models, *_levels(run)})
    known = plain(run.provenance)
    kept = {key: known.get(key) for key in ("plan", "exported", "code", "versions", "sources")}
    kept["sources"] = _sources(kept["sources"])
    clean = without_identifiers({**kept, "configuration": plain(run.configuration)}, hidden, harmless)
    return {
        **clean,
        "command": f"trastuz-ml train {file_name(run.name)}.yaml",
        "file": f"{file_name(run.name)}.yaml",
    }


def _levels(run: Run) -> Iterator[str]:
    """Yield the declared levels of covariates: a T2 is a stage, however much patient T2 looks like it."""
    for covariate in (run.configuration.get("roster") or {}).get("covariates", {}).values():
        yield from map(str, covariate.get("levels") or ())


def _sources(sources: Any) -> list[dict[str, Any]]:
    """Return the sources with the same four columns each, whatever was recorded."""
    columns = ("name", "rows_in", "rows_kept", "sha256")
    return [{column: source.get(column) for column in columns} for source in sources or []]


def file_name(name: str) -> str:
    """Return a name that is safe to type in a shell.

    Examples
    --------
    >>> file_name("TransNEO, HER2+ only")
    'TransNEO-HER2-only'
    """
    words = "".join(c if c.isalnum() or c in "._-" else " " for c in name).split()
    return "-".join(words).lstrip("-.") or "experiment"
