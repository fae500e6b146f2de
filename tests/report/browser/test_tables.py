"""Tables in the browser: sorted, searched, saved."""

import csv
import io

import pytest

from trastuz_ml.report.origin import file_name
from trastuz_ml.report.tables import as_text, tables_of

pytestmark = pytest.mark.browser
# Chromium asks before a page saves more than ten files.
AT_ONCE = 9
CELLS = """(table, column) => [...table.tBodies[0].rows].map((row) => {
  const cell = row.cells[column];
  return [row.cells[0].textContent.trim(), cell.dataset.value ?? cell.textContent.trim()];
})"""


def column_of(table, place):
    """Return the name of each row with what stands in a column of it, in the order on the page."""
    return [tuple(pair) for pair in table.evaluate(f"(table) => ({CELLS})(table, {place})")]


def as_number(text):
    return float(text.replace("\u2212", "-").replace(",", "")) if text not in {"", "–"} else None


def in_order(pairs, *, descending):
    """Sort by number, what is missing last; what is alike stays as it was."""
    known = [pair for pair in pairs if as_number(pair[1]) is not None]
    sign = -1 if descending else 1
    missing = [pair for pair in pairs if as_number(pair[1]) is None]
    return sorted(known, key=lambda pair: sign * as_number(pair[1])) + missing


@pytest.mark.parametrize(("table", "column"), [("patients", 3), ("patients", -1), ("scores", 2), ("scores", 6)])
def test_sort__up_then_down_then_as_it_was_and_missing_last(table, column, see, rich_page):
    tab = see(rich_page)
    found = tab.locator(f"table[data-table={table}]")
    heads = found.locator("thead th")
    place = column % heads.count()
    head, before = heads.nth(place), column_of(found, place)
    for said, order in [
        ("ascending", in_order(before, descending=False)),
        ("descending", in_order(before, descending=True)),
        ("none", before),
    ]:
        head.locator("button.sort").click()
        assert head.get_attribute("aria-sort") == said
        assert column_of(found, place) == order


def test_sort__names_go_by_the_alphabet_and_one_column_at_a_time(see, rich_page):
    tab = see(rich_page)
    found = tab.locator("table[data-table=scores]")
    heads = found.locator("thead th")
    heads.nth(2).locator("button.sort").click()
    heads.first.locator("button.sort").click()
    names = [name for name, _ in column_of(found, 0)]
    assert names == sorted(names)
    assert [heads.nth(place).get_attribute("aria-sort") for place in range(3)] == ["ascending", "none", "none"]


def test_sort__every_table_that_says_so_has_a_button_in_each_head(see, rich_page):
    tab = see(rich_page)
    tables = tab.locator("table[data-sortable]")
    assert tables.count() >= 3
    assert tables.locator("thead th").count() == tables.locator("thead th > button.sort").count()


def test_search__leaves_the_rows_that_hold_the_words_and_counts_them(see, rich_page):
    tab = see(rich_page)
    names = [row["patient"] for row in rich_page.section["patients"]["rows"]]
    words = names[0][-3:].upper()
    wanted = [name for name in names if words in name.upper()]
    tab.get_by_label("Search patients").fill(words.lower())
    rows = tab.locator("table[data-search] tbody tr")
    assert [row.inner_text() for row in rows.locator("visible=true").locator("th").all()] == wanted
    assert f"{len(wanted)} of {len(names)} patients" in tab.locator(".search .found").inner_text()
    tab.get_by_label("Search patients").fill("")
    assert rows.locator("visible=true").count() == len(names)


@pytest.mark.parametrize("page", ["rich_page", "shared_page"])
def test_data__every_button_saves_its_table_whole(page, see, request):
    shown = request.getfixturevalue(page)
    tables = tables_of(shown.section)
    tab = see(shown)
    names = [button.get_attribute("data-table") for button in tab.locator("a.data").all()]
    assert len(names) == len(set(names)) >= 9
    for first in range(0, len(names), AT_ONCE):
        tab.reload()
        tab.locator("section details").evaluate_all("(all) => all.forEach((one) => { one.open = true; })")
        for name in names[first : first + AT_ONCE]:
            saved = save(tab, shown.section, name)
            assert saved == as_text(tables[name])
            lines = list(csv.reader(io.StringIO(saved)))
            assert len(lines) == len(tables[name]) + 1
            assert {len(line) for line in lines} == {len(lines[0])}


def test_data__each_run_saves_its_own(see, two_page):
    tab = see(two_page)
    for place, section in enumerate(two_page.content["runs"], start=1):
        assert save(tab, section, "scores", f"r{place}") == as_text(tables_of(section)["scores"])


def save(tab, section, name, key="r1"):
    """Click the button of a table, and return what was saved."""
    with tab.expect_download() as saving:
        tab.locator(f"#{key} a.data[data-table={name}]").click()
    assert saving.value.suggested_filename == f"{file_name(section['name'])}-{name}.csv"
    return saving.value.path().read_text(encoding="utf-8")
