"""What is claimed of a journal: what it returned from is on the disk, whole, for one process, to the bit."""

from __future__ import annotations

import errno
import itertools
import os
import signal
import subprocess
import sys
import time
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trastuz_ml.errors import ConfigurationError, InputError, OutputExistsError
from trastuz_ml.store import held_file, journal
from trastuz_ml.store.journal import MAGIC, keys_of, open_journal
from trastuz_ml.store.packing import packed, unpacked
from trastuz_ml.store.processes import Process, is_gone, this_process

WORK = {"seed": 1, "folds": [3, 5], "share": 0.1}


def fill(path: Path, count: int = 5) -> list[int]:
    """Write records and return where each of them ends, the header's end first."""
    ends = []
    with open_journal(path, WORK) as kept:
        ends.append(path.stat().st_size)
        for number in range(count):
            kept.append(f"fold/{number}", {"p": np.linspace(0, number, 20), "number": number})
            ends.append(path.stat().st_size)
    return ends


def held(path: Path) -> tuple[list[int], str]:
    with open_journal(path, WORK) as kept:
        return [record.value["number"] for record in kept.records], kept.cut


def places(seed: int, first: int, end: int) -> list[int]:
    return np.random.default_rng(seed).choice(np.arange(first, end), 60, replace=False).tolist()


# --- Values -------------------------------------------------------------------------------------------

AWKWARD = np.array([0.1, -0.0, np.nan, np.inf, 5e-324, 1.7976931348623157e308, np.nextafter(1, 2)])
ARRAYS = [
    AWKWARD,
    AWKWARD.astype(">f8"),
    np.random.default_rng(1).normal(size=(7, 30)),
    np.asfortranarray(np.random.default_rng(2).normal(size=(7, 30))),
    np.random.default_rng(3).normal(size=(3, 4, 5)).astype(np.float32),
    np.arange(12, dtype=np.intp).reshape(3, 4)[:, ::2],
    np.array([True, False]),
    np.array(["TP53", "", "Köln"]),
    np.array(2.5),
    np.empty((0, 4)),
    np.empty((3, 0), dtype=np.float32),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype.str}{a.shape}")
def test_array__comes_back_bit_for_bit_with_its_order_in_memory(array: Any) -> None:
    back = unpacked(packed({"a": array}))["a"]
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert back.tobytes() == array.tobytes()
    assert back.flags.writeable
    if array.flags.contiguous or array.flags.f_contiguous:
        assert back.strides == array.strides or 0 in array.shape


def test_value__numbers_come_back_bit_for_bit() -> None:
    numbers = [0.1, -0.0, 5e-324, 1e308, float("inf"), 2**70, 0, True, False, None, "a\ud800\n"]
    assert repr(unpacked(packed(numbers))) == repr(numbers)
    assert repr(unpacked(packed(float("nan")))) == "nan"
    back = unpacked(
        packed({"rows": [{"n": np.int64(3), "x": np.float64(0.1), "f": np.float32(0.1)}], "t": (1, 2)})
    )
    assert repr(back) == "{'rows': [{'n': 3, 'x': 0.1, 'f': 0.10000000149011612}], 't': [1, 2]}"


@pytest.mark.parametrize(
    "value", [np.array([object()]), np.array([None]), {1: 2}, {"x": {3}}, object(), np.array(["2020"], "M8[D]")]
)
def test_value__that_would_need_pickle_or_lose_something_is_refused(value: Any, tmp_path: Path) -> None:
    with open_journal(tmp_path / "j", WORK) as kept:
        kept.append("a", {"number": 1})
        with pytest.raises(TypeError, match="cannot be kept"):
            kept.append("b", value)
    assert held(tmp_path / "j") == ([1], "")


def test_contributions__take_a_fraction_of_their_size() -> None:
    rng = np.random.default_rng(0)
    carried = (rng.random((34, 3000)) < 0.06).astype(float)
    contributions = (carried - carried.mean(axis=0)) * rng.normal(size=3000)
    assert len(packed(contributions)) < contributions.nbytes / 10


# --- What was not written whole -----------------------------------------------------------------------


def test_journal__holds_what_was_appended_in_order(tmp_path: Path) -> None:
    fill(tmp_path / "deep" / "j", 3)
    with open_journal(tmp_path / "deep" / "j", WORK) as kept:
        kept.append("fold/3", {"number": 3})
        assert [record.key for record in kept.records] == ["fold/0", "fold/1", "fold/2"]
    assert held(tmp_path / "deep" / "j") == ([0, 1, 2, 3], "")
    assert keys_of(tmp_path / "deep" / "j") == [f"fold/{n}" for n in range(4)]


def test_journal__cut_anywhere_keeps_every_whole_record(tmp_path: Path) -> None:
    ends = fill(tmp_path / "whole")
    content = (tmp_path / "whole").read_bytes()
    path = tmp_path / "j"
    lengths = [*range(len(MAGIC) + 1), *places(4, 0, len(content) + 1), *ends]
    for length in lengths:
        path.write_bytes(content[:length])
        whole = max((n for n, end in enumerate(ends) if end <= length), default=0)
        numbers, cut = held(path)
        assert numbers == list(range(whole)), length
        partial = len(MAGIC) < length and length not in ends
        assert bool(cut) == partial, length
        assert held(path) == (numbers, "")  # what was not whole is gone, and only that
        assert path.stat().st_size == ends[whole]


