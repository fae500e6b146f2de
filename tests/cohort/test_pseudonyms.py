"""What is claimed of the pseudonyms and of the key they are made with."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from trastuz_ml.cohort import pseudonyms as module
from trastuz_ml.cohort.pseudonyms import KEY_FILE, config_folder, pseudonym_key, pseudonyms
from trastuz_ml.errors import InputError

PATIENTS = [f"PATIENT-{i:04d}" for i in range(40)]
posix = pytest.mark.skipif(os.name != "posix", reason="file modes are a POSIX notion")


def test_pseudonyms__do_not_depend_on_order_or_repetition() -> None:
    key = bytes(range(32))
    assert pseudonyms(PATIENTS, key) == pseudonyms([*reversed(PATIENTS), PATIENTS[3]], key)


def test_pseudonyms__are_distinct_and_hold_nothing_of_the_identifier() -> None:
    names = pseudonyms(PATIENTS, bytes(range(32)))
    assert len(set(names.values())) == len(PATIENTS)
    assert all(len(name) == 12 and name.startswith("P-") for name in names.values())
    assert not any(patient in name for patient, name in names.items())


def test_pseudonyms__another_key_gives_others() -> None:
    first, second = (pseudonyms(PATIENTS, bytes([i] * 32)) for i in (1, 2))
    assert not set(first.values()) & set(second.values())


def test_pseudonyms__a_collision_lengthens_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_DIGITS", 1)  # 40 patients cannot have 16 different digits
    names = pseudonyms(PATIENTS, bytes(range(32)))
    assert len(set(names.values())) == len(PATIENTS)
    assert len({len(name) for name in names.values()}) == 1


def test_pseudonyms__of_nobody_are_none() -> None:
    assert pseudonyms([], bytes(32)) == {}


@posix
def test_key__is_the_user_s_alone(tmp_path: Path) -> None:
    folder = tmp_path / "configuration" / "trastuz_ml"
    key = pseudonym_key(folder)
    assert key == pseudonym_key(folder)
    assert stat.S_IMODE((folder / KEY_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@posix
def test_key__readable_by_others_is_refused_with_the_remedy(tmp_path: Path) -> None:
    pseudonym_key(tmp_path)
    (tmp_path / KEY_FILE).chmod(0o644)
    with pytest.raises(InputError, match=r"mode 644, expected 600.*chmod 600"):
        pseudonym_key(tmp_path)


@pytest.mark.parametrize("content", [b"", b"abc\n", b"zz" * 32 + b"\n", b"\xff" * 65])
def test_key__damaged_is_refused_and_never_replaced(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.0)
    path = tmp_path / KEY_FILE
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(InputError, match="damaged: expected 64 hexadecimal digits"):
        pseudonym_key(tmp_path)
    assert path.read_bytes() == content


def test_key__whose_folder_cannot_be_made_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="TRASTUZ_ML_CONFIG"):
        pseudonym_key(tmp_path / "file" / "folder")


def test_key__waits_for_the_process_that_is_just_writing_it(tmp_path: Path) -> None:
    path = tmp_path / KEY_FILE
    path.touch(mode=0o600)
    writer = threading.Timer(0.2, path.write_text, [bytes(range(32)).hex() + "\n"])
    writer.start()
    assert pseudonym_key(tmp_path) == bytes(range(32))
    writer.join()


def test_key__many_processes_at_once_agree(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from trastuz_ml.cohort.pseudonyms import pseudonym_key;"
        "print(pseudonym_key(Path(sys.argv[1])).hex())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "new")]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    keys = {process.communicate()[0] for process in started}
    assert len(keys) == 1
    assert len(keys.pop().strip()) == 64


@pytest.mark.parametrize(
    ("system", "variables", "expected"),
    [
        ("linux", {"XDG_CONFIG_HOME": "/etc/own"}, "/etc/own/trastuz_ml"),
        ("linux", {}, "HOME/.config/trastuz_ml"),
        ("darwin", {}, "HOME/Library/Application Support/trastuz_ml"),
        ("win32", {"APPDATA": "/roaming"}, "/roaming/trastuz_ml"),
        ("linux", {"TRASTUZ_ML_CONFIG": "/chosen", "XDG_CONFIG_HOME": "/etc/own"}, "/chosen"),
    ],
)
def test_folder__is_where_the_system_keeps_settings(
    system: str, variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TRASTUZ_ML_CONFIG", "XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", system)
    assert config_folder().as_posix() == expected.replace("HOME", Path.home().as_posix())
