"""Plans in the cache, really built: whatever happens to one ends in a rebuild with its reason, or in an error."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys

import filelock
import pytest

from engines import cache, plans
from engines.trt.plan import PlanOptions
from tests.bundles import tiny_bundle

pytest.importorskip("tensorrt_rtx")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("plans") / "tiny", filters=8)


@pytest.fixture
def made(bundle, tmp_path):
    """Builds the plan or finds it: (its file, what was said)."""

    def make():
        said = []
        plan = plans.plan_artefact(
            bundle, "tensorrt-rtx", "fp16", PlanOptions(), cache_dir=tmp_path / "cache", say=said.append
        )
        assert set(plan.made.report["precision"].values()) == {"Half"}
        return plan.entry.path, " | ".join(said)

    return make


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


def other_version(path):
    """As it lies there after the library was replaced by another version that was given the same name."""
    beside = path.with_name(f"{path.name}.json")
    told = json.loads(beside.read_text())
    told["facts"]["version"] = "0.9"
    beside.write_text(json.dumps(told))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (flip, "is damaged (its sha256 differs)"),
        (truncate, "is damaged ("),
        (other_version, "was built from something else"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_damage_is_found_before_the_library_sees_it(made, damage, reason):
    path, said = made()
    assert "(once)" in said
    assert made() == (path, "")
    damage(path)
    assert f"again: the stored one {reason}" in made()[1]
    assert made() == (path, "")


def test_another_version_of_the_library_builds_its_own(made, monkeypatch):
    path, _ = made()
    library = plans.load_library("tensorrt-rtx")
    other = type(library)(library.runtime, library.trt, "9.9.9")
    monkeypatch.setattr(plans, "load_library", lambda _: other)
    newer, said = made()
    assert newer != path
    assert "(once)" in said
    assert path.exists()


def test_a_full_disk_leaves_no_half_plan(made):
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, usual[1]))
    try:
        path, said = made()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert "engine built but not stored" in said
    assert [file.suffix for file in path.parent.iterdir()] == [".lock"]


def test_a_cache_that_cannot_be_written(made, tmp_path):
    (tmp_path / "cache").write_text("a file")
    assert "built in memory" in made()[1]


def test_a_builder_that_hangs_does_not_hang_the_others(made, monkeypatch):
    monkeypatch.setattr(cache, "LOCK_WAIT_S", 0.2)
    path, _ = made()
    flip(path)
    with filelock.FileLock(f"{path}.lock"):
        assert "built in memory" in made()[1]


BUILDER = """
import sys
from pathlib import Path
from engines.bundle import load_bundle
from engines.plans import plan_artefact
from engines.trt.plan import PlanOptions
bundle = load_bundle(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
cache = Path(sys.argv[2])
plan_artefact(bundle, "tensorrt-rtx", "fp16", PlanOptions(), cache_dir=cache, say=lambda line: print(line, flush=True))
"""


def builder(bundle, folder, before=""):
    command = [sys.executable, "-c", before + BUILDER, str(bundle.folder), str(folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_of_two_builders_one_builds(bundle, made, tmp_path):
    both = [builder(bundle, tmp_path / "cache") for _ in range(2)]
    assert [process.stdout.readline() for process in both] == ["ready\n"] * 2
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("building" in text for text in said) == 1
    assert made()[1] == ""


def test_a_builder_killed_in_mid_write_leaves_nothing_that_counts(bundle, made, tmp_path):
    dying = "import os, signal\nos.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
    process = builder(bundle, tmp_path / "cache", dying)
    process.communicate("go\n", timeout=120)
    assert process.returncode == -signal.SIGKILL
    left = [path.name for path in (tmp_path / "cache/engines").iterdir()]
    assert any(name.endswith(".tmp") for name in left)
    assert not any(name.endswith((".plan", ".json")) for name in left)
    path, said = made()
    assert "(once)" in said
    assert not list(path.parent.glob(".*.tmp"))
