"""What MLflow serves gives the numbers of the stored model, and needs no MLflow."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.errors import ModelError
from trastuz_ml.learn.design import Feature
from trastuz_ml.learn.fitted import FittedModel, LinearLogit
from trastuz_ml.learn.transformers import Preparation
from trastuz_ml.prediction.batch import lay_out, predict
from trastuz_ml.prediction.pyfunc import (
    ServedModel,
    _load_pyfunc,
    example_input,
    frame_of,
    input_frame_columns,
    read_frame,
)
from trastuz_ml.store.bundle import make_bundle, save_bundle

CARD = {"response": {}, "patients": 80, "responders": 30, "scores": [], "sources": [], "limits": []}


@pytest.mark.parametrize("kind", ["linear", "boosted", "forest"])
def test_pyfunc__gives_the_same_bits_as_predict(make, roster, assemble, tmp_path, kind):
    bundle = make(kind)
    save_bundle(bundle, tmp_path / kind)
    cohort = assemble(roster)
    frame = frame_of(bundle, lay_out(bundle, cohort)[0].X)
    served = _load_pyfunc(str(tmp_path / kind)).predict(frame, params={"ignored": 1})
    assert np.array_equal(served, predict(bundle, cohort)["probability"])


def test_pyfunc__order_index_and_extra_columns_do_not_matter(linear, roster, assemble):
    X = lay_out(linear, assemble(roster))[0].X
    frame = frame_of(linear, X)
    other = frame[frame.columns[::-1]].assign(hospital="unknown").set_axis([7] * len(frame), axis=0)
    assert np.array_equal(ServedModel(linear).predict(other), linear.probability(X))


def test_pyfunc__a_frame_holds_levels_as_words_and_not_covered_as_missing(linear, roster, assemble):
    frame = frame_of(linear, lay_out(linear, assemble(roster))[0].X)
    assert list(frame["stage"]) == ["T1", "T2", "T3", "T1"]
    assert frame["ER.status"].isna().tolist() == [False, False, False, True]
    assert frame["ANKRD44"].isna().tolist() == [False, False, True, False]


def test_pyfunc__a_level_the_model_never_saw_is_not_known(linear):
    frame = example_input(linear).assign(**{"ER.status": ["BOTH", None]})
    column = input_frame_columns(linear).index("ER.status")
    assert np.isnan(read_frame(linear, frame)[:, column]).all()


def test_pyfunc__a_misspelt_rank_is_refused(linear):
    with pytest.raises(ModelError, match="Column stage must hold T1, T2, T3, found T9"):
        read_frame(linear, example_input(linear).assign(stage=["T9", "T1"]))


def test_pyfunc__a_missing_column_shows_the_difference(linear):
    frame = example_input(linear).rename(columns={"ANKRD44": "ANKRD44A"})
    with pytest.raises(
        ModelError, match=r"lacks 1 of the model's 8 columns: ANKRD44; it has 8 .*nearest is ANKRD44A"
    ):
        read_frame(linear, frame)


def test_pyfunc__a_column_given_twice_is_refused(linear):
    frame = example_input(linear)
    with pytest.raises(ModelError, match="TP53 more than once"):
        read_frame(linear, pd.concat([frame, frame[["TP53"]]], axis=1))


@pytest.mark.parametrize(
    ("value", "message"), [("mutated", "must hold numbers"), (np.inf, "infinite"), ([1], "must hold numbers")]
)
def test_pyfunc__what_is_no_number_is_refused(linear, value, message):
    frame = example_input(linear).assign(TP53=pd.Series([value, 0.0], dtype=object))
    with pytest.raises(ModelError, match=message):
        read_frame(linear, frame)


def test_pyfunc__anything_but_a_table_is_refused(linear):
    with pytest.raises(ModelError, match="found list"):
        read_frame(linear, [[0.0]])


def test_pyfunc__nothing_measured_is_missing_and_no_rows_are_no_numbers(linear):
    frame = example_input(linear)
    empty_row = frame.assign(**dict.fromkeys(frame.columns))
    assert np.isnan(ServedModel(linear).predict(empty_row)).all()
    assert ServedModel(linear).predict(frame.head(0)).shape == (0,)


def test_pyfunc__the_example_is_invented_and_can_be_predicted(linear):
    frame = example_input(linear)
    assert list(frame.columns) == input_frame_columns(linear)
    assert frame["TP53"].tolist() == [0.0, 1.0]
    assert frame["stage"].tolist() == ["T1", "T3"]
    assert np.isfinite(ServedModel(linear).predict(frame)).all()


def test_pyfunc__a_covariate_called_like_a_gene_keeps_its_own_column():
    features = (Feature("ERBB2", "covariate", "number"), Feature("ERBB2", "gene", "gene"))
    X = np.array([[2.0, 1.0], [0.0, 0.0], [1.0, 0.0]], dtype=np.float32)
    preparation = Preparation(("number", "gene")).fit(X)
    model = FittedModel("l2", np.arange(2), preparation, LinearLogit(np.array([1.0, -1.0]), 0.0))
    bundle = make_bundle("twins", model, features, "binary", ("missense",), CARD, simulated=True)
    assert input_frame_columns(bundle) == ["ERBB2 (covariate)", "ERBB2 (gene)"]
    assert np.array_equal(ServedModel(bundle).predict(frame_of(bundle, X)), model.probability(X))


def test_pyfunc__importing_it_imports_no_mlflow():
    heavy = ["mlflow", "shap", "skops"]
    code = f"import sys, trastuz_ml.prediction.pyfunc; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
