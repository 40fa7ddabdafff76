"""tools/system_check.py: what is missing is named with its package, and only counts where it must."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parent.parent / "tools" / "system_check.py"
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="checks Linux packages")


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, run as somebody who may not install anything."""
    spec = importlib.util.spec_from_file_location("system_check", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(module, "LIBRARIES", {"libc.so.6": "libc6"})
    monkeypatch.setattr(module, "test_needs", list)
    return module


def test_all_there(check: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main(["runtime"]) == 0
    assert "all there" in capsys.readouterr().out


def test_a_missing_library_is_one_line_to_run(
    check: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(check.LIBRARIES, "libnosuchthing.so.7", "libnosuchthing7")
    assert check.main(["runtime"]) == 1
    out = capsys.readouterr().out
    assert "missing: libnosuchthing.so.7" in out
    assert "run: sudo apt-get install --no-install-recommends libnosuchthing7\n" in out


@pytest.mark.parametrize(("required", "status"), [("0", 0), ("1", 1)])
def test_a_missing_tool_counts_only_where_it_is_required(
    check: ModuleType, monkeypatch: pytest.MonkeyPatch, required: str, status: int
) -> None:
    monkeypatch.setattr(check, "test_needs", lambda: [check.Need("nosuchtool", False, ("nosuchtool",))])
    monkeypatch.setenv("REQUIRE_SYSTEM", required)
    assert check.main(["tests"]) == status


def test_a_renamed_package_is_found_by_the_name_this_system_knows(
    check: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check.shutil, "which", lambda _: "/usr/bin/apt-cache")
    monkeypatch.setattr(check, "_answers", lambda command: command[-1].endswith("t64"))
    assert check.pick(["libglib2.0-0", "libglib2.0-0t64"]) == "libglib2.0-0t64"
    monkeypatch.setattr(check, "_answers", lambda _: False)
    assert check.pick(["libglib2.0-0", "libglib2.0-0t64"]) == "libglib2.0-0"


def test_a_wrong_call_is_told_how(check: ModuleType) -> None:
    assert check.main([]) == 2
    assert check.main(["everything"]) == 2
