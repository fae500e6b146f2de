"""The model bundle: a fitted model, the features it reads and its card, on disk and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trastuz_ml.cohort.patients import Covariate
from trastuz_ml.cohort.variant_marks import VariantMarks
from trastuz_ml.errors import ModelError
from trastuz_ml.learn.conformal import Conformal
from trastuz_ml.learn.design import Feature
from trastuz_ml.learn.fitted import FittedModel
from trastuz_ml.learn.recalibration import Recalibration
from trastuz_ml.learn.training_summary import TrainingSummary
from trastuz_ml.schema import COVARIATE, GENE
from trastuz_ml.store.card import CARD_DEFAULTS, card_markdown, check_card, plain
from trastuz_ml.store.estimators import BOOSTED, FILES, FOREST, read_estimator, write_estimator
from trastuz_ml.store.gene_names import GENE_NAMES, gene_names_bytes, require_gene_names
from trastuz_ml.store.lock import LOCK, installed_versions, lock_text, require_same_minor
from trastuz_ml.store.manifest import (
    MANIFEST,
    Sealed,
    json_bytes,
    read_json,
    read_sealed,
    seal,
    sha256_of,
    write_json,
)
from trastuz_ml.store.specification import (
    SPECIFICATION,
    features_as_plain,
    features_of,
    preparation_as_plain,
    preparation_of,
    reduced_preparation,
    require_known,
)
from trastuz_ml.store.vectors import VECTORS, vectors_as_bytes, vectors_from_bytes
from trastuz_ml.store.versions import find_folder, part_of, place, require_room, version_of
from trastuz_ml.store.worth import WORTH, Worth, unknown_worth

CARD, CARD_TEXT = "card.json", "card.md"
# Keyed hashes of the training patients' rare variants, 8 bytes each.
MARKS = "overlap.u64"
# What stays on the machine where the model was made, and is no part of its identity.
LOCAL_FILES = frozenset({MARKS, VECTORS})
# What each kind of model must be read back with: same major and minor version, or its numbers may differ.
_BOUND_TO: dict[str, str] = {FOREST: "scikit-learn", BOOSTED: "xgboost"}


@dataclass(frozen=True, eq=False)
class ModelBundle:
    """Everything a prediction needs, besides new calls.

    Attributes
    ----------
    name : str
        Name under which the model is kept.
    model : FittedModel
        Its ``columns`` are places in ``features``.
    features : tuple of Feature
        The features that the model reads, and no others.
    encoding : str
        Encoding of the genes, one of :data:`trastuz_ml.schema.ENCODINGS`.
    effects : tuple of str
        Effect classes that count.
    simulated : bool
        Whether it was trained on invented patients; then every output says so.
    card : mapping
        See :data:`trastuz_ml.store.card.CARD_FIELDS`.
    summary, conformal, recalibration, weights, abstain_below, miss_rate
        What a prediction is judged by: see :class:`trastuz_ml.store.worth.Worth`.
    symbols : bytes
        The table of gene names that the model was trained with, gzip; the card's ``inputs`` give its date.
    build : str, optional
        Genome build of the training calls, where their files name it.
    versions : mapping
        Python and packages it was trained with.
    sha256 : str
        Hash of the manifest, which is the model's identity; empty before it is stored.
    version : int
        Its version; 0 before it is stored, and of a copy whose folder has no number.
    vectors : array of shape (n_training, n_genes), optional
        Genes of the training patients, in the order of ``genes``, patients in no order; only where they were kept.
    marks : VariantMarks, optional
        Of the training patients' rare variants; only on the machine where the model was made.
    """

    name: str
    model: FittedModel
    features: tuple[Feature, ...]
    encoding: str
    effects: tuple[str, ...]
    simulated: bool
    card: Mapping[str, Any]
    summary: TrainingSummary
    conformal: Conformal
    recalibration: Recalibration
    weights: npt.NDArray[np.float64]
    abstain_below: float = 0.5
    miss_rate: float = 0.1
    symbols: bytes = field(default=b"", repr=False)
    build: str | None = None
    versions: Mapping[str, str] = field(default_factory=installed_versions)
    sha256: str = ""
    version: int = 0
    vectors: npt.NDArray[np.float32] | None = None
    marks: VariantMarks | None = None

    @property
    def worth(self) -> Worth:
        """What a prediction is judged by, in one piece."""
        return Worth(**{part.name: getattr(self, part.name) for part in fields(Worth)})

    @property
    def genes(self) -> tuple[str, ...]:
        """Names of the genes that the model reads."""
        return tuple(f.name for f in self.features if f.block == GENE)

    @property
    def covariates(self) -> tuple[Covariate, ...]:
        """The roster columns that the model reads, as a roster is to declare them."""
        return tuple(_covariate(f) for f in self.features if f.block == COVARIATE)

    def measured(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        """Return, for each row, whether any feature is known; true when the model reads none."""
        if not self.features:
            return np.ones(len(X), dtype=bool)
        return np.asarray((~np.isnan(X)).any(axis=1))

    def probability(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return the probability of response of each row of X, in the columns of ``features``.

        Missing (NaN) where no feature was measured: a probability would be made of nothing.
        """
        chances = np.full(len(X), np.nan)
        known = self.measured(X)
        if known.any():
            chances[known] = self.model.probability(X[known])
        return chances


