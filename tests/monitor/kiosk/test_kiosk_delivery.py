"""Deliveries over real connections: everything arrives, in order, whatever happens on the way."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import logging
import re
import shlex
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from monitor.errors import ConfigError
from monitor.kiosk.delivery import Deliveries, target_names
from monitor.kiosk.delivery.target import NotDelivered, body_of
from monitor.kiosk.delivery.worker import Worker
from monitor.kiosk.facts import Decision, Event
from monitor.kiosk.store import Backlog, Store
from monitor.kiosk_settings import CommandSettings, KioskSettings, MqttSettings, WebhookSettings
from tests.monitor.kiosk.receivers import Answer, Receiver, Request, certificates, free_port, until

ROOT = Path(__file__).parents[3]
SAID = Decision("person", "put_on", "a1", {"label": "real", "probs": {"real": 0.91}, "note": "grün"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kiosk.db"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between tries are short."""
    monkeypatch.setattr("monitor.kiosk.delivery.worker.FIRST_WAIT_S", 0.01)
    monkeypatch.setattr("monitor.kiosk.delivery.worker.MOST_WAIT_S", 0.05)


def to(url: str, secret: Path | None = None, timeout_s: float = 5.0) -> KioskSettings:
    return KioskSettings(webhook=WebhookSettings(url, secret, timeout_s))


def running(line: str, timeout_s: float = 10.0) -> KioskSettings:
    return KioskSettings(command=CommandSettings(line, timeout_s))


def opened(path: Path, settings: KioskSettings) -> Store:
    return Store.open(path, targets=target_names(settings))


def backlog(deliveries: Deliveries) -> Backlog:
    (found,) = deliveries.status()
    return found


def test_targets_are_those_that_are_set() -> None:
    assert target_names(KioskSettings()) == ()
    everything = KioskSettings(
        webhook=WebhookSettings("https://example.org"), mqtt=MqttSettings("broker"), command=CommandSettings("true")
    )
    assert target_names(everything) == ("webhook", "mqtt", "command")


def test_every_event_arrives_once_in_order_and_at_once(path: Path, receiver: Receiver) -> None:
    settings = to(receiver.url)
    with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
        until(lambda: backlog(deliveries).waiting == 0)
        started = time.monotonic()
        events = [store.add(SAID, at=float(number)) for number in range(20)]
        deliveries.wake()
        until(lambda: backlog(deliveries).waiting == 0)
        assert time.monotonic() - started < 4, "woken, not found by looking now and then"
        found = backlog(deliveries)
    assert receiver.seqs == list(range(1, 21))
    assert [request.body for request in receiver.requests] == [body_of(event) for event in events]
    assert (found.refused, found.last_error) == (0, "")
    assert found.last_ok_at == pytest.approx(time.time(), abs=30)


