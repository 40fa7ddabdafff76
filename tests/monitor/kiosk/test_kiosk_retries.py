"""A receiver that refuses, asks for patience, hangs or drips: what is tried again, when, and what is given up."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from monitor.kiosk.delivery import Deliveries
from monitor.kiosk.delivery.worker import Worker
from monitor.kiosk.store import Store
from tests.monitor.kiosk.deliveries import SAID, Broken, backlog, opened, to
from tests.monitor.kiosk.receivers import Answer, Receiver, Request, until


@pytest.mark.parametrize("status", [302, 401, 403, 404, 407, 408, 409, 425, 429, 500, 503])
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


@pytest.mark.parametrize("status", [400, 410, 413, 422])
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


def test_only_refusals_count_as_refusals(path: Path, receiver: Receiver, fast: None) -> None:
    """Who was down for long, and then is not sure of himself for a moment, loses nothing."""
    answers = iter([503] * 5 + [400, 503, 400])
    receiver.answer = lambda _: (next(answers, 200), {})
    settings = to(receiver.url)
    with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
        store.add(SAID, at=1.0)
        deliveries.wake()
        until(lambda: backlog(deliveries).waiting == 0)
        assert backlog(deliveries).refused == 0
    assert receiver.seqs == [1] * 9


def test_each_event_is_offered_anew(path: Path, receiver: Receiver, fast: None) -> None:
    """What was refused of one event does not count against the next."""
    answers = iter([400, 400, 200, 400, 400])
    receiver.answer = lambda _: (next(answers, 200), {})
    settings = to(receiver.url)
    with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
        store.add(SAID, at=1.0)
        store.add(SAID, at=2.0)
        deliveries.wake()
        until(lambda: backlog(deliveries).waiting == 0)
        assert backlog(deliveries).refused == 0
    assert receiver.seqs == [1, 1, 1, 2, 2, 2]


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
        worker = Worker("webhook", Broken(), store)
        waits = [[worker._wait(tries) for _ in range(50)] for tries in range(40)]
        worker.stop()
        worker.join()
    assert all(0.25 <= wait <= 0.5 for wait in waits[0])
    assert all(8.0 <= wait <= 16.0 for wait in waits[5])
    assert all(30.0 <= wait <= 60.0 for wait in waits[39])
    assert len({round(wait, 6) for wait in waits[39]}) > 40


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
