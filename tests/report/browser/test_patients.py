"""Patients in the browser: picked, and shown with their probabilities and their waterfall."""

import re

import pytest

pytestmark = pytest.mark.browser


def pick(tab, patient, key="r1"):
    """Pick a patient in the table, and return the card."""
    folded = tab.locator(f"#{key} details:has(table[data-table=patients])")
    folded.evaluate_all("(all) => all.forEach((one) => { one.open = true; })")
    tab.locator(f"#{key} tr[data-patient='{patient}'] button.pick").click()
    return tab.locator(f"#{key}-patient")


def test_card__has_the_probability_of_every_model(see, rich_page):
    tab = see(rich_page)
    people = rich_page.section["patients"]
    row = people["rows"][5]
    card = pick(tab, row["patient"])
    said = card.inner_text()
    assert row["patient"] in said
    for model, mean in zip(people["models"], row["probability"]["mean"], strict=True):
        assert re.search(rf"{re.escape(model)}\s+{mean:.2f}\b", said), model
    assert card.get_attribute("aria-live") == "polite"


def test_card__waterfall_has_each_step_and_says_the_same_in_words(see, rich_page):
    tab = see(rich_page)
    falls = rich_page.section["patients"]["waterfalls"]
    fall = falls["patients"][0]
    picture = pick(tab, fall["patient"]).locator("svg[role=img]")
    said, drawn = picture.get_attribute("aria-label"), picture.text_content()
    for place, _, part in fall["steps"]:
        name = falls["features"][place]["feature"]
        assert name in said
        assert f"{abs(part):.3f}" in said
        assert f"{abs(part):.2f}" in drawn
    assert picture.locator("rect.step, rect.step-not-covered").count() >= len(fall["steps"])


def test_card__a_gene_that_was_not_covered_is_hatched_and_never_reads_as_not_mutated(see, rich_page):
    tab = see(rich_page)
    falls = rich_page.section["patients"]["waterfalls"]
    fall, step = next(
        (one, step)
        for one in falls["patients"]
        for step in one["steps"]
        if step[1] is None and falls["features"][step[0]]["block"] == "gene"
    )
    picture = pick(tab, fall["patient"]).locator("svg[role=img]")
    name = falls["features"][step[0]]["feature"]
    assert f"{name} not covered" in picture.get_attribute("aria-label")
    assert f"{name} not mutated" not in picture.get_attribute("aria-label")
    hatched = picture.locator("rect.step-not-covered")
    assert hatched.count() >= 1
    assert hatched.first.get_attribute("fill").startswith("url(#")


def test_card__one_patient_at_a_time_and_none_when_picked_again(see, rich_page):
    tab = see(rich_page)
    first, second = (row["patient"] for row in rich_page.section["patients"]["rows"][:2])
    pick(tab, first)
    card = pick(tab, second)
    assert card.locator("h3").inner_text() == second
    pressed = tab.locator("button.pick[aria-pressed=true]")
    assert [button.inner_text() for button in pressed.all()] == [second]
    pick(tab, second)
    assert card.locator("svg[role=img]").count() == 0


def test_search__enter_picks_the_only_patient_left(see, rich_page):
    tab = see(rich_page)
    patient = rich_page.section["patients"]["rows"][7]["patient"]
    tab.get_by_label("Search patients").fill(patient.lower())
    tab.keyboard.press("Enter")
    assert tab.locator("#r1-patient h3").inner_text() == patient


def test_card__of_each_run_is_its_own(see, two_page):
    tab = see(two_page)
    for place, section in enumerate(two_page.content["runs"], start=1):
        row = section["patients"]["rows"][0]
        card = pick(tab, row["patient"], f"r{place}")
        assert f"{row['probability']['mean'][0]:.2f}" in card.inner_text()
    assert tab.locator("button.pick[aria-pressed=true]").count() == 2


def test_share__nobody_can_be_picked(see, shared_page):
    tab = see(shared_page)
    assert tab.locator("button.pick, .search, .patient-card, .orders, .bench-model").count() == 0
