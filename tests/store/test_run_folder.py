"""A run's folder comes back as it was, or is refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from pandas.testing import assert_frame_equal

from trastuz_ml import schema
from trastuz_ml.errors import InputError, OutputExistsError
from trastuz_ml.features.matrix import GeneMatrix
from trastuz_ml.store.run_folder import Run

TABLES = {
    "findings": schema.FINDINGS,
    "out_of_fold": schema.OUT_OF_FOLD,
    "choices": schema.CHOICES,
    "inner_errors": schema.INNER_ERRORS,
    "scores": schema.SCORES,
    "comparisons": schema.COMPARISONS,
    "contributions": schema.CONTRIBUTIONS,
    "explained": schema.EXPLAINED,
    "gene_contributions": schema.GENE_CONTRIBUTIONS,
    "associations": schema.ASSOCIATIONS,
    "permuted": schema.PERMUTED,
    "chance": schema.CHANCE,
    "stratum_scores": schema.STRATUM_SCORES,
    "decisions": schema.DECISIONS,
    "learning_curve": schema.LEARNING_CURVE,
    "optimism": schema.OPTIMISM,
    "influence": schema.INFLUENCE,
    "set_contributions": schema.SET_CONTRIBUTIONS,
    "agreement": schema.AGREEMENT,
    "silenced": schema.SILENCED,
    "genes_by_chance": schema.GENES_BY_CHANCE,
    "coefficients": schema.COEFFICIENTS,
    "row_fates": schema.ROW_FATES,
}
NOT_ALWAYS = {
    "permuted", "chance", "stratum_scores", "decisions", "learning_curve", "optimism", "influence",
    "set_contributions", "agreement", "silenced", "genes_by_chance", "coefficients", "row_fates",
}  # fmt: skip
FEATURES = [
    {"name": "Größe", "block": "covariate", "kind": "number", "levels": ["T1", "T2"], "counts": []},
    {"name": "burden", "block": "burden", "kind": "number", "levels": [], "counts": ["TP53"]},
    {"name": "Hormon", "block": "covariate", "kind": "category", "levels": ["NEG", "POS"], "counts": []},
]
COEFFICIENTS = [
    ("l2", "", "intercept", "intercept", "", -0.5, np.nan, np.nan),
    ("l2", "TP53", "gene", "gene", "", 0.7, 0.5, 1.0),
    ("l2", "burden", "burden", "number", "", 0.1, 2.0, 1.5),
    ("l2", "Hormon", "covariate", "category", "POS", 0.1, 0.4, 1.0),
]
PLAN = {"kind": "leave-pair-out", "patients": ["P1", "ä"], "scored": [[[0, 1]]]}


def some_rows(table: schema.Table) -> pd.DataFrame:
    """Return two made-up rows, the second with what may be missing missing."""
    values = {"text": ["a", "ä"], "integer": [1, 2], "number": [0.1, np.nan], "flag": [True, False]}
    return schema.conform(pd.DataFrame({c.name: values[c.kind] for c in table.columns}), table)


@pytest.fixture
def run() -> Run:
    cells = sp.csr_array(np.array([[1, 0], [0, 0]], dtype=np.float32))
    matrix = GeneMatrix(
        ("P1", "P2"), ("ANKRD44", "TP53"), cells, np.array([0, 1]), np.array([[True, True], [False, True]]),
        "binary", ("missense",),
    )  # fmt: skip
    tables = {name: some_rows(table) for name, table in TABLES.items()}
    tables["out_of_fold"]["model"] = ["chosen", "prevalence"]
    tables["coefficients"] = schema.conform(
        pd.DataFrame(COEFFICIENTS, columns=schema.COEFFICIENTS.names), schema.COEFFICIENTS
    )
    patients = pd.DataFrame({"patient": ["P1", "P2"], "response": [1, 0]})
    # A third and the smallest number do not survive a text or a rounding.
    inputs = pd.DataFrame(
        {"patient": ["P1", "P2"], "Größe": np.float32([1 / 3, np.nan]), "burden": np.float32([1e-45, 3e38]),
         "Hormon": np.float32([0, 1])}
    )  # fmt: skip
    return Run(
        "demo", True, {"seed": 1}, {"sources": []}, patients, matrix, **tables, plan=PLAN, features=FEATURES,
        inputs=inputs,
    )  # fmt: skip


def test_run__comes_back_as_it_was(run, tmp_path):
    run.save(tmp_path / "demo")
    back = Run.load(tmp_path / "demo")
    for name in [*TABLES, "patients"]:
        assert_frame_equal(getattr(back, name), getattr(run, name))
    assert back.matrix == run.matrix
    assert back.plan == PLAN
    assert back.features == FEATURES
    assert_frame_equal(back.inputs, run.inputs, check_exact=True)
    assert (back.name, back.simulated, back.configuration, back.folder) == (
        "demo", True, {"seed": 1}, tmp_path / "demo",
    )  # fmt: skip
    assert back.models == ["chosen", "prevalence"]


def test_run__same_run_same_bytes(run, tmp_path):
    run.save(tmp_path / "a")
    run.save(tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_run__an_existing_run_is_kept_without_force(run, tmp_path):
    run.save(tmp_path / "demo")
    other = dataclasses.replace(run, name="other")
    with pytest.raises(OutputExistsError, match="--force"):
        other.save(tmp_path / "demo")
    assert Run.load(tmp_path / "demo").name == "demo"
    other.save(tmp_path / "demo", force=True)
    assert Run.load(tmp_path / "demo").name == "other"
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_run__an_interrupted_save_leaves_the_old_run(run, tmp_path, monkeypatch):
    run.save(tmp_path / "demo")

    def interrupted(self, path: Path, *, force: bool = False) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(GeneMatrix, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        dataclasses.replace(run, name="other").save(tmp_path / "demo", force=True)
    monkeypatch.undo()
    assert Run.load(tmp_path / "demo").name == "demo"
    dataclasses.replace(run, name="third").save(tmp_path / "demo", force=True)
    assert Run.load(tmp_path / "demo").name == "third"


def test_run__a_bare_name_is_looked_up_under_runs(run, tmp_path, monkeypatch):
    run.save(tmp_path / "runs" / "demo")
    monkeypatch.chdir(tmp_path)
    assert Run.load("demo").name == "demo"


def test_run__a_folder_without_a_run_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(InputError, match=r"no run\.json in it. Make one with `trastuz-ml train`"):
        Run.load(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "out_of_fold.parquet",
        "patients.parquet",
        "matrix.parquet",
        "matrix.json",
        "plan.json",
        "features.json",
        "inputs.parquet",
    ],
)
def test_run__a_missing_file_is_refused(run, tmp_path, name):
    run.save(tmp_path / "demo")
    (tmp_path / "demo" / name).unlink()
    with pytest.raises(InputError, match="demo"):
        Run.load(tmp_path / "demo")


@pytest.mark.parametrize("name", ["scores.parquet", "run.json", "matrix.parquet", "plan.json", "inputs.parquet"])
def test_run__a_damaged_file_is_refused(run, tmp_path, name):
    run.save(tmp_path / "demo")
    path = tmp_path / "demo" / name
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(InputError, match="demo"):
        Run.load(tmp_path / "demo")


@pytest.mark.parametrize(
    ("row", "column", "value", "said"),
    [
        (0, "coefficient", np.nan, "a coefficient that is missing or infinite"),
        (1, "coefficient", np.inf, "a coefficient that is missing or infinite"),
        (1, "center", np.nan, "a center that is missing or infinite"),
        (2, "scale", np.inf, "a scale that is missing or infinite"),
        (2, "scale", 0.0, "a scale that is not above 0"),
        (1, "feature", "GATA3", "the gene 'GATA3', which the run does not know"),
        (2, "feature", "age", "the number 'age', which the run does not know"),
        (2, "kind", "category", "the category 'burden', which the run does not know"),
        (3, "level", "LOW", "the category 'Hormon', which the run does not know"),
    ],
)
def test_run__coefficients_that_compute_nothing_are_refused(run, tmp_path, row, column, value, said):
    run.coefficients.loc[row, column] = value
    run.save(tmp_path / "demo")
    with pytest.raises(InputError, match=f"demo is damaged: coefficients.parquet holds {said}. Train again"):
        Run.load(tmp_path / "demo")


@pytest.mark.parametrize("content", [{}, [1], [{"name": "age"}], [FEATURES[0] | {"levels": "T1"}], "age", None])
def test_run__features_that_are_no_list_of_features_are_refused(run, tmp_path, content):
    run.save(tmp_path / "demo")
    (tmp_path / "demo/features.json").write_text(json.dumps(content))
    with pytest.raises(
        InputError, match=r"demo is damaged: features\.json does not hold a list of .* Train again"
    ):
        Run.load(tmp_path / "demo")


@pytest.mark.parametrize(
    ("name", "column"), [("patients", "patient"), ("patients", "response"), ("inputs", "patient")]
)
def test_run__a_table_without_its_patients_is_refused(run, tmp_path, name, column):
    run.save(tmp_path / "demo")
    path = tmp_path / f"demo/{name}.parquet"
    pd.read_parquet(path).drop(columns=column).to_parquet(path, index=False)
    with pytest.raises(InputError, match=rf"demo is damaged: {name}\.parquet has no column {column}. Train again"):
        Run.load(tmp_path / "demo")


@pytest.mark.parametrize(
    ("name", "changed", "said"),
    [
        ("run", {"name": 7}, "the name in run.json is not a text"),
        ("run", {"name": None}, "the name in run.json is not a text"),
        ("run", {"configuration": [1]}, "the configuration in run.json is not a mapping"),
        ("run", {"provenance": "x"}, "the provenance in run.json is not a mapping"),
        ("plan", [1], "plan.json does not hold a mapping"),
    ],
)
def test_run__what_a_run_says_of_itself_has_its_kind(run, tmp_path, name, changed, said):
    run.save(tmp_path / "demo")
    path = tmp_path / f"demo/{name}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed if name == "run" else changed))
    with pytest.raises(InputError, match=f"demo is damaged: {said}. Train again"):
        Run.load(tmp_path / "demo")


@pytest.mark.parametrize("other", [3, 99])
def test_run__another_format_is_refused_with_the_remedy(run, tmp_path, other):
    run.save(tmp_path / "demo")
    about = json.loads((tmp_path / "demo/run.json").read_text())
    (tmp_path / "demo/run.json").write_text(json.dumps(about | {"format": other}))
    with pytest.raises(InputError, match=f"format {other}, and this version reads 4: train again"):
        Run.load(tmp_path / "demo")


def test_run__tables_that_were_not_asked_for_are_empty_and_declared(run, tmp_path):
    spare = {*NOT_ALWAYS, "plan", "features", "inputs"}
    plain = {f.name: getattr(run, f.name) for f in dataclasses.fields(run) if f.name not in spare}
    Run(**plain).save(tmp_path / "plain")
    back = Run.load(tmp_path / "plain")
    for name in NOT_ALWAYS:
        assert list(getattr(back, name)) == list(TABLES[name].names), name
        assert getattr(back, name).empty
    assert (back.plan, list(back.features)) == ({}, [])
    assert list(back.inputs) == ["patient"]
    assert back.inputs.empty


def test_run__watched_genes_stand_in_the_order_of_the_declaration(run):
    rows = pd.DataFrame({"gene": ["TP53", "GATA3", "ANKRD44"], "watched": [True, False, True]})
    table = schema.conform(rows.reindex(columns=schema.ASSOCIATIONS.names), schema.ASSOCIATIONS)
    declared = dataclasses.replace(run, associations=table, configuration={"watch": ["ANKRD44", "TP53"]})
    assert declared.watched["gene"].tolist() == ["ANKRD44", "TP53"]


def test_run__the_fingerprint_is_that_of_what_was_asked_and_predicted(run, tmp_path):
    run.save(tmp_path / "run")
    assert Run.load(tmp_path / "run").fingerprint == run.fingerprint
    nudged = run.out_of_fold.assign(probability=run.out_of_fold["probability"] + 2**-50)
    asked = {**run.configuration, "export": "another"}
    others = [dataclasses.replace(run, out_of_fold=nudged), dataclasses.replace(run, configuration=asked)]
    assert len({run.fingerprint, *(other.fingerprint for other in others)}) == 3


def test_run__the_fingerprint_does_not_depend_on_where_things_are(run):
    elsewhere = {**run.configuration, "data": "/another/folder", "tracking": {"uri": "sqlite:///x.db"}}
    assert dataclasses.replace(run, configuration=elsewhere).fingerprint == run.fingerprint
