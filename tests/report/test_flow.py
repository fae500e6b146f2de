"""The flow diagram: numbers that add up, and what is not known said so."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pandas as pd
import pytest

from trastuz_ml import schema
from trastuz_ml.report.flow import flow_content
from trastuz_ml.report.flow_figure import flow_diagram


def with_findings(run, rows, roster=60, calls=(100, 70)):
    """Return the run with findings of these codes and counts, and with sources of these sizes."""
    table = pd.DataFrame(
        [("warning", code, "", "", count, "text") for code, count in rows], columns=schema.FINDINGS.names
    )
    sources = [
        {"name": "calls.maf", "sha256": "aa", "rows_in": calls[0], "rows_kept": calls[1]},
        {"name": "roster.tsv", "sha256": "bb", "rows_in": roster, "rows_kept": 40},
    ]
    provenance = {**run.provenance, "sources": sources}
    return replace(run, findings=schema.conform(table, schema.FINDINGS), provenance=provenance)


def left_of(steps):
    return sum(out["count"] for step in steps for out in step["out"])


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


def test_flow__calls_add_up_and_repeats_are_named(make):
    run = with_findings(make(), [("duplicate-call", 12)])
    calls = flow_content(run, sequenced=True)["calls"]
    assert [step["count"] for step in calls] == [100, 82, 70, run.matrix.values.nnz]
    assert left_of(calls) == 30
    assert calls[2]["out"] == [{"why": "the same call given again", "count": 12}]


def test_flow__run_without_sources_says_what_it_lacks(make):
    run = make()
    flow = flow_content(replace(run, provenance={**run.provenance, "sources": []}), sequenced=True)
    assert flow["calls"] == []
    assert [step["text"] for step in flow["patients"]] == ["analysed"]
    assert len(flow["missing"]) == 2


def test_flow_diagram__tells_every_number_to_those_who_cannot_see_it(make):
    flow = flow_content(with_findings(make(), [("filtered-out", 8), ("response-missing", 12)]), sequenced=True)
    drawn = flow_diagram(flow["patients"], "Flow of patients")
    assert "60 on the roster" in drawn
    assert "after 8 left out (left out by the roster's filter)" in drawn.replace("&#39;", "'")
    assert drawn == flow_diagram(flow["patients"], "Flow of patients")