def test_a_receiver_can_tell_who_sends(path: Path, receiver: Receiver, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("correct horse\n")
    settings = to(receiver.url, secret)
    with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
        event = store.add(SAID, at=1.0)
        deliveries.wake()
        until(lambda: receiver.requests)
    (request,) = receiver.requests
    timestamp = request.headers["X-Monitor-Timestamp"]
    expected = hmac.new(b"correct horse", timestamp.encode() + b"." + request.body, hashlib.sha256).hexdigest()
    assert request.headers["X-Monitor-Signature"] == f"sha256={expected}"
    assert abs(int(timestamp) - time.time()) < 60
    assert request.headers["Idempotency-Key"] == event.id
    assert request.headers["Content-Type"] == "application/json"
    assert request.event["evidence"] == SAID.evidence


def guide(first_line: str) -> str:
    """The example of the guide that begins so."""
    text = (ROOT / "docs" / "kiosk-events.md").read_text("utf-8")
    (code,) = [part for part in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if part.startswith(first_line)]
    return str(code)


def test_the_receiver_of_the_guide_believes_us_only(path: Path, tmp_path: Path) -> None:
    port = free_port()
    code = guide("import hashlib, hmac").replace("8000", str(port))
    (tmp_path / "secret").write_text("correct horse\n")
    other = tmp_path / "other secret"
    other.write_text("wrong horse\n")
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as guest:
        try:
            assert guest.stdout is not None
            settings = to(f"http://127.0.0.1:{port}/", tmp_path / "secret")
            with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
                store.add(SAID, at=1.0)
                deliveries.wake()
                assert guest.stdout.readline() == "1 person put_on\n"
                until(lambda: backlog(deliveries).waiting == 0)
            settings = to(f"http://127.0.0.1:{port}/", other)
            with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
                store.add(SAID, at=2.0)
                deliveries.wake()
                until(lambda: backlog(deliveries).last_error.endswith("answers 401"))
        finally:
            guest.kill()


def test_the_hash_of_the_guide_is_that_of_what_is_delivered(path: Path, receiver: Receiver) -> None:
    known: dict[str, Callable[[str, dict[str, object]], str]] = {}
    exec(guide("import hashlib, json"), known)
    settings = to(receiver.url)
    with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
        for number in range(3):
            store.add(SAID, at=number / 7)
        deliveries.wake()
        until(lambda: len(receiver.requests) == 3)
    before = "0" * 64
    for request in receiver.requests:
        before = known["next_hash"](before, request.event)
        assert request.event["hash"] == before


def test_without_a_secret_there_is_no_signature(path: Path, receiver: Receiver) -> None:
    settings = to(receiver.url.replace("http://", "http://anna:geheim@"))
    with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
        store.add(SAID, at=1.0)
        deliveries.wake()
        until(lambda: receiver.requests)
    (request,) = receiver.requests
    assert "X-Monitor-Signature" not in request.headers
    assert request.headers["Authorization"].startswith("Basic ")


def test_https_with_an_authority_of_the_systems(
    path: Path, tmp_path: Path, fast: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = certificates(tmp_path)
    receiver = Receiver(tmp_path)
    settings = to(receiver.url)
    with opened(path, settings) as store:
        store.add(SAID, at=1.0)
        with closing(Deliveries(settings, path)) as deliveries:
            until(lambda: "certificate is not accepted" in backlog(deliveries).last_error)
        assert receiver.requests == []
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        with closing(Deliveries(settings, path)) as deliveries:
            until(lambda: backlog(deliveries).waiting == 0)
            store.add(SAID, at=2.0)
            deliveries.wake()
            until(lambda: backlog(deliveries).waiting == 0)
    receiver.stop()
    assert receiver.seqs == [1, 2]


def test_nothing_is_lost_while_the_receiver_is_down(path: Path, receiver: Receiver, fast: None) -> None:
    settings = to(receiver.url)
    with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
        for number in range(45):
            if number == 15:
                until(lambda: len(receiver.seqs_once) > 5)
                receiver.stop()
            if number == 30:
                until(lambda: "refused" in backlog(deliveries).last_error, "a closed port is told as such")
                receiver.start()
            store.add(SAID, at=float(number))
            deliveries.wake()
        until(lambda: backlog(deliveries).waiting == 0)
        assert backlog(deliveries).last_error == ""
    assert receiver.seqs_once == list(range(1, 46))


def test_what_was_not_delivered_waits_for_the_next_start(path: Path, receiver: Receiver, fast: None) -> None:
    settings = to(receiver.url)
    receiver.stop()
    with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
        for number in range(5):
            store.add(SAID, at=float(number))
        deliveries.wake()
        until(lambda: backlog(deliveries).last_error)
    receiver.start()
    with opened(path, settings), closing(Deliveries(settings, path)) as deliveries:
        until(lambda: backlog(deliveries).waiting == 0)
    assert receiver.seqs == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("status", [302, 408, 409, 425, 429, 500, 503])
def test_answers_that_mean_try_again(path: Path, receiver: Receiver, fast: None, status: int) -> None:
    answers = iter([status] * 5)
    receiver.answer = lambda _: (next(answers, 200), {"Location": "http://127.0.0.1:1/"})
    settings = to(receiver.url)
    with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
        store.add(SAID, at=1.0)
        store.add(SAID, at=2.0)
        deliveries.wake()
        until(lambda: backlog(deliveries).waiting == 0)
        assert backlog(deliveries).refused == 0
    assert receiver.seqs == [1] * 6 + [2], "the first one first, however long it takes"


@pytest.mark.parametrize("status", [400, 401, 404, 410, 422])
def test_a_refused_event_is_kept_with_the_reason_and_passed_over(
    path: Path, receiver: Receiver, fast: None, status: int
) -> None:
    receiver.answer = lambda request: (status if request.event["seq"] == 1 else 200, {})
    settings = to(receiver.url)
    with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
        store.add(SAID, at=1.0)
        store.add(SAID, at=2.0)
        deliveries.wake()
        until(lambda: backlog(deliveries).waiting == 0)
        assert backlog(deliveries).refused == 1
    assert receiver.seqs == [1, 1, 1, 2]
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT seq, tries, last_error FROM outbox").fetchall()
    assert rows == [(1, 3, f"http://127.0.0.1:{receiver.port} answers {status}")]


@pytest.mark.parametrize(
    ("header", "least_s"),
    [("1", 0.9), (lambda: time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 2)), 0.5)],
)
def test_the_receiver_says_how_long_to_wait(
    path: Path, receiver: Receiver, fast: None, header: str | Callable[[], str], least_s: float
) -> None:
    times: list[float] = []

    def answer(_: Request) -> Answer:
        times.append(time.monotonic())
        return (429, {"Retry-After": header if isinstance(header, str) else header()}) if len(times) == 1 else (200, {})

    receiver.answer = answer
    settings = to(receiver.url)
    with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
        store.add(SAID, at=1.0)
        deliveries.wake()
        until(lambda: len(times) == 2)
    assert least_s < times[1] - times[0] < 10


