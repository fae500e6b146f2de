"""The checklist: all items, filled from the run, blank where the run knows nothing."""

from __future__ import annotations

import pytest

from trastuz_ml.report.content import content_of
from trastuz_ml.report.html import render


@pytest.fixture(scope="module")
def section(rich, pseudonyms):
    return content_of([rich], pseudonyms(rich))["runs"][0]


def test_checklist__has_the_27_items(section):
    numbers = [int(row["item"].rstrip("abcdefg")) for row in section["checklist"]]
    assert sorted(set(numbers)) == list(range(1, 28))
    assert numbers == sorted(numbers)
    assert len({row["item"] for row in section["checklist"]}) == len(section["checklist"])


@pytest.mark.parametrize("item", ["1", "2", "5b", "6a", "17", "18a", "18d", "19", "27c"])
def test_checklist__what_only_authors_know_is_blank(section, item):
    row = next(row for row in section["checklist"] if row["item"] == item)
    assert (row["said"], row["where"]) == ("", "")


def test_checklist__what_the_run_knows_is_filled(section):
    said = {row["item"]: row["said"] for row in section["checklist"]}
    assert said["20a"] == section["flow"]["sentence"]
    assert "AUROC" in said["12e"]
    assert f"{section['facts']['patients']} patients" in said["21"]
    assert "ER status" in said["23a"]


def test_checklist__every_place_it_points_to_is_there(rich, pseudonyms):
    content = content_of([rich], pseudonyms(rich))
    page = render(content)
    for row in content["runs"][0]["checklist"]:
        if row["where"]:
            assert f'id="r1-{row["where"]}"' in page
