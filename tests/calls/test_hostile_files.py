"""Whatever is given as calls ends in a table with all of its rows or in one clear message, never a traceback."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import read_in_child
from hostile_files import MAF, MAF_HEADER, OWN, ROWS, SPOILT, VCF, VCF_HEADER, annotated, packed, row
from trastuz_ml.calls import read
from trastuz_ml.calls.read import read_calls
from trastuz_ml.cli.main import run
from trastuz_ml.errors import InputError

SHARED = Path(__file__).parents[3] / "shared" / "data"
ODD, EDGE = (sorted(SHARED.glob(pattern)) for pattern in ("odd/*/*.vcf*", "vcf/*/*.vcf*"))
CHILD = Path(read_in_child.__file__)
MOST_MEMORY = 1000  # MB
# What only Python's own messages say.
PYTHONS_WORDS = re.compile(r"\w+Error\b|Error -\d|Traceback|\bcodec\b|<class|object at 0x")


@pytest.fixture
def outcomes():
    """Read files in a process of their own, and return what came of each."""

    def outcomes(paths):
        names = json.dumps([str(path) for path in paths])
        ran = subprocess.run(
            [sys.executable, str(CHILD)], input=names, capture_output=True, text=True, timeout=120, check=False
        )
        came = [json.loads(line) for line in ran.stdout.splitlines()]
        died = f"the process ended at {paths[len(came)]}: {ran.stderr[-2000:]}" if len(came) < len(paths) else ""
        assert not died, died
        return came

    return outcomes


def check(came):
    """Assert that a file was read, or refused in one clear message that names it."""
    assert "traceback" not in came, came["path"] + "\n" + came["traceback"]
    if "message" in came:
        message = came["message"]
        assert Path(came["path"]).name in message, message
        assert not PYTHONS_WORDS.search(message), message
        assert len(message) < 3000, message[:3000]


def check_as_told(came, told):
    """Assert that so many rows came out, or that the message says so."""
    check(came)
    if told is None:
        return
    if isinstance(told, int):
        assert came.get("rows") == told, came
    else:
        assert re.search(told, came.get("message", "")), (told, came)


def rows_of(data):
    """Count the alternatives of each record of a VCF, for every sample, without the project's readers."""
    lines = [line.rstrip("\r") for line in data.decode(errors="replace").split("\n")]
    header = next(line for line in lines if line.startswith("#CHROM"))
    samples = max(len(header.split("\t")) - 9, 1)
    records = [line.split("\t") for line in lines if line.strip() and not line.startswith("#")]
    return samples * sum(len(fields[4].split(",")) for fields in records)


def write_all(folder, files):
    paths = []
    for name, content in files.items():
        paths.append(folder / name)
        paths[-1].write_bytes(content)
    return paths


# ---- the public collections ------------------------------------------------------------------------------


@pytest.mark.skipif(not ODD, reason="the public VCF files (odd/) are not beside the project")
def test_odd__every_file_is_read_or_refused_in_one_message(outcomes):
    for came in outcomes(ODD):
        check(came)


@pytest.mark.skipif(not EDGE, reason="the public VCF files (vcf/) are not beside the project")
def test_edge__every_file_is_read_or_refused_in_one_message(outcomes):
    came = outcomes(EDGE)
    for one in came:
        check(one)
    assert sum("rows" in one for one in came) > len(came) // 2


@pytest.mark.skipif(not ODD, reason="the public VCF files (odd/) are not beside the project")
def test_odd__every_record_is_counted_once_the_file_is_annotated(outcomes, tmp_path):
    given = {}
    for path in ODD:
        data = path.read_bytes()
        data = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
        given[path.name.removesuffix(".gz")] = annotated(data)
    came = outcomes(write_all(tmp_path, given))
    for one in came:
        check(one)
        if "rows" in one:
            assert one["rows"] == rows_of(Path(one["path"]).read_bytes()), one
    assert sum("rows" in one for one in came) > 0.8 * len(came)


# ---- made here -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "data", "told"), [("maf", MAF, 1), ("vcf", VCF, 2)])
def test_spoilt__each_way_gives_all_rows_or_one_message(form, data, told, outcomes, tmp_path):
    given = {f"{name}.{form}": case[0](data) for name, case in SPOILT.items()}
    came = outcomes(write_all(tmp_path, given))
    for one, case in zip(came, SPOILT.values(), strict=True):
        check_as_told(one, case[told])
        if "rows" in one:
            assert one["rows"] >= ROWS
    assert came[-1]["peak"] < MOST_MEMORY


def test_own__each_file_gives_all_rows_or_one_message(outcomes, tmp_path):
    came = outcomes(write_all(tmp_path, {name: content for name, (content, _) in OWN.items()}))
    for one, (_, told) in zip(came, OWN.values(), strict=True):
        check_as_told(one, told)
    assert came[-1]["peak"] < MOST_MEMORY


