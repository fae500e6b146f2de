"""Predictions in parts: the same bytes whatever the parts, killed whenever; finished parts are not made again."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from made_model import GENES, made_bundle, maf, roster, vcf
from trastuz_ml.calls.read import read_calls
from trastuz_ml.calls.reading import Reading
from trastuz_ml.cli.main import run
from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.cohort.pseudonyms import pseudonym_key, pseudonyms
from trastuz_ml.cohort.variant_marks import marks_of
from trastuz_ml.errors import InputError, OutputExistsError
from trastuz_ml.experiment import batches
from trastuz_ml.experiment.batches import predict_to_file
from trastuz_ml.experiment.parts import Asked
from trastuz_ml.experiment.unfinished_batch import parts_folder
from trastuz_ml.store.journal import keys_of

PATIENTS = 60


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def bundle(models):
    return made_bundle(models)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A MAF in no order, with calls given twice far apart, and a roster with rows of every kind."""
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(4)
    names = [f"P{i:02d}" for i in range(PATIENTS)]
    rows = [
        (str(patient), str(rng.choice([*GENES, "MUC16", "SEPT9"])), str(effect))
        for patient, effect in zip(
            rng.choice([*names[:-3], "X1", "X2"], 900),
            rng.choice(["Missense_Mutation", "Silent"], 900),
            strict=True,
        )
    ]
    calls = maf(folder, *rows)
    lines = calls.read_text().splitlines(keepends=True)
    calls.write_text("".join([*lines, *lines[1:200]]))
    rng.shuffle(names)
    listed = [
        *names[:20],
        names[3],
        f"{names[20]}\told\tPOS\tII\tYES\tPOS\t",
        *names[21:],
        "\t50\tPOS\tII\tYES\tPOS\t",
    ]
    listed[30] = f"{listed[30]}\t50\tPOS\tII\tNO\tPOS\t"
    listed[31] = f"{listed[31]}\t50\tPOS\tII\tYES\tPOS\tpanel"
    return [calls], roster(folder, *listed)


@pytest.fixture(scope="module")
def undisturbed(bundle, files, tmp_path_factory):
    """The bytes of the outputs of one part, by ending."""
    folder = tmp_path_factory.mktemp("undisturbed")
    outs = {ending: folder / f"p{ending}" for ending in (".csv", ".parquet")}
    return {ending: (predict_to_file(bundle, *files, out), out.read_bytes()) for ending, out in outs.items()}


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
@pytest.mark.parametrize(("size", "workers"), [(1, 1), (7, 1), (61, 1), (6, 2)])
def test_parts__of_any_size_give_the_same_bytes_and_findings(
    size, workers, ending, bundle, files, undisturbed, tmp_path
):
    out = tmp_path / f"p{ending}"
    predicted = predict_to_file(bundle, *files, out, part_size=size, workers=workers)
    whole, expected = undisturbed[ending]
    assert out.read_bytes() == expected
    assert (predicted.patients, predicted.refused) == (whole.patients, whole.refused) == (PATIENTS + 2, 5)
    pd.testing.assert_frame_equal(predicted.findings, whole.findings)
    assert list(tmp_path.iterdir()) == [out]


