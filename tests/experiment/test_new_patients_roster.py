"""The roster of new patients: rows in are rows out, and a row that cannot be read is refused alone."""

import pytest

from made_model import ROSTER, made_bundle, maf, roster
from trastuz_ml.errors import InputError
from trastuz_ml.experiment.new_patients import predict_files

GOOD = "P0\t50\tPOS\tII\tYES\tPOS\t"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return made_bundle(tmp_path_factory.mktemp("models"))


@pytest.fixture
def calls(tmp_path):
    return maf(tmp_path, *((f"P{i}", "TP53", "Nonsense_Mutation") for i in range(4)))


ROWS = {
    "P1\tfifty\tPOS\tII\tYES\tPOS\t": "age: expected a number, found 'fifty'",
    "P1\t1e99\tPOS\tII\tYES\tPOS\t": "age: expected a number",
    "P1\t50\tPOS\tIV\tYES\tPOS\t": "stage: expected one of I, II, III, found 'IV'",
    "P1\t50\tPOS\tII\tNO\tPOS\t": "not sequenced",
    "P1\t50\tPOS\tII\t\tPOS\t": "not sequenced",
    "P1\t50\tPOS\tII\tYES\tNEG\t": "outside the population",
    "P1\t50\tPOS\tII\tYES\tPOS\tgenome": "the assay genome is not one that the model knows",
    "\t50\tPOS\tII\tYES\tPOS\t": "names no patient",
}


@pytest.mark.parametrize("row", ROWS)
def test_roster__a_bad_row_is_refused_alone(row, bundle, calls, tmp_path):
    alone, _ = predict_files(bundle, [calls], roster(tmp_path, GOOD, "P2"))
    table, _ = predict_files(bundle, [calls], roster(tmp_path, GOOD, row, "P2"))
    assert table["patient"].tolist() == ["P0", row.split("\t")[0], "P2"]
    assert ROWS[row] in table["refusal"][1]
    assert table["probability"][[0, 2]].tolist() == alone["probability"].tolist()


@pytest.mark.parametrize(
    ("row", "missing"),
    [("P1\t\tPOS\tII\tYES\tPOS\t", "age"), ("P1\t50\tNA\tII\tYES\tPOS\t", "er"),
     ("P1\t50\tUNKNOWN\tII\tYES\tPOS\t", "er"), ("P1\tNA\t\tNA\tYES\tPOS\t", "age, er, stage")],
)  # fmt: skip
def test_roster__a_missing_value_or_a_new_level_is_named(row, missing, bundle, calls, tmp_path):
    table, _ = predict_files(bundle, [calls], roster(tmp_path, GOOD, row))
    assert table["covariates_missing"].tolist() == ["", missing]
    assert table["refusal"].tolist() == ["", ""]


def test_roster__who_stands_twice_is_refused_twice(bundle, calls, tmp_path):
    table, _ = predict_files(bundle, [calls], roster(tmp_path, "P2", "P1", "P0", "P1"))
    assert table["patient"].tolist() == ["P2", "P1", "P0", "P1"]
    assert table["refusal"].str.contains("more than once").tolist() == [False, True, False, True]


def test_roster__its_order_is_kept(bundle, calls, tmp_path):
    one, _ = predict_files(bundle, [calls], roster(tmp_path, "P0", "P1", "P2", "P3"))
    other, _ = predict_files(bundle, [calls], roster(tmp_path, "P3", "P1", "P0", "P2"))
    assert other["patient"].tolist() == ["P3", "P1", "P0", "P2"]
    assert one.set_index("patient").loc[other["patient"]].equals(other.set_index("patient"))


def test_roster__of_refused_rows_alone_is_all_refused(bundle, calls, tmp_path):
    table, _ = predict_files(bundle, [calls], roster(tmp_path, "P1\tx\tPOS\tII\tYES\tPOS\t"))
    assert table["probability"].isna().all()


def test_roster__a_panel_leaves_genes_unmeasured(bundle, calls, tmp_path):
    table, _ = predict_files(bundle, [calls], roster(tmp_path, "P1", "P2\t50\tPOS\tII\tYES\tPOS\tpanel"))
    assert table["genes_not_covered"].tolist() == [0, 2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ROSTER.replace("stage", "grade") + GOOD, "no column 'stage'"),
        (ROSTER.replace("dna", "age") + GOOD, "age appears twice"),
        (f"{ROSTER}{GOOD}\n{GOOD}\textra\n", "fields, but the header has"),
        (ROSTER, "no rows"),
        ("", "no rows|cannot be read|no column"),
    ],
)
def test_roster__what_concerns_all_ends_the_batch(text, said, bundle, calls, tmp_path):
    (tmp_path / "bad.tsv").write_text(text)
    with pytest.raises(InputError, match=said):
        predict_files(bundle, [calls], tmp_path / "bad.tsv")
