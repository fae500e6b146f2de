"""One model's rows as arrays: in any order, and complete or refused."""

import itertools

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.errors import InputError
from trastuz_ml.learn.out_of_fold import folded, in_pairs, paired, tournament


def rows_of_folds():
    rng = np.random.default_rng(0)
    rows = [(r, i % 2, f"P{i}", i % 3 == 0, rng.random()) for r in range(2) for i in range(6)]
    return pd.DataFrame(rows, columns=["repeat", "fold", "patient", "response", "probability"])


def test_folded__does_not_depend_on_the_order_of_rows():
    rows = rows_of_folds()
    one, other = folded(rows), folded(rows.sample(frac=1, random_state=2))
    assert one.patients == other.patients == tuple(f"P{i}" for i in range(6))
    np.testing.assert_array_equal(one.probability, other.probability)
    np.testing.assert_array_equal(one.fold_of, other.fold_of)
    assert one.response.tolist() == [1, 0, 0, 1, 0, 0]


@pytest.mark.parametrize("change", [lambda t: t.iloc[1:], lambda t: t.replace({"patient": {"P3": "P2"}})])
def test_folded__a_patient_not_predicted_once_in_every_repeat_is_refused(change):
    with pytest.raises(InputError, match="every patient once"):
        folded(change(rows_of_folds()))


def rows_of_pairs(strength):
    rows = [
        (fold, name, int(name in "AB"), strength[name])
        for fold, both in enumerate(itertools.combinations("ABCD", 2))
        for name in both
    ]
    return pd.DataFrame(rows, columns=["pair", "patient", "response", "probability"]).assign(repeat=0)


def test_pairs__are_told_by_their_column():
    assert in_pairs(rows_of_pairs(dict.fromkeys("ABCD", 0.5)))
    assert not in_pairs(rows_of_folds())
    assert not in_pairs(rows_of_folds().assign(pair=np.nan))


def test_paired__has_a_row_a_responder_and_a_column_another_patient():
    found = paired(rows_of_pairs({"A": 0.9, "B": 0.4, "C": 0.4, "D": 0.5}).sample(frac=1, random_state=0))
    assert (found.responders, found.others) == (("A", "B"), ("C", "D"))
    assert found.wins.tolist() == [[1.0, 1.0], [0.5, 0.0]]


def test_tournament__counts_wins_over_everybody_also_of_the_own_class():
    found = tournament(rows_of_pairs({"A": 0.9, "B": 0.4, "C": 0.4, "D": 0.5}).sample(frac=1, random_state=1))
    assert found["wins"].to_dict() == {"A": 3.0, "B": 0.5, "C": 0.5, "D": 2.0}
    assert found["response"].to_dict() == {"A": 1, "B": 1, "C": 0, "D": 0}
