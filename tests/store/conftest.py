"""Stored models that the tests of this folder share."""

from __future__ import annotations

from pathlib import Path

import pytest

from stored_models import KINDS, bundle_of
from trastuz_ml.store.bundle import save_bundle


@pytest.fixture(scope="session")
def bundles():
    return {kind: bundle_of(kind) for kind in KINDS}


@pytest.fixture
def stored(bundles, tmp_path) -> Path:
    return save_bundle(bundles["linear"], tmp_path / "demo")[0]


@pytest.fixture
def stored_forest(bundles, tmp_path) -> Path:
    return save_bundle(bundles["forest"], tmp_path / "forest")[0]


@pytest.fixture
def stored_boosted(bundles, tmp_path) -> Path:
    return save_bundle(bundles["boosted"], tmp_path / "boosted")[0]
