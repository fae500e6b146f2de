"""Tables as declared."""

import pandas as pd
import pytest

from trastuz_ml import schema
from trastuz_ml.errors import InputError

TABLES = [value for value in vars(schema).values() if isinstance(value, schema.Table)]


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_schema__every_column_has_a_meaning_and_a_name_of_its_own(table):
    assert len(set(table.names)) == len(table.names)
    assert all(column.meaning for column in table.columns)
    assert schema.empty(table).columns.tolist() == table.names


def test_conform__adds_optional_columns_and_drops_strangers():
    made = schema.conform(
        pd.DataFrame({"effect": ["missense"], "gene": ["TP53"], "patient": ["P1"], "colour": ["red"]}),
        schema.CALLS,
    )
    assert made.columns.tolist() == schema.CALLS.names
    assert made["pos"].isna().all()


def test_conform__a_missing_column_is_refused_with_what_is_there():
    with pytest.raises(InputError, match="lacks the columns gene, effect; it has patient"):
        schema.conform(pd.DataFrame({"patient": ["P1"]}), schema.CALLS)


def test_conform__a_value_of_another_kind_is_refused():
    frame = pd.DataFrame({"patient": ["P1"], "gene": ["TP53"], "effect": ["missense"], "pos": ["here"]})
    with pytest.raises(InputError, match="pos of the calls table must be of kind position"):
        schema.conform(frame, schema.CALLS)


def test_nonsilent__is_part_of_the_effects():
    assert set(schema.NONSILENT) < set(schema.EFFECTS)