def test_size__what_unpacks_to_gigabytes_stays_under_one(outcomes, tmp_path):
    expansion = "unpacks to more than"
    cases = {
        "zeros.maf.gz": ((b"", b"\0", 600), expansion),
        "zeros.vcf.gz": ((b"", b"\0", 600), expansion),
        "line.maf.gz": ((MAF, b"A", 600), expansion),
        "line.vcf.gz": ((VCF, b"A", 600), expansion),
        "header.vcf.gz": ((VCF_HEADER[:21], b"##x=y\n", 200), expansion),
        "blank.maf.gz": ((MAF, b"\n", 200), expansion),
        "blank.vcf.gz": ((VCF, b"\n", 200), expansion),
        "rows.maf.gz": ((MAF, b"\t" * 7 + b"\n", 64), ROWS),
    }
    paths = [packed(tmp_path / name, *made) for name, (made, _) in cases.items()]
    for name in ("sparse.maf", "sparse.vcf", "sparse.xlsx"):
        paths.append(tmp_path / name)
        with paths[-1].open("wb") as file:
            file.truncate(2 << 30)
    came = outcomes(paths)
    for one, told in zip(came, [told for _, told in cases.values()], strict=False):
        check_as_told(one, told)
    for one in came[len(cases) :]:
        check_as_told(one, "longer than|no text|not text|NUL|not a zip file")
    assert came[-1]["peak"] < MOST_MEMORY


@pytest.mark.parametrize(
    ("limit", "least", "data", "told"),
    [
        ("_MOST_LINES_ABOVE", 100, b"#note\n" * 101 + MAF, "the first 100 lines hold no header"),
        ("_MOST_LINES_ABOVE", 100, b"\n" * 101 + MAF, "the first 100 lines hold no header"),
        ("_MOST_BLANK_BELOW", 1 << 20, MAF_HEADER + b"\n" * (20 << 20) + row(), "1 MB of blank lines follow"),
    ],
)
def test_size__a_table_that_does_not_begin_is_refused(limit, least, data, told, tmp_path, monkeypatch):
    monkeypatch.setattr(f"trastuz_ml.calls.tables.text_table.{limit}", least)
    [path] = write_all(tmp_path, {"late.maf": data})
    refused(path, f"late.maf: {told}")


# ---- what is no file -------------------------------------------------------------------------------------


def refused(path, words):
    with pytest.raises(InputError, match=words):
        read_calls([path])


def test_place__folders_links_and_names_are_refused_by_name(tmp_path):
    (tmp_path / "folder.vcf").mkdir()
    (tmp_path / "loop.maf").symlink_to("loop.maf")
    (tmp_path / "dangling.maf").symlink_to("nowhere")
    refused(tmp_path / "folder.vcf", "folder.vcf cannot be read as calls: it is a folder")
    refused(tmp_path / "loop.maf", "loop.maf cannot be read: Too many levels of symbolic links")
    refused(tmp_path / "dangling.maf", "There is no file .*dangling.maf")


def test_place__a_name_that_is_no_text_is_refused(tmp_path):
    path = Path(os.fsdecode(bytes(tmp_path) + b"/bad\xff.maf"))
    try:
        path.write_bytes(MAF)
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    refused(path, "not text in UTF-8.*rename it")


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero", "/dev/urandom"])
def test_place__a_device_is_refused_before_it_is_read(device):
    if not Path(device).exists():
        pytest.skip("this system has no such device")
    refused(device, f"{device} is a device")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
@pytest.mark.parametrize("name", ["calls.maf", "calls.vcf"])
def test_place__a_file_that_may_not_be_read_is_refused(name, tmp_path):
    [path] = write_all(tmp_path, {name: MAF})
    path.chmod(0)
    refused(path, f"{name} cannot be read: Permission denied")


def through_a_pipe(path, data):
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(data))
    writer.start()
    try:
        return read_calls([path])
    finally:
        writer.join()


@pytest.mark.parametrize("data", [MAF, VCF, gzip.compress(MAF, mtime=0), gzip.compress(VCF, mtime=0)])
def test_pipe__one_that_ends_is_read_to_its_end(data, tmp_path):
    assert len(through_a_pipe(tmp_path / "pipe", data).calls) == ROWS


@pytest.mark.parametrize(("data", "line"), [(MAF[:-25], "pipe, line 51"), (VCF[:-12], r"pipe, .*record 50\)")])
def test_pipe__a_writer_that_dies_within_a_line_is_told_by_line(data, line, tmp_path):
    with pytest.raises(InputError, match=line):
        through_a_pipe(tmp_path / "pipe", data)


