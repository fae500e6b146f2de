"""What the README shows runs as it is written."""

import doctest
import re
from pathlib import Path

import pytest

from trastuz_ml.experiment.experiment_file import read_experiment

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_readme__its_python_runs_and_gives_what_it_says():
    found = doctest.testfile(str(ROOT / "README.md"), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert found.attempted >= 10
    assert found.failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_docs__every_link_to_a_file_leads_somewhere(page):
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [t for t in targets if not (page.parent / t).exists()] == []


def anchors(page):
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_docs__every_link_to_a_heading_leads_to_one(page):
    links = re.findall(r"\]\(([^):#]*\.md)?#([\w-]+)\)", page.read_text(encoding="utf-8"))
    assert [
        (file, anchor) for file, anchor in links if anchor not in anchors(page.parent / (file or page.name))
    ] == []


EXAMPLE = "experiment-file.md"


def yaml_of(page):
    return re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def test_docs__the_example_of_an_experiment_file_is_one(tmp_path):
    (tmp_path / "clinic.yaml").write_text(yaml_of(ROOT / "docs" / EXAMPLE)[0], encoding="utf-8")
    experiment = read_experiment(tmp_path / "clinic.yaml")
    assert experiment.calls.filters.min_depth == 20
    assert experiment.assays["exome"].megabases == 35
    assert experiment.permutation.added_value == 99


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_docs__every_part_of_an_experiment_file_that_is_shown_is_accepted(page, tmp_path):
    example = yaml_of(ROOT / "docs" / EXAMPLE)[0]
    for shown in yaml_of(page):
        keys = re.findall(r"(?m)^(\w+):", shown)
        # A part takes the place of the same sections of the example; what has a name is whole.
        kept = [
            section for section in re.split(r"(?m)^(?=\w+:)", example) if section.partition(":")[0] not in keys
        ]
        (tmp_path / "shown.yaml").write_text(shown if "name" in keys else shown + "".join(kept), encoding="utf-8")
        assert read_experiment(tmp_path / "shown.yaml").name


def test_experiments__every_test_file_that_the_readme_names_is_there():
    named = re.findall(r"`(tests/[\w/]+\.py)`", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(named) >= 8
    assert [name for name in named if not (ROOT / name).is_file()] == []
