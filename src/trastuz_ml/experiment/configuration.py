"""The experiment file: every setting typed, unknown keys refused with the nearest known one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from trastuz_ml.calls.reading import Filters, PatientFrom
from trastuz_ml.cohort.patients import Covariate, Response, RosterPlan
from trastuz_ml.errors import ConfigurationError, TrastuzError
from trastuz_ml.features.masks import mask_of
from trastuz_ml.learn.catalogue import CHOSEN, CLINICAL, RIVALS, CatalogueModel, catalogue_model
from trastuz_ml.schema import CALLS, ENCODINGS, NONSILENT

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


def _number(value: Any) -> Any:
    """Read a decimal number, which the YAML loader leaves as the text that was written."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _nothing_as_empty(value: Any) -> Any:
    """Read a key with nothing under it, such as a list that is commented out, as empty."""
    return {} if value is None else value


def _exome_only() -> dict[str, AssaySettings]:
    return {"exome": AssaySettings()}


def _gene_list_or_settings(value: Any) -> Any:
    """Read a file name alone as a gene list, and nothing as the whole exome."""
    return {"genes": value} if isinstance(value, str) else _nothing_as_empty(value)


Texts = Annotated[tuple[str, ...], BeforeValidator(_texts), Field(min_length=1)]
Words = Annotated[tuple[str, ...], BeforeValidator(_texts)]
Text = Annotated[str, BeforeValidator(_as_text), Field(min_length=1)]


ByColumn = Annotated[dict[Text, Texts], BeforeValidator(_nothing_as_empty)]


