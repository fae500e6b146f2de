"""What Spark computes with a registered model over the partitions of a table: the very numbers of `predict`."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.prediction.pyfunc import frame_of, input_frame_columns
from trastuz_ml.store.bundle import load_model
from trastuz_ml.track.connection import quiet_mlflow

pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(
        importlib.util.find_spec("pyspark") is None,
        reason="pyspark is not installed: `make test-spark` installs it, or pip install '.[spark]'",
    ),
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java 17: no java on the PATH"),
    # Said of pandas 3 by PySpark 4.2: that its numbers are right with it is what is tested here.
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    # Spark leaves it to its end to close what it talks to Java through.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]
PARTITIONS = 7


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Spark session of two threads on this machine, whose workers run this Python."""
    from pyspark.sql import SparkSession

    folder = tmp_path_factory.mktemp("spark")
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("PYSPARK_DRIVER_PYTHON", sys.executable)
        session = SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
        yield session
        session.stop()


@pytest.fixture
def probabilities(spark: Any, place: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function from a Parquet table with a column ``patient`` to patient and probability."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", place.uri)
    names = input_frame_columns(load_model(place.model))

    def computed(path: Path) -> Any:
        from pyspark.sql.functions import col, struct

        with quiet_mlflow():
            import mlflow.pyfunc

            served = mlflow.pyfunc.spark_udf(spark, "models:/made-up@champion", env_manager="local")
            table = spark.read.parquet(str(path)).repartition(PARTITIONS)
            assert table.rdd.getNumPartitions() == PARTITIONS
            columns = struct(*[col(f"`{name}`") for name in names])
            out = path.with_suffix(".predicted")
            table.select("patient", served(columns).alias("probability")).write.parquet(str(out))
        return pd.read_parquet(out).set_index("patient")

    return computed


def test_spark__gives_the_numbers_of_predict(probabilities: Any, new: Any, tmp_path: Path) -> None:
    patients = [f"N{i}" for i in range(len(new.frame))]
    new.frame.assign(patient=patients).to_parquet(tmp_path / "new.parquet", index=False)
    assert probabilities(tmp_path / "new.parquet").loc[patients, "probability"].tolist() == new.probability


def test_spark__a_table_in_partitions_gives_the_bits_of_the_model(
    probabilities: Any, place: Any, tmp_path: Path
) -> None:
    bundle, rng = load_model(place.model), np.random.default_rng(3)
    X = np.column_stack(
        [rng.integers(0, 2, 5000), rng.normal(55, 9, 5000), *(rng.integers(0, n, 5000) for n in (2, 3, 2))]
    ).astype(np.float32)
    X[rng.random(X.shape) < 0.2] = np.nan
    X[17] = np.nan  # of this patient nothing was measured
    patients = [f"P{i:04d}" for i in range(len(X))]
    frame_of(bundle, X).assign(patient=patients).to_parquet(tmp_path / "many.parquet", index=False)
    table = probabilities(tmp_path / "many.parquet")
    assert len(list((tmp_path / "many.predicted").glob("part-*"))) == PARTITIONS
    found = table.loc[patients, "probability"].to_numpy()
    expected = bundle.probability(X)
    assert np.isnan(expected[17])
    assert np.array_equal(found, expected, equal_nan=True)
