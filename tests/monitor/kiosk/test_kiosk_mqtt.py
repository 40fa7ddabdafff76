"""MQTT with a real broker: acknowledged events, retained state, the last will, TLS, a broker that goes and comes."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from monitor.errors import ConfigError
from monitor.kiosk.delivery import Deliveries, target_names
from monitor.kiosk.delivery.mqtt import Mqtt
from monitor.kiosk.delivery.target import NotDelivered, body_of
from monitor.kiosk.facts import Decision, Event
from monitor.kiosk.store import Backlog, Store, StoreError
from monitor.kiosk_settings import KioskSettings, MqttSettings
from tests.monitor.kiosk.receivers import certificates, free_port, until
from tests.system import need_program

ROOT = Path(__file__).parents[3]
SAID, DOOR = Decision("person", "put_on", "a1", {"note": "grün"}), Decision("door", "put_on", None, {"before": "idle"})


class Broker:
    """A mosquitto of the test's own, on loopback; it keeps sessions over a restart."""

    def __init__(self, folder: Path, *lines: str) -> None:
        self.port = free_port()
        self._program = need_program("mosquitto")
        self._log = folder / "broker.log"
        self._file = folder / "broker.conf"
        user = ("user root",) if os.geteuid() == 0 else ()  # else it changes to one that may not read our folder
        more = ("persistence true", f"persistence_location {folder}/", "max_queued_messages 10000", *user, *lines)
        self._file.write_text("\n".join((f"listener {self.port} 127.0.0.1", *more)) + "\n")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([self._program, "-c", str(self._file)], stdout=log, stderr=log)
        until(self._answers, "the broker does not start")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(10)
            self._process = None


class Listener:
    """Somebody who has subscribed to everything, and whose messages the broker keeps while he is not there."""

    def __init__(self, port: int, *, user: tuple[str, str] | None = None, ca_file: Path | None = None) -> None:
        self.messages: list[tuple[str, bytes, bool]] = []
        self._subscribed = False
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "listener", protocol=paho.MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        if user is not None:
            self._client.username_pw_set(*user)
        if ca_file is not None:
            self._client.tls_set(str(ca_file))
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_subscribe = lambda *_: setattr(self, "_subscribed", True)
        self._client.on_message = self._on_message
        kept = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        kept.SessionExpiryInterval = 600
        self._client.connect("localhost", port, clean_start=False, properties=kept)
        self._client.loop_start()
        until(lambda: self._subscribed)

    def _on_message(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        self.messages.append((message.topic, bytes(message.payload), message.retain))

    def payloads(self, topic: str) -> list[bytes]:
        return [payload for at, payload, _ in list(self.messages) if at == topic]

    @property
    def seqs_once(self) -> list[int]:
        return list(dict.fromkeys(json.loads(payload)["seq"] for payload in self.payloads("door/1/events")))

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path, "allow_anonymous true")
    yield broker
    broker.stop()


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.kiosk.delivery.worker.FIRST_WAIT_S", 0.05)
    monkeypatch.setattr("monitor.kiosk.delivery.worker.MOST_WAIT_S", 0.2)
    monkeypatch.setattr("monitor.kiosk.delivery.mqtt.CONNECT_S", 1.0)


def to(broker: Broker, **more: object) -> KioskSettings:
    given: dict[str, object] = {"host": "localhost", "port": broker.port, "topic": "door/1", "tls": False, **more}
    return KioskSettings(mqtt=MqttSettings(**given))  # type: ignore[arg-type]


def opened(path: Path, settings: KioskSettings) -> Store:
    return Store.open(path, targets=target_names(settings))


def backlog(deliveries: Deliveries) -> Backlog:
    (found,) = deliveries.status()
    return found


def test_events_the_state_of_the_door_and_the_kiosks_presence(path: Path, broker: Broker) -> None:
    settings = to(broker)
    with closing(Listener(broker.port)) as listener, opened(path, settings) as store:
        with closing(Deliveries(settings, path)) as deliveries:
            events = [store.add(decision, at=float(at)) for at, decision in enumerate([SAID, DOOR, SAID])]
            deliveries.wake()
            until(lambda: backlog(deliveries).waiting == 0)
            until(lambda: len(listener.payloads("door/1/events")) == 3)
        until(lambda: b"offline" in listener.payloads("door/1/status"))
        assert listener.payloads("door/1/events") == [body_of(event) for event in events]
        assert listener.payloads("door/1/status") == [b"online", b"offline"]
        assert set(listener.payloads("door/1/state")) == {b'{"at":1.0,"seq":2,"state":"put_on"}'}
    with closing(Listener(broker.port)) as later:  # it subscribes again, which brings what is retained
        until(lambda: len(later.messages) >= 2)
        retained = {topic: payload for topic, payload, retain in later.messages if retain}
    assert retained["door/1/status"] == b"offline"
    assert json.loads(retained["door/1/state"])["state"] == "put_on"
    assert "door/1/events" not in retained


