"""The commands ``compare`` and ``figure``: one content in several forms."""

import json

import pytest


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
