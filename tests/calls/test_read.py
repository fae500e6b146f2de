"""One door for files of calls, whatever their format."""

import io
import os
import sys
import threading

import pandas as pd
import pytest

from trastuz_ml.calls.read import read_calls
from trastuz_ml.calls.reading import Filters, Reading
from trastuz_ml.calls.vcf.writer import write_vcf
from trastuz_ml.errors import InputError
from trastuz_ml.schema import CALLS, conform

HEADER = "Hugo_Symbol\tTumor_Sample_Barcode\tVariant_Classification\tChromosome\tStart_Position\tNCBI_Build"


def maf(path, *rows, build="GRCh38"):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [HEADER, *("\t".join((*map(str, row), build)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def vcf(path, patient, gene):
    calls = pd.DataFrame({
        "patient": [patient], "gene": [gene], "effect": ["missense"], "consequence": ["Missense_Mutation"],
        "chrom": ["17"], "pos": [7], "ref": ["A"], "alt": ["C"],
    })  # fmt: skip
    write_vcf(conform(calls, CALLS), path, patient=patient)
    return path


CALL = ("TP53", "P1", "Missense_Mutation", 17, 100)


def test_read__formats_are_told_apart_by_content_not_by_name(tmp_path):
    one = maf(tmp_path / "table.vcf.txt", CALL)
    two = vcf(tmp_path / "calls.txt", "P2", "KMT2C")
    calls = read_calls([one, two]).calls
    assert calls[["patient", "gene", "file"]].astype("str").to_numpy().tolist() == [
        ["P1", "TP53", "table.vcf.txt"], ["P2", "KMT2C", "calls.txt"],
    ]  # fmt: skip


def test_read__older_names_meet_the_current_one(tmp_path):
    path = maf(tmp_path / "a.maf", ("MLL3", "P1", "Silent", 7, 1), ("KMT2C", "P1", "Silent", 7, 2))
    read = read_calls([path])
    assert set(read.calls["gene"]) == {"KMT2C"}
    assert {"gene-renamed", "gene-names-collide"} <= {finding.code for finding in read.findings}


def test_read__a_date_is_repaired_by_the_chromosome_even_if_no_place_is_wanted(tmp_path):
    path = maf(tmp_path / "a.maf", ("1-Mar", "P1", "Silent", 4, 1), ("1-Mar", "P2", "Silent", 1, 2))
    assert read_calls([path], Reading(wanted=frozenset())).calls["gene"].tolist() == ["MARCHF1", "MTARC1"]


def test_read__files_of_the_same_name_are_told_apart(tmp_path):
    paths = [maf(tmp_path / folder / "calls.maf", ("TP53", folder, "Silent", 17, 1)) for folder in ("a", "b")]
    read = read_calls(paths)
    assert read.calls["file"].tolist() == ["a/calls.maf", "b/calls.maf"]
    assert set(read.sha256) == {"a/calls.maf", "b/calls.maf"}


def test_read__two_genome_builds_are_refused_with_both_files(tmp_path):
    paths = [maf(tmp_path / "a.maf", CALL), maf(tmp_path / "b.maf", CALL, build="hg19")]
    with pytest.raises(InputError, match=r"b\.maf says GRCh37 and a\.maf says GRCh38"):
        read_calls(paths)


def test_read__what_filters_take_out_is_counted_and_a_missing_value_is_told(tmp_path):
    read = read_calls([maf(tmp_path / "a.maf", CALL)], Reading(filters=Filters(min_depth=10)))
    assert {f.code: f.count for f in read.findings} == {"filter-without-value": 1}
    assert len(read.calls) == 1


def test_read__the_standard_input_is_read(tmp_path, monkeypatch):
    text = maf(tmp_path / "a.maf", CALL).read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert read_calls(["-"]).calls["file"].tolist() == ["standard input"]


def test_read__a_pipe_that_ends_is_read_and_its_own_name_is_in_messages(tmp_path):
    for text, said in ((maf(tmp_path / "a.maf", CALL).read_text(), None), ("not a table\n", r"^[^/]*pipe")):
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        writer = threading.Thread(target=pipe.write_text, args=(text,))
        writer.start()
        if said is None:
            assert len(read_calls([pipe]).calls) == 1
        else:
            with pytest.raises(InputError, match=said):
                read_calls([pipe])
        writer.join()
        pipe.unlink()


def test_read__the_number_of_processes_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("trastuz_ml.calls.read._WORTH_PROCESSES", 0)
    paths = [vcf(tmp_path / f"P{i}.vcf", f"P{i}", "TP53") for i in range(4)]
    one, two = read_calls(paths, workers=1), read_calls(paths, workers=2)
    pd.testing.assert_frame_equal(one.calls, two.calls)
    assert one.sha256 == two.sha256


def test_read__no_file_is_said(tmp_path):
    with pytest.raises(InputError, match=r"no file .*nowhere\.vcf"):
        read_calls([tmp_path / "nowhere.vcf"])
