"""The commands ``compare`` and ``figure``: one content in several forms."""

import json
import os
import shutil

import pytest


@pytest.fixture
def browser_that(tmp_path, monkeypatch):
    """Give the commands a browser that does what a shell script says."""

    def made(does):
        program = tmp_path / "browser"
        program.write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
        program.chmod(0o755)
        monkeypatch.setenv("CHROMIUM", str(program))

    return made


@pytest.mark.parametrize("form", ["md", "json"])
def test_compare__other_forms_say_the_same_without_real_identifiers(form, trained, call, tmp_path):
    out = tmp_path / f"report.{form}"
    assert call("compare", trained.run, "--out", out, "--format", form).code == 0
    text = out.read_text(encoding="utf-8")
    assert "ANKRD44" in text
    assert "SIM000" not in text
    if form == "json":
        assert json.loads(text)["runs"][0]["name"] == "small"


def test_compare__tables_are_a_folder_of_texts(trained, call, tmp_path):
    assert call("compare", trained.run, "--out", tmp_path / "tables", "--format", "tables").code == 0
    tables = list((tmp_path / "tables").rglob("*.tsv"))
    assert any("scores" in table.name for table in tables)
    assert not any("SIM000" in table.read_text(encoding="utf-8") for table in tables)


def test_compare__a_page_to_be_sent_names_no_pseudonym(trained, call, tmp_path):
    whole, shared = tmp_path / "whole.html", tmp_path / "shared.html"
    assert call("compare", trained.run, "--out", whole).code == 0
    assert call("compare", trained.run, "--out", shared, "--share").code == 0
    assert "P-" in whole.read_text(encoding="utf-8")
    assert "P-" not in shared.read_text(encoding="utf-8")


@pytest.fixture
def own_run(trained, tmp_path):
    """A copy of the trained run, which a test may spoil."""
    return shutil.copytree(trained.run, tmp_path / "runs" / "small")


@pytest.mark.parametrize(
    ("name", "form"),
    [("run.json", "json"), ("scores.tsv", "md"), ("new.md", "md"), ("tables", "tables"), (".", "tables")],
)
def test_compare__a_run_that_is_read_is_not_written_into(name, form, own_run, call, listing):
    before = listing(own_run), (own_run / "run.json").read_bytes()
    outcome = call("compare", own_run, "--out", own_run / name, "--format", form, "--force")
    assert outcome.code == 1
    assert "is read and stays as it is" in outcome.err
    assert (listing(own_run), (own_run / "run.json").read_bytes()) == before


def test_compare__a_run_that_is_named_by_its_model_is_not_written_into(trained, own_run, call, monkeypatch):
    monkeypatch.chdir(own_run.parents[1])
    outcome = call("compare", trained.model, "--out", own_run / "run.json", "--format", "json", "--force")
    assert outcome.code == 1
    assert "is read and stays as it is" in outcome.err


def test_compare__an_experiment_file_that_is_read_is_not_replaced(tmp_path, call):
    (tmp_path / "small.yaml").write_text("name: small\n")
    outcome = call("compare", tmp_path / "small.yaml", "--out", tmp_path / "small.yaml", "--force")
    assert outcome.code == 1
    assert "is a file that is read" in outcome.err
    assert (tmp_path / "small.yaml").read_text() == "name: small\n"


def test_compare__the_page_of_a_run_may_be_written_anew(own_run, call):
    (own_run / "report.html").write_text("old")
    assert call("compare", own_run, "--out", own_run / "report.html", "--force").code == 0
    assert "ANKRD44" in (own_run / "report.html").read_text(encoding="utf-8")


@pytest.mark.skipif(os.name != "posix", reason="the browser of this test is a shell script")
def test_compare__a_pdf_stands_beside_the_page(trained, call, browser_that, tmp_path):
    browser_that(
        'for word; do case $word in --print-to-pdf=*) printf "%%PDF-1 %%%%EOF" > "${word#*=}"; esac; done'
    )
    page = tmp_path / "a report.html"
    told = call("compare", trained.run, "--out", page, "--pdf", "--share", "--json")
    assert told.code == 0, told.err
    assert json.loads(told.out)["pdf"] == str(tmp_path / "a report.pdf")
    assert (tmp_path / "a report.pdf").read_bytes() == b"%PDF-1 %%EOF"
    assert {path.name for path in tmp_path.iterdir()} == {"browser", "a report.html", "a report.pdf"}


def test_compare__without_a_browser_a_pdf_is_refused_before_anything_is_written(
    trained, call, tmp_path, monkeypatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    outcome = call("compare", trained.run, "--out", tmp_path / "report.html", "--pdf")
    assert outcome.code == 1
    assert "apt-get install chromium" in outcome.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "report.md", "--format", "md"], "--format md writes none"),
        (["--out", "report.pdf"], "another ending than .pdf"),
        (["--out", "old.html"], "old.pdf is already there"),
    ],
)
def test_compare__a_pdf_that_cannot_be_is_refused_before_anything_is_written(
    words, said, trained, call, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.pdf").write_text("mine")
    outcome = call("compare", trained.run, *words, "--pdf")
    assert outcome.code == 1
    assert said in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ["old.pdf"]


@pytest.mark.skipif(os.name != "posix", reason="the browser of this test is a shell script")
def test_compare__a_browser_that_fails_leaves_the_page_and_no_pdf(trained, call, browser_that, tmp_path):
    browser_that("echo No usable sandbox! >&2")
    outcome = call("compare", trained.run, "--out", tmp_path / "report.html", "--pdf")
    assert outcome.code == 1
    assert "It said: No usable sandbox!" in outcome.err
    assert {path.name for path in tmp_path.iterdir()} == {"browser", "report.html"}


@pytest.mark.parametrize(("ending", "head"), [("svg", b"<svg "), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_figure__is_written_in_the_form_of_its_ending(ending, head, trained, call, tmp_path):
    out = tmp_path / f"roc.{ending}"
    assert call("figure", "roc", trained.run, "--out", out, "--width", "85").code == 0
    assert out.read_bytes().startswith(head)


def test_figure__an_unknown_name_lists_the_figures(trained, call, tmp_path):
    outcome = call("figure", "rok", trained.run, "--out", tmp_path / "f.svg")
    assert outcome.code == 1
    assert "roc" in outcome.err
    assert "calibration" in outcome.err
    assert not (tmp_path / "f.svg").exists()
