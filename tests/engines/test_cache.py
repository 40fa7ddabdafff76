"""The engine cache: damage is found and mended, builders do not meet, and no cache at all is no reason to fail."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import filelock
import numpy as np
import pytest

from engines import cache, open_engine
from engines.cache import Entry, Made, cache_folder, read_stored, remove, stored_entries
from tests.bundles import tiny_bundle, tiny_crops


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="module")
def expected(tiny, tmp_path_factory):
    return open_engine(tiny.folder, cache_dir=tmp_path_factory.mktemp("reference")).infer(tiny_crops(4))


class Opened:
    """Opens the engine on one cache folder and remembers what was said."""

    def __init__(self, tiny, folder, expected):
        self.tiny, self.folder, self.expected = tiny, folder, expected

    def __call__(self):
        said: list[str] = []
        engine = open_engine(self.tiny.folder, cache_dir=self.folder, say=said.append)
        np.testing.assert_array_equal(engine.infer(tiny_crops(4)), self.expected)
        return " | ".join(said)

    @property
    def artefact(self) -> Path:
        (path,) = (self.folder / "engines").glob("*.onnx")
        return path


@pytest.fixture
def opened(tiny, tmp_path, expected):
    return Opened(tiny, tmp_path / "cache", expected)


def test_built_once_and_then_found(opened):
    assert "building tiny-int8-" in opened()
    stamp = opened.artefact.stat().st_mtime_ns
    assert opened() == ""
    assert opened.artefact.stat().st_mtime_ns == stamp


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0x10
    path.write_bytes(data)


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def empty(path):
    path.write_bytes(b"")


def unlink_facts(path):
    path.with_name(path.name + ".json").unlink()


def other_facts(path):
    facts = path.with_name(path.name + ".json")
    facts.write_text(facts.read_text().replace('"onnxruntime"', '"something"'))


def broken_facts(path):
    path.with_name(path.name + ".json").write_text('{"sha256": ')


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (flip, "again: the stored one is damaged (its sha256 differs)"),
        (truncate, "again: the stored one is damaged ("),
        (empty, "again: the stored one is damaged (0 of"),
        (unlink_facts, "(once)"),
        (other_facts, "again: the stored one was built from something else"),
        (broken_facts, "again: the stored one cannot be read"),
    ],
)
def test_damage_is_found_said_and_mended(opened, damage, reason):
    opened()
    whole = opened.artefact.read_bytes()
    damage(opened.artefact)
    assert reason in opened()
    assert opened.artefact.read_bytes() == whole
    assert opened() == ""


def test_another_bundle_or_machine_gets_another_entry(opened, tmp_path, monkeypatch):
    opened()
    other = tiny_bundle(tmp_path / "tiny", seed=8)
    open_engine(other.folder, cache_dir=opened.folder)
    assert len(list((opened.folder / "engines").glob("*.onnx"))) == 2
    monkeypatch.setattr("engines.quantise.VERSION", 10**6)
    open_engine(other.folder, cache_dir=opened.folder)
    assert len(list((opened.folder / "engines").glob("*.onnx"))) == 3


BUILDER = """
import sys
from pathlib import Path
from engines import open_engine
from tests.bundles import tiny_crops
print("ready", flush=True)
sys.stdin.readline()
engine = open_engine(Path(sys.argv[1]), cache_dir=Path(sys.argv[2]), say=lambda line: print(line, flush=True))
print(engine.infer(tiny_crops(4)).sum().round(3))
"""


def builder(tiny, folder, code=BUILDER):
    command = [sys.executable, "-c", code, str(tiny.folder), str(folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_of_two_processes_one_builds(tiny, opened):
    both = [builder(tiny, opened.folder) for _ in range(2)]
    for process in both:
        assert process.stdout.readline() == "ready\n"
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("building" in text for text in said) == 1
    assert all("4.0" in text for text in said)
    assert opened() == ""


def test_killed_in_mid_write(tiny, opened):
    """The kill comes when the data is written and not yet renamed."""
    dying = "import os, signal\nos.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n" + BUILDER
    process = builder(tiny, opened.folder, dying)
    process.communicate("go\n", timeout=60)
    assert process.returncode == -signal.SIGKILL
    left = [path.name for path in (opened.folder / "engines").iterdir()]
    assert [name for name in left if name.endswith(".tmp")], "the kill must have left something to clean up"
    assert not [name for name in left if name.endswith((".onnx", ".json"))]
    assert "(once)" in opened()
    assert not list((opened.folder / "engines").glob(".*.tmp"))


@contextlib.contextmanager
def without_privileges():
    """As a user whom file modes bind; root is not."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.mark.skipif(sys.platform == "win32", reason="file modes")
