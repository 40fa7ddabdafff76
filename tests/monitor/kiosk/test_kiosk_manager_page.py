"""The manager's and the setup page in a real browser, with the real server behind them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from monitor.kiosk.facts import State
from monitor.kiosk.web import desk
from monitor.kiosk.web.screen import STATIC
from monitor.kiosk_settings import KioskSettings, PolicySettings, StoreSettings
from monitor.threads import inbox
from tests.browser import Watched, chromium, page, violations
from tests.monitor.kiosk.house import PASSWORD, House, house
from tests.monitor.scenes import track

FACE = (200.0, 120.0, 320.0, 280.0)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    # The pictures are all alike: on a slow machine signing in takes longer than a camera may stand still.
    settings = KioskSettings(PolicySettings(dwell_s=0.0, frozen_s=600.0), store=StoreSettings(snapshots="blurred"))
    with house(tmp_path, settings) as made:
        made.see()
        yield made


@pytest.fixture
def manager(home: House, browser: Browser) -> Iterator[Watched]:
    """Signed in by hand: the way a person comes."""
    with page(browser, f"{home.url}/manage", height_px=1400) as opened:
        assert opened.page.url.endswith("/login?next=%2Fmanage")
        opened.page.fill("#password", PASSWORD)
        opened.page.keyboard.press("Enter")
        for part in ("#day", "#policy", "#health"):  # the page has come to life
            expect(opened.page.locator(part)).not_to_be_empty()
        yield opened


def visit(home: House, track_id: int, label: str) -> None:
    for _ in range(2):
        home.see(track(track_id, label, box=FACE))


def test_a_wrong_password_is_told_on_the_page(home: House, browser: Browser) -> None:
    with page(browser, f"{home.url}/login") as opened:
        assert violations(opened.page) == []
        opened.page.fill("#password", "a guess of mine")
        opened.page.keyboard.press("Enter")
        expect(opened.page.locator("#message")).to_contain_text("not the password")
        assert violations(opened.page) == []


def test_numbers_decisions_and_what_they_rest_on(home: House, manager: Watched) -> None:
    visit(home, 1, "mask")
    visit(home, 2, "real")
    home.see()
    shown = manager.page
    shown.reload()
    expect(shown.locator("#persons")).to_have_text("2")
    expect(shown.locator("#welcome")).to_have_text("1")
    expect(shown.locator("#refused")).to_have_text("1")
    row = shown.locator("tr.decision[data-kind=person][data-state=put_on]").first
    row.locator("button, summary").first.click()
    evidence = shown.locator(f"#evidence-{row.get_attribute('data-seq')}")
    expect(evidence).to_contain_text("real")
    expect(evidence).to_contain_text("90")
    expect(evidence.locator("img")).to_have_js_property("complete", True)
    assert violations(shown) == []
    assert manager.trouble == []


def test_the_staff_admits_after_a_second_thought(home: House, manager: Watched) -> None:
    shown = manager.page
    shown.fill("#override-seconds", "30")
    shown.fill("#override-note", "he is expected")
    shown.click("#override-admit")
    shown.click("#override-cancel")
    assert home.desk.store.latest("override") is None
    shown.click("#override-admit")
    assert violations(shown) == []
    shown.click("#override-confirm")
    expect(shown.locator("#message")).to_have_attribute("data-well", "true")
    event = home.desk.store.latest("override")
    assert event is not None
    assert event.evidence == {"seconds": 30, "note": "he is expected", "before": "idle"}
    home.see()
    assert home.desk.latest.newest[1].standing.state is State.WELCOME
    assert manager.trouble == []


@contextmanager
def slow_disk(home: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody can write to the store, and the server's patience is short."""
    monkeypatch.setattr(desk, "ASK_S", 1.5)
    monkeypatch.setattr(inbox, "PATIENCE_S", 0.3)
    with closing(sqlite3.connect(home.desk.store.path, isolation_level=None)) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        yield


def admit(shown: Page) -> None:
    shown.click("#override-admit")
    shown.click("#override-confirm")


