"""The page: one file, no network, no real name, the same bytes each time."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from trastuz_ml import schema
from trastuz_ml.errors import OutputExistsError
from trastuz_ml.report.content import content_of
from trastuz_ml.report.html import SCRIPTS, compare, render
from trastuz_ml.report.tables import tables_of
from trastuz_ml.store.run_folder import Run

Make = Callable[..., Run]
Names = Callable[[Run], dict[str, str]]
EVIL = "<img src=x onerror=alert(1)>"
BREAKING = "</script><script>alert(1)</script>"
LOADING = {"src", "srcset", "href", "xlink:href", "action", "data", "poster", "background", "formaction"}


class Page(HTMLParser):
    """Collects tags, attributes that load, ids, text, and scripts with their types."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loaded: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.handlers: list[str] = []
        self.scripts: list[tuple[str, str]] = []
        self.opened = ("", "")
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loaded += [value or "" for name, value in attrs if name in LOADING]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.opened = (tag, dict(attrs).get("type") or "")

    def handle_data(self, data: str) -> None:
        if self.opened[0] == "script":
            self.scripts.append((self.opened[1], data))
        else:
            self.text += data

    def handle_endtag(self, tag: str) -> None:
        self.opened = ("", "")


def sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def data_of(page: str) -> dict:
    """What the script of the page reads of its first run."""
    return json.loads(next(text for kind, text in Page(page).scripts if kind == "application/json"))


@pytest.fixture(scope="module")
def page_path(large: Run, pseudonyms: Names, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compare([large], tmp_path_factory.mktemp("page") / "report.html", names=pseudonyms(large))


@pytest.fixture(scope="module")
def page(page_path: Path) -> str:
    return page_path.read_text("utf-8")


def test_page__no_real_identifier_in_any_byte(page_path: Path, large: Run) -> None:
    written = page_path.read_bytes()
    assert not [p for p in large.patients["patient"] if p.encode() in written]
    assert b"PATIENT-0" not in written
    assert b"somebody" not in written


def test_page__loads_nothing(page: str) -> None:
    parsed = Page(page)
    # A table that is saved stands in the page itself.
    assert all(address.startswith(("#", "data:text/csv;")) for address in parsed.loaded)
    assert {"link", "img", "iframe", "object", "embed", "base"}.isdisjoint(parsed.tags)
    assert parsed.handlers == []
    assert set(re.findall(r"https?://[^\s\"'<)]+", page)) <= {"http://www.w3.org/2000/svg"}
    assert "@import" not in page


def test_page__allows_only_its_own_style_sheet_and_script(page: str) -> None:
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    run = [text for kind, text in Page(page).scripts if not kind]
    assert len(run) == 1
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert unescape(policy[1]).split("; ") == [
        "default-src 'none'", f"style-src 'sha256-{sha256(style[1])}'", "base-uri 'none'", "form-action 'none'",
        f"script-src 'sha256-{sha256(run[0])}'",
    ]  # fmt: skip
    assert page.count("<style") == 1
    assert " style=" not in page


def test_page__script_builds_from_text_alone(page: str) -> None:
    script = next(text for kind, text in Page(page).scripts if not kind)
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "fetch("):
        assert way not in script
    assert script.count('"use strict"') == len(SCRIPTS)


def test_page__without_a_script_there_is_no_control(page: str) -> None:
    assert {"button", "input", "select", "textarea", "output"}.isdisjoint(Page(page).tags)


def test_page__says_everything_without_a_script(page: str, large: Run, pseudonyms: Names) -> None:
    content = content_of([large], pseudonyms(large))["runs"][0]
    for row in content["patients"]["rows"]:
        assert f'<th scope="row">{row["patient"]}</th>' in page
    for one in content["patients"]["waterfalls"]["patients"]:
        assert f'<tr data-patient="{one["patient"]}"><th scope="row">' in page


def test_page__data_of_the_script_are_those_of_the_content(page: str, large: Run, pseudonyms: Names) -> None:
    section = json.loads(json.dumps(content_of([large], pseudonyms(large))["runs"][0]))
    data = data_of(page)
    columns, overview = data["overview"].pop("patients"), section["overview"]
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    assert rows == overview["patients"]
    assert data == {
        "waterfalls": section["patients"]["waterfalls"], "bench": section["bench"],
        "overview": {"genes": overview["genes"], "orders": overview["orders"]},
    }  # fmt: skip


