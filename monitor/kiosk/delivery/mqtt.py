"""Events to an MQTT broker, with the state of the door and whether the kiosk is there."""

from __future__ import annotations

import json
import ssl
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from monitor.errors import ConfigError
from monitor.kiosk.delivery.secrets import read_secret
from monitor.kiosk.delivery.target import NotDelivered
from monitor.kiosk.facts import Event
from monitor.kiosk.store import StoreError
from monitor.kiosk_settings import MqttSettings
from monitor.threads.channel import Channel

CONNECT_S, ACK_S = 3.0, 5.0
"""Patience with the broker: until it is connected, until it says that it has an event."""
OFFLINE_S = 1.0
KEEPALIVE_S = 30
MOST_DELAY_S = 15
"""Between events, a broker that is gone is looked for this often at least."""
WITH_WILL = ReasonCode(PacketTypes.DISCONNECT, identifier=4)
"""Said when leaving: the broker publishes the last will all the same."""
LOST = -1
"""Stands for the number of a message where the connection was lost."""


class Mqtt:
    """TOPIC/events, each with QoS 1; TOPIC/state and TOPIC/status, retained. Speaks MQTT 5.

    paho's own thread keeps the connection alive between events and makes it again. After an event that was not
    acknowledged the client is given up for a new one: the old would send what it still holds in the wrong order.
    """

    def __init__(self, settings: MqttSettings, door: Callable[[], Event | None] = lambda: None) -> None:
        """`door` gives the newest stored event of the door: no other is TOPIC/state. Raises ConfigError."""
        self._settings = settings
        self._topic = settings.topic.strip("/")
        if not self._topic or set(self._topic) & set("+#\0"):
            raise ConfigError("kiosk.mqtt.topic: a topic holds no +, # or NUL", hint="for example monitor/entrance")
        self._password = None
        if settings.password_file is not None:
            if settings.username is None:
                raise ConfigError("kiosk.mqtt.password_file needs kiosk.mqtt.username", hint="give both")
            self._password = read_secret(settings.password_file, "kiosk.mqtt.password_file").decode("utf-8", "replace")
        self._tls = _tls(settings)
        self._port = settings.port or (8883 if settings.tls else 1883)
        self._name = f"{settings.host}:{self._port}"
        self._door = door
        self._acks: Channel[tuple[int, str]] = Channel(64)
        self._why = "it does not answer"
        self._closed = False
        self._id = f"monitor-{uuid.uuid4().hex[:12]}"  # one for all clients: the broker lets go of the old for the new
        self._client: paho.Client | None = None
        self._stated = 0
        """Number of the event of the door that TOPIC/state was last told."""
        self._connect()

    def send(self, event: Event, body: bytes) -> None:
        """The broker has acknowledged the event (and the new state of the door). Raises NotDelivered."""
        while self._acks.get(0) is not None:
            pass  # of what came between events
        client = self._connected()
        try:
            self._tell_state(client, event)
            self._publish(client, "events", body, retain=False)
        except NotDelivered:
            self._give_up(client)
            raise

    def _tell_state(self, client: paho.Client, event: Event) -> None:
        """How the door stands now, before whatever is told late: an old welcome must not stay until it is all told."""
        newest = self._door() or (event if event.kind == "door" else None)
        if newest is not None and newest.seq > self._stated:
            self._publish(client, "state", _state_of(newest), retain=True)
            self._stated = newest.seq

    def _connect(self) -> paho.Client:
        client = paho.Client(CallbackAPIVersion.VERSION2, self._id, protocol=paho.MQTTv5)
        if self._settings.username is not None:
            client.username_pw_set(self._settings.username, self._password)
        if self._tls is not None:
            client.tls_set_context(self._tls)
        client.will_set(f"{self._topic}/status", "offline", qos=1, retain=True)
        client.connect_timeout = CONNECT_S
        client.reconnect_delay_set(1, MOST_DELAY_S)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_connect_fail = self._on_connect_fail
        client.connect_async(self._settings.host or "", self._port, keepalive=KEEPALIVE_S)
        self._client = client
        client.loop_start()
        return client

    def _connected(self) -> paho.Client:
        """A client that is connected. Raises NotDelivered after CONNECT_S."""
        client = self._client or self._connect()
        until = time.monotonic() + CONNECT_S
        while not client.is_connected():
            if self._closed or time.monotonic() > until:
                self._give_up(client)
                raise NotDelivered(f"{self._name}: {self._why}")
            self._acks.get(0.05)
        return client

    def _give_up(self, client: paho.Client) -> None:
        """Its thread ends with this; it is not waited for, since a name may take long to resolve.

        Until there is a new one, `status` is `offline`: nobody hears how the door stands.
        """
        self._client = None
        client.disconnect(WITH_WILL)

    def _publish(self, client: paho.Client, leaf: str, payload: bytes, *, retain: bool) -> None:
        sent = client.publish(f"{self._topic}/{leaf}", payload, qos=1, retain=retain)
        until = time.monotonic() + ACK_S
        while sent.rc == paho.MQTT_ERR_SUCCESS and not self._closed and time.monotonic() < until:
            mid, trouble = self._acks.get(0.25) or (0, "")
            if mid == sent.mid and not trouble:
                return
            if mid in (sent.mid, LOST):
                raise NotDelivered(f"{self._name}: {trouble}")
        raise NotDelivered(f"{self._name}: the broker does not acknowledge")

    def _on_connect(
        self, client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if client is not self._client:  # given up while it was connecting
            client.disconnect()
            return
        if code.is_failure:
            self._why = f"the broker says: {code}"
            return
        try:
            door = self._door()
        except StoreError as error:  # this is paho's thread: the next event tries again
            self._why = str(error)
            self._give_up(client)
            return
        self._why = "it does not answer"
        if door is not None:  # first: an old welcome must not be believed again
            client.publish(f"{self._topic}/state", _state_of(door), qos=1, retain=True)
            self._stated = door.seq
        client.publish(f"{self._topic}/status", "online", qos=1, retain=True)

    def _on_connect_fail(self, _client: paho.Client, _data: Any) -> None:
        error = sys.exception()  # paho calls this where it has caught one
        self._why = getattr(error, "verify_message", None) or getattr(error, "strerror", None) or "it does not answer"

    def _on_disconnect(
        self, client: paho.Client, _data: Any, _flags: Any, _code: ReasonCode, _properties: Properties | None
    ) -> None:
        if client is self._client:
            self._acks.push((LOST, "the connection was lost"))

    def _on_publish(
        self, client: paho.Client, _data: Any, mid: int, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if client is self._client:
            self._acks.push((mid, f"the broker says: {code}" if code.is_failure else ""))

    def close(self) -> None:
        """Says `offline` where it is connected."""
        if self._closed:
            return
        self._closed = True
        client = self._client
        if client is not None and self._said_offline(client):
            self._client = None
            client.disconnect()
        elif client is not None:
            self._give_up(client)

    def _said_offline(self, client: paho.Client) -> bool:
        """True where the broker has acknowledged it; else its last will says so."""
        if not client.is_connected():
            return False
        last = client.publish(f"{self._topic}/status", "offline", qos=1, retain=True)
        try:
            last.wait_for_publish(OFFLINE_S)
            return bool(last.is_published())
        except (RuntimeError, ValueError):
            return False


def _state_of(event: Event) -> bytes:
    return json.dumps({"at": event.at, "seq": event.seq, "state": event.state}, separators=(",", ":")).encode()


def _tls(settings: MqttSettings) -> ssl.SSLContext | None:
    """Checks the broker's certificate and name. Raises ConfigError for a `ca_file` that is none."""
    if not settings.tls:
        return None
    try:
        return ssl.create_default_context(cafile=settings.ca_file and str(settings.ca_file.expanduser()))
    except OSError as error:
        raise ConfigError(
            f"kiosk.mqtt.ca_file: {settings.ca_file}: {error.strerror or 'no certificate is in it'}",
            hint="name a PEM file with the certificate of the authority that signed the broker's",
        ) from error
