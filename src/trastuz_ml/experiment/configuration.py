"""The experiment file: every setting typed, unknown keys refused with the nearest known one."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from trastuz_ml.cohort.patients import Covariate, Response, RosterPlan
from trastuz_ml.errors import ConfigurationError, TrastuzError
from trastuz_ml.learn.catalogue import CHOSEN, CLINICAL, RIVALS, CatalogueModel, catalogue_model
from trastuz_ml.schema import EFFECTS, ENCODINGS, NONSILENT

DEFAULT_MODELS: tuple[str, ...] = (
    "prevalence", CLINICAL, "burden-only", "l2-logistic:genes", "l2-logistic:both", "elastic-net:genes",
    "elastic-net:both", "random-forest:genes", "random-forest:both", "xgboost:genes", "xgboost:both",
)  # fmt: skip


def _texts(value: Any) -> Any:
    """Read one value as a list of one, and numbers as the text that a table holds."""
    values = value if isinstance(value, list | tuple) else [value]
    return tuple(str(v) if isinstance(v, int | float | str) and not isinstance(v, bool) else v for v in values)


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _exome_only() -> dict[str, str | None]:
    return {"exome": None}


Texts = Annotated[tuple[str, ...], BeforeValidator(_texts), Field(min_length=1)]
Text = Annotated[str, BeforeValidator(_as_text), Field(min_length=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Simulated(_Section):
    """An invented cohort, written as ``calls.maf`` and ``roster.tsv`` before it is read as any other."""

    patients: int = Field(default=160, description="number of patients, 12 to 100,000")
    seed: int = Field(default=2019, ge=0, description="same seed, same cohort")


class Calls(_Section):
    """Where the mutation calls are."""

    files: Texts = Field(description="MAF files, or tables like MAF (.maf, .tsv, .txt, .gz, .xlsx)")
    sheet: str | int = Field(default=0, description="sheet of an Excel file")
    columns: dict[str, str] = Field(
        default_factory=dict, description="column of the calls table: header word of the file"
    )


class ResponseColumn(_Section):
    """Which roster column holds the response, and what its values mean."""

    column: Text
    positive: Texts
    negative: Texts

    @model_validator(mode="after")
    def _no_overlap(self) -> Self:
        both = set(self.positive) & set(self.negative)
        if both:
            raise ValueError(f"{', '.join(sorted(both))} cannot be both a positive and a negative response")
        return self


class CovariateColumn(_Section):
    """A roster column that may predict."""

    when: Literal["baseline", "post"] = Field(description="known before treatment, or only after it began")
    kind: Literal["number", "category", "ordered"] = "number"
    levels: tuple[str, ...] = Field(default=(), description="levels of an ordered covariate, lowest first")
    vouched: bool = Field(default=False, description="you vouch that an AUC of 0.95 or more is real")

    @model_validator(mode="after")
    def _levels_where_ordered(self) -> Self:
        if (self.kind == "ordered") != bool(self.levels):
            raise ValueError("an ordered covariate needs levels (lowest first), and only an ordered one has them")
        return self


class Roster(_Section):
    """Who the patients are."""

    file: str = Field(description="TSV, CSV, Parquet or Excel file")
    sheet: str | int = Field(default=0, description="sheet of an Excel file")
    patient: Text = Field(description="column with the identifier that the calls use")
    response: ResponseColumn
    covariates: dict[str, CovariateColumn] = Field(default_factory=dict)
    group: Text | None = Field(default=None, description="column of a unit that never straddles a split")
    assay: Text | None = Field(default=None, description="column with the name of the patient's assay")
    sequenced: dict[str, Texts] = Field(default_factory=dict, description="column: values of the sequenced")
    filter: dict[str, Texts] = Field(default_factory=dict, description="column: values to keep")

    def plan(self) -> RosterPlan:
        """Return what the roster's reader needs."""
        return RosterPlan(
            self.patient,
            Response(self.response.column, self.response.positive, self.response.negative),
            self.covariate_list(),
            self.group,
            self.assay,
            self.sequenced,
            self.filter,
        )

    def covariate_list(self) -> tuple[Covariate, ...]:
        """Return the covariates as declared, in order."""
        return tuple(Covariate(name, c.when, c.kind, c.levels, c.vouched) for name, c in self.covariates.items())


