"""The oncoplot in the browser: its orders, and the picked patient in it."""

import re

import pytest

pytestmark = pytest.mark.browser
BOX = re.compile(r"M([\d.]+) ([\d.]+)H([\d.]+)V([\d.]+)")
MARKS = {"mutated": "m", "intact": ".", "not-covered": "-"}


def drawn(tab, section):
    """Return what the figure shows: a letter a patient, a text a gene, in the order of its columns."""
    figure = tab.locator(".oncoplot svg[data-cells]")
    left, top, wide, tall, gap = map(float, figure.get_attribute("data-cells").split())
    patients, genes = section["overview"]["patients"], section["overview"]["genes"]
    responders = sum(patient["response"] for patient in patients)
    starts = [left + wide * (place + (0 if place < responders else gap)) for place in range(len(patients))]
    states = [["?"] * len(patients) for _ in genes]
    for name, letter in MARKS.items():
        for path in figure.locator(f".{name} > path").all():
            for x0, y0, x1, y1 in (map(float, found) for found in BOX.findall(path.get_attribute("d"))):
                row = int(((y0 + y1) / 2 - top) / tall)
                for place, start in enumerate(starts):
                    if x0 <= start + wide / 2 <= x1:
                        states[row][place] = letter
    return ["".join(row) for row in states]


def expected(section, order):
    return ["".join(gene["states"][place] for place in order) for gene in section["overview"]["genes"]]


def test_orders__are_those_of_the_run_and_responders_come_first(see, rich_page):
    tab = see(rich_page)
    section = rich_page.section
    patients = section["overview"]["patients"]
    assert drawn(tab, section) == expected(section, range(len(patients)))
    for name in ("burden", "score", "pattern"):
        button = tab.get_by_role("group", name="Order of the patients").get_by_role("button", name=name)
        button.click()
        assert tab.locator(".orders [aria-pressed=true]").all_inner_texts() == [name]
        order = section["overview"]["orders"].get(name, range(len(patients)))
        assert drawn(tab, section) == expected(section, order)
        key = [(-patients[place]["response"], -(patients[place].get(name) or 0)) for place in order]
        assert name == "pattern" or key == sorted(key)


def test_orders__by_gene_has_mutated_then_not_mutated_then_not_covered(see, rich_page):
    tab = see(rich_page)
    section = rich_page.section
    patients, genes = section["overview"]["patients"], section["overview"]["genes"]
    gene = max(genes, key=lambda one: len(set(one["states"])))
    tab.locator(".orders select").select_option(gene["gene"])
    order = sorted(
        range(len(patients)), key=lambda place: (-patients[place]["response"], "m.-".index(gene["states"][place]))
    )
    assert drawn(tab, section) == expected(section, order)
    assert tab.locator(".orders [aria-pressed=true]").count() == 0
    assert gene["gene"] in tab.locator(".order-said").inner_text()


def test_orders__the_picked_patient_is_marked_wherever_the_column_goes(see, rich_page):
    tab = see(rich_page)
    patient = rich_page.section["patients"]["rows"][3]["patient"]
    mark = tab.locator(".oncoplot g.picked")
    assert mark.locator("*").count() == 0
    tab.locator(f"tr[data-patient='{patient}'] button.pick").click()
    for name in ("burden", "score"):
        tab.locator(".orders").get_by_role("button", name=name).click()
        assert mark.locator("text").text_content() == patient
