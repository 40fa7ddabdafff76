"""Who may call what: closed by default, by address, session, token, name and origin."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from monitor.kiosk.web.addresses import ThroughProxies, allowed_hosts, is_loopback, neighbourhood
from monitor.kiosk.web.gate import HEADERS
from monitor.kiosk.web.screen import FILES
from monitor.kiosk.web.sessions import Throttle
from tests.monitor.kiosk.house import PASSWORD, House, house, network


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("home")) as made:
        made.see()
        yield made


def routes(home: House) -> list[tuple[str, str]]:
    """Every route that the server tells of in its own description, and the pages it does not."""
    with home.signed_in() as manager:
        told = manager.get("/openapi.json").json()["paths"]
    listed = [(method.upper(), path) for path, methods in told.items() for method in methods]
    assert len(listed) >= 11
    hidden = ["/manage", "/setup", "/api/live", "/metrics", "/openapi.json", "/docs", "/redoc", "/api", "/nothing"]
    return listed + [("GET", path) for path in hidden] + [("POST", "/logout")]


def test_without_a_session_nothing_but_the_screen_is_open(home: House) -> None:
    with home.client() as stranger:
        for method, path in routes(home):
            answer = stranger.request(method, path.replace("{event_id}", "0" * 32), json={})
            if path in ("/manage", "/setup"):
                assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next=%2F{path[1:]}")
            else:
                assert answer.status_code == 401, (method, path)
                assert answer.json()["hint"]


def test_what_the_screen_needs_is_open_on_this_machine(home: House) -> None:
    with home.client() as screen:
        home.see()
        for path in ("/", "/state", "/healthz", "/readyz", "/login", "/static/screen.json"):
            assert screen.get(path).status_code == 200, path
        for name in FILES:
            assert screen.get(f"/static/{name}").status_code == 200, name


@pytest.mark.parametrize("name", ["../run.py", "..%2Frun.py", "%2e%2e/run.py", "nothing.js", ".", "languages"])
def test_nothing_else_in_the_folders_can_be_had(home: House, name: str) -> None:
    with home.client() as screen:
        assert screen.get(f"/static/{name}").status_code in (401, 404)


def test_every_answer_tells_browsers_what_to_forbid(home: House) -> None:
    with home.client() as screen:
        home.see()
        for path in ("/", "/state", "/login", "/api/health", "/nothing", "/static/nothing"):
            answer = screen.get(path)
            for header in HEADERS:
                assert header in answer.headers, (path, header)
            assert "unsafe" not in answer.headers["Content-Security-Policy"]
            assert "server" not in answer.headers


def test_another_sites_name_is_refused(home: House) -> None:
    """A page elsewhere whose name is made to point here (DNS rebinding) comes with its own name."""
    with home.client() as screen:
        port = home.url.rpartition(":")[2]
        assert screen.get("/state", headers={"Host": f"evil.example:{port}"}).status_code == 400
        assert screen.get("/state", headers={"Host": f"localhost:{port}"}).status_code == 200
        assert screen.get("/state", headers={"Host": ""}).status_code == 400


def test_another_sites_page_cannot_change_anything(home: House) -> None:
    with home.signed_in() as manager:
        word = {"action": "admit", "seconds": 1}
        for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
            assert manager.post("/api/override", json=word, headers=headers).status_code == 403
        del manager.headers["X-CSRF-Token"]
        assert manager.post("/api/override", json=word).status_code == 403
        assert manager.post("/api/override", json=word, headers={"X-CSRF-Token": "a guess"}).status_code == 403
        assert manager.put("/api/zone", json={"zone": [], "near_share": 0.2}).status_code == 403
    with home.client() as stranger:
        answer = stranger.post("/login", data={"password": PASSWORD}, headers={"Origin": "http://evil.example"})
        assert answer.status_code == 403


def test_cookies_are_for_this_site_and_no_script(home: House) -> None:
    with home.client() as client:
        cookie = client.post("/login", data={"password": PASSWORD}).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


@pytest.mark.parametrize("odd", ['x={"a": 1}', "a@b=1", "=", "one word", "x=[1, 2]", 'y="'])
def test_cookies_of_other_services_on_this_host_do_no_harm(home: House, odd: str) -> None:
    """Browsers send the cookies of a host to all its ports."""
    with home.signed_in() as manager:
        ours = manager.cookies["monitor_session"]
    with home.client() as client:
        for cookie in (f"{odd}; monitor_session={ours}", f"monitor_session={ours}; {odd}"):
            assert client.get("/api/health", headers={"Cookie": cookie}).status_code == 200


def test_a_session_ends_when_it_is_signed_out(home: House) -> None:
    with home.signed_in() as manager:
        cookie = "; ".join(f"{name}={value}" for name, value in manager.cookies.items())
        assert manager.get("/api/health").status_code == 200
        assert manager.post("/logout").status_code == 303
    with home.client(headers={"Cookie": cookie}) as thief:
        assert thief.get("/api/health").status_code == 401


def test_large_bodies_are_refused_also_without_a_length(home: House) -> None:
    with home.signed_in() as manager:
        assert manager.post("/api/override", content=b"x" * 70_000).status_code == 413
        form = (f"password={PASSWORD}&more=".encode(), *[b"x" * 10_000] * 20)  # right, but for its size
        assert in_pieces(manager, "/login", form) == 413
        word = (b'{"action": "admit"', *[b" " * 10_000] * 20, b"}")
        assert in_pieces(manager, "/api/override", word) in (400, 413)
        assert home.desk.store.latest("override") is None
        assert manager.get("/api/health").status_code == 200  # and the server is well


def in_pieces(client: httpx.Client, path: str, body: tuple[bytes, ...]) -> int:
    """Sent without a length; the status, and 413 where it is cut off."""
    try:
        return client.post(path, content=iter(body)).status_code
    except httpx.HTTPError:
        return 413


def test_what_is_no_http_is_refused(home: House) -> None:
    host, port = home.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 5) as raw:
        raw.sendall(b"\x16\x03\x01 this is no request\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 400")


def test_wrong_passwords_slow_down_and_the_right_one_waits_too(tmp_path: Path) -> None:
    with house(tmp_path) as home, home.client() as client:
        statuses = [client.post("/login", data={"password": f"guess {i}"}).status_code for i in range(5)]
        assert statuses == [401, 401, 401, 429, 429]
        answer = client.post("/login", data={"password": PASSWORD})
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1
        assert "session" not in client.cookies


def test_nobody_is_slowed_down_by_others() -> None:
    now = [0.0]
    throttle = Throttle(lambda: now[0])
    for i in range(200):
        throttle.failed(f"198.51.100.{i}")
    assert throttle.wait_s("192.0.2.1") == 0
    for _ in range(12):
        throttle.failed("192.0.2.1")
    assert 0 < throttle.wait_s("192.0.2.1") <= 60
    now[0] += 61
    assert throttle.wait_s("192.0.2.1") == 0
    assert neighbourhood("2001:db8::1") == neighbourhood("2001:db8::ffff")
    assert neighbourhood("2001:db8:0:1::1") != neighbourhood("2001:db8::1")


@pytest.mark.parametrize("header", [{"Host": "["}, {"Origin": "http://["}, {"Host": "a b"}, {"Cookie": "=;=\x01"}])
def test_headers_that_make_no_sense_are_refused_and_not_our_fault(home: House, header: dict[str, str]) -> None:
    with home.client() as client:
        assert client.post("/login", data={"password": "x" * 12}, headers=header).status_code in (400, 401, 403, 429)


def test_errors_come_in_one_form(home: House) -> None:
    with home.signed_in() as manager:
        for answer in (
            manager.post("/api/override", content=b"{", headers={"Content-Type": "application/json"}),
            manager.get("/api/events", params={"before": 2**63}),
            manager.get("/api/nothing"),
            manager.delete("/api/zone"),
        ):
            assert 400 <= answer.status_code < 500
            assert set(answer.json()) == {"error", "hint"}


def test_behind_a_proxy_nobody_else_is_let_in() -> None:
    """Whoever finds the server on the network directly would send the password unencrypted."""
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["client"][0])

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            seen.append(str(message["status"]))

    async def call() -> None:
        gate = ThroughProxies(app, ("192.0.2.9",))
        for client in ("192.0.2.9", "127.0.0.1", "192.0.2.10"):
            await gate({"type": "http", "client": (client, 1), "headers": [], "method": "GET"}, None, send)  # type: ignore[arg-type]

    asyncio.run(call())
    assert seen == ["192.0.2.9", "127.0.0.1", "403"]


def test_without_a_password_nobody_signs_in(tmp_path: Path) -> None:
    with house(tmp_path, password=False) as home, home.client() as client:
        for guess in ("", "None", "null"):
            answer = client.post("/login", data={"password": guess})
            assert answer.status_code == 401
        assert "set-password" in client.get("/login").text


def test_the_login_page_holds_no_foreign_words(home: House) -> None:
    with home.client() as client:
        page = client.get("/login", params={"next": '"><script>alert(1)</script>'}).text
        assert "<script>alert" not in page
        answer = client.post("/login", data={"password": PASSWORD, "next": "https://evil.example"})
        assert answer.headers["location"] == "/manage"


def test_elsewhere_the_screen_needs_its_token(tmp_path: Path) -> None:
    """Behind a proxy everybody seems to come from this machine, so the screen is closed there."""
    with house(tmp_path, network(behind_proxy=True)) as home:
        with home.client() as stranger:
            assert stranger.get("/state").status_code == 401
            assert stranger.get("/").status_code == 401
            assert stranger.get("/", params={"token": "a guess"}).status_code == 401
            assert stranger.get("/healthz").status_code == 200
        with home.client() as screen:
            answer = screen.get("/", params={"token": home.token})
            assert answer.status_code == 303
            assert "Secure" in answer.headers["set-cookie"]
            screen.headers["Cookie"] = f"monitor_screen={home.token}"  # by hand: this test is not behind TLS
            assert screen.get("/state").status_code == 200
            assert screen.get("/live").status_code == 200
            assert screen.get("/api/health").status_code == 401  # it opens no more than the screen


def test_metrics_take_the_token_as_well(home: House) -> None:
    home.see()
    with home.client() as scraper:
        assert scraper.get("/metrics", headers={"Authorization": "Bearer a guess"}).status_code == 401
        text = scraper.get("/metrics", headers={"Authorization": f"Bearer {home.token}"}).text
    assert 'monitor_kiosk_state{state="idle"} 1.0' in text
    assert "monitor_kiosk_frames_total" in text


def test_names_and_addresses() -> None:
    assert allowed_hosts("0.0.0.0", ["Door.example"]) == {"localhost", "127.0.0.1", "::1", "door.example"}
    assert "192.0.2.7" in allowed_hosts("192.0.2.7", [])
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1")))
    assert not any(map(is_loopback, ("192.168.0.4", "::ffff:192.168.0.4", "testclient", "")))
