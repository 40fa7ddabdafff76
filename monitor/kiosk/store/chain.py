"""The chain: every event carries the hash of the one before, so a change anywhere shows from there on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from monitor.errors import UsageError

NOTHING_BEFORE = "0" * 64
"""What the first event of a store carries as the hash before."""


class Row(NamedTuple):
    """An event as it lies in the table."""

    seq: int
    id: str
    at: float
    kind: str
    state: str
    person: str | None
    evidence: str
    """Canonical JSON."""
    prev: str
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """The newest event of a store at some moment; kept elsewhere, it shows later whether the store still holds it."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"

    @staticmethod
    def parse(text: str) -> Head:
        """From SEQ:HASH. Raises UsageError."""
        seq, _, digest = text.strip().partition(":")
        if not (
            seq.isascii() and seq.isdigit() and len(digest) == 64 and set(digest.lower()) <= set("0123456789abcdef")
        ):
            raise UsageError(
                "a head is SEQ:HASH, a number and 64 hexadecimal digits",
                hint="`monitor events verify` prints it in this form",
            )
        return Head(int(seq), digest.lower())


@dataclass(frozen=True, slots=True)
class Break:
    """Where the chain does not hold."""

    seq: int
    what: str
    """changed, missing, reordered, cut or snapshot."""
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    events: int
    """Looked at, those after a break too."""
    head: Head | None
    """The newest; None where the store is empty."""
    first_break: Break | None

    @property
    def holds(self) -> bool:
        return self.first_break is None


def canonical(value: Mapping[str, Any]) -> str:
    """JSON in the one form that is hashed: sorted keys, no spaces, ASCII. Raises ValueError for NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(prev: str, row: Row) -> str:
    """SHA-256, hex, over the hash before and the canonical JSON of the event without its hash.

    Put together here from the stored text, so that a single other blank in it already gives another hash.
    """
    text = (
        f'{{"at":{json.dumps(row.at)},"evidence":{row.evidence},"id":{json.dumps(row.id)},'
        f'"kind":{json.dumps(row.kind)},"person":{json.dumps(row.person)},"seq":{row.seq},"state":{json.dumps(row.state)}}}'
    )
    return hashlib.sha256((prev + text).encode("utf-8", "surrogateescape")).hexdigest()


def verify(rows: Iterable[Row], head: Head | None = None) -> Verdict:
    """Whether `rows`, oldest first, are a whole chain that holds `head`; the first break where they are not.

    A purge takes events from the beginning and adds a record of it to the end: such a chain is whole as well.
    """
    count, first, last, purge, at_head = 0, None, None, None, None
    broken: Break | None = None
    for row in rows:
        count += 1
        if broken is None and last is not None:
            broken = _follows(last, row)
        if broken is None and digest(row.prev, row) != row.hash:
            broken = Break(row.seq, "changed", "its content does not give its hash")
        first, last = first or row, row
        purge = row if row.kind == "purge" else purge
        at_head = row if head is not None and row.seq == head.seq else at_head
    removed = _removed(purge)
    beginning = _begins(first, removed)
    if beginning is not None and (broken is None or beginning.seq <= broken.seq):
        broken = beginning
    if broken is None and head is not None:
        broken = _holds(head, at_head, removed)
    return Verdict(count, None if last is None else Head(last.seq, last.hash), broken)


def _follows(last: Row, row: Row) -> Break | None:
    """What is wrong between two neighbours."""
    if row.seq != last.seq + 1:
        return Break(last.seq + 1, "missing", f"the events {last.seq + 1} to {row.seq - 1} are not there")
    if row.prev == last.hash:
        return None
    if digest(last.hash, row) == row.hash:
        return Break(row.seq, "changed", "the hash before that it names was changed")
    return Break(row.seq, "reordered", "it does not follow the event before it")


def _removed(purge: Row | None) -> Head | None:
    """The last event that the newest purge says it took."""
    if purge is None:
        return None
    try:
        told = json.loads(purge.evidence)
        return Head(int(told["to_seq"]), str(told["last_hash"]))
    except (ValueError, KeyError, TypeError):
        return None  # not what a purge writes: its hash tells


def _begins(first: Row | None, removed: Head | None) -> Break | None:
    """What is wrong with the first event."""
    if first is None:
        return None
    before = Head(0, NOTHING_BEFORE) if removed is None else removed
    if first.seq != before.seq + 1:
        why = f"the store begins with event {first.seq}, but only the first {before.seq} were removed by a purge"
        return Break(before.seq + 1, "missing", why)
    if first.prev != before.hash:
        return Break(first.seq, "changed", "it does not follow what was before it")
    return None


def _holds(head: Head, found: Row | None, removed: Head | None) -> Break | None:
    """What is wrong with the event that was the newest when `head` was noted down."""
    if found is not None:
        same = found.hash == head.hash
        return None if same else Break(head.seq, "changed", "it is another event than when this head was noted")
    if removed is not None and head.seq <= removed.seq:
        if head == removed:
            return None
        why = "it was removed by a purge, so this head shows nothing any more" if head.seq < removed.seq else (
            "the purge removed another event than when this head was noted"
        )  # fmt: skip
        return Break(head.seq, "missing" if head.seq < removed.seq else "changed", why)
    return Break(head.seq, "cut", "the store ends before it: events were taken from its end")