def test_journal__nothing_is_trusted_from_a_damaged_byte_on(tmp_path: Path) -> None:
    ends = fill(tmp_path / "whole")
    content = (tmp_path / "whole").read_bytes()
    path = tmp_path / "j"
    for place in places(5, ends[0], len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        whole = max(n for n, end in enumerate(ends) if end <= place)
        numbers, cut = held(path)
        assert numbers == list(range(whole)), place
        assert f"{len(content) - ends[whole]:,} bytes after record {whole} are not whole" in cut


def test_journal__records_that_changed_places_are_not_trusted(tmp_path: Path) -> None:
    ends = fill(tmp_path / "j", 3)
    content = (tmp_path / "j").read_bytes()
    first, second, third = (content[a:b] for a, b in itertools.pairwise(ends))
    (tmp_path / "j").write_bytes(content[: ends[0]] + first + third + second)
    assert held(tmp_path / "j")[0] == [0]


def test_journal__zeros_at_its_end_as_after_a_power_cut_are_left_out(tmp_path: Path) -> None:
    fill(tmp_path / "j", 2)
    with (tmp_path / "j").open("ab") as file:
        file.write(bytes(5000))
    assert held(tmp_path / "j")[0] == [0, 1]


def test_journal__another_file_in_its_place_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "j").write_text("patient\tresponse\n")
    with pytest.raises(InputError, match="something else"), open_journal(tmp_path / "j", WORK):
        pass
    assert (tmp_path / "j").read_text() == "patient\tresponse\n"


# --- Other work ---------------------------------------------------------------------------------------


def test_journal__of_other_work_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    fill(tmp_path / "j", 2)
    before = (tmp_path / "j").read_bytes()
    with pytest.raises(InputError, match="2 records of other work"), open_journal(tmp_path / "j", {"seed": 2}):
        pass

    def refuse(found: Any, records: int) -> None:
        assert (found, records) == (WORK, 2)
        raise OutputExistsError("no")  # an OSError, too: it is passed on as it is

    with pytest.raises(OutputExistsError, match="^no$"), open_journal(tmp_path / "j", {"seed": 2}, other=refuse):
        pass
    assert (tmp_path / "j").read_bytes() == before


def test_journal__of_other_work_is_begun_anew_when_that_is_agreed_to(tmp_path: Path) -> None:
    fill(tmp_path / "j", 2)
    with open_journal(tmp_path / "j", {"seed": 2}, other=lambda *_: None) as kept:
        assert kept.records == ()
        kept.append("fold/0", {"number": 7})
    with open_journal(tmp_path / "j", {"seed": 2}) as kept:
        assert [record.value["number"] for record in kept.records] == [7]


def test_work__is_the_same_when_its_tuples_have_become_lists(tmp_path: Path) -> None:
    fill(tmp_path / "j", 1)
    with open_journal(tmp_path / "j", {**WORK, "folds": (3, 5)}) as kept:
        assert len(kept.records) == 1


# --- Disks --------------------------------------------------------------------------------------------


resource: Any = pytest.importorskip("resource")


def limited(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


@pytest.fixture
def unlimited() -> Any:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("unlimited")
def test_disk__that_takes_half_a_record_is_one_error_and_earlier_ones_stay(tmp_path: Path) -> None:
    path = tmp_path / "j"
    fill(path, 2)
    room = path.stat().st_size + 5000
    noise = np.random.default_rng(0).normal(size=2000)
    with open_journal(path, WORK) as kept:
        limited(room)
        with pytest.raises(
            ConfigurationError, match="cannot be kept in .*File too large.*Earlier pieces are safe"
        ):
            kept.append("big", {"number": 2, "noise": noise})
        kept.append("small", {"number": 3})
    assert held(path) == ([0, 1, 3], "")


@pytest.mark.usefixtures("unlimited")
def test_disk__without_room_for_the_header_leaves_a_journal_that_can_be_begun(tmp_path: Path) -> None:
    limited(40)
    with pytest.raises(ConfigurationError, match="cannot be kept"), open_journal(tmp_path / "j", WORK):
        pass
    limited(10**6)
    fill(tmp_path / "j", 1)
    assert held(tmp_path / "j") == ([0], "")


def full(*_: Any) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class FullDisk(FileIO):
    write = full  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("owner", "name", "stand_in"), [(held_file, "FileIO", FullDisk), (journal.os, "fsync", full)]
)
def test_disk__full_at_any_call_leaves_whole_records(
    owner: Any, name: str, stand_in: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    fill(tmp_path / "j", 2)
    with monkeypatch.context() as patched:
        if owner is held_file:
            patched.setattr(owner, name, stand_in)
        with open_journal(tmp_path / "j", WORK) as kept:
            patched.setattr(owner, name, stand_in)
            with pytest.raises(ConfigurationError, match="No space left on device"):
                kept.append("third", {"number": 2})
    assert held(tmp_path / "j") == ([0, 1], "")


def test_folder__that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot be kept"), open_journal(tmp_path / "file" / "j", WORK):
        pass


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_folder__that_is_read_only_is_one_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigurationError, match="Permission denied"), open_journal(tmp_path / "j", WORK):
        pass
    assert list(tmp_path.iterdir()) == []


