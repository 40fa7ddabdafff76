"""The settings of `monitor kiosk`, like those in `monitor.settings`: defaults, units, and their meanings under them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Len

Positive = Annotated[float, Gt(0)]
Seconds = Annotated[float, Ge(0)]
Share = Annotated[float, Ge(0), Le(1)]
Port = Annotated[int, Ge(0), Le(65535)]
Zone = tuple[tuple[Share, Share], ...]


@dataclass(frozen=True)
class PolicySettings:
    require: Literal["mask", "no_mask", "none"] = "mask"
    """What a visitor must show: a mask, a bare face, or nothing in particular."""
    deny: tuple[Literal["fake"], ...] = ("fake",)
    """Labels that are sent to the staff."""
    zone: Zone = ()
    """Corners of the area at the door, [x, y] in shares of the picture; none = all of it. The setup page draws it."""
    near_share: Share = 0.12
    """A face at the door is at least this share of the picture's height; smaller ones are asked to come closer."""
    dwell_s: Seconds = 0.3
    """A state must hold for so long before it is said of a person."""
    hold_s: Seconds = 0.3
    """What was said of somebody who has left stays on the screen for so long; a welcome does not."""
    grace_s: Seconds = 0.8
    """Somebody who turns the head, or is not found for a moment, keeps what was said for so long."""
    fresh_s: Positive = 2.0
    """A label counts for so long after its last judgement; more than `track.stable_every_s`, and what a call takes."""
    staff_after_s: Positive = 10.0
    """Who is undecided for so long is sent to the staff."""
    frozen_s: Positive = 4.0
    """A picture with somebody in it that does not change at all for so long counts as none: the camera hangs."""
    override_s: Positive = 10.0
    """How long a decision of the staff holds."""


@dataclass(frozen=True)
class ScreenSettings:
    languages: Annotated[tuple[str, ...], Len(1, 4)] = ("en",)
    """Languages of the screen, the first one large."""
    language_folder: Path | None = None
    """Folder with more languages, or other words for those that come along: NAME.yaml each."""
    sound: Literal["off", "chime", "speech"] = "off"
    """What is heard when the state changes."""
    notice: bool = True
    """Show the notice that a camera judges faces here."""
    live_fps: Annotated[float, Gt(0), Le(30)] = 15.0
    """Pictures a second in the browser, at most."""


@dataclass(frozen=True)
class ServerSettings:
    host: str = "127.0.0.1"
    """Address to listen on; another one than loopback needs a password and TLS or a proxy."""
    port: Port = 8080
    """Port to listen on; 0 = any free one."""
    tls_cert: Path | None = None
    """PEM file with the certificate (and its chain)."""
    tls_key: Path | None = None
    """PEM file with its key."""
    behind_proxy: bool = False
    """A proxy adds TLS: it is believed whom it speaks for, and nobody else on the network is let in."""
    proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    """Addresses of such proxies."""
    hosts: tuple[str, ...] = ()
    """More names by which browsers may call this server, as in its address."""
    credentials: Path | None = None
    """File with the manager's password and the screen's token, hashed; none = the user's configuration folder."""
    session_s: Positive = 8 * 3600.0
    """A manager is signed out after so long."""


@dataclass(frozen=True)
class StoreSettings:
    file: Path | None = None
    """The event store; none = kiosk.db in the user's data folder."""
    keep_days: Positive = 30.0
    """Events older than so many days are removed, their pictures with them."""
    snapshots: Literal["none", "blurred", "full"] = "none"
    """Pictures kept with decisions."""


@dataclass(frozen=True)
class WebhookSettings:
    url: str | None = None
    """http(s) address that is told every event."""
    secret_file: Path | None = None
    """File with the secret that signs what is sent (HMAC-SHA256)."""
    timeout_s: Positive = 5.0
    """Patience with the receiver."""


@dataclass(frozen=True)
class MqttSettings:
    host: str | None = None
    """Broker that is told every event."""
    port: Port | None = None
    """Its port; none = 8883 with TLS, else 1883."""
    topic: str = "monitor"
    """What topics begin with: TOPIC/events, TOPIC/state, TOPIC/status."""
    tls: bool = True
    """Encrypt the connection and check the broker's certificate."""
    ca_file: Path | None = None
    """PEM file with the authority that signed it; none = the system's."""
    username: str | None = None
    """User name at the broker."""
    password_file: Path | None = None
    """File with the password."""


@dataclass(frozen=True)
class CommandSettings:
    run: str | None = None
    """Program (with arguments, no shell) that is started for every event, given as JSON on its standard input."""
    timeout_s: Positive = 10.0
    """It is ended after so long, and started again later."""


@dataclass(frozen=True)
class KioskSettings:
    policy: PolicySettings = field(default_factory=PolicySettings)
    """Who is welcome."""
    screen: ScreenSettings = field(default_factory=ScreenSettings)
    """What visitors see."""
    server: ServerSettings = field(default_factory=ServerSettings)
    """The web server."""
    store: StoreSettings = field(default_factory=StoreSettings)
    """The event store."""
    webhook: WebhookSettings = field(default_factory=WebhookSettings)
    """Events to a web address."""
    mqtt: MqttSettings = field(default_factory=MqttSettings)
    """Events to a broker."""
    command: CommandSettings = field(default_factory=CommandSettings)
    """Events to a program."""
    watchdog_s: Positive = 30.0
    """The process ends, to be started again, when nothing is judged or shown for so long."""
