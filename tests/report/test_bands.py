"""Bands around curves: the curve inside, the average precision kept, the same each time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from trastuz_ml.report.bands import _heights, _reached, banded_curves
from trastuz_ml.report.curves import GRID, mean_roc
from trastuz_ml.report.curves import _heights as heights_of_one


@pytest.fixture(scope="module")
def bands(large):
    return banded_curves(large.out_of_fold)


def test_bands__hold_the_curve_nearly_everywhere(large, bands):
    curve = mean_roc(large.out_of_fold).query("model == 'chosen'").drop_duplicates("fpr", keep="last")
    band = bands[0].query("model == 'chosen'")
    inside = (curve["tpr"].to_numpy() >= band["low"].to_numpy() - 0.02) & (
        curve["tpr"].to_numpy() <= band["high"].to_numpy() + 0.02
    )
    assert inside.mean() > 0.95
    assert (band["high"] - band["low"]).max() > 0.1


def test_bands__do_not_depend_on_the_order_of_rows(large, bands):
    again = banded_curves(large.out_of_fold.sample(frac=1, random_state=1).sort_values("model", kind="stable"))
    for one, two in zip(bands, again, strict=True):
        both = one.merge(two, on=["model", *one.columns[1:2]])
        assert np.allclose(both["low_x"], both["low_y"])


def test_bands__weights_of_one_give_the_plain_roc():
    rng = np.random.default_rng(0)
    y, s = rng.integers(0, 2, 40).astype(float), rng.random(40).round(1)
    true, false = _reached(y, s, np.ones((1, 40)))
    assert np.allclose(_heights(false, true)[0], heights_of_one(y, s))


def test_precision__area_is_the_average_precision_of_sklearn():
    rng = np.random.default_rng(5)
    y, s = rng.integers(0, 2, 50), rng.random(50)
    table = pd.DataFrame(
        {
            "model": "m",
            "repeat": 0,
            "fold": 0,
            "patient": [f"P{i}" for i in range(50)],
            "response": y,
            "probability": s,
        }
    )
    curve = banded_curves(table)[1]
    # The curve is a staircase, read at 51 places.
    assert np.trapezoid(curve["precision"], GRID) == pytest.approx(average_precision_score(y, s), abs=0.02)
    assert curve["rate"].iloc[0] == y.mean()


def test_bands__left_out_pairs_have_none(paired):
    assert all(part.empty for part in banded_curves(paired.out_of_fold))