def test_append__interrupted_within_leaves_the_record_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: Any
) -> None:
    class Slow(FileIO):
        """Writes ten bytes, and is interrupted at the third time."""

        calls = 0

        def write(self, content: Any) -> int:
            type(self).calls += 1
            if type(self).calls == 3:
                os.kill(os.getpid(), signal.SIGINT)
            return super().write(bytes(content[:10]))

    fill(tmp_path / "j", 2)
    monkeypatch.setattr(held_file, "FileIO", Slow)
    with open_journal(tmp_path / "j", WORK) as kept, pytest.raises(KeyboardInterrupt):
        kept.append("third", {"number": 2})
    assert held(tmp_path / "j") == ([0, 1], "")


# --- One process at a time ----------------------------------------------------------------------------

HOLDER = """
import sys
from pathlib import Path
from trastuz_ml.store.journal import open_journal
from trastuz_ml.store.processes import this_process
with open_journal(Path(sys.argv[1]), {"seed": 1, "folds": [3, 5], "share": 0.1}) as kept:
    kept.append("child", {"number": 9})
    print(this_process(), flush=True)
    input()
"""


def started(path: Path) -> tuple[subprocess.Popen[str], str]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    child = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], **pipes, text=True)  # type: ignore[call-overload]
    return child, child.stdout.readline().strip()


def test_journal__is_one_process_s_until_that_ends_however_it_ends(tmp_path: Path) -> None:
    child, said = started(tmp_path / "j")
    process = Process.read(said)
    assert process is not None
    with child:
        assert not is_gone(process)
        with pytest.raises(ConfigurationError, match="Another process is at work in"):
            held(tmp_path / "j")
        child.kill()
        child.wait()
        assert is_gone(process)
        assert held(tmp_path / "j") == ([9], "")


def test_journal__removed_by_its_last_holder_is_not_shared_by_two(tmp_path: Path) -> None:
    with open_journal(tmp_path / "j", WORK):
        (tmp_path / "j").unlink()
        with open_journal(tmp_path / "j", WORK) as kept:
            kept.append("fold/0", {"number": 0})
            with pytest.raises(ConfigurationError, match="Another process"):
                held(tmp_path / "j")
    assert held(tmp_path / "j") == ([0], "")


@pytest.fixture
def without_locks(monkeypatch: Any) -> None:
    """A file system that has no locks."""
    fcntl = pytest.importorskip("fcntl")

    def missing(*_: Any) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", missing)


@pytest.mark.usefixtures("without_locks")
def test_locks__that_are_missing_are_stood_in_for_by_a_file(tmp_path: Path) -> None:
    fill(tmp_path / "j", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["j"]
    with open_journal(tmp_path / "j", WORK) as kept:
        with pytest.raises(ConfigurationError, match=r"If there is none any more, remove .*j\.lock"):
            held(tmp_path / "j")
        kept.append("fold/1", {"number": 1})
    assert held(tmp_path / "j") == ([0, 1], "")


@pytest.mark.usefixtures("without_locks")
def test_locks__a_file_left_by_a_process_that_is_gone_is_taken_over(tmp_path: Path) -> None:
    fill(tmp_path / "j", 1)
    child, said = started(tmp_path / "other")
    with child:
        (tmp_path / "j.lock").write_text(said)
        with pytest.raises(ConfigurationError, match="Another process"):
            held(tmp_path / "j")
        child.kill()
        child.wait()
        assert held(tmp_path / "j") == ([0], "")
    (tmp_path / "j.lock").write_text("0123456789abcdef 1 1")  # of another machine nothing is known
    with pytest.raises(ConfigurationError, match="Another process"):
        held(tmp_path / "j")


# --- Processes ----------------------------------------------------------------------------------------


def test_process__is_told_from_one_that_had_its_number(tmp_path: Path) -> None:
    me = this_process()
    assert Process.read(str(me)) == me
    assert not is_gone(me)
    if me.started:
        assert is_gone(Process(me.place, me.pid, "1"))
    assert not is_gone(Process("elsewhere", me.pid, "1"))
    assert is_gone(Process(me.place, 2**40))
    assert [Process.read(text) for text in ("", "a", "a b", "a 1 2 3", "a -1")] == [None] * 5


def test_process__ended_but_not_yet_waited_for_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        process = Process(this_process().place, child.pid)
        until = time.monotonic() + 20
        while not is_gone(process) and time.monotonic() < until:
            time.sleep(0.01)
        gone = is_gone(process)
    assert gone or not Path("/proc").is_dir()
