"""Association: checked against R's printed output."""

import math

import pytest
from scipy.stats import nchypergeom_fisher

from trastuz_ml.stats.association import carriers_and_response


def test_association__equals_what_r_prints_for_the_lady_tasting_tea():
    # R: fisher.test(matrix(c(3, 1, 1, 3), 2)) prints p-value = 0.4857, odds ratio 6.408309,
    # 95 percent confidence interval 0.2117329 621.9337505.
    found = carriers_and_response(carriers_responding=3, carriers=4, responders=4, covered=8)
    assert found.p == pytest.approx(0.4857, abs=1e-4)
    assert found.odds_ratio == pytest.approx(6.408309, rel=1e-4)
    assert found.low == pytest.approx(0.2117329, rel=1e-4)
    # R finds this end on the scale of its reciprocal, to four digits only: hence the equation itself.
    assert found.high == pytest.approx(621.9337505, rel=0.01)
    assert nchypergeom_fisher.cdf(3, 8, 4, 4, found.high) == pytest.approx(0.025, rel=1e-6)


def test_association__has_an_infinite_end_where_no_carrier_fails_to_respond():
    found = carriers_and_response(carriers_responding=3, carriers=3, responders=10, covered=30)
    assert math.isinf(found.high)
    assert 0 < found.low < 10
