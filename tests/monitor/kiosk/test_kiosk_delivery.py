"""Deliveries, whatever their target: everything goes out once, in order, and nothing is lost or given away."""

from __future__ import annotations

import logging
import time
from contextlib import closing
from pathlib import Path

import pytest

from monitor.kiosk.delivery import Deliveries, target_names
from monitor.kiosk.delivery.target import NotDelivered, body_of
from monitor.kiosk.delivery.worker import Worker
from monitor.kiosk.store import Store
from monitor.kiosk_settings import CommandSettings, KioskSettings, MqttSettings, WebhookSettings
from tests.monitor.kiosk.deliveries import SAID, Broken, backlog, opened, to
from tests.monitor.kiosk.receivers import Answer, Receiver, Request, free_port, until


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


def test_what_happens_last_is_told_before_it_closes(path: Path, receiver: Receiver) -> None:
    def slowly(_: Request) -> Answer:
        time.sleep(0.2)
        return 204, {}

    receiver.answer = slowly
    settings = to(receiver.url)
    with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
        for number in range(4):
            store.add(SAID, at=float(number))
        deliveries.finish()
        assert backlog(deliveries).waiting == 0
    assert receiver.seqs == [1, 2, 3, 4]


def test_nobody_who_is_to_be_asked_later_keeps_it_from_ending(path: Path, receiver: Receiver) -> None:
    receiver.answer = lambda _: (503, {"Retry-After": "200"})
    settings = to(receiver.url)
    with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
        store.add(SAID, at=1.0)
        deliveries.wake()
        until(lambda: backlog(deliveries).last_error)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("monitor.kiosk.delivery.deliveries.FINISH_S", 100.0)
            deliveries.finish()
        assert backlog(deliveries).waiting == 1


def test_the_end_comes_in_bounded_time(
    path: Path, receiver: Receiver, fast: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever answers, but never takes it, is not waited for any longer than that."""
    monkeypatch.setattr("monitor.kiosk.delivery.deliveries.FINISH_S", 0.3)
    receiver.answer = lambda _: (503, {})
    settings = to(receiver.url)
    with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
        store.add(SAID, at=1.0)
        deliveries.finish()
        store.outbox.oldest = _no_store  # type: ignore[method-assign]
        deliveries._store.outbox.oldest = _no_store  # type: ignore[method-assign]
        deliveries.finish()  # nor for a store that cannot be read
        assert backlog(deliveries).waiting == 1


def test_a_bug_in_a_target_loses_nothing_and_is_told(path: Path, fast: None) -> None:
    with Store.open(path, targets=("webhook",)) as store:
        store.add(SAID, at=1.0)
        worker = Worker("webhook", Broken(), store)
        until(lambda: store.outbox.backlogs()[0].last_error)
        worker.stop()
        worker.join()
        (found,) = store.outbox.backlogs()
    assert found.waiting == 1
    assert "KeyError" in found.last_error
    assert "geheim" not in found.last_error


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
        worker = Worker("webhook", Broken(), store)
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
