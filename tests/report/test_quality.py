"""The quality page: rows add up, every name is text, and nothing is loaded."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.assays.assay import EXOME, Assay
from trastuz_ml.calls import read as reading
from trastuz_ml.cli.console import say_quality
from trastuz_ml.cohort.cohort import Cohort, Source
from trastuz_ml.errors import InputError, OutputExistsError
from trastuz_ml.findings import Finding, findings_table
from trastuz_ml.quality.checked import Quality, patient_quality
from trastuz_ml.report import quality_figures
from trastuz_ml.report.quality import PRIVACY, quality_content, render_quality, write_quality_page
from trastuz_ml.schema import CALLS, FATES, KEPT, ROWS, conform

EVIL = "<img src=x onerror=alert(1)>"
MAF, VCF = "north.maf", "south.vcf.gz"
LOADING = {"src", "srcset", "href", "xlink:href", "action", "data", "poster", "background", "formaction"}
OUTLIER = Finding("warning", "burden-high", "far more calls than others", 9, patient="P002", where="north.maf:7")
STOP = Finding("error", "same-file-twice", "the same content is read 2 times", 2)


class Page(HTMLParser):
    """Collects tags, what loads, ids, event handlers and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loaded: list[str] = []
        self.ids: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loaded += [value or "" for name, value in attrs if name in LOADING]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data):
        self.text += data


def quality(patients=8, findings=(OUTLIER,), files=(MAF, VCF), name="made up", simulated=False, first="P000"):
    """Each patient has as many distinct calls as its place, plus one given twice; two patients are left out."""
    ids = [first, *(f"P{place:03d}" for place in range(1, patients))]
    rows = [(who, f"G{pos}", "missense", "1", pos, files[place % len(files)])
            for place, who in enumerate(ids) for pos in [*range(place), 0]]  # fmt: skip
    rows.append(("stranger", "TP53", "missense", "17", 7, files[0]))
    calls = conform(pd.DataFrame(rows, columns=["patient", "gene", "effect", "chrom", "pos", "file"]), CALLS)
    roster = pd.DataFrame(
        {"sequenced": [True] * (patients - 1) + [False], "in_cohort": True,
         "response": pd.array([place % 2 for place in range(patients)], dtype="Int8"), "group": ids,
         "assay": ["panel" if place % 3 == 2 else "exome" for place in range(patients)]},
        index=pd.Index(ids, name="patient"),
    )  # fmt: skip
    lost = [
        (files[0], ids[0], "filter", 5),
        (files[0], None, "no-alternative", 2),
        (files[-1], ids[1], "low-vaf", 1),
    ]
    cohort = Cohort.assemble(
        calls, roster, assays=[EXOME, Assay("panel", frozenset({"G0", "G1"}), 1.5)], simulated=simulated,
        dropped=conform(pd.DataFrame(lost, columns=ROWS.names), ROWS), build="GRCh38",
    )  # fmt: skip
    read = cohort.rows.groupby("file", observed=True)["rows"].sum()
    kept = cohort.rows[cohort.rows["fate"] == KEPT].groupby("file", observed=True)["rows"].sum()
    sources = [Source(file, "ab" * 32, int(read[file]), int(kept[file])) for file in files]
    sources += [Source("empty.vcf", "cd" * 32, 0, 0), Source("roster.tsv", "ef" * 32, patients, patients - 1)]
    cohort = replace(cohort, sources=tuple(sources))
    return Quality(name, cohort, findings_table(findings), patient_quality(cohort))


@pytest.fixture(scope="module")
def content():
    return quality_content(quality())


@pytest.fixture(scope="module")
def page(content):
    return render_quality(content)


def test_content__rows_of_each_file_are_kept_or_have_one_fate(content):
    read = {source["name"]: source["rows_in"] for source in content["sources"]}
    for file in content["files"]:
        assert (
            file["kept"] + sum(file["fates"].values()) == file["accounted"] == file["rows"] == read[file["file"]]
        )
    total = content["total"]
    assert total["kept"] + sum(total["fates"].values()) == total["accounted"] == total["rows"]
    assert total["rows"] == sum(row["rows"] for row in content["rows"]) == 36 + 1 + 8
    assert set(total["fates"]) == {
        "filter",
        "no-alternative",
        "low-vaf",
        "not-on-roster",
        "not-sequenced",
        "duplicate",
    }


def test_content__a_reader_that_loses_a_row_is_found_out():
    made = quality()
    short = made.cohort.rows.assign(rows=made.cohort.rows["rows"].where(made.cohort.rows["fate"] != "filter", 4))
    with pytest.raises(InputError, match=r"north.maf do not add up: 24 were read, and what became of 23"):
        quality_content(replace(made, cohort=replace(made.cohort, rows=short)))


