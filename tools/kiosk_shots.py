"""Pictures of the kiosk's pages for the docs: every state in three languages, upright and lying; the manager's pages.

    python tools/kiosk_shots.py docs/kiosk

A real server and a real browser; the loop's states are made by hand, with the demo scene as the camera.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from playwright.sync_api import Browser, Page

from monitor.kiosk.facts import Decision, Standing, State, Visitor
from monitor.kiosk.shown import of_gap, of_scene
from monitor.kiosk_settings import KioskSettings, PolicySettings, ScreenSettings
from monitor.sources.demo import render
from monitor.types import U8, Frame, Gap, Scene
from tests.browser import chromium, page
from tests.monitor.kiosk.house import PASSWORD, House, house
from tests.monitor.scenes import track

SIZES = {"landscape": (1280, 800), "portrait": (800, 1280)}
LANGUAGES = (("en", "de"), ("de", "ar"), ("ar", "en"))
COLUMNS, TILE_PX = 5, 360
BARE, MASKED, NOBODY = 10.5, 19.0, 0.0
"""Seconds of the demo scene."""
FACES = {BARE: (0.26, 0.27, 0.42, 0.54), MASKED: (0.61, 0.36, 0.75, 0.62)}
SHOWS = {
    State.IDLE: NOBODY, State.CLOSER: BARE, State.WELCOME: MASKED, State.LOOK: BARE, State.PUT_ON: BARE,
    State.TAKE_OFF: MASKED, State.STAFF: BARE, State.STARTING: NOBODY, State.LOST: NOBODY, State.FAULT: NOBODY,
}  # fmt: skip


def say(home: House, state: State) -> None:
    """The loop says `state` of whoever the demo scene shows."""
    t = SHOWS[state]
    frame = Frame(home.index, time.monotonic(), time.time(), render(t))
    home.index += 1
    face = FACES.get(t)
    visitors = () if face is None else (Visitor("someone", 1, state, face, None, None, False, None, 5, 1.0, 1.0),)
    standing = Standing(state, 0.0, visitors, "the camera does not answer" if state is State.LOST else "")
    step = of_scene(standing, Scene(frame, (), {}))
    if state is State.LOST:
        step = of_gap(standing, Gap("lost", 3.0, standing.why), replace(step, camera="lost"))
    home.desk.latest.put(step)


def sheet(shots: list[U8]) -> U8:
    """The pictures side by side, COLUMNS in a row."""
    height = round(shots[0].shape[0] * TILE_PX / shots[0].shape[1])
    tiles = [cv2.resize(shot, (TILE_PX, height), interpolation=cv2.INTER_AREA) for shot in shots]
    tiles = [cv2.copyMakeBorder(tile, 6, 6, 6, 6, cv2.BORDER_CONSTANT, value=(60, 60, 60)) for tile in tiles]
    blank = np.full_like(tiles[0], 60)
    tiles += [blank] * (-len(tiles) % COLUMNS)
    rows = [np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
    return np.asarray(np.vstack(rows), np.uint8)


def shot(opened: Page) -> U8:
    data = np.frombuffer(opened.screenshot(), np.uint8)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def screens(browser: Browser, folder: Path, out: Path) -> None:
    for languages in LANGUAGES:
        settings = KioskSettings(screen=ScreenSettings(languages=languages))
        place = folder / languages[0]
        place.mkdir()
        with house(place, settings, password=False) as home:
            for name, (width, height) in SIZES.items():
                with page(browser, home.url, width_px=width, height_px=height) as opened:
                    shots = []
                    for state in SHOWS:
                        for _ in range(4):  # the newest picture has to come through
                            say(home, state)
                            opened.page.wait_for_timeout(150)
                        opened.page.wait_for_selector(f"body[data-state={state.value}]")
                        shots.append(shot(opened.page))
                file = out / f"screen-{languages[0]}-{name}.jpg"
                cv2.imwrite(str(file), sheet(shots), (cv2.IMWRITE_JPEG_QUALITY, 88))


def visits(home: House) -> None:
    """Some days at the door, so that the manager has something to look at: stored as the door stores them."""
    rng = np.random.default_rng(3)
    now = time.time()
    for days in range(20, 0, -1):
        for hour in range(7, 19):
            for _ in range(int(rng.integers(2, 30))):
                last = str(rng.choice(["welcome", "put_on", "staff"], p=[0.86, 0.1, 0.04]))
                waited = round(float(rng.gamma(2, 1.2)), 1) if last == "welcome" else None
                at = now - now % 86400 - 86400 * days + 3600 * (hour + float(rng.uniform(0, 1)))
                evidence = {"track": 1, "here_s": 5.0, "last": last, "first": "put_on", "waited_s": waited}
                home.desk.store.add(Decision("person", "left", f"{rng.integers(1 << 40):012x}", evidence), at=at)
    for number in range(1, 25):
        label = str(rng.choice(["mask", "real", "fake"], p=[0.8, 0.15, 0.05]))
        for _ in range(3):
            home.see(track(number, label, box=(200.0, 120.0, 320.0, 280.0), p=float(rng.uniform(0.8, 0.99))))
            time.sleep(0.1)
        home.see()


def pages(browser: Browser, folder: Path, out: Path) -> None:
    settings = KioskSettings(policy=PolicySettings(dwell_s=0.0))
    with house(folder / "manager", settings) as home:
        visits(home)
        with page(browser, f"{home.url}/login", width_px=1280, height_px=1500) as opened:
            opened.page.fill("input[type=password]", PASSWORD)
            opened.page.keyboard.press("Enter")
            opened.page.wait_for_selector("#persons")
            for path, height_px in (("manage", 1500), ("setup", 1000)):
                opened.page.set_viewport_size({"width": 1280, "height": height_px})
                opened.page.goto(f"{home.url}/{path}")
                home.desk.vitals.size_px = (1280, 720)
                for _ in range(8):
                    say(home, State.PUT_ON)
                    opened.page.wait_for_timeout(250)
                opened.page.screenshot(path=str(out / f"{path}.png"))


def main(arguments: list[Any]) -> int:
    out = Path(arguments[0])
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        (Path(folder) / "manager").mkdir()
        screens(browser, Path(folder), out)
        pages(browser, Path(folder), out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
