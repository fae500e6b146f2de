"""Files of calls of new patients: a bad one refuses its patient, or the batch where nobody knows whose it is."""

import gzip
import struct
import zlib

import pandas as pd
import pytest

from made_model import made_bundle, maf, roster, vcf, vcf_text
from trastuz_ml.errors import InputError
from trastuz_ml.experiment.new_patients import predict_files, read_new_patients
from trastuz_ml.experiment.unjudged import unjudged_patients
from trastuz_ml.schema import CALLS, conform

GRCH37 = 249250621


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return made_bundle(tmp_path_factory.mktemp("models"))


def refusals(bundle, files, patients):
    table, _ = predict_files(bundle, files, patients)
    return dict(zip(table["patient"], table["refusal"], strict=True))


@pytest.fixture
def three(tmp_path):
    """Three patients, each with a VCF of their own, and the roster."""
    files = [vcf(tmp_path, patient, gene) for patient, gene in (("P1", "TP53"), ("P2", "PIK3CA"), ("P3", "MUC16"))]
    return files, roster(tmp_path, "P1", "P2", "P3")


def test_files__of_good_patients_all_are_predicted(bundle, three):
    table, _ = predict_files(bundle, *three)
    assert table["refusal"].tolist() == ["", "", ""]
    assert table["probability"].nunique() == 3


def header(text):
    return "".join(text.splitlines(keepends=True)[:5])


