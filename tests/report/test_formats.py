"""One content in every format, and its published shape."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from report.gene_runs import with_genes
from trastuz_ml.errors import ConfigurationError, OutputExistsError
from trastuz_ml.report.content import content_of
from trastuz_ml.report.formats import write_report
from trastuz_ml.report.html import render
from trastuz_ml.report.markdown import markdown
from trastuz_ml.report.shape import content_schema, require_shape
from trastuz_ml.report.tables import as_text, tables_of

PUBLISHED = Path(__file__).parents[2] / "docs" / "report.schema.json"
EVIL = "<img src=x onerror=alert(1)>|`x`"


def test_schema__published_one_is_current():
    assert json.loads(PUBLISHED.read_text("utf-8")) == content_schema(), (
        "write it again: python -c 'from trastuz_ml.report.shape import content_schema as s; import json; "
        "print(json.dumps(s(), indent=1))' > docs/report.schema.json"
    )


@pytest.mark.parametrize("kind", ["large", "rich", "paired"])
def test_schema__contents_are_of_the_published_shape(kind, request, pseudonyms):
    run = request.getfixturevalue(kind)
    content = json.loads(json.dumps(content_of([run, run], pseudonyms(run))))
    require_shape(content)


def test_schema__content_with_a_stray_key_is_refused(make, pseudonyms):
    content = content_of([make()], pseudonyms(make()))
    with pytest.raises(ValueError, match="stray"):
        require_shape({**content, "stray": 1})


def test_json__html_of_the_written_file_is_the_page(rich, pseudonyms, tmp_path):
    written = write_report([rich], tmp_path / "r.json", names=pseudonyms(rich), form="json")
    page = write_report([rich], tmp_path / "r.html", names=pseudonyms(rich))
    assert render(json.loads(written.read_text("utf-8"))) == page.read_text("utf-8")


def test_tables__one_file_a_table_with_the_rows_of_the_content(rich, pseudonyms, tmp_path):
    folder = write_report([rich], tmp_path / "tables", names=pseudonyms(rich), form="tables")
    expected = tables_of(content_of([rich], pseudonyms(rich))["runs"][0])
    assert {path.stem for path in folder.glob("*.tsv")} == set(expected)
    with (folder / "influence.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["patient"] for row in rows] == [row["patient"] for row in expected["influence"]]
    assert "SIMULATED" in (folder / "tables.txt").read_text("utf-8")


def test_tables__several_runs_have_folders_of_their_own(make, pseudonyms, tmp_path):
    runs = [make(name="one"), make(name="two")]
    folder = write_report(runs, tmp_path / "tables", names=pseudonyms(runs[0]), form="tables")
    assert (folder / "1-one" / "scores.tsv").is_file()
    assert (folder / "2-two" / "scores.tsv").is_file()


def test_tables__only_an_own_folder_is_replaced(make, pseudonyms, tmp_path):
    run, mine = make(), tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("work of years")
    with pytest.raises(OutputExistsError, match="holds no tables of a report"):
        write_report([run], mine, names=pseudonyms(run), form="tables", force=True)
    assert (mine / "thesis.txt").read_text() == "work of years"
    out = write_report([run], tmp_path / "t", names=pseudonyms(run), form="tables")
    (out / "old.tsv").write_text("old")
    write_report([run], out, names=pseudonyms(run), form="tables", force=True)
    assert not (out / "old.tsv").exists()


def test_tables__no_cell_runs_in_a_spreadsheet():
    assert as_text([{"gene": "=1+1", "low": -0.5}]) == "gene,low\n'=1+1,-0.5\n"


def test_markdown__names_are_no_markup(make, pseudonyms):
    run = with_genes(make(name=EVIL), EVIL)
    text = markdown(content_of([run], pseudonyms(run)))
    assert "\\<img" in text
    assert "<img" not in text.replace("\\<img", "")
    table = [line for line in text.splitlines() if line.startswith("| ")]
    assert all(line.endswith(" |") for line in table)


def test_markdown__says_the_answer_and_every_part(rich, pseudonyms):
    content = content_of([rich], pseudonyms(rich))
    text = markdown(content)
    assert content["runs"][0]["answer"]["left_out"] in text
    for heading in ("What n can tell", "Table 1", "Scores", "Optimism", "Limits", "TRIPOD+AI", "Provenance"):
        assert f"### {heading}" in text


def test_format__unknown_one_is_refused(make, pseudonyms, tmp_path):
    with pytest.raises(ConfigurationError, match="html, md, json, tables"):
        write_report([make()], tmp_path / "r", names=pseudonyms(make()), form="docx")


def test_with_genes__content_is_of_the_published_shape(make, pseudonyms):
    run = with_genes(make())
    require_shape(json.loads(json.dumps(content_of([run], pseudonyms(run)))))
