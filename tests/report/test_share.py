"""The page that is safe to send: no pseudonym, no count under five, nothing that gives one away."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pandas as pd
import pytest

from report.gene_runs import with_genes
from trastuz_ml import schema
from trastuz_ml.errors import EvidenceError
from trastuz_ml.report.baseline_shared import without_small_levels
from trastuz_ml.report.content import content_of
from trastuz_ml.report.formats import write_report
from trastuz_ml.report.held_back import HELD, HELD_SENTENCE, SMALL
from trastuz_ml.report.html import render
from trastuz_ml.report.markdown import markdown
from trastuz_ml.report.shape import require_shape
from trastuz_ml.report.share import _silenced, shared_section

COUNTS = {"carriers", "carriers_responding", "covered", "count", "responders"}
RATIOS = (
    "odds_ratio",
    "low",
    "high",
    "p",
    "q",
    "adjusted_odds_ratio",
    "adjusted_p",
    "selected",
    "false_selections",
)


@pytest.fixture(scope="module")
def run(make):
    """A run with every table, whose patients lack an age here and there."""
    from report.conftest import with_evidence

    made = with_evidence(with_genes(make(patients=60)))
    patients = made.patients.copy()
    patients["age"] = patients["age"].astype(float).where(patients.index > 2)
    return replace(made, patients=patients)


@pytest.fixture(scope="module")
def shared(run, pseudonyms):
    return content_of([run], pseudonyms(run), share=True)


def numbers(value, name=""):
    """Yield every number that counts patients, with the name under which it stands."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from numbers(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from numbers(item, name)
    elif isinstance(value, int) and not isinstance(value, bool) and name in COUNTS:
        yield name, value


def test_share__no_pseudonym_in_any_format(run, pseudonyms, shared, tmp_path):
    names = set(pseudonyms(run).values()) | set(pseudonyms(run))
    folder = write_report([run], tmp_path / "t", names=pseudonyms(run), form="tables", share=True)
    written = [
        json.dumps(shared),
        render(shared),
        markdown(shared),
        *(p.read_text("utf-8") for p in folder.iterdir()),
    ]
    for text in written:
        assert not [name for name in names if name in text]


def test_share__the_open_page_does_name_them(run, pseudonyms):
    text = json.dumps(content_of([run], pseudonyms(run)))
    assert all(name in text for name in pseudonyms(run).values())


def test_share__no_count_of_patients_is_under_five(shared):
    section = {k: v for k, v in shared["runs"][0].items() if k not in ("size", "provenance")}
    assert [found for found in numbers(section) if 0 < found[1] < SMALL] == []


def test_share__the_open_content_has_such_counts(run, pseudonyms):
    section = content_of([run], pseudonyms(run))["runs"][0]
    section = {k: v for k, v in section.items() if k not in ("size", "provenance")}
    assert [found for found in numbers(section) if 0 < found[1] < SMALL]


def test_share__no_cell_of_a_gene_can_be_computed(shared, run):
    section = shared["runs"][0]
    rows = [*section["watched"], *section["genes"]["associations"]["rows"]]
    responders, shown = section["facts"]["responders"], 0
    for row in rows:
        if row["carriers"] and row["carriers_responding"] != HELD:
            cells = (row["carriers_responding"], row["carriers"] - row["carriers_responding"],
                     responders - row["carriers_responding"])  # fmt: skip
            assert min(cells) >= SMALL
            shown += 1
        elif row["carriers"]:
            assert all(row[name] in (HELD, None) for name in RATIOS)
    assert all(column == [] for column in section["genes"]["associations"]["dots"].values())


def test_share__sentences_about_a_gene_with_a_small_cell_are_held_back(shared, run, pseudonyms):
    before = content_of([run], pseudonyms(run))["runs"][0]
    after = shared["runs"][0]
    small = [row["gene"] for row in after["watched"] if row["carriers_responding"] == HELD]
    assert small
    for row in after["watched"]:
        if row["gene"] in small:
            assert not re.search(r"\d", row["sentence"].replace(row["gene"], ""))
    said = json.dumps([after["answer"], after["genes"]["certificates"]], ensure_ascii=False)
    for row in before["watched"]:
        if row["gene"] in small:
            assert row["sentence"] not in said


def test_share__patients_dots_and_columns_are_gone(shared):
    section = shared["runs"][0]
    assert section["patients"]["rows"] == []
    assert section["patients"]["waterfalls"]["patients"] == []
    assert section["influence"]["rows"] == []
    assert section["overview"]["patients"] == []
    assert section["genes"]["patients"]["features"] == []
    assert all(gene["dots"] == [] for gene in section["genes"]["silencing"])


