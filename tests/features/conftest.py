"""Two simulated cohorts that the tests of this folder share: one as the demo has it, and a large one."""

from __future__ import annotations

import pytest

from trastuz_ml.features.simulate import simulate_cohort


@pytest.fixture(scope="session")
def cohort():
    return simulate_cohort(160)


@pytest.fixture(scope="session")
def large():
    return simulate_cohort(5_000, seed=1)
