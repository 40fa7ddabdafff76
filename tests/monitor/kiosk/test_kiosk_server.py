"""What the server tells: states and pictures as they come, records, the staff's word, and nobody holds it up."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from monitor.errors import SinkError, UsageError
from monitor.kiosk import shown
from monitor.kiosk.web import desk
from monitor.kiosk.web.credentials import Credentials
from monitor.kiosk.web.server import check, listen
from monitor.kiosk_settings import KioskSettings, PolicySettings, ServerSettings, StoreSettings
from monitor.threads import Inbox, inbox
from monitor.types import Gap
from tests.monitor.kiosk.house import House, house
from tests.monitor.scenes import scene, track

FACE = (200.0, 120.0, 320.0, 280.0)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path, KioskSettings(policy=PolicySettings(dwell_s=0.0, frozen_s=600.0))) as made:
        yield made


def welcomed(home: House, label: str = "mask", track_id: int = 1) -> None:
    for _ in range(2):
        home.see(track(track_id, label, box=FACE))


def state(home: House) -> dict[str, Any]:
    with home.client() as client:
        answer: dict[str, Any] = client.get("/state").json()
    return answer


def test_the_state_says_what_holds_and_no_more_than_the_screen_needs(home: House) -> None:
    welcomed(home)
    told = state(home)
    assert told["state"] == "welcome"
    assert told["camera"]["state"] == "live"
    [visitor] = told["visitors"]
    assert set(visitor) == {"person", "state", "box"}
    assert visitor["box"] == [0.3125, 0.25, 0.5, 0.5833]


def test_the_manager_sees_what_it_rests_on(home: House) -> None:
    welcomed(home, "real")
    with home.signed_in() as manager:
        [visitor] = manager.get("/api/state").json()["visitors"]
    assert visitor["label"] == "real"
    assert visitor["probs"]["real"] == 0.9


def test_states_are_told_as_they_change_and_at_least_once_a_second(home: House) -> None:
    home.see()
    said: list[tuple[str, float]] = []
    with home.client() as client, client.stream("GET", "/state", headers={"Accept": "text/event-stream"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if not line.startswith("data: "):
                continue
            said.append((json.loads(line[6:])["state"], time.monotonic()))
            if len(said) == 1:
                welcomed(home)
            if len(said) >= 4:
                break
    assert [name for name, _ in said][:2] == ["idle", "welcome"]
    assert said[3][1] - said[2][1] < 2.5


def test_a_loop_that_hangs_is_a_fault(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    welcomed(home)
    monkeypatch.setattr(shown, "STUCK_S", 0.05)
    time.sleep(0.1)
    told = state(home)
    assert told["state"] == "fault"
    assert told["visitors"] == []
    with home.client() as client:
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200


def test_a_lost_camera_is_said_and_stored_and_so_is_its_return(home: House) -> None:
    welcomed(home)
    home.take(Gap("lost", 3.0, "it does not answer"))
    told = state(home)
    assert (told["state"], told["why"], told["camera"]["state"]) == ("lost", "it does not answer", "lost")
    with home.client() as client:
        assert client.get("/readyz").status_code == 503
        assert client.get("/live").text == ""
    home.see()
    assert state(home)["state"] == "idle"
    kinds = [(event.kind, event.state) for event in home.desk.store.walk()]
    assert ("system", "camera_lost") in kinds
    assert ("system", "camera_back") in kinds


def test_a_picture_that_has_stopped_is_none(tmp_path: Path) -> None:
    """The last frame again and again, as a camera that hangs gives it; an empty door may be that still."""
    policy = PolicySettings(dwell_s=0.0, frozen_s=0.2)
    with house(tmp_path, KioskSettings(policy)) as home:
        home.see()
        time.sleep(0.3)
        home.see()
        assert state(home)["state"] == "idle"
        welcomed(home)
        assert state(home)["state"] == "lost"
        moved = scene(99, time.monotonic(), track(1, "mask", box=FACE), width_px=640, height_px=480, grey=91)
        home.take(moved)
        home.take(replace(moved, frame=replace(moved.frame, t=time.monotonic())))
        assert state(home)["state"] == "welcome"
        told = [(event.kind, event.state) for event in home.desk.store.walk() if event.kind == "system"]
    assert told == [("system", "camera_back"), ("system", "camera_lost")]


def pictures(answer: httpx.Response) -> Iterator[Any]:
    """Decoded JPEGs out of a multipart stream."""
    held = b""
    for piece in answer.iter_raw():
        held += piece
        while (begin := held.find(b"\xff\xd8")) >= 0 and (end := held.find(b"\xff\xd9", begin)) >= 0:
            yield cv2.imdecode(np.frombuffer(held[begin : end + 2], np.uint8), cv2.IMREAD_COLOR)
            held = held[end + 2 :]


def test_live_pictures_are_the_newest_with_people_framed(home: House) -> None:
    home.see()
    with home.client() as client, client.stream("GET", "/live") as answer:
        assert answer.headers["content-type"].startswith("multipart/x-mixed-replace")
        stream = pictures(answer)
        empty = next(stream)
        welcomed(home)
        framed = next(stream)
        while np.abs(framed.astype(int) - empty).max() < 60:
            home.see(track(1, "mask", box=FACE))
            framed = next(stream)
    changed = np.argwhere(np.abs(framed.astype(int) - empty).max(axis=2) > 60)
    assert changed.min(axis=0) == pytest.approx([120, 200], abs=6)
    assert changed.max(axis=0) == pytest.approx([280, 320], abs=6)


def test_nothing_is_drawn_while_nobody_looks(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    monkeypatch.setattr(home.desk, "screen_jpeg", lambda _: drawn.append(1))
    for _ in range(5):
        home.see()
    assert drawn == []


def test_the_staff_admits_and_it_is_recorded(home: House) -> None:
    welcomed(home, "fake")
    with home.signed_in() as manager:
        answer = manager.post("/api/override", json={"action": "admit", "seconds": 60, "note": "known to me"})
        assert answer.status_code == 200
        assert answer.json()["evidence"] == {"seconds": 60, "note": "known to me", "before": "staff"}
        home.see(track(1, "fake", box=FACE))
        told = state(home)
        assert (told["state"], told["overridden"]) == ("welcome", True)
        assert manager.get("/api/summary").json()["overrides"] == 1
        newest = manager.get("/api/events", params={"kind": "override"}).json()["events"][0]
        assert newest["id"] == answer.json()["id"]


@pytest.mark.parametrize(
    "word",
    [
        {"action": "open"}, {"action": "admit", "seconds": 0}, {"action": "admit", "seconds": 1e9}, {}, [], "admit",
        {"action": "admit", "more": 1}, {"action": "admit", "note": "x" * 501}, {"action": "admit", "seconds": "NaN"},
    ],
)  # fmt: skip
def test_words_that_mean_nothing_are_refused(home: House, word: Any) -> None:
    with home.signed_in() as manager:
        answer = manager.post("/api/override", json=word)
        assert answer.status_code == 422
        assert answer.json()["error"]
    assert home.desk.store.count() == 0


def test_a_zone_drawn_is_stored_in_use_and_there_after_a_restart(tmp_path: Path) -> None:
    zone = [[0.5, 0.0], [1.0, 0.0], [1.0, 1.0]]
    with house(tmp_path) as home, home.signed_in() as manager:
        assert manager.get("/api/zone").json() == {"zone": [], "near_share": 0.12}
        assert manager.put("/api/zone", json={"zone": zone, "near_share": 0.3}).status_code == 200
        assert manager.get("/api/policy").json()["zone"] == zone
        assert manager.put("/api/zone", json={"zone": zone[:2], "near_share": 0.3}).status_code == 422
        assert manager.put("/api/zone", json={"zone": [[2, 0]] * 3, "near_share": 0.3}).status_code == 422
    with house(tmp_path) as home, home.signed_in() as manager:
        assert manager.get("/api/zone").json() == {"zone": zone, "near_share": 0.3}
    drawn = KioskSettings(policy=PolicySettings(zone=((0, 0), (1, 0), (0, 1))))
    with house(tmp_path, drawn) as home, home.signed_in() as manager:
        assert manager.get("/api/zone").json()["zone"] == [[0, 0], [1, 0], [0, 1]]  # what the settings say wins


def test_decisions_are_listed_newest_first_and_page_by_page(home: House) -> None:
    for number in range(1, 8):
        welcomed(home, "real", number)
    with home.signed_in() as manager:
        first = manager.get("/api/events", params={"limit": 4}).json()
        second = manager.get("/api/events", params={"limit": 4, "before": first["events"][-1]["seq"]}).json()
        seqs = [event["seq"] for event in first["events"] + second["events"]]
        assert seqs == sorted(seqs, reverse=True)
        assert len(set(seqs)) == 8
        assert first["more"]
        person = first["events"][0]["person"] or first["events"][1]["person"]
        found = manager.get("/api/events", params={"person": person}).json()["events"]
        assert {event["person"] for event in found} == {person}
        assert manager.get("/api/events", params={"limit": 0}).status_code == 422
        assert manager.get("/api/events", params={"kind": "nonsense"}).status_code == 422


def test_the_days_numbers(home: House) -> None:
    welcomed(home, "mask", 1)
    welcomed(home, "real", 2)
    home.see()
    with home.signed_in() as manager:
        told = manager.get("/api/summary").json()
        assert (told["persons"], told["welcome"], told["refused"], told["welcome_share"]) == (2, 1, 1, 0.5)
        bars = manager.get("/api/compliance", params={"by": "day", "days": 7}).json()["bars"]
        assert len(bars) == 7
        assert (bars[-1]["persons"], bars[-1]["welcome"]) == (2, 1)
        health = manager.get("/api/health").json()
        assert health["engine"]["runtime"] == "onnxruntime"
        assert health["store"]["events"] == home.desk.store.count()
        assert health["camera"]["size"] == [640, 480]


def test_pictures_are_kept_only_where_asked_for(tmp_path: Path) -> None:
    for wish in ("none", "blurred", "full"):
        folder = tmp_path / wish
        folder.mkdir()
        settings = KioskSettings(PolicySettings(dwell_s=0, frozen_s=600.0), store=StoreSettings(snapshots=wish))  # type: ignore[arg-type]
        with house(folder, settings) as home, home.signed_in() as manager:
            welcomed(home, "real")
            event = manager.get("/api/events", params={"kind": "person"}).json()["events"][0]
            answer = manager.get(f"/api/events/{event['id']}/snapshot")
            assert event["snapshot"] == (wish != "none")
            assert answer.status_code == (404 if wish == "none" else 200)
            assert (folder / "kiosk.db.snapshots").exists() == (wish != "none")
            assert manager.get("/api/events/..%2f..%2fetc/snapshot").status_code in (404, 422)


def test_a_decision_that_cannot_be_stored_is_not_shown(home: House) -> None:
    home.see()
    blocker = sqlite3.connect(home.desk.store.path)
    blocker.execute("DROP TABLE outbox")
    blocker.close()
    with pytest.raises(SinkError):
        welcomed(home)
    assert state(home)["state"] == "idle"


def test_before_the_loop_begins_the_zone_is_the_one_that_will_hold(tmp_path: Path) -> None:
    zone = [[0.5, 0.0], [1.0, 0.0], [1.0, 1.0]]
    with house(tmp_path) as home, home.signed_in() as manager:
        manager.put("/api/zone", json={"zone": zone, "near_share": 0.3})
        home.desk.entrance = None
        assert manager.get("/api/zone").json() == {"zone": zone, "near_share": 0.3}
        assert manager.get("/api/policy").json()["zone"] == zone


def test_before_the_loop_begins_questions_are_told_so(tmp_path: Path) -> None:
    with house(tmp_path) as home, home.signed_in() as manager:
        home.desk.entrance = None
        answer = manager.post("/api/override", json={"action": "admit"})
        assert answer.status_code == 503
        assert "nothing was changed" in answer.json()["error"]
        assert manager.get("/readyz").status_code == 503


def test_what_the_loop_has_begun_is_not_said_to_be_undone(home: House) -> None:
    """The store is held for longer than the manager's patience: the word is in force, so it must not be denied."""
    home.see()
    with home.signed_in() as manager, holding(home.desk.store.path, 1.2), pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk, "ASK_S", 0.3)
        answer = manager.post("/api/override", json={"action": "admit", "seconds": 60})
    home.see()
    assert answer.status_code == 200
    assert state(home)["state"] == "welcome"


