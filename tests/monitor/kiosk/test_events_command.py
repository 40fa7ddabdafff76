"""`monitor events` as people meet it: what it prints, what it writes, its exit codes."""

from __future__ import annotations

import csv
import json
import os
import stat
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pyarrow.parquet
import pytest

from monitor import cli
from monitor.errors import UsageError
from monitor.kiosk.facts import Decision
from monitor.kiosk.store import Query, Store
from monitor.moments import age_s, moment

Run = Callable[..., tuple[int, str, str]]
"""The exit status, and what was written to stdout and stderr."""


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """Six events, the oldest forty days old."""
    with Store.open(path) as opened:
        now = time.time()
        for days in (40, 20, 10, 5):
            opened.add(Decision("person", "put_on", f"p{days}", {"reason": "turned away"}), at=now - days * 86400)
        opened.add(Decision("override", "admit", None, {"note": '=HYPERLINK("http://x")\x1b[31m'}), at=now - 60)
        opened.add(Decision("door", "welcome", "@p", {"before": "look"}), at=now)
        yield opened


@pytest.fixture
def events(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(command: str, *arguments: object, store: Path = path) -> tuple[int, str, str]:
        given = ["monitor", "events", command, *map(str, arguments), "--store", str(store)]
        monkeypatch.setattr("sys.argv", given)
        status = cli.main()
        out, err = capsys.readouterr()
        return status, out, err

    return run


def test_a_list_in_local_time_oldest_first(store: Store, events: Run) -> None:
    status, out, _ = events("list")
    assert status == 0
    lines = out.splitlines()
    assert [int(line.split()[0]) for line in lines] == [1, 2, 3, 4, 5, 6]
    newest = store.events(Query(limit=1))[0]
    assert datetime.fromtimestamp(newest.at).isoformat(" ", "seconds") in lines[-1]
    assert "turned away" in lines[0]
    assert "\x1b" not in out, "what somebody has typed does not command the terminal"


def test_a_list_of_some(store: Store, events: Run) -> None:
    def seqs(*options: object) -> list[int]:
        status, out, err = events("list", *options)
        assert status == 0, err
        return [int(line.split()[0]) for line in out.splitlines()]

    assert seqs("--limit", 2) == [5, 6]
    assert seqs("--kind", "person", "--since", "12d") == [3, 4]
    assert seqs("--person", "p20") == [2]
    tomorrow = datetime.fromtimestamp(time.time() + 86400).date().isoformat()
    assert seqs("--until", "15d") == [1, 2]
    assert seqs("--since", tomorrow) == []


def test_a_list_for_programs(store: Store, events: Run) -> None:
    _, out, _ = events("list", "--json", "--kind", "door")
    told = json.loads(out)
    assert (told["seq"], told["state"], told["evidence"]) == (6, "welcome", {"before": "look"})
    assert len(told["hash"]) == 64


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--kind", "visitors"), "there are no such events"),
        (("--since", "yesterday"), "this is no moment"),
        (("--limit", "0"), "limit"),
    ],
)
def test_what_is_asked_wrongly(store: Store, events: Run, options: tuple[str, ...], what: str) -> None:
    status, _, err = events("list", *options)
    assert status == 2
    assert what in err
    assert "hint: " in err


def test_no_store(events: Run, tmp_path: Path) -> None:
    status, _, err = events("list", store=tmp_path / "other.db")
    assert (status, "there is no event store" in err) == (5, True)
    (tmp_path / "diary").write_text("this is no database, and never was one")
    status, _, err = events("verify", store=tmp_path / "diary")
    assert (status, "is not an event store" in err) == (5, True)


