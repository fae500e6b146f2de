"""What is learned about columns, without scikit-learn."""

import subprocess
import sys

import numpy as np

from trastuz_ml.learn.columns import LearnedColumns
from trastuz_ml.learn.transformers import Preparation

HEAVY = ("sklearn", "scipy.stats", "scipy.optimize", "xgboost", "mlflow", "joblib")


def test_columns__prepare_rows_as_the_transformer_does():
    rng = np.random.default_rng(1)
    X = np.column_stack([rng.random((30, 3)) < 0.4, rng.normal(5, 2, 30), rng.integers(0, 3, 30)]).astype(float)
    X[rng.random(X.shape) < 0.1] = np.nan
    kinds = ("gene", "gene", "gene", "number", "category")
    for complete in (True, False):
        plain = LearnedColumns(kinds, min_carriers=2, complete=complete).learn(X)
        face = Preparation(kinds, min_carriers=2, complete=complete).fit(X)
        np.testing.assert_array_equal(plain.prepare(X)[0], face.transform(X))


def test_columns__a_prediction_with_a_linear_model_imports_nothing_heavy():
    """What a command imports is most of the time that one patient takes."""
    code = (
        "import sys, trastuz_ml.experiment.batches, trastuz_ml.experiment.find_model\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert said.strip() == "[]"