def test_what_the_loop_has_begun_and_not_ended_is_not_known(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "ASK_S", 1.5)
    monkeypatch.setattr(inbox, "PATIENCE_S", 0.2)
    with home.signed_in() as manager, closing(sqlite3.connect(home.desk.store.path, isolation_level=None)) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        answer = manager.post("/api/override", json={"action": "admit", "seconds": 60})
    assert answer.status_code == 504
    assert "not known" in answer.json()["error"]
    home.see()
    assert state(home)["state"] == "welcome"


@contextmanager
def holding(store: Path, seconds: float) -> Iterator[None]:
    """Nobody can write to the store for so long."""
    began = threading.Event()

    def hold() -> None:
        with closing(sqlite3.connect(store, isolation_level=None)) as blocker:
            blocker.execute("BEGIN IMMEDIATE")
            began.set()
            time.sleep(seconds)

    thread = threading.Thread(target=hold)
    thread.start()
    assert began.wait(10)
    yield
    thread.join(10)


def test_a_loop_that_does_not_come_round_never_does_it_afterwards(tmp_path: Path) -> None:
    calls, made = Inbox(), list[int]()
    with pytest.raises(TimeoutError):
        calls.call(lambda: made.append(1), 0.05)
    calls.serve()
    assert made == []


def test_closing_does_not_wait_for_readers(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        home.see()
        client = home.client()
        answer = client.send(
            client.build_request("GET", "/state", headers={"Accept": "text/event-stream"}), stream=True
        )
        next(answer.iter_raw())
    assert not home.server._thread.is_alive()
    client.close()


def test_addresses_that_would_show_people_to_a_network_are_refused(tmp_path: Path) -> None:
    closed, known = Credentials(), Credentials(password="x")
    check(ServerSettings(), closed)
    check(ServerSettings(host="::1"), closed)
    for settings in (
        ServerSettings(host="0.0.0.0"),
        ServerSettings(behind_proxy=True),
        ServerSettings(host="10.0.0.1"),
    ):
        with pytest.raises(UsageError, match="password"):
            check(settings, closed)
    with pytest.raises(UsageError, match="unencrypted"):
        check(ServerSettings(host="0.0.0.0"), known)
    check(ServerSettings(host="0.0.0.0", behind_proxy=True), known)
    with pytest.raises(UsageError, match="certificate and its key"):
        check(ServerSettings(tls_cert=tmp_path / "cert.pem"), known)
    (tmp_path / "cert.pem").write_text("nonsense")
    with pytest.raises(UsageError, match="cannot be used"):
        check(ServerSettings(tls_cert=tmp_path / "cert.pem", tls_key=tmp_path / "cert.pem"), known)


def test_a_port_in_use_is_told(home: House) -> None:
    port = int(home.url.rpartition(":")[2])
    with pytest.raises(SinkError, match="cannot listen"):
        listen(replace(ServerSettings(), port=port)).listen()