def test_content__kept_rows_that_are_no_calls_are_found_out():
    made = quality()
    with pytest.raises(InputError, match="the cohort do not add up"):
        quality_content(replace(made, cohort=replace(made.cohort, calls=made.cohort.calls.iloc[1:])))


def test_content__rows_of_each_patient_add_up(content):
    for row in content["patients"]:
        assert row["calls"] + sum(row["fates"].values()) == row["rows"]
    assert content["patients"][0]["fates"] == {"filter": 5}
    assert content["patients"][3]["fates"] == {"duplicate": 1}


def test_content__strangers_and_nameless_rows_are_among_the_rows(content):
    by_fate = {row["fate"]: row["patient"] for row in content["rows"]}
    assert by_fate["not-on-roster"] == "stranger"
    assert by_fate["no-alternative"] is None


def test_content__is_plain_json_of_documented_keys(content):
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    documented = set(re.findall(r"``(\w+)``", quality_content.__doc__ or ""))
    assert (
        set(content) | set(content["counts"]) | set(content["files"][0]) | set(content["patients"][0])
        <= documented
    )


@pytest.mark.parametrize(
    ("found", "verdict", "may"),
    [
        ((), "0 errors, 0 warnings, 0 notes: training may start", True),
        ((OUTLIER,), "0 errors, 1 warning, 0 notes: training may start", True),
        ((OUTLIER, STOP), "1 error, 1 warning, 0 notes: training should not start", False),
    ],
)
def test_content__verdict_is_no_with_any_error(found, verdict, may):
    made = quality_content(quality(findings=found))
    assert (made["verdict"], made["may_train"]) == (verdict, may)


def test_content__a_file_without_rows_is_a_file_and_the_roster_is_not(content):
    assert [file["file"] for file in content["files"]] == [MAF, VCF, "empty.vcf"]
    assert content["counts"]["files"] == 3


def test_content__a_workbook_of_calls_and_roster_counts_its_calls():
    made = quality(files=("book.xlsx",))
    twice = Source("book.xlsx", "ab" * 32, 8, 7)
    sources = (*made.cohort.sources[:1], twice)
    files = quality_content(replace(made, cohort=replace(made.cohort, sources=sources)))["files"]
    assert [(file["file"], file["rows"]) for file in files] == [("book.xlsx", 45)]


def test_content__findings_are_with_the_patients_they_name():
    found = [OUTLIER, Finding("note", "not-utf-8", "read as Latin-1", 9, patient="P001, P002 and 7 more")]
    rows = {row["patient"]: row["findings"] for row in quality_content(quality(findings=found))["patients"]}
    assert [found["code"] for found in rows["P002"]] == ["burden-high", "not-utf-8"]
    assert [found["code"] for found in rows["P001"]] == ["not-utf-8"]
    assert rows["P003"] == []


def test_content__a_cohort_without_files_has_none():
    made = quality()
    bare = replace(made, cohort=Cohort(made.cohort.calls, made.cohort.patients))
    assert quality_content(bare)["files"] == []
    assert "No rows of calls were counted." in render_quality(quality_content(bare))


def test_fates__all_that_readers_take_out_have_words():
    assert set(reading._IN_WORDS) <= set(FATES)
    assert len(set(FATES.values())) == len(FATES)


def test_page__is_made_from_the_json_alone(content, page):
    assert render_quality(json.loads(json.dumps(content))) == page


def test_page__says_the_verdict_first_and_warns_of_the_names(page):
    text = Page(page).text
    assert text.index(PRIVACY) < text.index("0 errors, 1 warning") < text.index("far more calls than others")
    headings = ["The verdict", "Findings", "What became of the rows", "Patients", "Provenance"]
    places = [page.index(f">{heading}</h2>") for heading in headings]
    assert places == sorted(places)


def test_page__simulated_is_in_title_and_banner(page):
    simulated = render_quality(quality_content(quality(simulated=True)))
    assert "<title>SIMULATED" in simulated
    assert '<p class="banner" role="note">SIMULATED' in simulated
    assert "SIMULATED" not in page


def test_page__loads_nothing_and_allows_only_its_own_style_sheet(page):
    parsed = Page(page)
    assert all(address.startswith("#") for address in parsed.loaded)
    assert {"script", "link", "img", "iframe", "object", "embed", "base"}.isdisjoint(parsed.tags)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src &#39;none&#39;; style-src &#39;sha256-{digest}&#39;" in page
    assert " style=" not in page


