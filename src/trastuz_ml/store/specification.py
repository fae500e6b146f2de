"""The specification of a model: which features it reads, and how they are prepared, as plain values and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from trastuz_ml.errors import ModelError
from trastuz_ml.features.masks import mask_of
from trastuz_ml.learn.columns import LearnedColumns
from trastuz_ml.learn.design import Feature
from trastuz_ml.learn.fitted import FittedModel
from trastuz_ml.schema import ASSAY, BURDEN, COVARIATE, ENCODINGS, GENE

SPECIFICATION = "features.json"


def features_as_plain(features: Sequence[Feature]) -> list[dict[str, Any]]:
    """Return features as plain values."""
    return [
        {"name": f.name, "block": f.block, "kind": f.kind, "levels": list(f.levels), "counts": list(f.counts)}
        for f in features
    ]


def features_of(listed: Sequence[Mapping[str, Any]]) -> tuple[Feature, ...]:
    """Return the features that :func:`features_as_plain` wrote."""
    return tuple(Feature(f["name"], f["block"], f["kind"], tuple(f["levels"]), tuple(f["counts"])) for f in listed)


def preparation_as_plain(learned: LearnedColumns) -> dict[str, Any]:
    """Return a fitted preparation as plain values."""
    return {
        "min_carriers": int(learned.min_carriers),
        "complete": bool(learned.complete),
        "source": learned.source_.tolist(),
        "level": learned.level_.tolist(),
        "center": learned.center_.tolist(),
        "scale": learned.scale_.tolist(),
    }


def preparation_of(about: Mapping[str, Any], features: Sequence[Feature]) -> LearnedColumns:
    """Return the preparation that :func:`preparation_as_plain` wrote."""
    learned = [np.array(about[part], dtype=np.float64) for part in ("source", "level", "center", "scale")]
    kinds = [feature.kind for feature in features]
    return _fitted(kinds, int(about["min_carriers"]), bool(about["complete"]), *learned)


def reduced_preparation(
    model: FittedModel, features: Sequence[Feature], source: npt.NDArray[np.intp]
) -> LearnedColumns:
    """Return a model's preparation for its own features alone.

    Parameters
    ----------
    model : FittedModel
        Fitted on a whole design.
    features : sequence of Feature
        Those that it reads.
    source : array of int
        Of each prepared column, the place of its feature among them.
    """
    old = model.preparation
    if not features:
        nothing = np.empty(0)
        return _fitted((), old.min_carriers, old.complete, source, source, nothing, nothing)
    kinds = tuple(feature.kind for feature in features)
    return _fitted(kinds, old.min_carriers, old.complete, source, old.level_, old.center_, old.scale_)


def _fitted(kinds: Sequence[str], min_carriers: int, complete: bool, *learned: npt.NDArray[Any]) -> LearnedColumns:
    preparation = LearnedColumns(tuple(kinds), min_carriers=min_carriers, complete=complete)
    source, level, center, scale = learned
    preparation.source_ = source.astype(np.intp)
    preparation.level_ = level.astype(np.intp)
    preparation.center_ = center.astype(np.float64)
    preparation.scale_ = scale.astype(np.float64)
    preparation.n_features_in_ = len(kinds)
    return preparation


def require_known(about: Mapping[str, Any], features: Sequence[Feature], learned: LearnedColumns) -> None:
    """Refuse a specification that names what trastuz-ml does not know, or whose parts do not fit one another.

    Raises
    ------
    ModelError
        Says what was expected.
    """
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
        "the name of a genome build, or none": about["build"] is None or isinstance(about["build"], str),
    }
    broken = [claim for claim, holds in sound.items() if not holds]
    if broken:
        raise ModelError(f"{SPECIFICATION}: expected {', '.join(broken)}. Export the model again.")
