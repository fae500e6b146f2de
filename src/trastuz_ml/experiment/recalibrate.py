"""Recalibration in an external cohort: a new version of the model, never a change of the old one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from trastuz_ml.learn.recalibration import FEWEST, Recalibration, recalibration_line
from trastuz_ml.prediction.external import Judged
from trastuz_ml.stats.external import intercept_alone
from trastuz_ml.store.bundle import ModelBundle, save_bundle

# Ten patients of the smaller class for each number that is estimated, as in training: the intercept is one.
FEWEST_FOR_INTERCEPT = FEWEST // 2


@dataclass(frozen=True, eq=False)
class Recalibrated:
    """What was fitted, and the model with it; without a bundle there is nothing to keep.

    Attributes
    ----------
    about : mapping
        ``intercept``, ``slope``, ``patients``, ``said`` (in words) and, once kept, ``folder``.
    bundle : ModelBundle, optional
        The model with the new line.
    sha256 : str
        Identity of the version that was kept.
    """

    about: Mapping[str, Any] = field(default_factory=dict)
    bundle: ModelBundle | None = None
    sha256: str = ""

    def save(self, models: Path) -> Recalibrated:
        """Keep the model as the next version of its name, if there is anything to keep.

        Raises
        ------
        ModelError, OutputExistsError
            If it cannot be kept.
        """
        if self.bundle is None:
            return self
        folder, sha256 = save_bundle(self.bundle, models / self.bundle.name)
        said = f"{self.about['said']} Kept as version {folder.name} of {self.bundle.name}."
        return replace(self, about={**self.about, "version": int(folder.name), "said": said}, sha256=sha256)


def recalibrated_here(bundle: ModelBundle, judged: Judged, mark: str) -> Recalibrated:
    """Fit a model's recalibration anew in the patients it was judged by.

    Parameters
    ----------
    bundle : ModelBundle
        The model.
    judged : Judged
        Responses and predictions.
    mark : str
        Keyed hash of the roster, by which the card tells which patients these were.

    Notes
    -----
    With 20 patients of each class or more intercept and slope, with 10 or more the intercept alone (Steyerberg et
    al. 2004, Statistics in Medicine 23:2567, methods 3 and 2), below that nothing: ten for each number that is
    estimated. The order of patients, and so the AUROC, stays what it is.
    """
    line, how = _line(judged)
    if line.refusal:
        said = f"No recalibrated version was made: {line.refusal}."
        return Recalibrated({"patients": line.patients, "said": said})
    responders = int(judged.response.sum())
    said = (
        f"Probabilities were recalibrated in {line.patients} external patients, {responders} of whom responded "
        f"(roster {mark[:12]}): {how}. Recalibrated log-odds: {line.intercept:+.3f} + {line.slope:.3f} x "
        "predicted log-odds."
    )
    later = (
        f"{said} The scores on this card are those before; calibration in those very patients is no evidence for "
        "this version."
    )
    card = {**bundle.card, "limits": [*bundle.card["limits"], later]}
    made = replace(bundle, recalibration=line, card=card, sha256="", version=0)
    about = {"intercept": line.intercept, "slope": line.slope, "patients": line.patients, "said": said}
    return Recalibrated(about, made)


def _line(judged: Judged) -> tuple[Recalibration, str]:
    y, p = judged.response, judged.probability
    fewer = int(min(y.sum(), len(y) - y.sum()))
    if fewer >= FEWEST:
        return recalibration_line(y, p), "intercept and slope"
    if fewer < FEWEST_FOR_INTERCEPT:
        reason = f"a class has {fewer} patients, and an intercept needs {FEWEST_FOR_INTERCEPT} of each"
        return Recalibration(0.0, 1.0, len(y), reason), ""
    how = f"the intercept alone, because a class has {fewer} patients, and a slope needs {FEWEST} of each"
    return Recalibration(intercept_alone(y, p), 1.0, len(y)), how
