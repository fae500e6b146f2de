"""Versions of a model: each is written once, none is lost, and the right one is found."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stored_models import KINDS, saving
from trastuz_ml.errors import ModelError, OutputExistsError
from trastuz_ml.store import bundle as bundle_module
from trastuz_ml.store.bundle import load_model, save_bundle
from trastuz_ml.store.processes import Process, this_process
from trastuz_ml.store.versions import versions_of


@pytest.mark.parametrize("kind", KINDS)
def test_versions__the_very_same_model_is_not_written_again(kind, bundles, tmp_path):
    first = save_bundle(bundles[kind], tmp_path / "demo")
    assert save_bundle(bundles[kind], tmp_path / "demo") == first
    assert [path.name for path in (tmp_path / "demo").iterdir()] == ["1"]


@pytest.mark.parametrize("kind", KINDS)
def test_versions__one_fit_in_two_processes_has_one_identity(kind, bundles, tmp_path):
    save_bundle(bundles[kind], tmp_path / "here")
    assert saving(kind, tmp_path / "there").wait() == 0
    assert load_model(tmp_path / "here").sha256 == load_model(tmp_path / "there").sha256


def test_versions__another_model_is_the_next_version_and_the_first_stays(bundles, tmp_path):
    one, first = save_bundle(bundles["linear"], tmp_path / "demo")
    two, second = save_bundle(bundles["boosted"], tmp_path / "demo")
    assert (one.name, two.name, versions_of(tmp_path / "demo")) == ("1", "2", [1, 2])
    assert (load_model(one).sha256, load_model(two).sha256) == (first, second)
    three, third = save_bundle(bundles["linear"], tmp_path / "demo")  # the newest is compared, not any
    assert (three.name, third) == ("3", first)


def test_versions__names_and_paths_find_the_newest_or_the_one_named(bundles, tmp_path, monkeypatch):
    for kind in ("linear", "boosted"):
        save_bundle(bundles[kind], tmp_path / "models" / "demo")
    monkeypatch.chdir(tmp_path)
    found = {name: load_model(name) for name in ("demo", "demo/1", "demo/2", "models/demo", "models/demo/1")}
    assert {name: bundle.version for name, bundle in found.items()} == {
        "demo": 2, "demo/1": 1, "demo/2": 2, "models/demo": 2, "models/demo/1": 1,
    }  # fmt: skip
    assert found["demo"].model.name == "boosted:both"
    monkeypatch.chdir("/")
    assert load_model("demo/1", tmp_path / "models").model.name == "linear:both"


def test_versions__the_tenth_is_newer_than_the_ninth(bundles, tmp_path):
    save_bundle(bundles["linear"], tmp_path / "demo")
    (tmp_path / "demo" / "1").rename(tmp_path / "demo" / "9")
    assert save_bundle(bundles["boosted"], tmp_path / "demo")[0].name == "10"
    assert load_model(tmp_path / "demo").version == 10


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dmeo", r"no model 'dmeo'; the nearest is demo. In .*models there is clinic \(1\), demo \(1, 2\)"),
        ("demo/3", r"demo has no version '3'; it has 1, 2"),
        ("demo/newest", r"demo has no version 'newest'"),
        ("other", r"no model 'other'\. In"),
    ],
)
def test_versions__what_is_not_there_is_answered_with_what_is(bundles, tmp_path, name, message):
    for place, kind in (("demo", "linear"), ("demo", "boosted"), ("clinic", "linear")):
        save_bundle(bundles[kind], tmp_path / "models" / place)
    with pytest.raises(ModelError, match=message):
        load_model(name, tmp_path / "models")


def test_versions__nothing_at_all_is_said_with_the_remedy(tmp_path):
    with pytest.raises(ModelError, match=r"There is none in .*nowhere. Make one with `trastuz-ml train`"):
        load_model("demo", tmp_path / "nowhere")


def test_versions__a_model_of_the_older_layout_is_refused_in_words(bundles, tmp_path):
    old = tmp_path / "models" / "demo"
    old.mkdir(parents=True)
    (old / "manifest.json").write_text(json.dumps({"format": 1, "files": {}, "versions": {}}))
    with pytest.raises(ModelError, match="format 1; this version of trastuz-ml reads 2: it was made"):
        load_model("demo", tmp_path / "models")
    with pytest.raises(OutputExistsError, match="holds a model itself, where versions of one are kept now"):
        save_bundle(bundles["linear"], old)


def test_versions__a_file_in_the_place_of_the_folder_is_never_replaced(bundles, tmp_path):
    (tmp_path / "demo").write_text("years of work")
    with pytest.raises(OutputExistsError, match="is not a folder"):
        save_bundle(bundles["linear"], tmp_path / "demo")
    assert (tmp_path / "demo").read_text() == "years of work"


def test_versions__a_folder_that_is_no_version_is_left_alone(bundles, tmp_path):
    (tmp_path / "demo" / "notes").mkdir(parents=True)
    (tmp_path / "demo" / "7").mkdir()
    assert save_bundle(bundles["linear"], tmp_path / "demo")[0].name == "8"
    assert (tmp_path / "demo" / "notes").is_dir()
    assert versions_of(tmp_path / "demo") == [8]


def test_versions__a_link_is_no_version(bundles, tmp_path):
    folder, _ = save_bundle(bundles["linear"], tmp_path / "elsewhere")
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "1").symlink_to(folder)
    assert versions_of(tmp_path / "demo") == []


def test_versions__a_damaged_newest_is_written_anew(bundles, tmp_path):
    folder, identity = save_bundle(bundles["linear"], tmp_path / "demo")
    (folder / "model.json").write_bytes(b"{}")
    assert save_bundle(bundles["linear"], tmp_path / "demo") == (tmp_path / "demo" / "2", identity)
    assert load_model(tmp_path / "demo").sha256 == identity


def test_versions__an_interrupted_save_leaves_nothing(bundles, tmp_path, monkeypatch):
    _, identity = save_bundle(bundles["linear"], tmp_path / "demo")

    def interrupted(card):
        raise KeyboardInterrupt

    monkeypatch.setattr(bundle_module, "card_markdown", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_bundle(bundles["boosted"], tmp_path / "demo")
    assert load_model(tmp_path / "demo").sha256 == identity
    assert [path.name for path in (tmp_path / "demo").iterdir()] == ["1"]


def test_versions__what_a_killed_process_left_is_removed_and_what_another_writes_is_not(bundles, tmp_path):
    me = this_process()
    gone, elsewhere = Process(me.place, 2**22 + 1), Process("0" * 16, me.pid)
    parts = {who: tmp_path / "demo" / f".{str(who).replace(' ', '-')}-abc.part" for who in (gone, elsewhere, me)}
    for path in parts.values():
        path.mkdir(parents=True)
    save_bundle(bundles["linear"], tmp_path / "demo")
    assert [path.exists() for path in parts.values()] == [False, True, True]
    assert versions_of(tmp_path / "demo") == [1]


def test_versions__processes_that_save_at_once_lose_nothing(tmp_path):
    each = [[(1 + child + 2 * turn) / 100 for turn in range(5)] for child in range(2)]
    children = [saving("linear", tmp_path / "demo", *thresholds) for thresholds in each]
    assert [child.wait() for child in children] == [0, 0]
    assert versions_of(tmp_path / "demo") == list(range(1, 11))
    thresholds = [load_model(tmp_path / "demo" / str(v)).model.threshold for v in range(1, 11)]
    assert sorted(thresholds) == [i / 100 for i in range(1, 11)]
    assert sorted(path.name for path in (tmp_path / "demo").iterdir()) == sorted(map(str, range(1, 11)))


def test_versions__processes_that_save_the_very_same_get_one_version(tmp_path):
    children = [saving("linear", tmp_path / "demo") for _ in range(2)]
    assert [child.wait() for child in children] == [0, 0]
    assert versions_of(tmp_path / "demo") == [1]


def test_versions__a_copy_without_a_number_has_version_0(bundles, tmp_path):
    folder, identity = save_bundle(bundles["linear"], tmp_path / "demo")
    folder.rename(tmp_path / "copy")
    assert (load_model(tmp_path / "copy").version, load_model(tmp_path / "copy").sha256) == (0, identity)


def test_versions__other_local_files_are_another_version_of_the_same_identity(bundles, tmp_path):
    plain = bundles["linear"]
    _, identity = save_bundle(plain, tmp_path / "demo")
    kept = replace(plain, vectors=np.zeros((3, len(plain.genes)), dtype=np.float32))
    folder, again = save_bundle(kept, tmp_path / "demo")
    assert (folder.name, again) == ("2", identity)
    assert load_model(Path(folder)).vectors is not None
