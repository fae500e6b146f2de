"""The flow diagram: numbers that add up, and what is not known said so."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pandas as pd
import pytest

from trastuz_ml import schema
from trastuz_ml.report.flow import flow_content
from trastuz_ml.report.flow_figure import flow_diagram


def with_findings(run, rows, roster=60):
    """Return the run with findings of these codes and counts, and with sources of these sizes."""
    table = pd.DataFrame(
        [("warning", code, "", "", count, "text") for code, count in rows], columns=schema.FINDINGS.names
    )
    sources = [
        {"name": "calls.maf", "sha256": "aa", "rows_in": 100, "rows_kept": 70},
        {"name": "roster.tsv", "sha256": "bb", "rows_in": roster, "rows_kept": 40},
    ]
    provenance = {**run.provenance, "sources": sources}
    return replace(run, findings=schema.conform(table, schema.FINDINGS), provenance=provenance)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [("filtered-out", 8), ("not-sequenced", 5), ("response-missing", 4), ("response-not-declared", 3)],
        [("filtered-out", 8), ("response-missing", 4)],
        [("filtered-out", 18), ("response-missing", 14)],
    ],
)
def test_flow__patients_add_up(make, rows):
    flow = flow_content(with_findings(make(), rows), sequenced=True)
    steps = flow["patients"]
    assert (steps[0]["count"], steps[-1]["count"]) == (60, 40)
    for before, after in pairwise(steps):
        assert before["count"] - sum(out["count"] for out in after["out"]) == after["count"]


def test_flow__what_no_finding_counts_is_said_to_be_unknown(make):
    flow = flow_content(with_findings(make(), [("filtered-out", 8)]), sequenced=True)
    assert flow["patients"][-1]["out"] == [{"why": "for a reason that no finding counts", "count": 12}]
    assert "12 for a reason that no finding counts" in flow["sentence"]


def test_flow__overlapping_reasons_are_given_together(make):
    flow = flow_content(with_findings(make(), [("filtered-out", 18), ("response-missing", 14)]), sequenced=True)
    assert len(flow["patients"]) == 2
    assert flow["missing"][0].startswith("The reasons overlap")


def with_fates(run, fates):
    """Return the run with so many rows of calls of each fate."""
    table = pd.DataFrame(list(fates.items()), columns=schema.ROW_FATES.names)
    return replace(run, row_fates=schema.conform(table, schema.ROW_FATES))


@pytest.mark.parametrize(
    "fates",
    [
        {"kept": 70},
        {"kept": 70, "duplicate": 12},
        {"kept": 70, "low-vaf": 9, "filter": 8, "no-response": 1},
        {fate: 10 + place for place, fate in enumerate(schema.FATES)},
    ],
)
def test_flow__every_row_of_calls_is_kept_or_counted_once_under_its_reason(make, fates):
    run = with_fates(make(), fates)
    flow = flow_content(run, sequenced=True)
    *steps, mutated = flow["calls"]
    assert (steps[0]["count"], steps[-1]["count"]) == (sum(fates.values()), fates["kept"])
    for before, after in pairwise(steps):
        assert before["count"] - sum(out["count"] for out in after["out"]) == after["count"]
    said = {out["why"]: out["count"] for step in steps for out in step["out"]}
    assert said == {schema.FATES[fate]: rows for fate, rows in fates.items() if fate != "kept"}
    assert mutated["count"] == run.matrix.values.nnz
    assert flow["missing"] == []


def test_flow_diagram__many_reasons_do_not_run_into_one_another(make):
    run = with_fates(make(), dict.fromkeys(schema.FATES, 123456))
    drawn = flow_diagram(flow_content(run, sequenced=True)["calls"], "Flow of calls")
    places = [float(y) for y in re.findall(r'<text x="206" y="([\d.]+)"', drawn)]
    assert len(places) > len(schema.FATES)
    assert all(later - earlier > 10 for earlier, later in pairwise(sorted(places)))


def test_flow__run_without_sources_says_what_it_lacks(make):
    bare = {"provenance": {**make().provenance, "sources": []}, "row_fates": schema.empty(schema.ROW_FATES)}
    flow = flow_content(replace(make(), **bare), sequenced=True)
    assert flow["calls"] == []
    assert [step["text"] for step in flow["patients"]] == ["analysed"]
    assert len(flow["missing"]) == 2


def test_flow_diagram__tells_every_number_to_those_who_cannot_see_it(make):
    flow = flow_content(with_findings(make(), [("filtered-out", 8), ("response-missing", 12)]), sequenced=True)
    drawn = flow_diagram(flow["patients"], "Flow of patients")
    assert "60 on the roster" in drawn
    assert "after 8 left out (left out by the roster's filter)" in drawn.replace("&#39;", "'")
    assert drawn == flow_diagram(flow["patients"], "Flow of patients")
