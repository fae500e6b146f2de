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
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from trastuz_ml import schema
from trastuz_ml.errors import OutputExistsError
from trastuz_ml.report.content import content_of
from trastuz_ml.report.html import compare, render
from trastuz_ml.report.tables import tables_of
from trastuz_ml.store.run_folder import Run

Make = Callable[..., Run]
Names = Callable[[Run], dict[str, str]]
EVIL = "<img src=x onerror=alert(1)>"
LOADING = {"src", "srcset", "href", "xlink:href", "action", "data", "poster", "background", "formaction"}


class Page(HTMLParser):
    """Collects tags, attributes that load, ids and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loaded: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.handlers: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loaded += [value or "" for name, value in attrs if name in LOADING]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


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
    assert {"script", "link", "img", "iframe", "object", "embed", "base"}.isdisjoint(parsed.tags)
    assert parsed.handlers == []
    assert set(re.findall(r"https?://[^\s\"'<)]+", page)) <= {"http://www.w3.org/2000/svg"}
    assert "@import" not in page


def test_page__allows_only_its_own_style_sheet(page: str) -> None:
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src &#39;none&#39;; style-src &#39;sha256-{digest}&#39;" in page
    assert page.count("<style") == 1
    assert " style=" not in page


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


def test_page__names_of_genes_covariates_and_runs_are_text(make: Make, pseudonyms: Names, tmp_path: Path) -> None:
    run = make(genes=(EVIL,), covariate=EVIL + "2", name=EVIL, fillers=0)
    run.associations.loc[0, "gene"] = EVIL
    page = compare([run], tmp_path / "r.html", names=pseudonyms(run)).read_text("utf-8")
    parsed = Page(page)
    assert "img" not in parsed.tags
    assert parsed.handlers == []
    assert EVIL in parsed.text


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
