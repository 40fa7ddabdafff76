"""How long the kiosk takes from a cause in the picture to the page in a browser; run by tools/kiosk_proofs.py."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from monitor.kiosk.store import Query, Store
from tests.browser import chromium, page
from tests.bundles import colour_bundle
from tests.http_video import HttpVideo
from tests.monitor.kiosk.door import kiosk
from tests.monitor.kiosk.visit import LENGTH_S, PARTS, SAID, film

UNMASKED = {**SAID, "bare": "welcome", "masked": "take_off"}
"""What a door says that wants bare faces."""
LATEST_S = 2.2
"""Later than this it is not the answer to this cause any more."""
Delays = dict[str, list[float]]


def latency(folder: Path, rounds: int) -> dict[str, Any]:
    """Seconds by state: from the first frame that shows the cause, or from the camera's end, to the page."""
    bundle = colour_bundle(folder / "colour").folder
    with chromium() as browser:
        delays: Delays = {}
        for require, said in (("mask", SAID), ("no_mask", UNMASKED)):
            place = folder / require
            place.mkdir()
            _visits(browser, place, bundle, require, said, rounds, delays)
        _losses(browser, folder, bundle, rounds, delays)
    told = {
        state: {"median_s": round(statistics.median(found), 3), "max_s": max(found), "n": len(found)}
        for state, found in delays.items()
    }
    return {"preset": "kiosk", "rounds": rounds, "states": told}


def _visits(
    browser: Browser, folder: Path, bundle: Path, require: str, said: Mapping[str, str], rounds: int, delays: Delays
) -> None:  # fmt: skip
    visit = film(folder / "visit.mp4")
    options = ("--source", visit, "--pace", 25, "--loop", "--bundle", bundle, "--require", require)
    with kiosk(folder, *options) as door, page(browser, door.url) as screen:
        screen.watch_states()
        time.sleep(6 + LENGTH_S * rounds)
        shown = screen.said()
    with Store.read(folder / "kiosk.db") as store:
        first = store.events(Query(kind="door", oldest_first=True, limit=1))[0]
    # The first frame makes the door idle; its time is of the system's steady clock.
    due_s = time.time() - time.monotonic() + first.evidence["frame_t"]
    for turn in range(rounds):
        for part, (name, seconds) in enumerate(PARTS):
            if turn or part:  # at the very beginning nothing changes
                _note(delays, said[name], due_s, shown)
            due_s += seconds


def _note(delays: Delays, state: str, due_s: float, shown: list[tuple[str, float]]) -> None:
    seen = next((at for name, at in shown if name == state and at >= due_s - 0.05), None)
    if seen is not None and seen - due_s < LATEST_S:
        delays.setdefault(state, []).append(round(seen - due_s, 3))


def _losses(browser: Browser, folder: Path, bundle: Path, rounds: int, delays: Delays) -> None:
    """A network camera whose plug is pulled."""
    place = folder / "lost"
    place.mkdir()
    camera = HttpVideo(size_px=(640, 360))
    with kiosk(place, "--source", camera.url("live"), "--bundle", bundle) as door, page(browser, door.url) as screen:
        screen.watch_states()
        for _ in range(rounds):
            screen.page.wait_for_selector("body[data-state=idle]", timeout=60_000)
            time.sleep(1)
            camera.kill()
            began_s = time.time()
            screen.page.wait_for_selector("body[data-state=lost]", timeout=60_000)
            delays.setdefault("lost", []).append(round(screen.said()[-1][1] - began_s, 3))
            camera = HttpVideo(size_px=(640, 360), port=camera.port)
    camera.kill()