Share = Annotated[float, BeforeValidator(_number), Field(ge=0, le=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Simulated(_Section):
    """An invented cohort, written as ``calls.maf`` and ``roster.tsv`` before it is read as any other."""

    patients: int = Field(default=160, ge=12, le=100_000, description="number of patients, 12 to 100,000")
    seed: int = Field(default=2019, ge=0, description="same seed, same cohort")


class CallFilters(_Section):
    """Which calls are taken as real. A call without the value that a filter looks at passes it."""

    words: Texts = Field(default=("PASS",), description="FILTER words let through, or 'any'")
    min_depth: int = Field(default=0, ge=0, description="reads over the position in the tumour")
    min_alt_reads: int = Field(default=0, ge=0, description="reads that support the alternative allele")
    min_vaf: Share = Field(default=0.0, description="variant allele fraction, 0 to 1")
    max_population_frequency: Share = Field(
        default=1.0, description="highest frequency of the allele in a reference population, 0 to 1"
    )

    def plan(self) -> Filters:
        """Return what the readers need."""
        return Filters(**{**self.model_dump(), "words": None if self.words == ("any",) else self.words})


class Calls(_Section):
    """Where the mutation calls are, and how to read them."""

    files: Texts = Field(
        description="VCF, BCF or MAF files, tables like MAF, or a cBioPortal study folder; * stands for any text"
    )
    sheet: str | int = Field(default=0, description="sheet of an Excel file")
    columns: dict[str, Text] = Field(
        default_factory=dict, description="column of the calls table: header word of the file"
    )
    tumor: Text | None = Field(default=None, description="the tumour's sample column, where no header says so")
    patient_from: PatientFrom = Field(
        default="auto", description="what names the patient of a VCF: its sample column, or the file"
    )
    annotation: Text | None = Field(
        default=None, description="INFO field with the annotation, where a VCF holds two: CSQ, ANN ..."
    )
    filters: CallFilters = CallFilters()
    symbols: str | None = Field(
        default=None, description="newer table of gene names (HGNC's complete set), instead of the one that ships"
    )

    @model_validator(mode="after")
    def _known_columns(self) -> Self:
        for name in self.columns:
            if name not in CALLS.names:
                raise ValueError(
                    f"columns: '{name}' is no column of the calls table{_nearest(name, CALLS.names)} "
                    f"Known: {', '.join(CALLS.names)}"
                )
        return self


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
    levels: Words = Field(default=(), description="levels of an ordered covariate, lowest first")
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
    covariates: Annotated[dict[Text, CovariateColumn], BeforeValidator(_nothing_as_empty)] = Field(
        default_factory=dict
    )
    group: Text | None = Field(default=None, description="column of a unit that never straddles a split")
    assay: Text | None = Field(default=None, description="column with the name of the patient's assay")
    default_assay: Text | None = Field(default=None, description="assay of patients for whom that column is empty")
    sequenced: ByColumn = Field(default_factory=dict, description="column: values of the sequenced")
    filter: ByColumn = Field(default_factory=dict, description="column: values to keep")

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


class AssaySettings(_Section):
    """What one assay covers: a gene list, a BED file or a cBioPortal panel; the whole exome without any."""

    genes: str | None = Field(default=None, description="gene list, one symbol a line")
    bed: str | None = Field(default=None, description="BED file of the target regions")
    intervals: str | None = Field(
        default=None, description="table of gene intervals, for a BED without gene names"
    )
    build: str | None = Field(default=None, description="genome build of the BED: GRCh37 or GRCh38")
    share: Share = Field(default=0.5, description="share of its bases that a gene needs to be covered by the BED")
    panel: str | None = Field(default=None, description="gene panel file in cBioPortal's form")
    megabases: Annotated[float | None, BeforeValidator(_number)] = Field(
        default=None, gt=0, description="megabases covered, which make a burden a rate"
    )


class Features(_Section):
    """Which calls count, and as what."""

    encoding: str = "binary"
    effects: Texts = NONSILENT
    masks: str | None = Field(default=None, description="file of masks: unions of effects and score cut-offs")
    mask: Text | None = Field(default=None, description="the mask of that file that says which calls count")
    gene_sets: str | None = Field(default=None, description="GMT file, for the encoding gene-sets")

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.encoding not in ENCODINGS:
            nearest = _nearest(self.encoding, ENCODINGS)
            raise ValueError(f"expected {', '.join(ENCODINGS)}; found '{self.encoding}'{nearest}")
        mask_of(self.effects)  # refuses what is no effect
        if (self.masks is None) != (self.mask is None):
            raise ValueError("masks (the file) and mask (the name of one in it) are given together")
        if (self.encoding == "gene-sets") != (self.gene_sets is not None):
            raise ValueError("the encoding gene-sets needs gene_sets: FILE.gmt, and only that encoding has it")
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

    name: Annotated[Text, AfterValidator(lambda v: _file_name(v))]
    purpose: str = ""
    data: str = Field(default=".", description="folder of the files below, relative to the experiment file")
    simulated: Simulated | None = None
    calls: Calls
    roster: Roster
    assays: dict[str, Annotated[AssaySettings, BeforeValidator(_gene_list_or_settings)]] = Field(
        default_factory=_exome_only,
        description="assay: gene list file, or settings; nothing for an exome",
    )
    features: Features = Features()
    watch: Words = ("ANKRD44",)
    accept: Words = Field(
        default=(), description="codes of errors about the data that you looked at and answer for"
    )
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
        left = [model.name for model in self.catalogue()]
        if not left or self.export not in (CHOSEN, *left):
            raise ValueError(
                f"{', '.join(self.models) if not left else self.export} needs covariates, and none are declared "
                "under roster: covariates:"
            )
        return self

    def catalogue(self) -> list[CatalogueModel]:
        """Return the competitors; those that need covariates are left out where there are none."""
        models = [catalogue_model(name) for name in self.models]
        if self.roster.covariates:
            return models
        return [m for m in models if m.features not in ("covariates", "both")]


def _model_names(value: Any) -> Any:
    """Spell out ``- xgboost: [genes, both]`` as ``xgboost:genes`` and ``xgboost:both``."""
    if isinstance(value, str):
        value = [value]
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
            raise ValueError(f"{str(error).rstrip('.')}{_nearest(name, known)}") from error
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"{', '.join(repeated)} is listed twice")
    if not names:
        raise ValueError("list at least one model")
    return tuple(names)


def _file_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise ValueError(
            "folders take this name: expected at most 100 letters, digits, points, - and _, beginning with a "
            f"letter or digit; found '{name}'"
        )
    return name


def _nearest(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.4)
    return f"; did you mean {close[0]}?" if close else ""


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
    calls = experiment.calls.model_copy(update={"tumor": tumor} if tumor else {})
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
        return f"unknown key '{key}'{_nearest(place[-1], known) or '.'} Known here: {', '.join(known)}."
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