def test_a_restart_does_not_forget_what_the_receiver_asked_for(path: Path, receiver: Receiver) -> None:
    times: list[float] = []

    def answer(_: Request) -> Answer:
        times.append(time.monotonic())
        return (429, {"Retry-After": "2"}) if len(times) == 1 else (200, {})

    receiver.answer = answer
    settings = to(receiver.url)
    with opened(path, settings) as store:
        with closing(Deliveries(settings, path)) as deliveries:
            store.add(SAID, at=1.0)
            deliveries.wake()
            until(lambda: store.outbox.backlogs()[0].last_error)
        with closing(Deliveries(settings, path)):
            until(lambda: len(times) == 2)
    assert 1.5 < times[1] - times[0] < 12


def test_how_long_a_receiver_may_ask_to_wait() -> None:
    from monitor.kiosk.delivery.target import MOST_RETRY_AFTER_S
    from monitor.kiosk.delivery.webhook import _retry_after_s

    assert _retry_after_s("999999999") == MOST_RETRY_AFTER_S
    assert _retry_after_s("Fri, 31 Dec 9999 23:59:59 GMT") == MOST_RETRY_AFTER_S
    assert [_retry_after_s(text) for text in ("", "-5", "soon", "Fri, 01 Jan 1999 00:00:00 GMT")] == [0.0] * 4


def test_waits_grow_to_a_minute_and_are_not_in_step(path: Path) -> None:
    with Store.open(path, targets=("webhook",)) as store:
        worker = Worker("webhook", _Broken(), store)
        waits = [[worker._wait(tries) for _ in range(50)] for tries in range(40)]
        worker.stop()
        worker.join()
    assert all(0.25 <= wait <= 0.5 for wait in waits[0])
    assert all(8.0 <= wait <= 16.0 for wait in waits[5])
    assert all(30.0 <= wait <= 60.0 for wait in waits[39])
    assert len({round(wait, 6) for wait in waits[39]}) > 40


class _Broken:
    """A target with a bug."""

    def send(self, _event: Event, _body: bytes) -> None:
        raise KeyError("rtsp://anna:geheim@door/1")

    def close(self) -> None:
        """Nothing is open."""


def test_a_bug_in_a_target_loses_nothing_and_is_told(path: Path, fast: None) -> None:
    with Store.open(path, targets=("webhook",)) as store:
        store.add(SAID, at=1.0)
        worker = Worker("webhook", _Broken(), store)
        until(lambda: store.outbox.backlogs()[0].last_error)
        worker.stop()
        worker.join()
        (found,) = store.outbox.backlogs()
    assert found.waiting == 1
    assert "KeyError" in found.last_error
    assert "geheim" not in found.last_error


def test_a_new_event_does_not_hurry_a_receiver_that_is_down(path: Path, receiver: Receiver) -> None:
    receiver.answer = lambda _: (503, {})
    settings = to(receiver.url)
    with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
        started = time.monotonic()
        while time.monotonic() - started < 0.6:
            store.add(SAID, at=1.0)
            deliveries.wake()
            time.sleep(0.02)
    assert len(receiver.requests) <= 3


