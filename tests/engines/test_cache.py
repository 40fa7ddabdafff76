"""The engine cache: damage is found and mended, builders do not meet, and no cache at all is no reason to fail."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
import tempfile
from pathlib import Path

import filelock
import pytest

from engines import cache
from engines.cache import Entry, Made, cache_folder, read_stored, remove, stored_entries
from tests.bundles import tiny_bundle
from tests.making import MAKERS, in_another_process


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="module", params=list(MAKERS))
def kind(request):
    """Everything holds for graphs and for plans that are really built."""
    if request.param == "plan":
        pytest.importorskip("tensorrt_rtx")
    return request.param


@pytest.fixture(scope="module")
def expected(kind, tiny, tmp_path_factory):
    return MAKERS[kind](tiny.folder, tmp_path_factory.mktemp("reference"), lambda _: None)


class Opened:
    """Makes the artefact in one cache folder and remembers what was said."""

    def __init__(self, kind, tiny, folder, expected):
        self.kind, self.tiny, self.folder, self.expected = kind, tiny, folder, expected

    def __call__(self):
        said: list[str] = []
        assert MAKERS[self.kind](self.tiny.folder, self.folder, said.append) == self.expected
        return " | ".join(said)

    @property
    def artefact(self) -> Path:
        (path,) = (self.folder / "engines").glob(f"*.{self.kind}")
        return path


@pytest.fixture
def opened(kind, tiny, tmp_path, expected):
    return Opened(kind, tiny, tmp_path / "cache", expected)


def test_built_once_and_then_found(opened):
    assert "building tiny-" in opened()
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
    """As after another version of the runtime was given the same name."""
    beside = path.with_name(path.name + ".json")
    told = json.loads(beside.read_text())
    told["facts"]["version"] = "0.9"
    beside.write_text(json.dumps(told))


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
    damage(opened.artefact)
    assert reason in opened()
    assert not read_stored(opened.artefact).fault  # not the same bytes: a plan never has them twice
    assert opened() == ""


def test_another_bundle_or_quantiser_gets_another_entry(kind, opened, tmp_path, monkeypatch):
    opened()
    other = tiny_bundle(tmp_path / "tiny", seed=8)
    MAKERS[kind](other.folder, opened.folder, lambda _: None)
    assert len(list((opened.folder / "engines").glob(f"*.{kind}"))) == 2
    for module in ("quantise", "halve"):
        monkeypatch.setattr(f"engines.{module}.VERSION", 10**6)
    MAKERS[kind](other.folder, opened.folder, lambda _: None)
    assert len(list((opened.folder / "engines").glob(f"*.{kind}"))) == 3


def test_of_two_processes_one_builds(kind, tiny, opened):
    both = [in_another_process(kind, tiny.folder, opened.folder) for _ in range(2)]
    for process in both:
        assert process.stdout.readline() == "ready\n"
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("building" in text for text in said) == 1
    assert all(str(opened.expected) in text for text in said)
    assert opened() == ""


def test_killed_in_mid_write(kind, tiny, opened):
    """The kill comes when the data is written and not yet renamed."""
    dying = "import os, signal\nos.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)"
    process = in_another_process(kind, tiny.folder, opened.folder, dying)
    process.communicate("go\n", timeout=120)
    assert process.returncode == -signal.SIGKILL
    left = [path.name for path in (opened.folder / "engines").iterdir()]
    assert [name for name in left if name.endswith(".tmp")], "the kill must have left something to clean up"
    assert not [name for name in left if name.endswith((f".{kind}", ".json"))]
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


def test_a_file_where_the_cache_should_be(opened):
    opened.folder.write_text("not a folder")
    assert "built in memory" in opened()


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
    assert whole.facts["bundle"] == opened.tiny.sha256
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


def test_what_only_saves_time_may_be_lost(tmp_path):
    entry, said = Entry(tmp_path / "engines", "x.kernels", {"a": 1}), []
    assert entry.kept() == b""
    entry.keep(b"compiled", said.append)
    assert entry.kept() == b"compiled"
    assert Entry(entry.folder, entry.name, {"a": 2}).kept() == b""  # of another GPU
    with filelock.FileLock(f"{entry.path}.lock"):
        entry.keep(b"more", said.append)  # at once: frames wait for it
    assert (entry.kept(), len(said)) == (b"compiled", 1)
    assert "x.kernels is not kept for the next start" in said[0]
    flip(entry.path)
    assert entry.kept() == b""


def test_a_report_is_kept_beside(tmp_path):
    entry = Entry(tmp_path, "x.plan", {"a": 1})
    entry.get(lambda: Made(b"built", {"layers": [["conv", "Half"]]}), lambda _: None)
    assert entry.get(pytest.fail, pytest.fail).report == {"layers": [["conv", "Half"]]}
    (tmp_path / "x.plan.json").write_text('{"facts": [], "report": {}}')
    assert "of another form" in read_stored(tmp_path / "x.plan").fault
