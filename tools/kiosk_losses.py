"""Receivers that are down for a minute, and the program killed again and again; run by tools/kiosk_proofs.py."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from monitor.kiosk.facts import Event
from monitor.kiosk.store import Query, Store
from tests.bundles import colour_bundle
from tests.monitor.kiosk.door import Kiosk, kiosk
from tests.monitor.kiosk.receivers import Receiver
from tests.monitor.kiosk.test_kiosk_mqtt import Broker, Listener
from tests.monitor.kiosk.visit import film


def camera(folder: Path) -> tuple[object, ...]:
    """Options for a door with somebody coming again and again."""
    bundle = colour_bundle(folder / "colour").folder
    return ("--source", film(folder / "visit.mp4"), "--pace", 25, "--loop", "--bundle", bundle, "--log-json")


def told_to(store: Path) -> tuple[list[Event], bool]:
    with Store.read(store) as opened:
        return list(opened.walk(Query(oldest_first=True))), opened.verify().holds


def outage(folder: Path, seconds: float) -> dict[str, Any]:
    """Both sides down for so long, then up: what arrived, without repeats, against the store."""
    broker, web = Broker(folder, "allow_anonymous true"), Receiver()
    with closing(Listener(broker.port)) as listener:
        targets = ("kiosk.webhook.url=" + web.url, "kiosk.mqtt.host=localhost", f"kiosk.mqtt.port={broker.port}",
                   "kiosk.mqtt.tls=false", "kiosk.mqtt.topic=door/1")  # fmt: skip
        options = [part for target in targets for part in ("--set", target)]
        with kiosk(folder, *camera(folder), *options) as door:
            door.wait_for("judged pictures", lambda: door.get("/readyz").status_code == 200)
            time.sleep(10)
            before = told_to(folder / "kiosk.db")[0][-1].seq
            web.stop()
            broker.stop()
            time.sleep(seconds)
            during = told_to(folder / "kiosk.db")[0][-1].seq - before
            broker.start()
            web.start()
            back_s = time.monotonic()
            door.wait_for("empty queues", lambda: _caught_up(folder, web.seqs_once, listener.seqs_once))
            back_s = time.monotonic() - back_s
            door.stop()
        events, holds = told_to(folder / "kiosk.db")
        stored = [event.seq for event in events if event.state != "stopped"]
        by_web, by_mqtt = web.seqs_once[: len(stored)], listener.seqs_once[: len(stored)]
    broker.stop()
    web.stop()
    return {
        "seconds_down": seconds, "events": len(stored), "decided_while_down": during,
        "web_repeats": len(web.seqs) - len(web.seqs_once), "caught_up_s": round(back_s, 1), "chain_holds": holds,
        "nothing_lost": holds and by_web == stored and by_mqtt == stored,
    }  # fmt: skip


def _caught_up(folder: Path, *received: Sequence[int]) -> bool:
    newest = told_to(folder / "kiosk.db")[0][-1].seq
    return all(seqs and seqs[-1] >= newest for seqs in received)


def kills(folder: Path, rounds: int) -> dict[str, Any]:
    """Every event that the program's log tells of must be in the store, and the chain must hold, after every kill."""
    rng, options = random.Random(5), camera(folder)
    told: list[str] = []
    broken = 0
    for turn in range(rounds + 1):
        with kiosk(folder, *options) as door:
            if turn < rounds:
                time.sleep(rng.uniform(0.5, 9.0))
                door.process.kill()
            else:
                door.wait_for("judged pictures", lambda: door.get("/readyz").status_code == 200)
                door.stop()
            door.process.wait(30)
            told += _told(door)
        events, holds = told_to(folder / "kiosk.db")
        broken += not holds
    lost = set(told) - {event.id for event in events}
    return {
        "kills": rounds, "events": len(events), "told_of": len(told), "lost": len(lost), "chain_broken": broken,
        "seqs_without_holes": [event.seq for event in events] == list(range(1, len(events) + 1)),
        "nothing_lost": not lost and not broken,
    }  # fmt: skip


def _told(door: Kiosk) -> list[str]:
    """Ids of the events in the log; the last line may be torn."""
    found = []
    for line in door.said.splitlines():
        try:
            found.append(json.loads(line)["event"])
        except (ValueError, KeyError):
            continue
    return found
