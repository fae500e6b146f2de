"""How a page looks and reads: light, dark, on paper, on a phone, by keyboard, read aloud, without script."""

import re
from pathlib import Path

import pytest

from trastuz_ml.report.pdf import print_page

pytestmark = pytest.mark.browser
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
FIELDS = ("select", "input", "button")
COLOURS = """() => [getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor,
  getComputedStyle(document.documentElement).backgroundColor]"""


def light_of(colour):
    """Return how light a colour is, 0 to 1; nothing for one that is not there."""
    parts = [float(part) for part in re.findall(r"[\d.]+", colour)]
    return None if parts[3:] == [0] else sum(parts[:3]) / 765


def unfold(tab):
    """Open what is folded, pick the first patient of each run, and change a gene on the bench."""
    tab.locator("section details").evaluate_all("(all) => all.forEach((one) => { one.open = true; })")
    for article in tab.locator("article").all():
        if article.locator("button.pick").count():
            article.locator("button.pick").first.click()
        for gene in article.locator("select.bench-gene:enabled").all()[:1]:
            gene.select_option("not covered")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_scheme__text_stands_out_from_its_ground(scheme, see, shared_page):
    tab = see(shared_page, color_scheme=scheme)
    text, *grounds = map(light_of, tab.evaluate(COLOURS))
    ground = next(ground for ground in grounds if ground is not None)
    assert (text > 0.8 and ground < 0.2) if scheme == "dark" else (text < 0.2 and ground > 0.8)


@pytest.mark.parametrize("page", ["rich_page", "shared_page", "two_page", "hostile_page"])
def test_width__of_a_phone_is_enough(page, see, request):
    tab = see(request.getfixturevalue(page), viewport=PHONE, has_touch=True, is_mobile=True)
    unfold(tab)
    assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert tab.evaluate("innerWidth") == PHONE["width"]


@pytest.mark.parametrize(
    ("page", "scheme", "screen", "off"),
    [
        ("rich_page", "light", DESK, []), ("rich_page", "dark", PHONE, []), ("shared_page", "light", PHONE, []),
        # Contrast is that of the other pages, and most of the time.
        ("two_page", "light", DESK, ["color-contrast"]),
    ],
)  # fmt: skip
def test_axe__finds_nothing_serious(page, scheme, screen, off, see, serious, request):
    tab = see(request.getfixturevalue(page), color_scheme=scheme, viewport=screen)
    unfold(tab)
    assert serious(tab, off) == []


def test_print__leaves_out_what_can_only_be_clicked(see, rich_page):
    tab = see(rich_page)
    unfold(tab)
    tab.emulate_media(media="print")
    for control in (
        "nav",
        ".search",
        ".orders",
        "a.data",
        "a.skip",
        ".bench select",
        ".bench input",
        ".bench button",
    ):
        found = tab.locator(control)
        assert found.count() >= 1, control
        assert found.locator("visible=true").count() == 0, control
    # What is folded away on the screen is on paper.
    assert tab.locator("table[data-table=waterfalls]").is_visible()
    assert tab.evaluate("document.documentElement.scrollWidth") <= DESK["width"]


def test_print__in_the_dark_is_on_white(see, shared_page):
    tab = see(shared_page, color_scheme="dark")
    tab.emulate_media(media="print", color_scheme="dark")
    text, *grounds = map(light_of, tab.evaluate(COLOURS))
    assert text < 0.2
    assert all(ground is None or ground > 0.8 for ground in grounds)


@pytest.mark.parametrize("page", ["rich_page", "shared_page"])
def test_pdf__has_all_pages_and_an_outline(page, browser, request, tmp_path):
    printed = print_page(request.getfixturevalue(page).path, tmp_path / "report.pdf").read_bytes()
    assert printed.startswith(b"%PDF")
    assert len(re.findall(rb"/Type /Page\b(?!s)", printed)) >= 4
    for heading in (b"Scores", b"ROC curves", b"Limits"):
        assert b"/Title (" + heading + b")" in printed
    assert [path.name for path in Path(tmp_path).iterdir()] == ["report.pdf"]


def test_keyboard__alone_sorts_a_table_picks_a_patient_and_orders_the_oncoplot(see, rich_page):
    tab = see(rich_page)
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    reached = set()
    wanted = {"sort", "pick", "order", "bench-model", "bench-gene", "data", "search"}
    for _ in range(600):
        tab.keyboard.press("Tab")
        what = tab.evaluate(
            "(() => { const one = document.activeElement; return one.dataset.order ? 'order' : "
            "one.closest('.search') ? 'search' : one.className; })()"
        )
        if what not in wanted - reached:
            continue
        reached.add(what)
        ring = tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert ring != "none", what
        if what == "sort":
            tab.keyboard.press("Enter")
            assert tab.evaluate("document.activeElement.closest('th').ariaSort") == "ascending"
        elif what in ("pick", "order"):
            tab.keyboard.press("Space")
            assert tab.evaluate("document.activeElement.ariaPressed") == "true"
        if reached == wanted:
            break
    assert reached == wanted


def test_script__without_it_all_is_said_and_nothing_pretends_to_work(see, rich_page):
    tab = see(rich_page, java_script_enabled=False)
    assert tab.locator(".sort, .pick, .search, .orders").count() == 0
    assert tab.locator(".bench select").count() == 0
    assert not tab.locator(".bench-part").is_visible()
    tables = tab.locator("table[data-table=patients], table[data-table=waterfalls], table[data-table=scores]")
    assert tables.count() == 3
    patient = rich_page.section["patients"]["rows"][0]["patient"]
    assert tab.locator(f"table[data-table=patients] tr[data-patient='{patient}']").count() == 1
