"""The event store: what is stored is on the disk, private, whole, and read back as it was asked for."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from monitor.kiosk.facts import Decision, State
from monitor.kiosk.store import Query, Store, StoreError
from monitor.kiosk.store.place import store_file
from monitor.kiosk_settings import StoreSettings

ROOT = Path(__file__).parents[3]
SAID = Decision("person", State.PUT_ON, "a1", {"label": "real", "probs": {"real": 0.9}, "note": "ä\ud800"})
DOOR = Decision("door", State.WELCOME)


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.open(path, targets=("webhook", "mqtt")) as opened:
        yield opened


def sql(path: Path, statement: str, *values: object) -> list[tuple[object, ...]]:
    """What anybody who may write the file can do."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        return connection.execute(statement, values).fetchall()
    finally:
        connection.close()


def test_an_event_is_read_back_as_it_was_stored(store: Store, path: Path) -> None:
    event = store.add(SAID, at=1_795_769_834.5)
    assert (event.seq, event.at, event.kind, event.state, event.person) == (
        1,
        1_795_769_834.5,
        "person",
        "put_on",
        "a1",
    )
    assert event.evidence == SAID.evidence
    with Store.read(path) as reader:
        assert reader.get(event.id) == event
        assert reader.events(Query()) == [event]
        assert reader.head() == store.head()
    assert store.get("0" * 32) is None


def test_what_is_asked_for(store: Store) -> None:
    for number in range(30):
        store.add(DOOR if number % 3 else SAID, at=100.0 + number)

    def seqs(query: Query) -> list[int]:
        assert [event.seq for event in store.walk(query)] == [event.seq for event in store.events(query)]
        return [event.seq for event in store.events(query)]

    assert seqs(Query()) == list(range(30, 0, -1))
    assert seqs(Query(oldest_first=True, limit=3)) == [1, 2, 3]
    assert seqs(Query(kind="person", before_seq=20, limit=2)) == [19, 16]
    assert seqs(Query(person="a1", after_seq=24)) == [28, 25]
    assert seqs(Query(since=110.0, until=113.0)) == [13, 12, 11]
    assert store.count(Query(kind="door")) == 20
    latest = store.latest("person")
    assert latest is not None
    assert latest.seq == 28
    assert store.latest("setting") is None


def test_walking_goes_on_over_pages(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.kiosk.store.rows.PAGE", 7)
    for number in range(20):
        store.add(DOOR, at=float(number))
    assert [event.seq for event in store.walk()] == list(range(20, 0, -1))
    assert [event.seq for event in store.walk(Query(oldest_first=True, limit=15))] == list(range(1, 16))


def test_many_threads_and_processes_make_one_chain(store: Store, path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from monitor.kiosk.store import Store; "
        "from monitor.kiosk.facts import Decision\n"
        "with Store.join(Path(sys.argv[1])) as store:\n"
        "    for number in range(40): store.add(Decision('door', 'look'), at=float(number))\n"
    )
    others = [subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=ROOT) for _ in range(2)]
    with ThreadPoolExecutor(4) as pool:
        mine = list(pool.map(lambda number: store.add(SAID, at=float(number)).seq, range(80)))
    assert [other.wait(60) for other in others] == [0, 0]
    assert len(set(mine)) == 80
    assert [event.seq for event in store.walk(Query(oldest_first=True))] == list(range(1, 161))
    assert store.verify().holds
    assert [backlog.waiting for backlog in store.outbox.backlogs()] == [160, 160]


def test_files_are_the_owners_only(store: Store, path: Path) -> None:
    event = store.add(SAID, at=1.0, snapshot=b"jpeg")
    files = [path, *path.parent.glob("kiosk.db-*"), store.snapshots.path(event.id)]
    assert len(files) == 4
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(store.snapshots.folder.stat().st_mode) == 0o700


def test_a_file_that_others_could_read_is_made_private(store: Store, path: Path) -> None:
    store.close()
    path.chmod(0o644)
    with Store.open(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_every_commit_waits_for_the_disk(store: Store, path: Path) -> None:
    with store._database.lent() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_pictures_go_with_their_events(store: Store, path: Path) -> None:
    event = store.add(SAID, at=1.0, snapshot=b"jpeg")
    assert store.snapshots.read(event.id) == b"jpeg"
    assert len(event.evidence["snapshot"]) == 64
    orphan = store.snapshots.folder / f"{'0' * 32}.jpg"
    part = store.snapshots.folder / f"{event.id}.jpg.part"
    foreign = store.snapshots.folder / "holiday.jpg"
    for file in (orphan, part, foreign):
        file.write_bytes(b"left by a crash")
    store.close()
    with Store.open(path) as again:
        assert not orphan.exists()
        assert not part.exists()
        assert foreign.exists(), "only what we have written is ours to remove"
        assert again.snapshots.read(event.id) == b"jpeg"
        assert again.purge(2.0) == 1
        assert again.snapshots.read(event.id) is None
    with pytest.raises(ValueError, match="not the id"):
        again.snapshots.path("../../etc/passwd")


def test_an_event_that_cannot_be_stored_leaves_no_picture(store: Store) -> None:
    with pytest.raises(ValueError, match="JSON"):
        store.add(Decision("person", "look", evidence={"p": float("nan")}), at=1.0, snapshot=b"jpeg")
    assert list(store.snapshots.folder.iterdir()) == []
    assert store.count() == 0


def test_no_second_kiosk_but_readers(store: Store, path: Path) -> None:
    store.add(DOOR, at=1.0)
    with pytest.raises(StoreError, match="another kiosk") as caught:
        Store.open(path)
    assert caught.value.hint
    with Store.read(path) as reader:
        assert reader.count() == 1
        store.add(DOOR, at=2.0)
        assert reader.count() == 2, "readers see what is stored while they read"
        with pytest.raises(StoreError, match="cannot be written"):
            reader.add(DOOR, at=3.0)
    store.close()
    Store.open(path).close()


def test_a_reader_needs_no_more_than_the_file(store: Store, path: Path) -> None:
    with pytest.raises(StoreError, match="there is no event store"):
        Store.read(path.with_name("other.db"))
    assert not path.with_name("other.db").exists()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"dear diary, this is no database at all, " * 30, "is not an event store"),
        (b"SQLite format 3\x00" + b"\x00" * 80, "is not an event store"),
    ],
)
def test_another_file_is_left_as_it_is(path: Path, content: bytes, what: str) -> None:
    path.write_bytes(content)
    for opening in (Store.open, Store.read, Store.join):
        with pytest.raises(StoreError, match=what) as caught:
            opening(path)
        assert caught.value.hint
    assert path.read_bytes() == content


