"""`monitor events`: what the door has decided, from the event store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.errors import CheckFailed, UsageError

if TYPE_CHECKING:
    from monitor.kiosk.facts import Event
    from monitor.kiosk.store import Store

events_app = typer.Typer(help="List, export, verify and remove what `monitor kiosk` has stored.", no_args_is_help=True)

StoreFile = Annotated[
    Path | None, typer.Option("--store", metavar="FILE", help="The event store; by default the kiosk's.")
]
Config = Annotated[
    str | None, typer.Option("--config", help="A preset or a YAML file that names the store (kiosk.store.file).")
]
Since = Annotated[
    str | None, typer.Option("--since", metavar="WHEN", help="2026-11-27, 2026-11-27T08:00, or 2h, 3d ago.")
]
Until = Annotated[str | None, typer.Option("--until", metavar="WHEN", help="Before then, in the same forms.")]
Kind = Annotated[
    str | None, typer.Option("--kind", help="Only these: person, door, override, setting, system or purge.")
]
Person = Annotated[str | None, typer.Option("--person", help="Only of this visit.")]
KINDS = ("person", "door", "override", "setting", "system", "purge")


@events_app.command("list")
def list_events(
    store: StoreFile = None,
    config: Config = None,
    since: Since = None,
    until: Until = None,
    kind: Kind = None,
    person: Person = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 50,
    json_: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Print events, oldest first, in local time."""
    import json

    from monitor.kiosk.store import as_json

    query = _query(since, until, kind, person)
    with _read(store, config) as opened:
        newest = list(opened.walk(query(limit=limit)))
    for event in reversed(newest):
        typer.echo(json.dumps(as_json(event)) if json_ else _line(event))


@events_app.command("export")
def export_events(
    out: Annotated[Path, typer.Argument(help="File to write: .csv, .json, .jsonl or .parquet.")],
    store: StoreFile = None,
    config: Config = None,
    since: Since = None,
    until: Until = None,
    kind: Kind = None,
    person: Person = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file where it is there.")] = False,
) -> None:
    """Write events to a file, oldest first."""
    from monitor.kiosk.store.export import export

    query = _query(since, until, kind, person)
    with _read(store, config) as opened:
        count = export(opened.walk(query(oldest_first=True)), out, overwrite=overwrite)
    typer.echo(f"wrote {count} events to {out}")


@events_app.command("verify")
def verify_events(
    store: StoreFile = None,
    config: Config = None,
    head: Annotated[
        str | None, typer.Option(metavar="SEQ:HASH", help="The newest event as it was noted down some time ago.")
    ] = None,
) -> None:
    """Check that no event was changed, removed or put elsewhere since it was stored."""
    from monitor.kiosk.store import Head

    noted = None if head is None else Head.parse(head)
    with _read(store, config) as opened:
        verdict = opened.verify(noted)
    if verdict.first_break is not None:
        found = verdict.first_break
        raise CheckFailed(
            f"the chain of {opened.path} does not hold: event {found.seq} {found.what}: {found.why}",
            hint="keep a copy of the store and compare it with a backup and with heads noted before",
        )
    typer.echo(f"{verdict.events} events, the chain holds")
    if verdict.head is not None:
        typer.echo(f"head {verdict.head}")


@events_app.command("purge")
def purge_events(
    older_than: Annotated[str, typer.Option("--older-than", metavar="AGE", help="As 30d, 12h or 90m.")],
    store: StoreFile = None,
    config: Config = None,
    even_undelivered: Annotated[
        bool, typer.Option("--even-undelivered", help="Also what a target has not been told yet.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove old events and their pictures for ever."""
    import time

    from monitor.kiosk.store import Query, Store
    from monitor.moments import age_s

    before_at = time.time() - age_s(older_than)
    with Store.join(_place(store, config)) as opened:
        count = opened.count(Query(until=before_at))
        if count and not yes:
            _ask(f"Remove up to {count} events from {opened.path} for ever?")
        removed = opened.purge(before_at, even_undelivered=even_undelivered)
        kept = opened.count(Query(until=before_at))
    typer.echo(
        f"removed {removed} events" + (f", kept {kept} that follow one not told to a target yet" if kept else "")
    )


def _ask(question: str) -> None:
    """Nothing, where the answer is yes. Raises UsageError."""
    try:
        sure = typer.confirm(question, err=True)
    except typer.Abort:  # nobody is there to answer
        sure = False
    if not sure:
        raise UsageError("nothing was removed", hint="say yes, or add --yes")


def _place(store: Path | None, config: str | None) -> Path:
    """Where the store lies. Raises ConfigError."""
    from monitor.config import load_settings
    from monitor.kiosk.store.place import store_file

    return store if store is not None else store_file(load_settings(config).kiosk.store)


def _read(store: Path | None, config: str | None) -> Store:
    from monitor.kiosk.store import Store

    return Store.read(_place(store, config))


def _query(since: str | None, until: str | None, kind: str | None, person: str | None) -> Any:
    """`Query` with what was asked for filled in. Raises UsageError."""
    from functools import partial

    from monitor.kiosk.store import Query
    from monitor.moments import moment

    if kind is not None and kind not in KINDS:
        raise UsageError(f"--kind {kind}: there are no such events", hint=f"one of {', '.join(KINDS)}")
    return partial(
        Query,
        since=None if since is None else moment(since, "--since"),
        until=None if until is None else moment(until, "--until"),
        kind=kind,
        person=person,
    )


def _line(event: Event) -> str:
    """Number, local time, kind, state, person and why, in columns."""
    from datetime import datetime

    local = datetime.fromtimestamp(event.at).isoformat(" ", "seconds")
    why = event.evidence.get("reason") or event.evidence.get("why") or event.evidence.get("note") or ""
    text = f"{event.seq:>8}  {local}  {event.kind:<8}  {event.state:<12}  {event.person or '':<12}  {why}".rstrip()
    return "".join(char if char.isprintable() else "?" for char in text)  # a note may hold what commands a terminal
