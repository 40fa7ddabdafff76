"""`monitor doctor`: looks at what is really there, names the cure, and goes on after a trouble."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engines.contract import BundleError
from monitor.detect.egress import GuardState
from monitor.doctor import LOOKS, Check, Finding, examine, machine, parts
from monitor.settings import EngineSettings, Settings

ROOT = Path(__file__).parents[2]
NAMES = ["versions", "cameras", "display", "gpu", "cache", "disk", "decoder", "privacy", "detector", "engine"]


def doctor(*args: object, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "monitor", "doctor", *map(str, args)]
    around = os.environ | {"PYTHONPATH": str(ROOT)} | env
    return subprocess.run(command, cwd=cwd, env=around, capture_output=True, text=True, timeout=100, check=False)


def test_a_look_that_raises_is_a_fail_and_the_rest_goes_on() -> None:
    def surprised(_settings: Settings) -> Finding:
        raise ZeroDivisionError("by zero")

    def knows_what_helps(_settings: Settings) -> Finding:
        raise BundleError("the model\nis gone", hint="fetch it again")

    looks = (("a", surprised), ("b", knows_what_helps), ("c", lambda _settings: Finding("ok", "well")))
    first, *rest = examine(Settings(), looks)
    assert first.status == "fail"
    assert first.what == "ZeroDivisionError: by zero"
    assert first.cure
    assert rest == [Check("b", "fail", "the model is gone", "fetch it again"), Check("c", "ok", "well")]


def test_every_part_is_looked_at() -> None:
    assert [name for name, _ in LOOKS] == NAMES


def test_a_healthy_machine_ends_well_and_says_so_in_json(bundle: Path, tmp_path: Path) -> None:
    done = doctor("--json", "--set", f"engine.bundle={bundle}", cwd=tmp_path, MONITOR_CACHE=str(tmp_path / "cache"))
    answer = json.loads(done.stdout)
    assert [check["name"] for check in answer["checks"]] == NAMES
    assert [check for check in answer["checks"] if check["status"] == "fail"] == []
    assert all(check["what"] and (check["status"] == "ok" or check["cure"]) for check in answer["checks"])
    assert (done.returncode, answer["ok"]) == (0, True)
    found = {check["name"]: check["what"] for check in answer["checks"]}
    assert "tiny" in found["engine"]
    assert "int8" in found["engine"]
    assert "mediapipe" in found["versions"]


def test_troubles_are_named_with_their_cure_and_exit_code_6(bundle: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    shutil.copytree(bundle, bad)
    (bad / "model.onnx").write_bytes(b"\x00" * 64)
    (tmp_path / "file").touch()
    done = doctor("--set", f"engine.bundle={bad}", cwd=tmp_path, MONITOR_CACHE=str(tmp_path / "file" / "cache"))
    assert done.returncode == 6
    lines = done.stdout.splitlines()
    for name in ("cache", "engine"):
        at = next(i for i, line in enumerate(lines) if line.split()[:2] == ["fail", name])
        assert lines[at + 1].strip().startswith("-> ")
    assert any(line.split()[:2] == ["ok", "decoder"] for line in lines)
    errors = [line for line in done.stderr.splitlines() if line.startswith(("error:", "hint:"))]
    assert len(errors) == 2
    assert "cache, engine" in errors[0]
    assert "Traceback" not in done.stderr + done.stdout


def test_the_decoder_is_really_tried() -> None:
    assert parts.look_at_decoder(Settings()).status == "ok"


def test_a_missing_bundle_is_a_fail(tmp_path: Path) -> None:
    settings = Settings(engine=EngineSettings(bundle=str(tmp_path / "none")))
    (check,) = examine(settings, [("engine", parts.look_at_engine)])
    assert check.status == "fail"
    assert check.cure


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for nvidia-smi is a shell script")
@pytest.mark.parametrize(
    ("script", "status", "words"),
    [
        ("echo 'NVIDIA Test 9000'", "ok", "NVIDIA Test 9000 found"),
        ("echo 'couldn'\\''t communicate with the driver'; exit 9", "warn", "names no GPU"),
        (None, "ok", "no NVIDIA GPU found"),
    ],
)
def test_a_gpu_is_never_a_trouble(
    script: str | None, status: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if script is not None:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = machine.look_for_gpu(Settings())
    assert found.status == status
    assert words in found.what
    assert ("what runs is in the line of the engine" if "9000 found" in words else "the CPU is used") in found.what


@pytest.mark.parametrize(("free_mb", "status"), [(50_000, "ok"), (500, "warn"), (5, "fail")])
def test_little_space_is_told(free_mb: int, status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(Path.cwd())._replace(free=free_mb * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    found = machine.look_at_disk(Settings())
    assert found.status == status
    assert (status == "ok") == (not found.cure)


@pytest.mark.parametrize(("platform", "status"), [("linux", "fail"), ("win32", "warn"), ("darwin", "warn")])
def test_a_guard_that_does_not_work_counts_where_there_should_be_one(
    platform: str, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.detect.egress.self_test", lambda: GuardState(False, "the kernel refused"))
    monkeypatch.setattr(parts.sys, "platform", platform)
    found = parts.look_at_guard(Settings())
    assert (found.status, bool(found.cure)) == (status, True)
    assert "the kernel refused" in found.what


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there always is a display")
def test_no_display_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert machine.look_for_display(Settings()).status == "warn"
