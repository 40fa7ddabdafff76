"""The window on a real X server that shows nothing to anybody (Xvfb), with real key presses (xdotool)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest

import monitor
from monitor.errors import SinkError
from monitor.overlay import Overlay
from monitor.settings import ShowSettings
from monitor.sinks.display import display_problem
from monitor.sinks.window import Window
from monitor.types import U8, Gap, Scene
from tests.system import need_program

ROOT = Path(monitor.__file__).parents[1]
TITLE = "Face monitor test"

# A process of its own: Qt ends the process when its display goes away.
PROGRAM = f"""
import json, sys, time
from pathlib import Path
from monitor.overlay import Overlay
from monitor.settings import ShowSettings
from monitor.sinks.window import Window
from monitor.types import Gap
from tests.monitor.scenes import CLASSES, scene, track
overlay = Overlay(CLASSES, ShowSettings())
window = Window({TITLE!r}, overlay, Path(sys.argv[1]))
said, end, i = None, time.monotonic() + 60, 0
while time.monotonic() < end and not window.quit:
    if sys.argv[2] == "gap" and i > 5:
        window.write(Gap("lost", i / 10))
    else:
        window.write(overlay.draw(scene(i, i / 25, track(1, "mask"), width_px=320, height_px=240)))
    i += 1
    state = {{"paused": window.paused, "details": overlay.details, "help": window._help}}
    if state != said:
        print(json.dumps(state), flush=True)
        said = state
    time.sleep(0.01)
window.close()
window.close()
print(json.dumps({{"quit": window.quit}}), flush=True)
"""
CLOSE = """
import ctypes as c, sys
x = c.CDLL("libX11.so.6")
x.XOpenDisplay.restype, x.XInternAtom.restype = c.c_void_p, c.c_ulong
x.XInternAtom.argtypes = [c.c_void_p, c.c_char_p, c.c_int]
x.XSendEvent.argtypes, x.XSync.argtypes = [c.c_void_p, c.c_ulong, c.c_int, c.c_long, c.c_void_p], [c.c_void_p, c.c_int]
class Message(c.Structure):
    _fields_ = [("type", c.c_int), ("serial", c.c_ulong), ("sent", c.c_int), ("display", c.c_void_p),
                ("window", c.c_ulong), ("kind", c.c_ulong), ("format", c.c_int), ("data", c.c_long * 5),
                ("rest", c.c_long * 24)]
display = x.XOpenDisplay(None)
message = Message(type=33, window=int(sys.argv[1]), kind=x.XInternAtom(display, b"WM_PROTOCOLS", 0), format=32)
message.data[0] = x.XInternAtom(display, b"WM_DELETE_WINDOW", 0)
x.XSendEvent(display, message.window, 0, 0, c.byref(message))
x.XSync(display, 0)  # the server has it before this client goes: what is only flushed may go with it
"""


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    server, _ = need_program("Xvfb", "xvfb"), need_program("xdotool")
    read, write = os.pipe()
    command = [server, "-displayfd", str(write), "-screen", "0", "1000x800x24", "-nolisten", "tcp", "-noreset"]
    with subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL) as process:
        os.close(write)
        with os.fdopen(read) as answer:
            number = answer.readline().strip()
        yield f":{number}"
        process.terminate()
        process.wait(10)


class Shown:
    """The program with its window open."""

    def __init__(self, display: str, folder: Path, what: str) -> None:
        self.env = {**os.environ, "DISPLAY": display, "PYTHONPATH": str(ROOT)}
        self.env.pop("WAYLAND_DISPLAY", None)
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(folder), what], env=self.env, stdout=subprocess.PIPE, text=True
        )
        assert self.next() == {"paused": False, "details": False, "help": False}
        found = self.xdotool("search", "--sync", "--name", TITLE).split()
        self.window = found[-1]
        self.xdotool("windowfocus", "--sync", self.window)

    def xdotool(self, *words: str) -> str:
        return subprocess.run(
            ["xdotool", *words], env=self.env, check=True, capture_output=True, text=True, timeout=20
        ).stdout

    def key(self, name: str) -> None:
        self.xdotool("key", name)

    def next(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        return dict(json.loads(self.process.stdout.readline()))

    def close_button(self) -> None:
        subprocess.run([sys.executable, "-c", CLOSE, self.window], env=self.env, check=True, timeout=20)

    def end(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=10)


@pytest.fixture
def shown(display: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shown]:
    program = Shown(display, tmp_path / "snapshots", getattr(request, "param", "scene"))
    yield program
    program.end()


def test_keys_do_what_the_help_says(shown: Shown, tmp_path: Path) -> None:
    for key, name, value in [
        ("space", "paused", True),
        ("d", "details", True),
        ("h", "help", True),
        ("h", "help", False),
        ("space", "paused", False),
        ("D", "details", False),
    ]:
        shown.key(key)
        assert shown.next()[name] is value
    for key in ("Left", "Right", "Up", "Down", "F1", "Home"):  # codes that end as q, s and others do
        shown.key(key)
    shown.key("space")
    assert shown.next()["paused"] is True
    shown.key("space")
    assert shown.next()["paused"] is False
    assert not (tmp_path / "snapshots").exists()
    shown.key("s")
    deadline = time.monotonic() + 10
    while not (saved := list((tmp_path / "snapshots").glob("*.png"))) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert cv2.imread(str(saved[0])).shape == (240, 320, 3)
    shown.key("q")
    assert shown.next() == {"quit": True}
    assert shown.process.wait(10) == 0


@pytest.mark.parametrize("shown", ["gap"], indirect=True)
def test_keys_work_while_there_is_no_picture(shown: Shown) -> None:
    shown.key("space")
    assert shown.next()["paused"] is True
    shown.key("Escape")
    assert shown.next() == {"quit": True}


def test_the_close_button_quits(shown: Shown) -> None:
    shown.close_button()
    assert shown.next() == {"quit": True}
    assert shown.process.wait(10) == 0


def test_a_slow_source_does_not_hide_its_last_picture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class NoGaps(Overlay):
        def draw_gap(self, gap: Gap, last: Scene | None) -> U8:
            raise AssertionError(f"{gap} is drawn over {last}")

    monkeypatch.setattr("monitor.sinks.window.display_problem", lambda: None)
    monkeypatch.setattr(cv2, "pollKey", lambda: -1)
    shown = Window(TITLE, NoGaps(("real", "fake", "mask"), ShowSettings()), tmp_path)
    shown.write(Gap("live", 0.5))
    with pytest.raises(AssertionError, match="lost"):
        shown.write(Gap("lost", 5.0))


def test_without_a_display_it_is_said_and_the_process_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("other systems always have a display")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert "XWayland" in str(display_problem())
    monkeypatch.setenv("DISPLAY", ":4711")
    assert "4711" in str(display_problem())
    with pytest.raises(SinkError) as caught:
        Window("never", None)  # type: ignore[arg-type]
    assert "--headless" in caught.value.hint


def test_a_display_is_found(display: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", display)
    assert display_problem() is None
