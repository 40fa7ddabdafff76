"""The kiosk put together: store, deliveries, web server, loop; who is opened here is closed here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

from monitor.app import Say, watched
from monitor.errors import ConfigError, MonitorError, UsageError
from monitor.kiosk import words
from monitor.kiosk.clock import Clock
from monitor.kiosk.delivery import Deliveries, target_names
from monitor.kiosk.entrance import Entrance
from monitor.kiosk.facts import State
from monitor.kiosk.shown import Shown, starting
from monitor.kiosk.store import Store
from monitor.kiosk.store.place import store_file
from monitor.kiosk.systemd import Notifier
from monitor.kiosk.upkeep import Upkeep, close_the_door
from monitor.kiosk.vitals import Vitals
from monitor.kiosk.watchdog import Watchdog
from monitor.kiosk.web import credentials
from monitor.kiosk.web.desk import Desk
from monitor.kiosk.web.server import LOCAL, WebServer, check
from monitor.kiosk_settings import KioskSettings
from monitor.redact import redact
from monitor.settings import Settings, SourceSettings
from monitor.threads import Inbox, Latest
from monitor.types import Gap, Scene

log = logging.getLogger("monitor.kiosk")
FILE_FPS = 30.0
"""A file stands for a camera: it is played at this rate where --pace names no other."""


def run(settings: Settings, *, say: Say, opened: Callable[[str], None], stopped: Callable[[], bool]) -> int:
    """Guards the door until it is told to stop or the source ends; 0. `opened` gets the screen's address.

    Raises MonitorError and EngineError; whatever was decided before is stored, and the screen says that it is out of
    order until its browser sees the program again.
    """
    if settings.sources:
        raise UsageError("an entrance has one camera, and several are named", hint="leave `sources` away: use `source`")
    _check_freshness(settings)
    settings = replace(settings, source=as_camera(settings.source))
    kiosk = settings.kiosk
    known = credentials.load(credentials.place_of(kiosk.server.credentials))
    check(kiosk.server, known)
    screen = screen_json(kiosk)
    latest: Latest[Shown] = Latest(starting())
    notifier = Notifier()
    with ExitStack() as stack:
        store = stack.enter_context(Store.open(store_file(kiosk.store), targets=target_names(kiosk)))
        newest = store.newest()  # before this start stores anything
        clock = Clock(None if newest is None else newest.at, 86400 * kiosk.store.keep_days)
        close_the_door(store, State.STARTING, "the program starts")  # before anybody is told the last state again
        deliveries = stack.enter_context(closing(Deliveries(kiosk, store.path)))
        stack.callback(deliveries.finish)  # last of all, and with no watchdog: how it ends is to be told
        desk = Desk(kiosk, store, latest, Vitals(source_name(settings.source)), Inbox(), screen, deliveries.status)
        server = stack.enter_context(closing(WebServer(desk, kiosk.server, known)))
        say(f"events are stored in {store.path}")
        say(f"the screen: {server.url}   the manager's page: {server.url}manage")
        if not kiosk.server.hosts and (kiosk.server.behind_proxy or kiosk.server.host in LOCAL):
            say("browsers on other machines are refused until --name says by which name they call this one")
        opened(server.url)
        watchdog = stack.enter_context(closing(Watchdog(kiosk.watchdog_s)))
        upkeep = stack.enter_context(closing(Upkeep(desk, watchdog, deliveries.wake, clock)))
        engine, items = stack.enter_context(watched(settings, say=say))
        desk.vitals.engine, desk.classes = engine.info, engine.card.classes
        entrance = Entrance(kiosk, store, latest, desk.vitals, engine.card.classes, deliveries.wake)
        entrance.note("started", {"source": desk.vitals.source, "engine": engine.info.why})
        desk.entrance = entrance
        try:
            _watch(items, entrance, desk, (server, watchdog, upkeep), notifier, stopped)
        except BaseException as error:
            _tell_fault(entrance, error)
            raise
        finally:
            notifier.stopping()
        entrance.end("stopped", "the program has stopped")
    return 0


def _watch(
    items: Iterator[Scene | Gap], entrance: Entrance, desk: Desk, beside: tuple[WebServer, Watchdog, Upkeep],
    notifier: Notifier, stopped: Callable[[], bool],
) -> None:  # fmt: skip
    """Every item through the entrance, as long as all that stands beside the loop does its work."""
    for item in items:
        entrance.take(item)
        desk.inbox.serve()
        for part in beside:
            part.raise_error()
        beside[1].beat()
        notifier.alive()
        if stopped():
            return


def _tell_fault(entrance: Entrance, error: BaseException) -> None:
    """The screen says so at once; the store too, if it can."""
    why = str(error) if isinstance(error, MonitorError) else type(error).__name__
    try:
        entrance.end("fault", why)
    except MonitorError as also:
        log.error("the fault could not be stored: %s", also)


def _check_freshness(settings: Settings) -> None:
    """Raises ConfigError where labels would count for less time than lies between two judgements."""
    track, fresh_s = settings.track, settings.kiosk.policy.fresh_s
    rarest_s = max(track.judge_every_s, track.stable_every_s or 0.0, track.changing_every_s or 0.0)
    if fresh_s <= rarest_s:
        raise ConfigError(
            f"kiosk.policy.fresh_s: a label counts for {fresh_s:g} s, but faces are judged every {rarest_s:g} s",
            hint="make it a second longer than track.stable_every_s and the others, or those shorter",
        )


def source_name(source: SourceSettings) -> str:
    """For people; never holds a password."""
    if source.uri is not None:
        return redact(source.uri)
    return "the first camera" if source.camera is None else f"camera {source.camera}"


def as_camera(source: SourceSettings) -> SourceSettings:
    """A file or the demo stands for a camera: played as if live, and the demo for ever."""
    if source.uri is None or ("://" in source.uri):
        return source
    demo = source.uri.lower().startswith("demo:")
    return replace(source, pace_fps=source.pace_fps or FILE_FPS, loop=source.loop or demo)


def screen_json(kiosk: KioskSettings) -> dict[str, Any]:
    """What the screen's page is told of its settings. Raises ConfigError."""
    folder = kiosk.screen.language_folder
    return {
        "languages": [words.load(name, folder) for name in kiosk.screen.languages], "sound": kiosk.screen.sound,
        "notice": kiosk.screen.notice, "require": kiosk.policy.require,
    }  # fmt: skip