def bgzipped(text):
    """One block and the empty one that marks the end (SAM specification, 4.1)."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = packer.compress(text.encode()) + packer.flush()
    head = struct.pack("<4BI2BH2B2H", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(packed) + 25)
    block = head + packed + struct.pack("<2I", zlib.crc32(text.encode()), len(text.encode()))
    return block + bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


BAD = {
    "cut off": (lambda text: text[:-40].encode(), "line 6"),
    "packed and cut off": (lambda text: gzip.compress(text.encode(), mtime=0)[:-12], "compressed data"),
    "empty": (lambda text: b"", "is empty"),
    "not annotated": (lambda text: text.replace("##INFO=<ID=CSQ", "##NOTE=<ID=CSQ").encode(), "annotat"),
    "another build": (lambda text: text.replace("248956422", str(GRCH37)).encode(), "GRCh37.*GRCh38"),
    "cut off at the end of its header": (lambda text: header(text)[:-1].encode(), "no record at all"),
    "packed, cut off at the end of its header": (lambda text: bgzipped(header(text))[:-28], "end mark of bgzip"),
    "noise": (lambda text: bytes(range(256)) * 40, "P2.vcf"),
    "not there": (None, "There is no file"),
}


@pytest.mark.parametrize("what", BAD)
def test_files__a_bad_vcf_refuses_its_patient_and_nobody_else(what, bundle, three):
    files, patients = three
    good = predict_files(bundle, files, patients)[0]
    spoil, said = BAD[what]
    if spoil is None:
        files[1].unlink()
    else:
        files[1].write_bytes(spoil(files[1].read_text()))
    table, findings = predict_files(bundle, files, patients)
    assert table["refusal"].str.contains(said).tolist() == [False, True, False]
    assert table["probability"].isna().tolist() == [False, True, False]
    assert table["probability"][[0, 2]].tolist() == good["probability"][[0, 2]].tolist()
    assert findings.loc[findings["code"] == "file-not-used", "severity"].tolist() == ["error"]


@pytest.mark.parametrize("pack", [str.encode, lambda text: gzip.compress(text.encode(), mtime=0), bgzipped])
def test_files__a_complete_vcf_without_a_record_is_a_row_of_zeros_and_a_finding(pack, bundle, three):
    files, patients = three
    files[1].write_bytes(pack(header(files[1].read_text())))
    table, findings = predict_files(bundle, files, patients, explain=9)
    assert table["refusal"].tolist() == ["", "", ""]
    assert findings.loc[findings["code"] == "patient-without-calls", "patient"].tolist() == ["P2"]
    assert findings.loc[findings["code"] == "no-records", "where"].tolist() == ["P2.vcf"]
    # P3 has a call in a gene that the model does not read.
    assert table["probability"][1] == table["probability"][2]


def test_files__the_header_of_a_damaged_vcf_goes_before_its_name(bundle, three):
    files, patients = three
    moved = files[1].with_name("from the laboratory.vcf")
    moved.write_text(files[1].read_text()[:-40])
    said = refusals(bundle, [files[0], moved, files[2]], patients)
    assert [bool(said[patient]) for patient in ("P1", "P2", "P3")] == [False, True, False]


def test_files__a_vcf_of_nobody_known_may_be_anybodys_who_has_none(bundle, three, tmp_path):
    files, _ = three
    patients = roster(tmp_path, "P1", "P2", "P3", "P4")
    (tmp_path / "lost.vcf").write_bytes(b"\0" * 50)
    said = refusals(bundle, [files[0], files[2], tmp_path / "lost.vcf"], patients)
    assert [patient for patient in said if "lost.vcf" in said[patient]] == ["P2", "P4"]
    assert said["P1"] == said["P3"] == ""


def test_files__a_vcf_of_nobody_known_ends_the_batch_where_patients_have_several(bundle, three, tmp_path):
    files, patients = three
    (tmp_path / "lost.vcf").write_bytes(b"\0" * 50)
    second = vcf(tmp_path, "P1", "TP53", name="P1.second.vcf")
    with pytest.raises(InputError, match=r"lost\.vcf.*it may be anybody's"):
        predict_files(bundle, [*files, second, tmp_path / "lost.vcf"], patients)


def test_files__a_patient_whose_vcf_was_not_given_is_not_taken_as_intact(bundle, three):
    files, patients = three
    said = refusals(bundle, files[:2], patients)
    assert said["P1"] == said["P2"] == ""
    assert "no file of calls was given" in said["P3"]


def test_files__one_table_a_patient_is_like_one_vcf_a_patient(bundle, tmp_path):
    files = [maf(tmp_path, (p, "TP53", "Silent"), name=f"{p}.maf") for p in ("P1", "P2")]
    patients = roster(tmp_path, "P1", "P2", "P3")
    assert "no file of calls was given" in refusals(bundle, files, patients)["P3"]


def test_files__a_patient_without_rows_in_a_table_of_many_is_a_row_of_zeros_and_a_finding(bundle, tmp_path):
    calls = maf(tmp_path, ("P1", "TP53", "Nonsense_Mutation"), ("P2", "PIK3CA", "Missense_Mutation"))
    table, findings = predict_files(bundle, [calls], roster(tmp_path, "P1", "P2", "P3"))
    assert table["probability"].notna().all()
    assert findings.loc[findings["code"] == "patient-without-calls", "patient"].tolist() == ["P3"]


def test_files__a_damaged_table_of_many_ends_the_batch(bundle, tmp_path):
    rows = [(f"P{i % 3 + 1}", "TP53", "Silent") for i in range(9)]
    good, bad = maf(tmp_path, *rows), maf(tmp_path, *rows, name="bad.maf")
    bad.write_text(bad.read_text()[:-30])
    with pytest.raises(InputError, match=r"bad\.maf, line 10"):
        predict_files(bundle, [good, bad], roster(tmp_path, "P1", "P2", "P3"))


def test_files__a_damaged_table_named_after_a_patient_refuses_that_patient(bundle, tmp_path):
    files = [maf(tmp_path, (p, "TP53", "Silent"), (p, "TP53", "Silent"), name=f"{p}.maf") for p in ("P1", "P2")]
    files[1].write_text(files[1].read_text()[:-10])
    said = refusals(bundle, files, roster(tmp_path, "P1", "P2"))
    assert (said["P1"], "line 3" in said["P2"]) == ("", True)


def test_files__when_none_can_be_read_there_is_one_message(bundle, three):
    files, patients = three
    for file in files:
        file.write_bytes(b"")
    with pytest.raises(InputError, match=r"P1\.vcf is empty.*\(and 2 more files\)"):
        predict_files(bundle, files, patients)


def test_files__two_builds_are_refused_where_the_model_names_none(tmp_path):
    bundle = made_bundle(tmp_path / "m", build=None)
    files = [vcf(tmp_path, "P1", "TP53"), vcf(tmp_path, "P2", "TP53", contig=GRCH37)]
    with pytest.raises(InputError, match=r"P2\.vcf says GRCh37 and .*P1\.vcf says GRCh38"):
        predict_files(bundle, files, roster(tmp_path, "P1", "P2"))


def test_files__gene_names_are_those_of_the_models_own_table(tmp_path):
    table = "hgnc_id\tsymbol\tensembl_id\tgene_type\tprevious\talias\nHGNC:1\tTP53\tENSG1\tgene\tOLDNAME\t\n"
    bundle = made_bundle(tmp_path / "m", symbols=gzip.compress(table.encode(), mtime=0))
    calls = maf(tmp_path, ("P1", "OLDNAME", "Nonsense_Mutation"), ("P2", "MUC16", "Silent"))
    table, findings = predict_files(bundle, [calls], roster(tmp_path, "P1", "P2"), explain=9)
    assert "TP53" in table["top_contributions"][0]
    assert table["probability"].nunique() == 2
    assert "gene-renamed" in set(findings["code"])


def test_read__gives_the_cohort_and_who_is_refused(bundle, three):
    files, patients = three
    files[1].write_bytes(b"")
    new = read_new_patients(bundle, files, patients)
    assert list(new.cohort.patients.index) == ["P1", "P3"]
    assert list(new.roster.index) == list(new.rows) == ["P1", "P2", "P3"]
    assert list(new.refused) == ["P2"]
    assert new.cohort.build == "GRCh38"


@pytest.mark.parametrize(
    ("encoding", "effects", "calls", "refused"),
    [
        ("vaf", ["missense"], {"vaf": [0.3, None, None, 0.2], "gene": ["TP53", "TP53", "MUC16", "TP53"]}, ["P2"]),
        ("damaging", [], {"sift": ["tolerated(0.3)", None, "D", None], "polyphen": ["B", None, "D", None],
                          "revel": [None, None, None, 0.1]}, ["P2"]),
        ("binary", ["missense(revel>=0.5&sift<0.05)"],
         {"revel": [0.4, None, 0.6, 0.6], "sift": ["0.1", "0.1", "0.1", None]}, ["P2", "P4"]),
        ("binary", ["truncating", "missense"], {}, []),
        ("truncating", [], {}, []),
    ],
)  # fmt: skip
def test_unjudged__who_lacks_what_the_encoding_needs_is_refused(encoding, effects, calls, refused):
    frame = {"patient": ["P1", "P2", "P3", "P4"], "gene": "TP53", "effect": "missense", **calls}
    table = conform(pd.DataFrame(frame), CALLS)
    assert sorted(unjudged_patients(table, encoding, effects, ["TP53"])) == refused


def test_unjudged__who_has_no_call_of_the_kind_is_not_refused():
    calls = conform(pd.DataFrame({"patient": ["P1"], "gene": "TP53", "effect": "silent"}), CALLS)
    for encoding in ("vaf", "damaging", "binary"):
        assert unjudged_patients(calls, encoding, ["missense(revel>=0.5)"], ["TP53"]) == {}


def test_text__of_a_vcf_is_what_the_reader_takes(bundle, tmp_path):
    (tmp_path / "x.vcf").write_text(vcf_text("P1", "TP53"))
    assert refusals(bundle, [tmp_path / "x.vcf"], roster(tmp_path, "P1")) == {"P1": ""}