def test_nothing_is_lost_while_the_broker_is_down(path: Path, broker: Broker, fast: None) -> None:
    settings = to(broker)
    with (
        closing(Listener(broker.port)) as listener,
        opened(path, settings) as store,
        closing(Deliveries(settings, path)) as deliveries,
    ):
        for number in range(60):
            if number in (20, 40):
                until(lambda number=number: len(listener.seqs_once) > number - 15)  # type: ignore[misc]
                broker.stop()
            if number in (30, 50):
                until(lambda: backlog(deliveries).last_error)
                broker.start()
            store.add(DOOR if number % 10 == 5 else SAID, at=float(number))
            deliveries.wake()
        until(lambda: backlog(deliveries).waiting == 0)
        until(lambda: len(listener.seqs_once) == 60)
        assert listener.seqs_once == list(range(1, 61)), "in order, too"
        assert [json.loads(state)["seq"] for state in listener.payloads("door/1/state")][-1] == 56


def test_a_broker_that_forgets_is_told_again(path: Path, broker: Broker, tmp_path: Path) -> None:
    """Between events too: paho connects again by itself, and says who is there and how the door stands."""
    settings = to(broker)
    with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
        store.add(DOOR, at=1.0)
        deliveries.wake()
        until(lambda: backlog(deliveries).waiting == 0)
        broker.stop()
        (tmp_path / "mosquitto.db").unlink()
        broker.start()
        with closing(Listener(broker.port)) as listener:
            until(lambda: listener.payloads("door/1/state"))
            assert listener.payloads("door/1/status") == [b"online"]
            assert json.loads(listener.payloads("door/1/state")[0])["seq"] == 1


def test_a_welcome_that_is_over_is_not_the_state_of_the_door(path: Path, broker: Broker, fast: None) -> None:
    """Told late it is an event like any other; whoever looks at the state hears only what holds."""
    settings = to(broker)
    with (
        closing(Listener(broker.port)) as listener,
        opened(path, settings) as store,
        closing(Deliveries(settings, path)) as deliveries,
    ):
        store.add(DOOR, at=1.0)
        deliveries.wake()
        until(lambda: backlog(deliveries).waiting == 0)
        broker.stop()
        for at, state in enumerate(("welcome", "idle", "welcome", "look"), start=2):
            store.add(Decision("door", state), at=float(at))
        broker.start()
        deliveries.wake()
        until(lambda: backlog(deliveries).waiting == 0)
        until(lambda: len(listener.seqs_once) == 5)
        until(lambda: listener.payloads("door/1/state")[-1:] == [b'{"at":5.0,"seq":5,"state":"look"}'])
        assert {json.loads(state)["state"] for state in listener.payloads("door/1/state")} == {"put_on", "look"}


def test_who_was_not_heard_is_offline(path: Path, tmp_path: Path, fast: None) -> None:
    """The broker does not take an event: nobody may trust the last state until it does."""
    (tmp_path / "rights").write_text("topic read #\ntopic readwrite door/1/status\ntopic readwrite door/1/state\n")
    broker = Broker(tmp_path, "allow_anonymous true", f"acl_file {tmp_path / 'rights'}")
    settings = to(broker)
    try:
        with (
            closing(Listener(broker.port)) as listener,
            opened(path, settings) as store,
            closing(Deliveries(settings, path)) as deliveries,
        ):
            store.add(DOOR, at=1.0)
            deliveries.wake()
            until(lambda: backlog(deliveries).last_error)
            until(lambda: b"offline" in listener.payloads("door/1/status"))
            assert backlog(deliveries).waiting == 1
    finally:
        broker.stop()


def test_how_the_door_stands_is_told_before_anybody_is_online(path: Path, broker: Broker) -> None:
    settings = to(broker)
    with opened(path, KioskSettings()) as store:
        store.add(DOOR, at=1.0)
    with (
        closing(Listener(broker.port)) as listener,
        opened(path, settings) as store,
        closing(Deliveries(settings, path)),
    ):
        until(lambda: len(listener.messages) == 2)
        assert [topic for topic, _, _ in listener.messages] == ["door/1/state", "door/1/status"]


def test_a_store_that_cannot_be_read_is_told_and_asked_again(path: Path, broker: Broker, fast: None) -> None:
    settings = to(broker)
    with closing(Listener(broker.port)) as listener, opened(path, settings) as store:
        event = store.add(DOOR, at=1.0)
        gone = [StoreError("the disk is gone", hint="look after it")]

        def door() -> Event:
            for error in gone:
                raise error
            return event

        with closing(Mqtt(settings.mqtt, door)) as target:
            with pytest.raises((NotDelivered, StoreError)):
                target.send(event, b"{}")
            assert b"online" not in listener.payloads("door/1/status")
            gone.clear()
            target.send(event, b"{}")
            until(lambda: b"online" in listener.payloads("door/1/status"))


