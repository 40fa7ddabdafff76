"""A kiosk that is killed at any moment: what was stored is there, the chain holds, and everybody is told everything.

KILL_ROUNDS=50 makes a campaign of it.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from monitor.kiosk.delivery import Deliveries, target_names
from monitor.kiosk.store import Query, Store
from monitor.kiosk_settings import KioskSettings, WebhookSettings
from tests.monitor.kiosk.receivers import Receiver, until

ROOT = Path(__file__).parents[3]
ROUNDS = int(os.environ.get("KILL_ROUNDS", "5"))
CHILD = """
import sys, time
from pathlib import Path
from monitor.kiosk.delivery import Deliveries, target_names
from monitor.kiosk.facts import Decision
from monitor.kiosk.store import Store
from monitor.kiosk_settings import KioskSettings, WebhookSettings
settings = KioskSettings(webhook=WebhookSettings(sys.argv[2]))
store = Store.open(Path(sys.argv[1]), targets=target_names(settings))
deliveries = Deliveries(settings, store.path)
for number in range(1_000_000):
    picture = b"jpeg" * 500 if number % 3 == 0 else None
    event = store.add(Decision("person", "look", "p", {"note": "x" * (number % 700)}), at=time.time(), snapshot=picture)
    deliveries.wake()
    print(event.seq, event.hash, flush=True)
    if number % 40 == 39:
        store.purge(time.time() - 0.2)
"""


@pytest.mark.timeout(60 + 10 * ROUNDS)
def test_nothing_that_was_stored_is_ever_lost(tmp_path: Path) -> None:
    path, receiver, chance = tmp_path / "kiosk.db", Receiver(), random.Random(20261127)
    settings = KioskSettings(webhook=WebhookSettings(receiver.url))
    told: dict[int, str] = {}
    stored: dict[int, str] = {}
    for _ in range(ROUNDS):
        command = [sys.executable, "-c", CHILD, str(path), receiver.url]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for _ in range(chance.randrange(1, 120)):
                seq, _, digest = child.stdout.readline().strip().partition(" ")
                told[int(seq)] = digest
            child.kill()
            for line in child.stdout.read().splitlines():  # printed, but not yet read by us
                seq, _, digest = line.partition(" ")
                if len(digest) == 64:
                    told[int(seq)] = digest
        with Store.open(path, targets=target_names(settings)) as store:
            assert store.verify().holds, store.verify()
            events = list(store.walk(Query(oldest_first=True)))
            stored |= {event.seq: event.hash for event in events}
            first = events[0].seq
            assert told.items() <= stored.items() | {(seq, told[seq]) for seq in told if seq < first}
            pictures = {event.id for event in events if "snapshot" in event.evidence}
            assert {file.stem for file in store.snapshots.folder.iterdir()} == pictures
    with Store.open(path, targets=target_names(settings)) as store, closing(Deliveries(settings, path)):
        until(lambda: store.outbox.backlogs()[0].waiting == 0)
        last = store.events(Query(limit=1))[0].seq
    receiver.stop()
    assert receiver.seqs_once == list(range(1, last + 1)), "all of them, in order"
    received = {request.event["seq"]: request.event["hash"] for request in receiver.requests}
    assert told.items() <= received.items()
    assert len(receiver.seqs) - last <= ROUNDS, "at most one is told again for each that was killed"