class Features(_Section):
    """Which calls count, and as what."""

    encoding: str = "binary"
    effects: Texts = NONSILENT

    @model_validator(mode="after")
    def _known(self) -> Self:
        for word, known in ((self.encoding, ENCODINGS), *((effect, EFFECTS) for effect in self.effects)):
            if word not in known:
                raise ValueError(f"'{word}' is unknown{_nearest(word, known)}; expected {', '.join(known)}")
        return self


class Plan(_Section):
    """How models are validated."""

    repeats: int = Field(default=10, ge=1)
    folds: int = Field(default=5, ge=2)
    inner_folds: int = Field(default=3, ge=2)
    min_carriers: int = Field(default=3, ge=1, description="carriers a gene needs in a training fold")
    seed: int = Field(default=2019, ge=0)


class Tracking(_Section):
    """Where the run is tracked."""

    enabled: bool = True
    uri: str | None = Field(default=None, description="MLflow tracking URI; SQLite under runs/ when absent")
    experiment: str | None = Field(default=None, description="MLflow experiment; the name of this one if absent")
    register_as: str | None = Field(default=None, description="name in the model registry")
    alias: str | None = Field(default=None, description="alias in the model registry")


class Experiment(_Section):
    """One experiment: the data, the features, the competitors and how they are judged."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    purpose: str = ""
    data: str = Field(default=".", description="folder of the files below, relative to the experiment file")
    simulated: Simulated | None = None
    calls: Calls
    roster: Roster
    assays: dict[str, str | None] = Field(
        default_factory=_exome_only, description="assay: gene list file, or nothing for an exome"
    )
    features: Features = Features()
    watch: tuple[str, ...] = ("ANKRD44",)
    models: Annotated[tuple[str, ...], BeforeValidator(lambda v: _model_names(v))] = DEFAULT_MODELS
    validation: Plan = Plan()
    export: str = Field(default=CHOSEN, description="model to store: a name, or 'chosen'")
    tracking: Tracking = Tracking()

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.export != CHOSEN and self.export not in self.models:
            raise ValueError(
                f"export: '{self.export}' is not among the models{_nearest(self.export, self.models)}"
            )
        if self.tracking.alias and not self.tracking.register_as:
            raise ValueError("tracking: an alias needs register_as")
        return self

    def catalogue(self) -> list[CatalogueModel]:
        """Return the competitors; those that need covariates are left out where there are none."""
        models = [catalogue_model(name) for name in self.models]
        if self.roster.covariates:
            return models
        return [m for m in models if m.features not in ("covariates", "both")]


def _model_names(value: Any) -> Any:
    """Spell out ``- xgboost: [genes, both]`` as ``xgboost:genes`` and ``xgboost:both``."""
    if not isinstance(value, list | tuple):
        return value
    names: list[str] = []
    for item in value:
        if isinstance(item, dict):
            names += [f"{learner}:{f}" for learner, sets in item.items() for f in _texts(sets)]
        else:
            names.append(str(item))
    for name in names:
        try:
            catalogue_model(name)
        except TrastuzError as error:
            known = [*RIVALS, *DEFAULT_MODELS]
            raise ValueError(f"{error}{_nearest(name, known)}") from error
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"{', '.join(repeated)} is listed twice")
    if not names:
        raise ValueError("list at least one model")
    return tuple(names)


def _nearest(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.4)
    return f"; did you mean {close[0]}?" if close else ""


class _PlainLoader(yaml.SafeLoader):
    """YAML 1.2's scalars: YES and NO are words, and dates stay as written."""

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
        if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
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
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}.") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path} is not YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path}: expected settings such as 'name: ...', found none.")
    try:
        experiment = Experiment.model_validate(content)
    except ValidationError as error:
        raise ConfigurationError(_explain(path, error)) from error
    root = Path(data) if data is not None else path.parent / experiment.data
    return experiment.model_copy(update={"data": str(root.resolve())})


def _explain(path: Path, error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        place = [str(part) for part in problem["loc"]]
        key = ".".join(place) or "experiment"
        if problem["type"] == "extra_forbidden":
            known = _known_keys(place[:-1])
            lines.append(
                f"{path}: unknown key '{key}'{_nearest(place[-1], known)} Known here: {', '.join(known)}."
            )
        elif problem["type"] == "missing":
            lines.append(f"{path}: the key '{key}' is missing.")
        else:
            message = problem["msg"].removeprefix("Value error, ")
            found = "" if problem["type"] == "value_error" else f" (found {problem['input']!r})"
            lines.append(f"{path}: {key}: {message}{found}.")
    return "\n".join(lines)


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