def test_page__links_lead_somewhere_and_ids_are_unique(page):
    parsed = Page(page)
    assert len(parsed.ids) == len(set(parsed.ids))
    assert {address[1:] for address in parsed.loaded} <= set(parsed.ids)
    assert re.search(r'<a href="#(p\d+)">P002</a>', page)


def test_page__names_of_files_patients_and_experiments_are_text():
    found = [Finding("error", EVIL, EVIL, 1, patient=EVIL, where=EVIL)] * 9
    made = quality(findings=found, files=(EVIL, VCF), name=EVIL, first=EVIL)
    parsed = Page(render_quality(quality_content(made)))
    assert "img" not in parsed.tags
    assert parsed.handlers == []
    assert parsed.text.count(EVIL) >= 20


def test_page__many_findings_of_one_code_are_closed_and_all_there():
    many = [Finding("warning", "odd", f"odd thing {place}", patient=f"P{place:03d}") for place in range(6)]
    closed = render_quality(quality_content(quality(findings=[*many, OUTLIER])))
    inside = re.search(r"<details>.*?</details>", closed, re.DOTALL)
    assert inside is not None
    assert all(f.message in inside[0] for f in many)
    assert OUTLIER.message not in inside[0]


def test_page__a_thousand_patients_and_files_are_closed_and_small():
    made = quality(patients=100, files=tuple(f"patient_{place}.vcf" for place in range(50)))
    many = render_quality(quality_content(made))
    assert "<summary>All 51 files</summary>" in many
    assert "<summary>All 99 patients</summary>" in many
    assert "The bars show the 20 files" in many
    assert len(many) < 200_000


def test_write__existing_page_is_refused_and_kept(tmp_path):
    out = tmp_path / "deep" / "q.html"
    write_quality_page(quality(), out)
    before = out.read_bytes()
    with pytest.raises(OutputExistsError, match="already there"):
        write_quality_page(quality(findings=()), out)
    assert out.read_bytes() == before
    write_quality_page(quality(), out, force=True)
    assert out.read_bytes() == before
    assert [path.name for path in out.parent.iterdir()] == ["q.html"]


def test_bars__a_share_is_as_long_as_its_rows():
    files = pd.DataFrame({"kept": [75, 0], "too few reads": [25, 0]}, index=["a.maf", "b.maf"])
    drawn = quality_figures.fates_of_rows(files)
    assert "a.maf: 75 of 100; b.maf: no rows" in drawn
    boxes = re.findall(r'd="M ([\d.]+) [\d.]+ +L ([\d.]+) [^"]*" fill="var\(--(accent|against)', drawn)
    wide = {colour: float(right) - float(left) for left, right, colour in boxes[:2]}
    assert wide["accent"] == pytest.approx(3 * wide["against"], rel=0.01)


def test_strip__outliers_are_named_and_unknown_burden_is_not_drawn():
    patients = pd.DataFrame(
        {"patient": ["a", "b", EVIL, "d"], "response": [1, 1, 0, 0], "assay": "exome",
         "burden": [0, 30, 900, np.nan], "outlier": [False, False, True, False]}
    )  # fmt: skip
    drawn = quality_figures.burden_strip(patients)
    assert "&lt;img src=x onerr" in drawn
    assert drawn.count("<use") == 3
    assert "not responding: 1 patient, median 900" in drawn


def test_terminal__says_verdict_findings_and_rows_within_80_columns(capsys):
    many = [
        Finding("note", "not-utf-8", "read as Latin-1 " * 9, where=f"{p}-of-a-long-name.maf") for p in range(30)
    ]
    say_quality(quality(findings=[STOP, OUTLIER, *many]))
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert printed.startswith("made up: 1 error, 1 warning, 30 notes: training should not start\n")
    assert re.search(r"warning +burden-high +9 +P002 +north.maf:7\n +far more calls than others", printed)
    assert re.search(r"all 3 files +read +45\s+kept +2\d", printed)
    flowing = re.sub(r"\s+", " ", printed)
    assert flowing.count("note not-utf-8 30 0-of-a-long-name.maf, 1-of-a-long-name.maf, 10-of") == 1
    assert flowing.count("and 27 more read as Latin-1") == 1


def test_terminal__shows_what_a_terminal_would_obey(capsys):
    evil = Finding("error", "odd", "red \x1b[31m\nand more", patient="P\x1b[2J", where="a\nb.maf")
    say_quality(quality(findings=[evil], files=("\x1b[2J.maf", VCF)))
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "a\ufffdb.maf" in printed


def test_terminal__nothing_noticed_is_said(capsys):
    say_quality(quality(findings=()))
    assert "Nothing was noticed about the data." in capsys.readouterr().out
