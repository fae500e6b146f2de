"""Reading the experiment file: YAML whose words stay as written, and mistakes named with the nearest known key."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from trastuz_ml.errors import ConfigurationError
from trastuz_ml.experiment.configuration import Experiment, Features
from trastuz_ml.experiment.validation_settings import nearest

_MOST_SHOWN = 80
_EXPECTED = {
    "int_parsing": "a whole number", "int_type": "a whole number", "int_from_float": "a whole number",
    "bool_parsing": "true or false", "bool_type": "true or false",
    "string_type": "a word", "string_too_short": "a word",
    "tuple_type": "a list", "too_short": "at least one value",
}  # fmt: skip


class _PlainLoader(yaml.SafeLoader):
    """YAML whose words stay as written: YES, TRUE, 1.50, 007 and 2024-01-01.

    A roster holds texts, and settings must match them to the letter. Only whole numbers become numbers, because
    their text can be had back; settings that are true or false are read from their words by pydantic.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that is given twice, which YAML would silently overwrite."""
        seen = set()
        for key_node, _ in node.value:
            if isinstance(key_node, yaml.ScalarNode) and key_node.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key_node.value}' is given twice", key_node.start_mark
                )
            seen.add(key_node.value if isinstance(key_node, yaml.ScalarNode) else None)
        return super().construct_mapping(node, deep=deep)


_PlainLoader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag in ("tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^(?:0|-?[1-9][0-9]*)$"), list("-0123456789")
)


def read_experiment(path: str | Path, *, data: str | Path | None = None) -> Experiment:
    """Read an experiment file.

    Parameters
    ----------
    path : path
        YAML file. Paths in it are relative to it.
    data : path, optional
        Folder of the data files, instead of the one the file names.

    Returns
    -------
    Experiment
        With ``data`` made absolute.

    Raises
    ------
    ConfigurationError
        If the file is missing, is not YAML, or a setting is unknown or wrong; the message names the file,
        the key and the nearest known key.
    """
    path = Path(path)
    try:
        content = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_PlainLoader)  # noqa: S506
    except FileNotFoundError as error:
        raise ConfigurationError(f"There is no experiment file {path}. `trastuz-ml init` writes one.") from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not text in UTF-8 ({error.reason}): save it as UTF-8.") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigurationError(_where_not_yaml(path, error)) from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path}: expected settings such as 'name: ...', found none.")
    try:
        experiment = Experiment.model_validate(content)
    except ValidationError as error:
        raise ConfigurationError(_explain(path, error)) from error
    root = Path(data) if data is not None else path.parent / experiment.data
    return experiment.model_copy(update={"data": str(root.resolve())})


def with_options(
    experiment: Experiment,
    *,
    tumor: str | None = None,
    encoding: str | None = None,
    effects: Sequence[str] = (),
    mask: str | None = None,
) -> Experiment:
    """Return the experiment with settings that the command line gave instead of the file.

    Parameters
    ----------
    experiment : Experiment
        What the file says.
    tumor, encoding, mask : str, optional
        Instead of ``calls: tumor:``, ``features: encoding:`` and ``features: mask:``.
    effects : sequence of str
        Instead of ``features: effects:``, and of a mask.

    Raises
    ------
    ConfigurationError
        If the settings do not go together.
    """
    features = experiment.features.model_dump()
    features |= {"encoding": encoding} if encoding else {}
    features |= {"effects": tuple(effects), "masks": None, "mask": None} if effects else {}
    features |= {"mask": mask} if mask else {}
    calls = experiment.calls
    if tumor and calls is None:
        raise ConfigurationError("The experiment names no calls, so that there is no tumour column: omit --tumor.")
    if tumor and calls is not None:
        calls = calls.model_copy(update={"tumor": tumor})
    try:
        chosen = Features.model_validate(features)
    except ValidationError as error:
        raise ConfigurationError("\n".join(_explain_one(problem) for problem in error.errors())) from error
    return experiment.model_copy(update={"features": chosen, "calls": calls})


def _where_not_yaml(path: Path, error: Exception) -> str:
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        reason = str(error).replace('"<unicode string>", ', "")
        return f"{path} is not YAML: {' '.join(reason.split())}."
    mark = error.problem_mark
    reason = ", ".join(part for part in (error.context, error.problem) if part)
    return f"{path}, line {mark.line + 1}, column {mark.column + 1}: this is not YAML: {reason}."


def _explain(path: Path, error: ValidationError) -> str:
    return "\n".join(f"{path}: {_explain_one(problem)}" for problem in error.errors())


def _explain_one(problem: ErrorDetails) -> str:
    place = [str(part) for part in problem["loc"] if part != "[key]"]
    key = ".".join(place)
    if problem["type"] == "extra_forbidden":
        known = _known_keys(place[:-1])
        return f"unknown key '{key}'{nearest(place[-1], known) or '.'} Known here: {', '.join(known)}."
    if problem["type"] == "missing":
        return f"the key '{key}' is missing."
    where = f"{key}: " if key else ""
    if problem["type"] == "value_error":
        return f"{where}{problem['msg'].removeprefix('Value error, ').rstrip('.?')}{_end(problem['msg'])}"
    found = "nothing" if problem["input"] is None else _shortened(repr(problem["input"]))
    return f"{where}expected {_expected(problem, place)}, found {found}."


def _end(sentence: str) -> str:
    return "?" if sentence.endswith("?") else "."


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "..."


def _expected(problem: ErrorDetails, place: list[str]) -> str:
    kind, bounds = problem["type"], problem.get("ctx", {})
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        known = _known_keys(place)
        return "settings under it" + (f" ({', '.join(known)})" if kind == "model_type" else "")
    if kind == "literal_error":
        return str(bounds["expected"]).replace("'", "")
    if kind in ("greater_than_equal", "less_than_equal"):
        least = kind == "greater_than_equal"
        return f"at least {bounds['ge']}" if least else f"at most {bounds['le']}"
    return _EXPECTED.get(kind) or problem["msg"]


def _known_keys(place: list[str]) -> list[str]:
    section: type[BaseModel] = Experiment
    for part in place:
        field = section.model_fields.get(part)
        if field is None:
            continue  # the name of a covariate: its section was entered with the mapping
        inner = _section_in(field.annotation)
        if inner is not None:
            section = inner
    return list(section.model_fields)


def _section_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((s for a in get_args(annotation) if (s := _section_in(a)) is not None), None)
