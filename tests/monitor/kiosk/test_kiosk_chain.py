"""The chain: whatever is changed in the file is found, and a purge is not taken for a break."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.errors import UsageError
from monitor.kiosk.facts import Decision
from monitor.kiosk.store import Head, Query, Store, Verdict
from monitor.kiosk.store.database import BUSY_S

EVENTS = 12
COLUMNS = ("seq", "id", "at", "kind", "state", "person", "evidence", "prev", "hash")


def fill(store: Store, count: int = EVENTS) -> None:
    for number in range(count):
        decision = Decision("person", "left", f"p{number}", {"last": "welcome", "waited_s": number / 7, "who": "Ünal"})
        store.add(decision if number % 2 else Decision("door", "look", None, {"before": "idle"}), at=100.0 + number)


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.open(path, targets=("webhook",)) as opened:
        yield opened


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("chain") / "original.db"
    with Store.open(path) as store:
        fill(store)
    return path


def tamper(path: Path, *statements: tuple[str, tuple[object, ...]]) -> Verdict:
    """What is found after somebody who may write the file has done this."""
    connection = sqlite3.connect(path, isolation_level=None)
    for statement, values in statements:
        connection.execute(statement, values)
    connection.close()
    with Store.read(path) as store:
        return store.verify()


def test_an_empty_store_holds(store: Store) -> None:
    assert store.verify() == Verdict(0, None, None)


def test_the_hash_is_what_the_guide_says(store: Store) -> None:
    """Anybody can check it from the events as they are exported and delivered."""
    fill(store)
    before = "0" * 64
    for event in store.walk(Query(oldest_first=True)):
        told = {
            "at": event.at, "evidence": event.evidence, "id": event.id, "kind": event.kind,
            "person": event.person, "seq": event.seq, "state": event.state,
        }  # fmt: skip
        text = before + json.dumps(told, sort_keys=True, separators=(",", ":"))
        before = hashlib.sha256(text.encode()).hexdigest()
        assert event.hash == before


other_text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
changed = st.one_of(
    st.tuples(st.sampled_from(["id", "kind", "state", "person", "evidence", "prev", "hash"]), other_text),
    st.tuples(st.just("at"), st.floats(allow_nan=False)),
    st.tuples(st.just("seq"), st.integers(-3, 2**40)),
    st.tuples(st.just("person"), st.none()),
)


@given(seq=st.integers(1, EVENTS), change=changed)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_other_value_in_any_row_is_found(original: Path, path: Path, seq: int, change: tuple[str, object]) -> None:
    shutil.copy(original, path)
    column, value = change
    connection = sqlite3.connect(path, isolation_level=None)
    (before,) = connection.execute(f"SELECT {column} FROM events WHERE seq = ?", (seq,)).fetchone()
    try:
        connection.execute(f"UPDATE events SET {column} = ? WHERE seq = ?", (value, seq))
    except (sqlite3.IntegrityError, sqlite3.OperationalError):  # a number that is taken; no JSON where it is needed
        return
    finally:
        connection.close()
    with Store.read(path) as store:
        assert store.verify().holds == (value == before)


@given(seq=st.integers(1, EVENTS), data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_single_other_character_in_the_evidence_is_found(
    original: Path, path: Path, seq: int, data: st.DataObject
) -> None:
    shutil.copy(original, path)
    connection = sqlite3.connect(path, isolation_level=None)
    (text,) = connection.execute("SELECT evidence FROM events WHERE seq = ?", (seq,)).fetchone()
    place = data.draw(st.integers(0, len(text)))
    new = text[:place] + data.draw(st.sampled_from([" ", "\t", "0", "é"])) + text[place:]
    try:
        connection.execute("UPDATE events SET evidence = ? WHERE seq = ?", (new, seq))
    except sqlite3.OperationalError:  # the table takes no evidence that is no JSON
        return
    finally:
        connection.close()
    with Store.read(path) as store:
        verdict = store.verify()
    assert verdict.first_break is not None
    assert (verdict.first_break.seq, verdict.first_break.what) == (seq, "changed")


@given(first=st.integers(1, EVENTS), count=st.integers(1, EVENTS))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_events_taken_out_are_found_unless_they_were_the_last(
    original: Path, path: Path, first: int, count: int
) -> None:
    shutil.copy(original, path)
    with Store.read(path) as store:
        head = store.head()
    verdict = tamper(path, ("DELETE FROM events WHERE seq >= ? AND seq < ?", (first, first + count)))
    last = min(first + count - 1, EVENTS)
    if last == EVENTS:
        assert verdict.holds, "nothing in the file can show it..."
        with Store.read(path) as store:
            cut = store.verify(head)
        assert cut.first_break is not None, "...but a head that was noted does"
        assert (cut.first_break.seq, cut.first_break.what) == (EVENTS, "cut")
    else:
        assert verdict.first_break is not None
        assert (verdict.first_break.seq, verdict.first_break.what) == (first, "missing")


def test_events_that_changed_places_are_found(original: Path, path: Path) -> None:
    shutil.copy(original, path)
    move = "UPDATE events SET seq = ? WHERE seq = ?"
    verdict = tamper(path, (move, (99, 4)), (move, (4, 5)), (move, (5, 99)))
    assert verdict.first_break is not None
    assert (verdict.first_break.seq, verdict.first_break.what) == (4, "reordered")


def test_a_closed_hole_is_found(original: Path, path: Path) -> None:
    shutil.copy(original, path)
    verdict = tamper(
        path, ("DELETE FROM events WHERE seq = 5", ()), ("UPDATE events SET seq = seq - 1 WHERE seq > 5", ())
    )
    assert verdict.first_break is not None
    assert verdict.first_break.seq == 5


def test_text_that_is_no_text_is_found(original: Path, path: Path) -> None:
    shutil.copy(original, path)
    verdict = tamper(path, ("UPDATE events SET state = CAST(x'ff00fe' AS TEXT) WHERE seq = 3", ()))
    assert verdict.first_break is not None
    assert verdict.first_break.seq == 3


def test_a_rewritten_store_is_shown_by_a_head_only(original: Path, path: Path) -> None:
    with Store.read(original) as store:
        noted = store.head()
    with Store.open(path) as forged:
        fill(forged)
        assert forged.verify().holds
        verdict = forged.verify(noted)
    assert verdict.first_break is not None
    assert verdict.first_break.what == "changed"


def test_a_picture_that_was_changed_or_removed_is_found(store: Store) -> None:
    event = store.add(Decision("person", "welcome", "p"), at=1.0, snapshot=b"as it was")
    assert store.verify().holds
    store.snapshots.path(event.id).write_bytes(b"another one")
    broken = store.verify().first_break
    assert broken is not None
    assert (broken.what, broken.why) == ("snapshot", "its picture was changed")
    store.snapshots.path(event.id).unlink()
    broken = store.verify().first_break
    assert broken is not None
    assert broken.why == "its picture is not there"


def delivered(store: Store) -> None:
    while (waiting := store.outbox.oldest("webhook")) is not None:
        store.outbox.delivered("webhook", waiting.event.seq, 1.0)


def test_a_purge_removes_the_beginning_and_says_so(store: Store) -> None:
    fill(store)
    delivered(store)
    last = store.events(Query(before_seq=6, limit=1))[0]
    head = store.head()
    assert store.purge(105.0, at=200.0) == 5
    record = store.latest("purge")
    assert record is not None
    assert (record.seq, record.state, record.at) == (13, "removed", 200.0)
    assert record.evidence == {
        "from_seq": 1, "to_seq": 5, "count": 5, "last_hash": last.hash, "before_at": 105.0,
    }  # fmt: skip
    assert [event.seq for event in store.walk()] == list(range(13, 5, -1))
    assert store.verify(head).holds
    assert store.verify(Head(5, last.hash)).holds, "the purge vouches for the last that it took"
    gone = store.verify(Head(4, "0" * 64)).first_break
    assert gone is not None
    assert "shows nothing any more" in gone.why
    wrong = store.verify(Head(5, "0" * 64)).first_break
    assert wrong is not None
    assert wrong.what == "changed"


def test_nothing_to_remove_is_no_record(store: Store) -> None:
    fill(store)
    delivered(store)
    assert store.purge(100.0) == 0
    assert store.count() == EVENTS
    assert store.purge(1e12, at=1.0) == EVENTS
    delivered(store)
    assert store.purge(1e12) == 0, "the record itself is not replaced by another one for ever"
    assert store.count() == 1
    assert store.verify().holds


def test_purges_may_follow_each_other(store: Store) -> None:
    fill(store)
    delivered(store)
    for before_at in (103.0, 106.0, 1e12):
        store.purge(before_at, at=107.5)
        delivered(store)
        assert store.verify().holds
        fill(store, 3)
        delivered(store)
    assert store.verify().holds
    assert [event.seq for event in store.walk(Query(oldest_first=True))] == [21, 22, 23, 24]


def test_many_go_in_steps(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.kiosk.store.purge.MOST", 5)
    monkeypatch.setattr("monitor.kiosk.store.purge.PAUSE_S", 0.0)
    fill(store)
    delivered(store)
    assert store.purge(111.0, at=200.0) == 11
    records = list(store.walk(Query(kind="purge", oldest_first=True)))
    assert [(record.evidence["from_seq"], record.evidence["to_seq"]) for record in records] == [
        (1, 5),
        (6, 10),
        (11, 11),
    ]
    assert [event.seq for event in store.walk(Query(oldest_first=True))] == [12, 13, 14, 15]
    assert store.verify().holds


def test_a_purge_that_was_not_recorded_is_found(store: Store, path: Path) -> None:
    fill(store)
    delivered(store)
    store.purge(104.0)
    verdict = tamper(path, ("DELETE FROM events WHERE seq = 5", ()))
    assert verdict.first_break is not None
    assert (verdict.first_break.seq, verdict.first_break.what) == (5, "missing")


def test_a_purge_keeps_what_a_target_was_not_told(store: Store, path: Path) -> None:
    fill(store)
    for seq in (1, 2, 3):
        store.outbox.delivered("webhook", seq, 1.0)
    assert store.purge(1e12) == 3
    assert store.purge(1e12) == 0
    assert store.purge(1e12, even_undelivered=True) == EVENTS - 3 + 1, "and the record of the purge before"
    assert [backlog.waiting for backlog in store.outbox.backlogs()] == [1], "the record waits to be told"
    assert store.verify().holds


def test_a_purge_does_not_wait_for_a_target_that_is_gone_or_refuses(store: Store, path: Path) -> None:
    fill(store)
    store.outbox.refused("webhook", 1, "no")
    assert store.purge(101.0) == 1
    store.close()
    with Store.open(path, targets=()) as later:
        assert later.outbox.backlogs() == []
        assert later.purge(1e12) == EVENTS
        assert later.verify().holds


def test_the_zone_outlives_a_purge(store: Store) -> None:
    zone = {"zone": [[0.1, 0.2], [0.5, 0.2], [0.5, 0.9]], "near_share": 0.2, "before": None}
    store.add(Decision("setting", "zone", evidence=zone), at=1.0)
    fill(store)
    delivered(store)
    store.purge(1e12, at=2.0)
    kept = store.latest("setting")
    assert kept is not None
    assert kept.evidence == {**zone, "carried_from": 1}
    assert store.verify().holds


def test_what_is_purged_is_nowhere_on_the_disk(store: Store, path: Path) -> None:
    secret = b"the visitor with the green hat"
    for number in range(50):
        store.add(Decision("override", "admit", None, {"note": secret.decode()}), at=float(number), snapshot=secret)
    delivered(store)
    assert any(secret in file.read_bytes() for file in path.parent.glob("kiosk.db*") if file.is_file())
    store.purge(1e12)
    files = [file for file in path.parent.rglob("*") if file.is_file()]
    assert path in files
    assert not [file for file in files if secret in file.read_bytes()]


def test_a_long_look_at_the_store_holds_up_nobody(store: Store, path: Path) -> None:
    """While the log is emptied nobody can store anything: that must not wait for whoever reads for minutes."""
    log = path.with_name("kiosk.db-wal")
    fill(store)
    delivered(store)
    with Store.read(path) as reader:
        with reader._database.reading() as connection:
            connection.execute("SELECT count(*) FROM events").fetchone()
            began_s = time.monotonic()
            assert store.purge(1e12) == EVENTS
            assert time.monotonic() - began_s < 0.5 * BUSY_S
            assert log.stat().st_size > 0
        store.add(Decision("door", "look"), at=1.0)
        assert store.purge(0.0) == 0  # the next one, with nothing to remove
        assert log.stat().st_size == 0
        with store._database.lent() as connection:
            assert connection.execute("PRAGMA busy_timeout").fetchone() == (1e3 * BUSY_S,), "patient as before"


@pytest.mark.parametrize(
    "text", ["", "5", "5:xyz", "x:" + "0" * 64, "-1:" + "0" * 64, "5:" + "0" * 63, "٣:" + "0" * 64]
)
def test_what_is_no_head(text: str) -> None:
    with pytest.raises(UsageError, match="SEQ:HASH"):
        Head.parse(text)


def test_a_head_as_it_is_printed() -> None:
    head = Head(17, "ab" * 32)
    assert Head.parse(f" {str(head).upper()}\n") == head