def test_share__groups_of_predictions_with_few_of_a_class_are_left_out(shared):
    for row in shared["runs"][0]["calibration"]:
        if row["observed"] is not None:
            assert row["observed"] * row["patients"] + 1e-6 >= SMALL
            assert (1 - row["observed"]) * row["patients"] + 1e-6 >= SMALL


def test_share__strata_of_few_are_held_back(shared):
    for stratum in shared["runs"][0]["strata"]:
        for row in stratum["rows"]:
            for cell in filter(None, row["cells"]):
                assert min(cell["responders"], cell["patients"] - cell["responders"]) >= SMALL


def test_share__flow_gives_no_step_at_which_few_left(make, pseudonyms):
    run = make(patients=60)
    sources = [run.provenance["sources"][0], {"name": "roster.tsv", "sha256": "", "rows_in": 63, "rows_kept": 60}]
    run = replace(run, provenance={**run.provenance, "sources": sources})
    section = content_of([run], pseudonyms(run), share=True)["runs"][0]
    assert [step["count"] for step in section["flow"]["patients"]] == [60]
    assert section["provenance"]["sources"][-1]["rows_in"] == HELD
    assert section["answer"]["left_out"] == ""


@pytest.mark.parametrize(
    ("fates", "roster", "counts", "left"),
    [
        ({"kept": 70, "low-vaf": 9, "no-response": 30}, 70, [109, 100, 70], [9, 30]),
        ({"kept": 70, "low-vaf": 3, "no-response": 30}, 70, [103, 70], [33]),
        ({"kept": 70, "low-vaf": 9, "no-response": 30}, 63, [109, 70], [39]),
        ({"kept": 70, "no-response": 3}, 63, [70], []),
        ({"kept": 70}, 63, [70, 70], []),
    ],
)
def test_share__rows_of_calls_tell_of_no_few_who_left(make, pseudonyms, fates, roster, counts, left):
    run = make(patients=60)
    sources = [run.provenance["sources"][0], {"name": "r.tsv", "sha256": "", "rows_in": roster, "rows_kept": 60}]
    table = pd.DataFrame(list(fates.items()), columns=schema.ROW_FATES.names)
    run = replace(
        run, row_fates=schema.conform(table, schema.ROW_FATES), findings=schema.empty(schema.FINDINGS),
        provenance={**run.provenance, "sources": sources},
    )  # fmt: skip
    flow = content_of([run], pseudonyms(run), share=True)["runs"][0]["flow"]
    steps = [step["count"] for step in flow["calls"][:-1]]
    out = [part["count"] for step in flow["calls"] for part in step["out"]]
    # Where nothing is taken together, the last step of rows is there even if none was given twice.
    assert (list(dict.fromkeys(steps)) if len(steps) > 2 else steps, out) == (counts, left)


def test_share__the_page_says_so_and_is_whole(shared):
    page = render(shared)
    assert "Made to be sent" in page
    assert HELD_SENTENCE in page.replace("&#39;", "'")
    assert "Left out: this page is meant to be sent." in page
    require_shape(shared)


def test_share__a_class_of_fewer_than_five_is_refused(make, pseudonyms):
    section = content_of([make()], pseudonyms(make()))["runs"][0]
    few = {**section, "facts": {**section["facts"], "responders": SMALL - 1}}
    with pytest.raises(EvidenceError, match="leave out --share"):
        shared_section(few, ())


def cells_of(run, gene):
    """Count a gene's four cells and those not covered, from the matrix itself."""
    response = run.patients.dropna(subset=["response"]).set_index("patient")["response"]
    place = list(run.matrix.genes).index(gene)
    values = run.matrix.rows(list(response.index)).dense()[:, place]
    carried, unknown, responds = values > 0, pd.isna(values), response.to_numpy() == 1
    intact = ~carried & ~unknown
    return [int((state & side).sum()) for state in (carried, intact) for side in (responds, ~responds)], int(
        unknown.sum()
    )


