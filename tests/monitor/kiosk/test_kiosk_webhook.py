"""The web hook as its receiver sees it: who sends, over TLS too; and addresses and secrets that cannot be right."""

from __future__ import annotations

import hashlib
import hmac
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from monitor.errors import ConfigError
from monitor.kiosk.delivery import Deliveries
from tests.monitor.kiosk.deliveries import SAID, backlog, opened, to
from tests.monitor.kiosk.receivers import Receiver, certificates, free_port, until

ROOT = Path(__file__).parents[3]


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
