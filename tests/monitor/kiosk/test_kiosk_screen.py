"""The screen in a real browser, with the real program and a film as its camera."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from monitor.kiosk.facts import Standing, State
from monitor.kiosk.shown import of_gap, of_scene
from monitor.kiosk.store import Query, Store
from monitor.kiosk_settings import KioskSettings, ScreenSettings
from monitor.types import Gap
from tests.browser import chromium, page, violations
from tests.bundles import colour_bundle
from tests.http_video import HttpVideo
from tests.monitor.kiosk.door import kiosk
from tests.monitor.kiosk.house import House, house
from tests.monitor.kiosk.visit import causes_s, film
from tests.monitor.scenes import scene, track

FACE = (200.0, 120.0, 320.0, 280.0)
OVERFLOWS = """() => {
    const root = document.documentElement;
    return root.scrollWidth > innerWidth || root.scrollHeight > innerHeight;
}"""
SHOWN = [state for state in State if state is not State.STARTING]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    folder = tmp_path_factory.mktemp("visit")
    return ("--source", film(folder / "visit.mp4"), "--pace", 25, "--bundle", colour_bundle(folder / "colour").folder)


def test_a_visit_from_afar_to_the_staff_is_shown_decided_and_stored(
    tmp_path: Path, browser: Browser, visit: tuple[object, ...]
) -> None:
    """Every state is on the screen before the film shows the next; how fast is measured by tools/kiosk_proofs.py."""
    wanted = [state for state, _ in causes_s()]
    with kiosk(tmp_path, *visit, "--log-json") as door, page(browser, door.url) as screen:
        screen.watch_states()
        assert door.process.wait(60) == 0  # the film ends, and with it the kiosk
        said = iter([state for state, _ in screen.said()])
        assert all(state in said for state in wanted), screen.said()
        logged = [json.loads(line) for line in door.said.splitlines() if line.startswith("{")]
    with Store.read(tmp_path / "kiosk.db") as store:
        assert store.verify().holds
        events = list(store.walk(Query(oldest_first=True)))
    assert (events[0].state, events[-1].state) == ("started", "stopped")
    assert [event.id for event in events] == [line["event"] for line in logged if "event" in line]
    doors = iter([event.state for event in events if event.kind == "door"])
    assert all(state in doors for state in wanted)
    decided = [event for event in events if event.kind == "person" and event.state != "left"]
    assert [event.state for event in decided] == ["put_on", "welcome", "staff"]
    assert decided[1].evidence["label"] == "mask"
    assert decided[1].evidence["probs"]["mask"] > 0.6


def test_it_says_when_the_camera_is_lost_and_comes_back_by_itself(tmp_path: Path, browser: Browser) -> None:
    bundle = colour_bundle(tmp_path / "colour").folder
    camera = HttpVideo(size_px=(320, 240))
    try:
        options = ("--source", camera.url("live"), "--set", "source.stall_s=1.5", "--bundle", bundle)
        with kiosk(tmp_path, *options) as door, page(browser, door.url) as screen:
            screen.page.wait_for_selector("body[data-state=idle]", timeout=30_000)
            camera.kill()
            screen.page.wait_for_selector("body[data-state=lost]", timeout=30_000)
            assert screen.page.locator("#no-picture").is_visible()
            camera = HttpVideo(size_px=(320, 240), port=camera.port)
            screen.page.wait_for_selector("body[data-state=idle]", timeout=60_000)
    finally:
        camera.kill()


def test_it_closes_when_the_program_is_gone_and_opens_when_it_is_back(tmp_path: Path, browser: Browser) -> None:
    seen = film(tmp_path / "visit.mp4", [("masked", 4.0), ("bare", 4.0)])
    visit = ("--source", seen, "--pace", 25, "--bundle", colour_bundle(tmp_path / "colour").folder)
    with kiosk(tmp_path, *visit, "--loop") as door, page(browser, door.url) as screen:
        screen.page.wait_for_selector("body[data-state=welcome]", timeout=40_000)
        port = door.url.rpartition(":")[2]
        door.process.kill()
        screen.page.wait_for_selector("body[data-state=no_contact]", timeout=10_000)
        door.process.wait(10)
        with kiosk(tmp_path, *visit, "--loop", "--port", port):
            screen.page.wait_for_selector("body[data-state=welcome]", timeout=60_000)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    screen = ScreenSettings(languages=("ar", "de", "en"))
    with house(tmp_path_factory.mktemp("home"), KioskSettings(screen=screen)) as made:
        yield made


def say(home: House, state: State) -> None:
    """The loop says `state`, with somebody in the picture."""
    made = scene(home.index, 0.0, track(1, "mask", box=FACE), width_px=640, height_px=480)
    home.index += 1
    home.desk.latest.put(of_scene(Standing(state, 0.0, (), "for a test"), made))


@pytest.mark.parametrize("size", [(800, 1280), (1280, 800)])
def test_every_state_can_be_read_by_everybody(home: House, browser: Browser, size: tuple[int, int]) -> None:
    """axe-core finds nothing, whatever is said, in a language from right to left with two others beneath."""
    with page(browser, home.url, width_px=size[0], height_px=size[1]) as screen:
        for state in SHOWN:
            say(home, state)
            screen.page.wait_for_selector(f"body[data-state={state.value}]")
            assert violations(screen.page) == [], state
            assert screen.page.locator("html").get_attribute("dir") == "rtl"
            heard = screen.page.locator("#said, #alarm").all_text_contents()
            title = screen.page.locator("#title").inner_text()
            assert title
            assert any(title in text for text in heard), "a screen reader is told nothing"
            assert not screen.page.evaluate(OVERFLOWS), state
        assert screen.trouble == []


def test_what_the_staff_says_is_shown_without_a_picture_too(home: House, browser: Browser) -> None:
    """As door controllers are told; a welcome of the program's own is none then."""
    with page(browser, home.url) as screen:
        for overridden, state in ((False, "lost"), (True, "welcome")):
            say(home, State.IDLE)
            screen.page.wait_for_selector("body[data-state=idle]")
            standing = Standing(State.WELCOME, 0.0, (), "", overridden)
            home.desk.latest.put(of_gap(standing, Gap("lost", 3.0, "for a test"), home.desk.latest.newest[1]))
            screen.page.wait_for_selector(f"body[data-camera=lost][data-state={state}]")
        assert screen.page.locator("#no-picture").is_visible()


def test_words_of_three_languages_are_on_the_screen(home: House, browser: Browser) -> None:
    with page(browser, home.url) as screen:
        say(home, State.WELCOME)
        screen.page.wait_for_selector("body[data-state=welcome]")
        others = screen.page.locator("#others li")
        assert [others.nth(i).get_attribute("lang") for i in range(2)] == ["de", "en"]
        assert "Willkommen" in others.nth(0).inner_text()
        assert screen.page.locator("#notice").is_visible()


def test_the_live_picture_is_seen(home: House, browser: Browser) -> None:
    with page(browser, home.url) as screen:
        say(home, State.WELCOME)
        screen.page.wait_for_function("() => document.getElementById('live').naturalWidth === 640")