def test_share__no_list_of_genes_holds_one_that_few_carry_unless_it_is_watched(shared, run, pseudonyms):
    section, before = shared["runs"][0], content_of([run], pseudonyms(run))["runs"][0]
    models = [*section["leading"], *section["genes"]["stability"]]
    listed = {row["feature"] for model in models for row in model["features"] if row["block"] == "gene"}
    listed |= {row["gene"] for row in section["genes"]["associations"]["rows"] if not row["watched"]}
    listed |= {gene["gene"] for gene in section["overview"]["genes"] if not gene["watched"]}
    listed |= {gene for row in section["genes"]["sets"] for gene in row["in_model"].split(", ") if gene}
    for gene in listed:
        cells, unknown = cells_of(run, gene)
        assert min(cells) >= SMALL
        assert unknown == 0 or unknown >= SMALL
    assert len(section["genes"]["associations"]["rows"]) < len(before["genes"]["associations"]["rows"])
    features = [len(model["features"]) for model in models]
    assert sum(features) < sum(len(m["features"]) for m in [*before["leading"], *before["genes"]["stability"]])
    assert sum(features) > 0


def test_share__what_is_held_back_of_table_1_is_not_the_rest_of_a_group(shared):
    hidden = 0
    for variable in shared["runs"][0]["baseline"]["variables"]:
        if variable["kind"] != "levels":
            continue
        for place, group in enumerate(shared["runs"][0]["baseline"]["groups"]):
            counts = [row["cells"][place]["count"] for row in variable["rows"]]
            if HELD in counts:
                left = group["patients"] - sum(count for count in counts if count != HELD)
                assert left >= SMALL
                hidden += 1
    assert hidden


@pytest.mark.parametrize("counts", [((40, 98), (1, 2), (0, 5), (1, 15)), ((20, 20), (4, 30), (6, 30), (12, 40))])
def test_table_1__levels_next_in_size_go_until_five_are_missing(counts):
    rows = [
        {"level": str(at), "cells": [{"count": n, "share": 0.1} for n in (first, second, first + second)]}
        for at, (first, second) in enumerate(counts)
    ]
    groups = [{"name": "a", "patients": sum(first for first, _ in counts)}]
    table = {"groups": groups, "variables": [{"name": "x", "kind": "levels", "difference": 0.1, "rows": rows}]}
    after = [row["cells"][0]["count"] for row in without_small_levels(table)["variables"][0]["rows"]]
    left = groups[0]["patients"] - sum(count for count in after if count != HELD)
    assert after.count(HELD) >= 2
    assert left >= SMALL


def test_share__groups_of_predictions_held_back_are_not_the_rest_of_few(shared):
    section = shared["runs"][0]
    facts, rows = section["facts"], pd.DataFrame(section["calibration"])
    held = 0
    for _, groups in rows.groupby("model"):
        shown = groups.dropna(subset=["observed"])
        if len(shown) < len(groups):
            responding = (shown["observed"] * shown["patients"]).sum()
            assert len(shown) == 0 or facts["responders"] - responding > SMALL - 0.1
            others = facts["patients"] - facts["responders"] - (shown["patients"].sum() - responding)
            assert len(shown) == 0 or others > SMALL - 0.1
            held += 1
    assert held


def test_share__no_threshold_tells_of_few_who_would_be_treated(shared, run, pseudonyms):
    def treated(row):
        rows = run.out_of_fold[run.out_of_fold["model"] == row["model"]]
        called = rows[rows["probability"] >= row["threshold"]]
        repeats = rows["repeat"].nunique()
        return tuple(called["response"].eq(side).sum() / repeats for side in (1, 0))

    before, after = content_of([run], pseudonyms(run))["runs"][0], shared["runs"][0]
    for row in before["decisions"]:
        assert (row["responders_treated"], row["others_treated"]) == pytest.approx(treated(row), abs=1e-4)
    responders, patients = after["facts"]["responders"], after["facts"]["patients"]
    assert 0 < len(after["decisions"]) < len(before["decisions"])
    for row in after["decisions"]:
        responding, others = treated(row)
        cells = (responding, others, responders - responding, patients - responders - others)
        assert responding + others in (0, patients) or min(cells) >= SMALL
        assert not any("treated" in name for name in row)


@pytest.mark.parametrize(("falling", "held"), [(0.97, True), (0.03, True), (1.0, False), (0.5, False)])
def test_share__how_many_predictions_fall_is_no_count_of_few(falling, held):
    row = {"model": "m", "direction": "silenced", "patients": 120, "change": -0.1, "falling": falling}
    after = _silenced({"gene": "A", "rows": [row], "still": [], "dots": []})["rows"][0]
    assert (after["falling"] == HELD) is held
    assert after["change"] == -0.1
