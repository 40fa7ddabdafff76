"""The detector has no network: neither by the kernel's word nor by what strace sees."""

from __future__ import annotations

import errno
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.detect import FaceDetector, self_test
from monitor.detect.egress import MACHINES, guard_this_thread, open_a_socket
from monitor.settings import DetectorSettings
from monitor.threads import Caller
from tests.system import need_program

ROOT = Path(__file__).parents[3]
guarded_platform = pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.machine() not in MACHINES, reason="no seccomp guard here"
)


@pytest.fixture
def caller() -> Iterator[Caller]:
    made = Caller(lambda: None if guard_this_thread().active else pytest.fail("no guard"))
    yield made
    made.close()


@guarded_platform
def test_the_guard_works_here() -> None:
    assert self_test().active, self_test().why


@guarded_platform
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, socket.AF_UNIX])
def test_a_guarded_thread_gets_no_socket(caller: Caller, family: socket.AddressFamily) -> None:
    with pytest.raises(PermissionError) as error:
        caller.call(socket.socket, family, socket.SOCK_STREAM, timeout_s=10)
    assert error.value.errno == errno.EACCES


@guarded_platform
def test_threads_and_programs_started_under_the_guard_get_none_either(caller: Caller) -> None:
    def child() -> int:
        inner = Caller()
        try:
            return inner.call(open_a_socket, timeout_s=10)
        finally:
            inner.close()

    assert caller.call(child, timeout_s=10) == errno.EACCES
    code = "import socket; socket.socket()"
    done = caller.call(lambda: subprocess.run([sys.executable, "-c", code], capture_output=True), timeout_s=30)
    assert b"PermissionError" in done.stderr


@guarded_platform
def test_everybody_else_still_has_the_network(caller: Caller) -> None:
    assert caller.call(open_a_socket, timeout_s=10) == errno.EACCES
    assert open_a_socket() == 0
    plain = Caller()
    try:
        assert plain.call(open_a_socket, timeout_s=10) == 0
    finally:
        plain.close()


def test_other_machines_say_that_they_have_no_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    state = guard_this_thread()
    assert not state.active
    assert "riscv64" in state.why
    assert open_a_socket() == 0


@guarded_platform
def test_the_detector_tells_that_it_is_guarded() -> None:
    detector = FaceDetector(DetectorSettings())
    detector.close()
    assert detector.guard.active


PROGRAM = """
import socket, time
import numpy as np
from monitor.detect import FaceDetector
from monitor.settings import DetectorSettings
detector = FaceDetector(DetectorSettings())
detector.detect_all(np.full((240, 320, 3), 99, np.uint8))
time.sleep(1)
detector.close()
socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()
"""


@guarded_platform
def test_strace_sees_no_socket_but_ours(tmp_path: Path) -> None:
    strace = need_program("strace")
    command = [strace, "-ff", "-e", "trace=network", "-o", str(tmp_path / "t"), sys.executable, "-c", PROGRAM]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, timeout=90
    )
    assert done.returncode == 0, done.stderr.decode()
    calls = [line for path in tmp_path.glob("t.*") for line in path.read_text().splitlines() if "(" in line]
    opened = [line for line in calls if line.startswith("socket(") and " = -1 " not in line]
    assert len(opened) == 1, opened  # the last line of the program: strace does see sockets
    assert "SOCK_STREAM" in opened[0]
    assert not [line for line in calls if line.startswith(("connect(", "sendto(", "sendmsg(", "sendmmsg("))], calls
