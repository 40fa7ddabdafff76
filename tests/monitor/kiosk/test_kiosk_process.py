"""The real program: what it refuses, how it ends, what is left behind."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from monitor.kiosk.store import Query, Store
from monitor.kiosk.web.credentials import load
from tests.bundles import colour_bundle
from tests.monitor.kiosk.door import command, kiosk, refused
from tests.monitor.kiosk.visit import film


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    """Options for a door with the film as its camera."""
    folder = tmp_path_factory.mktemp("visit")
    bundle = colour_bundle(folder / "colour").folder
    return ("--source", film(folder / "visit.mp4"), "--pace", 25, "--bundle", bundle)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_in_order_when_told(tmp_path: Path, parts: tuple[object, ...], signum: int) -> None:
    told = tmp_path / "told"
    (tmp_path / "slow.sh").write_text(
        f'[ "$MONITOR_EVENT_STATE" != fault ] || sleep 0.4; echo "$MONITOR_EVENT_KIND $MONITOR_EVENT_STATE" >> {told}'
    )
    listening = ("--set", f"kiosk.command.run=sh {tmp_path / 'slow.sh'}")
    with kiosk(tmp_path, *parts, "--loop", *listening) as door:
        door.wait_for("judged pictures", lambda: door.get("/readyz").status_code == 200)
        door.wait_for("something told", told.exists)
        assert door.stop(signum) == 0
        assert "Traceback" not in door.said
    with Store.read(tmp_path / "kiosk.db") as store:
        newest = store.events(Query(limit=1))[0]
        assert (newest.kind, newest.state) == ("system", "stopped")
        door_now = store.latest("door")
        assert door_now is not None
        assert door_now.state == "fault"  # whoever acts on the door's state closes it
    assert "door fault" in told.read_text()  # and is told before the program ends


def test_the_screen_is_there_before_the_models_are(tmp_path: Path, parts: tuple[object, ...]) -> None:
    """They take as long here as it takes to ask."""
    script = (
        "import time, monitor.app as app\n"
        "from pathlib import Path\n"
        f"asked = Path({str(tmp_path / 'asked')!r})\n"
        "load = app.engine_of\n"
        "def slowly(*args, **options):\n"
        "    while not asked.exists(): time.sleep(0.05)\n"
        "    return load(*args, **options)\n"
        "app.engine_of = slowly\n"
    )
    with kiosk(tmp_path, *parts, "--loop", before=script) as door:
        assert door.state() == "starting"
        assert door.get("/healthz").status_code == 200
        assert door.get("/readyz").status_code == 503
        (tmp_path / "asked").touch()
        door.wait_for("judged pictures", lambda: door.get("/readyz").status_code == 200)


def test_one_store_is_for_one_kiosk(tmp_path: Path, parts: tuple[object, ...]) -> None:
    with kiosk(tmp_path, *parts, "--loop"):
        status, said = refused(tmp_path, *parts)
        assert status == 5
        assert "kiosk.db" in said
        assert "Traceback" not in said


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (("--host", "0.0.0.0"), 2, "password"),
        (("--language", "xx"), 2, "xx"),
        (("--require", "gloves"), 2, "--require"),
        (("--set", "kiosk.policy.zone=[[0, 0], [2, 0], [0, 1]]"), 2, "zone"),
        (("--set", "kiosk.webhook.url=ftp://x"), 2, "webhook"),
        (("--set", "track.stable_every_s=2"), 2, "fresh_s"),
        (("--tls-cert", "nowhere.pem"), 2, "--tls-key"),
        (("--source", "nowhere.mp4"), 3, "nowhere.mp4"),
        (("--camera", "77"), 3, "77"),
        (("--bundle", "nowhere"), 4, "nowhere"),
        (("--store", "/proc/kiosk.db"), 5, "/proc"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_in_two_lines(
    tmp_path: Path, parts: tuple[object, ...], options: tuple[str, ...], status: int, words: str
) -> None:
    own = {"--camera": parts[4:], "--source": parts[2:], "--bundle": parts[:4]}.get(options[0], parts)
    found, said = refused(tmp_path, *own, *options)
    assert found == status, said
    assert words in said
    assert "Traceback" not in said
    assert "hint: " in said


def test_a_port_that_is_taken_is_told(tmp_path: Path, parts: tuple[object, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status, said = refused(tmp_path, *parts, "--port", taken.getsockname()[1])
    assert status == 5
    assert "cannot listen" in said


def test_passwords_and_tokens_are_stored_hashed_and_private(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"

    def say(*words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "monitor", "kiosk", *words, "--credentials", str(file)]
        return subprocess.run(line, input=given, capture_output=True, text=True, timeout=60, check=False)

    assert say("set-password", "--stdin", given="short\n").returncode == 2
    assert say("set-password", "--stdin", given="four words by heart\n").returncode == 0
    made = say("new-token")
    token = made.stdout.partition("token=")[2].split()[0]
    text = file.read_text()
    assert "four words" not in text
    assert token not in text
    assert file.stat().st_mode & 0o077 == 0
    known = load(file)
    assert known.knows_password("four words by heart")
    assert not known.knows_password("four words by hear")
    assert known.knows_token(token)
    assert not known.knows_token("")
    file.write_text("{")
    assert refused(tmp_path, "--source", "demo:faces")[0] == 2


def test_a_password_that_nobody_types_is_told(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    line = [sys.executable, "-m", "monitor", "kiosk", "set-password", "--credentials", str(file)]
    done = subprocess.run(
        line, input="", capture_output=True, text=True, timeout=60, check=False, start_new_session=True
    )  # no terminal
    assert done.returncode == 2
    assert "no password was set" in done.stderr
    assert "hint: " in done.stderr
    assert "bug" not in done.stderr
    assert not file.exists()


def test_a_loop_that_hangs_ends_the_process(tmp_path: Path, parts: tuple[object, ...]) -> None:
    """Stopped as a driver would stop it: SIGSTOP would stop the watchdog, too, so the loop itself is made to wait."""
    script = (
        "import time, monitor.kiosk.entrance as e\n"
        "take, n = e.Entrance.take, [0]\n"
        "def stuck(self, item):\n"
        "    n[0] += 1\n"
        "    take(self, item) if n[0] < 30 else time.sleep(600)\n"
        "e.Entrance.take = stuck\n"
    )
    line = command(tmp_path, *parts, "--loop", "--set", "kiosk.watchdog_s=1", before=script)
    began = time.monotonic()
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 70, done.stderr
    assert "has not come round" in done.stderr
    assert time.monotonic() - began < 60
    with Store.read(tmp_path / "kiosk.db") as store:
        assert store.verify().holds
