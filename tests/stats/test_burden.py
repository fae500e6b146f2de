"""Burden as a rate."""

import numpy as np
import pytest

from trastuz_ml.errors import InputError
from trastuz_ml.stats.burden import burden_rate


def test_rate__is_calls_by_covered_megabase():
    assert burden_rate([60, 0], [30.0, 1.5]).tolist() == [2.0, 0.0]
    assert burden_rate([60, 30], 30.0).tolist() == [2.0, 1.0]


def test_rate__is_unknown_where_the_size_or_the_count_is():
    assert np.isnan(burden_rate([60, np.nan], [np.nan, 30.0])).all()


@pytest.mark.parametrize("size", [0.0, -1.0, np.inf])
def test_rate__a_size_that_cannot_be_is_refused(size):
    with pytest.raises(InputError, match="above 0 megabases"):
        burden_rate([1, 1], [30.0, size])


def test_rate__a_count_below_zero_is_refused():
    with pytest.raises(InputError, match="cannot be below 0, found -1"):
        burden_rate([-1], [30.0])
