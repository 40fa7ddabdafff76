"""Does the kiosk lose anything? Receivers that are down for a minute, and the program killed again and again.

    python tools/kiosk_losses.py outage --seconds 60    a web receiver and an MQTT broker stopped under events
    python tools/kiosk_losses.py kills --rounds 50      kill -9 at random moments; the last time it ends in order

Each starts the real program with a film as its camera, prints one JSON object, and stores it under its name in --out
FILE.json beside what is there. Exit status 6 where something was lost. Needs mosquitto and what the tests need.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from monitor.kiosk.facts import Event
from monitor.kiosk.store import Query, Store
from monitor.versions import versions
from tests.bundles import colour_bundle
from tests.monitor.kiosk.door import Kiosk, kiosk
from tests.monitor.kiosk.receivers import Receiver
from tests.monitor.kiosk.test_kiosk_mqtt import Broker, Listener
from tests.monitor.kiosk.visit import film
from tools.kiosk_proofs import machine

CHECK_FAILED = 6


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, metavar="JSON", help="where the result is stored, beside others")
    proofs = parser.add_subparsers(dest="proof", required=True)
    proofs.add_parser("outage").add_argument("--seconds", type=float, default=60)
    proofs.add_parser("kills").add_argument("--rounds", type=int, default=50)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = PROOFS[asked.proof](Path(folder), asked)
    result = {"date": str(date.today()), "machine": machine(), "versions": versions(), **result}
    print(json.dumps(result, indent=1))
    if asked.out is not None:
        known = json.loads(asked.out.read_text()) if asked.out.exists() else {}
        asked.out.write_text(json.dumps({**known, asked.proof: result}, indent=1) + "\n")
    return 0 if result["nothing_lost"] else CHECK_FAILED


def camera(folder: Path) -> tuple[object, ...]:
    """Options for a door with somebody coming again and again."""
    bundle = colour_bundle(folder / "colour").folder
    return ("--source", film(folder / "visit.mp4"), "--pace", 25, "--loop", "--bundle", bundle, "--log-json")


def told_to(store: Path) -> tuple[list[Event], bool]:
    with Store.read(store) as opened:
        return list(opened.walk(Query(oldest_first=True))), opened.verify().holds


def outage(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
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
            time.sleep(asked.seconds)
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
        "seconds_down": asked.seconds, "events": len(stored), "decided_while_down": during,
        "web_repeats": len(web.seqs) - len(web.seqs_once), "caught_up_s": round(back_s, 1), "chain_holds": holds,
        "nothing_lost": holds and by_web == stored and by_mqtt == stored,
    }  # fmt: skip


def _caught_up(folder: Path, *received: Sequence[int]) -> bool:
    newest = told_to(folder / "kiosk.db")[0][-1].seq
    return all(seqs and seqs[-1] >= newest for seqs in received)


def kills(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Every event that the program's log tells of must be in the store, and the chain must hold, after every kill."""
    rng, options = random.Random(5), camera(folder)
    told: list[str] = []
    broken = 0
    for turn in range(asked.rounds + 1):
        with kiosk(folder, *options) as door:
            if turn < asked.rounds:
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
        "kills": asked.rounds, "events": len(events), "told_of": len(told), "lost": len(lost), "chain_broken": broken,
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


PROOFS: dict[str, Callable[[Path, argparse.Namespace], dict[str, Any]]] = {"outage": outage, "kills": kills}

if __name__ == "__main__":
    sys.exit(main())