def test_pipe__one_without_end_is_refused_by_its_beginning(tmp_path):
    endless = subprocess.Popen(["yes"], stdout=subprocess.PIPE)
    try:
        code = "import sys; from trastuz_ml.calls.read import read_calls; read_calls(['-'])"
        ran = subprocess.run(
            [sys.executable, "-c", code],
            stdin=endless.stdout,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        endless.kill()
        endless.communicate()
    assert "InputError: standard input: its first megabyte has no tab" in ran.stderr


def test_pipe__closed_standard_input_is_refused(monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    refused("-", "no standard input")


@pytest.mark.parametrize("name", ["calls.maf", "calls.vcf"])
def test_change__a_file_that_grows_while_it_is_read_is_refused(name, tmp_path, monkeypatch):
    [path] = write_all(tmp_path, {name: MAF if name.endswith("maf") else VCF})
    reader = "read_vcf" if name.endswith("vcf") else "read_table_of_calls"
    usual = getattr(read, reader)

    def growing(path, reading):
        part = usual(path, reading)
        with path.open("ab") as file:
            file.write(row())
        return part

    monkeypatch.setattr(read, reader, growing)
    refused(path, f"{name} was changed while it was read")


@pytest.mark.parametrize("name", ["calls.maf", "calls.vcf"])
def test_change__a_file_that_is_removed_while_it_is_read_is_told(name, tmp_path, monkeypatch):
    [path] = write_all(tmp_path, {name: MAF if name.endswith("maf") else VCF})
    reader = "read_vcf" if name.endswith("vcf") else "read_table_of_calls"
    usual = getattr(read, reader)

    def removing(path, reading):
        path.unlink()
        return usual(path, reading)

    monkeypatch.setattr(read, reader, removing)
    with pytest.raises(InputError) as refusal:
        read_calls([path])
    assert name in str(refusal.value)


def test_end__a_table_that_ends_within_a_line_is_noted(tmp_path):
    paths = write_all(tmp_path, {"whole.maf": MAF, "old mac.maf": MAF.replace(b"\n", b"\r"), "cut.maf": MAF[:-1]})
    noted = {path.name: [f.code for f in read_calls([path]).findings] for path in paths}
    assert noted == {"whole.maf": [], "old mac.maf": [], "cut.maf": ["no-final-newline"]}


# ---- through the command line ----------------------------------------------------------------------------

EXPERIMENT = """\
name: hostile
purpose: A test.
calls: {files: [NAME]}
roster:
  file: roster.tsv
  patient: patient
  response: {column: response, positive: [pCR], negative: [RD]}
models: [prevalence]
validation: {repeats: 2, folds: 2, inner_folds: 2, seed: 1}
"""
COMMANDS = (("check", "--out", "page.html", "--rows", "rows.tsv"), ("features", "--out", "m.parquet"))
ROSTER = b"patient\tresponse\n" + b"".join(b"P%d\t%s\n" % (i, (b"pCR", b"RD")[i % 2]) for i in range(1, 9))
THROUGH_COMMANDS = {
    "cut.maf": MAF[:-20], "noise.vcf": SPOILT["noise"][0](VCF), "cut.vcf.gz": gzip.compress(VCF, mtime=0)[:-30],
    "nul.maf": SPOILT["a NUL byte"][0](MAF), "broken.xlsx": OWN["cut.xlsx"][0],
    "latin.vcf": OWN["latin-alt.vcf"][0], "xz.vcf": SPOILT["xz"][0](VCF), "empty.maf": b"", "roster.maf": ROSTER,
}  # fmt: skip


def experiment(folder, name, data):
    write_all(folder, {name: data, "roster.tsv": ROSTER, "e.yaml": EXPERIMENT.replace("NAME", name).encode()})
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
@pytest.mark.parametrize("name", THROUGH_COMMANDS)
def test_command__bad_calls_end_with_code_1_one_message_and_nothing_written(
    name, command, tmp_path, monkeypatch, capsys
):
    before = experiment(tmp_path, name, THROUGH_COMMANDS[name])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        run([command[0], "e.yaml", *command[1:], "--workers", "1"])
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (1, "")
    assert err.startswith("Error: ")
    assert name in err
    assert not PYTHONS_WORDS.search(err)
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
def test_command__stopped_while_it_reads_leaves_nothing_half_written(number, command, tmp_path):
    # The reader waits for a pipe that says nothing more: the command is stopped in the midst of its work.
    before = experiment(tmp_path, "calls.maf", MAF) | {"pipe"}
    (tmp_path / "e.yaml").write_text(EXPERIMENT.replace("NAME", "pipe"), encoding="utf-8")
    os.mkfifo(tmp_path / "pipe")
    code = "import sys; from trastuz_ml.cli.main import run; run(sys.argv[1:])"
    kept = tmp_path / "kept"
    kept.mkdir()
    running = subprocess.Popen(
        [sys.executable, "-c", code, command[0], "e.yaml", *command[1:]], cwd=tmp_path, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(kept)},
    )  # fmt: skip
    with (tmp_path / "pipe").open("wb") as pipe:  # opens when the command does
        pipe.write(MAF)
        pipe.flush()
        time.sleep(0.5)  # a signal just before the reader waits would be heard with the next bytes only
        running.send_signal(number)
        _, err = running.communicate(timeout=60)
    assert running.returncode == 128 + number
    assert err == "Interrupted; nothing half-written was left behind.\n"
    assert {path.name for path in tmp_path.iterdir()} == before | {"kept"}
    assert not list(kept.iterdir())