def test_parts__many_files_are_read_in_turns(bundle, tmp_path, monkeypatch):
    given = [vcf(tmp_path, f"P{i}", *GENES[: i % 4]) for i in range(1, 10)]
    listed = roster(tmp_path, *(f"P{i}" for i in range(10)))
    predict_to_file(bundle, given, listed, tmp_path / "whole.csv")
    monkeypatch.setattr(batches, "_FILES_A_TURN", 2)
    predict_to_file(bundle, given, listed, tmp_path / "parts.csv", part_size=3)
    assert (tmp_path / "parts.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    table = pd.read_csv(tmp_path / "whole.csv")
    # Whoever has a file without records is predicted; who has no file is not.
    assert table.loc[table["refusal"].notna(), "patient"].tolist() == ["P0"]


def test_parts__blocks_of_a_table_do_not_show(bundle, files, undisturbed, tmp_path, monkeypatch):
    monkeypatch.setattr("trastuz_ml.experiment.given_calls.ROWS_AT_A_TIME", 1)
    monkeypatch.setattr("trastuz_ml.calls.tables.text_lines.BLOCK", 500)
    monkeypatch.setattr("trastuz_ml.calls.tables.text_lines.FIRST_BLOCK", 500)
    monkeypatch.setattr(batches, "_CALLS_WAITING", 50)
    predict_to_file(bundle, *files, tmp_path / "p.csv", part_size=9)
    assert (tmp_path / "p.csv").read_bytes() == undisturbed[".csv"][1]


@pytest.mark.parametrize("size", [1, 7, 61])
def test_parts__do_not_show_in_who_is_a_training_patient(size, bundle, files, tmp_path, monkeypatch):
    """Marks of four who are predicted, of whom many others share some places."""
    monkeypatch.setenv("TRASTUZ_ML_CONFIG", str(tmp_path / "config"))
    calls, patients = files
    lines = [line.split("\t") for line in calls[0].read_text().splitlines()[1:]]
    for row, cells in enumerate(lines):
        cells[4] = str(1000 + row % 40 if row % 3 else 50_000 + row)  # a third have places of their own
    shared = maf(tmp_path)
    shared.write_text(shared.read_text() + "".join("\t".join(cells) + "\n" for cells in lines))
    read = read_calls([shared], Reading()).calls
    trained = read[read["patient"].isin(["P05", "P11", "P17", "P23"])].reset_index(drop=True)
    names = pd.Index(sorted(trained["patient"].astype("str").unique()))
    people = pd.DataFrame({"response": 1, "group": names, "assay": "exome"}, index=names)
    key = pseudonym_key()
    marked = dataclasses.replace(bundle, marks=marks_of(Cohort(trained, people, build="GRCh38"), key))
    whole = predict_to_file(marked, [shared], patients, tmp_path / "whole.csv")
    parts = predict_to_file(marked, [shared], patients, tmp_path / "parts.csv", part_size=size)
    assert (tmp_path / "parts.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    pd.testing.assert_frame_equal(parts.findings, whole.findings)
    table = pd.read_csv(tmp_path / "whole.csv", index_col="patient")["shared_with_training"].dropna()
    own = dict(zip(pseudonyms(list(names), key).values(), names, strict=True))
    found = {patient: own[words.split()[-1]] for patient, words in table.items() if words.split()[-1] in own}
    assert set(names) <= set(found)


def test_parts__of_a_model_without_calls(tmp_path):
    bundle = made_bundle(tmp_path / "m", inputs={"reading": None})
    covariates_alone = [f for f in bundle.features if f.block == "covariate"]
    assert covariates_alone
    with pytest.raises(Exception, match="which come from mutation calls"):
        predict_to_file(bundle, [], roster(tmp_path, "P1"), tmp_path / "p.csv")
    assert not (tmp_path / "p.csv").exists()


def broken(monkeypatch, at):
    """Have the work fail after so many parts, as a full disk would."""
    made, done = batches.predict_to_piece, []

    def breaking(*given):
        if len(done) == at:
            raise KeyboardInterrupt
        done.append(given[-1].name)
        return made(*given)

    monkeypatch.setattr(batches, "predict_to_piece", breaking)
    return done


def test_resumed__finished_parts_are_not_made_again(bundle, files, undisturbed, tmp_path, monkeypatch):
    out = tmp_path / "p.csv"
    with monkeypatch.context() as patched:
        first = broken(patched, 3)
        with pytest.raises(KeyboardInterrupt):
            predict_to_file(bundle, *files, out, part_size=10)
    assert not out.exists()
    with monkeypatch.context() as patched:
        second = broken(patched, 99)
        patched.setattr(batches, "read_given", None)  # nor are files read again
        predicted = predict_to_file(bundle, *files, out, part_size=10)
    assert (len(first), len(second), predicted.continued) == (3, 4, 3)
    assert not set(first) & set(second)
    assert out.read_bytes() == undisturbed[".csv"][1]
    assert list(tmp_path.iterdir()) == [out]


def test_resumed__a_damaged_piece_is_made_again(bundle, files, undisturbed, tmp_path, monkeypatch):
    out = tmp_path / "p.csv"
    with monkeypatch.context() as patched:
        broken(patched, 3)
        with pytest.raises(KeyboardInterrupt):
            predict_to_file(bundle, *files, out, part_size=10)
    piece = parts_folder(out) / "part-000001.csv"
    piece.write_bytes(piece.read_bytes()[:-5])
    next(parts_folder(out).glob("calls-*/*.arrow")).write_bytes(b"spoilt")
    assert predict_to_file(bundle, *files, out, part_size=10).continued == 2
    assert out.read_bytes() == undisturbed[".csv"][1]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("roster", "the roster has other content"), ("calls", "the files of calls are others, or were changed"),
        ("size", "part size was 10 and is 11"), ("asked", "settings was"), ("covered", "the gene list has other"),
    ],
)  # fmt: skip
def test_resumed__other_inputs_are_refused_and_begun_anew_by_force(
    what, said, bundle, files, tmp_path, monkeypatch
):
    (calls,), listed = files
    copies = [tmp_path / "calls.maf"], tmp_path / "roster.tsv"
    copies[0][0].write_bytes(calls.read_bytes())
    copies[1].write_bytes(listed.read_bytes())
    out = tmp_path / "p.csv"
    with monkeypatch.context() as patched:
        broken(patched, 2)
        with pytest.raises(KeyboardInterrupt):
            predict_to_file(bundle, *copies, out, part_size=10)
    if what == "roster":
        copies[1].write_bytes(listed.read_bytes().replace(b"\t50\t", b"\t51\t", 1))
    if what == "calls":
        copies[0][0].write_bytes(calls.read_bytes() + calls.read_bytes().splitlines(keepends=True)[-1])
    (tmp_path / "genes.txt").write_text("TP53\n")
    covered = tmp_path / "genes.txt" if what == "covered" else None
    asked = Asked(explain=2 if what == "asked" else 5, covered=covered)
    more = {"part_size": 11 if what == "size" else 10, "asked": asked}
    with pytest.raises(OutputExistsError, match=said):
        predict_to_file(bundle, *copies, out, **more)
    assert not out.exists()
    assert len(keys_of(parts_folder(out) / "journal")) == 3
    predict_to_file(bundle, *copies, out, **more, force=True)
    fresh = tmp_path / "fresh.csv"
    predict_to_file(bundle, *copies, fresh, **more)
    assert out.read_bytes() == fresh.read_bytes()
    assert not parts_folder(out).exists()