def test_the_kiosks_own_store_is_the_default(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text(f"kiosk:\n  store:\n    file: {path}\n")
    monkeypatch.setattr("sys.argv", ["monitor", "events", "verify", "--config", str(config)])
    assert cli.main() == 0
    assert "6 events" in capsys.readouterr().out


@pytest.mark.parametrize("ending", ["csv", "json", "jsonl", "parquet"])
def test_an_export_holds_everything(store: Store, events: Run, tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"all.{ending}"
    status, said, err = events("export", out)
    assert status == 0, err
    assert f"wrote 6 events to {out}" in said
    rows = read(out)
    stored = list(store.walk(Query(oldest_first=True)))
    assert [(row["seq"], row["id"], row["at"], row["kind"], row["state"], row["hash"]) for row in rows] == [
        (event.seq, event.id, event.at, event.kind, event.state, event.hash) for event in stored
    ]
    assert [row["evidence"] for row in rows] == [event.evidence for event in stored]
    persons = [event.person for event in stored]
    assert [row["person"] for row in rows] == [*persons[:-1], "'@p" if ending == "csv" else "@p"]
    assert stat.S_IMODE(out.stat().st_mode) == 0o600 or os.name != "posix"


def read(out: Path) -> list[dict[str, object]]:
    """The rows of an export, with its own types again."""
    text = "" if out.suffix == ".parquet" else out.read_text("utf-8")
    if out.suffix == ".json":
        return list(json.loads(text))
    if out.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    rows = (
        pyarrow.parquet.read_table(out).to_pylist()
        if out.suffix == ".parquet"
        else list(csv.DictReader(text.splitlines()))
    )
    for row in rows:
        row |= {"seq": int(row["seq"]), "at": float(row["at"]), "evidence": json.loads(row["evidence"])}
        row["person"] = row["person"] or None
    return rows


@pytest.mark.parametrize("first", "=+-@\t\r\n")
def test_no_cell_is_a_formula(path: Path, events: Run, tmp_path: Path, first: str) -> None:
    with Store.open(path) as store:
        store.add(Decision("override", "admit", f"{first}cmd|' /C calc'!A0"), at=1.0)
    out = tmp_path / "some.csv"
    assert events("export", out)[0] == 0
    with out.open(encoding="utf-8", newline="") as file:
        header, row = csv.reader(file)
    assert header[5:7] == ["state", "person"]
    assert row[6] == f"'{first}cmd|' /C calc'!A0"
    assert float(row[2]) == 1.0, "a number stays one"


def test_an_export_never_overwrites_unless_it_is_told(store: Store, events: Run, tmp_path: Path) -> None:
    out = tmp_path / "all.csv"
    out.write_text("dear diary")
    status, _, err = events("export", out)
    assert (status, "is there already" in err, out.read_text()) == (2, True, "dear diary")
    assert events("export", out, "--overwrite", "--kind", "door")[0] == 0
    assert out.read_text().count("\n") == 2


def test_an_export_that_cannot_be_written(store: Store, events: Run, tmp_path: Path) -> None:
    status, _, err = events("export", tmp_path / "all.xlsx")
    assert (status, ".parquet" in err) == (2, True)
    (tmp_path / "file").write_text("in the way")
    status, _, err = events("export", tmp_path / "file" / "all.csv")
    assert status == 5
    assert sorted(file.name for file in tmp_path.iterdir() if file.suffix == ".part") == []


def test_a_broken_export_leaves_the_old_file(store: Store, tmp_path: Path) -> None:
    from monitor.kiosk.store.export import export

    def broken() -> Iterator[object]:
        yield from store.events(Query(limit=2))
        raise RuntimeError("the store is gone")

    for ending in ("csv", "json", "jsonl", "parquet"):
        out = tmp_path / f"all.{ending}"
        out.write_text("as it was")
        with pytest.raises(RuntimeError):
            export(broken(), out, overwrite=True)  # type: ignore[arg-type]
        assert out.read_text() == "as it was"
    assert not list(tmp_path.glob("*.part"))


def test_verifying(store: Store, path: Path, events: Run) -> None:
    status, out, _ = events("verify")
    assert (status, out) == (0, f"6 events, the chain holds\nhead {store.head()}\n")
    head = str(store.head())
    store.add(Decision("door", "idle"), at=time.time())
    assert events("verify", "--head", head)[0] == 0
    status, _, err = events("verify", "--head", f"9:{'0' * 64}")
    assert (status, "taken from its end" in err) == (6, True)
    assert events("verify", "--head", "nonsense")[0] == 2
    with store._database.writing() as connection:
        connection.execute("UPDATE events SET state = 'welcome' WHERE seq = 2")
    status, out, err = events("verify")
    assert (status, out) == (6, "")
    assert "event 2 changed" in err
    assert "hint: " in err


def test_purging_while_the_kiosk_runs(store: Store, events: Run) -> None:
    status, out, _ = events("purge", "--older-than", "30d", "--yes")
    assert (status, out) == (0, "removed 1 events\n")
    assert [event.kind for event in store.walk(Query(limit=1))] == ["purge"]
    assert events("purge", "--older-than", "30d", "--yes")[1] == "removed 0 events\n"
    assert store.verify().holds
    store.add(Decision("door", "idle"), at=time.time())
    assert store.verify().holds


def test_purging_asks_first(store: Store, events: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    for answer in ("n\n", "\n", ""):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        status, _, err = events("purge", "--older-than", "15d")
        assert (status, "nothing was removed" in err) == (2, True)
        assert store.count() == 6
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert events("purge", "--older-than", "15d")[0] == 0
    assert store.count() == 5


def test_purging_keeps_what_was_not_told(path: Path, events: Run) -> None:
    with Store.open(path, targets=("webhook",)) as store:
        store.add(Decision("door", "idle"), at=1.0)
        status, out, _ = events("purge", "--older-than", "1d", "--yes")
        assert (status, "removed 0 events, kept 1" in out) == (0, True)
        status, out, _ = events("purge", "--older-than", "1d", "--yes", "--even-undelivered")
        assert out == "removed 1 events\n"
    assert events("purge", "--older-than", "a while", "--yes")[0] == 2


def test_ages_and_moments() -> None:
    assert [age_s(text) for text in ("90s", "15m", "12h", "30d", "2w", "1.5h")] == [
        90, 900, 43200, 2592000, 1209600, 5400,
    ]  # fmt: skip
    assert moment("1h", "--since") == pytest.approx(time.time() - 3600, abs=5)
    assert moment("2026-11-27T08:00:00+01:00", "--since") == 1795762800.0
    assert moment("2026-11-27", "--since") == datetime(2026, 11, 27).timestamp()
    for text in ("", "d", "-3d", "1e3d", "99999-01-01", "soon"):
        with pytest.raises(UsageError):
            moment(text, "--since")