def _covariate(feature: Feature) -> Covariate:
    if feature.kind == "category":
        return Covariate(feature.name, kind="category")
    return Covariate(feature.name, kind="ordered" if feature.levels else "number", levels=feature.levels)


def make_bundle(
    name: str,
    model: FittedModel,
    design_features: Sequence[Feature],
    encoding: str,
    effects: Sequence[str],
    card: Mapping[str, Any],
    simulated: bool,
) -> ModelBundle:
    """Reduce a model fitted on a whole design to the features it reads; its predictions stay the same bits.

    What its predictions are worth is not known of it yet: :func:`dataclasses.replace` puts in ``summary``,
    ``conformal`` and the others, which need the reduced model.

    Parameters
    ----------
    name : str
        Name of the stored model.
    model : FittedModel
        Its ``columns`` are places in ``design_features``.
    design_features : sequence of Feature
        The columns of the design it was fitted on.
    encoding, effects
        How the genes of the design were made.
    card : mapping
        Fields of :data:`trastuz_ml.store.card.CARD_FIELDS`; those that the model knows itself (name,
        simulated, model, features, candidate, threshold, versions) are filled in here, and the hashes of its
        files when it is stored.
    simulated : bool
        Whether the patients are invented.

    Raises
    ------
    ModelError
        If the card lacks a field or has one that is not declared.
    """
    places, source = np.unique(model.sources(), return_inverse=True)
    features = tuple(design_features[at] for at in places)
    reduced = FittedModel(
        model.name, np.arange(len(places)), reduced_preparation(model, features, source), model.estimator,
        plain(model.candidate), float(model.threshold),
    )  # fmt: skip
    versions = installed_versions()
    known = {
        "name": name,
        "simulated": simulated,
        "model": model.name,
        "features": len(features),
        "candidate": reduced.candidate,
        "threshold": reduced.threshold,
        "versions": versions,
        "files": {},
    }
    whole = plain({**CARD_DEFAULTS, **card, **known})
    check_card(whole)
    worth = unknown_worth(len(features))
    return ModelBundle(
        name, reduced, features, encoding, tuple(effects), simulated, whole, **vars(worth),
        symbols=gene_names_bytes(), versions=versions,
    )  # fmt: skip


def save_bundle(bundle: ModelBundle, folder: str | Path) -> tuple[Path, str]:
    """Keep a bundle as the next version of a model; it appears complete or not at all.

    Where the newest version is the very same, nothing is written and that version is meant. Several processes may
    do this at once: each gets a version of its own.

    Parameters
    ----------
    bundle : ModelBundle
        What to keep.
    folder : path
        The model's folder, in which versions are: ``models/NAME``. Its last part need not be the bundle's name.

    Returns
    -------
    version : Path
        The folder of the version, ``models/NAME/3``.
    identity : str
        Hash of its manifest.

    Raises
    ------
    OutputExistsError
        If the folder is something else than a place of versions.
    ModelError
        If the model cannot be stored, or not written.
    """
    folder = Path(folder)
    require_room(folder)
    public, local = _public(bundle), _local(bundle)
    try:
        with part_of(folder) as partial:
            for name, data in (public | local).items():
                (partial / name).write_bytes(data)
            card = {**bundle.card, "files": {name: sha256_of(data) for name, data in sorted(public.items())}}
            write_json(partial / CARD, card)
            (partial / CARD_TEXT).write_text(card_markdown(card), encoding="utf-8", newline="\n")
            identity = seal(partial, bundle.versions, local=LOCAL_FILES)
            return place(partial, folder), identity
    except OSError as error:
        raise ModelError(f"The model cannot be written to {folder}: {error}.") from error


def _public(bundle: ModelBundle) -> dict[str, bytes]:
    """Return the files of the model's identity, but for the card, which names their hashes."""
    kind, data = write_estimator(bundle.model.estimator)
    # What could not be read back would be found out years later.
    read_estimator(kind, data, len(bundle.model.preparation.source_))
    worth = plain(bundle.worth.as_json())
    Worth.from_json(worth, len(bundle.features))
    require_gene_names(bundle.symbols)
    return {
        FILES[kind]: data,
        SPECIFICATION: json_bytes(SPECIFICATION, _specification(bundle, kind)),
        WORTH: json_bytes(WORTH, worth),
        GENE_NAMES: bundle.symbols,
        LOCK: lock_text().encode("ascii"),
    }