def test_page__tables_to_be_sorted_are_whole(page: str) -> None:
    """One head, one body, a cell in each column: else sorting would tear rows apart."""
    found = re.findall(r"<table[^>]* data-sortable[^>]*>(.*?)</table>", page, re.DOTALL)
    assert len(found) > 3
    for table in found:
        assert table.count("<thead>") == table.count("<tbody>") == 1
        assert not re.search(r"(col|row)span", table)
        head, body = table.split("<tbody>")
        columns = len(re.findall(r"<th[ >]", head.split("<thead>")[1]))
        rows = re.findall(r"<tr[ >].*?</tr>", body, re.DOTALL)
        assert rows
        assert {len(re.findall(r"<t[hd][ >]", row)) for row in rows} == {columns}


def test_page__rounded_cells_carry_their_values(page: str, large: Run, pseudonyms: Names) -> None:
    content = content_of([large], pseudonyms(large))["runs"][0]
    for cell in filter(None, (cell for row in content["scores"]["rows"] for cell in row["cells"])):
        known = "" if cell["estimate"] is None else f"{cell['estimate']:.6g}"
        assert f'<td data-value="{known}"><span class="estimate">' in page
    smallest = min(row["p"] for row in content["comparisons"])
    assert smallest < 0.001
    assert f'data-value="{smallest:.6g}">&lt; 0.001</td>' in page


def test_page__every_model_of_a_patient_is_read_with_its_range(page: str, large: Run, pseudonyms: Names) -> None:
    content = content_of([large], pseudonyms(large))["runs"][0]["patients"]
    head = page.split('data-table="patients" data-sortable data-search')[1]
    named = re.findall(r'data-model="([^"]+)"', head.split("</thead>")[0])
    assert named == content["models"]
    first = content["rows"][0]["probability"]
    cells = re.findall(r'<td class="n" data-value="([^"]*)" data-low="([^"]*)" data-high="([^"]*)"', head)[0]
    assert [float(value) for value in cells] == [first[name][0] for name in ("mean", "low", "high")]


def test_page__links_lead_somewhere_and_ids_are_unique(page: str) -> None:
    parsed = Page(page)
    assert len(parsed.ids) == len(set(parsed.ids))
    assert {address[1:] for address in parsed.loaded if address.startswith("#")} <= set(parsed.ids)


def test_page__is_small_for_nine_models_and_160_patients(page_path: Path) -> None:
    assert page_path.stat().st_size < 1_000_000


def test_page__is_rendered_from_json_alone(page: str, large: Run, pseudonyms: Names) -> None:
    content = json.loads(json.dumps(content_of([large], pseudonyms(large))))
    assert render(content) == page


def test_page__every_figure_has_words_and_every_table_a_button(page: str) -> None:
    figures = re.findall(r"<svg [^>]*>", page)
    assert len(figures) > 30
    assert all('role="img"' in figure and "aria-labelledby=" in figure for figure in figures)
    assert page.count("<desc ") == len(figures)
    for name in ("roc", "precision-recall", "calibration", "scores", "baseline", "flow", "mutations", "patients"):
        assert f'data-table="{name}" download="' in page


def test_page__data_button_holds_the_table_as_csv(page: str, large: Run, pseudonyms: Names) -> None:
    address = re.search(
        r'data-table="scores" download="[^"]*\.csv" href="data:text/csv;charset=utf-8,([^"]*)"', page
    )
    assert address is not None
    rows = list(csv.DictReader(io.StringIO(unquote(address[1]))))
    expected = tables_of(content_of([large], pseudonyms(large))["runs"][0])["scores"]
    assert [(row["model"], row["score"]) for row in rows] == [(row["model"], row["score"]) for row in expected]
    assert float(rows[0]["estimate"]) == expected[0]["estimate"]


def test_page__same_run_same_bytes(page_path: Path, large: Run, pseudonyms: Names, tmp_path: Path) -> None:
    again = compare([large], tmp_path / "again.html", names=pseudonyms(large))
    assert again.read_bytes() == page_path.read_bytes()


def test_page__comes_in_reading_order(page: str) -> None:
    headings = [
        "The answer", "What n can tell", "Flow of patients and calls", "Table 1: patients by response",
        "Findings about the data", "Mutations by response", "Scores", "Comparisons", "Genes", "Patients", "Limits",
        "TRIPOD+AI", "Provenance",
    ]  # fmt: skip
    places = [page.index(f">{heading}</h2>") for heading in headings]
    assert places == sorted(places)