def test_what_may_hold_is_not_said_to_be_undone(home: House, manager: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """The door opens as soon as the disk is there again."""
    message = manager.page.locator("#message")
    with slow_disk(home, monkeypatch):
        admit(manager.page)
        expect(message).to_contain_text("not known whether it holds", timeout=20_000)
        expect(message).to_contain_text("it was begun")
        expect(message).to_have_attribute("data-well", "false")
    expect(manager.page.locator("tr.decision[data-kind=override]")).to_be_visible(timeout=20_000)


def test_without_contact_it_is_not_known_whether_it_holds(home: House, manager: Watched) -> None:
    message = manager.page.locator("#message")
    admit(manager.page)
    expect(message).to_have_text("Admitted. It was recorded.")
    manager.page.context.set_offline(True)
    admit(manager.page)
    expect(message).to_contain_text("not known whether it holds")


def test_what_was_not_done_is_said_to_be_undone(home: House, manager: Watched) -> None:
    home.desk.entrance = None
    admit(manager.page)
    expect(manager.page.locator("#message")).to_contain_text("Nothing was changed: the loop has not begun yet")


def test_the_page_waits_longer_than_the_server() -> None:
    told = re.search(r"CHANGE_MS = ([\d_]+);", (STATIC / "api.js").read_text("utf-8"))
    assert told is not None
    assert int(told[1]) / 1e3 > desk.ASK_S + inbox.PATIENCE_S


def test_a_zone_that_may_be_saved_is_not_said_to_be_lost(
    home: House, manager: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = manager.page
    shown.goto(f"{home.url}/setup")
    shown.click("#zone-begin")
    with slow_disk(home, monkeypatch):
        shown.click("#save")
        expect(shown.locator("#message")).to_contain_text("not known whether it was saved", timeout=20_000)


def test_while_the_models_are_loaded_the_page_says_so_without_alarm(home: House, browser: Browser) -> None:
    home.desk.entrance = home.desk.vitals.engine = None
    with page(browser, f"{home.url}/login") as opened:
        opened.page.fill("#password", PASSWORD)
        opened.page.keyboard.press("Enter")
        expect(opened.page.locator("#health")).to_contain_text("being loaded")
        expect(opened.page.locator("#policy")).to_contain_text("the whole picture")
        expect(opened.page.locator("#trouble")).to_be_empty()
        assert opened.trouble == []


def test_signing_out_leads_to_the_door(home: House, manager: Watched) -> None:
    manager.page.click("#sign-out")
    manager.page.wait_for_url("**/login*")
    manager.page.goto(f"{home.url}/manage")
    assert "/login" in manager.page.url


def corners(shown: Page) -> int:
    return shown.locator("#zone-corners .corner").count()


def test_the_zone_is_drawn_with_keys_alone_and_saved(home: House, manager: Watched) -> None:
    shown = manager.page
    shown.goto(f"{home.url}/setup")
    home.see()
    expect(shown.locator("#zone-begin")).to_be_enabled()
    shown.locator("#zone-begin").focus()
    shown.keyboard.press("Enter")
    assert corners(shown) >= 3
    assert violations(shown) == []
    corner = shown.locator("#zone-corners .corner").first
    corner.focus()
    for _ in range(4):
        shown.keyboard.press("ArrowRight")
    shown.locator("#near-share").focus()
    shown.keyboard.press("ArrowRight")
    shown.locator("#save").focus()
    shown.keyboard.press("Enter")
    expect(shown.locator("#message")).to_have_attribute("data-well", "true")
    stored = home.desk.store.latest("setting")
    assert stored is not None
    assert len(stored.evidence["zone"]) == corners(shown)
    assert stored.evidence["near_share"] > 0.12
    shown.reload()
    expect(shown.locator("#zone-corners .corner")).to_have_count(len(stored.evidence["zone"]))
    assert manager.trouble == []


def test_a_corner_follows_the_mouse(home: House, manager: Watched) -> None:
    shown = manager.page
    shown.goto(f"{home.url}/setup")
    for _ in range(5):
        home.see()
        shown.wait_for_timeout(100)
    shown.click("#zone-begin")
    box = shown.locator("#zone-corners .corner").first.bounding_box()
    assert box is not None
    shown.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    shown.mouse.down()
    shown.mouse.move(box["x"] + 80, box["y"] + 60, steps=5)
    shown.mouse.up()
    moved = shown.locator("#zone-corners .corner").first.bounding_box()
    assert moved is not None
    assert moved["x"] - box["x"] > 40