def test_another_programs_database_is_left_as_it_is(path: Path) -> None:
    sql(path, "CREATE TABLE diary (day TEXT)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="database of another program"):
        Store.open(path)
    assert path.read_bytes() == before
    assert not path.with_name("kiosk.db-wal").exists()


def test_a_newer_form_is_not_touched(store: Store, path: Path) -> None:
    store.close()
    sql(path, "PRAGMA user_version = 2")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another version of the monitor"):
        Store.open(path)
    assert path.read_bytes() == before


def test_a_damaged_store_says_so(store: Store, path: Path) -> None:
    for number in range(300):
        store.add(SAID, at=float(number))
    store.close()
    content = bytearray(path.read_bytes())
    content[8192:-4096] = b"\xa5" * (len(content) - 4096 - 8192)
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"damaged|cannot be used") as caught, Store.read(path) as damaged:
        damaged.verify()
    assert "backup" in caught.value.hint
    assert path.read_bytes() == content


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be used"):
        Store.open(tmp_path / "file" / "kiosk.db")
    with pytest.raises(StoreError, match=r"cannot be opened|cannot be used"):
        Store.open(tmp_path)


FULL = """
import resource, sys
from pathlib import Path
from monitor.kiosk.facts import Decision
from monitor.kiosk.store import Store, StoreError
store = Store.open(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
count = 0
try:
    while count < 10_000:
        store.add(Decision("person", "look", "p", {"note": "x" * 2000}), at=1.0)
        count += 1
except StoreError as error:
    print(count, error.hint)
"""


def test_a_full_disk_is_told_and_loses_nothing(path: Path) -> None:
    """A limit on the file's size stands for a disk that has no room left."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    count, _, hint = done.stdout.partition(" ")
    assert 10 < int(count) < 10_000
    assert "disk" in hint
    with Store.open(path) as store:
        assert store.verify().holds
        assert store.count() == int(count)
        store.add(DOOR, at=2.0)


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.add(DOOR, at=1.0)


def test_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert store_file(StoreSettings()).name == "kiosk.db"
    assert store_file(StoreSettings(file=tmp_path / "my.db")) == tmp_path / "my.db"


def test_an_event_costs_little_at_a_million(store: Store, path: Path) -> None:
    """Not timed closely, only that nothing grows with the store: every query that the door waits for uses an index."""
    for number in range(50):
        store.add(DOOR if number % 2 else SAID, at=float(number))
    asked = {
        "SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1": "events",
        "SELECT seq FROM events WHERE kind = 'setting' ORDER BY seq DESC LIMIT 1": "by_kind",
        "SELECT seq FROM events WHERE person = 'a' AND seq < 40 ORDER BY seq DESC LIMIT 5": "by_person",
        "SELECT outcome, count(*) FROM events WHERE state = 'left' AND at >= 1 AND at < 2 GROUP BY outcome": "by_visit",
    }
    for query, index in asked.items():
        plan = " ".join(str(step[-1]) for step in sql(path, f"EXPLAIN QUERY PLAN {query}"))
        assert index in plan, plan
        assert "SCAN events" not in plan or index == "events", plan


def test_opening_is_quick_even_after_a_crash(store: Store, path: Path) -> None:
    """The log beside the file is read at the next start: it must not grow for ever."""
    for number in range(1500):
        store.add(SAID, at=float(number))
    wal = path.with_name("kiosk.db-wal")
    assert wal.stat().st_size < 8 << 20
    started = time.monotonic()
    with Store.read(path) as reader:
        assert reader.count() == 1500
    assert time.monotonic() - started < 5
    assert store.size_bytes() == path.stat().st_size + wal.stat().st_size


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_copy_on_a_read_only_disk_can_be_read(store: Store, path: Path) -> None:
    store.add(DOOR, at=1.0)
    store.close()
    path.parent.chmod(0o500)
    try:
        with Store.read(path) as reader:
            assert reader.verify().holds
    finally:
        path.parent.chmod(0o700)
