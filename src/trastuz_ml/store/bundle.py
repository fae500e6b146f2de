"""The model bundle: a fitted model, the features it reads and its card, on disk and back."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trastuz_ml.cohort.patients import Covariate
from trastuz_ml.errors import ModelError, OutputExistsError
from trastuz_ml.features.masks import mask_of
from trastuz_ml.files import require_free
from trastuz_ml.learn.design import Feature
from trastuz_ml.learn.fitted import FittedModel
from trastuz_ml.learn.transformers import Preparation
from trastuz_ml.schema import ASSAY, BURDEN, COVARIATE, ENCODINGS, GENE
from trastuz_ml.store.card import card_markdown, check_card, plain
from trastuz_ml.store.estimators import BOOSTED, FILES, FOREST, read_estimator, write_estimator
from trastuz_ml.store.manifest import (
    MANIFEST,
    Sealed,
    installed_versions,
    read_json,
    read_sealed,
    require_same_minor,
    seal,
    write_json,
)
from trastuz_ml.store.run_folder import replace_folder

SPECIFICATION, CARD, CARD_TEXT = "features.json", "card.json", "card.md"
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
    sha256 : str
        Hash of the manifest, which is the model's identity; empty before it is stored.
    versions : mapping
        Python and packages it was trained with.
    """

    name: str
    model: FittedModel
    features: tuple[Feature, ...]
    encoding: str
    effects: tuple[str, ...]
    simulated: bool
    card: Mapping[str, Any]
    sha256: str = ""
    versions: Mapping[str, str] = field(default_factory=installed_versions)

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
        simulated, model, features, candidate, threshold, versions) are filled in here.
    simulated : bool
        Whether the patients are invented.

    Raises
    ------
    ModelError
        If the card lacks a field or has one that is not declared.
    """
    places, source = np.unique(model.sources(), return_inverse=True)
    features = tuple(design_features[place] for place in places)
    reduced = FittedModel(
        model.name, np.arange(len(places)), _reduced_preparation(model, features, source), model.estimator,
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
    }
    whole = plain({"purpose": "", "inputs": {}, **card, **known})
    check_card(whole)
    return ModelBundle(name, reduced, features, encoding, tuple(effects), simulated, whole, versions=versions)


def _reduced_preparation(
    model: FittedModel, features: Sequence[Feature], source: npt.NDArray[np.intp]
) -> Preparation:
    old = model.preparation
    if not features:
        nothing = np.empty(0)
        return _fitted_preparation((), old.min_carriers, old.complete, source, source, nothing, nothing)
    kinds = tuple(feature.kind for feature in features)
    return _fitted_preparation(kinds, old.min_carriers, old.complete, source, old.level_, old.center_, old.scale_)


def _fitted_preparation(
    kinds: Sequence[str], min_carriers: int, complete: bool, *learned: npt.NDArray[Any]
) -> Preparation:
    preparation = Preparation(tuple(kinds), min_carriers=min_carriers, complete=complete)
    source, level, center, scale = learned
    preparation.source_ = source.astype(np.intp)
    preparation.level_ = level.astype(np.intp)
    preparation.center_ = center.astype(np.float64)
    preparation.scale_ = scale.astype(np.float64)
    preparation.n_features_in_ = len(kinds)
    return preparation


def save_bundle(bundle: ModelBundle, folder: str | Path, *, force: bool = False) -> str:
    """Write a bundle to a folder, which appears complete or not at all, and return its identity.

    Parameters
    ----------
    bundle : ModelBundle
        What to keep.
    folder : path
        Where; its last part need not be the bundle's name.
    force : bool
        Replace a model that is there. Anything that is not a model is never replaced.

    Raises
    ------
    OutputExistsError
        If the folder is there and ``force`` is false, or holds something else than a model.
    ModelError
        If the model cannot be stored, or not written.
    """
    folder = Path(folder)
    require_free(folder, force=force)
    if folder.exists() and not (folder / MANIFEST).is_file():
        raise OutputExistsError(f"{folder} is already there and is not a model: give another name for the model.")
    kind, data = write_estimator(bundle.model.estimator)
    # What could not be read back would be found out years later.
    read_estimator(kind, data, len(bundle.model.preparation.source_))
    partial = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        (partial / FILES[kind]).write_bytes(data)
        write_json(partial / SPECIFICATION, _specification(bundle, kind))
        write_json(partial / CARD, bundle.card)
        (partial / CARD_TEXT).write_text(card_markdown(bundle.card), encoding="utf-8", newline="\n")
        identity = seal(partial, bundle.versions)
        replace_folder(partial, folder)
    except OSError as error:
        raise ModelError(f"The model cannot be written to {folder}: {error}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return identity


def _specification(bundle: ModelBundle, kind: str) -> dict[str, Any]:
    model, learned = bundle.model, bundle.model.preparation
    return {
        "name": bundle.name,
        "simulated": bundle.simulated,
        "model": model.name,
        "estimator": kind,
        "encoding": bundle.encoding,
        "effects": list(bundle.effects),
        "candidate": plain(model.candidate),
        "threshold": model.threshold,
        "features": [
            {"name": f.name, "block": f.block, "kind": f.kind, "levels": list(f.levels), "counts": list(f.counts)}
            for f in bundle.features
        ],
        "columns": model.columns.tolist(),
        "preparation": {
            "min_carriers": int(learned.min_carriers),
            "complete": bool(learned.complete),
            "source": learned.source_.tolist(),
            "level": learned.level_.tolist(),
            "center": learned.center_.tolist(),
            "scale": learned.scale_.tolist(),
        },
    }


def load_model(folder: str | Path) -> ModelBundle:
    """Read a model that :func:`save_bundle` wrote, without running anything that is in it.

    Parameters
    ----------
    folder : path
        The model's folder; a bare name is also looked up under ``models/``.

    Raises
    ------
    ModelError
        If the folder was changed, was made by versions that may give other numbers, or holds anything
        that trastuz-ml does not know.
    """
    path = Path(folder)
    if not (path / MANIFEST).is_file() and (Path("models") / path / MANIFEST).is_file():
        path = Path("models") / path
    sealed = read_sealed(path)
    try:
        return _unpack(sealed)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        if isinstance(error, ModelError):
            raise ModelError(f"{path}: {error}") from error
        raise ModelError(
            f"{path / SPECIFICATION} does not describe a model ({error!r}). Export the model again."
        ) from error


def _unpack(sealed: Sealed) -> ModelBundle:
    about = read_json(SPECIFICATION, sealed.files[SPECIFICATION])
    kind = about["estimator"]
    expected = {SPECIFICATION, CARD, CARD_TEXT, FILES[kind]}
    if set(sealed.files) != expected:
        raise ModelError(f"expected the files {', '.join(sorted(expected))}, found {', '.join(sealed.files)}.")
    if kind in _BOUND_TO:
        require_same_minor(_BOUND_TO[kind], sealed.versions)
    features = tuple(
        Feature(f["name"], f["block"], f["kind"], tuple(f["levels"]), tuple(f["counts"]))
        for f in about["features"]
    )
    preparation = _read_preparation(about["preparation"], features)
    _require_known(about, features, preparation)
    estimator = read_estimator(kind, sealed.files[FILES[kind]], len(preparation.source_))
    model = FittedModel(
        about["model"], np.array(about["columns"], dtype=np.intp), preparation, estimator, about["candidate"],
        float(about["threshold"]),
    )  # fmt: skip
    return ModelBundle(
        about["name"], model, features, about["encoding"], tuple(about["effects"]), bool(about["simulated"]),
        read_json(CARD, sealed.files[CARD]), sealed.sha256, sealed.versions,
    )  # fmt: skip


def _read_preparation(about: Mapping[str, Any], features: Sequence[Feature]) -> Preparation:
    learned = [np.array(about[part], dtype=np.float64) for part in ("source", "level", "center", "scale")]
    kinds = [feature.kind for feature in features]
    return _fitted_preparation(kinds, int(about["min_carriers"]), bool(about["complete"]), *learned)


def _require_known(about: Mapping[str, Any], features: Sequence[Feature], learned: Preparation) -> None:
    used = np.arange(len(features))
    sound = {
        "an encoding of trastuz-ml": about["encoding"] in ENCODINGS,
        "effects of trastuz-ml": mask_of(about["effects"]).effects == tuple(about["effects"]),
        "known blocks": {f.block for f in features} <= {GENE, COVARIATE, BURDEN, ASSAY},
        "known kinds": {f.kind for f in features} <= {"gene", "number", "category"},
        "each feature once": len({(f.block, f.name) for f in features}) == len(features),
        "each feature in use": np.array_equal(np.unique(learned.source_), used)
        and about["columns"] == used.tolist(),
        "one level, centre and scale for each prepared column": learned.source_.ndim == 1
        and learned.source_.shape == learned.level_.shape == learned.center_.shape == learned.scale_.shape,
        "scales above zero": bool((learned.scale_ > 0).all()),
    }
    broken = [claim for claim, holds in sound.items() if not holds]
    if broken:
        raise ModelError(f"{SPECIFICATION}: expected {', '.join(broken)}. Export the model again.")