def test_refused__what_cannot_be_done_leaves_nothing(bundle, files, tmp_path):
    (calls,), listed = files
    bad = tmp_path / "bad.maf"
    bad.write_bytes(calls.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"bad\.maf, line"):
        predict_to_file(bundle, [bad], listed, tmp_path / "p.csv", part_size=10)
    assert list(tmp_path.iterdir()) == [bad]


# ---- killed ----------------------------------------------------------------------------------------------

# The command with what it imports, which takes seconds: each run is a fork of it, a process of its own.
LOADED = """
import json, os, sys
import trastuz_ml.experiment.batches, trastuz_ml.experiment.find_model, trastuz_ml.prediction.batch
from trastuz_ml.cli.main import run
for line in sys.stdin:
    words = json.loads(line)
    child = os.fork()
    if child == 0:
        for stream in (0, 1, 2):
            os.dup2(os.open(os.devnull, os.O_RDWR), stream)
        try:
            run(words)
        except SystemExit as ended:
            os._exit(ended.code)
        finally:
            os._exit(99)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="forks and kills processes")
def test_killed__at_ten_random_moments_the_output_has_the_same_bytes(bundle, models, files, undisturbed, tmp_path):
    rng, out = np.random.default_rng(2019), tmp_path / "p.csv"
    (calls,), listed = files
    words = ["predict", "--model", str(models / "made"), "--calls", str(calls), "--patients", str(listed), "--out",
             str(out), "--part-size", "4", "--workers", "1"]  # fmt: skip
    journal = parts_folder(out) / "journal"

    def pieces():
        try:
            return keys_of(journal)
        except OSError:
            return []

    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", LOADED], **pipes, text=True) as loaded:

        def start():
            loaded.stdin.write(json.dumps(words) + "\n")
            loaded.stdin.flush()
            return int(loaded.stdout.readline())

        before, wanted = [], sorted(rng.choice(17, 9, replace=False).tolist())
        for enough in [*wanted, 17]:
            child = start()
            until = time.monotonic() + 60
            while len(pieces()) < enough and not out.exists():
                assert time.monotonic() < until
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.02))
            os.kill(child, signal.SIGKILL)
            ended = int(loaded.stdout.readline())
            assert ended == -signal.SIGKILL or out.exists()
            if not out.exists():
                assert pieces()[: len(before)] == before  # nothing that was finished is lost
                assert len(set(pieces())) == len(pieces())  # nor made twice
                before = pieces()
        start()
        assert int(loaded.stdout.readline()) in ((0, 1) if out.exists() else (0,))
        loaded.stdin.close()
    assert out.read_bytes() == undisturbed[".csv"][1]
    assert list(tmp_path.iterdir()) == [out]


def test_killed__when_all_but_tidying_up_was_done_the_command_ends_well(
    bundle, models, files, undisturbed, tmp_path, monkeypatch, capsys
):
    out = tmp_path / "p.csv"
    (calls,), listed = files
    words = ["predict", "--model", str(models / "made"), "--calls", str(calls), "--patients", str(listed), "--out",
             str(out), "--part-size", "10", "--workers", "1"]  # fmt: skip

    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(batches.shutil, "rmtree", stopped)
        with pytest.raises(SystemExit):
            run(words)
    with pytest.raises(SystemExit) as ended:
        run(words)
    assert ended.value.code == 0, capsys.readouterr().err
    assert out.read_bytes() == undisturbed[".csv"][1]
    assert list(tmp_path.iterdir()) == [out]
