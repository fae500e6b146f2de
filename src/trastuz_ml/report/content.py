"""From finished runs to the content of a report: every number, table and sentence, as plain JSON values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from trastuz_ml.explain.certificate import Certificate
from trastuz_ml.learn.folds import LEAVE_PAIR_OUT
from trastuz_ml.learn.out_of_fold import in_pairs
from trastuz_ml.report.across import across_content, plan_words
from trastuz_ml.report.answer import AUROC, CHOSEN, NO_CALLS, answer_content, coverage_of, limits_content
from trastuz_ml.report.certificates import certificates_of
from trastuz_ml.report.chance import chance_content, chance_sentences
from trastuz_ml.report.curves import calibration_groups, mean_roc
from trastuz_ml.report.gene_evidence import genes_content
from trastuz_ml.report.genes import carriers_content, leading_content, overview_content, watched_content
from trastuz_ml.report.plain import plain, records
from trastuz_ml.report.privacy import Pseudonyms, findings_content, pseudonyms_of, without_identifiers
from trastuz_ml.report.robustness import influence_content, learning_content, optimism_content, strata_content
from trastuz_ml.schema import GENE
from trastuz_ml.store.run_folder import Run
from trastuz_ml.wording import count

FORMAT = 3
_REFUSED = "refused: "
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
    "MCC": "higher is better",
}


def content_of(runs: Sequence[Run], names: Mapping[str, str]) -> dict[str, Any]:
    """Gather what a report says; the page is rendered from this and from nothing else.

    Parameters
    ----------
    runs : sequence of Run
        One or more finished runs. Each becomes a section of its own: models are tested against each other across
        runs only where patients, responses and split plan are the same.
    names : mapping
        Real patient identifier to the pseudonym shown in its place.

    Returns
    -------
    dict
        Plain JSON values: ``format``, ``title``, ``simulated``, ``banner``, ``across`` (how runs compare, empty
        for one run), ``pairs`` (comparisons between runs, or the reason for none) and ``runs``, a mapping each.

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
    across = across_content(runs)
    return {
        "format": FORMAT,
        "title": f"SIMULATED – {title}" if any(simulated) else title,
        "simulated": any(simulated),
        "banner": _banner(runs),
        "across": across["sentence"],
        "pairs": across["pairs"],
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


def _section(run: Run, hidden: Pseudonyms) -> dict[str, Any]:
    certificates = _certificates(run)
    watched = watched_content(run.watched, certificates)
    facts = _facts(run)
    pairs = in_pairs(run.out_of_fold)
    return {
        "name": run.name,
        "simulated": run.simulated,
        "sequenced": sequenced(run),
        "facts": facts,
        "answer": answer_content(
            run.name,
            run.simulated,
            run.scores,
            run.comparisons,
            run.choices,
            watched,
            sequenced=sequenced(run),
            chance=chance_sentences(run.chance),
        ),
        "scores": scores_content(run.scores, run.models),
        "models": run.models,
        "roc": records(mean_roc(run.out_of_fold).round(4)),
        "pairs": pairs,
        "calibration": [] if pairs else records(calibration_groups(run.out_of_fold).round(4)),
        "comparisons": records(run.comparisons),
        "chance": chance_content(run.permuted, run.chance),
        "strata": strata_content(run.stratum_scores),
        "decisions": records(run.decisions.round(4)),
        "learning": learning_content(run.learning_curve),
        "optimism": optimism_content(run.optimism),
        "influence": influence_content(run.influence, hidden),
        "leading": leading_content(run),
        "watched": watched,
        "genes": genes_content(run, hidden, certificates),
        "overview": overview_content(run, hidden),
        "findings": findings_content(run.findings, hidden),
        "limits": limits_content(
            facts["patients"],
            facts["responders"],
            carriers_content(run.matrix),
            run.simulated,
            sequenced=sequenced(run),
            kind=LEAVE_PAIR_OUT if pairs else str((run.provenance.get("plan") or {}).get("kind", "")),
        ),
        "provenance": _provenance(run, hidden),
    }


def _certificates(run: Run) -> list[Certificate]:
    """Return the certificates of the watched genes, where some model was offered genes."""
    judged = len(run.associations) and run.gene_contributions["block"].eq(GENE).any()
    return certificates_of(run) if judged else []


def sequenced(run: Run) -> bool:
    """Return whether the run's experiment names calls; without any, it is about covariates alone."""
    return run.configuration.get("calls", True) is not None


def _facts(run: Run) -> dict[str, Any]:
    """Return the sizes of the run, and one line that says them."""
    response = run.patients["response"].dropna()
    plan = run.out_of_fold[["repeat", "fold"]].drop_duplicates()
    repeats, folds = plan["repeat"].nunique(), plan["fold"].nunique()
    assays = run.patients["assay"].value_counts() if "assay" in run.patients else pd.Series(dtype=int)
    patients, responders = len(response), int(response.sum())
    parts = [
        f"{patients:,} patients, {responders:,} responding",
        f"{count(len(run.matrix.genes), 'gene')} ({run.matrix.encoding})" if sequenced(run) else NO_CALLS,
        count(len(run.models), "model"),
        plan_words(run),
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
    return [row["sentence"] for row in watched_content(run.watched, _certificates(run))]


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
        ``None``), ``notes``: the distinct texts about intervals, to which each cell's ``note`` points, counted
        from 1, and ``refused``: the scores that no model has, with the reason, in one sentence or none.
    """
    present = list(dict.fromkeys(scores["score"]))
    present = [name for name in SCORES if name in present] + [name for name in present if name not in SCORES]
    refused = scores["interval"].str.startswith(_REFUSED).groupby(scores["score"]).all()
    columns = [name for name in present if not refused[name]]
    notes: list[str] = []
    rows = scores[scores["score"].isin(columns)]
    cells = {(row["model"], row["score"]): _cell(row, notes) for row in records(rows)}
    return {
        "refused": _refused_sentence([name for name in present if refused[name]], scores),
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


def _refused_sentence(names: Sequence[str], scores: pd.DataFrame) -> str:
    if not names:
        return ""
    reasons = scores.loc[scores["score"].isin(names), "interval"].str.removeprefix(_REFUSED).unique()
    return f"Refused: {', '.join(names)} ({'; '.join(reasons)})."


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
