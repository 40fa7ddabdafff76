"""Beside the loop: silence told and ended, old events removed, the chain looked at."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from monitor.kiosk import upkeep, watchdog
from monitor.kiosk.clock import Clock
from monitor.kiosk.facts import Decision, Event, State
from monitor.kiosk.store import Verdict
from monitor.kiosk.upkeep import Upkeep, close_the_door
from monitor.kiosk.watchdog import Watchdog
from tests.monitor.kiosk.house import House, house
from tests.monitor.kiosk.receivers import until
from tests.monitor.scenes import track

FACE = (200.0, 120.0, 320.0, 280.0)
DAY_S = 86400.0


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        yield made


def settled() -> Clock:
    """One that has gone on for long, and may be trusted."""
    now_s = [0.0]
    clock = Clock(None, DAY_S, lambda: now_s[0], lambda: now_s[0])
    now_s[0] = DAY_S
    return clock


def test_a_loop_that_falls_silent_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    dog = Watchdog(0.3, lambda: ended.append(1))
    try:
        time.sleep(0.6)
        assert ended == []  # it has not begun: loading may take longer
        for _ in range(4):
            dog.beat()
            time.sleep(0.15)
        assert ended == []
        until(lambda: ended)
    finally:
        dog.close()
    monkeypatch.setattr(watchdog, "START_S", 0.1)
    dog = Watchdog(0.05, lambda: ended.append(2))
    until(lambda: 2 in ended, "a loop that never begins")
    dog.close()


def test_a_watchdog_or_an_upkeep_that_is_gone_is_noticed(home: House) -> None:
    dog = Watchdog(60, lambda: None)
    keep = Upkeep(home.desk, dog, lambda: None, settled())
    dog.raise_error()
    keep.raise_error()
    for part in (keep, dog):
        part.close()
        with pytest.raises(RuntimeError, match="has ended"):
            part.raise_error()


def welcomed(home: House, dog: Watchdog) -> bool:
    """Whether somebody is, after one more round of the loop."""
    home.see(track(1, "mask", box=FACE))
    dog.beat()
    return home.desk.latest.newest[1].standing.state is State.WELCOME


def fault(home: House) -> Event | None:
    """The door's newest event, where it is one."""
    door = home.desk.store.latest("door")
    return door if door is not None and door.state == "fault" else None


def test_who_acts_on_the_door_hears_that_the_loop_hangs(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "STUCK_S", 1.0)
    told: list[int] = []
    dog = Watchdog(60, lambda: None)
    keep = Upkeep(home.desk, dog, lambda: told.append(1), settled())
    try:
        until(lambda: welcomed(home, dog))
        until(lambda: fault(home))
        door = fault(home)
        assert door is not None
        assert door.evidence["why"] == "the loop hangs"
        until(lambda: told)
        before = door.seq
        until(lambda: welcomed(home, dog))
        door = home.desk.store.latest("door")
        assert door is not None
        assert door.state == "welcome"
        assert door.seq > before  # it was closed, and opened again
    finally:
        keep.close()
        dog.close()


def test_silence_is_told_while_the_store_is_looked_through(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "STUCK_S", 1.0)
    looked, over = threading.Event(), threading.Event()
    verify = home.desk.store.verify

    def slowly() -> Verdict:
        looked.set()
        over.wait(60)
        return verify()

    monkeypatch.setattr(home.desk.store, "verify", slowly)
    told: list[int] = []
    dog = Watchdog(60, lambda: None)
    keep = Upkeep(home.desk, dog, lambda: told.append(1), settled())
    try:
        assert looked.wait(20)
        until(lambda: welcomed(home, dog))
        until(lambda: fault(home))
        until(lambda: told)
        assert home.desk.verified is None, "nobody knows yet"
    finally:
        over.set()
        keep.close()
        dog.close()


def test_a_store_that_cannot_be_read_any_more_is_not_called_whole(home: House) -> None:
    """It held yesterday."""
    for number in range(40):
        home.desk.store.add(Decision("person", "left", "x", {"note": "x" * 2000}), at=float(number))
    path = home.desk.store.path
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(8192)
        file.write(b"\xa5" * (size - 8192))
    home.desk.verified = True
    dog = Watchdog(60, lambda: None)
    keep = Upkeep(home.desk, dog, lambda: None, Clock(None, DAY_S))
    try:
        until(lambda: home.desk.verified is False)
        keep.raise_error()
    finally:
        keep.close()
        dog.close()


def test_nothing_is_removed_right_after_the_start(home: House) -> None:
    home.desk.store.add(Decision("person", "left", "x", {}), at=time.time() - DAY_S * 40)
    dog = Watchdog(60, lambda: None)
    keep = Upkeep(home.desk, dog, lambda: None, Clock(time.time(), DAY_S))
    try:
        until(lambda: home.desk.verified)  # the purge comes before that
    finally:
        keep.close()
        dog.close()
    assert [event.kind for event in home.desk.store.walk()] == ["person"]


def test_the_door_is_closed_once(home: House) -> None:
    close_the_door(home.desk.store, State.STARTING, "the program starts")
    assert home.desk.store.count() == 0  # nothing was ever said
    home.desk.store.add(Decision("door", "welcome", None, {}), at=time.time())
    for _ in range(2):
        close_the_door(home.desk.store, State.STARTING, "the program starts")
    assert home.desk.store.count() == 2


def test_old_events_go_and_young_ones_stay(home: House) -> None:
    for age_days in (40, 35, 5):
        home.desk.store.add(Decision("person", "left", "x", {}), at=time.time() - DAY_S * age_days)
    dog = Watchdog(60, lambda: None)
    keep = Upkeep(home.desk, dog, lambda: None, settled())
    try:
        until(lambda: home.desk.store.latest("purge") is not None)
        until(lambda: home.desk.verified)
    finally:
        keep.close()
        dog.close()
    assert [event.kind for event in home.desk.store.walk()] == ["purge", "person"]


def test_what_goes_wrong_once_does_not_end_it(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RecursionError("a test")

    monkeypatch.setattr(home.desk.store, "purge", fails)
    dog = Watchdog(60, lambda: None)
    keep = Upkeep(home.desk, dog, lambda: None, settled())
    try:
        until(lambda: home.desk.verified is not None)
        keep.raise_error()
    finally:
        keep.close()
        dog.close()
