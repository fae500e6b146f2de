"""The commands init, simulate and features."""

import json
import os

import pandas as pd
import pytest

from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.features.matrix import GeneMatrix


def refuse_constant(word):
    raise AssertionError(f"{word} in JSON")


def parse(text):
    return json.loads(text, parse_constant=refuse_constant)


def test_init__writes_an_experiment_that_features_and_read_experiment_accept(place, call):
    outcome = call("init", "--calls", "calls.maf", "--patients", "roster.tsv", "--out", "new/mine.yaml")
    assert outcome.code == 0
    assert "patient: column patient (60 of the 60 patients" in outcome.out
    assert "response: column response, positive pCR, negative RD" in outcome.out
    assert read_experiment("new/mine.yaml").roster.response.positive == ("pCR",)
    assert call("features", "new/mine.yaml", "--out", "m.parquet").code == 0


def test_init__demo_is_the_demonstration(place, call):
    outcome = call("init", "--demo", "--out", "demo.yaml", "--json")
    assert outcome.code == 0
    assert parse(outcome.out)["experiment"] == "demo.yaml"
    assert read_experiment("demo.yaml").name == "demo"


def test_init__never_writes_over_a_file_that_it_reads(place, call, listing):
    before = listing(place)
    outcome = call("init", "--calls", "calls.maf", "--patients", "roster.tsv", "--out", "roster.tsv", "--force")
    assert outcome.code == 1
    assert "roster.tsv is a file that is read" in outcome.err
    assert listing(place) == before


def test_init__an_experiment_that_is_there_is_refused_and_replaced_by_force(place, call):
    before = (place / "experiment.yaml").read_text()
    outcome = call("init", "--demo")
    assert (outcome.code, outcome.out) == (1, "")
    assert "already there; give --force" in outcome.err
    assert (place / "experiment.yaml").read_text() == before
    assert call("init", "--demo", "--force").code == 0
    assert (place / "experiment.yaml").read_text() != before


def test_simulate__same_seed_same_bytes(call, tmp_path):
    for name in ("a", "b"):
        assert call("simulate", "--out", tmp_path / name, "--patients", 12, "--seed", 5, "--vcf").code == 0
    names = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*"))
    assert len(names) == 16
    assert all((tmp_path / "a" / n).read_bytes() == (tmp_path / "b" / n).read_bytes() for n in names)


@pytest.mark.parametrize(
    ("more", "said"),
    [(["--patients", 3], "12 to 100,000"), (["--seed", -1], "seed"), (["--out", "roster.tsv"], "not a folder"),
     (["--out", "."], "already holds")],
)  # fmt: skip
def test_simulate__what_cannot_be_is_refused(more, said, place, call, listing):
    before = listing(place)
    outcome = call("simulate", "--out", "new", *more)
    assert (outcome.code, outcome.out) == (1, "")
    assert said in outcome.err
    assert listing(place) == before


def test_features__are_saved_and_load_again(place, call):
    outcome = call("features", "experiment.yaml", "--out", "new/m.parquet", "--findings", "else/f.tsv", "--json")
    content = parse(outcome.out)
    matrix = GeneMatrix.load(place / "new" / "m.parquet")
    assert matrix.shape == (content["patients"], content["genes"])
    assert matrix.values.nnz == content["mutated_cells"] > 0
    assert list(pd.read_csv("else/f.tsv", sep="\t").columns)[:2] == ["severity", "code"]


def test_features__a_stranger_and_a_patient_without_calls_are_findings(place, call):
    roster = (place / "roster.tsv").read_text()
    (place / "roster.tsv").write_text(roster.replace("SIM000001", "SIM0000X1"))
    outcome = call("features", "experiment.yaml", "--out", "m.parquet")
    assert outcome.code == 0
    assert "calls-without-patient" in outcome.out
    assert "the nearest is SIM0000X1" in outcome.out
    assert "a row of zeros, not a missing patient" in outcome.out