def test_a_receiver_that_hangs_is_given_up_and_closing_does_not_wait_for_it(path: Path, fast: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with opened(path, to(url)) as store:
            store.add(SAID, at=1.0)
            with closing(Deliveries(to(url, timeout_s=0.1), path)) as deliveries:
                until(lambda: backlog(deliveries).last_error.endswith("no answer in time"))
            deliveries = Deliveries(to(url, timeout_s=60.0), path)
            silent.settimeout(10)
            for _ in range(100):  # those of the first try are in the queue
                connection = silent.accept()[0]
                connection.settimeout(0.5)
                with connection:
                    if connection.recv(10) and not _ended(connection):
                        break
            started = time.monotonic()
            deliveries.close()
            assert time.monotonic() - started < 3
            assert store.outbox.backlogs()[0].waiting == 1


def _ended(connection: socket.socket) -> bool:
    """True where the other side has gone, after all that it has sent."""
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    return True


@pytest.fixture
def dripping() -> Iterator[tuple[str, threading.Event]]:
    """The address of a server whose answer never ends, and whether it has begun one."""
    begun = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                for letter in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000:
                    connection.send(bytes([letter]))
                    begun.set()
                    time.sleep(0.02)

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=drip, args=(server.accept()[0],), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/", begun


def test_an_answer_that_drips_is_given_up(path: Path, dripping: tuple[str, threading.Event]) -> None:
    settings = to(dripping[0], timeout_s=0.2)
    with opened(path, settings) as store:
        store.add(SAID, at=1.0)
        started = time.monotonic()
        with closing(Deliveries(settings, path)) as deliveries:
            until(lambda: backlog(deliveries).last_error.endswith("no answer in time"))
        assert 0.35 < time.monotonic() - started < 5
        assert store.outbox.backlogs()[0].waiting == 1


def test_an_answer_that_drips_does_not_keep_it_from_closing(path: Path, dripping: tuple[str, threading.Event]) -> None:
    url, begun = dripping
    settings = to(url, timeout_s=30.0)
    with opened(path, settings) as store:
        store.add(SAID, at=1.0)
        deliveries = Deliveries(settings, path)
        assert begun.wait(10)
        started = time.monotonic()
        deliveries.close()
        assert time.monotonic() - started < 3


def test_addresses_and_secrets_are_told_nowhere(
    path: Path, receiver: Receiver, fast: None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    secret = tmp_path / "secret"
    secret.write_text("t0psecret")
    settings = to(receiver.url.replace("http://", "http://anna:geheim@") + "?token=t0ken", secret)
    with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
        store.add(SAID, at=1.0)
        deliveries.wake()
        until(lambda: backlog(deliveries).waiting == 0)
        receiver.stop()
        store.add(SAID, at=2.0)
        deliveries.wake()
        until(lambda: backlog(deliveries).last_error)
        told = repr(deliveries.status()) + caplog.text
    assert "refused" in told
    everything = told.encode() + b"".join(file.read_bytes() for file in path.parent.glob("kiosk.db*") if file.is_file())
    for word in (b"geheim", b"t0psecret", b"t0ken", b"s3cret-path"):
        assert word not in everything


@pytest.mark.parametrize(
    "url", ["", "example.org/hook", "ftp://example.org", "http://", "https://[::1", "http://anna:geheim@ex ample.org:x"]
)
def test_an_address_that_cannot_be_right(path: Path, url: str) -> None:
    with opened(path, to(url)), pytest.raises(ConfigError, match=r"kiosk\.webhook\.url") as caught:
        Deliveries(to(url), path)
    assert caught.value.hint
    assert "geheim" not in str(caught.value)


def test_a_secret_that_cannot_be_right(path: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text(" \n")
    for file in (empty, tmp_path / "nowhere", tmp_path):
        settings = to("https://example.org", file)
        with opened(path, settings), pytest.raises(ConfigError, match="secret_file") as caught:
            Deliveries(settings, path)
        assert caught.value.hint


def test_targets_that_come_and_go(path: Path, receiver: Receiver) -> None:
    none, some = KioskSettings(), to(receiver.url)
    with opened(path, none) as store:
        store.add(SAID, at=1.0)
    with opened(path, some) as store:
        store.add(SAID, at=2.0)
    with opened(path, none) as store, closing(Deliveries(none, path)) as deliveries:
        store.add(SAID, at=3.0)
        assert deliveries.status() == [], "what is in no settings does not count"
    with opened(path, some), closing(Deliveries(some, path)) as deliveries:
        until(lambda: backlog(deliveries).waiting == 0)
    assert receiver.seqs == [2], "only what was stored while it was a target"


def program(folder: Path, body: str) -> str:
    """The line that runs `body`; what it writes goes to the folder."""
    file = folder / "program with a blank.py"
    file.write_text(f"import os, sys, time, json\nfrom pathlib import Path\nhere = Path({str(folder)!r})\n{body}\n")
    return shlex.join([sys.executable, "-I", str(file), "an argument", "$HOME; echo >no-shell"])


def test_a_program_gets_the_event(path: Path, tmp_path: Path) -> None:
    line = program(
        tmp_path,
        "seen = {name: value for name, value in os.environ.items() if name.startswith('MONITOR_EVENT_')}\n"
        "(here / 'part').write_text(json.dumps([json.load(sys.stdin), seen, sys.argv[1:]]))\n"
        "(here / 'part').replace(here / 'seen.json')",
    )
    settings = running(line)
    with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
        event = store.add(SAID, at=2.5)
        deliveries.wake()
        until(lambda: backlog(deliveries).waiting == 0)
    told, environment, arguments = json.loads((tmp_path / "seen.json").read_text())
    assert told == json.loads(body_of(event))
    assert environment == {
        "MONITOR_EVENT_ID": event.id, "MONITOR_EVENT_SEQ": "1", "MONITOR_EVENT_AT": "2.5",
        "MONITOR_EVENT_KIND": "person", "MONITOR_EVENT_STATE": "put_on", "MONITOR_EVENT_PERSON": "a1",
    }  # fmt: skip
    assert arguments == ["an argument", "$HOME; echo >no-shell"], "no shell has seen this"


def test_a_program_that_fails_is_started_again(path: Path, tmp_path: Path, fast: None) -> None:
    line = program(
        tmp_path,
        "with (here / 'log').open('a') as log: log.write(os.environ['MONITOR_EVENT_SEQ'])\n"
        "sys.exit(3 if len((here / 'log').read_text()) < 3 else 0)",
    )
    settings = running(line)
    with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
        store.add(SAID, at=1.0)
        store.add(SAID, at=2.0)
        deliveries.wake()
        until(lambda: backlog(deliveries).last_error.endswith("exit status 3"))
        until(lambda: backlog(deliveries).waiting == 0)
    assert (tmp_path / "log").read_text() == "1112"


def test_a_program_that_hangs_is_ended_with_all_it_has_started(path: Path, tmp_path: Path) -> None:
    line = program(
        tmp_path,
        "import subprocess\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])\n"
        "(here / 'part').write_text(str(child.pid)); (here / 'part').replace(here / 'child')\n"
        "time.sleep(300)",
    )
    child = tmp_path / "child"
    with opened(path, running(line)) as store:
        store.add(SAID, at=1.0)
        with closing(Deliveries(running(line, 1.5), path)) as deliveries:
            until(lambda: "took more than 1.5 s" in backlog(deliveries).last_error)
            assert _is_gone(int(child.read_text()))
        child.unlink()
        deliveries = Deliveries(running(line, 300.0), path)
        until(child.exists)
        started = time.monotonic()
        deliveries.close()
        assert time.monotonic() - started < 3
        assert _is_gone(int(child.read_text()))
        assert store.outbox.backlogs()[0].waiting == 1


def _is_gone(pid: int) -> bool:
    """Within a moment: its number is free, or it only waits for its parent to look."""

    def gone() -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    until(gone)
    return True


def test_a_program_that_does_not_read_is_no_trouble(path: Path) -> None:
    settings = running("true")
    with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
        store.add(Decision("person", "look", "p", {"note": "x" * 300_000}), at=1.0)
        deliveries.wake()
        until(lambda: backlog(deliveries).waiting == 0)


@pytest.mark.parametrize("line", ["", "no-such-program-anywhere --now", "'unclosed", "/etc"])
def test_a_program_that_cannot_be_right(path: Path, line: str) -> None:
    with opened(path, running(line)), pytest.raises(ConfigError, match=r"kiosk\.command\.run") as caught:
        Deliveries(running(line), path)
    assert caught.value.hint


def test_one_target_does_not_wait_for_another(path: Path, receiver: Receiver) -> None:
    settings = KioskSettings(
        webhook=WebhookSettings(f"http://127.0.0.1:{free_port()}"), command=CommandSettings("true")
    )
    with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
        for number in range(3):
            store.add(SAID, at=float(number))
        deliveries.wake()
        until(lambda: {found.target: found.waiting for found in deliveries.status()} == {"command": 0, "webhook": 3})


def test_a_damaged_store_is_told_by_the_worker(path: Path, receiver: Receiver, fast: None) -> None:
    """The worker goes on asking; what keeps it from the store is in its status, not only in the log."""
    settings = to(receiver.url)
    with opened(path, settings) as store:
        store.add(SAID, at=1.0)
        store.outbox.oldest = _no_store  # type: ignore[method-assign]
        worker = Worker("webhook", _Broken(), store)
        until(lambda: worker.trouble)
        del store.outbox.oldest
        until(lambda: not worker.trouble)
        worker.stop()
        worker.join()


def _no_store(target: str) -> None:
    from monitor.kiosk.store import StoreError

    raise StoreError("the disk is gone", hint="look after it")


def test_why_is_said_without_more(path: Path) -> None:
    error = NotDelivered("it is down", after_s=3.0)
    assert (str(error), error.after_s) == ("it is down", 3.0)