def _local(bundle: ModelBundle) -> dict[str, bytes]:
    """Return the files that stay on this machine."""
    local = {}
    if bundle.marks is not None:
        local[MARKS] = bundle.marks.as_bytes()
    if bundle.vectors is not None:
        _require_fitting(bundle.vectors, bundle.genes)
        local[VECTORS] = vectors_as_bytes(bundle.vectors)
    return local


def _require_fitting(vectors: npt.NDArray[np.float32], genes: Sequence[str]) -> None:
    if vectors.ndim != 2 or vectors.shape[1] != len(genes):
        raise ModelError(
            f"{VECTORS} does not fit the model: expected rows of {len(genes)} genes, found {vectors.shape}."
        )


def _specification(bundle: ModelBundle, kind: str) -> dict[str, Any]:
    model = bundle.model
    return {
        "name": bundle.name,
        "simulated": bundle.simulated,
        "model": model.name,
        "estimator": kind,
        "encoding": bundle.encoding,
        "effects": list(bundle.effects),
        "build": bundle.build,
        "candidate": plain(model.candidate),
        "threshold": model.threshold,
        "features": features_as_plain(bundle.features),
        "columns": model.columns.tolist(),
        "preparation": preparation_as_plain(model.preparation),
    }


def public_files(folder: str | Path) -> list[Path]:
    """Return the files of a stored model that may leave this machine, sorted: its manifest and what that lists.

    Raises
    ------
    ModelError
        If the model is damaged.
    """
    folder = Path(folder)
    return sorted(folder / name for name in (MANIFEST, *read_sealed(folder).files))


def load_model(name: str | Path, models: str | Path = Path("models")) -> ModelBundle:
    """Read a model that :func:`save_bundle` wrote, without running anything that is in it.

    Parameters
    ----------
    name : str or path
        The folder of a version, or of a model, whose newest version is meant; or under ``models`` a name
        (``demo``) or a name and a version (``demo/2``).
    models : path
        Where names are looked up.

    Raises
    ------
    ModelError
        If there is none, the folder was changed, was made by versions that may give other numbers, or holds
        anything that trastuz-ml does not know.
    """
    path = find_folder(name, Path(models))
    sealed = read_sealed(path)
    try:
        return _unpack(sealed, path)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        if isinstance(error, ModelError):
            raise ModelError(f"{path}: {error}") from error
        raise ModelError(
            f"{path / SPECIFICATION} does not describe a model ({error!r}). Export the model again."
        ) from error


def _unpack(sealed: Sealed, folder: Path) -> ModelBundle:
    files, local = sealed.files, sealed.local
    about = read_json(SPECIFICATION, files[SPECIFICATION])
    kind = about["estimator"]
    _require_our_files({SPECIFICATION, CARD, CARD_TEXT, WORTH, GENE_NAMES, LOCK, FILES[kind]}, sealed)
    if kind in _BOUND_TO:
        require_same_minor(_BOUND_TO[kind], sealed.versions, folder)
    features = features_of(about["features"])
    preparation = preparation_of(about["preparation"], features)
    require_known(about, features, preparation)
    estimator = read_estimator(kind, files[FILES[kind]], len(preparation.source_))
    model = FittedModel(
        about["model"], np.array(about["columns"], dtype=np.intp), preparation, estimator, about["candidate"],
        float(about["threshold"]),
    )  # fmt: skip
    worth = Worth.from_json(read_json(WORTH, files[WORTH]), len(features))
    require_gene_names(files[GENE_NAMES])
    bundle = ModelBundle(
        about["name"], model, features, about["encoding"], tuple(about["effects"]), bool(about["simulated"]),
        read_json(CARD, files[CARD]), **vars(worth), symbols=files[GENE_NAMES], build=about["build"],
        versions=sealed.versions, sha256=sealed.sha256, version=version_of(folder),
        vectors=vectors_from_bytes(local[VECTORS]) if VECTORS in local else None,
        marks=VariantMarks.from_bytes(local[MARKS]) if MARKS in local else None,
    )  # fmt: skip
    if bundle.vectors is not None:
        _require_fitting(bundle.vectors, bundle.genes)
    return bundle


def _require_our_files(expected: set[str], sealed: Sealed) -> None:
    if set(sealed.files) != expected:
        raise ModelError(f"expected the files {', '.join(sorted(expected))}, found {', '.join(sealed.files)}.")
    if foreign := set(sealed.local) - LOCAL_FILES:
        raise ModelError(
            f"expected no local files but {', '.join(sorted(LOCAL_FILES))}, found {', '.join(sorted(foreign))}."
        )
