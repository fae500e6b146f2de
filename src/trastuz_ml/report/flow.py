"""Who and what was left out on the way: patients from the roster to the analysis, calls from rows to features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from trastuz_ml.report.plain import plain
from trastuz_ml.schema import FATES
from trastuz_ml.store.run_folder import Run
from trastuz_ml.wording import count

# Findings that count patients who were left out, in the order in which that happens, and where they then stand.
_LEFT_OUT: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("in the cohort", (("filtered-out", "left out by the roster's filter"),)),
    ("sequenced", (("not-sequenced", "not sequenced"),)),
    (
        "with a response",
        (
            ("response-missing", "without a recorded response"),
            ("response-not-declared", "with a response that is neither positive nor negative"),
        ),
    ),
)
# What rows of calls are once those of these fates are out, in the order in which they are taken out.
_TAKEN_OUT: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("that can be a call", ("no-alternative", "spanning-deletion", "symbolic-allele", "not-annotated")),
    ("carried, not inherited", ("not-carried", "germline")),
    ("let through by the filters", ("filter", "low-depth", "few-alt-reads", "low-vaf", "common-in-population")),
    ("of the patients analysed", ("not-on-roster", "filtered-out", "not-sequenced", "no-response")),
    ("distinct calls kept", ("duplicate",)),
)


def flow_content(run: Run, *, sequenced: bool) -> dict[str, Any]:
    """Return the flow of patients and of calls, each step with its number and what was taken out before it.

    Parameters
    ----------
    run : Run
        A finished run. The last of its sources is the roster; its ``row_fates`` count each row of calls once.
    sequenced : bool
        Whether the experiment names calls.

    Returns
    -------
    dict
        ``patients`` and ``calls``: steps of ``text``, ``count`` and ``out`` (``why``, ``count``: what left between
        the step before and this one); numbers add up by construction, what no finding explains is an ``out`` of
        its own. ``missing``: sentences on what the run does not know. ``sentence``: who was left out and why.
    """
    sources = list(run.provenance.get("sources") or ())
    analysed = int(run.patients["response"].notna().sum())
    patients, missing = _patients(run.findings, sources, analysed, sequenced=sequenced)
    calls = _calls(run) if sequenced and len(run.row_fates) else []
    if sequenced and not calls:
        missing.append("The run does not know what became of the rows of calls.")
    content = {"patients": patients, "calls": calls, "missing": missing}
    return plain({**content, "sentence": _sentence(patients)})  # type: ignore[no-any-return]


def _patients(
    findings: pd.DataFrame, sources: Sequence[Mapping[str, Any]], analysed: int, *, sequenced: bool
) -> tuple[list[dict[str, Any]], list[str]]:
    rows = sources[-1].get("rows_in") if sources else None
    if rows is None:
        return [_step("analysed", analysed)], ["The run does not know how many rows the roster had."]
    known = findings.groupby("code")["count"].sum()
    steps, left = [_step("on the roster", int(rows))], int(rows)
    for text, codes in _LEFT_OUT:
        if text == "sequenced" and not sequenced:
            continue
        out = [{"why": why, "count": int(known[code])} for code, why in codes if known.get(code, 0)]
        left -= sum(int(known[code]) for code, _ in codes if known.get(code, 0))
        if out:
            steps.append(_step(text, left, out))
    if left < analysed:
        # Somebody was counted under two reasons: which cannot be told, so that only the ends are given.
        reasons = ", ".join(part["why"] for step in steps for part in step["out"])
        out = [{"why": f"{reasons} (reasons overlap)", "count": int(rows) - analysed}]
        return [steps[0], _step("analysed", analysed, out)], ["The reasons overlap: only their sum is known."]
    rest = [{"why": "for a reason that no finding counts", "count": left - analysed}] if left > analysed else []
    return [*steps, _step("analysed", analysed, rest)], []


def _calls(run: Run) -> list[dict[str, Any]]:
    """Return the flow of calls: every row that was read is kept, or is counted once under why it is not."""
    fates = dict(zip(run.row_fates["fate"].astype(str), run.row_fates["rows"].astype(int), strict=True))
    left = sum(fates.values())
    steps = [_step("rows of calls read", left)]
    for text, codes in _TAKEN_OUT:
        out = [{"why": FATES[code], "count": fates[code]} for code in codes if fates.get(code)]
        left -= sum(part["count"] for part in out)
        if out or text == _TAKEN_OUT[-1][0]:
            steps.append(_step(text, left, out))
    mutated = int(run.matrix.values.nnz)
    steps.append(_step(f"mutated genes over all patients; {count(len(run.matrix.genes), 'feature')}", mutated))
    return steps


def _step(text: str, number: int, out: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    return {"text": text, "count": number, "out": list(out)}


def _sentence(steps: Sequence[Mapping[str, Any]]) -> str:
    """Return who was left out and why, in one clause."""
    if len(steps) < 2:
        return ""
    out = [part for step in steps for part in step["out"]]
    first, last = steps[0]["count"], steps[-1]["count"]
    if not out:
        return f"All {first:,} patients on the roster were analysed."
    why = ", ".join(f"{part['count']:,} {part['why']}" for part in out)
    return f"Of {first:,} patients on the roster {last:,} were analysed; left out: {why}."
