"""What is said of the settings comes from their model, and all of it is said."""

import pytest

from trastuz_ml.errors import InputError
from trastuz_ml.experiment.configuration_docs import (
    experiment_schema,
    sections,
    settings_table,
    with_tables,
)
from trastuz_ml.experiment.validation_settings import Section

# Numbers that count nothing: seeds, the place of a sheet, and shares, which are given as 0 to 1.
WITHOUT_UNIT = {"seed", "sheet"}


def fields():
    return [(place, name, field) for place, s in sections().items() for name, field in s.model_fields.items()]


def every_section(of=Section):
    return {of, *(inner for child in of.__subclasses__() for inner in every_section(child))}


def test_sections__all_that_are_declared_are_found_once():
    assert set(sections().values()) == every_section() - {Section}
    assert len(sections()) == len(set(sections().values())) == 15


@pytest.mark.parametrize(("place", "name", "field"), fields(), ids=lambda value: str(value)[:30])
def test_fields__each_has_a_description_that_fits_a_table(place, name, field):
    assert field.description, f"{place}: {name} has no description"
    assert "|" not in field.description
    assert "\n" not in field.description
    assert field.description == field.description.strip().rstrip(".")


def numbers(schema):
    """Every schema of a number under a schema, with the name of its setting."""
    for section in [schema, *schema["$defs"].values()]:
        for name, field in section["properties"].items():
            for kind in field.get("anyOf", [field]):
                if kind.get("type") in ("integer", "number"):
                    yield name, field, kind


def test_fields__each_number_has_bounds_and_a_unit_or_is_a_share():
    found = list(numbers(experiment_schema()))
    assert len(found) >= 18
    for name, field, kind in found:
        assert {"minimum", "exclusiveMinimum"} & set(kind), name
        share = {kind.get("maximum"), kind.get("exclusiveMaximum")} & {1}
        assert share or name in WITHOUT_UNIT or "(unit: " in field["description"], name


def test_table__names_every_field_with_its_default():
    for place, section in sections().items():
        rows = settings_table(place).splitlines()[2:]
        assert [row.split("`")[1] for row in rows] == list(section.model_fields)
        for row, field in zip(rows, section.model_fields.values(), strict=True):
            assert (row.split(" | ")[2] == "required") == field.is_required()


@pytest.mark.parametrize(
    ("place", "row"),
    [
        ("store", "| `miss_rate` | number above 0, below 1 | `0.1` |"),
        ("assays", "| `share` | number above 0, to 1 | `0.5` |"),
        ("assays", "| `megabases` | number above 0 (megabases) | absent |"),
        ("calls.filters", "| `min_depth` | whole number from 0 (reads) | `0` |"),
        ("permutation", "| `times` | whole number, 0 to 100,000 (permutations) | `0` |"),
        ("validation", "| `rule` | `lowest` or `one-standard-error` | `lowest` |"),
        ("roster.response", "| `positive` | list | required |"),
        ("top level", "| `watch` | list | `[ANKRD44, ERBB2, PIK3CA, TP53]` |"),
        ("top level", "| `assays` | mapping | `{exome: null}` |"),
        ("top level", "| `calls` | section | absent |"),
        ("tracking", "| `enabled` | `true` or `false` | `true` |"),
    ],
)
def test_table__says_what_may_be_written_and_what_holds_without(place, row):
    assert row in settings_table(place)


def test_tables__of_a_page_are_written_anew_and_its_prose_stays():
    marked = "<!-- settings: {0} -->\noutdated words\n<!-- end of settings -->\nprose {0}"
    page = with_tables("\n".join(map(marked.format, sections())))
    assert "outdated words" not in page
    assert all(settings_table(place) in page and f"\nprose {place}" in page for place in sections())
    assert with_tables(page) == page


def test_tables__a_place_that_is_missing_or_unknown_is_refused():
    marks = [f"<!-- settings: {place} -->\n<!-- end of settings -->" for place in sections()]
    with pytest.raises(InputError, match="no place for the settings of tracking"):
        with_tables("\n".join(marks[:-1]))
    with pytest.raises(InputError, match="no section 'elsewhere'"):
        with_tables("\n".join([*marks, "<!-- settings: elsewhere -->\n<!-- end of settings -->"]))


def test_schema__every_section_is_closed_and_described():
    schema = experiment_schema()
    for section in [schema, *schema["$defs"].values()]:
        assert section["additionalProperties"] is False
        assert section["description"]