KILLED = """
import sys, time
from pathlib import Path
from monitor.kiosk.delivery import Deliveries
from monitor.kiosk.store import Store
from monitor.kiosk_settings import KioskSettings, MqttSettings
settings = KioskSettings(mqtt=MqttSettings("localhost", int(sys.argv[2]), "door/1", tls=False))
store = Store.open(Path(sys.argv[1]), targets=("mqtt",))
deliveries = Deliveries(settings, store.path)
time.sleep(60)
"""


def test_a_killed_kiosk_is_offline(path: Path, broker: Broker) -> None:
    with closing(Listener(broker.port)) as listener:
        with subprocess.Popen([sys.executable, "-c", KILLED, str(path), str(broker.port)], cwd=ROOT) as kiosk:
            until(lambda: listener.payloads("door/1/status") == [b"online"])
            kiosk.kill()
        until(lambda: listener.payloads("door/1/status") == [b"online", b"offline"])


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Broker]:
    """With TLS and a password, and a second user who may publish nothing."""
    certificates(tmp_path)
    users = tmp_path / "users"
    for user, password in (("kiosk", "geheim"), ("mute", "geheim")):
        create = () if users.exists() else ("-c",)
        command = [need_program("mosquitto_passwd", "mosquitto"), "-b", *create, str(users), user, password]
        subprocess.run(command, check=True, capture_output=True, timeout=30)
    (tmp_path / "rights").write_text("user kiosk\ntopic readwrite #\nuser mute\ntopic read #\n")
    broker = Broker(
        tmp_path, "allow_anonymous false", f"password_file {users}", f"acl_file {tmp_path / 'rights'}",
        f"certfile {tmp_path / 'server.pem'}", f"keyfile {tmp_path / 'server.key'}",
    )  # fmt: skip
    yield broker
    broker.stop()


def trusted(broker: Broker, folder: Path, password: str, **more: object) -> KioskSettings:
    (folder / "password").write_text(f"{password}\n")
    given = {"tls": True, "ca_file": folder / "ca.pem", "username": "kiosk", "password_file": folder / "password"}
    return to(broker, **{**given, **more})


def test_tls_and_a_password(path: Path, guarded: Broker, tmp_path: Path) -> None:
    settings = trusted(guarded, tmp_path, "geheim")
    with (
        closing(Listener(guarded.port, user=("kiosk", "geheim"), ca_file=tmp_path / "ca.pem")) as listener,
        opened(path, settings) as store,
        closing(Deliveries(settings, path)) as deliveries,
    ):
        store.add(SAID, at=1.0)
        deliveries.wake()
        until(lambda: listener.seqs_once == [1])
        until(lambda: backlog(deliveries).waiting == 0)


@pytest.mark.parametrize(
    ("password", "more", "why"),
    [
        ("wr0ng-secret", {}, "Not authorized"),
        ("geheim", {"ca_file": None}, "certificate"),
        ("geheim", {"host": "127.0.0.1"}, "not valid for '127.0.0.1'"),
        ("geheim", {"username": "mute"}, "Not authorized"),
    ],
)
def test_what_the_broker_or_we_do_not_accept(
    path: Path, guarded: Broker, tmp_path: Path, fast: None, caplog: pytest.LogCaptureFixture,
    password: str, more: dict[str, object], why: str,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    settings = trusted(guarded, tmp_path, password, **more)
    with opened(path, settings) as store, closing(Deliveries(settings, path)) as deliveries:
        store.add(SAID, at=1.0)
        deliveries.wake()
        until(lambda: why in backlog(deliveries).last_error)
        assert backlog(deliveries).waiting == 1
        assert password not in caplog.text + repr(deliveries.status())


def test_closing_does_not_wait_for_a_broker_that_is_silent(path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = KioskSettings(mqtt=MqttSettings("127.0.0.1", silent.getsockname()[1], "door/1", tls=False))
        with opened(path, settings) as store:
            store.add(SAID, at=1.0)
            deliveries = Deliveries(settings, path)
            silent.settimeout(10)
            silent.accept()[0].close()
            started = time.monotonic()
            deliveries.close()
            assert time.monotonic() - started < 3


def test_settings_that_cannot_be_right(path: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    (tmp_path / "no.pem").write_text("no certificate")
    wrong = [
        MqttSettings("broker", topic="a/#"),
        MqttSettings("broker", topic="/"),
        MqttSettings("broker", ca_file=tmp_path / "nowhere"),
        MqttSettings("broker", ca_file=tmp_path / "no.pem"),
        MqttSettings("broker", username="kiosk", password_file=tmp_path / "empty"),
        MqttSettings("broker", password_file=tmp_path / "no.pem"),
    ]
    for mqtt in wrong:
        settings = KioskSettings(mqtt=mqtt)
        with opened(path, settings), pytest.raises(ConfigError, match=r"kiosk\.mqtt\.") as caught:
            Deliveries(settings, path)
        assert caught.value.hint
