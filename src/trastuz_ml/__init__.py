"""trastuz_ml: from exome mutation calls to honestly validated predictors of neoadjuvant response.

Names are loaded when they are first used: importing the package costs no pandas, no scikit-learn, no MLflow.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trastuz_ml.calls.read import read_calls as read_calls
    from trastuz_ml.calls.tables.maf import read_maf as read_maf
    from trastuz_ml.cohort.cohort import Cohort as Cohort
    from trastuz_ml.cohort.patients import read_roster as read_roster
    from trastuz_ml.errors import TrastuzError as TrastuzError
    from trastuz_ml.experiment.configuration import Experiment as Experiment
    from trastuz_ml.experiment.experiment_file import read_experiment as read_experiment
    from trastuz_ml.experiment.train import run_experiment as run_experiment
    from trastuz_ml.features.encoding import build_gene_matrix as build_gene_matrix
    from trastuz_ml.features.matrix import GeneMatrix as GeneMatrix
    from trastuz_ml.features.simulate import simulate_cohort as simulate_cohort
    from trastuz_ml.prediction.batch import predict as predict
    from trastuz_ml.report.html import compare as compare
    from trastuz_ml.store.bundle import load_model as load_model
    from trastuz_ml.store.run_folder import Run as Run

__version__ = "0.1.0"

_HOMES: dict[str, str] = {
    "Cohort": "cohort.cohort",
    "Experiment": "experiment.configuration",
    "GeneMatrix": "features.matrix",
    "Run": "store.run_folder",
    "TrastuzError": "errors",
    "build_gene_matrix": "features.encoding",
    "compare": "report.html",
    "load_model": "store.bundle",
    "predict": "prediction.batch",
    "read_calls": "calls.read",
    "read_experiment": "experiment.experiment_file",
    "read_maf": "calls.tables.maf",
    "read_roster": "cohort.patients",
    "run_experiment": "experiment.train",
    "simulate_cohort": "features.simulate",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'trastuz_ml' has no attribute '{name}'")
    return getattr(importlib.import_module(f"trastuz_ml.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
