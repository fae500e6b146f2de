"""Names that would do something as markup: in the browser they are text, whatever is clicked."""

import pytest

from report.gene_runs import with_genes

pytestmark = pytest.mark.browser
IMG = '<img src=x onerror="window.hurt=1">'
SCRIPT = "</script><script>window.hurt=2</script>"
QUOTE = "\"' onfocus=window.hurt=3 autofocus x='"


def unhurt(tab):
    """Nothing that came with a name has run, and none of it became an element."""
    assert tab.evaluate("window.hurt") is None
    assert tab.locator("img, [onerror], [onfocus], [autofocus]").count() == 0
    # What the run holds, and the script of the page.
    assert tab.locator("script").evaluate_all("(all) => all.map((one) => one.id)") == ["r1-read", ""]


def test_names__are_text_when_the_page_opens(see, hostile_page):
    tab = see(hostile_page)
    unhurt(tab)
    assert IMG in tab.title()
    assert tab.locator("h1").inner_text().endswith(IMG)
    said = tab.locator("body").text_content()
    assert all(said.count(name) >= 1 for name in (IMG, SCRIPT, QUOTE))


def test_names__are_text_in_sorted_and_searched_tables(see, hostile_page):
    tab = see(hostile_page)
    for button in tab.locator("table[data-table=patients] button.sort").all():
        button.click()
    tab.get_by_label("Search patients").fill("<img src=x")
    assert "24 of 24" in tab.locator(".search .found").inner_text()
    unhurt(tab)


def test_names__are_text_in_the_card_of_a_patient_and_in_the_oncoplot(see, hostile_page):
    tab = see(hostile_page)
    fall = hostile_page.section["patients"]["waterfalls"]["patients"][0]
    rows = [row["patient"] for row in hostile_page.section["patients"]["rows"]]
    tab.locator("button.pick").nth(rows.index(fall["patient"])).click()
    card = tab.locator("#r1-patient")
    assert card.locator("h3").inner_text() == fall["patient"]
    assert SCRIPT in card.locator("svg[role=img]").get_attribute("aria-label")
    assert tab.locator(".oncoplot g.picked text").text_content() == fall["patient"]
    tab.locator(".orders select").select_option(SCRIPT)
    assert SCRIPT in tab.locator(".order-said").inner_text()
    unhurt(tab)


def test_names__are_text_on_the_bench(see, hostile_page):
    tab = see(hostile_page)
    bench = tab.locator(".bench")
    content = hostile_page.section["bench"]
    place = next(at for at, feature in enumerate(content["features"]) if SCRIPT in feature["levels"])
    level = content["features"][place]["levels"].index(SCRIPT)
    patient = next(one["patient"] for one in content["patients"] if one["values"][place] != level)
    bench.locator(".bench-model").select_option("l2-logistic:both")
    bench.locator(".bench-patient").select_option(patient)
    genes = bench.locator("select.bench-gene")
    hostile = [gene for gene in genes.all() if gene.get_attribute("data-feature") in (IMG, SCRIPT)]
    assert len(hostile) == 2
    for gene in hostile:
        for state in ("mutated", "not covered", "not mutated"):
            gene.select_option(state)
    level = bench.locator("select.bench-level").filter(has=tab.locator("option", has_text=SCRIPT))
    level.select_option(SCRIPT)
    assert SCRIPT in bench.get_by_role("list", name="Changed features").inner_text()
    bench.locator(".bench-search").fill(patient)
    assert patient in bench.get_by_role("status").first.inner_text()
    unhurt(tab)


@pytest.mark.parametrize("share", [False, True], ids=["whole", "shared"])
def test_names__that_are_long_keep_to_the_width_of_a_phone(share, see, page_of, make):
    run = with_genes(make(genes=(IMG, SCRIPT), covariate=QUOTE, name="long", patients=160), SCRIPT)
    tab = see(page_of(run, share=share), viewport={"width": 390, "height": 844})
    assert SCRIPT in tab.locator("body").text_content()
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
