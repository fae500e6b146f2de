"""Linear support vector machine with held-out calibration, tuned inside outer folds, beside plain scikit-learn.

As benchmarks/tree_models.py. The plain side is what CalibratedClassifierCV(SVC(kernel="linear"), ensemble=False)
does, with the same calibration folds and the project's calibrating line, which never turns a score round.
A finer grid of C shows what sharing the kernel saves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.svm import SVC

from trastuz_ml.learn.calibration import calibrating_line
from trastuz_ml.learn.discriminants import CALIBRATION_FOLDS
from tree_models import Case, show


class Calibrated(ClassifierMixin, BaseEstimator):
    """A linear SVC whose distance is turned into a probability by a line fitted on held-out distances."""

    def __init__(self, C: float = 1.0, class_weight: str | None = None, seed: int = 0) -> None:
        self.C = C
        self.class_weight = class_weight
        self.seed = seed

    def fit(self, X: Any, y: Any) -> Calibrated:
        """Fit the line on held-out rows, and the machine on all."""
        machine = SVC(kernel="linear", C=self.C, class_weight=self.class_weight)
        folds = StratifiedKFold(CALIBRATION_FOLDS, shuffle=True, random_state=self.seed)
        held_out = cross_val_predict(machine, X, y, cv=folds, method="decision_function")
        self.classes_ = np.unique(y)
        self.line_ = calibrating_line(held_out, y)
        self.machine_ = machine.fit(X, y)
        return self

    def predict_proba(self, X: Any) -> Any:
        """Return the probability of either class."""
        slope, intercept = self.line_
        chance = expit(slope * self.machine_.decision_function(X) + intercept)
        return np.column_stack([1 - chance, chance])


def calibrated(seed: int, balanced: bool) -> Any:
    return Calibrated(class_weight="balanced" if balanced else None, seed=seed)


FINE = tuple({"C": float(c)} for c in np.logspace(-4, 1, 20))
CASES = (
    Case("linear SVM", "linear-svm", calibrated, {"C": "C"}, wanted=10.0),
    Case("linear SVM, fine grid", "linear-svm", calibrated, {"C": "C"}, wanted=10.0, grid=FINE),
)


if __name__ == "__main__":
    show(CASES, "svm.py")
