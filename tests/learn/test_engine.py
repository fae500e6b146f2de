"""Work in one process and in several: the same results, whatever ends first."""

import os
import sys

import numpy as np
import pytest

from tests_shared import made_up_design
from trastuz_ml.errors import ConfigurationError, EvidenceError
from trastuz_ml.learn import engine
from trastuz_ml.learn.engine import Engine, in_parallel, surroundings


# Functions are made inside others: what processes cannot import from a test is sent whole.
def refusing():
    def refuse(word, item):
        raise EvidenceError(f"{word} {item}")

    return refuse


def test_in_parallel__processes_give_what_one_process_gives():
    alone = dict(in_parallel(divmod, (100,), list(range(1, 30))))
    assert alone == {place: divmod(100, place + 1) for place in range(29)}
    assert dict(in_parallel(divmod, (100,), list(range(1, 30)), workers=2)) == alone
    assert dict(in_parallel(divmod, (100,), list(range(1, 30)), workers=Engine(2))) == alone


def test_in_parallel__processes_map_the_matrix_of_a_design_instead_of_copying_it():
    def kind(design, item):
        X = design.X
        return os.getpid(), isinstance(X, np.memmap), getattr(X, "filename", ""), X[item].sum()

    design = made_up_design(patients=400, genes=1000)
    results = dict(in_parallel(kind, (design,), [0, 1, 2, 3], workers=2))
    pids, mapped, files, sums = zip(*(results[place] for place in range(4)), strict=True)
    assert os.getpid() not in pids
    assert all(mapped)
    assert len(set(files)) == 1
    assert list(sums) == [design.X[item].sum() for item in range(4)]


@pytest.mark.parametrize("workers", [1, 2])
def test_in_parallel__what_the_function_raises_is_raised(workers):
    with pytest.raises(EvidenceError, match=r"^too few 7$"):
        list(in_parallel(refusing(), ("too few",), [7], workers=workers))


def test_in_parallel__without_the_extra_the_message_names_its_install_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'trastuz-ml\[distributed\]'"):
        list(in_parallel(pow, (2,), [1], workers=Engine(scheduler="tcp://127.0.0.1:8786")))


def test_surroundings__name_what_numbers_depend_on():
    found = surroundings()
    assert found["numpy"] == np.__version__
    assert found["python"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")
    assert all(found.values())


def test_in_worker__one_that_joined_later_with_other_versions_computes_nothing():
    expected = {**surroundings(), "numpy": "1.0"}
    with pytest.raises(ConfigurationError, match=f"joined.*: numpy 1.0 here, {np.__version__} there. Install"):
        engine._in_worker(expected, pow, (2,), 3)
    assert engine._in_worker(surroundings(), pow, (2,), 3) == 8
