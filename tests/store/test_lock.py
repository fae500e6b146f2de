"""The lock of a model names what it was made with, and nothing that is not installed."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata

import pytest

from trastuz_ml.errors import ModelError
from trastuz_ml.store.bundle import save_bundle
from trastuz_ml.store.lock import LOCK, installed_versions, lock_text, require_same_minor


def lines() -> dict[str, str]:
    return dict(line.split("==") for line in lock_text().splitlines() if not line.startswith("#"))


def test_lock__every_line_is_an_installed_exact_version_without_an_address():
    text = lock_text()
    assert "://" not in text
    assert "@" not in text
    assert lines() == {name: metadata.version(name) for name in lines()}
    assert list(lines()) == sorted(lines())
    assert "trastuz-ml" not in lines()


def test_lock__holds_the_closure_and_no_tools_of_development():
    assert {"numpy", "scipy", "pandas", "scikit-learn", "skops", "mlflow"} <= set(lines())
    assert "sqlalchemy" in lines()  # needed by mlflow alone
    assert "pytest" not in lines()
    assert "ruff" not in lines()
    assert len({"xgboost", "xgboost-cpu"} & set(lines())) == 1


def test_lock__what_is_installed_by_it_needs_nothing_more():
    """What pip itself would still want of these distributions, as pip reads their metadata."""
    packaging = pytest.importorskip("packaging.requirements")
    wanted = set()
    for name in lines():
        for text in metadata.requires(name) or ():
            needed = packaging.Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                wanted.add(re.sub(r"[-_.]+", "-", needed.name).lower())
    assert wanted - set(lines()) - {"xgboost", "xgboost-cpu"} == set()


def test_lock__a_fresh_process_writes_the_same_bytes(bundles, tmp_path):
    folder, _ = save_bundle(bundles["linear"], tmp_path / "demo")
    script = "import sys; from trastuz_ml.store.lock import lock_text; sys.stdout.write(lock_text())"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert done.stdout == (folder / LOCK).read_bytes()


def test_lock__an_unknown_version_is_refused_as_another_one(tmp_path):
    with pytest.raises(ModelError, match=r"made with scikit-learn unknown, and"):
        require_same_minor("scikit-learn", {}, tmp_path)
    require_same_minor("scikit-learn", installed_versions(), tmp_path)


def test_lock__the_command_that_rebuilds_is_safe_for_a_path_with_spaces(tmp_path):
    made = installed_versions() | {"scikit-learn": "1.2.0"}
    with pytest.raises(ModelError, match=r"pip install -r '.*/my models/demo/1/requirements\.txt' && "):
        require_same_minor("scikit-learn", made, tmp_path / "my models" / "demo" / "1")
