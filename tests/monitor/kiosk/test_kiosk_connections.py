"""Nobody holds the server up: connections and readers that are too many, too slow, or want nothing."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from monitor.kiosk.web import connections, listening, login, streams
from monitor.kiosk.web.credentials import Credentials
from tests.monitor.kiosk.house import PASSWORD, House, house, network
from tests.monitor.kiosk.receivers import certificates, until


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        yield made


@contextmanager
def encrypted(folder: Path) -> Iterator[House]:
    certificates(folder)
    with house(folder, network(tls_cert=folder / "server.pem", tls_key=folder / "server.key")) as made:
        yield made


def raw(home: House, text: bytes = b"", *, receive_bytes: int = 0, source: str = "127.0.0.1") -> socket.socket:
    place = urlsplit(home.url)
    made = socket.socket()
    if receive_bytes:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    made.settimeout(5)
    made.bind((source, 0))
    made.connect((place.hostname, place.port))
    made.sendall(text)
    return made


def ends(connection: socket.socket, within_s: float) -> bool:
    """Whether the other side ends it; silence for `within_s` is none."""
    connection.settimeout(within_s)
    try:
        while connection.recv(1 << 16):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


def asked(home: House, line: str, *headers: str) -> bytes:
    return "\r\n".join((line, f"Host: {urlsplit(home.url).netloc}", *headers, "", "")).encode()


def test_connections_that_ask_nothing_are_cut(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_S", 0.3)
    body = asked(home, "POST /login HTTP/1.1", "Content-Length: 100") + b"pa"
    for begun in (b"", b"GET / HTTP/1.1\r\nHost: loc", body):
        with raw(home, begun) as slow:
            assert ends(slow, 5)


def test_a_second_request_in_one_packet_has_no_more_time_than_the_first(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REQUEST_S", 0.3)
    whole = asked(home, "GET /healthz HTTP/1.1")
    body = asked(home, "POST /login HTTP/1.1", "Content-Length: 100") + b"pa"
    with raw(home, whole + body) as slow:
        assert ends(slow, 5)
    with raw(home, whole + whole + body) as slow:
        assert ends(slow, 5)


@pytest.mark.parametrize("nudge", [b"", b"GET"])
def test_readers_that_never_read_are_cut(home: House, monkeypatch: pytest.MonkeyPatch, nudge: bytes) -> None:
    """Also those that send a word more."""
    monkeypatch.setattr(connections, "STUCK_S", 0.3 if not nudge else 2.0)
    noise = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
    big = b"\xff\xd8" + noise.tobytes() + b"\xff\xd9"
    monkeypatch.setattr(home.desk, "screen_jpeg", lambda _: big)
    home.see()
    held: set[Any] = home.server._server.server_state.connections
    with raw(home, asked(home, "GET /live HTTP/1.1"), receive_bytes=4096) as stuck:

        def seen(condition: Any) -> bool:
            home.see()
            return bool(condition())

        if nudge:
            until(lambda: seen(lambda: any(one.flow.write_paused for one in held)))
            stuck.sendall(nudge)
        until(lambda: seen(lambda: not held))
        assert stuck.fileno() >= 0


def test_more_connections_than_can_be_held_are_refused(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "MOST", 5)
    with ExitStack() as held:
        for _ in range(5):
            held.enter_context(raw(home))
        with raw(home) as one_more:
            assert ends(one_more, 5)
    until(lambda: free(home))
    with home.client() as client:
        assert client.get("/state").json()["state"] == "starting"


def free(home: House) -> bool:
    """Whether nobody is connected any more, as far as the listening socket knows."""
    return all(held.fileno() < 0 for held, _ in home.server._socket._held)


def test_one_caller_does_not_take_the_places_of_others(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "MOST_EACH", 3)
    with ExitStack() as held:
        for _ in range(4):  # this machine's own are not told apart
            assert not ends(held.enter_context(raw(home)), 0.1)
    monkeypatch.setattr(listening, "is_loopback", lambda _: False)
    until(lambda: free(home))
    with ExitStack() as held:
        for _ in range(3):
            assert not ends(held.enter_context(raw(home)), 0.1)
        with raw(home) as one_more, raw(home, source="127.0.0.2") as another:
            assert ends(one_more, 5)
            assert not ends(another, 0.1)


@pytest.mark.parametrize(
    ("held", "caller", "room"),
    [
        ([], "192.0.2.1", True),
        (["192.0.2.1"] * 39, "192.0.2.1", True),
        (["192.0.2.1"] * 40, "192.0.2.1", False),
        (["192.0.2.1"] * 40, "::ffff:192.0.2.1", False),
        (["192.0.2.1"] * 40, "::ffff:192.0.2.2", True),
        (["2001:db8::/64"] * 40, "2001:db8::99", False),  # one caller has all addresses of such a network
        (["2001:db8::/64"] * 40, "2001:db8:0:1::1", True),
        (["127.0.0.1"] * 299, "127.0.0.1", True),
        (["127.0.0.1"] * 300, "127.0.0.1", False),
    ],
)
def test_who_has_room(held: list[str], caller: str, room: bool) -> None:
    assert listening.has_room(held, caller) is room


def test_connections_that_do_not_begin_with_tls_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "HANDSHAKE_S", 0.3)
    with encrypted(tmp_path) as home, raw(home) as silent, raw(home, b"\x16\x03\x01") as slow:
        assert ends(silent, 5)
        assert ends(slow, 5)


def test_connections_count_before_tls_has_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "HANDSHAKE_S", 60.0)
    monkeypatch.setattr(listening, "MOST", 3)
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    with encrypted(tmp_path) as home:
        with ExitStack() as held:
            for _ in range(3):
                held.enter_context(raw(home))
            with raw(home) as one_more:
                assert ends(one_more, 5)

        def served() -> bool:
            with raw(home) as plain, anybody.wrap_socket(plain) as agreed:
                agreed.sendall(asked(home, "GET /healthz HTTP/1.1"))
                return agreed.recv(100).startswith(b"HTTP/1.1 200")

        until(lambda: tried(served))  # there is room again


def tried(what: Callable[[], bool]) -> bool:
    try:
        return what()
    except OSError:
        return False


@pytest.mark.parametrize(("path", "accept"), [("/live", "*/*"), ("/state", "text/event-stream")])
def test_more_readers_than_can_be_served_are_told_so(
    home: House, monkeypatch: pytest.MonkeyPatch, path: str, accept: str
) -> None:
    monkeypatch.setattr(streams, "MOST_READERS", 2)
    monkeypatch.setattr(streams, "BEAT_S", 60.0)  # no reader is sent away while this machine is slow
    home.see()
    with home.client(headers={"Accept": accept}) as client:
        with ExitStack() as held:
            readers = [held.enter_context(client.stream("GET", path)).iter_raw() for _ in range(2)]
            assert all(next(reader) for reader in readers)
            with client.stream("GET", path) as refused:
                assert refused.status_code == 503
                assert refused.headers["Retry-After"]
                assert json.loads(refused.read())["hint"]

        def answered() -> bool:
            home.see()
            with client.stream("GET", path) as answer:
                return answer.status_code == 200

        until(answered)


def test_passwords_are_tried_one_at_a_time_and_few_wait(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """More callers than that cannot make the machine hash for ever."""
    monkeypatch.setattr(login, "MOST_WAITING", 1)
    begun, go_on = threading.Event(), threading.Event()
    knows = Credentials.knows_password

    def slowly(known: Credentials, password: str) -> bool:
        begun.set()
        assert go_on.wait(20)
        return knows(known, password)

    monkeypatch.setattr(Credentials, "knows_password", slowly)
    statuses: list[int] = []

    def sign_in() -> None:
        with home.client() as client:
            statuses.append(client.post("/login", data={"password": PASSWORD}).status_code)

    first = threading.Thread(target=sign_in)
    first.start()
    try:
        assert begun.wait(10)
        sign_in()
    finally:
        go_on.set()
        first.join(20)
    assert statuses == [429, 303]
    sign_in()
    assert statuses[2] == 303
