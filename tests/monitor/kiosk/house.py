"""A kiosk's web server in this process: everything real but the loop, whose steps a test makes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from engines.contract import EngineInfo
from monitor.kiosk.entrance import Entrance
from monitor.kiosk.run import screen_json
from monitor.kiosk.shown import Shown, starting
from monitor.kiosk.store import Store
from monitor.kiosk.vitals import Vitals
from monitor.kiosk.web.credentials import Credentials, load, new_token, set_password
from monitor.kiosk.web.desk import Desk
from monitor.kiosk.web.server import WebServer
from monitor.kiosk_settings import KioskSettings, ServerSettings
from monitor.threads import Inbox, Latest
from monitor.threads.channel import Channel, finish, start
from monitor.types import Gap, Scene, Track
from tests.monitor.scenes import CLASSES, scene

PASSWORD = "four words by heart"
ENGINE = EngineInfo(runtime="onnxruntime", precision="int8", device="CPU", why="a test", fingerprint="none")


@dataclass
class House:
    """The server, and the loop in the test's hand."""

    server: WebServer
    desk: Desk
    entrance: Entrance
    token: str
    index: int = 0

    @property
    def url(self) -> str:
        return self.server.url.rstrip("/")

    def see(self, *tracks: Track, wide: bool = True) -> None:
        """One frame with these people in it."""
        size: dict[str, Any] = {"width_px": 640, "height_px": 480} if wide else {}
        made = scene(self.index, time.monotonic(), *tracks, wall=time.time(), **size)
        self.index += 1
        self.take(made)

    def take(self, item: Scene | Gap) -> None:
        """In the thread that answers the inbox, as in the loop."""
        self.desk.inbox.call(lambda: self.entrance.take(item), 5.0)

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=10, trust_env=False, **options)

    @contextmanager
    def signed_in(self) -> Iterator[httpx.Client]:
        """A manager's browser: session and CSRF token in place."""
        with self.client() as client:
            answer = client.post("/login", data={"password": PASSWORD}, headers={"Origin": self.url})
            assert answer.status_code == 303, answer.text
            client.headers["X-CSRF-Token"] = client.get("/api/session").json()["csrf"]
            yield client


@cache
def _keys() -> tuple[Credentials, str]:
    """The manager's password, hashed once for all houses, for that is slow on purpose; and the screen's token."""
    with TemporaryDirectory() as folder:
        secrets = Path(folder) / "credentials.json"
        set_password(secrets, PASSWORD)
        token = new_token(secrets)
        return load(secrets), token


@contextmanager
def house(
    folder: Path, settings: KioskSettings | None = None, *, password: bool = True, serving: bool = True
) -> Iterator[House]:
    """An open house; `serving` False leaves the loop silent."""
    settings = settings or KioskSettings()
    settings = replace(settings, server=replace(settings.server, port=0))
    credentials, token = _keys() if password else (Credentials(), "")
    latest: Latest[Shown] = Latest(starting())
    vitals = Vitals("a test", ENGINE)
    with Store.open(folder / "kiosk.db") as store:
        desk = Desk(settings, store, latest, vitals, Inbox(), screen_json(settings), store.outbox.backlogs, CLASSES)
        entrance = Entrance(settings, store, latest, vitals, CLASSES, lambda: None)
        server = WebServer(desk, settings.server, credentials)
        desk.entrance = entrance
        over: Channel[None] = Channel(1)

        def loop() -> None:
            while not over.stopped:
                desk.inbox.serve()
                over.get(0.005)

        thread = start(loop, lambda _: None, "the test's loop") if serving else None
        try:
            yield House(server, desk, entrance, token)
        finally:
            server.close()
            over.stop()
            if thread is not None:
                finish(thread, lambda: None)


def network(**server: Any) -> KioskSettings:
    """Settings with another server part."""
    return KioskSettings(server=ServerSettings(**server))
