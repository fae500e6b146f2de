"""The experiment file described from its own model: a JSON Schema for editors, and the tables of its manual."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema

from trastuz_ml.errors import InputError
from trastuz_ml.experiment.configuration import Experiment

SCHEMA_ID = "https://json-schema.org/draft/2020-12/schema"
TOP = "top level"
# What stands between these two lines of a page is written by `with_tables`.
_TABLE = re.compile(r"(<!-- settings: ([a-z_. ]+) -->\n).*?(<!-- end of settings -->)", re.DOTALL)


class _Schema(GenerateJsonSchema):
    """JSON Schema whose only titles are those that say what kind of value is meant."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def experiment_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of an experiment file, as an editor needs it.

    It describes what may be written, short forms included: a word where a list is expected, a file name for an
    assay. What no schema can say, such as that a covariate must be declared, is left to ``check``.

    Examples
    --------
    >>> schema = experiment_schema()
    >>> schema["required"], schema["additionalProperties"]
    (['name', 'roster'], False)
    >>> schema["$defs"]["CallFilters"]["properties"]["min_depth"]["description"]
    'reads over the position in the tumour (unit: reads)'
    """
    schema = Experiment.model_json_schema(schema_generator=_Schema)
    schema["title"] = "trastuz_ml experiment"
    for section in schema["$defs"].values():
        section.pop("title", None)
    _tell_units(schema)
    return {"$schema": SCHEMA_ID, **schema}


def schema_text() -> str:
    """Return :func:`experiment_schema` as the text of a file, the same each time.

    Examples
    --------
    >>> json.loads(schema_text()) == experiment_schema()
    True
    """
    return json.dumps(experiment_schema(), indent=1) + "\n"


def sections() -> dict[str, type[BaseModel]]:
    """Return every section of the file by its place, in the order of the file.

    Examples
    --------
    >>> list(sections())[:4]
    ['top level', 'simulated', 'calls', 'calls.filters']
    """
    return {TOP: Experiment, **dict(_inner(Experiment, ""))}


def settings_table(place: str) -> str:
    """Return the table of a section's settings as Markdown: key, what it may be, default, meaning.

    Parameters
    ----------
    place : str
        A key of :func:`sections`.

    Raises
    ------
    InputError
        If there is no such section.

    Examples
    --------
    >>> print(settings_table("simulated"))
    | key | value | default | meaning |
    |---|---|---|---|
    | `patients` | whole number, 12 to 100,000 (patients) | `160` | size of the cohort |
    | `seed` | whole number from 0 | `2019` | same seed, same cohort |
    """
    known = sections()
    if place not in known:
        raise InputError(f"The experiment file has no section '{place}'; expected one of {', '.join(known)}.")
    properties = known[place].model_json_schema(schema_generator=_Schema)["properties"]
    rows = [
        f"| `{name}` | {_values(properties[name])} | {_default(field)} | {field.description} |"
        for name, field in known[place].model_fields.items()
    ]
    return "\n".join(["| key | value | default | meaning |", "|---|---|---|---|", *rows])


def with_tables(page: str) -> str:
    """Return a page with the tables of settings written anew, each between the two comments that mark it.

    Raises
    ------
    InputError
        If the page asks for a section that there is not, or leaves one out.

    Examples
    --------
    >>> with_tables("nothing")
    Traceback (most recent call last):
        ...
    trastuz_ml.errors.InputError: The page has no place for the settings of top level, simulated, calls, ...
    """
    asked = [place for _, place, _ in _TABLE.findall(page)]
    left_out = [place for place in sections() if place not in asked]
    if left_out:
        raise InputError(f"The page has no place for the settings of {', '.join(left_out)}.")
    return _TABLE.sub(lambda found: f"{found[1]}\n{settings_table(found[2])}\n\n{found[3]}", page)


def _inner(section: type[BaseModel], place: str) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in section.model_fields.items():
        inner = _section_in(field.annotation)
        if inner is not None:
            yield f"{place}{name}", inner
            yield from _inner(inner, f"{place}{name}.")


def _section_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _section_in(part)) is not None), None)


def _tell_units(schema: Any) -> None:
    """Move units, which JSON Schema does not know, into the descriptions; leave out defaults that say nothing."""
    if isinstance(schema, list):
        for part in schema:
            _tell_units(part)
    if not isinstance(schema, dict):
        return
    if isinstance(schema.get("unit"), str) and "description" in schema:
        schema["description"] += f" (unit: {schema.pop('unit')})"
    if "default" in schema and (schema["default"] is None or isinstance(schema["default"], dict)):
        del schema["default"]
    for part in schema.values():
        _tell_units(part)


def _values(schema: Mapping[str, Any]) -> str:
    """Return what a value may be, in words."""
    if "title" in schema:
        return str(schema["title"])
    kinds = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
    said = " or ".join(_kind(kind) for kind in kinds)
    return f"{said} ({schema['unit']})" if "unit" in schema else said


def _kind(schema: Mapping[str, Any]) -> str:
    if "title" in schema:
        return str(schema["title"])
    if "$ref" in schema or schema.get("type") == "object":
        return "section"
    if "enum" in schema:
        *first, last = (f"`{word}`" for word in schema["enum"])
        return f"{', '.join(first)} or {last}"
    if schema["type"] in ("integer", "number"):
        return _bounded("whole number" if schema["type"] == "integer" else "number", schema)
    return {"string": "text"}[schema["type"]]


def _bounded(kind: str, schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if "exclusiveMinimum" in schema:
        ends = {"exclusiveMaximum": ", below", "maximum": ", to"}
        end = "".join(f"{word} {schema[key]:g}" for key, word in ends.items() if key in schema)
        return f"{kind} above {schema['exclusiveMinimum']:g}{end}"
    if most is None:
        return kind if least is None else f"{kind} from {least:,}"
    return f"{kind}, {least:,} to {most:,}"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, BaseModel):
        return "see below"
    if value is None:
        return "absent"
    return "empty" if value in ("", (), {}) else f"`{_as_yaml(value)}`"


def _as_yaml(value: Any) -> str:
    """Return a default as it would be written in the file, on one line."""
    if isinstance(value, BaseModel):
        return "null"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_as_yaml(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_as_yaml, value))}]"
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)