def test_page__says_why_a_gene_is_not_evaluable(page: str) -> None:
    assert "PPM1D: not evaluable: mutated in 0 of 160." in page


@pytest.mark.parametrize("name", [EVIL, BREAKING])
def test_page__names_of_genes_covariates_and_runs_are_text(
    make: Make, pseudonyms: Names, tmp_path: Path, name: str
) -> None:
    run = make(genes=(name,), covariate=name + "2", name=name, fillers=0)
    run.associations.loc[0, "gene"] = name
    page = compare([run], tmp_path / "r.html", names=pseudonyms(run)).read_text("utf-8")
    parsed = Page(page)
    assert "img" not in parsed.tags
    assert parsed.handlers == []
    assert name in parsed.text
    # The data and the script: no name opens another one or ends them early.
    assert [kind for kind, _ in parsed.scripts] == ["application/json", ""]
    assert parsed.tags.count("script") == 2
    assert name in [gene["gene"] for gene in data_of(page)["overview"]["genes"]]


def test_page__a_value_is_called_by_its_level_or_its_number(make: Make, pseudonyms: Names) -> None:
    run = make(fillers=0)
    content = json.loads(json.dumps(content_of([run], pseudonyms(run))))
    gene, other = [
        {"feature": name, "block": block, "levels": levels}
        for name, block, levels in (("KIT", "gene", []), ("size", "covariate", ["small", "large"]))
    ]
    steps = [
        [0, 1, 0.5],
        [0, 0, 0.4],
        [0, None, 0.3],
        [1, 1.0, 0.2],
        [1, 0.5, 0.1],
        [1, 123.4, 0.1],
        [1, None, 0.1],
    ]
    one = {"patient": "K1", "base": 0.0, "output": 1.7, "rest": 0.0, "steps": steps}
    content["runs"][0]["patients"]["waterfalls"] |= {"model": "m", "features": [gene, other], "patients": [one]}
    assert (
        "KIT mutated +0.50; KIT not mutated +0.40; KIT not covered +0.30; size large +0.20; size 0.5 +0.10; "
        "size 123 +0.10; size unknown +0.10"
    ) in render(content)


def test_page__missing_interval_is_explained(make: Make, pseudonyms: Names, tmp_path: Path) -> None:
    run = make(missing_interval=True)
    page = compare([run], tmp_path / "r.html", names=pseudonyms(run)).read_text("utf-8")
    assert "No interval: one fold only: the spread over folds is unknown." in page


def test_page__simulated_is_in_title_banner_and_answer(page: str) -> None:
    assert "<title>SIMULATED" in page
    assert '<p class="banner" role="note">SIMULATED' in page
    assert "<p>SIMULATED: every patient" in page


def test_page__two_runs_stand_in_panels_of_their_own(make: Make, pseudonyms: Names, tmp_path: Path) -> None:
    one, other = make(), make(name="other", fingerprint="b")
    page = compare([one, other], tmp_path / "r.html", names=pseudonyms(one)).read_text("utf-8")
    parsed = Page(page)
    assert page.count("<article id=") == 2  # those of gene certificates have none
    assert len(parsed.ids) == len(set(parsed.ids))
    assert "no test between them is given" in page


def test_page__run_with_empty_tables_is_written(make: Make, pseudonyms: Names, tmp_path: Path) -> None:
    emptied = ("comparisons", "gene_contributions", "associations", "findings", "explained", "choices")
    run = replace(make(), **{name: schema.empty(getattr(schema, name.upper())) for name in emptied})
    page = compare([run], tmp_path / "r.html", names=pseudonyms(run)).read_text("utf-8")
    for said in ("No pair of models was compared", "Nothing was noticed", "there is nothing to show"):
        assert said in page


def test_compare__existing_page_is_refused(page_path: Path, large: Run, pseudonyms: Names) -> None:
    before = page_path.read_bytes()
    with pytest.raises(OutputExistsError, match="already there"):
        compare([large], page_path, names=pseudonyms(large))
    assert page_path.read_bytes() == before


def test_compare__force_replaces_and_leaves_nothing_else(make: Make, pseudonyms: Names, tmp_path: Path) -> None:
    run, out = make(), tmp_path / "deep" / "r.html"
    out.parent.mkdir()
    out.write_text("old")
    assert compare([run], out, names=pseudonyms(run), force=True) == out
    assert out.read_text("utf-8").startswith("<!doctype html>")
    assert [path.name for path in out.parent.iterdir()] == ["r.html"]