def test_features__nothing_noticed_is_said(place, call):
    assert "Nothing was noticed about the data." in call("features", "experiment.yaml", "--out", "m.parquet").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "."], "is a folder"),
        (["--out", ".", "--force"], "is a folder"),
        (["--out", "m.json"], "ending in .parquet"),
        (["--out", "experiment.yaml", "--force"], "ending in .parquet"),
        (["--out", "there.parquet"], "already there"),
        (["--out", "sidecar.parquet"], "sidecar.json is already there"),
        (["--out", "m.parquet", "--findings", "there.parquet"], "already there"),
        (["--out", "m.parquet", "--findings", "m.json"], "is written by --out too"),
        (["--out", "m.parquet", "--findings", "experiment.yaml", "--force"], "is a file that is read"),
        (["--out", "roster.tsv/m.parquet"], "roster.tsv is not a folder"),
    ],
)
def test_features__an_output_that_cannot_be_is_refused_before_any_work(words, said, place, call, listing):
    (place / "there.parquet").touch()
    (place / "sidecar.json").touch()
    (place / "calls.maf").unlink()  # work would end with another message
    before = listing(place)
    outcome = call("features", "experiment.yaml", *words)
    assert (outcome.code, outcome.out) == (1, "")
    assert said in outcome.err
    assert listing(place) == before


def test_features__a_full_disk_leaves_nothing(place, call, listing, monkeypatch):
    def full(*_, **__):
        raise OSError(28, os.strerror(28), "m.parquet")

    before = listing(place)
    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    outcome = call("features", "experiment.yaml", "--out", "m.parquet")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("Error: No space left on device: m.parquet. ")
    assert listing(place) == before


@pytest.mark.parametrize("make", [
    lambda text: ("\ufeff" + text).encode(),
    lambda text: text.replace("\n", "\r\n").encode(),
    lambda text: ("\ufeff" + text.replace("\n", "\r\n") + "\r\n\r\n").encode(),
    lambda text: text.replace("\twest\t", '\t"west"\t').encode(),
], ids=["BOM", "CRLF", "BOM, CRLF and blank lines", "quotes"])  # fmt: skip
def test_roster__means_the_same_however_an_editor_saved_it(make, place, call):
    assert call("features", "experiment.yaml", "--out", "a.parquet").code == 0
    (place / "roster.tsv").write_bytes(make((place / "roster.tsv").read_text()))
    assert call("features", "experiment.yaml", "--out", "b.parquet").code == 0
    assert (place / "a.parquet").read_bytes() == (place / "b.parquet").read_bytes()


def test_patient__that_looks_like_a_number_keeps_its_zeros(place, call, change):
    for name, column in (("roster.tsv", "patient"), ("calls.maf", "Tumor_Sample_Barcode")):
        change(place / name, lambda t, c=column: t.assign(**{c: t[c].str.removeprefix("SIM")}))
    assert call("features", "experiment.yaml", "--out", "m.parquet").code == 0
    patients = GeneMatrix.load(place / "m.parquet").patients
    assert patients[:2] == ("000001", "000002")


ODD = ["<script>alert(1)</script>", "[red]bold[/red]", "gène é 基因", "two words", 'it\'s "so"', "=1+1", "L" * 300]


@pytest.mark.parametrize("name", ODD)
def test_gene__of_any_name_is_kept_as_it_is(name, place, call):
    calls = (place / "calls.maf").read_text().replace("\nTP53\t", f"\n{name}\t")
    (place / "calls.maf").write_text(calls)
    assert call("features", "experiment.yaml", "--out", "m.parquet").code == 0
    matrix = GeneMatrix.load(place / "m.parquet")
    assert matrix.carriers()[matrix.genes.index(name)] == 31


@pytest.mark.parametrize("name", ODD)
def test_finding__shows_a_patient_of_any_name_whole(name, place, call):
    calls = (place / "calls.maf").read_text().replace("\tSIM000001\t", f"\t{name}\t")
    (place / "calls.maf").write_text(calls)
    outcome = call("features", "experiment.yaml", "--out", "m.parquet")
    assert outcome.code == 0
    assert name in outcome.out
