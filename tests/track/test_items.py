"""What is claimed of the items that leave the machine."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from trastuz_ml import schema
from trastuz_ml.errors import InputError
from trastuz_ml.stats.discrimination import auc
from trastuz_ml.store.run_folder import Run
from trastuz_ml.track.items import (
    LONGEST_KEY,
    LONGEST_VALUE,
    UNLISTED,
    FileItem,
    Metric,
    Parameter,
    TableItem,
    Tag,
    TextItem,
    items_of,
)

STRANGER = "PATIENT-9999"
Names = dict[str, str]


def tables(run: Run, names: Names) -> dict[str, pd.DataFrame]:
    return {i.name: i.frame for i in items_of(run, names, report=None) if isinstance(i, TableItem)}


def parameters(run: Run, configuration: Mapping[str, Any], names: Names) -> dict[str, str]:
    items = items_of(replace(run, configuration=configuration), names, report=None)
    return {item.key: item.value for item in items if isinstance(item, Parameter)}


def test_items__name_no_patient(run: Run, names: Names) -> None:
    items = list(items_of(run, names, report=None))
    texts = [i.frame.to_csv() if isinstance(i, TableItem) else repr(i) for i in items]
    assert not [text for text in texts if "PATIENT-" in text]


def test_items__hold_every_table_that_may_leave(run: Run, names: Names) -> None:
    assert set(tables(run, names)) == {
        "out_of_fold", "choices", "scores", "comparisons", "findings", "gene_contributions", "associations",
        "contributions", "sources",
    }  # fmt: skip


def test_associations__only_the_watched_and_the_leading_genes_leave(run: Run, names: Names) -> None:
    p = np.linspace(1, 0.001, 300)
    p[[5, 290]] = np.nan
    rows = pd.DataFrame(
        {"gene": [f"G{i}" for i in range(300)], "watched": [i in (3, 5) for i in range(300)], "p": p}
    )
    many = replace(run, associations=rows.reindex(columns=schema.ASSOCIATIONS.names))
    expected = [3, 5, *range(199, 290), *range(291, 300)]
    assert tables(many, names)["associations"]["gene"].tolist() == [f"G{i}" for i in expected]


def test_out_of_fold__has_pseudonyms_and_no_trace_of_the_order_of_identifiers(run: Run, names: Names) -> None:
    table = tables(run, names)["out_of_fold"]
    merged = table.assign(patient=table["patient"].map({v: k for k, v in names.items()}))
    keys = ["model", "repeat", "fold", "patient"]
    pd.testing.assert_frame_equal(
        merged.sort_values(keys, ignore_index=True), run.out_of_fold.sort_values(keys, ignore_index=True)
    )
    fold = table[(table["model"] == "chosen") & (table["repeat"] == 0) & (table["fold"] == 0)]
    assert fold["patient"].is_monotonic_increasing


def test_out_of_fold__patient_without_pseudonym_is_refused_and_not_named(run: Run, names: Names) -> None:
    fewer = {patient: name for patient, name in names.items() if patient != "PATIENT-0005"}
    with pytest.raises(InputError, match="1 patients of the run have no pseudonym") as caught:
        list(items_of(run, fewer, report=None))
    assert "PATIENT" not in str(caught.value)


def test_findings__are_counts_by_code_without_message(run: Run, names: Names) -> None:
    expected = [["warning", "not-on-roster", 1], ["note", "no-calls", 2]]
    assert tables(run, names)["findings"].to_numpy().tolist() == expected


def test_contributions__are_summaries_over_patients(run: Run, names: Names) -> None:
    table = tables(run, names)["contributions"].set_index(["model", "feature"])
    assert len(table) == 6
    # Patient i contributes (-1)^i i: 0, -1, 2, ... -23.
    summary = table.loc[("chosen", "TP53"), ["patients", "mean", "mean_abs", "positive_share", "mean_spread"]]
    assert summary.tolist() == [24, -0.5, 11.5, pytest.approx(11 / 24), 0.5]


def test_metrics__one_auroc_a_fold_with_its_step(run: Run, names: Names) -> None:
    metrics = [i for i in items_of(run, names, report=None) if isinstance(i, Metric)]
    folds = {m.step: m.value for m in metrics if m.key == "l2-logistic.both/fold AUROC"}
    assert sorted(folds) == [0, 1, 2, 3, 4, 5]
    table = run.out_of_fold.query("model == 'l2-logistic:both' and repeat == 1 and fold == 2")
    assert folds[5] == auc(table["response"].to_numpy(int), table["probability"])


def test_metrics__a_fold_with_one_class_has_no_auroc(run: Run, names: Names) -> None:
    table = run.out_of_fold.copy()
    table.loc[table["fold"] == 1, "response"] = 0
    items = items_of(replace(run, out_of_fold=table), names, report=None)
    steps = {i.step for i in items if isinstance(i, Metric) and i.key == "chosen/fold AUROC"}
    assert steps == {0, 2, 3, 5}


def test_metrics__scores_with_interval_ends_and_nothing_for_a_refused_score(run: Run, names: Names) -> None:
    metrics = {i.key: i.value for i in items_of(run, names, report=None) if isinstance(i, Metric)}
    assert (metrics["chosen/AUROC low"], metrics["chosen/AUROC"], metrics["chosen/AUROC high"]) == (0.6, 0.7, 0.8)
    assert not [key for key in metrics if "slope" in key]


def test_keys__hold_only_characters_that_every_system_takes(run: Run, names: Names) -> None:
    items = items_of(run, names, report=None)
    keys = [i.key for i in items if isinstance(i, Parameter | Metric | Tag)]
    assert all(re.fullmatch(r"[\w.\- ]+(/[\w.\- ]+)?", key) and len(key) <= LONGEST_KEY for key in keys)


def test_parameters__are_the_flattened_configuration(run: Run, names: Names) -> None:
    found = parameters(run, {"a": {"b": 1, "c": [1, "x"]}, "d": None, "e": True, "f": "é", "g": {}}, names)
    assert found == {"a.b": "1", "a.c": '[1, "x"]', "d": "null", "e": "true", "f": "é", "g": "{}"}


def test_parameters__too_long_are_cut_and_stay_distinct(run: Run, names: Names) -> None:
    long = {"k" * 300: "v" * 7000, "k" * 301: "w", "a:b": "1", "a": {"b": "2"}, "..": "3", "": "4"}
    found = parameters(run, long, names)
    assert len(found) == 6
    assert max(map(len, found)) == LONGEST_KEY
    assert max(map(len, found.values())) == LONGEST_VALUE
    assert [found["a.b"], found["a.b_2"], found["__"], found["_"]] == ["1", "2", "3", "4"]


def test_configuration__loses_folders_passwords_and_identifiers_only(run: Run, names: Names) -> None:
    items = items_of(run, names, report=None)
    text = next(i.text for i in items if isinstance(i, TextItem) and i.path == "configuration.yaml")
    assert yaml.safe_load(text) == {
        "name": "made-up",
        "data": "hospital",
        "calls": {"files": [f"{names['PATIENT-0003']}_tumour.vcf.gz", f"{UNLISTED}.vcf.gz"]},
        "roster": {"file": "roster.tsv", "filter": {"ER/PR": ["N/A"], "patient": [names["PATIENT-0002"]]}},
        "models": ["chosen", "l2-logistic:both"],
        "tracking": {"uri": "postgresql://***@db.clinic/mlflow", "alias": None},
    }


@pytest.mark.parametrize(
    ("setting", "outward"),
    [
        ("/home/ann/x", "x"),
        ("~/x/y", "y"),
        ("C:\\Users\\ann\\x.tsv", "x.tsv"),
        ("sqlite:////home/ann/mlflow.db", "mlflow.db"),
        ("lists/panel.txt", "panel.txt"),
        ("HER2/neu", "HER2/neu"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("pPATIENT-0001", "pPATIENT-0001"),  # another word, not the patient
    ],
)
def test_configuration__a_path_is_told_from_a_word(run: Run, names: Names, setting: str, outward: str) -> None:
    assert parameters(run, {"setting": setting}, names) == {"setting": outward}


def test_configuration__identifiers_like_ordinary_numbers_are_left(run: Run, names: Names) -> None:
    assert parameters(run, {"positive": ["1"]}, {**names, "1": "P-one"}) == {"positive": '["1"]'}


def test_tags__say_what_the_run_stands_on(run: Run, names: Names) -> None:
    tags = {i.key: i.value for i in items_of(run, names, report=None) if isinstance(i, Tag)}
    assert tags["experiment"] == "made-up"
    assert tags["simulated"] == "yes"
    assert "invented" in tags["mlflow.note.content"]
    assert tags["split plan"] == "f00d"
    assert tags["code sha256"] == "c" * 64
    assert tags["version of numpy"] == "2.4.6"
    assert tags["sha256 of roster.tsv"] == "b" * 64
    assert tags[f"sha256 of {names['PATIENT-0003']}_tumour.vcf.gz"] == "a" * 64


def test_tags__many_sources_have_one_hash_together(run: Run, names: Names) -> None:
    sources = [{"name": f"{i}.vcf", "sha256": f"{i:064d}", "rows_in": 1, "rows_kept": 1} for i in range(30)]

    def together(some: list[dict[str, Any]]) -> list[Tag]:
        changed = replace(run, provenance={**run.provenance, "sources": some}, simulated=False)
        items = items_of(changed, names, report=None)
        return [i for i in items if isinstance(i, Tag) and "sha256" in i.key and not i.key.startswith("code")]

    assert [tag.key for tag in together(sources)] == ["data sha256"]
    assert together(sources) == together(sources[::-1])
    assert together(sources) != together(sources[1:])


def test_report__is_passed_on_as_a_file(run: Run, names: Names) -> None:
    assert list(items_of(run, names, report=Path("r.html")))[-1] == FileItem("report.html", Path("r.html"))


# --- What only some experiments ask for -----------------------------------------------------------------


def test_tables__asked_for_leave_without_patients_and_influence_and_plan_stay(run: Run, names: Names) -> None:
    patient = "PATIENT-0003"
    row = {"model": "chosen", "permuted": "responses", "p": 0.04, "permutations": 99, "reached": 3}
    chance = pd.DataFrame([row]).reindex(columns=schema.CHANCE.names)
    influence = pd.DataFrame([{"patient": patient, "status": patient}]).reindex(columns=schema.INFLUENCE.names)
    asked = replace(run, chance=chance, influence=influence, plan={"patients": [patient]})
    items = list(items_of(asked, names, report=None))
    assert set(tables(asked, names)) - set(tables(run, names)) == {"chance"}
    texts = [i.frame.to_csv() if isinstance(i, TableItem) else repr(i) for i in items]
    assert not [text for text in texts if "PATIENT-" in text]
    assert Metric("chosen/p responses permuted", 0.04) in items


def in_pairs(run: Run) -> Run:
    """Return the run as if every two of its first six patients had been left out together."""
    pairs = list(itertools.combinations([f"PATIENT-{i:04d}" for i in range(6)], 2))
    rows = [
        (model, 0, fold, patient, place, 0.1 + 0.01 * fold + 0.5 * place, fold)
        for model in ("chosen", "l2-logistic:both")
        for fold, both in enumerate(pairs)
        for place, patient in enumerate(both)
    ]
    columns = ["model", "repeat", "fold", "patient", "response", "probability", "pair"]
    table = pd.DataFrame(rows, columns=columns)
    choices = table[["model", "repeat", "fold"]].drop_duplicates().assign(threshold=lambda t: t["fold"] / 100)
    return replace(
        run,
        out_of_fold=schema.conform(table, schema.OUT_OF_FOLD),
        choices=choices.reindex(columns=schema.CHOICES.names),
    )


def test_pairs__are_numbered_by_their_pseudonyms_and_keep_their_rows(run: Run, names: Names) -> None:
    paired = in_pairs(run)
    found = tables(paired, names)
    hidden = found["out_of_fold"]
    chosen = hidden[hidden["model"] == "chosen"]
    both = [tuple(sorted(pair)) for _, pair in chosen.groupby("fold")["patient"]]
    assert both == sorted(both)
    assert (hidden["pair"] == hidden["fold"]).all()
    back = hidden.assign(patient=hidden["patient"].map({v: k for k, v in names.items()}))
    columns = ["model", "patient", "response", "probability"]
    pd.testing.assert_frame_equal(
        back[columns].sort_values(columns, ignore_index=True),
        paired.out_of_fold[columns].sort_values(columns, ignore_index=True),
    )
    # What each fold chose goes with its new number: here the probability tells the old one.
    old = chosen.groupby("fold")["probability"].min().sub(0.1).div(0.01).round()
    kept = found["choices"].query("model == 'chosen'").set_index("fold")["threshold"]
    assert (kept * 100).round().to_dict() == old.to_dict()


def test_pairs__have_no_metric_of_their_own(run: Run, names: Names) -> None:
    items = items_of(in_pairs(run), names, report=None)
    assert not [i for i in items if isinstance(i, Metric) and "fold AUROC" in i.key]
