"""The small parts around the door: systemd, the browser, the log, other words, TLS, the pictures that are kept."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import stat
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

from monitor.errors import ConfigError
from monitor.kiosk import words
from monitor.kiosk.browser import open_browser
from monitor.kiosk.drawing import kept
from monitor.kiosk.logs import AsJson
from monitor.kiosk.run import as_camera, source_name
from monitor.kiosk.systemd import Notifier
from monitor.settings import SourceSettings
from monitor.types import Box, Face, Frame, Scene
from tests.monitor.kiosk.house import PASSWORD, house, network
from tests.monitor.kiosk.receivers import certificates, until
from tests.monitor.scenes import track


def test_systemd_hears_that_the_loop_is_ready_and_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "300000")
        notifier = Notifier()
        notifier.alive()
        assert systemd.recv(100) == b"READY=1\nWATCHDOG=1"
        began = time.monotonic()
        while time.monotonic() - began < 0.25:
            notifier.alive()
            time.sleep(0.01)
        notifier.stopping()
        heard = [systemd.recv(100)]
        while heard[-1] != b"STOPPING=1":
            heard.append(systemd.recv(100))
        assert 2 <= len(heard) <= 4  # three times as often as systemd wants, not with every frame
        assert set(heard[:-1]) == {b"WATCHDOG=1"}


def test_without_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    Notifier().alive()
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/at/all")
    Notifier().alive()


def test_the_browser_is_started_full_screen_with_a_profile_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, told = tmp_path / "chromium", tmp_path / "told"
    program.write_text(f'#!/bin/sh\necho "$@" > {told}.part\nmv {told}.part {told}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert open_browser("http://127.0.0.1:8080/") is None
    until(told.exists)
    assert "--kiosk" in told.read_text()
    assert "--user-data-dir=" in told.read_text()
    assert told.read_text().strip().endswith("http://127.0.0.1:8080/")


def test_the_log_for_machines() -> None:
    record = logging.LogRecord("monitor.kiosk", logging.INFO, __file__, 1, "person %s", ("welcome",), None)
    record.event = "abc"
    told = json.loads(AsJson().format(record))
    assert told.pop("at").endswith("+00:00")
    assert told == {"level": "info", "logger": "monitor.kiosk", "message": "person welcome", "event": "abc"}


def test_single_words_can_be_replaced_and_languages_added(tmp_path: Path) -> None:
    (tmp_path / "de.yaml").write_text('welcome: {title: "Grüß Gott"}\n', encoding="utf-8")
    german = words.load("de", tmp_path)
    assert german["words"]["welcome"]["title"] == "Grüß Gott"
    assert german["words"]["welcome"]["hint"] == words.load("de")["words"]["welcome"]["hint"]
    (tmp_path / "tlh.yaml").write_text((words.FOLDER / "en.yaml").read_text("utf-8"), encoding="utf-8")
    assert words.load("tlh", tmp_path)["name"] == "tlh"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('welcome: "hello"', "welcome should hold title, hint"), ("welcom: {title: x}", "unknown welcom"),
        ("- a list", "no words"),
        ("welcome: {title: [}", "line"), ("dir: sideways", "dir is"), ("welcome: {title: 3}", "welcome.title"),
    ],
)  # fmt: skip
def test_words_that_cannot_be_shown_are_told_with_their_place(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "de.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        words.load("de", tmp_path)
    assert complaint in str(caught.value)
    assert "de.yaml" in str(caught.value)


@pytest.mark.parametrize("name", ["xx", "../en", "en.yaml", ""])
def test_languages_that_are_not_there(name: str) -> None:
    with pytest.raises(ConfigError):
        words.load(name)


def test_with_a_certificate_everything_is_encrypted(tmp_path: Path) -> None:
    authority = certificates(tmp_path)
    settings = network(tls_cert=tmp_path / "server.pem", tls_key=tmp_path / "server.key")
    with house(tmp_path, settings) as home:
        home.see()
        assert home.url.startswith("https://")
        port = home.url.rpartition(":")[2]
        trusting = ssl.create_default_context(cafile=str(authority))
        with httpx.Client(base_url=f"https://localhost:{port}", verify=trusting, trust_env=False) as client:
            answer = client.post("/login", data={"password": PASSWORD})
            assert answer.status_code == 303
            assert "Secure" in answer.headers["set-cookie"]
            assert "Strict-Transport-Security" in answer.headers
            assert client.get("/api/health").status_code == 200
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://localhost:{port}/state", trust_env=False, timeout=5)


def two_faces() -> Scene:
    """Fine checks, in which two faces are known."""
    bgr = np.zeros((480, 640, 3), np.uint8)
    bgr[::2, ::2] = bgr[1::2, 1::2] = 255
    frame = Frame(0, 0.0, None, bgr)
    return Scene(frame, (track(1, "real", box=(200, 120, 320, 280)), track(2, "real", box=(330, 150, 400, 240))), {})


def test_a_blurred_picture_hides_every_face_for_good() -> None:
    scene = two_faces()
    full, blurred = (kept(scene, 1, blurred=wish) for wish in (False, True))
    assert full.shape == blurred.shape
    assert full[100:200, 150:240].std() > 100
    assert blurred[100:200, 150:240].std() < 5  # the face itself
    assert blurred[130:230, 240:330].std() < 5  # the neighbour
    assert blurred[10:60, 10:60].std() > 100  # not the room
    assert scene.frame.bgr.std() > 100  # and the frame that others see is not touched


def test_a_face_at_the_border_can_be_kept_too() -> None:
    bgr = np.full((100, 100, 3), 90, np.uint8)
    one = track(1, "real", box=(-20.0, -20.0, 10.0, 10.0))
    one = type(one)(1, Face(Box(0.0, 0.0, 4.0, 4.0), 0.9, one.face.points), 0, 0, 0, 1, one.probs, 0, None)
    assert min(kept(Scene(Frame(0, 0, None, bgr), (one,), {}), 1, blurred=True).shape[:2]) >= 4


def test_what_is_kept_is_for_its_owner_alone(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        home.see()
        assert stat.S_IMODE(home.desk.store.path.stat().st_mode) == 0o600


def test_a_file_stands_for_a_camera() -> None:
    assert as_camera(SourceSettings(camera="0")) == SourceSettings(camera="0")
    assert as_camera(SourceSettings(uri="rtsp://cam/1")) == SourceSettings(uri="rtsp://cam/1")
    assert as_camera(SourceSettings(uri="clip.mp4")) == SourceSettings(uri="clip.mp4", pace_fps=30.0)
    assert as_camera(SourceSettings(uri="demo:faces")) == SourceSettings(uri="demo:faces", pace_fps=30.0, loop=True)
    assert "secret" not in source_name(SourceSettings(uri="rtsp://me:secret@cam/1"))