def test_a_read_only_cache_costs_time_and_nothing_else():
    with tempfile.TemporaryDirectory() as outer:
        for folder in (Path(outer), Path(outer, "cache")):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o555)
        entry = Entry(Path(outer, "cache", "engines"), "x.onnx", {"a": 1})
        said: list[str] = []
        with without_privileges():
            assert entry.get(lambda: Made(b"built"), said.append) == Made(b"built")
        assert not list(Path(outer, "cache").iterdir())
        for folder in (Path(outer, "cache"), Path(outer)):
            folder.chmod(0o755)
    assert len(said) == 1
    assert "built in memory" in said[0]
    assert "Permission denied" in said[0]


def test_a_read_only_cache_that_holds_the_engine_is_used():
    with tempfile.TemporaryDirectory() as outer:
        Path(outer).chmod(0o755)
        entry = Entry(Path(outer, "engines"), "x.onnx", {"a": 1})
        entry.get(lambda: Made(b"built"), lambda _: None)
        for path in entry.folder.iterdir():
            path.chmod(0o444)
        entry.folder.chmod(0o555)
        with without_privileges():
            assert entry.get(pytest.fail, pytest.fail) == Made(b"built")
        entry.folder.chmod(0o755)


def test_a_file_where_the_cache_should_be(tiny, expected, tmp_path):
    (tmp_path / "cache").write_text("not a folder")
    assert "built in memory" in Opened(tiny, tmp_path / "cache", expected)()


def test_a_full_disk_costs_time_and_nothing_else(opened):
    """A limit on file size stops the write halfway as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        said = opened()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "engine built but not stored" in said
    assert not [path for path in (opened.folder / "engines").iterdir() if path.suffix != ".lock"]
    assert "(once)" in opened()


def test_a_builder_that_hangs_does_not_hang_the_others(opened, monkeypatch):
    monkeypatch.setattr(cache, "LOCK_WAIT_S", 0.2)
    opened()
    lock = f"{opened.artefact}.lock"
    flip(opened.artefact)
    with filelock.FileLock(lock):
        assert "built in memory" in opened()


def test_an_error_of_the_build_is_not_hidden(tmp_path):
    def fail() -> Made:
        raise ZeroDivisionError("of the build")

    with pytest.raises(ZeroDivisionError):
        Entry(tmp_path, "x.onnx", {}).get(fail, lambda _: None)
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".lock"]


def test_the_folder_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("MONITOR_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("MONITOR_CACHE")
    assert "face-monitor" in cache_folder().parts


def test_what_is_stored_can_be_listed_and_removed(opened):
    opened()
    (whole,) = stored_entries(opened.folder / "engines")
    assert (whole.path, whole.fault) == (opened.artefact, "")
    assert whole.facts["precision"] == "int8"
    flip(opened.artefact)
    (damaged,) = stored_entries(opened.folder / "engines")
    assert (damaged.data, damaged.fault) == (None, "is damaged (its sha256 differs)")
    assert damaged.facts == whole.facts
    assert remove(damaged) == len(whole.data)
    assert not list((opened.folder / "engines").iterdir())
    assert stored_entries(opened.folder / "engines") == ()
    assert stored_entries(opened.folder / "nowhere") == ()


def test_an_entry_that_is_being_built_is_not_removed(opened):
    opened()
    with filelock.FileLock(f"{opened.artefact}.lock"):
        assert remove(read_stored(opened.artefact)) == 0
    assert opened() == ""


def test_a_report_is_kept_beside(tmp_path):
    entry = Entry(tmp_path, "x.plan", {"a": 1})
    entry.get(lambda: Made(b"built", {"layers": [["conv", "Half"]]}), lambda _: None)
    assert entry.get(pytest.fail, pytest.fail).report == {"layers": [["conv", "Half"]]}
    (tmp_path / "x.plan.json").write_text('{"facts": [], "report": {}}')
    assert "of another form" in read_stored(tmp_path / "x.plan").fault
